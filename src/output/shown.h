/* SPDX-License-Identifier: MIT */
/*
 * What formats with functions in a table of their own say of each: its texts, what kind of frame it is, its
 * number.
 */
#ifndef PYROPE_OUTPUT_SHOWN_H
#define PYROPE_OUTPUT_SHOWN_H

#include "pyrope/output.h"

enum frame_category {
	CATEGORY_OTHER,
	CATEGORY_IDLE,
	CATEGORY_PYTHON,
	CATEGORY_NATIVE,
	CATEGORY_GC,
	CATEGORY_KERNEL,
	CATEGORY_LOST,
	CATEGORIES
};

extern const char *const category_names[CATEGORIES];
enum frame_category frame_category(const struct function *function);

/* Never empty. */
const char *function_name(const struct function *function);
/* As the options want it; a module's name for a native function; "" where there is none. */
const char *function_file(const struct function *function, const struct output_options *options);

/* The functions that are in stacks, numbered from 0 in the order in which they were first met. */
struct function_rows {
	const struct function **list;
	size_t count, capacity;
	struct u64_map by_id;
};

void function_rows_init(struct function_rows *rows, const struct stacks *stacks);
void function_rows_release(struct function_rows *rows);
/* The number of a function that is there. */
size_t function_row(const struct function_rows *rows, const struct function *function);

#endif
