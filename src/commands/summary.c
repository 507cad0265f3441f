/* SPDX-License-Identifier: MIT */
/*
 * What there is to say about a run at its end, on standard error: what a user has asked for (a file, samples,
 * where the time went); with --summary=full what pyrope did to the target, too; with --summary=json all of
 * the numbers.
 */
#include "config.h"

#include "commands/recording.h"
#include "commands/terminal.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define SECOND_NS 1e9
#define FUNCTIONS_SHOWN 3
#define SLEEPS_SHOWN 3

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
	return statistics->watched_ns > 0
		? (double)statistics->ticks * SECOND_NS / (double)statistics->watched_ns
		: 0;
}

/* ---- what a user has asked for ---- */

/* As a shell reads it. */
static void append_word(struct buffer *text, const char *word)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";

	if (*word && strspn(word, plain) == strlen(word)) {
		buffer_append_string(text, word);
		return;
	}
	buffer_append_char(text, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buffer_append_string(text, "'\\'");
		buffer_append_char(text, *word);
	}
	buffer_append_char(text, '\'');
}

static void append_files(struct buffer *text, const struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		const struct output *output = &outputs->list[i];
		const char *place = output->format->viewer ? strstr(output->format->viewer, "%s") : NULL;

		if (!output->path || strcmp(output->path, "-") == 0)
			continue;
		if (output->local) {
			buffer_printf(
				text, "pyrope: sent it to %s\n", output->sent ? output->sent : output->path);
			continue;
		}
		buffer_append_string(text, "pyrope: wrote ");
		append_word(text, output->path);
		if (place) {
			buffer_append_string(text, "; to look at it: ");
			buffer_append(text, output->format->viewer, (size_t)(place - output->format->viewer));
			append_word(text, output->path);
			buffer_append_string(text, place + strlen("%s"));
		}
		buffer_append_char(text, '\n');
	}
}

/* Of what was due: ticks that were missed, and samples of which nothing could be read. */
static double lost_percent(const struct sampling_statistics *statistics)
{
	double missed = per((double)statistics->missed_ticks, statistics->ticks + statistics->missed_ticks);
	double failed = per((double)statistics->by_quality[SAMPLE_FAILED], statistics->samples);

	return 100 * (missed + (1 - missed) * failed);
}

static void append_percent(struct buffer *text, double percent)
{
	buffer_printf(text, percent > 0 && percent < 1 ? "%.1f %%" : "%.0f %%", percent);
}

/* What the files show, and what -x has left out of them. */
struct seen {
	uint64_t samples, slept, waits_cpu; /* slept: all threads did */
};

/*
 * Where every thread is kept for one of the files, the statistics count them all, and it is the filter that
 * chooses what the mode shows; and they know nothing of what --from, --only and the like leave out.
 */
static struct seen seen_by(const struct recording *recording)
{
	const struct sampling_statistics *statistics = &recording->statistics;
	const struct outputs *outputs = &recording->outputs;
	uint64_t idle = statistics->by_quality[SAMPLE_IDLE];
	struct seen seen = { .samples = statistics->samples, .waits_cpu = statistics->waits_cpu };

	if (outputs->filter && (outputs->needs_all || filter_left_out(outputs->filter))) {
		seen.samples = outputs->counts.samples + filter_idle(outputs->filter);
		seen.waits_cpu = outputs->counts.waits_cpu;
		idle = outputs->counts.idle;
		if (recording->options->mode != MODE_WALL) /* there it is threads that are left out */
			idle += filter_idle(outputs->filter);
	}
	/* of samples that were taken back it is not known what they were */
	seen.slept = idle > seen.waits_cpu ? idle - seen.waits_cpu : 0;
	return seen;
}

static void append_counts(struct buffer *text, const struct recording *recording)
{
	const struct seen seen = seen_by(recording);

	buffer_printf(text, "pyrope: %" PRIu64 " samples in %.1f s, ", seen.samples,
		(double)recording->statistics.elapsed_ns / SECOND_NS);
	append_percent(text, 100 * per((double)seen.slept, seen.samples));
	buffer_append_string(text, " idle, ");
	append_percent(text, lost_percent(&recording->statistics));
	buffer_append_string(text, " lost");
	if (seen.waits_cpu) {
		buffer_append_string(text, ", ");
		append_percent(text, 100 * per((double)seen.waits_cpu, seen.samples));
		buffer_append_string(text, " waiting for a CPU");
	}
	buffer_append_char(text, '\n');
}

/* By how often threads slept in them. */
static size_t sleeps_sorted(const struct sampling_statistics *statistics, const char *names[SLEEPS_KEPT])
{
	uint64_t counts[SLEEPS_KEPT];
	size_t kept = 0;

	for (size_t i = 0; i < SLEEPS_KEPT && statistics->sleeps[i].count; i++) {
		const char *name = syscall_name(statistics->sleeps[i].syscall_number);
		size_t at = kept;

		if (!name)
			continue;
		for (; at > 0 && counts[at - 1] < statistics->sleeps[i].count; at--) {
			counts[at] = counts[at - 1];
			names[at] = names[at - 1];
		}
		counts[at] = statistics->sleeps[i].count;
		names[at] = name;
		kept++;
	}
	return kept;
}

/* What would show the rest, when most of it is "(idle)". */
static void append_idle(struct buffer *text, const struct recording *recording)
{
	const struct seen seen = seen_by(recording);
	const char *names[SLEEPS_KEPT];
	const size_t count = sleeps_sorted(&recording->statistics, names);

	if (!count || seen.slept * 2 <= seen.samples)
		return;
	buffer_append_string(text, "pyrope: ");
	append_percent(text, 100 * per((double)seen.slept, seen.samples));
	buffer_append_string(text, " idle: threads slept in ");
	for (size_t i = 0; i < count && i < SLEEPS_SHOWN; i++)
		buffer_printf(text, "%s%s", i ? ", " : "", names[i]);
	buffer_append_string(text, ": --threads shows where\n");
}

static void append_children(struct buffer *text, const struct recording *recording)
{
	const size_t count = recording->children.count;

	if (!count)
		return;
	buffer_printf(text,
		"pyrope: Python %s beside it that %s not sampled: ", count > 1 ? "children ran" : "child ran",
		count > 1 ? "were" : "was");
	for (size_t i = 0; i < count; i++)
		buffer_printf(text, "%s%d", i ? ", " : "", (int)recording->children.pids[i]);
	buffer_printf(text, "%s: --follow does\n", recording->children.has_more ? " and more" : "");
}

/* Where there is more than the one process that was named. */
static void append_processes(struct buffer *text, const struct recording *recording)
{
	const uint64_t sampled = recording->processes.sampled, other = recording->processes.other;

	if (sampled + other + recording->processes.failed < 2 && !recording->processes.left_out)
		return;
	buffer_printf(text, "pyrope: %" PRIu64 " processes sampled, %" PRIu64 " of them gone", sampled,
		recording->processes.gone);
	if (recording->processes.failed)
		buffer_printf(text, "; %" PRIu64 " could not be sampled", recording->processes.failed);
	if (other > recording->processes.failed)
		buffer_printf(text, "; %" PRIu64 " are no Python", other - recording->processes.failed);
	if (recording->processes.left_out)
		buffer_printf(text, "; %" PRIu64 " were too many", recording->processes.left_out);
	buffer_append_char(text, '\n');
	if (recording->processes.others.length)
		buffer_printf(text, "pyrope: no Python: %s%s\n", recording->processes.others.data,
			other > recording->processes.others_shown ? ", ..." : "");
}

static void append_function(struct buffer *text, const struct recording *recording,
	const struct function *function, uint64_t self)
{
	const double percent = 100 * per((double)self, seen_by(recording).samples);
	const char *file = function->file;
	size_t columns = terminal_columns(STDERR_FILENO);
	struct buffer line = { 0 };

	if (recording->options->paths != PATHS_FULL)
		file = short_path(file, recording->roots.list);
	buffer_printf(&line, percent < 1 ? "pyrope: %3.1f %% %s (%s" : "pyrope: %3.0f %% %s (%s", percent,
		function->name, file);
	if (function->first_line)
		buffer_printf(&line, ":%d", function->first_line);
	buffer_append_char(&line, ')');
	buffer_append_fit(text, line.data, columns ? columns : SIZE_MAX, FIT_KEEP_BEGIN);
	buffer_append_char(text, '\n');
	buffer_release(&line);
}

/* The functions with the most self time, unless a table of all is on the same terminal. */
static void append_functions(struct buffer *text, const struct recording *recording)
{
	uint32_t best[FUNCTIONS_SHOWN];
	size_t count = 0;

	for (size_t i = 0; i < recording->outputs.count; i++)
		if (recording->outputs.list[i].options.columns)
			return;
	for (uint32_t id = 0; id < recording->outputs.self_capacity; id++) {
		size_t at = count;

		if (!recording->outputs.self[id])
			continue;
		while (at > 0 && recording->outputs.self[best[at - 1]] < recording->outputs.self[id])
			at--;
		if (at == FUNCTIONS_SHOWN)
			continue;
		count += count < FUNCTIONS_SHOWN;
		memmove(&best[at + 1], &best[at], (count - at - 1) * sizeof(*best));
		best[at] = id;
	}
	for (size_t i = 0; i < count; i++)
		append_function(text, recording, functions_get(recording->functions, best[i]),
			recording->outputs.self[best[i]]);
}

static void append_quality(struct buffer *text, const struct sampling_statistics *statistics,
	enum sample_quality quality, const char *name)
{
	if (statistics->by_quality[quality])
		buffer_printf(text, ", %" PRIu64 " %s", statistics->by_quality[quality], name);
}

static const char *const hold_causes[] = {
	[HOLD_BY_CPU] = "pyrope waited for a CPU",
	[HOLD_BY_THREAD] =
		"CPUs were short when it was to stop, or it was in a call that cannot be interrupted",
	[HOLD_BY_STOP] = "pyrope itself was stopped by a signal or a tracer",
	[HOLD_BY_DEPTH] = "its stack is deep",
	[HOLD_BY_OTHER] = "pyrope ran all the time, and the cause is not known",
};

static void append_long_holds(struct buffer *text, const struct sampling_statistics *statistics)
{
	if (!statistics->long_holds)
		return;
	buffer_printf(
		text, "pyrope: warning: a thread was held for more than %d ms ", PAUSE_LONG_NS / 1000000);
	if (statistics->long_holds == 1)
		buffer_append_string(text, "once; that time, ");
	else
		buffer_printf(text, "%" PRIu64 " times; the longest time, ", statistics->long_holds);
	buffer_printf(text, "%.0f ms: %s\n", (double)statistics->held_longest_ns / 1e6,
		hold_causes[statistics->longest_cause]);
}

static void append_missing_names(struct buffer *text, const struct native_statistics *statistics)
{
	if (statistics->unnamed)
		buffer_printf(text,
			"pyrope: warning: %" PRIu64
			" addresses have no name: looking up names had taken more CPU time than it may\n",
			statistics->unnamed);
	if (statistics->unread)
		buffer_printf(text,
			"pyrope: warning: %" PRIu64 " times a debug file was not read: without a build id "
			"all of it has to be, and that is 1 GB "
			"at most\n",
			statistics->unread);
}

/* What pyrope did to the target, and what it took. */
static void append_doings(struct buffer *text, const struct recording *recording)
{
	const struct sampling_statistics *statistics = &recording->statistics;

	buffer_printf(text, "pyrope: %.4g of %.4g ticks per second", rate_reached(statistics),
		rate_asked(recording));
	if (statistics->missed_ticks)
		buffer_printf(text, ", %" PRIu64 " missed", statistics->missed_ticks);
	buffer_printf(text, "\npyrope: %" PRIu64 " verified without a pause",
		statistics->by_quality[SAMPLE_VERIFIED]);
	append_quality(text, statistics, SAMPLE_PAUSED, "paused");
	append_quality(text, statistics, SAMPLE_IDLE, "idle");
	append_quality(text, statistics, SAMPLE_UNVERIFIED, "not verified");
	append_quality(text, statistics, SAMPLE_PARTIAL, "partial");
	append_quality(text, statistics, SAMPLE_FAILED, "failed");
	if (statistics->pauses)
		buffer_printf(text,
			"; the target was held for %.3f ms in all, %.0f us at a time (median), %.3f ms at "
			"the longest",
			(double)statistics->held_total_ns / 1e6,
			(double)sampling_held_ns(statistics, 500) / 1e3,
			(double)statistics->held_longest_ns / 1e6);
	else
		buffer_append_string(text, "; the target was never held");
	if (statistics->held_longest_waited_ns > statistics->held_longest_ns / 4)
		buffer_printf(text, ", in %.3f ms of which pyrope waited for a CPU",
			(double)statistics->held_longest_waited_ns / 1e6);
	if (statistics->spared)
		buffer_printf(text,
			"\npyrope: %" PRIu64 " looks would have held a thread that runs, and were left out "
			"for the target's speed: others count for them",
			statistics->spared);
	if (statistics->holds_cut)
		buffer_printf(text,
			"\npyrope: %" PRIu64
			" times it was let go after %d ms, before all of a deep stack was read",
			statistics->holds_cut, SAMPLING_HOLD_MS);
	if (statistics->native.stacks || statistics->native.truncated)
		buffer_printf(text,
			"\npyrope: %" PRIu64 " native stacks, %" PRIu64
			" truncated; %.1f native frames in each, "
			"of %" PRIu64 " modules",
			statistics->native.stacks, statistics->native.truncated,
			per((double)statistics->native.frames, statistics->native.stacks),
			statistics->native.modules);
	buffer_printf(text, "\npyrope: %.1f system calls and %.1f us of CPU per sample\n",
		per((double)statistics->system_calls, statistics->samples),
		per((double)statistics->cpu_ns / 1e3, statistics->samples));
}

static void summary_text(struct recording *recording, bool full)
{
	struct buffer text = { 0 };

	append_files(&text, &recording->outputs);
	append_counts(&text, recording);
	append_idle(&text, recording);
	append_children(&text, recording);
	append_processes(&text, recording);
	append_functions(&text, recording);
	if (full)
		append_doings(&text, recording);
	append_long_holds(&text, &recording->statistics);
	append_missing_names(&text, &recording->statistics.native);
	print_error_stream(&text);
	buffer_release(&text);
}

/* ---- what a program reads ---- */

/* "slept_in", the most often first, and "python_children". */
static void append_beside(struct buffer *text, const struct recording *recording)
{
	const char *names[SLEEPS_KEPT];
	const size_t count = sleeps_sorted(&recording->statistics, names);

	buffer_append_string(text, ",\"slept_in\":[");
	for (size_t i = 0; i < count; i++)
		buffer_printf(text, "%s\"%s\"", i ? "," : "", names[i]);
	buffer_append_string(text, "],\"python_children\":[");
	for (size_t i = 0; i < recording->children.count; i++)
		buffer_printf(text, "%s%d", i ? "," : "", (int)recording->children.pids[i]);
	buffer_append_char(text, ']');
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
		{ "left_out", (int64_t)filter_idle(recording->outputs.filter) },
		{ "pauses", (int64_t)statistics->pauses },
		{ "pause_timeouts", (int64_t)statistics->pause_timeouts },
		{ "pauses_refused", (int64_t)statistics->pauses_refused },
		{ "seen_going_on", (int64_t)statistics->seen_going_on },
		{ "spared", (int64_t)statistics->spared },
		{ "long_holds", (int64_t)statistics->long_holds },
		{ "holds_cut", (int64_t)statistics->holds_cut },
		{ "held_total_ns", statistics->held_total_ns },
		{ "held_longest_ns", statistics->held_longest_ns },
		{ "held_longest_waited_ns", statistics->held_longest_waited_ns },
		{ "held_worked_ns", statistics->held_worked_ns },
		{ "held_median_ns", sampling_held_ns(statistics, 500) },
		{ "held_p99_ns", sampling_held_ns(statistics, 990) },
		{ "looks", (int64_t)statistics->looks },
		{ "system_calls", (int64_t)statistics->system_calls },
		{ "cpu_ns", statistics->cpu_ns },
		{ "elapsed_ns", statistics->elapsed_ns },
		{ "watched_ns", statistics->watched_ns },
		{ "processes", (int64_t)recording->processes.sampled },
		{ "processes_gone", (int64_t)recording->processes.gone },
		{ "processes_failed", (int64_t)recording->processes.failed },
		{ "interval_ns", recording->options->interval_ns },
		{ "native_stacks", (int64_t)statistics->native.stacks },
		{ "native_truncated", (int64_t)statistics->native.truncated },
		{ "native_unmatched", (int64_t)statistics->native.unmatched },
		{ "native_frames", (int64_t)statistics->native.frames },
		{ "native_rows", (int64_t)statistics->native.rows },
		{ "native_modules", (int64_t)statistics->native.modules },
		{ "native_unnamed", (int64_t)statistics->native.unnamed },
		{ "native_unread", (int64_t)statistics->native.unread },
		{ "waits_cpu", (int64_t)statistics->waits_cpu },
		{ "unchecked", (int64_t)statistics->unchecked },
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
	append_beside(&text, recording);
	buffer_append_string(&text, ",\"held_longest_cause\":");
	if (statistics->long_holds)
		buffer_append_json(&text, hold_causes[statistics->longest_cause]);
	else
		buffer_append_string(&text, "null");
	buffer_append_string(&text, ",\"note\":");
	if (recording->notes.length)
		buffer_append_json(&text, recording->notes.data);
	else
		buffer_append_string(&text, "null");
	buffer_append_string(&text, "}\n");
	print_error_stream(&text);
	buffer_release(&text);
}

bool summary_is_wanted(const struct recording *recording)
{
	return recording->options->summary != SUMMARY_TERMINAL || isatty(STDERR_FILENO);
}

void summary_print(struct recording *recording)
{
	enum summary kind = recording->options->summary;

	progress_clear(recording);
	if (kind == SUMMARY_JSON)
		summary_json(recording);
	else if (summary_is_wanted(recording))
		summary_text(recording, kind == SUMMARY_FULL);
}
