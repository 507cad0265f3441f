/* SPDX-License-Identifier: MIT */
/*
 * Profiles of pprof of which a few bytes stand for much: a large text that is named again and again, stacks
 * of 128 frames for a byte. What comes of them has limits, and what is over them is refused.
 */
#include "config.h"

#include "pyrope/pprof.h"
#include "pyrope/recording.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "suite.h"

/* Without limits, what follows would take more. */
#define MEMORY_LIMIT_BYTES (600u << 20)
#define LARGE_BYTES (1u << 20) /* the longest text */

/* ---- a profile as bytes ---- */

static void put(struct buffer *bytes, uint64_t number)
{
	for (; number > 0x7f; number >>= 7)
		buffer_append_char(bytes, (char)((number & 0x7f) | 0x80));
	buffer_append_char(bytes, (char)number);
}

static void put_number(struct buffer *bytes, unsigned field, uint64_t number)
{
	put(bytes, field << 3);
	put(bytes, number);
}

/* Of a message within, which is released. */
static void put_message(struct buffer *bytes, unsigned field, struct buffer *within)
{
	put(bytes, field << 3 | 2);
	put(bytes, within->length);
	buffer_append(bytes, within->length ? within->data : "", within->length);
	buffer_release(within);
}

static void put_text(struct buffer *bytes, const char *text)
{
	struct buffer within = { 0 };

	buffer_append_string(&within, text);
	put_message(bytes, PPROF_PROFILE_STRING, &within);
}

enum { TEXT_NONE, TEXT_SAMPLES, TEXT_COUNT, TEXT_NAME, TEXT_TID, TEXT_KEY, TEXT_LABEL };

struct shape {
	size_t name_bytes, label_bytes;
	const char *key;             /* of the label of each sample */
	unsigned locations, inlined; /* each with so many functions */
	/* in each sample: the first location so often, and one that differs from that of the sample before */
	unsigned samples, depth;
	unsigned value;
};

static void put_texts(struct buffer *file, const struct shape *shape)
{
	char *large = xmalloc(LARGE_BYTES + 1);

	memset(large, 'x', LARGE_BYTES);
	put_text(file, "");
	put_text(file, "samples");
	put_text(file, "count");
	large[shape->name_bytes] = '\0';
	put_text(file, large);
	put_text(file, "tid");
	put_text(file, shape->key ? shape->key : "");
	large[shape->name_bytes] = 'x';
	large[shape->label_bytes] = '\0';
	put_text(file, large);
	free(large);
}

static void put_location(struct buffer *file, unsigned id, unsigned inlined)
{
	struct buffer location = { 0 };

	put_number(&location, PPROF_LOCATION_ID, id);
	for (unsigned i = 0; i < inlined; i++) {
		struct buffer line = { 0 };

		put_number(&line, PPROF_LINE_FUNCTION, 1);
		put_number(&line, PPROF_LINE_LINE, id);
		put_message(&location, PPROF_LOCATION_LINE, &line);
	}
	put_message(file, PPROF_PROFILE_LOCATION, &location);
}

static void put_sample(struct buffer *file, const struct shape *shape, unsigned number)
{
	struct buffer sample = { 0 }, list = { 0 }, label = { 0 };

	for (unsigned i = 0; i < shape->depth; i++)
		put(&list, 1);
	put(&list, 1 + number % shape->locations);
	put_message(&sample, PPROF_SAMPLE_LOCATION, &list);
	put_number(&sample, PPROF_SAMPLE_VALUE, shape->value);
	if (shape->key) {
		put_number(&label, PPROF_LABEL_KEY, TEXT_KEY);
		put_number(&label, PPROF_LABEL_TEXT, TEXT_LABEL);
		put_message(&sample, PPROF_SAMPLE_LABEL, &label);
		put_number(&label, PPROF_LABEL_KEY, TEXT_TID);
		put_number(&label, PPROF_LABEL_NUMBER, 1 + number);
		put_message(&sample, PPROF_SAMPLE_LABEL, &label);
	}
	put_message(file, PPROF_PROFILE_SAMPLE, &sample);
}

static void put_profile(struct buffer *file, const struct shape *shape)
{
	struct buffer type = { 0 }, function = { 0 };

	put_number(&type, PPROF_TYPE_TYPE, TEXT_SAMPLES);
	put_number(&type, PPROF_TYPE_UNIT, TEXT_COUNT);
	put_message(file, PPROF_PROFILE_SAMPLE_TYPE, &type);
	put_number(&function, PPROF_FUNCTION_ID, 1);
	put_number(&function, PPROF_FUNCTION_NAME, TEXT_NAME);
	put_message(file, PPROF_PROFILE_FUNCTION, &function);
	for (unsigned i = 0; i < shape->locations; i++)
		put_location(file, 1 + i, shape->inlined);
	for (unsigned i = 0; i < shape->samples; i++)
		put_sample(file, shape, i);
	put_texts(file, shape);
}

/* ---- what is read ---- */

static const struct {
	struct shape shape;
	unsigned given;      /* of its samples; */
	const char *message; /* and why no more. NULL: that is all */
} shapes[] = {
	{ { 10, 10, "thread", 3, 2, .samples = 7, .depth = 4, .value = 1 }, 7, NULL },
	/* a function at many lines: 512 MB of names */
	{ { LARGE_BYTES, 0, NULL, 600, 1, .samples = 600, .value = 1 }, 512,
		"the names of its functions are too long" },
	/* threads of one name: 256 MB */
	{ { 1, LARGE_BYTES, "thread", 1, 1, .samples = 600, .value = 1 }, 256,
		"the labels of its samples are too long" },
	{ { 1, LARGE_BYTES, "state", 1, 1, .samples = 600, .value = 1 }, 256,
		"the labels of its samples are too long" },
	{ { 1, LARGE_BYTES, "another", 1, 1, .samples = 600, .value = 1 }, 600, NULL },
	/* deep stacks: 10 million frames */
	{ { 1, 0, NULL, 1, 128, .samples = 1, .depth = 10000000 / 128 - 1, .value = 1 }, 1, NULL },
	{ { 1, 0, NULL, 1, 128, .samples = 1, .depth = 10000000 / 128, .value = 1 }, 0, "is too deep" },
	{ { 1, 0, NULL, 1, 1, .samples = 1, .depth = 10000000, .value = 0 }, 0, "is too deep" },
	/* 512 MB of names in a stack */
	{ { LARGE_BYTES, 0, NULL, 1, 1, .samples = 1, .depth = 511, .value = 1 }, 1, NULL },
	{ { LARGE_BYTES, 0, NULL, 1, 1, .samples = 1, .depth = 512, .value = 1 }, 0, "is too deep" },
	/* of the same frames 2^30, of different ones 2^24 */
	{ { 1, 0, NULL, 1, 128, .samples = 200, .depth = 10000000 / 128 - 1, .value = 1 }, 107,
		"too many and too deep" },
	{ { 1, 0, NULL, 2, 128, .samples = 200, .depth = 999, .value = 1 }, 131, "too many and too deep" },
};

struct counts {
	struct sink sink;
	unsigned samples;
	uint64_t frames;
};

static int count(struct sink *sink, const struct event *event, struct error *err)
{
	struct counts *counts = (struct counts *)sink;

	(void)err;
	counts->samples += event->kind == EVENT_SAMPLE;
	counts->frames += event->sample->frame_count;
	return 0;
}

static size_t peak_bytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (size_t)usage.ru_maxrss << 10;
}

START_TEST(what_a_few_bytes_stand_for_has_limits)
{
	const struct shape *shape = &shapes[_i].shape;
	struct counts counts = { .sink = { .take = count } };
	struct functions *functions = functions_new();
	const int fd = memfd_create("pprof", MFD_CLOEXEC);
	struct buffer file = { 0 };
	struct error err = { 0 };
	size_t before;
	int result;

	put_profile(&file, shape);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, file.data, file.length), (ssize_t)file.length);
	lseek(fd, 0, SEEK_SET);
	before = peak_bytes();
	result = pprof_read(fd, "x.pb", functions, &counts.sink, &err);
	ck_assert_uint_le(peak_bytes() - before, MEMORY_LIMIT_BYTES);
	close(fd);
	ck_assert_int_eq(result, shapes[_i].message ? -1 : 0);
	ck_assert_msg(!shapes[_i].message ||
			(strstr(err.message, shapes[_i].message) && strstr(err.message, "'x.pb'")),
		"%s", err.message);
	ck_assert_uint_eq(counts.samples, shapes[_i].given);
	ck_assert_uint_eq(counts.frames, (uint64_t)counts.samples * (shape->depth + 1) * shape->inlined);
	buffer_release(&file);
	functions_free(functions);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, what_a_few_bytes_stand_for_has_limits, 0, ARRAY_LENGTH(shapes));
}

int main(void)
{
	return suite_run("pprof_limits", add_tests);
}
