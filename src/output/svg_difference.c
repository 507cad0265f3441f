/* SPDX-License-Identifier: MIT */
/*
 * Two profiles in one flame graph: the tree has the stacks of both, a frame is as wide as its share after,
 * and its colour says whether that share, or its time, has changed by more than chance. Each frame is tested
 * as diff tests functions (compare()), by all samples that are in it; so a frame is red or blue where the
 * interval of its own change says so, whatever becomes of its callers.
 */
#include "config.h"

#include "output/svg_difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* By how much a share has grown or shrunk, from the palest colour to the strongest one. */
static const double steps[] = { 1.1, 1.25, 1.5, 2 };

char svg_change_shade(const struct change *change)
{
	const double less = fmin(change->before, change->after), more = fmax(change->before, change->after);
	size_t strength = 0;

	if (change->verdict == CHANGE_NONE || change->verdict == CHANGE_RARE)
		return 'f';
	while (strength < ARRAY_LENGTH(steps) && more >= less * steps[strength])
		strength++;
	return (char)(change->after > change->before ? 'g' + (int)strength : 'e' - (int)strength);
}

static const struct change *change_of(const struct svg *svg, const struct flame_frame *frame)
{
	return &svg->difference->changes[frame - svg->flame.frames];
}

void svg_colour_change(const struct svg *svg, const struct flame_frame *frame, char colour[2])
{
	colour[0] = 'd';
	colour[1] = svg_change_shade(change_of(svg, frame));
}

uint64_t svg_self_before(const struct svg *svg, size_t frame)
{
	return svg->difference->self[0][frame];
}

/* ---- words ---- */

/* Of a number in hundredths: the script of the page rounds it to whole ones as this does. */
static void append_signed(struct buffer *text, double hundredths)
{
	buffer_append_char(text, hundredths < 0 ? '-' : '+');
	svg_append_fixed(text, round(fabs(hundredths)) / 100);
}

/* What so many samples of a side are in the unit. */
static double value_of(const struct svg_difference *difference, size_t side, uint64_t part)
{
	const uint64_t whole = difference->total[side][0];

	return whole ? (double)part * difference->worth[side] / (double)whole : 0;
}

static void append_value(
	struct buffer *text, const struct svg_difference *difference, size_t side, uint64_t part)
{
	if (difference->are_times) {
		svg_append_hundredths(text, value_of(difference, side, part) * 100);
		buffer_printf(text, " %s", difference->unit.name);
	} else {
		svg_append_percent(text, part, difference->total[side][0]);
	}
}

static void put_side(struct svg *svg, const char *name, size_t side, size_t frame)
{
	const uint64_t part = svg->difference->total[side][frame];

	buffer_printf(&svg->text, "%s ", name);
	append_value(&svg->text, svg->difference, side, part);
	svg_put(svg, " (");
	svg_append_count(&svg->text, part);
	buffer_printf(&svg->text, " sample%s)\n", svg_plural(part));
}

void svg_put_change(struct svg *svg, const struct flame_frame *frame)
{
	const struct svg_difference *difference = svg->difference;
	const size_t number = (size_t)(frame - svg->flame.frames);
	const struct change *change = &difference->changes[number];
	const double hundredths = 100 * difference->unit.factor;

	put_side(svg, "before:", 0, number);
	put_side(svg, "after:", 1, number);
	svg_put(svg, "change: ");
	append_signed(&svg->text,
		100 *
			(value_of(difference, 1, difference->total[1][number]) -
				value_of(difference, 0, difference->total[0][number])));
	svg_put(svg, ", 95 %: ");
	append_signed(&svg->text, hundredths * change->low);
	svg_put(svg, " to ");
	append_signed(&svg->text, hundredths * change->high);
	buffer_printf(&svg->text, "\n%s", change_names[change->verdict]);
}

void svg_append_sides(const struct svg *svg, struct buffer *text)
{
	static const char *const names[] = { " samples before, ", " after; " };
	const struct svg_difference *difference = svg->difference;

	for (size_t side = 0; side < 2; side++) {
		if (difference->are_times) {
			append_value(text, difference, side, difference->total[side][0]);
			buffer_append_string(text, " in ");
		}
		svg_append_count(text, difference->total[side][0]);
		buffer_append_string(text, names[side]);
	}
	svg_append_count(text, difference->changed);
	buffer_printf(text, " frame%s changed by more than chance (of them, one in 20 may be chance)",
		svg_plural(difference->changed));
}

void svg_put_difference(struct svg *svg)
{
	const struct svg_difference *difference = svg->difference;

	if (difference->are_times)
		buffer_printf(&svg->text, " data-difference=\"%.17g %.17g %s\"", difference->worth[0],
			difference->worth[1], difference->unit.name);
	else
		svg_put(svg, " data-difference=\"yes\"");
}

void svg_put_change_legend(struct svg *svg, double x)
{
	x = svg_put_legend(svg, x, 'd', 'k',
		svg->difference->are_times ? "twice its time or new" : "twice its share or new");
	x = svg_put_legend(svg, x, 'd', 'g', "grew");
	x = svg_put_legend(svg, x, 'd', 'f', "chance explains it");
	x = svg_put_legend(svg, x, 'd', 'e', "shrank");
	svg_put_legend(svg, x, 'd', 'a', "to half or gone");
}

/*
 * A line for each frame: its shade, the number of its verdict, and its interval in hundredths of a point,
 * or of the unit of time.
 */
void svg_write_changes(struct svg *svg)
{
	const double hundredths = 100 * svg->difference->unit.factor;

	svg_put(svg, "<metadata id=\"verdicts\">");
	for (size_t i = 0; i < CHANGES; i++)
		buffer_printf(&svg->text, "%s\n", change_names[i]);
	svg_put(svg, "</metadata>\n<metadata id=\"changes\">");
	for (size_t i = 0; i < svg->flame.frame_count; i++) {
		const struct change *change = &svg->difference->changes[i];

		buffer_printf(&svg->text, "%c%d", svg_change_shade(change), (int)change->verdict);
		buffer_append_int(&svg->text, llround(change->low * hundredths));
		buffer_append_char(&svg->text, ' ');
		buffer_append_int(&svg->text, llround(change->high * hundredths));
		buffer_append_char(&svg->text, '\n');
		if (svg->text.length > FLUSH_BYTES)
			svg_flush(svg);
	}
	svg_put(svg, "</metadata>\n");
}

/* ---- what has become of each frame ---- */

static void count_frames(
	struct svg_difference *difference, const struct flame *flame, const struct difference *from)
{
	const size_t node_count = profile_stacks(from->profile)->node_count;

	for (size_t side = 0; side < 2; side++) {
		uint64_t *self = xcalloc(flame->frame_count, sizeof(*self)),
			 *total = xcalloc(flame->frame_count, sizeof(*total));

		for (size_t node = 0; node < node_count; node++)
			self[flame->frame_of[node]] += from->counts[side][node];
		for (size_t i = flame->frame_count; i-- > 0;) {
			total[i] += self[i];
			if (i)
				total[flame->frames[i].parent] += total[i];
		}
		difference->self[side] = self;
		difference->total[side] = total;
	}
}

/* By frame: the first one behind it that it does not call. */
static uint32_t *find_ends(const struct flame *flame)
{
	uint32_t *ends = xcalloc(flame->frame_count, sizeof(*ends));

	for (size_t i = flame->frame_count; i-- > 0;) {
		const uint32_t parent = flame->frames[i].parent;

		if (ends[i] < i + 1)
			ends[i] = (uint32_t)i + 1;
		if (i && ends[parent] < ends[i])
			ends[parent] = ends[i];
	}
	return ends;
}

static void judge_frames(
	struct svg_difference *difference, const struct flame *flame, const struct difference *from)
{
	uint32_t *ends = find_ends(flame);
	const struct key_nesting nesting = { flame->frame_of, ends };
	struct comparison comparison;

	compare(flame->frame_count, &nesting, from->runs, from->seconds, &comparison);
	for (size_t i = 0; i < comparison.count; i++) {
		const struct change *change = &comparison.changes[i];

		difference->changed += change->verdict != CHANGE_NONE && change->verdict != CHANGE_RARE;
	}
	difference->changes = comparison.changes;
	free(ends);
}

void svg_difference_init(struct svg_difference *difference, struct svg *svg, const struct difference *from)
{
	struct flame *flame = &svg->flame;

	*difference = (struct svg_difference){ .unit = from->unit, .are_times = from->seconds != NULL };
	for (size_t side = 0; side < 2; side++)
		difference->worth[side] = from->unit.factor * (from->seconds ? from->seconds[side] : 1);
	flame_init(flame, from->profile, svg->options);
	count_frames(difference, flame, from);
	judge_frames(difference, flame, from);
	for (size_t i = 0; i < flame->frame_count; i++) {
		flame->frames[i].self = difference->self[1][i];
		flame->frames[i].total = difference->total[1][i];
	}
	flame_place(flame);
	svg->difference = difference;
}

void svg_difference_release(struct svg_difference *difference)
{
	for (size_t side = 0; side < 2; side++) {
		free(difference->self[side]);
		free(difference->total[side]);
	}
	free(difference->changes);
}

void difference_write_svg(
	const struct difference *difference, const struct output_options *options, struct output_file *file)
{
	struct svg svg = { .profile = difference->profile, .options = options, .file = file };
	struct svg_difference drawn;
	char *title;

	svg_difference_init(&drawn, &svg, difference);
	title = svg_title(&svg);
	svg_put(&svg, SVG_DECLARATION);
	svg_write(&svg, title);
	svg_flush(&svg);
	free(title);
	svg_difference_release(&drawn);
	svg_release(&svg);
}
