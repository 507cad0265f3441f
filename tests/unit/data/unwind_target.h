/* SPDX-License-Identifier: MIT */
/* What unwind_target.c and test_unwind.c share: a page or two of memory. */
#ifndef PYROPE_TESTS_UNWIND_TARGET_H
#define PYROPE_TESTS_UNWIND_TARGET_H

#include <stdint.h>

#define UNWIND_DEPTH 3000

struct unwind_shared {
	int is_ready;
	int go_on;
	uint64_t interrupted; /* where a signal came in; 0: none did */
	uint64_t made;        /* an address in code that was made at run time */
	uint64_t stale;       /* where a call returned to that is no longer on the stack */
	uint64_t leaf;        /* the first instruction of the innermost function */
	uint64_t count;
	uint64_t returns[UNWIND_DEPTH +
		64]; /* where main, and then each function that it called, returns to */
};

#endif
