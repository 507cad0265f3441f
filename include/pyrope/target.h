/* SPDX-License-Identifier: MIT */
/*
 * One process seen from outside: what it has mapped, what its ELF files say, what its memory holds, what its
 * threads are doing, and how to hold one of them still for a moment. Knows nothing of Python.
 *
 * Everything that comes out of a target is untrusted: sizes are bounded here, contents are not looked at.
 */
#ifndef PYROPE_TARGET_H
#define PYROPE_TARGET_H

#include <sys/types.h>

#include "pyrope/base.h"

struct target;

/*
 * Opens the process for reading. Says why when it cannot: no such process, zombie (its first thread alone may
 * have exited), kernel thread, pid of pyrope itself, 32-bit, not permitted (with cause and remedy). The
 * target is not touched. Free with target_close (accepts NULL).
 */
int target_open(struct target **target, pid_t pid, struct error *err);
void target_close(struct target *target);
pid_t target_pid(const struct target *target);
/*
 * Is it the very process that was opened (same start time, not a zombie)? Cheap: one read of
 * /proc/PID/stat.
 */
bool target_alive(struct target *target);
/*
 * Is its address space still the one that was opened (neither exited nor execed)? One pread; with an image
 * remembered one read of /proc/PID/stat too, so that nobody who looks at the old address space can keep it
 * true.
 */
bool target_same_image(struct target *target);
/*
 * Only ENOENT and ESRCH say that something is gone. What fails otherwise (EMFILE, ENFILE, ENOMEM, EIO) leaves
 * the question open, and as long as it is open the target counts as alive and as running the same program.
 * True: the question is open, and err says what failed and why. A question is closed by the next answer to
 * it, or by target_ask_again.
 */
enum target_question {
	ASKED_LIFE,   /* target_alive, target_same_image, target_execed */
	ASKED_MEMORY, /* target_read and its kin */
	ASKED_TASKS,  /* target_task_state, target_list_tids */
	ASKED_FILES,  /* elf_image_open */
	TARGET_QUESTIONS,
};
bool target_unanswered(const struct target *target, enum target_question question, struct error *err);
void target_ask_again(struct target *target);
/* The process has gone, and its number belongs to another one: what was read last may have been of that. */
bool target_replaced(struct target *target);
/*
 * The program that it runs now has begun to run: target_same_image may go by where its code and its stack
 * begin.
 */
void target_remember_image(struct target *target);
/* Has it called execve since it was opened (or since the last call that returned true)? */
bool target_execed(struct target *target);
/* The pid as the target itself sees it (its innermost pid namespace; proc(5) NSpid); tids likewise. */
pid_t target_inner_pid(const struct target *target);
/*
 * /proc/PID as a directory descriptor for openat, or /proc/TID of a thread that lives when the first one has
 * exited. Borrowed, until the next call of any of these functions.
 */
int target_proc_fd(struct target *target);

/* ---- memory ---- */

struct read_request {
	raddr_t address;
	void *data;
	size_t length;
};

/*
 * Reads all requests, in order, in as few system calls as can be (process_vm_readv with one iovec each,
 * served in order; where that is missing or refused, /proc/PID/mem, one pread each). Returns how many
 * requests from the first on were read whole; the rest are untouched or partly read. Never fails on a bad
 * address; ERROR_GONE is reported by target_alive. An address range that wraps around counts as unreadable.
 */
size_t target_read_batch(struct target *target, const struct read_request *requests, size_t count);
/* One request; true when it was read whole. */
bool target_read(struct target *target, raddr_t address, void *data, size_t length);
/* Reads up to length bytes from address, page by page, and returns how many could be read. */
size_t target_read_upto(struct target *target, raddr_t address, void *data, size_t length);
/* How many system calls the reads of this target have made so far. */
uint64_t target_read_calls(const struct target *target);
/* Are they made through /proc/PID/mem, because process_vm_readv was refused? As far as it has been tried. */
bool target_reads_by_file(const struct target *target);
/* With PYROPE_NO_VM_READV=1 in the environment all reads are made through /proc/PID/mem. */

/* ---- what a person knows it by ---- */

/* Its arguments with spaces between them, cleaned, or its comm where it has none; no wider than this. */
void target_command_line(struct target *target, struct buffer *text, size_t columns);
/* The first ones of its arguments as they are, in the bytes that the caller releases. The count. */
size_t target_arguments(struct target *target, char *arguments[], size_t limit, struct buffer *bytes);
/* Appends the folder that it works in, as it names it itself (in its own root). False: it cannot be told. */
bool target_folder(struct target *target, struct buffer *path);

/* ---- maps: one parsed /proc/PID/maps ---- */

struct mapping {
	raddr_t start, end; /* [start, end) */
	uint64_t offset;    /* into the file */
	uint64_t inode;     /* 0: anonymous */
	uint32_t device_major, device_minor;
	bool readable, writable, executable, is_shared;
	bool deleted; /* the kernel says " (deleted)" behind the path (stripped from path) */
	/* "" for anonymous; "[heap]", "[stack]", "[vdso]" as the kernel says; owned by the maps */
	const char *path;
};

struct maps {
	struct mapping *mappings; /* sorted by start */
	size_t count;
	struct buffer text; /* what the paths point into */
};

/*
 * Parses the text of a maps file; takes ownership of the text's bytes. Lines that make no sense are left
 * out.
 */
void maps_parse(struct maps *maps, struct buffer *text);
int target_read_maps(struct target *target, struct maps *maps, struct error *err);
void maps_release(struct maps *maps);
const struct mapping *maps_find(const struct maps *maps, raddr_t address); /* NULL: not mapped */

/* ---- what it uses up ---- */

struct process_counters {
	uint64_t user_ns, system_ns; /* CPU time, in steps of some ms */
	uint64_t resident_bytes;
	uint64_t minor_faults, major_faults;
	uint64_t voluntary_switches, involuntary_switches; /* of its first thread */
};

/*
 * With which status, as of waitpid(2), the process has ended: it is known while nobody has waited for it, and
 * from Linux 6.15 on afterwards, too. -1: not known, or it has not ended after wait_ms: between losing its
 * memory and its end it needs a CPU.
 */
int target_exit_status(struct target *target, int wait_ms);
/* By the pid alone, so that any thread may ask. False: it is gone, or /proc does not say. */
bool target_read_counters(pid_t pid, struct process_counters *counters);
/* The parent's pid as pyrope sees it; 0: not known, or not in our pid namespace. */
pid_t target_parent(pid_t pid);

/* ---- threads of the process ---- */

/*
 * Fills *tids (grown with array_reserve; caller frees) with the kernel tids, ascending. Count, or -1 with
 * err.
 */
ssize_t target_list_tids(struct target *target, pid_t **tids, size_t *capacity, struct error *err);

enum task_activity {
	TASK_RUNNING,  /* on a CPU or runnable, or in a short system call */
	TASK_SLEEPING, /* blocked in a system call; its number in syscall_number */
	TASK_STOPPED,  /* by a signal */
	TASK_TRACED,   /* stopped by a tracer */
	TASK_DISK,     /* uninterruptible */
	TASK_GONE,
	TASK_UNKNOWN, /* the system did not say */
};

struct task_state {
	enum task_activity activity;
	long syscall_number;                         /* -1: none or not known */
	uint64_t first_argument, fourth_argument;    /* of the system call */
	uint64_t stack_pointer, instruction_pointer; /* 0 when running or not known */
};

/* What a thread does now, by /proc/PID/task/TID/syscall and, where that is refused, .../stat. */
struct task_state target_task_state(struct target *target, pid_t tid);
/* Does it run, or may it, for all that is known? */
bool task_may_run(const struct task_state *task);
/*
 * Was it stopped by a signal while it was not in a system call? Then stack pointer and pc are all that this
 * state tells of it.
 */
bool task_stopped_in_code(const struct task_state *task);
/*
 * Time on CPU in ns and the number of time slices, from schedstat; false when not available. A thread whose
 * two readings are equal has not run in between.
 */
bool target_task_schedstat(struct target *target, pid_t tid, uint64_t *cpu_ns, uint64_t *slices);
/*
 * How often the thread has left a CPU, and when the scheduler last looked at its clock, which it does when
 * the thread leaves its CPU; that clock is the CPU's. False: this kernel does not say (CONFIG_SCHED_DEBUG).
 */
bool target_task_sched(struct target *target, pid_t tid, uint64_t *switches, uint64_t *exec_ns);
/* Now, by that clock on the CPU of the calling thread; 0: not known. */
uint64_t own_exec_start(void);
/*
 * The same on that CPU, to which the calling thread goes for that; afterwards it may go anywhere as before.
 * 0: not known, or it may not go there.
 */
uint64_t own_exec_start_on(int cpu);
/* The CPU that the thread is on, or was last; -1: not known. */
int target_task_cpu(struct target *target, pid_t tid);
/* The kernel's comm, cleaned, at most 63 bytes. "" when the thread is gone. */
void target_task_comm(struct target *target, pid_t tid, char name[64]);
/* Who traces the process already (TracerPid), 0: nobody. */
pid_t target_tracer(struct target *target, pid_t tid);

/*
 * ---- registers, numbered as in DWARF (x86_64 psABI 1.0, figure 3.36; DWARF for the Arm 64-bit
 * Architecture, 4.1) ----
 */

#define REGISTER_COUNT 33

struct registers {
	uint64_t values[REGISTER_COUNT];
	uint64_t known; /* bit n: values[n] is known */
	raddr_t pc;
};

/* ---- holding one thread still ---- */

#define PAUSE_LONG_NS 10000000
#define PAUSES_AT_ONCE 32 /* threads that are held, or told to stop */

enum pause_result {
	PAUSE_TOLD,   /* it has been told to stop: pause_await waits for it */
	PAUSE_HELD,   /* it stands still until pause_end */
	PAUSE_UNFIT,  /* the condition did not hold: it was not touched */
	PAUSE_ASLEEP, /* it was in a system call: it was not touched; its stack stands still anyway */
	/* it did not stop within the deadline; it is let go as soon as it does, see pause_settle */
	PAUSE_TIMEOUT,
	PAUSE_REFUSED, /* ptrace said no: traced by another, or not permitted; err says which */
	PAUSE_GONE,
};

/*
 * Stops one thread with PTRACE_SEIZE and PTRACE_INTERRUPT. Between pause_begin and pause_end only reads are
 * allowed. The same thread of ours must call both. A tracer that dies lets its SEIZEd tracees run on
 * (ptrace(2)), so that SIGKILL at any instant leaves nothing stopped. A signal that arrives with the stop is
 * passed on by pause_end. A system call that our stop interrupted is restarted by the kernel, not failed with
 * EINTR (see pause.c).
 */
struct pause {
	struct target *target;
	pid_t tid;  /* that of its process when the thread has just called execve */
	int signal; /* to be delivered when it goes on, 0: none */
	/* when it was told, when that it had stopped was seen, when it was let go */
	int64_t begin_ns, stopped_ns, end_ns;
	int64_t own_cpu_ns, own_waited_ns; /* of the thread of ours, before */
	unsigned own_stops;                /* pauser_stops, before */
	/* from when it was told until it had been let go */
	int64_t worked_ns; /* CPU time of our thread */
	/*
	 * how long our thread was ready to run and had no CPU; where the kernel does not say: how long it
	 * had none
	 */
	int64_t waited_ns;
	/* pyrope itself was stopped meanwhile; told where it was held for longer than PAUSE_LONG_NS */
	bool was_interrupted;
	/* for pause_registers: what the stop had to ask for anyway; known is 0 when it had not */
	struct registers registers;
};

/*
 * What must hold of the thread when it is told to stop; asked at the last moment, so it has to be brief. A
 * stop shortens a large blocking write or a recv with MSG_WAITALL that has transferred a part (nothing that
 * the kernel knows of would go on with the rest), and from outside a thread that copies in the kernel looks
 * like one that computes. So a thread that is known to hold a lock that it releases around such calls is
 * stopped only as long as it does.
 */
struct pause_condition {
	bool (*holds)(void *context);
	void *context;
};

/* condition may be NULL: whatever it does, unless it sleeps. */
enum pause_result pause_begin(struct target *target, pid_t tid, const struct pause_condition *condition,
	int64_t deadline_ns, struct pause *pause, struct error *err);
/*
 * The same in two steps, by which several threads are held at one moment: all are told, then each is awaited,
 * and all are ended. No more than PAUSES_AT_ONCE. A thread that was told has to be awaited.
 */
enum pause_result pause_tell(struct target *target, pid_t tid, const struct pause_condition *condition,
	struct pause *pause, struct error *err);
/* After PAUSE_TIMEOUT, too: until then the thread is let go as soon as it stops, which is PAUSE_GONE here. */
enum pause_result pause_await(struct pause *pause, int64_t deadline_ns);
/* Sleeps until a thread that was told to stop may have done so, or 0.2 ms. SIGCHLD is blocked. */
void pause_nap(struct target *target);
/*
 * Holds a thread that a signal has stopped outside of a system call, for its registers: all else of it stands
 * still anyway. PAUSE_ASLEEP: it is not such a thread, or another tracer has stopped it. pause_end leaves it
 * stopped as it was, or running when SIGCONT has come meanwhile.
 */
enum pause_result pause_begin_stopped(
	struct target *target, pid_t tid, int64_t deadline_ns, struct pause *pause, struct error *err);
void pause_end(struct pause *pause);
/*
 * After the pause_end of such a thread, which had these registers: waits until it is back in its stop (1 ms
 * at most), and says what its schedstat is then. As long as that stays the same it need not be held again.
 * False: it is not to be seen there.
 */
bool pause_back_in_stop(
	const struct pause *pause, const struct registers *registers, uint64_t *cpu_ns, uint64_t *slices);
/*
 * Is there a thread that was told to stop, did not in time, and still has to be let go? (Or one that has
 * not been awaited.)
 */
bool pause_pending(const struct target *target);
/*
 * Has the first thread of the process ended in a pause, while other threads had not? Only when these have
 * ended, too, can it be waited for, which pause_settle does; until then the process's parent does not hear of
 * its end.
 */
bool pause_keeps_first(const struct target *target);
/*
 * What one thread of pyrope knows of all that it holds: a target has one of its own, or shares one with
 * others that the same thread looks at. Borrowed by the target, which must not pause anybody any more when it
 * is freed. While nothing is held.
 */
struct pauser;
struct pauser *pauser_new(void);
void pauser_free(struct pauser *pauser); /* accepts NULL */
void target_use_pauser(struct target *target, struct pauser *pauser);
/*
 * How often pyrope itself has been stopped and continued; to be asked before it lets itself be stopped,
 * while it holds nobody.
 */
unsigned pauser_stops(const struct pauser *pauser);
/* It has been, and has been continued. Takes 0.1 s when it was not stopped after all. */
void pauser_forget_stop(struct pauser *pauser, unsigned stops);
/*
 * Sleeps until until_ns (CLOCK_MONOTONIC) or until all pending threads have stopped and were let go.
 * SIGCHLD is blocked.
 */
void pause_settle(struct target *target, int64_t until_ns);

/* ---- what unwinding has to know of the processor ---- */

struct register_roles {
	uint8_t stack_pointer, frame_pointer;
	uint8_t return_address;  /* the column of unwind tables; on aarch64 also a register, x30 */
	bool return_in_register; /* a function that calls nothing may keep it there only */
	uint8_t saved[12];       /* those that a call preserves, the frame pointer among them */
	uint8_t saved_count;
	uint16_t red_zone;  /* bytes below the stack pointer that a function may use */
	uint64_t code_mask; /* of an address of code without what signs it (pointer authentication) */
};
extern const struct register_roles register_roles;

#define CALL_BYTES 7 /* the longest call of a register, of memory or of another place (x86_64) */
/* Can the last of these bytes be a call? They are those before an address to which something may return. */
bool ends_with_call(const unsigned char code[CALL_BYTES]);
/* What is called, and where that leads when it is the stub of a procedure linkage table. */
struct call_target {
	raddr_t named, reached;
};
/*
 * What the call before a return address calls. Reads code and the table's pointer while the target runs: both
 * stay as they are. False: a register or memory says it, or it cannot be read.
 */
bool call_target(struct target *target, raddr_t return_address, struct call_target *found);

/*
 * What is left to do for code that only returns: where, counted from the stack pointer, lies what it takes
 * from there.
 */
#define EPILOGUE_BYTES 32
struct epilogue {
	uint64_t cfa; /* the stack pointer behind the return */
	uint64_t return_address;
	uint64_t at[REGISTER_COUNT];
	uint64_t taken; /* bit n: register n, from at[n] */
};
/* False: the code does something else first, or it is none that is known. */
bool epilogue_decode(const unsigned char code[EPILOGUE_BYTES], struct epilogue *epilogue);

/* The registers of a thread that is held. False when it is gone. */
bool pause_registers(const struct pause *pause, struct registers *registers);
/* What is known of a thread that sleeps in a system call: stack pointer and pc. False: it does not sleep. */
bool task_registers(const struct task_state *task, struct registers *registers);

/* ---- permission: why a process cannot be read or traced ---- */

/*
 * Sets err (ERROR_PERMISSION) to the cause that applies (Yama, capability, another user, a user namespace,
 * already traced and by which pid, seccomp, not dumpable) with its remedy. errno_value is what the refused
 * call said.
 */
int permission_explain(pid_t pid, int errno_value, struct error *err);

/* ---- launching ---- */

/*
 * Starts argv[0] (looked up in PATH) with our stdin, stdout, stderr, terminal and environment, signal
 * dispositions and mask as pyrope itself was started with. Returns the child's pid, or -1: command not found
 * (exit_code 127), not executable (126). The child has called execve when this returns.
 */
/*
 * To be called first thing in main: remembers signal mask, dispositions and limits for what is launched, and
 * then raises the soft limit of descriptors to the hard one for pyrope itself.
 */
void launch_remember(void);
pid_t launch_command(char *const argv[], struct error *err);

/* ---- files of /proc ---- */

/*
 * Reads a small /proc file, relative to directory, whole or up to size - 1 bytes; NUL-terminates. -1 with
 * errno.
 */
ssize_t proc_read(int directory, const char *name, char *text, size_t size);
/* Behind the ") " of a stat line, or NULL. The name in it may hold anything, ")" too. */
const char *stat_fields(const char *line);
/* The value behind "Name:" in the text of a status file, or NULL. */
const char *status_field(const char *text, const char *name);

/* ---- a process that a test makes up ---- */

/*
 * What is asked of a process while its threads are looked at, answered by a test in place of the kernel, so
 * that it decides what memory shows at each read. What has no function here is not there: no files, no maps;
 * its image never changes.
 */
struct target_script {
	/* As target_read_batch. */
	size_t (*read_batch)(void *context, const struct read_request *requests, size_t count);
	struct task_state (*task_state)(void *context, pid_t tid);
	/* The threads, ascending; borrowed. */
	size_t (*list_tids)(void *context, const pid_t **tids);
	/* As target_task_schedstat. */
	bool (*task_schedstat)(void *context, pid_t tid, uint64_t *cpu_ns, uint64_t *slices);
	/*
	 * PAUSE_HELD: the thread stands still until pause_end, from pause_tell on. The condition has been
	 * asked.
	 */
	enum pause_result (*pause_begin)(void *context, pid_t tid);
	void (*pause_end)(void *context, pid_t tid);
	void *context;
};

/* The script is borrowed. Free with target_close. */
struct target *target_open_script(const struct target_script *script);

#endif
