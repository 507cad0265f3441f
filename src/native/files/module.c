/* SPDX-License-Identifier: MIT */
/*
 * The list of what a target has mapped executable, by /proc/PID/maps alone: a process with 500 libraries
 * costs one read of that file and no look into any of the libraries. A file becomes a module for each place
 * that it is loaded at. Its mappings are told from those of a second copy, or of a program that has mapped
 * a library just to read it, by the order in which a loader places them: offsets in the file grow with
 * addresses.
 *
 * Reading maps makes the kernel walk all mappings under a lock that the target's own mmap and page faults
 * take, so it is done only so often that it takes half a percent of the time.
 */
#include "config.h"

#include "native/files/module.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* of a whole run: a target may load and unload libraries as long as it likes */
#define MODULE_LIMIT 65536
#define READ_PAUSE_NS 100000000 /* between two reads, at least */
#define READ_SHARE 200          /* and so many times as long as a read takes */

/* The mappings of one copy of a file, in the order of the maps. */
struct group {
	size_t first, last;         /* indices; the last one is of the file */
	const struct mapping *code; /* its last executable mapping; NULL: none yet */
	struct module *module;      /* NULL: not asked for yet */
};

/* ---- modules ---- */

static bool is_file(const struct mapping *mapping)
{
	return mapping->inode != 0 && mapping->path[0] == '/';
}

static bool is_vdso(const struct mapping *mapping)
{
	return strcmp(mapping->path, "[vdso]") == 0;
}

/* Memory of the program's own; not [vsyscall] and the like, which hold no code of the target. */
static bool is_anonymous(const struct mapping *mapping)
{
	return mapping->path[0] != '[' || strncmp(mapping->path, "[anon:", 6) == 0 ||
		strncmp(mapping->path, "[heap]", 6) == 0 || strncmp(mapping->path, "[stack", 6) == 0;
}

static char *clean(const char *text)
{
	struct buffer buffer = { 0 };

	utf8_clean(&buffer, text, strlen(text));
	return buffer.data ? buffer.data : xstrdup("");
}

/*
 * What is printed: a frame is module:function:line, so that a colon ("memfd:libffi") would make a field of
 * its own.
 */
static char *clean_name(const char *text)
{
	char *name = clean(text);

	for (char *at = name; *at; at++) {
		if (*at == ':')
			*at = '-';
	}
	return name;
}

static struct module *add_module(struct modules *modules, enum module_kind kind, const char *path)
{
	struct module *module;
	const char *slash;

	if (modules->count == MODULE_LIMIT)
		return NULL;
	module = xcalloc(1, sizeof(*module));
	slash = strrchr(path, '/');
	*module = (struct module){
		.id = (uint32_t)modules->count,
		.kind = kind,
		.path = clean(kind == MODULE_CODE ? "" : path),
		.name = clean_name(kind == MODULE_CODE ? "[jit]"
				: slash                ? slash + 1
						       : path),
		.image = { .fd = -1 },
		.fd = -1,
	};
	array_reserve(&modules->all, &modules->capacity, modules->count + 1, sizeof(struct module *));
	modules->all[modules->count++] = module;
	return module;
}

static void free_module(const struct modules *modules, struct module *module)
{
	if (module->cfi)
		modules->free_cfi(module->cfi);
	elf_image_release(&module->image);
	if (module->fd >= 0)
		close(module->fd);
	free(module->path);
	free(module->name);
	free(module);
}

static bool is_same(const struct module *module, const struct mapping *mapping, uint64_t path_hash)
{
	return module->start == mapping->start && module->inode == mapping->inode &&
		module->device_major == mapping->device_major &&
		module->device_minor == mapping->device_minor && module->path_hash == path_hash;
}

/* Where a module ends: .bss is memory without a file, right behind the file's last mapping. */
static raddr_t group_end(const struct maps *maps, const struct group *group)
{
	raddr_t end = maps->mappings[group->last].end;
	const struct mapping *next = maps_find(maps, end);

	if (next && next->inode == 0 && next->path[0] == '\0' && !next->executable)
		return next->end;
	return end;
}

/* The module of a group; NULL: there are too many. */
static struct module *find_module(struct modules *modules, const struct group *group)
{
	const struct mapping *first = &modules->maps.mappings[group->first];
	uint64_t path_hash = hash_bytes(first->path, strlen(first->path));
	uint64_t identity = hash_combine(hash_combine(hash_combine(path_hash, first->start), first->inode),
		(uint64_t)first->device_major << 32 | first->device_minor);
	uint64_t *known = u64_map_get(&modules->by_identity, identity);
	struct module *module = known ? modules->all[*known] : NULL;

	if (module && is_same(module, first, path_hash))
		return module;
	module = add_module(modules, is_file(first) ? MODULE_FILE : MODULE_VDSO, first->path);
	if (!module)
		return NULL;
	module->start = first->start;
	module->inode = first->inode;
	module->device_major = first->device_major;
	module->device_minor = first->device_minor;
	module->path_hash = path_hash;
	module->end = group_end(&modules->maps, group);
	u64_map_put(&modules->by_identity, identity, module->id);
	return module;
}

struct module *modules_code(struct modules *modules)
{
	static const struct mapping nowhere = { .path = "" };
	uint64_t *known = u64_map_get(&modules->by_identity, 0);
	struct module *module;

	if (known)
		return modules->all[*known];
	module = add_module(modules, MODULE_CODE, nowhere.path);
	if (module)
		u64_map_put(&modules->by_identity, 0, module->id);
	return module;
}

/* ---- ranges ---- */

static bool offsets_overlap(const struct mapping *first, const struct mapping *second)
{
	return first->offset < second->offset + (second->end - second->start) &&
		second->offset < first->offset + (first->end - first->start);
}

/* Does this mapping go on with the copy of the file that the group is? */
static bool continues_group(const struct maps *maps, const struct group *group, const struct mapping *mapping)
{
	const struct mapping *last = &maps->mappings[group->last];

	return mapping_same_file(last, mapping) && mapping->offset >= last->offset &&
		!(mapping->executable && group->code && offsets_overlap(group->code, mapping));
}

/* Memory in the middle of a file's mappings: a program that has moved its code to huge pages. */
static bool is_within_group(const struct maps *maps, const struct group *group, size_t index)
{
	const struct mapping *mapping = &maps->mappings[index];

	return index > 0 && index - 1 == group->last && index + 1 < maps->count &&
		mapping[-1].end == mapping->start && mapping->end == mapping[1].start &&
		continues_group(maps, group, &mapping[1]);
}

struct range_list {
	struct code_range *list;
	size_t count, capacity;
};

static void add_range(struct range_list *ranges, const struct mapping *mapping, struct module *module)
{
	if (!module)
		return;
	module->is_mapped = true;
	array_reserve(&ranges->list, &ranges->capacity, ranges->count + 1, sizeof(*ranges->list));
	ranges->list[ranges->count++] =
		(struct code_range){ .start = mapping->start, .end = mapping->end, .module = module };
}

/* Where the group's module is in these maps. */
static void place_module(struct modules *modules, struct group *group)
{
	raddr_t end;

	if (!group->module)
		return;
	end = group_end(&modules->maps, group);
	if (end > group->module->end)
		group->module->end = end;
	if (modules->interpreter >= group->module->start && modules->interpreter < end)
		atomic_store(&group->module->is_interpreter, true);
	group->module->first_mapping = group->first;
	group->module->mapping_count = group->last - group->first + 1;
}

static void collect_ranges(struct modules *modules, struct range_list *ranges)
{
	const struct maps *maps = &modules->maps;
	struct group group = { 0 };
	bool has_group = false;

	for (size_t i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->mappings[i];
		bool is_image = is_file(mapping) || is_vdso(mapping);

		if (is_image && has_group && continues_group(maps, &group, mapping)) {
			group.last = i;
		} else if (is_image) {
			place_module(modules, &group);
			group = (struct group){ .first = i, .last = i };
			has_group = true;
		}
		if (!mapping->executable)
			continue;
		if (is_image)
			group.code = mapping;
		else if (!is_anonymous(mapping))
			continue;
		else if (!has_group || !is_within_group(maps, &group, i)) {
			add_range(ranges, mapping, modules_code(modules));
			continue;
		}
		if (!group.module)
			group.module = find_module(modules, &group);
		add_range(ranges, mapping, group.module);
	}
	place_module(modules, &group);
}

/* Is every address of the old ranges still of the same module? */
static bool all_kept(
	const struct code_range *old, size_t old_count, const struct code_range *now, size_t now_count)
{
	size_t j = 0;

	for (size_t i = 0; i < old_count; i++) {
		raddr_t at = old[i].start;

		while (j < now_count && now[j].end <= at)
			j++;
		for (size_t k = j; at < old[i].end; k++) {
			if (k == now_count || now[k].start > at || now[k].module != old[i].module)
				return false;
			at = now[k].end;
		}
	}
	return true;
}

static int read_maps(struct modules *modules, struct error *err)
{
	struct range_list ranges = { 0 };
	struct maps maps;
	int64_t begin_ns = monotonic_ns();
	int result = target_read_maps(modules->target, &maps, err);

	if (result == 0) {
		maps_release(&modules->maps);
		modules->maps = maps;
		for (size_t i = 0; i < modules->count; i++)
			modules->all[i]->is_mapped = false;
		collect_ranges(modules, &ranges);
		if (!all_kept(modules->ranges, modules->range_count, ranges.list, ranges.count))
			modules->generation++;
		free(modules->ranges);
		modules->ranges = ranges.list;
		modules->range_count = ranges.count;
		modules->range_capacity = ranges.capacity;
	}
	modules->read_ns = monotonic_ns();
	modules->cost_ns = modules->read_ns - begin_ns;
	return result;
}

/* ---- interface ---- */

int modules_init(struct modules *modules, struct target *target, raddr_t interpreter, struct error *err)
{
	*modules = (struct modules){ .target = target, .interpreter = interpreter };
	return read_maps(modules, err);
}

void modules_release(struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++)
		free_module(modules, modules->all[i]);
	free(modules->all);
	free(modules->ranges);
	maps_release(&modules->maps);
	u64_map_release(&modules->by_identity);
	if (modules->jit)
		modules->free_jit(modules->jit);
	*modules = (struct modules){ 0 };
}

void modules_update(struct modules *modules, int64_t now_ns, bool force)
{
	int64_t wait_ns =
		modules->cost_ns > READ_PAUSE_NS / READ_SHARE ? modules->cost_ns * READ_SHARE : READ_PAUSE_NS;
	struct error ignored = { 0 }; /* a process that has gone keeps its last list */

	if (force || now_ns - modules->read_ns >= wait_ns)
		read_maps(modules, &ignored);
}

static const struct code_range *find_range(const struct modules *modules, raddr_t pc)
{
	size_t low;

	LOWER_BOUND(low, modules->range_count, i, modules->ranges[i].end <= pc);
	return low < modules->range_count && pc >= modules->ranges[low].start ? &modules->ranges[low] : NULL;
}

struct module *modules_find(struct modules *modules, raddr_t pc)
{
	const struct code_range *range = find_range(modules, pc);

	return range ? range->module : NULL;
}

raddr_t modules_mapping(const struct modules *modules, raddr_t pc)
{
	const struct code_range *range = find_range(modules, pc);

	return range ? range->start : 0;
}
