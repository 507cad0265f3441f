/* SPDX-License-Identifier: MIT */
/*
 * Unwind tables made here, byte by byte: what rows become of them, and what becomes of those that nobody
 * should have made.
 */
#include "config.h"

#include <check.h>
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "frame_file.h"
#include "native/unwind/cfi.h"
#include "suite.h"

#define BIAS UINT64_C(0x7f0000000000)
#define STACK UINT64_C(0x7ffc00000000)
#define FUNCTION_BYTES 0x20 /* of each function: number n is at FRAME_CODE + n * FUNCTION_BYTES */
#define SP register_roles.stack_pointer
#define FP register_roles.frame_pointer
#define RA register_roles.return_address

/* ---- an assembler ---- */

struct table {
	struct buffer bytes;
	bool is_debug;
	size_t cie, entry; /* offsets */
	int32_t pairs[2 * FRAME_PAIRS_LIMIT];
	size_t count;
};

static void put(struct table *table, uint64_t value, size_t bytes)
{
	buffer_append(&table->bytes, &value, bytes); /* on a big-endian machine this would take more */
}

static void begin_entry(struct table *table)
{
	table->entry = table->bytes.length;
	put(table, 0, 4);
}

static void end_entry(struct table *table)
{
	uint32_t length;

	while (table->bytes.length % 8)
		put(table, DW_CFA_nop, 1);
	length = (uint32_t)(table->bytes.length - table->entry - 4);
	memcpy(table->bytes.data + table->entry, &length, sizeof(length));
}

/*
 * In each function CFA = stack pointer + 8 and the return address is stored below it, unless its program
 * says otherwise.
 */
static void put_cie(struct table *table, const char *augmentation)
{
	begin_entry(table);
	table->cie = table->entry;
	put(table, table->is_debug ? UINT32_MAX : 0, 4);
	put(table, 1, 1);
	buffer_append(&table->bytes, augmentation, strlen(augmentation) + 1);
	put(table, 1, 1);    /* code alignment */
	put(table, 0x78, 1); /* data alignment: -8 */
	put(table, RA, 1);
	if (*augmentation == 'z') {
		put(table, 1, 1);
		put(table, DW_EH_PE_pcrel | DW_EH_PE_sdata4, 1);
	}
	put(table, DW_CFA_def_cfa, 1);
	put(table, SP, 1);
	put(table, 8, 1);
	put(table, DW_CFA_offset | RA, 1);
	put(table, 1, 1);
	end_entry(table);
}

static void put_fde(struct table *table, const void *program, size_t length)
{
	const uint64_t code = FRAME_CODE + table->count * FUNCTION_BYTES;

	begin_entry(table);
	table->pairs[2 * table->count] = (int32_t)(code - FRAME_SEARCH);
	table->pairs[2 * table->count++ + 1] = (int32_t)(FRAME_TABLE + table->entry - FRAME_SEARCH);
	if (table->is_debug) {
		put(table, table->cie, 4);
		put(table, code, 8);
		put(table, FUNCTION_BYTES, 8);
	} else {
		put(table, table->entry + 4 - table->cie, 4);
		put(table, code - (FRAME_TABLE + table->bytes.length), 4);
		put(table, FUNCTION_BYTES, 4);
		put(table, 0, 1);
	}
	buffer_append(&table->bytes, program, length);
	end_entry(table);
}

#define PUT_FDE(table, ...) \
	put_fde(table, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* ---- a process that runs such code ---- */

enum form { FORM_SEARCH, FORM_WHOLE, FORM_NO_SECTIONS, FORM_DEBUG, FORM_COUNT };

struct process {
	struct module module;
	struct code_range range;
	struct modules modules;
	struct cfi_rows rows;
};

static void start(struct process *process, struct table *table, enum form form)
{
	const struct frame_file file = { .table = table->bytes.data,
		.table_bytes = table->bytes.length,
		.pairs = table->pairs,
		.pair_count = form == FORM_SEARCH || form == FORM_NO_SECTIONS ? table->count : 0,
		.is_debug = form == FORM_DEBUG,
		.without_sections = form == FORM_NO_SECTIONS };

	*process = (struct process){
		.module = { .kind = MODULE_FILE,
			.is_mapped = true,
			.is_opened = true,
			.bias = BIAS,
			.fd = frame_file_open(&file) },
		.range = { .start = BIAS + FRAME_CODE,
			.end = BIAS + 16 * FRAME_CODE,
			.module = &process->module },
		.modules = { .ranges = &process->range, .range_count = 1, .read_ns = INT64_MAX / 2 },
	};
	ck_assert_int_ge(process->module.fd, 0);
	buffer_release(&table->bytes);
}

static void stop(struct process *process)
{
	cfi_rows_release(&process->rows);
	cfi_free(process->module.cfi);
	close(process->module.fd);
}

static const struct cfi_row *row_at(struct process *process, unsigned function, unsigned offset)
{
	const struct cfi_row *row = cfi_rows_find(
		&process->rows, &process->modules, BIAS + FRAME_CODE + function * FUNCTION_BYTES + offset);

	ck_assert_ptr_nonnull(row);
	return row;
}

static void check_rule(const struct cfi_rule *rule, enum cfi_rule_kind kind, unsigned number, int32_t value)
{
	ck_assert_uint_eq(rule->kind, kind);
	if (kind == RULE_REGISTER)
		ck_assert_uint_eq(rule->number, number);
	ck_assert_int_eq(rule->value, value);
}

/* What is said of the frame pointer. */
static const struct cfi_rule *frame_pointer_rule(const struct cfi_row *row)
{
	for (unsigned i = 0; i < register_roles.saved_count; i++)
		if (register_roles.saved[i] == FP)
			return &row->saved[i];
	ck_abort_msg("the frame pointer is not among the saved registers");
	return NULL;
}

/* ---- rows ---- */

static void check_prologue(struct process *process)
{
	const struct cfi_row *row = row_at(process, 0, 0);

	ck_assert(row->is_known);
	ck_assert(!row->is_signal);
	check_rule(&row->cfa, RULE_REGISTER, SP, 8);
	check_rule(&row->return_address, RULE_OFFSET, 0, -8);
	check_rule(frame_pointer_rule(row), RULE_SAME, 0, 0);
	row = row_at(process, 0, 1);
	check_rule(&row->cfa, RULE_REGISTER, SP, 16);
	check_rule(frame_pointer_rule(row), RULE_OFFSET, 0, -16);
	row = row_at(process, 0, 4);
	check_rule(&row->cfa, RULE_REGISTER, FP, 16);
	check_rule(&row->return_address, RULE_OFFSET, 0, -8);
	row = row_at(process, 0, 9);
	check_rule(&row->cfa, RULE_REGISTER, SP, 8);
	row = row_at(process, 0, 10);
	check_rule(&row->cfa, RULE_REGISTER, FP, 16);
	row = row_at(process, 0, FUNCTION_BYTES - 1);
	check_rule(&row->cfa, RULE_REGISTER, FP, 16);
}

START_TEST(test_rules)
{
	struct table table = { .is_debug = _i == FORM_DEBUG };
	struct process process;
	struct cfi_rule rule;

	put_cie(&table, table.is_debug ? "" : "zR");
	PUT_FDE(&table, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | FP, 2,
		DW_CFA_advance_loc | 3, DW_CFA_def_cfa_register, FP, DW_CFA_advance_loc | 5,
		DW_CFA_remember_state, DW_CFA_def_cfa, SP, 8, DW_CFA_advance_loc | 1, DW_CFA_restore_state);
	PUT_FDE(&table, DW_CFA_undefined, RA);
	PUT_FDE(&table, DW_CFA_undefined, FP);
	PUT_FDE(&table, DW_CFA_register, FP, 2);
	PUT_FDE(&table, DW_CFA_val_offset_sf, FP, 3);
	PUT_FDE(&table, DW_CFA_expression, FP, 1, 0x01); /* no such operation */
	PUT_FDE(&table, DW_CFA_expression, FP, 2, DW_OP_breg0, 0);
	PUT_FDE(&table, DW_CFA_val_expression, FP, 2, DW_OP_breg0, 8);
	PUT_FDE(&table, DW_CFA_def_cfa_expression, 3, DW_OP_breg0, 0, DW_OP_deref);
	PUT_FDE(&table, DW_CFA_def_cfa, SP, 0xff, 0xff, 0xff, 0xff, 0x7f); /* no frame is that large */
	start(&process, &table, (enum form)_i);
	check_prologue(&process);
	check_rule(&row_at(&process, 1, 0)->return_address, RULE_UNDEFINED, 0, 0);
	check_rule(frame_pointer_rule(row_at(&process, 2, 0)), RULE_UNDEFINED, 0, 0);
	check_rule(frame_pointer_rule(row_at(&process, 3, 0)), RULE_REGISTER, 2, 0);
	check_rule(frame_pointer_rule(row_at(&process, 4, 0)), RULE_VALUE, 0, -24);
	ck_assert_uint_eq(frame_pointer_rule(row_at(&process, 5, 0))->kind, RULE_UNDEFINED);
	rule = *frame_pointer_rule(row_at(&process, 6, 0));
	ck_assert_uint_eq(rule.kind, RULE_EXPRESSION);
	ck_assert_uint_ne(row_at(&process, 6, 0)->entry, 0);
	ck_assert_uint_eq(frame_pointer_rule(row_at(&process, 7, 0))->kind, RULE_VALUE_EXPRESSION);
	ck_assert_uint_eq(row_at(&process, 8, 0)->cfa.kind, RULE_VALUE_EXPRESSION);
	ck_assert(!row_at(&process, 9, 0)->is_known);
	ck_assert(!row_at(&process, 10, 0)->is_known); /* behind the last function */
	stop(&process);
}
END_TEST

START_TEST(test_kept)
{
	struct table table = { 0 };
	struct process process;
	size_t count;

	put_cie(&table, "zR");
	PUT_FDE(&table, DW_CFA_nop);
	start(&process, &table, FORM_SEARCH);
	ck_assert(row_at(&process, 0, 0)->is_known);
	ck_assert(!row_at(&process, 7, 0)->is_known);
	row_at(&process, 0, 0);
	row_at(&process, 7, 0);
	ck_assert_uint_eq(process.rows.count, 2); /* "nothing is known" is kept, too */
	ck_assert_ptr_null(cfi_rows_find(&process.rows, &process.modules, 0x1000));
	ck_assert_uint_eq(process.rows.count, 2);

	process.modules.generation++;
	ck_assert(row_at(&process, 0, 0)->is_known);
	ck_assert_uint_eq(process.rows.count, 1);

	for (unsigned i = 0; i < 70000; i++)
		row_at(&process, 8, i);
	count = process.rows.count;
	ck_assert_uint_le(count, 65536);
	ck_assert(row_at(&process, 0, 0)->is_known);
	stop(&process);
}
END_TEST

START_TEST(test_file_cut)
{
	struct table table = { 0 };
	struct process process;

	put_cie(&table, "zR");
	for (int i = 0; i < 50; i++)
		PUT_FDE(&table, DW_CFA_nop);
	start(&process, &table, FORM_SEARCH);
	process.module.cfi = cfi_new(process.module.fd, &process.modules.table_bytes);
	process.module.is_cfi_sought = true;
	ck_assert_int_eq(ftruncate(process.module.fd, FRAME_TABLE), 0);
	for (unsigned i = 0; i < 50; i++)
		ck_assert(!row_at(&process, i, 0)->is_known);
	stop(&process);
}
END_TEST

/* ---- tables that nobody should have made ---- */

static void put_many(struct table *table, uint8_t instruction, size_t count)
{
	uint8_t *program = xmalloc(count);

	memset(program, instruction, count);
	put_fde(table, program, count);
	free(program);
}

START_TEST(test_hostile)
{
	struct table table = { .is_debug = _i == FORM_DEBUG };
	struct process process;

	put_cie(&table, table.is_debug ? "" : "zR");
	PUT_FDE(&table, DW_CFA_nop);
	PUT_FDE(&table, DW_CFA_same_value, 0xff, 0xff, 0xff, 0x3f); /* register 134,217,727: gigabytes */
	PUT_FDE(&table, DW_CFA_register, FP, 0xff, 0xff, 0x3f);
	put_many(&table, DW_CFA_remember_state, 5000);
	PUT_FDE(&table, DW_CFA_restore_state);
	PUT_FDE(&table, DW_CFA_def_cfa_expression, 0xff, 0x7f);    /* longer than the entry */
	PUT_FDE(&table, DW_CFA_def_cfa_expression, 0, 0, 0, 0, 0); /* empty */
	PUT_FDE(&table, DW_CFA_set_loc, 0, 0, 0, 0, 0, 0, 0, 0);
	PUT_FDE(&table, 0x3f); /* no such instruction */
	PUT_FDE(&table, DW_CFA_def_cfa_offset, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 1);
	put_many(&table, DW_CFA_offset | FP | 0x80, 23); /* ends in the middle of a number */
	PUT_FDE(&table, DW_CFA_nop);
	start(&process, &table, (enum form)_i);
	for (unsigned i = 1; i < table.count - 1; i++)
		ck_assert_msg(!row_at(&process, i, 4)->is_known, "function %u", i);
	ck_assert(row_at(&process, 0, 4)->is_known);
	ck_assert(row_at(&process, (unsigned)table.count - 1, 4)->is_known);
	stop(&process);
}
END_TEST

/* What is found in a table that is not sorted is right, or nothing. */
START_TEST(test_unsorted)
{
	for (int form = FORM_SEARCH; form <= FORM_NO_SECTIONS; form++) {
		struct table table = { 0 };
		struct process process;
		int32_t first;

		put_cie(&table, "zR");
		for (uint8_t i = 0; i < 4; i++)
			PUT_FDE(&table, DW_CFA_def_cfa_offset, 8 * i);
		first = table.pairs[0];
		table.pairs[0] = table.pairs[4];
		table.pairs[4] = first;
		start(&process, &table, (enum form)form);
		for (unsigned i = 0; i < 4; i++) {
			const struct cfi_row *row = row_at(&process, i, 4);

			if (form == FORM_WHOLE)
				ck_assert(row->is_known);
			if (row->is_known)
				check_rule(&row->cfa, RULE_REGISTER, SP, 8 * (int32_t)i);
		}
		stop(&process);
	}
}
END_TEST

/* Every 32-bit word of the table, and of .eh_frame_hdr, holds a value that makes no sense. */
START_TEST(test_damaged)
{
	static const uint32_t values[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff };

	for (size_t at = 0; at < 200; at += 4) {
		for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
			struct table table = { .is_debug = _i == FORM_DEBUG };
			struct process process;

			put_cie(&table, table.is_debug ? "" : "zR");
			PUT_FDE(&table, DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | FP,
				2);
			put_cie(&table, table.is_debug ? "" : "zRS");
			PUT_FDE(&table, DW_CFA_def_cfa_expression, 3, DW_OP_breg0, 0, DW_OP_deref);
			if (at < table.bytes.length)
				memcpy(table.bytes.data + at, &values[i], sizeof(values[i]));
			else
				table.pairs[at / 4 % (2 * table.count)] = (int32_t)values[i];
			start(&process, &table, (enum form)_i);
			for (unsigned function = 0; function < 3; function++)
				row_at(&process, function, 3);
			stop(&process);
		}
	}
}
END_TEST

/* ---- signal frames ---- */

#ifdef HAVE_LIBUNWIND

/* A signal came in where the CFA was in a register that no call preserves. */
START_TEST(test_signal)
{
	const raddr_t code = BIAS + FRAME_CODE;
	uint64_t stack[64] = { 0 };
	struct native_copy copy = {
		.start = STACK, .length = sizeof(stack), .bytes = (unsigned char *)stack
	};
	struct registers registers = { .pc = code, .known = UINT64_C(1) << SP };
	struct native_frames frames = { 0 };
	struct table table = { 0 };
	struct unwinder *unwinder;
	struct process process;
	size_t skipped = 0;

	registers.values[SP] = STACK;
	stack[3] = STACK + 80;                     /* the stack pointer then */
	stack[4] = code + FUNCTION_BYTES;          /* the pc */
	stack[5] = STACK + 160;                    /* register 2 */
	stack[19] = code + 2 * FUNCTION_BYTES + 8; /* where the interrupted function returns to */
	put_cie(&table, "zRS");
	PUT_FDE(&table, DW_CFA_def_cfa_expression, 3, DW_OP_breg0 + SP, 24, DW_OP_deref, /* CFA: stack[3] */
		DW_CFA_expression, RA, 2, DW_OP_breg0 + SP, 32, DW_CFA_expression, 2, 2, DW_OP_breg0 + SP,
		40);
	put_cie(&table, "zR");
	PUT_FDE(&table, DW_CFA_def_cfa, 2, 0);
	PUT_FDE(&table, DW_CFA_undefined, RA);
	start(&process, &table, FORM_SEARCH);
	unwinder = unwinder_new(&process.modules);
	ck_assert_int_eq(
		unwinder_unwind(unwinder, &registers, &copy, NULL, 0, &frames, &skipped), UNWIND_WHOLE);
	ck_assert_uint_eq(frames.count, 3);
	ck_assert_uint_eq(frames.list[1].pc, code + FUNCTION_BYTES);
	ck_assert(frames.list[1].exact_pc);
	ck_assert_uint_eq(frames.list[1].stack_pointer, STACK + 80);
	ck_assert_uint_eq(frames.list[1].end, STACK + 160);
	ck_assert_uint_eq(frames.list[2].pc, code + 2 * FUNCTION_BYTES + 8);
	ck_assert(!frames.list[2].exact_pc);
	unwinder_free(unwinder);
	free(frames.list);
	stop(&process);
}
END_TEST

#endif

/* ---- expressions ---- */

/*
 * For the CFA of function 0: refused, or kept for libunwind, which can make nothing of it and has to come to
 * an end.
 */
static const struct expression_case {
	uint8_t program[12]; /* without the length of it */
	bool is_refused;
} expression_cases[] = {
	{ .program = { DW_OP_lit0, DW_OP_lit1, DW_OP_div }, .is_refused = true },
	{ .program = { DW_OP_lit1, DW_OP_deref_size, 3 }, .is_refused = true },
	{ .program = { DW_OP_regx, 3 }, .is_refused = true },
	{ .program = { DW_OP_const8u, 1, 2 }, .is_refused = true }, /* ends within the number */
	{ .program = { DW_OP_lit1, DW_OP_skip, 0xfc, 0xff } },      /* for ever */
	{ .program = { DW_OP_lit1, DW_OP_plus } },
	{ .program = { DW_OP_lit8, DW_OP_deref } }, /* outside of the copy */
	{ .program = { DW_OP_pick, 200 } },
};

/*
 * Function 0 at the stack pointer; its caller, function 1, is the thread's first. On the stack is what a stub
 * has pushed, and the return address.
 */
static enum unwind_end unwind_stub(struct table *table, struct native_frames *frames)
{
	const raddr_t code = BIAS + FRAME_CODE;
	uint64_t stack[64] = { 7, code + FUNCTION_BYTES + 8 };
	struct native_copy copy = {
		.start = STACK, .length = sizeof(stack), .bytes = (unsigned char *)stack
	};
	struct registers registers = { .pc = code, .known = UINT64_C(1) << SP };
	struct unwinder *unwinder;
	struct process process;
	enum unwind_end result;
	size_t skipped = 0;

	registers.values[SP] = STACK;
	PUT_FDE(table, DW_CFA_undefined, RA);
	start(&process, table, FORM_SEARCH);
	unwinder = unwinder_new(&process.modules);
	result = unwinder_unwind(unwinder, &registers, &copy, NULL, 0, frames, &skipped);
	unwinder_free(unwinder);
	stop(&process);
	return result;
}

START_TEST(test_refused)
{
	const struct expression_case *test = &expression_cases[_i];
	struct table table = { 0 };
	struct process process;
	uint8_t program[16] = { DW_CFA_def_cfa_expression, 1 };

	for (size_t i = 0; i < sizeof(test->program); i++) {
		program[2 + i] = test->program[i];
		if (test->program[i])
			program[1] = (uint8_t)(i + 1);
	}
	put_cie(&table, "zR");
	put_fde(&table, program, 2U + program[1]);
	start(&process, &table, FORM_SEARCH);
	ck_assert_int_eq(row_at(&process, 0, 0)->is_known, !test->is_refused);
	stop(&process);
	if (!test->is_refused) {
		struct native_frames frames = { 0 };
		struct table again = { 0 };

		put_cie(&again, "zR");
		put_fde(&again, program, 2U + program[1]);
		unwind_stub(&again, &frames);
		ck_assert_uint_ge(frames.count, 1);
		for (size_t i = 1; i < frames.count; i++) /* found otherwise, or not */
			ck_assert_uint_eq(frames.list[i].pc, BIAS + FRAME_CODE + FUNCTION_BYTES + 8);
		free(frames.list);
	}
}
END_TEST

/* As the linker's stubs have it; without libunwind the first words of the stack tell. */
START_TEST(test_stub)
{
	struct native_frames frames = { 0 };
	struct table table = { 0 };

	put_cie(&table, "zR");
	PUT_FDE(&table, DW_CFA_def_cfa_expression, 6, DW_OP_breg0 + SP, 8, DW_OP_lit1, DW_OP_lit3, DW_OP_shl,
		DW_OP_plus);
	ck_assert_int_eq(unwind_stub(&table, &frames), UNWIND_WHOLE);
	ck_assert_uint_eq(frames.count, 2);
	ck_assert_uint_eq(frames.list[0].end, STACK + 16);
	ck_assert_uint_eq(frames.list[1].pc, BIAS + FRAME_CODE + FUNCTION_BYTES + 8);
	free(frames.list);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, test_rules, 0, FORM_COUNT);
	tcase_add_test(tests, test_kept);
	tcase_add_test(tests, test_file_cut);
	tcase_add_test(tests, test_unsorted);
	tcase_add_loop_test(tests, test_hostile, 0, FORM_COUNT);
	tcase_add_loop_test(tests, test_damaged, 0, FORM_COUNT);
#ifdef HAVE_LIBUNWIND
	tcase_add_test(tests, test_signal);
#endif
	tcase_add_loop_test(tests, test_refused, 0, ARRAY_LENGTH(expression_cases));
	tcase_add_test(tests, test_stub);
}

int main(void)
{
	return suite_run("cfi", add_tests);
}
