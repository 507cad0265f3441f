/* SPDX-License-Identifier: MIT */
/*
 * Two sets of runs side by side: what each function has of the samples before and after, and whether the
 * difference is more than chance explains. docs/statistics.md derives what is computed here.
 *
 * A series is what was sampled of one run, over time: samples of ticks that follow each other are not
 * independent, so the order is needed to know how far a share can be trusted.
 */
#ifndef PYROPE_COMPARE_H
#define PYROPE_COMPARE_H

#include "pyrope/base.h"
#include "pyrope/event.h"

/* ---- what is told apart ---- */

/* Names of functions (lines, files, modules), the same in all runs. */
struct keys;

/*
 * Called once for each frame that is new: what it is called, allocated. Frames with the same name are one.
 * context is the caller's, and lives as long as the keys.
 */
typedef char *key_name(const struct function *function, int line, const void *context);

struct keys *keys_new(key_name *name, const void *context);
void keys_free(struct keys *keys); /* accepts NULL */
size_t keys_count(const struct keys *keys);
/* The number of this frame's name: 0, 1, 2, ... in the order in which they were first met. */
uint32_t keys_find(struct keys *keys, const struct function *function, int line);
const char *keys_text(const struct keys *keys, uint32_t key);
/*
 * Frames are named anew from here on, and those that have a name already get its number: where names depend
 * on the side.
 */
void keys_forget_frames(struct keys *keys);

/* ---- lines by what stands in them ---- */

#define SOURCE_LINES_LIMIT 100000

/* A text in Python. It is hostile: any bytes give some answer. */
struct source;

/* Lines of it: 1 is the first one. */
struct source_part {
	size_t first, last;
};

/* Takes over the text, of less than 4 GB; what is behind SOURCE_LINES_LIMIT lines is not there. */
struct source *source_new(char *text, size_t length);
void source_free(struct source *source); /* accepts NULL */
/*
 * The lines of a function: co_qualname or co_name, co_firstlineno, a line of it that ran. Where the first
 * line is 0, the innermost one of that name around the line. False: the text has no such function there, and
 * is another version of the file. Of a module it is not asked, and of a lambda or comprehension only whether
 * there is such a line.
 */
bool source_find(
	const struct source *source, const char *name, int first_line, int line, struct source_part *part);
/*
 * What stands in the line, without the white space around it; not terminated. "": nothing, or there is no
 * such line.
 */
const char *source_text(const struct source *source, size_t line, size_t *length);
/* Do two lines that there are say the same? */
bool source_is_same(const struct source *one, size_t line, const struct source *other, size_t other_line);
/*
 * matches: for each line of the part of one, the line of the other one's part that it is; 0: none. In the
 * order in which they stand.
 */
void source_align(const struct source *one, struct source_part part, const struct source *other,
	struct source_part other_part, size_t *matches);

/* ---- one run ---- */

enum compare_part {
	COMPARE_SELF,  /* samples that end in it */
	COMPARE_TOTAL, /* samples that it is in, however often */
};

struct series;

/*
 * Borrows keys. The same function of another table of functions is another function: one table for all
 * runs.
 */
struct series *series_new(struct keys *keys, enum compare_part part);
void series_free(struct series *series); /* accepts NULL */
/* What events are given to, after a filter; owned by the series. */
struct sink *series_sink(struct series *series);
/*
 * Adds a sample that has these keys, each once, whatever its frames are: for a series without names, made
 * with NULL.
 */
void series_add(struct series *series, const struct event *event, const uint32_t *keys, size_t count);
/* Nothing follows: what only counting needs is freed. */
void series_end(struct series *series);
uint64_t series_samples(const struct series *series);
uint64_t series_missed(const struct series *series); /* ticks */
bool series_has_time(const struct series *series);   /* collapsed stacks have none */

/* So many runs of the same job. */
struct runs {
	struct series *const *list;
	size_t count;
};

/*
 * Keys that have what other ones have, as a frame has the samples of the frames that it calls: a key of the
 * series stands for its place, and each key that is compared has the samples of the places from its own
 * number up to its end.
 */
struct key_nesting {
	const uint32_t *places; /* by key of the series: a key that is compared */
	const uint32_t *ends;   /* by key that is compared: more than its number, at most their count */
};

/* ---- one side alone ---- */

/* How far a share would vary from run to run. */
struct spread {
	double variance;
	double blocks;  /* of time, that the variance is known by */
	bool is_steady; /* it varies much less than that of independent samples: the program repeats itself */
};

/* What so many runs of the same job say of each key. */
struct estimates {
	double samples;
	double *totals;         /* by key: samples */
	struct spread *spreads; /* by key: of its share, totals / samples */
};

/* There is one run at least, and one sample in all. nesting: NULL, or what keys have of each other. */
void estimate(
	struct runs runs, size_t key_count, const struct key_nesting *nesting, struct estimates *estimates);
void estimates_release(struct estimates *estimates);
/*
 * Degrees of freedom of the variance, for Student's distribution; of the difference of two, where there is
 * another one.
 */
double spread_freedom(const struct spread *spread, const struct spread *other);
/* |t| is larger than this with so much chance: 1.96 for 0.05 and endless freedom. */
double student_quantile(double chance, double freedom);

/* ---- the comparison ---- */

enum verdict_of_change {
	CHANGE_NONE,
	CHANGE_MORE,
	CHANGE_LESS,
	CHANGE_NEW,
	CHANGE_GONE,
	CHANGE_RARE,
	CHANGES
};

extern const char *const change_names[CHANGES]; /* "slower" */

struct change {
	uint32_t key;
	double before, after; /* shares of the samples: 0 to 1; or seconds */
	double low, high;     /* after - before lies between the two, at 95 % */
	double p;             /* so likely would chance alone show as much; 1 for CHANGE_RARE */
	/*
	 * CHANGE_RARE: too few samples to say anything. More, less, new, gone: with a false discovery rate
	 * of 5 %.
	 */
	enum verdict_of_change verdict;
};

struct comparison {
	struct change *changes; /* by key; after comparison_sort by the size of the change */
	size_t count;
	double block_seconds[2]; /* how long samples remember each other, before and after; 0: there is no
				    time */
};

/*
 * Each side has one run at least, and each run samples. sides: before, after. seconds_of_all: NULL compares
 * shares of all samples; else times, when all samples of each side are worth so many seconds. The number of
 * samples in a run of that length varies, too, then.
 */
void compare(size_t key_count, const struct key_nesting *nesting, const struct runs sides[2],
	const double seconds_of_all[2], struct comparison *comparison);
/* For people: the largest changes first, without the keys that neither side has. */
void comparison_sort(struct comparison *comparison);
void comparison_release(struct comparison *comparison);

#endif
