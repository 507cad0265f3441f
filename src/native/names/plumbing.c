/* SPDX-License-Identifier: MIT */
/*
 * What is hidden unless all is asked for: functions of the interpreter that do nothing of their own but find
 * out what to call and call it, and the start of the program and of its threads. What does work stays, also
 * when it calls Python code: builtin functions, constructors of builtin types (list_vectorcall is list(...)),
 * imports, the wait for the GIL, the garbage collector, look-ups.
 *
 * The names are those in libpython 2.7 to 3.15; most are in a few versions only. A pattern is as narrow as
 * what is read here allows, and what looks alike but does work is listed in tests/unit/test_plumbing.c.
 */
#include "config.h"

#include "native/names/plumbing.h"

#include <fnmatch.h>
#include <string.h>

/* In the interpreter: these win over the list below. */
static const char *const interpreter_shown[] = {
	"PyEval_Acquire*",
	"PyEval_Release*",
	"PyEval_RestoreThread",
	"PyEval_SaveThread",
	"_PyEval_AcquireLock",
	"_PyEval_*Import*",
	"_PyEval_Lazy*",
	"_PyEval_Match*",
	"_PyEval_ReleaseLock",
	"_PyEval_St*TheWorld*",
	"_PyEval_UnpackIterable*",
	"PyObject_Calloc",
	"_PyObject_Calloc",
	"PyObject_CallFinalizer*",
};

static const char *const interpreter_hidden[] = {
	/* the evaluation loop, what it is divided into, how it is entered */
	"PyEval_*",
	"_PyEval_*",
	"_PyEvalFrame*",
	"_TAIL_CALL_*",
	"_PyJIT_Entry",
	"_Py_trampoline_func_start",
	"py_trampoline_evaluator",
	"fast_function",
	"function_code_fastcall",
	"ext_do_call",
	"do_call",
	"do_call_core",
	"call_function",
	"call_function_tail*",
	"initialize_locals",
	"clear_thread_frame",
	"trace_call_function",
	"eval_frame_handle_pending",
	"call_instrumentation_vector",
	"_Py_call_instrumentation*",
	"sys_trace_*",
	"sys_profile_*",
	"call_trampoline",
	"call_trace*",
	"call_profile_func",
	"call_exc_trace",
	"call_one_instrument",
	"trace_trampoline",
	"profile_trampoline",
	"call_trace_func",

	/* calls */
	"PyObject_Call*",
	"_PyObject_Call*",
	"_PyObject_FastCall*",
	"PyObject_Vectorcall*",
	"_PyObject_Vectorcall*",
	"_PyObject_MakeTpCall",
	"PyVectorcall_*",
	"_PyVectorcall_*",
	"vectorcall_*",
	"object_vacall",
	"_PyFunction_FastCall*",
	"_PyFunction_Vectorcall",
	"function_call",
	"_Py_VectorCall*",
	"_Py_CallBuiltin*",
	"_Py_BuiltinCall*",
	"_PyCall*StackRef",
	"PyCFunction_Call",
	"_PyCFunction_FastCall*",
	"_PyCFunction_Vectorcall*",
	"cfunction_call*",
	"cfunction_vectorcall_*",
	"_PyMethodDef_RawFastCall*",
	"_PyMethodDescr_FastCall*",
	"_PyMethodDescr_Vectorcall",
	"method_call",
	"method_vectorcall*",
	"methoddescr_call",
	"classmethoddescr_call",
	"instancemethod_call",
	"instance_call",
	"wrapper_call",
	"wrapperdescr_call",
	"wrap_*",
	"type_call",
	"type_vectorcall",
	"ga_call",
	"ga_vectorcall",
	"sm_call",
	"callmethod",
	"call_method*",
	"call_maybe",
	"call_attribute",
	"call_unbound*",
	"maybe_call_special_no_args",
	"slot_*",

	/* generators and coroutines: the frame that they run follows */
	"gen_iternext",
	"gen_send*",
	"gen_throw",
	"_gen_throw",
	"_PyGen_Send",
	"PyGen_am_send",
	"coro_wrapper_iternext",
	"coro_wrapper_send",
	"coro_wrapper_throw",
	"anextawaitable_iternext",
	"anextawaitable_send",
	"anextawaitable_throw",
	"async_gen_asend_iternext",
	"async_gen_asend_send",
	"async_gen_asend_throw",
	"async_gen_athrow_iternext",
	"async_gen_athrow_send",
	"async_gen_athrow_throw",

	/* the start of the program */
	"main",
	"Py_Main",
	"Py_BytesMain",
	"_Py_UnixMain",
	"Py_RunMain",
	"Py_FrozenMain",
	"pymain_main",
	"pymain_run*",
	"PyRun_*",
	"_PyRun_*",
	"pyrun_*",
	"run_mod",
	"run_eval_code_obj",
	"run_pyc_file",
	"run_file",
	"run_command",
	"run_module",
	"RunModule",
	"RunMainFromImporter",
	"RunStartupFile",

	/* the start of a thread */
	"t_bootstrap",
	"thread_run",
	"pythread_wrapper",
};

/* In any file: what calls main and the first function of a thread. */
static const char *const start_hidden[] = { "_start", "__libc_start_main", "__libc_start_main_impl",
	"__libc_start_call_main", "libc_start_main_stage2", "_start_c", "start_thread", "clone", "__clone",
	"clone3", "__clone3", "__clone_internal", "thread_start" };

static bool matches(const char *name, const char *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

/* The program that has the interpreter in a library of its own: all it has is main. */
static bool is_interpreter_program(const struct module *module)
{
	return strncmp(module->name, "python", strlen("python")) == 0;
}

bool is_plumbing(const struct module *module, const char *name)
{
	if (matches(name, start_hidden, ARRAY_LENGTH(start_hidden)))
		return true;
	if (module->kind == MODULE_CODE)
		return strncmp(name, "py::", strlen("py::")) == 0;
	if (atomic_load(&module->is_interpreter))
		return !matches(name, interpreter_shown, ARRAY_LENGTH(interpreter_shown)) &&
			matches(name, interpreter_hidden, ARRAY_LENGTH(interpreter_hidden));
	return is_interpreter_program(module) && strcmp(name, "main") == 0;
}
