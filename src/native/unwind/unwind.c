/* SPDX-License-Identifier: MIT */
/*
 * Unwinding: at each frame the first of these that leads on.
 *
 * 1. The row of the unwind tables for its pc; where that has an expression, libunwind takes the step
 *    (step_remote.c). What a return address stands for is the call before it, which may be the last
 *    instruction of its function or of its row, so that pc - 1 is looked up; but not where a signal has
 *    interrupted the code, nor in the innermost frame.
 * 2. Where no table describes the code (made at run time, assembly), what unwind_guess.c finds: a return
 * address among the first words, or the frame pointer, if what it leads to looks like a frame.
 * 3. The next anchor: the address of something that the interpreter keeps in the stack frame of its
 *    evaluation loop. In one build it has always the same distance to the CFA of that frame. How far that
 *    is, and which registers such a frame has saved where, is learned from frames that were unwound by the
 *    tables.
 *
 * Registers that are not known (only two are of a thread that sleeps) become known as soon as a frame is
 * met that has saved them; until then, what depends on them fails.
 */
#include "config.h"

#include "native/unwind/unwind_internal.h"

#include <stdlib.h>
#include <string.h>

#define SHAPE_BYTES_LIMIT 65536
/* by which the stack pointers of two calls of the loop differ at most */
#define SAME_FRAME_BYTES 256
#define REFRESH_PAUSE_NS \
	20000000 /* for an address in unknown memory the maps are read again, at most so often */
/* that new rows of one stack may take: tables are as slow to read as their maker likes */
#define UNWIND_LIMIT_NS INT64_C(200000000)
#define REFRESH_SHARE 100 /* and at most for a hundredth of the time */

/* Goes on in the caller, of whose registers only what is in `registers` is known. */
void enter_caller(
	struct progress *progress, struct registers *registers, raddr_t cfa, raddr_t pc, bool exact_pc)
{
	set_register(registers, register_roles.stack_pointer, cfa);
	registers->pc = pc;
	if (!register_roles.return_in_register)
		set_register(registers, register_roles.return_address, pc); /* the column of the pc itself */
	progress->registers = *registers;
	progress->exact_pc = exact_pc;
}

/* ---- rows ---- */

static bool find_cfa(const struct progress *progress, const struct cfi_rule *rule, raddr_t *cfa)
{
	if (rule->kind != RULE_REGISTER || !get_register(&progress->registers, rule->number, cfa))
		return false;
	*cfa += (uint64_t)(int64_t)rule->value;
	return true;
}

/* What register `number` holds in the caller. */
static inline bool find_value(const struct progress *progress, const struct cfi_rule *rule, unsigned number,
	raddr_t cfa, uint64_t *value)
{
	raddr_t address = cfa + (uint64_t)(int64_t)rule->value;

	switch (rule->kind) {
	case RULE_SAME:
		return get_register(&progress->registers, number, value);
	case RULE_OFFSET:
		return copy_load(progress->copy, address, value);
	case RULE_VALUE:
		*value = address;
		return true;
	case RULE_REGISTER:
		return get_register(&progress->registers, rule->number, value);
	default: /* expressions are libunwind's */
		return false;
	}
}

static void find_saved(
	const struct progress *progress, const struct cfi_row *row, raddr_t cfa, struct registers *caller)
{
	uint64_t value;

	caller->known = 0;
	if (row->all) {
		const struct cfi_rule_set *set = &progress->unwinder->rows.sets[row->all - 1];

		for (unsigned number = 0; number < REGISTER_COUNT; number++)
			if (find_value(progress, &set->rules[number], number, cfa, &value))
				set_register(caller, number, value);
		return;
	}
	for (unsigned i = 0; i < register_roles.saved_count; i++)
		if (find_value(progress, &row->saved[i], register_roles.saved[i], cfa, &value))
			set_register(caller, register_roles.saved[i], value);
}

/* Only what a call preserves is known of its caller. */
static void keep_saved(struct registers *caller)
{
	uint64_t saved = 0;

	for (unsigned i = 0; i < register_roles.saved_count; i++)
		saved |= UINT64_C(1) << register_roles.saved[i];
	caller->known &= saved;
}

/*
 * May a frame take no room on the stack? Only one that has just begun or was interrupted (exact_pc), where
 * return addresses come in a register; and not again and again.
 */
static bool may_be_empty(const struct progress *progress, const struct native_frame *frame)
{
	return register_roles.return_in_register && frame->exact_pc &&
		(progress->frames->count == progress->first + 1 ||
			frame[-1].stack_pointer < frame->stack_pointer);
}

/* Can the frame end there? */
static bool may_end(const struct progress *progress, const struct native_frame *frame, raddr_t cfa)
{
	return cfa > frame->stack_pointer || (cfa == frame->stack_pointer && may_be_empty(progress, frame));
}

/* A row with an expression. */
static enum step step_by_entry(
	struct progress *progress, const struct cfi_row *row, struct native_frame *frame)
{
	struct unwinder *unwinder = progress->unwinder;
	struct remote_step step = { .entry = &unwinder->rows.entries[row->entry - 1],
		.bytes = (const unsigned char *)unwinder->rows.bytes.data,
		.registers = &progress->registers,
		.lookup_pc = row->pc,
		.copy = progress->copy };

	if (!unwinder->remote)
		unwinder->remote = remote_new();
	if (!remote_step(unwinder->remote, &step) || !may_end(progress, frame, step.cfa))
		return STEP_STUCK;
	frame->end = step.cfa;
	step.pc &= register_roles.code_mask;
	if (!step.pc)
		return STEP_END;
	if (!row->is_signal)
		keep_saved(&step.caller);
	enter_caller(progress, &step.caller, step.cfa, step.pc, row->is_signal);
	return STEP_DONE;
}

enum step step_by_row(struct progress *progress, const struct cfi_row *row, struct native_frame *frame)
{
	struct registers caller;
	raddr_t cfa, pc;

	if (row->entry)
		return step_by_entry(progress, row, frame);
	if (!find_cfa(progress, &row->cfa, &cfa) || !may_end(progress, frame, cfa))
		return STEP_STUCK;
	frame->end = cfa;
	if (row->return_address.kind == RULE_UNDEFINED)
		return STEP_END;
	/* where a call has returned to, its return address is no longer in the register */
	if (row->return_address.kind == RULE_SAME && !frame->exact_pc)
		return STEP_STUCK;
	if (!find_value(progress, &row->return_address, row->return_column, cfa, &pc))
		return STEP_STUCK;
	pc &= register_roles.code_mask;
	if (!pc)
		return STEP_END;
	find_saved(progress, row, cfa, &caller);
	enter_caller(progress, &caller, cfa, pc, row->is_signal);
	return STEP_DONE;
}

/* ---- anchors ---- */

static struct native_frame *add_frame(
	struct progress *progress, raddr_t pc, bool exact_pc, raddr_t stack_pointer_then)
{
	struct native_frames *frames = progress->frames;
	struct native_frame *frame;

	array_reserve(&frames->list, &frames->capacity, frames->count + 1, sizeof(*frames->list));
	frame = &frames->list[frames->count++];
	frame->pc = pc;
	frame->exact_pc = exact_pc;
	frame->stack_pointer = frame->end = stack_pointer_then;
	frame->saved_known = 0;
	return frame;
}

/*
 * Is the frame where unwinding is stuck the evaluation frame itself, which counts from a frame pointer that
 * was lost further in? It begins where one of this shape would, in code that counts like the shape's.
 */
static bool is_of_shape(
	struct progress *progress, const struct shape *shape, const struct native_frame *frame, raddr_t begin)
{
	const struct cfi_row *own, *row = known_row(progress, shape->pc - 1);
	struct cfi_rule rule;

	if (!row || begin + SAME_FRAME_BYTES < frame->stack_pointer ||
		frame->stack_pointer + SAME_FRAME_BYTES < begin ||
		frame->pc + SAME_FUNCTION_BYTES < shape->pc || shape->pc + SAME_FUNCTION_BYTES < frame->pc)
		return false;
	rule = row->cfa;
	own = known_row(progress, frame->pc - !frame->exact_pc);
	return own && own->cfa.kind == rule.kind && own->cfa.number == rule.number &&
		own->cfa.value == rule.value;
}

/* The evaluation frame of this shape around the anchor, and on to its caller. */
static bool enter_shape(struct progress *progress, const struct shape *shape, raddr_t anchor)
{
	struct unwinder *unwinder = progress->unwinder;
	const struct cfi_row *row = cfi_rows_find(&unwinder->rows, unwinder->modules, shape->pc - 1);
	struct native_frame *frame = &progress->frames->list[progress->frames->count - 1];
	raddr_t cfa = anchor + shape->from_anchor, pc, begin;
	struct registers caller;
	bool is_own;

	if (!row || !row->is_known || row->return_address.kind != RULE_OFFSET || cfa <= anchor ||
		!find_value(progress, &row->return_address, row->return_column, cfa, &pc))
		return false;
	pc &= register_roles.code_mask;
	if (!pc || !modules_find(unwinder->modules, pc - 1))
		return false;
	begin = cfa - shape->bytes;
	is_own = frame->stack_pointer <= anchor && is_of_shape(progress, shape, frame, begin);
	/* two frames that begin at one address: then one of them is none */
	if (!is_own && frame->stack_pointer == anchor && progress->frames->count > progress->first + 1 &&
		!may_be_empty(progress, frame))
		return false;
	progress->registers.known = 0; /* of those in the frame itself nothing is known */
	find_saved(progress, row, cfa, &caller);
	if (is_own) {
		frame->end = cfa;
		enter_caller(progress, &caller, cfa, pc, false);
		return true;
	}
	if (begin <= frame->stack_pointer || begin > anchor)
		begin = anchor;
	/* where its end is not known, it stays where it begins: calls are missing between the two */
	if (frame->end > begin)
		frame->end = begin;
	frame = add_frame(progress, shape->pc, false, begin);
	frame->end = cfa;
	enter_caller(progress, &caller, cfa, pc, false);
	return true;
}

static bool has_anchor_further_out(const struct progress *progress)
{
	const raddr_t end = progress->frames->list[progress->frames->count - 1].end;

	return progress->anchor_count && progress->anchors[progress->anchor_count - 1] >= end;
}

static enum step step_by_anchor(struct progress *progress)
{
	struct unwinder *unwinder = progress->unwinder;
	const raddr_t below = progress->frames->list[progress->frames->count - 1].stack_pointer;

	for (; progress->anchor_count; progress->anchors++, progress->anchor_count--) {
		if (*progress->anchors < below)
			continue;
		for (size_t i = 0; i < unwinder->shape_count; i++) {
			if (!enter_shape(progress, &unwinder->shapes[i], *progress->anchors))
				continue;
			progress->anchors++;
			progress->anchor_count--;
			return STEP_DONE;
		}
	}
	return STEP_STUCK;
}

/* ---- all of it ---- */

/*
 * Reads the maps again, for an address that lies in no code that is known; but garbage must not cost that
 * each time.
 */
static bool refresh(struct modules *modules)
{
	int64_t now_ns = monotonic_ns(), wait_ns = modules->cost_ns * REFRESH_SHARE;

	if (now_ns - modules->read_ns < (wait_ns > REFRESH_PAUSE_NS ? wait_ns : REFRESH_PAUSE_NS))
		return false;
	modules_update(modules, now_ns, true);
	return true;
}

static const struct cfi_row *find_row(struct progress *progress)
{
	struct unwinder *unwinder = progress->unwinder;
	raddr_t pc = progress->registers.pc - !progress->exact_pc;
	const struct cfi_row *row = cfi_rows_find(&unwinder->rows, unwinder->modules, pc);

	if (!row && refresh(unwinder->modules))
		row = cfi_rows_find(&unwinder->rows, unwinder->modules, pc);
	return row;
}

static void note_registers(struct native_frame *frame, const struct registers *registers)
{
	for (unsigned i = 0; i < register_roles.saved_count; i++) {
		frame->saved[i] = registers->values[register_roles.saved[i]];
		frame->saved_known |= (uint16_t)((registers->known >> register_roles.saved[i] & 1) << i);
	}
}

/*
 * The table of the innermost function was wrong for its pc (the second entry of libffi's closures,
 * hand-written): what was taken for its return address is none. Searches for it.
 */
static bool correct_innermost(struct progress *progress)
{
	struct native_frame *frame = &progress->frames->list[progress->frames->count - 1];

	if (progress->frames->count != progress->first + 1)
		return false;
	progress->registers = progress->innermost;
	frame->end = frame->stack_pointer;
	return step_by_first_words(progress, frame) == STEP_DONE;
}

/* Adds the frame that the registers describe, and goes on to its caller. */
static enum step step(struct progress *progress, bool is_innermost)
{
	const struct cfi_row *row = find_row(progress);
	struct native_frame *frame;
	enum step result;

	if (!row && !is_innermost) /* then it is no return address */
		return correct_innermost(progress) ? STEP_DONE : step_by_anchor(progress);
	frame = add_frame(progress, progress->registers.pc, progress->exact_pc, stack_pointer(progress));
	note_registers(frame, &progress->registers);
	if (row && row->is_known) {
		if (lacks_frame_pointer(progress, row)) {
			search_frame_pointer(progress, row, frame);
			row = find_row(progress); /* the search may have made others, and moved this one */
		}
		result = row ? step_by_row(progress, row, frame) : STEP_STUCK;
		/* the linker's stubs, without libunwind */
		if (result == STEP_STUCK && row && row->entry && is_innermost)
			result = step_by_first_words(progress, frame);
	} else {
		result = row ? step_by_epilogue(progress, frame) : STEP_STUCK;
		if (result == STEP_STUCK && row && is_innermost)
			result = step_by_first_words(progress, frame);
		if (result == STEP_STUCK)
			result = step_by_frame_pointer(progress, frame);
		if (result == STEP_STUCK && row && !has_anchor_further_out(progress) &&
			is_bottom(progress, frame))
			return STEP_END;
	}
	/* a stack that ends further in than Python's calls do was lost */
	return result == STEP_STUCK || (result == STEP_END && has_anchor_further_out(progress))
		? step_by_anchor(progress)
		: result;
}

enum unwind_end unwinder_unwind(struct unwinder *unwinder, const struct registers *registers,
	const struct native_copy *copy, const raddr_t *anchors, size_t anchor_count,
	struct native_frames *frames, size_t *skipped)
{
	struct progress progress = { .unwinder = unwinder,
		.copy = copy,
		.registers = *registers,
		.exact_pc = true,
		.anchors = anchors,
		.anchor_count = anchor_count,
		.frames = frames,
		.first = frames->count,
		.innermost = *registers };
	const size_t first = frames->count;
	/* a table may say that return addresses are in registers, again and again: that takes no stack */
	const size_t limit = copy->length < NATIVE_DEPTH_LIMIT ? copy->length + 2 : NATIVE_DEPTH_LIMIT;
	const int64_t begin_ns = monotonic_ns();
	size_t rows = unwinder->rows.count;
	enum step result = STEP_DONE;

	if (!(registers->known >> register_roles.stack_pointer & 1))
		return UNWIND_STUCK;
	while (result == STEP_DONE && frames->count - first < limit && !is_interrupted()) {
		const size_t left = progress.anchor_count;

		result = step(&progress, frames->count == first);
		if (progress.anchor_count < left && result == STEP_DONE)
			++*skipped;
		if (unwinder->rows.count == rows)
			continue;
		rows = unwinder->rows.count;
		if (monotonic_ns() - begin_ns > UNWIND_LIMIT_NS)
			return UNWIND_STUCK;
	}
	return result == STEP_END ? UNWIND_WHOLE : UNWIND_STUCK;
}

void unwinder_learn(struct unwinder *unwinder, const struct native_frame *frame, raddr_t anchor)
{
	const struct shape shape = { .pc = frame->pc,
		.from_anchor = frame->end - anchor,
		.bytes = frame->end - frame->stack_pointer };
	const struct cfi_row *row;

	for (size_t i = 0; i < unwinder->shape_count; i++)
		if (unwinder->shapes[i].from_anchor == shape.from_anchor)
			return;
	if (unwinder->shape_count == SHAPE_LIMIT || frame->exact_pc || anchor < frame->stack_pointer ||
		anchor >= frame->end || shape.bytes > SHAPE_BYTES_LIMIT)
		return;
	row = cfi_rows_find(&unwinder->rows, unwinder->modules, shape.pc - 1);
	if (row && row->is_known && row->return_address.kind == RULE_OFFSET)
		unwinder->shapes[unwinder->shape_count++] = shape;
}

uint64_t unwinder_row_count(const struct unwinder *unwinder)
{
	return unwinder->rows.count;
}

struct unwinder *unwinder_new(struct modules *modules)
{
	struct unwinder *unwinder = xcalloc(1, sizeof(*unwinder));

	unwinder->modules = modules;
	return unwinder;
}

void unwinder_free(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	cfi_rows_release(&unwinder->rows);
	remote_free(unwinder->remote);
	free(unwinder);
}
