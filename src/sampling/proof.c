/* SPDX-License-Identifier: MIT */
/*
 * A set of 64-bit hashes. A collision would let one unproven stack pass: with a million paths the chance for one look is
 * 5e-14. The set is emptied when it grows beyond what a program with ever new stacks may cost in memory.
 */
#include "config.h"

#include "sampling/proof.h"

#define PATH_LIMIT (1u << 18)
/*
 * So many stops may be between two that prove an innermost frame. One that is half pushed shows the words of whoever was there
 * before, and in a loop always the same ones: in the end that would be seen twice as well. (Once in 10^3 stops in code that
 * does nothing but call, on 3.11; the same one twice within so few: once in 10^6.)
 */
#define STOPS_BETWEEN 64
#define STOP_BITS 24 /* of a sighting; the rest is its CPU time in microseconds */
#define FRESH_STOPS 4
#define CALL_SEED UINT64_C(0x63616c6c)
#define MANY_CALLS 1

uint64_t proof_path(uint64_t callers, uint32_t function_id, int line)
{
	return hash_combine(callers, (uint64_t)function_id << 32 ^ (uint32_t)line);
}

/* Of the first `count` frames. */
static uint64_t path_of(const struct resolved_frame *frames, size_t count)
{
	return count ? frames[count - 1].path : hash_seed();
}

/* hash: of the callers. For a proven call, whatever the line of its innermost frame. */
static uint64_t call_hash(uint64_t hash, const struct resolved_frame *innermost)
{
	return hash_combine(hash_combine(hash, innermost->code->function->id), CALL_SEED);
}

static void add_call(struct proofs *proofs, const struct function *function, uint64_t call)
{
	uint64_t *only = u64_map_get(&proofs->callers, function->id + 1);

	if (proofs->callers_lost)
		return;
	if (only) {
		if (*only != call)
			*only = MANY_CALLS;
		return;
	}
	u64_map_put(&proofs->callers, function->id + 1, call);
	if (proofs->callers.count > PATH_LIMIT) {
		proofs->callers_lost = true;
		u64_map_release(&proofs->callers);
	}
}

bool proof_known_call(const struct proofs *proofs, const struct resolved_frame *frames, size_t count, bool *is_only)
{
	const uint64_t *only;
	uint64_t callers, call;

	*is_only = false;
	if (!count)
		return false;
	callers = path_of(frames, count - 1);
	call = call_hash(callers, &frames[count - 1]);
	if (!u64_map_get(&proofs->paths, callers) || !u64_map_get(&proofs->paths, call))
		return false;
	only = u64_map_get(&proofs->callers, frames[count - 1].code->function->id + 1);
	*is_only = !proofs->callers_lost && only && *only == call;
	return true;
}

bool proof_knows_root(const struct proofs *proofs, const struct resolved_frame *outermost)
{
	return !proofs->paths.count || u64_map_get(&proofs->paths, call_hash(hash_seed(), outermost));
}

bool proof_known(const struct proofs *proofs, const struct resolved_frame *frames, size_t count)
{
	return u64_map_get(&proofs->paths, path_of(frames, count)) != NULL;
}

/* What is proven has all its beginnings proven, so that few of them are asked for, however deep the stack is. */
size_t proof_known_prefix(const struct proofs *proofs, const struct resolved_frame *frames, size_t count)
{
	size_t low = 0, high = count;

	if (!count || u64_map_get(&proofs->paths, frames[count - 1].path))
		return count;
	while (low + 1 < high) {
		const size_t middle = low + (high - low) / 2;

		if (u64_map_get(&proofs->paths, frames[middle - 1].path))
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint64_t doubt_hash(const struct resolved_frame *frames, size_t known, size_t count)
{
	/* the innermost frame's line is another one each time */
	return known + 1 == count ? hash_combine(path_of(frames, known), frames[known].code->function->id) : frames[known].path;
}

uint64_t proof_doubts(const struct proofs *proofs, const struct resolved_frame *frames, size_t known, size_t count)
{
	const uint64_t *asked = u64_map_get(&proofs->doubts, doubt_hash(frames, known, count));

	return asked ? *asked : 0;
}

uint64_t proof_doubt(struct proofs *proofs, const struct resolved_frame *frames, size_t known, size_t count)
{
	uint64_t before;

	if (proofs->doubts.count > PATH_LIMIT)
		u64_map_clear(&proofs->doubts);
	before = proof_doubts(proofs, frames, known, count);
	u64_map_put(&proofs->doubts, doubt_hash(frames, known, count), before + 1);
	return before;
}

void proof_add(struct proofs *proofs, const struct resolved_frame *frames, size_t count)
{
	if (proofs->paths.count > PATH_LIMIT)
		u64_map_clear(&proofs->paths);
	u64_map_put(&proofs->paths, hash_seed(), 1);
	for (size_t i = 0; i < count; i++) {
		const uint64_t call = call_hash(path_of(frames, i), &frames[i]);

		if (!u64_map_get(&proofs->paths, frames[i].path))
			u64_map_put(&proofs->paths, frames[i].path, 1);
		if (!u64_map_get(&proofs->paths, call)) {
			u64_map_put(&proofs->paths, call, 1);
			add_call(proofs, frames[i].code->function, call);
		}
	}
}

uint64_t proof_sighting(const struct resolved_frame *frames, size_t count)
{
	return count ? hash_combine(path_of(frames, count - 1), frames[count - 1].code->function->id) : 0;
}

/* Is this the second stop that shows it? Remembers the last one. */
static bool seen_in_two_stops(struct proofs *proofs, uint64_t sighting, int64_t cpu_ns)
{
	const uint64_t stop_mask = (UINT64_C(1) << STOP_BITS) - 1, now = (uint64_t)cpu_ns / 1000;
	const uint64_t *last = u64_map_get(&proofs->sighted, sighting);

	if (last && ((proofs->stops - *last) & stop_mask) <= STOPS_BETWEEN) {
		if (now > (*last >> STOP_BITS) + RUN_BETWEEN_NS / 1000)
			return true;
		if (now >= *last >> STOP_BITS)
			return false; /* it has not run since: this is the same stop */
	}
	if (proofs->sighted.count > PATH_LIMIT)
		u64_map_clear(&proofs->sighted);
	u64_map_put(&proofs->sighted, sighting, now << STOP_BITS | (proofs->stops & stop_mask));
	return false;
}

/* Is an innermost frame that has executed nothing yet to be believed? */
static bool fresh_is_believed(struct proofs *proofs, uint64_t sighting, int64_t cpu_ns)
{
	for (uint64_t stop = 2; stop < FRESH_STOPS; stop++)
		if (!seen_in_two_stops(proofs, hash_combine(sighting, stop), cpu_ns))
			return false;
	return true;
}

static bool innermost_is_believed(
	struct proofs *proofs, const struct sighting *now, const struct sighting *before, int64_t cpu_ns)
{
	const bool twice = seen_in_two_stops(proofs, now->path, cpu_ns);

	if (now->is_fresh)
		return u64_map_get(&proofs->paths, hash_combine(now->path, CALL_SEED)) ||
			(twice && fresh_is_believed(proofs, now->path, cpu_ns));
	/* where it has gone on it has run, and is not the same moment */
	return twice || (now->path == before->path && now->instruction != before->instruction);
}

bool proof_add_stopped(struct proofs *proofs, const struct resolved_frame *frames, size_t count,
	const struct sighting *now, const struct sighting *before, int64_t cpu_ns)
{
	proofs->stops++;
	if (count && !innermost_is_believed(proofs, now, before, cpu_ns)) {
		proof_add(proofs, frames, count - 1);
		return false;
	}
	proof_add(proofs, frames, count);
	return true;
}

void proofs_release(struct proofs *proofs)
{
	u64_map_release(&proofs->paths);
	u64_map_release(&proofs->callers);
	u64_map_release(&proofs->sighted);
	u64_map_release(&proofs->doubts);
}
