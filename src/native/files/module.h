/* SPDX-License-Identifier: MIT */
/*
 * The files that are mapped executable in a target, as unwinding and naming see them.
 *
 * A module stays in memory for the whole run, so that an address can be named after its library was
 * unloaded; the same file at the same place is the same module when it comes back. What is here is written
 * by the sampling thread before the module can be seen by the other one, and not changed after that, but
 * for what is marked.
 */
#ifndef PYROPE_NATIVE_FILES_MODULE_H
#define PYROPE_NATIVE_FILES_MODULE_H

#include <stdatomic.h>

#include "pyrope/target.h"
#include "target/elf/elf.h"

enum module_kind {
	MODULE_FILE, /* an ELF file: a program, a library */
	MODULE_VDSO, /* an ELF image that the kernel maps; there is no file */
	MODULE_CODE, /* executable memory without a file: code that was compiled at run time */
};

struct cfi;
struct jit;

struct module {
	uint32_t id; /* index in the list of all */
	enum module_kind kind;
	char *path; /* as the target sees it, cleaned; "" for MODULE_CODE */
	char *name; /* what is printed: the last part of the path, cleaned, "[vdso]", "[jit]" */
	/* the file that holds CPython itself (python3.11, libpython3.11.so); may be found out late */
	atomic_bool is_interpreter;

	/* only the sampling thread */
	raddr_t start, end; /* all of its mappings lie within */
	bool is_mapped;     /* now */
	uint64_t inode, path_hash;
	uint32_t device_major, device_minor;
	size_t first_mapping, mapping_count; /* in the maps that were read last, if it is mapped */
	bool is_opened;                      /* it was tried */
	struct elf_image image; /* bias and segments; its bytes are those in the target's memory */
	bool is_cfi_sought;     /* it was tried */
	struct cfi *cfi;        /* what unwinding knows of it; NULL: nothing, or not loaded yet */

	/* Set before the first native_address of the module is handed out, then constant: for naming. */
	int fd; /* its own descriptor of the file, or of a copy of the image (memfd), for pread; -1: none */
	raddr_t bias;
};

struct modules {
	struct target *target; /* NULL: these were made by hand, and only their images can be read */
	raddr_t interpreter;
	struct maps maps; /* as they were read last */
	struct module **all;
	size_t count, capacity;
	struct u64_map by_identity; /* hash of what makes a module the same -> its id */
	/* sorted by start: the mappings that are executable now */
	struct code_range {
		raddr_t start, end;
		struct module *module;
	} * ranges;
	size_t range_count, range_capacity;
	uint64_t generation;      /* grows whenever what was mapped at some address has gone */
	int64_t read_ns, cost_ns; /* when the maps were read last, and how long that took */
	size_t kept;              /* descriptors that modules have */
	uint64_t copied_bytes;    /* of images that were copied out of memory */
	uint64_t table_bytes;     /* of unwind tables that were read from end to end; unwinding's */
	struct jit *jit;          /* what unwinding knows of code that was announced; NULL: nothing */
	bool is_jit_sought;
	/* How what unwinding keeps here is freed: set by it where it sets the first one. */
	void (*free_cfi)(struct cfi *cfi);
	void (*free_jit)(struct jit *jit);
};

/* Reads the maps. interpreter: an address in the interpreter's own code or data, to know its file. */
int modules_init(struct modules *modules, struct target *target, raddr_t interpreter, struct error *err);
void modules_release(struct modules *modules);
/*
 * Reads the maps again when the last time is long enough ago: at most 0.5 % of the time is spent with it.
 * force: now.
 */
void modules_update(struct modules *modules, int64_t now_ns, bool force);
/* The executable mapping that holds pc; NULL: none (as far as known). */
struct module *modules_find(struct modules *modules, raddr_t pc);
/* The one module of all code that was made at run time; NULL: there are too many. */
struct module *modules_code(struct modules *modules);
/* Where that mapping begins; 0: none. */
raddr_t modules_mapping(const struct modules *modules, raddr_t pc);
/*
 * Opens the file or image behind the module, once; fd, bias and (for a file that is no ELF file) kind are
 * set by it. False: there is nothing to read.
 */
bool module_open(struct modules *modules, struct module *module);

#endif
