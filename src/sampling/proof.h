/* SPDX-License-Identifier: MIT */
/*
 * The stacks that are known to have existed in this run, as they are printed: a sequence of (code object, line), from the
 * outermost frame on.
 *
 * A stack that was read without a pause while frames came and went may be a mixture of two moments. If the very same
 * sequence has been proven before (by a pause, or by a double look that stood still), then what would be printed is a
 * stack that did exist, and the sample may keep it, and its own moment. So a hard stack costs a pause once, not each
 * time; and code whose frames change fast is not pushed out of the profile by samples that could not be verified.
 *
 * With a stack all its beginnings are proven: before the inner call was made, the caller was at that line.
 */
#ifndef PYROPE_SAMPLING_PROOF_H
#define PYROPE_SAMPLING_PROOF_H

#include "subject.h"

struct proofs {
	struct u64_map paths; /* hash of the sequence -> 1 */
};

#define PROOF_SEED UINT64_C(0x5079726f7065)

uint64_t proof_hash(uint64_t hash, const struct resolved_frame *frame);
bool proof_known(const struct proofs *proofs, const struct resolved_frame *frames, size_t count);
void proof_add(struct proofs *proofs, const struct resolved_frame *frames, size_t count);
void proofs_release(struct proofs *proofs);

#endif
