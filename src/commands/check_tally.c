/* SPDX-License-Identifier: MIT */
/*
 * Counting for budgets. Which budgets name a function is asked once for each function, and which name one of
 * a stack once for each stack; a sample then costs a look at its stack's bits.
 */
#include "config.h"

#include "commands/check_tally.h"
#include "commands/input.h"

#include "pyrope/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR_LIMIT 4096 /* functions among which one is sought that may have been meant */

/* ---- which budgets name it ---- */

char *tally_name(const struct tally *tally, const struct function *function)
{
	return row_name(function, 0, BY_FUNCTION, tally->roots->list);
}

static uint64_t find_named(struct tally *tally, const struct function *function)
{
	char *name = tally_name(tally, function), *path = NULL, *whole = NULL;
	uint64_t named = 0;

	if (function->kind != FUNCTION_MARKER) {
		path = xasprintf("%s:%s", short_path(function->file, tally->roots->list), function->name);
		whole = xasprintf("%s:%s", function->file, function->name);
	}
	for (size_t i = 0; i < tally->budgets->count; i++) {
		const struct budget *budget = &tally->budgets->list[i];
		const char *const names[] = { name, path, whole };

		if (budget->pattern && budget_matches(budget, names, path ? 3 : 1))
			named |= UINT64_C(1) << i;
	}
	free(name);
	free(path);
	free(whole);
	return named;
}

static uint64_t named_by(struct tally *tally, const struct function *function)
{
	const size_t old = tally->named_capacity;
	size_t known = old;

	if (function->id >= old) {
		array_reserve(&tally->named, &tally->named_capacity, (size_t)function->id + 1,
			sizeof(*tally->named));
		array_reserve(&tally->is_known, &known, tally->named_capacity, 1);
		memset(tally->is_known + old, 0, tally->named_capacity - old);
	}
	if (!tally->is_known[function->id]) {
		tally->named[function->id] = find_named(tally, function);
		tally->is_known[function->id] = true;
		tally->matched |= tally->named[function->id];
	}
	return tally->named[function->id];
}

/* Nodes are numbered behind their parents: those that are new can be done in order. */
static void add_bits(struct tally *tally, size_t old_count)
{
	array_reserve(&tally->bits, &tally->bits_capacity, tally->stacks.node_count, sizeof(*tally->bits));
	if (!old_count)
		tally->bits[0] = 0;
	for (size_t i = old_count ? old_count : 1; i < tally->stacks.node_count; i++) {
		const struct stack_node *added = &tally->stacks.nodes[i];

		tally->bits[i] = tally->bits[added->parent] |
			named_by(tally, tally->stacks.frames[added->frame].function);
	}
}

static void count_node(uint64_t **counts, size_t *capacity, uint32_t node, uint64_t weight)
{
	const size_t old = *capacity;

	array_reserve(counts, capacity, (size_t)node + 1, sizeof(**counts));
	memset(*counts + old, 0, (*capacity - old) * sizeof(**counts));
	(*counts)[node] += weight;
}

static uint32_t find_node(struct tally *tally, const struct sample *sample)
{
	const size_t old = tally->bits ? tally->stacks.node_count : 0;
	const uint32_t node =
		stacks_find(&tally->stacks, &tally->path, 0, sample->frames, sample->frame_count);

	add_bits(tally, old);
	return node;
}

static uint32_t node_of(struct tally *tally, const struct event *event)
{
	const size_t place = event->stack_key % ARRAY_LENGTH(tally->recent);

	if (!event->stack_key)
		return find_node(tally, event->sample);
	if (tally->recent[place].stack_key != event->stack_key) {
		tally->recent[place].node = find_node(tally, event->sample);
		tally->recent[place].stack_key = event->stack_key;
	}
	return tally->recent[place].node;
}

/* ---- subjects ---- */

static char *name_subject(const struct tally *tally, const struct sample *sample)
{
	if (tally->budgets->by_process)
		return xasprintf("process %d (%s)", (int)sample->pid, sample->process_name);
	if (tally->budgets->by_thread)
		return xasprintf(
			"thread %s (%d of %s)", sample->thread_name, (int)sample->tid, sample->process_name);
	return NULL;
}

/* NULL with err untouched: it belongs to none. */
static struct subject *find_subject(struct tally *tally, const struct sample *sample, bool *is_full)
{
	const struct budgets *budgets = tally->budgets;
	uint64_t place = 0;
	const uint64_t *known;
	struct subject *subject;

	if (budgets->by_thread && !sample->tid)
		return NULL;
	if (budgets->by_process || budgets->by_thread)
		place = (uint64_t)sample->pid << 32 | (budgets->by_thread ? (uint32_t)sample->tid : 0);
	if (tally->last_subject && tally->subjects[tally->last_subject - 1].place == place)
		return &tally->subjects[tally->last_subject - 1];
	known = u64_map_get(&tally->by_place, place);
	if (known) {
		tally->last_subject = (size_t)*known + 1;
		return &tally->subjects[*known];
	}
	*is_full = tally->subject_count == SUBJECTS_LIMIT;
	if (*is_full)
		return NULL;
	array_reserve(&tally->subjects, &tally->subject_capacity, tally->subject_count + 1,
		sizeof(*tally->subjects));
	u64_map_put(&tally->by_place, place, tally->subject_count);
	subject = &tally->subjects[tally->subject_count++];
	*subject = (struct subject){ .name = name_subject(tally, sample),
		.place = place,
		.shown = xcalloc(tally->run_count, sizeof(struct series *)),
		.all = xcalloc(tally->run_count, sizeof(struct series *)) };
	return subject;
}

static int too_many(struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED,
		"more than %d processes or threads: leave some out (--pid, --thread)", SUBJECTS_LIMIT);
}

/* ---- samples ---- */

static bool is_idle(const struct tally *tally, const struct sample *sample)
{
	return sample->quality == SAMPLE_IDLE ||
		(sample->state == THREAD_SLEEPING &&
			(tally->options->has_mode
					? tally->options->mode
					: sample_mode_find(tally->circumstances.mode)) == MODE_WALL);
}

static bool counts_for(const struct tally *tally, size_t budget, uint64_t bits, bool idle)
{
	switch (tally->budgets->list[budget].kind) {
	case BUDGET_MAX:
	case BUDGET_NO_CALL:
		return bits >> budget & 1;
	case BUDGET_TOTAL:
		return true;
	case BUDGET_IDLE:
		return idle;
	case BUDGET_GIL_WAIT:
	case BUDGET_GROWTH:
	case BUDGET_KINDS:
		break;
	}
	return false;
}

static struct series *series_of(struct series **runs, size_t run)
{
	if (!runs[run])
		runs[run] = series_new(NULL, COMPARE_SELF);
	return runs[run];
}

static void note_time(struct tally *tally, const struct event *event)
{
	const int64_t last_ns = event->last_ns > event->time_ns ? event->last_ns : event->time_ns;

	if (!event->time_ns) {
		tally->lacks_time = true;
		return;
	}
	if (!tally->first_ns)
		tally->first_ns = event->time_ns;
	if (last_ns > tally->last_ns)
		tally->last_ns = last_ns;
}

static int take_shown(struct sink *sink, const struct event *event, struct error *err)
{
	struct tally *tally = (struct tally *)((char *)sink - offsetof(struct tally, take_shown));
	uint32_t keys[BUDGETS_LIMIT], node;
	size_t count = 0;
	struct subject *subject;
	bool idle, is_full = false;

	if (event->kind == EVENT_MISSED)
		tally->missed += event->missed;
	if (event->kind != EVENT_SAMPLE)
		return 0;
	note_time(tally, event);
	tally->samples += event->weight;
	node = node_of(tally, event);
	tally->stacks.nodes[node].count += event->weight;
	idle = is_idle(tally, event->sample);
	if (idle)
		count_node(&tally->idle, &tally->idle_capacity, node, event->weight);
	if (tally->functions_of_run &&
		sink_take(series_sink(tally->functions_of_run[tally->run]), event, err) != 0)
		return -1;
	subject = find_subject(tally, event->sample, &is_full);
	if (!subject)
		return is_full ? too_many(err) : 0;
	for (size_t i = 0; i < tally->budgets->count; i++)
		if (counts_for(tally, i, tally->bits[node], idle))
			keys[count++] = (uint32_t)i;
	subject->samples += event->weight;
	series_add(series_of(subject->shown, tally->run), event, keys, count);
	return 0;
}

/* Every thread, for the GIL: of those that do not sleep, the ones that wait for it. */
static int take_all(struct sink *sink, const struct event *event, struct error *err)
{
	struct tally *tally = (struct tally *)((char *)sink - offsetof(struct tally, take_all));
	const struct sample *sample = event->sample;
	uint32_t keys[BUDGETS_LIMIT];
	size_t count = 0;
	struct subject *subject;
	bool is_full = false;

	if (event->kind != EVENT_SAMPLE || sample->quality == SAMPLE_IDLE ||
		sample->state == THREAD_SLEEPING || sample->state == THREAD_UNKNOWN)
		return 0;
	subject = find_subject(tally, sample, &is_full);
	if (!subject)
		return is_full ? too_many(err) : 0;
	if (sample->state == THREAD_WAITS_GIL) {
		for (size_t i = 0; i < tally->budgets->count; i++)
			if (tally->budgets->list[i].kind == BUDGET_GIL_WAIT)
				keys[count++] = (uint32_t)i;
		count_node(&tally->waits, &tally->waits_capacity, node_of(tally, event), event->weight);
	}
	series_add(series_of(subject->all, tally->run), event, keys, count);
	return 0;
}

/* ---- runs ---- */

static bool has_kind(const struct budgets *budgets, enum budget_kind kind)
{
	for (size_t i = 0; i < budgets->count; i++)
		if (budgets->list[i].kind == kind)
			return true;
	return false;
}

static void begin_run(struct tally *tally)
{
	const struct run_input input = { .options = tally->options,
		.functions = tally->functions,
		.roots = tally->roots,
		.circumstances = &tally->circumstances };

	tally->take_shown = (struct sink){ .take = take_shown };
	tally->take_all = (struct sink){ .take = take_all };
	tally->shown = tally->all = input;
	tally->shown.next = &tally->take_shown;
	tally->all.next = &tally->take_all;
	tally->all.every_thread = true;
	tally->first_ns = tally->last_ns = 0;
}

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct tally *tally = (struct tally *)sink;

	if (run_input_take(&tally->shown, event, err) != 0)
		return -1;
	return has_kind(tally->budgets, BUDGET_GIL_WAIT) ? run_input_take(&tally->all, event, err) : 0;
}

/* A run that is sampled now has none. */
static char *name_of_run(const struct tally *tally)
{
	return tally->paths ? xasprintf("'%.256s'", tally->paths[tally->run]) : xstrdup("the run");
}

static int check_run(const struct tally *tally, const char *name, uint64_t samples, struct error *err)
{
	if (!samples)
		return error_set(err, ERROR_UNSUPPORTED, "%s has no sample to check", name);
	for (size_t i = 0; tally->lacks_time && i < tally->budgets->count; i++) {
		const struct budget *budget = &tally->budgets->list[i];

		if (budget->is_time || budget->kind == BUDGET_GIL_WAIT)
			return error_set(err, ERROR_UNSUPPORTED,
				"%s is no recording and has neither times nor states of threads, which %s "
				"(%s) needs",
				name, budget_names[budget->kind], budget->source);
	}
	return 0;
}

int tally_end_run(struct tally *tally, struct error *err)
{
	uint64_t samples = 0;
	char *name;
	int result;

	if (run_input_finish(&tally->shown, err) != 0 || run_input_finish(&tally->all, err) != 0)
		return -1;
	run_input_release(&tally->shown);
	run_input_release(&tally->all);
	for (size_t i = 0; i < tally->subject_count; i++)
		if (tally->subjects[i].shown[tally->run])
			samples += series_samples(tally->subjects[i].shown[tally->run]);
	name = name_of_run(tally);
	result = check_run(tally, name, samples, err);
	free(name);
	tally->seconds += (double)(tally->last_ns - tally->first_ns) / 1e9;
	tally->run++;
	begin_run(tally);
	return result;
}

int tally_read(struct tally *tally, bool *damaged, struct error *err)
{
	const char *path = tally->paths[tally->run];
	int fd = input_open(path, err);

	if (fd < 0 || input_read(fd, path, tally->functions, &tally->sink, damaged, err) != 0)
		return -1;
	return tally_end_run(tally, err);
}

double tally_stretch(const struct tally *tally)
{
	return (double)(tally->samples + tally->missed) / (double)tally->samples;
}

struct tally *tally_new(const struct options *options, const struct budgets *budgets,
	struct functions *functions, struct roots *roots, struct keys *keys, const char *const *paths,
	size_t run_count)
{
	struct tally *tally = xcalloc(1, sizeof(*tally));

	*tally = (struct tally){ .sink = { .take = take },
		.options = options,
		.budgets = budgets,
		.functions = functions,
		.roots = roots,
		.keys = keys,
		.paths = paths,
		.run_count = run_count };
	stacks_init(&tally->stacks);
	if (has_kind(budgets, BUDGET_GROWTH)) {
		tally->functions_of_run = xcalloc(run_count, sizeof(struct series *));
		for (size_t i = 0; i < run_count; i++)
			tally->functions_of_run[i] =
				series_new(keys, options->compare_total ? COMPARE_TOTAL : COMPARE_SELF);
	}
	begin_run(tally);
	return tally;
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	for (size_t i = 0; i < tally->subject_count; i++) {
		struct subject *subject = &tally->subjects[i];

		for (size_t run = 0; run < tally->run_count; run++) {
			series_free(subject->shown[run]);
			series_free(subject->all[run]);
		}
		free(subject->shown);
		free(subject->all);
		free(subject->name);
	}
	for (size_t run = 0; tally->functions_of_run && run < tally->run_count; run++)
		series_free(tally->functions_of_run[run]);
	run_input_release(&tally->shown);
	run_input_release(&tally->all);
	u64_map_release(&tally->by_place);
	stacks_release(&tally->stacks);
	stack_path_release(&tally->path);
	free(tally->functions_of_run);
	free(tally->subjects);
	free(tally->named);
	free(tally->is_known);
	free(tally->bits);
	free(tally->idle);
	free(tally->waits);
	free(tally);
}

char *tally_near(const struct tally *tally, const char *pattern)
{
	const char **names = xreallocarray(NULL, NEAR_LIMIT, sizeof(*names));
	size_t count = 0;
	const char *near;
	char *copy;

	for (uint32_t id = 0; id < tally->named_capacity && count < NEAR_LIMIT; id++)
		if (tally->is_known[id])
			names[count++] = tally_name(tally, functions_get(tally->functions, id));
	near = nearest_word(pattern, names, count);
	copy = near ? xstrdup(near) : NULL;
	while (count)
		free((char *)names[--count]);
	free(names);
	return copy;
}
