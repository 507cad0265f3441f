/* SPDX-License-Identifier: MIT */
/*
 * libunwind's remote interface (unw_create_addr_space, unw_init_remote) over a copy.
 *
 * libunwind 1.6.2 does not stand every table. A DW_CFA_register is an index that it does not check, a
 * division in an expression may trap, a table without a rule for the CFA is an assertion that fails, the
 * operands of DW_CFA_val_offset are run as instructions, an expression may jump back for ever. Therefore:
 *
 * - it gets no table to search, only the one entry that frame_program.c has run to the same address, and
 *   only if that had nothing of what stands above in it (is_only_ours, is_harmless);
 * - it reads by our accessors alone, which serve the entry, the copy of the stack, and nothing of the
 *   live target; they count, and end an expression that jumps for ever;
 * - where its step fails it would guess by the frame pointer (x86_64) or the link register (aarch64):
 *   find_entry never says UNW_ENOINFO, which leads to the former, and a step that leaves the stack
 *   pointer where it is counts as failed, as the latter does.
 *
 * The cost of a step (some us, see tests/bench/unwind_rows.c) is paid for few frames. Its own cache stays
 * off: it would not know when other code is mapped.
 */
#include "config.h"

#include "native/unwind/step_remote.h"

#ifdef HAVE_LIBUNWIND

#include <libunwind.h>
#include <stdlib.h>
#include <string.h>

#define READ_LIMIT 20000 /* words, in one step; a signal frame takes some 500 */
/* Where libunwind sees the table of one pair that leads to the entry; no stack and no file is there. */
#define PAIR_ADDRESS UINT64_C(8)

#ifdef __aarch64__
#define PC_NUMBER UNW_AARCH64_PC
#define SP_NUMBER UNW_AARCH64_SP
#else
#define PC_NUMBER UNW_X86_64_RIP
#define SP_NUMBER UNW_X86_64_RSP
#endif

/*
 * Not in a header of libunwind, but made for callers of unw_create_addr_space, as its own libunwind-
 * ptrace is one.
 */
#define search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
int search_unwind_table(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table, unw_proc_info_t *result,
	int need_unwind_info, void *context);

struct remote {
	unw_addr_space_t space;
};

/* What the accessors are given. */
struct view {
	const struct remote_step *step;
	bool is_entry_read; /* by find_entry; else an expression is evaluated */
	unsigned reads;
};

/* ---- what libunwind sees ---- */

/* The word at address, of which the part within the piece is filled in. */
static bool serve(const unsigned char *bytes, size_t length, raddr_t begin, raddr_t address, unw_word_t *word)
{
	unsigned char *to = (unsigned char *)word;
	bool is_within = false;

	for (size_t i = 0; i < sizeof(*word); i++) {
		if (address + i - begin >= length)
			continue;
		to[i] = bytes[address + i - begin];
		is_within = true;
	}
	return is_within;
}

static int read_memory(
	unw_addr_space_t space, unw_word_t address, unw_word_t *word, int is_write, void *context)
{
	struct view *view = context;
	const struct remote_step *step = view->step;
	const struct cfi_entry *entry = step->entry;
	const int32_t pair[2] = { INT32_MIN, 0 }; /* code from far below on, and its entry at segbase */
	const void *in_copy;
	bool is_entry;

	(void)space;
	if (is_write || ++view->reads > READ_LIMIT)
		return -UNW_EINVAL;
	*word = 0;
	is_entry = serve(step->bytes + entry->fde, entry->fde_bytes, entry->fde_address, address, word);
	is_entry |= serve(step->bytes + entry->cie, entry->cie_bytes, entry->cie_address, address, word);
	if (is_entry)
		return 0;
	in_copy = native_copy_at(step->copy, address, sizeof(*word));
	if (in_copy)
		memcpy(word, in_copy, sizeof(*word));
	else if (address == PAIR_ADDRESS)
		memcpy(word, pair, sizeof(pair));
	/*
	 * else: the code, which aarch64 looks at for a signal's trampoline, and addresses of languages'
	 * routines
	 */
	return in_copy || !view->is_entry_read || address - step->lookup_pc < 2 * sizeof(*word) ? 0
												: -UNW_EINVAL;
}

static int read_register(
	unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int is_write, void *context)
{
	const struct view *view = context;
	const struct registers *registers = view->step->registers;

	(void)space;
	if (is_write)
		return -UNW_EREADONLYREG;
	if (number == PC_NUMBER) {
		*value = view->step->lookup_pc;
		return 0;
	}
	if (number < 0 || number >= REGISTER_COUNT || !(registers->known >> number & 1))
		return -UNW_EBADREG;
	*value = registers->values[number];
	return 0;
}

static int find_entry(
	unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *result, int need_unwind_info, void *context)
{
	struct view *view = context;
	const struct cfi_entry *entry = view->step->entry;
	unw_dyn_info_t table = { .start_ip = entry->code.begin,
		.end_ip = entry->code.end,
		.format = UNW_INFO_FORMAT_REMOTE_TABLE,
		.u.rti = { .segbase = entry->fde_address, .table_data = PAIR_ADDRESS, .table_len = 1 } };
	int status;

	if (ip < entry->code.begin || ip >= entry->code.end)
		return -UNW_EUNSPEC;
	view->is_entry_read = false;
	status = search_unwind_table(space, ip, &table, result, need_unwind_info, context);
	view->is_entry_read = true;
	return status == -UNW_ENOINFO ? -UNW_EUNSPEC : status;
}

/* libunwind frees what search_unwind_table has taken itself. */
static void put_entry(unw_addr_space_t space, unw_proc_info_t *info, void *context)
{
	(void)space;
	(void)info;
	(void)context;
}

static int find_dynamic(unw_addr_space_t space, unw_word_t *address, void *context)
{
	(void)space;
	(void)address;
	(void)context;
	return -UNW_ENOINFO;
}

/* ---- one step ---- */

bool remote_step(struct remote *remote, struct remote_step *step)
{
	struct view view = { .step = step, .is_entry_read = true };
	const unsigned stack_pointer = register_roles.stack_pointer;
	unw_cursor_t cursor;
	unw_word_t value;
	int status;

	if (!remote || !(step->registers->known >> stack_pointer & 1) ||
		unw_init_remote(&cursor, remote->space, &view) < 0)
		return false;
	status = unw_step(&cursor);
	if (status < 0 || unw_get_reg(&cursor, UNW_REG_SP, &value) < 0 ||
		value == step->registers->values[stack_pointer])
		return false;
	step->cfa = value;
	step->pc = 0;
	if (status > 0 && unw_get_reg(&cursor, UNW_REG_IP, &value) == 0)
		step->pc = value;
	step->caller = (struct registers){ 0 };
	for (int number = 0; number < REGISTER_COUNT; number++) {
		if (number == PC_NUMBER || unw_get_reg(&cursor, number, &value) < 0)
			continue;
		step->caller.values[number] = value;
		step->caller.known |= UINT64_C(1) << number;
	}
	return true;
}

struct remote *remote_new(void)
{
	unw_accessors_t accessors = { .find_proc_info = find_entry,
		.put_unwind_info = put_entry,
		.get_dyn_info_list_addr = find_dynamic,
		.access_mem = read_memory,
		.access_reg = read_register };
	unw_addr_space_t space = unw_create_addr_space(&accessors, 0);
	struct remote *remote;

	if (!space)
		return NULL;
	unw_set_caching_policy(space, UNW_CACHE_NONE);
	remote = xcalloc(1, sizeof(*remote));
	remote->space = space;
	return remote;
}

void remote_free(struct remote *remote)
{
	if (!remote)
		return;
	unw_destroy_addr_space(remote->space);
	free(remote);
}

#else

bool remote_step(struct remote *remote, struct remote_step *step)
{
	(void)remote;
	(void)step;
	return false;
}

struct remote *remote_new(void)
{
	return NULL;
}

void remote_free(struct remote *remote)
{
	(void)remote;
}

#endif
