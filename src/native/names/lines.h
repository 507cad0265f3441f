/* SPDX-License-Identifier: MIT */
/* What debug information says of an address: the functions that were inlined there, and lines. */
#ifndef PYROPE_NATIVE_NAMES_LINES_H
#define PYROPE_NATIVE_NAMES_LINES_H

#include "target/elf/object.h"
#include "native/files/root.h"

#define INLINE_LIMIT 64

struct lines;

struct inlined {
	char *name; /* as the linker would have it, or as it is qualified in the source; NULL: it has none */
	int line;   /* in it: of what is inlined into it, or of the instruction; 0: not known */
};

/* Zero-initialise; inlines_release frees what is in it. */
struct inlines {
	struct inlined list[INLINE_LIMIT]; /* outermost first: [0] is the function itself */
	size_t count;
	char *source; /* the file that was compiled, as the compiler was told; NULL: not known */
};

/* NULL: there is no debug information in the object, or too much. Borrows object and roots. */
struct lines *lines_new(const struct elf_object *object, const struct roots *roots);
void lines_free(struct lines *lines); /* accepts NULL */
/* How much memory it takes, about. */
size_t lines_bytes(const struct lines *lines);
/* False: it says nothing of vaddr. */
bool lines_find(struct lines *lines, uint64_t vaddr, struct inlines *inlines);
void inlines_release(struct inlines *inlines);

#endif
