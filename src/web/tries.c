/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "web/tries.h"

#include <netinet/in.h>
#include <string.h>

#define NETWORK_BYTES 8

static void key_of(unsigned char key[16], const struct sockaddr *address)
{
	memset(key, 0, 16);
	if (address && address->sa_family == AF_INET) {
		key[10] = key[11] = 0xff;
		memcpy(key + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
	} else if (address && address->sa_family == AF_INET6) {
		const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;

		memcpy(key, six, IN6_IS_ADDR_V4MAPPED(six) ? 16 : NETWORK_BYTES);
	}
}

static size_t find(const struct tries *tries, const unsigned char key[16])
{
	size_t i = 0;

	while (i < tries->count && memcmp(tries->list[i].address, key, 16) != 0)
		i++;
	return i;
}

int64_t tries_wait_ns(const struct tries *tries, const struct sockaddr *address, int64_t now_ns)
{
	unsigned char key[16];
	size_t at;
	int64_t over_ns;

	key_of(key, address);
	at = find(tries, key);
	if (at == tries->count)
		return 0;
	over_ns = tries->list[at].due_ns - now_ns - (TRIES_AT_ONCE - 1) * TRY_NS;
	return over_ns > 0 ? over_ns : 0;
}

/* A new place, or that of whoever has been quiet for the longest time. */
static struct tried *make_place(struct tries *tries, const unsigned char key[16])
{
	struct tried *place = &tries->list[0];

	if (tries->count < TRIED_ADDRESSES) {
		place = &tries->list[tries->count++];
	} else {
		for (size_t i = 1; i < tries->count; i++)
			if (tries->list[i].due_ns < place->due_ns)
				place = &tries->list[i];
	}
	memcpy(place->address, key, 16);
	place->due_ns = 0;
	return place;
}

void tries_note(struct tries *tries, const struct sockaddr *address, int64_t now_ns)
{
	unsigned char key[16];
	struct tried *tried;
	size_t at;

	key_of(key, address);
	at = find(tries, key);
	tried = at < tries->count ? &tries->list[at] : make_place(tries, key);
	if (tried->due_ns < now_ns)
		tried->due_ns = now_ns;
	tried->due_ns += TRY_NS;
}
