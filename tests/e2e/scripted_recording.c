/* SPDX-License-Identifier: MIT */
/*
 * Writes a recording whose numbers are known, for tests of what shows time: each line of standard input is an
 * event, its fields separated by tabs. Times are milliseconds. The interval is 10 ms: what lies on it is kept
 * as it is.
 *
 * Usage: scripted_recording FILE < EVENTS
 * process  TIME PID NAME COMMAND
 * sample   TIME LAST WEIGHT PID TID THREAD STATE QUALITY STACK   (STATE: number, with a "g" behind it: it
 *          collects garbage; STACK: file:function:line, separated by semicolons, outermost first)
 * counters TIME PID CPU_MS MEMORY_KB
 * missed   TIME PID TICKS
 * end      TIME
 */
#include "config.h"

#include "pyrope/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000
#define START_NS INT64_C(5000000000)
#define INTERVAL_NS (INT64_C(10) * NS_PER_MS)
#define FRAMES 4096

static struct functions *functions;
static struct sample_frame frames[FRAMES];

static int write_bytes(void *context, const void *bytes, size_t length, struct error *err)
{
	return fwrite(bytes, 1, length, context) == length
		? 0
		: error_set(err, ERROR_SYSTEM, "the file cannot be written");
}

static void give(struct sink *sink, const struct event *event)
{
	struct error err = { .message = "" };

	if (sink_take(sink, event, &err) == 0)
		return;
	fprintf(stderr, "scripted_recording: %s\n", err.message);
	exit(1);
}

/* The next field; "" where there is none. */
static char *field(char **line)
{
	static char none[1];
	char *text = strsep(line, "\t\n");

	return text ? text : none;
}

static int64_t time_of(char **line)
{
	return START_NS + strtoll(field(line), NULL, 10) * NS_PER_MS;
}

static size_t read_frames(char *stack)
{
	size_t count = 0;

	for (char *text; count < FRAMES && (text = strsep(&stack, ";"));) {
		char *line = strrchr(text, ':'), *name;
		struct function like = { .kind = FUNCTION_MARKER, .name = text, .file = "" };

		if (text[0] != '(' && line) {
			*line++ = '\0';
			name = strchr(text, ':');
			if (!name)
				continue;
			*name++ = '\0';
			like = (struct function){
				.kind = FUNCTION_PYTHON, .name = name, .file = text, .first_line = 1
			};
		}
		frames[count++] = (struct sample_frame){ functions_intern(functions, &like),
			like.kind == FUNCTION_PYTHON ? (int)strtol(line, NULL, 10) : 0 };
	}
	return count;
}

static void give_sample(struct sink *sink, char *line)
{
	struct sample sample = { .process_name = "python3", .syscall_number = -1, .frames = frames };
	struct event event = { .kind = EVENT_SAMPLE, .time_ns = time_of(&line) };
	char *state;

	event.last_ns = time_of(&line);
	event.weight = strtoull(field(&line), NULL, 10);
	event.pid = (pid_t)strtol(field(&line), NULL, 10);
	sample.time_ns = event.time_ns;
	sample.pid = event.pid;
	sample.tid = (pid_t)strtol(field(&line), NULL, 10);
	sample.thread_name = field(&line);
	state = field(&line);
	sample.state = (enum thread_state)strtol(state, &state, 10);
	sample.is_collecting = *state == 'g';
	sample.quality = (enum sample_quality)strtol(field(&line), NULL, 10);
	sample.frame_count = read_frames(field(&line));
	sample.weight = event.weight;
	event.sample = &sample;
	give(sink, &event);
}

static void give_line(struct sink *sink, char *line)
{
	const char *kind = field(&line);
	struct event event = { .kind = EVENT_END };

	if (strcmp(kind, "sample") == 0) {
		give_sample(sink, line);
		return;
	}
	event.time_ns = time_of(&line);
	if (strcmp(kind, "end") == 0) {
		event.reason = "the time was over";
		give(sink, &event);
		return;
	}
	event.pid = (pid_t)strtol(field(&line), NULL, 10);
	if (strcmp(kind, "process") == 0) {
		struct process_info process = { .version = "3.11.7", .roots = "/srv/app/\n" };

		process.name = field(&line);
		process.command_line = field(&line);
		event.kind = EVENT_PROCESS;
		event.process = &process;
		give(sink, &event);
	} else if (strcmp(kind, "counters") == 0) {
		struct process_counters counters = { .user_ns =
							     strtoull(field(&line), NULL, 10) * NS_PER_MS };

		counters.resident_bytes = strtoull(field(&line), NULL, 10) * 1024;
		event.kind = EVENT_COUNTERS;
		event.counters = &counters;
		give(sink, &event);
	} else if (strcmp(kind, "missed") == 0) {
		event.kind = EVENT_MISSED;
		event.missed = strtoull(field(&line), NULL, 10);
		give(sink, &event);
	} else {
		fprintf(stderr, "scripted_recording: no such event: %s\n", kind);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	const struct run_info run = { "0.1.0", "pyrope -o x.pyrope", "Linux test", 2, INTERVAL_NS,
		INT64_C(1700000000) * 1000 * NS_PER_MS, "wall", false };
	const struct event begin = { .kind = EVENT_BEGIN, .time_ns = START_NS, .run = &run };
	struct recorder_file bytes = { .write = write_bytes };
	struct error err = { .message = "" };
	char *line = NULL;
	size_t capacity = 0;
	struct sink *sink;
	int result;

	bytes.context = argc == 2 ? fopen(argv[1], "we") : NULL;
	if (!bytes.context) {
		fputs("usage: scripted_recording FILE < EVENTS\n", stderr);
		return 2;
	}
	functions = functions_new();
	sink = recorder_new(&bytes);
	give(sink, &begin);
	while (getline(&line, &capacity, stdin) > 0)
		give_line(sink, line);
	free(line);
	result = sink_finish(sink, &err);
	sink_free(sink);
	functions_free(functions);
	return fclose(bytes.context) == 0 && result == 0 ? 0 : 1;
}
