/* SPDX-License-Identifier: MIT */
/*
 * One row per layout of CPython's structs. A row holds numbers and behaviour, so that no other file has to
 * compare versions: who wants to know how frames link or lines are decoded asks the row.
 */
#ifndef PYROPE_PYTHON_LAYOUT_H
#define PYROPE_PYTHON_LAYOUT_H

#include "pyrope/base.h"

/* A field that this version does not have. Never 0, which is a valid offset. */
#define OFFSET_NONE UINT32_MAX

enum frame_linking {
	FRAMES_ON_HEAP,    /* to 3.10: PyFrameObject, tstate->frame, f_back */
	FRAMES_BY_CFRAME,  /* 3.11, 3.12: tstate->cframe->current_frame, then previous */
	FRAMES_BY_CURRENT, /* 3.13+: tstate->current_frame, then previous */
};

/* How the outermost end of a chain is told from a chain that is just being linked. */
enum frame_root {
	ROOT_ANY,   /* to 3.10: nothing in the frame says so */
	ROOT_ENTRY, /* 3.11: the outermost frame has is_entry set */
	ROOT_SHIM,  /* 3.12+: the chain ends in a frame whose owner is shim_owner or above */
};

enum instruction_kind {
	INSTRUCTION_BYTE_INDEX,   /* to 3.9: f_lasti, a byte offset; -1 before the first */
	INSTRUCTION_UNIT_INDEX,   /* 3.10: f_lasti counts 2-byte units */
	INSTRUCTION_POINTER_LAST, /* 3.11, 3.12: prev_instr, the unit executed last */
	INSTRUCTION_POINTER,      /* 3.13+: instr_ptr, the unit being executed */
};

enum line_table {
	LINES_LNOTAB_UNSIGNED, /* to 3.5: pairs of unsigned deltas */
	LINES_LNOTAB_SIGNED,   /* 3.6 to 3.9: the line delta is signed */
	LINES_LINETABLE,       /* 3.10: PEP 626, pairs of delta; -128 is no line */
	LINES_LOCATIONS,       /* 3.11+: PEP 657's location table */
};

enum gil_place {
	GIL_CURRENT_SYMBOL,  /* to 3.6: the variable _PyThreadState_Current */
	GIL_IN_RUNTIME,      /* 3.7 to 3.11: _PyRuntime.gilstate.tstate_current */
	GIL_PER_INTERPRETER, /* 3.12+: interp->ceval.gil: locked and last_holder */
};

enum string_kind {
	STRINGS_BYTES,   /* 2.x: PyStringObject */
	STRINGS_UNICODE, /* 3.3+: PEP 393 */
};

/* How an int tells its size. */
enum integer_kind {
	INTEGERS_PLAIN,  /* 2.x: a C long */
	INTEGERS_SIZED,  /* 3.x: ob_size digits of 30 bits, the sign of ob_size is the number's */
	INTEGERS_TAGGED, /* 3.12+: the same count above three bits of lv_tag, the lowest two tell the sign */
};

/* What a threading.Lock is made of. */
enum lock_kind {
	LOCKS_APART,  /* to 3.12: a pointer to a semaphore */
	LOCKS_EITHER, /* 3.13: the one or the other, which depends on its release */
	LOCKS_INLINE, /* 3.14+: a byte in the object; who waits for it sleeps on its own stack */
};

/* Where a frame keeps what ends the `with` blocks that it is in. */
enum with_kind {
	WITHS_IN_BLOCKS, /* to 3.10: the frame lists its blocks; below the top of each a bound __exit__ */
	WITHS_IN_TABLE,  /* 3.11 to 3.13: the code's exception table says how deep the stack is */
	WITHS_IN_PAIRS,  /* 3.14+: the same; the __exit__ of the type, and the object above it */
};

/* How a dict holds its entries. */
enum dict_kind {
	DICT_TABLE,       /* 2.x: one open table of hash, key, value */
	DICT_KEYS_TABLE,  /* 3.3 to 3.5: the same table, in an object that instances may share */
	DICT_KEYS_SPARSE, /* 3.6 to 3.10: a table of indices, the entries behind it */
	DICT_KEYS_LOG2,   /* 3.11+: the same, sizes as powers of two; no hash in entries if keys are str */
};

/* Where an instance of an ordinary class keeps its attributes. */
enum instance_kind {
	INSTANCE_DICT_OFFSET, /* to 3.10: a dict, at tp_dictoffset */
	INSTANCE_APART,       /* 3.11: a dict and an array of values, each with a pointer before the object */
	INSTANCE_TAGGED,      /* 3.12: one pointer before the object; an odd one is the array's minus 1 */
	INSTANCE_INLINE,      /* 3.13+: a dict before the object; if it is NULL, values behind the object */
};

struct layout {
	const char *name; /* "3.11" */
	int version;      /* major * 100 + minor */
	/* NULL, or another layout of the same minor version: to be tried when this one does not validate. */
	const struct layout *variant;
	enum frame_linking frames;
	enum frame_root root;
	enum instruction_kind instruction;
	enum line_table lines;
	enum gil_place gil;
	enum string_kind strings;
	enum integer_kind integers;
	enum dict_kind dicts;
	enum instance_kind instances;
	enum lock_kind locks;
	enum with_kind withs;
	const char *thread_name_attribute; /* of threading.Thread */
	bool has_debug_offsets;    /* the block in _PyRuntime has the offsets; the row's are the usual ones */
	bool free_threaded;        /* a Py_GIL_DISABLED build */
	uint8_t shim_owner;        /* frames with this owner or above are no Python frames; 255: none */
	uint8_t generator_owner;   /* owner of a generator's frame: never incomplete; 255: none */
	uint64_t pointer_tag_mask; /* bits to clear in a frame's pointers; 0 before 3.14 */

	struct {
		uint32_t size, interpreters_head, gilstate_tstate_current, gc_collecting, gil_last_holder,
			gil_switch_number;
	} runtime_state;
	struct {
		uint32_t size, locked, last_holder, switch_number;
	} gil_runtime_state; /* 3.12+ */
	struct {
		uint32_t size, id, next, threads_head, gc_collecting, ceval_gil, modules, gil_enabled;
	} interpreter_state; /* modules: the dict sys.modules; gil_enabled: free-threaded builds */
	struct {
		uint32_t size, next, interp, frame, cframe, current_frame, thread_id, native_thread_id,
			datastack_chunk, datastack_top, status;
	} thread_state; /* status: a word of bits, THREAD_STATUS_ACTIVE is one */
	struct {
		uint32_t current_frame, previous;
	} cframe;
	struct {
		uint32_t size, back, code, lasti, lineno, trace, globals, locals, localsplus;
		uint32_t block_count,
			blocks; /* an int, and PyTryBlocks of three ints, the last is the level */
	} frame;                /* PyFrameObject, to 3.10 */
	struct {
		uint32_t size, previous, executable, instruction, globals, locals, localsplus, owner,
			is_entry, tlbc_index;
	} interpreter_frame; /* 3.11+ */
	struct {
		uint32_t size, filename, name, qualname, line_table, first_line, argcount;
		uint32_t code;            /* to 3.10: the bytes object of the bytecode */
		uint32_t code_adaptive;   /* 3.11+: the bytecode itself */
		uint32_t first_traceable; /* 3.11+: an int that counts instruction units */
		uint32_t tlbc;            /* free-threaded 3.14+: the threads' own copies of the bytecode */
		uint32_t version;         /* 3.12+: co_version, a number that each code object gets anew */
		uint32_t flags, keyword_only_count;
		/* of its variables: how many, and a tuple of names; to 3.10 those of cells stand apart */
		uint32_t local_count, names, cell_names, free_names;
		uint32_t kinds;           /* 3.11+: a bytes object, one byte for each variable */
		uint32_t exception_table; /* 3.11+: a bytes object */
	} code_object;
	struct {
		uint32_t ob_type;
	} object;
	struct {
		uint32_t tp_name, tp_basicsize, tp_flags, tp_dictoffset, ht_cached_keys;
	} type_object;
	struct {
		/* _data: where the characters begin; in a str that is not compact: the pointer to them. */
		uint32_t state, length, ascii_data, compact_data;
		uint32_t kind_shift; /* of the bits in state: kind (3 bits), compact, ascii */
	} unicode;
	struct {
		uint32_t ob_size, ob_sval;
	} bytes;
	struct {
		uint32_t ob_item;
	} tuple;
	struct {
		uint32_t items; /* the pointer to them */
	} list;
	struct {
		uint32_t ref;
	} cell;
	struct {
		uint32_t value;
	} real; /* a float */
	struct {
		uint32_t used, mask, table, entry_key; /* entry_key: in an entry of two words */
	} set;
	struct {
		uint32_t lock, owner; /* owner: of an RLock, the pthread_self() of a thread; 0: nobody */
	} lock;                       /* lock: the semaphore or the byte, of both */
	struct {
		uint32_t definition, self; /* the PyMethodDef begins with the name */
	} builtin;                         /* a bound method of a type that is written in C */
	struct {
		uint32_t definition;
	} descriptor; /* the same before it is bound */
	struct {
		uint32_t size, digits; /* 2.x int: no size, the value itself at digits */
	} integer;
	struct {
		uint32_t dict;
	} module;
	struct {
		uint32_t self;
	} method; /* of a bound one */
	struct {
		uint32_t mask, table;               /* DICT_TABLE */
		uint32_t keys, values, values_data; /* the others; values_data: in the array of values */
		uint32_t used;
	} dict;
	struct {
		uint32_t size, log2_size, log2_index_bytes, kind, nentries;
		uint32_t entries; /* DICT_KEYS_TABLE: the table; else the indices, the entries behind them */
	} dict_keys;
	struct {
		uint32_t dict, values;
	} instance; /* bytes before the object: the pointers to its dict and to its array of values */
};

/* thread_state.status, 3.12+: this thread state is attached (Include/cpython/pystate.h, `active`). */
#define THREAD_STATUS_ACTIVE (UINT32_C(1) << 4)

/* The row for major * 100 + minor; NULL when there is none. */
const struct layout *layout_find(int version);
/* All rows, oldest first; NULL-terminated. */
const struct layout *const *layout_rows(void);
/* The newest one. */
const struct layout *layout_newest(void);

/*
 * What rows and debug offsets say stays below these, so that who reads the fields of such a struct can do
 * with a buffer of fixed size: a code object up to its bytecode, a str, bytes, int or tuple up to what it
 * holds, the fields of the GIL that are named above.
 */
#define CODE_OBJECT_LIMIT 320
#define OBJECT_HEAD_LIMIT 128
#define GIL_LIMIT 512

/* How many bytes of the runtime the debug offsets of any known version take. */
#define DEBUG_OFFSETS_BYTES 1024
/*
 * Fills *layout from the debug offsets block (the first bytes of _PyRuntime): by name, in the shape of the
 * block's own minor version (the newest known shape when it is unknown: *newer is set), each value bounded
 * and validated. The rest (what the block does not say) is taken from the row. ERROR_UNSUPPORTED when the
 * block makes no sense.
 */
int layout_from_debug_offsets(
	struct layout *layout, const void *block, size_t length, bool *newer, struct error *err);
/* The hexversion in the block, or 0 when there is no block (no cookie). */
uint64_t debug_offsets_version(const void *block, size_t length);

#endif
