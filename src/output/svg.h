/* SPDX-License-Identifier: MIT */
/*
 * A flame graph before it is drawn: frames with their places, in the order in which a page and a picture need them. A frame
 * stands where its caller stands or to the right of that, callees first, by their names; what is left is the frame's own.
 */
#ifndef PYROPE_OUTPUT_SVG_H
#define PYROPE_OUTPUT_SVG_H

#include "output/kind.h"
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
		frames; /* callers before callees, from left to right; the first one is the root: all samples */
	size_t frame_count;
	size_t left_out; /* frames that are too many or have too few samples; "(left out)" stands for them */
};

void flame_init(struct flame *flame, const struct profile *profile, const struct output_options *options);
void flame_release(struct flame *flame);

/*
 * Which frames are kept when limit (more than 0) are the most: those with the most samples, and of equal ones the first ones. So
 * a frame is never kept without its caller.
 */
void flame_keep_largest(const struct flame *flame, size_t limit, bool *is_kept);

/* ---- writing ---- */

#define FLUSH_BYTES 32768
#define NAME_COLUMNS 500 /* of a name, of a path: what is longer is cut */

struct svg {
	const struct profile *profile;
	const struct output_options *options;
	struct output_file *file;
	enum colour_by colour_by; /* what was asked for, where that is known */
	struct flame flame;
	struct buffer text, label;
	bool *is_drawn; /* by frame: in the plain picture */
	size_t drawn_count, drawable_count;
	uint32_t rows;
	double scale; /* pixels of a sample */
};

extern const char svg_kind_letters[FRAME_KINDS]; /* the class of each in the style */

void svg_put(struct svg *svg, const char *text);
/* Escapes it; cut to so many columns. */
void svg_put_fit(struct svg *svg, const char *text, size_t columns, enum fit fit);
void svg_flush(struct svg *svg);
/* The name of its file, as it is shown. */
const char *svg_path(const struct svg *svg, const struct function *function);
/* A letter for the class of the style, and one for its shade: neighbours are told apart. */
void svg_colour(const struct svg *svg, const struct flame_name *name, char colour[2]);
void svg_write_data(struct svg *svg);

/* The page's script and style: src/output/svg/, as svg_page.c that make writes. */
extern const unsigned char svg_script[], svg_style[];
extern const size_t svg_script_length, svg_style_length;

#endif
