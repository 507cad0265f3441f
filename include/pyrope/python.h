/* SPDX-License-Identifier: MIT */
/*
 * A CPython interpreter inside a target: find it, know its layout, list its interpreters and threads, walk
 * frames, decode code objects. Nothing here decides when to look, and nothing here stops anything.
 *
 * The walker reads through a memory_view, so that the same code walks live memory, a snapshot taken in one
 * system call, and memory made up by a test.
 */
#ifndef PYROPE_PYTHON_H
#define PYROPE_PYTHON_H

#include <stdatomic.h>

#include "pyrope/base.h"
#include "pyrope/sample.h"
#include "pyrope/target.h"

struct python;

struct python_options {
	/* of the run: where what it executes is entered; borrowed, must outlive the python */
	struct functions *functions;
	int abi;         /* 0: find out; else major * 100 + minor, as 311 */
	int64_t wait_ns; /* how long to wait for an interpreter that has not got a thread state yet */
	const atomic_int *cancelled; /* NULL, or a flag that ends the wait early */
};

/*
 * Finds the interpreter and confirms it by validating its thread list. err: not a Python (ERROR_UNSUPPORTED,
 * and which other implementation it is, where that can be seen), an unknown version, no thread state within
 * wait_ns (names the limit), gone. The target is borrowed and must outlive the python. Free with python_free
 * (accepts NULL).
 */
int python_attach(struct python **python, struct target *target, const struct python_options *options,
	struct error *err);
/*
 * As python_attach, for a process that has been forked from that of `parent` and has not called execve: its
 * interpreter lies where the parent's does, which is checked in its own memory; no file is read, and nothing
 * is waited for. Only what does not change while a process runs is taken over (where the interpreter is, its
 * layout): code objects, frames and what is proven of them may be others in the child a moment later. The
 * parent may be sampled meanwhile. ERROR_RACED: it is not there.
 */
int python_attach_forked(
	struct python **python, struct target *target, const struct python *parent, struct error *err);
/*
 * A process that runs no Python, so that its native stacks can be taken as a Python's are: it has no threads
 * of Python's and no locks, and its version is "". It stays that until it executes another program.
 */
void python_attach_none(struct python **python, struct target *target, struct functions *functions);
void python_free(struct python *python);

struct target *python_target(const struct python *python);
struct functions *python_functions(const struct python *python);
const char *python_version(const struct python *python); /* "3.11.7", "3.13.0 free-threaded" */
/* NULL, or what a user should know ("newer than known") */
const char *python_warning(const struct python *python);
const char *python_known_range(void);                   /* "2.6, 2.7, 3.4 to 3.15" */
bool python_free_threaded(const struct python *python); /* built and running without a GIL */

/* ---- what a person wants to know of the interpreter that was found ---- */

/* What led to its variables, the surest first. */
enum python_evidence {
	PYTHON_BY_EXPORT,  /* a symbol that the file exports */
	PYTHON_BY_SYMBOL,  /* one in its whole symbol table, which strip(1) takes away */
	PYTHON_BY_SECTION, /* the section .PyRuntime (3.10+) */
	PYTHON_BY_SCAN,    /* no symbol: its variables were gone through for what looks like the right one */
};

struct python_facts {
	const char *layout;   /* the name of the row that it is read by: "3.11" */
	bool has_own_offsets; /* the offsets are the interpreter's own (3.13+), and not the row's */
	enum python_evidence evidence;
	bool is_free_threaded; /* built so; python_free_threaded says whether it runs so */
	bool is_debug_build;   /* Py_DEBUG: what it exports says so */
	bool has_jit;          /* built with the optimizer whose switch is PYTHON_JIT (3.13+) */
	size_t interpreters, threads;
	pid_t holder; /* who has the GIL; 0: nobody, or it cannot be told */
};

/* Reads memory and the interpreter's file; some milliseconds. */
void python_examine(struct python *python, struct python_facts *facts);

/* ---- threads ---- */

struct python_thread {
	raddr_t state;       /* PyThreadState */
	raddr_t interpreter; /* PyInterpreterState */
	uint64_t interpreter_id;
	uint64_t pthread_id; /* thread_id: pthread_self() of the thread */
	pid_t tid;           /* kernel tid as pyrope sees it; 0: not known */
	/* what the thread state says (3.11+): stale after a fork that Python does not know of; 0: nothing */
	pid_t recorded_tid;
};

/*
 * All thread states of all interpreters, as the lists say now (bounded at 100,000; a list that changes
 * meanwhile is read again), but for those whose thread has gone. A tid that is no thread of the process is
 * not believed. *threads is grown with array_reserve; the caller frees it. Returns the count, or -1
 * (ERROR_RACED when the lists did not stand still, ERROR_GONE).
 */
ssize_t python_list_threads(
	struct python *python, struct python_thread **threads, size_t *capacity, struct error *err);

/*
 * A number that changes when a thread is added to one of the lists: each new one goes to the head of its
 * interpreter's. Threads that end do not change it.
 */
uint64_t python_thread_list_heads(struct python *python);

/*
 * Python's own name of a thread (threading.Thread.name, from threading._active in sys.modules), cleaned, into
 * buffer. False when it has none or it cannot be read. Names are read without a pause: a wrong one is
 * possible while the dict is being changed, a crash is not.
 */
bool python_thread_name(struct python *python, const struct python_thread *thread, struct buffer *name);

/*
 * Whose thread state this is now: its kernel tid as pyrope sees it, by live reads; 0 when it cannot be told.
 * A thread state and a thread descriptor are used again for another thread, so whoever is about to pause asks
 * once more.
 */
pid_t python_thread_tid(struct python *python, const struct python_thread *thread);
/* Is that in the thread state itself, so that python_thread_matches sees it, too (3.11+)? */
bool python_state_has_tid(const struct python *python);
/*
 * Is the thread attached to its interpreter, that is, may it run Python? Asked where there is no GIL; one
 * that computes in C or is in a system call has detached itself (_PyThreadState_Detach, Python/pystate.c).
 * true where the interpreter does not say.
 */
bool python_thread_attached(const struct python *python, const struct python_thread *thread);
/* Does state, the first python_thread_state_bytes() of a thread state, still belong to this thread? */
bool python_thread_matches(
	const struct python *python, const struct python_thread *thread, const void *state);

/* ---- the GIL ---- */

/* One lock: where its words are, and what they said. */
struct gil {
	raddr_t address; /* the bytes to read */
	size_t length;   /* at most GIL_BYTES */
	/* of the whole lock from address on: who waits on a futex in there waits for it; 0: not known */
	size_t span;
	raddr_t interpreter; /* whose it is; 0: of all interpreters */
};
#define GIL_BYTES 1024

struct gil_state {
	raddr_t holder;         /* PyThreadState that holds it; 0: nobody */
	bool has_switch_number; /* the two below are known */
	/* grows each time the GIL goes to another thread than the one that had it last */
	uint64_t switch_number;
	raddr_t last_holder; /* who may take it without that */
};

/*
 * The distinct GILs now (one, but for 3.12+ interpreters with their own). At most capacity; returns the
 * count.
 */
size_t python_list_gils(struct python *python, struct gil *gils, size_t capacity);
void python_decode_gil(const struct python *python, const void *bytes, struct gil_state *state);
/* Is this interpreter collecting garbage now? By a live read. */
bool python_collecting(struct python *python, raddr_t interpreter);

/* ---- frames ---- */

/* Memory by address. `at` returns length bytes at address, good until the view changes, or NULL. */
struct memory_view {
	const void *(*at)(struct memory_view *view, raddr_t address, size_t length);
};

struct raw_frame {
	raddr_t address;      /* PyFrameObject or _PyInterpreterFrame */
	raddr_t code;         /* its code object, tag bits masked */
	uint64_t instruction; /* as stored: index or pointer, see struct layout */
	int traced_line;      /* f_lineno where tracing is on (to 3.9), else 0 */
	uint8_t owner;        /* 3.11+: frame->owner; 0 before */
	/* free-threaded 3.14+: which copy of the bytecode it runs; 0: the first */
	uint32_t thread_local_index;
};

enum walk_status {
	WALK_WHOLE, /* ended where a thread's outermost frame ends */
	WALK_MISS,  /* the view does not hold miss_length bytes at miss_address */
	/* garbage: a loop, a misaligned pointer, a frame without code, or an end in the middle */
	WALK_BROKEN,
	WALK_CUT, /* max_frames reached; the outermost ones are missing */
};

#define WALK_POINTER_BYTES 16

/* What a walk read, leaf first. Zero-initialise; the array is kept between walks; walk_release frees it. */
struct walk {
	struct raw_frame *frames;
	size_t count, capacity;
	raddr_t miss_address;
	size_t miss_length;
	raddr_t leaf; /* the innermost frame of the chain, shims included; 0: the thread runs no Python */
	raddr_t root; /* the outermost one, shims included */
	/*
	 * the calls of the evaluation loop, innermost first (3.11+; before, each frame has its own): see
	 * python_anchors
	 */
	struct walk_group {
		raddr_t shim; /* the frame on the C stack that ends the group; 0 in 3.11 */
		/* the group's frames are those before this index, and not of the group before */
		size_t end;
	} * groups;
	size_t group_count, group_capacity;
	/* WALK_POINTER_BYTES outside of the thread state that points at the leaf (3.11, 3.12); else 0 */
	raddr_t pointer;
};

/* how much of a PyThreadState the walker needs, from its start */
size_t python_thread_state_bytes(const struct python *python);
enum walk_status python_walk(const struct python *python, struct memory_view *view, raddr_t thread_state,
	size_t max_frames, struct walk *walk);
void walk_release(struct walk *walk);
/*
 * What a frame says that lay at this address before; *link: the word that leads to its caller, as it is.
 * False: the view does not hold it, or it is no frame now.
 */
bool python_frame_at(const struct python *python, struct memory_view *view, raddr_t address,
	struct raw_frame *frame, uint64_t *link);
/*
 * Does the address lie in the free part of the data stack, by these bytes of the thread state? (3.11+;
 * before: no.)
 */
bool python_frame_is_popped(const struct python *python, const void *state, raddr_t address);

/* ---- the evaluation loop as machine code ---- */

enum evaluation_answer {
	EVALUATES_NOT, /* not in the loop: every frame that is linked has its contents */
	/* it cannot be told: the symbols are stripped, or it is code compiled at run time */
	EVALUATES_PERHAPS,
	EVALUATES,
};

/*
 * Is pc in the evaluation loop itself? The first call reads the interpreter's symbols, about a millisecond.
 */
enum evaluation_answer python_evaluates(struct python *python, raddr_t pc);
/* An address that the file is mapped at which holds the interpreter; 0: not known. */
raddr_t python_file_address(struct python *python);

/*
 * An address on the C stack that lies in the frame of one call of the evaluation loop, and the Python frames
 * which that call runs: walk->frames[begin, end), none while it is being entered.
 */
struct anchor {
	raddr_t address;
	size_t begin, end;
};

/* Zero-initialise; kept between uses; anchors_release frees it. */
struct anchors {
	struct anchor *list; /* innermost first, as the walk */
	size_t count, capacity;
};

/*
 * Do the anchors of this version say which frames their calls run (3.11+)? In 3.10 they only say where
 * calls are.
 */
bool python_anchors_are_exact(const struct python *python);
/*
 * May a chain be that of a caller for a few instructions, while a call is being entered (3.11, 3.12: see
 * walk.c)?
 */
bool python_chain_may_lag(const struct python *python);
/*
 * The anchors of a walk. stack: the thread's C stack, state: the thread state's first
 * python_thread_state_bytes(), all of one moment. Addresses come from the target: they may lie anywhere.
 */
void python_anchors(const struct python *python, struct memory_view *stack, const struct walk *walk,
	const void *state, struct anchors *anchors);
void anchors_release(struct anchors *anchors);

/* ---- code objects ---- */

/*
 * What has to be read to know that the code object at an address is still the one that was decoded. Where
 * code objects carry a number of their own (3.12+: co_version) that is the object alone; else its strings and
 * its line table too, since a program that makes and frees code of one shape gets the same addresses for all
 * of it again and again.
 */
#define CODE_CHECKS 4
#define CODE_CHECK_BYTES 1024 /* of one region */

struct code_check {
	raddr_t address;
	uint32_t length;
	uint32_t skip; /* bytes [8, skip) may change while the object lives (a string's hash, its flags) */
	uint64_t hash;
};

/*
 * One decoded code object; owned by the python; freed by python_release_stale once another has taken its
 * address.
 */
struct code {
	const struct function *function; /* what leaves this stage; lives as long as the python */
	raddr_t address;
	raddr_t instructions;     /* 3.11+: where the bytecode begins in memory; 0 before */
	uint32_t unit_count;      /* instruction units */
	uint32_t first_traceable; /* 3.11+: the unit below which a frame is incomplete */
	bool hidden;              /* interpreter trampolines and shims: no frame of the user's */
	bool is_volatile; /* this address has held another code object before: check it in every look */
	bool is_settled;  /* it has been there for long; until then: the same */
	uint8_t check_count;
	struct code_check checks[CODE_CHECKS];
	raddr_t thread_local_code;   /* free-threaded: co_tlbc; 0: none */
	int *lines;                  /* by instruction unit */
	uint64_t mark, listed, sure; /* free for whoever holds the python; 0 at first */
	uint64_t checked_look;       /* the same: the number of the last look that has checked it */
	int64_t loaded_ns;           /* when it was decoded */
	size_t index;                /* of the python's own list */
};

/* Does every look have to check that it is still the same object, because it may not be there for long? */
static inline bool code_may_go(const struct code *code)
{
	return code->is_volatile || !code->is_settled;
}

/* The entry for this address if it is known; the caller has to prove that it is still the same object. */
struct code *python_code_known(struct python *python, raddr_t address);
/* Do bytes, read from checks[index], say that this is still the same object? */
bool python_code_unchanged(
	const struct python *python, const struct code *code, size_t index, const void *bytes);
/*
 * Makes sure, by live reads, that the entry for address tells what is there now: reads the checks of a known
 * one, decodes anew an unknown or changed one (which gets another id, and is volatile from then on). NULL:
 * unreadable, or no code object (ERROR_RACED).
 */
struct code *python_code_load(struct python *python, raddr_t address, struct error *err);

/*
 * A thread is going to be held: makes the room for what may be decoded meanwhile, for tables are slow to
 * grow.
 */
void python_make_room(struct python *python);
/* A thread is held meanwhile: code objects that take long to decode are as if they could not be read. */
void python_be_brief(struct python *python, bool is_brief);

/* Are there entries whose addresses other code objects have taken? */
bool python_has_stale(const struct python *python);
/* Frees them: nobody holds a pointer to an entry that python_code_known no longer gives. */
void python_release_stale(struct python *python);
/* Do both print the same for each instruction? */
bool python_same_decoding(const struct code *left, const struct code *right);
/* How many entries there are. */
size_t python_code_count(const struct python *python);

/*
 * The line that the frame is at; 0 when there is none. -1: the instruction is not one of this code
 * object's.
 */
int python_frame_line(struct python *python, const struct code *code, const struct raw_frame *frame);
/*
 * Which instruction unit of its code object the frame is at. -1: none yet, or it is none of this code
 * object's.
 */
int64_t python_frame_unit(struct python *python, const struct code *code, const struct raw_frame *frame);
/*
 * Is the frame one that may not have executed anything yet? (From 3.13 on it may also be at its first
 * instruction.)
 */
bool python_frame_is_fresh(struct python *python, const struct code *code, const struct raw_frame *frame);
/*
 * Does an address of its own tell the outermost frame of a thread (to 3.11), because nothing in the frame
 * does?
 */
bool python_root_is_learned(const struct python *python);
/*
 * Is the frame in which a whole chain ends the outermost one for sure, by itself? To 3.10 it is while the
 * thread stands still, since one function makes a frame and another one links it; in 3.11 a frame at the
 * bottom of the data stack is. state: the thread state's bytes. (A thread of greenlets has as many outermost
 * frames as greenlets, and is met in each of them once in a while.)
 */
bool python_root_is_sure(const struct python *python, const void *state, raddr_t root, bool is_still);
/* Does the frame of a call lie right behind that of its caller, but for generators (3.11+)? */
bool python_frames_are_neighbours(const struct python *python);
/*
 * May the innermost frame that is linked still be without its own contents (3.11+: pushed by inlined code)?
 */
bool python_leaf_may_be_unlinked(const struct python *python);
/*
 * The thread that this walk, which was not cut, is of stands still. False: the innermost call of the
 * evaluation loop still says to be called by whoever called the one that was there before; the CFrame of the
 * call around it tells who does (3.11, 3.12; later versions say true). Two words are read.
 */
bool python_leaf_is_linked(const struct python *python, struct memory_view *view, const struct walk *walk);
/* Is this frame one that Python would show (complete, not hidden)? */
bool python_frame_visible(
	const struct python *python, const struct code *code, const struct raw_frame *frame);
/* A marker as a function: "(idle)", "(partial)", ...: owned by the python, one for each text. */
const struct function *python_marker(struct python *python, const char *text);

#endif
