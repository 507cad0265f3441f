/* SPDX-License-Identifier: MIT */
/*
 * A set of 64-bit hashes. A collision would let one unproven stack pass: with a million paths the chance for one look is
 * 5e-14. The set is emptied when it grows beyond what a program with ever new stacks may cost in memory.
 */
#include "config.h"

#include "proof.h"

#define PATH_LIMIT (1u << 18)
#define RUN_BETWEEN_NS 20000 /* CPU time: more than what stopping and going on costs a thread that executes nothing */
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

/* Is this the second stop that shows it? Remembers the first. */
static bool seen_in_two_stops(struct proofs *proofs, uint64_t sighting, int64_t cpu_ns)
{
	const uint64_t *first = u64_map_get(&proofs->sighted, sighting);

	if (first)
		return cpu_ns - (int64_t)*first > RUN_BETWEEN_NS;
	if (proofs->sighted.count > PATH_LIMIT)
		u64_map_clear(&proofs->sighted);
	u64_map_put(&proofs->sighted, sighting, (uint64_t)cpu_ns);
	return false;
}

bool proof_add_stopped(struct proofs *proofs, const struct resolved_frame *frames, size_t count, uint64_t seen,
	int64_t cpu_ns)
{
	uint64_t sighting = proof_sighting(frames, count);

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
}
