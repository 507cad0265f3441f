/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "live/model.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
#define NODES_LIMIT (1u << 20)
#define CELLS_LIMIT (1u << 20)
#define THREADS_LIMIT (1u << 16)
#define PROCESSES_LIMIT (1u << 14)
#define ROOTS_BYTES 4096

/* ---- time ---- */

/* Since the beginning, without what was paused. */
static int64_t run_ns(const struct model *model)
{
	const int64_t end_ns = model->pause_began_ns ? model->pause_began_ns : model->now_ns;
	const int64_t passed_ns = end_ns - model->began_ns - model->paused_ns;

	return model->has_begun && passed_ns > 0 ? passed_ns : 0;
}

static int64_t second_of(const struct model *model, int64_t time_ns)
{
	const int64_t passed_ns = time_ns - model->began_ns - model->paused_ns;
	const int64_t last = run_ns(model) / SECOND_NS;
	const int64_t second = passed_ns > 0 ? passed_ns / SECOND_NS : 0;

	return second < last ? second : last;
}

/* NULL: it is too long ago. */
static struct model_second *find_second(struct model *model, int64_t number)
{
	struct model_second *second = &model->seconds[number % (MODEL_SECONDS + 1)];

	if (second->number > number || number < 0)
		return NULL;
	if (second->number < number) {
		struct model_part *parts = second->parts;
		const size_t capacity = second->capacity;

		*second = (struct model_second){ .number = number, .parts = parts, .capacity = capacity };
	}
	return second;
}

static void begin_at(struct model *model, int64_t time_ns)
{
	if (model->has_begun)
		return;
	model->has_begun = true;
	model->began_ns = model->now_ns = time_ns;
	model->paused_ns = 0;
	if (model->pause_began_ns)
		model->pause_began_ns = time_ns;
}

void model_advance(struct model *model, int64_t now_ns)
{
	if (model->has_begun && now_ns > model->now_ns)
		model->now_ns = now_ns;
}

void model_pause(struct model *model, int64_t now_ns)
{
	if (model->pause_began_ns)
		return;
	model_advance(model, now_ns);
	model->pause_began_ns = now_ns;
}

void model_resume(struct model *model, int64_t now_ns)
{
	if (!model->pause_began_ns)
		return;
	if (model->has_begun && now_ns > model->pause_began_ns)
		model->paused_ns += now_ns - model->pause_began_ns;
	model->pause_began_ns = 0;
	model_advance(model, now_ns);
}

double model_all_ns(const struct model *model)
{
	return (double)run_ns(model);
}

/* The seconds before the one that goes on, and that. */
static int64_t first_second(const struct model *model, int seconds)
{
	const int64_t first = run_ns(model) / SECOND_NS - seconds;

	return first > 0 ? first : 0;
}

static const struct model_second *known_second(const struct model *model, int64_t number)
{
	const struct model_second *second = &model->seconds[number % (MODEL_SECONDS + 1)];

	return second->number == number ? second : NULL;
}

static size_t living_processes(const struct model *model)
{
	size_t count = 0;

	for (size_t i = 0; i < model->process_count; i++)
		count += !model->processes[i].is_gone;
	return count;
}

double model_recent_ns(const struct model *model, int seconds)
{
	const int64_t first = first_second(model, seconds), last = run_ns(model) / SECOND_NS;
	const double processes = (double)living_processes(model);
	double missed_ns = 0, all_ns = (double)(run_ns(model) - first * SECOND_NS);

	for (int64_t i = first; i <= last; i++)
		if (known_second(model, i))
			missed_ns += (double)known_second(model, i)->missed_ns;
	missed_ns /= processes > 1 ? processes : 1;
	return missed_ns < all_ns / 2 ? all_ns - missed_ns : all_ns;
}

/* ---- processes and threads ---- */

static void replace_text(char **old, const char *text)
{
	free(*old);
	*old = xstrdup(text);
}

static uint32_t find_process(struct model *model, pid_t pid)
{
	const uint64_t *known = u64_map_get(&model->process_by_pid, (uint64_t)pid);

	if (known)
		return (uint32_t)*known;
	array_reserve(&model->processes, &model->process_capacity, model->process_count + 1,
		sizeof(*model->processes));
	model->processes[model->process_count] = (struct model_process){
		.pid = pid,
		.name = xstrdup(""),
		.command_line = xstrdup(""),
		.version = xstrdup(""),
		.roots = xstrdup(""),
		.status = -1,
		.interval_ns = model->interval_ns,
	};
	u64_map_put(&model->process_by_pid, (uint64_t)pid, model->process_count);
	return (uint32_t)model->process_count++;
}

/* Lent until the next one is found: the list may move. */
static struct model_process *process_of(struct model *model, pid_t pid)
{
	const uint32_t number = find_process(model, pid);

	return &model->processes[number];
}

static void take_process(struct model *model, const struct event *event)
{
	struct model_process *process = process_of(model, event->pid);

	begin_at(model, event->time_ns);
	process->parent = event->process->parent;
	process->free_threaded = event->process->free_threaded;
	process->interval_ns = model->interval_ns;
	process->is_gone = false;
	process->has_counters = false;
	replace_text(&process->name, event->process->name);
	replace_text(&process->command_line, event->process->command_line);
	replace_text(&process->version, event->process->version);
	replace_text(&process->roots, event->process->roots);
}

static uint32_t find_thread(struct model *model, const struct sample *sample)
{
	const uint64_t id = (uint64_t)(uint32_t)sample->pid << 32 | (uint32_t)sample->tid;
	const uint64_t *known = u64_map_get(&model->thread_by_id, id);
	struct model_thread *thread;

	if (known) {
		thread = &model->threads[*known];
		if (strcmp(thread->name, sample->thread_name) != 0)
			replace_text(&thread->name, sample->thread_name);
		return (uint32_t)*known;
	}
	array_reserve(
		&model->threads, &model->thread_capacity, model->thread_count + 1, sizeof(*model->threads));
	model->threads[model->thread_count] =
		(struct model_thread){ .process = find_process(model, sample->pid),
			.tid = sample->tid,
			.name = xstrdup(sample->thread_name) };
	u64_map_put(&model->thread_by_id, id, model->thread_count);
	return (uint32_t)model->thread_count++;
}

bool model_thread_lives(const struct model *model, const struct model_thread *thread)
{
	const struct model_process *process = &model->processes[thread->process];
	const int64_t end_ns = model->pause_began_ns ? model->pause_began_ns : model->now_ns;
	const int64_t patience_ns = 2 * SECOND_NS + 4 * process->interval_ns;

	return !process->is_gone && end_ns - thread->seen_ns < patience_ns;
}

/* ---- stacks ---- */

static void *grow(void *array, size_t *capacity, size_t needed, size_t bytes)
{
	const size_t old = *capacity;
	unsigned char *grown;

	array_reserve(&array, capacity, needed, bytes);
	grown = array;
	memset(grown + old * bytes, 0, (*capacity - old) * bytes);
	return array;
}

/*
 * What is new of a stack is told where else it belongs: to which node of the calls, and whether its function
 * stands in it already. The whole stack is walked for that, but only when there is something new in it.
 */
static void learn_nodes(struct model *model, const struct stack_path *path, size_t old_nodes)
{
	uint32_t call = 0;

	model->turn++;
	model->call_of = grow(
		model->call_of, &model->call_capacity, model->stacks.node_count, sizeof(*model->call_of));
	model->is_first_line =
		grow(model->is_first_line, &model->first_line_capacity, model->stacks.node_count, 1);
	model->line_turns = grow(model->line_turns, &model->line_turn_capacity, model->stacks.frame_count,
		sizeof(*model->line_turns));
	for (size_t i = 0; i < path->count; i++) {
		const uint32_t node = path->steps[i].node, id = path->steps[i].function;
		const uint32_t frame = model->stacks.nodes[node].frame;
		const size_t old_calls = model->calls.node_count;

		model->function_turns = grow(model->function_turns, &model->function_turn_capacity,
			(size_t)id + 1, sizeof(*model->function_turns));
		call = node < old_nodes
			? model->call_of[node]
			: stacks_child(&model->calls, call,
				  stacks_frame(&model->calls, model->stacks.frames[frame].function, 0));
		if (model->calls.node_count > old_calls) {
			model->is_first_call =
				grow(model->is_first_call, &model->first_call_capacity, (size_t)call + 1, 1);
			model->is_first_call[call] = model->function_turns[id] != model->turn;
		}
		if (node >= old_nodes) {
			model->call_of[node] = call;
			model->is_first_line[node] = model->line_turns[frame] != model->turn;
		}
		model->line_turns[frame] = model->function_turns[id] = model->turn;
	}
}

static uint32_t find_node(struct model *model, struct model_thread *thread, const struct sample *sample)
{
	const size_t old = model->stacks.node_count;
	const uint32_t node =
		stacks_find(&model->stacks, &thread->path, 0, sample->frames, sample->frame_count);

	if (model->stacks.node_count > old)
		learn_nodes(model, &thread->path, old);
	return node;
}

/* ---- cells ---- */

static uint32_t find_cell(
	struct model *model, uint32_t thread, uint32_t node, enum thread_state state, bool is_collecting)
{
	const uint64_t key =
		(uint64_t)thread << 36 | (uint64_t)state << 33 | (uint64_t)is_collecting << 32 | node;
	const uint64_t *known = u64_map_get(&model->cell_by_key, key);

	if (known)
		return (uint32_t)*known;
	array_reserve(&model->cells, &model->cell_capacity, model->cell_count + 1, sizeof(*model->cells));
	model->cells[model->cell_count] = (struct model_cell){ .thread = thread,
		.node = node,
		.state = (uint8_t)state,
		.is_collecting = is_collecting,
		.second = -1 };
	u64_map_put(&model->cell_by_key, key, model->cell_count);
	return (uint32_t)model->cell_count++;
}

static void count(struct model *model, uint32_t number, int64_t time_ns, uint64_t ns)
{
	struct model_cell *cell = &model->cells[number];
	struct model_second *second = find_second(model, second_of(model, time_ns));

	cell->all_ns += ns;
	if (!second)
		return;
	if (cell->second != second->number) {
		array_reserve(&second->parts, &second->capacity, second->count + 1, sizeof(*second->parts));
		second->parts[second->count] = (struct model_part){ .cell = number };
		cell->second = second->number;
		cell->place = (uint32_t)second->count++;
	}
	second->parts[cell->place].ns += ns;
	second->states[cell->state] += ns;
	second->collecting_ns += cell->is_collecting ? ns : 0;
}

static bool is_full(const struct model *model)
{
	return model->stacks.node_count > NODES_LIMIT || model->cell_count > CELLS_LIMIT ||
		model->thread_count > THREADS_LIMIT || model->process_count > PROCESSES_LIMIT;
}

static void take_sample(struct model *model, const struct event *event)
{
	const struct sample *sample = event->sample;
	uint32_t number, cell;
	struct model_thread *thread;
	struct model_second *second;
	uint64_t ns;

	if (sample->quality == SAMPLE_IDLE || !sample->tid)
		return;
	if (is_full(model)) {
		model->forgotten++;
		model_reset(model);
	}
	begin_at(model, event->time_ns);
	model_advance(model, event->time_ns);
	number = find_thread(model, sample);
	thread = &model->threads[number];
	ns = event->weight * (uint64_t)model->processes[thread->process].interval_ns;
	thread->node = find_node(model, thread, sample);
	thread->state = sample->state;
	thread->is_collecting = sample->is_collecting;
	thread->seen_ns = event->time_ns;
	cell = find_cell(model, number, thread->node, sample->state, sample->is_collecting);
	count(model, cell, event->time_ns, ns);
	second = find_second(model, second_of(model, event->time_ns));
	if (second)
		second->samples += event->weight;
	model->samples += event->weight;
}

/* ---- counters ---- */

/* CPU time is told once a second or so: it is spread over the time in which it was used. */
static void spread_cpu(struct model *model, int64_t from_ns, int64_t to_ns, double cpu_ns)
{
	const int64_t first = second_of(model, from_ns), last = second_of(model, to_ns);
	const double each_ns = cpu_ns / (double)(to_ns - from_ns);

	for (int64_t i = first; i <= last; i++) {
		const int64_t begin_ns = model->began_ns + model->paused_ns + i * SECOND_NS;
		const int64_t low_ns = begin_ns > from_ns ? begin_ns : from_ns;
		const int64_t high_ns = begin_ns + SECOND_NS < to_ns ? begin_ns + SECOND_NS : to_ns;
		struct model_second *second = find_second(model, i);

		if (second && high_ns > low_ns)
			second->cpu_ns += (double)(high_ns - low_ns) * each_ns;
	}
}

static void take_counters(struct model *model, const struct event *event)
{
	struct model_process *process = process_of(model, event->pid);
	const uint64_t cpu_ns = event->counters->user_ns + event->counters->system_ns;

	model_advance(model, event->time_ns);
	if (model->pause_began_ns) { /* what is shown stays */
		process->has_counters = false;
		return;
	}
	if (process->has_counters && event->time_ns > process->counted_ns && cpu_ns >= process->cpu_ns) {
		const double used_ns = (double)(cpu_ns - process->cpu_ns);

		process->cpu = used_ns / (double)(event->time_ns - process->counted_ns);
		if (process->counted_ns >= model->began_ns)
			spread_cpu(model, process->counted_ns, event->time_ns, used_ns);
	}
	process->has_counters = true;
	process->counted_ns = event->time_ns;
	process->cpu_ns = cpu_ns;
	process->resident_bytes = event->counters->resident_bytes;
}

static void take_missed(struct model *model, const struct event *event)
{
	const struct model_process *process = process_of(model, event->pid);
	struct model_second *second;

	model_advance(model, event->time_ns);
	second = find_second(model, second_of(model, event->time_ns));
	if (second)
		second->missed_ns += event->missed * (uint64_t)process->interval_ns;
}

static void take_exit(struct model *model, const struct event *event)
{
	struct model_process *process = process_of(model, event->pid);

	process->is_gone = true;
	process->status = event->status;
	process->cpu = 0;
	process->resident_bytes = 0;
}

/* ---- the header ---- */

static void fill_minute(const struct model *model, struct model_header *header)
{
	/* the second that goes on is not over yet */
	const int64_t first = run_ns(model) / SECOND_NS - MODEL_SECONDS;

	for (int i = 0; i < MODEL_SECONDS; i++) {
		const struct model_second *second = first + i >= 0 ? known_second(model, first + i) : NULL;

		header->minute[i] = second ? second->cpu_ns / (double)SECOND_NS : -1;
	}
}

void model_header(const struct model *model, int seconds, struct model_header *header)
{
	const int64_t last = run_ns(model) / SECOND_NS;
	const double all_ns = model_recent_ns(model, seconds);
	double missed_ns = 0, samples = 0;

	*header = (struct model_header){ .processes = 0 };
	for (int64_t i = first_second(model, seconds); i <= last; i++) {
		const struct model_second *second = known_second(model, i);

		if (!second)
			continue;
		header->holds_gil += (double)second->states[THREAD_HOLDS_GIL];
		header->waits_gil += (double)second->states[THREAD_WAITS_GIL];
		header->collecting += (double)second->collecting_ns;
		samples += (double)second->samples;
		missed_ns += (double)second->missed_ns;
	}
	for (size_t i = 0; i < model->process_count; i++) {
		const struct model_process *process = &model->processes[i];

		header->gone += process->is_gone;
		header->processes += !process->is_gone;
		header->cpu += process->is_gone ? 0 : process->cpu;
		header->resident_bytes += process->resident_bytes;
	}
	for (size_t i = 0; i < model->thread_count; i++)
		header->threads += model_thread_lives(model, &model->threads[i]);
	fill_minute(model, header);
	if (all_ns <= 0)
		return;
	header->holds_gil /= all_ns;
	header->waits_gil /= all_ns;
	header->collecting /= all_ns;
	header->samples_per_second = samples * (double)SECOND_NS / all_ns;
	missed_ns /= header->processes > 1 ? (double)header->processes : 1;
	header->lost = missed_ns / (all_ns + missed_ns);
}

/* ---- the sink ---- */

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct model *model = (struct model *)sink;

	(void)err;
	model->changes++;
	switch (event->kind) {
	case EVENT_BEGIN:
		model->interval_ns = event->run->interval_ns;
		break;
	case EVENT_PROCESS:
		take_process(model, event);
		break;
	case EVENT_SAMPLE:
		take_sample(model, event);
		break;
	case EVENT_MISSED:
		take_missed(model, event);
		break;
	case EVENT_COUNTERS:
		take_counters(model, event);
		break;
	case EVENT_EXIT:
		take_exit(model, event);
		break;
	case EVENT_LEFT_OUT:
	case EVENT_CLOCK:
	case EVENT_MARK:
	case EVENT_END:
	case EVENT_KINDS:
		break;
	}
	return 0;
}

struct sink *model_sink(struct model *model)
{
	return &model->sink;
}

static void begin_stacks(struct model *model)
{
	stacks_init(&model->stacks);
	stacks_init(&model->calls);
	model->call_of = grow(model->call_of, &model->call_capacity, 1, sizeof(*model->call_of));
	model->is_first_line = grow(model->is_first_line, &model->first_line_capacity, 1, 1);
	model->is_first_call = grow(model->is_first_call, &model->first_call_capacity, 1, 1);
	for (size_t i = 0; i < ARRAY_LENGTH(model->seconds); i++) {
		model->seconds[i].number = -1;
		model->seconds[i].count = 0;
	}
}

static void release_stacks(struct model *model)
{
	stacks_release(&model->stacks);
	stacks_release(&model->calls);
	free(model->call_of);
	free(model->is_first_line);
	free(model->is_first_call);
	free(model->line_turns);
	free(model->function_turns);
	model->call_of = model->line_turns = model->function_turns = NULL;
	model->is_first_line = model->is_first_call = NULL;
	model->call_capacity = model->first_line_capacity = model->first_call_capacity = 0;
	model->line_turn_capacity = model->function_turn_capacity = 0;
	model->turn = 0;
}

static void release_thread(struct model_thread *thread)
{
	free(thread->name);
	stack_path_release(&thread->path);
}

static void release_process(struct model_process *process)
{
	free(process->name);
	free(process->command_line);
	free(process->version);
	free(process->roots);
}

/* Those that are there stay, with new numbers. */
static void keep_processes(struct model *model)
{
	size_t kept = 0;

	u64_map_clear(&model->process_by_pid);
	for (size_t i = 0; i < model->process_count; i++) {
		if (model->processes[i].is_gone) {
			release_process(&model->processes[i]);
			continue;
		}
		u64_map_put(&model->process_by_pid, (uint64_t)model->processes[i].pid, kept);
		model->processes[kept++] = model->processes[i];
	}
	model->process_count = kept;
}

void model_reset(struct model *model)
{
	for (size_t i = 0; i < model->thread_count; i++)
		release_thread(&model->threads[i]);
	model->thread_count = 0;
	u64_map_clear(&model->thread_by_id);
	keep_processes(model);
	release_stacks(model);
	begin_stacks(model);
	model->cell_count = 0;
	u64_map_clear(&model->cell_by_key);
	model->has_begun = false;
	model->samples = 0;
	model->changes++;
}

struct model *model_new(struct functions *functions, int64_t interval_ns)
{
	struct model *model = xcalloc(1, sizeof(*model));

	model->sink = (struct sink){ .take = take };
	model->functions = functions;
	model->interval_ns = interval_ns;
	begin_stacks(model);
	return model;
}

void model_free(struct model *model)
{
	if (!model)
		return;
	for (size_t i = 0; i < model->thread_count; i++)
		release_thread(&model->threads[i]);
	for (size_t i = 0; i < model->process_count; i++)
		release_process(&model->processes[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(model->seconds); i++)
		free(model->seconds[i].parts);
	release_stacks(model);
	free(model->threads);
	free(model->processes);
	free(model->cells);
	u64_map_release(&model->process_by_pid);
	u64_map_release(&model->thread_by_id);
	u64_map_release(&model->cell_by_key);
	free(model);
}
