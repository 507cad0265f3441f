/* SPDX-License-Identifier: MIT */
/*
 * What else a process may be: other implementations of Python have other structs, and users like to know
 * why.
 */
#include "config.h"

#include "python/find_internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_LINE_BYTES 4096
#define DESCENDANT_LIMIT 256 /* that are looked at for a Python among them */

#define EMULATOR "the emulator qemu: what runs in it cannot be read from outside"

/* In the order in which they are tried: what is particular before what is general. */
static const struct {
	const char *file;    /* the beginning of the name of a mapped file */
	const char *command; /* NULL, or what has to be in the command line, too */
	const char *what;
} implementations[] = {
	{ "libpypy", NULL, "PyPy" },
	{ "pypy", NULL, "PyPy" },
	{ "libpythonvm", NULL, "GraalPy" },
	{ "graalpy", NULL, "GraalPy" },
	{ "libgraalpy", NULL, "GraalPy" },
	{ "libjvm", "graalpy", "GraalPy" },
	{ "libjvm", "graalpython", "GraalPy" },
	{ "libjvm", "jython", "Jython" },
	{ "libjvm", NULL, "a Java virtual machine" },
	{ "libcoreclr", "ipy", "IronPython" },
	{ "libcoreclr", "IronPython", "IronPython" },
	{ "libcoreclr", NULL, ".NET" },
	{ "mono", "ipy", "IronPython" },
	{ "micropython", NULL, "MicroPython" },
	{ "circuitpython", NULL, "CircuitPython" },
	{ "rustpython", NULL, "RustPython" },
	{ "qemu-", NULL, EMULATOR },
};

static bool has_mapped(const struct maps *maps, const char *beginning)
{
	for (size_t i = 0; i < maps->count; i++) {
		const char *slash = strrchr(maps->mappings[i].path, '/');

		if (slash && strncmp(slash + 1, beginning, strlen(beginning)) == 0)
			return true;
	}
	return false;
}

/* The arguments, separated by NULs; how many bytes. */
static size_t read_command_line(struct target *target, char text[COMMAND_LINE_BYTES])
{
	int fd = openat(target_proc_fd(target), "cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, COMMAND_LINE_BYTES);

	if (fd >= 0)
		close(fd);
	return length < 0 ? 0 : (size_t)length;
}

static void append_executable(struct target *target, struct buffer *text)
{
	char path[PATH_MAX];
	ssize_t length = readlinkat(target_proc_fd(target), "exe", path, sizeof(path));

	if (length > 0)
		utf8_clean(text, path, (size_t)length);
	else
		buffer_append_string(text, "unknown");
}

/* ---- who may be meant ---- */

static bool runs_python(pid_t pid)
{
	char path[64], executable[PATH_MAX];
	const char *name;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	length = readlink(path, executable, sizeof(executable) - 1);
	executable[length < 0 ? 0 : length] = '\0';
	name = strrchr(executable, '/');
	return name && strncmp(name + 1, "python", strlen("python")) == 0;
}

/* Appends the children of a process; 0 when the kernel does not list them (CONFIG_PROC_CHILDREN). */
static size_t list_children(pid_t pid, pid_t *children, size_t room)
{
	char path[64], text[4096], *at = text, *end;
	size_t count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	if (proc_read(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	for (long child; count < room && (child = strtol(at, &end, 10)) > 0 && end != at; at = end)
		children[count++] = (pid_t)child;
	return count;
}

/* A shell, a supervisor, a shim: the Python that is meant runs below it. 0: none found. */
static pid_t find_python_below(pid_t pid, size_t *count)
{
	pid_t list[DESCENDANT_LIMIT], found = 0;
	size_t known = list_children(pid, list, ARRAY_LENGTH(list));

	*count = 0;
	for (size_t i = 0; i < known; i++) {
		if (runs_python(list[i]) && (*count)++ == 0)
			found = list[i];
		known += list_children(list[i], list + known, ARRAY_LENGTH(list) - known);
	}
	return found;
}

static int explain_by_children(pid_t pid, const char *executable, struct error *err)
{
	size_t count;
	pid_t below = find_python_below(pid, &count);

	if (below && count > 1)
		return error_set(err, ERROR_UNSUPPORTED,
			"process %d (%s) is not a Python, but %zu processes below it are: %d is one",
			(int)pid, executable, count, (int)below);
	if (below)
		return error_set(err, ERROR_UNSUPPORTED,
			"process %d (%s) is not a Python, but process %d below it is one", (int)pid,
			executable, (int)below);
	return error_set(err, ERROR_UNSUPPORTED,
		"process %d (%s) is not a Python: no interpreter in its executable or its libraries",
		(int)pid, executable);
}

int explain_not_python(struct target *target, const struct maps *maps, struct error *err)
{
	char command[COMMAND_LINE_BYTES];
	size_t length = read_command_line(target, command);
	const char *what = NULL;
	struct buffer executable = { 0 };

	buffer_append_string(&executable, ""); /* the name may be of nothing but control characters */
	append_executable(target, &executable);
	for (size_t i = 0; i < ARRAY_LENGTH(implementations) && !what; i++) {
		const char *word = implementations[i].command;

		if (has_mapped(maps, implementations[i].file) &&
			(!word || memmem(command, length, word, strlen(word))))
			what = implementations[i].what;
	}
	if (what)
		error_set(err, ERROR_UNSUPPORTED, "process %d (%s) is %s%s", target_pid(target),
			executable.data, what,
			strcmp(what, EMULATOR) == 0 ? "" : ": only CPython can be read");
	else
		explain_by_children(target_pid(target), executable.data, err);
	buffer_release(&executable);
	return -1;
}
