/* SPDX-License-Identifier: MIT */
/*
 * What crosses the stages: events in order of time, from a source (a live session, a recording, an imported
 * profile) to sinks (a profile's counts, each output that needs time, a recording). A source does not know
 * who listens, a sink does not know where events come from; so each output works on a live run and on
 * yesterday's recording in the same way.
 *
 * An event and all that it points to is lent for the length of one call, but for functions, which live as
 * long as the table that the run has of them. Texts are clean UTF-8 (see utf8_clean), never NULL.
 */
#ifndef PYROPE_EVENT_H
#define PYROPE_EVENT_H

#include "pyrope/base.h"
#include "pyrope/sample.h"
#include "pyrope/target.h"

enum event_kind {
	EVENT_BEGIN,   /* first of its source: what was run, and how */
	EVENT_PROCESS, /* a process is sampled from now on, or runs another program now */
	EVENT_SAMPLE,
	EVENT_LEFT_OUT, /* a sample that the user has asked to leave out: what shows time has a gap here */
	EVENT_MISSED,   /* ticks that nobody took */
	EVENT_COUNTERS, /* what the process has used up so far; about once a second */
	EVENT_CLOCK,    /* what time it is for people */
	EVENT_MARK,     /* what happened here, in words: "sampling is off" */
	EVENT_EXIT,     /* a process is gone */
	EVENT_END,      /* last of its source: why */
	EVENT_KINDS
};

struct run_info {
	const char *version;   /* of the pyrope that sampled */
	const char *arguments; /* its command line, one line */
	const char *machine;   /* host, kernel and architecture: uname(2) */
	unsigned cpus;         /* that were online */
	int64_t interval_ns;   /* between two ticks, on average */
	int64_t realtime_ns;   /* at the event's time_ns; since 1970, UTC */
	const char *mode;      /* what was asked to be shown: "gil", "wall", ... */
	bool native;           /* native frames were taken, too */
};

struct process_info {
	pid_t parent;             /* 0: not known */
	const char *name;         /* the kernel's comm */
	const char *command_line; /* its words with spaces between them; "" where it has none */
	const char *version;      /* of its Python: "3.11.7" */
	/* where its own files are (see short_path): absolute folders, a newline after each */
	const char *roots;
	bool free_threaded; /* it runs without a GIL */
};

/*
 * Ticks fall at random points of their intervals: two that follow each other are up to two intervals apart.
 * Those that are further apart have some missing in between, and a recording keeps that, so that what shows
 * time has the same gap.
 */
#define EVENT_GAP_INTERVALS 2

struct event {
	enum event_kind kind;
	int64_t time_ns; /* CLOCK_MONOTONIC */
	pid_t pid;       /* of what belongs to a process; as pyrope sees it */
	union {
		struct { /* EVENT_SAMPLE, EVENT_LEFT_OUT */
			const struct sample *sample;
			/*
			 * how many ticks in a row it stands for, from time_ns to last_ns: all were the same
			 */
			uint64_t weight;
			int64_t last_ns;
			/* the source has no times, as collapsed stacks: time_ns and last_ns are 0 */
			bool is_untimed;
			/* 0, or what is the same for equal stacks of this source, and for no others */
			uint64_t stack_key;
		};
		const struct run_info *run;              /* EVENT_BEGIN */
		const struct process_info *process;      /* EVENT_PROCESS */
		const struct process_counters *counters; /* EVENT_COUNTERS */
		uint64_t missed;                         /* EVENT_MISSED: how many ticks */
		int64_t realtime_ns;                     /* EVENT_CLOCK: since 1970, UTC */
		int status;                              /* EVENT_EXIT: as of waitpid(2); -1: not known */
		const char *reason;                      /* EVENT_END, EVENT_MARK: in words */
	};
};

/* Embedded as the first member in what implements it. */
struct sink {
	int (*take)(struct sink *sink, const struct event *event, struct error *err);
	/*
	 * Called about once a second: what a reader could have by now is handed on. NULL: nothing has to be
	 * done for that.
	 */
	int (*flush)(struct sink *sink, struct error *err);
	/* The end: nothing follows. What is not written yet is written. NULL: there is nothing to write. */
	int (*finish)(struct sink *sink, struct error *err);
	void (*free)(struct sink *sink);
};

static inline int sink_take(struct sink *sink, const struct event *event, struct error *err)
{
	return sink->take(sink, event, err);
}

static inline int sink_flush(struct sink *sink, struct error *err)
{
	return sink->flush ? sink->flush(sink, err) : 0;
}

static inline int sink_finish(struct sink *sink, struct error *err)
{
	return sink->finish ? sink->finish(sink, err) : 0;
}

/* Accepts NULL. */
static inline void sink_free(struct sink *sink)
{
	if (sink)
		sink->free(sink);
}

#endif
