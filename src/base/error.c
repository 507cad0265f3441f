/* SPDX-License-Identifier: MIT */
/*
 * Errors as objects: set once where the failure is, wrapped on the way up, printed by the commands alone.
 */
#include "config.h"

#include "pyrope/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void format_message(struct error *err, const char *format, va_list arguments)
{
	if (vsnprintf(err->message, sizeof(err->message), format, arguments) < 0)
		err->message[0] = '\0';
}

int error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
	if (err) {
		va_list arguments;

		err->kind = kind;
		va_start(arguments, format);
		format_message(err, format, arguments);
		va_end(arguments);
	}
	return -1;
}

/* What to do about it, where that is the same whatever failed. */
static const char *remedy(int errno_value)
{
	switch (errno_value) {
	case EMFILE:
		return ": allow pyrope more file descriptors (ulimit -n)";
	case ENFILE:
		return ": allow the system more open files (sysctl fs.file-max)";
	default:
		return "";
	}
}

int error_set_errno(struct error *err, enum error_kind kind, int errno_value, const char *format, ...)
{
	if (err) {
		va_list arguments;
		size_t length;

		err->kind = kind;
		va_start(arguments, format);
		format_message(err, format, arguments);
		va_end(arguments);
		length = strlen(err->message);
		snprintf(err->message + length, sizeof(err->message) - length, ": %s%s",
			strerror(errno_value), remedy(errno_value));
	}
	return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
	if (err) {
		char inner[ERROR_MESSAGE_BYTES];
		va_list arguments;
		size_t length;

		memcpy(inner, err->message, sizeof(inner));
		va_start(arguments, format);
		format_message(err, format, arguments);
		va_end(arguments);
		length = strlen(err->message);
		snprintf(err->message + length, sizeof(err->message) - length, ": %s", inner);
	}
	return -1;
}

void error_clear(struct error *err)
{
	memset(err, 0, sizeof(*err));
}

int error_exit_code(const struct error *err)
{
	if (err->exit_code)
		return err->exit_code;
	return err->kind == ERROR_USAGE ? 2 : 1;
}
