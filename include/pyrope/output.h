/* SPDX-License-Identifier: MIT */
/*
 * A profile in, bytes out: one file per format. Sees the profile and nothing of processes.
 */
#ifndef PYROPE_OUTPUT_H
#define PYROPE_OUTPUT_H

#include "pyrope/base.h"
#include "pyrope/profile.h"

/* ---- where the bytes go ---- */

/*
 * An output file. "-" or NULL is standard output. A regular file is written beside its final name and renamed by
 * output_commit, so that an older file is never half overwritten; devices, pipes and sockets are written in place.
 */
struct output_file;

/* err: a directory, not writable, no such directory. Checked before sampling begins. */
int output_open(struct output_file **file, const char *path, struct error *err);
/* Buffered; the first failure is kept and reported by output_commit (and by output_flush). */
void output_write(struct output_file *file, const void *bytes, size_t length);
int output_flush(struct output_file *file, struct error *err);
/*
 * Writes what is left and puts the file in its place. 0, or -1: disk full, and what to do. A closed pipe (EPIPE) is
 * ERROR_GONE with an empty message: the reader has had enough, which is no error to print.
 */
int output_commit(struct output_file *file, struct error *err);
/* Releases; what was not committed is removed. Accepts NULL. */
void output_close(struct output_file *file);

/* ---- formats ---- */

/* What a user may choose about the text of a profile. */
struct output_options {
	bool no_lines; /* file:function, without the line */
};

struct output_format {
	const char *name;        /* as in --format */
	const char *extension;   /* ".txt" */
	const char *description; /* one line, for --help */
	/* Writes a finished profile. NULL for a format that can only be streamed. */
	void (*write)(const struct profile *profile, const struct output_options *options, struct output_file *file);
};

/* NULL-terminated. */
extern const struct output_format *const output_formats[];
const struct output_format *output_format_find(const char *name);

/*
 * A frame as text, as every line-based output prints it: file:function:line, cleaned so that it is one frame of one
 * line of collapsed stacks (";" becomes ":", no newline, never empty, no trailing " 123"). A line that is not known is 0.
 */
void frame_append(struct buffer *buffer, const struct profile_frame *frame, const struct output_options *options);

/* ---- the stream of --flamechart: consecutive equal stacks merged, a time in each ---- */

/*
 * Lines of collapsed stacks in order of time, with microseconds instead of counts, as flamegraph.pl --flamechart reads
 * them. A sample stands for the time until the next one; where many ticks were missed it stands for one interval, and the
 * rest is a line "(missed)". Memory does not grow with the length of the run.
 */
struct flamechart;

struct flamechart_options {
	struct output_options text;
	unsigned groups;     /* of enum profile_group: which root frames to put before each stack */
	bool per_thread;     /* several threads at each tick: equal stacks of one thread are merged, each in its own time */
	int64_t interval_ns; /* between two samples, on average */
};

/* The file is borrowed. */
struct flamechart *flamechart_new(struct output_file *file, const struct flamechart_options *options);
void flamechart_add(struct flamechart *flamechart, const struct sample *sample);
/* The sample is left out on purpose: the stack before it ends here, and what follows is not missed. */
void flamechart_skip(struct flamechart *flamechart, const struct sample *sample);
/* The last stacks are written. */
void flamechart_finish(struct flamechart *flamechart);
/* How many stacks it holds in memory: those of the threads of about the last second. */
size_t flamechart_streams(const struct flamechart *flamechart);
void flamechart_free(struct flamechart *flamechart); /* accepts NULL */

/* ---- every thread once: pyrope dump ---- */

struct dump_header {
	pid_t pid;
	const char *process_name; /* clean UTF-8 */
	const char *version;      /* of the interpreter, "3.11.7" */
	bool colour;              /* for a terminal */
};

struct dump_format {
	void (*begin)(struct output_file *file, const struct dump_header *header);
	void (*thread)(struct output_file *file, const struct dump_header *header, const struct sample *sample,
		size_t index); /* of this thread among those dumped, from 0 */
	void (*end)(struct output_file *file);
};

extern const struct dump_format dump_text, dump_json;

#endif
