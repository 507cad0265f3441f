/* SPDX-License-Identifier: MIT */
/*
 * Memory of the target that is read page by page and kept: what lies together is read once, and what is told
 * of several objects is as they were when their page was read first. For objects that lead from one to
 * another, where nobody knows beforehand which are next.
 */
#ifndef PYROPE_PYTHON_PAGES_H
#define PYROPE_PYTHON_PAGES_H

#include "pyrope/python.h"

struct pages {
	struct memory_view view; /* the same memory, for the walk over frames */
	struct target *target;
	int64_t deadline_ns; /* nothing is read after it (CLOCK_MONOTONIC); 0: there is none */
	bool is_late;        /* it was asked for something behind the deadline, or for too much */
	struct u64_map index;
	unsigned char **list;
	size_t count, capacity;
	struct buffer joined; /* what `at` gave of two pages */
};

void pages_init(struct pages *pages, struct target *target);
void pages_release(struct pages *pages);
/* Forgets what was read: the target has gone on. */
void pages_forget(struct pages *pages);
/* False: not mapped, or too late. */
bool pages_read(struct pages *pages, raddr_t address, void *data, size_t length);
/* How many bytes of them could be read, from the first one on. */
size_t pages_read_upto(struct pages *pages, raddr_t address, void *data, size_t length);
bool pages_word(struct pages *pages, raddr_t address, uint64_t *word);
/* A word that is not 0. */
bool pages_pointer(struct pages *pages, raddr_t address, raddr_t *pointer);

#endif
