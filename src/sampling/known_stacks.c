/* SPDX-License-Identifier: MIT */
/*
 * A set of 64-bit hashes. A collision would let one unproven stack pass: with a million paths the chance for
 * one snapshot is 5e-14. The set is emptied when it grows beyond what a program with ever new stacks may cost
 * in memory.
 */
#include "config.h"

#include "sampling/known_stacks.h"

#define PATH_LIMIT (1u << 18)
/*
 * So many stops may be between two that prove an innermost frame. One that is half pushed shows the words of
 * whoever was there before, and in a loop always the same ones: in the end that would be seen twice as well.
 * (Once in 10^3 stops in code that does nothing but call, on 3.11; the same one twice within so few: once in
 * 10^6.)
 */
#define STOPS_BETWEEN 64
#define STOP_BITS 24 /* of a sighting; the rest is its CPU time in microseconds */
#define FRESH_STOPS 4
#define CALL_SEED UINT64_C(0x63616c6c)
#define MANY_CALLS 1

uint64_t known_stacks_path(uint64_t callers, uint32_t function_id, int line)
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

static void add_call(struct known_stacks *known_stacks, const struct function *function, uint64_t call)
{
	uint64_t *only = u64_map_get(&known_stacks->callers, function->id + 1);

	if (known_stacks->callers_lost)
		return;
	if (only) {
		if (*only != call)
			*only = MANY_CALLS;
		return;
	}
	u64_map_put(&known_stacks->callers, function->id + 1, call);
	if (known_stacks->callers.count > PATH_LIMIT) {
		known_stacks->callers_lost = true;
		u64_map_release(&known_stacks->callers);
	}
}

bool known_stacks_has_call(const struct known_stacks *known_stacks, const struct resolved_frame *frames,
	size_t count, bool *is_only)
{
	const uint64_t *only;
	uint64_t callers, call;

	*is_only = false;
	if (!count)
		return false;
	callers = path_of(frames, count - 1);
	call = call_hash(callers, &frames[count - 1]);
	if (!u64_map_get(&known_stacks->paths, callers) || !u64_map_get(&known_stacks->paths, call))
		return false;
	only = u64_map_get(&known_stacks->callers, frames[count - 1].code->function->id + 1);
	*is_only = !known_stacks->callers_lost && only && *only == call;
	return true;
}

bool known_stacks_has_root(const struct known_stacks *known_stacks, const struct resolved_frame *outermost)
{
	return !known_stacks->paths.count ||
		u64_map_get(&known_stacks->paths, call_hash(hash_seed(), outermost));
}

bool known_stacks_has(
	const struct known_stacks *known_stacks, const struct resolved_frame *frames, size_t count)
{
	return u64_map_get(&known_stacks->paths, path_of(frames, count)) != NULL;
}

/*
 * What is proven has all its beginnings proven, so that few of them are asked for, however deep the stack
 * is.
 */
size_t known_stacks_prefix(
	const struct known_stacks *known_stacks, const struct resolved_frame *frames, size_t count)
{
	size_t known;

	if (!count || u64_map_get(&known_stacks->paths, frames[count - 1].path))
		return count;
	LOWER_BOUND(known, count - 1, i, u64_map_get(&known_stacks->paths, frames[i].path));
	return known;
}

static uint64_t doubt_hash(const struct resolved_frame *frames, size_t known, size_t count)
{
	/* the innermost frame's line is another one each time */
	return known + 1 == count ? hash_combine(path_of(frames, known), frames[known].code->function->id)
				  : frames[known].path;
}

uint64_t known_stacks_doubts(const struct known_stacks *known_stacks, const struct resolved_frame *frames,
	size_t known, size_t count)
{
	const uint64_t *asked = u64_map_get(&known_stacks->doubts, doubt_hash(frames, known, count));

	return asked ? *asked : 0;
}

uint64_t known_stacks_doubt(
	struct known_stacks *known_stacks, const struct resolved_frame *frames, size_t known, size_t count)
{
	uint64_t before;

	if (known_stacks->doubts.count > PATH_LIMIT)
		u64_map_clear(&known_stacks->doubts);
	before = known_stacks_doubts(known_stacks, frames, known, count);
	u64_map_put(&known_stacks->doubts, doubt_hash(frames, known, count), before + 1);
	return before;
}

void known_stacks_add(struct known_stacks *known_stacks, const struct resolved_frame *frames, size_t count)
{
	if (known_stacks->paths.count > PATH_LIMIT)
		u64_map_clear(&known_stacks->paths);
	u64_map_put(&known_stacks->paths, hash_seed(), 1);
	for (size_t i = 0; i < count; i++) {
		const uint64_t call = call_hash(path_of(frames, i), &frames[i]);

		if (!u64_map_get(&known_stacks->paths, frames[i].path))
			u64_map_put(&known_stacks->paths, frames[i].path, 1);
		if (!u64_map_get(&known_stacks->paths, call)) {
			u64_map_put(&known_stacks->paths, call, 1);
			add_call(known_stacks, frames[i].code->function, call);
		}
	}
}

uint64_t known_stacks_sighting(const struct resolved_frame *frames, size_t count)
{
	return count ? hash_combine(path_of(frames, count - 1), frames[count - 1].code->function->id) : 0;
}

/* Is this the second stop that shows it? Remembers the last one. */
static bool seen_in_two_stops(struct known_stacks *known_stacks, uint64_t sighting, int64_t cpu_ns)
{
	const uint64_t stop_mask = (UINT64_C(1) << STOP_BITS) - 1, now = (uint64_t)cpu_ns / 1000;
	const uint64_t *last = u64_map_get(&known_stacks->sighted, sighting);

	if (last && ((known_stacks->stops - *last) & stop_mask) <= STOPS_BETWEEN) {
		if (now > (*last >> STOP_BITS) + RUN_BETWEEN_NS / 1000)
			return true;
		if (now >= *last >> STOP_BITS)
			return false; /* it has not run since: this is the same stop */
	}
	if (known_stacks->sighted.count > PATH_LIMIT)
		u64_map_clear(&known_stacks->sighted);
	u64_map_put(&known_stacks->sighted, sighting, now << STOP_BITS | (known_stacks->stops & stop_mask));
	return false;
}

/* Is an innermost frame that has executed nothing yet to be believed? */
static bool fresh_is_believed(struct known_stacks *known_stacks, uint64_t sighting, int64_t cpu_ns)
{
	for (uint64_t stop = 2; stop < FRESH_STOPS; stop++)
		if (!seen_in_two_stops(known_stacks, hash_combine(sighting, stop), cpu_ns))
			return false;
	return true;
}

static bool innermost_is_believed(struct known_stacks *known_stacks, const struct sighting *now,
	const struct sighting *before, int64_t cpu_ns)
{
	const bool twice = seen_in_two_stops(known_stacks, now->path, cpu_ns);

	if (now->is_fresh)
		return u64_map_get(&known_stacks->paths, hash_combine(now->path, CALL_SEED)) ||
			(twice && fresh_is_believed(known_stacks, now->path, cpu_ns));
	/* where it has gone on it has run, and is not the same moment */
	return twice || (now->path == before->path && now->instruction != before->instruction);
}

bool known_stacks_add_stopped(struct known_stacks *known_stacks, const struct resolved_frame *frames,
	size_t count, const struct sighting *now, const struct sighting *before, int64_t cpu_ns)
{
	known_stacks->stops++;
	if (count && !innermost_is_believed(known_stacks, now, before, cpu_ns)) {
		known_stacks_add(known_stacks, frames, count - 1);
		return false;
	}
	known_stacks_add(known_stacks, frames, count);
	return true;
}

void known_stacks_release(struct known_stacks *known_stacks)
{
	u64_map_release(&known_stacks->paths);
	u64_map_release(&known_stacks->callers);
	u64_map_release(&known_stacks->sighted);
	u64_map_release(&known_stacks->doubts);
}
