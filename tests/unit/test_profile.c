/* SPDX-License-Identifier: MIT */
/* The tree of stacks counts what a plain list would count, whatever comes after what. */
#include "config.h"

#include "pyrope/profile.h"

#include <stdlib.h>
#include <string.h>

#include "samples.h"
#include "suite.h"

static const struct function functions[] = {
	{ .id = 1, .kind = FUNCTION_PYTHON, .file = "a.py", .name = "main", .first_line = 1 },
	{ .id = 2, .kind = FUNCTION_PYTHON, .file = "a.py", .name = "work", .first_line = 10 },
	{ .id = 3, .kind = FUNCTION_PYTHON, .file = "b.py", .name = "work", .first_line = 10 },
	{ .id = 4,
		.kind = FUNCTION_PYTHON,
		.file = "a.py",
		.name = "work",
		.first_line = 10 }, /* as 2, compiled again */
	{ .id = 5,
		.kind = FUNCTION_PYTHON,
		.file = "a.py",
		.name = "work",
		.first_line = 99 }, /* another of that name */
	{ .id = (UINT64_C(1) << 32) + 1,
		.kind = FUNCTION_PYTHON,
		.file = "c.py",
		.name = "late",
		.first_line = 1 },
	{ .id = 7, .kind = FUNCTION_MARKER, .file = "", .name = "(idle)" },
};

/* "file:name:line;..." of a node, from the root. */
static char *path_of(const struct profile *profile, uint32_t node)
{
	const struct profile_node *at = &profile_nodes(profile)[node];
	const struct profile_frame *frame;
	char *outer, *path;

	if (node == 0)
		return xstrdup("");
	ck_assert_uint_lt(at->parent, node);
	frame = profile_frame(profile, at->frame);
	outer = path_of(profile, at->parent);
	path = xasprintf("%s;%s:%s:%d:%d", outer, frame->file, frame->name, frame->first_line, frame->line);
	free(outer);
	return path;
}

static uint64_t count_of(const struct profile *profile, const char *path)
{
	uint64_t count = 0;

	for (size_t i = 0; i < profile_node_count(profile); i++) {
		char *found = path_of(profile, (uint32_t)i);

		if (strcmp(found, path) == 0)
			count += profile_nodes(profile)[i].count;
		free(found);
	}
	return count;
}

START_TEST(test_counts)
{
	struct profile *profile = profile_new(GROUP_NONE, 1000);
	struct made_up made_up;
	uint32_t node;

	ck_assert_uint_eq(profile_node_count(profile), 1);
	for (int i = 0; i < 3; i++) {
		made_up_begin(&made_up, i, 100);
		made_up_push(&made_up, &functions[0], 5);
		made_up_push(&made_up, &functions[1], 11);
		node = profile_add(profile, &made_up.sample);
		ck_assert_uint_eq(node, 2);
	}
	made_up_begin(&made_up, 3, 100);
	made_up_push(&made_up, &functions[0], 5);
	ck_assert_uint_eq(profile_add(profile, &made_up.sample), 1);
	made_up_begin(&made_up, 4, 100);
	ck_assert_uint_eq(profile_add(profile, &made_up.sample), 0);
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
	struct profile *profile = profile_new(GROUP_NONE, 1000);
	struct made_up made_up;
	uint32_t nodes[ARRAY_LENGTH(functions)];

	for (size_t i = 0; i < ARRAY_LENGTH(functions); i++) {
		made_up_begin(&made_up, 0, 100);
		made_up_push(&made_up, &functions[i], 11);
		nodes[i] = profile_add(profile, &made_up.sample);
	}
	ck_assert_uint_eq(nodes[1], nodes[3]);
	ck_assert_uint_ne(nodes[1], nodes[2]);
	ck_assert_uint_ne(nodes[1], nodes[4]);
	ck_assert_uint_eq(profile_frame_count(profile), ARRAY_LENGTH(functions) - 1);
	profile_free(profile);
}
END_TEST

/* Nothing of a sample is kept: its texts may be gone afterwards. */
START_TEST(test_copies)
{
	struct profile *profile = profile_new(GROUP_NONE, 1000);
	char file[] = "gone.py", name[] = "gone";
	struct function function = {
		.id = 50, .kind = FUNCTION_PYTHON, .file = file, .name = name, .first_line = 3
	};
	struct made_up made_up;

	made_up_begin(&made_up, 0, 100);
	made_up_push(&made_up, &function, 4);
	profile_add(profile, &made_up.sample);
	memset(file, 'x', sizeof(file) - 1);
	memset(name, 'x', sizeof(name) - 1);
	ck_assert_uint_eq(count_of(profile, ";gone.py:gone:3:4"), 1);
	profile_free(profile);
}
END_TEST

START_TEST(test_groups)
{
	struct profile *profile = profile_new(GROUP_PROCESS | GROUP_THREAD, 1000);
	struct made_up made_up;

	made_up_begin(&made_up, 0, 101);
	made_up_push(&made_up, &functions[0], 5);
	profile_add(profile, &made_up.sample);
	made_up_begin(&made_up, 1, 102); /* the same frames in another thread are another stack */
	made_up_push(&made_up, &functions[0], 5);
	profile_add(profile, &made_up.sample);
	made_up.sample.thread_name = "renamed";
	profile_add(profile, &made_up.sample);
	made_up_begin(&made_up, 2, 0); /* idle: nobody's */
	made_up_push(&made_up, &functions[6], 0);
	profile_add(profile, &made_up.sample);
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

/* Random walks over few frames share prefixes of every length; a list of all stacks says what must come out.
 */
START_TEST(test_random)
{
	enum { SAMPLES = 3000 };
	static char *stacks[SAMPLES];
	struct profile *profile = profile_new(GROUP_NONE, 1000);
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
			function = &functions[random % ARRAY_LENGTH(functions)];
			made_up_push(&made_up, function, (int)(random >> 32 & 1));
			buffer_printf(&stack, ";%s:%s:%d:%d", function->file, function->name,
				function->first_line, made_up.frames[j].line);
		}
		profile_add(profile, &made_up.sample);
		stacks[i] = stack.data;
	}
	for (size_t node = 0; node < profile_node_count(profile); node++) {
		char *path = path_of(profile, (uint32_t)node);
		uint64_t expected = 0;

		for (int i = 0; i < SAMPLES; i++)
			expected += strcmp(stacks[i], path) == 0;
		ck_assert_msg(profile_nodes(profile)[node].count == expected, "%s", path);
		total += expected;
		free(path);
	}
	ck_assert_uint_eq(total, SAMPLES);
	for (int i = 0; i < SAMPLES; i++)
		free(stacks[i]);
	profile_free(profile);
}
END_TEST

/* Code that is made and freed all the time has ever new ids; the profile holds its texts once. */
START_TEST(test_ids_without_end)
{
	struct profile *profile = profile_new(GROUP_NONE, 1000);
	struct made_up made_up;

	for (uint64_t id = 1000; id < 101000; id++) {
		struct function function = {
			.id = id, .kind = FUNCTION_PYTHON, .file = "<string>", .name = "f", .first_line = 1
		};

		made_up_begin(&made_up, 0, 100);
		made_up_push(&made_up, &functions[0], 1);
		made_up_push(&made_up, &function, 1);
		profile_add(profile, &made_up.sample);
	}
	ck_assert_uint_eq(profile_node_count(profile), 3);
	ck_assert_uint_eq(profile_frame_count(profile), 2);
	ck_assert_uint_eq(count_of(profile, ";a.py:main:1:1;<string>:f:1:1"), 100000);
	profile_free(profile);
}
END_TEST

START_TEST(test_long_names)
{
	struct profile *profile = profile_new(GROUP_NONE, 1000);
	size_t lengths[] = { 1, 16375, 16376, 16384, 100000, 3 };
	struct made_up made_up;

	for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
		char *name = xcalloc(lengths[i] + 1, 1);
		struct function function = {
			.id = 60 + i, .kind = FUNCTION_PYTHON, .file = "f", .name = name
		};

		memset(name, 'n', lengths[i]);
		made_up_begin(&made_up, 0, 100);
		made_up_push(&made_up, &function, 1);
		profile_add(profile, &made_up.sample);
		free(name);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++)
		ck_assert_uint_eq(strlen(profile_frame(profile, (uint32_t)i)->name), lengths[i]);
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
	tcase_add_test(tests, test_counts);
	tcase_add_test(tests, test_equal_texts_fold);
	tcase_add_test(tests, test_copies);
	tcase_add_test(tests, test_groups);
	tcase_add_test(tests, test_random);
	tcase_add_test(tests, test_ids_without_end);
	tcase_add_test(tests, test_long_names);
	tcase_add_test(tests, test_free_nothing);
}

int main(void)
{
	return suite_run("profile", add_tests);
}
