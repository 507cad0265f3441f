/* SPDX-License-Identifier: MIT */
/* The interpreter as one object: what find.c found, and what has been learned since. */
#include "config.h"

#include "python/internal.h"

#include <stdlib.h>
#include <string.h>

bool python_read_pointer(const struct python *python, raddr_t address, raddr_t *value)
{
	return target_read(python->target, address, value, sizeof(*value));
}

int python_attach(struct python **result, struct target *target, const struct python_options *options,
	struct error *err)
{
	struct python *python = xcalloc(1, sizeof(*python));

	python->target = target;
	python->functions = options->functions;
	python->tid_offset = OFFSET_NONE;
	if (runtime_find(target, options, &python->place, err)) {
		python_free(python);
		return -1;
	}
	python->layout = python->place.layout;
	*result = python;
	return 0;
}

int python_attach_forked(
	struct python **result, struct target *target, const struct python *parent, struct error *err)
{
	struct python *python = xcalloc(1, sizeof(*python));

	python->target = target;
	python->functions = parent->functions;
	python->tid_offset = OFFSET_NONE;
	if (runtime_find_forked(target, &parent->place, &python->place, err)) {
		python_free(python);
		return -1;
	}
	python->layout = python->place.layout;
	*result = python;
	return 0;
}

void python_attach_none(struct python **result, struct target *target, struct functions *functions)
{
	struct python *python = xcalloc(1, sizeof(*python));

	python->target = target;
	python->functions = functions;
	python->tid_offset = OFFSET_NONE;
	python->is_none = true;
	target_remember_image(target);
	*result = python;
}

void python_free(struct python *python)
{
	if (!python)
		return;
	python_free_codes(python);
	u64_map_release(&python->thread_objects);
	u64_map_release(&python->thread_objects_of);
	python_free_evaluation(python);
	runtime_place_release(&python->place);
	free(python);
}

struct target *python_target(const struct python *python)
{
	return python->target;
}

struct functions *python_functions(const struct python *python)
{
	return python->functions;
}

const struct function *python_marker(struct python *python, const char *text)
{
	return functions_marker(python->functions, text);
}

const char *python_version(const struct python *python)
{
	return python->place.version;
}

const char *python_warning(const struct python *python)
{
	return python->place.warning;
}

const char *python_known_range(void)
{
	static char range[64];
	const struct layout *const *rows = layout_rows();

	if (!range[0]) {
		struct buffer text = { 0 };
		const struct layout *first = NULL, *last = NULL;

		/* 2.x one by one, then 3.x from the oldest to the newest */
		for (; *rows; rows++) {
			if ((*rows)->strings == STRINGS_BYTES)
				buffer_printf(&text, "%s, ", (*rows)->name);
			else if (!first)
				first = *rows;
			last = *rows;
		}
		buffer_printf(&text, "%s to %s", first ? first->name : "", last ? last->name : "");
		strncpy(range, text.data, sizeof(range) - 1);
		buffer_release(&text);
	}
	return range;
}

bool python_free_threaded(const struct python *python)
{
	raddr_t interpreter;
	uint32_t enabled = 0;

	if (!python->layout.free_threaded)
		return false;
	/*
	 * a free-threaded build can be told to run with a GIL (PYTHON_GIL=1, or an extension that needs it)
	 */
	if (python->layout.interpreter_state.gil_enabled != OFFSET_NONE &&
		python_list_interpreters(python, &interpreter, 1) == 1)
		target_read(python->target, interpreter + python->layout.interpreter_state.gil_enabled,
			&enabled, sizeof(enabled));
	return !enabled;
}
