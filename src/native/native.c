/* SPDX-License-Identifier: MIT */
/*
 * The stage as its users see it: copies a stack, has it unwound and merged, hands out addresses to be named.
 *
 * An address is made once, by the thread that samples, and named once, by the one that consumes samples. What
 * the two share is the address itself: its place is written before it is handed over, its names belong to the
 * consumer.
 */
#include "config.h"

#include "pyrope/native.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "native/unwind/jit.h"
#include "native/unwind/merge.h"
#include "native/names/names.h"

#define FIRST_STACK_BYTES ((size_t)128 << 10)
#define STACK_LIMIT_BYTES ((size_t)1 << 20)
#define DESCRIPTORS 65536
/* distinct ones; a program that makes code without end would fill memory with them */
#define ADDRESS_LIMIT 4000000

struct native {
	struct python *python;
	struct target *target;
	struct native_options options;
	struct modules modules;
	struct unwinder *unwinder;
	struct names *names; /* the consumer's */

	struct u64_map addresses; /* hash of module, vaddr, exactness -> struct native_address * */
	struct native_address **all_addresses;
	size_t address_count, address_capacity;

	struct native_frames frames;
	struct anchors anchors;
	raddr_t *anchor_addresses;
	size_t anchor_capacity;
	bool *evaluates;
	size_t evaluates_capacity;
	struct native_statistics statistics;
};

bool native_available(void)
{
	return true;
}

const char *native_libraries(void)
{
	return "libdw"
#ifdef HAVE_LIBUNWIND
	       ", libunwind"
#endif
#ifdef HAVE_LIBIBERTY
	       ", libiberty"
#endif
#ifdef HAVE_LIBLZMA
	       ", liblzma"
#endif
		;
}

/*
 * One is kept for each module that was met, and some systems allow no more than 1,024 unless they are
 * asked.
 */
static void ask_for_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS &&
		limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int native_new(struct native **result, struct python *python, const struct native_options *options,
	struct error *err)
{
	struct native *native = xcalloc(1, sizeof(*native));

	native->python = python;
	native->target = python_target(python);
	native->options = *options;
	if (modules_init(&native->modules, native->target, python_file_address(python), err)) {
		free(native);
		return -1;
	}
	native->unwinder = unwinder_new(&native->modules);
	native->names = names_new(native->target, python_functions(python));
	ask_for_descriptors();
	*result = native;
	return 0;
}

void native_free(struct native *native)
{
	if (!native)
		return;
	names_free(native->names);
	unwinder_free(native->unwinder);
	modules_release(&native->modules);
	for (size_t i = 0; i < native->address_count; i++)
		free(native->all_addresses[i]);
	free(native->all_addresses);
	u64_map_release(&native->addresses);
	free(native->frames.list);
	anchors_release(&native->anchors);
	free(native->anchor_addresses);
	free(native->evaluates);
	free(native);
}

void native_housekeeping(struct native *native, int64_t now_ns)
{
	modules_update(&native->modules, now_ns, false);
}

/* ---- copy ---- */

/*
 * How much to read: to where the thread's outermost frame ended last time, if that makes sense for this
 * stack pointer.
 */
static size_t wanted_bytes(const struct native_copy *copy)
{
	if (copy->stack_end <= copy->start)
		return FIRST_STACK_BYTES;
	return copy->stack_end - copy->start < STACK_LIMIT_BYTES ? copy->stack_end - copy->start
								 : STACK_LIMIT_BYTES;
}

bool native_copy(struct native *native, struct native_copy *copy, const struct registers *registers)
{
	raddr_t stack_pointer = registers->values[register_roles.stack_pointer];
	size_t wanted;

	copy->registers = *registers;
	copy->length = 0;
	if (stack_pointer < 4096 || !(registers->known & UINT64_C(1) << register_roles.stack_pointer))
		return false;
	copy->start = (stack_pointer - register_roles.red_zone) & ~UINT64_C(7);
	wanted = wanted_bytes(copy);
	array_reserve(&copy->bytes, &copy->capacity, wanted, 1);
	copy->length = target_read_upto(native->target, copy->start, copy->bytes, wanted);
	return copy->length > 0;
}

void native_copy_release(struct native_copy *copy)
{
	free(copy->bytes);
	*copy = (struct native_copy){ 0 };
}

/* Where the stack ended, for the next time; where it was not read far enough, twice as far. */
static void learn_extent(struct native_copy *copy, const struct native_frames *frames, bool whole)
{
	raddr_t end = copy->start + copy->length;
	raddr_t last = frames->count ? frames->list[frames->count - 1].end : copy->start;

	if (whole)
		copy->stack_end = last + 64; /* the words around the outermost return address */
	else if (last + 4096 > end && copy->length < STACK_LIMIT_BYTES)
		copy->stack_end = copy->start + 2 * copy->length;
}

/* ---- addresses ---- */

static struct native_address *new_address(struct native *native, const struct native_address *place)
{
	struct native_address *address = xmalloc(sizeof(*address));

	*address = *place;
	array_reserve(&native->all_addresses, &native->address_capacity, native->address_count + 1,
		sizeof(struct native_address *));
	native->all_addresses[native->address_count++] = address;
	return address;
}

static bool same_place(const struct native_address *left, const struct native_address *right)
{
	return left->module == right->module && left->vaddr == right->vaddr &&
		left->exact_pc == right->exact_pc && left->announced == right->announced;
}

/* NULL: it is new; *hash is the key that is free for it. */
static const struct native_address *find_address(
	const struct native *native, const struct native_address *place, uint64_t *hash)
{
	const uint64_t *slot;

	*hash = hash_combine(hash_seed(), place->module ? place->module->id + 1 : 0);
	*hash = hash_combine(hash_combine(*hash, place->vaddr), place->exact_pc);
	if (place->announced)
		*hash = hash_combine(*hash, (uintptr_t)place->announced);
	while ((slot = u64_map_get(&native->addresses, *hash))) {
		const struct native_address *known = (const struct native_address *)(uintptr_t)*slot;

		if (same_place(known, place))
			return known;
		++*hash;
	}
	return NULL;
}

static const struct native_address *address_of(struct native *native, const struct native_frame *frame)
{
	/* a call may be the last thing in its module, so that it returns to another */
	const raddr_t pc = frame->pc - !frame->exact_pc;
	struct jit *jit = modules_jit(&native->modules);
	struct module *module = modules_find(&native->modules, pc);
	const struct jit_code *code =
		jit && (!module || module->kind == MODULE_CODE) ? jit_find(jit, pc) : NULL;
	struct native_address place = { .exact_pc = frame->exact_pc };
	const struct native_address *known;
	uint64_t hash;

	if (code && code->name) { /* all of a piece that was announced to debuggers is one place */
		place = (struct native_address){ .module = modules_code(&native->modules),
			.vaddr = code->start,
			.exact_pc = true,
			.announced = code->name };
	} else if (module) {
		module_open(&native->modules, module);
		place.module = module;
		place.vaddr = frame->pc - module->bias;
		if (module->kind == MODULE_CODE)
			place.mapping = modules_mapping(&native->modules, pc);
	} else {
		place.vaddr = frame->pc;
	}
	known = find_address(native, &place, &hash);
	if (known)
		return known;
	/* beyond the limit what is new is one address, of which nothing is known */
	if (native->address_count >= ADDRESS_LIMIT) {
		place = (struct native_address){ .exact_pc = true };
		known = find_address(native, &place, &hash);
		if (known)
			return known;
	}
	u64_map_put(&native->addresses, hash, (uint64_t)(uintptr_t)new_address(native, &place));
	return native->all_addresses[native->address_count - 1];
}

/* ---- merge ---- */

struct copy_view {
	struct memory_view view;
	const struct native_copy *copy;
};

static const void *copy_at(struct memory_view *view, raddr_t address, size_t length)
{
	return native_copy_at(((const struct copy_view *)view)->copy, address, length);
}

/* Unwinding starts again at an anchor where it is stuck, so it has to know where they are. */
static void list_anchors(
	struct native *native, const struct native_copy *copy, const struct walk *walk, const void *state)
{
	struct copy_view stack = { .view = { .at = copy_at }, .copy = copy };

	native->anchors.count = 0;
	if (walk)
		python_anchors(native->python, &stack.view, walk, state, &native->anchors);
	array_reserve(&native->anchor_addresses, &native->anchor_capacity, native->anchors.count + 1,
		sizeof(*native->anchor_addresses));
	for (size_t i = 0; i < native->anchors.count; i++)
		native->anchor_addresses[i] = native->anchors.list[i].address;
}

static void find_evaluations(struct native *native)
{
	const struct native_frames *frames = &native->frames;

	array_reserve(&native->evaluates, &native->evaluates_capacity, frames->count + 1,
		sizeof(*native->evaluates));
	for (size_t i = 0; i < frames->count; i++)
		native->evaluates[i] = python_evaluates(native->python, frames->list[i].pc) == EVALUATES;
}

/* The evaluation calls that were found show what such a frame looks like. */
static void learn_evaluations(struct native *native)
{
	const struct native_frames *frames = &native->frames;
	const struct anchors *anchors = &native->anchors;

	for (size_t i = 0, at = 0; i < frames->count && at < anchors->count; i++) {
		if (merge_has_anchor(anchors, &frames->list[i], &at) &&
			python_evaluates(native->python, frames->list[i].pc) != EVALUATES_NOT) {
			unwinder_learn(native->unwinder, &frames->list[i], anchors->list[at].address);
			return;
		}
	}
}

static void reverse(struct native_merged *merged)
{
	for (size_t i = 0; i < merged->count / 2; i++) {
		struct merged_frame swap = merged->frames[i];

		merged->frames[i] = merged->frames[merged->count - 1 - i];
		merged->frames[merged->count - 1 - i] = swap;
	}
}

void native_merge(struct native *native, struct native_copy *copy, const struct walk *walk, const void *state,
	struct native_merged *merged)
{
	struct native_frames *frames = &native->frames;
	size_t skipped = 0, left;
	bool whole;
	struct merge_input input;

	merged->count = frames->count = 0;
	merged->truncated = merged->contradicts = false;
	list_anchors(native, copy, walk, state);
	whole = unwinder_unwind(native->unwinder, &copy->registers, copy, native->anchor_addresses,
			native->anchors.count, frames, &skipped) == UNWIND_WHOLE;
	learn_extent(copy, frames, whole);
	learn_evaluations(native);
	input = (struct merge_input){ .frames = frames->list,
		.frame_count = frames->count,
		.whole = whole,
		.walk = walk,
		.anchors = &native->anchors,
		.has_anchors = python_anchors_are_exact(native->python),
		.copy = copy };
	if (walk)
		find_evaluations(native);
	input.evaluates = native->evaluates;
	left = merge_frames(&input, merged);
	/* without any frames of its own a greenlet starts or ends, and all calls are those of others */
	merged->contradicts = walk && walk->count && python_chain_may_lag(native->python) &&
		merge_contradicts(&input, left);
	native->statistics.unmatched += left || merged->contradicts;
	for (size_t i = 0; i < merged->count; i++) {
		if (merged->frames[i].kind == MERGED_NATIVE)
			merged->frames[i].address =
				address_of(native, &frames->list[merged->frames[i].index]);
	}
	reverse(merged);
	native->statistics.stacks++;
	native->statistics.frames += frames->count;
}

void native_merged_release(struct native_merged *merged)
{
	free(merged->frames);
	free(merged->match);
	*merged = (struct native_merged){ 0 };
}

void native_statistics(const struct native *native, struct native_statistics *statistics)
{
	*statistics = native->statistics;
	native_naming_statistics(native, statistics);
	statistics->rows = unwinder_row_count(native->unwinder);
	for (size_t i = 0; i < native->modules.count; i++)
		statistics->modules += native->modules.all[i]->is_opened;
}

/* ---- names ---- */

void native_naming_statistics(const struct native *native, struct native_statistics *statistics)
{
	names_left_out(native->names, &statistics->unnamed, &statistics->unread);
}

size_t native_frames(struct native *native, const struct native_address *address, bool outermost,
	const struct sample_frame **frames)
{
	const struct named *named = names_of(native->names, (struct native_address *)address);

	if (native->options.show_all) {
		*frames = named->frames;
		return named->count;
	}
	*frames = named->shown;
	return outermost && named->is_nameless_interpreter ? 0 : named->shown_count;
}
