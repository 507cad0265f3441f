/* SPDX-License-Identifier: MIT */
/*
 * Of the stacks of a profile, the frames of a flame graph. Frames are told apart by what is written in them, as lines of
 * collapsed stacks are: a function that was compiled twice is one. Frames that only lead to the program are left out where
 * what they lead to is Python, and stay where a sample ends in them, so that no sample moves to another function.
 * Depths are not bounded, so nothing here recurses.
 */
#include "config.h"

#include "output/svg.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_LIMIT 400000 /* of one picture: some 4 MB, which a browser opens at once */

struct builder {
	struct flame *flame;
	const struct output_options *options;
	const struct stacks *stacks;
	size_t name_capacity, frame_capacity;
	uint32_t *text_of; /* by id of a function: the one with the same texts that came first */
	size_t text_capacity;
	struct u64_map functions_by_text, names_by_key;
	const struct function **functions; /* with different texts */
	size_t function_count, function_capacity;
	/* by node of the profile */
	uint32_t *parents, *names;
	uint64_t *totals;
	uint32_t *sorted; /* the nodes by parent, then by name */
	size_t *first; /* where in it the callees of a node begin; they end where those of the next one begin */
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
	int order = strcmp(a->function->name, b->function->name);

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

#define LEFT_OUT UINT32_MAX /* for a parent: the node is no frame */

/* Whether the frame leads to others only, and is left out where it does. */
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

/* Gives each node its name and its caller, which may be further up than in the profile. */
static void link_nodes(struct builder *builder)
{
	const struct stacks *stacks = builder->stacks;
	uint32_t *name_of_frame = xreallocarray(NULL, stacks->frame_count + 1, sizeof(*name_of_frame));
	bool *leads = find_leading(builder, name_of_frame);
	bool *is_needed = xcalloc(stacks->node_count, sizeof(*is_needed));

	for (size_t i = 1; i < stacks->node_count; i++) {
		const struct stack_node *node = &stacks->nodes[i];
		const uint32_t above = node->parent;
		const bool is_below_leading = above && leads[stacks->nodes[above].frame];
		const bool is_python = stacks->frames[node->frame].function->kind == FUNCTION_PYTHON;

		builder->names[i] = name_of_frame[node->frame];
		builder->parents[i] = is_below_leading && is_python ? builder->parents[above] : above;
		/* one that calls what is no Python is the last one of the program's, and stays */
		if (is_below_leading && !is_python)
			is_needed[above] = true;
		is_needed[i] = !leads[node->frame] || node->count;
	}
	for (size_t i = 1; i < stacks->node_count; i++)
		if (!is_needed[i])
			builder->parents[i] = LEFT_OUT;
	free(is_needed);
	free(leads);
	free(name_of_frame);
}

static void add_up(struct builder *builder)
{
	for (size_t i = builder->stacks->node_count; i-- > 0;) {
		builder->totals[i] += builder->stacks->nodes[i].count;
		if (i && builder->parents[i] != LEFT_OUT)
			builder->totals[builder->parents[i]] += builder->totals[i];
	}
}

/* By counting: the nodes sorted by name, then, keeping that order, by parent. */
static void sort_nodes(struct builder *builder)
{
	const struct flame_name *names = builder->flame->names;
	const size_t name_count = builder->flame->name_count, count = builder->stacks->node_count;
	const size_t buckets = name_count > count ? name_count : count;
	size_t *ends = xcalloc(buckets + 2, sizeof(*ends)), *first = builder->first, used = 0;
	uint32_t *by_name = xreallocarray(NULL, count + 1, sizeof(*by_name));

	for (size_t i = 1; i < count; i++)
		ends[names[builder->names[i]].rank + 1]++;
	for (size_t i = 1; i <= name_count; i++)
		ends[i] += ends[i - 1];
	for (uint32_t i = 1; i < count; i++)
		by_name[ends[names[builder->names[i]].rank]++] = i;

	for (size_t i = 1; i < count; i++) {
		if (builder->parents[i] != LEFT_OUT) {
			first[builder->parents[i] + 1]++;
			used++;
		}
	}
	for (size_t i = 1; i <= count; i++)
		first[i] += first[i - 1];
	memcpy(ends, first, count * sizeof(*ends));
	builder->sorted = xreallocarray(NULL, used + 1, sizeof(*builder->sorted));
	for (size_t i = 0; i + 1 < count; i++) {
		const uint32_t parent = builder->parents[by_name[i]];

		if (parent != LEFT_OUT)
			builder->sorted[ends[parent]++] = by_name[i];
	}
	free(ends);
	free(by_name);
}

/* ---- frames ---- */

/* Nodes that are one frame: they have one name, and their callers are one frame. */
struct group {
	uint32_t *nodes; /* of builder->sorted, or of a pool of callees of several nodes */
	uint32_t count, parent;
};

/* What waits to become frames, the next one last. */
struct groups {
	struct group *list;
	size_t count, capacity;
	uint32_t **pools;
	size_t pool_count, pool_capacity;
};

static int compare_nodes(const void *left, const void *right, void *context)
{
	const struct builder *builder = context;
	const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	const uint32_t rank = builder->flame->names[builder->names[a]].rank;
	const uint32_t other = builder->flame->names[builder->names[b]].rank;

	return rank != other ? (rank > other) - (rank < other) : (a > b) - (a < b);
}

/* The callees of all nodes of a group, sorted by name. */
static uint32_t *callees_of(
	struct builder *builder, struct groups *groups, const struct group *group, size_t *count)
{
	const size_t *first = builder->first;
	uint32_t *pool;

	*count = 0;
	for (size_t i = 0; i < group->count; i++)
		*count += first[group->nodes[i] + 1] - first[group->nodes[i]];
	if (group->count == 1 || !*count)
		return builder->sorted + first[group->nodes[0]];
	pool = xreallocarray(NULL, *count, sizeof(*pool));
	array_reserve(&groups->pools, &groups->pool_capacity, groups->pool_count + 1, sizeof(*groups->pools));
	groups->pools[groups->pool_count++] = pool;
	*count = 0;
	for (size_t i = 0; i < group->count; i++) {
		const uint32_t node = group->nodes[i];
		const size_t own = first[node + 1] - first[node];

		memcpy(pool + *count, builder->sorted + first[node], own * sizeof(*pool));
		*count += own;
	}
	qsort_r(pool, *count, sizeof(*pool), compare_nodes, builder);
	return pool;
}

static uint32_t add_frame(struct builder *builder, uint32_t name, uint32_t parent)
{
	struct flame *flame = builder->flame;
	const uint32_t depth = flame->frame_count ? flame->frames[parent].depth + 1 : 0;

	array_reserve(
		&flame->frames, &builder->frame_capacity, flame->frame_count + 1, sizeof(*flame->frames));
	flame->frames[flame->frame_count] =
		(struct flame_frame){ .name = name, .parent = parent, .depth = depth };
	return (uint32_t)flame->frame_count++;
}

/* Samples without any frame become one, so that those of the root are those of its callees. */
static void add_no_frames(struct builder *builder, const struct profile *profile, uint32_t name)
{
	const uint64_t count = builder->stacks->nodes[0].count;
	const uint32_t frame = count ? add_frame(builder, name, 0) : 0;

	if (count)
		builder->flame->frames[frame].self = builder->flame->frames[frame].total = count;
	builder->flame->frames[frame].gil = profile_gil(profile, 0);
	builder->flame->frame_of[0] = frame;
}

static void push_callees(
	struct builder *builder, struct groups *groups, const struct group *group, uint32_t frame)
{
	size_t count;
	uint32_t *callees = callees_of(builder, groups, group, &count);

	for (size_t end = count, at; end > 0; end = at) {
		at = end - 1;
		while (at > 0 && builder->names[callees[at - 1]] == builder->names[callees[end - 1]])
			at--;
		array_reserve(&groups->list, &groups->capacity, groups->count + 1, sizeof(*groups->list));
		groups->list[groups->count++] = (struct group){ callees + at, (uint32_t)(end - at), frame };
	}
}

static void make_frames(
	struct builder *builder, const struct profile *profile, uint32_t root_name, uint32_t no_frames_name)
{
	uint32_t root_node = 0;
	const struct group root = { &root_node, 1, 0 };
	struct groups groups = { .list = NULL };

	array_reserve(&builder->flame->frames, &builder->frame_capacity, builder->stacks->node_count + 1,
		sizeof(*builder->flame->frames));
	add_frame(builder, root_name, 0);
	builder->flame->frames[0].total = builder->totals[0];
	add_no_frames(builder, profile, no_frames_name);
	push_callees(builder, &groups, &root, 0);
	while (groups.count) {
		const struct group group = groups.list[--groups.count];
		const uint32_t frame = add_frame(builder, builder->names[group.nodes[0]], group.parent);

		for (size_t i = 0; i < group.count; i++) {
			const uint32_t node = group.nodes[i];

			builder->flame->frames[frame].self += builder->stacks->nodes[node].count;
			builder->flame->frames[frame].total += builder->totals[node];
			builder->flame->frames[frame].gil += profile_gil(profile, node);
			builder->flame->frame_of[node] = frame;
		}
		push_callees(builder, &groups, &group, frame);
	}
	for (size_t i = 0; i < groups.pool_count; i++)
		free(groups.pools[i]);
	free(groups.pools);
	free(groups.list);
}

/* ---- leaving out ---- */

#define SMALL_WEIGHTS 65536 /* are counted; larger ones are few */

static int compare_weights(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a < b) - (a > b);
}

/* The weight of the last one of the limit largest; *equal becomes how many of this weight are among those. */
static uint64_t least_weight(const struct flame *flame, size_t limit, size_t *equal)
{
	size_t *counts = xcalloc(SMALL_WEIGHTS + 1, sizeof(*counts)), above = 0, count = 0,
	       least = SMALL_WEIGHTS;
	uint64_t *large;

	for (size_t i = 0; i < flame->frame_count; i++)
		counts[flame->frames[i].total < SMALL_WEIGHTS ? flame->frames[i].total : SMALL_WEIGHTS]++;
	large = xreallocarray(NULL, counts[SMALL_WEIGHTS] + 1, sizeof(*large));
	if (counts[SMALL_WEIGHTS] >= limit) {
		for (size_t i = 0; i < flame->frame_count; i++)
			if (flame->frames[i].total >= SMALL_WEIGHTS)
				large[count++] = flame->frames[i].total;
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

void flame_keep_largest(const struct flame *flame, size_t limit, bool *is_kept)
{
	size_t equal = 0;
	uint64_t least;

	memset(is_kept, 1, flame->frame_count);
	if (flame->frame_count <= limit)
		return;
	least = least_weight(flame, limit, &equal);
	for (size_t i = 0; i < flame->frame_count; i++) {
		const uint64_t total = flame->frames[i].total;

		is_kept[i] = total > least || (total == least && equal);
		equal -= total == least && equal;
	}
}

/* By frame: all below it that is left out. */
struct lost {
	uint64_t total, gil;
};

/* What is left out of a caller becomes one frame, the first one below it. */
static void leave_out(struct builder *builder, uint32_t name)
{
	struct flame *flame = builder->flame, old = *flame;
	bool *is_kept = xcalloc(old.frame_count, sizeof(*is_kept));
	const double least = builder->options->least_part * (double)old.frames[0].total;
	uint32_t *number = xcalloc(old.frame_count, sizeof(*number)); /* by frame: that it is or is left out to */
	uint32_t *stands_in = xcalloc(old.frame_count, sizeof(*stands_in));
	struct flame_frame *lost =
		xcalloc(old.frame_count, sizeof(*lost)); /* by frame: all below it that is left out */

	flame_keep_largest(flame, FRAME_LIMIT, is_kept);
	for (size_t i = 1; i < old.frame_count; i++)
		is_kept[i] &= (double)old.frames[i].total >= least;
	for (size_t i = old.frame_count; i-- > 1;) {
		if (is_kept[i])
			continue;
		flame->left_out++;
		lost[old.frames[i].parent].total += old.frames[i].self + lost[i].total;
		lost[old.frames[i].parent].gil += old.frames[i].gil + lost[i].gil;
	}
	if (flame->left_out) {
		flame->frames = NULL;
		flame->frame_count = builder->frame_capacity = 0;
	}
	for (size_t i = 0; flame->left_out && i < old.frame_count; i++) {
		if (!is_kept[i]) {
			const uint32_t parent = old.frames[i].parent;

			number[i] = is_kept[parent] ? stands_in[parent] : number[parent];
			continue;
		}
		number[i] = add_frame(builder, old.frames[i].name, i ? number[old.frames[i].parent] : 0);
		flame->frames[number[i]].self = old.frames[i].self;
		flame->frames[number[i]].total = old.frames[i].total;
		flame->frames[number[i]].gil = old.frames[i].gil;
		if (lost[i].total) {
			const uint32_t frame = stands_in[i] = add_frame(builder, name, number[i]);

			flame->frames[frame].self = flame->frames[frame].total = lost[i].total;
			flame->frames[frame].gil = lost[i].gil;
		}
	}
	for (size_t node = 0; flame->left_out && node < builder->stacks->node_count; node++)
		flame->frame_of[node] = number[flame->frame_of[node]];
	if (flame->left_out)
		free(old.frames);
	free(stands_in);
	free(lost);
	free(number);
	free(is_kept);
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

void flame_init(struct flame *flame, const struct profile *profile, const struct output_options *options)
{
	const size_t count = profile_stacks(profile)->node_count;
	struct builder builder = { .flame = flame, .options = options, .stacks = profile_stacks(profile) };
	uint32_t root, empty, lost;

	*flame = (struct flame){ .names = NULL };
	array_reserve(&builder.functions, &builder.function_capacity, 1, sizeof(const struct function *));
	root = name_of_marker(&builder, &all_samples);
	empty = name_of_marker(&builder, &no_frames);
	lost = name_of_marker(&builder, &left_out);
	builder.parents = xcalloc(count, sizeof(*builder.parents));
	builder.names = xcalloc(count, sizeof(*builder.names));
	builder.totals = xcalloc(count, sizeof(*builder.totals));
	builder.first = xcalloc(count + 1, sizeof(*builder.first));
	flame->frame_of = xcalloc(count, sizeof(*flame->frame_of));
	link_nodes(&builder);
	add_up(&builder);
	rank_names(flame);
	sort_nodes(&builder);
	make_frames(&builder, profile, root, empty);
	free(builder.parents);
	free(builder.names);
	free(builder.totals);
	free(builder.sorted);
	free(builder.first);
	leave_out(&builder, lost);
	flame_place(flame);
	free(builder.text_of);
	free(builder.functions);
	u64_map_release(&builder.functions_by_text);
	u64_map_release(&builder.names_by_key);
}

void flame_release(struct flame *flame)
{
	free(flame->names);
	free(flame->frames);
	free(flame->frame_of);
	*flame = (struct flame){ .names = NULL };
}
