/* SPDX-License-Identifier: MIT */
/*
 * A profile in, bytes out: one file per format. Sees the profile and nothing of processes.
 */
#ifndef PYROPE_OUTPUT_H
#define PYROPE_OUTPUT_H

#include "pyrope/base.h"
#include "pyrope/profile.h"

/* ---- where the bytes go ---- */

/*
 * An output file. "-" or NULL is standard output. A regular file is written beside its final name and renamed by
 * output_commit, so that an older file is never half overwritten; devices, pipes and sockets are written in place.
 */
struct output_file;

/* err: a directory, not writable, no such directory. Checked before sampling begins. */
int output_open(struct output_file **file, const char *path, struct error *err);
/* Buffered; the first failure is kept and reported by output_commit (and by output_flush). */
void output_write(struct output_file *file, const void *bytes, size_t length);
int output_flush(struct output_file *file, struct error *err);
/*
 * Writes what is left and puts the file in its place. 0, or -1: disk full, and what to do. A closed pipe (EPIPE) is
 * ERROR_GONE with an empty message: the reader has had enough, which is no error to print.
 */
int output_commit(struct output_file *file, struct error *err);
/* Releases; what was not committed is removed. Accepts NULL. */
void output_close(struct output_file *file);

/* ---- formats ---- */

struct output_format {
	const char *name;        /* as in --format */
	const char *extension;   /* ".txt" */
	const char *description; /* one line, for --help */
	/* Writes a finished profile. NULL for a format that can only be streamed. */
	void (*write)(const struct profile *profile, struct output_file *file);
};

/* NULL-terminated. */
extern const struct output_format *const output_formats[];
const struct output_format *output_format_find(const char *name);

/*
 * A frame as text, as every line-based output prints it: file:function:line, cleaned so that it is one frame of one
 * line of collapsed stacks (";" becomes ":", no newline, never empty, no trailing " 123"). no_line leaves the line away.
 */
void frame_append(struct buffer *buffer, const struct profile_frame *frame, bool no_line);

/* ---- the stream of --flamechart: consecutive equal stacks merged, a time in each ---- */

struct flamechart;
struct flamechart *flamechart_new(struct output_file *file, bool no_line);
void flamechart_add(struct flamechart *flamechart, const struct sample *sample, struct profile *profile);
/* The last stack is written. */
void flamechart_finish(struct flamechart *flamechart, const struct profile *profile);
void flamechart_free(struct flamechart *flamechart);

#endif
