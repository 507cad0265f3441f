/* SPDX-License-Identifier: MIT */
/*
 * Stacks that are hard to unwind or to name, for native_odd.py, which opens this with ctypes. Each function
 * spins for so many rounds, once it is where it wants to be, and returns 0.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define APART __attribute__((noinline))
#define HEAP_STACK_BYTES 65536

static volatile unsigned long returned;

APART static void odd_spin(long rounds)
{
	for (volatile long round = 0; round < rounds; round++)
		;
}

/* ---- the part of a function that the compiler moves away from the rest ---- */

int odd_cold(long rounds);
int odd_plt(long rounds);
int odd_tiny(int value);
int odd_context(long rounds);
int odd_garbage(long rounds);
int odd_jit(long rounds);
int odd_nameless(long rounds);
int odd_pool(int workers, long rounds);

__attribute__((cold, noinline)) static void odd_rarely(long rounds)
{
	odd_spin(rounds);
	returned++;
}

APART int odd_cold(long rounds)
{
	if (__builtin_expect(rounds > 0, 0)) {
		for (volatile long round = 0; round < rounds; round++)
			;
		odd_rarely(rounds);
	}
	returned++;
	return 0;
}

/* ---- calls through the procedure linkage table: a good part of the time is spent in the stub ---- */

APART int odd_tiny(int value)
{
	return value + 1;
}

APART int odd_plt(long rounds)
{
	int value = 0;

	for (long round = 0; round < rounds; round++)
		value = odd_tiny(value);
	returned += (unsigned long)value;
	return 0;
}

/* ---- another stack ---- */

static ucontext_t odd_caller, odd_callee;

static void odd_on_heap(int rounds)
{
	odd_spin(rounds);
	returned++;
}

APART int odd_context(long rounds)
{
	char *stack = malloc(HEAP_STACK_BYTES);

	memset(stack, 0x5a, HEAP_STACK_BYTES);
	getcontext(&odd_callee);
	odd_callee.uc_stack.ss_sp = stack;
	odd_callee.uc_stack.ss_size = HEAP_STACK_BYTES;
	odd_callee.uc_link = &odd_caller;
	makecontext(&odd_callee, (void (*)(void))odd_on_heap, 1, (int)rounds);
	swapcontext(&odd_caller, &odd_callee);
	free(stack);
	return 0;
}

/* A stack pointer into bytes that mean nothing, some of which look like addresses of code. */
APART int odd_garbage(long rounds)
{
	uint64_t *words = malloc(HEAP_STACK_BYTES);
	const size_t count = HEAP_STACK_BYTES / sizeof(*words);
	uint64_t seed = 88172645463325252;

	for (size_t i = 0; i < count; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		words[i] = i % 3 ? seed
			: i % 2  ? (uint64_t)(uintptr_t)odd_plt + seed % 64
				 : (uint64_t)(uintptr_t)&words[seed % count];
	}
#if defined(__x86_64__)
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %1, %%rsp\n"
			 "1:\tdecq %0\n\t"
			 "jnz 1b\n\t"
			 "movq %%rbx, %%rsp"
			 : "+r"(rounds)
			 : "r"(&words[count / 2])
			 : "rbx", "cc", "memory");
#else
	odd_spin(rounds);
#endif
	free(words);
	return 0;
}

/* ---- code that no file holds ---- */

#if defined(__x86_64__)
static const unsigned char odd_code[] = {
	0x55,             /* push %rbp */
	0x48, 0x89, 0xe5, /* mov %rsp, %rbp */
	0x48, 0xff, 0xcf, /* dec %rdi */
	0x75, 0xfb,       /* jnz to the dec */
	0x31, 0xc0,       /* xor %eax, %eax */
	0x5d,             /* pop %rbp */
	0xc3,             /* ret */
};
#elif defined(__aarch64__)
static const unsigned char odd_code[] = {
	0x00, 0x04, 0x00, 0xf1, /* subs x0, x0, #1 */
	0xe1, 0xff, 0xff, 0x54, /* b.ne to the subs */
	0xc0, 0x03, 0x5f, 0xd6, /* ret */
};
#endif

APART int odd_jit(long rounds)
{
	static int (*compiled)(long rounds);

	if (!compiled) {
		char path[64];
		FILE *map;
		void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			return 1;
		memcpy(memory, odd_code, sizeof(odd_code));
		mprotect(memory, 4096, PROT_READ | PROT_EXEC);
		__builtin___clear_cache((char *)memory, (char *)memory + sizeof(odd_code));
		snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
		map = fopen(path, "w");
		if (!map)
			return 1;
		fprintf(map, "%lx %zx odd_compiled\n", (unsigned long)memory, sizeof(odd_code));
		fclose(map);
		compiled = (int (*)(long))memory;
	}
	compiled(rounds);
	returned++;
	return 0;
}

/* The same without a name, and with nothing that says where its caller is, as LLVM makes it. */
#if defined(__x86_64__)
static const unsigned char odd_nameless_code[] = {
	0x55,                         /* push %rbp */
	0x48, 0x89, 0xfd,             /* mov %rdi, %rbp */
	0x48, 0x83, 0xec, 0x60,       /* sub $96, %rsp */
	0x48, 0xff, 0xcd,             /* dec %rbp */
	0x48, 0x89, 0x6c, 0x24, 0x08, /* mov %rbp, 8(%rsp) */
	0x48, 0x85, 0xed,             /* test %rbp, %rbp */
	0x75, 0xf3,                   /* jnz to the dec */
	0x31, 0xc0,                   /* xor %eax, %eax */
	0x48, 0x83, 0xc4, 0x60,       /* add $96, %rsp */
	0x5d,                         /* pop %rbp */
	0xc3,                         /* ret */
};
#endif

APART int odd_nameless(long rounds)
{
#if defined(__x86_64__)
	static int (*compiled)(long rounds);

	if (!compiled) {
		void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			return 1;
		memcpy(memory, odd_nameless_code, sizeof(odd_nameless_code));
		mprotect(memory, 4096, PROT_READ | PROT_EXEC);
		compiled = (int (*)(long))memory;
	}
	compiled(rounds);
	returned++;
	return 0;
#else
	return rounds != 0;
#endif
}

/* ---- threads that know nothing of Python ---- */

APART static void odd_work(long rounds)
{
	odd_spin(rounds);
	usleep(1000);
	returned++;
}

static void *odd_worker(void *rounds)
{
	for (;;)
		odd_work(*(long *)rounds);
	return NULL;
}

APART int odd_pool(int workers, long rounds)
{
	static long shared_rounds;
	pthread_t thread;

	shared_rounds = rounds;
	while (workers-- > 0)
		if (pthread_create(&thread, NULL, odd_worker, &shared_rounds))
			return 1;
	return 0;
}
