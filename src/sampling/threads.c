/* SPDX-License-Identifier: MIT */
/* Keeping track of threads that come and go. */
#include "config.h"

#include "sampling/threads.h"

#include <stdlib.h>
#include <string.h>

#define NAME_AGE_NS INT64_C(1000000000)
#define LIST_AGE_NS INT64_C(100000000)

void threads_init(struct threads *threads, struct python *python)
{
	*threads = (struct threads){ .python = python };
}

void threads_release(struct threads *threads)
{
	for (size_t i = 0; i < threads->count; i++)
		thread_free(threads->list[i]);
	for (size_t i = 0; i < threads->name_count; i++)
		free(threads->names[i]);
	free(threads->list);
	free(threads->threads);
	free(threads->names);
	u64_map_release(&threads->by_state);
	u64_map_release(&threads->name_by_hash);
}

struct thread *threads_find(const struct threads *threads, raddr_t state)
{
	uint64_t *slot = u64_map_get(&threads->by_state, state);

	return slot ? (struct thread *)(uintptr_t)*slot : NULL;
}

static bool same_thread(const struct python_thread *left, const struct python_thread *right)
{
	return left->pthread_id == right->pthread_id && left->interpreter == right->interpreter &&
		left->tid == right->tid && left->recorded_tid == right->recorded_tid;
}

int threads_refresh(struct threads *threads, struct error *err)
{
	uint64_t heads = python_thread_list_heads(threads->python);
	ssize_t count =
		python_list_threads(threads->python, &threads->threads, &threads->thread_capacity, err);
	size_t kept = 0;

	if (count < 0)
		return -1;
	threads->read_ns = monotonic_ns();
	threads->heads = heads;
	for (size_t i = 0; i < threads->count; i++)
		threads->list[i]->listed = false;
	for (ssize_t i = 0; i < count; i++) {
		struct thread *thread = threads_find(threads, threads->threads[i].state);

		if (thread && same_thread(&thread->identity, &threads->threads[i])) {
			thread->listed = true;
			continue;
		}
		thread = thread_new(&threads->threads[i], python_thread_state_bytes(threads->python));
		thread->listed = true;
		array_reserve(
			&threads->list, &threads->capacity, threads->count + 1, sizeof(struct thread *));
		threads->list[threads->count++] = thread;
		u64_map_put(&threads->by_state, thread->identity.state, (uint64_t)(uintptr_t)thread);
	}
	u64_map_clear(&threads->by_state);
	for (size_t i = 0; i < threads->count; i++) {
		struct thread *thread = threads->list[i];

		if (!thread->listed) {
			thread_free(thread);
			continue;
		}
		u64_map_put(&threads->by_state, thread->identity.state, (uint64_t)(uintptr_t)thread);
		threads->list[kept++] = thread;
	}
	threads->count = kept;
	return 0;
}

int threads_update(struct threads *threads, struct error *err)
{
	if (threads->read_ns && monotonic_ns() - threads->read_ns < LIST_AGE_NS &&
		python_thread_list_heads(threads->python) == threads->heads)
		return 0;
	return threads_refresh(threads, err);
}

void threads_forget_stale(struct threads *threads)
{
	for (size_t i = 0; i < threads->count; i++) {
		struct thread *thread = threads->list[i];
		size_t kept = 0;

		thread->frame_count = 0;
		for (size_t j = 0; j < thread->checked_count; j++) {
			struct code *code = thread->checked[j];

			if (python_code_known(threads->python, code->address) == code)
				thread->checked[kept++] = code;
		}
		thread->checked_count = kept;
		for (size_t j = 0; thread->is_kept && j < thread->kept.count; j++) {
			const struct code *code = thread->kept.frames[j].code;

			thread->is_kept = python_code_known(threads->python, code->address) == code;
		}
	}
}

const char *threads_intern(struct threads *threads, const char *name)
{
	uint64_t hash = hash_bytes(name, strlen(name));
	uint64_t *slot = u64_map_get(&threads->name_by_hash, hash);

	if (slot && strcmp((const char *)(uintptr_t)*slot, name) == 0)
		return (const char *)(uintptr_t)*slot;
	array_reserve(&threads->names, &threads->name_capacity, threads->name_count + 1, sizeof(char *));
	threads->names[threads->name_count] = xstrdup(name);
	u64_map_put(&threads->name_by_hash, hash, (uint64_t)(uintptr_t)threads->names[threads->name_count]);
	return threads->names[threads->name_count++];
}

const char *threads_name(struct threads *threads, struct thread *thread)
{
	struct buffer name = { 0 };
	int64_t now = monotonic_ns();
	char comm[64];

	/* with many threads each waits longer for its turn, so that one name a millisecond is read at most */
	if (thread->name && now - thread->name_read_ns < NAME_AGE_NS + (int64_t)threads->count * 1000000)
		return thread->name;
	thread->name_read_ns = now;
	if (python_thread_name(threads->python, &thread->identity, &name) && name.length) {
		thread->name = threads_intern(threads, name.data);
	} else if (!thread->name) {
		target_task_comm(python_target(threads->python), thread->identity.tid, comm);
		thread->name = threads_intern(threads, comm);
	}
	buffer_release(&name);
	return thread->name;
}
