/* SPDX-License-Identifier: MIT */
/*
 * A set of 64-bit hashes. A collision would let one unproven stack pass: with a million paths the chance for one look is
 * 5e-14. The set is emptied when it grows beyond what a program with ever new stacks may cost in memory.
 */
#include "config.h"

#include "proof.h"

#define PATH_LIMIT (1u << 18)
/*
 * So many stops may be between two that prove an innermost frame. One that is half pushed shows the words of whoever was there
 * before, and in a loop always the same ones: in the end that would be seen twice as well. (Once in 10^3 stops in code that
 * does nothing but call, on 3.11; the same one twice within so few: once in 10^6.)
 */
#define STOPS_BETWEEN 64
#define STOP_BITS 24 /* of a sighting; the rest is its CPU time in microseconds */
#define FRESH_STOPS 4
#define PROOF_SEED UINT64_C(0x5079726f7065)
#define CALL_SEED UINT64_C(0x63616c6c)

static uint64_t proof_hash(uint64_t hash, const struct resolved_frame *frame)
{
	return hash_combine(hash, frame->code->function->id << 32 ^ (uint32_t)frame->line);
}

/* hash: of the callers. For a proven call, whatever the line of its innermost frame. */
static uint64_t call_hash(uint64_t hash, const struct resolved_frame *innermost)
{
	return hash_combine(hash_combine(hash, innermost->code->function->id), CALL_SEED);
}

bool proof_known(const struct proofs *proofs, const struct resolved_frame *frames, size_t count)
{
	uint64_t hash = PROOF_SEED;

	for (size_t i = 0; i < count; i++)
		hash = proof_hash(hash, &frames[i]);
	return u64_map_get(&proofs->paths, hash) != NULL;
}

size_t proof_known_prefix(const struct proofs *proofs, const struct resolved_frame *frames, size_t count)
{
	uint64_t hash = PROOF_SEED;

	for (size_t i = 0; i < count; i++) {
		hash = proof_hash(hash, &frames[i]);
		if (!u64_map_get(&proofs->paths, hash))
			return i;
	}
	return count;
}

static uint64_t doubt_hash(const struct resolved_frame *frames, size_t known, size_t count)
{
	uint64_t hash = PROOF_SEED;

	for (size_t i = 0; i < known; i++)
		hash = proof_hash(hash, &frames[i]);
	/* the innermost frame's line is another one each time */
	return known + 1 == count ? hash_combine(hash, frames[known].code->function->id) : proof_hash(hash, &frames[known]);
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
	uint64_t hash = PROOF_SEED;

	if (proofs->paths.count > PATH_LIMIT)
		u64_map_clear(&proofs->paths);
	u64_map_put(&proofs->paths, hash, 1);
	for (size_t i = 0; i < count; i++) {
		const uint64_t call = call_hash(hash, &frames[i]);

		hash = proof_hash(hash, &frames[i]);
		if (!u64_map_get(&proofs->paths, hash))
			u64_map_put(&proofs->paths, hash, 1);
		if (!u64_map_get(&proofs->paths, call))
			u64_map_put(&proofs->paths, call, 1);
	}
}

uint64_t proof_sighting(const struct resolved_frame *frames, size_t count)
{
	uint64_t hash = PROOF_SEED;

	if (!count)
		return 0;
	for (size_t i = 0; i + 1 < count; i++)
		hash = proof_hash(hash, &frames[i]);
	return hash_combine(hash, frames[count - 1].code->function->id);
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
	u64_map_release(&proofs->sighted);
	u64_map_release(&proofs->doubts);
}
