/* SPDX-License-Identifier: MIT */
/*
 * What pyrope can do on this machine and to this process, and what it was able to find out: a list of
 * remarks, each with a grade and with what to do about it. Nothing here changes the process that it is
 * about, or stops it.
 */
#ifndef PYROPE_DOCTOR_H
#define PYROPE_DOCTOR_H

#include <sys/types.h>

#include "pyrope/base.h"

enum grade {
	GRADE_OK,
	GRADE_WARN, /* it works, and something is missing or may be in the way */
	GRADE_FAIL, /* with this nothing can be sampled */
};

struct remark {
	const char *section; /* "machine", "process 4711" */
	const char *topic;   /* "kernel"; the same one is never twice in a section */
	enum grade grade;
	char *text;   /* clean UTF-8 on one line */
	char *remedy; /* NULL: nothing to do */
};

struct diagnosis {
	struct remark *remarks; /* those of a section stand together */
	size_t count, capacity;
	char process[32]; /* the name of its section; "": the machine alone */
};

/* build: what pyrope itself is, on one line; abi: as in python_options. pid 0: the machine alone. */
void diagnose(struct diagnosis *diagnosis, const char *build, pid_t pid, int abi);
void diagnosis_release(struct diagnosis *diagnosis);
/* The worst one. */
enum grade diagnosis_grade(const struct diagnosis *diagnosis);

/* columns: where lines are folded; 0: nowhere. */
void diagnosis_append_text(
	struct buffer *text, const struct diagnosis *diagnosis, size_t columns, bool has_colours);
/* pid as it was asked for; 0: null. */
void diagnosis_append_json(struct buffer *text, const struct diagnosis *diagnosis, pid_t pid);

#endif
