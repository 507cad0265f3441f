/* SPDX-License-Identifier: MIT */
/* What a look is worth: which chains are whole, which stacks are proven, and by what. */
#include "config.h"

#include "sampling/judge.h"

#define ROOT_LIMIT 4096 /* outermost frames of a thread that are remembered */

/* ---- the outermost frame ---- */

/* Has the thread, which stands still, run since its last stop that was evidence? Two stops at one place are one. */
static bool has_run(struct taker *taker, struct subject *subject)
{
	uint64_t cpu_ns = 0, slices = 0;

	/* exact for a thread that is not on a CPU; a kernel that does not count it leaves only let_run() */
	if (target_task_schedstat(python_target(taker->looker.python), subject->thread.tid, &cpu_ns, &slices) &&
		cpu_ns - subject->root_cpu_ns < RUN_BETWEEN_NS)
		return false;
	subject->root_cpu_ns = cpu_ns;
	return true;
}

/*
 * Nothing in a frame of Python 3.11 and older says that it is a thread's outermost one. A chain that ends
 * elsewhere than where this thread's chains have ended so far may be one that is just being linked (a
 * generator being resumed), so it takes evidence.
 */
static bool root_holds(struct taker *taker, struct subject *subject, enum root_vote vote)
{
	const void *state = subject->uses_after ? subject->state_after : subject->state;
	const raddr_t root = subject->walk.root;

	if (!python_root_is_learned(taker->looker.python) || !root)
		return true;
	if (root == subject->root || u64_map_get(&subject->roots, root)) {
		subject->root_candidate = 0;
		return true;
	}
	if (vote >= ROOT_STOPPED && python_root_is_sure(taker->looker.python, state, root, true))
		vote = ROOT_SURE;
	else if (python_root_is_sure(taker->looker.python, state, root, false))
		return true;
	if (root != subject->root_candidate)
		subject->root_votes = 0;
	subject->root_candidate = root;
	if (vote != ROOT_STOPPED || has_run(taker, subject))
		subject->root_votes += vote;
	if (subject->root_votes < ROOT_SURE)
		return false;
	subject->root = root;
	if (subject->roots.count >= ROOT_LIMIT)
		u64_map_clear(&subject->roots);
	u64_map_put(&subject->roots, root, 1);
	return true;
}

/* ---- looks without a pause ---- */

/* Is the thread one that cannot have changed its frames: another one held the GIL from the first read to the last? */
static bool stood_still_by_gil(struct taker *taker, const struct subject *subject, const struct gil *gil)
{
	struct gil_state before, after;

	if (!gil)
		return false;
	python_decode_gil(taker->looker.python, taker->looker.gil_before, &before);
	python_decode_gil(taker->looker.python, taker->looker.gil_after, &after);
	return before.has_switch_number && before.switch_number == after.switch_number && before.holder &&
		before.holder == after.holder && before.holder != subject->thread.state;
}

/* Is the thread in a system call, has been in it, and did not leave it since? Its frames stand still then. */
struct stillness {
	bool asleep;
	struct task_state task;
	uint64_t cpu_ns, slices;
};

static void stillness_begin(struct taker *taker, const struct subject *subject, struct stillness *stillness)
{
	struct target *target = python_target(taker->looker.python);

	if (subject->thread.tid)
		stillness->task = target_task_state(target, subject->thread.tid);
	stillness->asleep = subject->thread.tid && !task_may_run(&stillness->task) &&
		target_task_schedstat(target, subject->thread.tid, &stillness->cpu_ns, &stillness->slices);
}

static bool stillness_held(struct taker *taker, const struct subject *subject, const struct stillness *stillness)
{
	struct target *target = python_target(taker->looker.python);
	struct task_state task;
	uint64_t cpu_ns, slices;

	if (!stillness->asleep || !target_task_schedstat(target, subject->thread.tid, &cpu_ns, &slices) ||
		cpu_ns != stillness->cpu_ns || slices != stillness->slices)
		return false;
	task = target_task_state(target, subject->thread.tid);
	return !task_may_run(&task);
}

/* Decodes what the last look brought; what it is worth is for the caller to say. */
enum verdict decode(struct taker *taker, struct subject *subject, enum look_result result, enum root_vote vote)
{
	enum resolve_result resolved;

	if (result == LOOK_FOREIGN)
		return VERDICT_FOREIGN;
	if (result == LOOK_BROKEN || result == LOOK_LATE)
		return VERDICT_NOTHING;
	taker->is_cut = result == LOOK_CUT;
	resolved = look_resolve(&taker->looker, subject);
	/* a stack that is proven was whole with that outermost frame, wherever it lies */
	if (result == LOOK_WHOLE && !root_holds(taker, subject, vote) &&
		!(resolved == RESOLVED && subject->frame_count &&
			proof_known(&taker->proofs, subject->frames, subject->frame_count)))
		return subject->root ? VERDICT_NOTHING : VERDICT_TORN;
	if (resolved == RESOLVE_TORN)
		return VERDICT_TORN;
	if (resolved == RESOLVE_LOADED)
		return VERDICT_FRESH;
	return VERDICT_UNPROVEN;
}

/*
 * The thread stood still, and nothing is half way: what it showed is a stack that is to be believed from now on. So it has to be
 * sure of each code object: one whose address another one has taken would make a stack that never was, and be found out too late.
 */
static enum verdict learn(struct taker *taker, struct subject *subject)
{
	if (!look_has_checked(subject))
		return VERDICT_FRESH;
	proof_add(&taker->proofs, subject->frames, subject->frame_count);
	return VERDICT_PROVEN;
}

static enum verdict judge_voting(struct taker *taker, struct subject *subject, const struct gil *gil,
	enum look_result result, enum root_vote moving)
{
	bool stood_still = result != LOOK_FOREIGN && stood_still_by_gil(taker, subject, gil);
	enum verdict verdict = decode(taker, subject, result, stood_still ? ROOT_SURE : moving);

	if (verdict != VERDICT_UNPROVEN)
		return verdict;
	if (proof_known(&taker->proofs, subject->frames, subject->frame_count))
		return VERDICT_PROVEN;
	return stood_still ? learn(taker, subject) : VERDICT_UNPROVEN;
}

enum verdict judge(struct taker *taker, struct subject *subject, const struct gil *gil, enum look_result result)
{
	return judge_voting(taker, subject, gil, result, taker->policy == PAUSE_NEVER ? ROOT_LOOKED : ROOT_NO_VOTE);
}

/*
 * What the first look saw behind the beginning that is proven, if that may be a stack that has not been proven yet: then what is
 * known may not take its place, however short it is. 0: it is known that it is a mixture.
 */
static uint64_t may_be_new(struct taker *taker, const struct subject *subject, size_t *known)
{
	*known = proof_known_prefix(&taker->proofs, subject->frames, subject->frame_count);
	if (*known == subject->frame_count ||
		proof_doubts(&taker->proofs, subject->frames, *known, subject->frame_count) >= DOUBTS)
		return 0;
	return proof_sighting(subject->frames, *known + 1);
}

enum verdict judge_either(struct taker *taker, struct subject *subject, const struct gil *gil, enum look_result result,
	bool is_first)
{
	const size_t checked = subject->checked_count;
	enum verdict verdict = judge(taker, subject, gil, result);
	uint64_t seen = 0;
	size_t known;

	/* a code object that was met just now has not been checked by this look, whatever a second walk thinks */
	if ((verdict != VERDICT_UNPROVEN && verdict != VERDICT_TORN) || !subject->has_after || subject->uses_after ||
		subject->checked_count != checked)
		return verdict;
	if (is_first && verdict == VERDICT_UNPROVEN)
		seen = may_be_new(taker, subject, &known);
	if (judge_voting(taker, subject, gil, look_from(&taker->looker, subject, true), ROOT_NO_VOTE) == VERDICT_PROVEN &&
		(!seen || (subject->frame_count > known && proof_sighting(subject->frames, known + 1) == seen)))
		return VERDICT_PROVEN;
	return judge_voting(taker, subject, gil, look_from(&taker->looker, subject, false), ROOT_NO_VOTE);
}

/*
 * The memory of a thread that stands still, a word at a time: what the look or the copy of the stack has read along, else what
 * is there.
 */
struct still_view {
	struct memory_view view;
	struct taker *taker;
	const struct subject *subject;
	const struct native_copy *copy; /* NULL: none was made in this stop */
};

/* What was read of it in this stop; in a stop that is over there is no more to be had. */
static const uint64_t *still_word(struct taker *taker, raddr_t address)
{
	struct still_words *words = &taker->still;

	for (size_t i = 0; i < words->count; i++) {
		if (words->list[i].address == address)
			return &words->list[i].word;
	}
	if (words->is_over || words->count == ARRAY_LENGTH(words->list))
		return NULL;
	words->list[words->count].address = address;
	if (!target_read(python_target(taker->looker.python), address, &words->list[words->count].word, sizeof(uint64_t)))
		return NULL;
	return &words->list[words->count++].word;
}

static const void *still_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct still_view *still = (struct still_view *)view;
	const void *copied = subject_pointer(still->subject, address, length);

	if (!copied && still->copy)
		copied = native_copy_at(still->copy, address, length);
	if (copied)
		return copied;
	return length == sizeof(uint64_t) ? still_word(still->taker, address) : NULL;
}

bool leaf_is_linked(struct taker *taker, const struct subject *subject)
{
	struct still_view still = { .view = { .at = still_at }, .taker = taker, .subject = subject,
		.copy = taker->has_copy ? &taker->copy : NULL };

	return taker->is_cut || python_leaf_is_linked(taker->looker.python, &still.view, &subject->walk);
}

struct sighting sighting_of(struct taker *taker, const struct subject *subject, const struct resolved_frame *frames, size_t count)
{
	const struct raw_frame *innermost = &subject->innermost;

	if (!count || frames[count - 1].code->address != innermost->code)
		return (struct sighting){ 0 };
	return (struct sighting){ .path = proof_sighting(frames, count), .instruction = innermost->instruction,
		.is_fresh = python_frame_is_fresh(taker->looker.python, frames[count - 1].code, innermost) };
}

enum verdict learn_stopped(struct taker *taker, const struct subject *subject, uint64_t cpu_ns)
{
	const struct sighting sighting = sighting_of(taker, subject, subject->frames, subject->frame_count);

	if (!python_leaf_may_be_unlinked(taker->looker.python)) {
		proof_add(&taker->proofs, subject->frames, subject->frame_count);
		return VERDICT_PROVEN;
	}
	if (proof_add_stopped(&taker->proofs, subject->frames, subject->frame_count, &sighting, &taker->seen, (int64_t)cpu_ns))
		return VERDICT_PROVEN;
	taker->stopped = sighting;
	return VERDICT_UNPROVEN;
}

enum verdict judge_stopped(struct taker *taker, struct subject *subject)
{
	uint64_t cpu_ns = 0, slices = 0;

	/* words of the call that was here before make a stack that may well be known, and is another moment's */
	taker->still = (struct still_words){ 0 };
	if (!leaf_is_linked(taker, subject))
		return VERDICT_NOTHING;
	if (proof_known(&taker->proofs, subject->frames, subject->frame_count))
		return VERDICT_PROVEN;
	if (!python_leaf_may_be_unlinked(taker->looker.python))
		return learn(taker, subject);
	if (!look_has_checked(subject))
		return VERDICT_FRESH;
	/* exact for a thread that is not on a CPU */
	target_task_schedstat(python_target(taker->looker.python), subject->thread.tid, &cpu_ns, &slices);
	return learn_stopped(taker, subject, cpu_ns);
}

/* The thread stands still, or will be proven to have stood still: its native stack belongs to what is read now. */
void copy_stack(struct taker *taker, const struct subject *subject, const struct registers *registers)
{
	if (!taker->native)
		return;
	taker->copy.stack_end = subject->stack_end;
	taker->has_copy = native_copy(taker->native, &taker->copy, registers);
}

/*
 * The thread did not run while it was looked at. In a system call it has called a function properly. Blocked outside of one
 * (by SIGSTOP, or by a fault on a page that has to be fetched) it may be half way through pushing a frame, like one that
 * was stopped.
 */
static enum verdict judge_asleep(struct taker *taker, struct subject *subject, const struct task_state *task)
{
	if (task->syscall_number < 0 &&
		python_evaluates(taker->looker.python, task->instruction_pointer) != EVALUATES_NOT)
		return judge_stopped(taker, subject);
	return learn(taker, subject);
}

/* Looks at a thread that seems to be asleep. VERDICT_PROVEN only when it was so all the time. */
enum verdict look_asleep(struct taker *taker, struct subject *subject)
{
	enum verdict verdict = VERDICT_UNPROVEN;

	for (int attempt = 0; attempt < 3 && verdict != VERDICT_PROVEN; attempt++) {
		struct stillness stillness = { 0 };
		struct registers registers;
		enum look_result result;

		stillness_begin(taker, subject, &stillness);
		if (!stillness.asleep)
			return VERDICT_UNPROVEN;
		if (taker->native && taker->policy != PAUSE_NEVER && !taker->may_do_with_less &&
			task_stopped_in_code(&stillness.task))
			return VERDICT_UNPROVEN;
		taker->has_copy = false;
		if (task_registers(&stillness.task, &registers))
			copy_stack(taker, subject, &registers);
		result = look(&taker->looker, subject, NULL);
		if (result == LOOK_FOREIGN)
			return VERDICT_FOREIGN;
		if (!stillness_held(taker, subject, &stillness)) {
			verdict = VERDICT_UNPROVEN;
			continue;
		}
		/* stopped in the middle of linking a frame its chain may end anywhere; but all there is of a stopped process is this */
		verdict = decode(taker, subject, result,
			stillness.task.syscall_number < 0 && subject->root ? ROOT_STOPPED : ROOT_SURE);
		if (verdict == VERDICT_UNPROVEN)
			verdict = judge_asleep(taker, subject, &stillness.task);
		if (verdict == VERDICT_PROVEN) {
			taker->was_asleep = true;
			taker->slept_cpu_ns = stillness.cpu_ns;
			taker->slept_slices = stillness.slices;
		}
	}
	return verdict;
}

/* Is the first `count` of taker->frames how the frames of the last walk begin? */
bool begins_with(const struct taker *taker, const struct subject *subject, size_t count)
{
	if (subject->frame_count < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (subject->frames[i].code != taker->frames[i].code || subject->frames[i].line != taker->frames[i].line)
			return false;
	}
	return true;
}
