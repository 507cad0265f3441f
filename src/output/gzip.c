/* SPDX-License-Identifier: MIT */
/* zlib's deflate, with a buffer for what comes out. */
#include "config.h"

#include "output/gzip.h"

#include "pyrope/base.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define CHUNK_BYTES 65536
/* zlib.h, deflateInit2: 16 more asks for gzip's header and trailer */
#define WINDOW_GZIP (MAX_WBITS + 16)
#define MEMORY_LEVEL 8 /* its default */
/* what is written is long and alike: higher levels take several times as long for a tenth less */
#define LEVEL 4

struct gzip {
	z_stream stream;
	gzip_write *write;
	void *context;
	unsigned char bytes[CHUNK_BYTES];
};

struct gzip *gzip_new(gzip_write *write, void *context)
{
	struct gzip *gzip = xcalloc(1, sizeof(*gzip));

	gzip->write = write;
	gzip->context = context;
	if (deflateInit2(&gzip->stream, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
		Z_OK)
		abort(); /* no memory, as xmalloc has it, or another zlib than was compiled with */
	return gzip;
}

void gzip_free(struct gzip *gzip)
{
	if (!gzip)
		return;
	deflateEnd(&gzip->stream);
	free(gzip);
}

static void run(struct gzip *gzip, int flush)
{
	do {
		gzip->stream.next_out = gzip->bytes;
		gzip->stream.avail_out = CHUNK_BYTES;
		deflate(&gzip->stream, flush);
		gzip->write(gzip->context, gzip->bytes, CHUNK_BYTES - gzip->stream.avail_out);
	} while (gzip->stream.avail_out == 0);
}

void gzip_append(struct gzip *gzip, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;

	while (length) {
		const unsigned part = length < INT_MAX ? (unsigned)length : INT_MAX;

		/* z_const is not const by default; it is only read */
		gzip->stream.next_in = (unsigned char *)from;
		gzip->stream.avail_in = part;
		run(gzip, Z_NO_FLUSH);
		from += part;
		length -= part;
	}
}

void gzip_finish(struct gzip *gzip)
{
	run(gzip, Z_FINISH);
}
