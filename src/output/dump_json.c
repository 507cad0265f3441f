/* SPDX-License-Identifier: MIT */
/*
 * pyrope dump --json: one object, and with --repeat a line for each dump. Whatever a target holds, it is
 * valid JSON: texts are clean UTF-8, and a number that a reader could not hold exactly is null (RFC 8259,
 * section 6).
 */
#include "config.h"

#include "pyrope/output.h"

#include <string.h>

#define EXACT_LIMIT (UINT64_C(1) << 53)

static void append_key(struct buffer *buffer, const char *key)
{
	buffer_append_json(buffer, key);
	buffer_append_char(buffer, ':');
}

static void append_number(struct buffer *buffer, uint64_t number)
{
	if (number < EXACT_LIMIT)
		buffer_append_uint(buffer, number);
	else
		buffer_append_string(buffer, "null");
}

static const char *state_name(enum thread_state state)
{
	switch (state) {
	case THREAD_HOLDS_GIL:
		return "holds_gil";
	case THREAD_WAITS_GIL:
		return "waits_gil";
	case THREAD_RUNNING:
		return "running";
	case THREAD_SLEEPING:
		return "sleeping";
	case THREAD_WAITS_CPU:
		return "waits_cpu";
	default:
		return "unknown";
	}
}

static const char *quality_name(enum sample_quality quality)
{
	switch (quality) {
	case SAMPLE_PAUSED:
		return "paused";
	case SAMPLE_PARTIAL:
		return "partial";
	case SAMPLE_UNVERIFIED:
		return "unverified";
	case SAMPLE_FAILED:
		return "failed";
	default:
		return "verified";
	}
}

static void append_syscall(struct buffer *buffer, const struct sample *sample)
{
	struct buffer name = { 0 };

	if (sample->syscall_number < 0) {
		buffer_append_string(buffer, "null");
		return;
	}
	syscall_append(&name, sample->syscall_number);
	buffer_append_json(buffer, name.data);
	buffer_release(&name);
}

static void append_variable(struct buffer *buffer, const struct variable *variable)
{
	buffer_append_char(buffer, '{');
	append_key(buffer, "name");
	buffer_append_json(buffer, variable->name);
	buffer_append_char(buffer, ',');
	append_key(buffer, "kind");
	buffer_append_json(buffer, variable_kind_names[variable->kind]);
	buffer_append_char(buffer, ',');
	append_key(buffer, "type");
	buffer_append_json(buffer, variable->type);
	buffer_append_char(buffer, ',');
	append_key(buffer, "value");
	buffer_append_json(buffer, variable->text);
	if (variable->is_changing) {
		buffer_append_char(buffer, ',');
		append_key(buffer, "changing");
		buffer_append_string(buffer, "true");
	}
	buffer_append_char(buffer, '}');
}

static void append_variables(struct buffer *buffer, const struct variables *variables)
{
	buffer_append_char(buffer, ',');
	append_key(buffer, "variables");
	buffer_append_char(buffer, '[');
	for (size_t i = 0; i < variables->count; i++) {
		if (i)
			buffer_append_char(buffer, ',');
		append_variable(buffer, &variables->list[i]);
	}
	buffer_append_char(buffer, ']');
	if (variables->left_out) {
		buffer_append_char(buffer, ',');
		append_key(buffer, "variables_left_out");
		append_number(buffer, variables->left_out);
	}
	if (variables->is_partial) {
		buffer_append_char(buffer, ',');
		append_key(buffer, "variables_partial");
		buffer_append_string(buffer, "true");
	}
}

/* A marker such as "(failed)" is no place in a file. */
static void append_frame(
	struct buffer *buffer, const struct sample_frame *frame, const struct variables *variables)
{
	const struct function *function = frame->function;

	buffer_append_char(buffer, '{');
	append_key(buffer, "function");
	buffer_append_json(buffer, function->name);
	buffer_append_char(buffer, ',');
	append_key(buffer, "file");
	if (function->kind == FUNCTION_MARKER)
		buffer_append_string(buffer, "null");
	else
		buffer_append_json(buffer, function->file);
	buffer_append_char(buffer, ',');
	if (function->kind == FUNCTION_NATIVE) {
		append_key(buffer, "native");
		buffer_append_string(buffer, "true,");
	}
	append_key(buffer, "line");
	if (frame->line > 0)
		buffer_append_int(buffer, frame->line);
	else
		buffer_append_string(buffer, "null");
	if (variables)
		append_variables(buffer, variables);
	buffer_append_char(buffer, '}');
}

/* Of a thread that sleeps in a lock. */
static void append_wait(struct buffer *text, const struct thread_wait *wait)
{
	append_key(text, "asleep_seconds");
	if (wait->asleep_ns >= 0)
		buffer_printf(text, "%lld.%03d,", (long long)(wait->asleep_ns / 1000000000),
			(int)(wait->asleep_ns / 1000000 % 1000));
	else
		buffer_append_string(text, "null,");
	if (!wait->has_lock)
		return;
	append_key(text, "waits_for");
	buffer_append_char(text, '{');
	append_key(text, "kind");
	buffer_append_json(text, wait_kind_names[wait->wait.kind]);
	buffer_append_char(text, ',');
	append_key(text, "name");
	buffer_append_json(text, wait->wait.label);
	buffer_append_char(text, ',');
	append_key(text, "timeout");
	buffer_append_string(text, wait->has_timeout ? "true," : "false,");
	append_key(text, "owner");
	if (wait->owner)
		buffer_append_int(text, wait->owner);
	else
		buffer_append_string(text, "null");
	buffer_append_char(text, ',');
	append_key(text, "deadlock");
	buffer_append_string(text, wait->is_deadlocked ? "true}," : "false},");
}

static void append_deadlocks(struct buffer *text, const struct waits *waits)
{
	append_key(text, "deadlocks");
	buffer_append_char(text, '[');
	for (size_t i = 0; i < waits->deadlock_count; i++) {
		const struct deadlock *deadlock = &waits->deadlocks[i];

		buffer_append_string(text, i ? ",[" : "[");
		for (size_t j = 0; j < deadlock->count; j++) {
			if (j)
				buffer_append_char(text, ',');
			buffer_append_int(text, deadlock->tids[j]);
		}
		buffer_append_char(text, ']');
	}
	buffer_append_string(text, "],");
	if (waits->is_partial) {
		append_key(text, "waits_partial");
		buffer_append_string(text, "true,");
	}
}

static void append_header(struct buffer *text, const struct dump_header *header)
{
	buffer_append_char(text, '{');
	append_key(text, "pid");
	buffer_append_int(text, header->pid);
	buffer_append_char(text, ',');
	if (header->inner_pid && header->inner_pid != header->pid) {
		append_key(text, "inner_pid");
		buffer_append_int(text, header->inner_pid);
		buffer_append_char(text, ',');
	}
	if (header->parent) {
		append_key(text, "parent");
		buffer_append_int(text, header->parent);
		buffer_append_char(text, ',');
	}
	append_key(text, "name");
	buffer_append_json(text, header->process_name);
	buffer_append_char(text, ',');
	if (header->command_line) {
		append_key(text, "command_line");
		buffer_append_json(text, header->command_line);
		buffer_append_char(text, ',');
	}
	append_key(text, "version");
	if (header->version)
		buffer_append_json(text, header->version);
	else
		buffer_append_string(text, "null");
	buffer_append_char(text, ',');
	if (header->obstacle) {
		append_key(text, "obstacle");
		buffer_append_json(text, header->obstacle);
		buffer_append_char(text, ',');
	}
	if (header->waits)
		append_deadlocks(text, header->waits);
	append_key(text, "threads");
	buffer_append_char(text, '[');
}

static void append_thread(struct buffer *text, const struct dump_thread *thread)
{
	const struct sample *sample = &thread->sample;

	buffer_append_char(text, '{');
	append_key(text, "tid");
	buffer_append_int(text, sample->tid);
	buffer_append_char(text, ',');
	append_key(text, "name");
	buffer_append_json(text, sample->thread_name);
	buffer_append_char(text, ',');
	append_key(text, "holds_gil");
	buffer_append_string(text, sample->state == THREAD_HOLDS_GIL ? "true" : "false");
	buffer_append_char(text, ',');
	append_key(text, "state");
	buffer_append_json(text, state_name(sample->state));
	buffer_append_char(text, ',');
	if (thread->holder) {
		append_key(text, "gil_holder");
		buffer_append_int(text, thread->holder->tid);
		buffer_append_char(text, ',');
	}
	append_key(text, "syscall");
	append_syscall(text, sample);
	buffer_append_char(text, ',');
	if (thread->wait)
		append_wait(text, thread->wait);
	append_key(text, "interpreter");
	append_number(text, sample->interpreter_id);
	buffer_append_char(text, ',');
	append_key(text, "quality");
	buffer_append_json(text, quality_name(sample->quality));
	buffer_append_char(text, ',');
	append_key(text, "frames");
	buffer_append_char(text, '[');
	for (size_t i = sample->frame_count; i > 0; i--) {
		append_frame(
			text, &sample->frames[i - 1], thread->variables ? thread->variables[i - 1] : NULL);
		if (i > 1)
			buffer_append_char(text, ',');
	}
	buffer_append_string(text, "]}");
}

static void write_object(struct output_file *file, const struct dump_header *header,
	const struct dump_thread *threads, size_t count, const char *end)
{
	struct buffer text = { 0 };

	append_header(&text, header);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_append_char(&text, ',');
		append_thread(&text, &threads[i]);
		output_write(file, text.data, text.length);
		buffer_clear(&text);
	}
	buffer_append_string(&text, end);
	output_write(file, text.data, text.length);
	buffer_release(&text);
}

static void write_json(struct output_file *file, const struct dump_header *header,
	const struct dump_thread *threads, size_t count)
{
	write_object(file, header, threads, count, "]}\n");
}

static void write_in_line(struct output_file *file, const struct dump_header *header,
	const struct dump_thread *threads, size_t count)
{
	write_object(file, header, threads, count, "]}");
}

static void begin_line(struct output_file *file, int64_t since_ns)
{
	const int64_t milliseconds = since_ns / 1000000;
	struct buffer text = { 0 };

	buffer_printf(&text, "{\"seconds\":%lld.%03d,\"processes\":[", (long long)(milliseconds / 1000),
		(int)(milliseconds % 1000));
	output_write(file, text.data, text.length);
	buffer_release(&text);
}

const struct dump_format dump_json = {
	.write = write_json,
	.before = "[\n",
	.between = ",\n",
	.after = "]\n",
};

const struct dump_format dump_json_lines = {
	.write = write_in_line,
	.begin = begin_line,
	.before = "",
	.between = ",",
	.after = "]}\n",
};
