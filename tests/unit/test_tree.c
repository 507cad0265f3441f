/* SPDX-License-Identifier: MIT */
/*
 * Which processes descend from a member. Most tests script what /proc says in a folder of their own; the last
 * ones ask the real one about processes of their own.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/tree.h"
#include "suite.h"

#define DEADLINE_NS INT64_C(60000000000)
#define ROOT 100
#define OTHER 50 /* is no member */

static char folder[64];
static struct tree *tree;
static struct descendant found[4096];
static size_t found_count;

static void check_time(int64_t begin_ns)
{
	ck_assert_int_lt(monotonic_ns() - begin_ns, DEADLINE_NS);
	usleep(1000);
}

/* ---- a scripted /proc ---- */

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

/* In place, for it stays open. */
static void last_number_is(int number)
{
	char text[64];

	snprintf(text, sizeof(text), "0.50 0.40 0.30 2/345 %d\n", number);
	write_file("loadavg", text);
}

static void stat_is(int pid, const char *text)
{
	char name[64];

	snprintf(name, sizeof(name), "%d/stat", pid);
	write_file(name, text);
}

struct script {
	int pid, parent, session, start;
	char state;
	int process; /* whose thread it is; 0: its own */
};

static void process_is(struct script script)
{
	char name[64], text[256];

	snprintf(text, sizeof(text),
		"%d (a) 1 (b) %c %d %d %d 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %d 1000 100\n", script.pid,
		script.state ? script.state : 'S', script.parent, script.parent, script.session,
		script.start);
	stat_is(script.pid, text);
	snprintf(name, sizeof(name), "%d/status", script.pid);
	snprintf(text, sizeof(text), "Name:\ta\nTgid:\t%d\n", script.process ? script.process : script.pid);
	write_file(name, text);
}

static void children_are(int pid, int tid, const char *text)
{
	char name[64];

	snprintf(name, sizeof(name), "%d/task/%d/children", pid, tid);
	write_file(name, text);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static void is_gone(int pid)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%d", folder, pid);
	nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* ROOT is a member, and the first walk is over. */
static void setup_with(size_t limit)
{
	const struct descendant *ignored;

	snprintf(folder, sizeof(folder), "/tmp/pyrope-tree.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	last_number_is(ROOT);
	process_is((struct script){ .pid = OTHER, .parent = 1, .session = OTHER, .start = 5 });
	process_is((struct script){ .pid = ROOT, .parent = OTHER, .session = OTHER, .start = 10 });
	children_are(ROOT, ROOT, "");
	tree = tree_new_at(folder, limit);
	ck_assert(tree_add(tree, ROOT));
	ck_assert_uint_eq(tree_look(tree, &ignored), 0);
}

static void setup(void)
{
	setup_with(1000);
}

static void teardown(void)
{
	tree_free(tree);
	nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void look(void)
{
	const struct descendant *list;
	const size_t count = tree_look(tree, &list);

	ck_assert_uint_le(found_count + count, ARRAY_LENGTH(found));
	if (count)
		memcpy(found + found_count, list, count * sizeof(*list));
	found_count += count;
}

static bool has_found(int pid)
{
	for (size_t i = 0; i < found_count; i++)
		if (found[i].pid == pid)
			return true;
	return false;
}

static void look_until_found(int pid)
{
	const int64_t begin_ns = monotonic_ns();

	for (look(); !has_found(pid); look())
		check_time(begin_ns);
}

/* Everything that a walk finds has been found: a child of ROOT that only a walk finds is there. */
static void wait_for_walk(const char *other_children)
{
	static int number = 100000;
	char text[256];

	/* one that comes and goes makes the next walk an early one */
	process_is((struct script){ .pid = 90000, .parent = OTHER, .session = OTHER, .start = 500 });
	ck_assert(tree_add(tree, 90000));
	tree_remove(tree, 90000);
	is_gone(90000);
	number++;
	process_is((struct script){ .pid = number, .parent = ROOT, .session = OTHER, .start = 500 });
	snprintf(text, sizeof(text), "%s %d ", other_children, number);
	children_are(ROOT, ROOT, text);
	look_until_found(number);
	tree_remove(tree, number);
	is_gone(number);
	found_count--;
}

/* ---- by number ---- */

START_TEST(test_nothing_new)
{
	for (int i = 0; i < 10; i++)
		look();
	ck_assert_uint_eq(found_count, 0);
	ck_assert(!tree_add(tree, 77));  /* there is none */
	ck_assert(tree_add(tree, ROOT)); /* it is one already */
}
END_TEST

/* A child, its child, somebody else's, and a thread, all since the last look. */
START_TEST(test_children)
{
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 11 });
	process_is((struct script){ .pid = 102, .parent = 101, .session = OTHER, .start = 12 });
	process_is((struct script){ .pid = 103, .parent = OTHER, .session = OTHER, .start = 12 });
	process_is((struct script){
		.pid = 104, .parent = OTHER, .session = OTHER, .start = 12, .process = ROOT });
	process_is(
		(struct script){ .pid = 105, .parent = ROOT, .session = OTHER, .start = 12, .process = 101 });
	last_number_is(105);
	look();
	ck_assert_uint_eq(found_count, 2);
	ck_assert_int_eq(found[0].pid, 101);
	ck_assert_int_eq(found[0].parent, ROOT);
	ck_assert_uint_eq(found[0].start_time, 11);
	ck_assert_int_eq(found[1].pid, 102);
	ck_assert_int_eq(found[1].parent, 101);
	look();
	ck_assert_uint_eq(found_count, 2);
}
END_TEST

/* With CLONE_PARENT it is the sister of the one that started it: a member when their parent is one. */
START_TEST(test_clone_parent)
{
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 11 });
	process_is((struct script){
		.pid = 102, .parent = ROOT, .session = OTHER, .start = 12 }); /* started by 101 */
	process_is((struct script){
		.pid = 103, .parent = OTHER, .session = OTHER, .start = 12 }); /* started by ROOT */
	last_number_is(103);
	look();
	ck_assert_uint_eq(found_count, 2);
	ck_assert(has_found(102));
}
END_TEST

/* The number is given away before the process can be seen. */
START_TEST(test_late)
{
	last_number_is(101);
	look();
	look();
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 11 });
	look_until_found(101); /* no walk would */
	ck_assert_uint_eq(found_count, 1);
}
END_TEST

/* ---- by walking ---- */

/* A child can be seen before its parent can, and is nobody's descendant then. */
START_TEST(test_child_before_parent)
{
	process_is((struct script){ .pid = 102, .parent = 101, .session = OTHER, .start = 12 });
	last_number_is(102);
	look();
	ck_assert_uint_eq(found_count, 0);
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 11 });
	children_are(101, 101, "102 ");
	look_until_found(102);
	ck_assert_int_eq(found[0].pid, 101);
	ck_assert_uint_eq(found_count, 2);
}
END_TEST

START_TEST(test_numbers_go_round)
{
	process_is((struct script){ .pid = 3, .parent = ROOT, .session = OTHER, .start = 11 });
	children_are(ROOT, ROOT, "3 ");
	last_number_is(3);
	look_until_found(3);
	ck_assert_uint_eq(found_count, 1);
}
END_TEST

START_TEST(test_too_many_numbers)
{
	process_is((struct script){ .pid = 6000, .parent = ROOT, .session = OTHER, .start = 11 });
	process_is((struct script){ .pid = 6001, .parent = 6000, .session = OTHER, .start = 11 });
	children_are(ROOT, ROOT, "6000 ");
	children_are(6000, 6000, "6001 ");
	last_number_is(6001);
	look_until_found(6001);
	ck_assert_int_eq(found[0].pid, 6000); /* a parent first */
	ck_assert_uint_eq(found_count, 2);
}
END_TEST

START_TEST(test_children_of_threads)
{
	process_is((struct script){ .pid = 90, .parent = ROOT, .session = OTHER, .start = 11 });
	children_are(ROOT, 101, "90 ");
	look_until_found(90);
	ck_assert_uint_eq(found_count, 1);
}
END_TEST

START_TEST(test_without_loadavg)
{
	char path[128];

	tree_free(tree);
	snprintf(path, sizeof(path), "%s/loadavg", folder);
	ck_assert_int_eq(unlink(path), 0);
	tree = tree_new_at(folder, 1000);
	ck_assert(tree_add(tree, ROOT));
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 11 });
	children_are(ROOT, ROOT, "101 ");
	look_until_found(101);
	ck_assert_uint_eq(found_count, 1);
}
END_TEST

/* ---- whose number it is ---- */

START_TEST(test_lives)
{
	static const struct {
		struct script script;
		bool lives;
	} cases[] = {
		{ { .pid = ROOT, .start = 10, .state = 'R' }, true },
		{ { .pid = ROOT, .start = 10, .state = 'T' }, true },
		{ { .pid = ROOT, .start = 10, .state = 'Z' }, false },
		{ { .pid = ROOT, .start = 10, .state = 'X' }, false },
		{ { .pid = ROOT, .start = 11, .state = 'S' }, false },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		process_is(cases[i].script);
		ck_assert_int_eq(tree_lives(tree, ROOT), cases[i].lives);
	}
	process_is(cases[0].script);
	ck_assert(!tree_lives(tree, OTHER));
	tree_remove(tree, ROOT);
	ck_assert(!tree_lives(tree, ROOT));
	is_gone(ROOT);
	ck_assert(!tree_lives(tree, ROOT));
}
END_TEST

/* The number of a member that has ended is a new child's: found once the other one is known to have ended. */
START_TEST(test_number_is_used_again)
{
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 11 });
	last_number_is(101);
	look();
	ck_assert_uint_eq(found_count, 1);
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 99 });
	last_number_is(32000);
	last_number_is(101);
	wait_for_walk("101");
	ck_assert_uint_eq(found_count, 1);
	ck_assert(!tree_lives(tree, 101));
	tree_remove(tree, 101);
	found_count = 0;
	children_are(ROOT, ROOT, "101 ");
	look_until_found(101);
	ck_assert_uint_eq(found_count, 1);
	ck_assert_uint_eq(found[0].start_time, 99);
	ck_assert(tree_lives(tree, 101));
}
END_TEST

/*
 * The number of a member that has ended is a stranger's, who has a child; of the end we know, or do not
 * yet.
 */
START_TEST(test_number_is_a_strangers)
{
	if (_i)
		tree_remove(tree, ROOT);
	process_is((struct script){ .pid = ROOT, .parent = OTHER, .session = OTHER, .start = 99 });
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 100 });
	last_number_is(101);
	for (int i = 0; i < 10; i++)
		look();
	ck_assert_uint_eq(found_count, 0);
}
END_TEST

/* A daemon: its parent has ended, its session was founded by a member. */
START_TEST(test_session)
{
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = 101, .start = 11 });
	last_number_is(101);
	look();
	ck_assert_uint_eq(found_count, 1);
	tree_remove(tree, 101);
	is_gone(101);
	process_is((struct script){ .pid = 102, .parent = 1, .session = 101, .start = 12 });
	process_is((struct script){ .pid = 103,
		.parent = 1,
		.session = 103,
		.start = 12 }); /* has one of its own, and is nobody's child */
	last_number_is(103);
	look();
	ck_assert_uint_eq(found_count, 2);
	ck_assert(has_found(102));
}
END_TEST

/* A founder that is gone: a stranger has its number and has founded another session, is there or was seen. */
START_TEST(test_session_of_a_stranger)
{
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = 101, .start = 11 });
	last_number_is(101);
	look();
	ck_assert_uint_eq(found_count, 1);
	tree_remove(tree, 101);
	process_is((struct script){ .pid = 101, .parent = OTHER, .session = 101, .start = 50 });
	if (_i) {
		last_number_is(100);
		look();
		last_number_is(101);
		look();
		is_gone(101);
	}
	process_is((struct script){ .pid = 102, .parent = 1, .session = 101, .start = 51 });
	last_number_is(102);
	for (int i = 0; i < 10; i++)
		look();
	ck_assert_uint_eq(found_count, 1);
}
END_TEST

/* ---- limits ---- */

START_TEST(test_limit)
{
	char children[8192] = "";
	size_t length = 0;

	for (int pid = 101; pid <= 1150; pid++) {
		process_is((struct script){ .pid = pid, .parent = ROOT, .session = OTHER, .start = pid });
		length += (size_t)snprintf(children + length, sizeof(children) - length, "%d ", pid);
	}
	children_are(ROOT, ROOT, children);
	last_number_is(1150);
	look();
	ck_assert_uint_eq(found_count, 999);
	ck_assert_uint_eq(tree_left_out(tree), 51);
	ck_assert(!tree_add(tree, OTHER));
	/* a walk finds them again: counted once, and let in when there is room */
	tree_remove(tree, 101);
	is_gone(101);
	look_until_found(1100);
	ck_assert_uint_eq(found_count, 1000);
	ck_assert_uint_eq(tree_left_out(tree), 51);
}
END_TEST

/* Those that are gone are forgotten, those that live are not. */
START_TEST(test_many_come_and_go)
{
	for (int pid = 101; pid <= 5100; pid++) {
		process_is((struct script){ .pid = pid, .parent = ROOT, .session = OTHER, .start = pid });
		last_number_is(pid);
		found_count = 0;
		look();
		ck_assert_uint_eq(found_count, 1);
		ck_assert_uint_eq(found[0].start_time, (uint64_t)pid);
		tree_remove(tree, pid);
		is_gone(pid);
	}
	ck_assert_uint_eq(tree_left_out(tree), 0);
	ck_assert(tree_lives(tree, ROOT));
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 20000 });
	last_number_is(101);
	children_are(ROOT, ROOT, "101 ");
	found_count = 0;
	look_until_found(101);
}
END_TEST

/* ---- what cannot be read ---- */

START_TEST(test_bad_stat)
{
	static const char *const texts[] = { "", "\n", "101", "101 (a", "101 (a)", "101 (a) ", "101 (a) S",
		"101 (a) S 100", "101 (a) S 100 100 50 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0",
		"101 (a) S x y z", "(((((((", ")", ") ",
		"101 (a) S 100 100 50 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 x" };

	char children[256] = "", name[64];
	size_t length = 0;

	for (int i = 0; i < (int)ARRAY_LENGTH(texts); i++) {
		stat_is(101 + i, texts[i]);
		snprintf(name, sizeof(name), "%d/status", 101 + i);
		snprintf(children + length, sizeof(children) - length, "Tgid:\t%d\n", 101 + i);
		write_file(name, children + length);
		length += (size_t)snprintf(children + length, sizeof(children) - length, "%d ", 101 + i);
		ck_assert(!tree_add(tree, 101 + i));
	}
	last_number_is(100 + (int)ARRAY_LENGTH(texts));
	wait_for_walk(children);
	ck_assert_uint_eq(found_count, 0);
}
END_TEST

/* The name may have anything in it, as long as a name may be. */
START_TEST(test_bad_name)
{
	stat_is(101,
		"101 () S 1 1 1 0 -1 4194560 1) R 100 100 50 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12 1000 "
		"100\n");
	write_file("101/status", "Name:\tTgid: 7\nTgid:\t101\n");
	last_number_is(101);
	look();
	ck_assert_uint_eq(found_count, 1);
	ck_assert_int_eq(found[0].parent, ROOT);
	ck_assert_uint_eq(found[0].start_time, 12);
}
END_TEST

/* Folders and endless lists in the place of files. */
START_TEST(test_bad_files)
{
	char *many = xmalloc(200001);

	for (int i = 0; i < 200000; i += 4)
		memcpy(many + i, "999 ", 4);
	many[200000] = '\0';
	process_is((struct script){ .pid = 101, .parent = ROOT, .session = OTHER, .start = 11 });
	children_are(ROOT, ROOT, "-5 0 99999999999999999999 4294967397 x 101 ");
	children_are(ROOT, 102, many);
	write_file("100/task/103/children/x", "");
	write_file("104/stat/x", "");
	last_number_is(104);
	tree_remove(tree, 101);
	look();
	ck_assert_uint_eq(found_count, 1); /* by its number */
	for (int i = 0; i < 10; i++)
		look();
	write_file("loadavg", "no number");
	wait_for_walk("");
	write_file("loadavg", "");
	wait_for_walk("");
	last_number_is(-7);
	wait_for_walk("");
	ck_assert_uint_eq(found_count, 1);
	free(many);
}
END_TEST

START_TEST(test_no_proc)
{
	struct tree *none = tree_new_at("/nonexistent", 10);
	const struct descendant *list;

	ck_assert(!tree_add(none, getpid()));
	ck_assert_uint_eq(tree_look(none, &list), 0);
	ck_assert(!tree_lives(none, getpid()));
	tree_free(none);
	tree_free(NULL);
}
END_TEST

START_TEST(test_cgroup)
{
	char path[128];
	struct error err = { 0 };

	snprintf(path, sizeof(path), "%s/group", folder);
	write_file("group/cgroup.procs", "50\n0\n-3\n");
	write_file("group/below/cgroup.procs", "51\n52\nx\n");
	process_is((struct script){ .pid = 51, .parent = 1, .session = 1, .start = 11 });
	process_is((struct script){ .pid = 52, .parent = 1, .session = 1, .start = 11, .state = 'Z' });
	ck_assert_msg(tree_add_cgroup(tree, path, &err) == 0, "%s", err.message);
	look_until_found(51);
	ck_assert(has_found(OTHER));
	ck_assert_uint_eq(found_count, 2);
	ck_assert(tree_awaits(tree));
	nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	ck_assert(!tree_awaits(tree));
}
END_TEST

/* ---- real processes ---- */

enum kind { FORK, THREAD, CLONE_SISTER, DAEMON, KINDS };

static struct shared {
	atomic_int root, pids[8]; /* what there is to be found, in no order */
	atomic_int count, go_on;
} * shared;

static void sleep_for_good(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	atomic_store(&shared->pids[atomic_fetch_add(&shared->count, 1)], getpid());
	for (;;)
		pause();
}

static int sleep_in_clone(void *ignored)
{
	sleep_for_good();
	return ignored != NULL;
}

static void *fork_in_thread(void *ignored)
{
	if (fork() == 0)
		sleep_for_good();
	pause();
	return ignored;
}

static void start_child(enum kind kind)
{
	static char stack[65536] __attribute__((aligned(16)));
	pthread_t thread;

	if (kind == FORK && fork() == 0)
		sleep_for_good();
	if (kind == THREAD)
		pthread_create(&thread, NULL, fork_in_thread, NULL);
	if (kind == CLONE_SISTER && fork() == 0) {
		clone(sleep_in_clone, stack + sizeof(stack), CLONE_PARENT | SIGCHLD, NULL);
		sleep_for_good();
	}
	if (kind == DAEMON && fork() == 0) {
		setsid();
		if (fork() == 0)
			sleep_for_good();
		sleep_for_good();
	}
}

/* A child of ours starts children; they are not found because they were ours: we are pyrope. */
START_TEST(test_real)
{
	static const int counts[KINDS] = { 1, 1, 2, 2 };
	const int64_t begin_ns = monotonic_ns();
	pid_t root;

	if (_i == CLONE_SISTER && getenv("PYROPE_TEST_EMULATOR"))
		return; /* qemu-user knows no clone but fork, vfork and those of threads */
	root = fork();
	if (root == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (!atomic_load(&shared->go_on))
			usleep(1000);
		start_child((enum kind)_i);
		for (;;)
			pause();
	}
	tree = tree_new(10);
	ck_assert(tree_add(tree, root));
	look();
	ck_assert_uint_eq(found_count, 0);
	atomic_store(&shared->go_on, 1);
	for (int i = 0; i < counts[_i]; i++) {
		while (!shared->pids[i])
			check_time(begin_ns);
		look_until_found(shared->pids[i]);
		ck_assert(tree_lives(tree, shared->pids[i]));
	}
	ck_assert_uint_eq(found_count, (size_t)counts[_i]);
	/* a zombie does not live, nor does one that nobody knows any more */
	kill(root, SIGKILL);
	while (tree_lives(tree, root))
		check_time(begin_ns);
	waitpid(root, NULL, 0);
	ck_assert(!tree_lives(tree, root));
	for (int i = 0; i < counts[_i]; i++)
		while (tree_lives(tree, shared->pids[i]))
			check_time(begin_ns);
	tree_free(tree);
}
END_TEST

static void setup_real(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void add_scripted_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_nothing_new);
	tcase_add_test(tests, test_children);
	tcase_add_test(tests, test_clone_parent);
	tcase_add_test(tests, test_late);
	tcase_add_test(tests, test_child_before_parent);
	tcase_add_test(tests, test_numbers_go_round);
	tcase_add_test(tests, test_too_many_numbers);
	tcase_add_test(tests, test_children_of_threads);
	tcase_add_test(tests, test_without_loadavg);
	tcase_add_test(tests, test_lives);
	tcase_add_test(tests, test_number_is_used_again);
	tcase_add_loop_test(tests, test_number_is_a_strangers, 0, 2);
	tcase_add_test(tests, test_session);
	tcase_add_loop_test(tests, test_session_of_a_stranger, 0, 2);
	tcase_add_test(tests, test_limit);
	tcase_add_test(tests, test_many_come_and_go);
	tcase_add_test(tests, test_bad_stat);
	tcase_add_test(tests, test_bad_name);
	tcase_add_test(tests, test_bad_files);
	tcase_add_test(tests, test_no_proc);
	tcase_add_test(tests, test_cgroup);
}

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup_real, NULL);
	tcase_add_loop_test(tests, test_real, 0, KINDS);
}

int main(void)
{
	Suite *suite = suite_create("tree");
	TCase *scripted = tcase_create("scripted"), *real = tcase_create("real");

	tcase_set_timeout(scripted, 120);
	add_scripted_tests(scripted);
	add_tests(real);
	suite_add_tcase(suite, scripted);
	suite_add_tcase(suite, real);
	return suite_print(suite);
}
