/* SPDX-License-Identifier: MIT */
/*
 * A main for a fuzz target without a fuzzer: feeds it each file given and each file in a directory given, in
 * order of their names, and prints a line of TAP for each. An input that the target does not survive ends the
 * program, which the test harness counts as a failure. Without arguments it takes the corpus of its target:
 * tests/fuzz/corpus/NAME for replay_NAME.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pyrope/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void report(unsigned *count, const char *path, const char *problem)
{
	(*count)++;
	printf("%sok %u - %s%s%s\n", problem ? "not " : "", *count, path, problem ? ": " : "",
		problem ? problem : "");
	fflush(stdout);
}

/*
 * The target gets the bytes in a block of exactly their size, so that a sanitizer sees the first byte read
 * past them.
 */
static void replay_file(unsigned *count, const char *path)
{
	FILE *file = fopen(path, "rb");
	struct buffer contents = { 0 };
	uint8_t *exact;
	char chunk[4096];
	size_t length;

	if (!file) {
		report(count, path, strerror(errno));
		return;
	}
	while ((length = fread(chunk, 1, sizeof(chunk), file)))
		buffer_append(&contents, chunk, length);
	fclose(file);

	exact = xmalloc(contents.length ? contents.length : 1);
	if (contents.length)
		memcpy(exact, contents.data, contents.length);
	LLVMFuzzerTestOneInput(exact, contents.length);
	free(exact);
	buffer_release(&contents);
	report(count, path, NULL);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay_directory(unsigned *count, const char *path)
{
	struct dirent **entries;
	int entry_count = scandir(path, &entries, is_visible, alphasort);

	if (entry_count < 0) {
		report(count, path, strerror(errno));
		return;
	}
	if (entry_count == 0)
		report(count, path, "an empty corpus tests nothing");
	for (int i = 0; i < entry_count; i++) {
		char *file = xasprintf("%s/%s", path, entries[i]->d_name);

		replay_file(count, file);
		free(file);
		free(entries[i]);
	}
	free(entries);
}

static void replay_path(unsigned *count, const char *path)
{
	struct stat status;

	if (stat(path, &status))
		report(count, path, strerror(errno));
	else if (S_ISDIR(status.st_mode))
		replay_directory(count, path);
	else
		replay_file(count, path);
}

static char *own_corpus(const char *program)
{
	const char *top = getenv("top_srcdir");
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	if (strncmp(name, "replay_", strlen("replay_")) == 0)
		name += strlen("replay_");
	return xasprintf("%s/tests/fuzz/corpus/%s", top ? top : ".", name);
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	/* libFuzzer begins with the empty input, too. */
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	report(&count, "(empty)", NULL);
	if (argc < 2) {
		char *corpus = own_corpus(argv[0]);

		replay_path(&count, corpus);
		free(corpus);
	}
	for (int i = 1; i < argc; i++)
		replay_path(&count, argv[i]);
	printf("1..%u\n", count);
	return EXIT_SUCCESS;
}
