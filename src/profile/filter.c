/* SPDX-License-Identifier: MIT */
/*
 * Filters. The samples of one process with one time are one tick. Where the mode selects among the threads of
 * a tick, those that are shown are handed on as they come; a tick of which none was shown becomes one sample
 * at its end, for only then is that known: idle, or with the marker that the sampler itself would have given
 * it. Expressions are matched against "file:function", once for each function.
 */
#include "config.h"

#include "pyrope/filter.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum match { MATCH_UNKNOWN, MATCH_NO, MATCH_YES };

struct pattern {
	bool is_used;
	regex_t expression;
	unsigned char *matches; /* by id of the function: enum match */
	size_t capacity;
};

/* The tick that goes on. */
struct tick {
	bool is_open, shows_any;
	bool any_runs, any_waits_cpu; /* of those that are not shown */
	pid_t pid;
	int64_t source_ns; /* its time as it came: the first ticks of several may have been left out */
	int64_t time_ns, last_ns;
	uint64_t weight;
	char process_name[64];
};

struct filter {
	struct sink sink;
	struct filter_options options;
	struct functions *functions;
	struct sink *next;
	struct pattern thread, only, hide, focus;
	const struct function *idle, *running, *waits_cpu, *collecting;
	struct tick tick;
	/* the last one with a holder of the GIL, who need not be asked for */
	pid_t held_pid;
	int64_t held_ns;
	bool free_threaded; /* the process that was announced last */
	bool has_origin;
	int64_t origin_ns;
	uint64_t kept, idle_count, left_out;
	struct sample_frame *frames;
	size_t frame_capacity;
	struct buffer text;
};

/* ---- expressions ---- */

/* The options have been checked. */
static void pattern_compile(struct pattern *pattern, const char *text)
{
	pattern->is_used = text && regcomp(&pattern->expression, text, REG_EXTENDED | REG_NOSUB) == 0;
}

static void pattern_release(struct pattern *pattern)
{
	if (pattern->is_used)
		regfree(&pattern->expression);
	free(pattern->matches);
}

static bool pattern_matches_text(const struct pattern *pattern, const char *text)
{
	return regexec(&pattern->expression, text, 0, NULL, 0) == 0;
}

static bool pattern_matches(struct filter *filter, struct pattern *pattern, const struct function *function)
{
	const size_t old = pattern->capacity;

	if (function->id >= old) {
		array_reserve(&pattern->matches, &pattern->capacity, (size_t)function->id + 1, 1);
		memset(pattern->matches + old, MATCH_UNKNOWN, pattern->capacity - old);
	}
	if (pattern->matches[function->id] == MATCH_UNKNOWN) {
		buffer_clear(&filter->text);
		if (function->kind != FUNCTION_MARKER)
			buffer_printf(&filter->text, "%s:", function->file);
		buffer_append_string(&filter->text, function->name);
		pattern->matches[function->id] =
			pattern_matches_text(pattern, filter->text.data) ? MATCH_YES : MATCH_NO;
	}
	return pattern->matches[function->id] == MATCH_YES;
}

/* The first frame that matches, from the outermost on; the count: none does. */
static size_t find_frame(struct filter *filter, struct pattern *pattern, const struct sample *sample)
{
	size_t i = 0;

	while (i < sample->frame_count && !pattern_matches(filter, pattern, sample->frames[i].function))
		i++;
	return i;
}

/* ---- what is shown ---- */

static bool is_idle(const struct filter *filter, const struct sample *sample)
{
	return sample->quality == SAMPLE_IDLE ||
		(filter->options.mode == MODE_WALL && sample->state == THREAD_SLEEPING);
}

static bool waits_cpu(const struct sample *sample)
{
	return sample->state == THREAD_WAITS_CPU || (sample->is_off_cpu && sample->syscall_number < 0);
}

static bool is_selected(const struct filter *filter, const struct sample *sample)
{
	if (!filter->options.selects)
		return true;
	switch (filter->options.mode) {
	case MODE_WALL:
		return true;
	case MODE_GIL:
		return sample->state == THREAD_HOLDS_GIL ||
			(filter->free_threaded && sample->state == THREAD_RUNNING);
	case MODE_CPU:
		if (sample->is_off_cpu)
			return false;
		break;
	case MODE_ACTIVE:
		break;
	}
	return sample->state == THREAD_HOLDS_GIL || sample->state == THREAD_RUNNING;
}

/* Whose is it? */
static bool is_asked_for(struct filter *filter, const struct event *event)
{
	const struct filter_options *options = &filter->options;
	const struct sample *sample = event->sample;

	return (!options->pid || sample->pid == options->pid) &&
		(!options->states || options->states >> sample->state & 1) &&
		(!filter->thread.is_used || pattern_matches_text(&filter->thread, sample->thread_name));
}

/* ---- time ---- */

/*
 * How many ticks of the event are before this time. Only the first and the last have times of their own: the
 * others lie evenly between them.
 */
static uint64_t ticks_before(const struct event *event, int64_t until_ns)
{
	double ticks;

	if (until_ns <= event->time_ns)
		return 0;
	if (until_ns > event->last_ns)
		return event->weight;
	ticks = (double)(until_ns - event->time_ns) * (double)(event->weight - 1) /
		(double)(event->last_ns - event->time_ns);
	return (uint64_t)ticks + ((double)(uint64_t)ticks < ticks);
}

/* The ticks [first, end) of the event. */
static struct event ticks_of(const struct event *event, uint64_t first, uint64_t end)
{
	struct event part = *event;
	double step_ns;

	if (first == 0 && end == event->weight)
		return part;
	step_ns = event->weight > 1 ? (double)(event->last_ns - event->time_ns) / (double)(event->weight - 1)
				    : 0;
	part.time_ns = event->time_ns + (int64_t)((double)first * step_ns);
	if (end < event->weight)
		part.last_ns =
			end > first ? event->time_ns + (int64_t)((double)(end - 1) * step_ns) : part.time_ns;
	part.weight = end - first;
	return part;
}

/* ---- functions ---- */

static bool has_frames_asked_for(struct filter *filter, const struct sample *sample)
{
	return (!filter->only.is_used || find_frame(filter, &filter->only, sample) < sample->frame_count) &&
		(!filter->hide.is_used || find_frame(filter, &filter->hide, sample) == sample->frame_count);
}

/* ---- handing on ---- */

static int hand_on(struct filter *filter, const struct event *event, bool is_kept, struct error *err)
{
	struct event copy = *event;

	copy.kind = is_kept ? EVENT_SAMPLE : EVENT_LEFT_OUT;
	*(is_kept ? &filter->kept : &filter->left_out) += event->weight;
	return sink_take(filter->next, &copy, err);
}

static void add_frame(struct filter *filter, struct sample *sample, const struct function *marker)
{
	array_reserve(
		&filter->frames, &filter->frame_capacity, sample->frame_count + 1, sizeof(*filter->frames));
	if (sample->frames != filter->frames && sample->frame_count)
		memcpy(filter->frames, sample->frames, sample->frame_count * sizeof(*filter->frames));
	filter->frames[sample->frame_count++] = (struct sample_frame){ marker, 0 };
	sample->frames = filter->frames;
}

static const struct function *call_marker(struct filter *filter, long number)
{
	buffer_clear(&filter->text);
	buffer_append_string(&filter->text, "(syscall ");
	if (syscall_name(number))
		buffer_append_string(&filter->text, syscall_name(number));
	else
		buffer_append_int(&filter->text, number);
	buffer_append_char(&filter->text, ')');
	return functions_marker(filter->functions, filter->text.data);
}

/* A sample that the mode shows, as the user has asked to see it. */
static int show(struct filter *filter, const struct event *event, struct error *err)
{
	struct sample sample = *event->sample;
	struct event changed = *event;
	const bool leaves_out = filter->options.exclude_idle && is_idle(filter, &sample);
	bool is_kept = !leaves_out && has_frames_asked_for(filter, &sample);

	if (leaves_out)
		filter->idle_count += event->weight;
	if (is_kept && filter->focus.is_used) {
		const size_t first = find_frame(filter, &filter->focus, &sample);

		is_kept = first < sample.frame_count;
		sample.frames += first;
		sample.frame_count -= first;
		changed.stack_key = 0;
	}
	changed.sample = &sample;
	if (!is_kept || sample.quality == SAMPLE_FAILED || sample.quality == SAMPLE_IDLE)
		return hand_on(filter, &changed, is_kept, err);
	if (filter->options.mark_syscalls && sample.syscall_number >= 0) {
		add_frame(filter, &sample, call_marker(filter, sample.syscall_number));
		changed.stack_key = 0;
	}
	if (filter->options.mark_gc && sample.is_collecting) {
		add_frame(filter, &sample, filter->collecting);
		changed.stack_key = 0;
	}
	return hand_on(filter, &changed, true, err);
}

/* Did nobody hold the GIL, and a thread that is not shown computed without it? */
static bool runs_without_gil(const struct filter *filter)
{
	const struct tick *tick = &filter->tick;

	return tick->any_runs && (filter->held_pid != tick->pid || filter->held_ns != tick->source_ns);
}

/* Of a tick at which nobody was shown: the same as watch_add_running and watch_add_idle say of it. */
static const struct function *tick_marker(const struct filter *filter)
{
	if (runs_without_gil(filter))
		return filter->running;
	return filter->tick.any_waits_cpu ? filter->waits_cpu : filter->idle;
}

/* Nobody was shown at the tick that ends here. */
static int end_tick(struct filter *filter, struct error *err)
{
	struct tick *tick = &filter->tick;
	const bool runs = runs_without_gil(filter);
	const struct sample_frame frame = { .function = tick_marker(filter) };
	const struct sample sample = {
		.time_ns = tick->time_ns,
		.pid = tick->pid,
		.process_name = tick->process_name,
		.thread_name = "",
		.state = runs ? THREAD_RUNNING : THREAD_UNKNOWN,
		.syscall_number = -1,
		.quality = runs ? SAMPLE_VERIFIED : SAMPLE_IDLE,
		.frame_count = 1,
		.frames = &frame,
	};
	const struct event event = {
		.kind = EVENT_SAMPLE,
		.time_ns = tick->time_ns,
		.pid = tick->pid,
		.sample = &sample,
		.weight = tick->weight,
		.last_ns = tick->last_ns,
	};

	if (!tick->is_open)
		return 0;
	tick->is_open = false;
	return tick->shows_any ? 0 : show(filter, &event, err);
}

static void begin_tick(struct filter *filter, const struct event *event, int64_t source_ns)
{
	filter->tick = (struct tick){
		.is_open = true,
		.pid = event->sample->pid,
		.source_ns = source_ns,
		.time_ns = event->time_ns,
		.last_ns = event->last_ns,
		.weight = event->weight,
	};
	memcpy(filter->tick.process_name, event->sample->process_name,
		/* the rest is 0 */
		strnlen(event->sample->process_name, sizeof(filter->tick.process_name) - 1));
}

/* A sample within the time that is asked for. */
static int take_in_time(
	struct filter *filter, const struct event *event, int64_t source_ns, struct error *err)
{
	struct tick *tick = &filter->tick;

	if (event->sample->state == THREAD_HOLDS_GIL) {
		filter->held_pid = event->sample->pid;
		filter->held_ns = source_ns;
	}
	if (!is_asked_for(filter, event))
		return hand_on(filter, event, false, err);
	if (filter->options.selects && filter->options.mode != MODE_WALL && !tick->is_open)
		begin_tick(filter, event, source_ns);
	if (!is_selected(filter, event->sample)) {
		tick->any_runs |= event->sample->state == THREAD_RUNNING;
		tick->any_waits_cpu |= waits_cpu(event->sample);
		return 0;
	}
	tick->shows_any = true;
	return show(filter, event, err);
}

/*
 * Of several ticks in a row some may be in time, and others not. What comes too late is not handed on at all:
 * nothing that is shown follows it, so that there is no gap to show.
 */
static int take_sample(struct filter *filter, const struct event *event, struct error *err)
{
	const struct filter_options *options = &filter->options;
	const struct tick *tick = &filter->tick;
	uint64_t first = 0, end = event->weight;
	struct event part;

	if (!filter->has_origin) {
		filter->has_origin = true;
		filter->origin_ns = event->time_ns;
	}
	if (tick->is_open && (tick->pid != event->sample->pid || tick->source_ns != event->time_ns) &&
		end_tick(filter, err) != 0)
		return -1;
	if (options->has_from)
		first = ticks_before(event, filter->origin_ns + options->from_ns);
	if (options->has_to)
		end = ticks_before(event, filter->origin_ns + options->to_ns);
	if (first > 0) {
		part = ticks_of(event, 0, first);
		if (hand_on(filter, &part, false, err) != 0)
			return -1;
	}
	if (first >= end) {
		filter->left_out += event->weight - first;
		return 0;
	}
	part = ticks_of(event, first, end);
	return take_in_time(filter, &part, event->time_ns, err);
}

/* ---- the sink ---- */

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct filter *filter = (struct filter *)sink;

	if (event->kind == EVENT_SAMPLE)
		return take_sample(filter, event, err);
	if (end_tick(filter, err) != 0)
		return -1;
	if (event->kind == EVENT_BEGIN) { /* each of several files has its own clock */
		filter->has_origin = true;
		filter->origin_ns = event->time_ns;
	}
	if (event->kind == EVENT_PROCESS)
		filter->free_threaded = event->process->free_threaded;
	return sink_take(filter->next, event, err);
}

static int flush(struct sink *sink, struct error *err)
{
	return sink_flush(((struct filter *)sink)->next, err);
}

static int finish(struct sink *sink, struct error *err)
{
	return end_tick((struct filter *)sink, err);
}

static void release(struct sink *sink)
{
	struct filter *filter = (struct filter *)sink;

	pattern_release(&filter->thread);
	pattern_release(&filter->only);
	pattern_release(&filter->hide);
	pattern_release(&filter->focus);
	free(filter->frames);
	buffer_release(&filter->text);
	free(filter);
}

struct filter *filter_new(
	const struct filter_options *options, struct functions *functions, struct sink *next)
{
	struct filter *filter = xcalloc(1, sizeof(*filter));

	filter->sink = (struct sink){ .take = take, .flush = flush, .finish = finish, .free = release };
	filter->options = *options;
	filter->functions = functions;
	filter->next = next;
	filter->idle = functions_marker(functions, "(idle)");
	filter->running = functions_marker(functions, "(running without the GIL)");
	filter->waits_cpu = functions_marker(functions, "(waiting for a CPU)");
	filter->collecting = functions_marker(functions, "(gc)");
	pattern_compile(&filter->thread, options->thread);
	pattern_compile(&filter->only, options->only);
	pattern_compile(&filter->hide, options->hide);
	pattern_compile(&filter->focus, options->focus);
	return filter;
}

void filter_free(struct filter *filter)
{
	if (filter)
		release(&filter->sink);
}

struct sink *filter_sink(struct filter *filter)
{
	return &filter->sink;
}

uint64_t filter_kept(const struct filter *filter)
{
	return filter->kept;
}

uint64_t filter_idle(const struct filter *filter)
{
	return filter->idle_count;
}

bool filter_left_out(const struct filter *filter)
{
	return filter->left_out > filter->idle_count;
}
