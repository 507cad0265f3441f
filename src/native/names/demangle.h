/* SPDX-License-Identifier: MIT */
/*
 * From the linker's name of a function to the programmer's: C++, Rust, and what compilers put behind a name.
 */
#ifndef PYROPE_NATIVE_NAMES_DEMANGLE_H
#define PYROPE_NATIVE_NAMES_DEMANGLE_H

#include "pyrope/base.h"

/*
 * How much of the name is the function's: without what a compiler has put behind it to tell the parts and
 * copies of one function apart (".cold", ".part.0", ".constprop.0", ".lto_priv.3").
 */
size_t symbol_base_length(const char *name);
/*
 * The name without parameters, hash and suffixes; or, when it is not a mangled name, without suffixes only.
 * Appended.
 */
void demangle(struct buffer *buffer, const char *name);

#endif
