/* SPDX-License-Identifier: MIT */
/*
 * The steps of finding an interpreter: files give candidates (find_files.c), a candidate has versions that it
 * may be (find_version.c), a layout turns it into a place that is confirmed by its thread list
 * (find_check.c), if need be after a scan of its variables (find_scan.c).
 */
#ifndef PYROPE_PYTHON_FIND_INTERNAL_H
#define PYROPE_PYTHON_FIND_INTERNAL_H

#include "python/find.h"
#include "target/elf/elf.h"

/* ---- versions ---- */

struct version {
	int number;    /* major * 100 + minor */
	char text[24]; /* "3.8.18"; "" when only the number is known */
};

#define VERSION_LIMIT 16

/* The best guess first. */
struct version_list {
	struct version versions[VERSION_LIMIT];
	size_t count;
	bool says_python; /* the file has strings that no other program has */
};

/* "3.15.0a3" from PY_VERSION_HEX (Include/patchlevel.h). */
void version_from_hex(struct version *version, uint64_t hex);
/* The "3.8" of "libpython3.8m.so.1.0", "python3.8"; 0 when there is none. */
int version_in_name(const char *name);
/*
 * What the read-only data of an image says: PY_VERSION strings, those first that agree with file_name, the
 * soname or a "python3.8" in the data; then what the names alone say.
 */
void version_list_read(const struct elf_image *image, const char *file_name, struct version_list *list);

/* ---- candidates ---- */

struct memory_range {
	raddr_t start;
	uint64_t bytes;
};

#define RANGE_LIMIT 8

/* A file of the target that may be its interpreter. Addresses that are not known are 0. */
struct candidate {
	raddr_t runtime;        /* _PyRuntime */
	uint64_t runtime_bytes; /* its st_size; 0: not known */
	raddr_t current_thread; /* _PyThreadState_Current */
	raddr_t interp_head;
	raddr_t version_hex; /* Py_Version */
	enum python_evidence evidence;
	struct version_list versions;
	struct memory_range variables[RANGE_LIMIT]; /* .bss before .data */
	size_t variable_count;
};

#define CANDIDATE_LIMIT 8

struct candidates {
	struct candidate candidates[CANDIDATE_LIMIT]; /* the likeliest first */
	size_t count;
	bool loading; /* there are none, but the dynamic linker is still at work */
};

/* Looks through what the target has mapped. -1: gone, or not permitted. */
int candidates_collect(
	struct target *target, const struct maps *maps, struct candidates *candidates, struct error *err);

/* Sets err: what runs in this process, which is not a CPython. */
int explain_not_python(struct target *target, const struct maps *maps, struct error *err);

/* ---- confirmation ---- */

enum place_state {
	PLACE_FOUND,
	PLACE_EMPTY,   /* no interpreter, or none with a thread: it is starting or has finished */
	PLACE_GARBAGE, /* what is there is no thread list of this layout */
	PLACE_UNKNOWN, /* a version that there is no layout for; err says so */
};

/* Is the interpreter at this address one with threads? Checks those that follow it, too. */
enum place_state check_interpreters(struct target *target, const struct layout *layout, raddr_t first);
/*
 * Does sys.modules of the interpreter look like a dict? A field far into a struct, so that a wrong layout
 * shows.
 */
bool check_modules(struct target *target, const struct layout *layout, raddr_t interpreter);
/* Confirms place, whose layout and addresses are set. Strictly: check_modules has to agree, too. */
enum place_state check_place(struct target *target, const struct runtime_place *place, bool strict);

/*
 * For stripped builds. Goes through the variables of a candidate for a pointer to an interpreter of
 * place->layout, and sets place->runtime, or place->interpreter where the layout has no runtime. PLACE_FOUND,
 * or PLACE_EMPTY.
 */
enum place_state scan_for_interpreter(struct target *target, const struct maps *maps,
	const struct candidate *candidate, struct runtime_place *place);
/* The same for builds that have debug offsets: their cookie. 0: not found. */
raddr_t scan_for_debug_offsets(struct target *target, const struct candidate *candidate);

#endif
