/* SPDX-License-Identifier: MIT */
/*
 * The evaluation loop as machine code: which addresses are its own, and where on the C stack its calls keep
 * what ties them to Python frames.
 *
 * The loop links a frame that it has filled in, but the compiler may do the stores in another order; code
 * that the loop calls cannot be run before they are done. So a thread that stands elsewhere than in the loop
 * has whole frames.
 *
 * Facts: Python/ceval.c. _PyEval_EvalFrameDefault is exported from 3.6 on, PyEval_EvalFrameEx before. GCC
 * moves what it thinks is rare into a second function of the same name and ".cold". CFrame:
 * Include/cpython/pystate.h (3.10 to 3.12).
 */
#include "config.h"

#include "python/internal.h"
#include "target/elf/elf.h"

#include <stdlib.h>
#include <string.h>

/* Where the loop is smaller than this its handlers are functions of their own (tail calls, 3.14+). */
#define LOOP_BYTES 16384
#define REFRESH_NS INT64_C(1000000000)
#define ANCHOR_LIMIT 100000

static const char *const part_names[EVALUATION_PARTS] = {
	"_PyEval_EvalFrameDefault",
	"_PyEval_EvalFrameDefault.cold",
	"PyEval_EvalFrameEx",
	"PyEval_EvalFrameEx.cold",
	"PyEval_EvalFrameEx.part.0",
};

/* The parts of the loop. Names in .dynsym are exact; .symtab has the others too. */
static void find_parts(struct evaluation *evaluation, const struct elf_image *image)
{
	struct elf_symbol symbols[EVALUATION_PARTS] = { 0 };

	/* the longest first: a name also matches the one with ".cold" behind it */
	for (size_t i = 0; i < EVALUATION_PARTS; i++)
		symbols[i].name = part_names[i];
	elf_image_dynamic_symbols(image, symbols, EVALUATION_PARTS);
	elf_image_static_symbols(image, symbols, EVALUATION_PARTS);
	evaluation->part_count = 0;
	for (size_t i = 0; i < EVALUATION_PARTS; i++) {
		if (!symbols[i].found || !symbols[i].bytes || symbols[i].bytes > UINT32_MAX)
			continue;
		if (symbols[i].bytes >= LOOP_BYTES)
			evaluation->is_whole = true;
		evaluation->parts[evaluation->part_count++] = (struct code_span){ symbols[i].address,
			symbols[i].address + symbols[i].bytes, .is_own = true };
	}
}

/* The file that holds the interpreter's variables is the one with its code. */
static void load_parts(struct python *python, const struct maps *maps)
{
	const raddr_t variable = python->place.runtime ? python->place.runtime : python->place.current_thread;
	const struct mapping *mapping = maps_find(maps, variable);
	struct error ignored = { 0 };
	struct elf_image image;

	/* .bss is an anonymous mapping behind those of the file */
	while (mapping && mapping > maps->mappings && !mapping->inode && mapping[-1].end == mapping->start)
		mapping--;
	if (!mapping || !mapping->inode)
		return;
	python->evaluation.file_address = mapping->start;
	python->evaluation.inode = mapping->inode;
	if (elf_image_open(&image, python->target, maps, mapping, &ignored))
		return;
	find_parts(&python->evaluation, &image);
	elf_image_release(&image);
}

/*
 * The kernel's own code in the process, which is in no file: a program that asks for the time is often
 * there.
 */
static bool is_vdso(const struct mapping *mapping)
{
	return strcmp(mapping->path, "[vdso]") == 0;
}

/*
 * Which addresses are code of files: the rest may be code that the interpreter has compiled, with pieces of
 * the loop in it.
 */
static void load_files(struct evaluation *evaluation, const struct maps *maps)
{
	evaluation->file_count = 0;
	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->mappings[i];

		if (!mapping->executable || (!mapping->inode && !is_vdso(mapping)))
			continue;
		array_reserve(&evaluation->files, &evaluation->file_capacity, evaluation->file_count + 1,
			sizeof(*evaluation->files));
		evaluation->files[evaluation->file_count++] = (struct code_span){ mapping->start,
			mapping->end, .is_own = mapping->inode == evaluation->inode };
	}
}

static void load(struct python *python)
{
	struct evaluation *evaluation = &python->evaluation;
	struct error ignored = { 0 };
	struct maps maps;
	int64_t now = monotonic_ns();

	if (evaluation->read_ns && now - evaluation->read_ns < REFRESH_NS)
		return;
	if (target_read_maps(python->target, &maps, &ignored) == 0) {
		if (!evaluation->read_ns)
			load_parts(python, &maps);
		load_files(evaluation, &maps);
		maps_release(&maps);
	}
	evaluation->read_ns = now;
}

static bool in_spans(const struct code_span *spans, size_t count, raddr_t pc)
{
	for (size_t i = 0; i < count; i++) {
		if (pc >= spans[i].start && pc < spans[i].end)
			return true;
	}
	return false;
}

/* The code of a file that pc lies in, or NULL. */
static const struct code_span *find_file(const struct evaluation *evaluation, raddr_t pc)
{
	size_t low;

	LOWER_BOUND(low, evaluation->file_count, i, evaluation->files[i].end <= pc);
	return low < evaluation->file_count && pc >= evaluation->files[low].start ? &evaluation->files[low]
										  : NULL;
}

enum evaluation_answer python_evaluates(struct python *python, raddr_t pc)
{
	const struct evaluation *evaluation = &python->evaluation;
	const struct code_span *file;

	if (python->is_none)
		return EVALUATES_NOT;
	if (!evaluation->read_ns)
		load(python);
	if (in_spans(evaluation->parts, evaluation->part_count, pc))
		return EVALUATES;
	file = find_file(evaluation, pc);
	if (!file) {
		load(python); /* a library that was loaded since */
		file = find_file(evaluation, pc);
	}
	/* other files have no piece of the loop, whatever is known of its own */
	return file && evaluation->inode && (evaluation->is_whole || !file->is_own) ? EVALUATES_NOT
										    : EVALUATES_PERHAPS;
}

raddr_t python_file_address(struct python *python)
{
	if (!python->evaluation.read_ns && !python->is_none)
		load(python);
	return python->evaluation.file_address;
}

void python_free_evaluation(struct python *python)
{
	free(python->evaluation.files);
}

/* ---- anchors ---- */

bool python_anchors_are_exact(const struct python *python)
{
	return python->layout.frames != FRAMES_ON_HEAP;
}

bool python_chain_may_lag(const struct python *python)
{
	return python->layout.frames == FRAMES_BY_CFRAME;
}

static struct anchor *add_anchor(struct anchors *anchors)
{
	array_reserve(&anchors->list, &anchors->capacity, anchors->count + 1, sizeof(*anchors->list));
	return &anchors->list[anchors->count++];
}

/*
 * The group that a CFrame says it runs (3.11): it points at the innermost frame of it. None while the call is
 * being entered or left, and for the CFrames that greenlet makes of its own.
 */
static void tie_group(const struct walk *walk, raddr_t current, size_t *next, struct anchor *anchor)
{
	for (size_t group = *next; group < walk->group_count; group++) {
		const size_t begin = group ? walk->groups[group - 1].end : 0;

		if (begin >= walk->count || walk->frames[begin].address != current)
			continue;
		anchor->begin = begin;
		anchor->end = walk->groups[group].end;
		*next = group + 1;
		return;
	}
}

/* The chain of CFrames, as far as it lies in what stack holds; the last is in the thread state. */
static void add_cframes(const struct layout *layout, struct memory_view *stack, raddr_t cframe,
	const struct walk *walk, struct anchors *anchors)
{
	const bool has_current = layout->cframe.current_frame != OFFSET_NONE;
	size_t next = 0;

	while (anchors->count < ANCHOR_LIMIT) {
		const void *bytes = stack->at(stack, cframe, layout->cframe.previous + 8);
		struct anchor anchor = { .address = cframe };

		if (!bytes || (anchors->count && cframe <= anchors->list[anchors->count - 1].address))
			break;
		if (has_current)
			tie_group(walk, field_u64(bytes, layout->cframe.current_frame), &next, &anchor);
		*add_anchor(anchors) = anchor;
		cframe = field_u64(bytes, layout->cframe.previous);
	}
}

void python_anchors(const struct python *python, struct memory_view *stack, const struct walk *walk,
	const void *state, struct anchors *anchors)
{
	const struct layout *layout = &python->layout;

	anchors->count = 0;
	if (layout->root == ROOT_SHIM) {
		for (size_t i = 0; i < walk->group_count; i++)
			*add_anchor(anchors) = (struct anchor){ .address = walk->groups[i].shim,
				.begin = i ? walk->groups[i - 1].end : 0,
				.end = walk->groups[i].end };
	} else if (layout->cframe.previous != OFFSET_NONE) {
		add_cframes(layout, stack, field_u64(state, layout->thread_state.cframe), walk, anchors);
	}
}

void anchors_release(struct anchors *anchors)
{
	free(anchors->list);
	*anchors = (struct anchors){ 0 };
}
