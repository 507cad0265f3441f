/* SPDX-License-Identifier: MIT */
/*
 * Unwinding of a real program whose stack is known (data/unwind_target.c), built in the ways that make a
 * difference.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "unwind_subject.h"

/* ---- what must hold ---- */

/*
 * Frames lie one above the other; each begins where the one before it ends, but where calls are missing
 * between them.
 */
static void check_order(const struct native_frames *frames, bool may_have_gaps)
{
	for (size_t i = 0; i < frames->count; i++) {
		ck_assert_uint_ge(frames->list[i].end, frames->list[i].stack_pointer);
		if (i && !may_have_gaps)
			ck_assert_uint_eq(frames->list[i].stack_pointer, frames->list[i - 1].end);
		if (i)
			ck_assert_uint_ge(frames->list[i].stack_pointer, frames->list[i - 1].end);
		if (i > 1)
			ck_assert_uint_gt(frames->list[i].stack_pointer, frames->list[i - 1].stack_pointer);
	}
}

/*
 * The frames return to where the program says, in this order. What lies between is of libraries: at most
 * that many.
 */
static void check_returns(const struct subject *subject, size_t strangers_limit)
{
	const struct unwind_shared *shared = subject->shared;
	size_t at = 0, strangers = 0;

	for (size_t i = shared->count; i-- > 0; at++) {
		while (at < subject->frames.count && subject->frames.list[at].pc != shared->returns[i]) {
			at++;
			strangers++;
		}
		ck_assert_msg(at < subject->frames.count, "return %zu of %zu is not among the frames", i,
			(size_t)shared->count);
	}
	ck_assert_uint_le(strangers, strangers_limit);
}

static const char *const builds[] = {
	"-O2", "-O0", "-O2 -fomit-frame-pointer -s", "-O3 -DCOLD -freorder-blocks-and-partition",
	"-O2 -static", "-O2 -static -Wl,--no-eh-frame-hdr", "-O2 -Wl,--no-eh-frame-hdr",
	"-O2 -no-pie -Wl,-z,noseparate-code",
	"-O2 -g -gz -fno-asynchronous-unwind-tables -fno-unwind-tables", /* .debug_frame only */
	"-O1 -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables", /* no table */
};

/* In which way the stack was built, and how many frames of libraries may be among the program's own. */
static const struct way {
	const char *name;
	size_t strangers;
	bool needs_registers; /* cannot be done with the stack pointer alone */
} ways[] = {
	{ .name = "calls", .strangers = 1 }, /* the leaf itself */
	{ .name = "alloca", .strangers = 1 },
	{ .name = "aligned", .strangers = 1 },
	{ .name = "deep", .strangers = 1 },
	{ .name = "last", .strangers = 1 },
	{ .name = "qsort", .strangers = 8 },
	{ .name = "signal", .strangers = 4 },
	{ .name = "sleep", .strangers = 4, .needs_registers = true },
};

static bool has_tables(const char *flags)
{
	return !strstr(flags, "-fno-unwind-tables") || strstr(flags, "-g ");
}

START_TEST(test_whole)
{
	const char *flags = builds[(size_t)_i / ARRAY_LENGTH(ways)];
	const struct way *way = &ways[(size_t)_i % ARRAY_LENGTH(ways)];
	struct subject subject = { 0 };
	enum unwind_end end;

	if (!subject_build(&subject, flags))
		return;
	subject_start(&subject, way->name);
	if (!subject_is_emulated(&subject) && (has_tables(flags) || !way->needs_registers)) {
		subject_copy(&subject);
		end = subject_unwind(&subject, NULL, 0);
		check_order(&subject.frames, false);
		check_returns(&subject, way->strangers);
		ck_assert_msg(end == UNWIND_WHOLE, "%s, %s: stuck at frame %zu", flags, way->name,
			subject.frames.count);
	}
	subject_stop(&subject);
}
END_TEST

/* musl as distributions build it: no table describes the code that calls main. */
START_TEST(test_start_code)
{
	static const char build[] =
		"m=$(musl-gcc -static -no-pie -### -x c /dev/null 2>&1 | tr ' ' '\\n' | grep '/Scrt1[.]o$') "
		"&& "
		"cd %s && objcopy -R .eh_frame -R .rela.eh_frame ${m%%Scrt1.o}crt1.o crt1.o && "
		"objcopy -R .eh_frame -R .rela.eh_frame ${m%%Scrt1.o}libc.a libc.a";
	char folder[] = "/tmp/pyrope-musl-XXXXXX";
	struct subject subject = { 0 };
	char *command, *flags;
	bool is_built;

	/* it builds for this machine, which is not the one that is emulated */
	if (register_roles.return_in_register || system("command -v musl-gcc objcopy >/dev/null 2>&1"))
		return;
	ck_assert_ptr_nonnull(mkdtemp(folder));
	setenv("CC", "musl-gcc", true);
	command = xasprintf(build, folder);
	flags = xasprintf("-O2 -static -no-pie -nostartfiles -L%s %s/crt1.o", folder, folder);
	is_built = system(command) == 0 && subject_build(&subject, flags);
	free(command);
	free(flags);
	command = xasprintf("rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
	free(command);
	ck_assert(is_built);
	subject_start(&subject, "calls");
	if (!subject_is_emulated(&subject)) {
		subject_copy(&subject);
		for (int i = 0; i < 3; i++) { /* it is sought once */
			ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_WHOLE);
			check_returns(&subject, 1);
		}
	}
	subject_stop(&subject);
}
END_TEST

START_TEST(test_interrupted)
{
	struct subject subject = { 0 };
	size_t exact = 0;

	if (!subject_build(&subject, "-O2"))
		return;
	subject_start(&subject, "signal");
	if (!subject_is_emulated(&subject)) {
		subject_copy(&subject);
		subject_unwind(&subject, NULL, 0);
		for (size_t i = 1; i < subject.frames.count; i++) {
			if (!subject.frames.list[i].exact_pc)
				continue;
			exact++;
			ck_assert_uint_eq(subject.frames.list[i].pc, subject.shared->interrupted);
		}
		ck_assert_uint_eq(exact, 1);
	}
	subject_stop(&subject);
}
END_TEST

/* At its first instruction a function has done nothing yet, and the instruction before is of another one. */
/*
 * Of a thread that sleeps only stack pointer and pc are known, also where tables count from the frame
 * pointer.
 */
START_TEST(test_frame_pointer_not_known)
{
	struct subject subject = { 0 };
	struct native_frames all;

	if (!subject_build(&subject, "-O2 -fno-omit-frame-pointer"))
		return;
	subject_start(&subject, "calls");
	if (!subject_is_emulated(&subject)) {
		subject_copy(&subject);
		ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_WHOLE);
		all = subject.frames;
		subject.frames = (struct native_frames){ 0 };
		subject.copy.registers.known = UINT64_C(1) << register_roles.stack_pointer;
		ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_WHOLE);
		ck_assert_uint_eq(subject.frames.count, all.count);
		for (size_t i = 0; i < all.count; i++)
			ck_assert_uint_eq(subject.frames.list[i].pc, all.list[i].pc);
		free(all.list);
	}
	subject_stop(&subject);
}
END_TEST

START_TEST(test_first_instruction)
{
	struct subject subject = { 0 };
	raddr_t cfa;

	if (!subject_build(&subject, "-O2"))
		return;
	subject_start(&subject, "calls");
	if (!subject_is_emulated(&subject) && !register_roles.return_in_register) {
		subject_copy(&subject);
		ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_WHOLE);
		cfa = subject.frames.list[0].end;
		subject.copy.registers.pc = subject.shared->leaf;
		subject.copy.registers.values[register_roles.stack_pointer] = cfa - sizeof(uint64_t);
		ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_WHOLE);
		ck_assert_uint_eq(subject.frames.list[0].end, cfa);
		check_returns(&subject, 1);
	}
	subject_stop(&subject);
}
END_TEST

/* ---- stacks that cannot be unwound ---- */

START_TEST(test_truncated)
{
	struct subject subject = { 0 };
	struct native_frames all;
	size_t length;

	if (!subject_build(&subject, "-O2"))
		return;
	subject_start(&subject, "qsort");
	if (!subject_is_emulated(&subject)) {
		subject_copy(&subject);
		ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_WHOLE);
		all = subject.frames;
		subject.frames = (struct native_frames){ 0 };
		length = subject.copy.length;
		for (size_t cut = 0; cut < 8192 && cut < length; cut++) {
			enum unwind_end end;

			subject.copy.length = cut;
			end = subject_unwind(&subject, NULL, 0);
			check_order(&subject.frames, false);
			ck_assert_uint_ge(subject.frames.count, 1);
			ck_assert_uint_le(subject.frames.count, all.count);
			ck_assert(end == UNWIND_STUCK || subject.frames.count == all.count);
			for (size_t i = 0; i < subject.frames.count; i++)
				ck_assert_uint_eq(subject.frames.list[i].pc, all.list[i].pc);
		}
		free(all.list);
	}
	subject_stop(&subject);
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
	return *state = hash_u64(*state);
}

/* Words that look right but are not: return addresses, and addresses in the stack. */
static void fill_with_garbage(struct subject *subject, uint64_t *state)
{
	for (size_t i = 0; i + 8 <= subject->copy.length; i += 8) {
		uint64_t word = next_random(state);

		if (word % 4 == 0)
			word = subject->shared->returns[word / 4 % subject->shared->count];
		else if (word % 4 == 1)
			word = subject->copy.start + word / 4 % subject->copy.length;
		else if (word % 4 == 2)
			word = subject->copy.start + i; /* a frame that is its own caller's */
		memcpy(subject->copy.bytes + i, &word, sizeof(word));
	}
}

START_TEST(test_garbage)
{
	const char *flags = builds[_i];
	struct subject subject = { 0 };
	uint64_t state = 7;

	if (!subject_build(&subject, flags))
		return;
	subject_start(&subject, "signal");
	if (!subject_is_emulated(&subject)) {
		subject_copy(&subject);
		for (int round = 0; round < 300; round++) {
			raddr_t anchors[4];

			subject.copy.length = 4096;
			fill_with_garbage(&subject, &state);
			for (size_t i = 0; i < ARRAY_LENGTH(anchors); i++)
				anchors[i] = subject.copy.start + 1024 * i + 8;
			for (size_t i = 0; i < REGISTER_COUNT; i++)
				if (i != register_roles.stack_pointer)
					subject.copy.registers.values[i] =
						subject.copy.start + next_random(&state) % 8192;
			subject.copy.registers.pc =
				subject.shared->returns[(size_t)round % subject.shared->count];
			subject_unwind(&subject, anchors, ARRAY_LENGTH(anchors));
			check_order(&subject.frames, true);
			ck_assert_uint_le(subject.frames.count, subject.copy.length);
			unwinder_learn(
				subject.unwinder, &subject.frames.list[subject.frames.count / 2], anchors[1]);
		}
	}
	subject_stop(&subject);
}
END_TEST

/* Addresses in no code at all must not cost a look at the maps each time. */
START_TEST(test_lost)
{
	struct subject subject = { 0 };
	struct registers registers = { 0 };
	int64_t first_ns;
	size_t reads = 0;

	if (!subject_build(&subject, "-O2"))
		return;
	subject_start(&subject, "calls");
	registers.pc = 0x1234;
	registers.known = UINT64_C(1) << register_roles.stack_pointer;
	registers.values[register_roles.stack_pointer] = 0x7000;
	subject.copy.registers = registers;
	first_ns = monotonic_ns();
	for (int64_t last_ns = subject.modules.read_ns; monotonic_ns() - first_ns < 200000000;) {
		ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_STUCK);
		ck_assert_uint_eq(subject.frames.count, 1);
		reads += subject.modules.read_ns != last_ns;
		last_ns = subject.modules.read_ns;
	}
	ck_assert_uint_le(reads, 11);
	subject.copy.registers.known = 0;
	ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_STUCK);
	ck_assert_uint_eq(subject.frames.count, 0);
	subject_stop(&subject);
}
END_TEST

/* ---- anchors ---- */

/* The frame of a function that returns to the address that the program wrote down as number index. */
static size_t frame_of(const struct subject *subject, size_t index)
{
	for (size_t i = 1; i < subject->frames.count; i++)
		if (subject->frames.list[i].pc == subject->shared->returns[index])
			return i - 1;
	ck_abort_msg("return %zu is not among the frames", index);
	return 0;
}

START_TEST(test_anchor)
{
	struct subject subject = { 0 };
	struct native_frames all;
	size_t lost, anchored;
	raddr_t anchors[2];

	if (!subject_build(&subject, "-O2"))
		return;
	subject_start(&subject, "qsort");
	if (!subject_is_emulated(&subject)) {
		subject_copy(&subject);
		ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_WHOLE);
		anchored = frame_of(&subject, 2); /* middle */
		lost = frame_of(&subject, 3);     /* inner */
		all = subject.frames;
		subject.frames = (struct native_frames){ 0 };
		anchors[0] = all.list[0].stack_pointer; /* one that was passed when the way is lost */
		anchors[1] = all.list[anchored].end - 8;
		unwinder_learn(subject.unwinder, &all.list[anchored], anchors[1]);

		/* where inner returns to is gone */
		memset(subject.copy.bytes + (all.list[lost].end - 8 - subject.copy.start), 0x5a, 8);
		ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_STUCK);
		ck_assert_uint_eq(subject.frames.count, lost + 1);
		ck_assert_int_eq(subject_unwind(&subject, anchors, 2), UNWIND_WHOLE);
		ck_assert_uint_eq(subject.skipped, 1);
		ck_assert_uint_eq(subject.frames.count, all.count);
		check_order(&subject.frames, false);
		for (size_t i = 0; i < all.count; i++) {
			ck_assert_uint_eq(subject.frames.list[i].pc, all.list[i].pc);
			ck_assert_uint_eq(subject.frames.list[i].end, all.list[i].end);
		}
		free(all.list);
	}
	subject_stop(&subject);
}
END_TEST

#ifdef __x86_64__
/* What GNU as makes of each, padded with nops in front. */
static const struct {
	unsigned char code[CALL_BYTES];
	bool is_call;
} call_cases[] = {
	{ { 0x90, 0x90, 0xe8, 0x12, 0x34, 0x56, 0x78 }, true }, /* call place */
	{ { 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0 }, true }, /* call *%rax */
	{ { 0x90, 0x90, 0x90, 0x90, 0x41, 0xff, 0xd2 }, true }, /* call *%r10 */
	{ { 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0x13 }, true }, /* call *(%rbx) */
	{ { 0x90, 0x90, 0x90, 0x90, 0xff, 0x14, 0xd8 }, true }, /* call *(%rax,%rbx,8) */
	{ { 0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 0x30 }, true }, /* call *48(%rax) */
	{ { 0x90, 0x90, 0x90, 0xff, 0x54, 0x24, 0x08 }, true }, /* call *8(%rsp) */
	{ { 0x90, 0xff, 0x15, 0x12, 0x34, 0x00, 0x00 }, true }, /* call *place(%rip) */
	{ { 0x90, 0xff, 0x90, 0x90, 0x01, 0x00, 0x00 }, true }, /* call *400(%rax) */
	{ { 0xff, 0x14, 0xd5, 0x00, 0x10, 0x00, 0x00 }, true }, /* call *4096(,%rdx,8) */
	{ { 0xff, 0x94, 0x24, 0x90, 0x01, 0x00, 0x00 }, true }, /* call *400(%rsp) */
	{ { 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 }, false },
	{ { 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xe0 }, false }, /* jmp *%rax */
	{ { 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xc3 }, false }, /* ret */
	{ { 0x90, 0x90, 0xe9, 0x12, 0x34, 0x56, 0x78 }, false }, /* jmp place */
	{ { 0x90, 0x90, 0x90, 0xf3, 0x0f, 0x1e, 0xfa }, false }, /* endbr64 */
	{ { 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0x50 }, false }, /* cut off */
};

START_TEST(test_calls)
{
	ck_assert_int_eq(ends_with_call(call_cases[_i].code), call_cases[_i].is_call);
}
END_TEST

static const struct made_way {
	const char *name;
	raddr_t place;     /* of the jump to itself, in the code */
	bool is_uncertain; /* whether calls are missing between it and its caller */
} made_ways[] = {
	{ .name = "made", .place = 4 },
	{ .name = "trampoline", .place = 11 },
	{ .name = "stale", .place = 12, .is_uncertain = true },
};

START_TEST(test_made_code)
{
	const struct made_way *way = &made_ways[_i];
	struct subject subject = { 0 };

	if (!subject_build(&subject, "-O2"))
		return;
	subject_start(&subject, way->name);
	if (!subject_is_emulated(&subject)) {
		do
			subject_copy(&subject);
		while (subject.copy.registers.pc != subject.shared->made + way->place);
		ck_assert_int_eq(subject_unwind(&subject, NULL, 0), UNWIND_WHOLE);
		check_order(&subject.frames, way->is_uncertain);
		check_returns(&subject, 2); /* the code itself, and who called it */
		ck_assert_int_eq(
			subject.frames.list[1].stack_pointer > subject.frames.list[0].end, way->is_uncertain);
		ck_assert_str_eq(modules_find(&subject.modules, subject.frames.list[0].pc)->name, "[jit]");
	}
	subject_stop(&subject);
}
END_TEST

/* What only returns says where from. */
START_TEST(test_epilogue)
{
	static const unsigned char simple[EPILOGUE_BYTES] = { 0x48, 0x83, 0xc4, 0x08, 0xc3 };
	static const unsigned char pops[EPILOGUE_BYTES] = { 0x48, 0x81, 0xc4, 0, 1, 0, 0, 0x5b, 0x41, 0x5c,
		0x5d, 0xc3 };
	static const unsigned char takes_stack[EPILOGUE_BYTES] = { 0x5c, 0xc3 };
	static const unsigned char shrinks[EPILOGUE_BYTES] = { 0x48, 0x83, 0xc4, 0xf8, 0xc3 };
	static const unsigned char goes_on[EPILOGUE_BYTES] = { 0x5d, 0x90, 0xc3 };
	unsigned char endless[EPILOGUE_BYTES];
	struct epilogue epilogue;

	ck_assert(epilogue_decode(simple, &epilogue));
	ck_assert_uint_eq(epilogue.return_address, 8);
	ck_assert_uint_eq(epilogue.cfa, 16);
	ck_assert_uint_eq(epilogue.taken, 0);
	ck_assert(epilogue_decode(pops, &epilogue));
	ck_assert_uint_eq(epilogue.return_address, 256 + 24);
	ck_assert_uint_eq(epilogue.taken, 1u << 3 | 1u << 12 | 1u << 6); /* rbx, r12, rbp */
	ck_assert_uint_eq(epilogue.at[6], 256 + 16);
	ck_assert(!epilogue_decode(takes_stack, &epilogue));
	ck_assert(!epilogue_decode(shrinks, &epilogue));
	ck_assert(!epilogue_decode(goes_on, &epilogue));
	memset(endless, 0x5d, sizeof(endless));
	ck_assert(!epilogue_decode(endless, &epilogue));
}
END_TEST
#endif

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, block_child_signal, NULL);
	tcase_add_loop_test(tests, test_whole, 0, ARRAY_LENGTH(builds) * ARRAY_LENGTH(ways));
	tcase_add_test(tests, test_start_code);
	tcase_add_test(tests, test_interrupted);
	tcase_add_test(tests, test_frame_pointer_not_known);
	tcase_add_test(tests, test_first_instruction);
	tcase_add_test(tests, test_truncated);
	tcase_add_loop_test(tests, test_garbage, 0, ARRAY_LENGTH(builds));
	tcase_add_test(tests, test_lost);
	tcase_add_test(tests, test_anchor);
#ifdef __x86_64__
	tcase_add_test(tests, test_epilogue);
	tcase_add_loop_test(tests, test_calls, 0, ARRAY_LENGTH(call_cases));
	tcase_add_loop_test(tests, test_made_code, 0, ARRAY_LENGTH(made_ways));
#endif
}

int main(void)
{
	return suite_run("unwind", add_tests);
}
