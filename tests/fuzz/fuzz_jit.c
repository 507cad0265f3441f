/* SPDX-License-Identifier: MIT */
/*
 * Bytes as the memory in which a target says what code it has made: the descriptor at its start, and all
 * that it leads to.
 */
#include "config.h"

#include <stdlib.h>

#include "bytes.h"
#include "native/unwind/jit.h"

#define BASE UINT64_C(0x10000)
#define CODE UINT64_C(0x7f0000400000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A row has no rule that needs what was thrown away with its table. */
static void check_rule(const struct cfi_rule *rule)
{
	if (rule->kind == RULE_EXPRESSION || rule->kind == RULE_VALUE_EXPRESSION ||
		rule->number >= REGISTER_COUNT)
		abort();
}

static void check_code(const struct jit_code *code, raddr_t pc)
{
	if (pc < code->start || pc >= code->end || (code->name && !code->name[0]))
		abort();
	if (!code->row.is_known)
		return;
	check_rule(&code->row.cfa);
	check_rule(&code->row.return_address);
	for (unsigned i = 0; i < register_roles.saved_count; i++)
		check_rule(&code->row.saved[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = { .base = BASE, .data = data, .size = size };
	struct jit *jit = jit_new((struct elf_memory){ .read = read_bytes, .context = &bytes }, BASE);

	for (raddr_t pc = CODE; pc < CODE + 0x600; pc += 0x4f) {
		const struct jit_code *code = jit_find(jit, pc);

		if (code)
			check_code(code, pc);
		if (bytes.size > 16 && pc == CODE + 4 * 0x4f)
			bytes.size--; /* something has gone */
	}
	jit_free(jit);
	return 0;
}
