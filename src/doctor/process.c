/* SPDX-License-Identifier: MIT */
/*
 * The process: who it is, and whether it can be read. What /proc shows to everybody is shown where it cannot.
 */
#include "config.h"

#include "doctor/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_LINE_COLUMNS 100
#define COMMAND_LINE_BYTES 512

/* A file of /proc/PID, by its number alone: it may not be one that can be opened. */
static ssize_t read_of(pid_t pid, const char *file, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return proc_read(AT_FDCWD, path, text, size);
}

static long number_of(const char *status, const char *name)
{
	const char *field = status_field(status, name);

	return field ? strtol(field, NULL, 10) : -1;
}

static void append_command_line(struct buffer *text, pid_t pid, const char *status)
{
	char bytes[COMMAND_LINE_BYTES];
	struct buffer clean = { 0 };
	ssize_t length = read_of(pid, "cmdline", bytes, sizeof(bytes));

	while (length > 0 && !bytes[length - 1])
		length--;
	for (ssize_t i = 0; i < length; i++)
		if (!bytes[i])
			bytes[i] = ' ';
	buffer_append_string(&clean, "");
	if (length > 0) {
		utf8_clean(&clean, bytes, (size_t)length);
	} else {
		const char *name = status_field(status, "Name");

		utf8_clean(&clean, name ? name : "", name ? strcspn(name, "\n") : 0);
	}
	buffer_append_char(text, '"');
	buffer_append_fit(text, clean.data, COMMAND_LINE_COLUMNS, FIT_KEEP_BEGIN);
	buffer_append_char(text, '"');
	buffer_release(&clean);
}

static void describe(struct diagnosis *diagnosis, pid_t pid, const char *status)
{
	const char *state = status_field(status, "State");
	struct buffer text = { 0 };

	append_command_line(&text, pid, status);
	buffer_printf(&text, ", user %ld, child of %ld, threads: %ld", number_of(status, "Uid"),
		number_of(status, "PPid"), number_of(status, "Threads"));
	if (state && *state == 'T') {
		buffer_append_string(&text, "; it is stopped");
		remark_add(diagnosis, diagnosis->process, "command", GRADE_WARN, text.data,
			xasprintf("let it go on: kill -CONT %d", (int)pid));
	} else {
		remark_add(diagnosis, diagnosis->process, "command", GRADE_OK, text.data, NULL);
	}
}

static void diagnose_tracer(struct diagnosis *diagnosis, const char *status)
{
	const long tracer = number_of(status, "TracerPid");
	char name[64] = "";
	struct buffer text = { 0 };

	if (tracer <= 0) {
		remark_say(diagnosis, diagnosis->process, "tracer", GRADE_OK, "none", NULL);
		return;
	}
	buffer_printf(&text, "process %ld", tracer);
	if (read_of((pid_t)tracer, "comm", name, sizeof(name)) > 0) {
		buffer_append_string(&text, " (");
		utf8_clean(&text, name, strcspn(name, "\n"));
		buffer_append_char(&text, ')');
	}
	buffer_append_string(&text, " traces it: pauses are refused");
	remark_add(diagnosis, diagnosis->process, "tracer", GRADE_WARN, text.data,
		xstrdup("end that first, or use --pause=never"));
}

/* The cause that target_open has found is the text: it ends with what to do. */
static void refuse(struct diagnosis *diagnosis, const struct error *err)
{
	remark_say(diagnosis, diagnosis->process, "access", GRADE_FAIL, err->message, NULL);
}

struct target *diagnose_process(struct diagnosis *diagnosis, pid_t pid)
{
	struct target *target = NULL;
	struct error err = { 0 };
	char status[4096] = "";
	const int opened = target_open(&target, pid, &err);

	if (err.kind != ERROR_GONE && read_of(pid, "status", status, sizeof(status)) > 0) {
		describe(diagnosis, pid, status);
		diagnose_tracer(diagnosis, status);
	}
	if (opened != 0) {
		refuse(diagnosis, &err);
		return NULL;
	}
	return target;
}
