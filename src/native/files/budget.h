/* SPDX-License-Identifier: MIT */
/*
 * What looking up names may cost in all. The files that are read for it are the target's choice, and there
 * may be any number of them, of any size.
 */
#ifndef PYROPE_NATIVE_FILES_BUDGET_H
#define PYROPE_NATIVE_FILES_BUDGET_H

#include <stdatomic.h>
#include <sys/types.h>

#include "pyrope/base.h"

struct budget {
	int64_t began_ns;
	int64_t spent_ns;            /* CPU time */
	uint64_t bytes_left;         /* of files that are read from end to end, to compare their checksum */
	atomic_uint_fast64_t unread; /* files over that; from any thread */
	/* checksums that are known, by file */
	struct file_checksum {
		dev_t device;
		ino_t inode;
		off_t bytes;
		int64_t changed_ns;
		uint32_t checksum;
	} * checksums;
	size_t count, capacity;
};

void budget_begin(struct budget *budget, int64_t now_ns);
void budget_release(struct budget *budget);
/* May more names be looked up? Ten seconds of CPU time, and a fiftieth of the time since the beginning. */
bool budget_allows(const struct budget *budget, int64_t now_ns);
/* The CRC-32 of a file; false: it may not be read for that. */
bool budget_checksum(struct budget *budget, int fd, uint32_t *checksum);

#endif
