/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom: which lock a thread sleeps in, and who holds it. No thread is held for that: one that
 * sleeps stands still by itself, and of one that runs two readings have to say the same.
 *
 * Which lock it is says the address that the thread sleeps at (futex(2)), not what the frame looks like. An
 * RLock stores its owner. A Lock stores none: it is held by a thread that is inside of a `with` of it, which
 * the thread's frames say; else its owner is not known.
 */
#ifndef PYROPE_LOCKS_H
#define PYROPE_LOCKS_H

#include "pyrope/python.h"

enum wait_kind {
	WAIT_LOCK,         /* a threading.Lock */
	WAIT_RLOCK,        /* a threading.RLock */
	WAIT_NOTIFICATION, /* of a Condition, or what is made of one: nobody holds it */
	WAIT_THREAD,       /* the end of another thread */
	WAIT_KINDS
};

/* As JSON names them; indexed by kind. */
extern const char *const wait_kind_names[WAIT_KINDS];

#define LOCK_LABEL_BYTES 768 /* 64 characters of a name, and a type */

struct lock_wait {
	enum wait_kind kind;
	raddr_t lock; /* the object; 0: there is none */
	/* whom it waits for, as pthread_self() has it, as the lock or the Thread says; 0: nothing says it */
	uint64_t owner;
	/* "Lock self.first", "Event ready", "Lock of Condition busy": clean UTF-8 in one line */
	char label[LOCK_LABEL_BYTES];
};

/* A lock that a frame is inside of a `with` of. */
struct entered_lock {
	raddr_t lock, frame;
	uint64_t instruction;
};

/*
 * Reads frames of one process. Everything that is read is kept until lock_reader_begin, as it was when it was
 * read first.
 */
struct lock_reader;

struct lock_reader *lock_reader_new(struct python *python);
void lock_reader_free(struct lock_reader *reader); /* accepts NULL */
/* Forgets what was read. From deadline_ns on (CLOCK_MONOTONIC; 0: never) nothing is read any more. */
void lock_reader_begin(struct lock_reader *reader, int64_t deadline_ns);
bool lock_reader_is_late(const struct lock_reader *reader);
/* The same memory, for python_walk. */
struct memory_view *lock_reader_view(struct lock_reader *reader);
/*
 * What a thread that has these frames and sleeps at this address waits for. False: it cannot be told, or it
 * is no lock of Python's.
 */
bool lock_reader_wait(
	struct lock_reader *reader, const struct walk *walk, raddr_t futex, struct lock_wait *wait);
/*
 * Which of these locks the thread has entered by `with` and not left since; at most limit, the count.
 * Condition.wait leaves the lock of its Condition for as long as it waits.
 */
size_t lock_reader_entered(struct lock_reader *reader, const struct walk *walk, const raddr_t *locks,
	size_t lock_count, struct entered_lock *list, size_t limit);

/* ---- what sampling makes of it ---- */

struct thread_wait {
	pid_t tid;
	/* how long ago it ran last, as far as the kernel says; -1: it does not */
	int64_t asleep_ns;
	bool has_timeout; /* it goes on by itself */
	bool has_lock;    /* what follows is known */
	struct lock_wait wait;
	pid_t owner;        /* 0: not known */
	bool is_deadlocked; /* it is one of a cycle */
};

/* Threads each of which waits for the next, and the last for the first; all slept at one moment. */
struct deadlock {
	pid_t *tids;
	size_t count;
};

/* Zero-initialise; released by waits_release. */
struct waits {
	struct thread_wait *list; /* threads that sleep at a futex */
	size_t count, capacity;
	struct deadlock *deadlocks;
	size_t deadlock_count, deadlock_capacity;
	bool is_partial; /* there was no time for all threads */
};

void waits_release(struct waits *waits);
/* NULL: there is nothing of this thread. */
const struct thread_wait *waits_of(const struct waits *waits, pid_t tid);

#endif
