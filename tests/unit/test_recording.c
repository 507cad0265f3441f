/* SPDX-License-Identifier: MIT */
/*
 * What is recorded is what is read, to the sample; what is cut off or damaged is read up to there or refused,
 * and never gives other numbers. What was written to deceive is in test_recording_limits.c.
 */
#include "config.h"

#include "pyrope/recording.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "recording/wire.h"
#include "suite.h"

#define INTERVAL_NS 10000000
#define STEP_NS (INTERVAL_NS / 64)
#define START_NS (INT64_C(5000) * 64 * STEP_NS)
#define PROCESSES 3
#define THREADS 5

static struct functions *functions;
static struct buffer file;

/* ---- a sink that writes down what it is given ---- */

/*
 * The ticks of one process: equal ones in a row have no times of their own, but for the first and the last.
 */
struct run {
	/* the samples of the tick that is being collected, and those of the one before */
	struct buffer tick, last;
	int64_t time_ns, last_ns, until_ns;
	uint64_t weight;
	bool collects;
};

struct notes {
	struct sink sink;
	struct buffer text;
	struct run runs[PROCESSES];
	uint64_t weight;
};

static void end_tick(struct notes *notes)
{
	for (size_t i = 0; i < PROCESSES; i++) {
		struct run *run = &notes->runs[i];
		struct buffer last = run->last;
		uint64_t repeats = run->weight;

		if (!run->collects)
			continue;
		run->collects = false;
		if (run->tick.length != last.length || memcmp(run->tick.data, last.data, last.length) != 0) {
			buffer_printf(&notes->text, "until %lld, at %lld %s", (long long)run->until_ns,
				(long long)run->time_ns, run->tick.data);
			run->last = run->tick;
			run->tick = last;
			repeats--;
		}
		for (; repeats; repeats--)
			buffer_printf(&notes->text, "same %zu\n", i);
		run->until_ns = run->last_ns;
	}
}

static void note_sample(struct notes *notes, const struct event *event)
{
	const struct sample *sample = event->sample;
	struct run *run = &notes->runs[sample->pid - 100];

	if (!run->collects || run->time_ns != event->time_ns) {
		end_tick(notes);
		run->collects = true;
		run->time_ns = event->time_ns;
		run->last_ns = event->last_ns;
		run->weight = event->weight;
		buffer_clear(&run->tick);
	}
	buffer_printf(&run->tick, "%d/%d/%llu \"%s\" \"%s\" %d %d %ld:", sample->pid, sample->tid,
		(unsigned long long)sample->interpreter_id, sample->process_name, sample->thread_name,
		sample->state, sample->quality,
		sample->syscall_number * 4 + sample->is_collecting * 2 + sample->is_off_cpu);
	for (size_t j = 0; j < sample->frame_count; j++)
		buffer_printf(&run->tick, " %s|%s|%d|%d|%d", sample->frames[j].function->file,
			sample->frames[j].function->name, sample->frames[j].function->kind,
			sample->frames[j].function->first_line, sample->frames[j].line);
	buffer_append_char(&run->tick, '\n');
	notes->weight += event->weight;
}

static int note(struct sink *sink, const struct event *event, struct error *err)
{
	struct notes *notes = (struct notes *)sink;

	(void)err;
	if (event->kind != EVENT_SAMPLE)
		end_tick(notes);
	switch (event->kind) {
	case EVENT_BEGIN:
		buffer_printf(&notes->text, "begin %lld %s %s %s %s %u %lld %lld %d\n",
			(long long)event->time_ns, event->run->version, event->run->arguments,
			event->run->machine, event->run->mode, event->run->cpus,
			(long long)event->run->interval_ns, (long long)event->run->realtime_ns,
			event->run->native);
		break;
	case EVENT_PROCESS:
		buffer_printf(&notes->text, "process %lld %d %d %d %s %s %s %s\n", (long long)event->time_ns,
			event->pid, event->process->parent, event->process->free_threaded,
			event->process->roots, event->process->name, event->process->command_line,
			event->process->version);
		break;
	case EVENT_MISSED:
		buffer_printf(
			&notes->text, "missed %d %llu\n", event->pid, (unsigned long long)event->missed);
		break;
	case EVENT_COUNTERS:
		buffer_printf(&notes->text, "counters %d %llu %llu %llu %llu %llu %llu %llu\n", event->pid,
			(unsigned long long)event->counters->user_ns,
			(unsigned long long)event->counters->system_ns,
			(unsigned long long)event->counters->resident_bytes,
			(unsigned long long)event->counters->minor_faults,
			(unsigned long long)event->counters->major_faults,
			(unsigned long long)event->counters->voluntary_switches,
			(unsigned long long)event->counters->involuntary_switches);
		break;
	case EVENT_CLOCK:
		buffer_printf(&notes->text, "clock %lld\n", (long long)event->realtime_ns);
		break;
	case EVENT_MARK:
		buffer_printf(&notes->text, "mark %lld %d %s\n", (long long)event->time_ns, event->pid,
			event->reason);
		break;
	case EVENT_EXIT:
		buffer_printf(&notes->text, "exit %d %d\n", event->pid, event->status);
		break;
	case EVENT_END:
		buffer_printf(&notes->text, "end %s\n", event->reason);
		break;
	case EVENT_SAMPLE:
		note_sample(notes, event);
		break;
	default:
		break;
	}
	return 0;
}

static void notes_release(struct notes *notes)
{
	for (size_t i = 0; i < PROCESSES; i++) {
		buffer_release(&notes->runs[i].tick);
		buffer_release(&notes->runs[i].last);
	}
	buffer_release(&notes->text);
}

static struct notes notes_new(void)
{
	struct notes notes = { .sink = { .take = note } };

	buffer_append_string(&notes.text, "");
	return notes;
}

/* ---- the script: what is recorded ---- */

static uint64_t random_state;

static unsigned random_below(unsigned limit)
{
	random_state = hash_u64(random_state);
	return (unsigned)(random_state % limit);
}

static const struct function *function_numbered(unsigned number)
{
	char name[32];

	snprintf(name, sizeof(name), "f%u", number);
	return functions_intern(functions,
		&(struct function){ .kind = number % 3,
			.file = number % 3 == 1 ? ""
				: number % 2    ? "a.py"
						: "b;\xc3\xa9.py",
			.name = name,
			.first_line = (int)number * 7 });
}

/* What a thread does now. */
struct doing {
	struct sample_frame frames[12];
	size_t count;
	enum thread_state state;
	long call;
	unsigned name;
};

static void do_something(struct doing *doing)
{
	const size_t keep = doing->count ? random_below((unsigned)doing->count + 1) : 0;

	doing->count = keep;
	for (unsigned more = random_below(5); more && doing->count < ARRAY_LENGTH(doing->frames); more--) {
		const struct function *function = function_numbered(random_below(40));

		doing->frames[doing->count++] =
			(struct sample_frame){ function, function->first_line + (int)random_below(50) - 5 };
	}
	doing->state = random_below(THREAD_STATES);
	doing->call = doing->state == THREAD_SLEEPING ? (long)random_below(400) : -1;
	if (random_below(50) == 0)
		doing->name++;
}

static int write_bytes(void *context, const void *bytes, size_t length, struct error *err)
{
	(void)context;
	(void)err;
	buffer_append(&file, bytes, length);
	return 0;
}

struct script {
	struct sink *recorder;
	struct notes notes;
	struct doing doing[PROCESSES][THREADS];
	unsigned counts[PROCESSES];
	int64_t now_ns;
};

static void give(struct script *script, const struct event *event)
{
	struct error err = { 0 };

	ck_assert_int_eq(sink_take(script->recorder, event, &err), 0);
	sink_take(&script->notes.sink, event, &err);
}

static void give_tick(struct script *script, unsigned process, uint64_t weight)
{
	static const char *const names[] = { "MainThread", "worker", "", "w\xc3\xb6rker" };

	for (unsigned i = 0; i < script->counts[process]; i++) {
		const struct doing *doing = &script->doing[process][i];
		const struct sample sample = {
			.time_ns = script->now_ns,
			.pid = 100 + (pid_t)process,
			.tid = 100 + (pid_t)(process + i),
			.interpreter_id = i == 4,
			.process_name = process ? "gunicorn" : "python3",
			.thread_name = names[doing->name % ARRAY_LENGTH(names)],
			.state = doing->state,
			.syscall_number = doing->call,
			.is_collecting = doing->count == 3,
			.is_off_cpu = doing->count % 4 == 2,
			.quality = doing->count % 5,
			.frames = doing->frames,
			.frame_count = doing->count,
		};
		const struct event event = {
			.kind = EVENT_SAMPLE,
			.time_ns = script->now_ns,
			.pid = sample.pid,
			.sample = &sample,
			.weight = weight,
			.last_ns = script->now_ns + (int64_t)(weight - 1) * INTERVAL_NS,
		};

		give(script, &event);
	}
	script->now_ns += (int64_t)(weight - 1) * INTERVAL_NS;
}

static void give_other(struct script *script)
{
	struct event event = { .time_ns = script->now_ns, .pid = 100 + (pid_t)random_below(PROCESSES) };
	const struct process_counters counters = { .user_ns = script->now_ns,
		.system_ns = 5,
		.resident_bytes = UINT64_MAX,
		.minor_faults = 70,
		.major_faults = 7,
		.voluntary_switches = 2,
		.involuntary_switches = 3 };
	const struct process_info process = { 1, "python3", "python3 app.py --x", "3.13.0",
		"/srv/app/\n/srv/\n", true };

	switch (random_below(6)) {
	case 0:
		event.kind = EVENT_MISSED;
		event.missed = random_below(100);
		break;
	case 1:
		event.kind = EVENT_COUNTERS;
		event.counters = &counters;
		break;
	case 2:
		event.kind = EVENT_CLOCK;
		event.realtime_ns = INT64_C(1700000000000000000);
		break;
	case 4:
		event.kind = EVENT_MARK;
		event.pid = 0;
		event.reason = "sampling is off";
		break;
	case 3:
		event.kind = EVENT_PROCESS;
		event.process = &process;
		break;
	default:
		event.kind = EVENT_EXIT;
		event.status = -1;
		break;
	}
	give(script, &event);
}

/*
 * One process at a time has its run of ticks, so that the order of what is read is that of what was
 * written.
 */
static void play(struct script *script, unsigned rounds, bool one_process)
{
	const struct run_info run = { "0.1.0", "pyrope -o x.pyrope 5", "Linux 6.1", 2, INTERVAL_NS,
		INT64_C(1700000000123456789), "wall", true };
	const struct event begin = { .kind = EVENT_BEGIN, .time_ns = START_NS, .run = &run };
	const struct recorder_file bytes = { .write = write_bytes };

	buffer_clear(&file);
	script->notes = notes_new();
	script->recorder = recorder_new(&bytes);
	script->now_ns = START_NS;
	give(script, &begin);
	for (unsigned i = 0; i < PROCESSES; i++)
		script->counts[i] = 1 + random_below(THREADS);
	for (unsigned round = 0; round < rounds; round++) {
		const unsigned process = one_process ? 0 : random_below(PROCESSES);
		struct error err = { 0 };

		if (random_below(30) == 0)
			script->counts[process] = random_below(THREADS + 1);
		for (unsigned changes = random_below(3); changes; changes--)
			do_something(&script->doing[process][random_below(THREADS)]);
		script->now_ns += INTERVAL_NS + ((int)random_below(120) - 60) * STEP_NS;
		give_tick(script, process, random_below(20) ? 1 : 1 + random_below(50));
		if (random_below(10) == 0)
			give_other(script);
		/* so that nothing of one process is behind what another one has done since */
		if (!one_process || random_below(100) == 0)
			ck_assert_int_eq(sink_flush(script->recorder, &err), 0);
	}
}

static void end(struct script *script)
{
	const struct event last = {
		.kind = EVENT_END, .time_ns = script->now_ns, .reason = "the time was over"
	};
	struct error err = { 0 };

	give(script, &last);
	ck_assert_int_eq(sink_finish(script->recorder, &err), 0);
	sink_free(script->recorder);
}

/* ---- reading ---- */

static int read_file(
	const void *bytes, size_t length, struct notes *notes, struct recording_end *how, struct error *err)
{
	int fd = memfd_create("recording", MFD_CLOEXEC), result;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
	lseek(fd, 0, SEEK_SET);
	*notes = notes_new();
	memset(err, 0, sizeof(*err));
	result = recording_read(fd, "x.pyrope", functions, &notes->sink, how, err);
	close(fd);
	return result;
}

static void setup(void)
{
	functions = functions_new();
	random_state = 1;
}

static void teardown(void)
{
	functions_free(functions);
	buffer_release(&file);
}

static void assert_same(const struct buffer *wanted, const struct buffer *found)
{
	size_t same = 0;

	while (same < wanted->length && same < found->length && wanted->data[same] == found->data[same])
		same++;
	ck_assert_msg(wanted->length == found->length && same == wanted->length,
		"differs at %zu: '%.200s' is '%.200s'", same, wanted->data + same, found->data + same);
}

START_TEST(what_is_read_is_what_was_written)
{
	static struct script script;
	struct notes notes;
	struct recording_end how;
	struct error err;

	random_state = (uint64_t)_i + 1;
	memset(&script, 0, sizeof(script));
	play(&script, 2000, _i % 2 == 0);
	end(&script);
	ck_assert_msg(read_file(file.data, file.length, &notes, &how, &err) == 0, "%s", err.message);
	ck_assert_msg(how.is_whole && !how.is_damaged, "%s", how.note);
	ck_assert_uint_eq(how.offset, file.length);
	assert_same(&script.notes.text, &notes.text);
	notes_release(&script.notes);
	notes_release(&notes);
}
END_TEST

/* A prefix is a prefix: what is read is the beginning of what was written. */
START_TEST(every_prefix_is_read_up_to_its_last_block)
{
	static struct script script;
	struct recording_end how;
	struct error err;

	memset(&script, 0, sizeof(script));
	play(&script, 300, true);
	end(&script);
	for (size_t length = 0; length < file.length; length += 1 + length / 100) {
		struct notes notes;
		const int result = read_file(file.data, length, &notes, &how, &err);

		if (result != 0) {
			ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
			ck_assert(err.message[0]);
		} else {
			ck_assert(!how.is_whole && how.note[0] && !how.is_damaged);
			ck_assert_uint_le(how.offset, length);
		}
		ck_assert(notes.text.length <= script.notes.text.length &&
			memcmp(notes.text.data, script.notes.text.data, notes.text.length) == 0);
		notes_release(&notes);
	}
	notes_release(&script.notes);
}
END_TEST

START_TEST(no_damage_changes_a_number)
{
	static struct script script;
	struct recording_end how;
	struct error err;

	memset(&script, 0, sizeof(script));
	play(&script, 300, true);
	end(&script);
	for (size_t at = 0; at < file.length; at += 1 + at / 200) {
		struct notes notes;

		file.data[at] ^= (char)(1 << at % 8);
		if (read_file(file.data, file.length, &notes, &how, &err) == 0)
			ck_assert(!how.is_whole && how.note[0]);
		else
			ck_assert(err.message[0]);
		ck_assert(notes.text.length < script.notes.text.length &&
			memcmp(notes.text.data, script.notes.text.data, notes.text.length) == 0);
		file.data[at] ^= (char)(1 << at % 8);
		notes_release(&notes);
	}
	notes_release(&script.notes);
}
END_TEST

/* Where the blocks of the file begin, its end among them. */
static size_t find_blocks(size_t *starts, size_t limit)
{
	size_t at = SIGNATURE_BYTES, count = 0;

	while (at < file.length && count + 1 < limit) {
		struct block_header header;

		ck_assert(block_parse_header((unsigned char *)file.data + at, &header));
		starts[count++] = at;
		at += BLOCK_HEADER_BYTES + header.stored_bytes;
	}
	starts[count] = at;
	return count;
}

START_TEST(a_block_that_is_missing_or_twice_there_is_damage)
{
	static struct script script;
	static size_t starts[1000];
	size_t count;

	memset(&script, 0, sizeof(script));
	play(&script, 1000, true);
	end(&script);
	count = find_blocks(starts, ARRAY_LENGTH(starts));
	ck_assert_uint_gt(count, 5);
	for (size_t i = 1; i + 1 < count; i++) {
		struct buffer other = { 0 };
		struct notes notes;
		struct recording_end how;
		struct error err;

		if (_i)
			buffer_append(&other, file.data, starts[i + 1]);
		else
			buffer_append(&other, file.data, starts[i]);
		buffer_append(
			&other, file.data + starts[_i ? i : i + 1], file.length - starts[_i ? i : i + 1]);
		ck_assert_int_eq(read_file(other.data, other.length, &notes, &how, &err), 0);
		ck_assert(how.is_damaged && !how.is_whole);
		ck_assert(memcmp(notes.text.data, script.notes.text.data, notes.text.length) == 0);
		buffer_release(&other);
		notes_release(&notes);
	}
	notes_release(&script.notes);
}
END_TEST

/* A newer pyrope may write more: what this one does not know is passed over. */
START_TEST(a_block_of_another_kind_is_passed_over)
{
	static struct script script;
	struct packer *packer = packer_new();
	struct buffer plain = { 0 }, other = { 0 };
	static size_t starts[1000];
	struct notes notes;
	struct recording_end how;
	struct error err;
	size_t count;

	memset(&script, 0, sizeof(script));
	play(&script, 10, true);
	end(&script);
	count = find_blocks(starts, ARRAY_LENGTH(starts));
	ck_assert_uint_ge(count, 2);
	/* in the place of the last block */
	buffer_append_string(&plain, "something new");
	buffer_append(&other, file.data, starts[count - 1]);
	packer_pack(packer, 77, (uint32_t)count - 1, &plain, &other);
	ck_assert_int_eq(read_file(other.data, other.length, &notes, &how, &err), 0);
	ck_assert(!how.is_damaged && !how.is_whole);
	ck_assert_uint_eq(how.offset, other.length);
	packer_free(packer);
	buffer_release(&plain);
	buffer_release(&other);
	notes_release(&notes);
	notes_release(&script.notes);
}
END_TEST

static const struct {
	const char *bytes, *message;
	size_t length;
} others[] = {
	{ "", "is no recording", 0 },
	{ "a;b;c 5\n", "is no recording", 8 },
	{ RECORDING_SIGNATURE, "ends before its first block", 1 },
	{ RECORDING_SIGNATURE, "ends before its first block", SIGNATURE_BYTES },
	{ RECORDING_SIGNATURE "PBLK", "ends before its first block", 12 },
	{ RECORDING_SIGNATURE "0123456789012345678901234567890", "cannot be read", 39 },
};

START_TEST(what_is_no_recording_is_told)
{
	struct notes notes;
	struct recording_end how;
	struct error err;

	ck_assert_int_eq(read_file(others[_i].bytes, others[_i].length, &notes, &how, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
	ck_assert_msg(strstr(err.message, others[_i].message) && strstr(err.message, "x.pyrope"), "%s",
		err.message);
	notes_release(&notes);
}
END_TEST

START_TEST(a_newer_format_is_told)
{
	struct packer *packer = packer_new();
	struct buffer plain = { 0 };
	struct notes notes;
	struct recording_end how;
	struct error err;

	buffer_clear(&file);
	buffer_append(&file, RECORDING_SIGNATURE, SIGNATURE_BYTES);
	wire_put(&plain, RECORDING_FORMAT + 1);
	packer_pack(packer, BLOCK_BEGIN, 0, &plain, &file);
	ck_assert_int_eq(read_file(file.data, file.length, &notes, &how, &err), -1);
	ck_assert_msg(strstr(err.message, "use a newer pyrope") != NULL, "%s", err.message);
	packer_free(packer);
	buffer_release(&plain);
	notes_release(&notes);
}
END_TEST

START_TEST(an_idle_hour_takes_little)
{
	static struct script script;

	memset(&script, 0, sizeof(script));
	play(&script, 1, true);
	script.counts[0] = THREADS;
	for (int i = 0; i < 360000; i++) {
		script.now_ns += INTERVAL_NS;
		give_tick(&script, 0, 1);
	}
	end(&script);
	ck_assert_uint_lt(file.length, 3600 * 100);
	notes_release(&script.notes);
}
END_TEST

START_TEST(numbers_and_checksums)
{
	static const uint64_t numbers[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX };
	struct buffer buffer = { 0 };
	struct cursor cursor;

	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		wire_put(&buffer, numbers[i]);
		wire_put_signed(&buffer, (int64_t)numbers[i]);
		wire_put_signed(&buffer, -(int64_t)(numbers[i] >> 1));
	}
	cursor = (struct cursor){ (unsigned char *)buffer.data, (unsigned char *)buffer.data + buffer.length,
		false };
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		ck_assert_uint_eq(wire_get(&cursor), numbers[i]);
		ck_assert_int_eq(wire_get_signed(&cursor), (int64_t)numbers[i]);
		ck_assert_int_eq(wire_get_signed(&cursor), -(int64_t)(numbers[i] >> 1));
	}
	ck_assert(!cursor.bad && cursor.at == cursor.end);
	ck_assert_uint_eq(wire_get(&cursor), 0);
	ck_assert(cursor.bad);
	/* RFC 3720, B.4, and the usual check value */
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	ck_assert_uint_eq(crc32c(0, (char[32]){ 0 }, 32), 0x8a9136aa);
	buffer_release(&buffer);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, what_is_read_is_what_was_written, 0, 12);
	tcase_add_test(tests, every_prefix_is_read_up_to_its_last_block);
	tcase_add_test(tests, no_damage_changes_a_number);
	tcase_add_loop_test(tests, a_block_that_is_missing_or_twice_there_is_damage, 0, 2);
	tcase_add_test(tests, a_block_of_another_kind_is_passed_over);
	tcase_add_loop_test(tests, what_is_no_recording_is_told, 0, ARRAY_LENGTH(others));
	tcase_add_test(tests, a_newer_format_is_told);
	tcase_add_test(tests, an_idle_hour_takes_little);
	tcase_add_test(tests, numbers_and_checksums);
}

int main(void)
{
	return suite_run("recording", add_tests);
}
