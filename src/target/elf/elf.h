/* SPDX-License-Identifier: MIT */
/*
 * An ELF file that a target has mapped: where it was loaded, its symbols, its sections. Read from the file
 * wherever it can still be reached, else out of the target's memory, by the same functions.
 *
 * 64-bit files in the byte order of this machine only: target_open refuses other targets. Only what is
 * asked for is read, with pread and never by mmap, since a file may be truncated at any time and a mapping
 * of it would then kill us. Nothing in a file is trusted: offsets are checked, counts and chains bounded.
 */
#ifndef PYROPE_TARGET_ELF_H
#define PYROPE_TARGET_ELF_H

#include "pyrope/target.h"

#define ELF_SEGMENT_LIMIT 64 /* PT_LOADs; linkers make 2 to 5 */
#define ELF_NAME_BYTES 256   /* a soname longer than this is no Python's */

/* A PT_LOAD. */
struct elf_segment {
	uint64_t vaddr, memory_bytes; /* as linked: without the load bias */
	uint64_t offset, file_bytes;
	bool writable, executable;
};

/* Bytes of the target: reads up to length bytes from address on and returns how many could be read. */
struct elf_memory {
	size_t (*read)(void *context, raddr_t address, void *data, size_t length);
	void *context;
};

struct elf_object;

struct elf_image {
	raddr_t bias; /* what was added to each vaddr at load; 0 until it is known */
	struct elf_segment segments[ELF_SEGMENT_LIMIT]; /* by vaddr */
	size_t segment_count;
	uint64_t dynamic_vaddr, dynamic_bytes; /* PT_DYNAMIC; no bytes: a static executable */
	bool has_interpreter;                  /* PT_INTERP: a program that is linked dynamically */
	int fd;                                /* -1: read out of memory */
	struct elf_object *object;             /* its headers; NULL: read out of memory */
	struct elf_memory memory;
};

/* What a symbol table said of a name. */
struct elf_symbol {
	const char *name;
	bool found;
	raddr_t address; /* in the target: with the load bias */
	uint64_t bytes;  /* st_size */
};

struct elf_section {
	uint64_t vaddr, bytes; /* without the load bias */
};

/* Are these two mappings of one file? */
bool mapping_same_file(const struct mapping *first, const struct mapping *second);
/*
 * The load bias that makes PT_LOAD segments and mappings of the file agree best. The first mapping is not
 * always the executable one, the program may map its own file for other reasons, and mprotect splits and
 * joins mappings. false: no mapping begins where a segment does.
 */
bool elf_load_bias(const struct elf_segment *segments, size_t segment_count,
	const struct mapping *const *mappings, size_t mapping_count, raddr_t *bias);

/*
 * Opens what this mapping is a part of. By path in the target's root or in ours, else by /proc/PID/exe,
 * else by /proc/PID/map_files, each only when it is the very file that is mapped; else out of memory.
 * Release with elf_image_release. err: ERROR_UNSUPPORTED when it is no ELF file of this machine,
 * ERROR_RACED when it is not mapped in a way that makes sense.
 */
int elf_image_open(struct elf_image *image, struct target *target, const struct maps *maps,
	const struct mapping *mapping, struct error *err);
/*
 * Are its headers counted where they are in programs and libraries? Object files may have more sections than
 * fit there; then libelf believes a number of 32 or 64 bits, and takes memory for so many. Asked before
 * libelf sees the file.
 */
bool elf_file_is_ordinary(int fd);
/*
 * The pieces of it. Both need a bias set before addresses mean anything. Owns the fd from here on, in any
 * case.
 */
int elf_image_open_fd(struct elf_image *image, int fd, struct error *err);
/*
 * ELF header at base (its load address), as in memory. Finds its bias by the mappings, as elf_load_bias
 * does.
 */
int elf_image_open_memory(struct elf_image *image, struct elf_memory memory, raddr_t base,
	const struct mapping *const *mappings, size_t mapping_count, struct error *err);
void elf_image_release(struct elf_image *image);

/* The segment that holds this vaddr; NULL: none. */
const struct elf_segment *elf_image_segment(const struct elf_image *image, uint64_t vaddr);
/*
 * Reads what the file holds at vaddr (from memory: what is there now), at most to the end of the segment's
 * bytes in the file. Returns how many bytes were read.
 */
size_t elf_image_read(const struct elf_image *image, uint64_t vaddr, void *data, size_t length);

/*
 * Looks names up that are not found yet; returns how many of all are found then. In .dynsym, through its
 * hash table: a few small reads a name.
 */
size_t elf_image_dynamic_symbols(const struct elf_image *image, struct elf_symbol *symbols, size_t count);
/*
 * In .symtab, one pass through all of it: dear, and only there where the file is not stripped. A name also
 * matches when the linker has put ".lto_priv.0" or the like behind it.
 */
size_t elf_image_static_symbols(const struct elf_image *image, struct elf_symbol *symbols, size_t count);
/*
 * By name, among those that are loaded. false: there is none, or it was read out of memory, where no
 * section is.
 */
bool elf_image_section(const struct elf_image *image, const char *name, struct elf_section *section);
/* DT_SONAME; false: it has none. */
bool elf_image_soname(const struct elf_image *image, char name[ELF_NAME_BYTES]);
/* The value of a DT_ entry, as the image has it; false: it has none. */
bool elf_image_dynamic_value(const struct elf_image *image, int64_t tag, uint64_t *value);
/*
 * Is this the image of a program whose libraries are still being loaded? By r_debug, which the dynamic
 * linker keeps for debuggers (link.h).
 */
bool elf_image_loading(const struct elf_image *image, struct target *target);

#endif
