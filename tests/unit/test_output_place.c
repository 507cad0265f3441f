/* SPDX-License-Identifier: MIT */
/*
 * -o FILE in a folder where another user may write, who exchanges the file for a symbolic link to one of
 * ours: before each single system call of output_open and output_commit in turn, with the writer held there
 * by ptrace, and at random moments. Ours must stay as it is, and the profile must not become the other
 * user's.
 */
#include "config.h"

#include "pyrope/output.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

#define OTHER_USER 65534
#define EXCHANGE 2 /* RENAME_EXCHANGE, linux/fs.h */
#define CALLS_LIMIT 400
#define RANDOM_ROUNDS 300
#define SECRET "nobody else may see or change this\n"

static char folder[] = "test_place.XXXXXX";

static void put(const char *path, const char *text, mode_t mode, uid_t owner)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	ck_assert_int_eq(fchown(fd, owner, owner), 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void put_link(const char *to, const char *path, uid_t owner)
{
	/* it is never ours where it can be exchanged */
	ck_assert_int_eq(symlink(to, "private/new"), 0);
	ck_assert_int_eq(lchown("private/new", owner, owner), 0);
	ck_assert_int_eq(rename("private/new", path), 0);
}

static void empty(const char *path)
{
	char *command = xasprintf("rm -rf '%s'", path);

	ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
	free(command);
}

/* shared/out is the other user's file, shared/link their link to private/secret, which is ours. */
static void begin(mode_t mode)
{
	strcpy(folder, "test_place.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	umask(022);
	ck_assert_int_eq(mkdir("private", 0700), 0);
	ck_assert_int_eq(mkdir("shared", 0700), 0);
	ck_assert_int_eq(chmod("shared", mode), 0);
	put("private/secret", SECRET, 0600, geteuid());
	put("shared/out", "older\n", 0666, OTHER_USER);
	put_link("../private/secret", "shared/link", OTHER_USER);
}

static void end(void)
{
	ck_assert_int_eq(chdir(".."), 0);
	empty(folder);
}

static void exchange(void)
{
	syscall(SYS_renameat2, AT_FDCWD, "shared/out", AT_FDCWD, "shared/link", EXCHANGE);
}

static int write_profile(const char *path)
{
	struct error err = { 0 };
	struct output_file *file = NULL;
	int result = output_open(&file, path, &err);

	if (result == 0) {
		output_write(file, "profile\n", strlen("profile\n"));
		result = output_commit(file, &err);
		output_close(file);
	}
	return result == 0 ? 0 : 1;
}

static void assert_holds(const char *when, int number)
{
	static const char *const names[] = { "shared/out", "shared/link" };
	struct stat status;
	char text[100] = "";
	int fd = open("private/secret", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(fstat(fd, &status), 0);
	ck_assert_int_ge(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	ck_assert_msg(strcmp(text, SECRET) == 0, "%s %d: our file holds '%s'", when, number, text);
	ck_assert_msg(status.st_uid == geteuid() && (status.st_mode & 0777) == 0600,
		"%s %d: our file is of user %u, mode %o", when, number, (unsigned)status.st_uid,
		(unsigned)status.st_mode & 0777);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		fd = open(names[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		memset(text, 0, sizeof(text));
		if (fd < 0)
			continue;
		ck_assert_int_eq(fstat(fd, &status), 0);
		ck_assert_int_ge(read(fd, text, sizeof(text) - 1), 0);
		close(fd);
		ck_assert_msg(strcmp(text, "profile\n") != 0 ||
				(status.st_uid == geteuid() && (status.st_mode & 0777) == 0644),
			"%s %d: the profile is of user %u, mode %o", when, number, (unsigned)status.st_uid,
			(unsigned)status.st_mode & 0777);
	}
}

/* Does what the writer has made so far lie open? Asked at each of its system calls. */
static void assert_closed(int number)
{
	struct stat status;
	char *command = xasprintf("ls -A shared | grep -v -x -e out -e link");
	FILE *list = popen(command, "re"); /* NOLINT(cert-env33-c) */
	char name[300], path[400];

	while (fgets(name, sizeof(name), list)) {
		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), "shared/%s", name);
		ck_assert_int_eq(lstat(path, &status), 0);
		ck_assert_msg((status.st_mode & ~0644u & 0777) == 0 && status.st_uid == geteuid(),
			"call %d: '%s' is of user %u, mode %o", number, path, (unsigned)status.st_uid,
			(unsigned)status.st_mode & 0777);
		ck_assert_msg((status.st_mode & 0077) == 0 || status.st_size > 0,
			"call %d: '%s' begins with mode %o", number, path, (unsigned)status.st_mode & 0777);
	}
	pclose(list);
	free(command);
}

/*
 * Runs write_profile in a child with the exchange before its nth system call. False: it has fewer, or it
 * cannot be traced.
 */
static bool exchange_before_call(int nth)
{
	int status, calls = 0;
	bool entering = true, exchanged = false;
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(2);
		raise(SIGSTOP);
		_exit(write_profile("shared/out"));
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	while (WIFSTOPPED(status)) {
		if (WSTOPSIG(status) == SIGTRAP) {
			if (entering && calls++ == nth) {
				assert_closed(nth);
				exchange();
				exchanged = true;
			}
			entering = !entering;
		}
		ck_assert_int_eq(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
	}
	ck_assert(WIFEXITED(status));
	return exchanged && WEXITSTATUS(status) != 2;
}

static const mode_t modes[] = { 01777, 0777, 0775 };

START_TEST(test_each_call)
{
	int nth = 0;

	if (geteuid() != 0)
		return; /* there is no other user to be had */
	for (bool goes_on = true; goes_on; nth++) {
		ck_assert_int_lt(nth, CALLS_LIMIT);
		begin(modes[_i]);
		goes_on = exchange_before_call(nth);
		assert_holds("exchanged before call", nth);
		end();
	}
}
END_TEST

START_TEST(test_random)
{
	pid_t other;
	int status;

	if (geteuid() != 0)
		return;
	begin(modes[_i]);
	other = fork();
	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			exchange();
	}
	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		write_profile("shared/out");
		if (round % 10 == 9) { /* what they lost by our renames is made anew */
			unlink("shared/out");
			unlink("shared/link");
			put("shared/out", "older\n", 0666, OTHER_USER);
			unlink("shared/link");
			put_link("../private/secret", "shared/link", OTHER_USER);
		}
		assert_holds("round", round);
	}
	kill(other, SIGKILL);
	waitpid(other, &status, 0);
	end();
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, test_each_call, 0, ARRAY_LENGTH(modes));
	tcase_add_loop_test(tests, test_random, 0, ARRAY_LENGTH(modes));
}

int main(void)
{
	return suite_run("output_place", add_tests);
}
