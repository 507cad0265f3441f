/* SPDX-License-Identifier: MIT */
/* The keys of a file of budgets, and the file as bytes. */
#include "config.h"

#include "check/budget_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES ((size_t)1 << 20)
#define RUNS_LIMIT 256

static int apply_baseline(struct budgets *budgets, const char *value, const char *source, struct error *err)
{
	if (!*value)
		return error_set(err, ERROR_USAGE, "the name of the baseline is empty");
	budgets_set_baseline(budgets, value, source);
	return 0;
}

static int apply_baseline_runs(
	struct budgets *budgets, const char *value, const char *source, struct error *err)
{
	(void)source;
	return parse_integer(value, "number of runs", 1, RUNS_LIMIT, &budgets->baseline_runs, err);
}

static int apply_strict(struct budgets *budgets, const char *value, const char *source, struct error *err)
{
	(void)source;
	budgets->strict = strcmp(value, "true") == 0;
	return budgets->strict || strcmp(value, "false") == 0
		? 0
		: error_set(err, ERROR_USAGE, "unknown value '%.64s': use true or false", value);
}

static int apply_group(struct budgets *budgets, const char *value, const char *source, struct error *err)
{
	(void)source;
	budgets->by_process = strcmp(value, "process") == 0;
	budgets->by_thread = strcmp(value, "thread") == 0;
	return budgets->by_process || budgets->by_thread
		? 0
		: error_set(err, ERROR_USAGE, "unknown value '%.64s': use process or thread", value);
}

static const struct budget_setting settings[] = {
	{ "baseline", apply_baseline },
	{ "baseline-runs", apply_baseline_runs },
	{ "strict", apply_strict },
	{ "group", apply_group },
};

const struct budget_setting *budget_setting_find(const char *key)
{
	for (size_t i = 0; i < ARRAY_LENGTH(settings); i++)
		if (strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

bool budget_key_is_known(const char *key)
{
	for (size_t i = 0; i < BUDGET_KINDS; i++)
		if (strcmp(budget_names[i], key) == 0)
			return true;
	return budget_setting_find(key) != NULL;
}

const char *budget_key_near(const char *key)
{
	const char *keys[BUDGET_KINDS + ARRAY_LENGTH(settings)];
	size_t count = 0;

	for (size_t i = 0; i < BUDGET_KINDS; i++)
		keys[count++] = budget_names[i];
	for (size_t i = 0; i < ARRAY_LENGTH(settings); i++)
		keys[count++] = settings[i].key;
	return nearest_word(key, keys, count);
}

/* A baseline stands beside the file that names it. */
static void place_baseline(struct budgets *budgets, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *baseline = budgets->baseline;

	if (!baseline || baseline[0] == '/' || !slash)
		return;
	budgets->baseline = xasprintf("%.*s/%s", (int)(slash - path), path, baseline);
	free(baseline);
}

int budgets_read(struct budgets *budgets, const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result;
	struct stat status;
	size_t length;
	char *text;

	if (fd < 0)
		return error_set_errno(err, ERROR_USAGE, errno, "cannot read the budgets in '%.256s'", path);
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return error_set(err, ERROR_USAGE,
			"cannot read the budgets in '%.256s': it is not a regular file", path);
	}
	text = xmalloc(FILE_BYTES + 1);
	length = read_file_at(fd, text, FILE_BYTES + 1, 0);
	close(fd);
	if (length > FILE_BYTES)
		result = error_set(
			err, ERROR_USAGE, "cannot read the budgets in '%.256s': it has more than 1 MB", path);
	else
		result = budgets_parse(budgets, path, text, length, err);
	free(text);
	if (result == 0)
		place_baseline(budgets, path);
	return result;
}
