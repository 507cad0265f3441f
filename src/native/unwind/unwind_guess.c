/* SPDX-License-Identifier: MIT */
/*
 * Unwinding where no table leads on: what a frame pointer says, what the first words of the stack are, where
 * a frame pointer must have been stored. Each is checked by what follows from it, and what stays in doubt
 * leaves a gap between two frames, so that the merge can say that calls are missing.
 */
#include "config.h"

#include "native/unwind/unwind_internal.h"

#include <string.h>

#define RECORD_SEARCH_BYTES 1024
#define FIRST_BYTES 32
#define BOTTOM_PAUSE_NS 10000000 /* between two searches of a stack for calls further out */
/* more than the first function has above it, but for large environments */
#define BOTTOM_BYTES 65536
#define CALLS_TRIED 3 /* that one after the other has to lead on */

const struct cfi_row *known_row(struct progress *progress, raddr_t pc)
{
	struct unwinder *unwinder = progress->unwinder;
	const struct cfi_row *row = modules_find(unwinder->modules, pc)
		? cfi_rows_find(&unwinder->rows, unwinder->modules, pc)
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
 * What is called before this return address, and is it the function that pc is in, or the stub that leads
 * there? Within one module a function may have jumped on to another one instead of calling it (tail calls, of
 * which an evaluation loop can be made).
 */
static void weigh_call(
	const struct progress *progress, raddr_t return_address, raddr_t pc, struct evidence *evidence)
{
	struct modules *modules = progress->unwinder->modules;
	const struct module *module = modules_find(modules, pc);
	bool same_module = false;
	struct call_target called;

	evidence->calls_it = false;
	if (!modules->target || !call_target(modules->target, return_address, &called))
		return;
	for (int i = 0; i < 2; i++) {
		const raddr_t callee = i ? called.reached : called.named;

		if (modules_find(modules, callee) != module)
			continue;
		same_module = true;
		evidence->calls_it |= callee <= pc && pc - callee < SAME_FUNCTION_BYTES;
	}
	evidence->contradicts |= !same_module;
}

static bool counts_from_frame_pointer(const struct cfi_row *row)
{
	return row->cfa.kind == RULE_REGISTER && row->cfa.number == register_roles.frame_pointer;
}

/*
 * A caller that may be the one: where it goes on, the end of what it called, what speaks for it, and its
 * callers' ends.
 */
struct caller {
	raddr_t pc, cfa;
	struct evidence evidence;
	raddr_t outer[CALLS_TRIED];
	size_t outer_count;
};

/*
 * Does a call that returned to caller->pc, with these registers, lead on, by the tables, for CALLS_TRIED
 * calls or to where there is no caller? A word that is left over from an earlier call is followed by
 * something else than its callers. callee: an address in the function that was called.
 */
static bool leads_on_with(
	const struct progress *progress, raddr_t callee, struct registers registers, struct caller *caller)
{
	struct native_frame frame = { .stack_pointer = caller->cfa };
	struct progress trial = *progress;

	caller->evidence = (struct evidence){ 0 };
	caller->outer_count = 0;
	enter_caller(&trial, &registers, caller->cfa, caller->pc, false);
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
			weigh_call(&trial, trial.registers.pc, callee, calls ? &outer : &caller->evidence);
			caller->evidence.contradicts |= outer.contradicts;
		}
		caller->evidence.by_frame_pointer |= counts_from_frame_pointer(row);
		callee = trial.registers.pc - 1;
		frame.stack_pointer = stack_pointer(&trial);
		frame.exact_pc = false;
		result = step_by_row(&trial, row, &frame);
		if (result != STEP_DONE) /* a word that is 0 may be any */
			return result == STEP_END && row->return_address.kind == RULE_UNDEFINED;
		caller->outer[caller->outer_count++] = stack_pointer(&trial);
	}
	return true;
}

/* The caller to which the word at `at` would return; false: it is no address of code that tables describe. */
static bool caller_at(struct progress *progress, raddr_t at, struct caller *caller)
{
	if (!copy_load(progress->copy, at, &caller->pc))
		return false;
	caller->pc &= register_roles.code_mask;
	caller->cfa = at + sizeof(caller->pc);
	return caller->pc && known_row(progress, caller->pc - 1);
}

static bool leads_on(struct progress *progress, raddr_t at)
{
	struct caller caller;

	return caller_at(progress, at, &caller) && leads_on_with(progress, 0, progress->registers, &caller);
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
		if (register_roles.saved[i] != register_roles.frame_pointer ||
			row->saved[i].kind != RULE_OFFSET || row->return_address.kind != RULE_OFFSET ||
			row->all)
			continue;
		record->frame_pointer = row->cfa.value + row->saved[i].value;
		record->return_address = row->cfa.value + row->return_address.value;
		return true;
	}
	return false;
}

/*
 * Of a thread that sleeps, or that another tracer has stopped, only stack pointer and pc are known. Where the
 * table counts from the frame pointer (distributions that build Python with one; code with variable arrays),
 * and nothing further in has stored it, it follows from where the nearest return address is that leads on: if
 * that is behind a call of this very function, or if what was stored beside it is a frame pointer by which
 * callers are found. If it is neither, or a caller is seen to call something else, the true one is not known,
 * and what lies behind it may belong to calls further out.
 */
void search_frame_pointer(
	struct progress *progress, const struct cfi_row *row, const struct native_frame *frame)
{
	const raddr_t start = (frame->stack_pointer + 7) & ~UINT64_C(7);
	struct record record;
	struct caller caller;
	uint64_t callers;

	if (!record_of(row, &record))
		return;
	for (raddr_t at = start; at - start < RECORD_SEARCH_BYTES; at += sizeof(caller.pc)) {
		const raddr_t pointer = at - (uint64_t)record.return_address;
		struct registers registers = { 0 };

		if (!caller_at(progress, at, &caller) ||
			!copy_load(progress->copy, pointer + (uint64_t)record.frame_pointer, &callers))
			continue;
		set_register(&registers, register_roles.frame_pointer, callers);
		if (!leads_on_with(progress, frame->pc, registers, &caller))
			continue;
		if (!caller.evidence.contradicts &&
			(caller.evidence.calls_it || caller.evidence.by_frame_pointer))
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

/* Can both be callers, `other` further out? */
static bool agrees(const struct caller *caller, const struct caller *other)
{
	for (size_t i = 0; i < caller->outer_count; i++)
		if (caller->outer[i] >= other->cfa)
			return caller->outer[i] == other->cfa;
	return true;
}

/*
 * Code that no table describes and that has no frame of its own yet (the first instructions of a function,
 * the trampolines of libffi) has its return address in the register for it or among the first words. Further
 * up it is not looked for: what earlier calls have left in a large frame (OpenBLAS's kernels) leads on just
 * as well.
 *
 * So may what they left in these few words, where the code has made room on the stack that it has not written
 * to. What is behind a call of something else is passed over; but as that may have jumped here, a gap is
 * left. Where two could be the caller and do not agree, neither is taken.
 */
enum step step_by_first_words(struct progress *progress, struct native_frame *frame)
{
	const raddr_t start = (frame->stack_pointer + 7) & ~UINT64_C(7);
	struct registers registers = progress->registers;
	struct caller found = { 0 }, caller = { 0 };
	bool passed_over = false;

	if (register_roles.return_in_register &&
		get_register(&registers, register_roles.return_address, &caller.pc)) {
		caller.pc &= register_roles.code_mask;
		caller.cfa = frame->stack_pointer;
		if (caller.pc && known_row(progress, caller.pc - 1) &&
			leads_on_with(progress, frame->pc, registers, &caller) &&
			!caller.evidence.contradicts)
			found = caller;
	}
	for (raddr_t at = start; at < start + FIRST_BYTES; at += sizeof(caller.pc)) {
		if (!caller_at(progress, at, &caller) ||
			!leads_on_with(progress, frame->pc, registers, &caller))
			continue;
		if (caller.evidence.contradicts)
			passed_over |= !found.pc;
		else if (!found.pc)
			found = caller;
		else if (!found.evidence.calls_it && !agrees(&found, &caller))
			return STEP_STUCK;
	}
	if (!found.pc)
		return STEP_STUCK;
	if (!passed_over || found.evidence.calls_it)
		frame->end = found.cfa;
	enter_caller(progress, &registers, found.cfa, found.pc, false);
	return STEP_DONE;
}

/* What is known of places is of no use when other code may be mapped there. */
static void forget_places(struct unwinder *unwinder)
{
	if (unwinder->generation == unwinder->modules->generation)
		return;
	memset(unwinder->no_epilogue, 0, sizeof(unwinder->no_epilogue));
	memset(unwinder->bottom, 0, sizeof(unwinder->bottom));
	unwinder->generation = unwinder->modules->generation;
}

static size_t place_of(raddr_t address)
{
	return (size_t)(address * (hash_seed() | 1) >> 32) & (PLACES - 1);
}

/*
 * Reads the code at pc. That of a file is read once; other code may have been replaced by other code at any
 * time.
 */
static bool find_epilogue(struct unwinder *unwinder, raddr_t pc, struct epilogue *epilogue)
{
	const struct module *module = modules_find(unwinder->modules, pc);
	unsigned char code[EPILOGUE_BYTES] = { 0 };
	raddr_t *known = &unwinder->no_epilogue[place_of(pc)];

	forget_places(unwinder);
	if (*known == pc || !unwinder->modules->target)
		return false;
	if (target_read_upto(unwinder->modules->target, pc, code, sizeof(code)) &&
		epilogue_decode(code, epilogue))
		return true;
	if (module && module->kind == MODULE_FILE)
		*known = pc;
	return false;
}

enum step step_by_epilogue(struct progress *progress, struct native_frame *frame)
{
	struct target *target = progress->unwinder->modules->target;
	const struct registers *registers = &progress->registers;
	struct registers caller = { 0 };
	struct epilogue epilogue;
	uint64_t pc, value;
	raddr_t cfa;

	if (!find_epilogue(progress->unwinder, registers->pc, &epilogue) ||
		!copy_load(progress->copy, frame->stack_pointer + epilogue.return_address, &pc))
		return STEP_STUCK;
	pc &= register_roles.code_mask;
	if (!pc || !modules_find(progress->unwinder->modules, pc - 1) || !is_behind_call(target, pc))
		return STEP_STUCK;
	for (unsigned i = 0; i < register_roles.saved_count; i++) {
		const unsigned number = register_roles.saved[i];

		if (epilogue.taken >> number & 1 ? copy_load(progress->copy,
							   frame->stack_pointer + epilogue.at[number], &value)
						 : get_register(registers, number, &value))
			set_register(&caller, number, value);
	}
	cfa = frame->stack_pointer + epilogue.cfa;
	frame->end = cfa;
	enter_caller(progress, &caller, cfa, pc, false);
	return STEP_DONE;
}

/*
 * Is there a return address that leads on between the stack pointer and where the frame pointer leads? Then
 * it may be that the function has not set the frame pointer itself (assembly that says nothing of its stack),
 * and calls are missing between.
 */
static bool may_skip_calls(struct progress *progress, const struct native_frame *frame, raddr_t pointer)
{
	for (raddr_t at = (frame->stack_pointer + 7) & ~UINT64_C(7); at < pointer; at += sizeof(uint64_t))
		if (leads_on(progress, at))
			return true;
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

/*
 * Is there, up to the end of the stack, no word to which a call that tables describe would return? The memory
 * above the copy is read, once for each such frame: in a thread's first function the copy ends right above
 * it.
 */
static bool has_no_callers(struct progress *progress, const struct native_frame *frame)
{
	struct modules *modules = progress->unwinder->modules;
	const struct mapping *mapping = maps_find(&modules->maps, frame->stack_pointer);
	const raddr_t start = (frame->stack_pointer + 7) & ~UINT64_C(7);
	uint64_t words[512];

	if (!mapping || mapping->end - start > BOTTOM_BYTES)
		return false;
	for (raddr_t at = start; at < mapping->end; at += sizeof(words)) {
		const size_t left = mapping->end - at, wanted = left < sizeof(words) ? left : sizeof(words);

		if (!target_read(modules->target, at, words, wanted))
			return false;
		for (size_t i = 0; i < wanted / sizeof(*words); i++) {
			const raddr_t pc = words[i] & register_roles.code_mask;

			if (pc && known_row(progress, pc - 1) && is_behind_call(modules->target, pc))
				return false;
		}
	}
	return true;
}

bool is_bottom(struct progress *progress, const struct native_frame *frame)
{
	struct unwinder *unwinder = progress->unwinder;
	const struct module *module = modules_find(unwinder->modules, frame->pc - !frame->exact_pc);
	const raddr_t stack_pointer_then = frame->stack_pointer;
	struct place *known = &unwinder->bottom[place_of(stack_pointer_then)];
	const int64_t now_ns = monotonic_ns();

	forget_places(unwinder);
	if (frame->exact_pc || !module || module->kind != MODULE_FILE || !unwinder->modules->target)
		return false;
	if (known->pc == frame->pc && known->stack_pointer == stack_pointer_then)
		return true;
	/* where it is not, it would be sought again each time */
	if (unwinder->sought_ns && now_ns - unwinder->sought_ns < BOTTOM_PAUSE_NS)
		return false;
	unwinder->sought_ns = now_ns;
	if (!has_no_callers(progress, frame))
		return false;
	*known = (struct place){ .pc = frame->pc, .stack_pointer = stack_pointer_then };
	return true;
}
