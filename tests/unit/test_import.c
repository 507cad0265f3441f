/* SPDX-License-Identifier: MIT */
/* Collapsed stacks as several tools write them, and what only looks like them. */
#include "config.h"

#include "pyrope/recording.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"

static struct functions *functions;

/* ---- a sink that writes down what it is given: "WEIGHT kind|file|name|line ..." ---- */

struct notes {
	struct sink sink;
	struct buffer text;
	bool refuses;
};

static int note(struct sink *sink, const struct event *event, struct error *err)
{
	struct notes *notes = (struct notes *)sink;

	if (notes->refuses)
		return error_set(err, ERROR_SYSTEM, "refused");
	ck_assert_int_eq(event->kind, EVENT_SAMPLE);
	buffer_append_uint(&notes->text, event->weight);
	for (size_t i = 0; i < event->sample->frame_count; i++) {
		const struct sample_frame *frame = &event->sample->frames[i];

		buffer_printf(&notes->text, " %c|%s|%s|%d", "pmn"[frame->function->kind],
			frame -> function -> file, frame -> function -> name, frame -> line);
	}
	buffer_append_char(&notes->text, '\n');
	return 0;
}

static int import(const void *bytes, size_t length, struct notes *notes, struct error *err)
{
	int fd = memfd_create("collapsed", MFD_CLOEXEC), result;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
	lseek(fd, 0, SEEK_SET);
	*notes = (struct notes){ .sink = { .take = note }, .refuses = notes->refuses };
	buffer_append_string(&notes->text, "");
	memset(err, 0, sizeof(*err));
	result = collapsed_read(fd, "x.txt", functions, &notes->sink, err);
	close(fd);
	return result;
}

static void setup(void)
{
	functions = functions_new();
}

static void teardown(void)
{
	functions_free(functions);
}

static const struct {
	const char *text, *wanted;
} readable[] = {
	/* pyrope and pyflame */
	{ "a.py:main:3;b.py:work:10 5\n", "5 p|a.py|main|3 p|b.py|work|10\n" },
	{ "a.py:main:3;(idle) 2\n", "2 p|a.py|main|3 m||(idle)|0\n" },
	{ "a.py:main;b.py:C.work 5\n", "5 p|a.py|main|0 p|b.py|C.work|0\n" },
	{ "<frozen importlib._bootstrap>:_find_and_load:1027 1\n",
		"1 p|<frozen importlib._bootstrap>|_find_and_load|1027\n" },
	{ "/a b/c.py:<module>:1;/a b/c.py:<lambda>:7 1\n",
		"1 p|/a b/c.py|<module>|1 p|/a b/c.py|<lambda>|7\n" },
	{ "C:/x.py:main:3 1\n", "1 p|C:/x.py|main|3\n" },
	/* py-spy record -f raw */
	{ "main (a.py:3);work (lib/b.py:10) 5\n", "5 p|a.py|main|3 p|lib/b.py|work|10\n" },
	{ "<module> (a b.py:3);<genexpr> (a b.py) 5\n", "5 p|a b.py|<module>|3 p|a b.py|<genexpr>|0\n" },
	{ "MainThread;main (a.py:3) 5\n", "5 n||MainThread|0 p|a.py|main|3\n" },
	/* perf script, collapsed */
	{ "python3;_start;__libc_start_main;[unknown];std::sort<int*> 7\n",
		"7 n||python3|0 n||_start|0 n||__libc_start_main|0 n||[unknown]|0 p|std:|sort<int*>|0\n" },
	{ "py::main:/srv/a.py;ceval.c 7\n", "7 p|py::main|/srv/a.py|0 n||ceval.c|0\n" },
	/* how lines end */
	{ "a:b:1 1", "1 p|a|b|1\n" },
	{ "a:b:1 1\r\nc:d:2 2\r\n", "1 p|a|b|1\n2 p|c|d|2\n" },
	{ "\n\na:b:1 1\n\n", "1 p|a|b|1\n" },
	{ "# a comment;of another tool\na:b:1 1\n", "1 p|a|b|1\n" },
	{ "", "" },
	{ "\n", "" },
	/* counts */
	{ "a:b:1 0\nc:d:2 2\n", "2 p|c|d|2\n" },
	{ "a:b:1 0\n", "" },
	{ "a:b:1 18446744073709551\n", "18446744073709551 p|a|b|1\n" },
	{ "a:b:1 007\n", "7 p|a|b|1\n" },
	/* frames that say little */
	{ " 5\n", "5\n" },
	{ "; 5\n", "5 n|||0\n" },
	{ ";; 5\n", "5 n|||0 n|||0\n" },
	{ ":;a:;:b;:: 1\n", "1 n||:|0 n||a:|0 n||:b|0 n||::|0\n" },
	{ "a:b:99999999999 1\n", "1 p|a:b|99999999999|0\n" },
	{ "( 1\n", "1 m||(|0\n" },
	{ "f () 1\n", "1 p||f|0\n" },
	{ "f (:) 1\n", "1 p|:|f|0\n" },
	{ "f (:3) 1\n", "1 p||f|3\n" },
	{ "f (a (b:3) 1\n", "1 p|b|f (a|3\n" },
};

START_TEST(each_form_is_read)
{
	struct notes notes = { 0 };
	struct error err;

	ck_assert_msg(import(readable[_i].text, strlen(readable[_i].text), &notes, &err) == 0, "%s: %s",
		readable[_i].text, err.message);
	ck_assert_msg(strcmp(notes.text.data, readable[_i].wanted) == 0, "'%s' is\n%s, not\n%s",
		readable[_i].text, notes.text.data, readable[_i].wanted);
	buffer_release(&notes.text);
}
END_TEST

static const struct {
	const char *text, *message;
} refused[] = {
	{ "a:b:1\n", "line 1: no number at its end" },
	{ "a:b:1 1\na:b:1 \n", "line 2: no number at its end" },
	{ "a:b:1 -5\n", "line 1: no number at its end" },
	{ "a:b:1 5x\n", "line 1: '5x' is no number of samples" },
	{ "a:b:1 1.5\n", "line 1: '1.5' is no number of samples" },
	{ "a:b:1 1e3\n", "line 1: '1e3' is no number of samples" },
	{ "a:b:1 99999999999999999999999999\n", "line 1: its number is too large" },
	{ "a:b:1 18446744073709551616\n", "line 1: its number is too large" },
	{ "a:b:1 18000000000000000\na:b:1 18000000000000000\na:b:1 18000000000000000\n"
	  "a:b:1 18000000000000000\na:b:1 18000000000000000\nc:d:2 1\n",
		"line 6: its number is too large" },
	{ "\r\n\r\nno\r\n", "line 3: no number at its end" },
	{ "{\"x\": 1}\n", "line 1: '1}' is no number of samples" },
};

START_TEST(what_is_none_is_told_with_its_line)
{
	struct notes notes = { 0 };
	struct error err;

	ck_assert_int_eq(import(refused[_i].text, strlen(refused[_i].text), &notes, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
	ck_assert_msg(strstr(err.message, refused[_i].message) && strstr(err.message, "'x.txt'"), "'%s': %s",
		refused[_i].text, err.message);
	buffer_release(&notes.text);
}
END_TEST

/* Bytes that are no text, in every place. */
START_TEST(other_bytes_do_no_harm)
{
	struct notes notes = { 0 };
	struct error err;

	for (int byte = 0; byte < 256; byte++) {
		char text[] = "?a:b?c:1?;?f (x?y:3?) 4\n";

		for (char *at = text; (at = strchr(at, '?')); at++)
			*at = (char)byte;
		if (import(text, sizeof(text) - 1, &notes, &err) != 0)
			ck_assert_msg(err.message[0] && byte != 'x', "%d", byte);
		for (const char *at = notes.text.data; *at; at++)
			ck_assert_msg((unsigned char)*at >= ' ' || *at == '\n', "%d", byte);
		buffer_release(&notes.text);
	}
}
END_TEST

/* A line as long as it may be, and one that is longer; a million frames are no trouble. */
START_TEST(lines_have_a_limit)
{
	const size_t limit = 16u << 20;
	char *text = xmalloc(limit + 3);
	struct notes notes = { 0 };
	struct error err;

	for (size_t i = 0; i < limit; i++)
		text[i] = i % 2 ? ';' : 'a';
	memcpy(text + limit - 3, ";a 1\n", 6);
	ck_assert_int_eq(import(text, limit + 2, &notes, &err), -1);
	ck_assert_msg(strstr(err.message, "line 1: longer than 16777216 bytes"), "%s", err.message);
	buffer_release(&notes.text);
	memcpy(text + limit - 4, ";a 1\n", 6);
	ck_assert_msg(import(text, limit + 1, &notes, &err) == 0, "%s", err.message);
	ck_assert(strncmp(notes.text.data, "1 n||a|0 n||a|0", 15) == 0);
	buffer_release(&notes.text);
	free(text);
}
END_TEST

/*
 * More texts than are kept beside their frames, longer than a line that is read where it stands, and
 * cleaned ones: each is itself.
 */
START_TEST(many_texts_are_told_apart)
{
	enum { TEXTS = 100000 };
	struct buffer text = { 0 }, wanted = { 0 };
	struct notes notes = { 0 };
	struct error err;

	for (int i = 0; i < TEXTS; i++) {
		/* one that was met long ago, one that was just met, one that differs in its middle */
		for (int j = 0; j < 3; j++) {
			const int number = j == 0 ? i / 2 : i;

			buffer_printf(&text, "%sa%d%s.py:work:%d", j ? ";" : "", number, j == 2 ? "x" : "y",
				number % 9 + 1);
			buffer_printf(&wanted, "%s p|a%d%s.py|work|%d", j ? "" : "1", number,
				j == 2 ? "x" : "y", number % 9 + 1);
		}
		buffer_append_string(&text,
			i % 7 ? " 1\n"
			      : ";\x01"
				"b.py:f\x7f:1 1\n");
		buffer_append_string(&wanted, i % 7 ? "\n" : " p|b.py|f|1\n");
	}
	ck_assert_msg(import(text.data, text.length, &notes, &err) == 0, "%s", err.message);
	ck_assert(strcmp(notes.text.data, wanted.data) == 0);
	buffer_release(&notes.text);
	buffer_release(&text);
	buffer_release(&wanted);
}
END_TEST

START_TEST(a_refusal_ends_the_reading)
{
	struct notes notes = { .refuses = true };
	struct error err;

	ck_assert_int_eq(import("a:b:1 1\nno\n", 11, &notes, &err), -1);
	ck_assert_str_eq(err.message, "refused");
	buffer_release(&notes.text);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, each_form_is_read, 0, ARRAY_LENGTH(readable));
	tcase_add_loop_test(tests, what_is_none_is_told_with_its_line, 0, ARRAY_LENGTH(refused));
	tcase_add_test(tests, other_bytes_do_no_harm);
	tcase_add_test(tests, lines_have_a_limit);
	tcase_add_test(tests, many_texts_are_told_apart);
	tcase_add_test(tests, a_refusal_ends_the_reading);
}

int main(void)
{
	return suite_run("import", add_tests);
}
