/* SPDX-License-Identifier: MIT */
/*
 * Who is a signal meant for? A key pressed at the terminal reaches every process of the foreground group, a
 * launched command included: si_code says SI_KERNEL, and nothing has to be passed on. One that somebody sends
 * by kill(2) reaches pyrope alone, and the command behind it has to hear of it.
 */
#include "config.h"

#include "commands/signals.h"

#include "pyrope/base.h"
#include "pyrope/sampling.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

static volatile int caught;
static volatile pid_t child;
static _Atomic(struct sampler *) sampler;

static void end_at_once(int number)
{
	signal(number, SIG_DFL);
	raise(number); /* blocked until the handler returns */
}

static void handle(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;
	struct sampler *running;

	(void)context;
	if (child > 0) {
		if (info->si_code <= 0)
			kill(child, number);
	} else if (caught) {
		end_at_once(number);
	} else {
		caught = number;
		running = atomic_load(&sampler);
		if (running)
			sampler_stop(running);
	}
	errno = saved_errno;
}

/* Ctrl-Z: not in the middle of a pause. */
static void handle_stop(int number)
{
	int saved_errno = errno;
	struct sampler *running = atomic_load(&sampler);

	if (running)
		sampler_suspend(running, number);
	else
		raise(SIGSTOP);
	errno = saved_errno;
}

static void catch(int number, const struct sigaction *action)
{
	struct sigaction before;

	if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(number, action, NULL);
}

void signals_begin(bool launching)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	size_t count = ARRAY_LENGTH(numbers) - !launching; /* without a command, Ctrl-\ keeps its meaning */
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction stop = { .sa_handler = handle_stop, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < count; i++)
		sigaddset(&action.sa_mask, numbers[i]);
	for (size_t i = 0; i < count; i++)
		catch(numbers[i], &action);
	sigemptyset(&stop.sa_mask);
	catch(SIGTSTP, &stop);
	catch(SIGTTOU, &stop);
}

void signals_set_child(pid_t pid)
{
	child = pid;
}

void signals_set_sampler(struct sampler *running)
{
	atomic_store(&sampler, running);
	/* One that came just before found nobody to stop. */
	if (running && caught)
		sampler_stop(running);
}

int signals_caught(void)
{
	return caught;
}

const volatile int *signals_flag(void)
{
	return &caught;
}

void signals_raise(int number)
{
	sigset_t only;

	signal(number, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
}
