/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "commands/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One that says it has no columns (a serial line, a new pseudo-terminal) has not been told. */
static struct winsize size_of(int fd)
{
	struct winsize size = { 0 };

	if (!isatty(fd))
		return size;
	if (ioctl(fd, TIOCGWINSZ, &size) != 0 || !size.ws_col)
		size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	return size;
}

size_t terminal_columns(int fd)
{
	return size_of(fd).ws_col;
}

size_t terminal_rows(int fd)
{
	return size_of(fd).ws_row;
}

bool terminal_has_codes(int fd)
{
	const char *name = getenv("TERM");

	return isatty(fd) && name && *name && strcmp(name, "dumb") != 0;
}

bool terminal_has_colours(int fd)
{
	const char *no_colour = getenv("NO_COLOR");

	return terminal_has_codes(fd) && !(no_colour && *no_colour);
}
