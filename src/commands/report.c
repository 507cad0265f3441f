/* SPDX-License-Identifier: MIT */
/*
 * pyrope report: what was recorded before, shown or written in any format. A recording gives the same bytes
 * as the run that made it would have given; collapsed stacks of any tool are read, too; several files are
 * added up, by the
 * time that their ticks stand for.
 */
#include "config.h"

#include "commands/command.h"
#include "commands/input.h"
#include "commands/outputs.h"
#include "commands/roots.h"

#include <stdio.h>
#include <unistd.h>

struct report {
	const struct options *options;
	struct functions *functions;
	struct outputs outputs;
	struct sink sink;
	struct roots roots;
	bool damaged;
	int64_t interval_ns; /* of what is written: that of the finest file */
	struct {
		int64_t interval_ns; /* 0: it has no ticks in time */
		long double rest;    /* of ticks, of what was read before */
	} file;
};

/* What the outputs have to know before the first event. */
struct preview {
	struct sink sink;
	bool has_run;
	bool has_begun; /* the file that is looked at */
	int64_t interval_ns, epoch_ns;
	enum sample_mode mode;
};

static int take_preview(struct sink *sink, const struct event *event, struct error *err)
{
	struct preview *preview = (struct preview *)sink;

	if (event->kind == EVENT_BEGIN) {
		preview->has_begun = true;
		if (!preview->has_run || event->run->interval_ns < preview->interval_ns)
			preview->interval_ns = event->run->interval_ns;
	}
	if (event->kind == EVENT_BEGIN && !preview->has_run) {
		preview->has_run = true;
		preview->epoch_ns = event->run->realtime_ns - event->time_ns;
		preview->mode = sample_mode_find(event->run->mode);
	}
	return error_set(err, ERROR_GONE, "seen");
}

/* The run of the first file that is a recording, and the shortest interval of all of them. */
static int preview_files(struct report *report, struct preview *preview, struct error *err)
{
	const struct options *options = report->options;

	for (size_t i = 0; i < options->input_count; i++) {
		struct recording_end end;
		struct error stop = { 0 };
		int fd = input_open(options->inputs[i], err);

		if (fd < 0)
			return -1;
		preview->has_begun = false;
		if (input_is_recording(fd) &&
			recording_read(fd, options->inputs[i], report->functions, &preview->sink, &end,
				&stop) != 0 &&
			!preview->has_begun) {
			*err = stop;
			close(fd);
			return -1;
		}
		close(fd);
	}
	return 0;
}

/* So many ticks of the file, in ticks of what is written. */
static uint64_t scale(struct report *report, uint64_t ticks)
{
	const long double exact =
		(long double)ticks * report->file.interval_ns / report->interval_ns + report->file.rest;
	const uint64_t whole = exact < (long double)INT64_MAX ? (uint64_t)exact : INT64_MAX;

	report->file.rest = exact < (long double)INT64_MAX ? exact - (long double)whole : 0;
	return whole;
}

/* Of a file with a longer interval: each tick becomes as many as stand for the same time. */
static int take_scaled(struct report *report, const struct event *event, struct error *err)
{
	struct event scaled = *event;

	if (event->kind == EVENT_MISSED) {
		scaled.missed = scale(report, event->missed);
	} else if (event->kind == EVENT_SAMPLE || event->kind == EVENT_LEFT_OUT) {
		scaled.weight = scale(report, event->weight);
		scaled.last_ns += report->file.interval_ns - report->interval_ns;
	}
	return outputs_take(&report->outputs, &scaled, err);
}

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct report *report = (struct report *)((char *)sink - offsetof(struct report, sink));

	if (event->kind == EVENT_PROCESS)
		roots_add_list(&report->roots, event->process->roots);
	if (event->kind == EVENT_BEGIN)
		report->file.interval_ns = event->run->interval_ns;
	return report->file.interval_ns > report->interval_ns ? take_scaled(report, event, err)
							      : outputs_take(&report->outputs, event, err);
}

/*
 * Collapsed stacks have no time. An output that shows it has something to say about that, or cannot be
 * written.
 */
static int check_untimed(const struct report *report, const char *path, struct error *err)
{
	for (size_t i = 0; i < report->outputs.count; i++) {
		const struct output *output = &report->outputs.list[i];

		if (output->format->untimed == UNTIMED_REFUSED)
			return error_set(err, ERROR_UNSUPPORTED,
				"'%.256s' is no recording and has no times, which the format '%s' cannot do "
				"without: use another --format",
				path, output->format->name);
		if (output->format->untimed == UNTIMED_IN_A_ROW)
			fprintf(stderr,
				"pyrope: '%.256s' has no times: in the format '%s' its stacks stand one "
				"behind the other\n",
				path, output->format->name);
	}
	return 0;
}

static int read_one(struct report *report, const char *path, struct error *err)
{
	int fd = input_open(path, err);

	if (fd < 0)
		return -1;
	report->file.interval_ns = 0;
	report->file.rest = 0;
	if (!input_is_recording(fd) && check_untimed(report, path, err) != 0) {
		close(fd);
		return -1;
	}
	return input_read(fd, path, report->functions, &report->sink, &report->damaged, err);
}

static int open_outputs(struct report *report, const struct preview *preview, struct error *err)
{
	const struct options *options = report->options;
	const enum sample_mode mode = options->has_mode || !preview->has_run ? options->mode : preview->mode;
	struct output_options output = output_options_of(options, mode);
	struct filter_options filter = filter_options_of(options, mode);

	output.interval_ns = report->interval_ns = preview->interval_ns;
	output.epoch_ns = preview->epoch_ns;
	output.roots = report->roots.list;
	filter.selects = preview->has_run;
	if (outputs_open(&report->outputs, options->outputs, options->output_count,
		    options->format ? output_format_find(options->format) : NULL, &output, options->paths,
		    report->functions, options->embed_source ? sources_new(false) : NULL, err) != 0)
		return -1;
	outputs_filter(&report->outputs, &filter);
	return 0;
}

static int run(struct report *report, struct error *err)
{
	struct preview preview = { .sink = { .take = take_preview }, .interval_ns = 10000000 };
	int result = 0;

	if (preview_files(report, &preview, err) != 0 || open_outputs(report, &preview, err) != 0)
		return -1;
	for (size_t i = 0; i < report->options->input_count && result == 0; i++)
		result = read_one(report, report->options->inputs[i], err);
	if (result != 0)
		return -1;
	if (outputs_finish(&report->outputs, err) != 0)
		return -1;
	if (!filter_kept(report->outputs.filter))
		fprintf(stderr, "pyrope: there is no sample to show%s\n",
			filter_idle(report->outputs.filter)               ? ": -x leaves out all of them"
				: filter_left_out(report->outputs.filter) ? ": " NOTHING_MATCHES
									  : "");
	if (report->damaged) {
		err->exit_code = 1;
		return -1;
	}
	return 0;
}

int report_run(const struct options *options, struct error *err)
{
	struct report report = { .options = options, .functions = functions_new(), .sink = { .take = take } };
	int result = run(&report, err);

	outputs_release(&report.outputs);
	roots_release(&report.roots);
	functions_free(report.functions);
	return result;
}
