/* SPDX-License-Identifier: MIT */
/* Functions as formats show them. */
#include "config.h"

#include "output/shown.h"

#include "output/kind.h"

#include <stdlib.h>
#include <string.h>

const char *const category_names[CATEGORIES] = {
	[CATEGORY_OTHER] = "Other",
	[CATEGORY_IDLE] = "Idle",
	[CATEGORY_PYTHON] = "Python",
	[CATEGORY_NATIVE] = "Native",
	[CATEGORY_GC] = "Garbage collection",
	[CATEGORY_KERNEL] = "System call",
	[CATEGORY_LOST] = "Not readable",
};

enum frame_category frame_category(const struct function *function)
{
	static const enum frame_category categories[FRAME_KINDS] = {
		[KIND_OWN] = CATEGORY_PYTHON,
		[KIND_LIBRARY] = CATEGORY_PYTHON,
		[KIND_STANDARD] = CATEGORY_PYTHON,
		[KIND_NATIVE] = CATEGORY_NATIVE,
		[KIND_KERNEL] = CATEGORY_KERNEL,
		[KIND_GC] = CATEGORY_GC,
		[KIND_IDLE] = CATEGORY_IDLE,
		[KIND_PARTIAL] = CATEGORY_LOST,
		[KIND_OTHER] = CATEGORY_OTHER,
	};

	return categories[frame_kind(function)];
}

const char *function_name(const struct function *function)
{
	return *function->name ? function->name : "?";
}

const char *function_file(const struct function *function, const struct output_options *options)
{
	return options->short_paths && function->kind == FUNCTION_PYTHON
		? short_path(function->file, options->roots)
		: function->file;
}

void function_rows_init(struct function_rows *rows, const struct stacks *stacks)
{
	*rows = (struct function_rows){ .count = 0 };
	for (size_t i = 0; i < stacks->frame_count; i++) {
		const struct function *function = stacks->frames[i].function;

		if (u64_map_get(&rows->by_id, function->id))
			continue;
		array_reserve(&rows->list, &rows->capacity, rows->count + 1, sizeof(const struct function *));
		u64_map_put(&rows->by_id, function->id, rows->count);
		rows->list[rows->count++] = function;
	}
}

void function_rows_release(struct function_rows *rows)
{
	free(rows->list);
	u64_map_release(&rows->by_id);
}

size_t function_row(const struct function_rows *rows, const struct function *function)
{
	return *u64_map_get(&rows->by_id, function->id);
}
