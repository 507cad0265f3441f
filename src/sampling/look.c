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

#include "sampling/look.h"

#include <stdlib.h>
#include <string.h>

#include "sampling/proof.h"

#define ROUNDS 8          /* of reading again until all that the chain touches is there */
#define LEAF_SLACK 1024   /* bytes behind the innermost frame that are fetched for frames to come */
#define ORDERED_FRAMES 16 /* from the innermost on, whose ranges are read in this order */
#define HARD_ENOUGH (HARD_ALWAYS / 64) /* to read what leads to the leaf twice */
#define PAGE 4096u
#define SCOUT_PAGES 64
#define SCOUTED_IN_HOLD 512
#define PIECE_BYTES 131072 /* in a hold the clock is looked at behind each piece of memory */
#define PIECE_REQUESTS 64
#define PIECE_CODES 16
#define PIECE_STEPS 64

/* Live memory for the first walk along a chain: whole pages, of which the last few are kept. */
struct scout {
	struct memory_view view;
	struct looker *looker;
	struct subject *subject;
	unsigned steps;
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
	free(looker->checked);
	free(looker->check_bytes);
}

/* ---- holds ---- */

void look_hold(struct looker *looker, int64_t deadline_ns)
{
	looker->deadline_ns = deadline_ns;
	looker->is_late = looker->has_read = looker->has_scouted = looker->is_whole = false;
	looker->hold++;
	python_be_brief(looker->python, true);
}

void look_release(struct looker *looker)
{
	looker->deadline_ns = 0;
	python_be_brief(looker->python, false);
}

static bool is_late(struct looker *looker)
{
	if (is_interrupted())
		return true;
	if (looker->deadline_ns && !looker->is_late)
		looker->is_late = monotonic_ns() > looker->deadline_ns;
	return looker->deadline_ns && looker->is_late;
}

/* For what takes many short steps. */
static bool is_late_at(struct looker *looker, unsigned *step)
{
	return ++*step % PIECE_STEPS == 0 && is_late(looker);
}

static bool read_in_pieces(struct looker *looker, const struct read_request *request)
{
	struct target *target = python_target(looker->python);

	for (size_t done = 0, part; done < request->length; done += part) {
		part = request->length - done < PIECE_BYTES ? request->length - done : PIECE_BYTES;
		if (is_late(looker) || !target_read(target, request->address + done, (char *)request->data + done, part))
			return false;
	}
	return true;
}

/* target_read_batch, but that it ends when a thread that is held has to be let go, or pyrope has to end. */
static size_t read_requests(struct looker *looker, const struct read_request *requests, size_t count)
{
	struct target *target = python_target(looker->python);
	size_t done = 0;

	if (!looker->deadline_ns && count <= PIECE_REQUESTS)
		return target_read_batch(target, requests, count);
	while (done < count && !is_late(looker)) {
		size_t end = done, bytes = 0, read;

		while (end < count && end - done < PIECE_REQUESTS && bytes + requests[end].length <= PIECE_BYTES)
			bytes += requests[end++].length;
		if (end == done) {
			if (!read_in_pieces(looker, &requests[done]))
				return done;
			done++;
			continue;
		}
		read = target_read_batch(target, requests + done, end - done);
		done += read;
		if (done < end)
			return done;
	}
	return done;
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

/* Most frames lie beside the one before: those are joined at once, so that few are to be sorted however deep the stack is. */
static void note_touched(struct scout *scout, raddr_t address, size_t length)
{
	struct touched *last = scout->touched_count ? &scout->touched[scout->touched_count - 1] : NULL;

	if (last && last->address != scout->subject->thread.state && last->address != scout->subject->walk.pointer &&
		address + length + PAGE / 2 >= last->address && address <= last->address + last->length + PAGE / 2) {
		const raddr_t last_end = last->address + last->length, end = address + length;

		last->address = address < last->address ? address : last->address;
		last->length = (end > last_end ? end : last_end) - last->address;
		return;
	}
	array_reserve(&scout->touched, &scout->touched_capacity, scout->touched_count + 1, sizeof(*scout->touched));
	scout->touched[scout->touched_count++] = (struct touched){ address, length };
}

static const void *scout_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct scout *scout = (struct scout *)view;
	raddr_t page = address - address % PAGE;
	size_t into = address % PAGE;
	const unsigned char *bytes;

	if (length > PAGE || address > UINT64_MAX - 2 * PAGE || is_late_at(scout->looker, &scout->steps))
		return NULL;
	note_touched(scout, address, length);
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

/* Makes ranges of what a walk has touched. */
static void note_ranges(struct looker *looker, struct subject *subject)
{
	struct scout *scout = looker->scout;
	raddr_t end = 0, start = 0;

	if (subject->walk.pointer)
		subject_add_pointer(subject, subject->walk.pointer, WALK_POINTER_BYTES);
	qsort(scout->touched, scout->touched_count, sizeof(*scout->touched), compare_touched);
	/* neighbours are joined here already, so that a deep stack is not inserted frame by frame */
	for (size_t i = 0; i < scout->touched_count && !is_interrupted(); i++) {
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

/* Walks live memory to learn where the chain lies; what it shows is not used for anything else. */
static void scout_chain(struct looker *looker, struct subject *subject)
{
	struct scout *scout = looker->scout;

	scout->view.at = scout_at;
	scout->looker = looker;
	scout->subject = subject;
	scout->touched_count = 0;
	for (size_t i = 0; i < SCOUT_PAGES; i++)
		scout->pages[i].address = 0;
	python_walk(looker->python, &scout->view, subject->thread.state, looker->max_frames, &subject->walk);
	/* where a thread is held and this takes longer, it is done when it runs again */
	looker->has_scouted = looker->deadline_ns && (looker->is_late || scout->touched_count > SCOUTED_IN_HOLD);
	if (looker->has_scouted)
		looker->is_late = true;
	else if (!is_late(looker))
		note_ranges(looker, subject);
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

	array_reserve(&looker->check_bytes, &looker->check_capacity,
		subject->checked_count * CODE_CHECKS * CODE_CHECK_BYTES, 1);
	array_reserve(&looker->checked, &looker->checked_capacity, subject->checked_count, sizeof(*looker->checked));
	looker->checked_count = subject->checked_count;
	for (size_t i = 0; i < subject->checked_count; i++) {
		const struct code *code = subject->checked[i];

		looker->checked[i] = (struct checked_code){ code, at };
		for (size_t j = 0; j < code->check_count; j++, at += CODE_CHECK_BYTES)
			add_request(looker, count, code->checks[j].address, looker->check_bytes + at,
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
				subject->checked[i]->listed = 0;
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

	subject->last_read = ++looker->looks;
	array_reserve(&subject->copy, &subject->copy_capacity, subject->bytes, 1);
	looker->has_read = false;
	if (gil)
		add_request(looker, &count, gil->address, looker->gil_before, gil->length);
	add_request(looker, &count, subject->thread.state, subject->state, looker->state_bytes);
	if (subject->pointers_length)
		add_request(looker, &count, subject->pointers, subject->pointer_bytes, subject->pointers_length);
	add_ranges(looker, subject, &count);
	subject->has_after = gil && subject->hardness > HARD_ENOUGH;
	if (subject->has_after && !subject->state_after)
		subject->state_after = xcalloc(1, looker->state_bytes);
	if (subject->has_after)
		add_request(looker, &count, subject->thread.state, subject->state_after, looker->state_bytes);
	if (subject->has_after && subject->pointers_length)
		add_request(looker, &count, subject->pointers, subject->pointer_bytes_after, subject->pointers_length);
	add_checks(looker, subject, &count);
	if (gil)
		add_request(looker, &count, gil->address, looker->gil_after, gil->length);
	done = read_requests(looker, looker->requests, count);
	looker->has_read = done == count;
	if (done == count)
		return LOOK_WHOLE;
	if (is_late(looker))
		return LOOK_LATE;
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
	struct looker *looker; /* NULL: there is no limit */
	unsigned steps;
};

static const void *copy_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct copy_view *copy = (struct copy_view *)view;
	const struct subject *subject = copy->subject;
	const void *pointer = subject_pointer(subject, address, length);

	if (copy->looker && is_late_at(copy->looker, &copy->steps))
		return NULL;
	if (address == subject->thread.state)
		return subject->uses_after ? subject->state_after : subject->state;
	return pointer ? pointer : subject_bytes(subject, address, length);
}

static enum walk_status walk_copy(struct looker *looker, struct subject *subject, bool after)
{
	struct copy_view view = { .view = { .at = copy_at }, .subject = subject, .looker = looker };

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
 * A code object that is younger is checked in every look: much code lives for milliseconds (exec, templates, dataclasses), and
 * when it has gone by the end of the batch, all samples of it would be cut.
 */
#define SETTLED_NS INT64_C(1000000000)

void look_settle(struct code *code, int64_t now_ns)
{
	if (!code->is_settled)
		code->is_settled = now_ns - code->loaded_ns > SETTLED_NS;
}

/*
 * The code objects that were read along are still the ones that they were, or are decoded anew. What is no code object
 * any longer is not checked again, until a frame names its address.
 */
static bool checks_hold(struct looker *looker, struct subject *subject)
{
	size_t kept = 0, next = 0;
	bool hold = true;

	for (size_t i = 0; i < subject->checked_count; i++) {
		struct code *code = subject->checked[i];
		bool same = true;

		/* one that has been put on the list since (in a stop that was too short for all) stands at its end */
		while (next < looker->checked_count && looker->checked[next].code != code)
			next++;
		if (next == looker->checked_count) {
			subject->checked[kept++] = code;
			continue;
		}
		for (size_t j = 0; j < code->check_count; j++)
			same &= python_code_unchanged(looker->python, code, j,
				looker->check_bytes + looker->checked[next].at + j * CODE_CHECK_BYTES);
		code->checked_look = subject->last_read;
		if (same && !code->is_settled)
			look_settle(code, monotonic_ns());
		if (!same) {
			struct error ignored = { 0 };

			code->is_volatile = true;
			code->listed = 0;
			code = python_code_load(looker->python, code->address, &ignored);
			looker->stale_codes++;
			looker->code_generation++;
			hold = false;
		}
		if (code) {
			code->listed = subject->check_mark;
			code->sure = looker->hold;
			subject->checked[kept++] = code;
		}
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

static void note_whole(struct looker *looker, struct subject *subject)
{
	if (looker->deadline_ns)
		looker->is_whole = true;
	else
		subject_mark_ranges(subject);
}

void look_learn_held(struct looker *looker, struct subject *subject)
{
	if (looker->is_whole)
		subject_mark_ranges(subject);
	if (looker->has_scouted)
		note_ranges(looker, subject);
	looker->is_whole = looker->has_scouted = false;
}

enum look_result look(struct looker *looker, struct subject *subject, const struct gil *gil)
{
	unsigned misses = 0;

	rebuild(subject);
	for (int round = 0; round < ROUNDS; round++) {
		enum look_result result = read_once(looker, subject, gil);
		enum walk_status status;
		raddr_t miss_address;

		if (result == LOOK_FOREIGN || result == LOOK_LATE)
			return result;
		if (result == LOOK_BROKEN)
			continue; /* what could not be read was dropped from the prediction */
		if (!python_thread_matches(looker->python, &subject->thread, subject->state))
			return LOOK_FOREIGN;
		status = walk_either(looker, subject);
		if (is_late(looker))
			return LOOK_LATE;
		miss_address = subject->walk.miss_address;
		if (status != WALK_MISS && !checks_hold(looker, subject))
			continue;
		if (status == WALK_MISS || status == WALK_BROKEN)
			look_find_trunk(looker, subject);
		switch (status) {
		case WALK_WHOLE:
		case WALK_CUT:
			note_whole(looker, subject);
			return status == WALK_CUT ? LOOK_CUT : LOOK_WHOLE;
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

/* Room for all frames of the walk. Fresh memory is cleared by the kernel when it is used: a thread may be held. */
static void memo_reset(struct looker *looker, struct subject *subject)
{
	const size_t count = subject->walk.count;

	if (subject->memo_capacity >= count && subject->memo_generation == looker->code_generation)
		return;
	if (subject->memo_capacity < count)
		subject->memo_capacity = count <= 16 ? 16 : count + count / 2;
	free(subject->memo);
	subject->memo = xcalloc(subject->memo_capacity, sizeof(*subject->memo));
	subject->memo_generation = looker->code_generation;
}

/* The entry for a frame's code object; *loaded is set when this look did not check what it says. */
static struct code *frame_code(struct looker *looker, struct subject *subject, raddr_t address, bool *loaded)
{
	struct code *code = python_code_known(looker->python, address);
	struct error ignored = { 0 };

	if (!code) {
		code = is_late(looker) ? NULL : python_code_load(looker->python, address, &ignored);
		if (!code)
			return NULL;
		subject_check_code(subject, code);
		if (looker->deadline_ns)
			code->sure = looker->hold;
		*loaded = true;
	} else if (code_may_go(code) && !subject_checks_code(subject, code)) {
		subject_check_code(subject, code);
		*loaded = true;
	}
	return code;
}

enum resolve_result look_resolve(struct looker *looker, struct subject *subject)
{
	const struct walk *walk = &subject->walk;
	uint64_t path = hash_seed();
	bool loaded = false;
	unsigned steps = 0;

	array_reserve(&subject->frames, &subject->frame_capacity, walk->count, sizeof(*subject->frames));
	memo_reset(looker, subject);
	subject->frame_count = 0;
	subject->innermost.code = 0;
	for (size_t k = 0; k < walk->count; k++) {
		const struct raw_frame *frame = &walk->frames[walk->count - 1 - k];
		struct memo *memo = &subject->memo[k];

		if (memo->code != frame->code || memo->instruction != frame->instruction || code_may_go(memo->entry) ||
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
				.line = line, .function_id = code->function->id };
		}
		if (!python_frame_visible(looker->python, memo->entry, frame))
			continue;
		if (is_late_at(looker, &steps))
			return RESOLVE_TORN;
		path = proof_path(path, memo->function_id, memo->line);
		subject->frames[subject->frame_count++] = (struct resolved_frame){ memo->entry, path, memo->line,
			code_may_go(memo->entry) && memo->entry->checked_look == subject->last_read };
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

		if (code == last || subject_checks_code(subject, code))
			continue;
		last = code;
		subject_check_code(subject, code);
		all = false;
	}
	return all;
}

/* ---- what a hold has to find out of code objects ---- */

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
		reads->requests[reads->request_count] = (struct read_request){ .address = code->checks[i].address,
			.data = reads->bytes[reads->request_count], .length = code->checks[i].length };
		reads->request_count++;
	}
}

/* Reads what was asked for. False: one has changed, or its memory is gone. */
static bool answer_codes(struct looker *looker, struct code_reads *reads)
{
	const size_t read = target_read_batch(python_target(looker->python), reads->requests, reads->request_count);
	size_t at = 0;
	bool all_same = true;

	for (size_t i = 0; i < reads->count; i++) {
		struct code *code = reads->codes[i];
		struct error ignored = { 0 };
		bool same = true;

		for (size_t j = 0; j < code->check_count; j++, at++)
			same &= at < read && python_code_unchanged(looker->python, code, j, reads->bytes[at]);
		code->sure = same ? looker->hold : 0;
		if (same)
			continue;
		all_same = false;
		code->is_volatile = true;
		code = python_code_load(looker->python, code->address, &ignored);
		if (code)
			code->sure = looker->hold;
		looker->stale_codes++;
		looker->code_generation++;
	}
	reads->count = reads->request_count = 0;
	return all_same;
}

static enum check_result check_frames(struct looker *looker, const struct subject *subject, size_t from, size_t to)
{
	static struct code_reads reads;
	bool all_same = true;
	unsigned steps = 0;

	for (size_t i = from; i < to; i++) {
		struct code *code = subject->frames[i].code;

		if (!reads.count && is_late_at(looker, &steps))
			return CHECK_LATE;
		if (code->sure == looker->hold)
			continue;
		if (!reads.count && is_late(looker))
			return CHECK_LATE;
		code->sure = looker->hold; /* until the answer says otherwise: it is asked for once */
		ask_code(&reads, code);
		if (reads.count == PIECE_CODES)
			all_same &= answer_codes(looker, &reads);
	}
	all_same &= answer_codes(looker, &reads);
	return all_same ? CHECK_DONE : CHECK_CHANGED;
}

enum check_result look_check_held(struct looker *looker, struct subject *subject, size_t known, int64_t known_until_ns)
{
	enum check_result result = check_frames(looker, subject, known, subject->frame_count);

	/*
	 * What is proven has been checked when it was, and will be once more with the batch; that it changed hands in between, and
	 * back again, is found out here in any stack but those of thousands of functions.
	 */
	for (size_t i = known; i > 0 && result == CHECK_DONE && monotonic_ns() < known_until_ns; ) {
		const size_t from = i > PIECE_STEPS ? i - PIECE_STEPS : 0;

		result = check_frames(looker, subject, from, i);
		i = from;
	}
	return result;
}

enum look_result look_finish(struct looker *looker, struct subject *subject)
{
	enum walk_status status;

	if (!looker->has_read)
		return LOOK_BROKEN;
	status = walk_either(looker, subject);
	if (!is_chain(status) || !checks_hold(looker, subject))
		return LOOK_BROKEN;
	subject_mark_ranges(subject);
	return status == WALK_CUT ? LOOK_CUT : LOOK_WHOLE;
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
	if (!subject->looks)
		return; /* where its frames lie has not been seen yet */
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
	while (subject->trunk_count < subject->frame_count && !code_may_go(subject->frames[subject->trunk_count].code))
		subject->trunk_count++;
	/* what the walk said is still to be acted on */
	subject->walk.count = walk.count;
	subject->walk.miss_address = walk.miss_address;
	subject->walk.miss_length = walk.miss_length;
}
