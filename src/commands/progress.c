/* SPDX-License-Identifier: MIT */
/*
 * What pyrope says while it runs, all on standard error: one line that is drawn over and over (on a terminal
 * that is ours alone, never wider than that is at the moment), and notes.
 */
#include "config.h"

#include "commands/recording.h"
#include "commands/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRAW_INTERVAL_NS INT64_C(250000000)
#define SECOND_NS 1e9

void print_error_stream(const struct buffer *text)
{
	size_t written = 0;

	while (written < text->length) {
		ssize_t count = write(STDERR_FILENO, text->data + written, text->length - written);

		if (count <= 0)
			return; /* nobody is there to be told */
		written += (size_t)count;
	}
}

void progress_begin(struct recording *recording)
{
	const struct options *options = recording->options;

	/*
	 * A launched command, or a stream of stacks, has this terminal too: a line drawn over them would
	 * spoil both. And one that cannot clear a line would get a new one each time.
	 */
	recording->shows_progress = terminal_has_codes(STDERR_FILENO) && !options->launch &&
		!(outputs_stream_to_stdout(&recording->outputs) && isatty(STDOUT_FILENO));
}

/*
 * A part that does not fit is left out, and so are all that come after it: the most important ones are the
 * first.
 */
static void append_part(struct buffer *line, size_t columns, bool *full, const struct buffer *part)
{
	size_t limit = columns - 1; /* in the last column some terminals go on to the next line */

	*full |= line->length && line->length + part->length > limit;
	if (!*full)
		buffer_append(line, part->data, part->length < limit ? part->length : limit);
}

static void PRINTF_LIKE(4, 5) append(struct buffer *line, size_t columns, bool *full, const char *format, ...)
{
	struct buffer part = { 0 };
	char text[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	buffer_append_string(&part, text);
	append_part(line, columns, full, &part);
	buffer_release(&part);
}

static void progress_line(const struct recording *recording, const struct sampling_statistics *now,
	size_t columns, struct buffer *line)
{
	static const struct {
		enum sample_quality quality;
		const char *name;
	} doubts[] = {
		{ SAMPLE_FAILED, "failed" },
		{ SAMPLE_PARTIAL, "partial" },
		{ SAMPLE_UNVERIFIED, "not verified" },
		{ SAMPLE_PAUSED, "paused" },
	};
	const double seconds = (double)now->elapsed_ns / SECOND_NS;
	const int64_t duration_ns = recording->options->duration_ns;
	bool full = false;

	if (duration_ns)
		append(line, columns, &full, "pyrope: %.1f of %.1f s", seconds,
			(double)duration_ns / SECOND_NS);
	else
		append(line, columns, &full, "pyrope: %.1f s", seconds);
	append(line, columns, &full, ", %" PRIu64 " samples", now->samples);
	if (recording->processes.sampled > 1)
		append(line, columns, &full, ", %" PRIu64 " processes, %" PRIu64 " gone",
			recording->processes.sampled, recording->processes.gone);
	if (now->missed_ticks)
		append(line, columns, &full, ", %" PRIu64 " missed", now->missed_ticks);
	for (size_t i = 0; i < ARRAY_LENGTH(doubts); i++) {
		uint64_t count = now->by_quality[doubts[i].quality];

		if (count)
			append(line, columns, &full, ", %" PRIu64 " %s", count, doubts[i].name);
	}
}

/*
 * Goes back to where the line begins: made narrower meanwhile, the terminal may have broken it into
 * several.
 */
static void append_clear(struct buffer *text, size_t drawn, size_t columns)
{
	if (columns && drawn > columns)
		buffer_printf(text, "\033[%zuA", (drawn - 1) / columns);
	buffer_append_string(text, "\r\033[J");
}

bool progress_is_due(const struct recording *recording)
{
	return recording->shows_progress;
}

void progress_draw(struct recording *recording, const struct sampling_statistics *now)
{
	int64_t time_ns = monotonic_ns();
	struct buffer text = { 0 }, line = { 0 };
	size_t columns;

	if (!recording->shows_progress)
		return;
	columns = terminal_columns(STDERR_FILENO);
	if (time_ns - recording->progress_ns < DRAW_INTERVAL_NS && columns == recording->progress_columns)
		return;
	/* In the background the terminal is somebody else's. */
	if (!columns || tcgetpgrp(STDERR_FILENO) != getpgrp())
		return;
	append_clear(&text, recording->progress_ns ? recording->progress_length : 0, columns);
	progress_line(recording, now, columns, &line);
	buffer_append(&text, line.data, line.length);
	recording->progress_ns = time_ns;
	recording->progress_columns = columns;
	recording->progress_length = line.length;
	print_error_stream(&text);
	buffer_release(&line);
	buffer_release(&text);
}

void progress_clear(struct recording *recording)
{
	struct buffer text = { 0 };

	if (!recording->progress_ns)
		return;
	append_clear(&text, recording->progress_length, terminal_columns(STDERR_FILENO));
	recording->progress_ns = 0;
	print_error_stream(&text);
	buffer_release(&text);
}

void recording_say(struct recording *recording, const char *format, ...)
{
	char message[ERROR_MESSAGE_BYTES + 256];
	struct buffer text = { 0 };
	va_list arguments;

	progress_clear(recording);
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	buffer_printf(&text, "pyrope: %s\n", message);
	print_error_stream(&text);
	buffer_release(&text);
}

void recording_note(struct recording *recording, const char *format, ...)
{
	char message[ERROR_MESSAGE_BYTES + 256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (recording->notes.length)
		buffer_append_string(&recording->notes, "; ");
	buffer_append_string(&recording->notes, message);
	if (recording->options->summary != SUMMARY_JSON)
		recording_say(recording, "%s", message);
}
