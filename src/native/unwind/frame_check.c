/* SPDX-License-Identifier: MIT */
/*
 * libdw runs the program in an unwind table without bounds of its own: a register number is the size of an
 * array (up to gigabytes), each DW_CFA_remember_state a copy of it, and an expression of any length is
 * decoded on the machine stack. So each program is read through before libdw gets it, and is refused when
 * it holds what no compiler makes. What is not understood here is refused, too: then there is no row, and
 * unwinding goes its other ways.
 *
 * Instructions: DWARF 5, 6.4.2, and those of GNU. Augmentations: Linux Standard Base 5.0, core, 10.6.
 */
#include "config.h"

#include "native/unwind/frame_check.h"

#include <dwarf.h>
#include <string.h>

#include "pyrope/leb128.h"

#define REGISTER_LIMIT 1024  /* architectures number some 130 */
#define REMEMBER_LIMIT 64    /* states kept at one time */
#define EXPRESSION_LIMIT 512 /* bytes; the longest in use, of signal frames, have about 10 */

static bool skip_bytes(const uint8_t **at, const uint8_t *end, uint64_t count)
{
	if (count > (uint64_t)(end - *at))
		return false;
	*at += count;
	return true;
}

/*
 * What follows an instruction's code: digits for so many bytes, r a register, n another number, b a block
 * of an expression. NULL: not known; or DW_CFA_set_loc, which no compiler makes.
 */
static const char *operands(uint8_t code)
{
	static const char *const table[] = {
		[DW_CFA_nop] = "",
		[DW_CFA_advance_loc1] = "1",
		[DW_CFA_advance_loc2] = "2",
		[DW_CFA_advance_loc4] = "4",
		[DW_CFA_offset_extended] = "rn",
		[DW_CFA_restore_extended] = "r",
		[DW_CFA_undefined] = "r",
		[DW_CFA_same_value] = "r",
		[DW_CFA_register] = "rr",
		[DW_CFA_remember_state] = "",
		[DW_CFA_restore_state] = "",
		[DW_CFA_def_cfa] = "rn",
		[DW_CFA_def_cfa_register] = "r",
		[DW_CFA_def_cfa_offset] = "n",
		[DW_CFA_def_cfa_expression] = "b",
		[DW_CFA_expression] = "rb",
		[DW_CFA_offset_extended_sf] = "rn",
		[DW_CFA_def_cfa_sf] = "rn",
		[DW_CFA_def_cfa_offset_sf] = "n",
		[DW_CFA_val_offset] = "rn",
		[DW_CFA_val_offset_sf] = "rn",
		[DW_CFA_val_expression] = "rb",
		[DW_CFA_GNU_window_save] = "", /* on aarch64: the return address is signed from here on */
		[DW_CFA_GNU_args_size] = "n",
		[DW_CFA_GNU_negative_offset_extended] = "rn",
	};

	switch (code & 0xc0) {
	case DW_CFA_advance_loc:
	case DW_CFA_restore:
		return "";
	case DW_CFA_offset:
		return "n";
	default:
		return code < ARRAY_LENGTH(table) ? table[code] : NULL;
	}
}

static bool check_operand(const uint8_t **at, const uint8_t *end, char kind)
{
	uint64_t value;

	switch (kind) {
	case 'r':
		return leb128_get(at, end, &value) && value < REGISTER_LIMIT;
	case 'n':
		return leb128_get(at, end, &value);
	case 'b':
		return leb128_get(at, end, &value) && value <= EXPRESSION_LIMIT && skip_bytes(at, end, value);
	default:
		return skip_bytes(at, end, (uint64_t)(kind - '0'));
	}
}

static bool check_program(const uint8_t *at, const uint8_t *end)
{
	int remembered = 0;

	while (at < end) {
		const uint8_t code = *at++;
		const char *kinds = operands(code);

		if (!kinds)
			return false;
		for (; *kinds; kinds++)
			if (!check_operand(&at, end, *kinds))
				return false;
		remembered += (code == DW_CFA_remember_state) - (code == DW_CFA_restore_state);
		if (remembered < 0 || remembered > REMEMBER_LIMIT)
			return false;
	}
	return true;
}

/* How long a pointer of this encoding is; 0: not of a fixed length, or not a plain one. */
static unsigned pointer_bytes(uint8_t encoding)
{
	if (encoding & DW_EH_PE_indirect || (encoding & 0x70) > DW_EH_PE_datarel)
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

/* How addresses in the FDEs of this CIE are encoded. */
static bool find_encoding(const Dwarf_CIE *cie, uint8_t *encoding)
{
	const uint8_t *at = cie->augmentation_data, *end;
	const char *letter = cie->augmentation;

	*encoding = DW_EH_PE_absptr;
	if (*letter == '\0')
		return true;
	if (*letter++ != 'z' || !at)
		return false;
	end = at + cie->augmentation_data_size;
	for (; *letter; letter++) {
		switch (*letter) {
		case 'R':
			if (at == end)
				return false;
			*encoding = *at++;
			break;
		case 'L':
			if (!skip_bytes(&at, end, 1))
				return false;
			break;
		case 'P': /* the personality routine; its address may be an indirect one */
			if (at == end || !pointer_bytes(*at & 0x7f) ||
				!skip_bytes(&at, end, 1 + (uint64_t)pointer_bytes(*at & 0x7f)))
				return false;
			break;
		case 'S': /* a signal frame */
		case 'B': /* aarch64: which key signs return addresses */
			break;
		default:
			return false;
		}
	}
	return true;
}

static bool check_cie(const Dwarf_CIE *cie, uint8_t *encoding)
{
	return find_encoding(cie, encoding) && pointer_bytes(*encoding) &&
		check_program(cie->initial_instructions, cie->initial_instructions_end);
}

static bool check_fde(struct frame_entries *entries, const Dwarf_FDE *fde)
{
	const uint8_t *at = fde->start;
	Dwarf_CFI_Entry entry;
	uint64_t next, length;
	uint8_t encoding;

	if (fde->CIE_pointer >= entries->data.d_size ||
		dwarf_next_cfi(
			entries->ident, &entries->data, entries->is_eh, fde->CIE_pointer, &next, &entry) ||
		!dwarf_cfi_cie_p(&entry) || !check_cie(&entry.cie, &encoding) ||
		!skip_bytes(&at, fde->end, 2 * (uint64_t)pointer_bytes(encoding)))
		return false;
	if (entry.cie.augmentation[0] == 'z' &&
		(!leb128_get(&at, fde->end, &length) || !skip_bytes(&at, fde->end, length)))
		return false;
	return check_program(at, fde->end);
}

bool frame_entry_check(struct frame_entries *entries, uint64_t offset, uint64_t *next)
{
	Dwarf_CFI_Entry entry;
	uint8_t encoding;

	*next = offset;
	if (dwarf_next_cfi(entries->ident, &entries->data, entries->is_eh, offset, next, &entry))
		return false;
	return dwarf_cfi_cie_p(&entry) ? check_cie(&entry.cie, &encoding) : check_fde(entries, &entry.fde);
}
