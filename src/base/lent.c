/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "pyrope/base.h"

#include <fcntl.h>

#define LENT_LIMIT 4

static struct {
	const char *name;
	int fd;
} lent[LENT_LIMIT];
static size_t lent_count;

void file_lend(const char *name, int fd)
{
	if (lent_count == LENT_LIMIT)
		lent_count--;
	lent[lent_count].name = name;
	lent[lent_count++].fd = fd;
}

int file_lent(const char *name)
{
	for (size_t i = 0; i < lent_count; i++)
		if (lent[i].name == name)
			return fcntl(lent[i].fd, F_DUPFD_CLOEXEC, 3);
	return -1;
}
