/* SPDX-License-Identifier: MIT */
/*
 * Text from a target made safe: whatever bytes come in, valid UTF-8 without control characters and without
 * characters that do not show comes out.
 * Readers of profiles are unforgiving: one invalid byte makes the Firefox Profiler and protoc refuse a whole
 * file, and an escape sequence in a thread's name would reach the user's terminal.
 *
 * Which sequences are well-formed: The Unicode Standard 15.0, table 3-7. An ill-formed sequence is replaced
 * as that standard recommends (section 3.9, one U+FFFD for each maximal subpart), but for a surrogate in
 * three bytes, which is what "surrogatepass" and WTF-8 write for one character and is replaced as one.
 */
#include "config.h"

#include "pyrope/base.h"

#include <string.h>

#define REPLACEMENT 0xfffd

/*
 * What shows nothing, or changes how other characters are shown: with these in it, a name looks like another
 * one, or reads backwards. They are the Default_Ignorable_Code_Point and the Bidi_Control of the Unicode
 * Character Database (DerivedCoreProperties.txt, PropList.txt; the same 4,174 in 14.0 and in 16.0), and the
 * three marks of interlinear annotations (section 23.8 of the standard), which plain text should not have.
 */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{ 0x00ad, 0x00ad },   /* soft hyphen */
	{ 0x034f, 0x034f },   /* combining grapheme joiner */
	{ 0x061c, 0x061c },   /* Arabic letter mark */
	{ 0x115f, 0x1160 },   /* Hangul fillers */
	{ 0x17b4, 0x17b5 },   /* Khmer inherent vowels */
	{ 0x180b, 0x180f },   /* Mongolian variation selectors, vowel separator */
	{ 0x200b, 0x200f },   /* zero width space, joiners, direction marks */
	{ 0x202a, 0x202e },   /* direction embeddings and overrides */
	{ 0x2060, 0x206f },   /* word joiner, invisible operators, direction isolates */
	{ 0x3164, 0x3164 },   /* Hangul filler */
	{ 0xfe00, 0xfe0f },   /* variation selectors */
	{ 0xfeff, 0xfeff },   /* zero width no-break space, the byte order mark */
	{ 0xffa0, 0xffa0 },   /* halfwidth Hangul filler */
	{ 0xfff0, 0xfffb },   /* reserved; interlinear annotation */
	{ 0x1bca0, 0x1bca3 }, /* shorthand format controls */
	{ 0x1d173, 0x1d17a }, /* musical format controls */
	{ 0xe0000, 0xe0fff }, /* tags, variation selectors, reserved */
};

static bool is_hidden(uint32_t code_point)
{
	size_t low;

	LOWER_BOUND(low, ARRAY_LENGTH(hidden), i, hidden[i].last < code_point);
	return low < ARRAY_LENGTH(hidden) && hidden[low].first <= code_point;
}

static bool is_dropped(uint32_t code_point)
{
	if (code_point < 0xa0)
		return code_point < 0x20 || code_point >= 0x7f;
	return is_hidden(code_point);
}

/* Surrogates, what is beyond the last code point, and the 66 noncharacters, two of which no XML may hold. */
static bool is_no_character(uint32_t code_point)
{
	return (code_point >= 0xd800 && code_point <= 0xdfff) || code_point > 0x10ffff ||
		(code_point >= 0xfdd0 && code_point <= 0xfdef) || (code_point & 0xfffe) == 0xfffe;
}

/*
 * What would end or widen a line; U+2028 and U+2029 are line ends for some readers (str.splitlines,
 * JavaScript).
 */
static bool is_line_or_tab(uint32_t code_point)
{
	return code_point == '\n' || code_point == '\r' || code_point == '\t' || code_point == 0x2028 ||
		code_point == 0x2029;
}

void utf8_append(struct buffer *buffer, uint32_t code_point)
{
	char bytes[4];
	size_t length = 0;

	if (is_line_or_tab(code_point))
		code_point = ' ';
	else if (is_dropped(code_point))
		return;
	else if (is_no_character(code_point))
		code_point = REPLACEMENT;

	if (code_point < 0x80) {
		bytes[length++] = (char)code_point;
	} else if (code_point < 0x800) {
		bytes[length++] = (char)(0xc0 | code_point >> 6);
		bytes[length++] = (char)(0x80 | (code_point & 0x3f));
	} else if (code_point < 0x10000) {
		bytes[length++] = (char)(0xe0 | code_point >> 12);
		bytes[length++] = (char)(0x80 | (code_point >> 6 & 0x3f));
		bytes[length++] = (char)(0x80 | (code_point & 0x3f));
	} else {
		bytes[length++] = (char)(0xf0 | code_point >> 18);
		bytes[length++] = (char)(0x80 | (code_point >> 12 & 0x3f));
		bytes[length++] = (char)(0x80 | (code_point >> 6 & 0x3f));
		bytes[length++] = (char)(0x80 | (code_point & 0x3f));
	}
	buffer_append(buffer, bytes, length);
}

/* How a sequence that begins with a given byte goes on: its length, and the range of its second byte. */
struct sequence {
	uint8_t length, second_low, second_high;
};

static struct sequence sequence_of(uint8_t first)
{
	if (first < 0x80)
		return (struct sequence){ 1, 0, 0 };
	if (first >= 0xc2 && first <= 0xdf)
		return (struct sequence){ 2, 0x80, 0xbf };
	if (first == 0xe0)
		return (struct sequence){ 3, 0xa0, 0xbf };
	if (first >= 0xe1 && first <= 0xef)
		return (struct sequence){ 3, 0x80, 0xbf };
	if (first == 0xf0)
		return (struct sequence){ 4, 0x90, 0xbf };
	if (first >= 0xf1 && first <= 0xf3)
		return (struct sequence){ 4, 0x80, 0xbf };
	if (first == 0xf4)
		return (struct sequence){ 4, 0x80, 0x8f };
	return (struct sequence){ 0, 0, 0 };
}

/* Decodes one code point (surrogates included) or one ill-formed subpart; returns how many bytes it took. */
static size_t decode(const uint8_t *bytes, size_t length, uint32_t *code_point)
{
	struct sequence sequence = sequence_of(bytes[0]);
	size_t used;

	*code_point = REPLACEMENT;
	if (sequence.length == 0)
		return 1;
	for (used = 1; used < sequence.length; used++) {
		uint8_t low = used == 1 ? sequence.second_low : 0x80;
		uint8_t high = used == 1 ? sequence.second_high : 0xbf;

		if (used == length || bytes[used] < low || bytes[used] > high)
			break;
	}
	if (used < sequence.length) {
		/*
		 * ED A0 without its third byte: the standard counts each of the two as a subpart of its own.
		 *
		 */
		return bytes[0] == 0xed && used == 2 && bytes[1] >= 0xa0 ? 1 : used;
	}
	if (sequence.length == 1)
		*code_point = bytes[0];
	else
		*code_point = bytes[0] & (0xffu >> (sequence.length + 1));
	for (size_t i = 1; i < used; i++)
		*code_point = *code_point << 6 | (bytes[i] & 0x3f);
	return used;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

bool utf8_is_plain(const char *bytes, size_t length)
{
	uint64_t other = 0, word;

	/* eight at a time: a byte's highest bit is set when it is below 0x20, 0x7f, or above */
	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		other |= word | (word - EACH(0x20)) | (word + EACH(1));
	}
	for (; length; bytes++, length--)
		if (*bytes < 0x20 || *bytes >= 0x7f)
			return false;
	return !(other & EACH(0x80));
}

void utf8_clean(struct buffer *buffer, const char *bytes, size_t length)
{
	const uint8_t *at = (const uint8_t *)bytes;
	const uint8_t *end = at + length;

	while (at < end) {
		const uint8_t *plain = at;
		uint32_t code_point;

		while (at < end && *at >= 0x20 && *at < 0x7f)
			at++;
		if (at > plain)
			buffer_append(buffer, plain, (size_t)(at - plain));
		if (at == end)
			break;
		at += decode(at, (size_t)(end - at), &code_point);
		utf8_append(buffer, code_point);
	}
}
