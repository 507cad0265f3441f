/* SPDX-License-Identifier: MIT */
/*
 * pyrope check: does a profile keep its budgets? The tally counts, src/compare says how far the counts can be
 * trusted, src/check judges and reports.
 */
#include "config.h"

#include "commands/check.h"
#include "commands/check_tally.h"
#include "commands/command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASELINE_RUNS 10   /* of a folder, where no other number is given */
#define EXIT_BUDGET 2      /* it cannot be read, or means nothing */
#define NAMES_LIMIT 100000 /* of a folder */

struct check {
	const struct options *options;
	struct functions *functions;
	bool is_live, damaged;
	struct budgets budgets;
	struct roots roots;
	struct keys *keys;
	char *baseline[INPUTS_LIMIT];
	size_t baseline_count;
	struct tally *tally, *before; /* before: NULL: there is no baseline */
	struct output_file
		*files[REPORTS_LIMIT]; /* by report; NULL: it is printed, or appended to its file */
	struct findings findings;
};

/* ---- what to check ---- */

/* What stands on the command line counts beside what is in the file. */
static int read_budgets(struct check *check, struct error *err)
{
	const struct options *options = check->options;
	struct budgets *budgets = &check->budgets;

	if (options->budget_file && budgets_read(budgets, options->budget_file, err) != 0) {
		err->kind = ERROR_UNSUPPORTED; /* the command line was right */
		return -1;
	}
	for (size_t i = 0; i < options->budget_count; i++) {
		const struct budget_word *word = &options->budgets[i];
		char *source = xasprintf("--%s", word->key);
		const int result = budgets_add(budgets, word->key, word->value, source, err);

		free(source);
		if (result != 0)
			return error_wrap(err, "option '--%s'", word->key);
	}
	if (options->baseline)
		budgets_set_baseline(budgets, options->baseline, "--baseline");
	if (options->baseline_runs)
		budgets->baseline_runs = options->baseline_runs;
	budgets->strict |= options->strict;
	if (options->groups) {
		budgets->by_process = options->groups == GROUP_PROCESS;
		budgets->by_thread = !budgets->by_process;
	}
	return 0;
}

/* What is wrong in a file is said in one line; of the command line, --help tells more. */
static enum error_kind kind_of(const struct budget *budget)
{
	return budget->source[0] == '-' ? ERROR_USAGE : ERROR_UNSUPPORTED;
}

static int check_budgets(const struct check *check, struct error *err)
{
	const struct budgets *budgets = &check->budgets;

	if (!budgets->count)
		return error_set(err, ERROR_USAGE,
			"no budget: name one, as --max 'json:dumps=10%%', or a file of them with --budgets");
	for (size_t i = 0; i < budgets->count; i++) {
		const struct budget *budget = &budgets->list[i];

		if (budget->kind == BUDGET_GROWTH && !budgets->baseline)
			return error_set(err, kind_of(budget),
				"%s: max-growth needs a baseline to compare with: name it with --baseline",
				budget->source);
		if (budget->kind == BUDGET_IDLE && check->options->exclude_idle)
			return error_set(err, kind_of(budget),
				"%s: max-idle, and -x leaves idle time out: one of them", budget->source);
	}
	return 0;
}

/* ---- the baseline ---- */

static int compare_names(const void *left, const void *right)
{
	return strverscmp(*(char *const *)left, *(char *const *)right);
}

static bool is_profile(const struct dirent *entry)
{
	const size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > strlen(".pyrope") &&
		strcmp(entry->d_name + length - strlen(".pyrope"), ".pyrope") == 0;
}

/* The newest recordings by name: names that hold a date or a number sort by it. */
static int list_folder(struct check *check, DIR *folder, const char *path, struct error *err)
{
	char **names = NULL;
	size_t count = 0, capacity = 0;
	const size_t wanted =
		check->budgets.baseline_runs ? (size_t)check->budgets.baseline_runs : BASELINE_RUNS;
	const struct dirent *entry;

	while (count < NAMES_LIMIT && (entry = readdir(folder))) {
		if (!is_profile(entry))
			continue;
		array_reserve(&names, &capacity, count + 1, sizeof(*names));
		names[count++] = xstrdup(entry->d_name);
	}
	if (count)
		qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = count > wanted ? count - wanted : 0; i < count; i++)
		check->baseline[check->baseline_count++] = xasprintf("%s/%s", path, names[i]);
	while (count)
		free(names[--count]);
	free(names);
	if (!check->baseline_count)
		return error_set(err, ERROR_UNSUPPORTED,
			"%s: the baseline '%.256s' has no recording (*.pyrope)",
			check->budgets.baseline_source, path);
	return 0;
}

static int find_baseline(struct check *check, struct error *err)
{
	const char *path = check->budgets.baseline;
	DIR *folder;
	int result;

	if (!path)
		return 0;
	folder = opendir(path);
	if (!folder && errno != ENOTDIR)
		return error_set_errno(err, ERROR_SYSTEM, errno, "%s: cannot read the baseline '%.256s'",
			check->budgets.baseline_source, path);
	if (folder) {
		result = list_folder(check, folder, path, err);
		closedir(folder);
		return result;
	}
	check->baseline[check->baseline_count++] = xstrdup(path);
	return 0;
}

static struct side side_of(const struct tally *tally)
{
	return (struct side){ .circumstances = tally->circumstances,
		.samples = tally->samples,
		.missed = tally->missed,
		.lacks_time = tally->lacks_time };
}

static int read_baseline(struct check *check, struct error *err)
{
	struct side sides[2];

	if (!check->baseline_count)
		return 0;
	check->before = tally_new(check->options, &check->budgets, check->functions, &check->roots,
		check->keys, (const char *const *)check->baseline, check->baseline_count);
	for (size_t i = 0; i < check->baseline_count; i++)
		if (tally_read(check->before, &check->damaged, err) != 0)
			return error_wrap(err, "%s: the baseline", check->budgets.baseline_source);
	sides[0] = side_of(check->before);
	sides[1] = side_of(check->tally);
	if (sides_check(sides, check->options, err) != 0)
		return -1;
	sides_tell(sides, false);
	return 0;
}

/* ---- names ---- */

/* A typo must not pass. Of no-call, it is what is wanted. */
static int check_matches(const struct check *check, struct error *err)
{
	const uint64_t matched = check->tally->matched | (check->before ? check->before->matched : 0);

	for (size_t i = 0; i < check->budgets.count; i++) {
		const struct budget *budget = &check->budgets.list[i];
		char *near;

		if (!budget->pattern || budget->kind == BUDGET_NO_CALL || matched >> i & 1)
			continue;
		near = tally_near(check->tally, budget->pattern);
		error_set(err, ERROR_UNSUPPORTED,
			"%s: '%.200s' is the name of no function that was sampled%s%.200s%s", budget->source,
			budget->pattern,
			near ? ": did you mean '" : ": names are as in 'pyrope diff': module:function",
			near ? near : "", near ? "'?" : "");
		err->exit_code = EXIT_BUDGET;
		free(near);
		return -1;
	}
	return 0;
}

/* ---- reports ---- */

static int open_reports(struct check *check, struct error *err)
{
	const struct options *options = check->options;

	for (size_t i = 0; i < options->report_count; i++) {
		const struct report_choice *report = &options->reports[i];

		if (report->path && !check_format_find(report->format)->is_appended &&
			output_open(&check->files[i], report->path, err) != 0)
			return -1;
	}
	return 0;
}

/* Several steps of a job may write to the same summary. */
static int append_to(const char *path, const struct buffer *text, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	size_t done = 0;

	while (fd >= 0 && done < text->length) {
		const ssize_t written = write(fd, text->data + done, text->length - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		done += (size_t)written;
	}
	if (fd < 0 || done < text->length) {
		error_set_errno(err, ERROR_SYSTEM, errno, "cannot write to '%.256s'", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return close(fd) == 0 ? 0
			      : error_set_errno(err, ERROR_SYSTEM, errno, "cannot write to '%.256s'", path);
}

static int write_report(
	const struct check *check, size_t number, const struct buffer *text, struct error *err)
{
	struct output_file *file = check->files[number];

	if (!file)
		return append_to(check->options->reports[number].path, text, err);
	output_write(file, text->data, text->length);
	return output_commit(file, err);
}

/* Of a run that is recorded, standard output is the command's. */
static int print_report(const struct check *check, const struct buffer *text, struct error *err)
{
	if (!check->is_live)
		return print_text(text, err);
	fwrite(text->data, 1, text->length, stderr);
	return 0;
}

static int write_reports(struct check *check, struct error *err)
{
	const struct options *options = check->options;
	struct buffer printed = { 0 };
	bool is_for_people = !options->json;
	int result = 0;

	for (size_t i = 0; i < options->report_count; i++)
		is_for_people &= options->reports[i].path ||
			check_format_find(options->reports[i].format)->is_beside_text;
	if (options->json)
		check_json.append(&printed, &check->findings);
	if (is_for_people)
		check_text.append(&printed, &check->findings);
	for (size_t i = 0; i < options->report_count && result == 0; i++) {
		const struct check_format *format = check_format_find(options->reports[i].format);
		struct buffer text = { 0 };

		if (options->reports[i].path) {
			format->append(&text, &check->findings);
			result = write_report(check, i, &text, err);
		} else {
			format->append(&printed, &check->findings);
		}
		buffer_release(&text);
	}
	if (result == 0 && printed.length)
		result = print_report(check, &printed, err);
	buffer_release(&printed);
	return result;
}

/* ---- the whole ---- */

static char *name_of(const struct function *function, int line, const void *context)
{
	const struct check *check = context;

	return row_name(function, line, BY_FUNCTION, check->roots.list);
}

struct check *check_new(
	const struct options *options, struct functions *functions, bool is_live, struct error *err)
{
	struct check *check = xcalloc(1, sizeof(*check));

	check->options = options;
	check->functions = functions;
	check->is_live = is_live;
	if (read_budgets(check, err) != 0 || check_budgets(check, err) != 0) {
		err->exit_code = EXIT_BUDGET;
		check_free(check);
		return NULL;
	}
	if (find_baseline(check, err) != 0 || open_reports(check, err) != 0) {
		check_free(check);
		return NULL;
	}
	check->keys = keys_new(name_of, check);
	check->tally = tally_new(options, &check->budgets, functions, &check->roots, check->keys,
		is_live ? NULL : options->inputs, is_live ? 1 : options->input_count);
	return check;
}

void check_free(struct check *check)
{
	if (!check)
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(check->files); i++)
		output_close(check->files[i]);
	while (check->baseline_count)
		free(check->baseline[--check->baseline_count]);
	findings_release(&check->findings);
	tally_free(check->tally);
	tally_free(check->before);
	keys_free(check->keys);
	roots_release(&check->roots);
	budgets_release(&check->budgets);
	free(check);
}

struct sink *check_sink(struct check *check)
{
	return &check->tally->sink;
}

int check_finish(struct check *check, int *code, struct error *err)
{
	if (check->is_live && tally_end_run(check->tally, err) != 0)
		return -1;
	for (size_t i = 0; !check->is_live && i < check->options->input_count; i++)
		if (tally_read(check->tally, &check->damaged, err) != 0)
			return -1;
	if (read_baseline(check, err) != 0 || check_matches(check, err) != 0)
		return -1;
	tally_judge(check->tally, check->before, &check->findings);
	if (write_reports(check, err) != 0)
		return -1;
	*code = findings_exit_code(&check->findings);
	if (!*code && check->damaged)
		*code = 1; /* what was damaged has been said */
	return 0;
}

int check_run(const struct options *options, struct error *err)
{
	struct functions *functions = functions_new();
	struct check *check = check_new(options, functions, false, err);
	int code = 0, result = check ? check_finish(check, &code, err) : -1;

	check_free(check);
	functions_free(functions);
	if (result == 0 && code) {
		err->exit_code = code;
		return -1;
	}
	return result;
}
