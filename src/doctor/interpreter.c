/* SPDX-License-Identifier: MIT */
/* The interpreter that was found in the process, or why there is none. */
#include "config.h"

#include "doctor/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_NS INT64_C(1000000000)
#define ENVIRONMENT_BYTES ((size_t)256 << 10)
#define VALUE_COLUMNS 20

static void diagnose_version(
	struct diagnosis *diagnosis, const struct python *python, const struct python_facts *facts)
{
	static const char *const evidence[] = {
		[PYTHON_BY_EXPORT] = "found by what it exports",
		[PYTHON_BY_SYMBOL] = "found by its symbol table",
		[PYTHON_BY_SECTION] = "found by its section .PyRuntime (no symbols)",
		[PYTHON_BY_SCAN] = "found by a search of its variables (no symbols)",
	};
	const char *warning = python_warning(python);

	remark_add(diagnosis, SECTION_INTERPRETER, "version", warning ? GRADE_WARN : GRADE_OK,
		xasprintf("CPython %s, read as %s by %s; %s", python_version(python), facts->layout,
			facts->has_own_offsets ? "its own debug offsets" : "pyrope's table",
			evidence[facts->evidence]),
		warning ? xasprintf("%s: a newer pyrope may know it", warning) : NULL);
}

/* Of the environment that it was started with, cleaned; NULL: not set, or not to be seen. */
static char *environment_value(struct target *target, const char *name)
{
	const size_t length = strlen(name);
	char *text = xmalloc(ENVIRONMENT_BYTES), *value = NULL;
	ssize_t bytes = proc_read(target_proc_fd(target), "environ", text, ENVIRONMENT_BYTES);

	for (ssize_t at = 0; at < bytes && !value; at += (ssize_t)strlen(text + at) + 1) {
		struct buffer clean = { 0 }, fit = { 0 };

		if (strncmp(text + at, name, length) != 0 || text[at + (ssize_t)length] != '=')
			continue;
		buffer_append_string(&clean, "");
		utf8_clean(&clean, text + at + length + 1, strlen(text + at + length + 1));
		buffer_append_fit(&fit, clean.data, VALUE_COLUMNS, FIT_KEEP_BEGIN);
		buffer_append_string(&fit, "");
		value = fit.data;
		buffer_release(&clean);
	}
	free(text);
	return value;
}

/* Executable memory without a file: what was compiled while it runs, by whoever. */
static size_t count_made_code(struct target *target)
{
	struct error ignored = { 0 };
	struct maps maps;
	size_t count = 0;

	if (target_read_maps(target, &maps, &ignored))
		return 0;
	for (size_t i = 0; i < maps.count; i++)
		count += maps.mappings[i].executable && !maps.mappings[i].inode &&
			maps.mappings[i].path[0] != '[';
	maps_release(&maps);
	return count;
}

static void diagnose_build(
	struct diagnosis *diagnosis, struct target *target, const struct python_facts *facts)
{
	char *jit = environment_value(target, "PYTHON_JIT");
	const size_t made = count_made_code(target);
	struct buffer text = { 0 };

	buffer_printf(&text, "%s%s", facts->is_free_threaded ? "free-threaded, " : "",
		facts->is_debug_build ? "debug build (--with-pydebug)" : "no debug build");
	if (!facts->has_jit)
		buffer_append_string(&text, ", no JIT");
	else if (jit)
		buffer_printf(&text, ", has the JIT's optimizer, PYTHON_JIT=%s", jit);
	else
		buffer_append_string(&text, ", has the JIT's optimizer, PYTHON_JIT is not set");
	if (made)
		buffer_printf(&text, "; %zu mapping%s of code that was made at run time", made,
			made == 1 ? "" : "s");
	free(jit);
	remark_add(diagnosis, SECTION_INTERPRETER, "build", GRADE_OK, text.data, NULL);
}

static void diagnose_threads(
	struct diagnosis *diagnosis, const struct python *python, const struct python_facts *facts)
{
	struct buffer text = { 0 };

	if (python_free_threaded(python))
		buffer_append_string(&text, "off");
	else if (facts->is_free_threaded)
		buffer_append_string(
			&text, "on, in a free-threaded build (PYTHON_GIL, or an extension that needs it)");
	else
		buffer_append_string(&text, "on");
	if (!python_free_threaded(python)) {
		if (facts->holder)
			buffer_printf(&text, ", thread %d has it", (int)facts->holder);
		else
			buffer_append_string(&text, ", nobody has it");
	}
	buffer_printf(&text, "; Python threads: %zu, interpreters: %zu", facts->threads, facts->interpreters);
	remark_add(diagnosis, SECTION_INTERPRETER, "GIL", GRADE_OK, text.data, NULL);
}

/* pyrope's own reads have found the interpreter by now: it is known which way they go. */
static void diagnose_access(struct diagnosis *diagnosis, struct target *target)
{
	if (target_reads_by_file(target))
		remark_say(diagnosis, diagnosis->process, "access", GRADE_WARN,
			"its memory is read through /proc/PID/mem, which is slower", NULL);
	else
		remark_say(diagnosis, diagnosis->process, "access", GRADE_OK, "its memory can be read", NULL);
}

struct python *diagnose_interpreter(
	struct diagnosis *diagnosis, struct target *target, struct functions *functions, int abi)
{
	const struct python_options options = { .functions = functions, .abi = abi, .wait_ns = WAIT_NS };
	struct python *python = NULL;
	struct python_facts facts;
	struct error err = { 0 };
	const int result = python_attach(&python, target, &options, &err);

	if (result == 0 || (err.kind != ERROR_PERMISSION && err.kind != ERROR_GONE))
		diagnose_access(diagnosis, target);
	if (result != 0) {
		remark_say(diagnosis, SECTION_INTERPRETER, "found", GRADE_FAIL, err.message, NULL);
		return NULL;
	}
	python_examine(python, &facts);
	diagnose_version(diagnosis, python, &facts);
	diagnose_build(diagnosis, target, &facts);
	diagnose_threads(diagnosis, python, &facts);
	return python;
}
