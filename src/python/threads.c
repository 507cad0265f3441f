/* SPDX-License-Identifier: MIT */
/*
 * The list of threads, and the kernel's name for each of them.
 *
 * From 3.11 on the thread state has the kernel tid (native_thread_id). Before, it has pthread_self() alone: the address of
 * the C library's thread descriptor, which holds the tid at a place that differs between libraries and versions. So
 * the place is learned: the one offset at which the descriptors of all threads hold distinct numbers from the task list.
 */
#include "config.h"

#include "decode.h"
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREAD_LIMIT 100000
#define INTERPRETER_LIMIT 1024
#define DESCRIPTOR_BYTES 1024 /* of struct pthread: glibc 2.2 to 2.40 have the tid within 0x2d4, musl within 0x40 */

static bool add_threads(struct python *python, raddr_t interpreter, struct python_thread **threads, size_t *capacity,
	size_t *count)
{
	const struct layout *layout = &python->layout;
	const size_t length = python_thread_state_bytes(python);
	unsigned char state[8192];
	uint64_t id = 0;
	raddr_t address, seen = 0;
	size_t steps = 0;

	if (length > sizeof(state) ||
		!python_read_pointer(python, interpreter + layout->interpreter_state.threads_head, &address))
		return false;
	if (layout->interpreter_state.id != OFFSET_NONE)
		python_read_pointer(python, interpreter + layout->interpreter_state.id, &id);
	while (address) {
		struct python_thread *thread;

		if (address == seen || *count >= THREAD_LIMIT || !target_read(python->target, address, state, length))
			return false;
		steps++;
		if ((steps & (steps - 1)) == 0)
			seen = address; /* a list that comes back to where it was: as in walk.c */
		if (field_u64(state, layout->thread_state.interp) != interpreter)
			return false;
		array_reserve(threads, capacity, *count + 1, sizeof(**threads));
		thread = &(*threads)[(*count)++];
		*thread = (struct python_thread){ .state = address, .interpreter = interpreter, .interpreter_id = id,
			.pthread_id = field_u64(state, layout->thread_state.thread_id) };
		if (layout->thread_state.native_thread_id != OFFSET_NONE)
			thread->tid = (pid_t)field_u64(state, layout->thread_state.native_thread_id);
		address = field_u64(state, layout->thread_state.next);
	}
	return true;
}

/* ---- kernel tids ---- */

struct tid_set {
	struct u64_map outer; /* tid in the target's own pid namespace -> tid as we see it */
};

/* The tid of a thread in its innermost pid namespace. */
static pid_t inner_tid(struct target *target, pid_t tid)
{
	char path[64], text[4096];
	const char *field;
	pid_t inner = tid;
	int fd;
	ssize_t length;

	if (target_inner_pid(target) == target_pid(target))
		return tid;
	snprintf(path, sizeof(path), "task/%d/status", tid);
	fd = openat(target_proc_fd(target), path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return tid;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	field = strstr(text, "\nNSpid:");
	for (char *at = field ? (char *)field + 7 : NULL; at && *at != '\n' && *at; ) {
		char *end;
		long number = strtol(at, &end, 10);

		if (end == at)
			break;
		inner = (pid_t)number;
		at = end;
	}
	return inner;
}

static void read_tids(struct python *python, struct tid_set *set)
{
	struct error ignored = { 0 };
	pid_t *tids = NULL;
	size_t capacity = 0;
	ssize_t count = target_list_tids(python->target, &tids, &capacity, &ignored);

	for (ssize_t i = 0; i < count; i++)
		u64_map_put(&set->outer, (uint64_t)inner_tid(python->target, tids[i]), (uint64_t)tids[i]);
	free(tids);
}

/* False: what stands there is no tid. The kernel clears it when a thread exits (set_tid_address(2)): 0 then. */
static bool tid_at(struct python *python, const struct python_thread *thread, const struct tid_set *set, pid_t *tid)
{
	uint32_t inner;
	uint64_t *outer;

	*tid = 0;
	if (!target_read(python->target, thread->pthread_id + python->tid_offset, &inner, sizeof(inner)))
		return false;
	outer = u64_map_get(&set->outer, inner);
	if (outer)
		*tid = (pid_t)*outer;
	return outer || !inner;
}

/* Is this the place of the tid in every descriptor? Of threads that have exited there may be some. */
static bool offset_fits(uint32_t offset, const unsigned char *descriptors, size_t count, const struct tid_set *set,
	bool allow_exited)
{
	size_t live = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t tid = field_u32(descriptors + i * DESCRIPTOR_BYTES, offset);

		if (!tid && allow_exited)
			continue;
		if (!u64_map_get(&set->outer, tid))
			return false;
		live++;
		for (size_t j = 0; j < i; j++) {
			if (field_u32(descriptors + j * DESCRIPTOR_BYTES, offset) == tid)
				return false;
		}
	}
	return live > 0;
}

static uint32_t search_offset(const unsigned char *descriptors, size_t count, const struct tid_set *set,
	bool allow_exited)
{
	for (uint32_t offset = 0; offset + 4 <= DESCRIPTOR_BYTES; offset += 4) {
		if (offset_fits(offset, descriptors, count, set, allow_exited))
			return offset;
	}
	return OFFSET_NONE;
}

static void learn_offset(struct python *python, const struct python_thread *threads, size_t count,
	const struct tid_set *set)
{
	enum { SOME = 16 }; /* descriptors are enough to be sure */
	unsigned char *descriptors = xcalloc(SOME, DESCRIPTOR_BYTES);
	uint64_t ids[SOME];
	size_t some = 0;

	for (size_t i = 0; i < count && some < SOME; i++) {
		size_t known = 0;

		/* one thread has a state in each subinterpreter that it is in */
		while (known < some && ids[known] != threads[i].pthread_id)
			known++;
		if (known < some)
			continue;
		ids[some] = threads[i].pthread_id;
		/* the descriptor of a thread that was not started by pthread_create may end early: zeros stay */
		if (target_read_upto(python->target, threads[i].pthread_id, descriptors + some * DESCRIPTOR_BYTES,
			DESCRIPTOR_BYTES) > 0)
			some++;
	}
	python->tid_offset = search_offset(descriptors, some, set, false);
	if (python->tid_offset == OFFSET_NONE)
		python->tid_offset = search_offset(descriptors, some, set, true);
	free(descriptors);
}

static void find_tids(struct python *python, struct python_thread *threads, size_t count)
{
	struct tid_set set = { { 0 } };
	bool native = python->layout.thread_state.native_thread_id != OFFSET_NONE;

	if (native && target_inner_pid(python->target) == target_pid(python->target))
		return;
	read_tids(python, &set);
	if (native) {
		for (size_t i = 0; i < count; i++) {
			uint64_t *outer = u64_map_get(&set.outer, (uint64_t)threads[i].tid);

			threads[i].tid = outer ? (pid_t)*outer : 0;
		}
		u64_map_release(&set.outer);
		return;
	}
	for (int attempt = 0; attempt < 2; attempt++) {
		bool all = python->tid_offset != OFFSET_NONE;

		for (size_t i = 0; all && i < count; i++)
			all = tid_at(python, &threads[i], &set, &threads[i].tid);
		if (all || attempt)
			break;
		learn_offset(python, threads, count, &set);
		if (python->tid_offset == OFFSET_NONE)
			break;
	}
	u64_map_release(&set.outer);
}

ssize_t python_list_threads(struct python *python, struct python_thread **threads, size_t *capacity, struct error *err)
{
	raddr_t interpreters[INTERPRETER_LIMIT];
	size_t found = 0, count = 0;

	for (int attempt = 0; attempt < 5; attempt++) {
		bool whole = true;

		count = 0;
		found = python_list_interpreters(python, interpreters, ARRAY_LENGTH(interpreters));
		for (size_t i = 0; whole && i < found; i++)
			whole = add_threads(python, interpreters[i], threads, capacity, &count);
		if (whole && found) {
			find_tids(python, *threads, count);
			return (ssize_t)count;
		}
		if (!target_alive(python->target))
			return error_set(err, ERROR_GONE, "process %d has exited", target_pid(python->target));
	}
	return error_set(err, ERROR_RACED, "the thread list of process %d did not stand still",
		target_pid(python->target));
}

uint64_t python_thread_list_heads(struct python *python)
{
	raddr_t interpreters[INTERPRETER_LIMIT], head;
	size_t found = python_list_interpreters(python, interpreters, ARRAY_LENGTH(interpreters));
	uint64_t hash = hash_u64(found);

	for (size_t i = 0; i < found; i++) {
		if (!python_read_pointer(python, interpreters[i] + python->layout.interpreter_state.threads_head, &head))
			head = 0;
		hash = hash_combine(hash, head);
	}
	return hash;
}

bool python_thread_name(struct python *python, const struct python_thread *thread, struct buffer *name)
{
	return thread_name_read(&python->layout, python->target, thread->interpreter, thread->pthread_id, name);
}

pid_t python_thread_tid(struct python *python, const struct python_thread *thread)
{
	const struct layout *layout = &python->layout;
	uint64_t native;
	struct python_thread now = *thread;

	if (layout->thread_state.native_thread_id != OFFSET_NONE) {
		if (!python_read_pointer(python, thread->state + layout->thread_state.native_thread_id, &native))
			return 0;
		if (target_inner_pid(python->target) == target_pid(python->target))
			return (pid_t)native;
		now.tid = (pid_t)native;
	} else if (!python_read_pointer(python, thread->state + layout->thread_state.thread_id, &now.pthread_id)) {
		return 0;
	}
	find_tids(python, &now, 1);
	return now.tid;
}

bool python_state_has_tid(const struct python *python)
{
	return python->layout.thread_state.native_thread_id != OFFSET_NONE &&
		target_inner_pid(python->target) == target_pid(python->target);
}

bool python_thread_matches(const struct python *python, const struct python_thread *thread, const void *state)
{
	const struct layout *layout = &python->layout;

	if (field_u64(state, layout->thread_state.interp) != thread->interpreter ||
		field_u64(state, layout->thread_state.thread_id) != thread->pthread_id)
		return false;
	return !python_state_has_tid(python) || !thread->tid ||
		(pid_t)field_u64(state, layout->thread_state.native_thread_id) == thread->tid;
}
