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

#define DYNAMIC_LIMIT 1024
#define BUCKET_LIMIT ((uint32_t)1 << 22)
#define CHAIN_LIMIT 65536
#define CHUNK 1024

struct dynamic {
	uint64_t symbols, strings, strings_bytes, hash, gnu_hash;
};

/*
 * glibc adds the load bias to the addresses in the table in memory, musl does not, and in a file it is not
 * added.
 */
static uint64_t as_linked(const struct object *object, uint64_t address, uint64_t bias)
{
	uint64_t offset, available;

	return object_offset(object, address, &offset, &available) ? address : address - bias;
}

static bool read_dynamic(const struct object *object, uint64_t bias, struct dynamic *dynamic)
{
	const Elf64_Phdr *segment = object_segment(object, PT_DYNAMIC);
	Elf64_Dyn entry;

	*dynamic = (struct dynamic){ 0 };
	for (size_t i = 0; segment && i < DYNAMIC_LIMIT && i < segment->p_memsz / sizeof(entry); i++) {
		if (!object_read_at(object, segment->p_vaddr + i * sizeof(entry), &entry, sizeof(entry)) ||
			entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_SYMTAB)
			dynamic->symbols = as_linked(object, entry.d_un.d_ptr, bias);
		else if (entry.d_tag == DT_STRTAB)
			dynamic->strings = as_linked(object, entry.d_un.d_ptr, bias);
		else if (entry.d_tag == DT_STRSZ)
			dynamic->strings_bytes = entry.d_un.d_val;
		else if (entry.d_tag == DT_HASH)
			dynamic->hash = as_linked(object, entry.d_un.d_ptr, bias);
		else if (entry.d_tag == DT_GNU_HASH)
			dynamic->gnu_hash = as_linked(object, entry.d_un.d_ptr, bias);
	}
	return dynamic->symbols && dynamic->strings && dynamic->strings_bytes;
}

static uint32_t last_bucket(const struct object *object, uint64_t buckets, uint32_t count)
{
	uint32_t *values = xreallocarray(NULL, CHUNK, sizeof(*values));
	uint32_t last = 0;

	for (uint32_t i = 0; i < count && !is_hurried(); i += CHUNK) {
		size_t wanted = count - i < CHUNK ? count - i : CHUNK;

		if (!object_read_at(object, buckets + (uint64_t)i * sizeof(*values), values,
			    wanted * sizeof(*values)))
			break;
		for (size_t j = 0; j < wanted; j++)
			if (values[j] > last)
				last = values[j];
	}
	free(values);
	return last;
}

static uint64_t count_by_gnu_hash(const struct object *object, uint64_t table)
{
	struct {
		uint32_t buckets, first_symbol, bloom_words, bloom_shift;
	} header;
	uint64_t buckets, chains;
	uint32_t last, link;

	if (!object_read_at(object, table, &header, sizeof(header)) || header.buckets > BUCKET_LIMIT)
		return 0;
	buckets = table + sizeof(header) + (uint64_t)header.bloom_words * 8;
	chains = buckets + (uint64_t)header.buckets * 4;
	last = last_bucket(object, buckets, header.buckets);
	if (last < header.first_symbol)
		return header.first_symbol; /* nothing is exported */
	for (size_t step = 0; step < CHAIN_LIMIT; step++, last++) {
		if (!object_read_at(
			    object, chains + (uint64_t)(last - header.first_symbol) * 4, &link, sizeof(link)))
			return 0;
		if (link & 1)
			return (uint64_t)last + 1;
	}
	return 0;
}

static uint64_t count_symbols(const struct object *object, const struct dynamic *dynamic)
{
	uint32_t header[2]; /* nbucket, nchain */

	if (dynamic->hash && object_read_at(object, dynamic->hash, header, sizeof(header)))
		return header[1];
	return dynamic->gnu_hash ? count_by_gnu_hash(object, dynamic->gnu_hash) : 0;
}

void symbols_add_dynamic(struct symbols *symbols, const struct object *object, uint64_t bias)
{
	struct symbol_table table = { .object = object };
	struct dynamic dynamic;
	uint64_t offset, available, count;

	if (!read_dynamic(object, bias, &dynamic))
		return;
	count = count_symbols(object, &dynamic);
	if (!object_offset(object, dynamic.strings, &table.names, &available))
		return;
	table.names_bytes = dynamic.strings_bytes < available ? dynamic.strings_bytes : available;
	if (!object_offset(object, dynamic.symbols, &offset, &available))
		return;
	if (count > available / sizeof(Elf64_Sym))
		count = available / sizeof(Elf64_Sym);
	symbols_add_table(symbols, &table, offset, count);
}
