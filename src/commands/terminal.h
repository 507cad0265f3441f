/* SPDX-License-Identifier: MIT */
/* What the terminal behind a descriptor can do, as it is now. */
#ifndef PYROPE_COMMANDS_TERMINAL_H
#define PYROPE_COMMANDS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Its size; 80 by 24 where it does not say; 0 when it is no terminal. */
size_t terminal_columns(int fd);
size_t terminal_rows(int fd);
/* Does it understand escape codes? Not one with TERM=dumb, or without TERM. */
bool terminal_has_codes(int fd);
/* The same, and the user has not asked for none by NO_COLOR (https://no-color.org: set and not empty). */
bool terminal_has_colours(int fd);

#endif
