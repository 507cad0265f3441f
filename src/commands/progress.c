/* SPDX-License-Identifier: MIT */
/*
 * What pyrope says about itself, all on standard error: one line that is drawn over and over while it samples
 * (on a terminal that is ours alone), notes, and a summary at the end.
 */
#include "config.h"

#include "commands/recording.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRAW_INTERVAL_NS INT64_C(250000000)
#define SECOND_NS 1e9

static void print_error_stream(const struct buffer *text)
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

	/* A launched command, or a stream of stacks, has this terminal too: a line drawn over them would
	 * spoil both. */
	recording->shows_progress =
		isatty(STDERR_FILENO) && !options->launch && !(options->flamechart && isatty(STDOUT_FILENO));
}

static void append_quality(struct buffer *text, const struct sampling_statistics *statistics,
	enum sample_quality quality, const char *name)
{
	if (statistics->by_quality[quality])
		buffer_printf(text, ", %" PRIu64 " %s", statistics->by_quality[quality], name);
}

/* What is not the whole, proven stack of its moment. */
static void append_doubts(struct buffer *text, const struct sampling_statistics *statistics)
{
	append_quality(text, statistics, SAMPLE_UNVERIFIED, "not verified");
	append_quality(text, statistics, SAMPLE_PARTIAL, "partial");
	append_quality(text, statistics, SAMPLE_FAILED, "failed");
}

void progress_draw(struct recording *recording, const struct sampling_statistics *now)
{
	int64_t time_ns = monotonic_ns();
	struct buffer text = { 0 };

	if (!recording->shows_progress || time_ns - recording->progress_ns < DRAW_INTERVAL_NS)
		return;
	/* In the background the terminal is somebody else's. */
	if (tcgetpgrp(STDERR_FILENO) != getpgrp())
		return;
	recording->progress_ns = time_ns;
	buffer_printf(&text, "\r\033[Kpyrope: %.1f s", (double)now->elapsed_ns / SECOND_NS);
	if (recording->options->duration_ns)
		buffer_printf(&text, " of %.1f s", (double)recording->options->duration_ns / SECOND_NS);
	buffer_printf(&text, ", %" PRIu64 " samples", now->samples);
	append_quality(&text, now, SAMPLE_PAUSED, "paused");
	append_doubts(&text, now);
	if (now->missed_ticks)
		buffer_printf(&text, ", %" PRIu64 " ticks missed", now->missed_ticks);
	print_error_stream(&text);
	buffer_release(&text);
}

void progress_clear(struct recording *recording)
{
	static const char clear[] = "\r\033[K";
	struct buffer text = { 0 };

	if (!recording->progress_ns)
		return;
	recording->progress_ns = 0;
	buffer_append_string(&text, clear);
	print_error_stream(&text);
	buffer_release(&text);
}

void say(struct recording *recording, bool always, const char *format, ...)
{
	char message[ERROR_MESSAGE_BYTES + 256];
	struct buffer text = { 0 };
	va_list arguments;

	if (!always && !isatty(STDERR_FILENO))
		return;
	progress_clear(recording);
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	buffer_printf(&text, "pyrope: %s\n", message);
	print_error_stream(&text);
	buffer_release(&text);
}

/* ---- summary ---- */

void statistics_add(struct recording *recording, const struct sampling_statistics *more)
{
	struct sampling_statistics *sum = &recording->statistics;

	sum->ticks += more->ticks;
	sum->missed_ticks += more->missed_ticks;
	sum->samples += more->samples;
	for (size_t i = 0; i < SAMPLE_QUALITIES; i++)
		sum->by_quality[i] += more->by_quality[i];
	sum->pauses += more->pauses;
	sum->pause_timeouts += more->pause_timeouts;
	sum->pauses_refused += more->pauses_refused;
	sum->held_total_ns += more->held_total_ns;
	for (size_t i = 0; i < HELD_CLASSES; i++)
		sum->held_classes[i] += more->held_classes[i];
	if (more->held_longest_ns > sum->held_longest_ns)
		sum->held_longest_ns = more->held_longest_ns;
	sum->looks += more->looks;
	sum->system_calls += more->system_calls;
	sum->cpu_ns += more->cpu_ns;
	sum->elapsed_ns += more->elapsed_ns;
	sum->native.stacks += more->native.stacks;
	sum->native.truncated += more->native.truncated;
	sum->native.unmatched += more->native.unmatched;
	sum->native.frames += more->native.frames;
	sum->native.rows += more->native.rows;
	sum->native.modules += more->native.modules;
	sum->codes += more->codes;
	sum->stale_codes += more->stale_codes;
	if (more->note) {
		snprintf(recording->note, sizeof(recording->note), "%s", more->note);
		sum->note = recording->note;
	}
}

static double per(double total, uint64_t count)
{
	return count ? total / (double)count : 0;
}

static double rate_asked(const struct recording *recording)
{
	return SECOND_NS / (double)recording->options->interval_ns;
}

static double rate_reached(const struct sampling_statistics *statistics)
{
	return statistics->elapsed_ns > 0
		? (double)statistics->ticks * SECOND_NS / (double)statistics->elapsed_ns
		: 0;
}

static void summary_text(struct recording *recording)
{
	const struct sampling_statistics *statistics = &recording->statistics;
	struct buffer text = { 0 };

	buffer_printf(&text, "pyrope: %" PRIu64 " samples in %.1f s, %.4g of %.4g ticks per second",
		statistics->samples, (double)statistics->elapsed_ns / SECOND_NS, rate_reached(statistics),
		rate_asked(recording));
	if (statistics->missed_ticks)
		buffer_printf(&text, ", %" PRIu64 " missed", statistics->missed_ticks);
	buffer_printf(&text, "\npyrope: %" PRIu64 " verified without a pause",
		statistics->by_quality[SAMPLE_VERIFIED]);
	append_quality(&text, statistics, SAMPLE_PAUSED, "paused");
	append_quality(&text, statistics, SAMPLE_IDLE, "idle");
	append_doubts(&text, statistics);
	if (statistics->pauses)
		buffer_printf(&text, "; the target was held for %.3f ms in all, %.0f us at a time (median), %.3f ms at the longest",
			(double)statistics->held_total_ns / 1e6, (double)sampling_held_ns(statistics, 500) / 1e3,
			(double)statistics->held_longest_ns / 1e6);
	else
		buffer_append_string(&text, "; the target was never held");
	if (statistics->native.stacks)
		buffer_printf(&text, "\npyrope: %" PRIu64 " native stacks, %" PRIu64 " truncated; %.1f native frames in each, "
			"of %" PRIu64 " modules", statistics->native.stacks, statistics->native.truncated,
			per((double)statistics->native.frames, statistics->native.stacks), statistics->native.modules);
	buffer_printf(&text, "\npyrope: %.1f system calls and %.1f us of CPU per sample\n",
		per((double)statistics->system_calls, statistics->samples),
		per((double)statistics->cpu_ns / 1e3, statistics->samples));
	print_error_stream(&text);
	buffer_release(&text);
}

static void summary_json(struct recording *recording)
{
	static const char *const qualities[SAMPLE_QUALITIES] = {
		[SAMPLE_VERIFIED] = "verified",
		[SAMPLE_PAUSED] = "paused",
		[SAMPLE_PARTIAL] = "partial",
		[SAMPLE_UNVERIFIED] = "unverified",
		[SAMPLE_FAILED] = "failed",
		[SAMPLE_IDLE] = "idle",
	};
	const struct sampling_statistics *statistics = &recording->statistics;
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = {
		{ "ticks", (int64_t)statistics->ticks },
		{ "missed_ticks", (int64_t)statistics->missed_ticks },
		{ "left_out", (int64_t)recording->left_out },
		{ "pauses", (int64_t)statistics->pauses },
		{ "pause_timeouts", (int64_t)statistics->pause_timeouts },
		{ "pauses_refused", (int64_t)statistics->pauses_refused },
		{ "held_total_ns", statistics->held_total_ns },
		{ "held_longest_ns", statistics->held_longest_ns },
		{ "held_median_ns", sampling_held_ns(statistics, 500) },
		{ "held_p99_ns", sampling_held_ns(statistics, 990) },
		{ "looks", (int64_t)statistics->looks },
		{ "system_calls", (int64_t)statistics->system_calls },
		{ "cpu_ns", statistics->cpu_ns },
		{ "elapsed_ns", statistics->elapsed_ns },
		{ "interval_ns", recording->options->interval_ns },
		{ "native_stacks", (int64_t)statistics->native.stacks },
		{ "native_truncated", (int64_t)statistics->native.truncated },
		{ "native_unmatched", (int64_t)statistics->native.unmatched },
		{ "native_frames", (int64_t)statistics->native.frames },
		{ "native_rows", (int64_t)statistics->native.rows },
		{ "native_modules", (int64_t)statistics->native.modules },
		{ "codes", (int64_t)statistics->codes },
		{ "stale_codes", (int64_t)statistics->stale_codes },
	};
	struct buffer text = { 0 };

	buffer_printf(&text, "{\"samples\":%" PRIu64, statistics->samples);
	for (size_t i = 0; i < SAMPLE_QUALITIES; i++)
		buffer_printf(&text, ",\"%s\":%" PRIu64, qualities[i], statistics->by_quality[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		buffer_printf(&text, ",\"%s\":%" PRId64, numbers[i].name, numbers[i].value);
	buffer_printf(&text, ",\"rate_asked\":%.6g,\"rate_reached\":%.6g", rate_asked(recording),
		rate_reached(statistics));
	buffer_printf(&text, ",\"system_calls_per_sample\":%.3f,\"cpu_us_per_sample\":%.3f",
		per((double)statistics->system_calls, statistics->samples),
		per((double)statistics->cpu_ns / 1e3, statistics->samples));
	buffer_append_string(&text, ",\"note\":");
	if (statistics->note)
		buffer_append_json(&text, statistics->note);
	else
		buffer_append_string(&text, "null");
	buffer_append_string(&text, "}\n");
	print_error_stream(&text);
	buffer_release(&text);
}

void summary_print(struct recording *recording)
{
	enum summary kind = recording->options->summary;

	progress_clear(recording);
	if (kind == SUMMARY_JSON)
		summary_json(recording);
	else if (kind == SUMMARY_TEXT || isatty(STDERR_FILENO))
		summary_text(recording);
}
