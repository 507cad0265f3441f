/* SPDX-License-Identifier: MIT */
/*
 * os-release, dpkg's status and an apk database, as a container may have them: names that come out are
 * words, each stanza is passed, and no advice has anything that a shell would act on.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "doctor/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(const char *word)
{
	if (strlen(word) >= NAME_BYTES || strpbrk(word, " $`\"'\\;&|<>()\n\033"))
		abort();
}

static void check_package(const struct distribution *distribution, const struct package *package)
{
	char *advice = package_advice(distribution, package, "/usr/bin/python3", "abcdef");

	check_word(package->name);
	check_word(package->source);
	check_word(package->version);
	if (strpbrk(advice, "`;&|<>\n\033"))
		abort();
	free(advice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	const char *at = text, *end = text + strlen(text);
	struct distribution distribution = { 0 };
	char architecture[NAME_BYTES];
	struct package package;

	distribution_parse(&distribution, text);
	check_word(distribution.id);
	check_word(distribution.like);
	while (at && *at) {
		const char *next = dpkg_next(at, &package, architecture);

		if (!next)
			break;
		if (next <= at || (next > end && *next))
			abort();
		check_word(architecture);
		check_package(&distribution, &package);
		at = next;
	}
	if (apk_find(text, "/usr/bin/python3", &package))
		check_package(&distribution, &package);
	dpkg_list_has(text, "/usr/bin/python3");
	distribution_release(&distribution);
	free(text);
	return 0;
}
