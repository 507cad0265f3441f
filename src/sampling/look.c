/* SPDX-License-Identifier: MIT */
/*
 * The reads of a look, in one process_vm_readv, which serves them in this order:
 *
 *	gil | thread state, pointers to the leaf | range of the leaf, other ranges | state, pointers | code checks | gil
 *
 * A chain that is read while the thread runs may be a mixture of moments, and nothing in the bytes says whether it is.
 * It is tempting to read the ranges twice, before and after the thread state, and to believe what is the same in both:
 * but a frame that is popped and pushed again leaves the same words (ABA), and a loop of a few small calls comes round in
 * the time between the copies, about 400 ns. Tried on such loops, even "all frames the same, with their locals and their
 * evaluation stacks, the innermost one too" proved stacks that never existed within seconds. So one copy is read, and
 * what it shows is believed for other reasons (take.c):
 *
 * - The thread did not run: it slept, it was paused, or another thread held the GIL from the first read to the last.
 * - The very same stack has been seen before when the thread did not run (proof.h).
 *
 * Of code whose frames change fast a tenth of the copies are mixtures: the thread went on between the thread state and the
 * frames, which lie half a microsecond apart. So there the state is read again behind the frames; the frames that were
 * copied in between are of the one moment or of the other, and whichever chain is a proven stack is one of that microsecond.
 * (Only where the last samples were hard, since it costs 0.7 us: what was before does not favour any moment.)
 *
 * What else can go wrong, and what is done about it:
 *
 * - The innermost frame's instruction belongs to another function that was there a moment before: an instruction pointer
 *   has to lie within its code object (3.11+).
 * - Generators: their frames lie outside the data stack, in ranges of their own; the walk fails (WALK_BROKEN) for one that
 *   is not linked to its caller yet.
 * - Code objects. An entry of the code cache was true when it was made. It is true for this look if the bytes that
 *   identify it are read behind the ranges and are the same: the object was alive at both ends, so in between. That is
 *   done here for code objects at addresses that have changed hands before; for all others it is done once for a batch
 *   of samples, which is kept back until then (batch.c).
 */
#include "config.h"

#include "look.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 8          /* of reading again until all that the chain touches is there */
#define LEAF_SLACK 1024   /* bytes behind the innermost frame that are fetched for frames to come */
#define ORDERED_FRAMES 16 /* from the innermost on, whose ranges are read in this order */
#define HARD_ENOUGH (HARD_ALWAYS / 64) /* to read what leads to the leaf twice */
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

static void add_range_with_slack(struct looker *looker, struct subject *subject, raddr_t address, size_t length,
	bool is_leaf)
{
	size_t to_page_end = PAGE - (address + length) % PAGE;

	if (is_leaf && python_frames_are_neighbours(looker->python))
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
	if (subject->walk.pointer)
		subject_add_pointer(subject, subject->walk.pointer, WALK_POINTER_BYTES);
	qsort(scout->touched, scout->touched_count, sizeof(*scout->touched), compare_touched);
	/* neighbours are joined here already, so that a deep stack is not inserted frame by frame */
	for (size_t i = 0; i < scout->touched_count; i++) {
		const struct touched *touched = &scout->touched[i];

		if (touched->address == subject->thread.state || subject_pointer(subject, touched->address, touched->length))
			continue;
		if (end && touched->address <= end + PAGE / 2) {
			if (touched->address + touched->length > end)
				end = touched->address + touched->length;
			continue;
		}
		if (end)
			add_range_with_slack(looker, subject, start, end - start, false);
		start = touched->address;
		end = start + touched->length;
	}
	if (end)
		add_range_with_slack(looker, subject, start, end - start, false);
	if (subject->walk.leaf && subject->walk.count)
		add_range_with_slack(looker, subject, subject->walk.leaf, 8, true);
}

/* ---- reading ---- */

static void add_request(struct looker *looker, size_t *count, raddr_t address, void *data, size_t length)
{
	array_reserve(&looker->requests, &looker->request_capacity, *count + 1, sizeof(*looker->requests));
	looker->requests[(*count)++] = (struct read_request){ .address = address, .data = data, .length = length };
}

static void add_range_request(struct looker *looker, struct subject *subject, size_t *count, struct range *range)
{
	if (!range || range->asked == looker->looks)
		return;
	range->asked = looker->looks;
	add_request(looker, count, range->start, subject->copy + range->offset, range->length);
}

/*
 * What changes most comes first, right behind what points at it: the innermost frames of the last walk, one after the other. The
 * less time lies between them, the fewer looks are a mixture of two moments.
 */
static void add_ranges(struct looker *looker, struct subject *subject, size_t *count)
{
	const struct walk *walk = &subject->walk;

	for (size_t i = 0; i < walk->count && i < ORDERED_FRAMES; i++)
		add_range_request(looker, subject, count, subject_range_of(subject, walk->frames[i].address));
	for (size_t i = 0; i < subject->range_count; i++)
		add_range_request(looker, subject, count, &subject->ranges[i]);
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
	if (subject->pointers_length && address == subject->pointers) {
		subject->pointers_length = 0;
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

static enum look_result read_once(struct looker *looker, struct subject *subject, const struct gil *gil)
{
	size_t count = 0, done;

	looker->looks++;
	if (gil)
		add_request(looker, &count, gil->address, looker->gil_before, gil->length);
	add_request(looker, &count, subject->thread.state, subject->state, looker->state_bytes);
	if (subject->pointers_length)
		add_request(looker, &count, subject->pointers, subject->pointer_bytes, subject->pointers_length);
	add_ranges(looker, subject, &count);
	subject->has_after = gil && subject->hardness > HARD_ENOUGH;
	if (subject->has_after)
		add_request(looker, &count, subject->thread.state, subject->state_after, looker->state_bytes);
	if (subject->has_after && subject->pointers_length)
		add_request(looker, &count, subject->pointers, subject->pointer_bytes_after, subject->pointers_length);
	add_checks(looker, subject, &count);
	if (gil)
		add_request(looker, &count, gil->address, looker->gil_after, gil->length);
	done = target_read_batch(python_target(looker->python), looker->requests, count);
	if (done == count)
		return LOOK_WHOLE;
	return drop_unreadable(subject, looker->requests[done].address) ? LOOK_BROKEN : LOOK_FOREIGN;
}

void look_warm(struct looker *looker, struct subject *subject, const struct gil *gil)
{
	if (subject->hardness > HARD_ENOUGH)
		read_once(looker, subject, gil);
}

/* ---- walking what was read ---- */

struct copy_view {
	struct memory_view view;
	const struct subject *subject;
};

static const void *copy_at(struct memory_view *view, raddr_t address, size_t length)
{
	const struct subject *subject = ((const struct copy_view *)view)->subject;
	const void *pointer = subject_pointer(subject, address, length);

	if (address == subject->thread.state)
		return subject->uses_after ? subject->state_after : subject->state;
	return pointer ? pointer : subject_bytes(subject, address, length);
}

static enum walk_status walk_copy(struct looker *looker, struct subject *subject, bool after)
{
	struct copy_view view = { .view = { .at = copy_at }, .subject = subject };

	subject->uses_after = after;
	return python_walk(looker->python, &view.view, subject->thread.state, looker->max_frames, &subject->walk);
}

/* Ranges of frames that are long gone make every look slower: begin anew once in a while. */
static void rebuild(struct subject *subject)
{
	subject_drop_ranges(subject);
	if (++subject->looks_since_rebuild < 256)
		return;
	subject->looks_since_rebuild = 0;
	subject->pointers_length = 0;
	if (subject->walk.pointer)
		subject_add_pointer(subject, subject->walk.pointer, WALK_POINTER_BYTES);
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

static bool is_chain(enum walk_status status)
{
	return status == WALK_WHOLE || status == WALK_CUT;
}

/* Was the thread state read a second time, and is it the same thread's? */
static bool has_after(const struct looker *looker, const struct subject *subject)
{
	return subject->has_after && python_thread_matches(looker->python, &subject->thread, subject->state_after);
}

/* The chain of the copy that the thread state leads to, as it was before the ranges were read, or else behind them. */
static enum walk_status walk_either(struct looker *looker, struct subject *subject)
{
	enum walk_status status = walk_copy(looker, subject, false), later;

	if (is_chain(status) || !has_after(looker, subject))
		return status;
	later = walk_copy(looker, subject, true);
	return is_chain(later) ? later : walk_copy(looker, subject, false);
}

enum look_result look_from(struct looker *looker, struct subject *subject, bool after)
{
	enum walk_status status;

	if (after && !has_after(looker, subject))
		return LOOK_BROKEN;
	status = walk_copy(looker, subject, after);
	if (status == WALK_CUT)
		return LOOK_CUT;
	return status == WALK_WHOLE ? LOOK_WHOLE : LOOK_BROKEN;
}

enum look_result look(struct looker *looker, struct subject *subject, const struct gil *gil)
{
	unsigned misses = 0;

	rebuild(subject);
	for (int round = 0; round < ROUNDS; round++) {
		enum look_result result = read_once(looker, subject, gil);
		enum walk_status status;
		raddr_t miss_address;

		if (result == LOOK_FOREIGN)
			return result;
		if (result == LOOK_BROKEN)
			continue; /* what could not be read was dropped from the prediction */
		if (!python_thread_matches(looker->python, &subject->thread, subject->state))
			return LOOK_FOREIGN;
		status = walk_either(looker, subject);
		miss_address = subject->walk.miss_address;
		if (status != WALK_MISS && !checks_hold(looker, subject))
			continue;
		if (status == WALK_MISS || status == WALK_BROKEN)
			look_find_trunk(looker, subject);
		switch (status) {
		case WALK_WHOLE:
			subject_mark_ranges(subject);
			return LOOK_WHOLE;
		case WALK_CUT:
			subject_mark_ranges(subject);
			return LOOK_CUT;
		case WALK_BROKEN:
			return LOOK_BROKEN;
		case WALK_MISS:
			break;
		}
		if (miss_address == subject->walk.pointer)
			subject_add_pointer(subject, subject->walk.pointer, WALK_POINTER_BYTES);
		else if (misses++ == 0 && subject->walk.count < 64 && subject->range_count)
			add_range_with_slack(looker, subject, miss_address, subject->walk.miss_length,
				miss_address == subject->walk.leaf);
		else
			scout_chain(looker, subject);
	}
	return LOOK_BROKEN;
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
	subject->innermost.code = 0;
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
		if (!python_frame_visible(looker->python, memo->entry, frame))
			continue;
		subject->frames[subject->frame_count++] = (struct resolved_frame){ memo->entry, memo->line };
		subject->innermost = *frame;
	}
	return loaded ? RESOLVE_LOADED : RESOLVED;
}

bool look_has_checked(struct subject *subject)
{
	const struct code *last = NULL;
	bool all = true;

	for (size_t i = 0; i < subject->frame_count; i++) {
		struct code *code = subject->frames[i].code;

		if (code == last || is_checked(subject, code))
			continue;
		last = code;
		subject_check_code(subject, code);
		all = false;
	}
	return all;
}

/* ---- the trunk ---- */

void look_learn_trunk(struct looker *looker, struct subject *subject)
{
	struct copy_view view = { .view = { .at = copy_at }, .subject = subject };

	if (subject->trunk)
		trunk_learn(subject->trunk, looker->python, &view.view, &subject->walk);
}

void look_find_trunk(struct looker *looker, struct subject *subject)
{
	struct copy_view view = { .view = { .at = copy_at }, .subject = subject };
	const struct walk walk = subject->walk;

	if (!subject->wants_trunk)
		return;
	subject->wants_trunk = false;
	if (!subject->trunk)
		subject->trunk = xcalloc(1, sizeof(*subject->trunk));
	trunk_find(subject->trunk, looker->python, &view.view, subject->state, &subject->walk);
	look_resolve(looker, subject);
	array_reserve(&subject->trunk_frames, &subject->trunk_capacity, subject->frame_count + 1,
		sizeof(*subject->trunk_frames));
	if (subject->frame_count)
		memcpy(subject->trunk_frames, subject->frames, subject->frame_count * sizeof(*subject->frames));
	/* what is checked in each look has not been in this one, which failed */
	subject->trunk_count = 0;
	while (subject->trunk_count < subject->frame_count && !subject->frames[subject->trunk_count].code->is_volatile)
		subject->trunk_count++;
	/* what the walk said is still to be acted on */
	subject->walk.count = walk.count;
	subject->walk.miss_address = walk.miss_address;
	subject->walk.miss_length = walk.miss_length;
}
