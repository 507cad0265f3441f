/* SPDX-License-Identifier: MIT */
/* The program but for its start: what is asked for is done, and the one error is printed. */
#include "config.h"

#include "pyrope/commands.h"

#include "commands/command.h"
#include "pyrope/native.h"
#include "pyrope/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/*
 * A standard descriptor that is closed would be given to the next file that is opened, and then be written to
 * by mistake. The placeholder cannot be written to, so that the failure shows, and the launched command finds
 * it closed as it was.
 */
static void fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY | O_CLOEXEC) != fd)
			_exit(1);
}

int print_text(const struct buffer *text, struct error *err)
{
	struct output_file *file = NULL;
	int result;

	/* not the words of output_open: these commands have no -o, or have it for something else */
	if (!output_can_print())
		return error_set(err, ERROR_SYSTEM,
			"cannot write standard output: it is closed: let it lead somewhere, as with >FILE");
	result = output_open(&file, NULL, err);
	if (result == 0) {
		output_write(file, text->data, text->length);
		result = output_commit(file, err);
	}
	output_close(file);
	return result;
}

int print_run(const struct options *options, struct error *err)
{
	struct buffer text = { 0 };
	int result = 0;

	if (options->command == &command_help)
		help_append(&text);
	else if (options->command == &command_version)
		version_append(&text);
	else
		result = completion_append(&text, options->completion, err);
	if (result == 0)
		result = print_text(&text, err);
	buffer_release(&text);
	return result;
}

static int run(const struct options *options, struct error *err)
{
	if (options->native && !native_available())
		return error_set(err, ERROR_UNSUPPORTED,
			"this pyrope was built without --native: build it where libdw (elfutils) is "
			"installed");
	return options->command->run(options, err);
}

/* A reader that had enough (ERROR_GONE without a message) is no failure. */
static int exit_code(const struct error *err)
{
	if (err->exit_code)
		return err->exit_code;
	return err->kind == ERROR_NONE || (err->kind == ERROR_GONE && !err->message[0])
		? 0
		: error_exit_code(err);
}

int commands_main(int argc, char **argv)
{
	struct options options;
	struct error err = { 0 };

	fill_standard_descriptors();
	signal(SIGPIPE, SIG_IGN); /* a write says EPIPE, and what was launched does not inherit this */
	if (options_parse(&options, argc, argv, &err) == 0 && run(&options, &err) == 0)
		return 0;
	if (err.message[0])
		fprintf(stderr, "pyrope: %s\n", err.message);
	if (err.kind == ERROR_USAGE)
		fprintf(stderr, "pyrope: 'pyrope --help' shows how it is used\n");
	return exit_code(&err);
}
