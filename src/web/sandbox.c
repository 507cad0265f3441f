/* SPDX-License-Identifier: MIT */
/*
 * Readers of profiles are fuzzed, and still a stranger's bytes are read in a process that would have nothing
 * to gain from a fault in them: it can neither open nor connect to anything. The filter is the wall; limits
 * and the lost privileges hold where a kernel has none (CONFIG_SECCOMP_FILTER).
 *
 * A call that is not allowed fails with EPERM instead of ending the process, because the C library asks for
 * more than it needs (how many CPUs there are, which time zone) and can do without.
 *
 * Facts: seccomp(2), capabilities(7), setrlimit(2), include/uapi/linux/{seccomp,filter,audit}.h.
 */
#include "config.h"

#include "web/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

#if defined(__x86_64__)
#define AUDIT_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* ---- descriptors ---- */

static void close_others(const int *kept, size_t count)
{
	int next = STDERR_FILENO + 1;

	for (size_t i = 0; i <= count; i++) {
		const int last = i < count ? kept[i] - 1 : INT32_MAX;

		if (last >= next && syscall(SYS_close_range, next, last, 0) != 0) { /* before Linux 5.9 */
			const int end = last < (int)descriptor_limit() ? last : (int)descriptor_limit();

			for (int fd = next; fd <= end; fd++)
				close(fd);
		}
		next = i < count ? kept[i] + 1 : next;
	}
}

static void empty_standard_descriptors(void)
{
	const int null = open("/dev/null", O_RDWR);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

/* ---- privileges ---- */

static void limit(int resource, uint64_t most)
{
	const struct rlimit value = { .rlim_cur = most, .rlim_max = most };

	setrlimit(resource, &value);
}

static void set_limits(const struct sandbox_limits *limits)
{
	if (!IS_SANITIZED) /* a sanitizer takes addresses by the terabyte, and asks for calls of its own */
		limit(RLIMIT_AS, limits->memory_bytes);
	limit(RLIMIT_FSIZE, limits->file_bytes);
	limit(RLIMIT_CPU, limits->cpu_seconds);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_MEMLOCK, 0);
}

/* Root becomes nobody; another user stays, and has no capability any more. */
static int drop_privileges(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { .effective = 0 } };

	for (int capability = 0; capability <= 63; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	if (geteuid() == 0 &&
		(setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
			setresuid(NOBODY, NOBODY, NOBODY) != 0) &&
		errno != EINVAL && errno != EPERM) /* a user namespace that has no nobody */
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot give up root");
	if (syscall(SYS_capset, &header, none) != 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot give up capabilities");
	limit(RLIMIT_NPROC, 0);
	return 0;
}

/* ---- system calls ---- */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW_CALL(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), ALLOW
/* The low half of this argument has all of these bits, or the call is refused. */
#define ALLOW_CALL_WITH_BITS(number, argument, bits) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 5), LOAD(args[argument]), \
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (bits)), \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (bits), 0, 1), ALLOW, REFUSE
/* None of them. */
#define ALLOW_CALL_WITHOUT_BITS(number, argument, bits) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 4), LOAD(args[argument]), \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), REFUSE, ALLOW

#define PROT_EXEC_BIT 4 /* of mmap(2) and mprotect(2) */

/* Both machines are little-endian: an argument begins with its low half. */
static const struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCHITECTURE, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	ALLOW_CALL(SYS_read),
	ALLOW_CALL(SYS_write),
	ALLOW_CALL(SYS_writev),
	ALLOW_CALL(SYS_pread64),
	ALLOW_CALL(SYS_pwrite64),
	ALLOW_CALL(SYS_lseek),
	ALLOW_CALL(SYS_fstat),
	ALLOW_CALL(SYS_close),
	ALLOW_CALL(SYS_dup),
	ALLOW_CALL(SYS_fcntl),
	ALLOW_CALL(SYS_ftruncate),
	ALLOW_CALL(SYS_fsync),
	ALLOW_CALL(SYS_fdatasync),
	ALLOW_CALL(SYS_memfd_create),
	ALLOW_CALL(SYS_munmap),
	ALLOW_CALL(SYS_mremap),
	ALLOW_CALL(SYS_madvise),
	ALLOW_CALL(SYS_brk),
	ALLOW_CALL(SYS_getrandom),
	ALLOW_CALL(SYS_clock_gettime),
	ALLOW_CALL(SYS_futex),
	ALLOW_CALL(SYS_getpid),
	ALLOW_CALL(SYS_gettid),
	ALLOW_CALL(SYS_uname),
	ALLOW_CALL(SYS_rt_sigaction),
	ALLOW_CALL(SYS_rt_sigprocmask),
	ALLOW_CALL(SYS_rt_sigreturn),
	ALLOW_CALL(SYS_restart_syscall),
	ALLOW_CALL(SYS_exit),
	ALLOW_CALL(SYS_exit_group),
#if IS_SANITIZED
	ALLOW_CALL(SYS_sigaltstack),
	ALLOW_CALL(SYS_sched_yield),
	ALLOW_CALL(SYS_mmap),
	ALLOW_CALL(SYS_mprotect),
#endif
	/*
	 * only memory that is not executed, only files that never have a name, and of paths only what a file
	 * is, which is how the C library asks it of a descriptor
	 */
	ALLOW_CALL_WITHOUT_BITS(SYS_mmap, 2, PROT_EXEC_BIT),
	ALLOW_CALL_WITHOUT_BITS(SYS_mprotect, 2, PROT_EXEC_BIT),
	ALLOW_CALL_WITH_BITS(SYS_openat, 2, O_TMPFILE),
	ALLOW_CALL_WITH_BITS(SYS_newfstatat, 3, AT_EMPTY_PATH),
	REFUSE,
};

static int filter_calls(struct error *err)
{
	const struct sock_fprog program = { .len = ARRAY_LENGTH(filter),
		.filter = (struct sock_filter *)filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot give up new privileges");
	/* EINVAL: a kernel without filters, where limits and the lost privileges have to do */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0 && errno != EINVAL)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot filter system calls");
	return 0;
}

int sandbox_enter(const int *kept, size_t count, const struct sandbox_limits *limits, struct error *err)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGXFSZ, SIG_IGN); /* too large a file is an error with a message */
	hash_seed();              /* asked for while that is allowed everywhere */
	empty_standard_descriptors();
	close_others(kept, count);
	set_limits(limits);
	if (drop_privileges(err) != 0)
		return -1;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* forgotten with the user */
	prctl(PR_SET_DUMPABLE, 0);
	return filter_calls(err);
}
