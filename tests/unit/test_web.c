/* SPDX-License-Identifier: MIT */
/* The parts of serve that a client's text goes through, and the child that reads profiles. */
#include "config.h"

#include "web/entry.h"
#include "web/sandbox.h"
#include "web/tries.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

START_TEST(test_names)
{
	static const char *const cases[][2] = {
		{ "/service.pyrope", "service.pyrope" },
		{ "/", "profile" },
		{ "/../../etc/passwd", "passwd" },
		{ "/a\\b.txt", "b.txt" },
		{ "/..", "profile" },
		{ "/.hidden", "hidden" },
		{ "/-rf", "rf" },
		{ "/a\nb\x1b[0m", "a b[0m" },
	};
	char name[WEB_NAME_BYTES];

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		web_name_clean(name, cases[i][0], strlen(cases[i][0]));
		ck_assert_str_eq(name, cases[i][1]);
	}
}
END_TEST

START_TEST(test_long_name)
{
	char path[4 * WEB_NAME_BYTES], name[WEB_NAME_BYTES];

	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = "\xc3\xa9"[i % 2];
	web_name_clean(name, path, sizeof(path));
	ck_assert_uint_eq(strlen(name), (WEB_NAME_BYTES - 1) / 2 * 2);
}
END_TEST

START_TEST(test_labels)
{
	struct web_labels labels;
	struct error err = { 0 };
	struct buffer many = { 0 };

	ck_assert_int_eq(web_labels_parse(&labels, "env=prod&branch=a%20b+c&host=web-1&flag", &err), 0);
	ck_assert_str_eq(labels.text, "env=prod\nbranch=a b c\nflag=\n");
	ck_assert_str_eq(labels.host, "web-1");
	ck_assert_int_eq(web_labels_parse(&labels, "a%20b=1", &err), -1);
	ck_assert_int_eq(web_labels_parse(&labels, "=1", &err), -1);
	for (int i = 0; i < WEB_LABELS; i++) { /* the longest that there may be */
		buffer_printf(&many, "&%0*d=", WEB_LABEL_BYTES, i);
		for (int j = 0; j < WEB_VALUE_BYTES; j++)
			buffer_append_string(&many, "%ff");
	}
	ck_assert_int_eq(web_labels_parse(&labels, many.data, &err), 0);
	ck_assert_uint_lt(strlen(labels.text), sizeof(labels.text));
	buffer_append_string(&many, "&one=more");
	ck_assert_int_eq(web_labels_parse(&labels, many.data, &err), -1);
	buffer_release(&many);
}
END_TEST

START_TEST(test_targets)
{
	static const struct {
		const char *method, *address;
		enum web_route route;
	} cases[] = {
		{ "GET", "/", ROUTE_PAGE },
		{ "GET", "/?x=1", ROUTE_PAGE },
		{ "GET", "/page.js", ROUTE_PAGE },
		{ "GET", "/page.jsx", ROUTE_NONE },
		{ "GET", "/p/0123456789abcdef", ROUTE_PROFILE },
		{ "GET", "/p/0123456789abcdef/svg", ROUTE_PROFILE },
		{ "GET", "/p/0123456789abcdef/", ROUTE_NONE },
		{ "GET", "/p/0123456789ABCDEF", ROUTE_NONE },
		{ "GET", "/p/0123456789abcde", ROUTE_NONE },
		{ "GET", "/p/0123456789abcdef0", ROUTE_NONE },
		{ "GET", "/p/../../etc", ROUTE_NONE },
		{ "GET", "/p/0123456789abcdef%00/svg", ROUTE_NONE },
		{ "DELETE", "/p/0123456789abcdef", ROUTE_DELETE },
		{ "DELETE", "/p/0123456789abcdef/svg", ROUTE_NONE },
		{ "DELETE", "/", ROUTE_NONE },
		{ "GET", "/diff/0123456789abcdef/0123456789abcdef", ROUTE_DIFF },
		{ "GET", "/diff/0123456789abcdef", ROUTE_NONE },
		{ "PUT", "/anything/x.pyrope", ROUTE_UPLOAD },
		{ "PATCH", "/x", ROUTE_NONE },
	};
	struct web_target target;

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		web_target_parse(&target, cases[i].method, cases[i].address);
		ck_assert_msg(target.route == cases[i].route, "%s %s is %d", cases[i].method,
			cases[i].address, (int)target.route);
	}
}
END_TEST

START_TEST(test_senders)
{
	static const char *const names[] = { "localhost", "profiles.example" };
	static const char *const own[] = { "localhost", "LOCALHOST:80", "profiles.example:5000",
		"127.0.0.1:1", "10.0.0.1", "[::1]", "[::1]:5000", "[2001:db8::1]:80" };
	static const char *const others[] = { "", "evil.example", "localhost.evil.example", "localhost:80:80",
		"localhost:x", "127.0.0.1.evil.example", "::1", "[::1", "[evil]", "127.1.evil", "0x7f.1" };

	for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
		ck_assert_msg(web_host_is_own(own[i], names, 2), "%s", own[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		ck_assert_msg(!web_host_is_own(others[i], names, 2), "%s", others[i]);
	ck_assert(!web_host_is_own(NULL, names, 2));
	ck_assert(web_origin_is_own(NULL, "localhost:5000"));
	ck_assert(web_origin_is_own("http://localhost:5000", "localhost:5000"));
	ck_assert(!web_origin_is_own("http://localhost:5001", "localhost:5000"));
	ck_assert(!web_origin_is_own("null", "localhost:5000"));
	ck_assert(!web_origin_is_own("http://localhost:5000.evil.example", "localhost:5000"));
	ck_assert(web_fetch_is_own(NULL, NULL, false));
	ck_assert(web_fetch_is_own("same-origin", "cors", false));
	ck_assert(!web_fetch_is_own("same-site", "cors", false));
	ck_assert(!web_fetch_is_own("cross-site", "navigate", false));
	ck_assert(web_fetch_is_own("cross-site", "navigate", true));
	ck_assert(web_is_equal_secret("abc", "abc") && !web_is_equal_secret("abc", "abd") &&
		!web_is_equal_secret("abc", "ab") && !web_is_equal_secret("ab", "abc"));
}
END_TEST

/* An address as a number. */
static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage storage = { .ss_family = strchr(text, ':') ? AF_INET6 : AF_INET };

	ck_assert_int_eq(
		inet_pton(storage.ss_family, text,
			storage.ss_family == AF_INET6 ? (void *)&((struct sockaddr_in6 *)&storage)->sin6_addr
						      : (void *)&((struct sockaddr_in *)&storage)->sin_addr),
		1);
	return storage;
}

static int64_t wait_of(const struct tries *tries, const char *address, int64_t now_ns)
{
	const struct sockaddr_storage storage = address_of(address);

	return tries_wait_ns(tries, (const struct sockaddr *)&storage, now_ns);
}

static void note(struct tries *tries, const char *address, int64_t now_ns)
{
	const struct sockaddr_storage storage = address_of(address);

	tries_note(tries, (const struct sockaddr *)&storage, now_ns);
}

START_TEST(test_tries)
{
	struct tries *tries = calloc(1, sizeof(*tries));
	const int64_t start = INT64_C(1000000000000);
	char other[32];

	for (int i = 0; i < TRIES_AT_ONCE; i++) {
		ck_assert_int_eq(wait_of(tries, "192.0.2.1", start), 0);
		note(tries, "192.0.2.1", start);
	}
	ck_assert_int_eq(wait_of(tries, "192.0.2.1", start), TRY_NS);
	ck_assert_int_eq(wait_of(tries, "192.0.2.1", start + TRY_NS), 0);
	ck_assert_int_eq(wait_of(tries, "192.0.2.2", start), 0);
	ck_assert_int_eq(wait_of(tries, "::ffff:192.0.2.1", start), TRY_NS);
	/* one more in each interval, and all again after a minute */
	note(tries, "192.0.2.1", start + TRY_NS);
	ck_assert_int_gt(wait_of(tries, "192.0.2.1", start + TRY_NS), 0);
	ck_assert_int_eq(wait_of(tries, "192.0.2.1", start + 20 * TRY_NS), 0);
	/* a network of IPv6 is one */
	for (int i = 0; i < TRIES_AT_ONCE; i++) {
		snprintf(other, sizeof(other), "2001:db8::%x", i + 1);
		note(tries, other, start);
	}
	ck_assert_int_gt(wait_of(tries, "2001:db8::ffff", start), 0);
	ck_assert_int_eq(wait_of(tries, "2001:db8:0:1::1", start), 0);
	/* who has tried once makes room, who may not try stays */
	for (int i = 0; i < 2 * TRIED_ADDRESSES; i++) {
		snprintf(other, sizeof(other), "10.0.%d.%d", i / 256, i % 256);
		note(tries, other, start);
	}
	ck_assert_uint_eq(tries->count, TRIED_ADDRESSES);
	ck_assert_int_gt(wait_of(tries, "2001:db8::1", start), 0);
	free(tries);
}
END_TEST

START_TEST(test_entry)
{
	struct web_entry entry = { .id = "0123456789abcdef",
		.name = "service.pyrope",
		.labels = "env=prod\nb=a%b\n",
		.received_ms = 12,
		.facts = { .samples = 7, .start_ms = 5, .host = "web-1", .command = "python3 a=b" } };
	struct web_entry again;
	struct buffer text = { 0 };

	web_entry_write(&entry, &text);
	ck_assert(web_entry_parse(&again, text.data, text.length));
	ck_assert_str_eq(again.name, entry.name);
	ck_assert_str_eq(again.labels, entry.labels);
	ck_assert_str_eq(again.facts.host, entry.facts.host);
	ck_assert_str_eq(again.facts.command, entry.facts.command);
	ck_assert_uint_eq(again.facts.samples, 7);
	ck_assert_int_eq(again.received_ms, 12);
	for (size_t length = 0; length < text.length; length++)
		web_entry_parse(&again, text.data, length);
	ck_assert(!web_entry_parse(&again, "x", 1));
	buffer_release(&text);
}
END_TEST

/* ---- the child ---- */

/* Runs in the sandbox; the exit code is the number of the first thing that it could do. */
static int try_everything(void)
{
	char byte;
	int fd;

	if (open("/etc/passwd", O_RDONLY) >= 0 || open("/dev/null", O_RDWR) >= 0)
		return 1;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
		return 2;
	if (fork() >= 0)
		return 3;
	if (kill(getppid(), 0) == 0)
		return 4;
	/* a sanitizer, which maps code, is allowed more; an emulator has no filters */
	if (!IS_SANITIZED &&
		mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 5;
	if (unlink("/tmp/nothing-there") == 0 || errno != EPERM || mkdir("/tmp/pyrope-no", 0700) == 0)
		return 6;
	if (write(5, &byte, 1) > 0) /* was open before */
		return 7;
	fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	if (fd < 0)
		fd = memfd_create("x", 0);
	if (fd < 0 || write(fd, "x", 1) != 1)
		return 8;
	return 0;
}

START_TEST(test_sandbox)
{
	const struct sandbox_limits limits = { UINT64_C(1) << 32, 1 << 20, 10 };
	struct error err = { 0 };
	pid_t child;
	int status, kept;

	if (getenv("PYROPE_TEST_EMULATOR"))
		return;
	kept = open("/dev/null", O_RDWR);
	dup2(kept, 5);
	child = fork();
	if (child == 0)
		_exit(sandbox_enter(NULL, 0, &limits, &err) == 0 ? try_everything() : 99);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	close(kept);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_names);
	tcase_add_test(tests, test_long_name);
	tcase_add_test(tests, test_labels);
	tcase_add_test(tests, test_targets);
	tcase_add_test(tests, test_senders);
	tcase_add_test(tests, test_tries);
	tcase_add_test(tests, test_entry);
	tcase_add_test(tests, test_sandbox);
}

int main(void)
{
	return suite_run("web", add_tests);
}
