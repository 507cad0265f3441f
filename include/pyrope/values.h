/* SPDX-License-Identifier: MIT */
/*
 * What the variables of a frame hold, as text. Nothing of the target's is called: objects are read from
 * outside and printed by what their type is made of, which is known for the types that Python itself has; of
 * all others the name of the type is told. Bounded in depth, elements, characters, memory and time.
 */
#ifndef PYROPE_VALUES_H
#define PYROPE_VALUES_H

#include "pyrope/python.h"

#define VALUE_CHARACTERS 80        /* of one value, where nothing else was asked for */
#define VALUE_CHARACTERS_MOST 4096 /* that can be asked for */

enum variable_kind { VARIABLE_ARGUMENT, VARIABLE_LOCAL, VARIABLE_CELL, VARIABLE_FREE };

/* As JSON names them; indexed by kind. */
extern const char *const variable_kind_names[];

struct variable {
	enum variable_kind kind;  /* CELL, FREE: shared with inner functions, or an outer one's */
	char *name, *type, *text; /* clean UTF-8 in one line */
	bool is_changing;         /* two readings differed: text is the last one */
};

/* Zero-initialise; released by variables_release. */
struct variables {
	struct variable *list;
	size_t count, capacity;
	size_t left_out; /* there are more than are told */
	bool is_partial; /* not all could be read, or in time */
};

void variables_release(struct variables *variables);
/* Do both say the same? */
bool variables_equal(const struct variables *left, const struct variables *right);

/* Marks those of `now` that were something else before. */
void variables_mark_changes(struct variables *now, const struct variables *before);

/*
 * Reads the variables of frames of one process. Everything that is read is kept until value_reader_begin, and
 * told as it was when it was read first.
 */
struct value_reader;

struct value_reader *value_reader_new(struct python *python, size_t characters);
void value_reader_free(struct value_reader *reader); /* accepts NULL */
/* Forgets what was read. From deadline_ns on (CLOCK_MONOTONIC; 0: never) nothing is read any more. */
void value_reader_begin(struct value_reader *reader, int64_t deadline_ns);
/* Has something been left out for the deadline, or because it was too much? */
bool value_reader_is_late(const struct value_reader *reader);
/* The same memory, for python_walk and its kin. */
struct memory_view *value_reader_view(struct value_reader *reader);
/* The variables of a frame, as python_walk has given it. */
void value_reader_variables(
	struct value_reader *reader, const struct raw_frame *frame, struct variables *variables);

/* ---- what sampling makes of it ---- */

struct frame_values {
	const struct function *function;
	int line;
	bool has_variables; /* far out in a deep stack they are not looked at */
	struct variables variables;
};

/* A thread with the variables of its frames, all of one moment. */
struct thread_values {
	pid_t tid;
	struct frame_values *frames; /* innermost first, those that Python shows */
	size_t count, capacity;
	bool is_whole; /* these are all frames of the thread */
	bool is_late;  /* there was no time for all of their variables */
};

/* Zero-initialise; released by values_release. */
struct values {
	size_t characters; /* of one value; 0: VALUE_CHARACTERS */
	struct thread_values *threads;
	size_t count, capacity;
};

void values_release(struct values *values);
/* NULL: there is nothing of this thread. */
const struct thread_values *values_of(const struct values *values, pid_t tid);

#endif
