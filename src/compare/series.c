/* SPDX-License-Identifier: MIT */
/*
 * What one run has of each key, over time. Time is cut into bins of equal length, at first of 10 ms; when
 * there are more than BINS_LIMIT of them, or too many numbers in them, each two neighbours become one. So
 * memory stays flat, however long the run.
 */
#include "config.h"

#include "compare/internal.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BIN_NS 10000000
#define STEPS 100000 /* of a sample that stands for many ticks */
#define STACKS 4096  /* whose keys are kept; a power of two, at most 2^16 */

/* ---- bins ---- */

static void count_key(struct series *series, uint32_t key, uint64_t count)
{
	if (key >= series->count_capacity) {
		const size_t old = series->count_capacity;

		array_reserve(
			&series->counts, &series->count_capacity, (size_t)key + 1, sizeof(*series->counts));
		memset(series->counts + old, 0, (series->count_capacity - old) * sizeof(*series->counts));
	}
	if (!series->counts[key]) {
		array_reserve(
			&series->open, &series->open_capacity, series->open_count + 1, sizeof(*series->open));
		series->open[series->open_count++] = key;
	}
	series->counts[key] += count;
}

static void count_keys(struct series *series, const uint32_t *keys, size_t count, uint64_t weight)
{
	for (size_t i = 0; i < count; i++)
		count_key(series, keys[i], weight);
}

static void count_pending(struct series *series)
{
	for (size_t i = 0; i < series->pending_count; i++) {
		struct series_stack *stack = &series->stacks[series->pending[i]];

		count_keys(series, stack->keys, stack->count, stack->pending);
		stack->pending = 0;
	}
	series->pending_count = 0;
}

/*
 * What the open bin has becomes entries. The same bin may be opened again, where several threads are a
 * little out of order.
 */
static void close_bin(struct series *series)
{
	count_pending(series);
	array_reserve(&series->entries, &series->entry_capacity, series->entry_count + series->open_count,
		sizeof(*series->entries));
	for (size_t i = 0; i < series->open_count; i++) {
		const uint32_t key = series->open[i];

		series->entries[series->entry_count++] =
			(struct entry){ series->open_bin, key, series->counts[key] };
		series->counts[key] = 0;
	}
	series->open_count = 0;
}

static int by_bin_and_key(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	return a->bin != b->bin ? (a->bin > b->bin) - (a->bin < b->bin)
				: (a->key > b->key) - (a->key < b->key);
}

/* One entry for each bin and key. */
static void merge_entries(struct series *series)
{
	size_t count = 0;

	if (series->entry_count)
		qsort(series->entries, series->entry_count, sizeof(*series->entries), by_bin_and_key);
	for (size_t i = 0; i < series->entry_count; i++) {
		const struct entry entry = series->entries[i];
		struct entry *last = count ? &series->entries[count - 1] : NULL;

		if (last && last->bin == entry.bin && last->key == entry.key)
			last->count += entry.count;
		else
			series->entries[count++] = entry;
	}
	series->entry_count = count;
}

static void halve(struct series *series)
{
	for (size_t i = 0; i < BINS_LIMIT; i++)
		series->bins[i] = i < BINS_LIMIT / 2 ? series->bins[2 * i] + series->bins[2 * i + 1] : 0;
	series->bin_count = (series->bin_count + 1) / 2;
	series->bin_ns *= 2;
	for (size_t i = 0; i < series->entry_count; i++)
		series->entries[i].bin /= 2;
	series->open_bin /= 2;
	merge_entries(series);
}

/* Memory is bounded by the number of keys: 64 bins are kept, whatever they hold. */
static void make_room(struct series *series)
{
	close_bin(series);
	merge_entries(series);
	while (series->entry_count > ENTRIES_LIMIT / 2 && series->bin_count > 64)
		halve(series);
	series->entry_limit =
		series->entry_count > ENTRIES_LIMIT / 2 ? 2 * series->entry_count : ENTRIES_LIMIT;
}

/* stack: what was found, where it is kept; or NULL. */
static void count_at(struct series *series, struct series_stack *stack, uint32_t bin, uint64_t weight)
{
	if (bin != series->open_bin) {
		close_bin(series);
		series->open_bin = bin;
	}
	if (bin >= series->bin_count)
		series->bin_count = bin + 1;
	series->bins[bin] += weight;
	if (!stack) {
		count_keys(series, series->found, series->found_count, weight);
		return;
	}
	if (!stack->pending)
		series->pending[series->pending_count++] = (uint16_t)(stack - series->stacks);
	stack->pending += weight;
}

static void count_at_time(struct series *series, struct series_stack *stack, int64_t time_ns, uint64_t weight)
{
	int64_t since_ns = time_ns - series->begin_ns;

	if (since_ns < 0)
		since_ns = 0;
	if (series->entry_count > series->entry_limit)
		make_room(series);
	while (since_ns / series->bin_ns >= BINS_LIMIT)
		halve(series);
	count_at(series, stack, (uint32_t)(since_ns / series->bin_ns), weight);
}

/* ---- samples ---- */

/* Is it the first time in this stack? */
static bool mark(struct series *series, uint32_t key)
{
	array_reserve(&series->marks, &series->mark_capacity, (size_t)key + 1, sizeof(*series->marks));
	for (; series->mark_count <= key; series->mark_count++)
		series->marks[series->mark_count] = 0;
	if (series->marks[key] == series->stack)
		return false;
	series->marks[key] = series->stack;
	return true;
}

static void find_keys(struct series *series, const struct sample *sample)
{
	const size_t last = sample->frame_count;

	series->found_count = 0;
	if (++series->stack == 0) { /* once in four billion */
		series->mark_count = 0;
		series->stack = 1;
	}
	for (size_t i = series->part == COMPARE_SELF && last ? last - 1 : 0; i < last; i++) {
		const uint32_t key =
			keys_find(series->keys, sample->frames[i].function, sample->frames[i].line);

		if (!mark(series, key))
			continue;
		array_reserve(&series->found, &series->found_capacity, series->found_count + 1,
			sizeof(*series->found));
		series->found[series->found_count++] = key;
	}
}

/* The place of the event's stack, with its keys; NULL: they have been found, and have no place. */
static struct series_stack *find_stack(struct series *series, const struct event *event)
{
	struct series_stack *stack;

	if (!event->stack_key) {
		find_keys(series, event->sample);
		return NULL;
	}
	if (!series->stacks) {
		series->stacks = xcalloc(STACKS, sizeof(*series->stacks));
		series->pending = xcalloc(STACKS, sizeof(*series->pending));
	}
	stack = &series->stacks[event->stack_key % STACKS];
	if (stack->stack_key == event->stack_key)
		return stack;
	find_keys(series, event->sample);
	if (stack->pending) /* it makes room */
		count_pending(series);
	array_reserve(&stack->keys, &stack->capacity, series->found_count, sizeof(*stack->keys));
	if (series->found_count)
		memcpy(stack->keys, series->found, series->found_count * sizeof(*stack->keys));
	stack->stack_key = event->stack_key;
	stack->count = series->found_count;
	stack->pending = 0;
	return stack;
}

/* With the keys of the stack, or those that have been found. */
static void count_sample(struct series *series, const struct event *event, struct series_stack *stack)
{
	const uint64_t weight = event->weight;
	uint64_t step;

	series->samples += weight;
	if (!event->time_ns) { /* the order tells nothing: one bin has all of it */
		count_at(series, stack, 0, weight);
		return;
	}
	if (!series->bin_ns) {
		series->bin_ns = FIRST_BIN_NS;
		series->begin_ns = event->time_ns;
	}
	if (weight == 1 || event->last_ns <= event->time_ns) {
		count_at_time(series, stack, event->time_ns, weight);
		return;
	}
	step = weight / STEPS + 1;
	for (uint64_t i = 0; i < weight; i += step)
		count_at_time(series, stack,
			event->time_ns +
				(int64_t)((double)(event->last_ns - event->time_ns) / (double)(weight - 1) *
					(double)i),
			weight - i < step ? weight - i : step);
}

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct series *series = (struct series *)sink;

	(void)err;
	if (event->kind == EVENT_SAMPLE) {
		count_sample(series, event, find_stack(series, event));
	} else if (event->kind == EVENT_MISSED) {
		series->missed += event->missed;
	}
	return 0;
}

/* ---- interface ---- */

static void no_free(struct sink *sink)
{
	(void)sink;
}

struct series *series_new(struct keys *keys, enum compare_part part)
{
	struct series *series = xcalloc(1, sizeof(*series));

	series->sink = (struct sink){ .take = take, .free = no_free };
	series->keys = keys;
	series->part = part;
	series->entry_limit = ENTRIES_LIMIT;
	return series;
}

void series_end(struct series *series)
{
	close_bin(series);
	merge_entries(series);
	for (size_t i = 0; series->stacks && i < STACKS; i++)
		free(series->stacks[i].keys);
	free(series->stacks);
	free(series->pending);
	free(series->counts);
	free(series->open);
	free(series->found);
	free(series->marks);
	series->stacks = NULL;
	series->pending = NULL;
	series->counts = NULL;
	series->open = series->found = series->marks = NULL;
	series->count_capacity = series->open_capacity = series->found_capacity = series->mark_capacity = 0;
	series->mark_count = 0;
}

void series_free(struct series *series)
{
	if (!series)
		return;
	series_end(series);
	free(series->entries);
	free(series);
}

struct sink *series_sink(struct series *series)
{
	return &series->sink;
}

void series_add(struct series *series, const struct event *event, const uint32_t *keys, size_t count)
{
	array_reserve(&series->found, &series->found_capacity, count, sizeof(*series->found));
	if (count)
		memcpy(series->found, keys, count * sizeof(*keys));
	series->found_count = count;
	count_sample(series, event, NULL);
}

const struct entry *series_entries(struct series *series, size_t *count)
{
	close_bin(series);
	*count = series->entry_count;
	return series->entries;
}

uint64_t series_samples(const struct series *series)
{
	return series->samples;
}

uint64_t series_missed(const struct series *series)
{
	return series->missed;
}

bool series_has_time(const struct series *series)
{
	return series->bin_ns != 0;
}
