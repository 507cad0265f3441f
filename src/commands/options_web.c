/* SPDX-License-Identifier: MIT */
/* The option that a server and those who send to it share. */
#include "config.h"

#include "commands/option.h"

static int apply_token_file(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->token_file = value;
	return 0;
}

const struct option_row option_token_file = {
	.name = "token-file",
	.argument = "FILE",
	.completion = COMPLETE_FILE,
	.help = "the secret that serve asks for, and that -o http://... sends: the file's first line",
	.apply = apply_token_file,
};
