/* SPDX-License-Identifier: MIT */
/*
 * Writes a recording of a made-up service: so many samples of so many different stacks, of eight threads, at
 * 1 kHz. The same arguments give the same bytes; another seed is another run of the same service. For
 * tests/bench/differences.py, formats.py and recordings.py.
 *
 * Usage: make_recording FILE SAMPLES STACKS SEED [STAY [THREADS AWAKE HZ]]
 *
 * A thread stays in a stack for STAY ticks, on average (default 20). Of THREADS (at most 64; default 8) the
 * first AWAKE compute (all); the others sleep in a system call, and are elsewhere once in a thousand ticks.
 * HZ: ticks a second (1,000).
 */
#include "config.h"

#include "pyrope/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INTERVAL_NS 1000000
#define START_NS INT64_C(5000000000)
#define FUNCTIONS 3000
#define THREADS 8
#define THREADS_LIMIT 64
#define SLEEPERS_STAY 1000
#define DEEPEST 40
#define LEAST_DEEP 8
#define STAY 20

struct stack {
	struct sample_frame frames[DEEPEST];
	size_t count;
};

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	random_state += UINT64_C(0x9e3779b97f4a7c15);
	return hash_u64(random_state) % limit;
}

static int write_bytes(void *context, const void *bytes, size_t length, struct error *err)
{
	return fwrite(bytes, 1, length, context) == length
		? 0
		: error_set(err, ERROR_SYSTEM, "the file cannot be written");
}

static void check(int result, const struct error *err)
{
	if (result == 0)
		return;
	fprintf(stderr, "make_recording: %s\n", err->message);
	exit(1);
}

static void make_functions(struct functions *functions, const struct function **list)
{
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		char name[64], file[64];
		const struct function like = {
			.kind = FUNCTION_PYTHON, .name = name, .file = file, .first_line = (int)(1 + i % 300)
		};

		snprintf(name, sizeof(name), "Class%u.method_%u", i % 31, i);
		snprintf(file, sizeof(file), "/srv/app/package%u/module%u.py", i % 17, i % 211);
		list[i] = functions_intern(functions, &like);
	}
}

/* As calls are: what a function calls is one of six. */
static struct stack *make_stacks(const struct function *const *functions, size_t count)
{
	struct stack *stacks = xcalloc(count, sizeof(*stacks));

	random_state = 7;
	for (size_t i = 0; i < count; i++) {
		uint64_t function = 0;

		stacks[i].count = LEAST_DEEP + random_below(DEEPEST - LEAST_DEEP + 1);
		for (size_t j = 0; j < stacks[i].count; j++) {
			stacks[i].frames[j] = (struct sample_frame){ functions[function],
				functions[function]->first_line + 1 + (int)(function % 5) };
			function = (function * 31 + random_below(6) * random_below(2) * 7919) % FUNCTIONS;
		}
	}
	return stacks;
}

/* What is to be made. */
struct plan {
	size_t stacks, threads, awake;
	uint64_t samples, stay;
	int64_t interval_ns;
};

static void play(struct sink *sink, const struct stack *stacks, const struct plan *plan)
{
	static const struct process_info process = { .name = "python3",
		.command_line = "python3 service.py",
		.version = "3.11.7",
		.roots = "/srv/app/\n" };
	const struct run_info run = { "0.1.0", "pyrope", "Linux", 2, plan->interval_ns, 0, "wall", false };
	struct error err = { .message = "" };
	struct event event = { .kind = EVENT_BEGIN, .time_ns = START_NS, .run = &run };
	size_t now[THREADS_LIMIT] = { 0 };

	check(sink_take(sink, &event, &err), &err);
	event = (struct event){ .kind = EVENT_PROCESS, .time_ns = START_NS, .pid = 100, .process = &process };
	check(sink_take(sink, &event, &err), &err);
	for (uint64_t i = 0; i < plan->samples; i++) {
		const size_t thread = i % plan->threads;
		const bool sleeps = thread >= plan->awake;
		const int64_t time_ns = START_NS + (int64_t)(i / plan->threads) * plan->interval_ns;
		const struct stack *stack;
		struct sample sample;

		if (random_below(sleeps ? SLEEPERS_STAY : plan->stay) == 0)
			now[thread] = random_below(1 + random_below(plan->stacks)); /* some are frequent */
		stack = &stacks[now[thread]];
		sample = (struct sample){ .time_ns = time_ns,
			.pid = 100,
			.tid = 100 + (pid_t)thread,
			.process_name = "python3",
			.thread_name = thread ? "worker" : "MainThread",
			.state = sleeps  ? THREAD_SLEEPING
				: thread ? THREAD_RUNNING
					 : THREAD_HOLDS_GIL,
			.syscall_number = sleeps ? 202 : -1,
			.weight = 1,
			.frames = stack->frames,
			.frame_count = stack->count };
		event = (struct event){ .kind = EVENT_SAMPLE, .time_ns = time_ns, .pid = 100 };
		event.sample = &sample;
		event.weight = 1;
		event.last_ns = time_ns;
		check(sink_take(sink, &event, &err), &err);
	}
	event = (struct event){ .kind = EVENT_END,
		.time_ns = START_NS + (int64_t)(plan->samples / plan->threads) * plan->interval_ns };
	event.reason = "the time was over";
	check(sink_take(sink, &event, &err), &err);
	check(sink_finish(sink, &err), &err);
}

int main(int argc, char **argv)
{
	const struct function *list[FUNCTIONS];
	struct recorder_file bytes = { .write = write_bytes };
	struct functions *functions;
	struct stack *stacks;
	struct sink *sink;
	struct plan plan = { .threads = THREADS, .awake = THREADS, .stay = STAY, .interval_ns = INTERVAL_NS };

	if (argc > 5)
		plan.stay = strtoull(argv[5], NULL, 10);
	if (argc == 9) {
		plan.threads = strtoull(argv[6], NULL, 10);
		plan.awake = strtoull(argv[7], NULL, 10);
		plan.interval_ns =
			1000000000 / (strtoll(argv[8], NULL, 10) > 0 ? strtoll(argv[8], NULL, 10) : 1);
	}
	if ((argc != 5 && argc != 6 && argc != 9) || !plan.stay || !plan.threads ||
		plan.threads > THREADS_LIMIT) {
		fputs("usage: make_recording FILE SAMPLES STACKS SEED [STAY [THREADS AWAKE HZ]]\n", stderr);
		return 2;
	}
	plan.samples = strtoull(argv[2], NULL, 10);
	plan.stacks = strtoull(argv[3], NULL, 10);
	bytes.context = fopen(argv[1], "we");
	if (!bytes.context) {
		perror(argv[1]);
		return 1;
	}
	functions = functions_new();
	make_functions(functions, list);
	stacks = make_stacks(list, plan.stacks);
	random_state = 1000 + strtoull(argv[4], NULL, 10);
	sink = recorder_new(&bytes);
	play(sink, stacks, &plan);
	sink_free(sink);
	free(stacks);
	functions_free(functions);
	return fclose(bytes.context) == 0 ? 0 : 1;
}
