/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "web/token.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int token_read(const char *path, char token[TOKEN_MOST + 1], struct error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.~+/=-";
	struct stat status;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t length;

	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERROR_USAGE,
			"there is no token in '%.256s', for there is no such file: make one with: "
			"openssl rand -hex 32",
			path);
	if (fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot read the token in '%.256s'", path);
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || (status.st_mode & (S_IRWXO | S_IWGRP))) {
		close(fd);
		return error_set(err, ERROR_USAGE,
			"others may read the token in '%.256s', or it is no file: chmod 600 it", path);
	}
	length = read_file_at(fd, token, TOKEN_MOST, 0);
	close(fd);
	token[length] = '\0';
	token[strcspn(token, "\r\n")] = '\0';
	length = strlen(token);
	if (length < TOKEN_LEAST || strspn(token, allowed) != length)
		return error_set(err, ERROR_USAGE,
			"the first line of '%.256s' is no token: it takes %d to %d letters, digits or "
			"_.~+/=-, as "
			"of: openssl rand -hex 32",
			path, TOKEN_LEAST, TOKEN_MOST);
	return 0;
}
