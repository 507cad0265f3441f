/* SPDX-License-Identifier: MIT */
/*
 * Where to look: the stacks that use most of a budget, without their lines, and the place in the checkout
 * that they lead to. Files are told by their names alone; nothing is opened.
 */
#include "config.h"

#include "commands/check_tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAMES_SHOWN 8 /* the innermost ones */
#define PATH_BYTES 4096

/* ---- the checkout ---- */

static bool is_checkout(const char *folder)
{
	char *path = xasprintf("%s/.git", folder);
	const bool found = access(path, F_OK) == 0;

	free(path);
	return found;
}

/*
 * As the CI says it, or the folder above the working directory that git works in, or that directory.
 * Allocated.
 */
static char *find_checkout(void)
{
	static const char *const variables[] = { "GITHUB_WORKSPACE", "CI_PROJECT_DIR" };
	char here[PATH_BYTES], *folder;

	for (size_t i = 0; i < ARRAY_LENGTH(variables); i++) {
		const char *value = getenv(variables[i]);

		if (value && value[0] == '/')
			return xstrdup(value);
	}
	if (!getcwd(here, sizeof(here)))
		return xstrdup("");
	folder = xstrdup(here);
	while (*folder && !is_checkout(folder))
		*strrchr(folder, '/') = '\0';
	if (*folder)
		return folder;
	free(folder);
	return xstrdup(here);
}

static const char *below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	while (length && folder[length - 1] == '/')
		length--;
	return length && strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

/* The file's name in the checkout, allocated; NULL: it is not in there. */
static char *name_in_checkout(const struct function *function, const char *checkout)
{
	char here[PATH_BYTES], *whole = NULL, *name = NULL;
	const char *inside, *file = function->file;

	if (function->kind != FUNCTION_PYTHON || file[0] == '<' || path_kind(file) != PATH_OWN ||
		strstr(file, ".."))
		return NULL;
	if (file[0] != '/') { /* as it was given to Python, which worked where the check works */
		if (!getcwd(here, sizeof(here)))
			return NULL;
		whole = xasprintf("%s/%s", here, strncmp(file, "./", 2) == 0 ? file + 2 : file);
	}
	inside = below(whole ? whole : file, checkout);
	if (inside)
		name = xstrdup(inside);
	free(whole);
	return name;
}

/* ---- which stacks ---- */

static uint64_t count_at(const uint64_t *counts, size_t capacity, uint32_t node)
{
	return node < capacity ? counts[node] : 0;
}

/* What the finding is about, by id of the function; NULL: what the bits of the tally say. To be freed. */
static bool *find_functions(const struct tally *tally, const struct finding *finding)
{
	bool *is_meant;

	if (!finding->function)
		return NULL;
	is_meant = xcalloc(functions_count(tally->functions) + 1, sizeof(*is_meant));
	for (uint32_t id = 0; id < functions_count(tally->functions); id++) {
		char *name = tally_name(tally, functions_get(tally->functions, id));

		is_meant[id] = strcmp(name, finding->function) == 0;
		free(name);
	}
	return is_meant;
}

struct search {
	const struct tally *tally;
	const struct finding *finding;
	size_t budget;
	bool *is_meant; /* by id of a function */
};

static bool is_meant(const struct search *search, uint32_t node)
{
	const struct tally *tally = search->tally;
	const uint32_t id = tally->stacks.frames[tally->stacks.nodes[node].frame].function->id;

	return search->is_meant ? search->is_meant[id] : tally->named[id] >> search->budget & 1;
}

/* What of the samples that end here the budget is about. */
static uint64_t weight_of(const struct search *search, uint32_t node)
{
	const struct tally *tally = search->tally;
	const struct stack_node *at = &tally->stacks.nodes[node];

	switch (search->finding->budget->kind) {
	case BUDGET_MAX:
	case BUDGET_NO_CALL:
		return tally->bits[node] >> search->budget & 1 ? at->count : 0;
	case BUDGET_GIL_WAIT:
		return count_at(tally->waits, tally->waits_capacity, node);
	case BUDGET_IDLE:
		return count_at(tally->idle, tally->idle_capacity, node);
	case BUDGET_GROWTH:
		for (uint32_t up = at->count ? node : 0; up;
			up = tally->options->compare_total ? tally->stacks.nodes[up].parent : 0)
			if (is_meant(search, up))
				return at->count;
		return 0;
	case BUDGET_TOTAL:
	case BUDGET_KINDS:
		break;
	}
	return at->count;
}

/* The samples that the parts are of. */
static double samples_of(const struct search *search)
{
	const struct tally *tally = search->tally;
	uint64_t samples = 0;

	if (search->finding->budget->kind != BUDGET_GIL_WAIT)
		return (double)tally->samples;
	for (size_t i = 0; i < tally->subject_count; i++)
		for (size_t run = 0; run < tally->run_count; run++)
			samples +=
				tally->subjects[i].all[run] ? series_samples(tally->subjects[i].all[run]) : 0;
	return (double)samples;
}

struct chains {
	struct stacks stacks; /* without lines; count: of the budget */
	uint32_t *chain;      /* by node of the tally */
	uint32_t *hottest;    /* by chain: its node with most, whose lines are shown */
	uint64_t *most;
};

static void make_chains(const struct search *search, struct chains *chains)
{
	const struct tally *tally = search->tally;
	const size_t count = tally->stacks.node_count;

	*chains = (struct chains){ .chain = xcalloc(count, sizeof(uint32_t)),
		.hottest = xcalloc(count, sizeof(uint32_t)),
		.most = xcalloc(count, sizeof(uint64_t)) };
	stacks_init(&chains->stacks);
	for (uint32_t node = 1; node < count; node++) {
		const struct stack_node *at = &tally->stacks.nodes[node];
		const uint64_t weight = weight_of(search, node);
		const uint32_t chain = stacks_child(&chains->stacks, chains->chain[at->parent],
			stacks_frame(&chains->stacks, tally->stacks.frames[at->frame].function, 0));

		chains->chain[node] = chain;
		chains->stacks.nodes[chain].count += weight;
		if (weight > chains->most[chain]) {
			chains->most[chain] = weight;
			chains->hottest[chain] = node;
		}
	}
}

static void chains_release(struct chains *chains)
{
	stacks_release(&chains->stacks);
	free(chains->chain);
	free(chains->hottest);
	free(chains->most);
}

/* ---- what is said of them ---- */

static char *text_of(const struct tally *tally, const struct chains *chains, uint32_t chain)
{
	char *text = NULL;
	size_t shown = 0;

	for (; chain; chain = chains->stacks.nodes[chain].parent) {
		const struct function *function =
			chains->stacks.frames[chains->stacks.nodes[chain].frame].function;
		char *name, *longer;

		if (shown++ == FRAMES_SHOWN) {
			longer = xasprintf("... > %s", text);
			free(text);
			return longer;
		}
		name = tally_name(tally, function);
		longer = text ? xasprintf("%s > %s", name, text) : xstrdup(name);
		free(name);
		free(text);
		text = longer;
	}
	return text ? text : xstrdup("");
}

/* From the innermost function that the budget names outwards, the first one that is in the checkout. */
static void find_place(const struct search *search, struct finding *finding, uint32_t node)
{
	const struct tally *tally = search->tally;
	char *checkout = find_checkout();
	uint32_t at = node;

	while ((finding->budget->pattern || finding->function) && at && !is_meant(search, at))
		at = tally->stacks.nodes[at].parent;
	for (; at && !finding->file; at = tally->stacks.nodes[at].parent) {
		const struct stack_frame *frame = &tally->stacks.frames[tally->stacks.nodes[at].frame];

		finding->file = name_in_checkout(frame->function, checkout);
		finding->line = frame->line > 0 ? frame->line : frame->function->first_line;
	}
	if (!finding->file)
		finding->line = 0;
	free(checkout);
}

void tally_find_culprits(const struct tally *tally, struct finding *finding)
{
	const struct search search = { .tally = tally,
		.finding = finding,
		.budget = (size_t)(finding->budget - tally->budgets->list),
		.is_meant = find_functions(tally, finding) };
	const double samples = samples_of(&search);
	struct chains chains;

	make_chains(&search, &chains);
	while (finding->culprit_count < CULPRITS_LIMIT) {
		uint32_t largest = 0;

		for (uint32_t i = 1; i < chains.stacks.node_count; i++)
			if (chains.stacks.nodes[i].count > (largest ? chains.stacks.nodes[largest].count : 0))
				largest = i;
		if (!largest)
			break;
		if (!finding->culprit_count)
			find_place(&search, finding, chains.hottest[largest]);
		finding->culprits[finding->culprit_count++] =
			(struct culprit){ .stack = text_of(tally, &chains, largest),
				.part = (double)chains.stacks.nodes[largest].count / samples };
		chains.stacks.nodes[largest].count = 0;
	}
	chains_release(&chains);
	free(search.is_meant);
}
