/* SPDX-License-Identifier: MIT */
/*
 * gdb's list of code that was made at run time, in memory made here: what CPython puts there, and what
 * nobody should.
 */
#include "config.h"

#include <check.h>
#include <dwarf.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame_file.h"
#include "native/unwind/jit.h"
#include "suite.h"

#define BASE UINT64_C(0x10000)
#define DESCRIPTOR BASE
#define CODE UINT64_C(0x7f0000400000)
#define CODE_BYTES 0x500
#define ENTRY_BYTES 32
#define FILE_BYTES 1024
#define TABLE_AT 512
#define MEMORY_BYTES ((size_t)1 << 20)
#define LATER_US 30000 /* the list is not read again at once */
#define TRIES 1000

static unsigned char *memory;
static size_t reads;
static struct jit *jit;

static size_t read_memory(void *context, raddr_t address, void *data, size_t length)
{
	(void)context;
	reads++;
	if (address < BASE || address - BASE >= MEMORY_BYTES)
		return 0;
	if (length > MEMORY_BYTES - (address - BASE))
		length = MEMORY_BYTES - (address - BASE);
	memcpy(data, memory + (address - BASE), length);
	return length;
}

static void put(raddr_t address, const void *bytes, size_t length)
{
	memcpy(memory + (address - BASE), bytes, length);
}

static void put_word(raddr_t address, uint64_t value)
{
	put(address, &value, sizeof(value));
}

static void set_up(void)
{
	memory = xcalloc(1, MEMORY_BYTES);
	reads = 0;
	put_word(DESCRIPTOR, 1);
	jit = jit_new((struct elf_memory){ .read = read_memory }, DESCRIPTOR);
}

static void tear_down(void)
{
	jit_free(jit);
	free(memory);
}

static raddr_t entry_at(unsigned number)
{
	return BASE + 256 + (raddr_t)number * (ENTRY_BYTES + FILE_BYTES);
}

static raddr_t file_at(unsigned number)
{
	return entry_at(number) + ENTRY_BYTES;
}

/* One CIE and one FDE, of all the code, as CPython writes them. instruction: of the FDE; DW_CFA_nop: none. */
static size_t put_table(raddr_t at, raddr_t code, unsigned char instruction)
{
	const unsigned char frame = (unsigned char)register_roles.frame_pointer,
			    address = (unsigned char)register_roles.return_address;
	unsigned char table[64] = { 20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, address, 1,
		DW_EH_PE_absptr, DW_CFA_def_cfa, frame, 16, DW_CFA_offset | frame, 2, DW_CFA_offset | address,
		1, 28, 0, 0, 0, 28 };
	const uint64_t range[2] = { code, CODE_BYTES };

	memcpy(table + 32, range, sizeof(range));
	table[48] = 0;
	table[49] = instruction;
	put(at, table, 56);
	return 56;
}

static void put_file(raddr_t at, raddr_t code, const char *name, unsigned char instruction)
{
	static const char names[] = "\0.text\0.eh_frame\0.shstrtab\0.strtab\0.symtab";
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = FRAME_MACHINE,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(header),
		.e_shoff = 64,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 6,
		.e_shstrndx = 3
	};
	Elf64_Shdr sections[6] = { { .sh_type = SHT_NULL },
		{ .sh_name = 1,
			.sh_type = SHT_PROGBITS,
			.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
			.sh_addr = code,
			.sh_offset = 1000,
			.sh_size = CODE_BYTES },
		{ .sh_name = 7,
			.sh_type = SHT_PROGBITS,
			.sh_flags = SHF_ALLOC,
			.sh_addr = code + 0x1000,
			.sh_offset = TABLE_AT },
		{ .sh_name = 17, .sh_type = SHT_STRTAB, .sh_offset = 600, .sh_size = sizeof(names) },
		{ .sh_name = 27, .sh_type = SHT_STRTAB, .sh_offset = 700, .sh_size = strlen(name) + 2 },
		{ .sh_name = 35,
			.sh_type = SHT_SYMTAB,
			.sh_offset = 800,
			.sh_size = 2 * sizeof(Elf64_Sym),
			.sh_link = 4 } };
	const Elf64_Sym symbol = { .st_name = 1,
		.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
		.st_shndx = 1,
		.st_value = code,
		.st_size = CODE_BYTES };

	sections[2].sh_size = put_table(at + TABLE_AT, code, instruction);
	put(at, &header, sizeof(header));
	put(at + 64, sections, sizeof(sections));
	put(at + 600, names, sizeof(names));
	put(at + 701, name, strlen(name) + 1);
	put(at + 800 + sizeof(symbol), &symbol, sizeof(symbol));
}

static void put_entry(unsigned number, raddr_t next, raddr_t previous, raddr_t file, uint64_t bytes)
{
	const uint64_t words[4] = { next, previous, file, bytes };

	put(entry_at(number), words, sizeof(words));
}

static raddr_t first_entry(void)
{
	raddr_t first;

	memcpy(&first, memory + 16, sizeof(first));
	return first;
}

static raddr_t code_at(unsigned number)
{
	return CODE + (raddr_t)number * 0x10000;
}

/* In front, as CPython does. */
static void announce(unsigned number, const char *name, unsigned char instruction)
{
	const raddr_t next = first_entry();

	put_file(file_at(number), code_at(number), name, instruction);
	put_entry(number, next, 0, file_at(number), FILE_BYTES + CODE_BYTES);
	if (next)
		put_word(next + 8, entry_at(number));
	put_word(DESCRIPTOR + 16, entry_at(number));
}

static void withdraw(unsigned number)
{
	uint64_t words[2];

	memcpy(words, memory + (entry_at(number) - BASE), sizeof(words));
	put_word(words[1] ? words[1] : DESCRIPTOR + 16, words[0]);
	if (words[0])
		put_word(words[0] + 8, words[1]);
}

/* Reading may take a share of the time only, which is soon used up where a CPU is emulated. */
static const struct jit_code *find_in_time(raddr_t address)
{
	const struct jit_code *code = jit_find(jit, address);

	for (int i = 0; !code && i < TRIES; i++) {
		usleep(LATER_US);
		code = jit_find(jit, address);
	}
	return code;
}

static void check_found(unsigned number, const char *name)
{
	const struct jit_code *code = find_in_time(code_at(number) + 0x123);

	ck_assert_ptr_nonnull(code);
	ck_assert(code->row.is_known);
	ck_assert_uint_eq(code->row.cfa.kind, RULE_REGISTER);
	ck_assert_uint_eq(code->row.cfa.number, register_roles.frame_pointer);
	ck_assert_int_eq(code->row.cfa.value, 16);
	ck_assert_uint_eq(code->row.return_address.kind, RULE_OFFSET);
	ck_assert_int_eq(code->row.return_address.value, -8);
	ck_assert_uint_eq(code->start, code_at(number));
	ck_assert_str_eq(code->name, name);
}

START_TEST(test_found)
{
	announce(0, "py::jit:shim", DW_CFA_nop);
	announce(1, "py::jit:executor", DW_CFA_nop);
	check_found(0, "py::jit:shim");
	check_found(1, "py::jit:executor");
	ck_assert_ptr_null(jit_find(jit, CODE - 1));
	ck_assert_ptr_null(jit_find(jit, CODE + CODE_BYTES));
	ck_assert_ptr_eq(find_in_time(CODE), find_in_time(CODE + CODE_BYTES - 1));
}
END_TEST

/* What is known is not read again, but for its place in the list. */
START_TEST(test_kept)
{
	announce(0, "py::jit:executor", DW_CFA_nop);
	check_found(0, "py::jit:executor");
	usleep(LATER_US);
	reads = 0;
	check_found(0, "py::jit:executor");
	ck_assert_uint_le(reads, 2);
}
END_TEST

START_TEST(test_comes_and_goes)
{
	for (unsigned i = 0; i < 3; i++)
		announce(i, "py::jit:executor", DW_CFA_nop);
	check_found(1, "py::jit:executor");
	announce(3, "new", DW_CFA_nop);
	usleep(LATER_US);
	check_found(3, "new");
	withdraw(1);
	usleep(LATER_US);
	ck_assert_ptr_null(jit_find(jit, code_at(1)));
	check_found(0, "py::jit:executor");
	withdraw(3);
	withdraw(0);
	usleep(LATER_US);
	ck_assert_ptr_null(jit_find(jit, code_at(3)));
	ck_assert_ptr_null(jit_find(jit, code_at(0)));
	/* the same memory and the same addresses of code for something else */
	put_word(DESCRIPTOR + 16, 0);
	announce(1, "again", DW_CFA_nop);
	usleep(LATER_US);
	check_found(1, "again");
}
END_TEST

START_TEST(test_many)
{
	for (unsigned i = 0; i < 900; i++)
		announce(i, "py::jit:executor", DW_CFA_nop);
	check_found(0, "py::jit:executor");
	check_found(899, "py::jit:executor");
}
END_TEST

/* ---- what nobody should have made ---- */

START_TEST(test_ring)
{
	announce(0, "a", DW_CFA_nop);
	announce(1, "b", DW_CFA_nop);
	put_word(entry_at(0), entry_at(1));
	reads = 0;
	ck_assert_ptr_null(jit_find(jit, code_at(7)));
	ck_assert_uint_le(reads, 4096 * 3 + 1);
	check_found(0, "a");
}
END_TEST

START_TEST(test_no_list)
{
	announce(0, "a", DW_CFA_nop);
	put_word(DESCRIPTOR, 2); /* another version */
	ck_assert_ptr_null(jit_find(jit, code_at(0)));
	put_word(DESCRIPTOR, 1);
	put_word(DESCRIPTOR + 16, 1);
	usleep(LATER_US);
	ck_assert_ptr_null(jit_find(jit, code_at(0)));
	put_word(DESCRIPTOR + 16, UINT64_MAX - 8);
	usleep(LATER_US);
	ck_assert_ptr_null(jit_find(jit, code_at(0)));
}
END_TEST

static bool is_described(void)
{
	const struct jit_code *code = jit_find(jit, code_at(0));

	return code && code->row.is_known;
}

static void spoil_sizes(void)
{
	put_entry(0, 0, 0, file_at(0), UINT64_MAX);
}

static void spoil_place(void)
{
	put_entry(0, 0, 0, UINT64_MAX - 100, 4096);
}

static void spoil_short(void)
{
	put_entry(0, 0, 0, file_at(0), 60);
}

static void spoil_count(void)
{
	const Elf64_Half many = 60000;

	put(file_at(0) + offsetof(Elf64_Ehdr, e_shnum), &many, sizeof(many));
}

static void spoil_sections(void)
{
	put_word(file_at(0) + offsetof(Elf64_Ehdr, e_shoff), UINT64_MAX - 10);
}

static void spoil_table(void)
{
	put_word(file_at(0) + 64 + 2 * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_offset), UINT64_MAX - 10);
}

static void spoil_length(void)
{
	put_word(file_at(0) + 64 + 2 * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_size), UINT64_C(1) << 40);
}

static void spoil_code(void)
{
	put_word(file_at(0) + 64 + sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_size), UINT64_MAX);
}

static void spoil_program(void)
{
	put_table(file_at(0) + TABLE_AT, code_at(0), 0x3f); /* no such instruction */
}

static void spoil_entries(void)
{
	put_word(file_at(0) + TABLE_AT, UINT64_MAX);
}

START_TEST(test_spoilt)
{
	static void (*const ways[])(void) = { spoil_sizes, spoil_place, spoil_short, spoil_count,
		spoil_sections, spoil_table, spoil_length, spoil_code, spoil_program, spoil_entries };

	for (size_t i = 0; i < ARRAY_LENGTH(ways); i++) {
		tear_down();
		set_up();
		announce(0, "a", DW_CFA_nop);
		ways[i]();
		ck_assert_msg(!is_described(), "way %zu", i);
	}
}
END_TEST

/* Names are as they are; the string table ends before the zero. */
START_TEST(test_names)
{
	announce(0, "a", DW_CFA_nop);
	memset(memory + (file_at(0) + 700 - BASE), 'x', 100);
	put_word(file_at(0) + 64 + 4 * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_size), 5);
	check_found(0, "xxxx");
	for (unsigned i = 1; i < 100; i++) {
		char name[16];

		snprintf(name, sizeof(name), "name%u", i);
		announce(i, name, DW_CFA_nop);
	}
	usleep(LATER_US);
	for (unsigned i = 1; i < 99; i++)
		ck_assert(find_in_time(code_at(i)));
	ck_assert_ptr_null(find_in_time(code_at(99))->name); /* there are limits */
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, test_found);
	tcase_add_test(tests, test_kept);
	tcase_add_test(tests, test_comes_and_goes);
	tcase_add_test(tests, test_many);
	tcase_add_test(tests, test_ring);
	tcase_add_test(tests, test_no_list);
	tcase_add_test(tests, test_spoilt);
	tcase_add_test(tests, test_names);
}

int main(void)
{
	return suite_run("jit", add_tests);
}
