/* SPDX-License-Identifier: MIT */
/* What pyrope top consists of beside the view: the terminal that it takes, what it keeps, what it starts. */
#ifndef PYROPE_COMMANDS_TOP_H
#define PYROPE_COMMANDS_TOP_H

#include "commands/recording.h"
#include "pyrope/live.h"

/* ---- top_terminal.c ---- */

/*
 * While the view has the terminal, nothing else may write to it: what pyrope says and what a launched command
 * writes goes to files, and to the terminal when the view is gone. There is one.
 */

/* Is there a terminal that can be drawn on? Changes nothing. */
int top_terminal_check(struct error *err);
/* From now on. launching: what is started next writes to a file of its own. */
int top_terminal_take(bool launching, struct error *err);
/* The command has been started. */
void top_terminal_launched(void);
int top_terminal_fd(void);
/* Appends what pyrope has had to say since the last time. */
void top_terminal_notes(struct buffer *text);
/* Standard descriptors are as they were, and what was said meanwhile is printed. */
void top_terminal_give_back(void);
/* Prints what the launched command has written since. */
void top_terminal_print_output(void);

/*
 * Ctrl-Z is to stop pyrope only when the view is off the terminal. Before signals_begin, and after live_open.
 */
void top_signals_catch(void);
/* Has it been pressed? And has pyrope been continued since the last time? */
bool top_signals_take_stop(void);
bool top_signals_take_continue(void);

/* ---- top_spool.c ---- */

#define SPOOL_FILES 33

/* All events as recordings in files without a name: one for each rate, in the order of time. */
struct top_spool {
	struct sink sink;
	struct sink *recorder; /* writes the last one */
	int files[SPOOL_FILES];
	size_t count;
	bool has_forgotten; /* the rate has changed more often than that: the first files are gone */
	bool is_full;       /* what came later is not kept */
	uint64_t bytes;
	struct error failure; /* it is not kept any more, for this reason */
};

void top_spool_init(struct top_spool *spool);
void top_spool_release(struct top_spool *spool);
/* Descriptors of their own for what is there by now. Their number; 0: there is nothing. */
size_t top_spool_open(struct top_spool *spool, int fds[SPOOL_FILES]);

/* ---- top_jobs.c ---- */

#define JOB_PROCESSES 32

/* What another pyrope does, so that this one goes on: writes a file, dumps. One at a time. */
struct top_job {
	enum live_wish kind; /* LIVE_NOTHING: there is none */
	pid_t pid;
	int fd; /* what it says */
	struct buffer text;
	char *path;
	const char *note; /* what is missing in the file; static */
	pid_t processes[JOB_PROCESSES];
	size_t count, next;
	bool has_failed;
};

/* The descriptors are the caller's. note: what is said behind the name of the file; static. */
void top_job_save(struct top_job *job, struct live *live, const int *recordings, size_t count,
	const char *mode, const char *path, const char *note);
void top_job_dump(struct top_job *job, struct live *live);
/* Looks whether it has ended, and says so. */
void top_job_poll(struct top_job *job, struct live *live);
void top_job_release(struct top_job *job);

#endif
