/* SPDX-License-Identifier: MIT */
/*
 * aarch64. The kernel decides about restarting before the stop and forgets the number and first argument of
 * the call (do_signal in arch/arm64/kernel/signal.c), so that a call which it does not restart cannot be
 * restarted from outside. What is left there is the microsecond between pause.c's look at the thread's state
 * and its PTRACE_INTERRUPT.
 */
#include "config.h"

#include "target/arch/arch.h"

#include <elf.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

void arch_restart_system_call(pid_t tid, struct registers *registers)
{
	(void)tid;
	registers->known = 0;
}

/*
 * AAPCS64: x19 to x29 survive a call; nothing below sp is kept. Signed return addresses have their signature
 * above the 48 bits that an address in user space has (52 with large virtual addresses, which a program must
 * ask for).
 */
const struct register_roles register_roles = {
	.stack_pointer = 31,
	.frame_pointer = 29,
	.return_address = 30,
	.return_in_register = true,
	.saved = { 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29 },
	.saved_count = 11,
	.code_mask = (UINT64_C(1) << 48) - 1,
};

/* Arm's manual, C6.2: BL, BLR, and BLR with authentication (BLRAA, BLRAB, BLRAAZ, BLRABZ). */
bool ends_with_call(const unsigned char code[CALL_BYTES])
{
	uint32_t word;

	memcpy(&word, &code[CALL_BYTES - sizeof(word)], sizeof(word));
	return (word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000 ||
		(word & 0xfefff800) == 0xd63f0800;
}

/* Arm's manual, C6.2: LDP X29, X30, [SP], #n and RET. Up to the LDP the two lie at the stack pointer. */
bool epilogue_decode(const unsigned char code[EPILOGUE_BYTES], struct epilogue *epilogue)
{
	const unsigned frame_pointer = 29;
	uint32_t words[2];

	memcpy(words, code, sizeof(words));
	*epilogue = (struct epilogue){ .taken = UINT64_C(1) << frame_pointer,
		.return_address = sizeof(uint64_t) };
	if ((words[0] & 0xffe07fff) != 0xa8c07bfd || words[1] != 0xd65f03c0)
		return false;
	epilogue->cfa = (uint64_t)(words[0] >> 15 & 0x3f) * sizeof(uint64_t);
	return epilogue->cfa >= 2 * sizeof(uint64_t);
}

bool call_target(struct target *target, raddr_t return_address, struct call_target *found)
{
	const uint32_t bti_c = 0xd503245f;
	uint32_t word, first[2];

	if (!target_read(target, return_address - sizeof(word), &word, sizeof(word)) ||
		(word & 0xfc000000) != 0x94000000)
		return false;
	found->named = found->reached =
		return_address - sizeof(word) + (uint64_t)((int64_t)((uint64_t)word << 38) >> 36);
	/* a stub begins with adrp x16 */
	return target_read(target, found->named, first, sizeof(first)) &&
		((first[0] == bti_c ? first[1] : first[0]) & 0x9f00001f) != 0x90000010;
}

bool arch_registers(pid_t tid, struct registers *registers)
{
	struct user_regs_struct from;
	struct iovec io = { .iov_base = &from, .iov_len = sizeof(from) };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io) || io.iov_len < sizeof(from))
		return false;
	*registers = (struct registers){ .known = (UINT64_C(1) << 32) - 1, .pc = from.pc };
	memcpy(registers->values, from.regs, sizeof(from.regs));
	registers->values[31] = from.sp;
	return true;
}
