/* SPDX-License-Identifier: MIT */
/*
 * JSON as a stream: pieces of text, with the commas between the elements of the array that is being
 * written.
 */
#ifndef PYROPE_OUTPUT_JSON_H
#define PYROPE_OUTPUT_JSON_H

#include "pyrope/output.h"

/* Zero-initialise but for the file, which is borrowed. Ends with json_release. */
struct json {
	struct output_file *file;
	struct buffer text; /* for whoever appends strings and numbers to it */
	bool is_first;      /* of the elements */
};

void json_put(struct json *json, const char *text);
void json_put_uint(struct json *json, uint64_t number);
/* In thousands: 1234567 is 1234.567. Nanoseconds as microseconds, microseconds as milliseconds. */
void json_put_thousandths(struct json *json, int64_t number);
/* What stands before an array, and its bracket. The closing one is the caller's. */
void json_begin(struct json *json, const char *before);
/* Before each element. Hands on what has come together. */
void json_next(struct json *json);
/* Hands on all of it. */
void json_release(struct json *json);

#endif
