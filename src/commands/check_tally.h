/* SPDX-License-Identifier: MIT */
/*
 * What a run has of each budget: of all of it, or of each process or thread. One tally is for one side (the
 * profile that is checked, or the baseline) and takes the events of its runs one after the other.
 */
#ifndef PYROPE_COMMANDS_CHECK_TALLY_H
#define PYROPE_COMMANDS_CHECK_TALLY_H

#include "commands/side.h"
#include "pyrope/check.h"
#include "pyrope/stacks.h"

#define SUBJECTS_LIMIT 1000

/* What has to keep the budgets: all of it, a process, a thread. */
struct subject {
	char *name;     /* NULL: all of it */
	uint64_t place; /* process << 32 | thread */
	struct series **shown,
		/*
		 * by run; all: of threads that do not sleep, with a budget for the GIL; NULL: none in that
		 * run
		 */
		**all;
	uint64_t samples;
};

struct tally {
	struct sink sink; /* what events of a run are given to */
	const struct options *options;
	const struct budgets *budgets;
	struct functions *functions;
	struct roots *roots;
	struct keys *keys; /* of functions, for growth; the same for both sides */
	const char *const *paths;
	size_t run_count, run;
	struct circumstances circumstances;
	uint64_t samples, missed;
	double seconds; /* from the first to the last sample, of all runs */
	bool lacks_time;

	struct subject *subjects;
	size_t subject_count, subject_capacity;
	struct u64_map by_place;
	size_t last_subject;              /* most samples are of the one before; its index and one */
	struct series **functions_of_run; /* for growth */

	/* by function: which budgets name it */
	uint64_t *named;
	unsigned char *is_known;
	size_t named_capacity;
	uint64_t matched; /* budgets that name a function of any sample */

	struct stacks stacks; /* count: what is shown */
	struct stack_path path;
	struct {
		uint64_t stack_key;
		uint32_t node;
		/* stacks whose node is found without a look at their frames; by the end of their key */
	} recent[32768];
	uint64_t *bits; /* by node: budgets that name a function of the stack */
	size_t bits_capacity;
	uint64_t *idle, *waits; /* by node: what of the samples was idle, waited for the GIL */
	size_t idle_capacity, waits_capacity;

	/* the run that is read */
	struct run_input shown, all;
	struct sink take_shown, take_all;
	int64_t first_ns, last_ns;
};

/* All of these are borrowed. */
struct tally *tally_new(const struct options *options, const struct budgets *budgets,
	struct functions *functions, struct roots *roots, struct keys *keys, const char *const *paths,
	size_t run_count);
void tally_free(struct tally *tally); /* accepts NULL */
/* Reads the next run from its path. */
int tally_read(struct tally *tally, bool *damaged, struct error *err);
/*
 * The run whose events were given to the sink is over. ERROR_UNSUPPORTED when it has no sample, or lacks
 * what a budget needs.
 */
int tally_end_run(struct tally *tally, struct error *err);
/* Samples of one of so many ticks were lost: by this, times are longer than what was sampled. */
double tally_stretch(const struct tally *tally);

/* The name of a function, as budgets name it: "module:function". Allocated. */
char *tally_name(const struct tally *tally, const struct function *function);
/* The function that may have been meant by what names none; NULL: none is near. Allocated. */
char *tally_near(const struct tally *tally, const char *pattern);
/*
 * Sets the findings: of each budget one for all of it, or for each process or thread. before: of the
 * baseline, with the same budgets and keys; NULL: there is none.
 */
void tally_judge(const struct tally *tally, const struct tally *before, struct findings *findings);
/* Sets culprits, file and line of the finding. */
void tally_find_culprits(const struct tally *tally, struct finding *finding);

#endif
