/* SPDX-License-Identifier: MIT */
/*
 * pyrope serve: what the server does with a profile is what `report` and `diff` do. It is done in a child
 * that can open nothing (src/web/sandbox.c): files are lent to it by their names.
 */
#include "config.h"

#include "commands/command.h"
#include "commands/input.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pyrope/web.h"

#define MEGABYTE UINT64_C(1000000)
#define DEFAULT_MAX_DEPTH 100000

/* ---- what a profile is ---- */

struct examination {
	struct sink sink;
	struct web_facts *facts;
	int64_t first_ns, last_ns;
	bool has_time;
};

static void note_time(struct examination *examination, int64_t time_ns)
{
	if (!examination->has_time || time_ns < examination->first_ns)
		examination->first_ns = time_ns;
	if (!examination->has_time || time_ns > examination->last_ns)
		examination->last_ns = time_ns;
	examination->has_time = true;
}

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct examination *examination = (struct examination *)sink;
	struct web_facts *facts = examination->facts;

	(void)err;
	if (event->kind == EVENT_SAMPLE && !event->is_untimed) {
		note_time(examination, event->time_ns);
		note_time(examination, event->last_ns);
	} else if (event->kind == EVENT_BEGIN || event->kind == EVENT_END) {
		note_time(examination, event->time_ns);
	}
	if (event->kind == EVENT_SAMPLE) {
		facts->samples += event->weight;
	} else if (event->kind == EVENT_BEGIN && !facts->start_ms) {
		facts->start_ms = event->run->realtime_ns / 1000000;
		snprintf(facts->host, sizeof(facts->host), "%.*s", (int)strcspn(event->run->machine, " "),
			event->run->machine);
	} else if (event->kind == EVENT_PROCESS && !facts->command[0]) {
		snprintf(facts->command, sizeof(facts->command), "%s",
			event->process->command_line[0] ? event->process->command_line
							: event->process->name);
	}
	return 0;
}

static enum web_kind kind_of(int fd)
{
	char bytes[16];
	const size_t length = read_file_at(fd, bytes, sizeof(bytes), 0);

	return recording_recognise(bytes, length) ? WEB_RECORDING
		: pprof_recognise(bytes, length)  ? WEB_PPROF
						  : WEB_COLLAPSED;
}

static int examine(const struct web_input *input, struct web_facts *facts, struct error *err)
{
	struct examination examination = { .sink = { .take = take }, .facts = facts };
	struct functions *functions = functions_new();
	bool damaged = false;
	int result, fd;

	file_lend(input->name, input->fd);
	fd = input_open(input->name, err);
	if (fd < 0)
		return -1;
	facts->kind = kind_of(fd);
	result = input_read(fd, input->name, functions, &examination.sink, &damaged, err);
	facts->duration_ms = (examination.last_ns - examination.first_ns) / 1000000;
	functions_free(functions);
	if (result != 0)
		return -1;
	return facts->samples
		? 0
		: error_set(err, ERROR_UNSUPPORTED,
			  "'%.200s' has no sample: send a recording, collapsed stacks or pprof", input->name);
}

/* ---- what is made of it ---- */

static struct options options_of(const struct command *command)
{
	return (struct options){ .command = command,
		.max_depth = DEFAULT_MAX_DEPTH,
		.interval_ns = 10000000,
		.work = 1,
		.later_work = 1 };
}

static int convert(const struct web_input *input, const char *format, int out, struct error *err)
{
	static const char name[] = "the profile";
	struct options options = options_of(&command_report);

	if (strcmp(format, "html") == 0 && !output_format_find(format))
		format = "svg";
	file_lend(input->name, input->fd);
	file_lend(name, out);
	options.inputs[options.input_count++] = input->name;
	options.outputs[options.output_count++] = name;
	options.format = format;
	options.title = input->name;
	if (report_run(&options, err) == 0)
		return 0;
	/* one that is damaged is shown as far as it could be read */
	return err->message[0] ? -1 : 0;
}

static int compare_two(const struct web_input inputs[2], int out, struct error *err)
{
	static const char name[] = "difference.html";
	struct options options = options_of(&command_diff);

	file_lend(inputs[0].name, inputs[0].fd);
	file_lend(inputs[1].name, inputs[1].fd);
	file_lend(name, out);
	options.inputs[options.input_count++] = inputs[0].name;
	options.later_inputs[options.later_input_count++] = inputs[1].name;
	options.outputs[options.output_count++] = name;
	options.force = true;
	if (diff_run(&options, err) == 0)
		return 0;
	return err->message[0] ? -1 : 0;
}

/* ---- the server ---- */

static const struct web_work work = { .examine = examine, .convert = convert, .compare = compare_two };

int serve_run(const struct options *options, struct error *err)
{
	const struct web_choice *web = &options->web;
	const struct web_options server = {
		.folder = options->input_count ? options->inputs[0] : ".",
		.listen = web->listen,
		.token_file = options->token_file,
		.hosts = web->hosts,
		.host_count = web->host_count,
		.upload_bytes = (uint64_t)web->upload_megabytes * MEGABYTE,
		.upload_ns = web->upload_ns,
		.profiles = (size_t)web->profiles,
		.work = &work,
	};

	return web_serve(&server, err);
}
