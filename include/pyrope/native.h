/* SPDX-License-Identifier: MIT */
/*
 * The C, C++, Rust and Cython functions under and between the Python ones: unwind a copy of a thread's stack,
 * merge it with the Python frames that were read in the same moment, name the functions afterwards.
 *
 * A stack is taken in three steps, so that the thread stands still for the first one only: copy
 * (native_copy), merge (native_merge), name (native_frames). Copy and merge belong to the thread that
 * samples; naming to the one that consumes samples, which may be another: they share nothing but what is said
 * here.
 */
#ifndef PYROPE_NATIVE_H
#define PYROPE_NATIVE_H

#include "pyrope/python.h"
#include "pyrope/sample.h"
#include "pyrope/target.h"

struct native;

/* Was pyrope built with what this stage needs (libdw)? Without it native_new fails and says so. */
bool native_available(void);
/*
 * The same for the names of C++ and Rust, for compressed symbol tables; for --version. "libdw, libiberty,
 * liblzma".
 */
const char *native_libraries(void);

/* ---- what there is to name the functions of a file by, for a person ---- */

struct native_file_facts {
	bool has_symbols;          /* a symbol table, and not only what it exports */
	bool has_lines;            /* debugging information with line numbers */
	bool has_small_symbols;    /* .gnu_debugdata, the compressed table of Fedora's packages */
	char build_id[2 * 64 + 1]; /* hexadecimal; "": none */
	char *debug_file;          /* the separate one that was found; NULL: none; owned */
};

/* False: its file cannot be read (or pyrope was built without this stage). Release debug_file with free. */
bool native_examine(struct target *target, const struct maps *maps, const struct mapping *mapping,
	struct native_file_facts *facts);

struct native_options {
	bool show_all; /* the interpreter's own plumbing too: --native=all */
};

/* Reads what is mapped; parses nothing yet. Borrows python. ERROR_UNSUPPORTED: not built in; ERROR_GONE. */
int native_new(struct native **native, struct python *python, const struct native_options *options,
	struct error *err);
void native_free(struct native *native); /* accepts NULL */
/*
 * Looks whether libraries were loaded or unloaded, when it is time to. Called often; by the thread that
 * samples.
 */
void native_housekeeping(struct native *native, int64_t now_ns);

/* ---- 1. copy: while the thread stands still ---- */

/* Zero-initialise; memory is kept between uses; native_copy_release frees it. */
struct native_copy {
	struct registers registers;
	raddr_t start; /* the bytes are the target's [start, start + length) */
	size_t length;
	unsigned char *bytes;
	size_t capacity;
	/*
	 * where the thread's outermost frame was last seen to end: how much to read next time; 0: not known
	 */
	raddr_t stack_end;
};

/*
 * Copies the stack above the stack pointer in registers (and the red zone below it). No allocation once copy
 * has been used for a stack as deep. False: nothing could be read.
 */
bool native_copy(struct native *native, struct native_copy *copy, const struct registers *registers);
void native_copy_release(struct native_copy *copy);

/* length bytes of the target's at address, or NULL: they are not all in the copy. */
static inline const void *native_copy_at(const struct native_copy *copy, raddr_t address, size_t length)
{
	if (address < copy->start || length > copy->length || address - copy->start > copy->length - length)
		return NULL;
	return copy->bytes + (address - copy->start);
}

/* ---- 2. merge: when it runs again ---- */

/* One code address, for the whole run: equal places of one file share it. Opaque; owned by the native. */
struct native_address;

enum merged_kind {
	MERGED_PYTHON,    /* walk->frames[index] */
	MERGED_NATIVE,    /* address */
	MERGED_TRUNCATED, /* native frames are missing here: unwinding did not get further out */
};

struct merged_frame {
	enum merged_kind kind;
	size_t index;
	const struct native_address *address;
};

/* Zero-initialise; memory is kept; native_merged_release frees it. */
struct native_merged {
	struct merged_frame *frames; /* outermost first */
	size_t count, capacity;
	bool truncated;
	size_t *match; /* of use while merging only */
	size_t match_capacity;
	/* calls of the evaluation loop are on the stack that run none of the walk's frames */
	bool contradicts;
};

/*
 * Unwinds the copy and puts both kinds of frames in the order in which they were called. walk and state are
 * what was read in the same moment: state the thread state's first python_thread_state_bytes(); both NULL for
 * a thread without Python. Every frame of the walk is in the result, once and in order.
 */
void native_merge(struct native *native, struct native_copy *copy, const struct walk *walk, const void *state,
	struct native_merged *merged);
void native_merged_release(struct native_merged *merged);

struct native_statistics {
	uint64_t stacks; /* merged */
	/* samples with the mark "(native truncated)"; counted by who puts it there */
	uint64_t truncated;
	uint64_t frames;  /* native ones */
	uint64_t rows;    /* of unwind tables that were looked up and kept */
	uint64_t modules; /* files that were opened for unwinding */
	/* addresses and debug files that were left because looking up names had cost too much */
	uint64_t unnamed, unread;
	/* stacks in which a Python frame found no evaluation call, or a call no frame */
	uint64_t unmatched;
};
void native_statistics(const struct native *native, struct native_statistics *statistics);
/* Only unnamed and unread, which naming counts; from any thread. */
void native_naming_statistics(const struct native *native, struct native_statistics *statistics);

/* ---- 3. name: any one other thread ---- */

/*
 * The functions at address, outermost first: one, and those that were inlined into it. None when it is
 * plumbing and that is hidden. outermost: there is no Python function further out, but there are some further
 * in: then what has no name in a stripped interpreter is the start of the program or of the thread, and
 * plumbing too. *frames is good as long as the native. The first call for an address may read files; later
 * ones do not.
 */
size_t native_frames(struct native *native, const struct native_address *address, bool outermost,
	const struct sample_frame **frames);

#endif
