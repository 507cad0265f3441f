/* SPDX-License-Identifier: MIT */
/*
 * Fedora's MiniDebugInfo: the section .gnu_debugdata holds an ELF file with the symbols that .dynsym lacks,
 * compressed by xz (gdb's manual, "Debugging information in a special section"). A few kilobytes can unpack
 * to any size, so there is a limit, and what is over it is not used at all.
 */
#include "config.h"

#include "native/files/debug_file.h"

#ifdef HAVE_LIBLZMA

#include <errno.h>
#include <lzma.h>
#include <unistd.h>

#define UNPACKED_LIMIT ((uint64_t)64 << 20)
#define WORKING_LIMIT ((uint64_t)128 << 20) /* xz -9 takes 65 MB to unpack */
#define CHUNK 65536

struct unpacker {
	lzma_stream stream;
	unsigned char packed[CHUNK], unpacked[CHUNK]; /* stream points into them */
};

static bool write_all(int fd, const unsigned char *data, size_t length)
{
	while (length) {
		ssize_t written = write(fd, data, length);

		if (written <= 0)
			return false;
		data += written;
		length -= (size_t)written;
	}
	return true;
}

static bool unpack(
	struct unpacker *unpacker, const struct elf_object *object, const Elf64_Shdr *section, int fd)
{
	lzma_stream *stream = &unpacker->stream;
	uint64_t offset = 0;
	lzma_ret result;

	do {
		if (!stream->avail_in && offset < section->sh_size) {
			uint64_t left = section->sh_size - offset;

			stream->next_in = unpacker->packed;
			stream->avail_in = elf_object_read_some(object, section->sh_offset + offset,
				unpacker->packed, left < CHUNK ? (size_t)left : CHUNK);
			if (!stream->avail_in)
				return false;
			offset += stream->avail_in;
		}
		stream->next_out = unpacker->unpacked;
		stream->avail_out = CHUNK;
		result = lzma_code(stream, offset < section->sh_size ? LZMA_RUN : LZMA_FINISH);
		if ((result != LZMA_OK && result != LZMA_STREAM_END) || stream->total_out > UNPACKED_LIMIT ||
			!write_all(fd, unpacker->unpacked, CHUNK - stream->avail_out))
			return false;
	} while (result != LZMA_STREAM_END);
	return true;
}

int debug_data_open(const struct elf_object *object)
{
	const Elf64_Shdr *section = elf_object_section(object, ".gnu_debugdata");
	struct unpacker unpacker;
	int fd = -1;

	unpacker.stream = (lzma_stream)LZMA_STREAM_INIT;
	if (!section || section->sh_type != SHT_PROGBITS || section->sh_flags & SHF_COMPRESSED ||
		section->sh_offset > object->bytes ||
		lzma_stream_decoder(&unpacker.stream, WORKING_LIMIT, 0) != LZMA_OK)
		return -1;
	fd = memory_file("debugdata");
	if (fd < 0)
		descriptors_note(errno);
	else if (!unpack(&unpacker, object, section, fd)) {
		close(fd);
		fd = -1;
	}
	lzma_end(&unpacker.stream);
	return fd;
}

#else

int debug_data_open(const struct elf_object *object)
{
	(void)object;
	return -1;
}

#endif
