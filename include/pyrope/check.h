/* SPDX-License-Identifier: MIT */
/*
 * Budgets: what a profile may at most be. They are read from words of the command line or from a file, judged
 * against what was measured, and reported for people and for the machines of a CI. This stage measures
 * nothing itself.
 */
#ifndef PYROPE_CHECK_H
#define PYROPE_CHECK_H

#include <regex.h>

#include "pyrope/base.h"
#include "pyrope/compare.h"
#include "pyrope/output.h"

/* ---- budgets ---- */

#define BUDGETS_LIMIT 64 /* of one check: a bit each */

enum budget_kind {
	BUDGET_MAX,   /* all that functions are in whose name matches */
	BUDGET_TOTAL, /* all that is shown */
	/* of all time in which threads did not sleep, that in which they waited for the GIL */
	BUDGET_GIL_WAIT,
	BUDGET_IDLE,
	BUDGET_NO_CALL, /* no sample at all in such a function */
	BUDGET_GROWTH,  /* of each function, against the baseline */
	BUDGET_KINDS
};

struct budget {
	enum budget_kind kind;
	char *pattern;      /* as it was written; NULL: has none */
	regex_t expression; /* where there is a pattern: of a whole name */
	bool is_time;       /* then the limit is in seconds, else it is a share: 0.1 is 10 % */
	double limit;
	char *source; /* where it was written: "pyrope.yaml:3", "--max" */
};

struct budgets {
	struct budget list[BUDGETS_LIMIT];
	size_t count;
	char *baseline;        /* NULL: none; budgets_set_baseline */
	char *baseline_source; /* where it was written: "pyrope.yaml:9", "--baseline" */
	int64_t baseline_runs; /* of a folder, so many of its last files by name; 0: not said */
	bool strict;
	bool by_process, by_thread; /* each on its own */
};

/* The name of the key and of the option: "max", "max-total", ... */
extern const char *const budget_names[BUDGET_KINDS];

/*
 * One budget: the key is one of budget_names, the value what stands behind it ("json.*:dumps=10%", "90s",
 * "re:compile"). ERROR_USAGE, without the source, when it makes no sense. The source is copied.
 */
int budgets_add(
	struct budgets *budgets, const char *key, const char *value, const char *source, struct error *err);
/*
 * What the file says, in YAML: a key for each option. ERROR_USAGE that names file and line; ERROR_UNSUPPORTED
 * where pyrope was built without libyaml. The text is hostile: its length is the caller's to bound.
 */
int budgets_parse(
	struct budgets *budgets, const char *name, const char *text, size_t length, struct error *err);
/* The same of a file, with at most 1 MB. */
int budgets_read(struct budgets *budgets, const char *path, struct error *err);
void budgets_release(struct budgets *budgets);
/* In place of the one that there may be. Both are copied. */
void budgets_set_baseline(struct budgets *budgets, const char *path, const char *source);

/* Is one of these the whole name? */
bool budget_matches(const struct budget *budget, const char *const *names, size_t count);
/* "max json.*:dumps": what people call it. */
void budget_append_name(const struct budget *budget, struct buffer *text);

/* ---- what was found ---- */

enum verdict { VERDICT_KEPT, VERDICT_UNSURE, VERDICT_EXCEEDED, VERDICTS };
extern const char *const verdict_names[VERDICTS];

/* One of the stacks that use most of a budget. */
struct culprit {
	char *stack; /* names, outermost first, " > " between them */
	double part; /* of all samples */
};

#define CULPRITS_LIMIT 3

/* Of one budget, for all or for one process or thread. */
struct finding {
	const struct budget *budget; /* borrowed */
	char *subject;               /* NULL: all of it; else "process 12 (python)" */
	char *function; /* of growth: which one; NULL: none was large enough to be told anything of */
	enum verdict verdict;
	double value, low, high; /* in what the limit is in; the interval is that of 95 % */
	bool has_before, is_new; /* there is a baseline; the function is not in it */
	double before;
	double more_seconds; /* of sampling, until it would be known; 0: it is; infinite: never */
	size_t others;       /* of growth: more functions of which the same is true */
	struct culprit culprits[CULPRITS_LIMIT];
	size_t culprit_count;
	char *file; /* where to look: relative to the checkout; NULL: nothing of it was in there */
	int line;
};

struct findings {
	struct finding *list;
	size_t count, capacity;
	size_t left_out; /* processes or threads with too little */
	uint64_t samples;
	double seconds; /* of sampling, of one run; 0: not known */
	bool strict;
};

/*
 * Decides by the interval of value and the limit; sets value, low, high, verdict and more_seconds. deviation:
 * of value; freedom: its degrees; tests: how many are judged at once; seconds: of sampling until now.
 */
void finding_judge(struct finding *finding, double value, double deviation, double freedom, double tests,
	double seconds);
/*
 * The growth of what had x of n samples before, compared with the rest: as finding_judge, with the
 * variances of both shares.
 */
struct growth_side {
	double totals, samples;
	struct spread spread;
};
void finding_judge_growth(struct finding *finding, const struct growth_side *before,
	const struct growth_side *after, double tests, double seconds);
struct finding *findings_add(struct findings *findings, const struct budget *budget);
void findings_release(struct findings *findings);
size_t findings_count(const struct findings *findings, enum verdict verdict);
/* 3 when one is exceeded, or when strict and one is not sure; else 0. */
int findings_exit_code(const struct findings *findings);

/* "12.3 %", "1.25 s". */
void finding_append_value(const struct finding *finding, double value, struct buffer *text);
/* One sentence, without the name of the budget: "12.3 % (10.9 to 13.7 %), and 10 % is the most". */
void finding_append_sentence(const struct finding *finding, struct buffer *text);

/* ---- reports ---- */

struct check_format {
	const char *name;
	bool is_beside_text; /* lines for a machine that reads the log: people read on */
	bool is_appended;    /* to a file that others write to, too */
	void (*append)(struct buffer *text, const struct findings *findings);
};

extern const struct check_format check_text, check_json, check_junit, check_github, check_markdown,
	check_gitlab;
/* By the name of --report; NULL: there is none. */
const struct check_format *check_format_find(const char *name);

#endif
