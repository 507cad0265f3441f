/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a recording, as writer and reader agree on them. Numbers are little-endian; in columns they
 * are LEB128 (DWARF 5, 7.6), signed ones zigzag-coded first.
 */
#ifndef PYROPE_RECORDING_WIRE_H
#define PYROPE_RECORDING_WIRE_H

#include "pyrope/base.h"

#define RECORDING_SIGNATURE "\x89pyrope\n"
#define SIGNATURE_BYTES 8
#define RECORDING_FORMAT 1 /* what a reader must know; a block of an unknown kind does not count */

#define BLOCK_MAGIC 0x4b4c4250u /* "PBLK" */
#define BLOCK_HEADER_BYTES 24
#define BLOCK_LIMIT_BYTES (16u << 20) /* of the contents of one, packed or not */

enum block_kind {
	BLOCK_BEGIN = 1,
	BLOCK_EVENTS = 2,
	BLOCK_END = 3,
};

/*
 * The columns of a block of events. New texts, functions, frames, ... stand in the block in which they are
 * first used; each has the next number, from 0 on over the whole file.
 */
enum column {
	COLUMN_TEXTS,     /* length, bytes */
	COLUMN_FUNCTIONS, /* kind, file (text), name (text), first line (signed) */
	COLUMN_FRAMES,    /* function, line (signed, less the function's first line) */
	/* how much less the parent's number is than its own, frame; number 0 is the empty stack */
	COLUMN_NODES,
	COLUMN_PROCESSES,  /* pid */
	COLUMN_THREADS,    /* process, tid, interpreter, name (text), the process's name (text) */
	COLUMN_OPERATIONS, /* one byte each: enum operation */
	/* in steps, signed: how much later than an interval after the last tick of the process */
	COLUMN_TIMES,
	COLUMN_SLOTS, /* which places of the list of threads have changed */
	/*
	 * below RECENT_NODES: place in the process's list of recent nodes; else that many more than the
	 * node
	 */
	COLUMN_STACKS,
	COLUMN_STATES, /* state, quality and the bits below */
	COLUMN_CALLS,  /* system call, signed */
	COLUMN_VALUES, /* of the other operations */
	COLUMNS
};

enum operation {
	OPERATION_LIST = 1, /* a tick: number of threads; for each the thread and its sample */
	/*
	 * a tick: the same threads; number of samples that differ; for each how many places were passed
	 * over, and the sample
	 */
	OPERATION_CHANGES,
	/* a tick: the same threads; one sample differs, at the place that changed last: the sample */
	OPERATION_CHANGE,
	OPERATION_REPEAT, /* so many ticks as the one before; the time is that of the last of them */
	OPERATION_SELECT, /* the process of what follows */
	/*
	 * time, parent, whether it runs without a GIL, name, command line, version (texts), roots (their
	 * number, texts)
	 */
	OPERATION_PROCESS,
	OPERATION_MISSED,   /* time, count */
	OPERATION_COUNTERS, /* time, the seven counters */
	OPERATION_CLOCK,    /* time, real time in ns */
	OPERATION_EXIT,     /* time, status (signed) */
	OPERATION_MARK,     /* time, text */
	OPERATIONS
};

/* Of a number in COLUMN_STATES. */
#define STATE_MASK 0x0f
#define QUALITY_SHIFT 4
#define QUALITY_MASK 0x07
#define CALL_FOLLOWS 0x80 /* the thread is in a system call, whose number stands in COLUMN_CALLS */
#define COLLECTS 0x100
#define OFF_CPU 0x200
#define STATE_BITS 0x3ff /* all that a reader of this format knows */

/*
 * The nodes that a process has used last, the last one first. Blocks are too small for zstd to learn which
 * numbers are frequent, and a number below 128 is one byte.
 */
#define RECENT_NODES 64

struct recent {
	uint32_t nodes[RECENT_NODES]; /* 0 where there is none yet: the empty stack */
};

/* Moves the node at place, or a new one at RECENT_NODES, to the front. */
static inline void recent_use(struct recent *recent, size_t place, uint32_t node)
{
	if (place >= RECENT_NODES)
		place = RECENT_NODES - 1;
	for (; place > 0; place--)
		recent->nodes[place] = recent->nodes[place - 1];
	recent->nodes[0] = node;
}

/* RECENT_NODES: it is not there. */
static inline size_t recent_find(const struct recent *recent, uint32_t node)
{
	size_t place = 0;

	while (place < RECENT_NODES && recent->nodes[place] != node)
		place++;
	return place;
}

static inline uint64_t zigzag(int64_t number)
{
	return number < 0 ? ~((uint64_t)number << 1) : (uint64_t)number << 1;
}

static inline int64_t unzigzag(uint64_t number)
{
	return (int64_t)(number >> 1 ^ -(number & 1));
}

void wire_put(struct buffer *buffer, uint64_t number);
void wire_put_signed(struct buffer *buffer, int64_t number);
void wire_put_text(struct buffer *buffer, const char *text);

/* Bytes that are read one after the other. What is asked for beyond the end sets `bad` and is 0. */
struct cursor {
	const unsigned char *at, *end;
	bool bad;
};

uint64_t wire_get(struct cursor *cursor);
int64_t wire_get_signed(struct cursor *cursor);
/* A text: its bytes, which stay where they are, and its length; NULL: bad. */
const char *wire_get_text(struct cursor *cursor, size_t *length);
unsigned char wire_get_byte(struct cursor *cursor);

/* ---- blocks ---- */

struct block_header {
	unsigned kind;
	uint32_t number; /* of the block in the file, from 0: none may be missing before it */
	uint32_t stored_bytes, plain_bytes; /* packed when they differ */
	uint32_t checksum;                  /* CRC-32C of the header before it and of what is stored */
};

struct packer;
struct packer *packer_new(void);
void packer_free(struct packer *packer); /* accepts NULL */
/* Appends a block of this kind with these contents to out. */
void packer_pack(struct packer *packer, enum block_kind kind, uint32_t number, const struct buffer *plain,
	struct buffer *out);

/* False: this is no header of a block that makes sense. */
bool block_parse_header(const unsigned char bytes[BLOCK_HEADER_BYTES], struct block_header *header);
/* Do the bytes belong to the header? */
bool block_check(const unsigned char header[BLOCK_HEADER_BYTES], const void *stored, size_t length);
struct unpacker;
struct unpacker *unpacker_new(void);
void unpacker_free(struct unpacker *unpacker); /* accepts NULL */
/* The contents: those stored, or unpacked into plain. False: they do not unpack to what the header says. */
bool unpacker_unpack(struct unpacker *unpacker, const struct block_header *header, const void *stored,
	struct buffer *plain);

#endif
