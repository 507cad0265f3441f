/* SPDX-License-Identifier: MIT */
/* Small ELF files made here, read as files and as the memory they would be loaded into. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../child.h"
#include "elf_file.h"
#include "suite.h"
#include "target/elf/elf.h"

#define BIAS UINT64_C(0x7f3210000000)

/* ---- helpers ---- */

static int file_descriptor(const void *bytes, size_t length)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
	return fd;
}

static int open_bytes(struct elf_image *image, const void *bytes, size_t length)
{
	struct error err = { 0 };
	int result = elf_image_open_fd(image, file_descriptor(bytes, length), &err);

	if (result) {
		ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
		ck_assert_str_ne(err.message, "");
	}
	return result;
}

/* The file as a loader maps it: bytes from BIAS + base on. */
struct loaded {
	unsigned char bytes[ELF_MEMORY_END + 0x1000];
	raddr_t start;
};

static void load(struct loaded *loaded, const struct elf_file *file, raddr_t start)
{
	*loaded = (struct loaded){ .start = start };
	memcpy(loaded->bytes, file->bytes, 0x3000);
	memcpy(loaded->bytes + 0x3000, file->bytes + 0x2000, 0x1000);
	memset(loaded->bytes + ELF_BSS, 0, ELF_MEMORY_END - ELF_BSS);
}

static size_t read_loaded(void *context, raddr_t address, void *data, size_t length)
{
	struct loaded *loaded = context;

	if (address < loaded->start || address - loaded->start >= sizeof(loaded->bytes))
		return 0;
	if (length > sizeof(loaded->bytes) - (address - loaded->start))
		length = sizeof(loaded->bytes) - (address - loaded->start);
	memcpy(data, loaded->bytes + (address - loaded->start), length);
	return length;
}

/* What maps shows of it. */
static void map(struct mapping mappings[4], raddr_t start)
{
	static const struct mapping shape[4] = {
		{ .start = 0x0000, .end = 0x1000, .offset = 0x0000, .readable = true },
		{ .start = 0x1000, .end = 0x2000, .offset = 0x1000, .readable = true, .executable = true },
		{ .start = 0x2000, .end = 0x3000, .offset = 0x2000, .readable = true },
		{ .start = 0x3000, .end = 0x4000, .offset = 0x2000, .readable = true, .writable = true },
	};

	for (size_t i = 0; i < 4; i++) {
		mappings[i] = shape[i];
		mappings[i].start += start;
		mappings[i].end += start;
		mappings[i].path = "/lib/x";
		mappings[i].inode = 7;
	}
}

static bool find_bias(
	const struct elf_image *image, const struct mapping *mappings, size_t count, raddr_t *bias)
{
	const struct mapping *pointers[16];

	for (size_t i = 0; i < count; i++)
		pointers[i] = &mappings[i];
	return elf_load_bias(image->segments, image->segment_count, pointers, count, bias);
}

static const struct elf_file_options shared = { .type = ET_DYN };

static void check_dynamic_symbols(const struct elf_image *image, uint64_t base)
{
	struct elf_symbol symbols[] = {
		{ .name = "_PyRuntime" },
		{ .name = "Py_Version" },
		{ .name = "_PyThreadState_Current" },
		{ .name = "_PyRuntime2" },
		{ .name = "_PyRuntim" },
	};

	ck_assert_uint_eq(elf_image_dynamic_symbols(image, symbols, ARRAY_LENGTH(symbols)), 2);
	ck_assert(symbols[0].found);
	ck_assert_uint_eq(symbols[0].address, image->bias + base + ELF_RUNTIME);
	ck_assert_uint_eq(symbols[0].bytes, 64);
	ck_assert(!symbols[1].found); /* not defined here */
	ck_assert(symbols[2].found);
	ck_assert_uint_eq(symbols[2].address, image->bias + base + ELF_CURRENT);
	ck_assert(!symbols[3].found);
	ck_assert(!symbols[4].found);
}

/* ---- files ---- */

static const struct elf_file_options variants[] = {
	{ .type = ET_DYN, .hash = HASH_GNU },
	{ .type = ET_DYN, .hash = HASH_SYSV },
	{ .type = ET_DYN, .hash = HASH_NONE },
	{ .type = ET_EXEC, .base = 0x400000, .hash = HASH_GNU },
	{ .type = ET_DYN, .base = 0x3000000000, .hash = HASH_GNU }, /* prelinked */
	{ .type = ET_DYN, .hash = HASH_GNU, .without_sections = true },
	{ .type = ET_DYN, .hash = HASH_SYSV, .without_sections = true },
	{ .type = ET_DYN, .hash = HASH_GNU, .without_symtab = true },
};

START_TEST(test_dynamic_symbols)
{
	const struct elf_file_options *options = &variants[_i];
	struct elf_file file;
	struct elf_image image;
	char soname[ELF_NAME_BYTES];

	elf_file_build(&file, options);
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), 0);
	ck_assert_uint_eq(image.segment_count, 4);
	image.bias = options->type == ET_EXEC ? 0 : BIAS;
	check_dynamic_symbols(&image, options->base);
	ck_assert(elf_image_soname(&image, soname));
	ck_assert_str_eq(soname, "libpython3.8.so.1.0");
	elf_image_release(&image);
}
END_TEST

START_TEST(test_static_symbols)
{
	struct elf_symbol symbols[] = { { .name = "interp_head" }, { .name = "interp_hea" } };
	struct elf_file_options options = shared;
	struct elf_file file;
	struct elf_image image;

	elf_file_build(&file, &options);
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), 0);
	image.bias = BIAS;
	ck_assert_uint_eq(elf_image_dynamic_symbols(&image, symbols, 2), 0);
	ck_assert_uint_eq(elf_image_static_symbols(&image, symbols, 2), 1);
	ck_assert(symbols[0].found);
	ck_assert_uint_eq(symbols[0].address, BIAS + ELF_BSS + 8);
	elf_image_release(&image);

	symbols[0].found = false;
	options.without_symtab = true;
	elf_file_build(&file, &options);
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), 0);
	ck_assert_uint_eq(elf_image_static_symbols(&image, symbols, 2), 0);
	elf_image_release(&image);
}
END_TEST

START_TEST(test_sections)
{
	struct elf_file_options options = shared;
	struct elf_section section;
	struct elf_file file;
	struct elf_image image;

	elf_file_build(&file, &options);
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), 0);
	ck_assert(elf_image_section(&image, ".PyRuntime", &section));
	ck_assert_uint_eq(section.vaddr, ELF_RUNTIME);
	ck_assert_uint_eq(section.bytes, 0x80);
	ck_assert(elf_image_section(&image, ".rodata", &section));
	ck_assert(elf_image_section(&image, ".bss", &section));
	ck_assert_uint_eq(section.vaddr, ELF_BSS);
	ck_assert(!elf_image_section(&image, ".comment", &section)); /* not loaded */
	ck_assert(!elf_image_section(&image, ".PyRuntim", &section));
	elf_image_release(&image);

	options.without_sections = true;
	elf_file_build(&file, &options);
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), 0);
	ck_assert(!elf_image_section(&image, ".PyRuntime", &section));
	elf_image_release(&image);
}
END_TEST

START_TEST(test_read)
{
	const struct elf_file_options options = { .type = ET_DYN, .rodata = "hello", .rodata_bytes = 5 };
	struct elf_file file;
	struct elf_image image;
	char text[16] = "";

	elf_file_build(&file, &options);
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), 0);
	ck_assert_uint_eq(elf_image_read(&image, ELF_RODATA, text, 5), 5);
	ck_assert_str_eq(text, "hello");
	ck_assert_uint_eq(
		elf_image_read(&image, ELF_RODATA + 0x7fc, text, 16), 4); /* to the end of the segment */
	ck_assert_uint_eq(elf_image_read(&image, ELF_RODATA + 0x800, text, 1), 0); /* between segments */
	ck_assert_uint_eq(elf_image_read(&image, ELF_BSS, text, 1), 0); /* nothing of it is in the file */
	ck_assert_ptr_null(elf_image_segment(&image, ELF_MEMORY_END));
	elf_image_release(&image);
}
END_TEST

/* ---- memory ---- */

static void relocate_dynamic(struct loaded *loaded, raddr_t bias)
{
	Elf64_Dyn entries[6];

	memcpy(entries, loaded->bytes + ELF_DYNAMIC, sizeof(entries));
	for (size_t i = 0; i < ARRAY_LENGTH(entries); i++)
		if (entries[i].d_tag == DT_SYMTAB || entries[i].d_tag == DT_STRTAB ||
			entries[i].d_tag == DT_GNU_HASH || entries[i].d_tag == DT_HASH)
			entries[i].d_un.d_ptr += bias;
	memcpy(loaded->bytes + ELF_DYNAMIC, entries, sizeof(entries));
}

START_TEST(test_memory)
{
	const struct elf_file_options *options = &variants[_i];
	const raddr_t bias = options->type == ET_EXEC ? 0 : BIAS;
	struct elf_symbol symbol = { .name = "interp_head" };
	struct elf_section section;
	struct mapping mappings[4];
	const struct mapping *pointers[4];
	struct loaded loaded;
	struct elf_memory memory = { .read = read_loaded, .context = &loaded };
	struct elf_file file;
	struct elf_image image;
	struct error err = { 0 };

	if (options->hash == HASH_NONE)
		return; /* no symbol can be found without a hash table, where no section headers are */
	elf_file_build(&file, options);
	map(mappings, bias + options->base);
	for (size_t i = 0; i < 4; i++)
		pointers[i] = &mappings[i];
	for (int relocated = 0; relocated < 2; relocated++) { /* musl, glibc */
		load(&loaded, &file, bias + options->base);
		if (relocated)
			relocate_dynamic(&loaded, bias);
		ck_assert_int_eq(elf_image_open_memory(&image, memory, loaded.start, pointers, 4, &err), 0);
		ck_assert_uint_eq(image.bias, bias);
		check_dynamic_symbols(&image, options->base);
		ck_assert_uint_eq(elf_image_static_symbols(&image, &symbol, 1), 0);
		ck_assert(!elf_image_section(&image, ".PyRuntime", &section));
		elf_image_release(&image);
	}
	ck_assert_int_eq(elf_image_open_memory(&image, memory, loaded.start + 0x1000, pointers, 4, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
	ck_assert_int_eq(elf_image_open_memory(&image, memory, 0x1000, pointers, 4, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_RACED);
}
END_TEST

/* ---- the load bias ---- */

START_TEST(test_bias)
{
	const struct elf_file_options *options = &variants[_i];
	const raddr_t expected = options->type == ET_EXEC ? 0 : BIAS;
	struct mapping mappings[6];
	struct elf_file file;
	struct elf_image image;
	raddr_t bias;

	elf_file_build(&file, options);
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), 0);
	map(mappings, expected + options->base);
	ck_assert(find_bias(&image, mappings, 4, &bias));
	ck_assert_uint_eq(bias, expected);

	/* the program has mapped the whole file for itself, below */
	memmove(mappings + 1, mappings, 4 * sizeof(*mappings));
	mappings[0] =
		(struct mapping){ .start = 0x10000, .end = 0x15000, .readable = true, .path = "/lib/x" };
	ck_assert(find_bias(&image, mappings, 5, &bias));
	ck_assert_uint_eq(bias, expected);

	/* the headers are no longer mapped */
	ck_assert(find_bias(&image, mappings + 2, 3, &bias));
	ck_assert_uint_eq(bias, expected);

	/* only mappings of something else */
	mappings[0].offset = 0x77000;
	ck_assert(!find_bias(&image, mappings, 1, &bias));
	ck_assert(!find_bias(&image, mappings, 0, &bias));
	elf_image_release(&image);
}
END_TEST

/* ---- broken files ---- */

static void look_at_everything(const struct elf_image *image)
{
	struct elf_symbol symbols[] = { { .name = "_PyRuntime" }, { .name = "interp_head" } };
	struct elf_section section;
	char soname[ELF_NAME_BYTES];

	elf_image_dynamic_symbols(image, symbols, 2);
	elf_image_static_symbols(image, symbols, 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert(!symbols[i].found || elf_image_segment(image, symbols[i].address - image->bias));
	elf_image_section(image, ".PyRuntime", &section);
	elf_image_soname(image, soname);
}

START_TEST(test_truncated)
{
	struct elf_file file;
	struct elf_image image;

	elf_file_build(&file, &shared);
	for (size_t length = 0; length < sizeof(file.bytes); length += length < 0x500 ? 1 : 97) {
		if (open_bytes(&image, file.bytes, length) == 0)
			look_at_everything(&image);
		elf_image_release(&image);
	}
}
END_TEST

/* Every 32-bit word of the headers and tables in turn holds a value that is too large, or zero. */
START_TEST(test_damaged)
{
	static const uint32_t values[] = { 0, 1, 0x7fffffff, 0xffffffff };
	struct elf_file file;

	for (size_t at = 0; at < ELF_FILE_BYTES; at += 4) {
		if (at == 0x600)
			at = 0x2e00;
		if (at == 0x3000)
			at = ELF_SYMTAB;
		for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
			struct elf_image image;

			elf_file_build(&file, &variants[at / 4 % 2]);
			elf_put(&file, at, &values[i], sizeof(values[i]));
			if (open_bytes(&image, file.bytes, sizeof(file.bytes)) == 0)
				look_at_everything(&image);
			elf_image_release(&image);
		}
	}
}
END_TEST

START_TEST(test_refused)
{
	struct elf_file file;
	struct elf_image image;

	elf_file_build(&file, &shared);
	file.bytes[EI_CLASS] = ELFCLASS32;
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), -1);
	elf_file_build(&file, &shared);
	file.bytes[EI_DATA] ^= ELFDATA2LSB ^ ELFDATA2MSB;
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), -1);
	elf_file_build(&file, &(struct elf_file_options){ .type = ET_CORE });
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), -1);
	elf_file_build(&file, &shared);
	((Elf64_Ehdr *)file.bytes)->e_phnum = PN_XNUM;
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), -1);
	ck_assert_int_eq(open_bytes(&image, "#!/bin/sh\n", 10), -1);
	ck_assert_int_eq(open_bytes(&image, "", 0), -1);
}
END_TEST

/*
 * More sections than can be counted where they are counted: what counts them then may be any number, and is
 * not believed.
 */
START_TEST(test_uncounted_sections)
{
	struct elf_symbol symbol = { .name = "interp_head" };
	struct elf_section section;
	struct elf_file file;
	struct elf_image image;

	elf_file_build(&file, &shared);
	((Elf64_Ehdr *)file.bytes)->e_shnum = 0;
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), 0);
	ck_assert(!elf_image_section(&image, ".PyRuntime", &section));
	ck_assert_uint_eq(elf_image_static_symbols(&image, &symbol, 1), 0);
	elf_image_release(&image);
	elf_file_build(&file, &shared);
	((Elf64_Shdr *)(file.bytes + ((Elf64_Ehdr *)file.bytes)->e_shoff))->sh_size = UINT32_MAX;
	((Elf64_Ehdr *)file.bytes)->e_shnum = 0;
	ck_assert_int_eq(open_bytes(&image, file.bytes, sizeof(file.bytes)), 0);
	ck_assert(!elf_image_section(&image, ".PyRuntime", &section));
	elf_image_release(&image);
}
END_TEST

/* ---- a real process ---- */

int test_elf_marker = 1;

/* Under an emulator the child's mappings are the emulator's. */
static bool is_emulated(struct target *target)
{
	char path[4096];
	ssize_t length = readlinkat(target_proc_fd(target), "exe", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	return strstr(path, "qemu") != NULL;
}

START_TEST(test_process)
{
	struct elf_symbol symbol = { .name = "test_elf_marker" };
	struct child child = child_start(4096);
	const struct mapping *mapping;
	struct elf_image image;
	struct error err = { 0 };
	struct maps maps;

	if (!is_emulated(child.target)) {
		ck_assert_int_eq(target_read_maps(child.target, &maps, &err), 0);
		mapping =
			maps_find(&maps, (raddr_t)(uintptr_t)&test_elf_marker); /* a fork has what we have */
		ck_assert_ptr_nonnull(mapping);
		ck_assert_msg(
			elf_image_open(&image, child.target, &maps, mapping, &err) == 0, "%s", err.message);
		ck_assert_int_ge(image.fd, 0);
		elf_image_dynamic_symbols(&image, &symbol, 1);
		ck_assert_uint_eq(elf_image_static_symbols(&image, &symbol, 1), 1);
		ck_assert_uint_eq(symbol.address, (uintptr_t)&test_elf_marker);
		ck_assert_uint_ge(
			symbol.bytes, sizeof(test_elf_marker)); /* sanitizers put something behind it */
		ck_assert(!elf_image_loading(&image, child.target));
		elf_image_release(&image);
		maps_release(&maps);
	}
	child_end(&child);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, test_dynamic_symbols, 0, ARRAY_LENGTH(variants));
	tcase_add_test(tests, test_static_symbols);
	tcase_add_test(tests, test_sections);
	tcase_add_test(tests, test_read);
	tcase_add_loop_test(tests, test_memory, 0, ARRAY_LENGTH(variants));
	tcase_add_loop_test(tests, test_bias, 0, ARRAY_LENGTH(variants));
	tcase_add_test(tests, test_truncated);
	tcase_add_test(tests, test_damaged);
	tcase_add_test(tests, test_refused);
	tcase_add_test(tests, test_uncounted_sections);
	tcase_add_test(tests, test_process);
}

int main(void)
{
	return suite_run("elf", add_tests);
}
