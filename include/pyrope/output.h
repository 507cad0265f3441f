/* SPDX-License-Identifier: MIT */
/*
 * Events or a profile in, bytes out: one file per format. Sees nothing of processes.
 */
#ifndef PYROPE_OUTPUT_H
#define PYROPE_OUTPUT_H

#include "pyrope/base.h"
#include "pyrope/compare.h"
#include "pyrope/event.h"
#include "pyrope/locks.h"
#include "pyrope/profile.h"
#include "pyrope/values.h"

/* ---- where the bytes go ---- */

/*
 * An output file. "-" or NULL is standard output. A regular file is written beside its final name and renamed
 * by output_commit, so that an older file is never half overwritten; devices, pipes and sockets are written
 * in place.
 */
struct output_file;

/*
 * err: a directory, not writable, no such directory, a symbolic link that another user may exchange. Checked
 * before sampling begins, and the path is not looked up again. Until it is committed the file is for nobody
 * else.
 */
int output_open(struct output_file **file, const char *path, struct error *err);
/* Is standard output open for writing? */
bool output_can_print(void);
/*
 * A new file with this ending in the folder for temporary files ($TMPDIR, /tmp), which only its owner may
 * read; the caller frees *path.
 */
int output_open_rescue(struct output_file **file, char **path, const char *ending, struct error *err);
/* From now on what is written goes out as a gzip stream. Before the first byte. */
void output_compress(struct output_file *file);
/* Buffered; the first failure is kept and reported by output_commit (and by output_flush). */
void output_write(struct output_file *file, const void *bytes, size_t length);
int output_flush(struct output_file *file, struct error *err);
/*
 * As output_flush, and puts the file in its place now; what is written from then on is appended to it
 * there, and stays.
 */
int output_publish(struct output_file *file, struct error *err);
/*
 * Writes what is left and puts the file in its place. 0, or -1: disk full, and what to do. A closed pipe
 * (EPIPE) is ERROR_GONE with an empty message: the reader has had enough, which is no error to print.
 */
int output_commit(struct output_file *file, struct error *err);
/* How much was written so far, before it was compressed. */
uint64_t output_bytes(const struct output_file *file);
/* Releases; what was not committed is removed. Accepts NULL. */
void output_close(struct output_file *file);

/* ---- formats ---- */

/* The rows of a table. */
enum table_by { BY_FUNCTION, BY_LINE, BY_FILE, BY_MODULE };
enum table_sort { SORT_SELF, SORT_TOTAL, SORT_NAME };

/*
 * What the colours of a picture say: what a frame is, which function it is, how much of its time it holds
 * the GIL.
 */
enum colour_by { COLOUR_BY_KIND, COLOUR_BY_FUNCTION, COLOUR_BY_GIL };

/* What the files of the program say, by the paths that functions have; it grows while events come. */
struct source_texts {
	struct source_text {
		char *path, *text; /* clean, with its lines */
	} * list;
	size_t count, capacity;
};

/* What a user may choose about the text of a profile, and what a format has to know of the run. */
struct output_options {
	bool no_lines;       /* file:function, without the line */
	unsigned groups;     /* of enum profile_group: which root frames to put before each stack */
	bool per_thread;     /* several threads at each tick, each in its own time; else one stack a tick */
	bool is_cpu;         /* what is shown is time on a CPU; else it is time of the wall */
	int64_t interval_ns; /* between two ticks, on average */
	int64_t epoch_ns;    /* what to add to the time of an event for the wall clock's */
	bool short_paths;    /* a file's name as short_path has it */
	const char *const *roots; /* NULL, or a list for short_path, which may still grow; borrowed */
	size_t columns, rows;     /* of the terminal that it is for; 0: no limit */
	enum table_by by;         /* these five: of a table */
	enum table_sort sort;
	bool tree; /* calls below their callers */
	bool has_limit;
	size_t limit;    /* rows; 0: all */
	bool inverted;   /* these five: of a picture. The root at the top */
	bool all_frames; /* those that only lead to the program, too */
	enum colour_by colour_by;
	double least_part;      /* of all samples; a frame with less is left out */
	const char *title;      /* NULL: the command */
	const char *token_file; /* NULL, or what a server that the output is sent to asks for; borrowed */
	const struct source_texts *sources; /* for a report; NULL: not asked for; borrowed */
};

/*
 * V8 has no longer string, and readers that are pages take a file as one: v8::String::kMaxLength, 2^29 -
 * 24.
 */
#define READER_STRING_BYTES ((UINT64_C(1) << 29) - 24)

enum output_needs {
	NEEDS_COUNTS, /* how often each stack was seen: a profile */
	NEEDS_TIME,   /* each event of what is shown, in order */
	/*
	 * the same of every thread with its state, whatever mode was asked for: what is left out by name,
	 * time or function stays left out
	 */
	NEEDS_THREADS,
	NEEDS_ALL, /* each event, whatever is asked to be shown: every thread with its state */
};

/* What becomes of stacks that have no time, as collapsed ones. */
enum output_untimed {
	UNTIMED_TAKEN,    /* the format has no time either */
	UNTIMED_IN_A_ROW, /* they stand one behind the other, each as long as its ticks take */
	UNTIMED_REFUSED,
};

struct output_format {
	const char *name;              /* as in --format */
	const char *const *extensions; /* NULL-terminated, with their dots; NULL: no file name asks for it */
	const char *description;       /* one line, for --help */
	const char *viewer;            /* how to look at a file, with its name in the place of %s */
	bool is_compressed;            /* with gzip, whatever the file is called */
	/* what it can say of threads, their names, states and garbage collection, has to be found out */
	bool says_threads;
	bool for_eyes; /* made to be read: with short paths unless the user wants full ones */
	enum output_needs needs;
	enum output_untimed untimed;
	/* more than that the usual reader does not take; 0: no limit is known */
	uint64_t reader_bytes;
	/* NEEDS_COUNTS: writes a finished profile. */
	void (*write)(const struct profile *profile, const struct output_options *options,
		struct output_file *file);
	/*
	 * The others: the sink that writes to the file, which is borrowed, as the options are.
	 */
	struct sink *(*open)(struct output_file *file, const struct output_options *options);
};

/* NULL-terminated; the first one is what is written where nothing else was asked for. */
extern const struct output_format *const output_formats[];
const struct output_format *output_format_find(const char *name);
/* By the ending of a file's name, the longest that fits; NULL: none does. */
const struct output_format *output_format_of_path(const char *path);
/* Does it ask for gzip? Those that end in .gz and in what names a format do. */
bool output_path_is_compressed(const char *path);

/*
 * A frame as text, as every line-based output prints it: file:function:line, cleaned so that it is one frame
 * of one line of collapsed stacks (";" becomes ":", no newline, never empty, no trailing " 123"). A line that
 * is not known is 0.
 */
void frame_append(
	struct buffer *buffer, const struct stack_frame *frame, const struct output_options *options);

/*
 * The frames of a sample with those of its groups before them, each as above, with semicolons between them;
 * never empty.
 */
void stack_append(struct buffer *buffer, const struct sample *sample, const struct output_options *options);
/*
 * What a function (line, file, module) is called where names have to be the same in all runs: module and
 * name, of lines the distance from the function's first one, for what stands before it in the file may have
 * grown. Allocated.
 */
char *row_name(const struct function *function, int line, enum table_by by, const char *const *roots);
/*
 * The part of a file's name below the entry of sys.path in which it is: behind site-packages/, dist-packages/
 * or lib/pythonX.Y/, or behind the longest of the roots (NULL-terminated; each absolute, with its slash at
 * the end; may be NULL) that it begins with. Else the whole name. Points into file.
 */
const char *short_path(const char *file, const char *const *roots);

/* Whose file is it, by its name? */
enum path_kind { PATH_OWN, PATH_LIBRARY /* site-packages */, PATH_STANDARD /* Python's own */ };
enum path_kind path_kind(const char *file);

/* ---- two profiles in one picture: pyrope diff ---- */

/* "%", or a unit of time; so many of it are all samples of a side, or a second. */
struct difference_unit {
	double factor;
	const char *name;
};

struct difference {
	const struct profile *profile; /* the stacks of both sides together */
	/*
	 * before and after: how many samples end at each node of the profile; and each run of the side,
	 * whose samples have one key, the node
	 */
	const uint64_t *counts[2];
	struct runs runs[2];
	/* NULL: shares are compared; else what all samples of each side are worth, as for compare() */
	const double *seconds;
	struct difference_unit unit; /* in which numbers are shown */
	/* for the page: its table, and what the rows are: "function (self)" */
	const struct comparison *comparison;
	const struct keys *keys;
	const char *rows;
};

/*
 * A flame graph with the widths of after, in the colours of what has changed by more than chance; by a
 * click with those of before.
 */
void difference_write_svg(
	const struct difference *difference, const struct output_options *options, struct output_file *file);
/* The same with the table of the comparison, as a page of HTML that needs nothing else. */
void difference_write_html(
	const struct difference *difference, const struct output_options *options, struct output_file *file);

/* ---- every thread once: pyrope dump ---- */

struct dump_header {
	pid_t pid;
	pid_t inner_pid;          /* in its own pid namespace; the same, or 0: not to be shown */
	pid_t parent;             /* 0: not to be shown */
	const char *process_name; /* clean UTF-8 */
	const char *command_line; /* the same, bounded; NULL: not to be shown */
	const char *version;      /* of the interpreter, "3.11.7"; NULL: there is none */
	const char *obstacle;     /* why there are no threads; NULL: there are */
	bool colour;              /* for a terminal */
	bool short_paths;         /* as in output_options */
	const char *const *roots;
	const struct waits *waits; /* NULL: not asked for; borrowed */
};

struct dump_thread {
	struct sample sample;
	/* NULL, or for each frame of the sample its variables, or NULL; borrowed, the array is owned */
	const struct variables **variables;
	bool lacks_variables; /* they were asked for, and could not be read */
	/* it waits for the GIL: NULL, or the sample of the thread that holds it; borrowed */
	const struct sample *holder;
	/* it sleeps in a lock: NULL, or what is known of that; and whom it waits for; borrowed */
	const struct thread_wait *wait;
	const struct sample *owner;
};

struct dump_format {
	/* Of all threads, in the order of the interpreter's list. */
	void (*write)(struct output_file *file, const struct dump_header *header,
		const struct dump_thread *threads, size_t count);
	/* One of several dumps, so long after the first one; NULL: the first one begins like a single one. */
	void (*begin)(struct output_file *file, int64_t since_ns);
	const char *before, *between, *after; /* several processes */
};

/* The lines: each dump is one, with all its processes. */
extern const struct dump_format dump_text, dump_json, dump_json_lines;

/*
 * ---- what changed since the dump before: pyrope dump --repeat ----
 *
 * A line for each thread that is in another state or place, or is new, or has ended; the others are counted.
 * The functions of the samples must live as long as the history, the rest is copied.
 */
struct dump_history;

/* says_processes: each process has a line above its threads. */
struct dump_history *dump_history_new(bool says_processes);
void dump_history_free(struct dump_history *history); /* accepts NULL */
/* A dump after the first begins, so long after it. */
void dump_history_begin(struct output_file *file, int64_t since_ns);
/* file: NULL: this is remembered and not written, as of the first dump, which is shown whole. */
void dump_history_add(struct dump_history *history, struct output_file *file,
	const struct dump_header *header, const struct dump_thread *threads, size_t count);
/* The dump is whole: the next one is compared with it. file: NULL: nothing is written. */
void dump_history_end(struct dump_history *history, struct output_file *file);

#endif
