/* SPDX-License-Identifier: MIT */
/* What a process has used up so far: /proc/PID/stat and /proc/PID/status, see proc(5). */
#include "config.h"

#include "pyrope/target.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_BYTES 1024 /* 52 numbers and a name of 16 characters */
#define STATUS_BYTES 4096

/* The text of a file of this process; "" when it cannot be read. */
static void read_text(pid_t pid, const char *name, char *text, size_t bytes)
{
	char path[64];
	ssize_t count = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		count = read(fd, text, bytes - 1);
		close(fd);
	}
	text[count > 0 ? count : 0] = '\0';
}

/* The number behind a name at the beginning of a line; 0: it is not there. */
static uint64_t number_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/*
 * The numbers of a stat line from the state on, which is field 3 of proc(5): numbers[n] is field n + 3. The
 * name before it may hold anything, parentheses too. False: they are not all there.
 */
static bool read_stat_numbers(pid_t pid, int64_t *numbers, size_t count)
{
	char text[STAT_BYTES];
	const char *at;

	read_text(pid, "stat", text, sizeof(text));
	at = strrchr(text, ')');
	if (!at || at[1] != ' ' || !at[2])
		return false;
	numbers[0] = 0; /* the state is a letter */
	at += 3;
	for (size_t i = 1; i < count; i++) {
		char *end;

		numbers[i] = (int64_t)strtoll(at, &end, 10);
		if (end == at)
			return false;
		at = end;
	}
	return true;
}

enum {
	STAT_PARENT = 4 - 3,
	STAT_MINOR = 10 - 3,
	STAT_MAJOR = 12 - 3,
	STAT_USER = 14 - 3,
	STAT_SYSTEM = 15 - 3,
	STAT_RESIDENT = 24 - 3
};

bool target_read_counters(pid_t pid, struct process_counters *counters)
{
	const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
	int64_t numbers[STAT_RESIDENT + 1];
	char text[STATUS_BYTES];

	if (!read_stat_numbers(pid, numbers, ARRAY_LENGTH(numbers)))
		return false;
	*counters = (struct process_counters){
		.user_ns = (uint64_t)numbers[STAT_USER] * tick_ns,
		.system_ns = (uint64_t)numbers[STAT_SYSTEM] * tick_ns,
		.resident_bytes =
			numbers[STAT_RESIDENT] > 0 ? (uint64_t)numbers[STAT_RESIDENT] * page_bytes : 0,
		.minor_faults = (uint64_t)numbers[STAT_MINOR],
		.major_faults = (uint64_t)numbers[STAT_MAJOR],
	};
	/* those of its first thread: a sum over all would take a file for each */
	read_text(pid, "status", text, sizeof(text));
	counters->voluntary_switches = number_behind(text, "\nvoluntary_ctxt_switches:");
	counters->involuntary_switches = number_behind(text, "\nnonvoluntary_ctxt_switches:");
	return true;
}

pid_t target_parent(pid_t pid)
{
	int64_t numbers[STAT_PARENT + 1];

	return read_stat_numbers(pid, numbers, ARRAY_LENGTH(numbers)) ? (pid_t)numbers[STAT_PARENT] : 0;
}
