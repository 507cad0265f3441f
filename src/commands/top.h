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

/* All events as a recording in a file without a name. */
struct top_spool {
	struct sink sink;
	struct sink *recorder;
	int fd; /* -1: there is none */
	uint64_t bytes;
	struct error failure; /* it is not kept any more, for this reason */
};

void top_spool_init(struct top_spool *spool);
void top_spool_release(struct top_spool *spool);
/* A descriptor of its own for what is there by now; -1: there is nothing. */
int top_spool_open(struct top_spool *spool);

/* ---- top_jobs.c ---- */

#define JOB_PROCESSES 32

/* What another pyrope does, so that this one goes on: writes a file, dumps. One at a time. */
struct top_job {
	enum live_wish kind; /* LIVE_NOTHING: there is none */
	pid_t pid;
	int fd; /* what it says */
	struct buffer text;
	char *path;
	pid_t processes[JOB_PROCESSES];
	size_t count, next;
	bool has_failed;
};

void top_job_save(
	struct top_job *job, struct live *live, int recording_fd, const char *mode, const char *path);
void top_job_dump(struct top_job *job, struct live *live);
/* Looks whether it has ended, and says so. */
void top_job_poll(struct top_job *job, struct live *live);
void top_job_release(struct top_job *job);

#endif
