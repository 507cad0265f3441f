/* SPDX-License-Identifier: MIT */
/* The tree of stacks counts what a plain list would count, whatever comes after what. */
#include "config.h"

#include "pyrope/profile.h"

#include <stdlib.h>
#include <string.h>

#include "samples.h"
#include "suite.h"

/* The last one is as the second, compiled again. */
static const struct function likes[] = {
	{ .kind = FUNCTION_PYTHON, .file = "a.py", .name = "main", .first_line = 1 },
	{ .kind = FUNCTION_PYTHON, .file = "a.py", .name = "work", .first_line = 10 },
	{ .kind = FUNCTION_PYTHON, .file = "b.py", .name = "work", .first_line = 10 },
	{ .kind = FUNCTION_PYTHON, .file = "a.py", .name = "work", .first_line = 99 },
	{ .kind = FUNCTION_PYTHON, .file = "c.py", .name = "late", .first_line = 1 },
	{ .kind = FUNCTION_MARKER, .file = "", .name = "(idle)" },
	{ .kind = FUNCTION_PYTHON, .file = "a.py", .name = "work", .first_line = 10 },
};

static struct functions *table;
static const struct function *functions[ARRAY_LENGTH(likes)];

static void setup(void)
{
	table = functions_new();
	for (size_t i = 0; i < ARRAY_LENGTH(likes); i++)
		functions[i] = functions_intern(table, &likes[i]);
}

static void teardown(void)
{
	functions_free(table);
}

/* "file:name:line;..." of a node, from the root. */
static char *path_of(const struct profile *profile, uint32_t node)
{
	const struct stack_node *at = &profile_stacks(profile)->nodes[node];
	const struct stack_frame *frame;
	char *outer, *path;

	if (node == 0)
		return xstrdup("");
	ck_assert_uint_lt(at->parent, node);
	frame = &profile_stacks(profile)->frames[at->frame];
	outer = path_of(profile, at->parent);
	path = xasprintf("%s;%s:%s:%d:%d", outer, frame->function->file, frame->function->name,
		frame->function->first_line, frame->line);
	free(outer);
	return path;
}

static uint64_t count_of(const struct profile *profile, const char *path)
{
	uint64_t count = 0;

	for (size_t i = 0; i < profile_stacks(profile)->node_count; i++) {
		char *found = path_of(profile, (uint32_t)i);

		if (strcmp(found, path) == 0)
			count += profile_stacks(profile)->nodes[i].count;
		free(found);
	}
	return count;
}

START_TEST(test_counts)
{
	struct profile *profile = profile_new(table, GROUP_NONE, 1000);
	struct made_up made_up;
	uint32_t node;

	ck_assert_uint_eq(profile_stacks(profile)->node_count, 1);
	for (int i = 0; i < 3; i++) {
		made_up_begin(&made_up, i, 100);
		made_up_push(&made_up, functions[0], 5);
		made_up_push(&made_up, functions[1], 11);
		node = made_up_add(profile, &made_up);
		ck_assert_uint_eq(node, 2);
	}
	made_up_begin(&made_up, 3, 100);
	made_up_push(&made_up, functions[0], 5);
	ck_assert_uint_eq(made_up_add(profile, &made_up), 1);
	made_up_begin(&made_up, 4, 100);
	ck_assert_uint_eq(made_up_add(profile, &made_up), 0);
	ck_assert_uint_eq(count_of(profile, ";a.py:main:1:5;a.py:work:10:11"), 3);
	ck_assert_uint_eq(count_of(profile, ";a.py:main:1:5"), 1);
	ck_assert_uint_eq(count_of(profile, ""), 1);
	ck_assert_uint_eq(profile_samples(profile), 5);
	ck_assert_int_eq(profile_interval_ns(profile), 1000);
	profile_free(profile);
}
END_TEST

START_TEST(test_equal_texts_fold)
{
	struct profile *profile = profile_new(table, GROUP_NONE, 1000);
	struct made_up made_up;
	uint32_t nodes[ARRAY_LENGTH(functions)];

	for (size_t i = 0; i < ARRAY_LENGTH(functions); i++) {
		made_up_begin(&made_up, 0, 100);
		made_up_push(&made_up, functions[i], 11);
		nodes[i] = made_up_add(profile, &made_up);
	}
	ck_assert_uint_eq(nodes[1], nodes[6]);
	ck_assert_uint_ne(nodes[1], nodes[2]);
	ck_assert_uint_ne(nodes[1], nodes[3]);
	ck_assert_uint_eq(profile_stacks(profile)->frame_count, ARRAY_LENGTH(functions) - 1);
	profile_free(profile);
}
END_TEST

START_TEST(test_groups)
{
	struct profile *profile = profile_new(table, GROUP_PROCESS | GROUP_THREAD, 1000);
	struct made_up made_up;

	made_up_begin(&made_up, 0, 101);
	made_up_push(&made_up, functions[0], 5);
	made_up_add(profile, &made_up);
	made_up_begin(&made_up, 1, 102); /* the same frames in another thread are another stack */
	made_up_push(&made_up, functions[0], 5);
	made_up_add(profile, &made_up);
	made_up.sample.thread_name = "renamed";
	made_up_add(profile, &made_up);
	made_up_begin(&made_up, 2, 0); /* idle: nobody's */
	made_up_push(&made_up, functions[5], 0);
	made_up_add(profile, &made_up);
	ck_assert_uint_eq(
		count_of(profile, ";:process 100 \"python3\":0:0;:thread 101 \"worker\":0:0;a.py:main:1:5"),
		1);
	ck_assert_uint_eq(
		count_of(profile, ";:process 100 \"python3\":0:0;:thread 102 \"worker\":0:0;a.py:main:1:5"),
		1);
	ck_assert_uint_eq(
		count_of(profile, ";:process 100 \"python3\":0:0;:thread 102 \"renamed\":0:0;a.py:main:1:5"),
		1);
	ck_assert_uint_eq(count_of(profile, ";:process 100 \"python3\":0:0;:(idle):0:0"), 1);
	profile_free(profile);
}
END_TEST

/*
 * Random walks over few frames share prefixes of every length; a list of all stacks says what must come out.
 *
 */
START_TEST(test_random)
{
	enum { SAMPLES = 3000 };
	static char *stacks[SAMPLES];
	struct profile *profile = profile_new(table, GROUP_NONE, 1000);
	struct made_up made_up;
	uint64_t random = 1, total = 0;

	for (int i = 0; i < SAMPLES; i++) {
		struct buffer stack = { 0 };
		size_t depth;

		random = hash_u64(random);
		depth = random % 6;
		made_up_begin(&made_up, i, 100);
		buffer_append_string(&stack, "");
		for (size_t j = 0; j < depth; j++) {
			const struct function *function;

			random = hash_u64(random);
			function = functions[random % ARRAY_LENGTH(functions)];
			made_up_push(&made_up, function, (int)(random >> 32 & 1));
			buffer_printf(&stack, ";%s:%s:%d:%d", function->file, function->name,
				function->first_line, made_up.frames[j].line);
		}
		made_up_add(profile, &made_up);
		stacks[i] = stack.data;
	}
	for (size_t node = 0; node < profile_stacks(profile)->node_count; node++) {
		char *path = path_of(profile, (uint32_t)node);
		uint64_t expected = 0;

		for (int i = 0; i < SAMPLES; i++)
			expected += strcmp(stacks[i], path) == 0;
		ck_assert_msg(profile_stacks(profile)->nodes[node].count == expected, "%s", path);
		total += expected;
		free(path);
	}
	ck_assert_uint_eq(total, SAMPLES);
	for (int i = 0; i < SAMPLES; i++)
		free(stacks[i]);
	profile_free(profile);
}
END_TEST

START_TEST(test_free_nothing)
{
	profile_free(NULL);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_counts);
	tcase_add_test(tests, test_equal_texts_fold);
	tcase_add_test(tests, test_groups);
	tcase_add_test(tests, test_random);
	tcase_add_test(tests, test_free_nothing);
}

int main(void)
{
	return suite_run("profile", add_tests);
}
