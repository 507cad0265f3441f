/* SPDX-License-Identifier: MIT */
/*
 * Standard input becomes /dev/null, standard output and error files, where they are the terminal: a launched
 * command inherits them, and what pyrope says itself (a note, a message of assert, out of memory) is kept.
 * Whatever ends pyrope, short of SIGKILL, prints that on the terminal after that is what it was.
 */
#include "config.h"

#include "commands/signals.h"
#include "commands/top.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOTES_SHOWN_BYTES 4096

static struct {
	bool is_taken;
	int fd;       /* the terminal */
	int saved[3]; /* what the standard descriptors were; -1: they are still */
	int notes, output;
	off_t notes_seen, output_printed;
} terminal = { .fd = -1, .saved = { -1, -1, -1 }, .notes = -1, .output = -1 };

static volatile sig_atomic_t stop_wanted, was_continued;

int top_terminal_check(struct error *err)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return error_set(err, ERROR_USAGE,
			"top needs a terminal, and standard %s is none: 'pyrope record -o FILE' writes what "
			"it samples to a file",
			isatty(STDOUT_FILENO) ? "input" : "output");
	return live_check(STDOUT_FILENO, err);
}

/* Prints a file from *from on. Safe in a signal handler. */
static void print_file(int fd, off_t *from, int to)
{
	char bytes[4096];
	ssize_t count;

	while (fd >= 0 && (count = pread(fd, bytes, sizeof(bytes), *from)) > 0) {
		ssize_t written = 0;

		while (written < count) {
			const ssize_t part = write(to, bytes + written, (size_t)(count - written));

			if (part < 0 && errno == EINTR)
				continue;
			if (part <= 0)
				return;
			written += part;
		}
		*from += count;
	}
}

static void restore_descriptors(void)
{
	for (int i = 0; i < 3; i++) {
		if (terminal.saved[i] < 0)
			continue;
		dup2(terminal.saved[i], i);
		close(terminal.saved[i]);
		terminal.saved[i] = -1;
	}
}

/* In a signal handler, or where memory has run out. */
static void restore_at_end(void)
{
	off_t from = 0;

	live_restore();
	restore_descriptors();
	print_file(terminal.notes, &from, STDERR_FILENO);
}

static int open_output(struct error *err)
{
	const char *folder = getenv("TMPDIR");
	char *path = xasprintf("%s/pyrope-XXXXXX", folder && *folder ? folder : "/tmp");
	const int fd = mkostemp(path, O_CLOEXEC | O_APPEND);

	if (fd >= 0)
		unlink(path);
	else
		error_set_errno(err, ERROR_SYSTEM, errno,
			"cannot keep what the command writes in '%.256s': name another folder with TMPDIR",
			folder && *folder ? folder : "/tmp");
	free(path);
	return fd;
}

static void replace(int number, int fd)
{
	if (fd < 0 || !isatty(number))
		return;
	terminal.saved[number] = fcntl(number, F_DUPFD_CLOEXEC, 3);
	if (terminal.saved[number] >= 0)
		dup2(fd, number);
}

int top_terminal_take(bool launching, struct error *err)
{
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	terminal.fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	terminal.notes = memfd_create("pyrope-notes", MFD_CLOEXEC);
	if (terminal.notes >= 0)
		fcntl(terminal.notes, F_SETFL, O_APPEND);
	if (launching && (terminal.output = open_output(err)) < 0)
		return -1;
	terminal.is_taken = true;
	replace(STDIN_FILENO, null);
	replace(STDOUT_FILENO, launching ? terminal.output : terminal.notes);
	replace(STDERR_FILENO, launching ? terminal.output : terminal.notes);
	if (null >= 0)
		close(null);
	memory_at_end(restore_at_end);
	signals_at_end(restore_at_end);
	return 0;
}

void top_terminal_launched(void)
{
	if (terminal.saved[STDERR_FILENO] >= 0)
		dup2(terminal.notes, STDERR_FILENO);
}

int top_terminal_fd(void)
{
	return terminal.fd;
}

void top_terminal_notes(struct buffer *text)
{
	char bytes[NOTES_SHOWN_BYTES];
	ssize_t count;

	while (terminal.notes >= 0 &&
		(count = pread(terminal.notes, bytes, sizeof(bytes), terminal.notes_seen)) > 0) {
		buffer_append(text, bytes, (size_t)count);
		terminal.notes_seen += count;
	}
}

void top_terminal_give_back(void)
{
	off_t from = 0;

	if (!terminal.is_taken)
		return;
	terminal.is_taken = false;
	signals_at_end(NULL);
	memory_at_end(NULL);
	restore_descriptors();
	top_terminal_print_output();
	print_file(terminal.notes, &from, STDERR_FILENO);
}

void top_terminal_print_output(void)
{
	print_file(terminal.output, &terminal.output_printed, STDOUT_FILENO);
}

/* ---- Ctrl-Z ---- */

static void handle_stop(int number)
{
	(void)number;
	stop_wanted = true;
}

static void handle_continue(int number)
{
	(void)number;
	was_continued = true;
}

void top_signals_catch(void)
{
	struct sigaction action = { .sa_handler = handle_stop, .sa_flags = SA_RESTART }, before;

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGTSTP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(SIGTSTP, &action, NULL);
	action.sa_handler = handle_continue;
	sigaction(SIGCONT, &action, NULL);
}

bool top_signals_take_stop(void)
{
	const bool result = stop_wanted;

	stop_wanted = false;
	if (result)
		was_continued = false;
	return result;
}

bool top_signals_take_continue(void)
{
	const bool result = was_continued;

	was_continued = false;
	return result;
}
