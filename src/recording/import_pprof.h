/* SPDX-License-Identifier: MIT */
/*
 * A profile of pprof while it is read: what import_pprof_tables.c fills, and import_pprof.c makes events of.
 */
#ifndef PYROPE_RECORDING_IMPORT_PPROF_H
#define PYROPE_RECORDING_IMPORT_PPROF_H

#include "pyrope/recording.h"
#include "recording/protobuf_reader.h"

#define PPROF_COLUMNS_LIMIT 64 /* sample types */

struct pprof_value_type {
	uint64_t type, unit; /* texts */
};

struct pprof_function {
	uint64_t name, file, start_line;
};

struct pprof_line {
	uint64_t function; /* its id; 0: none */
	uint64_t line;
};

struct pprof_location {
	uint64_t mapping, address;
	size_t first_line, line_count; /* the innermost function first */
	struct sample_frame *frames;   /* once they have been named: as many, and one at least */
	size_t text_bytes;             /* of the names and files of these */
};

struct pprof {
	const char *name;
	struct functions *functions;
	struct sink *sink;
	struct error *err;
	struct message whole;

	struct message *texts;
	size_t text_count, text_capacity;
	struct pprof_value_type columns[PPROF_COLUMNS_LIMIT], period_type;
	size_t column_count;
	uint64_t period;
	struct u64_map mapping_files; /* id -> text */
	struct pprof_function *function_list;
	size_t function_count, function_capacity;
	struct u64_map function_ids;
	struct pprof_line *lines;
	size_t line_count, line_capacity;
	struct pprof_location *locations;
	size_t location_count, location_capacity;
	struct u64_map location_ids;

	size_t column;   /* of the values that count, */
	uint64_t unit;   /* in so many of them to a sample */
	uint64_t *stack; /* numbers of locations, the innermost first */
	size_t stack_count, stack_capacity;
	struct sample_frame *frames; /* of the last sample that was given */
	size_t frame_count, frame_capacity;
	struct buffer thread;
	size_t name_bytes, label_bytes;               /* so far */
	uint64_t given_frames, different_frame_count; /* different: from those of the sample before */
};

/* -1, and the profile's err. */
int pprof_fail(const struct pprof *pprof, const char *why);
int pprof_malformed(const struct pprof *pprof);

/* Clean and not endless; "" where there is none. Appended. */
void pprof_append_text(const struct pprof *pprof, uint64_t number, struct buffer *buffer);
bool pprof_is_text(const struct pprof *pprof, uint64_t number, const char *wanted);
/* Numbers of fields into values by their number, the rest is not looked at. */
int pprof_read_numbers(const struct pprof *pprof, struct message message, uint64_t *values, size_t count);
/* All of the message but the samples. */
int pprof_read_tables(struct pprof *pprof);

#endif
