/* SPDX-License-Identifier: MIT */
/*
 * The headers of an entry: DWARF 5, 6.4.1, with versions 1, 3 and 4; .eh_frame and augmentations: Linux
 * Standard Base 5.0, core, 10.6. What no compiler writes is refused: then there is no row, and unwinding
 * goes its other ways.
 */
#include "config.h"

#include "native/unwind/frame_entry.h"

#include <dwarf.h>
#include <string.h>

#include "pyrope/leb128.h"

#define LONG_FORMAT UINT32_MAX /* 64-bit DWARF: for tables over 4 GB */

static uint32_t get_u32(const unsigned char *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static bool skip(const unsigned char **at, const unsigned char *end, uint64_t count)
{
	if (count > (uint64_t)(end - *at))
		return false;
	*at += count;
	return true;
}

bool frame_head_read(const struct frame_bytes *entry, bool is_debug, struct frame_head *head)
{
	uint32_t length, id;

	*head = (struct frame_head){ 0 };
	if (entry->length < FRAME_HEAD_BYTES)
		return false;
	length = get_u32(entry->bytes);
	if (length == LONG_FORMAT || !length)
		return false;
	head->bytes = 4 + (uint64_t)length;
	if (length < 4)
		return false;
	id = get_u32(entry->bytes + 4);
	head->is_cie = id == (is_debug ? UINT32_MAX : 0);
	head->cie = is_debug ? id : (uint64_t)id - 4;
	return true;
}

/*
 * How long a pointer of this encoding is; 0: not of a fixed length, or relative to something else than
 * itself.
 */
static unsigned pointer_bytes(uint8_t encoding)
{
	if (encoding & DW_EH_PE_indirect || (encoding & 0x70) > DW_EH_PE_pcrel)
		return 0;
	switch (encoding & 0x07) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
		return 8;
	case DW_EH_PE_udata4:
		return 4;
	case DW_EH_PE_udata2:
		return 2;
	default:
		return 0;
	}
}

/* A personality routine's, which nobody follows here. */
static unsigned ignored_pointer_bytes(uint8_t encoding)
{
	return pointer_bytes(encoding & 0x0f);
}

static bool get_pointer(const struct frame_bytes *from, const unsigned char **at, const unsigned char *end,
	uint8_t encoding, uint64_t *value)
{
	const unsigned bytes = pointer_bytes(encoding);
	const unsigned char *here = *at;
	int16_t two;
	int32_t four;

	if (!bytes || !skip(at, end, bytes))
		return false;
	switch (bytes) {
	case 2:
		memcpy(&two, here, sizeof(two));
		*value = encoding & DW_EH_PE_signed ? (uint64_t)(int64_t)two : (uint16_t)two;
		break;
	case 4:
		memcpy(&four, here, sizeof(four));
		*value = encoding & DW_EH_PE_signed ? (uint64_t)(int64_t)four : (uint32_t)four;
		break;
	default:
		memcpy(value, here, sizeof(*value));
	}
	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		*value += from->vaddr + (uint64_t)(here - from->bytes);
	return true;
}

/* What the letters of an augmentation say; *encoding: how addresses in the FDEs are written. */
static bool read_augmentation(const char *letters, const unsigned char *at, const unsigned char *end,
	struct frame_entry *entry, uint8_t *encoding)
{
	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			if (at == end)
				return false;
			*encoding = *at++;
			break;
		case 'L':
			if (!skip(&at, end, 1))
				return false;
			break;
		case 'P':
			if (at == end || !ignored_pointer_bytes(*at) ||
				!skip(&at, end, 1 + (uint64_t)ignored_pointer_bytes(*at)))
				return false;
			break;
		case 'S':
			entry->is_signal = true;
			break;
		case 'B': /* aarch64: which key signs return addresses */
			break;
		default:
			return false;
		}
	}
	return true;
}

static bool read_cie(const struct frame_bytes *cie, bool is_debug, struct frame_entry *entry,
	uint8_t *encoding, bool *is_augmented)
{
	const unsigned char *at = cie->bytes + FRAME_HEAD_BYTES, *end = cie->bytes + cie->length,
			    *augmentation;
	uint64_t column, length;
	uint8_t version;

	if (at == end)
		return false;
	version = *at++;
	augmentation = at;
	at = memchr(at, '\0', (size_t)(end - at));
	if (!at || (version != 1 && version != 3 && version != 4))
		return false;
	at++;
	/* the size of an address, and of a segment selector */
	if (version == 4 && (!skip(&at, end, 2) || at[-2] != sizeof(uint64_t) || at[-1]))
		return false;
	if (!leb128_get(&at, end, &entry->code_alignment) ||
		!leb128_get_signed(&at, end, &entry->data_alignment))
		return false;
	column = at < end ? *at : 0;
	if (version == 1 ? !skip(&at, end, 1) : !leb128_get(&at, end, &column))
		return false;
	*is_augmented = *augmentation == 'z';
	*encoding = DW_EH_PE_absptr;
	if (column >= REGISTER_COUNT || (!*is_augmented && *augmentation) || (*is_augmented && is_debug))
		return false;
	entry->return_column = (unsigned)column;
	if (*is_augmented) {
		const unsigned char *data;

		if (!leb128_get(&at, end, &length))
			return false;
		data = at;
		if (!skip(&at, end, length) ||
			!read_augmentation((const char *)augmentation + 1, data, at, entry, encoding))
			return false;
	}
	entry->initial = (struct frame_program){ .begin = at, .end = end };
	return pointer_bytes(*encoding) != 0;
}

bool frame_entry_read(const struct frame_bytes *fde, const struct frame_bytes *cie, bool is_debug,
	struct frame_entry *entry)
{
	const unsigned char *at = fde->bytes + FRAME_HEAD_BYTES, *end = fde->bytes + fde->length;
	uint64_t range, length;
	uint8_t encoding;
	bool is_augmented;

	*entry = (struct frame_entry){ 0 };
	if (!read_cie(cie, is_debug, entry, &encoding, &is_augmented) ||
		!get_pointer(fde, &at, end, encoding, &entry->code.begin) ||
		!get_pointer(fde, &at, end, encoding & 0x07, &range) ||
		__builtin_add_overflow(entry->code.begin, range, &entry->code.end))
		return false;
	if (is_augmented && (!leb128_get(&at, end, &length) || !skip(&at, end, length)))
		return false;
	entry->own = (struct frame_program){ .begin = at, .end = end };
	return true;
}
