/* SPDX-License-Identifier: MIT */
/*
 * Names of addresses in files that a compiler made just now: with symbols and without, with debug information
 * in them, beside them, by build id, in compressed form; in C++, in our own vdso and C library. The source
 * says, by line, what is right; addresses come from the symbol table of the file before anything was taken
 * out of it.
 */
#include "config.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../child.h"
#include "native/files/debug_file.h"
#include "native/names/names.h"
#include "native/names/symbols.h"
#include "suite.h"

static char directory[64];
static struct child child;
static struct functions *functions;

static const char source[] = "#include <unistd.h>\n"                                /* 1 */
			     "int counter;\n"                                       /* 2 */
			     "static inline __attribute__((always_inline)) int\n"   /* 3 */
			     "innermost(int x)\n"                                   /* 4 */
			     "{\n"                                                  /* 5 */
			     "	return getpid() + x;\n"                             /* 6 */
			     "}\n"                                                  /* 7 */
			     "static inline __attribute__((always_inline)) int\n"   /* 8 */
			     "middle(int x)\n"                                      /* 9 */
			     "{\n"                                                  /* 10 */
			     "	counter++;\n"                                       /* 11 */
			     "	return innermost(x) * 2;\n"                         /* 12 */
			     "}\n"                                                  /* 13 */
			     "static __attribute__((noinline)) int hidden(int x)\n" /* 14 */
			     "{\n"                                                  /* 15 */
			     "	counter += x;\n"                                    /* 16 */
			     "	return middle(x) + 1;\n"                            /* 17 */
			     "}\n"                                                  /* 18 */
			     "int exported(int x)\n"                                /* 19 */
			     "{\n"                                                  /* 20 */
			     "	return hidden(x) + 1;\n"                            /* 21 */
			     "}\n"                                                  /* 22 */
			     "int __alias(int) __attribute__((alias(\"exported\")));\n"
			     "int _alias2(int) __attribute__((weak, alias(\"exported\")));\n";

static void set_up(void)
{
	child = child_start(4096);
	functions = functions_new();
	ck_assert_ptr_nonnull(mkdtemp(strcpy(directory, "/tmp/test_native_names_XXXXXX")));
}

/* Runs a command of the shell in the directory. */
static bool run(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

static bool run(const char *format, ...)
{
	char command[2048];
	va_list arguments;
	int used = snprintf(command, sizeof(command), "cd %s && exec 2>/dev/null && ", directory);

	va_start(arguments, format);
	vsnprintf(command + used, sizeof(command) - (size_t)used, format, arguments);
	va_end(arguments);
	return system(command) == 0;
}

static void tear_down(void)
{
	run("rm -rf %s", directory);
	child_end(&child);
	functions_free(functions);
}

static const char *compiler(void)
{
	const char *cc = getenv("CC");

	return cc ? cc : "cc";
}

static void write_file(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", directory, name);
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	free(path);
}

static void build(const char *options)
{
	write_file("code.c", source);
	ck_assert_msg(run("%s -O1 -fPIC -shared -Wl,--build-id %s code.c -o code.so && cp code.so whole.so",
			      compiler(), options),
		"cannot compile with %s", compiler());
}

/* ---- modules ---- */

static struct module open_module(const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);
	struct module module = { .kind = MODULE_FILE, .path = path, .name = strrchr(path, '/') + 1 };

	module.fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(module.fd, 0);
	return module;
}

static void close_module(struct module *module)
{
	close(module->fd);
	free(module->path);
}

/* From a symbol table of the whole file, by libelf. */
static GElf_Sym find_symbol(const char *file, const char *name)
{
	struct module module = open_module(file);
	Elf *elf = (elf_version(EV_CURRENT), elf_begin(module.fd, ELF_C_READ, NULL));
	Elf_Scn *section = NULL;
	GElf_Sym symbol = { .st_value = 0 }, found = { .st_value = 0 };
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *data = elf_getdata(section, NULL);

		gelf_getshdr(section, &header);
		for (int i = 0; header.sh_type == SHT_SYMTAB && gelf_getsym(data, i, &symbol); i++)
			if (strcmp(elf_strptr(elf, header.sh_link, symbol.st_name), name) == 0)
				found = symbol;
	}
	elf_end(elf);
	close_module(&module);
	ck_assert_msg(found.st_value, "no symbol %s in %s", name, file);
	return found;
}

/* "name:line;name:line" of an address, on the heap. */
static char *name_in(struct names *names, const struct module *module, uint64_t vaddr)
{
	struct native_address address = { .module = module, .vaddr = vaddr, .exact_pc = true };
	const struct named *named = names_of(names, &address);
	struct buffer text = { 0 };

	ck_assert_uint_ge(named->count, 1);
	for (size_t i = 0; i < named->count; i++) {
		ck_assert_int_eq(named->frames[i].function->kind, FUNCTION_NATIVE);
		ck_assert_str_eq(named->frames[i].function->file, module->name);
		buffer_printf(&text, "%s%s:%d", i ? ";" : "", named->frames[i].function->name,
			named->frames[i].line);
	}
	return text.data;
}

static void check_place(const char *file, uint64_t vaddr, const char *expected)
{
	struct names *names = names_new(child.target, functions);
	struct module module = open_module(file);
	char *text = name_in(names, &module, vaddr);

	ck_assert_str_eq(text, expected);
	free(text);
	close_module(&module);
	names_free(names);
}

static void check_function(const char *file, const char *symbol, const char *expected)
{
	GElf_Sym place = find_symbol("whole.so", symbol);

	check_place(file, place.st_value, expected);
	check_place(file, place.st_value + place.st_size - 1, expected);
}

/* ---- symbols ---- */

START_TEST(symbols_name_functions_from_their_first_byte_to_their_last)
{
	GElf_Sym place;

	build("");
	check_function("code.so", "hidden", "hidden:0");
	check_function("code.so", "exported", "exported:0");
	place = find_symbol("whole.so", "exported");
	if (place.st_value % 16) /* what lies before is not it */
		check_place("code.so", place.st_value - 1, "hidden:0");
}
END_TEST

START_TEST(a_return_address_belongs_to_the_call_before_it)
{
	struct names *names;
	struct module module;
	struct native_address address;
	GElf_Sym place;

	build("");
	place = find_symbol("whole.so", "hidden");
	names = names_new(child.target, functions);
	module = open_module("code.so");
	address = (struct native_address){ .module = &module, .vaddr = place.st_value + place.st_size };
	ck_assert_str_eq(names_of(names, &address)->frames[0].function->name, "hidden");
	close_module(&module);
	names_free(names);
}
END_TEST

START_TEST(equal_functions_are_one)
{
	struct names *names = names_new(child.target, functions);
	struct native_address first, second;
	struct module module;
	GElf_Sym place;

	build("");
	place = find_symbol("whole.so", "exported");
	module = open_module("code.so");
	first = (struct native_address){ .module = &module, .vaddr = place.st_value, .exact_pc = true };
	second = (struct native_address){ .module = &module, .vaddr = place.st_value + 1, .exact_pc = true };
	ck_assert_ptr_eq(
		names_of(names, &first)->frames[0].function, names_of(names, &second)->frames[0].function);
	ck_assert_ptr_eq(names_of(names, &first), names_of(names, &first));
	close_module(&module);
	names_free(names);
}
END_TEST

START_TEST(without_a_symbol_all_places_of_a_function_have_one_name)
{
	GElf_Sym place;
	char expected[64];

	build("");
	ck_assert(run("strip code.so"));
	place = find_symbol("whole.so", "hidden");
	snprintf(expected, sizeof(expected), "0x%llx:0", (unsigned long long)place.st_value);
	check_function("code.so", "hidden", expected);
	check_function("code.so", "exported", "exported:0");
}
END_TEST

START_TEST(without_section_headers_exported_symbols_are_found)
{
	static const char *const styles[] = { "-Wl,--hash-style=gnu", "-Wl,--hash-style=sysv" };
	struct module module;
	Elf64_Ehdr header;
	char *path;
	int fd;

	build(styles[_i]);
	path = xasprintf("%s/code.so", directory);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, &header, sizeof(header), 0), sizeof(header));
	header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
	ck_assert_int_eq(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	close(fd);
	free(path);
	check_function("code.so", "exported", "exported:0");
	module = open_module("code.so");
	close_module(&module);
}
END_TEST

START_TEST(stubs_are_named_by_what_they_call)
{
	struct module module;
	struct names *names;
	unsigned long long vaddr;
	bool found = false;
	char *path, line[256];
	FILE *file;

	build(_i ? "-fcf-protection -Wl,-z,ibtplt" : "");
	path = xasprintf("objdump -d %s/code.so | grep 'getpid@plt>:$'", directory);
	file = popen(path, "r");
	ck_assert_ptr_nonnull(file);
	names = names_new(child.target, functions);
	module = open_module("code.so");
	while (fgets(line, sizeof(line), file)) {
		char *text, *end;

		vaddr = strtoull(line, &end, 16);
		ck_assert_ptr_ne(end, line);
		text = name_in(names, &module, vaddr);
		ck_assert_str_eq(text, "getpid@plt:0");
		free(text);
		text = name_in(names, &module, vaddr + 5);
		ck_assert_str_eq(text, "getpid@plt:0");
		free(text);
		found = true;
	}
	ck_assert_msg(found || pclose(file) != 0, "no stub in the file");
	names_free(names);
	close_module(&module);
	free(path);
}
END_TEST

START_TEST(a_file_that_is_none_is_named_by_place)
{
	write_file("code.so", "#!/bin/sh\n");
	check_place("code.so", 0x1234, "0x1234:0");
}
END_TEST

/* ---- debug information ---- */

/* Each function that was inlined into another has the line of its call there, and the innermost its own. */
static void check_inlined(const char *file)
{
	struct names *names = names_new(child.target, functions);
	struct module module = open_module(file);
	GElf_Sym place = find_symbol("whole.so", "hidden");
	bool found_middle = false, found_innermost = false, found_alone = false;

	for (uint64_t i = 0; i < place.st_size; i++) {
		char *text = name_in(names, &module, place.st_value + i);

		ck_assert_msg(strncmp(text, "hidden:", 7) == 0, "%s", text);
		found_alone |= strcmp(text, "hidden:16") == 0;
		found_middle |= strcmp(text, "hidden:17;middle:11") == 0;
		found_innermost |= strcmp(text, "hidden:17;middle:12;innermost:6") == 0;
		free(text);
	}
	ck_assert(found_alone);
	ck_assert(found_middle);
	ck_assert(found_innermost);
	close_module(&module);
	names_free(names);
}

static const char *const debug_options[] = { "-g", "-gdwarf-5", "-gdwarf-4", "-gdwarf-3", "-g -gz=zlib",
	"-g -gz=zlib-gnu" };

START_TEST(inlined_functions_have_the_lines_of_their_calls)
{
	const char *compiler = getenv("CC");

	if (strstr(debug_options[_i], "zlib-gnu") && compiler && strstr(compiler, "clang"))
		return; /* it no longer makes them */
	build(debug_options[_i]);
	check_inlined("code.so");
}
END_TEST

START_TEST(debug_information_is_found_beside_the_file)
{
	static const char *const places[] = { ".", ".debug" };

	build("-g");
	ck_assert(run(
		"mkdir -p %s && objcopy --only-keep-debug code.so %s/code.debug && "
		"strip -R .note.gnu.build-id code.so && objcopy --add-gnu-debuglink=%s/code.debug code.so",
		places[_i], places[_i], places[_i]));
	/* the one has a build id and the other not: its checksum proves it */
	check_inlined("code.so");
	ck_assert(run("echo >>%s/code.debug", places[_i]));
	check_place("code.so", find_symbol("whole.so", "exported").st_value, "exported:0");
}
END_TEST

START_TEST(debug_information_of_another_build_is_not_used)
{
	build("-g");
	ck_assert(run("objcopy --only-keep-debug code.so code.debug && strip code.so && "
		      "objcopy --add-gnu-debuglink=code.debug code.so && "
		      "%s -O1 -g -DOTHER -fPIC -shared "
		      "-Wl,--build-id=0x0123456789012345678901234567890123456789 code.c -o other.so && "
		      "objcopy --only-keep-debug other.so code.debug",
		compiler()));
	check_place("code.so", find_symbol("whole.so", "exported").st_value, "exported:0");
}
END_TEST

/* ---- files that are made to take long ---- */

#define BOMB_BYTES ((off_t)600 << 20) /* one of them may be read, two may not */

/* bombN.so, without a build id, which names a debug file that is an ELF file and then one long hole. */
static void build_bomb(int number)
{
	char *path = xasprintf("%s/bomb%d.debug", directory, number);

	ck_assert(run("cp code.debug bomb%d.debug && echo %d >>bomb%d.debug && cp bare.so bomb%d.so && "
		      "objcopy --add-gnu-debuglink=bomb%d.debug bomb%d.so",
		number, number, number, number, number, number));
	ck_assert_int_eq(truncate(path, BOMB_BYTES), 0);
	free(path);
}

START_TEST(debug_files_that_are_read_whole_have_a_limit_in_all)
{
	static const uint64_t unread[] = { 0, 1, 2, 2, 2 };
	struct names *names = names_new(child.target, functions);
	uint64_t addresses, files;
	GElf_Sym place;

	build("-g");
	ck_assert(run("objcopy --only-keep-debug -R .note.gnu.build-id code.so code.debug && "
		      "objcopy -S -R .note.gnu.build-id code.so bare.so"));
	for (int i = 0; i < 3; i++)
		build_bomb(i);
	/* other libraries with the debug file that was read: it is remembered */
	ck_assert(run(
		"mkdir 3 4 && cp bomb0.so 3/ && ln bomb0.debug 3/ && cp bomb0.so 4/ && ln bomb0.debug 4/"));
	place = find_symbol("whole.so", "exported");
	for (uint32_t i = 0; i < ARRAY_LENGTH(unread); i++) {
		char *file = i < 3 ? xasprintf("bomb%u.so", i) : xasprintf("%u/bomb0.so", i);
		struct module module = open_module(file);
		char *text;

		module.id = i;
		text = name_in(names, &module, place.st_value);
		ck_assert_str_eq(text, "exported:0");
		names_left_out(names, &addresses, &files);
		ck_assert_uint_eq(files, unread[i]);
		ck_assert_uint_eq(addresses, 0);
		free(text);
		close_module(&module);
		free(file);
	}
	names_free(names);
}
END_TEST

START_TEST(time_for_names_has_a_limit)
{
	struct budget budget;
	const int64_t second = 1000000000;

	budget_begin(&budget, 5 * second);
	ck_assert(budget_allows(&budget, 5 * second));
	budget.spent_ns = 10 * second;
	ck_assert(!budget_allows(&budget, 5 * second));
	ck_assert(budget_allows(&budget, 65 * second)); /* a fiftieth of each minute more */
	budget.spent_ns += 2 * second;
	ck_assert(!budget_allows(&budget, 65 * second));
	budget_release(&budget);
}
END_TEST

/* Of each length up to some words: the sum of the last bytes is made in another way. */
START_TEST(checksums_are_those_of_zip)
{
	static const struct {
		const char *text;
		uint32_t checksum;
	} known[] = {
		{ "", 0 },
		{ "a", 0xe8b7be43 },
		{ "123456789", 0xcbf43926 },
		{ "The quick brown fox jumps over the lazy dog", 0x414fa339 },
	};
	struct budget budget;

	budget_begin(&budget, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
		char *path = xasprintf("%s/text%zu", directory, i), name[16];
		uint32_t checksum = 1;
		int fd;

		snprintf(name, sizeof(name), "text%zu", i);
		write_file(name, known[i].text);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		for (int again = 0; again < 2; again++) {
			ck_assert(budget_checksum(&budget, fd, &checksum));
			ck_assert_uint_eq(checksum, known[i].checksum);
		}
		close(fd);
		free(path);
	}
	budget_release(&budget);
}
END_TEST

/* The test ends by its time limit where pyrope opens it for reading. */
START_TEST(a_debug_file_that_is_a_pipe_is_not_waited_for)
{
	build("-g");
	ck_assert(
		run("cp code.so code.debug && strip -R .note.gnu.build-id code.so && "
		    "objcopy --add-gnu-debuglink=code.debug code.so && rm code.debug && mkfifo code.debug"));
	check_function("code.so", "exported", "exported:0");
}
END_TEST

/* Cut to each of these lengths after its tables were read, and before. */
START_TEST(a_file_that_is_cut_off_costs_names_and_nothing_else)
{
	static const off_t lengths[] = { 8000, 4096, 1000, 64, 0 };
	GElf_Sym exported, hidden;
	struct names *names = names_new(child.target, functions);
	struct module module;
	char *path;

	build(_i ? "-g" : "");
	exported = find_symbol("whole.so", "exported");
	hidden = find_symbol("whole.so", "hidden");
	path = xasprintf("%s/code.so", directory);
	module = open_module("code.so");
	free(name_in(names, &module, exported.st_value));
	for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
		struct names *later = names_new(child.target, functions);

		ck_assert_int_eq(truncate(path, lengths[i]), 0);
		free(name_in(names, &module, hidden.st_value + i));
		free(name_in(names, &module, exported.st_value + 1 + i));
		free(name_in(later, &module, hidden.st_value));
		names_free(later);
	}
	close_module(&module);
	free(path);
	names_free(names);
}
END_TEST

START_TEST(debug_information_is_found_by_build_id)
{
	struct budget budget = { .bytes_left = 0 };
	unsigned char id[BUILD_ID_LIMIT];
	struct roots roots = { .count = 1 };
	struct elf_object object, other;
	struct module module;
	char hexadecimal[2 * BUILD_ID_LIMIT + 1];
	size_t length;
	int fd;

	build("-g");
	module = open_module("code.so");
	ck_assert(elf_object_open(&object, module.fd));
	length = build_id_read(&object, id);
	ck_assert_uint_ge(length, 8);
	for (size_t i = 0; i < length; i++)
		sprintf(hexadecimal + 2 * i, "%02x", id[i]);
	ck_assert(run("mkdir -p root/usr/lib/debug/.build-id/%.2s && "
		      "objcopy --only-keep-debug code.so root/usr/lib/debug/.build-id/%.2s/%s.debug",
		hexadecimal, hexadecimal, hexadecimal + 2));
	roots.fds[0] = openat(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = openat(roots.fds[0], "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	close(roots.fds[0]);
	roots.fds[0] = fd;
	fd = debug_file_open(&roots, &budget, module.path, &object);
	ck_assert_int_ge(fd, 0);
	ck_assert(elf_object_open(&other, fd));
	ck_assert_ptr_nonnull(elf_object_section(&other, ".debug_info"));
	elf_object_release(&other);
	elf_object_release(&object);
	close(fd);
	close_module(&module);
	roots_close(&roots);
}
END_TEST

#ifdef HAVE_LIBLZMA
START_TEST(compressed_symbols_are_used)
{
	build("");
	ck_assert(run(
		"nm code.so --format=posix --defined-only | awk '$2 ~ /[tT]/ { print $1 }' | sort >keep && "
		"objcopy -S --remove-section .comment --keep-symbols=keep code.so mini && "
		"rm -f mini.xz && xz mini && strip code.so && objcopy --add-section .gnu_debugdata=mini.xz "
		"code.so"));
	check_function("code.so", "hidden", "hidden:0");
}
END_TEST

START_TEST(compressed_symbols_that_unpack_to_too_much_are_not)
{
	build("");
	ck_assert(run("head -c 200000000 /dev/zero | xz >mini.xz && strip code.so && "
		      "objcopy --add-section .gnu_debugdata=mini.xz code.so"));
	check_function("code.so", "exported", "exported:0");
}
END_TEST
#endif

/* ---- other languages ---- */

#ifdef HAVE_LIBIBERTY
START_TEST(names_of_cxx_have_their_scopes_and_arguments_of_templates)
{
	write_file("code.cc",
		"namespace ns { template <class T> struct box { __attribute__((noinline)) int get(T x); };\n"
		"template <class T> int box<T>::get(T x) { return (int)x + 1; } }\n"
		"template struct ns::box<long>;\n");
	if (!run("g++ -O1 -g -fPIC -shared code.cc -o code.so && cp code.so whole.so"))
		return;
	check_function("code.so", "_ZN2ns3boxIlE3getEl", "ns::box<long>::get:2");
}
END_TEST
#endif

START_TEST(names_of_cython_are_those_of_python_with_its_lines)
{
	write_file("demo.c",
		"/* \"demo.pyx\":12\n"
		" * def outer(x):   # <<<<<<<<<<<<<<\n"
		" */\n"
		"static inline __attribute__((always_inline)) int __pyx_pf_4demo_outer(int x)\n"
		"{\n"
		"  /* \"demo.pyx\":13\n"
		" *   return x + 1  # <<<<<<<<<<<<<<\n"
		" */\n"
		"  return x + 1;\n"
		"}\n"
		"int __pyx_pw_4demo_1outer(int x) { return __pyx_pf_4demo_outer(x); }\n");
	ck_assert(run("%s -O1 -g -fPIC -shared demo.c -o code.so && cp code.so whole.so", compiler()));
	check_place("code.so", find_symbol("whole.so", "__pyx_pw_4demo_1outer").st_value, "demo.outer:13");
}
END_TEST

/* A function that is hidden, and what was inlined into it is the same one in Python. */
START_TEST(a_hidden_function_of_cython_has_no_line)
{
	const char *code =
		"static inline __attribute__((always_inline)) int __pyx_lambda_funcdef_clone(int x)\n"
		"{ return x * 3 + 1; }\n"
		"int clone(int x) { return __pyx_lambda_funcdef_clone(x); }\n";

	write_file("hidden.c", code);
	ck_assert(run("%s -O1 -g -fPIC -shared hidden.c -o code.so && cp code.so whole.so", compiler()));
	check_place("code.so", find_symbol("whole.so", "clone").st_value, "clone:0");
}
END_TEST

/* ---- what this process runs on ---- */

START_TEST(the_vdso_has_names)
{
	const char *vdso = (const char *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
	int fd = memfd_create("vdso", MFD_CLOEXEC);
	struct module module = {
		.kind = MODULE_VDSO, .path = (char *)"[vdso]", .name = (char *)"[vdso]", .fd = fd
	};
	struct names *names = names_new(child.target, functions);
	struct elf_object object;
	struct symbol_found *found = xmalloc(sizeof(*found));
	const struct elf_object *objects[] = { &object };
	struct symbols *symbols;
	bool has_time = false;

	if (vdso) {
		for (size_t i = 0; i < 2 && write(fd, vdso + i * 4096, 4096) == 4096; i++)
			;
		ck_assert(elf_object_open(&object, fd));
		symbols = symbols_new(objects, 1, (raddr_t)(uintptr_t)vdso);
		for (uint64_t vaddr = 0; vaddr < 8192 && !has_time; vaddr++)
			has_time =
				symbols_find(symbols, vaddr, found) && strstr(found->name, "clock_gettime");
		ck_assert(has_time);
		if (has_time) {
			char *text = name_in(names, &module, found->start);

			ck_assert_ptr_nonnull(strstr(text, "clock_gettime:0"));
			free(text);
		}
		symbols_free(symbols);
		elf_object_release(&object);
	}
	free(found);
	names_free(names);
	close(fd);
}
END_TEST

START_TEST(functions_of_the_c_library_have_the_names_that_are_called)
{
	static const char *const called[] = { "write", "malloc", "qsort", "printf", "fopen", "nanosleep" };
	struct names *names = names_new(child.target, functions);

	for (size_t i = 0; i < ARRAY_LENGTH(called); i++) {
		void *address = dlsym(RTLD_DEFAULT, called[i]);
		struct module module = { .kind = MODULE_FILE, .id = 7 };
		struct native_address place;
		Dl_info info;

		ck_assert(address && dladdr(address, &info));
		module.path = module.name = (char *)info.dli_fname;
		module.fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
		place = (struct native_address){ .module = &module, .exact_pc = true };
		place.vaddr = (uint64_t)((uintptr_t)address - (uintptr_t)info.dli_fbase);
		if (module.fd >= 0 && strstr(info.dli_fname, "libc.so.6"))
			ck_assert_str_eq(names_of(names, &place)->frames[0].function->name, called[i]);
		close(module.fd);
		names_free(names);
		names = names_new(child.target, functions);
	}
	names_free(names);
}
END_TEST

START_TEST(an_address_outside_of_every_file_has_a_name_too)
{
	struct names *names = names_new(child.target, functions);
	struct module code = { .kind = MODULE_CODE, .path = (char *)"", .name = (char *)"[jit]", .fd = -1 };
	struct native_address nowhere = { .module = NULL, .vaddr = 0x1234 };
	struct native_address compiled = {
		.module = &code, .mapping = 0x7f0000001000, .vaddr = 0x7f0000001234, .exact_pc = true
	};

	ck_assert_str_eq(names_of(names, &nowhere)->frames[0].function->file, "[unknown]");
	ck_assert_str_eq(names_of(names, &compiled)->frames[0].function->file, "[jit]");
	ck_assert_str_eq(names_of(names, &compiled)->frames[0].function->name, "0x7f0000001000");
	names_free(names);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, symbols_name_functions_from_their_first_byte_to_their_last);
	tcase_add_test(tests, a_return_address_belongs_to_the_call_before_it);
	tcase_add_test(tests, equal_functions_are_one);
	tcase_add_test(tests, without_a_symbol_all_places_of_a_function_have_one_name);
	tcase_add_loop_test(tests, without_section_headers_exported_symbols_are_found, 0, 2);
	tcase_add_loop_test(tests, stubs_are_named_by_what_they_call, 0, 2);
	tcase_add_test(tests, a_file_that_is_none_is_named_by_place);
	tcase_add_loop_test(
		tests, inlined_functions_have_the_lines_of_their_calls, 0, ARRAY_LENGTH(debug_options));
	tcase_add_loop_test(tests, debug_information_is_found_beside_the_file, 0, 2);
	tcase_add_test(tests, debug_information_of_another_build_is_not_used);
	tcase_add_test(tests, debug_files_that_are_read_whole_have_a_limit_in_all);
	tcase_add_test(tests, time_for_names_has_a_limit);
	tcase_add_test(tests, checksums_are_those_of_zip);
	tcase_add_test(tests, a_debug_file_that_is_a_pipe_is_not_waited_for);
	tcase_add_loop_test(tests, a_file_that_is_cut_off_costs_names_and_nothing_else, 0, 2);
	tcase_add_test(tests, debug_information_is_found_by_build_id);
#ifdef HAVE_LIBLZMA
	tcase_add_test(tests, compressed_symbols_are_used);
	tcase_add_test(tests, compressed_symbols_that_unpack_to_too_much_are_not);
#endif
#ifdef HAVE_LIBIBERTY
	tcase_add_test(tests, names_of_cxx_have_their_scopes_and_arguments_of_templates);
#endif
	tcase_add_test(tests, names_of_cython_are_those_of_python_with_its_lines);
	tcase_add_test(tests, a_hidden_function_of_cython_has_no_line);
	tcase_add_test(tests, the_vdso_has_names);
	tcase_add_test(tests, functions_of_the_c_library_have_the_names_that_are_called);
	tcase_add_test(tests, an_address_outside_of_every_file_has_a_name_too);
}

int main(void)
{
	return suite_run("native_names", add_tests);
}
