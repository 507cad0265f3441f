/* SPDX-License-Identifier: MIT */
/*
 * How often an address may show a wrong token: ten times at once, then once in six seconds. That of IPv6 is
 * its network of 64 bits, of which a machine has all addresses.
 */
#ifndef PYROPE_WEB_TRIES_H
#define PYROPE_WEB_TRIES_H

#include <sys/socket.h>

#include "pyrope/base.h"

#define TRIES_AT_ONCE 10
#define TRY_NS (INT64_C(6) * 1000000000)
#define TRIED_ADDRESSES 1024 /* that are kept; the one that may try again first makes room */

struct tries {
	struct tried {
		unsigned char address[16]; /* of IPv4 as of IPv6 */
		int64_t due_ns;            /* when all is forgotten; each wrong token moves it on */
	} list[TRIED_ADDRESSES];
	size_t count;
};

/* How long it has to wait before it may show a token, even the right one; 0: it may now. */
int64_t tries_wait_ns(const struct tries *tries, const struct sockaddr *address, int64_t now_ns);
/* It has shown a wrong one. */
void tries_note(struct tries *tries, const struct sockaddr *address, int64_t now_ns);

#endif
