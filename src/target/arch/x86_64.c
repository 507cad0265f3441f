/* SPDX-License-Identifier: MIT */
/* x86_64: registers by PTRACE_GETREGSET. */
#include "config.h"

#include "target/arch/arch.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/*
 * include/linux/errno.h; never seen by a program: when a thread leaves its stop with this in rax, the kernel
 * begins the call again if no handler is to be run, and gives EINTR to the program if one is
 * (arch_do_signal_or_restart in arch/x86/kernel/signal.c). That is just what would have happened without us.
 */
#define KERNEL_ERESTARTNOHAND 514

static bool read_user(pid_t tid, struct user_regs_struct *user)
{
	struct iovec io = { .iov_base = user, .iov_len = sizeof(*user) };

	return ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io) == 0 && io.iov_len == sizeof(*user);
}

static struct registers registers_of(const struct user_regs_struct *user)
{
	return (struct registers){
		.values = { user->rax, user->rdx, user->rcx, user->rbx, user->rsi, user->rdi, user->rbp,
			user->rsp, user->r8, user->r9, user->r10, user->r11, user->r12, user->r13, user->r14,
			user->r15, user->rip },
		.known = (UINT64_C(1) << 17) - 1,
		.pc = user->rip,
	};
}

void arch_restart_system_call(pid_t tid, struct registers *registers)
{
	struct user_regs_struct user;
	struct iovec io = { .iov_base = &user, .iov_len = sizeof(user) };

	registers->known = 0;
	if (!read_user(tid, &user))
		return;
	*registers = registers_of(&user);
	/* orig_rax is -1 unless the thread was caught on its way out of a system call */
	if ((long)user.orig_rax < 0 || (long)user.rax != -EINTR ||
		!restartable_system_call((long)user.orig_rax))
		return;
	user.rax = (unsigned long)-KERNEL_ERESTARTNOHAND;
	ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &io);
}

bool arch_registers(pid_t tid, struct registers *registers)
{
	struct user_regs_struct user;

	if (!read_user(tid, &user))
		return false;
	*registers = registers_of(&user);
	return true;
}

/* psABI 1.0: rbx, rbp and r12 to r15 survive a call; 128 bytes below rsp are the function's. */
const struct register_roles register_roles = {
	.stack_pointer = 7,
	.frame_pointer = 6,
	.return_address = 16,
	.saved = { 3, 6, 12, 13, 14, 15 },
	.saved_count = 6,
	.red_zone = 128,
	.code_mask = UINT64_MAX,
};

/* The length of ff /2, a call of what ModRM (and SIB) name, without prefixes; 0: these bytes are none. */
static size_t indirect_call_length(const unsigned char *code)
{
	const unsigned mode = code[1] >> 6, place = code[1] & 7;
	size_t length = place == 4 && mode != 3 ? 3 : 2;

	if (code[0] != 0xff || (code[1] >> 3 & 7) != 2)
		return 0;
	if (mode == 1)
		return length + 1;
	if (mode == 2 || (mode == 0 && (place == 5 || (place == 4 && (code[2] & 7) == 5))))
		return length + 4;
	return length;
}

/* Intel's manual, volume 2A, CALL: e8 with a distance, or ff /2. */
bool ends_with_call(const unsigned char code[CALL_BYTES])
{
	if (code[CALL_BYTES - 5] == 0xe8)
		return true;
	for (size_t length = 2; length <= CALL_BYTES; length++) {
		unsigned char call[CALL_BYTES] = { 0 };

		memcpy(call, code + CALL_BYTES - length, length);
		if (indirect_call_length(call) == length)
			return true;
	}
	return false;
}

/*
 * Intel's manual, volume 2: ADD RSP with 8 or 32 bits, POP, RET. The numbers of registers in code are not
 * those of the psABI (figure 3.36).
 */
bool epilogue_decode(const unsigned char code[EPILOGUE_BYTES], struct epilogue *epilogue)
{
	static const uint8_t numbers[] = { 0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15 };
	const size_t longest = 7;
	uint64_t at = 0;

	*epilogue = (struct epilogue){ 0 };
	for (size_t i = 0; i + longest <= EPILOGUE_BYTES;) {
		const unsigned char *next = &code[i];
		const bool is_high = next[0] == 0x41;
		uint32_t distance;

		if (next[0] == 0xc3 || (next[0] == 0xf3 && next[1] == 0xc3)) {
			epilogue->return_address = at;
			epilogue->cfa = at + sizeof(uint64_t);
			return true;
		}
		if (next[0] == 0x48 && next[1] == 0x83 && next[2] == 0xc4 && next[3] < 0x80) {
			at += next[3];
			i += 4;
		} else if (next[0] == 0x48 && next[1] == 0x81 && next[2] == 0xc4 && next[6] < 0x80) {
			memcpy(&distance, &next[3], sizeof(distance));
			at += distance;
			i += 7;
		} else if ((next[is_high] & 0xf8) == 0x58 && (is_high || next[0] != 0x5c)) {
			const uint8_t number = numbers[(next[is_high] & 7) + 8 * is_high];

			epilogue->at[number] = at;
			epilogue->taken |= UINT64_C(1) << number;
			at += sizeof(uint64_t);
			i += 1 + (size_t)is_high;
		} else {
			return false;
		}
	}
	return false;
}

static raddr_t by_distance(raddr_t from, const unsigned char *distance)
{
	int32_t value;

	memcpy(&value, distance, sizeof(value));
	return from + (uint64_t)(int64_t)value;
}

/* psABI: a stub is jmp *place(%rip), behind endbr64 where that is asked for, with a bnd prefix in some. */
static bool follow_stub(struct target *target, raddr_t *callee)
{
	static const unsigned char endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	unsigned char code[11];
	size_t at = 0;

	if (!target_read(target, *callee, code, sizeof(code)))
		return false;
	if (memcmp(code, endbr64, sizeof(endbr64)) == 0)
		at += sizeof(endbr64);
	at += code[at] == 0xf2;
	if (code[at] != 0xff || code[at + 1] != 0x25)
		return true; /* no stub */
	return at + 6 <= sizeof(code) &&
		target_read(target, by_distance(*callee + at + 6, code + at + 2), callee, sizeof(*callee));
}

bool call_target(struct target *target, raddr_t return_address, struct call_target *found)
{
	unsigned char code[CALL_BYTES];

	if (!target_read(target, return_address - CALL_BYTES, code, CALL_BYTES))
		return false;
	if (code[CALL_BYTES - 6] == 0xff && code[CALL_BYTES - 5] == 0x15) {
		if (!target_read(target, by_distance(return_address, code + CALL_BYTES - 4), &found->named,
			    sizeof(found->named)))
			return false;
		found->reached = found->named;
		return true;
	}
	if (code[CALL_BYTES - 5] != 0xe8)
		return false;
	found->named = found->reached = by_distance(return_address, code + CALL_BYTES - 4);
	return follow_stub(target, &found->reached);
}
