/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "commands/dump_variables.h"

#include <stdlib.h>
#include <string.h>

static bool is_python(const struct function *function)
{
	return function->kind == FUNCTION_PYTHON;
}

/* How many frames of the sample, from the innermost on, are those of the values; native ones between. */
static bool are_same_calls(const struct sample *sample, const struct thread_values *values)
{
	size_t at = 0;

	for (size_t i = sample->frame_count; i > 0; i--) {
		if (!is_python(sample->frames[i - 1].function))
			continue;
		if (at == values->count)
			return !values->is_whole;
		if (sample->frames[i - 1].function != values->frames[at++].function)
			return false;
	}
	return at == values->count;
}

static void add_to_frames(struct dump_thread *thread, const struct thread_values *values)
{
	struct sample_frame *frames = (struct sample_frame *)thread->sample.frames;
	size_t at = 0;

	for (size_t i = thread->sample.frame_count; i > 0 && at < values->count; i--) {
		const struct frame_values *frame = &values->frames[at];

		if (!is_python(frames[i - 1].function))
			continue;
		frames[i - 1].line = frame->line;
		if (frame->has_variables)
			thread->variables[i - 1] = &frame->variables;
		at++;
	}
}

static bool has_other_frames(const struct sample *sample)
{
	for (size_t i = 0; i < sample->frame_count; i++) {
		if (sample->frames[i].function->kind == FUNCTION_NATIVE)
			return true;
	}
	return false;
}

/* The frames of the moment in which the variables were read, in place of those before. */
static void replace_frames(struct dump_thread *thread, const struct thread_values *values)
{
	struct sample_frame *frames = xreallocarray(NULL, values->count + 1, sizeof(*frames));

	for (size_t i = 0; i < values->count; i++) {
		const struct frame_values *frame = &values->frames[values->count - 1 - i];

		frames[i] = (struct sample_frame){ frame->function, frame->line };
	}
	free((void *)thread->sample.frames);
	thread->sample.frames = frames;
	thread->sample.frame_count = values->count;
	thread->sample.quality = SAMPLE_PAUSED;
}

void dump_add_variables(struct dump_thread *thread, const struct values *values)
{
	const struct thread_values *read = values_of(values, thread->sample.tid);
	bool is_same;

	if (!read) {
		thread->lacks_variables = true;
		return;
	}
	is_same = are_same_calls(&thread->sample, read);
	if (!is_same && (!read->is_whole || !read->count || has_other_frames(&thread->sample))) {
		thread->lacks_variables = true;
		return;
	}
	if (!is_same)
		replace_frames(thread, read);
	thread->variables = xcalloc(thread->sample.frame_count + 1, sizeof(void *));
	add_to_frames(thread, read);
}
