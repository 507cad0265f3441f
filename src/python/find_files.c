/* SPDX-License-Identifier: MIT */
/*
 * Which of the mapped files is the interpreter. The executable and what is called libpython or python come
 * first; the other files, of which there may be thousands, are only looked at when these have nothing, and
 * then through what is cheap: hash tables and section headers before whole symbol tables.
 *
 * A symbol that the executable and a library both define (a copy relocation) is the executable's: the
 * library's is dead.
 */
#include "config.h"

#include "python/find_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FILE_LIMIT 16384

enum file_rank { RANK_EXECUTABLE, RANK_NAMED, RANK_OTHER };

struct mapped_file {
	const struct mapping *mapping;
	enum file_rank rank;
};

struct search {
	struct target *target;
	const struct maps *maps;
	struct mapped_file *files; /* by rank */
	size_t file_count, file_capacity;
	struct candidates *candidates;
};

enum symbol_index { SYMBOL_RUNTIME, SYMBOL_CURRENT_THREAD, SYMBOL_INTERP_HEAD, SYMBOL_VERSION, SYMBOL_COUNT };

static const char *const symbol_names[SYMBOL_COUNT] = {
	[SYMBOL_RUNTIME] = "_PyRuntime",                    /* 3.7+: Python/pylifecycle.c */
	[SYMBOL_CURRENT_THREAD] = "_PyThreadState_Current", /* to 3.6: Python/pystate.c */
	[SYMBOL_INTERP_HEAD] = "interp_head",               /* to 3.6, static: Python/pystate.c */
	[SYMBOL_VERSION] = "Py_Version",                    /* 3.11+: Python/getversion.c */
};

/* How much of a file to look at. */
enum depth {
	DEPTH_CHEAP,   /* .dynsym and section headers */
	DEPTH_SYMBOLS, /* .symtab, too */
	DEPTH_STRINGS, /* no symbols: by its strings; the variables are scanned later */
};

/* ---- the list of files ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static enum file_rank rank_file(const struct mapping *mapping, uint64_t executable)
{
	const char *name = base_name(mapping->path);

	/* the device may be shown differently; this is for the order alone */
	if (executable && mapping->inode == executable)
		return RANK_EXECUTABLE;
	return strncmp(name, "libpython", 9) == 0 || strncmp(name, "python", 6) == 0 ? RANK_NAMED
										     : RANK_OTHER;
}

static int compare_rank(const void *first, const void *second)
{
	const struct mapped_file *a = first, *b = second;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return (a->mapping > b->mapping) - (a->mapping < b->mapping);
}

/* Every file of which some code is mapped. */
static void list_files(struct search *search)
{
	struct u64_map seen = { 0 };
	uint64_t executable = 0;
	dev_t device;

	identify_file(target_proc_fd(search->target), "exe", &device, &executable);
	for (size_t i = 0; i < search->maps->count && search->file_count < FILE_LIMIT; i++) {
		const struct mapping *mapping = &search->maps->mappings[i];
		uint64_t key;

		if (!mapping->executable || mapping->path[0] != '/' || !mapping->inode)
			continue;
		key = hash_combine(
			hash_combine(mapping->inode, mapping->device_major), mapping->device_minor);
		if (u64_map_get(&seen, key))
			continue;
		u64_map_put(&seen, key, 1);
		array_reserve(&search->files, &search->file_capacity, search->file_count + 1,
			sizeof(*search->files));
		search->files[search->file_count++] = (struct mapped_file){
			.mapping = mapping,
			.rank = rank_file(mapping, executable),
		};
	}
	u64_map_release(&seen);
	if (search->file_count)
		qsort(search->files, search->file_count, sizeof(*search->files), compare_rank);
}

/* ---- one file ---- */

static void find_symbols(const struct elf_image *image, enum depth depth, struct candidate *candidate)
{
	struct elf_symbol symbols[SYMBOL_COUNT] = { 0 };
	struct elf_section section;

	for (size_t i = 0; i < SYMBOL_COUNT; i++)
		symbols[i].name = symbol_names[i];
	elf_image_dynamic_symbols(image, symbols, SYMBOL_COUNT);
	candidate->evidence = symbols[SYMBOL_RUNTIME].found || symbols[SYMBOL_CURRENT_THREAD].found
		? PYTHON_BY_EXPORT
		: PYTHON_BY_SYMBOL;
	/*
	 * interp_head is never exported, and the file that exports the other one is an interpreter: worth
	 * the pass
	 */
	if (symbols[SYMBOL_CURRENT_THREAD].found ||
		(!symbols[SYMBOL_RUNTIME].found && depth >= DEPTH_SYMBOLS))
		elf_image_static_symbols(image, symbols, SYMBOL_COUNT);
	candidate->current_thread = symbols[SYMBOL_CURRENT_THREAD].address;
	candidate->interp_head = symbols[SYMBOL_INTERP_HEAD].address;
	candidate->version_hex = symbols[SYMBOL_VERSION].address;
	candidate->runtime = symbols[SYMBOL_RUNTIME].address;
	candidate->runtime_bytes = symbols[SYMBOL_RUNTIME].bytes;
	/* 3.10+: Python/pylifecycle.c puts it into a section of its own, which survives strip */
	if (!candidate->runtime && elf_image_section(image, ".PyRuntime", &section)) {
		candidate->runtime = image->bias + section.vaddr;
		candidate->runtime_bytes = section.bytes;
		candidate->evidence = PYTHON_BY_SECTION;
	}
}

static void add_range(struct candidate *candidate, raddr_t start, uint64_t bytes)
{
	if (bytes && candidate->variable_count < RANGE_LIMIT)
		candidate->variables[candidate->variable_count++] =
			(struct memory_range){ .start = start, .bytes = bytes };
}

static void list_variables(const struct elf_image *image, struct candidate *candidate)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (segment->writable)
			add_range(candidate, image->bias + segment->vaddr + segment->file_bytes,
				segment->memory_bytes - segment->file_bytes);
	}
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (segment->writable)
			add_range(candidate, image->bias + segment->vaddr, segment->file_bytes);
	}
}

static void inspect_image(
	struct search *search, const struct elf_image *image, const struct mapping *mapping, enum depth depth)
{
	struct candidates *candidates = search->candidates;
	struct candidate *candidate = &candidates->candidates[candidates->count];

	if (candidates->count == CANDIDATE_LIMIT)
		return;
	*candidate = (struct candidate){ 0 };
	if (depth < DEPTH_STRINGS) {
		find_symbols(image, depth, candidate);
		if (!candidate->runtime && !candidate->current_thread)
			return;
	}
	if (!candidate->version_hex)
		version_list_read(image, base_name(mapping->path), &candidate->versions);
	if (depth == DEPTH_STRINGS && !candidate->versions.says_python)
		return;
	list_variables(image, candidate);
	candidates->count++;
}

static void inspect_files(struct search *search, enum file_rank first, enum file_rank last, enum depth depth)
{
	for (size_t i = 0; i < search->file_count; i++) {
		const struct mapped_file *file = &search->files[i];
		struct elf_image image;
		struct error ignored = { 0 };

		if (file->rank < first || file->rank > last ||
			elf_image_open(&image, search->target, search->maps, file->mapping, &ignored))
			continue;
		inspect_image(search, &image, file->mapping, depth);
		elf_image_release(&image);
	}
}

/*
 * A copy relocation puts the variable into the executable; the rest is still to be learned from the
 * library.
 */
static void share_knowledge(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->count; i++) {
		struct candidate *candidate = &candidates->candidates[i];

		for (size_t j = 0; j < candidates->count; j++) {
			const struct candidate *other = &candidates->candidates[j];

			if (candidate->current_thread && !candidate->interp_head)
				candidate->interp_head = other->interp_head;
			if (!candidate->version_hex && !candidate->versions.count) {
				candidate->version_hex = other->version_hex;
				candidate->versions = other->versions;
			}
		}
	}
}

static bool is_loading(struct search *search)
{
	struct elf_image image;
	struct error ignored = { 0 };
	bool loading;

	if (!search->file_count || search->files[0].rank != RANK_EXECUTABLE)
		return search->file_count == 0; /* it is just being executed */
	if (elf_image_open(&image, search->target, search->maps, search->files[0].mapping, &ignored))
		return false;
	loading = elf_image_loading(&image, search->target);
	elf_image_release(&image);
	return loading;
}

/* Until one finds something. */
static const struct {
	enum file_rank first, last;
	enum depth depth;
} passes[] = {
	{ RANK_EXECUTABLE, RANK_NAMED, DEPTH_CHEAP },
	{ RANK_EXECUTABLE, RANK_NAMED, DEPTH_SYMBOLS },
	{ RANK_OTHER, RANK_OTHER, DEPTH_CHEAP },
	{ RANK_OTHER, RANK_OTHER, DEPTH_SYMBOLS },
	{ RANK_EXECUTABLE, RANK_NAMED, DEPTH_STRINGS },
};

int candidates_collect(
	struct target *target, const struct maps *maps, struct candidates *candidates, struct error *err)
{
	struct search search = { .target = target, .maps = maps, .candidates = candidates };

	*candidates = (struct candidates){ 0 };
	list_files(&search);
	for (size_t i = 0; i < ARRAY_LENGTH(passes) && !candidates->count && !candidates->loading; i++) {
		inspect_files(&search, passes[i].first, passes[i].last, passes[i].depth);
		/* what is still being loaded shows none of its libraries: no reason to look any harder */
		if (i == 0 && !candidates->count)
			candidates->loading = is_loading(&search);
	}
	share_knowledge(candidates);
	free(search.files);
	if (!candidates->count && !target_alive(target))
		return error_set(err, ERROR_GONE, "process %d has exited", target_pid(target));
	return 0;
}
