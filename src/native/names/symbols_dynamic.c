/* SPDX-License-Identifier: MIT */
/*
 * The exported symbols of a file that has no section headers, or of an image that was copied out of memory,
 * by PT_DYNAMIC. It tells where the symbol table begins but not where it ends: the hash tables do. DT_HASH
 * has a chain entry for each symbol (elf(5)); in DT_GNU_HASH the last symbol is the end of the chain that
 * begins last (bfd/elflink.c).
 */
#include "config.h"

#include "native/names/symbols_internal.h"

#include <stdlib.h>

#include "target/elf/dynamic.h"

#define BUCKET_LIMIT ((uint32_t)1 << 22)
#define CHAIN_LIMIT 65536
#define CHUNK 1024

/*
 * glibc adds the load bias to the addresses in the table in memory, musl does not, and in a file it is not
 * added.
 */
static uint64_t as_linked(const struct elf_object *object, uint64_t address, uint64_t bias)
{
	uint64_t offset, available;

	return elf_object_offset(object, address, &offset, &available) ? address : address - bias;
}

static size_t read_object(const void *context, uint64_t vaddr, void *data, size_t length)
{
	const struct elf_object *object = context;
	uint64_t offset, available;

	if (!elf_object_offset(object, vaddr, &offset, &available))
		return 0;
	return elf_object_read_some(object, offset, data, length < available ? length : (size_t)available);
}

static bool read_table(const struct elf_object *object, uint64_t bias, struct elf_dynamic_table *table)
{
	const Elf64_Phdr *segment = elf_object_segment(object, PT_DYNAMIC);
	const struct elf_dynamic dynamic = {
		.vaddr = segment ? segment->p_vaddr : 0,
		.bytes = segment ? segment->p_memsz : 0,
		.read = read_object,
		.context = object,
	};
	uint64_t *const addresses[] = { &table->symbols, &table->strings, &table->gnu_hash,
		&table->sysv_hash };

	elf_dynamic_read(&dynamic, table);
	for (size_t i = 0; i < ARRAY_LENGTH(addresses); i++)
		if (*addresses[i])
			*addresses[i] = as_linked(object, *addresses[i], bias);
	return table->symbols && table->strings && table->strings_bytes;
}

static uint32_t last_bucket(const struct elf_object *object, uint64_t buckets, uint32_t count)
{
	uint32_t *values = xreallocarray(NULL, CHUNK, sizeof(*values));
	uint32_t last = 0;

	for (uint32_t i = 0; i < count && !is_hurried(); i += CHUNK) {
		size_t wanted = count - i < CHUNK ? count - i : CHUNK;

		if (!elf_object_read_at(object, buckets + (uint64_t)i * sizeof(*values), values,
			    wanted * sizeof(*values)))
			break;
		for (size_t j = 0; j < wanted; j++)
			if (values[j] > last)
				last = values[j];
	}
	free(values);
	return last;
}

static uint64_t count_by_gnu_hash(const struct elf_object *object, uint64_t table)
{
	struct elf_gnu_hash header;
	uint64_t buckets, chains;
	uint32_t last, link;

	if (!elf_object_read_at(object, table, &header, sizeof(header)) || header.bucket_count > BUCKET_LIMIT)
		return 0;
	buckets = table + sizeof(header) + (uint64_t)header.bloom_words * 8;
	chains = buckets + (uint64_t)header.bucket_count * 4;
	last = last_bucket(object, buckets, header.bucket_count);
	if (last < header.first_symbol)
		return header.first_symbol; /* nothing is exported */
	for (size_t step = 0; step < CHAIN_LIMIT; step++, last++) {
		if (!elf_object_read_at(
			    object, chains + (uint64_t)(last - header.first_symbol) * 4, &link, sizeof(link)))
			return 0;
		if (link & 1)
			return (uint64_t)last + 1;
	}
	return 0;
}

static uint64_t count_symbols(const struct elf_object *object, const struct elf_dynamic_table *dynamic)
{
	uint32_t header[2]; /* nbucket, nchain */

	if (dynamic->sysv_hash && elf_object_read_at(object, dynamic->sysv_hash, header, sizeof(header)))
		return header[1];
	return dynamic->gnu_hash ? count_by_gnu_hash(object, dynamic->gnu_hash) : 0;
}

void symbols_add_dynamic(struct symbols *symbols, const struct elf_object *object, uint64_t bias)
{
	struct symbol_table table = { .object = object };
	struct elf_dynamic_table dynamic;
	uint64_t offset, available, count;

	if (!read_table(object, bias, &dynamic))
		return;
	count = count_symbols(object, &dynamic);
	if (!elf_object_offset(object, dynamic.strings, &table.names, &available))
		return;
	table.names_bytes = dynamic.strings_bytes < available ? dynamic.strings_bytes : available;
	if (!elf_object_offset(object, dynamic.symbols, &offset, &available))
		return;
	if (count > available / sizeof(Elf64_Sym))
		count = available / sizeof(Elf64_Sym);
	symbols_add_table(symbols, &table, offset, count);
}
