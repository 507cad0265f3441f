/* SPDX-License-Identifier: MIT */
/* Where the path of an output file leads: a folder and a name in it, found once and kept by descriptors. */
#ifndef PYROPE_OUTPUT_PLACE_H
#define PYROPE_OUTPUT_PLACE_H

#include "pyrope/base.h"

#include <sys/stat.h>

struct place {
	int folder;         /* O_PATH */
	char *name;         /* in the folder; never a symbolic link when it was looked at */
	bool is_shared;     /* others may write to the folder */
	int file;           /* O_PATH: what is there; -1: nothing */
	struct stat status; /* of that */
};

/* err: no such folder, a directory, a symbolic link that somebody else has made. */
int place_find(struct place *place, const char *path, struct error *err);
/* May writing on what is there write to what somebody else has chosen? */
bool place_is_foreign(const struct place *place);
/* Is what has the name now what was there at first, or nothing, or ours? */
bool place_is_unchanged(const struct place *place);
/* Opens the very file that was found there for writing. -1 with errno. */
int place_open(const struct place *place);
void place_release(struct place *place);

#endif
