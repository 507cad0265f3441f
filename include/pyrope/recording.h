/* SPDX-License-Identifier: MIT */
/*
 * The stream of events as a file, and back. A file is a signature and blocks, each with its own checksum,
 * that are only ever appended: what was written a second ago can be read whatever has happened since.
 * docs/recording.md describes the bytes.
 *
 * A file that is read is untrusted: every length is bounded, and what does not make sense is refused, never
 * guessed.
 */
#ifndef PYROPE_RECORDING_H
#define PYROPE_RECORDING_H

#include "pyrope/event.h"
#include "pyrope/functions.h"

/*
 * The clock of a recording goes by steps of so many ns, a 64th of the interval: the times of samples in any
 * output are multiples of it, so that a recording and the run that it comes from give the same bytes.
 */
int64_t recording_step_ns(int64_t interval_ns);

/* Where the bytes go: called with one or more whole blocks, which should be handed to the system at once. */
struct recorder_file {
	int (*write)(void *context, const void *bytes, size_t length, struct error *err);
	void *context;
};

/*
 * The sink that writes events to the file, which is copied. The first event is EVENT_BEGIN, the last one
 * EVENT_END. A block is written when a second of events is in it or some 64 KB.
 */
struct sink *recorder_new(const struct recorder_file *file);

/* Does the file begin as a recording does? Also one that is cut off after a byte. */
bool recording_recognise(const void *bytes, size_t length);

/* How reading ended. */
struct recording_end {
	bool is_whole;   /* the last block says how the run ended, and nothing is missing before it */
	bool is_damaged; /* bytes are wrong: what follows them could not be read */
	uint64_t offset; /* up to where the file was read */
	char note[256];  /* what is missing and why, for people; "" when it is whole */
};

/*
 * Gives all events of the recording in fd to the sink, from where fd stands. Functions are entered into the
 * table. 0: read to the end or to where it is cut off or damaged, which *end says. -1: it is no recording, of
 * a newer format, or the sink has failed. `name` is the file's, for messages.
 */
int recording_read(int fd, const char *name, struct functions *functions, struct sink *sink,
	struct recording_end *end, struct error *err);

/*
 * Collapsed stacks of any tool: each line is a stack and how often it was seen, and becomes a sample of that
 * weight without time, process and thread. A line that is none is an error, which names its number.
 */
int collapsed_read(
	int fd, const char *name, struct functions *functions, struct sink *sink, struct error *err);

/* Does the file begin as a profile of pprof does, packed with gzip or not? */
bool pprof_recognise(const void *bytes, size_t length);
/*
 * A profile of pprof, of any tool: each of its samples becomes one without time, of as many ticks as it says
 * there were; thread, process and state where its labels have them. Fewer than half a period are none.
 * ERROR_UNSUPPORTED: it is none, it is cut off, too large, or has no number of samples.
 */
int pprof_read(int fd, const char *name, struct functions *functions, struct sink *sink, struct error *err);

#endif
