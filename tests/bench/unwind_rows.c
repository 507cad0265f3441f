/* SPDX-License-Identifier: MIT */
/*
 * What unwinding one frame costs by pyrope's own interpreter of unwind tables, by libdw and by libunwind,
 * and whether they agree.
 *
 *     make tests/bench/unwind_rows && tests/bench/unwind_rows FILE...
 *
 * For each file (programs, libraries): an address in each prologue, body and end of its functions, up to
 * ADDRESSES; one step from there over registers and a stack that are made up, of which each word is
 * another one. Each way runs in a process of its own, so that its memory is known: what that grew by,
 * files that were mapped included. The first time that an address is met is counted apart from the later
 * ones. Prints a table in Markdown.
 */
#include "config.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_LIBUNWIND
#include <libunwind.h>
#endif

#include "native/unwind/unwind_internal.h"
#include "target/elf/eh_index.h"
#include "target/elf/object.h"

#define ADDRESSES 16000 /* libunwind 1.6.2 does not find more than some 16,384 in its cache */
#define AGAIN 5         /* rounds over addresses that are known */
#define BIAS UINT64_C(0x7f0000000000)
#define STACK UINT64_C(0x7ffc00000000)
#define STACK_BYTES ((size_t)4 << 20)
#define MIDDLE (STACK_BYTES / 2)

struct outcome {
	bool is_done;
	uint64_t cfa, pc, known, saved[SAVED_REGISTERS];
};

/* What the child that tries one way writes; shared with it. */
struct trial {
	double first_us, again_us, memory_mb;
	struct outcome outcomes[ADDRESSES];
};

/* What each way is given. */
struct setup {
	int fd;
	struct elf_object object;
	struct eh_index index;
	uint64_t addresses[ADDRESSES]; /* as linked */
	size_t count;
	struct registers registers;
	struct native_copy copy;
};

/* One way to step: open returns what step is given, or NULL. */
struct way {
	const char *name;
	void *(*open)(struct setup *setup);
	void (*step)(void *state, const struct setup *setup, uint64_t vaddr, struct outcome *outcome);
};

static uint64_t word_at(uint64_t address)
{
	return hash_u64(address) >> 8 | 1;
}

static void keep_saved_of(const struct registers *caller, struct outcome *outcome)
{
	for (size_t i = 0; i < register_roles.saved_count; i++) {
		const unsigned number = register_roles.saved[i];

		if (!(caller->known >> number & 1))
			continue;
		outcome->known |= UINT64_C(1) << i;
		outcome->saved[i] = caller->values[number];
	}
}

/* ---- pyrope's ---- */

struct own {
	struct module module;
	struct code_range range;
	struct modules modules;
	struct unwinder *unwinder;
	struct native_frames frames;
};

static void *own_open(struct setup *setup)
{
	struct own *own = xcalloc(1, sizeof(*own));

	own->module = (struct module){
		.kind = MODULE_FILE, .is_mapped = true, .is_opened = true, .bias = BIAS, .fd = setup->fd
	};
	own->range = (struct code_range){ .start = BIAS, .end = UINT64_MAX, .module = &own->module };
	own->modules = (struct modules){ .ranges = &own->range, .range_count = 1, .read_ns = INT64_MAX / 2 };
	own->unwinder = unwinder_new(&own->modules);
	array_reserve(&own->frames.list, &own->frames.capacity, 1, sizeof(*own->frames.list));
	own->frames.count = 1;
	return own;
}

static void own_step(void *state, const struct setup *setup, uint64_t vaddr, struct outcome *outcome)
{
	struct own *own = state;
	struct progress progress = { .unwinder = own->unwinder,
		.copy = &setup->copy,
		.registers = setup->registers,
		.exact_pc = true,
		.frames = &own->frames };
	struct native_frame frame = { .stack_pointer = STACK + MIDDLE, .exact_pc = true };
	const struct cfi_row *row = cfi_rows_find(&own->unwinder->rows, &own->modules, BIAS + vaddr);
	const enum step result = row && row->is_known ? step_by_row(&progress, row, &frame) : STEP_STUCK;

	*outcome = (struct outcome){ .is_done = result != STEP_STUCK, .cfa = frame.end };
	if (result != STEP_DONE)
		return;
	outcome->pc = progress.registers.pc;
	keep_saved_of(&progress.registers, outcome);
}

/* ---- libdw, with the file as it is ---- */

static void *libdw_open(struct setup *setup)
{
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(setup->fd, ELF_C_READ_MMAP, NULL);
	return elf ? dwarf_getcfi_elf(elf) : NULL;
}

/* What the operations say of a register; expressions are left out. */
static bool evaluate_simple(const struct setup *setup, unsigned number, const Dwarf_Op *operations,
	size_t count, uint64_t cfa, uint64_t *value)
{
	uint64_t offset = 0;

	if (!count) {
		*value = setup->registers.values[number];
		return operations == NULL;
	}
	if (operations[0].atom != DW_OP_call_frame_cfa)
		return false;
	if (count > 1 && operations[1].atom == DW_OP_plus_uconst)
		offset = operations[1].number;
	*value = cfa + offset;
	return operations[count - 1].atom == DW_OP_stack_value || copy_load(&setup->copy, *value, value);
}

static void libdw_step(void *state, const struct setup *setup, uint64_t vaddr, struct outcome *outcome)
{
	Dwarf_Op simple[3], *operations;
	struct registers caller = { 0 };
	Dwarf_Frame *frame;
	size_t count;
	int column;

	*outcome = (struct outcome){ 0 };
	if (dwarf_cfi_addrframe(state, vaddr, &frame))
		return;
	column = dwarf_frame_info(frame, NULL, NULL, NULL);
	if (dwarf_frame_cfa(frame, &operations, &count) == 0 && count == 1 && column >= 0 &&
		operations->atom == DW_OP_bregx && operations->number < REGISTER_COUNT) {
		outcome->is_done = true;
		outcome->cfa = setup->registers.values[operations->number] + operations->number2;
		if (dwarf_frame_register(frame, column, simple, &operations, &count) == 0)
			evaluate_simple(
				setup, (unsigned)column, operations, count, outcome->cfa, &outcome->pc);
		for (size_t i = 0; i < register_roles.saved_count; i++) {
			const unsigned number = register_roles.saved[i];

			if (dwarf_frame_register(frame, (int)number, simple, &operations, &count) == 0 &&
				evaluate_simple(setup, number, operations, count, outcome->cfa,
					&caller.values[number]))
				caller.known |= UINT64_C(1) << number;
		}
		keep_saved_of(&caller, outcome);
	}
	free(frame);
}

/* ---- libunwind, for all frames ---- */

#ifdef HAVE_LIBUNWIND

#define search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
int search_unwind_table(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table, unw_proc_info_t *result,
	int need_unwind_info, void *context);

struct libunwind {
	unw_addr_space_t space;
	const struct setup *setup;
	const unsigned char *file; /* mapped */
	uint64_t ip;
};

static int libunwind_memory(
	unw_addr_space_t space, unw_word_t address, unw_word_t *word, int is_write, void *context)
{
	const struct libunwind *state = context;
	uint64_t offset, available;

	(void)space;
	if (is_write)
		return -UNW_EINVAL;
	if (copy_load(&state->setup->copy, address, word))
		return 0;
	*word = 0;
	if (elf_object_offset(&state->setup->object, address - BIAS, &offset, &available))
		memcpy(word, state->file + offset, available < sizeof(*word) ? available : sizeof(*word));
	return 0;
}

static int libunwind_register(
	unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int is_write, void *context)
{
	const struct libunwind *state = context;

	(void)space;
	if (is_write || number < 0 || number >= REGISTER_COUNT)
		return -UNW_EBADREG;
#ifdef __aarch64__
	*value = number == UNW_AARCH64_PC ? state->ip : state->setup->registers.values[number];
#else
	*value = number == UNW_X86_64_RIP ? state->ip : state->setup->registers.values[number];
#endif
	return 0;
}

static int libunwind_find(
	unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *result, int need_unwind_info, void *context)
{
	const struct libunwind *state = context;
	const struct eh_index *index = &state->setup->index;
	unw_dyn_info_t table = { .start_ip = BIAS,
		.end_ip = UINT64_MAX,
		.format = UNW_INFO_FORMAT_REMOTE_TABLE,
		.u.rti = { .segbase = BIAS + index->vaddr,
			.table_data = BIAS + index->vaddr + EH_INDEX_HEADER_BYTES,
			.table_len = index->count } };

	return search_unwind_table(space, ip, &table, result, need_unwind_info, context);
}

static void libunwind_put(unw_addr_space_t space, unw_proc_info_t *info, void *context)
{
	(void)space;
	(void)info;
	(void)context;
}

static int libunwind_dynamic(unw_addr_space_t space, unw_word_t *address, void *context)
{
	(void)space;
	(void)address;
	(void)context;
	return -UNW_ENOINFO;
}

static void *libunwind_open_with(struct setup *setup, unw_caching_policy_t policy)
{
	unw_accessors_t accessors = { .find_proc_info = libunwind_find,
		.put_unwind_info = libunwind_put,
		.get_dyn_info_list_addr = libunwind_dynamic,
		.access_mem = libunwind_memory,
		.access_reg = libunwind_register };
	struct libunwind *state = xcalloc(1, sizeof(*state));

	state->setup = setup;
	state->file = mmap(NULL, setup->object.bytes, PROT_READ, MAP_PRIVATE, setup->fd, 0);
	state->space = unw_create_addr_space(&accessors, 0);
	if (state->file == MAP_FAILED || !state->space)
		return NULL;
	unw_set_caching_policy(state->space, policy);
	if (policy != UNW_CACHE_NONE)
		unw_set_cache_size(state->space, 16384, 0);
	return state;
}

static void *libunwind_open(struct setup *setup)
{
	return libunwind_open_with(setup, UNW_CACHE_NONE);
}

static void *libunwind_open_cached(struct setup *setup)
{
	return libunwind_open_with(setup, UNW_CACHE_GLOBAL);
}

static void libunwind_step(void *opaque, const struct setup *setup, uint64_t vaddr, struct outcome *outcome)
{
	struct libunwind *state = opaque;
	struct registers caller = { 0 };
	unw_cursor_t cursor;
	unw_word_t value;

	(void)setup;
	*outcome = (struct outcome){ 0 };
	state->ip = BIAS + vaddr;
	if (unw_init_remote(&cursor, state->space, state) < 0 || unw_step(&cursor) < 0)
		return;
	outcome->is_done = unw_get_reg(&cursor, UNW_REG_SP, &outcome->cfa) == 0;
	if (unw_get_reg(&cursor, UNW_REG_IP, &outcome->pc) < 0 || !outcome->pc)
		return;
	for (size_t i = 0; i < register_roles.saved_count; i++) {
		const unsigned number = register_roles.saved[i];

		if (unw_get_reg(&cursor, (int)number, &value) < 0)
			continue;
		caller.values[number] = value;
		caller.known |= UINT64_C(1) << number;
	}
	keep_saved_of(&caller, outcome);
}

#endif

static const struct way ways[] = {
	{ "pyrope's interpreter", own_open, own_step },
	{ "libdw", libdw_open, libdw_step },
#ifdef HAVE_LIBUNWIND
	{ "libunwind", libunwind_open, libunwind_step },
	{ "libunwind with its cache", libunwind_open_cached, libunwind_step },
#endif
};

/* ---- measuring ---- */

static double resident_mb(void)
{
	unsigned long resident = 0;
	char line[128] = "", *behind_total = line;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file) {
		if (fgets(line, sizeof(line), file)) {
			strtoul(line, &behind_total, 10);
			resident = strtoul(behind_total, NULL, 10);
		}
		fclose(file);
	}
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* Other programs may run on this machine. */
static int64_t processor_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void try_way(const struct way *way, struct setup *setup, struct trial *trial)
{
	const double before_mb = resident_mb();
	void *state = way->open(setup);
	int64_t begin_ns = processor_ns();
	struct outcome ignored;

	if (!state)
		exit(1);
	for (size_t i = 0; i < setup->count; i++)
		way->step(state, setup, setup->addresses[i], &trial->outcomes[i]);
	trial->first_us = (double)(processor_ns() - begin_ns) / 1e3 / (double)setup->count;
	begin_ns = processor_ns();
	for (int round = 0; round < AGAIN; round++)
		for (size_t i = 0; i < setup->count; i++)
			way->step(state, setup, setup->addresses[i], &ignored);
	trial->again_us = (double)(processor_ns() - begin_ns) / 1e3 / (double)setup->count / AGAIN;
	trial->memory_mb = resident_mb() - before_mb;
}

static struct trial *run_way(const struct way *way, struct setup *setup)
{
	struct trial *trial =
		mmap(NULL, sizeof(*trial), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child;

	if (trial == MAP_FAILED)
		return NULL;
	memset(trial, 0, sizeof(*trial)); /* so that its pages are nobody's memory that is counted */
	child = fork();
	if (child == 0) {
		memset(trial->outcomes, 0, sizeof(trial->outcomes));
		try_way(way, setup, trial);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status) {
		fprintf(stderr, "%s: failed, status %#x\n", way->name, (unsigned)status);
		munmap(trial, sizeof(*trial));
		return NULL;
	}
	return trial;
}

static bool read_index(const void *context, uint64_t offset, void *data, size_t length)
{
	const struct setup *setup = context;

	return elf_object_read_at(&setup->object, setup->index.vaddr + offset, data, length);
}

/* The functions as the index has them; their ends are where the next ones begin. */
static bool find_addresses(struct setup *setup)
{
	const Elf64_Phdr *segment = elf_object_segment(&setup->object, PT_GNU_EH_FRAME);
	size_t stride;
	int32_t pairs[4];

	if (!segment)
		return false;
	setup->index = (struct eh_index){ .vaddr = segment->p_vaddr, .read = read_index, .context = setup };
	if (!eh_index_open(&setup->index) || setup->index.count < 2)
		return false;
	stride = 1 + setup->index.count / (ADDRESSES / 4);
	for (size_t i = 0; i + 1 < setup->index.count && setup->count + 4 <= ADDRESSES; i += stride) {
		uint64_t start, end;

		if (!read_index(setup, EH_INDEX_HEADER_BYTES + EH_INDEX_PAIR_BYTES * i, pairs, sizeof(pairs)))
			return false;
		start = setup->index.vaddr + (uint64_t)(int64_t)pairs[0];
		end = setup->index.vaddr + (uint64_t)(int64_t)pairs[2];
		setup->addresses[setup->count++] = start;
		for (uint64_t part = 1; part < 4; part++)
			if (end - start > part)
				setup->addresses[setup->count++] = start + (end - start) * part / 4;
	}
	return true;
}

static void make_stack(struct setup *setup)
{
	setup->copy =
		(struct native_copy){ .start = STACK, .length = STACK_BYTES, .bytes = xmalloc(STACK_BYTES) };
	for (size_t at = 0; at < STACK_BYTES; at += sizeof(uint64_t)) {
		const uint64_t word = word_at(STACK + at);

		memcpy(setup->copy.bytes + at, &word, sizeof(word));
	}
	setup->registers.known = (UINT64_C(1) << REGISTER_COUNT) - 1;
	for (unsigned i = 0; i < REGISTER_COUNT; i++)
		setup->registers.values[i] = STACK + MIDDLE + UINT64_C(4096) * (i + 1);
	setup->registers.values[register_roles.stack_pointer] = STACK + MIDDLE;
}

/* How many addresses this way and pyrope's both step from, with which results that differ. */
static void compare(
	const struct setup *setup, const struct trial *own, const struct trial *other, size_t counts[3])
{
	memset(counts, 0, 3 * sizeof(*counts));
	for (size_t i = 0; i < setup->count; i++) {
		const struct outcome *one = &own->outcomes[i], *two = &other->outcomes[i];

		counts[0] += two->is_done;
		if (!one->is_done || !two->is_done)
			continue;
		counts[1]++;
		if (one->cfa == two->cfa && one->pc == two->pc &&
			(!one->pc ||
				(one->known == two->known &&
					memcmp(one->saved, two->saved, sizeof(one->saved)) == 0)))
			continue;
		counts[2]++;
		if (getenv("SHOW_DIFFERENCES"))
			printf("%#lx: CFA %#lx %#lx, pc %#lx %#lx, known %#lx %#lx\n",
				(unsigned long)setup->addresses[i], (unsigned long)one->cfa,
				(unsigned long)two->cfa, (unsigned long)one->pc, (unsigned long)two->pc,
				(unsigned long)one->known, (unsigned long)two->known);
	}
}

static int measure(const char *path)
{
	struct setup *setup = xcalloc(1, sizeof(*setup));
	struct trial *own = NULL;

	setup->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!elf_object_open(&setup->object, setup->fd) || !find_addresses(setup)) {
		fprintf(stderr, "%s: no file with .eh_frame_hdr\n", path);
		return 1;
	}
	make_stack(setup);
	printf("\n%s: %u functions, %zu addresses\n\n", path, setup->index.count, setup->count);
	printf("| | first time | again | memory | steps | differ from pyrope's "
	       "|\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_LENGTH(ways); i++) {
		struct trial *trial = run_way(&ways[i], setup);
		size_t counts[3];

		if (!trial)
			continue;
		if (i == 0)
			own = trial;
		if (!own)
			return 1;
		compare(setup, own, trial, counts);
		printf("| %s | %.2f us | %.2f us | %.1f MB | %zu | %zu of %zu |\n", ways[i].name,
			trial->first_us, trial->again_us, trial->memory_mb, counts[0], counts[2], counts[1]);
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int failed = argc < 2;

	if (argc < 2)
		fprintf(stderr, "usage: unwind_rows FILE...\n");
	for (int i = 1; i < argc; i++) {
		fflush(stdout);
		failed |= measure(argv[i]);
	}
	return failed;
}
