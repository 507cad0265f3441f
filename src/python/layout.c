/* SPDX-License-Identifier: MIT */
/*
 * One row per layout of CPython's structs: numbers and behaviour. A new version is one row here; the shape of
 * its debug offsets, when that is new too, is one row in debug_offsets.c.
 *
 * Every number was printed by offsetof or sizeof, compiled against the headers of that version, for x86_64
 * and for aarch64 (tests/tools/measure_layout.sh). The two architectures differ only behind a pthread mutex:
 * ARCH. Free-threaded builds have numbers of their own, which come from their debug offsets.
 *
 * A row names every field. What a version does not have is OFFSET_NONE; whole structs that it does not have,
 * and those that are the same in many versions, are macros, so that a row shows what is particular to it.
 */
#include "config.h"

#include "python/layout.h"

/* A table to read: its lines are laid out by hand. */
/* clang-format off */

#if defined(__x86_64__)
#define ARCH(x86_64, aarch64) (x86_64)
#elif defined(__aarch64__)
#define ARCH(x86_64, aarch64) (aarch64)
#else
#error "the layout of CPython's structs has not been measured on this architecture"
#endif

#define OWNER_NONE 255       /* no owner field, or no such owner */
#define OWNER_GENERATOR 1    /* FRAME_OWNED_BY_GENERATOR, 3.11+ */
#define OWNER_SHIM 3         /* FRAME_OWNED_BY_CSTACK in 3.12 and 3.13, _INTERPRETER from 3.14 on */
#define TAG_BITS UINT64_C(3) /* Py_TAG_BITS, Include/internal/pycore_stackref.h */

/* ---- structs that a version does not have ---- */

#define NO_RUNTIME_STATE \
	.runtime_state = { \
		.size = OFFSET_NONE, .interpreters_head = OFFSET_NONE, \
		.gilstate_tstate_current = OFFSET_NONE, .gc_collecting = OFFSET_NONE, \
		.gil_last_holder = OFFSET_NONE, \
		.gil_switch_number = OFFSET_NONE, \
	}
#define NO_GIL_RUNTIME_STATE \
	.gil_runtime_state = { \
		.size = OFFSET_NONE, .locked = OFFSET_NONE, .last_holder = OFFSET_NONE, \
		.switch_number = OFFSET_NONE, \
	}
#define NO_CFRAME .cframe = { .current_frame = OFFSET_NONE, .previous = OFFSET_NONE }
#define NO_FRAME \
	.frame = { \
		.size = OFFSET_NONE, .back = OFFSET_NONE, .code = OFFSET_NONE, .lasti = OFFSET_NONE, \
		.lineno = OFFSET_NONE, .trace = OFFSET_NONE, .block_count = OFFSET_NONE, \
		.blocks = OFFSET_NONE, .globals = OFFSET_NONE, .locals = OFFSET_NONE, \
		.localsplus = OFFSET_NONE, \
	}
#define NO_INTERPRETER_FRAME \
	.interpreter_frame = { \
		.size = OFFSET_NONE, .previous = OFFSET_NONE, .executable = OFFSET_NONE, \
		.instruction = OFFSET_NONE, .globals = OFFSET_NONE, .locals = OFFSET_NONE, \
		.localsplus = OFFSET_NONE, .owner = OFFSET_NONE, \
		.is_entry = OFFSET_NONE, .tlbc_index = OFFSET_NONE, \
	}
#define NO_UNICODE \
	.unicode = { \
		.state = OFFSET_NONE, .length = OFFSET_NONE, .ascii_data = OFFSET_NONE, \
		.compact_data = OFFSET_NONE, .kind_shift = OFFSET_NONE, \
	}
#define NO_DICT_KEYS \
	.dict_keys = { \
		.size = OFFSET_NONE, .log2_size = OFFSET_NONE, .log2_index_bytes = OFFSET_NONE, \
		.kind = OFFSET_NONE, .nentries = OFFSET_NONE, .entries = OFFSET_NONE, \
	}
#define NO_INSTANCE .instance = { .dict = OFFSET_NONE, .values = OFFSET_NONE }

/* ---- structs that are the same in many versions ---- */

/* The object header, and what has hardly moved behind it since 2.6. */
#define OBJECTS(tuple_items_at) \
	.object = { .ob_type = 8 }, .tuple = { .ob_item = (tuple_items_at) }, \
	.module = { .dict = 16 }, .method = { .self = 24 }, .list = { .items = 24 }, .cell = { .ref = 16 }, \
	.real = { .value = 16 }, .builtin = { .definition = 16, .self = 24 }
#define SET(key_at) .set = { .used = 24, .mask = 32, .table = 40, .entry_key = (key_at) }
/* lockobject and rlockobject, Modules/_threadmodule.c; 2.x has no RLock in C. */
#define LOCKS_3 .lock = { .lock = 16, .owner = 24 }, .descriptor = { .definition = 40 }
#define OBJECTS_3 \
	OBJECTS(24), .bytes = { .ob_size = 16, .ob_sval = 32 }, .integer = { .size = 16, .digits = 24 }, \
	SET(0), LOCKS_3
#define OBJECTS_314 \
	OBJECTS(32), .bytes = { .ob_size = 16, .ob_sval = 32 }, .integer = { .size = 16, .digits = 24 }, \
	SET(0), LOCKS_3
#define OBJECTS_2 \
	OBJECTS(24), .bytes = { .ob_size = 16, .ob_sval = 36 }, SET(8), \
	.lock = { .lock = 16, .owner = OFFSET_NONE }, .descriptor = { .definition = 32 }, \
	.integer = { .size = OFFSET_NONE, .digits = 16 }, NO_UNICODE, \
	.dict = { \
		.mask = 32, .table = 40, .keys = OFFSET_NONE, .values = OFFSET_NONE, \
		.values_data = OFFSET_NONE, .used = 24, \
	}, \
	NO_DICT_KEYS

#define TYPE_OBJECT(cached_keys) \
	.type_object = { \
		.tp_name = 24, .tp_basicsize = 32, .tp_flags = 168, .tp_dictoffset = 288, \
		.ht_cached_keys = (cached_keys), \
	}
#define UNICODE(ascii, compact) \
	.unicode = { \
		.state = 32, .length = 16, .ascii_data = (ascii), .compact_data = (compact), \
		.kind_shift = 2, \
	}
/*
 * PyDictObject, Include/dictobject.h; since 3.6 there is a ma_version_tag before keys and values (PEP 509).
 */
#define DICT_AT(keys_at, data) \
	.dict = { \
		.mask = OFFSET_NONE, .table = OFFSET_NONE, .keys = (keys_at), .values = (keys_at) + 8, \
		.values_data = (data), .used = 16, \
	}
#define DICT_34 DICT_AT(24, 0)
#define DICT(data) DICT_AT(32, data)

/* PyDictKeysObject: Objects/dict-common.h, from 3.11 on Include/internal/pycore_dict.h. */
#define DICT_KEYS_34 \
	.dict_keys = { \
		.size = 8, .log2_size = OFFSET_NONE, .log2_index_bytes = OFFSET_NONE, .kind = OFFSET_NONE, \
		.nentries = OFFSET_NONE, .entries = 32, \
	}
#define DICT_KEYS_36 \
	.dict_keys = { \
		.size = 8, .log2_size = OFFSET_NONE, .log2_index_bytes = OFFSET_NONE, .kind = OFFSET_NONE, \
		.nentries = 32, .entries = 40, \
	}
#define DICT_KEYS_311 \
	.dict_keys = { \
		.size = OFFSET_NONE, .log2_size = 8, .log2_index_bytes = 9, .kind = 10, .nentries = 24, \
		.entries = 32, \
	}

/* PyInterpreterState to 3.6; later ones differ in each version. */
#define INTERPRETER_STATE_26(bytes) \
	.interpreter_state = { \
		.size = (bytes), .id = OFFSET_NONE, .next = 0, .threads_head = 8, \
		.gc_collecting = OFFSET_NONE, .ceval_gil = OFFSET_NONE, .modules = 16, \
		.gil_enabled = OFFSET_NONE, \
	}

/* PyThreadState to 3.10. */
#define THREAD_STATE_26(bytes, next_at, ident_at, cframe_at) \
	.thread_state = { \
		.size = (bytes), .next = (next_at), .interp = (next_at) + 8, .frame = (next_at) + 16, \
		.cframe = (cframe_at), .current_frame = OFFSET_NONE, \
		.thread_id = (ident_at), .native_thread_id = OFFSET_NONE, .datastack_chunk = OFFSET_NONE, \
		.datastack_top = OFFSET_NONE, .status = OFFSET_NONE, \
	}

/* PyFrameObject to 3.9; before its blocks there is a char from 3.4 on. */
#define FRAME_26(lasti_at, blocks_at, localsplus_at) \
	.frame = { \
		.size = (localsplus_at) + 8, .back = 24, .code = 32, .lasti = (lasti_at), \
		.lineno = (lasti_at) + 4, .trace = 80, .block_count = (lasti_at) + 8, \
		.blocks = (blocks_at), .globals = 48, .locals = 56, .localsplus = (localsplus_at), \
	}

/* _PyInterpreterFrame, 3.12 and later. */
#define INTERPRETER_FRAME_312(localsplus_at, owner_at) \
	.interpreter_frame = { \
		.size = (localsplus_at) + 8, .previous = 8, .executable = 0, .instruction = 56, \
		.globals = 24, .locals = 40, .localsplus = (localsplus_at), .owner = (owner_at), \
		.is_entry = OFFSET_NONE, .tlbc_index = OFFSET_NONE, \
	}

/* PyCodeObject to 3.10, and later. */
#define CODE_OBJECT_26( \
	bytes, filename_at, line_table_at, first_line_at, code_at, counts_at, keyword_only_at) \
	.code_object = { \
		.size = (bytes), .filename = (filename_at), .name = (filename_at) + 8, \
		.qualname = OFFSET_NONE, .line_table = (line_table_at), .first_line = (first_line_at), \
		.argcount = 16, .code = (code_at), .code_adaptive = OFFSET_NONE, \
		.first_traceable = OFFSET_NONE, .tlbc = OFFSET_NONE, .version = OFFSET_NONE, \
		.keyword_only_count = (keyword_only_at), .local_count = (counts_at), \
		.flags = (counts_at) + 8, .names = (code_at) + 24, \
		.free_names = (code_at) + 32, .cell_names = (code_at) + 40, .kinds = OFFSET_NONE, \
		.exception_table = OFFSET_NONE, \
	}
#define CODE_OBJECT_311(bytes, first_line_at, argcount_at, code_adaptive_at, version_at) \
	.code_object = { \
		.size = (bytes), .filename = 112, .name = 120, .qualname = 128, .line_table = 136, \
		.first_line = (first_line_at), .argcount = (argcount_at), .code = OFFSET_NONE, \
		.code_adaptive = (code_adaptive_at), .first_traceable = (code_adaptive_at) - 16, \
		.tlbc = OFFSET_NONE, .version = (version_at), .flags = 48, \
		.keyword_only_count = (argcount_at) + 8, \
		.local_count = (first_line_at) + 4, .names = 96, .cell_names = OFFSET_NONE, \
		.free_names = OFFSET_NONE, .kinds = 104, .exception_table = 40, \
	}

#define BEHAVIOUR_2 \
	.frames = FRAMES_ON_HEAP, .root = ROOT_ANY, .instruction = INSTRUCTION_BYTE_INDEX, \
	.lines = LINES_LNOTAB_UNSIGNED, .gil = GIL_CURRENT_SYMBOL, .strings = STRINGS_BYTES, \
	.integers = INTEGERS_PLAIN, .dicts = DICT_TABLE, .instances = INSTANCE_DICT_OFFSET, \
	.locks = LOCKS_APART, .withs = WITHS_IN_BLOCKS, \
	.thread_name_attribute = "_Thread__name", .shim_owner = OWNER_NONE, .generator_owner = OWNER_NONE
#define BEHAVIOUR_3(instruction_kind, line_kind, gil_kind, dict_kind) \
	.frames = FRAMES_ON_HEAP, .root = ROOT_ANY, .instruction = (instruction_kind), .lines = (line_kind), \
	.gil = (gil_kind), .strings = STRINGS_UNICODE, .integers = INTEGERS_SIZED, .dicts = (dict_kind), \
	.instances = INSTANCE_DICT_OFFSET, .locks = LOCKS_APART, .withs = WITHS_IN_BLOCKS, \
	.thread_name_attribute = "_name", \
	.shim_owner = OWNER_NONE, \
	.generator_owner = OWNER_NONE
#define BEHAVIOUR_311( \
	frames_kind, root_kind, instruction_kind, gil_kind, integer_kind, instance_kind, lock_kind, \
	with_kind, shim) \
	.frames = (frames_kind), .root = (root_kind), .instruction = (instruction_kind), \
	.lines = LINES_LOCATIONS, .gil = (gil_kind), .strings = STRINGS_UNICODE, .integers = (integer_kind), \
	.dicts = DICT_KEYS_LOG2, .instances = (instance_kind), .thread_name_attribute = "_name", \
	.locks = (lock_kind), .withs = (with_kind), .shim_owner = (shim), .generator_owner = OWNER_GENERATOR

/* ---- the rows ---- */

static const struct layout layout_26 = {
	.name = "2.6", .version = 206, BEHAVIOUR_2,
	NO_RUNTIME_STATE, NO_GIL_RUNTIME_STATE, INTERPRETER_STATE_26(80),
	THREAD_STATE_26(152, 0, 144, OFFSET_NONE), NO_CFRAME,
	FRAME_26(120, 132, 376), NO_INTERPRETER_FRAME, CODE_OBJECT_26(120, 80, 104, 96, 32, 20, OFFSET_NONE),
	OBJECTS_2, TYPE_OBJECT(OFFSET_NONE), NO_INSTANCE,
};

static const struct layout layout_27 = {
	.name = "2.7", .version = 207, BEHAVIOUR_2,
	NO_RUNTIME_STATE, NO_GIL_RUNTIME_STATE, INTERPRETER_STATE_26(80),
	THREAD_STATE_26(168, 0, 144, OFFSET_NONE), NO_CFRAME,
	FRAME_26(120, 132, 376), NO_INTERPRETER_FRAME, CODE_OBJECT_26(128, 80, 104, 96, 32, 20, OFFSET_NONE),
	OBJECTS_2, TYPE_OBJECT(OFFSET_NONE), NO_INSTANCE,
};

static const struct layout layout_34 = {
	.name = "3.4", .version = 304,
	BEHAVIOUR_3(INSTRUCTION_BYTE_INDEX, LINES_LNOTAB_UNSIGNED, GIL_CURRENT_SYMBOL, DICT_KEYS_TABLE),
	NO_RUNTIME_STATE, NO_GIL_RUNTIME_STATE, INTERPRETER_STATE_26(104),
	THREAD_STATE_26(192, 8, 152, OFFSET_NONE), NO_CFRAME,
	FRAME_26(120, 136, 376), NO_INTERPRETER_FRAME, CODE_OBJECT_26(144, 96, 120, 112, 40, 24, 20),
	OBJECTS_3, TYPE_OBJECT(OFFSET_NONE), UNICODE(48, 72), DICT_34, DICT_KEYS_34, NO_INSTANCE,
};

static const struct layout layout_35 = {
	.name = "3.5", .version = 305,
	BEHAVIOUR_3(INSTRUCTION_BYTE_INDEX, LINES_LNOTAB_UNSIGNED, GIL_CURRENT_SYMBOL, DICT_KEYS_TABLE),
	NO_RUNTIME_STATE, NO_GIL_RUNTIME_STATE, INTERPRETER_STATE_26(104),
	THREAD_STATE_26(208, 8, 152, OFFSET_NONE), NO_CFRAME,
	FRAME_26(120, 136, 376), NO_INTERPRETER_FRAME, CODE_OBJECT_26(144, 96, 120, 112, 40, 24, 20),
	OBJECTS_3, TYPE_OBJECT(OFFSET_NONE), UNICODE(48, 72), DICT_34, DICT_KEYS_34, NO_INSTANCE,
};

static const struct layout layout_36 = {
	.name = "3.6", .version = 306,
	BEHAVIOUR_3(INSTRUCTION_BYTE_INDEX, LINES_LNOTAB_SIGNED, GIL_CURRENT_SYMBOL, DICT_KEYS_SPARSE),
	NO_RUNTIME_STATE, NO_GIL_RUNTIME_STATE, INTERPRETER_STATE_26(120),
	THREAD_STATE_26(2272, 8, 152, OFFSET_NONE), NO_CFRAME,
	FRAME_26(120, 136, 376), NO_INTERPRETER_FRAME, CODE_OBJECT_26(144, 96, 112, 36, 40, 24, 20),
	OBJECTS_3, TYPE_OBJECT(OFFSET_NONE), UNICODE(48, 72), DICT(0), DICT_KEYS_36, NO_INSTANCE,
};

/*
 * In 3.7.0 to 3.7.3 a PyGC_Head was aligned for a double and took 24 bytes instead of 32 (bpo-27987): all
 * that stands behind the collector's generations in _PyRuntime lies 88 bytes lower there.
 */
#define LAYOUT_37(behind_generations) \
	.version = 307, \
	BEHAVIOUR_3(INSTRUCTION_BYTE_INDEX, LINES_LNOTAB_SIGNED, GIL_IN_RUNTIME, DICT_KEYS_SPARSE), \
	.runtime_state = { \
		.size = ARCH(1432, 1448) + (behind_generations), .interpreters_head = 24, \
		.gilstate_tstate_current = ARCH(1392, 1408) + (behind_generations), \
		.gc_collecting = 544 + (behind_generations), \
		.gil_last_holder = 1184 + (behind_generations), \
		.gil_switch_number = 1200 + (behind_generations), \
	}, \
	NO_GIL_RUNTIME_STATE, \
	.interpreter_state = { \
		.size = 2568, .id = 16, .next = 0, .threads_head = 8, .gc_collecting = OFFSET_NONE, \
		.ceval_gil = OFFSET_NONE, .modules = 40, .gil_enabled = OFFSET_NONE, \
	}, \
	THREAD_STATE_26(280, 8, 176, OFFSET_NONE), NO_CFRAME, \
	FRAME_26(104, 120, 360), NO_INTERPRETER_FRAME, CODE_OBJECT_26(144, 96, 112, 36, 40, 24, 20), \
	OBJECTS_3, TYPE_OBJECT(OFFSET_NONE), UNICODE(48, 72), DICT(0), DICT_KEYS_36, NO_INSTANCE

static const struct layout layout_37_0 = { .name = "3.7.0", LAYOUT_37(0) };
static const struct layout layout_37 = { .name = "3.7", .variant = &layout_37_0, LAYOUT_37(88) };

static const struct layout layout_38 = {
	.name = "3.8", .version = 308,
	BEHAVIOUR_3(INSTRUCTION_BYTE_INDEX, LINES_LNOTAB_SIGNED, GIL_IN_RUNTIME, DICT_KEYS_SPARSE),
	.runtime_state = {
		.size = ARCH(1464, 1480), .interpreters_head = 32, 
		.gilstate_tstate_current = ARCH(1368, 1384), .gc_collecting = 544, 
		.gil_last_holder = 1160, .gil_switch_number = 1176,
	},
	NO_GIL_RUNTIME_STATE,
	.interpreter_state = {
		.size = 2720, .id = 16, .next = 0, .threads_head = 8, .gc_collecting = OFFSET_NONE,
		.ceval_gil = OFFSET_NONE, .modules = 56, .gil_enabled = OFFSET_NONE,
		
	},
	THREAD_STATE_26(264, 8, 176, OFFSET_NONE), NO_CFRAME,
	FRAME_26(104, 120, 360), NO_INTERPRETER_FRAME, CODE_OBJECT_26(176, 104, 120, 40, 48, 28, 24),
	OBJECTS_3, TYPE_OBJECT(OFFSET_NONE), UNICODE(48, 72), DICT(0), DICT_KEYS_36, NO_INSTANCE,
};

static const struct layout layout_39 = {
	.name = "3.9", .version = 309,
	BEHAVIOUR_3(INSTRUCTION_BYTE_INDEX, LINES_LNOTAB_SIGNED, GIL_IN_RUNTIME, DICT_KEYS_SPARSE),
	.runtime_state = {
		.size = ARCH(656, 672), .interpreters_head = 32, 
		.gilstate_tstate_current = ARCH(568, 584), .gc_collecting = OFFSET_NONE, 
		.gil_last_holder = 360, .gil_switch_number = 376,
	},
	NO_GIL_RUNTIME_STATE,
	.interpreter_state = {
		.size = 5656, .id = 24, .next = 0, .threads_head = 8, .gc_collecting = 816,
		.ceval_gil = OFFSET_NONE, .modules = 856, .gil_enabled = OFFSET_NONE,
		
	},
	THREAD_STATE_26(264, 8, 176, OFFSET_NONE), NO_CFRAME,
	FRAME_26(104, 120, 360), NO_INTERPRETER_FRAME, CODE_OBJECT_26(176, 104, 120, 40, 48, 28, 24),
	OBJECTS_3, TYPE_OBJECT(OFFSET_NONE), UNICODE(48, 72), DICT(0), DICT_KEYS_36, NO_INSTANCE,
};

static const struct layout layout_310 = {
	.name = "3.10", .version = 310,
	BEHAVIOUR_3(INSTRUCTION_UNIT_INDEX, LINES_LINETABLE, GIL_IN_RUNTIME, DICT_KEYS_SPARSE),
	.runtime_state = {
		.size = ARCH(672, 688), .interpreters_head = 32, 
		.gilstate_tstate_current = ARCH(568, 584), .gc_collecting = OFFSET_NONE, 
		.gil_last_holder = 360, .gil_switch_number = 376,
	},
	NO_GIL_RUNTIME_STATE,
	.interpreter_state = {
		.size = 113528, .id = 24, .next = 0, .threads_head = 8, .gc_collecting = 816,
		.ceval_gil = OFFSET_NONE, .modules = 856, .gil_enabled = OFFSET_NONE,
		
	},
	THREAD_STATE_26(280, 8, 176, 48),
	.cframe = { .current_frame = OFFSET_NONE, .previous = 8 },
	/* trace: f_lineno is only set while a trace function runs, and then says what the line table says. */
	.frame = {
		.size = 360, .back = 24, .code = 32, .lasti = 96, .lineno = 100, .trace = OFFSET_NONE,
		.block_count = 104, .blocks = 112, .globals = 48, .locals = 56, .localsplus = 352,
	},
	NO_INTERPRETER_FRAME, CODE_OBJECT_26(176, 104, 120, 40, 48, 28, 24),
	OBJECTS_3, TYPE_OBJECT(OFFSET_NONE), UNICODE(48, 72), DICT(0), DICT_KEYS_36, NO_INSTANCE,
};

static const struct layout layout_311 = {
	.name = "3.11", .version = 311,
	BEHAVIOUR_311(FRAMES_BY_CFRAME, ROOT_ENTRY, INSTRUCTION_POINTER_LAST, GIL_IN_RUNTIME, INTEGERS_SIZED,
		INSTANCE_APART, LOCKS_APART, WITHS_IN_TABLE, OWNER_NONE),
	.runtime_state = {
		.size = ARCH(166688, 166704), .interpreters_head = 40, 
		.gilstate_tstate_current = ARCH(576, 592), .gc_collecting = OFFSET_NONE, 
		.gil_last_holder = 368, .gil_switch_number = 384,
	},
	NO_GIL_RUNTIME_STATE,
	.interpreter_state = {
		.size = 107752, .id = 48, .next = 0, .threads_head = 16, .gc_collecting = 848,
		.ceval_gil = OFFSET_NONE, .modules = 888, .gil_enabled = OFFSET_NONE,
		
	},
	.thread_state = {
		.size = 360, .next = 8, .interp = 16, .frame = OFFSET_NONE, .cframe = 56,
		.current_frame = OFFSET_NONE, .thread_id = 152,
		.native_thread_id = 160, .datastack_chunk = 296, .datastack_top = 304, .status = OFFSET_NONE,
		
	},
	.cframe = { .current_frame = 8, .previous = 16 },
	NO_FRAME,
	.interpreter_frame = {
		.size = 80, .previous = 48, .executable = 32, .instruction = 56, .globals = 8, .locals = 24,
		.localsplus = 72,
		.owner = 69, .is_entry = 68, .tlbc_index = OFFSET_NONE,
	},
	CODE_OBJECT_311(192, 72, 56, 184, OFFSET_NONE),
	OBJECTS_3, TYPE_OBJECT(872), UNICODE(48, 72), DICT(0), DICT_KEYS_311,
	.instance = { .dict = 24, .values = 32 },
};

static const struct layout layout_312 = {
	.name = "3.12", .version = 312,
	BEHAVIOUR_311(FRAMES_BY_CFRAME, ROOT_SHIM, INSTRUCTION_POINTER_LAST, GIL_PER_INTERPRETER,
		INTEGERS_TAGGED, INSTANCE_TAGGED, LOCKS_APART, WITHS_IN_TABLE, OWNER_SHIM),
	.runtime_state = {
		.size = ARCH(459944, 459960), .interpreters_head = 40, 
		.gilstate_tstate_current = OFFSET_NONE, .gc_collecting = OFFSET_NONE, 
		.gil_last_holder = OFFSET_NONE, .gil_switch_number = OFFSET_NONE,
	},
	.gil_runtime_state = {
		.size = ARCH(208, 224), .locked = 16, .last_holder = 8, .switch_number = 24,
	},
	.interpreter_state = {
		.size = ARCH(383552, 383568), .id = 8, .next = 0, .threads_head = 72, .gc_collecting = 312,
		.ceval_gil = 384, .modules = 944, .gil_enabled = OFFSET_NONE,
		
	},
	.thread_state = {
		.size = 288, .next = 8, .interp = 16, .frame = OFFSET_NONE, .cframe = 56,
		.current_frame = OFFSET_NONE, .thread_id = 136,
		.native_thread_id = 144, .datastack_chunk = 232, .datastack_top = 240, .status = 24,
		
	},
	.cframe = { .current_frame = 0, .previous = 8 },
	NO_FRAME, INTERPRETER_FRAME_312(72, 70), CODE_OBJECT_311(200, 68, 52, 192, 92),
	OBJECTS_3, TYPE_OBJECT(880), UNICODE(40, 56), DICT(0), DICT_KEYS_311,
	.instance = { .dict = 24, .values = OFFSET_NONE },
};

static const struct layout layout_313 = {
	.name = "3.13", .version = 313, .has_debug_offsets = true,
	BEHAVIOUR_311(FRAMES_BY_CURRENT, ROOT_SHIM, INSTRUCTION_POINTER, GIL_PER_INTERPRETER,
		INTEGERS_TAGGED, INSTANCE_INLINE, LOCKS_EITHER, WITHS_IN_TABLE, OWNER_SHIM),
	.runtime_state = {
		.size = ARCH(283320, 283336), .interpreters_head = 632, 
		.gilstate_tstate_current = OFFSET_NONE, .gc_collecting = OFFSET_NONE, 
		.gil_last_holder = OFFSET_NONE, .gil_switch_number = OFFSET_NONE,
	},
	.gil_runtime_state = {
		.size = ARCH(208, 224), .locked = 16, .last_holder = 8, .switch_number = 24,
	},
	.interpreter_state = {
		.size = ARCH(194968, 194984), .id = 7272, .next = 7264, .threads_head = 7344,
		.gc_collecting = 7600, .ceval_gil = 16, .modules = 7656, .gil_enabled = OFFSET_NONE,
		
	},
	.thread_state = {
		.size = 304, .next = 8, .interp = 16, .frame = OFFSET_NONE, .cframe = OFFSET_NONE,
		.current_frame = 72, .thread_id = 152, .native_thread_id = 160,
		.datastack_chunk = 232, .datastack_top = 240, .status = 32, 
		
	},
	NO_CFRAME, NO_FRAME, INTERPRETER_FRAME_312(72, 70), CODE_OBJECT_311(208, 68, 52, 200, 92),
	OBJECTS_3, TYPE_OBJECT(880), UNICODE(40, 56), DICT(8), DICT_KEYS_311,
	.instance = { .dict = 24, .values = OFFSET_NONE },
};

static const struct layout layout_314 = {
	.name = "3.14", .version = 314, .has_debug_offsets = true, .pointer_tag_mask = TAG_BITS,
	BEHAVIOUR_311(FRAMES_BY_CURRENT, ROOT_SHIM, INSTRUCTION_POINTER, GIL_PER_INTERPRETER,
		INTEGERS_TAGGED, INSTANCE_INLINE, LOCKS_INLINE, WITHS_IN_PAIRS, OWNER_SHIM),
	.runtime_state = {
		.size = ARCH(316616, 316632), .interpreters_head = 808, 
		.gilstate_tstate_current = OFFSET_NONE, .gc_collecting = OFFSET_NONE, 
		.gil_last_holder = OFFSET_NONE, .gil_switch_number = OFFSET_NONE,
	},
	.gil_runtime_state = {
		.size = ARCH(208, 224), .locked = 16, .last_holder = 8, .switch_number = 24,
	},
	.interpreter_state = {
		.size = ARCH(225864, 225880), .id = 7280, .next = 7272, .threads_head = 7344,
		.gc_collecting = 7600, .ceval_gil = 16, .modules = 7688, .gil_enabled = OFFSET_NONE,
		
	},
	.thread_state = {
		.size = 832, .next = 8, .interp = 16, .frame = OFFSET_NONE, .cframe = OFFSET_NONE,
		.current_frame = 72, .thread_id = 152, .native_thread_id = 160,
		.datastack_chunk = 232, .datastack_top = 240, .status = 32, 
		
	},
	NO_CFRAME, NO_FRAME, INTERPRETER_FRAME_312(80, 74), CODE_OBJECT_311(216, 68, 52, 208, 92),
	OBJECTS_314, TYPE_OBJECT(880), UNICODE(40, 56), DICT(8), DICT_KEYS_311,
	.instance = { .dict = 24, .values = OFFSET_NONE },
};

static const struct layout layout_315 = {
	.name = "3.15", .version = 315, .has_debug_offsets = true, .pointer_tag_mask = TAG_BITS,
	BEHAVIOUR_311(FRAMES_BY_CURRENT, ROOT_SHIM, INSTRUCTION_POINTER, GIL_PER_INTERPRETER,
		INTEGERS_TAGGED, INSTANCE_INLINE, LOCKS_INLINE, WITHS_IN_PAIRS, OWNER_SHIM),
	.runtime_state = {
		.size = ARCH(346568, 346584), .interpreters_head = 936, 
		.gilstate_tstate_current = OFFSET_NONE, .gc_collecting = OFFSET_NONE, 
		.gil_last_holder = OFFSET_NONE, .gil_switch_number = OFFSET_NONE,
	},
	.gil_runtime_state = {
		.size = ARCH(208, 224), .locked = 16, .last_holder = 8, .switch_number = 24,
	},
	.interpreter_state = {
		.size = ARCH(226240, 226256), .id = 7272, .next = 7264, .threads_head = 7336,
		.gc_collecting = 7512, .ceval_gil = 16, .modules = 7592, .gil_enabled = OFFSET_NONE,
		
	},
	.thread_state = {
		.size = 888, .next = 8, .interp = 16, .frame = OFFSET_NONE, .cframe = OFFSET_NONE,
		.current_frame = 72, .thread_id = 176, .native_thread_id = 184,
		.datastack_chunk = 256, .datastack_top = 264, .status = 32, 
		
	},
	NO_CFRAME, NO_FRAME, INTERPRETER_FRAME_312(80, 74), CODE_OBJECT_311(216, 68, 52, 208, 92),
	OBJECTS_314, TYPE_OBJECT(888), UNICODE(40, 56), DICT(8), DICT_KEYS_311,
	.instance = { .dict = 24, .values = OFFSET_NONE },
};

/* clang-format on */

/* Oldest first; variants are reached through their row. */
static const struct layout *const rows[] = {
	&layout_26,
	&layout_27,
	&layout_34,
	&layout_35,
	&layout_36,
	&layout_37,
	&layout_38,
	&layout_39,
	&layout_310,
	&layout_311,
	&layout_312,
	&layout_313,
	&layout_314,
	&layout_315,
	NULL,
};

const struct layout *const *layout_rows(void)
{
	return rows;
}

const struct layout *layout_find(int version)
{
	for (const struct layout *const *row = rows; *row; row++) {
		if ((*row)->version == version)
			return *row;
	}
	return NULL;
}

const struct layout *layout_newest(void)
{
	return rows[ARRAY_LENGTH(rows) - 2];
}
