/* SPDX-License-Identifier: MIT */
/* The threads of the target that are known, by thread state, with their names. */
#ifndef PYROPE_SAMPLING_SUBJECTS_H
#define PYROPE_SAMPLING_SUBJECTS_H

#include "sampling/subject.h"

struct subjects {
	struct python *python;
	struct subject **list;
	size_t count, capacity;
	struct u64_map by_state; /* thread state -> struct subject * */
	struct python_thread *threads;
	size_t thread_capacity;
	char **names; /* every name ever seen: samples under way point to them */
	size_t name_count, name_capacity;
	struct u64_map name_by_hash;
	int64_t read_ns; /* when the list was read last */
	uint64_t heads;  /* python_thread_list_heads of then */
};

void subjects_init(struct subjects *subjects, struct python *python);
void subjects_release(struct subjects *subjects);
/* Reads the thread list. Threads that are still there keep what is known of them. 0, or -1 as python_list_threads. */
int subjects_refresh(struct subjects *subjects, struct error *err);
/* As subjects_refresh, but only when threads have been added, or after a while. */
int subjects_update(struct subjects *subjects, struct error *err);
struct subject *subjects_find(const struct subjects *subjects, raddr_t state);
/* Drops every pointer to an entry of the code cache that has been replaced. */
void subjects_forget_stale(struct subjects *subjects);
/* The same text, for as long as subjects: samples under way keep it when its thread has ended. */
const char *subjects_intern(struct subjects *subjects, const char *name);
/* The thread's name: Python's own, else the kernel's; read anew once in a while, since threads are renamed. */
const char *subjects_name(struct subjects *subjects, struct subject *subject);

#endif
