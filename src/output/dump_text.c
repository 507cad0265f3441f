/* SPDX-License-Identifier: MIT */
/*
 * pyrope dump for a person in an incident: what hangs stands at the top of each thread, innermost first, and
 * a recursion does not push everything else off the screen.
 */
#include "config.h"

#include "pyrope/output.h"

#include <string.h>

/* So many equal frames in a row are shown; the rest is counted. */
#define REPEATS_SHOWN 3

enum style { STYLE_TID, STYLE_HOLDER, STYLE_STATE, STYLE_FUNCTION, STYLE_PLACE };

static void append_styled(
	struct buffer *buffer, const struct dump_header *header, enum style style, const char *text)
{
	/* SGR parameters (ECMA-48): of the sixteen colours only, which follow the user's own theme. */
	static const char *const codes[] = {
		[STYLE_TID] = "1",
		[STYLE_HOLDER] = "1;32",
		[STYLE_STATE] = "33",
		[STYLE_FUNCTION] = "36",
		[STYLE_PLACE] = "2",
	};

	if (header->colour)
		buffer_printf(buffer, "\033[%sm%s\033[0m", codes[style], text);
	else
		buffer_append_string(buffer, text);
}

static void append_state(struct buffer *buffer, const struct sample *sample)
{
	switch (sample->state) {
	case THREAD_HOLDS_GIL:
		buffer_append_string(buffer, "holds the GIL");
		break;
	case THREAD_WAITS_GIL:
		buffer_append_string(buffer, "waits for the GIL");
		break;
	case THREAD_RUNNING:
		buffer_append_string(buffer, "runs without the GIL");
		break;
	case THREAD_SLEEPING:
		buffer_append_string(buffer, "sleeps");
		if (sample->syscall_number >= 0) {
			buffer_append_string(buffer, " in ");
			syscall_append(buffer, sample->syscall_number);
		}
		break;
	default:
		buffer_append_string(buffer, "state not known");
		break;
	}
	if (sample->quality == SAMPLE_UNVERIFIED)
		buffer_append_string(buffer, ", read while it ran");
}

static void append_frame(
	struct buffer *buffer, const struct dump_header *header, const struct sample_frame *frame)
{
	const struct function *function = frame->function;
	struct buffer place = { 0 };

	buffer_append_string(buffer, "    ");
	append_styled(buffer, header, STYLE_FUNCTION, *function->name ? function->name : "?");
	if (function->kind != FUNCTION_MARKER) {
		buffer_printf(&place, "(%s", *function->file ? function->file : "?");
		if (function->kind != FUNCTION_NATIVE || frame->line > 0)
			buffer_printf(&place, ":%d", frame->line);
		buffer_append_char(&place, ')');
		buffer_append_char(buffer, ' ');
		append_styled(buffer, header, STYLE_PLACE, place.data);
	}
	buffer_append_char(buffer, '\n');
	buffer_release(&place);
}

static bool same_frame(const struct sample_frame *a, const struct sample_frame *b)
{
	return a->function == b->function && a->line == b->line;
}

static void append_frames(
	struct buffer *buffer, const struct dump_header *header, const struct sample *sample)
{
	size_t left = sample->frame_count;

	while (left > 0) {
		const struct sample_frame *frame = &sample->frames[left - 1];
		size_t repeats = 0;

		while (left > 0 && same_frame(&sample->frames[left - 1], frame)) {
			if (repeats < REPEATS_SHOWN)
				append_frame(buffer, header, frame);
			repeats++;
			left--;
		}
		if (repeats > REPEATS_SHOWN)
			buffer_printf(
				buffer, "    [the same frame %zu more times]\n", repeats - REPEATS_SHOWN);
	}
}

static void begin(struct output_file *file, const struct dump_header *header)
{
	struct buffer text = { 0 };

	buffer_printf(&text, "process %d \"%s\": Python %s\n", (int)header->pid, header->process_name,
		header->version);
	output_write(file, text.data, text.length);
	buffer_release(&text);
}

static void thread(
	struct output_file *file, const struct dump_header *header, const struct sample *sample, size_t index)
{
	bool holder = sample->state == THREAD_HOLDS_GIL;
	struct buffer text = { 0 }, part = { 0 };

	(void)index;
	buffer_append_char(&text, '\n');
	buffer_append_int(&part, sample->tid);
	if (holder)
		buffer_append_char(&part, '*');
	append_styled(&text, header, holder ? STYLE_HOLDER : STYLE_TID, part.data);
	buffer_printf(&text, ": %s", *sample->thread_name ? sample->thread_name : "?");
	if (sample->interpreter_id)
		buffer_printf(&text, ", interpreter %llu", (unsigned long long)sample->interpreter_id);
	buffer_append_char(&text, ' ');
	buffer_clear(&part);
	buffer_append_char(&part, '(');
	append_state(&part, sample);
	buffer_append_char(&part, ')');
	append_styled(&text, header, STYLE_STATE, part.data);
	buffer_append_char(&text, '\n');
	append_frames(&text, header, sample);
	output_write(file, text.data, text.length);
	buffer_release(&part);
	buffer_release(&text);
}

static void end(struct output_file *file)
{
	(void)file;
}

const struct dump_format dump_text = {
	.begin = begin,
	.thread = thread,
	.end = end,
};
