/* SPDX-License-Identifier: MIT */
/*
 * Keeps its memory as a free-threaded CPython 3.14 does, and runs no Python: there is such an interpreter on
 * few machines, and none whose threads are as fast, or whose stacks are as easily told from impossible ones.
 * Frames are pushed and popped every few dozen nanoseconds, by all threads at once.
 *
 * usage: free_threaded tree|token THREADS
 *
 * tree: each thread calls from function n1 down a binary tree, where a caller nK has the callees nK+K and
 * nK+K+1 alone. So a stack that is a mixture of two shows. Line 100 + K is the only one of nK. token: the
 * threads hand a token round. Whoever has it is in the function `token`, never two of them.
 *
 * Facts: Include/internal/pycore_debug_offsets.h, pycore_interpframe_structs.h, Include/cpython/code.h,
 * unicodeobject.h.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH 9
#define NODES (1 << DEPTH)
#define TOKEN 0 /* numbers of functions; nK is K */
#define MOST_THREADS 32
#define UNITS 8 /* instructions of a function */
#ifdef __aarch64__
#define JUMP "b"
#else
#define JUMP "jmp"
#endif

/* Py_GIL_DISABLED makes the header of an object 16 bytes longer (Include/object.h). */
struct object {
	uint64_t thread_id, references[2];
	void *type;
};

struct unicode {
	struct object head;
	int64_t length, hash;
	uint32_t state; /* interned: 8 bits, kind: 3, compact: 1, ascii: 1 */
	uint32_t padding;
	char text[60];
};

struct bytes {
	struct object head;
	int64_t size, hash;
	unsigned char value[8];
};

struct type {
	struct object head;
	int64_t size;
	const char *name;
	char rest[848];
};

/* The copies of the bytecode that threads have of their own: number 0 is the one in the code object. */
struct thread_code {
	int64_t size;
	void *copies[MOST_THREADS + 1];
};

struct code {
	struct object head;
	int64_t size;
	char before[68 - 40];
	int32_t argcount;
	char between[84 - 72];
	int32_t first_line;
	char more[108 - 88];
	uint32_t version;
	char still_more[128 - 112];
	struct unicode *filename, *name, *qualname;
	struct bytes *line_table;
	char rest[208 - 160];
	int64_t first_traceable;
	void *extra;
	struct thread_code *thread_code;
	uint16_t instructions[UNITS];
};

struct frame {
	uint64_t executable; /* the code object, with a tag in the lowest bits */
	_Atomic(struct frame *) previous;
	void *objects[5];
	uint16_t *instruction;
	void *stack_pointer;
	int32_t thread_code_index;
	uint16_t return_offset;
	char owner;
	char visited;
	void *locals[4];
};

#define OWNED_BY_INTERPRETER 3

struct interpreter;

struct thread {
	struct thread *before, *next;
	struct interpreter *interpreter;
	char flags[8];
	uint32_t status[10];
	_Atomic(struct frame *) current;
	char between[152 - 80];
	uint64_t thread_id, native_thread_id;
	char more[232 - 168];
	void *chunk;
	_Atomic(struct frame *) top;
	void *limit;
	char rest[64];
};

struct gil {
	int32_t enabled;
	void *last_holder;
	int32_t locked;
	uint64_t switch_number;
	char rest[200];
};

struct interpreter {
	void *first_word;
	struct gil *lock;
	int64_t id;
	struct interpreter *next;
	struct thread *threads;
	void *modules;
	int32_t gc[64];
	struct gil gil;
};

struct runtime {
	uint64_t block[128]; /* the offsets */
	struct interpreter *head, *main;
};

_Static_assert(
	offsetof(struct thread, current) == 72 && offsetof(struct thread, chunk) == 232, "struct thread");
_Static_assert(
	offsetof(struct code, thread_code) == 224 && offsetof(struct code, version) == 108, "struct code");

struct runtime _PyRuntime;
const unsigned long Py_Version = 0x030e02f0;

static struct type code_type = { .name = "code" };
static struct interpreter interpreter;
static struct thread threads[MOST_THREADS];
static struct code codes[NODES];
static struct thread_code thread_codes[NODES];
static uint16_t copies[NODES][MOST_THREADS + 1][UNITS];
static int thread_count;
static _Atomic int token, ready;

/* ---- what is there from the beginning ---- */

/* The block as 3.14 has it; what pyrope does not read stays 0. */
static void make_offsets(void)
{
	uint64_t *block = _PyRuntime.block;

	memcpy(block, "xdebugpy", 8);
	block[1] = Py_Version;
	block[2] = 1; /* free-threaded */
#define AT(offset, value) block[(offset) / 8] = (value)
#define FIELD(offset, type, field) AT(offset, offsetof(struct type, field))
	AT(24, sizeof(struct runtime));
	FIELD(40, runtime, head);
	AT(48, sizeof(struct interpreter));
	FIELD(56, interpreter, id);
	FIELD(64, interpreter, next);
	FIELD(72, interpreter, threads);
	FIELD(88, interpreter, gc);
	FIELD(96, interpreter, modules);
	FIELD(120, interpreter, lock);
	FIELD(128, interpreter, gil);
	FIELD(136, gil, enabled);
	AT(144, offsetof(struct interpreter, gil) + offsetof(struct gil, locked));
	AT(152, offsetof(struct interpreter, gil) + offsetof(struct gil, last_holder));
	AT(176, sizeof(struct thread));
	FIELD(192, thread, next);
	FIELD(200, thread, interpreter);
	FIELD(208, thread, current);
	FIELD(216, thread, thread_id);
	FIELD(224, thread, native_thread_id);
	FIELD(232, thread, chunk);
	FIELD(240, thread, status);
	AT(248, sizeof(struct frame));
	FIELD(256, frame, previous);
	FIELD(264, frame, executable);
	FIELD(272, frame, instruction);
	FIELD(280, frame, locals);
	FIELD(288, frame, owner);
	FIELD(304, frame, thread_code_index);
	AT(312, sizeof(struct code));
	FIELD(320, code, filename);
	FIELD(328, code, name);
	FIELD(336, code, qualname);
	FIELD(344, code, line_table);
	FIELD(352, code, first_line);
	FIELD(360, code, argcount);
	FIELD(384, code, instructions);
	FIELD(392, code, thread_code);
	AT(400, sizeof(struct object));
	FIELD(408, object, type);
	AT(416, sizeof(struct type));
	FIELD(424, type, name);
	AT(440, 184); /* tp_flags */
	AT(448, 40);  /* a tuple and its items */
	AT(456, 32);
	AT(528, 48); /* a dict, its keys and values */
	AT(536, 32);
	AT(544, 40);
	AT(568, 48); /* an int, its tag and digits */
	AT(576, 32);
	AT(584, 40);
	AT(592, sizeof(struct bytes));
	FIELD(600, bytes, size);
	FIELD(608, bytes, value);
	AT(616, offsetof(struct unicode, text) + 24);
	FIELD(624, unicode, state);
	FIELD(632, unicode, length);
	FIELD(640, unicode, text);
	AT(648, sizeof(interpreter.gc));
	AT(656, 8);
}

static struct unicode *make_text(const char *text)
{
	struct unicode *unicode = calloc(1, sizeof(*unicode));

	unicode->length = (int64_t)strlen(text);
	unicode->state = (1 | 1 << 3 | 1 << 4) << 8;
	strcpy(unicode->text, text);
	return unicode;
}

static void make_code(int number, struct unicode *filename)
{
	struct code *code = &codes[number];
	struct bytes *lines = calloc(1, sizeof(*lines));
	char name[32];

	snprintf(name, sizeof(name), number == TOKEN ? "token" : "n%d", number);
	/*
	 * one entry: no columns, UNITS instructions, the line of the one before, which is the first
	 * (Objects/locations.md)
	 */
	lines->size = 2;
	lines->value[0] = 0x80 | 13 << 3 | (UNITS - 1);
	code->head.type = &code_type;
	code->size = UNITS;
	code->first_line = 100 + number;
	code->version = (uint32_t)number + 1;
	code->filename = filename;
	code->name = code->qualname = make_text(name);
	code->line_table = lines;
	thread_codes[number].size = MOST_THREADS + 1;
	thread_codes[number].copies[0] = code->instructions;
	for (int i = 1; i <= MOST_THREADS; i++)
		thread_codes[number].copies[i] = copies[number][i];
	code->thread_code = &thread_codes[number];
}

static void make_runtime(void)
{
	struct unicode *filename = make_text("free_threaded.py");

	make_offsets();
	for (int i = 0; i < NODES; i++)
		make_code(i, filename);
	interpreter.lock = &interpreter.gil;
	_PyRuntime.head = _PyRuntime.main = &interpreter;
}

/* ---- what runs ---- */

static void spin(unsigned rounds)
{
	for (volatile unsigned i = 0; i < rounds; i++)
		;
}

static unsigned next_random(unsigned *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/*
 * In the order of _PyEvalFramePushAndInit: the frame is filled in, linked to its caller, and then it is the
 * current one.
 */
static inline struct frame *push_frame(struct thread *thread, int number, char owner)
{
	struct frame *frame = atomic_load_explicit(&thread->top, memory_order_relaxed);
	int index = (int)(thread - threads) + 1;

	atomic_store_explicit(&thread->top, frame + 1, memory_order_relaxed);
	frame->executable = (uint64_t)(uintptr_t)&codes[number] | 1;
	frame->instruction = copies[number][index] + 2;
	frame->thread_code_index = index;
	frame->owner = owner;
	atomic_store_explicit(&frame->previous, atomic_load_explicit(&thread->current, memory_order_relaxed),
		memory_order_relaxed);
	atomic_store_explicit(&thread->current, frame, memory_order_release);
	return frame;
}

static inline void pop_frame(struct thread *thread, struct frame *frame)
{
	atomic_store_explicit(&thread->current, atomic_load_explicit(&frame->previous, memory_order_relaxed),
		memory_order_release);
	atomic_store_explicit(&thread->top, frame, memory_order_release);
}

/*
 * Where frames are linked and unlinked: the evaluation loop, by its name. It is as large as one; a thread
 * that is elsewhere has whole frames.
 */
__attribute__((noinline)) struct frame *_PyEval_EvalFrameDefault(
	struct thread *thread, int number, char owner, struct frame *popped)
{
	__asm__ volatile goto(JUMP " %l[begin]\n\t.skip 16384" : : : : begin);
begin:
	if (!popped)
		return push_frame(thread, number, owner);
	pop_frame(thread, popped);
	return NULL;
}

static struct frame *push(struct thread *thread, int number, char owner)
{
	return _PyEval_EvalFrameDefault(thread, number, owner, NULL);
}

static void pop(struct thread *thread, struct frame *frame)
{
	_PyEval_EvalFrameDefault(thread, 0, 0, frame);
}

static void descend(struct thread *thread, int number, unsigned *random)
{
	struct frame *frame = push(thread, number, 0);

	for (int calls = 0; calls < 2 && number + number < NODES; calls++) {
		unsigned chance = next_random(random);

		spin(chance % 8);
		frame->instruction = copies[number][frame->thread_code_index] + 2 + calls;
		if (chance >> 8 & 3)
			descend(thread, number + number + (chance >> 16 & 1), random);
	}
	pop(thread, frame);
}

static void hold_token(struct thread *thread)
{
	const int index = (int)(thread - threads);
	struct frame *frame;

	while (atomic_load_explicit(&token, memory_order_acquire) != index)
		;
	frame = push(thread, TOKEN, 0);
	spin(20000);
	pop(thread, frame);
	atomic_store_explicit(&token, (index + 1) % thread_count, memory_order_release);
}

static const char *mode;

static void *run(void *argument)
{
	struct thread *thread = argument;
	unsigned random = 2463534242u + (unsigned)(thread - threads) * 977;

	thread->native_thread_id = (uint64_t)syscall(SYS_gettid);
	thread->thread_id = (uint64_t)pthread_self();
	push(thread, 1, OWNED_BY_INTERPRETER);
	thread->status[0] = 1 << 4; /* active: attached */
	atomic_fetch_add(&ready, 1);
	for (;;) {
		if (strcmp(mode, "token") == 0)
			hold_token(thread);
		else
			descend(thread, 1, &random);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	thread_count = argc == 3 ? atoi(argv[2]) : 0;
	if (thread_count < 1 || thread_count > MOST_THREADS)
		return 2;
	mode = argv[1];
	make_runtime();
	for (int i = 0; i < thread_count; i++) {
		struct thread *thread = &threads[i];
		char *chunk = aligned_alloc(16384, 16384);

		memset(chunk, 0, 16384);
		thread->interpreter = &interpreter;
		thread->chunk = chunk;
		atomic_store(&thread->top, (struct frame *)(chunk + 32));
		thread->limit = chunk + 16384;
		thread->next = i + 1 < thread_count ? thread + 1 : NULL;
	}
	interpreter.threads = threads;
	for (int i = 1; i < thread_count; i++) {
		pthread_t ignored;

		pthread_create(&ignored, NULL, run, &threads[i]);
	}
	while (atomic_load(&ready) < thread_count - 1)
		;
	puts("ready");
	fflush(stdout);
	run(&threads[0]);
}
