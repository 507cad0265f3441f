/* SPDX-License-Identifier: MIT */
/*
 * What --native can name: the interpreter's functions, the C library's, those of all other files. Names
 * of what a library exports are always there; the rest takes a symbol table, which distributions keep in
 * packages of their own.
 */
#include "config.h"

#include "doctor/internal.h"
#include "pyrope/native.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_LIMIT 1000
#define TIME_LIMIT_NS INT64_C(2000000000)
#define NAMES_SHOWN 3

struct survey {
	struct diagnosis *diagnosis;
	struct target *target;
	struct maps maps;
	struct distribution distribution;
	int root_fd;           /* the target's, or pyrope's where that is not to be had */
	char root[PATH_MAX];   /* where that is, as pyrope sees it: "" in the same root */
	size_t known, unknown; /* other files with a symbol table, and without */
	struct buffer unnamed; /* the first ones without */
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* As the target names it: in a chroot the kernel shows the whole path. */
static const char *path_in_root(const struct survey *survey, const char *path)
{
	const size_t length = strlen(survey->root);

	return length && strncmp(path, survey->root, length) == 0 && path[length] == '/' ? path + length
											 : path;
}

static void learn_root(struct survey *survey)
{
	ssize_t length = readlinkat(target_proc_fd(survey->target), "root", survey->root, PATH_MAX - 1);

	survey->root[length > 1 ? length : 0] = '\0';
}

static void append_clean(struct buffer *text, const char *path)
{
	utf8_clean(text, path, strlen(path));
}

static bool is_named(const struct native_file_facts *facts)
{
	return facts->has_symbols || facts->has_small_symbols;
}

/* One file in full. */
static void diagnose_file(struct survey *survey, const char *topic, const struct mapping *mapping)
{
	const char *path = path_in_root(survey, mapping->path);
	struct package package = { 0 };
	struct native_file_facts facts;
	struct buffer text = { 0 };
	bool is_known, is_packaged;
	char *advice = NULL;

	append_clean(&text, mapping->path);
	if (mapping->deleted)
		buffer_append_string(&text, " (deleted)");
	is_known = native_examine(survey->target, &survey->maps, mapping, &facts);
	if (!is_known) {
		buffer_append_string(&text, ": the file cannot be read");
		remark_add(survey->diagnosis, SECTION_NATIVE, topic, GRADE_WARN, text.data, NULL);
		return;
	}
	buffer_printf(&text, ": %s%s",
		facts.has_symbols                 ? "has symbols"
			: facts.has_small_symbols ? "has the symbols of .gnu_debugdata"
						  : "stripped, what it exports has names",
		facts.has_lines ? " and lines" : "");
	if (facts.debug_file)
		buffer_printf(&text, ", by %s", facts.debug_file);
	if (facts.build_id[0])
		buffer_printf(&text, "; build id %s", facts.build_id);
	if (!facts.has_symbols || !facts.has_lines) {
		is_packaged = survey->root_fd >= 0 && package_find(survey->root_fd, path, &package);
		advice = package_advice(
			&survey->distribution, is_packaged ? &package : NULL, path, facts.build_id);
	}
	remark_add(survey->diagnosis, SECTION_NATIVE, topic, is_named(&facts) ? GRADE_OK : GRADE_WARN,
		text.data, advice);
	free(facts.debug_file);
}

static bool is_c_library(const struct mapping *mapping)
{
	const char *name = base_name(mapping->path);

	return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2.", 7) == 0 ||
		strncmp(name, "ld-musl-", 8) == 0;
}

static void survey_file(struct survey *survey, const struct mapping *mapping)
{
	struct native_file_facts facts;

	if (native_examine(survey->target, &survey->maps, mapping, &facts) && is_named(&facts)) {
		survey->known++;
	} else {
		if (survey->unknown++ < NAMES_SHOWN) {
			buffer_append_string(&survey->unnamed, survey->unknown > 1 ? ", " : ": ");
			append_clean(&survey->unnamed, base_name(mapping->path));
		}
	}
	free(facts.debug_file);
}

static void survey_all(struct survey *survey, const struct mapping *interpreter)
{
	const int64_t end_ns = monotonic_ns() + TIME_LIMIT_NS;
	const struct mapping *c_library = NULL;
	struct u64_map seen = { 0 };
	bool is_cut = false;

	for (size_t i = 0; i < survey->maps.count; i++) {
		const struct mapping *mapping = &survey->maps.mappings[i];

		if (!mapping->executable || mapping->path[0] != '/' || !mapping->inode ||
			u64_map_get(&seen, mapping->inode) ||
			(interpreter && mapping->inode == interpreter->inode))
			continue;
		u64_map_put(&seen, mapping->inode, 1);
		if (!c_library && is_c_library(mapping)) {
			c_library = mapping;
			continue;
		}
		is_cut = seen.count > FILES_LIMIT || monotonic_ns() > end_ns || is_interrupted();
		if (is_cut)
			break;
		survey_file(survey, mapping);
	}
	u64_map_release(&seen);
	if (interpreter)
		diagnose_file(survey, "interpreter", interpreter);
	if (c_library)
		diagnose_file(survey, "C library", c_library);
	if (survey->known + survey->unknown == 0)
		return;
	remark_add(survey->diagnosis, SECTION_NATIVE, "other files", GRADE_OK,
		xasprintf("%zu with symbols, %zu with what they export%s%s%s", survey->known, survey->unknown,
			survey->unnamed.length ? survey->unnamed.data : "",
			survey->unknown > NAMES_SHOWN ? ", ..." : "",
			is_cut ? " (not all were looked at)" : ""),
		NULL);
}

void diagnose_debug_files(struct diagnosis *diagnosis, struct target *target, struct python *python)
{
	struct survey survey = { .diagnosis = diagnosis, .target = target };
	struct error ignored = { 0 };

	if (!native_available()) {
		remark_say(diagnosis, SECTION_NATIVE, "libdw", GRADE_WARN,
			"this pyrope was built without it: there is no --native",
			"build pyrope where libdw (elfutils) is installed");
		return;
	}
	if (target_read_maps(target, &survey.maps, &ignored))
		return;
	survey.root_fd = openat(target_proc_fd(target), "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (survey.root_fd < 0) /* a /proc without it */
		survey.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	learn_root(&survey);
	if (survey.root_fd >= 0)
		distribution_read(&survey.distribution, survey.root_fd);
	survey_all(&survey, maps_find(&survey.maps, python_file_address(python)));
	if (survey.root_fd >= 0)
		close(survey.root_fd);
	distribution_release(&survey.distribution);
	buffer_release(&survey.unnamed);
	maps_release(&survey.maps);
}
