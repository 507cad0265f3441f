/* SPDX-License-Identifier: MIT */
/*
 * From a module to bytes that can be read for as long as pyrope runs: a descriptor of its file, or, where
 * no file can be reached (the vdso, a library that was deleted, another mount namespace), a copy of what
 * the loader mapped of it, in a memfd that is laid out like the file. Names are looked up long after a
 * sample was taken, when the process may have gone.
 *
 * The copy leaves out what is only code: neither symbols nor unwind tables lie there, and it is most of a
 * library.
 */
#include "config.h"

#include "native/files/module.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_LIMIT_BYTES ((uint64_t)64 << 20)    /* of one image */
#define COPIES_LIMIT_BYTES ((uint64_t)256 << 20) /* of all */
#define FILE_LIMIT_BYTES \
	((uint64_t)4 << 30) /* where in the file a segment may lie: what a copy claims to be long */
#define CHUNK_BYTES ((size_t)64 << 10)
#define SMALL_PAGE 4096u
#define OTHERS 320 /* descriptors for all but modules, where there are many */
#define FEW 16     /* and these at least, besides a half, where there are few */

static size_t read_target(void *context, raddr_t address, void *data, size_t length)
{
	return target_read_upto(context, address, data, length);
}

/* ---- a copy of an image ---- */

/* Copies what can be read; what cannot stays zero. Returns how many bytes that were. */
static uint64_t copy_segment(
	const struct elf_image *image, const struct elf_segment *segment, uint64_t limit, int fd)
{
	unsigned char *chunk = xmalloc(CHUNK_BYTES);
	uint64_t length = segment->file_bytes < limit ? segment->file_bytes : limit, done = 0, copied = 0;

	while (done < length) {
		size_t part = length - done < CHUNK_BYTES ? (size_t)(length - done) : CHUNK_BYTES;
		size_t got = elf_image_read(image, segment->vaddr + done, chunk, part);

		if (got && pwrite(fd, chunk, got, (off_t)(segment->offset + done)) != (ssize_t)got)
			break;
		copied += got;
		done += got ? got : SMALL_PAGE - (segment->vaddr + done) % SMALL_PAGE;
	}
	free(chunk);
	return copied;
}

static bool is_worth_copying(const struct elf_segment *segment)
{
	return segment->file_bytes && segment->file_bytes <= FILE_LIMIT_BYTES &&
		segment->offset <= FILE_LIMIT_BYTES && (!segment->executable || segment->offset == 0);
}

/* Section headers are seldom loaded; a copy must not claim to have some. */
static void drop_sections(const struct elf_image *image, int fd)
{
	Elf64_Ehdr header;

	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return;
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];
		uint64_t bytes = (uint64_t)header.e_shnum * sizeof(Elf64_Shdr);

		if (is_worth_copying(segment) && header.e_shoff >= segment->offset &&
			header.e_shoff - segment->offset < segment->file_bytes &&
			bytes <= segment->file_bytes - (header.e_shoff - segment->offset))
			return;
	}
	header.e_shoff = 0;
	header.e_shnum = header.e_shstrndx = 0;
	if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return; /* then libelf finds them beyond the end, and says so */
}

static int copy_image(struct modules *modules, const struct elf_image *image)
{
	uint64_t limit = COPIES_LIMIT_BYTES - modules->copied_bytes;
	int fd = memory_file("image");

	if (fd < 0) {
		descriptors_note(errno);
		return -1;
	}
	if (limit > COPY_LIMIT_BYTES)
		limit = COPY_LIMIT_BYTES;
	for (size_t i = 0; i < image->segment_count && limit; i++) {
		uint64_t copied;

		if (!is_worth_copying(&image->segments[i]))
			continue;
		copied = copy_segment(image, &image->segments[i], limit, fd);
		limit -= copied;
		modules->copied_bytes += copied;
	}
	drop_sections(image, fd);
	return fd;
}

/* ---- interface ---- */

/*
 * Modules keep their descriptors to the end. What else is needed has to be there still: for naming, for
 * threads, for a pause. False: there are as many modules open as may be.
 */
static bool may_keep(struct modules *modules)
{
	const size_t limit = descriptor_limit();
	const size_t most = limit > 2 * OTHERS ? limit - OTHERS : limit / 2 > FEW ? limit / 2 - FEW : 0;

	if (modules->kept < most)
		return true;
	descriptors_note(EMFILE);
	return false;
}

/* Code in a file that is no library: what a compiler at run time has put into shared memory or a memfd. */
static bool is_plain_code(struct modules *modules, const struct module *module)
{
	const struct mapping *first = &modules->maps.mappings[module->first_mapping];
	char magic[SELFMAG];

	return first->offset == 0 && target_read(modules->target, first->start, magic, sizeof(magic)) &&
		memcmp(magic, ELFMAG, SELFMAG) != 0;
}

bool module_open(struct modules *modules, struct module *module)
{
	struct error reason = { 0 }; /* not told: the module's frames are shown without names */
	struct elf_image image;
	struct maps own;

	if (module->is_opened || module->kind == MODULE_CODE || !module->is_mapped)
		return module->fd >= 0;
	module->is_opened = true;
	own = (struct maps){ .mappings = modules->maps.mappings + module->first_mapping,
		.count = module->mapping_count };
	if (elf_image_open(&image, modules->target, &own, own.mappings, &reason)) {
		if (reason.kind != ERROR_SYSTEM && is_plain_code(modules, module))
			module->kind = MODULE_CODE;
		return false;
	}
	if (may_keep(modules))
		module->fd =
			image.fd >= 0 ? fcntl(image.fd, F_DUPFD_CLOEXEC, 0) : copy_image(modules, &image);
	modules->kept += module->fd >= 0;
	module->image = image;
	module->image.fd = -1;
	module->image.object = NULL;
	module->image.memory = (struct elf_memory){ .read = read_target, .context = modules->target };
	module->bias = image.bias;
	elf_image_release(&image);
	return module->fd >= 0;
}
