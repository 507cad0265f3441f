/* SPDX-License-Identifier: MIT */
/*
 * From the frames of a walk to functions and lines. What each place in the stack was resolved to last is
 * remembered: most frames are the same in the next snapshot.
 */
#include "config.h"

#include "sampling/snapshot.h"

#include <stdlib.h>

#include "sampling/known_stacks.h"

/*
 * Room for all frames of the walk. Fresh memory is cleared by the kernel when it is used: a thread may be
 * held.
 */
static void memo_reset(struct snapshot_reader *reader, struct thread *thread)
{
	const size_t count = thread->walk.count;

	if (thread->memo_capacity >= count && thread->memo_generation == reader->code_generation)
		return;
	if (thread->memo_capacity < count)
		thread->memo_capacity = count <= 16 ? 16 : count + count / 2;
	free(thread->memo);
	thread->memo = xcalloc(thread->memo_capacity, sizeof(*thread->memo));
	thread->memo_generation = reader->code_generation;
}

/* The entry for a frame's code object; *loaded is set when this snapshot did not check what it says. */
static struct code *frame_code(
	struct snapshot_reader *reader, struct thread *thread, raddr_t address, bool *loaded)
{
	struct code *code = python_code_known(reader->python, address);
	struct error ignored = { 0 };

	if (!code) {
		code = snapshot_reader_is_late(reader) ? NULL
						       : python_code_load(reader->python, address, &ignored);
		if (!code)
			return NULL;
		thread_check_code(thread, code);
		if (reader->deadline_ns)
			code->sure = reader->hold;
		*loaded = true;
	} else if (code_may_go(code) && !thread_checks_code(thread, code)) {
		thread_check_code(thread, code);
		*loaded = true;
	}
	return code;
}

enum resolve_result snapshot_resolve(struct snapshot_reader *reader, struct thread *thread)
{
	const struct walk *walk = &thread->walk;
	uint64_t path = hash_seed();
	bool loaded = false;
	unsigned steps = 0;

	array_reserve(&thread->frames, &thread->frame_capacity, walk->count, sizeof(*thread->frames));
	memo_reset(reader, thread);
	thread->frame_count = 0;
	thread->innermost.code = 0;
	for (size_t k = 0; k < walk->count; k++) {
		const struct raw_frame *frame = &walk->frames[walk->count - 1 - k];
		struct memo *memo = &thread->memo[k];

		if (memo->code != frame->code || memo->instruction != frame->instruction ||
			code_may_go(memo->entry) || frame->traced_line) {
			struct code *code = frame_code(reader, thread, frame->code, &loaded);
			int line = code ? python_frame_line(reader->python, code, frame) : -1;

			memo->code = 0;
			if (line < 0) {
				/*
				 * torn, or the entry is of an object that has been freed: the next snapshot
				 * tells
				 */
				if (code)
					thread_check_code(thread, code);
				return RESOLVE_TORN;
			}
			*memo = (struct memo){ .code = frame->code,
				.instruction = frame->instruction,
				.entry = code,
				.line = line,
				.function_id = code->function->id };
		}
		if (!python_frame_visible(reader->python, memo->entry, frame))
			continue;
		if (snapshot_reader_is_late_at(reader, &steps))
			return RESOLVE_TORN;
		path = known_stacks_path(path, memo->function_id, memo->line);
		thread->frames[thread->frame_count++] =
			(struct resolved_frame){ memo->entry, path, memo->line,
				code_may_go(memo->entry) && memo->entry->checked_look == thread->last_read };
		thread->innermost = *frame;
	}
	return loaded ? RESOLVE_LOADED : RESOLVED;
}

bool snapshot_has_checked(struct thread *thread)
{
	const struct code *last = NULL;
	bool all = true;

	for (size_t i = 0; i < thread->frame_count; i++) {
		struct code *code = thread->frames[i].code;

		if (code == last || thread_checks_code(thread, code))
			continue;
		last = code;
		thread_check_code(thread, code);
		all = false;
	}
	return all;
}
