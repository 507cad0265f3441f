/* SPDX-License-Identifier: MIT */
/* What the text of a dump and that of what changed since it have in common. */
#ifndef PYROPE_OUTPUT_DUMP_H
#define PYROPE_OUTPUT_DUMP_H

#include "pyrope/output.h"

/* So many threads of a line are named; the rest is counted. */
#define DUMP_THREADS_NAMED 8

enum dump_style {
	DUMP_STYLE_TID,
	DUMP_STYLE_HOLDER,
	DUMP_STYLE_STATE,
	DUMP_STYLE_DEADLOCK,
	DUMP_STYLE_FUNCTION,
	DUMP_STYLE_PLACE,
};

/* In colour where the header says so. */
void dump_append_styled(
	struct buffer *buffer, const struct dump_header *header, enum dump_style style, const char *text);
/* "process 4711 "python3": Python 3.11.7" and the end of the line. */
void dump_append_process(struct buffer *text, const struct dump_header *header);
/* "4713*: worker"; the star is for the holder of the GIL. */
void dump_append_thread(struct buffer *text, const struct dump_header *header, const struct sample *sample);
/* "sleeps in futex"; of several threads "sleep in futex". */
void dump_append_state(struct buffer *buffer, const struct sample *sample, bool is_one);
/* " for 12 s, waits for Lock jobs, which 4713 worker holds"; nothing where it sleeps in no lock. */
void dump_append_wait(struct buffer *buffer, const struct dump_thread *thread, bool is_one);
/* Do both wait for the same, in all that is said of it but for how long? */
bool dump_same_wait(const struct dump_thread *left, const struct dump_thread *right);
/* A paragraph for each cycle of threads that wait for each other. */
void dump_append_deadlocks(struct buffer *buffer, const struct dump_header *header,
	const struct dump_thread *threads, size_t count);
/* One of them. */
void dump_append_deadlock(struct buffer *buffer, const struct dump_header *header,
	const struct deadlock *deadlock, const struct dump_thread *threads, size_t count);
/* "function (file:line)" */
void dump_append_frame(
	struct buffer *buffer, const struct dump_header *header, const struct sample_frame *frame);

#endif
