/* SPDX-License-Identifier: MIT */
/* Whether the code objects of a stack are still those that were decoded, asked while its thread is held. */
#include "config.h"

#include "sampling/snapshot.h"

#define PIECE_CODES 16
#define PIECE_STEPS 64

struct code_reads {
	struct code *codes[PIECE_CODES];
	struct read_request requests[PIECE_CODES * CODE_CHECKS];
	unsigned char bytes[PIECE_CODES * CODE_CHECKS][CODE_CHECK_BYTES];
	size_t count, request_count;
};

static void ask_code(struct code_reads *reads, struct code *code)
{
	reads->codes[reads->count++] = code;
	for (size_t i = 0; i < code->check_count; i++) {
		reads->requests[reads->request_count] =
			(struct read_request){ .address = code->checks[i].address,
				.data = reads->bytes[reads->request_count],
				.length = code->checks[i].length };
		reads->request_count++;
	}
}

/* Reads what was asked for. False: one has changed, or its memory is gone. */
static bool answer_codes(struct snapshot_reader *reader, struct code_reads *reads)
{
	const size_t read =
		target_read_batch(python_target(reader->python), reads->requests, reads->request_count);
	size_t at = 0;
	bool all_same = true;

	for (size_t i = 0; i < reads->count; i++) {
		struct code *code = reads->codes[i];
		struct error ignored = { 0 };
		bool same = true;

		for (size_t j = 0; j < code->check_count; j++, at++)
			same &= at < read && python_code_unchanged(reader->python, code, j, reads->bytes[at]);
		code->sure = same ? reader->hold : 0;
		if (same)
			continue;
		all_same = false;
		code->is_volatile = true;
		code = python_code_load(reader->python, code->address, &ignored);
		if (code)
			code->sure = reader->hold;
		reader->stale_codes++;
		reader->code_generation++;
	}
	reads->count = reads->request_count = 0;
	return all_same;
}

static enum check_result check_frames(
	struct snapshot_reader *reader, const struct thread *thread, size_t from, size_t to)
{
	static struct code_reads reads;
	bool all_same = true;
	unsigned steps = 0;

	for (size_t i = from; i < to; i++) {
		struct code *code = thread->frames[i].code;

		if (!reads.count && snapshot_reader_is_late_at(reader, &steps))
			return CHECK_LATE;
		if (code->sure == reader->hold)
			continue;
		if (!reads.count && snapshot_reader_is_late(reader))
			return CHECK_LATE;
		code->sure = reader->hold; /* until the answer says otherwise: it is asked for once */
		ask_code(&reads, code);
		if (reads.count == PIECE_CODES)
			all_same &= answer_codes(reader, &reads);
	}
	all_same &= answer_codes(reader, &reads);
	return all_same ? CHECK_DONE : CHECK_CHANGED;
}

enum check_result snapshot_check_held(
	struct snapshot_reader *reader, struct thread *thread, size_t known, int64_t known_until_ns)
{
	enum check_result result = check_frames(reader, thread, known, thread->frame_count);

	/*
	 * What is proven has been checked when it was, and will be once more with the batch; that it changed
	 * hands in between, and back again, is found out here in any stack but those of thousands of
	 * functions.
	 */
	for (size_t i = known; i > 0 && result == CHECK_DONE && monotonic_ns() < known_until_ns;) {
		const size_t from = i > PIECE_STEPS ? i - PIECE_STEPS : 0;

		result = check_frames(reader, thread, from, i);
		i = from;
	}
	return result;
}
