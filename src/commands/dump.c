/* SPDX-License-Identifier: MIT */
/* pyrope dump: every thread once, as a person wants to read it in an incident, or as JSON. */
#include "config.h"

#include "commands/command.h"
#include "pyrope/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTACH_WAIT_NS INT64_C(1000000000)

struct dumping {
	const struct dump_format *format;
	struct dump_header header;
	struct output_file *file;
	size_t threads;
};

static int dump_sample(void *context, const struct sample *sample, struct error *err)
{
	struct dumping *dumping = context;

	(void)err;
	dumping->format->thread(dumping->file, &dumping->header, sample, dumping->threads++);
	return 0;
}

/* https://no-color.org: set and not empty. */
static bool wants_colour(const struct options *options)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

	if (options->output && strcmp(options->output, "-") != 0)
		return false;
	return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) &&
		!(terminal && strcmp(terminal, "dumb") == 0);
}

static int dump_python(
	const struct options *options, struct python *python, struct output_file *file, struct error *err)
{
	struct sampling_options sampling = {
		.interval_ns = options->interval_ns,
		.once = true,
		.mode = MODE_WALL,
		.pause = options->pause,
		.want_names = true,
		.want_states = true,
		.mark_syscalls = options->mark_syscalls,
		.max_depth = options->max_depth,
	};
	struct dumping dumping = {
		.format = options->json ? &dump_json : &dump_text,
		.file = file,
		.header = { .pid = options->pid,
			.version = python_version(python),
			.colour = wants_colour(options) },
	};
	struct sampler_callbacks callbacks = { .sample = dump_sample, .context = &dumping };
	const struct native_options native = { .show_all = options->native == NATIVE_ALL };
	struct sampler *sampler;
	char name[64];
	int result;

	if (options->native && native_new(&sampling.native, python, &native, err) != 0)
		return -1;
	sampler = sampler_new(python, &sampling);
	target_task_comm(python_target(python), target_pid(python_target(python)), name);
	dumping.header.process_name = name;
	dumping.format->begin(file, &dumping.header);
	result = sampler_dump(sampler, &callbacks, err);
	dumping.format->end(file);
	sampler_free(sampler);
	native_free(sampling.native);
	return result == 0 ? output_commit(file, err) : -1;
}

int command_dump(const struct options *options, struct error *err)
{
	struct python_options python_options = { .abi = options->abi, .wait_ns = ATTACH_WAIT_NS };
	struct output_file *file = NULL;
	struct target *target = NULL;
	struct python *python = NULL;
	int result = -1;

	if (output_open(&file, options->output, err) != 0)
		goto out;
	if (target_open(&target, options->pid, err) != 0)
		goto out;
	if (python_attach(&python, target, &python_options, err) != 0)
		goto out;
	result = dump_python(options, python, file, err);
out:
	python_free(python);
	target_close(target);
	output_close(file);
	return result;
}
