/* SPDX-License-Identifier: MIT */
/*
 * What a person looks at while it runs: events come in, a terminal shows them, keys are asked for. Knows
 * nothing of sampling: what a key asks of it is handed to the caller as a request.
 *
 * In a pyrope that was built without ncursesw there is no terminal for it: live_open says so.
 */
#ifndef PYROPE_LIVE_H
#define PYROPE_LIVE_H

#include "pyrope/base.h"
#include "pyrope/event.h"
#include "pyrope/sampling.h"

struct live;

struct live_options {
	int64_t interval_ns;
	enum sample_mode mode;
	bool native;
	bool has_native;          /* this pyrope can take native frames */
	const char *file;         /* the name that is suggested for `s`; borrowed */
	const char *const *roots; /* for short_path, may still grow; borrowed */
};

/* The table of functions is borrowed: that of the events. */
struct live *live_new(const struct live_options *options, struct functions *functions);
void live_free(struct live *live); /* accepts NULL; restores the terminal */
/* What events are given to. */
struct sink *live_sink(struct live *live);

/* ---- the terminal ---- */

/* The version of ncursesw; NULL: this pyrope was built without. Static. */
const char *live_library_version(void);
/* Can this terminal be drawn on? -1: it cannot, or not by this pyrope. Changes nothing of it. */
int live_check(int terminal_fd, struct error *err);
/* Takes the terminal, and shows what there is. The descriptor is borrowed. */
int live_open(struct live *live, int terminal_fd, struct error *err);
/* Gives the terminal back as it was; may be called several times. */
void live_close(struct live *live);
bool live_is_open(const struct live *live);
/* The same from a signal handler, when all is over: nothing else of this stage may be called afterwards. */
void live_restore(void);
/* pyrope is about to be stopped (Ctrl-Z): the terminal is the shell's meanwhile. And it goes on. */
void live_suspend(struct live *live);
void live_continue(struct live *live);

/* ---- what happens ---- */

enum live_wish {
	LIVE_NOTHING,
	LIVE_QUIT,
	LIVE_PAUSE, /* nothing is sampled from now on */
	LIVE_RESUME,
	LIVE_RATE,   /* interval_ns between two samples from now on */
	LIVE_NATIVE, /* native frames too, or no longer */
	LIVE_SAVE,   /* what was seen is written to path */
	LIVE_DUMP,   /* what every thread is doing now is asked for: see live_show */
};

struct live_request {
	enum live_wish wish;
	int64_t interval_ns;
	bool native;
	const char *path; /* lent until the next call */
};

/*
 * To be called again and again, some 20 times a second: takes keys, draws when it is time to. Returns what a
 * key has asked for, LIVE_NOTHING when there are no more keys; the caller does it and calls again.
 */
struct live_request live_step(struct live *live);
/* A line for the user, until the next key. Cleaned here. */
void live_say(struct live *live, const char *format, ...) PRINTF_LIKE(2, 3);
/* A text of several lines, to be looked through. It is cleaned here. */
void live_show(struct live *live, const char *title, const char *text, size_t length);
/* Nothing follows: what was seen stays on the screen. */
void live_end(struct live *live, const char *why);
/* Which threads are shown now. */
enum sample_mode live_mode(const struct live *live);
/* The ids of the processes that are there, at most `capacity`. The count. */
size_t live_processes(const struct live *live, pid_t *pids, size_t capacity);

#endif
