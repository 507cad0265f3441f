/* SPDX-License-Identifier: MIT */
/* Keeping track of threads that come and go. */
#include "config.h"

#include "sampling/subjects.h"

#include <stdlib.h>
#include <string.h>

#define NAME_AGE_NS INT64_C(1000000000)
#define LIST_AGE_NS INT64_C(100000000)

void subjects_init(struct subjects *subjects, struct python *python)
{
	*subjects = (struct subjects){ .python = python };
}

void subjects_release(struct subjects *subjects)
{
	for (size_t i = 0; i < subjects->count; i++)
		subject_free(subjects->list[i]);
	for (size_t i = 0; i < subjects->name_count; i++)
		free(subjects->names[i]);
	free(subjects->list);
	free(subjects->threads);
	free(subjects->names);
	u64_map_release(&subjects->by_state);
	u64_map_release(&subjects->name_by_hash);
}

struct subject *subjects_find(const struct subjects *subjects, raddr_t state)
{
	uint64_t *slot = u64_map_get(&subjects->by_state, state);

	return slot ? (struct subject *)(uintptr_t)*slot : NULL;
}

static bool same_thread(const struct python_thread *left, const struct python_thread *right)
{
	return left->pthread_id == right->pthread_id && left->interpreter == right->interpreter &&
		left->tid == right->tid && left->recorded_tid == right->recorded_tid;
}

int subjects_refresh(struct subjects *subjects, struct error *err)
{
	uint64_t heads = python_thread_list_heads(subjects->python);
	ssize_t count = python_list_threads(subjects->python, &subjects->threads, &subjects->thread_capacity, err);
	size_t kept = 0;

	if (count < 0)
		return -1;
	subjects->read_ns = monotonic_ns();
	subjects->heads = heads;
	for (size_t i = 0; i < subjects->count; i++)
		subjects->list[i]->listed = false;
	for (ssize_t i = 0; i < count; i++) {
		struct subject *subject = subjects_find(subjects, subjects->threads[i].state);

		if (subject && same_thread(&subject->thread, &subjects->threads[i])) {
			subject->listed = true;
			continue;
		}
		subject = subject_new(&subjects->threads[i], python_thread_state_bytes(subjects->python));
		subject->listed = true;
		array_reserve(&subjects->list, &subjects->capacity, subjects->count + 1, sizeof(struct subject *));
		subjects->list[subjects->count++] = subject;
		u64_map_put(&subjects->by_state, subject->thread.state, (uint64_t)(uintptr_t)subject);
	}
	u64_map_clear(&subjects->by_state);
	for (size_t i = 0; i < subjects->count; i++) {
		struct subject *subject = subjects->list[i];

		if (!subject->listed) {
			subject_free(subject);
			continue;
		}
		u64_map_put(&subjects->by_state, subject->thread.state, (uint64_t)(uintptr_t)subject);
		subjects->list[kept++] = subject;
	}
	subjects->count = kept;
	return 0;
}

int subjects_update(struct subjects *subjects, struct error *err)
{
	if (subjects->read_ns && monotonic_ns() - subjects->read_ns < LIST_AGE_NS &&
		python_thread_list_heads(subjects->python) == subjects->heads)
		return 0;
	return subjects_refresh(subjects, err);
}

void subjects_forget_stale(struct subjects *subjects)
{
	for (size_t i = 0; i < subjects->count; i++) {
		struct subject *subject = subjects->list[i];
		size_t kept = 0;

		subject->frame_count = 0;
		for (size_t j = 0; j < subject->checked_count; j++) {
			struct code *code = subject->checked[j];

			if (python_code_known(subjects->python, code->address) == code)
				subject->checked[kept++] = code;
		}
		subject->checked_count = kept;
		for (size_t j = 0; subject->is_kept && j < subject->kept_count; j++) {
			const struct code *code = subject->kept[j].code;

			subject->is_kept = python_code_known(subjects->python, code->address) == code;
		}
	}
}

const char *subjects_intern(struct subjects *subjects, const char *name)
{
	uint64_t hash = hash_bytes(name, strlen(name));
	uint64_t *slot = u64_map_get(&subjects->name_by_hash, hash);

	if (slot && strcmp((const char *)(uintptr_t)*slot, name) == 0)
		return (const char *)(uintptr_t)*slot;
	array_reserve(&subjects->names, &subjects->name_capacity, subjects->name_count + 1, sizeof(char *));
	subjects->names[subjects->name_count] = xstrdup(name);
	u64_map_put(&subjects->name_by_hash, hash, (uint64_t)(uintptr_t)subjects->names[subjects->name_count]);
	return subjects->names[subjects->name_count++];
}

const char *subjects_name(struct subjects *subjects, struct subject *subject)
{
	struct buffer name = { 0 };
	int64_t now = monotonic_ns();
	char comm[64];

	/* with many threads each waits longer for its turn, so that one name a millisecond is read at most */
	if (subject->name && now - subject->name_read_ns < NAME_AGE_NS + (int64_t)subjects->count * 1000000)
		return subject->name;
	subject->name_read_ns = now;
	if (python_thread_name(subjects->python, &subject->thread, &name) && name.length) {
		subject->name = subjects_intern(subjects, name.data);
	} else if (!subject->name) {
		target_task_comm(python_target(subjects->python), subject->thread.tid, comm);
		subject->name = subjects_intern(subjects, comm);
	}
	buffer_release(&name);
	return subject->name;
}
