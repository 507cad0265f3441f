/* SPDX-License-Identifier: MIT */
/*
 * Runs of one job, as diff and check read them: what is shown of each, how they were made, and whether two
 * sides can be compared.
 */
#ifndef PYROPE_COMMANDS_SIDE_H
#define PYROPE_COMMANDS_SIDE_H

#include "commands/options.h"
#include "commands/roots.h"
#include "pyrope/compare.h"
#include "pyrope/event.h"
#include "pyrope/filter.h"

/* How the runs of a side were made: of the first one that says it. */
struct circumstances {
	bool is_known;
	int64_t interval_ns;
	char mode[16], python[16];
};

/*
 * One run on its way: all of its events go in, what the options show of it goes to next. Zero-initialise,
 * and set the first five.
 */
struct run_input {
	const struct options *options;
	struct functions *functions;
	struct roots *roots;                 /* learn where its files are */
	struct circumstances *circumstances; /* as above */
	struct sink *next;
	bool every_thread; /* at every tick, whatever the mode is, and idle time, too */
	struct filter *filter;
};

int run_input_take(struct run_input *input, const struct event *event, struct error *err);
/* Nothing follows: what was kept back is handed on. next is not finished. */
int run_input_finish(struct run_input *input, struct error *err);
void run_input_release(struct run_input *input);
/* All of a file; it is released, too. *damaged as in input_read. */
int run_input_read(struct run_input *input, const char *path, bool *damaged, struct error *err);

struct side {
	const char *const *paths;
	size_t count;
	struct series **runs;
	struct circumstances circumstances;
	uint64_t samples, missed;
	bool lacks_time;
};

extern const char *const side_names[2];

/* A run has been read into its series. ERROR_UNSUPPORTED when it has no sample. */
int side_count(struct side *side, const struct series *series, const char *path, struct error *err);
/* ERROR_UNSUPPORTED that says why they cannot be compared, unless that is forced. */
int sides_check(const struct side sides[2], const struct options *options, struct error *err);
/* Says on standard error what has to be known when the two are compared. */
void sides_tell(const struct side sides[2], bool are_times);

#endif
