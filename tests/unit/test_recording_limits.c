/* SPDX-License-Identifier: MIT */
/*
 * Recordings that nobody has recorded: their checksums are right, and what they say is not. A number that
 * lies is damage, and what a file can make pyrope hold has limits.
 */
#include "config.h"

#include "pyrope/recording.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "recording/wire.h"
#include "suite.h"

static struct functions *functions;
static struct packer *packer;
static struct buffer file;

static void setup(void)
{
	functions = functions_new();
	packer = packer_new();
	buffer_append(&file, RECORDING_SIGNATURE, SIGNATURE_BYTES);
}

static void teardown(void)
{
	functions_free(functions);
	packer_free(packer);
	buffer_release(&file);
}

/* A sink that counts what it is given: events, and the frames of samples. */
struct counts {
	struct sink sink;
	unsigned events[EVENT_KINDS];
	uint64_t frames;
};

static int count(struct sink *sink, const struct event *event, struct error *err)
{
	struct counts *counts = (struct counts *)sink;

	(void)err;
	counts->events[event->kind]++;
	if (event->kind != EVENT_SAMPLE)
		return 0;
	for (size_t i = 0; i < event->sample->frame_count; i++)
		counts->frames += event->sample->frames[i].function->name[0] != '\0';
	return 0;
}

static void read_file(struct counts *counts, struct recording_end *how)
{
	const int fd = memfd_create("recording", MFD_CLOEXEC);
	struct error err = { 0 };

	*counts = (struct counts){ .sink = { .take = count } };
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, file.data, file.length), (ssize_t)file.length);
	lseek(fd, 0, SEEK_SET);
	ck_assert_msg(
		recording_read(fd, "x.pyrope", functions, &counts->sink, how, &err) == 0, "%s", err.message);
	close(fd);
}

/*
 * A block whose checksum is right and whose numbers lie. All but `value`, which takes the place of one of
 * them, are those of one tick of one thread, in f at m.py:1.
 */
#define NUMBERS 8
#define BEGIN_AGAIN (-1)

static const struct {
	int column; /* with the number at that place in it */
	size_t place;
	int64_t value;
	bool is_signed;
	const char *note;
} lies[] = {
	{ COLUMN_FRAMES, 0, 0, .note = "" }, /* the truth */
	{ COLUMN_FUNCTIONS, 0, FUNCTION_KINDS, .note = "makes no sense" },
	{ COLUMN_FUNCTIONS, 1, 2, .note = "makes no sense" },
	{ COLUMN_FRAMES, 0, 1, .note = "makes no sense" },
	{ COLUMN_NODES, 0, 0, .note = "makes no sense" },
	{ COLUMN_NODES, 0, 2, .note = "makes no sense" },
	{ COLUMN_NODES, 1, 1, .note = "makes no sense" },
	{ COLUMN_THREADS, 0, 1, .note = "makes no sense" },
	{ COLUMN_THREADS, 3, 2, .note = "makes no sense" },
	{ COLUMN_TIMES, 0, -1001, true, "makes no sense" },
	{ COLUMN_TIMES, 0, INT64_C(1) << 60, true, "makes no sense" },
	{ COLUMN_TIMES, 0, INT64_MAX, true, "makes no sense" },
	{ COLUMN_SLOTS, 0, 2, .note = "makes no sense" },
	{ COLUMN_SLOTS, 1, 1, .note = "makes no sense" },
	{ COLUMN_STACKS, 0, RECENT_NODES + 2, .note = "makes no sense" },
	{ COLUMN_STATES, 0, STATE_BITS + 1, .note = "makes no sense" },
	{ COLUMN_VALUES, 0, 1, .note = "makes no sense" },
	{ BEGIN_AGAIN, .note = "out of order" },
};

static void put_begin(uint32_t number)
{
	static const char *const texts[] = { "interval_ns", "1000000", "step_ns", "1000", "time_ns", "1000" };
	struct buffer plain = { 0 };

	wire_put(&plain, RECORDING_FORMAT);
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		wire_put_text(&plain, texts[i]);
	packer_pack(packer, BLOCK_BEGIN, number, &plain, &file);
	buffer_release(&plain);
}

static void put_column(struct buffer *plain, int column, int lie)
{
	static const struct {
		size_t count;
		uint64_t numbers[NUMBERS];
	} truth[COLUMNS] = {
		[COLUMN_FUNCTIONS] = { 4, { FUNCTION_PYTHON, 0, 1, 2 } },
		[COLUMN_FRAMES] = { 2, { 0, 0 } },
		[COLUMN_NODES] = { 2, { 1, 0 } },
		[COLUMN_PROCESSES] = { 1, { 100 } },
		[COLUMN_THREADS] = { 5, { 0, 101, 0, 1, 1 } },
		[COLUMN_OPERATIONS] = { 2, { OPERATION_SELECT, OPERATION_LIST } },
		[COLUMN_TIMES] = { 1, { 0 } },
		[COLUMN_SLOTS] = { 2, { 1, 0 } },
		[COLUMN_STACKS] = { 1, { RECENT_NODES + 1 } },
		[COLUMN_STATES] = { 1, { 0 } },
		[COLUMN_VALUES] = { 1, { 0 } },
	};
	struct buffer bytes = { 0 };

	if (column == COLUMN_TEXTS) {
		wire_put_text(&bytes, "m.py");
		wire_put_text(&bytes, "f");
	}
	for (size_t i = 0; i < truth[column].count; i++) {
		if (lies[lie].column != column || lies[lie].place != i)
			wire_put(&bytes, truth[column].numbers[i]);
		else if (lies[lie].is_signed)
			wire_put_signed(&bytes, lies[lie].value);
		else
			wire_put(&bytes, (uint64_t)lies[lie].value);
	}
	wire_put(plain, bytes.length);
	buffer_append(plain, bytes.length ? bytes.data : "", bytes.length);
	buffer_release(&bytes);
}

START_TEST(a_number_that_lies_is_damage)
{
	struct buffer plain = { 0 };
	struct counts counts;
	struct recording_end how;

	put_begin(0);
	for (int column = 0; column < COLUMNS; column++)
		put_column(&plain, column, _i);
	if (lies[_i].column == BEGIN_AGAIN)
		put_begin(1);
	else
		packer_pack(packer, BLOCK_EVENTS, 1, &plain, &file);
	read_file(&counts, &how);
	ck_assert_int_eq(how.is_damaged, lies[_i].note[0] != '\0');
	ck_assert_msg(strstr(how.note, lies[_i].note) != NULL, "%s", how.note);
	ck_assert_uint_eq(counts.events[EVENT_SAMPLE], !how.is_damaged);
	buffer_release(&plain);
}
END_TEST

/* 16 MB of zeros pack to some hundred bytes; a header that promises less than comes out is refused. */
START_TEST(what_unpacks_to_more_than_it_says_is_damage)
{
	struct unpacker *unpacker = unpacker_new();
	struct buffer plain = { 0 }, packed = { 0 }, out = { 0 };
	struct block_header header;

	array_reserve(&plain.data, &plain.capacity, BLOCK_LIMIT_BYTES + 1, 1);
	memset(plain.data, 0, BLOCK_LIMIT_BYTES);
	plain.length = BLOCK_LIMIT_BYTES;
	packer_pack(packer, BLOCK_EVENTS, 1, &plain, &packed);
	ck_assert(block_parse_header((unsigned char *)packed.data, &header));
	ck_assert(unpacker_unpack(unpacker, &header, packed.data + BLOCK_HEADER_BYTES, &out));
	ck_assert_uint_eq(out.length, BLOCK_LIMIT_BYTES);
	header.plain_bytes = 100000;
	ck_assert(!unpacker_unpack(unpacker, &header, packed.data + BLOCK_HEADER_BYTES, &out));
	packed.data[16] = packed.data[17] = packed.data[18] = packed.data[19] = (char)0xff;
	ck_assert(!block_parse_header((unsigned char *)packed.data, &header));
	buffer_release(&plain);
	buffer_release(&packed);
	buffer_release(&out);
	unpacker_free(unpacker);
}
END_TEST

/* ---- how much a file may define ---- */

#define TEXTS_LIMIT_BYTES (64u << 20) /* docs/recording.md */
#define LARGE_BYTES (15u << 20)       /* just what a block holds */
/* Without limits, what follows would take more; a sanitizer keeps 256 MB of what is freed. */
#define MEMORY_LIMIT_BYTES (800u << 20)

/* A block of these columns, which are released. */
static void put_block(uint32_t number, struct buffer columns[COLUMNS])
{
	struct buffer plain = { 0 };

	for (size_t i = 0; i < COLUMNS; i++) {
		wire_put(&plain, columns[i].length);
		buffer_append(&plain, columns[i].length ? columns[i].data : "", columns[i].length);
		buffer_release(&columns[i]);
	}
	packer_pack(packer, BLOCK_EVENTS, number, &plain, &file);
	buffer_release(&plain);
}

static void put_large_text(struct buffer *texts, size_t bytes)
{
	char *text = xmalloc(bytes + 1);

	memset(text, 'x', bytes);
	text[bytes] = '\0';
	wire_put_text(texts, text);
	free(text);
}

/* An event that says nothing but the time. */
static void put_clock(struct buffer columns[COLUMNS])
{
	buffer_append_char(&columns[COLUMN_OPERATIONS], OPERATION_CLOCK);
	wire_put(&columns[COLUMN_VALUES], 1);
	wire_put(&columns[COLUMN_VALUES], 1);
}

static size_t peak_bytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (size_t)usage.ru_maxrss << 10;
}

static const struct {
	unsigned blocks;   /* with a large text each, */
	size_t last_bytes; /* and one more with such a text */
	unsigned read;     /* of all these */
} large_texts[] = {
	{ 4, TEXTS_LIMIT_BYTES - 4 * LARGE_BYTES, 5 },
	{ 4, TEXTS_LIMIT_BYTES - 4 * LARGE_BYTES + 1, 4 },
	{ 60, 0, 4 },
};

START_TEST(texts_of_more_than_the_limit_are_damage)
{
	struct counts counts;
	struct recording_end how;
	size_t before, right_bytes = 0;

	put_begin(0);
	for (unsigned i = 0; i <= large_texts[_i].blocks; i++) {
		struct buffer columns[COLUMNS] = { 0 };

		if (i == large_texts[_i].read)
			right_bytes = file.length;
		put_large_text(&columns[COLUMN_TEXTS],
			i < large_texts[_i].blocks ? LARGE_BYTES : large_texts[_i].last_bytes);
		put_clock(columns);
		put_block(1 + i, columns);
	}
	if (!right_bytes)
		right_bytes = file.length;
	before = peak_bytes();
	read_file(&counts, &how);
	ck_assert_uint_le(peak_bytes() - before, MEMORY_LIMIT_BYTES);
	ck_assert_uint_eq(counts.events[EVENT_CLOCK], large_texts[_i].read);
	ck_assert_uint_eq(how.offset, right_bytes);
	ck_assert_int_eq(how.is_damaged, right_bytes < file.length);
	ck_assert_msg(strstr(how.note, how.is_damaged ? "makes no sense" : "it has no end") != NULL, "%s",
		how.note);
}
END_TEST

/* ---- few bytes that name a large text again and again ---- */

static void put_function(struct buffer columns[COLUMNS], int first_line)
{
	wire_put(&columns[COLUMN_FUNCTIONS], FUNCTION_PYTHON);
	wire_put(&columns[COLUMN_FUNCTIONS], 0);
	wire_put(&columns[COLUMN_FUNCTIONS], 0);
	wire_put_signed(&columns[COLUMN_FUNCTIONS], first_line);
}

static void put_process(struct buffer columns[COLUMNS], unsigned roots)
{
	/* when, parent, without a GIL, name, command line, version */
	static const unsigned char values[] = { 1, 1, 0, 0, 0, 0 };

	wire_put(&columns[COLUMN_PROCESSES], 100);
	buffer_append_char(&columns[COLUMN_OPERATIONS], OPERATION_SELECT);
	wire_put(&columns[COLUMN_VALUES], 0);
	buffer_append_char(&columns[COLUMN_OPERATIONS], OPERATION_PROCESS);
	buffer_append(&columns[COLUMN_VALUES], values, sizeof(values));
	wire_put(&columns[COLUMN_VALUES], roots);
	for (unsigned i = 0; i < roots; i++)
		wire_put(&columns[COLUMN_VALUES], 0);
}

static const struct {
	size_t text_bytes;
	unsigned functions, roots; /* so many times the text */
	bool is_damage;
} repeated_texts[] = {
	{ 1 << 20, 128, 0, false },
	{ 1 << 20, 129, 0, true },
	{ 1 << 20, 1000, 0, true },
	{ 1 << 10, 0, 999, false },
	{ (1 << 20) - 1, 0, 1, false },
	{ (1 << 20) - 1, 0, 2, true },
	{ LARGE_BYTES, 0, 999, true },
};

START_TEST(a_text_that_is_named_too_often_is_damage)
{
	struct buffer columns[COLUMNS] = { 0 };
	struct counts counts;
	struct recording_end how;
	size_t before;

	put_begin(0);
	put_large_text(&columns[COLUMN_TEXTS], repeated_texts[_i].text_bytes);
	for (unsigned i = 0; i < repeated_texts[_i].functions; i++)
		put_function(columns, (int)i);
	put_process(columns, repeated_texts[_i].roots);
	put_block(1, columns);
	before = peak_bytes();
	read_file(&counts, &how);
	ck_assert_uint_le(peak_bytes() - before, MEMORY_LIMIT_BYTES);
	ck_assert_int_eq(how.is_damaged, repeated_texts[_i].is_damage);
	ck_assert_uint_eq(counts.events[EVENT_PROCESS], !repeated_texts[_i].is_damage);
}
END_TEST

/* ---- texts that are copied by what is made of a recording ---- */

static const struct {
	unsigned lines;     /* of a function: its name and file are the text */
	unsigned depth;     /* of a stack of it */
	unsigned threads;   /* they and their processes have it as their name */
	unsigned processes; /* with it as name, command line and version */
	unsigned read;      /* of the processes; and a clock, when it is not damaged */
	bool is_damage;
} copied_texts[] = {
	{ 256, 0, 0, 1, 1, false },
	{ 257, 0, 0, 1, 0, true },
	{ 1, 256, 0, 1, 1, false },
	{ 1, 257, 0, 1, 0, true },
	{ 0, 0, 128, 1, 1, false },
	{ 0, 0, 129, 1, 0, true },
	{ 0, 0, 0, 170, 170, false },
	{ 0, 0, 0, 171, 170, true },
};

START_TEST(a_text_that_is_copied_too_often_is_damage)
{
	struct buffer columns[COLUMNS] = { 0 };
	struct counts counts;
	struct recording_end how;

	put_begin(0);
	put_large_text(&columns[COLUMN_TEXTS], 1 << 20);
	put_function(columns, 1);
	for (unsigned i = 0; i < copied_texts[_i].lines; i++) {
		wire_put(&columns[COLUMN_FRAMES], 0);
		wire_put_signed(&columns[COLUMN_FRAMES], i);
	}
	for (unsigned i = 0; i < copied_texts[_i].depth; i++) {
		wire_put(&columns[COLUMN_NODES], 1);
		wire_put(&columns[COLUMN_NODES], 0);
	}
	for (unsigned i = 0; i < copied_texts[_i].threads; i++) {
		wire_put(&columns[COLUMN_THREADS], 0);
		wire_put(&columns[COLUMN_THREADS], 101 + i);
		for (unsigned j = 0; j < 3; j++)
			wire_put(&columns[COLUMN_THREADS], 0);
	}
	for (unsigned i = 0; i < copied_texts[_i].processes; i++)
		put_process(columns, 0);
	put_clock(columns);
	put_block(1, columns);
	read_file(&counts, &how);
	ck_assert_int_eq(how.is_damaged, copied_texts[_i].is_damage);
	ck_assert_uint_eq(counts.events[EVENT_PROCESS], copied_texts[_i].read);
	ck_assert_uint_eq(counts.events[EVENT_CLOCK], !copied_texts[_i].is_damage);
}
END_TEST

/* ---- lists of threads ---- */

/* A chain of nodes, each below the one before. */
static void put_nodes(struct buffer columns[COLUMNS], unsigned depth)
{
	wire_put(&columns[COLUMN_FRAMES], 0);
	wire_put_signed(&columns[COLUMN_FRAMES], 0);
	for (unsigned i = 0; i < depth; i++) {
		wire_put(&columns[COLUMN_NODES], 1);
		wire_put(&columns[COLUMN_NODES], 0);
	}
}

/* A tick of a new process: so many threads, all in the deepest node. */
static void put_list(struct buffer columns[COLUMNS], unsigned process, unsigned threads, unsigned depth)
{
	wire_put(&columns[COLUMN_PROCESSES], 100 + process);
	buffer_append_char(&columns[COLUMN_OPERATIONS], OPERATION_SELECT);
	wire_put(&columns[COLUMN_VALUES], process);
	buffer_append_char(&columns[COLUMN_OPERATIONS], OPERATION_LIST);
	wire_put(&columns[COLUMN_TIMES], 0);
	wire_put(&columns[COLUMN_SLOTS], threads);
	for (unsigned i = 0; i < threads; i++) {
		wire_put(&columns[COLUMN_SLOTS], 0);
		wire_put(&columns[COLUMN_STACKS], RECENT_NODES + depth);
		wire_put(&columns[COLUMN_STATES], 0);
	}
}

static const struct {
	unsigned depth, processes, threads; /* of each */
	unsigned samples;                   /* that are read */
	bool is_damage;
} lists[] = {
	{ 1, 2, 4, 8, false },
	{ 1000000, 2, 50, 100, false }, /* 1.6 GB of frames */
	{ 0, 5, (1u << 20) - 1, 4 * ((1u << 20) - 1), true },
	{ 0, 1, 1u << 20, 0, true },
};

START_TEST(lists_of_threads_take_no_endless_memory)
{
	struct counts counts;
	struct recording_end how;
	size_t before;

	put_begin(0);
	for (unsigned i = 0; i < lists[_i].processes; i++) {
		struct buffer columns[COLUMNS] = { 0 };

		if (i == 0) {
			put_large_text(&columns[COLUMN_TEXTS], 1);
			put_function(columns, 1);
			put_nodes(columns, lists[_i].depth);
			wire_put(&columns[COLUMN_THREADS], 0);
			wire_put(&columns[COLUMN_THREADS], 101);
			for (unsigned j = 0; j < 3; j++)
				wire_put(&columns[COLUMN_THREADS], 0);
		}
		put_list(columns, i, lists[_i].threads, lists[_i].depth);
		put_block(1 + i, columns);
	}
	before = peak_bytes();
	read_file(&counts, &how);
	ck_assert_int_eq(how.is_damaged, lists[_i].is_damage);
	ck_assert_uint_eq(counts.events[EVENT_SAMPLE], lists[_i].samples);
	ck_assert_uint_eq(counts.frames, (uint64_t)lists[_i].samples * lists[_i].depth);
	ck_assert_uint_le(peak_bytes() - before, MEMORY_LIMIT_BYTES);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, a_number_that_lies_is_damage, 0, ARRAY_LENGTH(lies));
	tcase_add_loop_test(tests, texts_of_more_than_the_limit_are_damage, 0, ARRAY_LENGTH(large_texts));
	tcase_add_loop_test(tests, a_text_that_is_named_too_often_is_damage, 0, ARRAY_LENGTH(repeated_texts));
	tcase_add_loop_test(tests, a_text_that_is_copied_too_often_is_damage, 0, ARRAY_LENGTH(copied_texts));
	tcase_add_loop_test(tests, lists_of_threads_take_no_endless_memory, 0, ARRAY_LENGTH(lists));
	tcase_add_test(tests, what_unpacks_to_more_than_it_says_is_damage);
}

int main(void)
{
	return suite_run("recording_limits", add_tests);
}
