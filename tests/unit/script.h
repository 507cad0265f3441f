/* SPDX-License-Identifier: MIT */
/*
 * A process of which the test writes the memory: one interpreter with two threads, code objects, frames in
 * two chunks of the data stack, a GIL. `before` is called before each piece of each read, in the order of the
 * reads, and may change anything: so a test says what a thread does while it is looked at.
 */
#ifndef PYROPE_TESTS_SCRIPT_H
#define PYROPE_TESTS_SCRIPT_H

#include <string.h>

#include "python/internal.h"
#include "pyrope/target.h"

#define MEMORY_BASE UINT64_C(0x7f0000000000)
#define MEMORY_BYTES (1u << 20)
#define PIECE 64 /* bytes that are read at one moment */

#define GIL (MEMORY_BASE + 0x2000)
#define STATE (MEMORY_BASE + 0x4000)
#define OTHER_STATE (MEMORY_BASE + 0x6000)
#define CFRAME (MEMORY_BASE + 0x8000)
#define SHIM (MEMORY_BASE + 0xa000)
#define FRAME(n) (MEMORY_BASE + 0x10000 + (raddr_t)(n)*256)
#define FAR_FRAME(n) (MEMORY_BASE + 0x40000 + (raddr_t)(n)*256)
#define CODE(n) (MEMORY_BASE + 0x80000 + (raddr_t)(n)*1024)
#define TEXT(n) (MEMORY_BASE + 0xc0000 + (raddr_t)(n)*256)
#define INTERPRETER (MEMORY_BASE + 0xd0000)
#define RUNTIME (MEMORY_BASE + 0xe0000)
#define TYPE (MEMORY_BASE + 0xf0000)

#define UNITS 40
#define TID 4200001
#define PTHREAD 0x7f1234567000

struct script {
	unsigned char bytes[MEMORY_BYTES];
	void (*before)(raddr_t address);
	size_t reads; /* batches of reads that were asked for */
	struct task_state task;
	const pid_t *tids; /* of all threads; NULL: TID alone */
	size_t tid_count;
	uint64_t cpu_ns, slices;
	void (*before_schedstat)(void);
	enum pause_result pause;
	void (*at_pause)(void);
	size_t pauses;
	bool is_held;
	struct python python;
};

static struct script script;

static inline void put(raddr_t address, uint64_t value, size_t length)
{
	memcpy(script.bytes + (address - MEMORY_BASE), &value, length);
}

static inline size_t script_read(void *context, const struct read_request *requests, size_t count)
{
	(void)context;
	script.reads++;
	for (size_t i = 0; i < count; i++) {
		const raddr_t address = requests[i].address;

		if (address < MEMORY_BASE || address - MEMORY_BASE > MEMORY_BYTES ||
			requests[i].length > MEMORY_BYTES - (address - MEMORY_BASE))
			return i;
		for (size_t done = 0, part; done < requests[i].length; done += part) {
			part = PIECE - (address + done) % PIECE;
			if (part > requests[i].length - done)
				part = requests[i].length - done;
			if (script.before && !script.is_held)
				script.before(address + done);
			memcpy((char *)requests[i].data + done, script.bytes + (address + done - MEMORY_BASE),
				part);
		}
	}
	return count;
}

static inline struct task_state script_task_state(void *context, pid_t tid)
{
	(void)context;
	(void)tid;
	return script.task;
}

static inline bool script_schedstat(void *context, pid_t tid, uint64_t *cpu_ns, uint64_t *slices)
{
	(void)context;
	(void)tid;
	if (script.before_schedstat)
		script.before_schedstat();
	*cpu_ns = script.cpu_ns;
	*slices = script.slices;
	return true;
}

static inline enum pause_result script_pause_begin(void *context, pid_t tid)
{
	(void)context;
	(void)tid;
	script.pauses++;
	script.is_held = script.pause == PAUSE_HELD;
	if (script.is_held && script.at_pause)
		script.at_pause();
	return script.pause;
}

static inline void script_pause_end(void *context, pid_t tid)
{
	(void)context;
	(void)tid;
	script.is_held = false;
}

static inline size_t script_list_tids(void *context, const pid_t **tids)
{
	static const pid_t alone = TID;

	(void)context;
	*tids = script.tids ? script.tids : &alone;
	return script.tids ? script.tid_count : 1;
}

static const struct target_script script_functions = {
	.list_tids = script_list_tids,
	.read_batch = script_read,
	.task_state = script_task_state,
	.task_schedstat = script_schedstat,
	.pause_begin = script_pause_begin,
	.pause_end = script_pause_end,
};

/* ---- objects ---- */

static inline void put_text(raddr_t address, const char *text)
{
	const struct layout *layout = &script.python.layout;

	/* ASCII, compact, 1 byte */
	put(address + layout->unicode.state, UINT64_C(0x19) << layout->unicode.kind_shift, 4);
	put(address + layout->unicode.length, strlen(text), 8);
	memcpy(script.bytes + (address - MEMORY_BASE) + layout->unicode.ascii_data, text, strlen(text) + 1);
}

/*
 * A function whose lines are first_line and the four behind it, eight units each. version: of this very
 * object.
 */
static inline void put_code(int number, const char *name, uint32_t first_line, uint32_t version)
{
	const struct layout *layout = &script.python.layout;
	/* entries without columns (13) for 8 units, each with its step of the line (PEP 657) */
	static const unsigned char lines[] = { 0xef, 0, 0xef, 2, 0xef, 2, 0xef, 2, 0xef, 2 };
	const raddr_t code = CODE(number), name_text = TEXT(2 * number + 2), table = TEXT(2 * number + 3);

	put(TYPE + layout->type_object.tp_name, TYPE + 0x800, 8);
	memcpy(script.bytes + (TYPE + 0x800 - MEMORY_BASE), "code", 5);
	put_text(TEXT(0), "m.py");
	put_text(name_text, name);
	put(table + layout->bytes.ob_size, sizeof(lines), 8);
	memcpy(script.bytes + (table - MEMORY_BASE) + layout->bytes.ob_sval, lines, sizeof(lines));
	put(code + layout->object.ob_type, TYPE, 8);
	put(code + layout->bytes.ob_size, UNITS, 8);
	put(code + layout->code_object.filename, TEXT(0), 8);
	put(code + layout->code_object.name, name_text, 8);
	put(code + layout->code_object.qualname, name_text, 8);
	put(code + layout->code_object.line_table, table, 8);
	put(code + layout->code_object.first_line, first_line, 4);
	if (layout->code_object.version != OFFSET_NONE)
		put(code + layout->code_object.version, version, 4);
}

static inline void put_frame(raddr_t address, raddr_t previous, int code, int unit)
{
	const struct layout *layout = &script.python.layout;

	put(address + layout->interpreter_frame.previous, previous, 8);
	put(address + layout->interpreter_frame.executable, CODE(code), 8);
	put(address + layout->interpreter_frame.instruction,
		CODE(code) + layout->code_object.code_adaptive + 2 * (uint64_t)unit, 8);
	put(address + layout->interpreter_frame.owner, 0, 1);
	if (layout->interpreter_frame.is_entry != OFFSET_NONE)
		put(address + layout->interpreter_frame.is_entry, previous == 0, 1);
}

/* What the outermost frame is linked to. */
static inline raddr_t chain_end(void)
{
	return script.python.layout.root == ROOT_SHIM ? SHIM : 0;
}

static inline void put_leaf(raddr_t leaf)
{
	const struct layout *layout = &script.python.layout;

	if (layout->frames == FRAMES_BY_CFRAME)
		put(CFRAME + layout->cframe.current_frame, leaf, 8);
	else
		put(STATE + layout->thread_state.current_frame, leaf, 8);
	/* the chunk of the data stack that it lies in, and its free part */
	put(STATE + layout->thread_state.datastack_chunk, (leaf & ~UINT64_C(0xffff)) - 0x20, 8);
	put(STATE + layout->thread_state.datastack_top, leaf + 256, 8);
	put(STATE + layout->thread_state.datastack_top + 8, (leaf & ~UINT64_C(0xffff)) + 0x8000, 8);
}

/*
 * A chain of these code objects, outermost first, -1 at the end; each frame stands at unit 10, in the
 * second line.
 */
static inline void put_chain(const int *codes)
{
	raddr_t previous = chain_end();
	int count = 0;

	for (; codes[count] >= 0; count++) {
		put_frame(FRAME(count), previous, codes[count], 10);
		previous = FRAME(count);
	}
	put_leaf(previous);
}

/* Who holds the GIL, 0: nobody; and how often it has changed hands. */
static inline void put_gil(raddr_t holder, uint64_t switches)
{
	const struct layout *layout = &script.python.layout;

	if (layout->gil == GIL_PER_INTERPRETER) {
		put(GIL + layout->gil_runtime_state.locked, holder != 0, 4);
		put(GIL + layout->gil_runtime_state.last_holder, holder ? holder : STATE, 8);
		put(GIL + layout->gil_runtime_state.switch_number, switches, 8);
		return;
	}
	put(RUNTIME + layout->runtime_state.gilstate_tstate_current, holder, 8);
	put(RUNTIME + layout->runtime_state.gil_last_holder, holder ? holder : STATE, 8);
	put(RUNTIME + layout->runtime_state.gil_switch_number, switches, 8);
}

static inline void script_begin(const struct layout *layout)
{
	memset(&script, 0, sizeof(script));
	script.python.layout = *layout;
	script.python.target = target_open_script(&script_functions);
	script.python.functions = functions_new();
	script.python.place.runtime = RUNTIME;
	put(RUNTIME + layout->runtime_state.interpreters_head, INTERPRETER, 8);
	script.python.place.interpreter = INTERPRETER;
	script.task = (struct task_state){ .activity = TASK_RUNNING, .syscall_number = -1 };
	script.pause = PAUSE_HELD;
	put(STATE + layout->thread_state.interp, INTERPRETER, 8);
	put(STATE + layout->thread_state.thread_id, PTHREAD, 8);
	put(STATE + layout->thread_state.native_thread_id, TID, 8);
	if (layout->frames == FRAMES_BY_CFRAME) {
		put(STATE + layout->thread_state.cframe, CFRAME, 8);
		/* the thread's own */
		put(CFRAME + layout->cframe.previous, STATE + layout->thread_state.size - 24, 8);
	}
	if (layout->gil == GIL_PER_INTERPRETER)
		put(INTERPRETER + layout->interpreter_state.ceval_gil, GIL, 8);
	if (layout->root == ROOT_SHIM)
		put(SHIM + layout->interpreter_frame.owner, layout->shim_owner, 1);
	put(SHIM + layout->interpreter_frame.executable, CODE(19), 8);
	for (int i = 0; i < 10; i++) {
		const char name[] = { 'f', (char)('0' + i), '\0' };

		put_code(i, name, (uint32_t)(100 * (i + 1)), (uint32_t)(i + 1));
	}
	put_code(19, "<shim>", 1, 20);
}

static inline void script_end(void)
{
	python_free_codes(&script.python);
	python_free_evaluation(&script.python);
	functions_free(script.python.functions);
	target_close(script.python.target);
}

#endif
