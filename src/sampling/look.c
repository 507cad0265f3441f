/* SPDX-License-Identifier: MIT */
/*
 * The reads of a look, in one process_vm_readv, which serves them in this order:
 *
 *	gil | copy 0 of all ranges | thread state, pointer to the leaf | copy 1 of all ranges | code checks | gil
 *
 * What follows from the order:
 *
 * - Leaf. The pointer to the innermost frame is read after copy 0 and before copy 1. If all frames but the innermost
 *   are the same in both copies (address, code, instruction, and the bytes up to the next frame: locals and evaluation
 *   stack), then they were so at the instant between the copies when the pointer was read, and the chain that begins
 *   there is the stack of that instant. The innermost frame's own words come from copy 1: had it been replaced by
 *   then, it was by another callee of the same, unmoved caller, which makes another real stack.
 * - Reuse (ABA). A frame that is popped and pushed again between the copies leaves the same bytes only if its caller
 *   is at the same instruction with the same locals again, and so on down to the frame that did not move; the whole
 *   turn would have to happen twice in step with the copying. It is not ruled out for a loop without any changing
 *   local, which is why a stack that passes here is entered among the proven ones only as itself: see proof.h.
 * - Generators. Their frames lie outside the data stack, in ranges of their own; the walk fails (WALK_BROKEN) for a
 *   generator that is not linked to its caller yet.
 * - Code objects. An entry of the code cache was true when it was made. It is true for this look if the bytes that
 *   identify it are read after copy 1 and are the same: the object was alive at both ends, so in between. That is done
 *   here for code objects at addresses that have changed hands before; for all others it is done once for a batch of
 *   samples, which is kept back until then (batch.c).
 * - GIL. No frame of a thread changes while another thread holds the GIL from the first read to the last.
 */
#include "config.h"

#include "look.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 8          /* of reading again until all that the chain touches is there */
#define LEAF_SLACK 1024   /* bytes behind the innermost frame that are fetched for frames to come */
#define PAGE 4096u
#define SCOUT_PAGES 64

/* Live memory for the first walk along a chain: whole pages, of which the last few are kept. */
struct scout {
	struct memory_view view;
	struct looker *looker;
	struct subject *subject;
	struct scout_page {
		raddr_t address; /* 0: none */
		size_t length;
		unsigned char bytes[PAGE];
	} pages[SCOUT_PAGES];
	unsigned char joined[PAGE]; /* for what crosses pages */
	struct touched {
		raddr_t address;
		size_t length;
	} *touched;
	size_t touched_count, touched_capacity;
};

void looker_init(struct looker *looker, struct python *python, size_t max_frames)
{
	*looker = (struct looker){ .python = python, .max_frames = max_frames,
		.state_bytes = python_thread_state_bytes(python), .scout = xcalloc(1, sizeof(*looker->scout)) };
}

void looker_release(struct looker *looker)
{
	if (looker->scout)
		free(looker->scout->touched);
	free(looker->scout);
	free(looker->requests);
}

/* ---- scouting ---- */

static const unsigned char *scout_page(struct scout *scout, raddr_t page)
{
	struct scout_page *slot = &scout->pages[page / PAGE % SCOUT_PAGES];

	if (slot->address != page) {
		slot->address = page;
		slot->length = target_read(python_target(scout->looker->python), page, slot->bytes, PAGE) ? PAGE : 0;
	}
	return slot->length ? slot->bytes : NULL;
}

static const void *scout_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct scout *scout = (struct scout *)view;
	raddr_t page = address - address % PAGE;
	size_t into = address % PAGE;
	const unsigned char *bytes;

	if (length > PAGE || address > UINT64_MAX - 2 * PAGE)
		return NULL;
	array_reserve(&scout->touched, &scout->touched_capacity, scout->touched_count + 1, sizeof(*scout->touched));
	scout->touched[scout->touched_count++] = (struct touched){ address, length };
	bytes = scout_page(scout, page);
	if (!bytes)
		return NULL;
	if (into + length <= PAGE)
		return bytes + into;
	memcpy(scout->joined, bytes + into, PAGE - into);
	bytes = scout_page(scout, page + PAGE);
	if (!bytes)
		return NULL;
	memcpy(scout->joined + (PAGE - into), bytes, length - (PAGE - into));
	return scout->joined;
}

static void add_range_with_slack(struct subject *subject, raddr_t address, size_t length, bool is_leaf)
{
	size_t to_page_end = PAGE - (address + length) % PAGE;

	if (is_leaf)
		length += to_page_end < LEAF_SLACK ? to_page_end % PAGE : LEAF_SLACK;
	subject_add_range(subject, address, length);
}

static int compare_touched(const void *left, const void *right)
{
	raddr_t a = ((const struct touched *)left)->address, b = ((const struct touched *)right)->address;

	return (a > b) - (a < b);
}

/* Walks live memory to learn where the chain lies; what it shows is not used for anything else. */
static void scout_chain(struct looker *looker, struct subject *subject)
{
	struct scout *scout = looker->scout;
	raddr_t end = 0, start = 0;

	scout->view.at = scout_at;
	scout->looker = looker;
	scout->subject = subject;
	scout->touched_count = 0;
	for (size_t i = 0; i < SCOUT_PAGES; i++)
		scout->pages[i].address = 0;
	python_walk(looker->python, &scout->view, subject->thread.state, looker->max_frames, &subject->walk);
	subject->pointer = subject->walk.pointer;
	qsort(scout->touched, scout->touched_count, sizeof(*scout->touched), compare_touched);
	/* neighbours are joined here already, so that a deep stack is not inserted frame by frame */
	for (size_t i = 0; i < scout->touched_count; i++) {
		const struct touched *touched = &scout->touched[i];

		if (touched->address == subject->thread.state || touched->address == subject->pointer)
			continue;
		if (end && touched->address <= end + PAGE / 2) {
			if (touched->address + touched->length > end)
				end = touched->address + touched->length;
			continue;
		}
		if (end)
			add_range_with_slack(subject, start, end - start, false);
		start = touched->address;
		end = start + touched->length;
	}
	if (end)
		add_range_with_slack(subject, start, end - start, false);
	if (subject->walk.leaf && subject->walk.count)
		add_range_with_slack(subject, subject->walk.leaf, 8, true);
}

/* ---- reading ---- */

static void add_request(struct looker *looker, size_t *count, raddr_t address, void *data, size_t length)
{
	array_reserve(&looker->requests, &looker->request_capacity, *count + 1, sizeof(*looker->requests));
	looker->requests[(*count)++] = (struct read_request){ .address = address, .data = data, .length = length };
}

static void add_copy(struct looker *looker, struct subject *subject, int copy, size_t *count)
{
	for (size_t i = 0; i < subject->range_count; i++)
		add_request(looker, count, subject->ranges[i].start, subject->copies[copy] + subject->ranges[i].offset,
			subject->ranges[i].length);
}

static void add_checks(struct looker *looker, struct subject *subject, size_t *count)
{
	size_t at = 0;

	array_reserve(&subject->check_bytes, &subject->check_capacity,
		subject->checked_count * CODE_CHECKS * CODE_CHECK_BYTES, 1);
	for (size_t i = 0; i < subject->checked_count; i++) {
		const struct code *code = subject->checked[i];

		for (size_t j = 0; j < code->check_count; j++, at += CODE_CHECK_BYTES)
			add_request(looker, count, code->checks[j].address, subject->check_bytes + at,
				code->checks[j].length);
	}
}

/* Removes the range or check that could not be read. False: it was the thread state itself. */
static bool drop_unreadable(struct subject *subject, raddr_t address)
{
	if (address == subject->pointer) {
		subject->pointer = 0;
		return true;
	}
	for (size_t i = 0; i < subject->range_count; i++) {
		if (subject->ranges[i].start == address) {
			subject_clear_ranges(subject);
			return true;
		}
	}
	for (size_t i = 0; i < subject->checked_count; i++) {
		for (size_t j = 0; j < subject->checked[i]->check_count; j++) {
			if (subject->checked[i]->checks[j].address == address) {
				subject->checked[i]->is_volatile = true; /* its memory is gone: decoded anew when met again */
				subject->checked[i] = subject->checked[--subject->checked_count];
				return true;
			}
		}
	}
	return false;
}

static enum look_result read_once(struct looker *looker, struct subject *subject, const struct gil *gil, bool is_double)
{
	size_t count = 0, done;

	if (gil)
		add_request(looker, &count, gil->address, looker->gil_before, gil->length);
	if (is_double)
		add_copy(looker, subject, 0, &count);
	add_request(looker, &count, subject->thread.state, subject->state, looker->state_bytes);
	if (subject->pointer)
		add_request(looker, &count, subject->pointer, &subject->pointer_value, sizeof(subject->pointer_value));
	add_copy(looker, subject, 1, &count);
	add_checks(looker, subject, &count);
	if (gil)
		add_request(looker, &count, gil->address, looker->gil_after, gil->length);
	looker->looks++;
	subject->is_double = is_double;
	done = target_read_batch(python_target(looker->python), looker->requests, count);
	if (done == count)
		return LOOK_WHOLE;
	return drop_unreadable(subject, looker->requests[done].address) ? LOOK_BROKEN : LOOK_FOREIGN;
}

/* ---- walking the copies ---- */

struct copy_view {
	struct memory_view view;
	const struct subject *subject;
	int copy;
};

static const void *copy_at(struct memory_view *view, raddr_t address, size_t length)
{
	const struct copy_view *copy = (const struct copy_view *)view;
	const struct subject *subject = copy->subject;

	if (address == subject->thread.state)
		return subject->state;
	if (subject->pointer && address == subject->pointer)
		return &subject->pointer_value;
	return subject_bytes(subject, copy->copy, address, length);
}

static enum walk_status walk_copy(struct looker *looker, struct subject *subject, int copy, struct walk *walk)
{
	struct copy_view view = { .view = { .at = copy_at }, .subject = subject, .copy = copy };

	return python_walk(looker->python, &view.view, subject->thread.state, looker->max_frames, walk);
}

/* Ranges of frames that are long gone make every look slower: begin anew once in a while. */
static void rebuild(struct subject *subject)
{
	if (++subject->looks_since_rebuild < 256)
		return;
	subject->looks_since_rebuild = 0;
	if (subject->bytes > 16384 + 1024 * subject->walk.count || subject->range_count > 8 + subject->walk.count)
		subject_clear_ranges(subject);
}

/*
 * The code objects that were read along are still the ones that they were, or are decoded anew. What is no code object
 * any longer is not checked again, until a frame names its address.
 */
static bool checks_hold(struct looker *looker, struct subject *subject)
{
	const unsigned char *at = subject->check_bytes;
	size_t kept = 0;
	bool hold = true;

	for (size_t i = 0; i < subject->checked_count; i++) {
		struct code *code = subject->checked[i];
		bool same = true;

		for (size_t j = 0; j < code->check_count; j++, at += CODE_CHECK_BYTES)
			same &= python_code_unchanged(looker->python, code, j, at);
		if (!same) {
			struct error ignored = { 0 };

			code->is_volatile = true;
			code = python_code_load(looker->python, code->address, &ignored);
			looker->stale_codes++;
			looker->code_generation++;
			hold = false;
		}
		if (code)
			subject->checked[kept++] = code;
	}
	subject->checked_count = kept;
	return hold;
}

enum look_result look(struct looker *looker, struct subject *subject, const struct gil *gil, bool is_double)
{
	unsigned misses = 0;

	rebuild(subject);
	for (int round = 0; round < ROUNDS; round++) {
		enum look_result result = read_once(looker, subject, gil, is_double);
		enum walk_status status;

		if (result == LOOK_FOREIGN)
			return result;
		if (result == LOOK_BROKEN)
			continue; /* what could not be read was dropped from the prediction */
		if (!python_thread_matches(looker->python, &subject->thread, subject->state))
			return LOOK_FOREIGN;
		status = walk_copy(looker, subject, 1, &subject->walk);
		if (status != WALK_MISS && !checks_hold(looker, subject))
			continue;
		switch (status) {
		case WALK_WHOLE:
			return LOOK_WHOLE;
		case WALK_CUT:
			return LOOK_CUT;
		case WALK_BROKEN:
			return LOOK_BROKEN;
		case WALK_MISS:
			break;
		}
		if (subject->walk.miss_address == subject->walk.pointer)
			subject->pointer = subject->walk.pointer;
		else if (misses++ == 0 && subject->walk.count < 64 && subject->range_count)
			add_range_with_slack(subject, subject->walk.miss_address, subject->walk.miss_length,
				subject->walk.miss_address == subject->walk.leaf);
		else
			scout_chain(looker, subject);
	}
	return LOOK_BROKEN;
}

/* ---- what a double look proves ---- */

static bool same_frame(const struct raw_frame *left, const struct raw_frame *right)
{
	return left->address == right->address && left->code == right->code && left->instruction == right->instruction;
}

size_t look_common_frames(struct looker *looker, struct subject *subject)
{
	const struct walk *now = &subject->walk, *before = &subject->earlier;
	size_t same = 0;

	walk_copy(looker, subject, 0, &subject->earlier);
	if (now->root != before->root)
		return 0;
	while (same < now->count && same < before->count &&
		same_frame(&now->frames[now->count - 1 - same], &before->frames[before->count - 1 - same]))
		same++;
	/* the frame behind the last common one may be the same call, at another instruction */
	if (same < now->count && same < before->count) {
		const struct raw_frame *left = &now->frames[now->count - 1 - same];
		const struct raw_frame *right = &before->frames[before->count - 1 - same];

		if (left->address == right->address && left->code == right->code)
			same++;
	}
	return same;
}

bool look_stood_still(struct looker *looker, struct subject *subject)
{
	const struct walk *now = &subject->walk, *before = &subject->earlier;
	enum walk_status status = walk_copy(looker, subject, 0, &subject->earlier);

	if ((status != WALK_WHOLE && status != WALK_CUT) || now->count != before->count || now->root != before->root)
		return false;
	for (size_t i = 1; i < now->count; i++) {
		raddr_t start = now->frames[i].address, inner = now->frames[i - 1].address;
		size_t length = 8;
		const void *first, *second;

		if (!same_frame(&now->frames[i], &before->frames[i]))
			return false;
		/* frames that lie one behind the other: what is between them is the outer one's */
		if (inner > start && inner - start < PAGE)
			length = inner - start;
		first = subject_bytes(subject, 0, start, length);
		second = subject_bytes(subject, 1, start, length);
		if (length > 8 && first && second && memcmp(first, second, length) != 0)
			return false;
	}
	return true;
}

/* ---- decoding ---- */

static bool is_checked(const struct subject *subject, const struct code *code)
{
	for (size_t i = 0; i < subject->checked_count; i++) {
		if (subject->checked[i] == code)
			return true;
	}
	return false;
}

static void memo_reset(struct looker *looker, struct subject *subject)
{
	size_t had = subject->memo_capacity;

	array_reserve(&subject->memo, &subject->memo_capacity, subject->walk.count, sizeof(*subject->memo));
	if (subject->memo_generation != looker->code_generation)
		had = 0;
	if (had < subject->memo_capacity)
		memset(subject->memo + had, 0, (subject->memo_capacity - had) * sizeof(*subject->memo));
	subject->memo_generation = looker->code_generation;
}

/* The entry for a frame's code object; *loaded is set when this look did not check what it says. */
static struct code *frame_code(struct looker *looker, struct subject *subject, raddr_t address, bool *loaded)
{
	struct code *code = python_code_known(looker->python, address);
	struct error ignored = { 0 };

	if (!code) {
		code = python_code_load(looker->python, address, &ignored);
		if (!code)
			return NULL;
		subject_check_code(subject, code);
		*loaded = true;
	} else if (code->is_volatile && !is_checked(subject, code)) {
		subject_check_code(subject, code);
		*loaded = true;
	}
	return code;
}

enum resolve_result look_resolve(struct looker *looker, struct subject *subject)
{
	const struct walk *walk = &subject->walk;
	bool loaded = false;

	array_reserve(&subject->frames, &subject->frame_capacity, walk->count, sizeof(*subject->frames));
	memo_reset(looker, subject);
	subject->frame_count = 0;
	for (size_t k = 0; k < walk->count; k++) {
		const struct raw_frame *frame = &walk->frames[walk->count - 1 - k];
		struct memo *memo = &subject->memo[k];

		if (memo->code != frame->code || memo->instruction != frame->instruction || memo->entry->is_volatile ||
			frame->traced_line) {
			struct code *code = frame_code(looker, subject, frame->code, &loaded);
			int line = code ? python_frame_line(looker->python, code, frame) : -1;

			memo->code = 0;
			if (line < 0) {
				/* torn, or the entry is of an object that has been freed: the next look tells */
				if (code)
					subject_check_code(subject, code);
				return RESOLVE_TORN;
			}
			*memo = (struct memo){ .code = frame->code, .instruction = frame->instruction, .entry = code,
				.line = line };
		}
		if (python_frame_visible(looker->python, memo->entry, frame))
			subject->frames[subject->frame_count++] = (struct resolved_frame){ memo->entry, memo->line };
	}
	return loaded ? RESOLVE_LOADED : RESOLVED;
}
