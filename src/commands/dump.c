/* SPDX-License-Identifier: MIT */
/*
 * pyrope dump: every thread once, as a person wants to read it in an incident, or as JSON. With --follow one
 * process after the other, each parent before its children. With --repeat again and again: as text, what
 * changed; as JSON, a line for each dump.
 */
#include "config.h"

#include "commands/children.h"
#include "commands/command.h"
#include "commands/dump_variables.h"
#include "commands/roots.h"
#include "commands/signals.h"
#include "commands/terminal.h"
#include "pyrope/output.h"
#include "pyrope/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_LINE_COLUMNS 500
#define ATTACH_WAIT_NS INT64_C(1000000000)
#define CHILD_WAIT_NS INT64_C(100000000) /* one that starts is shown as that */
#define PROCESSES_LIMIT 1000
#define CHILDREN_TOLD 100
#define SAMPLING_INTERVAL_NS INT64_C(10000000)
#define REPEAT_INTERVAL_NS INT64_C(1000000000)
#define SIGNAL_CHECK_NS INT64_C(50000000)

/*
 * What was seen of each thread: a sample is lent, and the threads are shown in another order than that of
 * the list.
 */
struct dumped {
	struct dump_thread *threads;
	size_t count, capacity;
	struct values values;
	struct waits waits;
};

static int dump_sample(void *context, const struct sample *sample, struct error *err)
{
	struct dumped *dumped = context;
	struct sample_frame *frames = xreallocarray(NULL, sample->frame_count + 1, sizeof(*frames));
	struct sample *copy;

	(void)err;
	array_reserve(&dumped->threads, &dumped->capacity, dumped->count + 1, sizeof(*dumped->threads));
	dumped->threads[dumped->count] = (struct dump_thread){ .sample = *sample };
	copy = &dumped->threads[dumped->count++].sample;
	if (sample->frame_count)
		memcpy(frames, sample->frames, sample->frame_count * sizeof(*frames));
	copy->frames = frames;
	copy->thread_name = xstrdup(sample->thread_name);
	copy->process_name = ""; /* the header has it */
	return 0;
}

static void dumped_release(struct dumped *dumped)
{
	for (size_t i = 0; i < dumped->count; i++) {
		free((void *)dumped->threads[i].sample.frames);
		free((void *)dumped->threads[i].sample.thread_name);
		free(dumped->threads[i].variables);
	}
	free(dumped->threads);
	values_release(&dumped->values);
	waits_release(&dumped->waits);
}

static bool goes_to_terminal(const struct options *options)
{
	return (!options->output_count || strcmp(options->outputs[0], "-") == 0) && isatty(STDOUT_FILENO);
}

struct dump {
	const struct options *options;
	const struct dump_format *format;
	struct functions *functions;
	struct output_file *file;
	bool is_list;   /* of processes */
	size_t count;   /* of processes that were written in this dump */
	size_t threads; /* of which something could be read */
	/* --repeat */
	struct dump_history *history; /* NULL: JSON, or it was not asked for */
	struct tree *tree;            /* the processes that were named; NULL: it was not asked for */
	bool *has_ended;              /* of those, or could not be read */
	bool is_later;                /* not the first dump */
	int64_t since_ns;             /* the first dump */
	struct u64_map shown;         /* pids, in this dump */
};

static struct dump_header header_of(
	const struct options *options, struct target *target, const struct roots *roots)
{
	return (struct dump_header){
		.pid = target_pid(target),
		.inner_pid = target_inner_pid(target),
		.colour = goes_to_terminal(options) && terminal_has_colours(STDOUT_FILENO),
		.short_paths = options->paths == PATHS_SHORT ||
			(options->paths == PATHS_OF_FORMAT && goes_to_terminal(options)),
		.roots = roots->list,
	};
}

static int collect(const struct dump *dump, struct python *python, struct dumped *dumped, struct error *err)
{
	const struct options *options = dump->options;
	const size_t locals = dump->is_later ? 0 : options->locals;
	struct sampling_options sampling = {
		.interval_ns = SAMPLING_INTERVAL_NS,
		.once = true,
		.mode = MODE_WALL,
		.pause = options->pause,
		.want_names = true,
		.want_states = true,
		.mark_syscalls = options->mark_syscalls,
		.max_depth = options->max_depth,
		.waits = &dumped->waits,
	};
	struct sampler_callbacks callbacks = { .sample = dump_sample, .context = dumped };
	const struct native_options native = { .show_all = options->native == NATIVE_ALL };
	int result;

	if (locals)
		sampling.values = &dumped->values;
	dumped->values.characters = locals;
	if (options->native && native_new(&sampling.native, python, &native, err) != 0)
		return -1;
	result = sampling_dump(python, &sampling, &callbacks, err);
	native_free(sampling.native);
	for (size_t i = 0; locals && i < dumped->count; i++)
		dump_add_variables(&dumped->threads[i], &dumped->values);
	/* A dump that was cut short would say of threads that they have ended. */
	if (result == 0 && dump->tree && is_interrupted())
		result = error_set(err, ERROR_GONE, "%s", "");
	return result;
}

/* Who waits for the GIL, and who has it: of an interpreter's own, where it has one. */
static void find_holders(struct dumped *dumped)
{
	for (size_t i = 0; i < dumped->count; i++) {
		const struct sample *holder = &dumped->threads[i].sample;

		if (holder->state != THREAD_HOLDS_GIL)
			continue;
		for (size_t j = 0; j < dumped->count; j++) {
			struct dump_thread *thread = &dumped->threads[j];

			if (thread->sample.state == THREAD_WAITS_GIL &&
				thread->sample.interpreter_id == holder->interpreter_id)
				thread->holder = holder;
		}
	}
}

/* Who sleeps in a lock, and who has it: of those that slept in the sample, too. */
static void find_waits(struct dumped *dumped)
{
	struct u64_map by_tid = { 0 };

	for (size_t i = 0; i < dumped->count; i++)
		u64_map_put(&by_tid, (uint64_t)dumped->threads[i].sample.tid, i);
	for (size_t i = 0; i < dumped->waits.count; i++) {
		const struct thread_wait *wait = &dumped->waits.list[i];
		const uint64_t *at = u64_map_get(&by_tid, (uint64_t)wait->tid);
		const uint64_t *owner = u64_map_get(&by_tid, (uint64_t)wait->owner);

		if (!at || dumped->threads[*at].sample.state != THREAD_SLEEPING)
			continue;
		dumped->threads[*at].wait = wait;
		dumped->threads[*at].owner = owner ? &dumped->threads[*owner].sample : NULL;
	}
	u64_map_release(&by_tid);
}

static void write_separator(struct dump *dump)
{
	const char *text = dump->is_list ? dump->format->before : "";

	if (!dump->count && dump->is_later && dump->history)
		dump_history_begin(dump->file, dump->since_ns);
	else if (!dump->count && dump->format->begin)
		dump->format->begin(dump->file, dump->since_ns);
	else if (dump->count)
		text = dump->is_later && dump->history ? "" : dump->format->between;
	dump->count++;
	output_write(dump->file, text, strlen(text));
}

static void write_threads(struct dump *dump, const struct dump_header *header, const struct dumped *dumped)
{
	write_separator(dump);
	if (!dump->is_later || !dump->history)
		dump->format->write(dump->file, header, dumped->threads, dumped->count);
	if (dump->history)
		dump_history_add(dump->history, dump->is_later ? dump->file : NULL, header, dumped->threads,
			dumped->count);
}

/* python: NULL: there is none, because of the obstacle. */
static int write_process(struct dump *dump, struct target *target, struct python *python, pid_t parent,
	const char *obstacle, struct error *err)
{
	struct dumped dumped = { 0 };
	struct roots roots = { 0 };
	struct buffer command_line = { 0 };
	struct dump_header header;
	char name[64];
	int result = 0;

	/* before the threads are held: the names of what ends soon */
	target_task_comm(target, target_pid(target), name);
	target_command_line(target, &command_line, COMMAND_LINE_COLUMNS);
	roots_learn(&roots, target);
	header = header_of(dump->options, target, &roots);
	header.parent = parent;
	header.process_name = name;
	header.command_line = command_line.length ? command_line.data : NULL;
	header.version = python ? python_version(python) : NULL;
	header.obstacle = obstacle;
	if (python)
		result = collect(dump, python, &dumped, err);
	header.waits = &dumped.waits;
	find_holders(&dumped);
	find_waits(&dumped);
	for (size_t i = 0; i < dumped.count; i++)
		dump->threads += dumped.threads[i].sample.quality != SAMPLE_FAILED;
	if (result == 0)
		write_threads(dump, &header, &dumped);
	dumped_release(&dumped);
	roots_release(&roots);
	buffer_release(&command_line);
	return result;
}

static int dump_process(struct dump *dump, pid_t pid, pid_t parent, int64_t wait_ns, struct error *err)
{
	const struct python_options python_options = {
		.functions = dump->functions,
		.abi = dump->options->abi,
		.wait_ns = wait_ns,
	};
	struct target *target = NULL;
	struct python *python = NULL;
	int result = -1;

	if (u64_map_get(&dump->shown, (uint64_t)pid)) /* it was named, and is a child of another one */
		return 0;
	if (target_open(&target, pid, err) != 0)
		return -1;
	u64_map_put(&dump->shown, (uint64_t)pid, 1);
	if (python_attach(&python, target, &python_options, err) == 0) {
		result = write_process(dump, target, python, parent, NULL, err);
	} else if (dump->options->follow && err->kind != ERROR_GONE) {
		struct error ignored = { 0 };

		write_process(dump, target, NULL, parent,
			err->kind == ERROR_UNSUPPORTED ? "no Python" : err->message, &ignored);
	}
	python_free(python);
	target_close(target);
	return result;
}

/* ---- trees ---- */

/*
 * The children of this process, each before its own; those that cannot be shown are no failure of the
 * whole.
 */
static size_t dump_children(struct dump *dump, pid_t pid, const struct descendant *found, size_t count)
{
	size_t shown = 0;

	for (size_t i = 0; i < count; i++) {
		struct error err = { 0 };

		if (found[i].parent != pid || found[i].pid == pid)
			continue;
		shown += dump_process(dump, found[i].pid, pid, CHILD_WAIT_NS, &err) == 0;
		shown += dump_children(dump, found[i].pid, found + i + 1, count - i - 1);
	}
	return shown;
}

/* What is not shown is told, so that nobody looks for a worker's stack in its master. */
static void tell_children(const struct dump *dump, pid_t pid)
{
	pid_t pids[CHILDREN_TOLD];
	bool has_more;
	const size_t pythons = children_that_are_pythons(
		pid, dump->functions, dump->options->abi, pids, CHILDREN_TOLD, &has_more);

	if (pythons)
		fprintf(stderr, "pyrope: %zu%s %s: dump -f shows %s\n", pythons, has_more ? " or more" : "",
			pythons == 1 ? "child is a Python" : "children are Pythons",
			pythons == 1 ? "it" : "them");
}

static int dump_tree(struct dump *dump, pid_t pid, struct error *err)
{
	struct tree *tree = tree_new(PROCESSES_LIMIT);
	const struct descendant *found = NULL;
	const size_t count = tree_add(tree, pid) ? tree_look(tree, &found) : 0;
	int result = dump_process(dump, pid, 0, ATTACH_WAIT_NS, err);

	if (!dump->options->follow) {
		if (result == 0 && !dump->is_later)
			tell_children(dump, pid);
	} else if (result != 0 && dump_children(dump, pid, found, count)) { /* a shell, with a Python below */
		error_clear(err);
		result = 0;
	} else if (result == 0) {
		dump_children(dump, pid, found, count);
	}
	if (dump->options->follow && tree_left_out(tree))
		fprintf(stderr, "pyrope: more than %d processes: %llu are left out\n", PROCESSES_LIMIT,
			(unsigned long long)tree_left_out(tree));
	tree_free(tree);
	return result;
}

/* Of several processes some may fail; this is told, and no failure of the whole. */
static int dump_all(struct dump *dump, struct error *err)
{
	const struct options *options = dump->options;
	size_t shown = 0;

	u64_map_clear(&dump->shown);
	dump->count = 0;
	for (size_t i = 0; i < options->pid_count && !signals_caught(); i++) {
		if (dump->is_later && (dump->has_ended[i] || !tree_lives(dump->tree, options->pids[i])))
			continue;
		if (*err->message)
			fprintf(stderr, "pyrope: %s\n", err->message);
		error_clear(err);
		if (dump_tree(dump, options->pids[i], err) == 0)
			shown++;
		else if (!dump->is_later) /* what cannot be read is told once */
			dump->has_ended[i] = true;
	}
	if (dump->count && (dump->is_list || dump->format->begin) && !(dump->is_later && dump->history))
		output_write(dump->file, dump->format->after, strlen(dump->format->after));
	if (dump->history)
		dump_history_end(dump->history, dump->is_later && dump->count ? dump->file : NULL);
	if (!shown)
		return -1;
	if (*err->message)
		fprintf(stderr, "pyrope: %s\n", err->message);
	error_clear(err);
	return 0;
}

/* ---- again and again ---- */

/* A signal may have come before a wait, so that a long one is made of short ones. */
static void wait_until(int64_t due_ns)
{
	for (int64_t left_ns; !signals_caught() && (left_ns = due_ns - monotonic_ns()) > 0;) {
		struct timespec wait = { .tv_nsec = left_ns < SIGNAL_CHECK_NS ? left_ns : SIGNAL_CHECK_NS };

		nanosleep(&wait, NULL);
	}
}

/* How many of the processes that were named are still there; of each that has ended this is said once. */
static size_t count_living(struct dump *dump)
{
	const struct options *options = dump->options;
	size_t living = 0;

	for (size_t i = 0; i < options->pid_count; i++) {
		if (dump->has_ended[i])
			continue;
		dump->has_ended[i] = !tree_lives(dump->tree, options->pids[i]);
		living += !dump->has_ended[i];
		if (dump->has_ended[i])
			fprintf(stderr, "pyrope: process %d has ended\n", (int)options->pids[i]);
	}
	return living;
}

static int dump_later(struct dump *dump, struct error *err)
{
	const int64_t interval_ns =
		dump->options->has_interval ? dump->options->interval_ns : REPEAT_INTERVAL_NS;
	const int64_t first_ns = monotonic_ns() - dump->since_ns;
	int64_t due_ns = first_ns;

	dump->is_later = true;
	for (int64_t i = 1; i < dump->options->repeat; i++) {
		due_ns += interval_ns;
		if (due_ns < monotonic_ns()) /* a dump took longer */
			due_ns = monotonic_ns();
		wait_until(due_ns);
		if (signals_caught() || !count_living(dump))
			return 0;
		dump->since_ns = monotonic_ns() - first_ns;
		if (dump_all(dump, err) != 0) {
			if (err->kind != ERROR_GONE && !signals_caught() && count_living(dump))
				return -1;
			error_clear(err);
		}
		if (output_flush(dump->file, err) != 0)
			return -1;
	}
	return 0;
}

static int dump_repeatedly(struct dump *dump, struct error *err)
{
	const int64_t begin_ns = monotonic_ns();

	signals_begin(false, NULL);
	dump->tree = tree_new(PIDS_LIMIT);
	if (dump->options->json)
		dump->format = &dump_json_lines;
	else
		dump->history = dump_history_new(dump->is_list);
	for (size_t i = 0; i < dump->options->pid_count; i++)
		tree_add(dump->tree, dump->options->pids[i]);
	if (dump_all(dump, err) != 0 || output_flush(dump->file, err) != 0)
		return -1;
	dump->since_ns = monotonic_ns() - begin_ns;
	return dump_later(dump, err);
}

int dump_run(const struct options *options, struct error *err)
{
	struct dump dump = {
		.options = options,
		.format = options->json ? &dump_json : &dump_text,
		.functions = functions_new(),
		.is_list = options->follow || options->pid_count > 1,
		.has_ended = xcalloc(PIDS_LIMIT, sizeof(bool)),
	};
	int result = -1;

	if (output_open(&dump.file, options->output_count ? options->outputs[0] : NULL, err) == 0)
		result = options->repeat ? dump_repeatedly(&dump, err) : dump_all(&dump, err);
	if (result == 0)
		result = output_commit(dump.file, err);
	if (result == 0 && !dump.threads)
		result = error_set(
			err, ERROR_SYSTEM, "nothing could be read of any thread of process %d", options->pid);
	if (files_unanswered())
		fprintf(stderr, "pyrope: " FILES_UNANSWERED "\n");
	if (descriptors_lacking())
		fprintf(stderr, "pyrope: " SHORT_OF_DESCRIPTORS "\n", descriptor_limit());
	tree_free(dump.tree);
	free(dump.has_ended);
	u64_map_release(&dump.shown);
	dump_history_free(dump.history);
	functions_free(dump.functions);
	output_close(dump.file);
	if (signals_caught())
		signals_raise(signals_caught());
	return result;
}
