/* SPDX-License-Identifier: MIT */
/*
 * Of the stacks of a profile, the frames of a flame graph. Frames are told apart by what is written in them,
 * as lines of collapsed stacks are: a function that was compiled twice is one. Frames that only lead to the
 * program are left out where what they lead to is Python, and stay where a sample ends in them, so that no
 * sample moves to another function. Depths are not bounded, so nothing here recurses.
 */
#include "config.h"

#include "output/svg.h"

#include "pyrope/stacks.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_LIMIT 400000 /* of one picture: some 4 MB, which a browser opens at once */

/* One that is in the picture, callers before callees, but in no order among those. */
struct kept_frame {
	uint32_t name, parent;
	uint64_t self, total;
	uint64_t lost; /* of what it calls and is left out */
};

struct builder {
	struct flame *flame;
	const struct profile *profile;
	const struct output_options *options;
	const struct stacks *stacks;
	size_t name_capacity, frame_capacity;
	uint32_t *text_of; /* by id of a function: the one with the same texts that came first */
	size_t text_capacity;
	struct u64_map functions_by_text, names_by_key;
	const struct function **functions; /* with different texts */
	size_t function_count, function_capacity;
	struct stacks merged; /* the frames, all of them; those of this tree are names */
	struct kept_frame *kept;
	uint64_t *gil[2]; /* by number of a kept frame, of self and of lost; NULL: none has any */
	uint32_t *sorted; /* the kept frames by parent, then by name */
	/* where in it the callees of one begin; they end where those of the next one begin */
	uint32_t *first;
	uint32_t kept_count;
};

/* ---- names ---- */

static const struct function all_samples = { .kind = FUNCTION_MARKER, .name = "all", .file = "" };
static const struct function no_frames = { .kind = FUNCTION_MARKER, .name = "?", .file = "" };
static const struct function left_out = { .kind = FUNCTION_MARKER, .name = "(left out)", .file = "" };

static bool same_texts(const struct function *a, const struct function *b)
{
	return a->kind == b->kind && strcmp(a->name, b->name) == 0 && strcmp(a->file, b->file) == 0;
}

/* The number of the function's texts. */
static uint32_t find_text(struct builder *builder, const struct function *function)
{
	uint64_t hash = hash_combine(hash_bytes(function->name, strlen(function->name)),
		hash_bytes(function->file, strlen(function->file)));
	const uint64_t *known;

	/* texts with the hash of other ones take the next free number after it */
	while ((known = u64_map_get(&builder->functions_by_text, hash)) &&
		!same_texts(builder->functions[*known], function))
		hash++;
	if (known)
		return (uint32_t)*known;
	u64_map_put(&builder->functions_by_text, hash, builder->function_count);
	array_reserve(&builder->functions, &builder->function_capacity, builder->function_count + 1,
		sizeof(const struct function *));
	builder->functions[builder->function_count] = function;
	return (uint32_t)builder->function_count++;
}

static uint32_t name_of_text(
	struct builder *builder, uint32_t text, const struct function *function, int line)
{
	struct flame *flame = builder->flame;
	const int shown = builder->options->no_lines || line < 0 ? 0 : line;
	const uint64_t key = (uint64_t)text << 32 | (uint32_t)shown;
	const uint64_t *known = u64_map_get(&builder->names_by_key, key);

	if (known)
		return (uint32_t)*known;
	u64_map_put(&builder->names_by_key, key, flame->name_count);
	array_reserve(&flame->names, &builder->name_capacity, flame->name_count + 1, sizeof(*flame->names));
	flame->names[flame->name_count] = (struct flame_name){ function, shown, frame_kind(function), 0 };
	return (uint32_t)flame->name_count++;
}

static uint32_t name_of(struct builder *builder, const struct function *function, int line)
{
	const size_t old = builder->text_capacity;
	const uint32_t id = function->id;

	array_reserve(&builder->text_of, &builder->text_capacity, (size_t)id + 1, sizeof(*builder->text_of));
	for (size_t i = old; i < builder->text_capacity; i++)
		builder->text_of[i] = UINT32_MAX;
	if (builder->text_of[id] == UINT32_MAX)
		builder->text_of[id] = find_text(builder, function);
	return name_of_text(builder, builder->text_of[id], function, line);
}

static int compare_names(const void *left, const void *right, void *context)
{
	const struct flame_name *names = context;
	const struct flame_name *a = &names[*(const uint32_t *)left], *b = &names[*(const uint32_t *)right];
	int order = (b->function == &no_frames) - (a->function == &no_frames);

	if (!order)
		order = strcmp(a->function->name, b->function->name);
	if (!order)
		order = strcmp(a->function->file, b->function->file);
	if (!order)
		order = (a->line > b->line) - (a->line < b->line);
	return order ? order : (int)a->function->kind - (int)b->function->kind;
}

static void rank_names(struct flame *flame)
{
	uint32_t *order = xreallocarray(NULL, flame->name_count, sizeof(*order));

	for (size_t i = 0; i < flame->name_count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, flame->name_count, sizeof(*order), compare_names, flame->names);
	for (size_t i = 0; i < flame->name_count; i++)
		flame->names[order[i]].rank = (uint32_t)i;
	free(order);
}

/* ---- the tree ---- */

/* By frame of the profile: its name, and whether it leads to others only, and is left out where it does. */
static bool *find_leading(struct builder *builder, uint32_t *name_of_frame)
{
	const struct stacks *stacks = builder->stacks;
	bool *leads = xcalloc(stacks->frame_count + 1, sizeof(*leads));

	for (size_t i = 0; i < stacks->frame_count; i++) {
		const struct stack_frame *frame = &stacks->frames[i];

		name_of_frame[i] = name_of(builder, frame->function, frame->line);
		leads[i] = !builder->options->all_frames && frame_is_bootstrap(frame->function);
	}
	return leads;
}

static bool is_below_leading(const struct stacks *stacks, const bool *leads, size_t node)
{
	const uint32_t above = stacks->nodes[node].parent;

	return above && leads[stacks->nodes[above].frame];
}

static bool is_python(const struct stacks *stacks, size_t node)
{
	return stacks->frames[stacks->nodes[node].frame].function->kind == FUNCTION_PYTHON;
}

/* By node: is it a frame? What leads to others is one where samples end in it. */
static bool *find_needed(const struct stacks *stacks, const bool *leads)
{
	bool *is_needed = xcalloc(stacks->node_count, sizeof(*is_needed));

	for (size_t i = 1; i < stacks->node_count; i++) {
		is_needed[i] = !leads[stacks->nodes[i].frame] || stacks->nodes[i].count;
		/* one that calls what is no Python is the last one of the program's, and stays */
		if (is_below_leading(stacks, leads, i) && !is_python(stacks, i))
			is_needed[stacks->nodes[i].parent] = true;
	}
	return is_needed;
}

/*
 * Nodes that have one name and whose callers are one frame are one frame: frame_of becomes its number in
 * the merged tree.
 */
static void merge_nodes(struct builder *builder, uint32_t no_frames_name)
{
	const struct stacks *stacks = builder->stacks;
	uint32_t *name_of_frame = xreallocarray(NULL, stacks->frame_count + 1, sizeof(*name_of_frame));
	uint32_t *frame_of = builder->flame->frame_of;
	struct stacks *merged = &builder->merged;
	bool *leads = find_leading(builder, name_of_frame), *is_needed = find_needed(stacks, leads);

	stacks_init(merged);
	for (size_t i = 1; i < stacks->node_count; i++) {
		const struct stack_node *node = &stacks->nodes[i];
		uint32_t parent = frame_of[node->parent];

		if (is_below_leading(stacks, leads, i) && is_python(stacks, i) && is_needed[node->parent])
			parent = merged->nodes[parent].parent;
		frame_of[i] =
			is_needed[i] ? stacks_child(merged, parent, name_of_frame[node->frame]) : parent;
		merged->nodes[frame_of[i]].count += node->count;
	}
	/* samples without any frame become one, so that those of the root are those of its callees */
	if (stacks->nodes[0].count) {
		frame_of[0] = stacks_child(merged, 0, no_frames_name);
		merged->nodes[frame_of[0]].count += stacks->nodes[0].count;
	}
	free(is_needed);
	free(leads);
	free(name_of_frame);
}

/* From here on the counts are those of a frame with all that it calls. */
static void add_up(struct stacks *merged)
{
	for (size_t i = merged->node_count; i-- > 1;)
		merged->nodes[merged->nodes[i].parent].count += merged->nodes[i].count;
}

/* ---- leaving out ---- */

#define SMALL_WEIGHTS 65536 /* are counted; larger ones are few */

/* Weights that stand in an array of something larger. */
struct weights {
	const void *first;
	size_t step, count;
};

static uint64_t weight_at(const struct weights *weights, size_t i)
{
	return *(const uint64_t *)((const char *)weights->first + i * weights->step);
}

static int compare_weights(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a < b) - (a > b);
}

/* The weight of the last one of the limit largest; *equal becomes how many of this weight are among those. */
static uint64_t least_weight(const struct weights *weights, size_t limit, size_t *equal)
{
	size_t *counts = xcalloc(SMALL_WEIGHTS + 1, sizeof(*counts)), above = 0, count = 0,
	       least = SMALL_WEIGHTS;
	uint64_t *large;

	for (size_t i = 0; i < weights->count; i++) {
		const uint64_t weight = weight_at(weights, i);

		counts[weight < SMALL_WEIGHTS ? weight : SMALL_WEIGHTS]++;
	}
	large = xreallocarray(NULL, counts[SMALL_WEIGHTS] + 1, sizeof(*large));
	if (counts[SMALL_WEIGHTS] >= limit) {
		for (size_t i = 0; i < weights->count; i++)
			if (weight_at(weights, i) >= SMALL_WEIGHTS)
				large[count++] = weight_at(weights, i);
		qsort(large, count, sizeof(*large), compare_weights);
		least = large[limit - 1];
		while (above < limit && large[above] > least)
			above++;
	} else {
		for (; least && above + counts[least] < limit; least--)
			above += counts[least];
	}
	*equal = limit - above;
	free(large);
	free(counts);
	return least;
}

static void keep_largest(const struct weights *weights, size_t limit, bool *is_kept)
{
	size_t equal = 0;
	uint64_t least;

	memset(is_kept, 1, weights->count);
	if (weights->count <= limit)
		return;
	least = least_weight(weights, limit, &equal);
	for (size_t i = 0; i < weights->count; i++) {
		const uint64_t weight = weight_at(weights, i);

		is_kept[i] = weight > least || (weight == least && equal);
		equal -= weight == least && equal;
	}
}

void flame_keep_largest(const struct flame *flame, size_t limit, bool *is_kept)
{
	const struct weights totals = { &flame->frames->total, sizeof(*flame->frames), flame->frame_count };

	keep_largest(&totals, limit, is_kept);
}

#define IS_LEFT_OUT (UINT32_C(1) << 31) /* with the number of the caller that is kept */

/*
 * Moves the frames that are kept out of the merged tree, and lets each of the others know which one has
 * called it.
 */
static void choose_frames(struct builder *builder)
{
	struct stacks *merged = &builder->merged;
	const struct weights totals = { &merged->nodes->count, sizeof(*merged->nodes), merged->node_count };
	const double least = builder->options->least_part * (double)merged->nodes[0].count;
	bool *is_kept = xcalloc(merged->node_count, sizeof(*is_kept));
	const size_t most = merged->node_count < FRAME_LIMIT ? merged->node_count : FRAME_LIMIT;

	keep_largest(&totals, FRAME_LIMIT, is_kept);
	builder->kept = xcalloc(most, sizeof(*builder->kept));
	for (size_t i = 0; i < merged->node_count; i++) {
		struct stack_node *node = &merged->nodes[i];
		const uint32_t parent = i ? merged->nodes[node->parent].frame : 0;

		if (i && (!is_kept[i] || (double)node->count < least)) {
			node->frame = parent | IS_LEFT_OUT;
			builder->flame->left_out++;
			continue;
		}
		builder->kept[builder->kept_count] = (struct kept_frame){
			.name = i ? node->frame : 0, .parent = parent, .total = node->count
		};
		node->frame = builder->kept_count++;
	}
	free(is_kept);
}

static void add_gil(struct builder *builder, uint32_t number, bool is_lost, uint64_t gil)
{
	uint64_t **counts = &builder->gil[is_lost];

	if (!*counts)
		*counts = xcalloc(builder->kept_count, sizeof(**counts));
	(*counts)[number] += gil;
}

/* Each node's samples go to its frame, or to the caller that is kept of it. */
static void share_out(struct builder *builder)
{
	uint32_t *frame_of = builder->flame->frame_of;

	for (uint32_t i = 0; i < builder->stacks->node_count; i++) {
		const uint32_t frame = builder->merged.nodes[frame_of[i]].frame,
			       number = frame & ~IS_LEFT_OUT;
		const uint64_t gil = profile_gil(builder->profile, i);
		struct kept_frame *kept = &builder->kept[number];

		*(frame & IS_LEFT_OUT ? &kept->lost : &kept->self) += builder->stacks->nodes[i].count;
		if (gil)
			add_gil(builder, number, frame & IS_LEFT_OUT, gil);
		frame_of[i] = frame;
	}
	stacks_release(&builder->merged);
}

/* ---- frames ---- */

/* By counting: the frames sorted by name, then, keeping that order, by parent. */
static void sort_frames(struct builder *builder)
{
	const struct flame_name *names = builder->flame->names;
	const size_t name_count = builder->flame->name_count, count = builder->kept_count;
	const size_t buckets = name_count > count ? name_count : count;
	uint32_t *ends = xcalloc(buckets + 2, sizeof(*ends)), *first = xcalloc(count + 2, sizeof(*first));
	uint32_t *by_name = xreallocarray(NULL, count + 1, sizeof(*by_name));

	builder->first = first;
	builder->sorted = xreallocarray(NULL, count + 1, sizeof(*builder->sorted));
	for (size_t i = 1; i < count; i++) {
		ends[names[builder->kept[i].name].rank + 1]++;
		first[builder->kept[i].parent + 1]++;
	}
	for (size_t i = 1; i <= name_count; i++)
		ends[i] += ends[i - 1];
	for (uint32_t i = 1; i < count; i++)
		by_name[ends[names[builder->kept[i].name].rank]++] = i;
	for (size_t i = 1; i <= count; i++)
		first[i] += first[i - 1];
	memcpy(ends, first, count * sizeof(*ends));
	for (size_t i = 0; i + 1 < count; i++)
		builder->sorted[ends[builder->kept[by_name[i]].parent]++] = by_name[i];
	free(ends);
	free(by_name);
}

static struct flame_frame *add_frame(struct builder *builder, uint32_t name, uint32_t parent)
{
	struct flame *flame = builder->flame;
	const uint32_t depth = flame->frame_count ? flame->frames[parent].depth + 1 : 0;

	array_reserve(
		&flame->frames, &builder->frame_capacity, flame->frame_count + 1, sizeof(*flame->frames));
	flame->frames[flame->frame_count] =
		(struct flame_frame){ .name = name, .parent = parent, .depth = depth };
	return &flame->frames[flame->frame_count++];
}

/* What is left out of a caller becomes one frame, the first one below it. */
static void put_frame(struct builder *builder, uint32_t number, uint32_t parent, uint32_t left_out_name)
{
	const struct kept_frame *kept = &builder->kept[number];
	const uint32_t own = (uint32_t)builder->flame->frame_count;
	struct flame_frame *frame = add_frame(builder, kept->name, parent);

	frame->total = kept->total;
	frame->self = kept->self;
	frame->gil = builder->gil[0] ? builder->gil[0][number] : 0;
	if (!kept->lost)
		return;
	frame = add_frame(builder, left_out_name, own);
	frame->self = frame->total = kept->lost;
	frame->gil = builder->gil[1] ? builder->gil[1][number] : 0;
}

static void make_frames(struct builder *builder, uint32_t left_out_name)
{
	struct flame *flame = builder->flame;
	/* the next one last */
	uint32_t *waiting = xreallocarray(NULL, builder->kept_count, sizeof(*waiting));
	uint32_t *place = xreallocarray(NULL, builder->kept_count, sizeof(*place)), count = 1;

	array_reserve(&flame->frames, &builder->frame_capacity, builder->kept_count, sizeof(*flame->frames));
	waiting[0] = 0;
	while (count) {
		const uint32_t number = waiting[--count];

		place[number] = (uint32_t)flame->frame_count;
		put_frame(builder, number, place[builder->kept[number].parent], left_out_name);
		for (uint32_t i = builder->first[number + 1]; i-- > builder->first[number];)
			waiting[count++] = builder->sorted[i];
	}
	for (size_t i = 0; i < builder->stacks->node_count; i++) {
		const uint32_t frame = flame->frame_of[i], number = frame & ~IS_LEFT_OUT;

		flame->frame_of[i] = place[number] + (frame & IS_LEFT_OUT && builder->kept[number].lost);
	}
	free(waiting);
	free(place);
}

void flame_place(struct flame *flame)
{
	uint64_t *next = xcalloc(flame->frame_count, sizeof(*next)); /* where the next callee begins */

	for (size_t i = 0; i < flame->frame_count; i++) {
		struct flame_frame *frame = &flame->frames[i];

		frame->start = next[frame->parent];
		next[frame->parent] += i ? frame->total : 0;
		next[i] = frame->start;
	}
	free(next);
}

static uint32_t name_of_marker(struct builder *builder, const struct function *marker)
{
	return name_of_text(builder, find_text(builder, marker), marker, 0);
}

static void release_builder(struct builder *builder)
{
	for (size_t i = 0; i < ARRAY_LENGTH(builder->gil); i++)
		free(builder->gil[i]);
	free(builder->kept);
	free(builder->sorted);
	free(builder->first);
	free(builder->text_of);
	free(builder->functions);
	u64_map_release(&builder->functions_by_text);
	u64_map_release(&builder->names_by_key);
}

void flame_init(struct flame *flame, const struct profile *profile, const struct output_options *options)
{
	struct builder builder = {
		.flame = flame, .profile = profile, .options = options, .stacks = profile_stacks(profile)
	};
	uint32_t empty, lost;

	*flame = (struct flame){ .names = NULL };
	array_reserve(&builder.functions, &builder.function_capacity, 1, sizeof(const struct function *));
	name_of_marker(&builder, &all_samples); /* number 0 */
	empty = name_of_marker(&builder, &no_frames);
	lost = name_of_marker(&builder, &left_out);
	flame->frame_of = xcalloc(builder.stacks->node_count, sizeof(*flame->frame_of));
	merge_nodes(&builder, empty);
	add_up(&builder.merged);
	rank_names(flame);
	choose_frames(&builder);
	share_out(&builder);
	sort_frames(&builder);
	make_frames(&builder, lost);
	flame_place(flame);
	release_builder(&builder);
}

void flame_release(struct flame *flame)
{
	free(flame->names);
	free(flame->frames);
	free(flame->frame_of);
	*flame = (struct flame){ .names = NULL };
}
