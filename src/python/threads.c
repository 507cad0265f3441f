/* SPDX-License-Identifier: MIT */
/*
 * The list of threads, and the kernel's name for each of them.
 *
 * From 3.11 on the thread state has the kernel tid (native_thread_id). Before, it has pthread_self() alone:
 * the address of the C library's thread descriptor, which holds the tid at a place that differs between
 * libraries and versions. So the place is learned: the one offset at which the descriptors of all threads
 * hold distinct numbers from the task list.
 *
 * native_thread_id is written when the thread begins, and again by PyOS_AfterFork_Child. A program that forks
 * without that (uWSGI does, in C) has the parent's in its child, and the states of threads that only the
 * parent has. So a tid counts only if it is in the task list; else the descriptor is asked, which fork(3)
 * keeps true.
 */
#include "config.h"

#include "python/decode.h"
#include "python/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREAD_LIMIT 100000
#define INTERPRETER_LIMIT 1024
/* of struct pthread: glibc 2.2 to 2.40 have the tid within 0x2d4, musl within 0x40 */
#define DESCRIPTOR_BYTES 1024

static bool add_threads(struct python *python, raddr_t interpreter, struct python_thread **threads,
	size_t *capacity, size_t *count)
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

		if (address == seen || *count >= THREAD_LIMIT ||
			!target_read(python->target, address, state, length))
			return false;
		steps++;
		if ((steps & (steps - 1)) == 0)
			seen = address; /* a list that comes back to where it was: as in walk.c */
		if (field_u64(state, layout->thread_state.interp) != interpreter)
			return false;
		array_reserve(threads, capacity, *count + 1, sizeof(**threads));
		thread = &(*threads)[(*count)++];
		*thread = (struct python_thread){ .state = address,
			.interpreter = interpreter,
			.interpreter_id = id,
			.pthread_id = field_u64(state, layout->thread_state.thread_id) };
		if (layout->thread_state.native_thread_id != OFFSET_NONE)
			thread->recorded_tid = (pid_t)field_u64(state, layout->thread_state.native_thread_id);
		address = field_u64(state, layout->thread_state.next);
	}
	return true;
}

/* ---- kernel tids ---- */

struct tid_set {
	struct u64_map outer; /* tid in the target's own pid namespace -> tid as we see it */
	pid_t *tids;          /* as we see them */
	size_t count;
};

/* The tid of a thread in its innermost pid namespace. */
static pid_t inner_tid(struct target *target, pid_t tid)
{
	char path[64], text[4096];
	const char *field;
	pid_t inner = tid;

	if (target_inner_pid(target) == target_pid(target))
		return tid;
	snprintf(path, sizeof(path), "task/%d/status", tid);
	if (proc_read(target_proc_fd(target), path, text, sizeof(text)) < 0)
		return tid;
	field = status_field(text, "NSpid");
	for (char *at = (char *)field; at && *at != '\n' && *at;) {
		char *end;
		long number = strtol(at, &end, 10);

		if (end == at)
			break;
		inner = (pid_t)number;
		at = end;
	}
	return inner;
}

/* False: the task list cannot be read, so that nothing is known of who is in it. */
static bool read_tids(struct python *python, struct tid_set *set)
{
	struct error ignored = { 0 };
	size_t capacity = 0;
	ssize_t count = target_list_tids(python->target, &set->tids, &capacity, &ignored);

	if (count < 0)
		return false;
	set->count = count > 0 ? (size_t)count : 0;
	for (size_t i = 0; i < set->count; i++)
		u64_map_put(&set->outer, (uint64_t)inner_tid(python->target, set->tids[i]),
			(uint64_t)set->tids[i]);
	return true;
}

/*
 * What the descriptor of a thread says: its tid; 0 when it has exited (the kernel clears it then,
 * set_tid_address(2)). False: what stands there is no tid.
 */
static bool tid_at(
	struct python *python, const struct python_thread *thread, const struct tid_set *set, pid_t *tid)
{
	uint32_t inner;
	uint64_t *outer;

	*tid = 0;
	if (!target_read(python->target, thread->pthread_id + python->tid_offset, &inner, sizeof(inner)))
		return false;
	outer = u64_map_get(&set->outer, inner);
	if (outer)
		*tid = (pid_t)*outer;
	return outer || !inner || inner == (uint32_t)thread->recorded_tid;
}

#define DESCRIPTORS 16 /* are enough to be sure of the place */

/* Descriptors of different threads, and what their thread states say. */
struct descriptors {
	unsigned char bytes[DESCRIPTORS][DESCRIPTOR_BYTES];
	uint64_t ids[DESCRIPTORS];
	uint32_t recorded[DESCRIPTORS];
	size_t count;
};

/*
 * Is this the place of the tid in every descriptor? Of threads that have exited, or that only the parent
 * has, there may be some.
 */
static bool offset_fits(
	uint32_t offset, const struct descriptors *descriptors, const struct tid_set *set, bool allow_gone)
{
	size_t live = 0;

	for (size_t i = 0; i < descriptors->count; i++) {
		uint32_t tid = field_u32(descriptors->bytes[i], offset);

		if (!u64_map_get(&set->outer, tid)) {
			if (!allow_gone || (tid && tid != descriptors->recorded[i]))
				return false;
			continue;
		}
		live++;
		for (size_t j = 0; j < i; j++) {
			if (field_u32(descriptors->bytes[j], offset) == tid)
				return false;
		}
	}
	return live > 0;
}

static uint32_t search_offset(
	const struct descriptors *descriptors, const struct tid_set *set, bool allow_gone)
{
	for (uint32_t offset = 0; offset + 4 <= DESCRIPTOR_BYTES; offset += 4) {
		if (offset_fits(offset, descriptors, set, allow_gone))
			return offset;
	}
	return OFFSET_NONE;
}

static void learn_offset(
	struct python *python, const struct python_thread *threads, size_t count, const struct tid_set *set)
{
	struct descriptors *descriptors = xcalloc(1, sizeof(*descriptors));

	for (size_t i = 0; i < count && descriptors->count < DESCRIPTORS; i++) {
		const size_t some = descriptors->count;
		size_t known = 0;

		/* one thread has a state in each subinterpreter that it is in */
		while (known < some && descriptors->ids[known] != threads[i].pthread_id)
			known++;
		if (known < some)
			continue;
		descriptors->ids[some] = threads[i].pthread_id;
		descriptors->recorded[some] = (uint32_t)threads[i].recorded_tid;
		/*
		 * the descriptor of a thread that was not started by pthread_create may end early: zeros
		 * stay
		 */
		if (target_read_upto(python->target, threads[i].pthread_id, descriptors->bytes[some],
			    DESCRIPTOR_BYTES) > 0)
			descriptors->count++;
	}
	python->tid_offset = search_offset(descriptors, set, false);
	if (python->tid_offset == OFFSET_NONE)
		python->tid_offset = search_offset(descriptors, set, true);
	free(descriptors);
}

/* Asks the descriptors of all threads. */
static void find_by_descriptors(
	struct python *python, struct python_thread *threads, size_t count, const struct tid_set *set)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		bool all = python->tid_offset != OFFSET_NONE;

		for (size_t i = 0; python->tid_offset != OFFSET_NONE && i < count; i++)
			all &= tid_at(python, &threads[i], set, &threads[i].tid);
		if (all || attempt)
			break;
		learn_offset(python, threads, count, set);
		if (python->tid_offset == OFFSET_NONE)
			break;
	}
}

/*
 * What the thread states say, where that is a thread of this process. The number of those that name one
 * which is not.
 */
static size_t find_by_record(struct python_thread *threads, size_t count, const struct tid_set *set)
{
	size_t stale = 0;

	for (size_t i = 0; i < count; i++) {
		const uint64_t *outer = u64_map_get(&set->outer, (uint64_t)threads[i].recorded_tid);

		if (outer)
			threads[i].tid = (pid_t)*outer;
		stale += threads[i].recorded_tid && !outer;
	}
	return stale;
}

/* The one thread of the process that no thread state has, if there is one: *tid. False: there are several. */
static bool unclaimed_task(
	const struct python_thread *threads, size_t count, const struct tid_set *set, pid_t *tid)
{
	struct u64_map claimed = { 0 };
	size_t unclaimed = 0;

	for (size_t i = 0; i < count; i++)
		u64_map_put(&claimed, (uint64_t)threads[i].tid, 1);
	*tid = 0;
	for (size_t i = 0; i < set->count; i++) {
		if (u64_map_get(&claimed, (uint64_t)set->tids[i]))
			continue;
		*tid = set->tids[i];
		unclaimed++;
	}
	u64_map_release(&claimed);
	return unclaimed <= 1;
}

/*
 * Some states have no thread of this process. What is left of one thread alone is that which is left of the
 * task list; where each thread has its state, or its descriptor said that it has none, the others are of
 * threads that are gone, and are taken off. The count of what remains. (One that is just being started has no
 * tid yet.)
 */
static size_t settle_lost(struct python_thread *threads, size_t count, const struct tid_set *set,
	bool has_records, bool has_descriptors)
{
	size_t kept = 0, lost = 0;
	uint64_t lost_id = 0;
	bool is_one = true;
	pid_t left;

	for (size_t i = 0; i < count; i++) {
		if (threads[i].tid || (has_records && !threads[i].recorded_tid))
			continue;
		is_one &= !lost++ || lost_id == threads[i].pthread_id;
		lost_id = threads[i].pthread_id;
	}
	if (!lost || !set->count)
		return count;
	if (!unclaimed_task(threads, count, set, &left) || (left && !is_one))
		left = 0;
	else if (!left)
		has_descriptors = true;
	for (size_t i = 0; i < count; i++) {
		const bool is_lost = !threads[i].tid && (!has_records || threads[i].recorded_tid);

		if (is_lost)
			threads[i].tid = left;
		if (!is_lost || left || !has_descriptors)
			threads[kept++] = threads[i];
	}
	return kept;
}

/* Gives each thread its tid; count of those that remain. False: the kernel does not say which there are. */
static bool find_tids(struct python *python, struct python_thread *threads, size_t *remaining)
{
	const bool has_records = python->layout.thread_state.native_thread_id != OFFSET_NONE;
	struct tid_set set = { { 0 }, NULL, 0 };
	size_t count = *remaining;
	const bool is_known = read_tids(python, &set);

	if (!is_known) {
		/* asked for again */
	} else if (!has_records) {
		find_by_descriptors(python, threads, count, &set);
		count = settle_lost(threads, count, &set, false, false);
	} else if (find_by_record(threads, count, &set)) {
		find_by_descriptors(python, threads, count, &set);
		find_by_record(threads, count, &set);
		count = settle_lost(threads, count, &set, true, python->tid_offset != OFFSET_NONE);
	}
	u64_map_release(&set.outer);
	free(set.tids);
	*remaining = count;
	return is_known;
}

ssize_t python_list_threads(
	struct python *python, struct python_thread **threads, size_t *capacity, struct error *err)
{
	raddr_t interpreters[INTERPRETER_LIMIT];
	size_t found = 0, count = 0;

	if (python->is_none)
		return 0;
	for (int attempt = 0; attempt < 5; attempt++) {
		bool whole = true;

		count = 0;
		found = python_list_interpreters(python, interpreters, ARRAY_LENGTH(interpreters));
		for (size_t i = 0; whole && i < found; i++)
			whole = add_threads(python, interpreters[i], threads, capacity, &count);
		if (whole && found && find_tids(python, *threads, &count))
			return (ssize_t)count;
		if (!target_alive(python->target))
			return error_set(
				err, ERROR_GONE, "process %d has exited", target_pid(python->target));
	}
	return error_set(err, ERROR_RACED, "the thread list of process %d did not stand still",
		target_pid(python->target));
}

uint64_t python_thread_list_heads(struct python *python)
{
	raddr_t interpreters[INTERPRETER_LIMIT], head;
	size_t found = python->is_none
		? 0
		: python_list_interpreters(python, interpreters, ARRAY_LENGTH(interpreters));
	uint64_t hash = hash_u64(found);

	for (size_t i = 0; i < found; i++) {
		if (!python_read_pointer(
			    python, interpreters[i] + python->layout.interpreter_state.threads_head, &head))
			head = 0;
		hash = hash_combine(hash, head);
	}
	return hash;
}

/* Thread objects are listed anew when they are so old, or when one is missing and they are that old. */
#define OBJECTS_AGE_NS INT64_C(1000000000)
#define OBJECTS_RETRY_NS INT64_C(100000000)

/*
 * threading._active is gone through once for all threads that are asked for in the next second. 0: it has
 * none for this thread.
 */
static raddr_t thread_object(struct python *python, const struct python_thread *thread, int64_t age_ns)
{
	const int64_t now = monotonic_ns();
	const uint64_t *object;

	if (now - python->thread_objects_ns > age_ns) {
		u64_map_clear(&python->thread_objects);
		u64_map_clear(&python->thread_objects_of);
		python->thread_objects_ns = now;
		python->thread_type = (struct type_cache){ 0 };
	}
	if (!u64_map_get(&python->thread_objects_of, thread->interpreter)) {
		u64_map_put(&python->thread_objects_of, thread->interpreter, 1);
		thread_objects_read(
			&python->layout, python->target, thread->interpreter, &python->thread_objects);
	}
	object = u64_map_get(
		&python->thread_objects, thread_object_key(thread->interpreter, thread->pthread_id));
	/* gevent replaces the idents of threads by those of its greenlets */
	if (!object && thread->tid == target_pid(python->target))
		object = u64_map_get(
			&python->thread_objects, thread_object_key(thread->interpreter, THREAD_MAIN));
	return object ? *object : 0;
}

bool python_thread_name(struct python *python, const struct python_thread *thread, struct buffer *name)
{
	raddr_t object = thread_object(python, thread, OBJECTS_AGE_NS);

	if (object && thread_object_name(&python->layout, python->target, &python->thread_type, object, name))
		return true;
	buffer_clear(name);
	object = thread_object(python, thread, OBJECTS_RETRY_NS);
	return object &&
		thread_object_name(&python->layout, python->target, &python->thread_type, object, name);
}

pid_t python_thread_tid(struct python *python, const struct python_thread *thread)
{
	const struct layout *layout = &python->layout;
	uint64_t native;
	struct python_thread now = *thread;
	size_t count = 1;

	if (layout->thread_state.native_thread_id != OFFSET_NONE) {
		if (!python_read_pointer(
			    python, thread->state + layout->thread_state.native_thread_id, &native))
			return 0;
		if ((pid_t)native == thread->recorded_tid)
			return thread->tid; /* what the list has made of it */
		now.recorded_tid = (pid_t)native;
	} else if (!python_read_pointer(
			   python, thread->state + layout->thread_state.thread_id, &now.pthread_id)) {
		return 0;
	}
	now.tid = 0;
	return find_tids(python, &now, &count) && count ? now.tid : 0;
}

bool python_state_has_tid(const struct python *python)
{
	return python->layout.thread_state.native_thread_id != OFFSET_NONE;
}

bool python_thread_attached(const struct python *python, const struct python_thread *thread)
{
	const uint32_t offset = python->layout.thread_state.status;
	uint32_t status;

	return offset == OFFSET_NONE ||
		!target_read(python->target, thread->state + offset, &status, sizeof(status)) ||
		status & THREAD_STATUS_ACTIVE;
}

bool python_thread_matches(const struct python *python, const struct python_thread *thread, const void *state)
{
	const struct layout *layout = &python->layout;

	if (field_u64(state, layout->thread_state.interp) != thread->interpreter ||
		field_u64(state, layout->thread_state.thread_id) != thread->pthread_id)
		return false;
	return !python_state_has_tid(python) || !thread->recorded_tid ||
		(pid_t)field_u64(state, layout->thread_state.native_thread_id) == thread->recorded_tid;
}
