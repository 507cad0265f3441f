/* SPDX-License-Identifier: MIT */
/*
 * All that one run writes: each -o with its format. Events go in; what needs counts shares one profile, what
 * needs time has a sink of its own.
 */
#ifndef PYROPE_COMMANDS_OUTPUTS_H
#define PYROPE_COMMANDS_OUTPUTS_H

#include "commands/options.h"
#include "commands/sources.h"
#include "pyrope/filter.h"
#include "pyrope/output.h"

/* Where filter_left_out says so. */
#define NOTHING_MATCHES \
	"nothing that was sampled matches what is asked for (--thread, --only, --from and the like)"

struct output {
	const char *path; /* NULL or "-": standard output, or the URL of a server; borrowed */
	char *local;      /* NULL, or the file that is sent to that server */
	char *sent;       /* NULL, or where it is on that server by now */
	const struct output_format *format;
	struct output_file *file;
	struct sink *sink;             /* NULL: written from the profile at the end */
	struct output_options options; /* columns: standard output, and that is a terminal */
};

struct outputs {
	struct sink shown; /* behind the filter */
	struct filter *filter;
	struct sink threads; /* behind the other filter, which lets the threads of every state through */
	struct filter *threads_filter; /* NULL: no format needs that */
	/*
	 * every thread at every tick: one of them keeps it, or the filter asks for names or states of
	 * threads
	 */
	bool needs_all;
	bool says_threads;       /* one of them has names and states of threads in it */
	struct sources *sources; /* NULL: no source is wanted */
	struct sink *watcher;    /* NULL, or what gets all events, too; borrowed */
	struct functions *functions;
	uint64_t *self; /* by id of a function: the samples shown that end in it */
	size_t self_capacity;
	struct {
		uint64_t samples, idle, waits_cpu; /* idle: (waiting for a CPU), too */
	} counts;                                  /* of what is shown */
	const struct function *waits_cpu;
	struct output list[OUTPUTS_LIMIT];
	size_t count;
	struct output_options options;
	struct profile *profile; /* NULL: no format needs counts */
};

/*
 * What the command line says of them. What only the run knows (interval, time, roots; selects) is the
 * caller's to add.
 */
struct output_options output_options_of(const struct options *options, enum sample_mode mode);
struct filter_options filter_options_of(const struct options *options, enum sample_mode mode);

/*
 * Opens what is to be written: paths (none: standard output), each in the format that its ending names, or
 * all in `format` when that is not NULL. A terminal gets a table and not what only programs read. path_choice
 * goes before what a format has for the names of files. What is wrong with one of them is said here, before
 * anything is sampled. The table of functions and the paths are borrowed; sources (NULL: none are
 * wanted) become its own. To be released, whatever this
 * returns.
 */
int outputs_open(struct outputs *outputs, const char *const *paths, size_t count,
	const struct output_format *format, const struct output_options *options,
	enum path_choice path_choice, struct functions *functions, struct sources *sources,
	struct error *err);
/* Opens nothing: events are for a watcher alone. */
void outputs_open_none(
	struct outputs *outputs, const struct output_options *options, struct functions *functions);
/* What of the events is shown. Before the first event. */
void outputs_filter(struct outputs *outputs, const struct filter_options *options);
/*
 * Another sink gets every event of every thread, before the filter: before the first event. It is not
 * finished.
 */
void outputs_watch(struct outputs *outputs, struct sink *watcher);
int outputs_take(struct outputs *outputs, const struct event *event, struct error *err);
/* Hands on what a reader of a stream waits for. -1: nobody takes it any more. */
int outputs_flush(struct outputs *outputs, struct error *err);
/*
 * Writes everything and puts each file in its place. One that fails does not keep the others from being
 * written; a profile that could not be written where it was asked for goes to a temporary file, which the
 * error names.
 */
int outputs_finish(struct outputs *outputs, struct error *err);
void outputs_release(struct outputs *outputs);
/* Does one of them stream events to standard output as they come? */
bool outputs_stream_to_stdout(const struct outputs *outputs);

#endif
