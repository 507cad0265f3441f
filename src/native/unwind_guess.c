/* SPDX-License-Identifier: MIT */
/*
 * Unwinding where no table leads on: what a frame pointer says, what the first words of the stack are, where
 * a frame pointer must have been stored. Each is checked by what follows from it, and what stays in doubt
 * leaves a gap between two frames, so that the merge can say that calls are missing.
 */
#include "config.h"

#include "unwind_internal.h"

#include <string.h>

#define RECORD_SEARCH_BYTES 1024
#define FIRST_BYTES 32
#define CALLS_TRIED 3 /* that one after the other has to lead on */

const struct cfi_row *known_row(struct progress *progress, raddr_t pc)
{
	struct unwinder *unwinder = progress->unwinder;
	const struct cfi_row *row = modules_find(unwinder->modules, pc) ? cfi_rows_find(&unwinder->rows, unwinder->modules, pc)
									: NULL;

	return row && row->is_known ? row : NULL;
}

/* What speaks for a return address and those behind it. */
struct evidence {
	bool calls_it;         /* behind a call of the very function that the frame is in */
	bool contradicts;      /* one of them is behind a call of a function in another module */
	bool by_frame_pointer; /* one of the callers counted from a frame pointer that it saved */
};

/* A saved register may point at a function's start as well; what is returned to is behind a call. */
static bool is_behind_call(struct target *target, raddr_t pc)
{
	unsigned char code[CALL_BYTES] = { 0 };

	/* code that cannot be read (execute only) may be anything */
	return !target || !target_read(target, pc - CALL_BYTES, code, CALL_BYTES) || ends_with_call(code);
}

/*
 * What is called before this return address, and is it the function that pc is in? Within one module a function may have
 * jumped on to another one instead of calling it (tail calls, of which an evaluation loop can be made).
 */
static void weigh_call(const struct progress *progress, raddr_t return_address, raddr_t pc, struct evidence *evidence)
{
	struct modules *modules = progress->unwinder->modules;
	raddr_t callee;

	evidence->calls_it = false;
	if (!modules->target || !call_target(modules->target, return_address, &callee))
		return;
	if (modules_find(modules, callee) != modules_find(modules, pc))
		evidence->contradicts = true;
	else
		evidence->calls_it = callee <= pc && pc - callee < SAME_FUNCTION_BYTES;
}

static bool counts_from_frame_pointer(const struct cfi_row *row)
{
	return row->cfa.kind == RULE_REGISTER && row->cfa.number == register_roles.frame_pointer;
}

/*
 * Does a call that returned to the word at `at`, with these registers, lead on, by the tables, for CALLS_TRIED calls or to
 * where there is no caller? A word that is left over from an earlier call is followed by something else than its
 * callers. callee: an address in the function that was called.
 */
static bool leads_on_with(const struct progress *progress, raddr_t callee, raddr_t at, struct registers caller,
	struct evidence *evidence)
{
	struct progress trial = *progress;
	struct native_frame frame = { .stack_pointer = at + sizeof(uint64_t) };
	uint64_t pc;

	*evidence = (struct evidence){ 0 };
	if (!copy_load(progress->copy, at, &pc))
		return false;
	enter_caller(&trial, &caller, frame.stack_pointer, pc & register_roles.code_mask, false);
	for (int calls = 0; calls < CALLS_TRIED; calls++) {
		const struct cfi_row *row = known_row(&trial, trial.registers.pc - 1);
		struct evidence outer = { 0 };
		enum step result;

		if (!row)
			return false;
		/* nothing has called what the kernel interrupts, nor what a handler returns to */
		if (!trial.exact_pc && !row->is_signal) {
			if (!is_behind_call(trial.unwinder->modules->target, trial.registers.pc))
				return false;
			weigh_call(&trial, trial.registers.pc, callee, calls ? &outer : evidence);
			evidence->contradicts |= outer.contradicts;
		}
		evidence->by_frame_pointer |= counts_from_frame_pointer(row);
		callee = trial.registers.pc - 1;
		frame.stack_pointer = stack_pointer(&trial);
		frame.exact_pc = false;
		result = step_by_row(&trial, row, &frame);
		if (result != STEP_DONE) /* a word that is 0 may be any */
			return result == STEP_END && row->return_address.kind == RULE_UNDEFINED;
	}
	return true;
}

static bool leads_on(const struct progress *progress, raddr_t at)
{
	struct evidence ignored;

	return leads_on_with(progress, 0, at, progress->registers, &ignored);
}

/* ---- a frame pointer that is not known ---- */

/* Does the row count from a frame pointer of which the value is not known? */
bool lacks_frame_pointer(const struct progress *progress, const struct cfi_row *row)
{
	return counts_from_frame_pointer(row) &&
		!(progress->registers.known >> register_roles.frame_pointer & 1);
}

/* Where, counted from the frame pointer, a function has stored its caller's and its return address. */
struct record {
	int64_t frame_pointer, return_address;
};

/* What the row says of them; false: nothing. */
static bool record_of(const struct cfi_row *row, struct record *record)
{
	for (unsigned i = 0; i < register_roles.saved_count; i++) {
		if (register_roles.saved[i] != register_roles.frame_pointer || row->saved[i].kind != RULE_OFFSET ||
			row->return_address.kind != RULE_OFFSET || row->all)
			continue;
		record->frame_pointer = row->cfa.value + row->saved[i].value;
		record->return_address = row->cfa.value + row->return_address.value;
		return true;
	}
	return false;
}

/*
 * Of a thread that sleeps, or that another tracer has stopped, only stack pointer and pc are known. Where the table counts
 * from the frame pointer (distributions that build Python with one; code with variable arrays), and nothing further in has
 * stored it, it follows from where the nearest return address is that leads on: if that is behind a call of this very
 * function, or if what was stored beside it is a frame pointer by which callers are found. If it is neither, or a caller is
 * seen to call something else, the true one is not known, and what lies behind it may belong to calls further out.
 */
void search_frame_pointer(struct progress *progress, const struct cfi_row *row, const struct native_frame *frame)
{
	const raddr_t start = (frame->stack_pointer + 7) & ~UINT64_C(7);
	struct record record;
	uint64_t pc, callers;

	if (!record_of(row, &record))
		return;
	for (raddr_t at = start; at - start < RECORD_SEARCH_BYTES && copy_load(progress->copy, at, &pc); at += sizeof(pc)) {
		const raddr_t pointer = at - (uint64_t)record.return_address;
		struct registers caller = { 0 };
		struct evidence evidence;

		pc &= register_roles.code_mask;
		if (!pc || !known_row(progress, pc - 1) ||
			!copy_load(progress->copy, pointer + (uint64_t)record.frame_pointer, &callers))
			continue;
		set_register(&caller, register_roles.frame_pointer, callers);
		if (!leads_on_with(progress, frame->pc, at, caller, &evidence))
			continue;
		if (!evidence.contradicts && (evidence.calls_it || evidence.by_frame_pointer))
			set_register(&progress->registers, register_roles.frame_pointer, pointer);
		return;
	}
}

/* ---- frame pointers ---- */

/*
 * Does the frame pointer of the caller look like one, or is it of code that tables describe and that may
 * use it otherwise?
 */
static bool plausible_caller(struct progress *progress, raddr_t pc, raddr_t frame_pointer, raddr_t callers)
{
	const struct cfi_row *row =
		cfi_rows_find(&progress->unwinder->rows, progress->unwinder->modules, pc - 1);
	uint64_t ignored;

	return row &&
		(row->is_known || callers == 0 ||
			(callers > frame_pointer && copy_load(progress->copy, callers, &ignored)));
}

/*
 * Code that no table describes and that has no frame of its own yet (the first instructions of a function, the
 * trampolines of libffi) has its return address among the first words. Further up it is not looked for: what
 * earlier calls have left in a large frame (OpenBLAS's kernels) leads on just as well.
 */
enum step step_by_first_words(struct progress *progress, struct native_frame *frame)
{
	const raddr_t start = (frame->stack_pointer + 7) & ~UINT64_C(7);
	struct registers caller = progress->registers;
	uint64_t pc;

	for (raddr_t at = start; at < start + FIRST_BYTES && copy_load(progress->copy, at, &pc); at += sizeof(pc)) {
		pc &= register_roles.code_mask;
		if (!pc || !known_row(progress, pc - 1) || !leads_on(progress, at))
			continue;
		frame->end = at + sizeof(pc);
		enter_caller(progress, &caller, frame->end, pc, false);
		return STEP_DONE;
	}
	return STEP_STUCK;
}

/*
 * Is there a return address that leads on between the stack pointer and where the frame pointer leads? Then it
 * may be that the function has not set the frame pointer itself (assembly that says nothing of its stack), and
 * calls are missing between.
 */
static bool may_skip_calls(struct progress *progress, const struct native_frame *frame, raddr_t pointer)
{
	uint64_t pc;

	for (raddr_t at = (frame->stack_pointer + 7) & ~UINT64_C(7); at < pointer && copy_load(progress->copy, at, &pc);
		at += sizeof(pc)) {
		if (known_row(progress, (pc & register_roles.code_mask) - 1) && leads_on(progress, at))
			return true;
	}
	return false;
}

enum step step_by_frame_pointer(struct progress *progress, struct native_frame *frame)
{
	struct registers caller = { 0 };
	struct evidence evidence = { 0 };
	uint64_t pointer, callers, pc;

	if (!get_register(&progress->registers, register_roles.frame_pointer, &pointer))
		return STEP_STUCK;
	if (pointer == 0 && !progress->anchor_count)
		return STEP_END; /* psABI: so the outermost frame is marked */
	if (pointer < frame->stack_pointer || pointer % sizeof(pointer) ||
		!copy_load(progress->copy, pointer, &callers) ||
		!copy_load(progress->copy, pointer + sizeof(pointer), &pc))
		return STEP_STUCK;
	pc &= register_roles.code_mask;
	if (!pc || !plausible_caller(progress, pc, pointer, callers))
		return STEP_STUCK;
	weigh_call(progress, pc, frame->pc, &evidence);
	if (!may_skip_calls(progress, frame, pointer) || evidence.calls_it)
		frame->end = pointer + 2 * sizeof(pointer);
	set_register(&caller, register_roles.frame_pointer, callers);
	enter_caller(progress, &caller, pointer + 2 * sizeof(pointer), pc, false);
	return STEP_DONE;
}
