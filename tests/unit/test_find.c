/* SPDX-License-Identifier: MIT */
/*
 * Finding an interpreter: in made-up memory for every row of the layout table, in ELF files made here, and
 * in a fork of this program, which has a variable _PyRuntime of its own.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../child.h"
#include "elf_file.h"
#include "python/find_internal.h"
#include "suite.h"

#define MEMORY_BYTES (1 << 20)

/* Where things are in the child's memory. */
enum place {
	AT_RUNTIME = 0x0,
	AT_CURRENT_THREAD = 0x4000,
	AT_INTERP_HEAD = 0x4100,
	AT_INTERPRETERS = 0x10000, /* two */
	AT_THREADS = 0x40000,      /* three, the last one of the second interpreter */
	AT_GIL = 0x60000,
	AT_DICT = 0x70000,
	AT_TYPE = 0x71000,
	AT_NAME = 0x72000,
	STRIDE = 0x10000,
};

static raddr_t at(size_t offset)
{
	return CHILD_ADDRESS + offset;
}

static void put(struct child *child, size_t offset, raddr_t value)
{
	memcpy(child->bytes + offset, &value, sizeof(value));
}

static size_t interpreter_at(unsigned index)
{
	return AT_INTERPRETERS + index * STRIDE;
}

static size_t thread_at(unsigned index)
{
	return AT_THREADS + index * 0x4000;
}

/* Two interpreters, three threads, the second of which holds the GIL. */
static void fill(struct child *child, const struct layout *row, struct runtime_place *place)
{
	const unsigned owners[] = { 0, 0, 1 };

	memset(child->bytes, 0, MEMORY_BYTES);
	*place = (struct runtime_place){ .layout = *row };
	if (row->gil == GIL_CURRENT_SYMBOL) {
		place->current_thread = at(AT_CURRENT_THREAD);
		place->interp_head = at(AT_INTERP_HEAD);
		put(child, AT_INTERP_HEAD, at(interpreter_at(0)));
		put(child, AT_CURRENT_THREAD, at(thread_at(1)));
	} else {
		place->runtime = at(AT_RUNTIME);
		put(child, AT_RUNTIME + row->runtime_state.interpreters_head, at(interpreter_at(0)));
	}
	if (row->gil == GIL_IN_RUNTIME)
		put(child, AT_RUNTIME + row->runtime_state.gilstate_tstate_current, at(thread_at(1)));
	for (unsigned i = 0; i < 2; i++) {
		put(child, interpreter_at(i) + row->interpreter_state.threads_head, at(thread_at(2 * i)));
		put(child, interpreter_at(i) + row->interpreter_state.modules, at(AT_DICT));
		if (row->gil == GIL_PER_INTERPRETER)
			put(child, interpreter_at(i) + row->interpreter_state.ceval_gil, at(AT_GIL));
	}
	put(child, interpreter_at(0) + row->interpreter_state.next, at(interpreter_at(1)));
	for (unsigned i = 0; i < 3; i++)
		put(child, thread_at(i) + row->thread_state.interp, at(interpreter_at(owners[i])));
	put(child, thread_at(0) + row->thread_state.next, at(thread_at(1)));
	put(child, AT_DICT + row->object.ob_type, at(AT_TYPE));
	put(child, AT_TYPE + row->type_object.tp_name, at(AT_NAME));
	memcpy(child->bytes + AT_NAME, "dict", 5);
}

static size_t head_at(const struct layout *row)
{
	return row->gil == GIL_CURRENT_SYMBOL ? AT_INTERP_HEAD
					      : AT_RUNTIME + row->runtime_state.interpreters_head;
}

static const struct layout *row_number(int index)
{
	return layout_rows()[index];
}

/* ---- confirmation ---- */

START_TEST(test_check_found)
{
	const struct layout *row = row_number(_i);
	struct child child = child_start(MEMORY_BYTES);
	struct runtime_place place;

	fill(&child, row, &place);
	ck_assert_int_eq(check_place(child.target, &place, false), PLACE_FOUND);
	ck_assert_int_eq(check_place(child.target, &place, true), PLACE_FOUND);

	put(&child, AT_CURRENT_THREAD, 0); /* nobody holds the GIL */
	if (row->gil == GIL_IN_RUNTIME)
		put(&child, AT_RUNTIME + row->runtime_state.gilstate_tstate_current, 0);
	ck_assert_int_eq(check_place(child.target, &place, false), PLACE_FOUND);

	put(&child, interpreter_at(0) + row->interpreter_state.next, at(interpreter_at(0))); /* a loop */
	ck_assert_int_eq(check_place(child.target, &place, false), PLACE_FOUND);
	child_end(&child);
}
END_TEST

START_TEST(test_check_empty)
{
	const struct layout *row = row_number(_i);
	struct child child = child_start(MEMORY_BYTES);
	struct runtime_place place;

	fill(&child, row, &place);
	put(&child, head_at(row), 0);
	ck_assert_int_eq(check_place(child.target, &place, false), PLACE_EMPTY);

	fill(&child, row, &place);
	put(&child, interpreter_at(0) + row->interpreter_state.threads_head, 0);
	put(&child, interpreter_at(1) + row->interpreter_state.threads_head, 0);
	ck_assert_int_eq(check_place(child.target, &place, false), PLACE_EMPTY);
	child_end(&child);
}
END_TEST

static const raddr_t bad_pointers[] = { 8, 0x1001, CHILD_ADDRESS + MEMORY_BYTES,
	CHILD_ADDRESS + AT_THREADS + 1, INT64_MAX - 7, UINT64_MAX - 7 };

START_TEST(test_check_garbage)
{
	const struct layout *row = row_number(_i);
	struct child child = child_start(MEMORY_BYTES);
	struct runtime_place place;

	for (size_t i = 0; i < ARRAY_LENGTH(bad_pointers); i++) {
		const size_t fields[] = {
			head_at(row),
			interpreter_at(0) + row->interpreter_state.threads_head,
			thread_at(0) + row->thread_state.next,
			thread_at(1) + row->thread_state.interp,
		};

		for (size_t j = 0; j < ARRAY_LENGTH(fields); j++) {
			fill(&child, row, &place);
			put(&child, fields[j], bad_pointers[i]);
			ck_assert_msg(check_place(child.target, &place, true) == PLACE_GARBAGE,
				"field %zu, pointer %zu", j, i);
		}
	}
	child_end(&child);
}
END_TEST

START_TEST(test_check_gil)
{
	const struct layout *row = row_number(_i);
	struct child child = child_start(MEMORY_BYTES);
	size_t field = AT_CURRENT_THREAD;
	struct runtime_place place;

	fill(&child, row, &place);
	if (row->gil == GIL_IN_RUNTIME)
		field = AT_RUNTIME + row->runtime_state.gilstate_tstate_current;
	if (row->gil == GIL_PER_INTERPRETER)
		field = interpreter_at(0) + row->interpreter_state.ceval_gil;
	put(&child, field, CHILD_ADDRESS + MEMORY_BYTES);
	ck_assert_int_eq(check_place(child.target, &place, false), PLACE_GARBAGE);
	if (row->gil == GIL_PER_INTERPRETER) {
		put(&child, field, at(AT_GIL));
		put(&child, AT_GIL + row->gil_runtime_state.locked, 0x12345678);
		ck_assert_int_eq(check_place(child.target, &place, false), PLACE_GARBAGE);
		put(&child, field, 0); /* not made yet */
		ck_assert_int_eq(check_place(child.target, &place, false), PLACE_EMPTY);
	}
	child_end(&child);
}
END_TEST

START_TEST(test_check_modules)
{
	const struct layout *row = row_number(_i);
	struct child child = child_start(MEMORY_BYTES);
	struct runtime_place place;

	fill(&child, row, &place);
	memcpy(child.bytes + AT_NAME, "dictionary", 11);
	ck_assert_int_eq(check_place(child.target, &place, true), PLACE_GARBAGE);
	ck_assert_int_eq(check_place(child.target, &place, false), PLACE_FOUND);
	child_end(&child);
}
END_TEST

/* ---- scans ---- */

START_TEST(test_scan)
{
	const struct layout *row = row_number(_i);
	struct child child = child_start(MEMORY_BYTES);
	struct candidate candidate = { .variables = { { .start = CHILD_ADDRESS, .bytes = 0x8000 } },
		.variable_count = 1 };
	struct runtime_place expected, place = { .layout = *row };
	struct error err = { 0 };
	struct maps maps;

	ck_assert_int_eq(target_read_maps(child.target, &maps, &err), 0);
	fill(&child, row, &expected);
	put(&child, 0x5000,
		at(interpreter_at(
			1))); /* the interpreter that was made first: the chain from it is shorter */
	put(&child, 0x3ff0, at(thread_at(0)));
	put(&child, 0x3ff8, at(AT_DICT));
	place.current_thread = expected.current_thread;
	ck_assert_int_eq(scan_for_interpreter(child.target, &maps, &candidate, &place), PLACE_FOUND);
	ck_assert_uint_eq(place.runtime, expected.runtime);
	ck_assert_uint_eq(place.interpreter, row->gil == GIL_CURRENT_SYMBOL ? at(interpreter_at(0)) : 0);

	memcpy(child.bytes + AT_NAME, "list", 5);
	ck_assert_int_eq(scan_for_interpreter(child.target, &maps, &candidate, &place), PLACE_EMPTY);
	ck_assert_uint_eq(place.runtime, 0);
	ck_assert_uint_eq(place.interpreter, 0);

	candidate.variables[0].start = CHILD_ADDRESS + MEMORY_BYTES - 12; /* the end of what is mapped */
	ck_assert_int_eq(scan_for_interpreter(child.target, &maps, &candidate, &place), PLACE_EMPTY);
	maps_release(&maps);
	child_end(&child);
}
END_TEST

START_TEST(test_scan_debug_offsets)
{
	static const size_t places[] = { 0, 8, 65528, 65532, 65536, 131068, MEMORY_BYTES - 8 };
	struct child child = child_start(MEMORY_BYTES);
	const struct candidate candidate = {
		.variables = { { .start = CHILD_ADDRESS, .bytes = MEMORY_BYTES } }, .variable_count = 1
	};

	ck_assert_uint_eq(scan_for_debug_offsets(child.target, &candidate), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		memset(child.bytes, 0, MEMORY_BYTES);
		memcpy(child.bytes + places[i], "xdebugpy", 8);
		ck_assert_uint_eq(scan_for_debug_offsets(child.target, &candidate), at(places[i]));
	}
	child_end(&child);
}
END_TEST

/* ---- versions ---- */

static const struct {
	uint64_t hex;
	int number;
	const char *text;
} hexes[] = {
	{ 0x030b07f0, 311, "3.11.7" },
	{ 0x030d00f0, 313, "3.13.0" },
	{ 0x030f00a3, 315, "3.15.0a3" },
	{ 0x030e00b1, 314, "3.14.0b1" },
	{ 0x030a00c2, 310, "3.10.0rc2" },
	{ UINT64_MAX, 255 * 100 + 255, "255.255.255" },
};

START_TEST(test_version_hex)
{
	struct version version;

	version_from_hex(&version, hexes[_i].hex);
	ck_assert_int_eq(version.number, hexes[_i].number);
	ck_assert_str_eq(version.text, hexes[_i].text);
}
END_TEST

START_TEST(test_version_name)
{
	static const struct {
		const char *name;
		int number;
	} names[] = { { "libpython3.8m.so.1.0", 308 }, { "libpython2.7.so", 207 }, { "python3.14d", 314 },
		{ "python", 0 }, { "python3", 0 }, { "python3.", 0 }, { "python3.x", 0 }, { "uwsgi", 0 },
		{ "", 0 }, { "python-python3.6", 306 }, { "python3.123456789012", 0 } };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		ck_assert_int_eq(version_in_name(names[i].name), names[i].number);
}
END_TEST

#define TEXT(literal) literal, sizeof(literal)

static const struct {
	const char *rodata;
	size_t bytes;
	const char *name;     /* of the file */
	const char *versions; /* expected: the numbers and texts, in order */
} strings[] = {
	{ TEXT("\0"
	       "3.8.18"),
		"x", "308=3.8.18 " },
	{ TEXT("\0"
	       "3.9.0rc2\0"
	       "3.8.18"),
		"x", "308=3.8.18 309=3.9.0rc2 " }, /* the soname says 3.8 */
	{ TEXT("\0"
	       "2.7.18+\0lib/python2.7"),
		"x", "207=2.7.18+ 308= " },
	{ TEXT("\0"
	       "2.6.0\0"
	       "2.7.1"),
		"python2.7", "207=2.7.1 206=2.6.0 308= " }, /* pysqlite, and Python */
	{ TEXT("/usr/lib/3.8.18"), "x", "308=3.8.18 " },    /* merged with a longer string */
	{ TEXT("\0"
	       "13.8.1\0"
	       "3.8\0"
	       "3.8.1.2\0"
	       "3.8.1x\0"
	       "3.8.111\0"
	       "3.8.1a"),
		"x", "308= " }, /* none of these */
	{ TEXT("\0"
	       "3.40.1\0"
	       "1.2.13\0"
	       "9.9.9"),
		"x", "308= " }, /* of other things */
	{ TEXT("PYTHONHOME"), "x", "308= python" },
};

START_TEST(test_version_list)
{
	const struct elf_file_options options = { .type = ET_DYN,
		.rodata = strings[_i].rodata,
		.rodata_bytes = strings[_i].bytes,
		.without_sections = _i % 2 };
	int fd = memfd_create("elf", MFD_CLOEXEC);
	struct buffer text = { 0 };
	struct version_list list;
	struct elf_image image;
	struct elf_file file;
	struct error err = { 0 };

	elf_file_build(&file, &options);
	ck_assert_int_eq(write(fd, file.bytes, sizeof(file.bytes)), (ssize_t)sizeof(file.bytes));
	ck_assert_int_eq(elf_image_open_fd(&image, fd, &err), 0);
	version_list_read(&image, strings[_i].name, &list);
	for (size_t i = 0; i < list.count; i++)
		buffer_printf(&text, "%d=%s ", list.versions[i].number, list.versions[i].text);
	buffer_append_string(&text, list.says_python ? "python" : "");
	ck_assert_str_eq(text.data, strings[_i].versions);
	buffer_release(&text);
	elf_image_release(&image);
}
END_TEST

/* ---- whole processes ---- */

#define LAYOUT_VERSION 308

/* What an interpreter's symbol table has; a fork of this program is taken for one. */
uint64_t _PyRuntime[0x4000 / 8];

/* Under an emulator the executable of the child is the emulator. */
static bool is_emulated(struct target *target)
{
	char path[4096];
	ssize_t length = readlinkat(target_proc_fd(target), "exe", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	return strstr(path, "qemu") != NULL;
}

static struct child start_interpreter(struct runtime_place *place)
{
	const struct layout *row = layout_find(LAYOUT_VERSION);
	struct child child;

	/* what does not change is in the fork's own variable; what a test changes is in the shared memory */
	_PyRuntime[row->runtime_state.interpreters_head / 8] = at(interpreter_at(0));
	child = child_start(MEMORY_BYTES);
	fill(&child, row, place);
	return child;
}

static struct python_options wait_for_ms(int64_t ms)
{
	return (struct python_options){ .abi = LAYOUT_VERSION, .wait_ns = ms * 1000000 };
}

START_TEST(test_process)
{
	struct runtime_place filled, place;
	struct child child = start_interpreter(&filled);
	struct python_options options = wait_for_ms(30000);
	struct error err = { 0 };

	if (!is_emulated(child.target)) {
		ck_assert_msg(runtime_find(child.target, &options, &place, &err) == 0, "%s", err.message);
		ck_assert_uint_eq(place.runtime, (uintptr_t)_PyRuntime);
		ck_assert_int_eq(place.layout.version, LAYOUT_VERSION);
		ck_assert_str_eq(place.version, "3.8");
		ck_assert_ptr_null(place.warning);
		runtime_place_release(&place);
	}
	child_end(&child);
}
END_TEST

START_TEST(test_process_refused)
{
	const struct layout *row = layout_find(LAYOUT_VERSION);
	struct runtime_place filled, place;
	struct child child = start_interpreter(&filled);
	struct python_options options = wait_for_ms(50);
	struct error err = { 0 };
	atomic_int cancelled = 1;

	if (!is_emulated(child.target)) {
		put(&child, interpreter_at(0) + row->interpreter_state.threads_head, 0);
		put(&child, interpreter_at(1) + row->interpreter_state.threads_head, 0);
		ck_assert_int_eq(runtime_find(child.target, &options, &place, &err), -1);
		ck_assert_int_eq(err.kind, ERROR_STARTING);
		ck_assert_ptr_nonnull(strstr(err.message, "no thread within 0.05 s"));

		error_clear(&err);
		options.wait_ns = INT64_MAX;
		options.cancelled = &cancelled;
		ck_assert_int_eq(runtime_find(child.target, &options, &place, &err), -1);
		ck_assert_ptr_nonnull(strstr(err.message, "interrupted"));

		error_clear(&err);
		options = wait_for_ms(0);
		fill(&child, row, &filled);
		put(&child, thread_at(0) + row->thread_state.interp, 0);
		ck_assert_int_eq(runtime_find(child.target, &options, &place, &err), -1);
		ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
		ck_assert_ptr_nonnull(strstr(err.message, "not that of a CPython 3.8"));

		error_clear(&err);
		options.abi = 303;
		ck_assert_int_eq(runtime_find(child.target, &options, &place, &err), -1);
		ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
		ck_assert_ptr_nonnull(strstr(err.message, "CPython 3.3 is not supported"));
	}
	child_end(&child);
}
END_TEST

/* What another thread does once runtime_find is under way, which its reads show. */
struct later {
	struct child *child;
	const struct layout *row;
	bool end;
};

static void *do_later(void *context)
{
	struct later *later = context;
	const struct timespec moment = { .tv_nsec = 1000000 };

	while (target_read_calls(later->child->target) < 20)
		nanosleep(&moment, NULL);
	if (later->end)
		kill(later->child->pid, SIGKILL);
	else
		put(later->child, interpreter_at(0) + later->row->interpreter_state.threads_head,
			at(thread_at(0)));
	return NULL;
}

START_TEST(test_process_later)
{
	const struct layout *row = layout_find(LAYOUT_VERSION);
	struct runtime_place filled, place;
	struct child child = start_interpreter(&filled);
	struct python_options options = wait_for_ms(60000);
	struct later later = { .child = &child, .row = row, .end = _i };
	struct error err = { 0 };
	pthread_t thread;

	if (!is_emulated(child.target)) {
		put(&child, interpreter_at(0) + row->interpreter_state.threads_head, 0);
		put(&child, interpreter_at(1) + row->interpreter_state.threads_head, 0);
		ck_assert_int_eq(pthread_create(&thread, NULL, do_later, &later), 0);
		ck_assert_int_eq(runtime_find(child.target, &options, &place, &err), _i ? -1 : 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		if (_i)
			ck_assert_int_eq(err.kind, ERROR_GONE);
		else
			runtime_place_release(&place);
	}
	child_end(&child);
}
END_TEST

static void copy_program(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char chunk[65536];
	ssize_t length;

	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	while ((length = read(in, chunk, sizeof(chunk))) > 0)
		ck_assert_int_eq(write(out, chunk, (size_t)length), length);
	ck_assert_int_eq(length, 0);
	close(in);
	close(out);
}

/* Starts a copy of sleep(1) under another name, and waits until it is that. */
static pid_t start_program(const char *path)
{
	int ready[2];
	char byte;
	pid_t pid;

	copy_program("/bin/sleep", path);
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, "sleep", "1000", (char *)NULL);
		_exit(127);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 0); /* closed by execve */
	close(ready[0]);
	return pid;
}

START_TEST(test_not_python)
{
	static const struct {
		const char *name, *message;
	} programs[] = { { "pypy3.9", "is PyPy" }, { "micropython", "is MicroPython" },
		{ "program", "is not a Python" } };
	char folder[] = "/tmp/test_find.XXXXXX";
	struct python_options options = { .wait_ns = INT64_C(30000000000) };
	struct runtime_place place;
	struct target *target;
	struct error err = { 0 };
	char *path;
	pid_t pid;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	path = xasprintf("%s/%s", folder, programs[_i].name);
	pid = start_program(path);
	ck_assert_msg(target_open(&target, pid, &err) == 0, "%s", err.message);
	ck_assert_int_eq(runtime_find(target, &options, &place, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
	if (!is_emulated(target))
		ck_assert_msg(strstr(err.message, programs[_i].message) != NULL, "%s", err.message);
	target_close(target);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	rmdir(folder);
	free(path);
}
END_TEST

static void add_tests(TCase *tests)
{
	int rows = 0;

	while (layout_rows()[rows])
		rows++;
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, test_check_found, 0, rows);
	tcase_add_loop_test(tests, test_check_empty, 0, rows);
	tcase_add_loop_test(tests, test_check_garbage, 0, rows);
	tcase_add_loop_test(tests, test_check_gil, 0, rows);
	tcase_add_loop_test(tests, test_check_modules, 0, rows);
	tcase_add_loop_test(tests, test_scan, 0, rows);
	tcase_add_test(tests, test_scan_debug_offsets);
	tcase_add_loop_test(tests, test_version_hex, 0, ARRAY_LENGTH(hexes));
	tcase_add_test(tests, test_version_name);
	tcase_add_loop_test(tests, test_version_list, 0, ARRAY_LENGTH(strings));
	tcase_add_test(tests, test_process);
	tcase_add_test(tests, test_process_refused);
	tcase_add_loop_test(tests, test_process_later, 0, 2);
	tcase_add_loop_test(tests, test_not_python, 0, 3);
}

int main(void)
{
	return suite_run("find", add_tests);
}
