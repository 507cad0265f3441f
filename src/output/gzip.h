/* SPDX-License-Identifier: MIT */
/*
 * Bytes in, a gzip stream (RFC 1952) out. Its header has no time and no name: equal bytes give equal files.
 */
#ifndef PYROPE_OUTPUT_GZIP_H
#define PYROPE_OUTPUT_GZIP_H

#include <stddef.h>

struct gzip;
typedef void gzip_write(void *context, const void *bytes, size_t length);

struct gzip *gzip_new(gzip_write *write, void *context);
void gzip_free(struct gzip *gzip); /* accepts NULL */
void gzip_append(struct gzip *gzip, const void *bytes, size_t length);
/* The end of the stream: nothing may be appended any more. */
void gzip_finish(struct gzip *gzip);

#endif
