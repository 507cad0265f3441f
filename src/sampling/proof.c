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
#define PROOF_SEED UINT64_C(0x5079726f7065)

static uint64_t proof_hash(uint64_t hash, const struct resolved_frame *frame)
{
	return hash_combine(hash, frame->code->function->id << 32 ^ (uint32_t)frame->line);
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
		hash = proof_hash(hash, &frames[i]);
		if (!u64_map_get(&proofs->paths, hash))
			u64_map_put(&proofs->paths, hash, 1);
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

bool proof_add_stopped(struct proofs *proofs, const struct resolved_frame *frames, size_t count, uint64_t seen,
	int64_t cpu_ns)
{
	uint64_t sighting = proof_sighting(frames, count);

	proofs->stops++;
	if (count && sighting != seen && !seen_in_two_stops(proofs, sighting, cpu_ns)) {
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
