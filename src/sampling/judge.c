/* SPDX-License-Identifier: MIT */
/* What a snapshot is worth: which chains are whole, which stacks are proven, and by what. */
#include "config.h"

#include "sampling/judge.h"

#define ROOT_LIMIT 4096 /* outermost frames of a thread that are remembered */

/* ---- the outermost frame ---- */

/*
 * Has the thread, which stands still, run since its last stop that was evidence? Two stops at one place are
 * one.
 */
static bool has_run(struct capturer *capturer, struct thread *thread)
{
	uint64_t cpu_ns = 0, slices = 0;

	/*
	 * exact for a thread that is not on a CPU; a kernel that does not count it leaves only
	 * stop_let_run()
	 */
	if (target_task_schedstat(
		    python_target(capturer->reader.python), thread->identity.tid, &cpu_ns, &slices) &&
		cpu_ns - thread->root_cpu_ns < RUN_BETWEEN_NS)
		return false;
	thread->root_cpu_ns = cpu_ns;
	return true;
}

/*
 * Nothing in a frame of Python 3.11 and older says that it is a thread's outermost one. A chain that ends
 * elsewhere than where this thread's chains have ended so far may be one that is just being linked (a
 * generator being resumed), so it takes evidence.
 */
static bool root_holds(struct capturer *capturer, struct thread *thread, enum root_vote vote)
{
	const void *state = thread->uses_after ? thread->state_after : thread->state;
	const raddr_t root = thread->walk.root;

	if (!python_root_is_learned(capturer->reader.python) || !root)
		return true;
	if (root == thread->root || u64_map_get(&thread->roots, root)) {
		thread->root_candidate = 0;
		return true;
	}
	if (vote >= ROOT_STOPPED && python_root_is_sure(capturer->reader.python, state, root, true))
		vote = ROOT_SURE;
	else if (python_root_is_sure(capturer->reader.python, state, root, false))
		return true;
	if (root != thread->root_candidate)
		thread->root_votes = 0;
	thread->root_candidate = root;
	if (vote != ROOT_STOPPED || has_run(capturer, thread))
		thread->root_votes += vote;
	if (thread->root_votes < ROOT_SURE)
		return false;
	thread->root = root;
	if (thread->roots.count >= ROOT_LIMIT)
		u64_map_clear(&thread->roots);
	u64_map_put(&thread->roots, root, 1);
	return true;
}

/* ---- looks without a pause ---- */

/*
 * Is the thread one that cannot have changed its frames: another one held the GIL from the first read to
 * the last?
 */
static bool stood_still_by_gil(struct capturer *capturer, const struct thread *thread, const struct gil *gil)
{
	struct gil_state before, after;

	if (!gil)
		return false;
	python_decode_gil(capturer->reader.python, capturer->reader.gil_before, &before);
	python_decode_gil(capturer->reader.python, capturer->reader.gil_after, &after);
	return before.has_switch_number && before.switch_number == after.switch_number && before.holder &&
		before.holder == after.holder && before.holder != thread->identity.state;
}

/* Is the thread in a system call, has been in it, and did not leave it since? Its frames stand still then. */
struct stillness {
	bool asleep;
	struct task_state task;
	uint64_t cpu_ns, slices;
};

static void stillness_begin(
	struct capturer *capturer, const struct thread *thread, struct stillness *stillness)
{
	struct target *target = python_target(capturer->reader.python);

	if (thread->identity.tid)
		stillness->task = target_task_state(target, thread->identity.tid);
	stillness->asleep = thread->identity.tid && !task_may_run(&stillness->task) &&
		target_task_schedstat(target, thread->identity.tid, &stillness->cpu_ns, &stillness->slices);
}

static bool stillness_held(
	struct capturer *capturer, const struct thread *thread, const struct stillness *stillness)
{
	struct target *target = python_target(capturer->reader.python);
	struct task_state task;
	uint64_t cpu_ns, slices;

	if (!stillness->asleep || !target_task_schedstat(target, thread->identity.tid, &cpu_ns, &slices) ||
		cpu_ns != stillness->cpu_ns || slices != stillness->slices)
		return false;
	task = target_task_state(target, thread->identity.tid);
	return !task_may_run(&task);
}

/* Decodes what the last snapshot brought; what it is worth is for the caller to say. */
enum verdict capturer_decode(
	struct capturer *capturer, struct thread *thread, enum snapshot_result result, enum root_vote vote)
{
	enum resolve_result resolved;

	if (result == SNAPSHOT_FOREIGN)
		return VERDICT_FOREIGN;
	if (result == SNAPSHOT_BROKEN || result == SNAPSHOT_LATE)
		return VERDICT_NOTHING;
	capturer->capture.is_cut = result == SNAPSHOT_CUT;
	resolved = snapshot_resolve(&capturer->reader, thread);
	/* a stack that is proven was whole with that outermost frame, wherever it lies */
	if (result == SNAPSHOT_WHOLE && !root_holds(capturer, thread, vote) &&
		!(resolved == RESOLVED && thread->frame_count &&
			known_stacks_has(&capturer->known_stacks, thread->frames, thread->frame_count)))
		return thread->root ? VERDICT_NOTHING : VERDICT_TORN;
	if (resolved == RESOLVE_TORN)
		return VERDICT_TORN;
	if (resolved == RESOLVE_LOADED)
		return VERDICT_FRESH;
	return VERDICT_UNPROVEN;
}

/*
 * The thread stood still, and nothing is half way: what it showed is a stack that is to be believed from now
 * on. So it has to be sure of each code object: one whose address another one has taken would make a stack
 * that never was, and be found out too late.
 */
static enum verdict learn(struct capturer *capturer, struct thread *thread)
{
	if (!snapshot_has_checked(thread))
		return VERDICT_FRESH;
	known_stacks_add(&capturer->known_stacks, thread->frames, thread->frame_count);
	return VERDICT_PROVEN;
}

static enum verdict judge_voting(struct capturer *capturer, struct thread *thread, const struct gil *gil,
	enum snapshot_result result, enum root_vote moving)
{
	bool stood_still = result != SNAPSHOT_FOREIGN && stood_still_by_gil(capturer, thread, gil);
	enum verdict verdict = capturer_decode(capturer, thread, result, stood_still ? ROOT_SURE : moving);

	if (verdict != VERDICT_UNPROVEN)
		return verdict;
	if (known_stacks_has(&capturer->known_stacks, thread->frames, thread->frame_count))
		return VERDICT_PROVEN;
	return stood_still ? learn(capturer, thread) : VERDICT_UNPROVEN;
}

enum verdict capturer_judge(
	struct capturer *capturer, struct thread *thread, const struct gil *gil, enum snapshot_result result)
{
	return judge_voting(
		capturer, thread, gil, result, capturer->policy == PAUSE_NEVER ? ROOT_LOOKED : ROOT_NO_VOTE);
}

/*
 * What the first snapshot saw behind the beginning that is proven, if that may be a stack that has not been
 * proven yet: then what is known may not take its place, however short it is. 0: it is known that it is a
 * mixture.
 */
static uint64_t may_be_new(struct capturer *capturer, const struct thread *thread, size_t *known)
{
	*known = known_stacks_prefix(&capturer->known_stacks, thread->frames, thread->frame_count);
	if (*known == thread->frame_count ||
		known_stacks_doubts(&capturer->known_stacks, thread->frames, *known, thread->frame_count) >=
			DOUBTS)
		return 0;
	return known_stacks_sighting(thread->frames, *known + 1);
}

enum verdict capturer_judge_either(struct capturer *capturer, struct thread *thread, const struct gil *gil,
	enum snapshot_result result, bool is_first)
{
	const size_t checked = thread->checked_count;
	enum verdict verdict = capturer_judge(capturer, thread, gil, result);
	uint64_t seen = 0;
	size_t known;

	/*
	 * a code object that was met just now has not been checked by this snapshot, whatever a second walk
	 * thinks
	 */
	if ((verdict != VERDICT_UNPROVEN && verdict != VERDICT_TORN) || !thread->has_after ||
		thread->uses_after || thread->checked_count != checked)
		return verdict;
	if (is_first && verdict == VERDICT_UNPROVEN)
		seen = may_be_new(capturer, thread, &known);
	if (judge_voting(capturer, thread, gil, snapshot_walk_from(&capturer->reader, thread, true),
		    ROOT_NO_VOTE) == VERDICT_PROVEN &&
		(!seen ||
			(thread->frame_count > known &&
				known_stacks_sighting(thread->frames, known + 1) == seen)))
		return VERDICT_PROVEN;
	return judge_voting(
		capturer, thread, gil, snapshot_walk_from(&capturer->reader, thread, false), ROOT_NO_VOTE);
}

/*
 * The memory of a thread that stands still, a word at a time: what the snapshot or the copy of the stack has
 * read along, else what is there.
 */
struct still_view {
	struct memory_view view;
	struct capturer *capturer;
	const struct thread *thread;
	const struct native_copy *copy; /* NULL: none was made in this stop */
};

/* What was read of it in this stop; in a stop that is over there is no more to be had. */
static const uint64_t *still_word(struct capturer *capturer, raddr_t address)
{
	struct still_words *words = &capturer->still;

	for (size_t i = 0; i < words->count; i++) {
		if (words->list[i].address == address)
			return &words->list[i].word;
	}
	if (words->is_over || words->count == ARRAY_LENGTH(words->list))
		return NULL;
	words->list[words->count].address = address;
	if (!target_read(python_target(capturer->reader.python), address, &words->list[words->count].word,
		    sizeof(uint64_t)))
		return NULL;
	return &words->list[words->count++].word;
}

static const void *still_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct still_view *still = (struct still_view *)view;
	const void *copied = thread_pointer(still->thread, address, length);

	if (!copied && still->copy)
		copied = native_copy_at(still->copy, address, length);
	if (copied)
		return copied;
	return length == sizeof(uint64_t) ? still_word(still->capturer, address) : NULL;
}

bool capturer_leaf_is_linked(struct capturer *capturer, const struct thread *thread)
{
	struct still_view still = { .view = { .at = still_at },
		.capturer = capturer,
		.thread = thread,
		.copy = capturer->has_copy ? &capturer->copy : NULL };

	return capturer->capture.is_cut ||
		python_leaf_is_linked(capturer->reader.python, &still.view, &thread->walk);
}

struct sighting capturer_sighting(struct capturer *capturer, const struct thread *thread,
	const struct resolved_frame *frames, size_t count)
{
	const struct raw_frame *innermost = &thread->innermost;

	if (!count || frames[count - 1].code->address != innermost->code)
		return (struct sighting){ 0 };
	return (struct sighting){ .path = known_stacks_sighting(frames, count),
		.instruction = innermost->instruction,
		.is_fresh =
			python_frame_is_fresh(capturer->reader.python, frames[count - 1].code, innermost) };
}

enum verdict capturer_learn_stopped(struct capturer *capturer, const struct thread *thread, uint64_t cpu_ns)
{
	const struct sighting sighting =
		capturer_sighting(capturer, thread, thread->frames, thread->frame_count);

	if (!python_leaf_may_be_unlinked(capturer->reader.python)) {
		known_stacks_add(&capturer->known_stacks, thread->frames, thread->frame_count);
		return VERDICT_PROVEN;
	}
	if (known_stacks_add_stopped(&capturer->known_stacks, thread->frames, thread->frame_count, &sighting,
		    &capturer->seen, (int64_t)cpu_ns))
		return VERDICT_PROVEN;
	capturer->stopped = sighting;
	return VERDICT_UNPROVEN;
}

enum verdict capturer_judge_stopped(struct capturer *capturer, struct thread *thread)
{
	uint64_t cpu_ns = 0, slices = 0;

	/*
	 * words of the call that was here before make a stack that may well be known, and is another
	 * moment's
	 */
	capturer->still = (struct still_words){ 0 };
	if (!capturer_leaf_is_linked(capturer, thread))
		return VERDICT_NOTHING;
	if (known_stacks_has(&capturer->known_stacks, thread->frames, thread->frame_count))
		return VERDICT_PROVEN;
	if (!python_leaf_may_be_unlinked(capturer->reader.python))
		return learn(capturer, thread);
	if (!snapshot_has_checked(thread))
		return VERDICT_FRESH;
	/* exact for a thread that is not on a CPU */
	target_task_schedstat(python_target(capturer->reader.python), thread->identity.tid, &cpu_ns, &slices);
	return capturer_learn_stopped(capturer, thread, cpu_ns);
}

/*
 * The thread stands still, or will be proven to have stood still: its native stack belongs to what is read
 * now.
 */
void capturer_copy_stack(
	struct capturer *capturer, const struct thread *thread, const struct registers *registers)
{
	if (!capturer->native)
		return;
	capturer->copy.stack_end = thread->stack_end;
	capturer->has_copy = native_copy(capturer->native, &capturer->copy, registers);
}

/*
 * The thread did not run while it was looked at. In a system call it has called a function properly. Blocked
 * outside of one (by SIGSTOP, or by a fault on a page that has to be fetched) it may be half way through
 * pushing a frame, like one that was stopped.
 */
static enum verdict judge_asleep(
	struct capturer *capturer, struct thread *thread, const struct task_state *task)
{
	if (task->syscall_number < 0 &&
		python_evaluates(capturer->reader.python, task->instruction_pointer) != EVALUATES_NOT)
		return capturer_judge_stopped(capturer, thread);
	return learn(capturer, thread);
}

/* Looks at a thread that seems to be asleep. VERDICT_PROVEN only when it was so all the time. */
enum verdict capturer_look_asleep(struct capturer *capturer, struct thread *thread)
{
	enum verdict verdict = VERDICT_UNPROVEN;

	for (int attempt = 0; attempt < 3 && verdict != VERDICT_PROVEN; attempt++) {
		struct stillness stillness = { 0 };
		struct registers registers;
		enum snapshot_result result;

		stillness_begin(capturer, thread, &stillness);
		if (!stillness.asleep)
			return VERDICT_UNPROVEN;
		if (capturer->native && capturer->policy != PAUSE_NEVER && !capturer->may_do_with_less &&
			task_stopped_in_code(&stillness.task))
			return VERDICT_UNPROVEN;
		capturer->has_copy = false;
		if (task_registers(&stillness.task, &registers))
			capturer_copy_stack(capturer, thread, &registers);
		result = snapshot_take(&capturer->reader, thread, NULL);
		if (result == SNAPSHOT_FOREIGN)
			return VERDICT_FOREIGN;
		if (!stillness_held(capturer, thread, &stillness)) {
			verdict = VERDICT_UNPROVEN;
			continue;
		}
		/*
		 * stopped in the middle of linking a frame its chain may end anywhere; but all there is of
		 * a stopped process is this
		 */
		verdict = capturer_decode(capturer, thread, result,
			stillness.task.syscall_number < 0 && thread->root ? ROOT_STOPPED : ROOT_SURE);
		if (verdict == VERDICT_UNPROVEN)
			verdict = judge_asleep(capturer, thread, &stillness.task);
		if (verdict == VERDICT_PROVEN) {
			capturer->capture.was_asleep = true;
			capturer->capture.slept_cpu_ns = stillness.cpu_ns;
			capturer->capture.slept_slices = stillness.slices;
		}
	}
	return verdict;
}

/* Is the first `count` of capturer->capture.frames how the frames of the last walk begin? */
bool capturer_begins_with(const struct capturer *capturer, const struct thread *thread, size_t count)
{
	if (thread->frame_count < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (thread->frames[i].code != capturer->capture.frames[i].code ||
			thread->frames[i].line != capturer->capture.frames[i].line)
			return false;
	}
	return true;
}
