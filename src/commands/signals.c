/* SPDX-License-Identifier: MIT */
/*
 * Who is a signal meant for? A key pressed at the terminal reaches every process of the foreground group, a
 * launched command included: si_code says SI_KERNEL, and nothing has to be passed on. One that somebody sends
 * by kill(2) or sigqueue(3) reaches pyrope alone, and the command behind it has to hear of it.
 */
#include "config.h"

#include "commands/signals.h"

#include "pyrope/base.h"
#include "pyrope/sampling.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SIGNAL_LIMIT 65 /* Linux has 1 to 64 */

/* What they do by default to a process that does not catch them is to end it. */
static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,
	SIGXCPU, SIGIO, SIGPWR, SIGSTKFLT };
/*
 * A fault of pyrope's own, unless somebody sends them (a watchdog SIGABRT, faulthandler's users any of
 * them).
 */
static const int faults[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
static const int stops[] = { SIGTSTP, SIGTTOU, SIGTTIN };
/* Of these pyrope hears without any harm to it. (Not SIGCHLD: that tells of its own children.) */
static const int harmless[] = { SIGWINCH, SIGCONT, SIGURG, SIGPIPE, SIGXFSZ };

static atomic_int caught;
static atomic_int child; /* its pid; 0: none */
static atomic_bool child_gone;
static atomic_bool early[SIGNAL_LIMIT]; /* came before the child was there */
static _Atomic(struct sampler *) sampler;

static void (*at_end)(void);

static void end_at_once(int number)
{
	if (at_end)
		at_end();
	signal(number, SIG_DFL);
	raise(number); /* blocked until the handler returns */
}

static void end_after(int number)
{
	caught = number;
	interrupt();
}

/*
 * Was it sent, and by somebody else? The timers of pyrope, its own raise and its writes to closed pipes are
 * not, nor is what the command tells its parent: nobody would tell the command.
 */
static bool is_sent(const siginfo_t *info)
{
	return (info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL) &&
		info->si_pid != getpid() && (child <= 0 || info->si_pid != child);
}

/* Real-time signals are queued, and each has a value. */
static void pass_on(int number, const siginfo_t *info)
{
	if (child <= 0)
		early[number] = true;
	else if (info->si_code != SI_QUEUE || sigqueue(child, number, info->si_value) != 0)
		kill(child, number);
}

static void handle_harmless(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;

	(void)context;
	if (is_sent(info))
		pass_on(number, info);
	errno = saved_errno;
}

/*
 * Also when the command is gone the first one is not for pyrope: it may be the one that has ended the
 * command.
 */
static void handle_launching(int number, siginfo_t *info, void *context)
{
	if (child_gone && caught)
		end_at_once(number);
	else if (child_gone)
		end_after(number);
	else
		handle_harmless(number, info, context);
}

static struct sampling_gate *gate;

static void handle_switch(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
	sampling_gate_switch(gate);
}

static void handle_fault(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;

	(void)context;
	if (is_sent(info))
		pass_on(number, info);
	else
		end_at_once(number);
	errno = saved_errno;
}

static void handle_attached(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;
	struct sampler *running;

	(void)info;
	(void)context;
	if (caught) {
		end_at_once(number);
	} else {
		end_after(number);
		running = atomic_load(&sampler);
		if (running)
			sampler_stop(running);
	}
	errno = saved_errno;
}

/* Ctrl-Z: not in the middle of a pause. */
static void handle_stop(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;
	struct sampler *running = atomic_load(&sampler);

	(void)context;
	if (child > 0 && is_sent(info))
		pass_on(number, info);
	if (running)
		sampler_suspend(running, number);
	else
		raise(SIGSTOP);
	errno = saved_errno;
}

typedef void signal_handler(int number, siginfo_t *info, void *context);

/* What is ignored stays so, and what somebody else catches already (a sanitizer) stays theirs. */
static void catch (int number, signal_handler *handler)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART }, before;

	sigfillset(&action.sa_mask);
	if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
		sigaction(number, &action, NULL);
}

static void catch_all(const int *numbers, size_t count, signal_handler *handler)
{
	for (size_t i = 0; i < count; i++)
		catch (numbers[i], handler);
}

/* Also where it was ignored: whoever gives --paused wants it. */
static void catch_switch(void)
{
	struct sigaction action = { .sa_sigaction = handle_switch, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
}

void signals_begin(bool launching, struct sampling_gate *switched)
{
	signal_handler *handle = launching ? handle_launching : handle_attached;

	gate = switched;
	if (gate) /* before the others, which leave alone what is caught */
		catch_switch();
	catch_all(ending, ARRAY_LENGTH(ending), handle);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		catch (number, handle);
	catch_all(stops, ARRAY_LENGTH(stops), handle_stop);
	/* A file that may not grow any more is an error with a message, not the end. */
	signal(SIGXFSZ, SIG_IGN);
	if (!launching)
		return;
	catch_all(faults, ARRAY_LENGTH(faults), handle_fault);
	/*
	 * Before these were caught they were ignored or had no effect: launch_remember knows what the
	 * command gets.
	 */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	catch_all(harmless, ARRAY_LENGTH(harmless), handle_harmless);
}

static void handle_own_fault(int number, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	end_at_once(number);
}

void signals_at_end(void (*restore)(void))
{
	at_end = restore;
	if (restore)
		catch_all(faults, ARRAY_LENGTH(faults), handle_own_fault);
}

void signals_set_child(pid_t pid)
{
	child = pid;
	child_gone = pid <= 0;
	for (int number = 1; pid > 0 && number < SIGNAL_LIMIT; number++)
		if (atomic_exchange(&early[number], false))
			kill(pid, number);
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

const atomic_int *signals_flag(void)
{
	return &caught;
}

void signals_raise(int number)
{
	sigset_t only;

	prctl(PR_SET_DUMPABLE, 0);
	signal(number, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
}
