/* SPDX-License-Identifier: MIT */
/* The secret that a server and its clients share. */
#ifndef PYROPE_WEB_TOKEN_H
#define PYROPE_WEB_TOKEN_H

#include "pyrope/base.h"

#define TOKEN_LEAST 16
#define TOKEN_MOST 512

/* The first line of the file, which nobody else may read; ERROR_USAGE: it is too short, or no token. */
int token_read(const char *path, char token[TOKEN_MOST + 1], struct error *err);

#endif
