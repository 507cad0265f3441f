/* SPDX-License-Identifier: MIT */
/*
 * Each address is named once and the result kept for the whole run; so what is read from files to name it
 * need not stay. The tables of the modules that were used last do, within limits: most
 * addresses that are new lie in few modules.
 *
 * A frame says where it is, as Python's do, by three texts: the file is the name of the module, the name is
 * what a programmer would call the function. Equal ones share a struct function, so that parts and copies of
 * one function are one function.
 */
#include "config.h"

#include "native/names/names.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "native/names/binary.h"
#include "native/files/budget.h"
#include "native/names/cython.h"
#include "native/names/demangle.h"
#include "native/names/perf_map.h"
#include "native/names/plumbing.h"

#define NAME_LIMIT_BYTES 1024
#define START_BYTES 512 /* glibc's __libc_start_call_main has some 180 */
#define TABLES_LIMIT_BYTES ((size_t)16 << 20)
/* more than one module has that much only when it is alone */
#define LINES_LIMIT_BYTES ((size_t)64 << 20)
#define BINARIES_LIMIT 64 /* each may have two files open */

/* What is loaded of a module. */
struct slot {
	struct binary *binary; /* NULL: not loaded */
	size_t bytes, lines_bytes;
	uint64_t last_used;
};

struct names {
	struct target *target;
	struct roots roots;
	struct slot *slots; /* by id of module */
	size_t slot_count, slot_capacity;
	size_t loaded_count, loaded_bytes, loaded_lines_bytes;
	uint64_t uses;
	struct functions *functions; /* borrowed: the run's */
	struct named **all;          /* what was handed out */
	size_t count, capacity;
	struct buffer text, clean; /* for one name at a time */
	struct symbol_found found;
	struct inlines inlines;
	struct cython_lines cython_lines; /* of the generated file that was needed last */
	struct perf_map *perf_map;        /* NULL: no address asked for it yet */
	struct budget budget;
	atomic_uint_fast64_t left_out; /* addresses that the budget left without a name */
	uid_t owner;                   /* of the process; root, if that cannot be told */
};

struct names *names_new(struct target *target, struct functions *functions)
{
	struct names *names = xcalloc(1, sizeof(*names));
	struct stat status;

	names->target = target;
	names->functions = functions;
	/* now: later on the target belongs to the thread that samples */
	names->owner = fstat(target_proc_fd(target), &status) ? 0 : status.st_uid;
	budget_begin(&names->budget, monotonic_ns());
	roots_open(&names->roots, target);
	return names;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < names->slot_count; i++)
		binary_free(names->slots[i].binary);
	free(names->slots);
	for (size_t i = 0; i < names->count; i++) {
		free(names->all[i]->frames);
		free(names->all[i]->shown);
		free(names->all[i]);
	}
	free(names->all);
	buffer_release(&names->text);
	buffer_release(&names->clean);
	inlines_release(&names->inlines);
	cython_lines_release(&names->cython_lines);
	perf_map_free(names->perf_map);
	budget_release(&names->budget);
	roots_close(&names->roots);
	free(names);
}

/* A text that is longer is cut where a character begins. */
static size_t bounded(const char *text, size_t length)
{
	if (length <= NAME_LIMIT_BYTES)
		return length;
	length = NAME_LIMIT_BYTES;
	while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	return length;
}

/* The function with the name in names->text. */
static const struct function *make_function(struct names *names, const char *file)
{
	struct function function = { .kind = FUNCTION_NATIVE, .file = file };

	buffer_clear(&names->clean);
	utf8_clean(&names->clean, names->text.data, names->text.length);
	if (!names->clean.length)
		buffer_append_char(&names->clean, '?');
	names->clean.length = bounded(names->clean.data, names->clean.length);
	names->clean.data[names->clean.length] = '\0';
	function.name = names->clean.data;
	return functions_intern(names->functions, &function);
}

/* ---- what is loaded ---- */

static void drop_lines(struct names *names, struct slot *slot)
{
	names->loaded_lines_bytes -= slot->lines_bytes;
	slot->lines_bytes = 0;
	binary_drop_lines(slot->binary);
}

static void unload(struct names *names, struct slot *slot)
{
	drop_lines(names, slot);
	names->loaded_bytes -= slot->bytes;
	names->loaded_count--;
	binary_free(slot->binary);
	*slot = (struct slot){ .binary = NULL };
}

/* The one that was used least recently, but for keep; NULL: there is no other. */
static struct slot *oldest_slot(struct names *names, const struct slot *keep, bool with_lines)
{
	struct slot *oldest = NULL;

	for (size_t i = 0; i < names->slot_count; i++) {
		struct slot *slot = &names->slots[i];

		if (slot->binary && slot != keep && (!with_lines || slot->lines_bytes) &&
			(!oldest || slot->last_used < oldest->last_used))
			oldest = slot;
	}
	return oldest;
}

static size_t binaries_limit(void)
{
	const size_t limit = descriptor_limit() / 16;

	return limit < BINARIES_LIMIT ? limit : BINARIES_LIMIT;
}

static void make_room(struct names *names, const struct slot *keep)
{
	struct slot *oldest;

	while (names->loaded_lines_bytes > LINES_LIMIT_BYTES && (oldest = oldest_slot(names, keep, true)))
		drop_lines(names, oldest);
	while ((names->loaded_bytes > TABLES_LIMIT_BYTES || names->loaded_count > binaries_limit()) &&
		(oldest = oldest_slot(names, keep, false)))
		unload(names, oldest);
}

static struct slot *load(struct names *names, const struct module *module)
{
	struct slot *slot;

	if (module->id >= names->slot_count) {
		array_reserve(
			&names->slots, &names->slot_capacity, (size_t)module->id + 1, sizeof(*names->slots));
		while (names->slot_count <= module->id)
			names->slots[names->slot_count++] = (struct slot){ .binary = NULL };
	}
	slot = &names->slots[module->id];
	slot->last_used = ++names->uses;
	if (!slot->binary) {
		slot->binary = binary_new(&names->roots, &names->budget, module);
		slot->bytes = binary_bytes(slot->binary);
		names->loaded_bytes += slot->bytes;
		names->loaded_count++;
		make_room(names, slot);
	}
	return slot;
}

/* Into names->inlines. */
static void load_inlines(struct names *names, struct slot *slot, uint64_t vaddr)
{
	inlines_release(&names->inlines);
	binary_inlines(slot->binary, vaddr, &names->inlines);
	if (binary_lines_bytes(slot->binary) == slot->lines_bytes)
		return;
	slot->lines_bytes = binary_lines_bytes(slot->binary);
	names->loaded_lines_bytes += slot->lines_bytes;
	make_room(names, slot);
}

/* ---- one address ---- */

static void append_frame(struct sample_frame **frames, size_t *count, const struct sample_frame *frame)
{
	*frames = xreallocarray(*frames, *count + 1, sizeof(**frames));
	(*frames)[(*count)++] = *frame;
}

static void add_frame(struct named *named, const struct function *function, int line, bool is_hidden)
{
	const struct sample_frame frame = { .function = function, .line = line };

	append_frame(&named->frames, &named->count, &frame);
	if (!is_hidden)
		append_frame(&named->shown, &named->shown_count, &frame);
}

static void name_by_text(
	struct names *names, const char *file, const char *text, bool is_hidden, struct named *named)
{
	buffer_clear(&names->text);
	buffer_append_string(&names->text, text);
	add_frame(named, make_function(names, file), 0, is_hidden);
}

/* generated: the line in the C file; what is worth showing is the line that it was made from. */
static void name_cython(struct names *names, const struct module *module, const char *symbol, int generated,
	struct named *named)
{
	const char *source = names->inlines.source;
	const struct function *function;
	int line = 0;

	if (generated && source && cython_is_source(symbol))
		line = cython_line(&names->cython_lines, &names->roots, source, generated);
	buffer_clear(&names->text);
	if (!cython_name(&names->text, symbol, module->name))
		buffer_append_string(&names->text, symbol);
	function = make_function(names, module->name);
	/* what Python calls, and the body that was inlined into it, are one function there */
	if (!named->count || named->frames[named->count - 1].function != function) {
		add_frame(named, function, line, false);
		return;
	}
	named->frames[named->count - 1].line = line;
	if (named->shown_count && named->shown[named->shown_count - 1].function == function)
		named->shown[named->shown_count - 1].line = line;
}

/* symbol: as the linker has it; its suffixes are cut off. */
static void name_by_symbol(struct names *names, const struct module *module, char *symbol, int line,
	bool is_hidden, struct named *named)
{
	symbol[symbol_base_length(symbol)] = '\0';
	if (strncmp(symbol, "__pyx_", strlen("__pyx_")) == 0) {
		name_cython(names, module, symbol, line, named);
		return;
	}
	buffer_clear(&names->text);
	demangle(&names->text, symbol);
	add_frame(named, make_function(names, module->name), line, is_hidden || is_plumbing(module, symbol));
}

static void find_symbol(struct names *names, const struct binary *binary, uint64_t vaddr)
{
	struct symbol_found *found = &names->found;
	const struct inlines *inlines = &names->inlines;

	if (!binary_find(binary, vaddr, found)) {
		found->is_symbol = false;
		snprintf(found->name, sizeof(found->name), "0x%llx", (unsigned long long)vaddr);
	}
	/* symbols say more than debug information: they name what a C++ function is a member of */
	if (!found->is_symbol && inlines->count && inlines->list[0].name) {
		snprintf(found->name, sizeof(found->name), "%s", inlines->list[0].name);
		found->is_symbol = true;
	}
}

/*
 * What calls main is local to the C library and so without a name in most. It stands right before what calls
 * it: the linker keeps the order of their file (sysdeps/nptl/libc_start_call_main.h is included in
 * csu/libc-start.c).
 */
static bool calls_main(const struct names *names, const struct binary *binary, uint64_t vaddr)
{
	return !names->found.is_symbol &&
		binary_stands_before(binary, vaddr, START_BYTES, "__libc_start_main");
}

static void name_in_file(
	struct names *names, const struct module *module, uint64_t vaddr, struct named *named)
{
	struct slot *slot = load(names, module);
	const struct inlines *inlines = &names->inlines;
	char unnamed[] = "(inlined)";

	load_inlines(names, slot, vaddr);
	find_symbol(names, slot->binary, vaddr);
	named->is_nameless_interpreter = atomic_load(&module->is_interpreter) && !names->found.is_symbol;
	name_by_symbol(names, module, names->found.name, inlines->count ? inlines->list[0].line : 0,
		calls_main(names, slot->binary, vaddr), named);
	for (size_t i = 1; i < inlines->count; i++)
		name_by_symbol(names, module, inlines->list[i].name ? inlines->list[i].name : unnamed,
			inlines->list[i].line, false, named);
}

static struct perf_map *open_perf_map(struct names *names)
{
	return names->roots.count
		? perf_map_new(names->roots.fds[0], target_inner_pid(names->target), names->owner)
		: NULL;
}

/*
 * Code without a file: its compiler may have written down what it is. Else all code of its mapping is one
 * function: a function for each address would say no more.
 */
static void name_in_memory(struct names *names, const struct native_address *address, struct named *named)
{
	const struct module *module = address->module;
	const uint64_t vaddr = address->vaddr - !address->exact_pc;
	char *name, place[32];

	if (address->announced) {
		name_by_text(names, module->name, address->announced, is_plumbing(module, address->announced),
			named);
		return;
	}
	if (!names->perf_map)
		names->perf_map = open_perf_map(names);
	name = names->perf_map ? perf_map_find(names->perf_map, vaddr, monotonic_ns()) : NULL;
	snprintf(place, sizeof(place), "0x%llx", (unsigned long long)address->mapping);
	name_by_text(names, module->name, name ? name : place, name && is_plumbing(module, name), named);
	free(name);
}

/* By its place alone, without a look at any file. */
static void name_by_place(
	struct names *names, const struct module *module, uint64_t vaddr, struct named *named)
{
	char place[32];

	snprintf(place, sizeof(place), "0x%llx", (unsigned long long)vaddr);
	named->is_nameless_interpreter = module->is_interpreter;
	name_by_text(names, module->name, place, false, named);
	atomic_fetch_add(&names->left_out, 1);
}

static void look_up(struct names *names, const struct native_address *address, struct named *named)
{
	uint64_t vaddr = address->vaddr - !address->exact_pc;

	if (address->module && (is_hurried() || !budget_allows(&names->budget, monotonic_ns())))
		name_by_place(names, address->module,
			address->module->kind == MODULE_CODE ? address->mapping : vaddr, named);
	else if (!address->module)
		name_by_text(names, "[unknown]", "?", false, named);
	else if (address->module->kind == MODULE_CODE)
		name_in_memory(names, address, named);
	else
		name_in_file(names, address->module, vaddr, named);
}

const struct named *names_of(struct names *names, struct native_address *address)
{
	struct named *named;
	int64_t start_ns;

	if (address->named)
		return address->named;
	named = xcalloc(1, sizeof(*named));
	start_ns = thread_cpu_ns();
	look_up(names, address, named);
	names->budget.spent_ns += thread_cpu_ns() - start_ns;
	array_reserve(&names->all, &names->capacity, names->count + 1, sizeof(struct named *));
	names->all[names->count++] = named;
	address->named = named;
	return named;
}

void names_left_out(const struct names *names, uint64_t *addresses, uint64_t *files)
{
	*addresses = atomic_load(&names->left_out);
	*files = atomic_load(&names->budget.unread);
}
