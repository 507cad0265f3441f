/* SPDX-License-Identifier: MIT */
/*
 * A flame graph before it is drawn: frames with their places, in the order in which a page and a picture need
 * them. A frame stands where its caller stands or to the right of that, callees first, by their names; what
 * is left is the frame's own.
 */
#ifndef PYROPE_OUTPUT_SVG_H
#define PYROPE_OUTPUT_SVG_H

#include "output/kind.h"
#include "pyrope/compare.h"
#include "pyrope/output.h"

/* What one or more frames are called: all frames of one name below one caller are one frame. */
struct flame_name {
	const struct function *function; /* one of those that are called so; NULL: all samples */
	int line;
	enum frame_kind kind;
	uint32_t rank; /* among all names, as they are sorted */
};

struct flame_frame {
	uint32_t name;
	uint32_t parent; /* less than its own number; of the root: 0 */
	uint32_t depth;  /* of the root: 0 */
	uint64_t start;  /* samples to the left of it */
	uint64_t self, total;
	uint64_t gil; /* of self, at how many the thread held the GIL */
};

struct flame {
	struct flame_name *names;
	size_t name_count;
	struct flame_frame *
		/* callers before callees, from left to right; the first one is the root: all samples */
		frames;
	size_t frame_count;
	uint32_t *frame_of; /* by node of the profile: the frame that has the samples that end there */
	size_t left_out; /* frames that are too many or have too few samples; "(left out)" stands for them */
};

void flame_init(struct flame *flame, const struct profile *profile, const struct output_options *options);
void flame_release(struct flame *flame);
/* Sets where each frame starts, by their totals. */
void flame_place(struct flame *flame);

/*
 * Which frames are kept when limit (more than 0) are the most: those with the most samples, and of equal ones
 * the first ones. So a frame is never kept without its caller.
 */
void flame_keep_largest(const struct flame *flame, size_t limit, bool *is_kept);

/* ---- writing ---- */

#define FLUSH_BYTES 32768
#define NAME_COLUMNS 500 /* of a name, of a path: what is longer is cut */

#define SVG_DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

struct svg_difference;

struct svg {
	const struct profile *profile;
	const struct output_options *options;
	struct output_file *file;
	enum colour_by colour_by;                /* what was asked for, where that is known */
	const struct svg_difference *difference; /* NULL: it shows one profile */
	bool is_part;                            /* of a page of HTML, and not a file of its own */
	struct flame flame;
	struct buffer text, label;
	bool *is_drawn; /* by frame: in the plain picture */
	size_t drawn_count, drawable_count;
	uint32_t rows;
	double scale; /* pixels of a sample */
};

extern const char svg_kind_letters[FRAME_KINDS]; /* the class of each in the style */

/* The name of its file, as it is shown. */
const char *svg_path(const struct svg *svg, const struct function *function);
/* A letter for the class of the style, and one for its shade: neighbours are told apart. */
void svg_colour(const struct svg *svg, const struct flame_name *name, char colour[2]);
void svg_write_data(struct svg *svg);
/* The entry of the legend at x; returns where the next one begins. */
double svg_put_legend(struct svg *svg, double x, char class, char shade, const char *name);
/* Clean UTF-8, allocated. */
char *svg_title(const struct svg *svg);
/* The element <svg> of the flame; profile, options, file and flame are set. */
void svg_write(struct svg *svg, const char *title);
void svg_release(struct svg *svg);

/* ---- text (svg_text.c) ---- */

void svg_put(struct svg *svg, const char *text);
/* Of clean text: as text in XML and in HTML. */
void svg_put_escaped(struct svg *svg, const char *text);
/* Escapes it; cut to so many columns. */
void svg_put_fit(struct svg *svg, const char *text, size_t columns, enum fit fit);
void svg_flush(struct svg *svg);
void svg_append_count(struct buffer *buffer, uint64_t number); /* 1,234,567 */
void svg_append_fixed(struct buffer *buffer, double number);   /* two decimals at most; not negative */
void svg_append_hundredths(struct buffer *buffer, double number); /* of so many of them, with two decimals */
void svg_append_percent(struct buffer *buffer, uint64_t part, uint64_t whole);
void svg_append_span(struct buffer *text, int64_t span_ns);
const char *svg_plural(uint64_t count);

/* ---- what differs when two profiles are in one picture (svg_difference.c) ---- */

/* The letter of the style: a to e shrank, e the least; f is chance; g to k grew, k the most. */
char svg_change_shade(const struct change *change);
void svg_colour_change(const struct svg *svg, const struct flame_frame *frame, char colour[2]);
void svg_put_change(struct svg *svg, const struct flame_frame *frame);
void svg_append_sides(const struct svg *svg, struct buffer *text);
/*
 * The attribute of the element that says what is shown: "yes", or of times what both sides have of them,
 * before and after, and the unit.
 */
void svg_put_difference(struct svg *svg);
void svg_put_change_legend(struct svg *svg, double x);
/* Of the frame with this number. */
uint64_t svg_self_before(const struct svg *svg, size_t frame);
void svg_write_changes(struct svg *svg);

/* The page's script and style: src/output/svg/, as svg_page.c that make writes. */
extern const unsigned char svg_script[], svg_style[], svg_page_style[];
extern const size_t svg_script_length, svg_style_length, svg_page_style_length;

#endif
