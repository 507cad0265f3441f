/* SPDX-License-Identifier: MIT */
/* The threads of the target that are known, by thread state, with their names. */
#ifndef PYROPE_SAMPLING_THREADS_H
#define PYROPE_SAMPLING_THREADS_H

#include "sampling/thread.h"

struct threads {
	struct python *python;
	struct thread **list;
	size_t count, capacity;
	struct u64_map by_state; /* thread state -> struct thread * */
	struct python_thread *threads;
	size_t thread_capacity;
	char **names; /* every name ever seen: samples under way point to them */
	size_t name_count, name_capacity;
	struct u64_map name_by_hash;
	int64_t read_ns; /* when the list was read last */
	uint64_t heads;  /* python_thread_list_heads of then */
};

void threads_init(struct threads *threads, struct python *python);
void threads_release(struct threads *threads);
/*
 * Reads the thread list. Threads that are still there keep what is known of them. 0, or -1 as
 * python_list_threads.
 */
int threads_refresh(struct threads *threads, struct error *err);
/* As subjects_refresh, but only when threads have been added, or after a while. */
int threads_update(struct threads *threads, struct error *err);
struct thread *threads_find(const struct threads *threads, raddr_t state);
/* Drops every pointer to an entry of the code cache that has been replaced. */
void threads_forget_stale(struct threads *threads);
/* The same text, for as long as threads: samples under way keep it when its thread has ended. */
const char *threads_intern(struct threads *threads, const char *name);
/*
 * The thread's name: Python's own, else the kernel's; read anew once in a while, since threads are renamed.
 */
const char *threads_name(struct threads *threads, struct thread *thread);

#endif
