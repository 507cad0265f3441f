/* SPDX-License-Identifier: MIT */
/*
 * Separate debug files, found as gdb finds them ("Debugging Information in Separate Files" in its manual):
 *
 *     /usr/lib/debug/.build-id/ab/cdef0123.debug       the build id in hexadecimal
 *     DIR/NAME, DIR/.debug/NAME, /usr/lib/debug/DIR/NAME   NAME as .gnu_debuglink has it
 *
 * Nothing is fetched from elsewhere. A file counts when its build id is the same, or, where there is none,
 * when its checksum is the one in .gnu_debuglink.
 */
#include "config.h"

#include "native/files/debug_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTES_LIMIT 4096
#define LINK_LIMIT 1024

/* ---- build ids ---- */

static size_t align4(size_t value)
{
	return (value + 3) & ~(size_t)3;
}

static size_t find_note(const unsigned char *notes, size_t length, unsigned char id[BUILD_ID_LIMIT])
{
	Elf64_Nhdr header;

	for (size_t at = 0; length - at >= sizeof(header);) {
		size_t name, text;

		memcpy(&header, notes + at, sizeof(header));
		name = at + sizeof(header);
		if (header.n_namesz > length - name || align4(header.n_namesz) > length - name)
			return 0;
		text = name + align4(header.n_namesz);
		if (header.n_descsz > length - text)
			return 0;
		if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
			memcmp(notes + name, "GNU", 4) == 0 && header.n_descsz > 2 &&
			header.n_descsz <= BUILD_ID_LIMIT) {
			memcpy(id, notes + text, header.n_descsz);
			return header.n_descsz;
		}
		if (align4(header.n_descsz) > length - text)
			return 0;
		at = text + align4(header.n_descsz);
	}
	return 0;
}

static size_t read_notes(const struct elf_object *object, uint64_t offset, uint64_t bytes, unsigned char *id)
{
	unsigned char notes[NOTES_LIMIT];
	size_t wanted = bytes < sizeof(notes) ? (size_t)bytes : sizeof(notes);

	return find_note(notes, elf_object_read_some(object, offset, notes, wanted), id);
}

size_t build_id_read(const struct elf_object *object, unsigned char id[BUILD_ID_LIMIT])
{
	size_t length = 0;

	/* sections first: the segments of a debug file lead to what is not in it */
	for (size_t i = 1; i < object->section_count && !length; i++)
		if (object->sections[i].sh_type == SHT_NOTE)
			length = read_notes(
				object, object->sections[i].sh_offset, object->sections[i].sh_size, id);
	for (size_t i = 0; i < object->segment_count && !object->section_count && !length; i++)
		if (object->segments[i].p_type == PT_NOTE)
			length = read_notes(
				object, object->segments[i].p_offset, object->segments[i].p_filesz, id);
	return length;
}

int debug_file_by_id(const struct roots *roots, const unsigned char *id, size_t length)
{
	struct buffer path = { 0 };
	int fd = -1;

	if (length < 2)
		return -1;
	buffer_printf(&path, "/usr/lib/debug/.build-id/%02x/", id[0]);
	for (size_t i = 1; i < length; i++)
		buffer_printf(&path, "%02x", id[i]);
	buffer_append_string(&path, ".debug");
	for (size_t i = 0; i < roots->count && fd < 0; i++)
		fd = root_open_file(roots->fds[i], path.data);
	buffer_release(&path);
	return fd;
}

/* ---- .gnu_debuglink ---- */

struct link {
	char name[LINK_LIMIT];
	uint32_t checksum;
};

static bool read_link(const struct elf_object *object, struct link *link)
{
	const Elf64_Shdr *section = elf_object_section(object, ".gnu_debuglink");
	size_t length = 0, end;
	char *text = section ? elf_object_load(object, section, LINK_LIMIT, &length) : NULL;
	bool usable = false;

	if (text) {
		end = align4(strlen(text) + 1);
		/* a name, not a path */
		usable = end + sizeof(link->checksum) <= length && text[0] && !strchr(text, '/') &&
			strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
		if (usable) {
			memcpy(link->name, text, strlen(text) + 1);
			memcpy(&link->checksum, text + end, sizeof(link->checksum));
		}
	}
	free(text);
	return usable;
}

static bool same_file(int fd, const struct elf_object *object)
{
	struct stat left, right;

	return fstat(fd, &left) || fstat(object->fd, &right) ||
		(left.st_dev == right.st_dev && left.st_ino == right.st_ino);
}

/* Closes fd when it does not belong to the object. link: NULL: only the build id proves it. */
static int verify(int fd, const struct elf_object *object, const struct link *link, struct budget *budget)
{
	unsigned char id[BUILD_ID_LIMIT], other_id[BUILD_ID_LIMIT];
	size_t length = build_id_read(object, id), other_length = 0;
	struct elf_object other;
	bool belongs = false;
	uint32_t checksum;

	if (fd < 0)
		return -1;
	if (!same_file(fd, object) && elf_object_open(&other, fd)) {
		other_length = build_id_read(&other, other_id);
		if (length && other_length)
			belongs = length == other_length && memcmp(id, other_id, length) == 0;
		else
			belongs =
				link && budget_checksum(budget, fd, &checksum) && checksum == link->checksum;
		elf_object_release(&other);
	}
	if (belongs)
		return fd;
	close(fd);
	return -1;
}

static int open_by_link(
	const struct roots *roots, struct budget *budget, const char *path, const struct elf_object *object)
{
	static const struct {
		const char *before, *after; /* the directory of the file */
	} places[] = { { "", "" }, { "", "/.debug" }, { "/usr/lib/debug", "" } };
	const char *slash = strrchr(path, '/');
	struct link link;
	int fd = -1;

	if (!slash || !read_link(object, &link))
		return -1;
	for (size_t i = 0; i < roots->count * ARRAY_LENGTH(places) && fd < 0; i++) {
		size_t place = i % ARRAY_LENGTH(places);
		char *whole = xasprintf("%s%.*s%s/%s", places[place].before, (int)(slash - path), path,
			places[place].after, link.name);

		fd = verify(
			root_open_file(roots->fds[i / ARRAY_LENGTH(places)], whole), object, &link, budget);
		free(whole);
	}
	return fd;
}

int debug_file_open(
	const struct roots *roots, struct budget *budget, const char *path, const struct elf_object *object)
{
	unsigned char id[BUILD_ID_LIMIT];
	size_t length = build_id_read(object, id);
	int fd = verify(debug_file_by_id(roots, id, length), object, NULL, budget);

	return fd < 0 ? open_by_link(roots, budget, path, object) : fd;
}
