/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes go: an older file stays whole until the new one is complete, what is wrong is found early,
 * and every failure is reported once.
 */
#include "config.h"

#include "pyrope/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "samples.h"
#include "suite.h"

static char folder[] = "test_output.XXXXXX";
static struct error err;

static void setup(void)
{
	strcpy(folder, "test_output.XXXXXX");
	memset(&err, 0, sizeof(err));
	signal(SIGPIPE, SIG_IGN);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void teardown(void)
{
	DIR *directory = opendir(".");
	const struct dirent *entry;

	while ((entry = readdir(directory)))
		unlinkat(dirfd(directory), entry->d_name,
			strcmp(entry->d_name, "closed") == 0 ? AT_REMOVEDIR : 0);
	closedir(directory);
	ck_assert_int_eq(chdir(".."), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static const char *get(const char *path)
{
	static char text[4096];
	FILE *file = fopen(path, "re");
	size_t length;

	if (!file)
		return "(no file)";
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

static size_t count_files(void)
{
	DIR *directory = opendir(".");
	size_t count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static struct output_file *open_output(const char *path)
{
	struct output_file *file = NULL;

	ck_assert_msg(output_open(&file, path, &err) == 0, "%s", err.message);
	return file;
}

static void write_text(struct output_file *file, const char *text)
{
	output_write(file, text, strlen(text));
}

static void assert_refused(const char *path, const char *message)
{
	struct output_file *file = NULL;

	ck_assert_int_eq(output_open(&file, path, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_SYSTEM);
	ck_assert_msg(strstr(err.message, path) && strstr(err.message, message), "%s", err.message);
}

START_TEST(test_new_file)
{
	struct output_file *file = open_output("new");

	write_text(file, "one\n");
	ck_assert_str_eq(get("new"), "(no file)");
	ck_assert_int_eq(output_flush(file, &err), 0);
	ck_assert_str_eq(get("new"), "(no file)");
	ck_assert_int_eq(output_commit(file, &err), 0);
	ck_assert_str_eq(get("new"), "one\n");
	output_close(file);
	ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(test_older_file)
{
	struct output_file *file;
	struct stat status;

	put("old", "older and longer\n");
	chmod("old", 0640);
	file = open_output("old");
	write_text(file, "new\n");
	ck_assert_int_eq(output_flush(file, &err), 0);
	ck_assert_str_eq(get("old"), "older and longer\n");
	ck_assert_int_eq(output_commit(file, &err), 0);
	output_close(file);
	ck_assert_str_eq(get("old"), "new\n");
	ck_assert_int_eq(stat("old", &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0640);
	ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(test_not_committed)
{
	struct output_file *file;

	put("old", "older\n");
	file = open_output("old");
	write_text(file, "new\n");
	ck_assert_int_eq(output_flush(file, &err), 0);
	output_close(file);
	ck_assert_str_eq(get("old"), "older\n");
	ck_assert_uint_eq(count_files(), 1);
	output_close(NULL);
}
END_TEST

START_TEST(test_umask)
{
	struct output_file *file;
	struct stat status;

	umask(027);
	file = open_output("new");
	ck_assert_int_eq(output_commit(file, &err), 0);
	output_close(file);
	ck_assert_int_eq(stat("new", &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0640);
}
END_TEST

START_TEST(test_link)
{
	struct output_file *file;
	struct stat status;

	put("real", "older\n");
	ck_assert_int_eq(symlink("real", "link"), 0);
	file = open_output("link");
	write_text(file, "new\n");
	ck_assert_int_eq(output_commit(file, &err), 0);
	output_close(file);
	ck_assert_str_eq(get("real"), "new\n");
	ck_assert_int_eq(lstat("link", &status), 0);
	ck_assert(S_ISLNK(status.st_mode));

	ck_assert_int_eq(symlink("missing", "dangling"), 0);
	file = open_output("dangling");
	write_text(file, "new\n");
	ck_assert_int_eq(output_commit(file, &err), 0);
	output_close(file);
	ck_assert_str_eq(get("missing"), "new\n");
}
END_TEST

START_TEST(test_refused)
{
	assert_refused(".", "is a directory");
	assert_refused("no/such/folder", "No such file or directory");
	put("file", "");
	assert_refused("file/below", "Not a directory");
	ck_assert_uint_eq(count_files(), 1);
	if (geteuid() == 0)
		return; /* root may write everywhere */
	chmod("file", 0444);
	assert_refused("file", "Permission denied");
	mkdir("closed", 0555);
	assert_refused("closed/file", "Permission denied");
}
END_TEST

/* The longest name there can be leaves no room for a temporary beside it. */
START_TEST(test_long_name)
{
	char name[256];
	struct output_file *file;

	memset(name, 'n', 255);
	name[255] = '\0';
	put(name, "an older and longer text\n");
	file = open_output(name);
	ck_assert_str_eq(get(name), "an older and longer text\n");
	write_text(file, "new\n");
	ck_assert_int_eq(output_commit(file, &err), 0);
	output_close(file);
	ck_assert_str_eq(get(name), "new\n");
}
END_TEST

START_TEST(test_disk_full)
{
	struct output_file *file = open_output("/dev/full");
	static char block[200000];

	output_write(file, block, sizeof(block));
	output_write(file, block, 10);
	ck_assert_int_eq(output_commit(file, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_SYSTEM);
	ck_assert_ptr_nonnull(strstr(err.message, "'/dev/full': No space left on device: make room"));
	output_close(file);
}
END_TEST

static void *read_all(void *argument)
{
	size_t *total = argument;
	char bytes[4096];
	ssize_t count;
	int fd = open("fifo", O_RDONLY | O_CLOEXEC);

	while ((count = read(fd, bytes, sizeof(bytes))) > 0)
		*total += (size_t)count;
	close(fd);
	return NULL;
}

START_TEST(test_fifo)
{
	static char block[200001];
	struct output_file *file;
	pthread_t reader;
	size_t total = 0;

	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_all, &total), 0);
	file = open_output("fifo");
	for (int i = 0; i < 10; i++)
		output_write(file, block, 1000);
	output_write(file, block, sizeof(block));
	ck_assert_int_eq(output_commit(file, &err), 0);
	output_close(file);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(total, 10 * 1000 + sizeof(block));
}
END_TEST

/* Replaces standard output by what the test wants there. */
static struct output_file *open_stdout_on(int fd)
{
	ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	return open_output("-");
}

START_TEST(test_closed_pipe)
{
	int ends[2];
	struct output_file *file;

	ck_assert_int_eq(pipe(ends), 0);
	file = open_stdout_on(ends[1]);
	close(ends[0]);
	write_text(file, "to nobody\n");
	ck_assert_int_eq(output_flush(file, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_GONE);
	ck_assert_str_eq(err.message, "");
	ck_assert_int_eq(output_commit(file, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_GONE);
	output_close(file);
}
END_TEST

/* Whoever shares the pipe may have made it non-blocking. */
START_TEST(test_non_blocking_pipe)
{
	static char block[200000];
	int ends[2];
	struct output_file *file;
	size_t total = 0;
	pid_t reader;
	char bytes[4096];
	ssize_t count;

	ck_assert_int_eq(pipe(ends), 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	reader = fork();
	if (reader == 0) {
		file = open_stdout_on(ends[1]);
		output_write(file, block, sizeof(block));
		_exit(output_commit(file, &err) == 0 ? 0 : 1);
	}
	close(ends[1]);
	while ((count = read(ends[0], bytes, sizeof(bytes))) > 0)
		total += (size_t)count;
	ck_assert_uint_eq(total, sizeof(block));
}
END_TEST

START_TEST(test_closed_stdout)
{
	struct output_file *file = NULL;

	close(STDOUT_FILENO);
	ck_assert_int_eq(output_open(&file, "-", &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "it is closed"));
	ck_assert_int_eq(open("/dev/null", O_RDONLY | O_CLOEXEC), STDOUT_FILENO);
	ck_assert_int_eq(output_open(&file, NULL, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "it is closed"));
}
END_TEST

/* What is behind a descriptor is written on, not over. */
START_TEST(test_descriptor)
{
	static const char *const paths[] = { "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1" };
	struct output_file *file;
	int fd = open("log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	ck_assert_int_eq(write(fd, "before\n", 7), 7);
	file = open_output(paths[_i]);
	write_text(file, "here\n");
	ck_assert_int_eq(output_commit(file, &err), 0);
	output_close(file);
	ck_assert_int_eq(write(fd, "after\n", 6), 6);
	ck_assert_str_eq(get("log"), "before\nhere\nafter\n");
	assert_refused("/dev/fd/999", "Bad file descriptor");
}
END_TEST

/* ---- pyrope dump ---- */

static const struct function leaf = { .id = 1,
	.kind = FUNCTION_PYTHON,
	.name = "le\"af",
	.file = "a.py",
	.first_line = 1 };
static const struct function marker = { .id = 2, .kind = FUNCTION_MARKER, .name = "(failed)", .file = "" };

static const char *dump_all(
	const struct dump_format *format, bool colour, const struct made_up *made_up, size_t count)
{
	static const char *const roots[] = { "/srv/", NULL };
	const struct dump_header header = { .pid = 7,
		.process_name = "python\\3",
		.version = "3.11.7",
		.colour = colour,
		.short_paths = true,
		.roots = roots };
	struct output_file *file = open_output("dump");
	struct dump_thread threads[16];

	ck_assert_uint_le(count, ARRAY_LENGTH(threads));
	for (size_t i = 0; i < count; i++)
		threads[i] = (struct dump_thread){ .sample = made_up[i].sample };
	format->write(file, &header, threads, count);
	ck_assert_int_eq(output_commit(file, &err), 0);
	output_close(file);
	return get("dump");
}

static const char *dump(const struct dump_format *format, bool colour)
{
	struct made_up made_up[2];

	made_up_begin(&made_up[0], 0, 7);
	made_up_push(&made_up[0], &leaf, 20);
	for (int i = 0; i < 10; i++)
		made_up_push(&made_up[0], &leaf, 21);
	made_up_push(&made_up[0], &leaf, 0);
	made_up_begin(&made_up[1], 0, 8);
	made_up[1].sample.state = THREAD_SLEEPING;
	made_up[1].sample.syscall_number = 99999;
	made_up[1].sample.interpreter_id = UINT64_MAX;
	made_up[1].sample.thread_name = "";
	made_up_push(&made_up[1], &marker, 0);
	return dump_all(format, colour, made_up, 2);
}

static void sleeper(struct made_up *made_up, pid_t tid, int line)
{
	static const struct function waits = {
		.id = 3, .kind = FUNCTION_PYTHON, .name = "wait", .file = "/srv/pool.py", .first_line = 1
	};

	made_up_begin(made_up, 0, tid);
	made_up->sample.state = THREAD_SLEEPING;
	made_up_push(made_up, &leaf, 20);
	made_up_push(made_up, &waits, line);
}

/* The order of states, and threads that sleep in the same place; no others are put together. */
START_TEST(test_dump_order)
{
	struct made_up made_up[15];

	for (int i = 0; i < 12; i++)
		sleeper(&made_up[i], 100 + i, i == 5 ? 9 : 8);
	made_up[6].sample.interpreter_id = 1;
	made_up[7].sample.state = THREAD_WAITS_GIL;
	made_up[8].sample.state = THREAD_RUNNING;
	made_up[9].sample.state = THREAD_RUNNING;
	sleeper(&made_up[12], 112, 8);
	made_up[12].sample.state = THREAD_HOLDS_GIL;
	sleeper(&made_up[13], 113, 8);
	sleeper(&made_up[14], 114, 8);
	made_up[14].sample.thread_name = "";
#define FRAMES "    wait (pool.py:8)\n    le\"af (a.py:20)\n"
	ck_assert_str_eq(dump_all(&dump_text, false, made_up, 15),
		"process 7 \"python\\3\": Python 3.11.7\n"
		"\n112*: worker (holds the GIL)\n" FRAMES "\n108: worker (runs without the GIL)\n" FRAMES
		"\n109: worker (runs without the GIL)\n" FRAMES "\n107: worker (waits for the GIL)\n" FRAMES
		"\n9 threads (sleep): 100 worker, 101 worker, 102 worker, 103 worker, 104 worker, 110 "
		"worker, 111 worker, "
		"113 worker and 1 more\n" FRAMES
		"\n105: worker (sleeps)\n    wait (pool.py:9)\n    le\"af (a.py:20)\n"
		"\n106: worker, interpreter 1 (sleeps)\n" FRAMES);
#undef FRAMES
}
END_TEST

START_TEST(test_dump_text)
{
	ck_assert_str_eq(dump(&dump_text, false),
		"process 7 \"python\\3\": Python 3.11.7\n"
		"\n"
		"7*: worker (holds the GIL)\n"
		"    le\"af (a.py:0)\n"
		"    le\"af (a.py:21)\n"
		"    le\"af (a.py:21)\n"
		"    le\"af (a.py:21)\n"
		"    [the same frame 7 more times]\n"
		"    le\"af (a.py:20)\n"
		"\n"
		"8: ?, interpreter 18446744073709551615 (sleeps in syscall 99999)\n"
		"    (failed)\n");
	ck_assert_ptr_null(strchr(dump(&dump_text, false), '\033'));
	ck_assert_ptr_nonnull(strchr(dump(&dump_text, true), '\033'));
}
END_TEST

START_TEST(test_dump_json)
{
	ck_assert_str_eq(dump(&dump_json, true),
		"{\"pid\":7,\"name\":\"python\\\\3\",\"version\":\"3.11.7\",\"threads\":["
		"{\"tid\":7,\"name\":\"worker\",\"holds_gil\":true,\"state\":\"holds_gil\",\"syscall\":null,"
		"\"interpreter\":0,"
		"\"quality\":\"verified\",\"frames\":["
		"{\"function\":\"le\\\"af\",\"file\":\"a.py\",\"line\":null},"
		"{\"function\":\"le\\\"af\",\"file\":\"a.py\",\"line\":21},{\"function\":\"le\\\"af\","
		"\"file\":\"a.py\",\"line\":21},"
		"{\"function\":\"le\\\"af\",\"file\":\"a.py\",\"line\":21},{\"function\":\"le\\\"af\","
		"\"file\":\"a.py\",\"line\":21},"
		"{\"function\":\"le\\\"af\",\"file\":\"a.py\",\"line\":21},{\"function\":\"le\\\"af\","
		"\"file\":\"a.py\",\"line\":21},"
		"{\"function\":\"le\\\"af\",\"file\":\"a.py\",\"line\":21},{\"function\":\"le\\\"af\","
		"\"file\":\"a.py\",\"line\":21},"
		"{\"function\":\"le\\\"af\",\"file\":\"a.py\",\"line\":21},{\"function\":\"le\\\"af\","
		"\"file\":\"a.py\",\"line\":21},"
		"{\"function\":\"le\\\"af\",\"file\":\"a.py\",\"line\":20}]},"
		"{\"tid\":8,\"name\":\"\",\"holds_gil\":false,\"state\":\"sleeping\",\"syscall\":\"syscall "
		"99999\","
		"\"interpreter\":null,\"quality\":\"verified\",\"frames\":["
		"{\"function\":\"(failed)\",\"file\":null,\"line\":null}]}]}\n");
}
END_TEST

/* What a dump after the first one says of these threads. */
static void look_again(struct dump_history *history, struct output_file *file, pid_t pid,
	const char *obstacle, const struct made_up *made_up, size_t count)
{
	const struct dump_header header = {
		.pid = pid, .process_name = "python", .version = "3.11.7", .obstacle = obstacle
	};
	struct dump_thread threads[16];

	ck_assert_uint_le(count, ARRAY_LENGTH(threads));
	for (size_t i = 0; i < count; i++)
		threads[i] = (struct dump_thread){ .sample = made_up[i].sample };
	dump_history_add(history, file, &header, threads, count);
}

static const char *written(struct output_file *file)
{
	ck_assert_int_eq(output_commit(file, &err), 0);
	output_close(file);
	return get("dump");
}

/* One changes its place, one its state, one a caller, one is new, one has ended, the others do nothing. */
START_TEST(test_dump_changes)
{
	struct dump_history *history = dump_history_new(false);
	struct output_file *file = open_output("dump");
	struct made_up before[13], now[13];

	for (int i = 0; i < 13; i++)
		sleeper(&before[i], 100 + i, 8);
	for (int i = 0; i < 13; i++)
		sleeper(&now[i], 100 + i, i == 0 ? 9 : 8);
	now[1].sample.state = THREAD_HOLDS_GIL;
	now[2].sample.syscall_number = 99999;
	before[12].sample.syscall_number = 99999;
	now[12].sample.syscall_number = SYS_restart_syscall;
	made_up_begin(&now[3], 0, 113);
	made_up_push(&now[3], &leaf, 20);
	made_up_begin(&now[4], 0, 104);
	now[4].sample.state = THREAD_SLEEPING;
	made_up_push(&now[4], &leaf, 21);
	now[4].frames[now[4].sample.frame_count] = before[4].frames[1];
	now[4].sample.frame_count++;
	look_again(history, NULL, 7, NULL, before, 13);
	dump_history_end(history, NULL);
	dump_history_begin(file, 1500000000);
	look_again(history, file, 7, NULL, now, 13);
	dump_history_end(history, file);
	ck_assert_str_eq(written(file),
		"\nafter 1.5 s\n"
		"100: worker (sleeps) wait (/srv/pool.py:8) -> wait (/srv/pool.py:9)\n"
		"101*: worker (sleeps -> holds the GIL) wait (/srv/pool.py:8), same\n"
		"102: worker (sleeps -> sleeps in syscall 99999) wait (/srv/pool.py:8), same\n"
		"113*: worker is new (holds the GIL) le\"af (a.py:20)\n"
		"104: worker (sleeps) wait (/srv/pool.py:8), same, called from elsewhere\n"
		"103: worker has ended, was in wait (/srv/pool.py:8)\n"
		"8 threads as before: 105 worker, 106 worker, 107 worker, 108 worker, 109 worker, 110 "
		"worker, "
		"111 worker, 112 worker\n");
	dump_history_free(history);
}
END_TEST

/* A dump is compared with the one before it, process by process; a tid may be in two interpreters. */
START_TEST(test_dump_changes_of_processes)
{
	struct dump_history *history = dump_history_new(true);
	struct output_file *file = open_output("dump");
	struct made_up threads[10];

	for (int i = 0; i < 10; i++)
		sleeper(&threads[i], 100, 8);
	for (int i = 0; i < 10; i++)
		threads[i].sample.interpreter_id = (uint64_t)i;
	look_again(history, NULL, 7, NULL, threads, 10);
	look_again(history, NULL, 8, "no Python", NULL, 0);
	look_again(history, NULL, 9, NULL, NULL, 0);
	dump_history_end(history, NULL);
	look_again(history, file, 7, NULL, threads, 10);
	look_again(history, file, 8, "no Python", NULL, 0);
	dump_history_end(history, file);
	look_again(history, file, 7, NULL, threads, 1);
	dump_history_end(history, file);
	ck_assert_str_eq(written(file),
		"process 7 \"python\": Python 3.11.7\n"
		"10 threads as before: 100 worker, 100 worker, 100 worker, 100 worker, 100 worker, 100 "
		"worker, "
		"100 worker, 100 worker and 2 more\n"
		"process 9 is not seen any more\n"
		"process 7 \"python\": Python 3.11.7\n"
		"100: worker, interpreter 1 has ended, was in wait (/srv/pool.py:8)\n"
		"100: worker, interpreter 2 has ended, was in wait (/srv/pool.py:8)\n"
		"100: worker, interpreter 3 has ended, was in wait (/srv/pool.py:8)\n"
		"100: worker, interpreter 4 has ended, was in wait (/srv/pool.py:8)\n"
		"100: worker, interpreter 5 has ended, was in wait (/srv/pool.py:8)\n"
		"100: worker, interpreter 6 has ended, was in wait (/srv/pool.py:8)\n"
		"100: worker, interpreter 7 has ended, was in wait (/srv/pool.py:8)\n"
		"100: worker, interpreter 8 has ended, was in wait (/srv/pool.py:8)\n"
		"100: worker, interpreter 9 has ended, was in wait (/srv/pool.py:8)\n"
		"1 thread as before: 100 worker\n"
		"process 8 is not seen any more\n");
	dump_history_free(history);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_new_file);
	tcase_add_test(tests, test_older_file);
	tcase_add_test(tests, test_not_committed);
	tcase_add_test(tests, test_umask);
	tcase_add_test(tests, test_link);
	tcase_add_test(tests, test_refused);
	tcase_add_test(tests, test_long_name);
	tcase_add_test(tests, test_disk_full);
	tcase_add_test(tests, test_fifo);
	tcase_add_test(tests, test_closed_pipe);
	tcase_add_test(tests, test_non_blocking_pipe);
	tcase_add_test(tests, test_closed_stdout);
	tcase_add_loop_test(tests, test_descriptor, 0, 3);
	tcase_add_test(tests, test_dump_text);
	tcase_add_test(tests, test_dump_order);
	tcase_add_test(tests, test_dump_json);
	tcase_add_test(tests, test_dump_changes);
	tcase_add_test(tests, test_dump_changes_of_processes);
}

int main(void)
{
	return suite_run("output", add_tests);
}
