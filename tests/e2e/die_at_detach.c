/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into pyrope by killed_with_signal.test and follow_signals.test: makes the two instants meet in
 * which a signal could be lost.
 *
 * - The first thread that pyrope tells to stop gets a real-time signal instead, with a value of its own, and
 * has stopped for the delivery of that before pyrope goes on.
 * - When pyrope lets the thread go and hands the signal on (PTRACE_DETACH), pyrope is killed before the
 * kernel hears of it.
 *
 * With MEETINGS=N in the environment so many threads that are told to stop get a signal, each of which is
 * said, and pyrope lives on.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "next_ptrace.h"

static pid_t process_of(pid_t tid)
{
	char line[256], path[64];
	int process = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "Tgid: %d", &process) != 1)
		;
	if (file)
		fclose(file);
	return process;
}

static int is_in_tracing_stop(pid_t tid)
{
	char line[256], path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "r");
	if (!file)
		abort();
	while (fgets(line, sizeof(line), file) && sscanf(line, "State: %c", &state) != 1)
		;
	fclose(file);
	return state == 't';
}

static void stop_by_signal(pid_t tid)
{
	const int number = SIGRTMIN + 1;
	siginfo_t info = { .si_signo = number, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = 4711;
	if (syscall(SYS_rt_tgsigqueueinfo, process_of(tid), tid, number, &info))
		abort();
	while (!is_in_tracing_stop(tid))
		usleep(100);
}

long ptrace(enum __ptrace_request request, ...)
{
	static pid_t sent;
	static long meetings = -1;
	struct ptrace_call call;
	va_list arguments;

	va_start(arguments, request);
	ptrace_arguments(&call, arguments);
	va_end(arguments);
	if (meetings < 0)
		meetings = getenv("MEETINGS") ? atol(getenv("MEETINGS")) : 0;
	if (request == PTRACE_INTERRUPT && meetings > 0) {
		stop_by_signal(call.tid);
		fprintf(stderr, "signal sent\n");
		sent = meetings-- == 1 ? -1 : 0; /* behind the last one nothing more is done */
		return 0;
	}
	if (request == PTRACE_INTERRUPT && !sent) {
		sent = call.tid;
		stop_by_signal(call.tid);
		return 0;
	}
	if (sent == call.tid && request == PTRACE_DETACH && call.data) {
		fprintf(stderr, "killed as it hands signal %ld on\n", (long)call.data);
		kill(getpid(), SIGKILL);
	}
	return next_ptrace(request, &call);
}
