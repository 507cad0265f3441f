/* SPDX-License-Identifier: MIT */
/*
 * What is known of an interpreter, for a person: how it was built and how it was found.
 *
 * Facts: _Py_NegativeRefcount is exported by builds that count references, as Py_DEBUG does
 * (Include/object.h, 2.6 to 3.15). The name of the environment variable PYTHON_JIT is in builds that have
 * the second tier alone (_Py_TIER2 in Python/pylifecycle.c, 3.13+).
 */
#include "config.h"

#include "python/internal.h"
#include "target/elf/elf.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 << 10)
#define SEGMENT_LIMIT_BYTES ((uint64_t)64 << 20)
#define GILS 64
#define INTERPRETERS 1024

/* Is the text, with the NULs around it, among what the image holds as constants? */
static bool image_has_word(const struct elf_image *image, const char *text, size_t length)
{
	char *chunk = xmalloc(CHUNK_BYTES);
	bool found = false;

	for (size_t i = 0; i < image->segment_count && !found; i++) {
		const struct elf_segment *segment = &image->segments[i];
		uint64_t bytes =
			segment->file_bytes < SEGMENT_LIMIT_BYTES ? segment->file_bytes : SEGMENT_LIMIT_BYTES;

		for (uint64_t at = 0; !segment->writable && at < bytes && !found && !is_interrupted();) {
			size_t wanted = bytes - at < CHUNK_BYTES ? (size_t)(bytes - at) : CHUNK_BYTES;
			size_t got = elf_image_read(image, segment->vaddr + at, chunk, wanted);

			found = memmem(chunk, got, text, length) != NULL;
			if (got < wanted || got <= length)
				break;
			at += at + got == bytes ? got : got - length;
		}
	}
	free(chunk);
	return found;
}

static void examine_file(struct python *python, struct python_facts *facts)
{
	static const char jit[] = "\0PYTHON_JIT";
	struct elf_symbol counted = { .name = "_Py_NegativeRefcount" };
	const raddr_t address = python_file_address(python);
	struct error ignored = { 0 };
	const struct mapping *mapping;
	struct elf_image image;
	struct maps maps;

	if (!address || target_read_maps(python->target, &maps, &ignored))
		return;
	mapping = maps_find(&maps, address);
	if (mapping && elf_image_open(&image, python->target, &maps, mapping, &ignored) == 0) {
		facts->is_debug_build = elf_image_dynamic_symbols(&image, &counted, 1) == 1;
		facts->has_jit = image_has_word(&image, jit, sizeof(jit));
		elf_image_release(&image);
	}
	maps_release(&maps);
}

static raddr_t find_holder(struct python *python)
{
	struct gil gils[GILS];
	const size_t count = python_list_gils(python, gils, GILS);
	unsigned char bytes[GIL_BYTES];
	struct gil_state state;

	for (size_t i = 0; i < count; i++) {
		if (gils[i].length > sizeof(bytes) ||
			!target_read(python->target, gils[i].address, bytes, gils[i].length))
			continue;
		python_decode_gil(python, bytes, &state);
		if (state.holder)
			return state.holder;
	}
	return 0;
}

static void examine_threads(struct python *python, struct python_facts *facts)
{
	raddr_t *interpreters = xcalloc(INTERPRETERS, sizeof(*interpreters));
	struct python_thread *threads = NULL;
	struct error ignored = { 0 };
	const raddr_t holder = python_free_threaded(python) ? 0 : find_holder(python);
	size_t capacity = 0;
	ssize_t count;

	facts->interpreters = python_list_interpreters(python, interpreters, INTERPRETERS);
	count = python_list_threads(python, &threads, &capacity, &ignored);
	facts->threads = count > 0 ? (size_t)count : 0;
	for (ssize_t i = 0; i < count && holder; i++)
		if (threads[i].state == holder)
			facts->holder = python_thread_tid(python, &threads[i]);
	free(threads);
	free(interpreters);
}

void python_examine(struct python *python, struct python_facts *facts)
{
	const struct runtime_place *place = &python->place;

	*facts = (struct python_facts){
		.layout = place->layout.name,
		.has_own_offsets = place->layout.has_debug_offsets,
		.evidence = place->evidence,
		.is_free_threaded = place->layout.free_threaded,
	};
	examine_file(python, facts);
	examine_threads(python, facts);
}
