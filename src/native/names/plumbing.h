/* SPDX-License-Identifier: MIT */
/*
 * Which native functions only carry a call from one Python function to the next, and start programs and
 * threads.
 */
#ifndef PYROPE_NATIVE_NAMES_PLUMBING_H
#define PYROPE_NATIVE_NAMES_PLUMBING_H

#include "native/files/module.h"

/* name: a symbol without a compiler's suffixes (symbol_base_length), not demangled. */
bool is_plumbing(const struct module *module, const char *name);

#endif
