/* SPDX-License-Identifier: MIT */
/*
 * A program whose stack is known: main -> outer -> middle -> inner -> leaf, in one of several ways
 * (argv[1]). Each of them writes down where it returns to, in memory that it shares with the test
 * (descriptor argv[2]); leaf then stays where it is.
 */
#include <alloca.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include "unwind_target.h"

#define NOINLINE __attribute__((noinline, noclone))

static volatile struct unwind_shared *shared;
static const char *way;
static volatile int zero;

#define NOTE_RETURN() (shared->returns[shared->count++] = (uint64_t)(uintptr_t)__builtin_return_address(0))

#ifdef COLD
__attribute__((cold)) /* then the calls to it are moved to the .cold parts of its callers */
#endif
static NOINLINE int
leaf(int value)
{
	NOTE_RETURN();
	if (strcmp(way, "sleep") == 0) {
		shared->is_ready = 1;
		for (;;)
			sleep(1000);
	}
	shared->is_ready = 1;
	while (!zero)
		value++;
	return value;
}

static int compare(const void *left, const void *right)
{
	NOTE_RETURN();
	return leaf(*(const int *)left - *(const int *)right) + zero;
}

static void handle(int number, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;

	(void)info;
	NOTE_RETURN();
#ifdef __x86_64__
	shared->interrupted = (uint64_t)interrupted->uc_mcontext.gregs[REG_RIP];
#else
	shared->interrupted = interrupted->uc_mcontext.pc;
#endif
	way = "calls";
	shared->is_ready = leaf(number) + zero;
}

static NOINLINE int wait_for_signal(int value)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO };

	NOTE_RETURN();
	sigaction(SIGUSR1, &action, NULL);
	kill(getpid(), SIGUSR1);
	while (!zero)
		value++;
	return value;
}

static NOINLINE __attribute__((noreturn)) void never_return(int value)
{
	NOTE_RETURN();
	shared->is_ready = 1;
	for (;;)
		value += zero;
}

/* The call is its last instruction, so that the address behind it is in no function, or in the next one. */
static NOINLINE int call_last(int value)
{
	volatile char block[64];

	NOTE_RETURN();
	block[value] = (char)value;
	never_return(block[value]);
}

typedef void made_function(void);

/* Puts it where it can run; the test may look from now on. */
static made_function *make_code(const unsigned char *code, size_t length)
{
	void *memory =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	made_function *made;

	if (memory == MAP_FAILED)
		abort();
	memcpy(memory, code, length);
	memcpy(&made, &memory, sizeof(made));
	shared->made = (uint64_t)(uintptr_t)memory;
	shared->is_ready = 1;
	return made;
}

/* Code without tables that keeps a frame pointer. */
static NOINLINE int run_made_code(int value)
{
	static const unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0xeb,
		0xfe }; /* push %rbp; mov %rsp, %rbp; jmp . */

	NOTE_RETURN();
	make_code(code, sizeof(code))();
	return value + zero;
}

/* The same, without one, that saves an address of code, as libffi's trampolines do. */
static NOINLINE int run_trampoline(int value)
{
	unsigned char code[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0xeb,
		0xfe }; /* movabs $leaf + 1, %rax; push %rax; jmp . */
	const uint64_t saved = shared->leaf + 1;

	NOTE_RETURN();
	memcpy(code + 2, &saved, sizeof(saved));
	make_code(code, sizeof(code))();
	return value + zero;
}

/* Notes where its caller's call of it ends. */
static NOINLINE int note_call(int value)
{
	shared->stale = (uint64_t)(uintptr_t)__builtin_return_address(0);
	return value + zero;
}

static NOINLINE int call_and_return(int value)
{
	return note_call(value) + zero;
}

/*
 * The same, that has made room for two words in which an earlier call of another function has left where it
 * returned to: that seems to lead on to the true caller.
 */
static NOINLINE int run_stale(int value)
{
	/* movabs $note_call's return, %rax; push %rax; push %rax; jmp . */
	unsigned char code[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x50, 0xeb, 0xfe };
	uint64_t left;

	NOTE_RETURN();
	value = call_and_return(value);
	left = shared->stale;
	memcpy(code + 2, &left, sizeof(left));
	make_code(code, sizeof(code))();
	return value + zero;
}

/* Code that goes away when it is told to. */
static NOINLINE int unmap_code(int value)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	shared->made = (uint64_t)(uintptr_t)memory;
	shared->is_ready = 1;
	while (!shared->go_on)
		usleep(1000);
	munmap(memory, 4096);
	return leaf(value) + zero;
}

static NOINLINE int inner(int value)
{
	int numbers[2] = { value, 1 };

	NOTE_RETURN();
	if (strcmp(way, "qsort") == 0) {
		qsort(numbers, 2, sizeof(*numbers), compare);
		return numbers[0] + zero;
	}
	if (strcmp(way, "signal") == 0)
		return wait_for_signal(value) + zero;
	if (strcmp(way, "last") == 0)
		return call_last(value) + zero;
	if (strcmp(way, "made") == 0)
		return run_made_code(value) + zero;
	if (strcmp(way, "trampoline") == 0)
		return run_trampoline(value) + zero;
	if (strcmp(way, "stale") == 0)
		return run_stale(value) + zero;
	if (strcmp(way, "unmap") == 0)
		return unmap_code(value) + zero;
	return leaf(value) + zero;
}

static NOINLINE int middle(int value)
{
	char *memory;
	int result;

	NOTE_RETURN();
	if (strcmp(way, "alloca") != 0)
		return inner(value) + zero;
	/* cppcheck-suppress allocaCalled */
	memory = alloca((size_t)value * 16 + 8);
	memset(memory, value, (size_t)value * 16);
	result = inner(memory[value]);
	return result + memory[zero];
}

/* The caller's stack is aligned anew: the CFA is kept in a register of its own. */
static NOINLINE int aligned(int value)
{
	__attribute__((aligned(128))) volatile char block[256];
	/* cppcheck-suppress allocaCalled */
	char *memory = alloca((size_t)value * 16);

	NOTE_RETURN();
	block[value] = memory[value] = (char)value;
	return middle(value) + block[value] + memory[value];
}

static NOINLINE int deep(int value, int depth)
{
	NOTE_RETURN();
	return (depth ? deep(value, depth - 1) : middle(value)) + zero;
}

static NOINLINE int outer(int value)
{
	NOTE_RETURN();
	if (strcmp(way, "aligned") == 0)
		return aligned(value) + zero;
	if (strcmp(way, "deep") == 0)
		return deep(value, UNWIND_DEPTH) + zero;
	return middle(value) + zero;
}

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc < 3)
		return 2;
	way = argv[1];
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[2]), 0);
	if (shared == MAP_FAILED)
		return 1;
	shared->leaf = (uint64_t)(uintptr_t)leaf;
	NOTE_RETURN();
	return outer(argc) + zero;
}
