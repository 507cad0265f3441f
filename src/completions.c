/* SPDX-License-Identifier: MIT */
/*
 * Prints the completions of one shell, as `pyrope --completion SHELL' does. Only for cross-compiling, where
 * pyrope cannot run on the machine that builds it: this is compiled for that machine, of the few files that
 * need no library.
 */
#include "config.h"

#include <stdio.h>

#include "commands/command.h"

int main(int argc, char **argv)
{
	struct buffer text = { 0 };
	struct error err = { 0 };

	if (argc != 2 || completion_append(&text, argv[1], &err) != 0) {
		fprintf(stderr, "completions: %s\n", argc == 2 ? err.message : "name a shell");
		return 1;
	}
	fputs(text.data, stdout);
	buffer_release(&text);
	return ferror(stdout) || fclose(stdout) ? 1 : 0;
}
