/* SPDX-License-Identifier: MIT */
/* What is hidden and what must not be: names as nm prints them for CPython 2.7 to 3.15. */
#include "config.h"

#include <check.h>

#include "native/names/plumbing.h"
#include "suite.h"

static const char *const hidden[] = {
	/* 2.7 */
	"PyEval_EvalFrameEx",
	"PyEval_EvalCodeEx",
	"fast_function",
	"ext_do_call",
	"call_function",
	"instancemethod_call",
	"instance_call",
	"function_call",
	"PyEval_CallObjectWithKeywords",
	"PyObject_Call",
	"slot_nb_coerce",
	"Py_Main",
	"PyRun_SimpleFileExFlags",
	"wrap_coercefunc",
	"t_bootstrap",
	/* 3.6 to 3.9 */
	"_PyEval_EvalFrameDefault",
	"_PyEval_EvalCodeWithName",
	"_PyFunction_FastCallDict",
	"_PyFunction_Vectorcall",
	"function_code_fastcall",
	"_PyCFunction_FastCallKeywords",
	"_PyMethodDef_RawFastCallKeywords",
	"_PyObject_FastCallDict",
	"_PyObject_Call_Prepend",
	"_PyObject_MakeTpCall",
	"cfunction_vectorcall_FASTCALL",
	"method_vectorcall_VARARGS_KEYWORDS",
	"vectorcall_method",
	"slot_tp_call",
	"slot_tp_getattr_hook",
	"type_call",
	"gen_send_ex",
	"gen_iternext",
	"_Py_UnixMain",
	"pymain_run_python",
	"pymain_main",
	"Py_RunMain",
	"Py_BytesMain",
	"pythread_wrapper",
	"call_trampoline",
	"wrapperdescr_call",
	"wrap_binaryfunc_l",
	/* 3.10 to 3.13 */
	"_PyEval_Vector",
	"PyObject_Vectorcall",
	"_PyObject_VectorcallTstate",
	"PyVectorcall_Call",
	"thread_run",
	"cfunction_call",
	"run_mod",
	"run_eval_code_obj",
	"_PyRun_SimpleFileObject",
	"gen_send_ex2",
	"PyEval_EvalCode",
	"_PyEvalFramePushAndInit",
	"sys_trace_line_func",
	"_Py_call_instrumentation_line",
	"py_trampoline_evaluator",
	"object_vacall",
	"PyObject_CallMethodObjArgs",
	/* 3.14 and 3.15 */
	"_TAIL_CALL_CALL_PY_EXACT_ARGS",
	"_PyCallMethodDescriptorFast_StackRef",
	"_Py_VectorCall_StackRefSteal",
	/* of the C library */
	"_start",
	"__libc_start_main",
	"__libc_start_main_impl",
	"__libc_start_call_main",
	"start_thread",
	"clone",
	"clone3",
	"main",
};

static const char *const shown[] = {
	"builtin_sorted",
	"builtin_exec",
	"builtin_eval",
	"builtin___build_class__",
	"builtin___import__",
	"builtin_map",
	"list_sort_impl",
	"list_vectorcall",
	"dict_vectorcall",
	"map_vectorcall",
	"long_vectorcall",
	"set_vectorcall",
	"_pickle_dump",
	"_pickle_Pickler_dump",
	"gc_collect_main",
	"collect",
	"_PyGC_Collect",
	"take_gil",
	"drop_gil",
	"PyEval_RestoreThread",
	"PyEval_SaveThread",
	"PyEval_AcquireThread",
	"_PyEval_StopTheWorld",
	"_PyEval_ImportName",
	"_PyEval_LazyImportName",
	"_PyEval_UnpackIterable",
	"_PyDict_LoadGlobal",
	"lookdict_unicode_nodummy",
	"PyObject_GetAttr",
	"_PyObject_GenericGetAttrWithDict",
	"PyObject_Calloc",
	"PyObject_CallFinalizerFromDealloc",
	"_PyObject_GC_New",
	"_PyObject_Malloc",
	"PyObject_RichCompare",
	"PyObject_Repr",
	"PyObject_IsInstance",
	"PyNumber_Add",
	"PyIter_Next",
	"lru_cache_call",
	"bounded_lru_cache_wrapper",
	"partial_call",
	"itemgetter_call",
	"attrgetter_call",
	"methodcaller_call",
	"PyImport_ImportModuleLevelObject",
	"import_find_and_load",
	"_PyPegen_run_parser",
	"compiler_mod",
	"PyAST_CompileObject",
	"pattern_subx",
	"sre_ucs1_match",
	"functools_reduce",
	"gen_dealloc",
	"gen_close",
	"method_dealloc",
	"method_new",
	"type_new",
	"type_getattro",
	"PyType_GenericAlloc",
	"object_new",
	"long_pow",
	"unicode_concatenate",
	"PyThread_acquire_lock_timed",
	"lock_PyThread_acquire_lock",
	"time_sleep",
	"posix_read",
	"subtype_dealloc",
	"_Py_Dealloc",
	"PyGILState_Ensure",
	"Py_FinalizeEx",
	"Py_InitializeFromConfig",
	"call_typing_func_object",
	"wrapper_dealloc",
};

static const struct module interpreter = { .name = (char *)"python3.11", .is_interpreter = true };
static const struct module program = { .name = (char *)"python3.11" };
static const struct module extension = { .name = (char *)"_demo.so" };
static const struct module code = { .kind = MODULE_CODE, .name = (char *)"[jit]" };

START_TEST(what_only_carries_calls_is_hidden)
{
	ck_assert_msg(is_plumbing(&interpreter, hidden[_i]), "%s", hidden[_i]);
}
END_TEST

START_TEST(what_does_work_is_shown)
{
	ck_assert_msg(!is_plumbing(&interpreter, shown[_i]), "%s", shown[_i]);
}
END_TEST

START_TEST(what_has_such_a_name_in_another_file_is_shown)
{
	ck_assert(!is_plumbing(&extension, "main"));
	ck_assert(!is_plumbing(&extension, "type_call"));
	ck_assert(!is_plumbing(&extension, "py::f"));
	ck_assert(!is_plumbing(&program, "type_call"));
	ck_assert(!is_plumbing(&code, "type_call"));
}
END_TEST

START_TEST(starts_are_hidden_in_every_file)
{
	ck_assert(is_plumbing(&program, "main"));
	ck_assert(is_plumbing(&program, "_start"));
	ck_assert(is_plumbing(&extension, "start_thread"));
	ck_assert(is_plumbing(&code, "py::f:/srv/app.py"));
	ck_assert(!is_plumbing(&code, "js::f"));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, what_only_carries_calls_is_hidden, 0, ARRAY_LENGTH(hidden));
	tcase_add_loop_test(tests, what_does_work_is_shown, 0, ARRAY_LENGTH(shown));
	tcase_add_test(tests, what_has_such_a_name_in_another_file_is_shown);
	tcase_add_test(tests, starts_are_hidden_in_every_file);
}

int main(void)
{
	return suite_run("plumbing", add_tests);
}
