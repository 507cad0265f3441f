/* SPDX-License-Identifier: MIT */
/*
 * Prints what a row of src/python/layout.c needs, out of the headers of a CPython. Nothing is run: the
 * numbers are operands of the assembly, so that another architecture's can be printed as well.
 *
 *   tests/tools/measure_layout.sh INCLUDE_DIRECTORY [COMPILER_OPTION...]
 *
 * -DPy_GIL_DISABLED=1 gives the free-threaded build's. Fields are called as in struct layout.
 */
#define PY_SSIZE_T_CLEAN
#include <patchlevel.h>
#if PY_VERSION_HEX >= 0x03070000
#define Py_BUILD_CORE 1
#endif
#include <Python.h>

#include <frameobject.h>
#include <stddef.h>

#if PY_VERSION_HEX >= 0x030c0000
#include "internal/pycore_gil.h"
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_code.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#endif
#if PY_VERSION_HEX >= 0x03090000
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#endif
#if PY_VERSION_HEX >= 0x03080000
#include "internal/pycore_pystate.h"
#elif PY_VERSION_HEX >= 0x03070000
#include "internal/pystate.h"
#endif

#define NUMBER(name, value) __asm__ volatile("\n->" name " %c0" ::"i"((long)(value)))
#define FIELD(name, type, field) NUMBER(name, offsetof(type, field))

void measure_states(void);
void measure_frames(void);
void measure_objects(void);

void measure_states(void)
{
#if PY_VERSION_HEX >= 0x03070000
	NUMBER("runtime_state.size", sizeof(_PyRuntimeState));
	FIELD("runtime_state.interpreters_head", _PyRuntimeState, interpreters.head);
	FIELD("runtime_state.interpreters_main", _PyRuntimeState, interpreters.main);
	FIELD("interpreter_state.id", PyInterpreterState, id);
#if PY_VERSION_HEX < 0x03090000
	FIELD("runtime_state.finalizing", _PyRuntimeState, finalizing);
#else
	FIELD("runtime_state.finalizing", _PyRuntimeState, _finalizing);
#endif
#if PY_VERSION_HEX < 0x03090000
	FIELD("runtime_state.gc_collecting", _PyRuntimeState, gc.collecting);
#else
	FIELD("interpreter_state.gc_collecting", PyInterpreterState, gc.collecting);
#endif
#if PY_VERSION_HEX < 0x030c0000
	FIELD("runtime_state.gilstate_tstate_current", _PyRuntimeState, gilstate.tstate_current);
	FIELD("runtime_state.gil_locked", _PyRuntimeState, ceval.gil.locked);
	FIELD("runtime_state.gil_last_holder", _PyRuntimeState, ceval.gil.last_holder);
	FIELD("runtime_state.gil_switch_number", _PyRuntimeState, ceval.gil.switch_number);
#else
	NUMBER("gil_runtime_state.size", sizeof(struct _gil_runtime_state));
	FIELD("gil_runtime_state.locked", struct _gil_runtime_state, locked);
	FIELD("gil_runtime_state.last_holder", struct _gil_runtime_state, last_holder);
	FIELD("gil_runtime_state.switch_number", struct _gil_runtime_state, switch_number);
	FIELD("interpreter_state.ceval_gil", PyInterpreterState, ceval.gil);
#ifdef Py_GIL_DISABLED
	FIELD("gil_runtime_state.enabled", struct _gil_runtime_state, enabled);
#endif
#endif
#endif
	NUMBER("interpreter_state.size", sizeof(PyInterpreterState));
	FIELD("interpreter_state.next", PyInterpreterState, next);
#if PY_VERSION_HEX < 0x030b0000
	FIELD("interpreter_state.threads_head", PyInterpreterState, tstate_head);
#else
	FIELD("interpreter_state.threads_head", PyInterpreterState, threads.head);
#endif
#if PY_VERSION_HEX < 0x030c0000
	FIELD("interpreter_state.modules", PyInterpreterState, modules);
#else
	FIELD("interpreter_state.modules", PyInterpreterState, imports.modules);
#endif
	NUMBER("thread_state.size", sizeof(PyThreadState));
	FIELD("thread_state.next", PyThreadState, next);
	FIELD("thread_state.interp", PyThreadState, interp);
	FIELD("thread_state.thread_id", PyThreadState, thread_id);
#if PY_VERSION_HEX < 0x030b0000
	FIELD("thread_state.frame", PyThreadState, frame);
#else
	FIELD("thread_state.native_thread_id", PyThreadState, native_thread_id);
	FIELD("thread_state.datastack_chunk", PyThreadState, datastack_chunk);
	FIELD("thread_state.datastack_top", PyThreadState, datastack_top);
#endif
#if PY_VERSION_HEX >= 0x030a0000 && PY_VERSION_HEX < 0x030d0000
	FIELD("thread_state.cframe", PyThreadState, cframe);
#endif
#if PY_VERSION_HEX >= 0x030a0000 && PY_VERSION_HEX < 0x030b0000
	FIELD("cframe.previous", CFrame, previous);
#endif
#if PY_VERSION_HEX >= 0x030c0000
	FIELD("thread_state.status", PyThreadState, _status);
#endif
#if PY_VERSION_HEX >= 0x030d0000
	FIELD("thread_state.current_frame", PyThreadState, current_frame);
#endif
#if PY_VERSION_HEX >= 0x030f0000
	FIELD("thread_state.base_frame", PyThreadState, base_frame);
	FIELD("thread_state.holds_gil", PyThreadState, holds_gil);
	FIELD("thread_state.gil_requested", PyThreadState, gil_requested);
#endif
}

void measure_frames(void)
{
#if PY_VERSION_HEX < 0x030b0000
	NUMBER("frame.size", sizeof(PyFrameObject));
	FIELD("frame.back", PyFrameObject, f_back);
	FIELD("frame.code", PyFrameObject, f_code);
	FIELD("frame.lasti", PyFrameObject, f_lasti);
	FIELD("frame.lineno", PyFrameObject, f_lineno);
	FIELD("frame.trace", PyFrameObject, f_trace);
	FIELD("frame.block_count", PyFrameObject, f_iblock);
	FIELD("frame.blocks", PyFrameObject, f_blockstack);
	FIELD("frame.globals", PyFrameObject, f_globals);
	FIELD("frame.locals", PyFrameObject, f_locals);
	FIELD("frame.localsplus", PyFrameObject, f_localsplus);
	FIELD("code_object.code", PyCodeObject, co_code);
	FIELD("code_object.local_count", PyCodeObject, co_nlocals);
	FIELD("code_object.names", PyCodeObject, co_varnames);
	FIELD("code_object.cell_names", PyCodeObject, co_cellvars);
	FIELD("code_object.free_names", PyCodeObject, co_freevars);
#else
	FIELD("code_object.local_count", PyCodeObject, co_nlocalsplus);
	FIELD("code_object.names", PyCodeObject, co_localsplusnames);
	FIELD("code_object.kinds", PyCodeObject, co_localspluskinds);
	FIELD("code_object.exception_table", PyCodeObject, co_exceptiontable);
	FIELD("interpreter_frame.globals", _PyInterpreterFrame, f_globals);
	FIELD("interpreter_frame.locals", _PyInterpreterFrame, f_locals);
	NUMBER("interpreter_frame.size", sizeof(_PyInterpreterFrame));
	FIELD("interpreter_frame.previous", _PyInterpreterFrame, previous);
	FIELD("interpreter_frame.localsplus", _PyInterpreterFrame, localsplus);
	FIELD("interpreter_frame.owner", _PyInterpreterFrame, owner);
	FIELD("code_object.first_traceable", PyCodeObject, _co_firsttraceable);
	FIELD("code_object.code_adaptive", PyCodeObject, co_code_adaptive);
	FIELD("code_object.qualname", PyCodeObject, co_qualname);
#if PY_VERSION_HEX < 0x030d0000
	FIELD("interpreter_frame.executable", _PyInterpreterFrame, f_code);
	FIELD("interpreter_frame.instruction", _PyInterpreterFrame, prev_instr);
	FIELD("cframe.current_frame", _PyCFrame, current_frame);
	FIELD("cframe.previous", _PyCFrame, previous);
#else
	FIELD("interpreter_frame.executable", _PyInterpreterFrame, f_executable);
	FIELD("interpreter_frame.instruction", _PyInterpreterFrame, instr_ptr);
#endif
#if PY_VERSION_HEX < 0x030c0000
	FIELD("interpreter_frame.is_entry", _PyInterpreterFrame, is_entry);
#else
	FIELD("code_object.version", PyCodeObject, co_version);
#endif
#if PY_VERSION_HEX >= 0x030e0000 && defined(Py_GIL_DISABLED)
	FIELD("interpreter_frame.tlbc_index", _PyInterpreterFrame, tlbc_index);
	FIELD("code_object.tlbc", PyCodeObject, co_tlbc);
#endif
#endif
	NUMBER("code_object.size", sizeof(PyCodeObject));
	FIELD("code_object.filename", PyCodeObject, co_filename);
	FIELD("code_object.name", PyCodeObject, co_name);
	FIELD("code_object.first_line", PyCodeObject, co_firstlineno);
	FIELD("code_object.argcount", PyCodeObject, co_argcount);
	FIELD("code_object.flags", PyCodeObject, co_flags);
#if PY_VERSION_HEX >= 0x03000000
	FIELD("code_object.keyword_only_count", PyCodeObject, co_kwonlyargcount);
#endif
#if PY_VERSION_HEX < 0x030a0000
	FIELD("code_object.line_table", PyCodeObject, co_lnotab);
#else
	FIELD("code_object.line_table", PyCodeObject, co_linetable);
#endif
}

void measure_objects(void)
{
	FIELD("object.ob_type", PyObject, ob_type);
	FIELD("tuple.ob_item", PyTupleObject, ob_item);
	NUMBER("object.variable_head", sizeof(PyVarObject));
	FIELD("list.items", PyListObject, ob_item);
	FIELD("cell.ref", PyCellObject, ob_ref);
	FIELD("float.value", PyFloatObject, ob_fval);
	FIELD("set.used", PySetObject, used);
	FIELD("set.mask", PySetObject, mask);
	FIELD("set.table", PySetObject, table);
	FIELD("set.entry_key", setentry, key);
	FIELD("dict.used", PyDictObject, ma_used);
	FIELD("type_object.tp_itemsize", PyTypeObject, tp_itemsize);
	FIELD("builtin.definition", PyCFunctionObject, m_ml);
	FIELD("builtin.self", PyCFunctionObject, m_self);
	FIELD("descriptor.definition", PyMethodDescrObject, d_method);
	FIELD("type_object.tp_name", PyTypeObject, tp_name);
	FIELD("type_object.tp_basicsize", PyTypeObject, tp_basicsize);
	FIELD("type_object.tp_flags", PyTypeObject, tp_flags);
	FIELD("type_object.tp_dictoffset", PyTypeObject, tp_dictoffset);
#if PY_VERSION_HEX < 0x03000000
	FIELD("bytes.ob_size", PyStringObject, ob_size);
	FIELD("bytes.ob_sval", PyStringObject, ob_sval);
	FIELD("integer.digits", PyIntObject, ob_ival);
	FIELD("dict.mask", PyDictObject, ma_mask);
	FIELD("dict.table", PyDictObject, ma_table);
#else
	FIELD("bytes.ob_size", PyBytesObject, ob_base.ob_size);
	FIELD("bytes.ob_sval", PyBytesObject, ob_sval);
	FIELD("unicode.state", PyASCIIObject, state);
	FIELD("unicode.length", PyASCIIObject, length);
	NUMBER("unicode.ascii_data", sizeof(PyASCIIObject));
	NUMBER("unicode.compact_data", sizeof(PyCompactUnicodeObject));
	FIELD("type_object.ht_cached_keys", PyHeapTypeObject, ht_cached_keys);
	FIELD("dict.keys", PyDictObject, ma_keys);
	FIELD("dict.values", PyDictObject, ma_values);
#if PY_VERSION_HEX < 0x030c0000
	FIELD("integer.size", PyLongObject, ob_base.ob_size);
	FIELD("integer.digits", PyLongObject, ob_digit);
#else
	FIELD("integer.size", PyLongObject, long_value.lv_tag);
	FIELD("integer.digits", PyLongObject, long_value.ob_digit);
#endif
#if PY_VERSION_HEX >= 0x030b0000
	FIELD("dict.values_data", PyDictValues, values);
	FIELD("dict_keys.log2_size", PyDictKeysObject, dk_log2_size);
	FIELD("dict_keys.log2_index_bytes", PyDictKeysObject, dk_log2_index_bytes);
	FIELD("dict_keys.kind", PyDictKeysObject, dk_kind);
	FIELD("dict_keys.nentries", PyDictKeysObject, dk_nentries);
	FIELD("dict_keys.entries", PyDictKeysObject, dk_indices);
#endif
#endif
}
