/* SPDX-License-Identifier: MIT */
/*
 * C functions of known names and depth that call back into Python: a1 to a5 go through nat_aN_x, nat_aN_y,
 * nat_aN_z, b1 to b5 through nat_bN_p, nat_bN_q, so that a stack that mixes two chains or two levels shows.
 * At the leaf they spin or sleep.
 *
 * Built with Python.h it is an extension module; with -DNAT_ABI it needs no headers, and native_calls.py
 * takes the functions out by ctypes. -fno-optimize-sibling-calls is what keeps each function on the stack.
 */
#ifdef NAT_ABI
#include "nat_abi.h"
#else
#include <Python.h>
#endif
#include <time.h>

#ifndef __has_attribute
#define __has_attribute(name) 0
#endif
#if __has_attribute(noipa)
#define APART __attribute__((noinline, noipa))
#else
#define APART __attribute__((noinline))
#endif

/* What happened after a call: a function whose call is not its last act cannot be left out of the stack. */
static volatile unsigned long returned;

#define LEVEL_A(n) \
	APART static PyObject *nat_a##n##_z(PyObject *function) \
	{ \
		PyObject *result = PyObject_CallObject(function, NULL); \
		returned++; \
		return result; \
	} \
	APART static PyObject *nat_a##n##_y(PyObject *function) \
	{ \
		volatile char room[16 * n]; \
		room[0] = 1; \
		PyObject *result = nat_a##n##_z(function); \
		returned += (unsigned long)room[0]; \
		return result; \
	} \
	APART static PyObject *nat_a##n##_x(PyObject *self, PyObject *function) \
	{ \
		(void)self; \
		PyObject *result = nat_a##n##_y(function); \
		returned++; \
		return result; \
	}

#define LEVEL_B(n) \
	APART static PyObject *nat_b##n##_q(PyObject *function, int depth) \
	{ \
		PyObject *result = PyObject_CallObject(function, NULL); \
		returned += (unsigned long)depth; \
		return result; \
	} \
	APART static PyObject *nat_b##n##_p(PyObject *self, PyObject *function) \
	{ \
		(void)self; \
		PyObject *result = nat_b##n##_q(function, n); \
		returned++; \
		return result; \
	}

/* CLOCK_THREAD_CPUTIME_ID would be a system call each time round. */
#define LEAF(chain) \
	APART static void nat_spin_##chain##_inner(long rounds) \
	{ \
		for (volatile long round = 0; round < rounds; round++) \
			; \
	} \
	APART static PyObject *nat_spin_##chain(PyObject *self, PyObject *rounds) \
	{ \
		(void)self; \
		nat_spin_##chain##_inner(PyLong_AsLong(rounds)); \
		returned++; \
		return PyLong_FromLong(0); \
	} \
	APART static void nat_sleep_##chain##_inner(long microseconds) \
	{ \
		struct timespec time = { microseconds / 1000000, microseconds % 1000000 * 1000 }; \
		PyThreadState *state = PyEval_SaveThread(); \
		nanosleep(&time, NULL); \
		PyEval_RestoreThread(state); \
	} \
	APART static PyObject *nat_sleep_##chain(PyObject *self, PyObject *microseconds) \
	{ \
		(void)self; \
		nat_sleep_##chain##_inner(PyLong_AsLong(microseconds)); \
		returned++; \
		return PyLong_FromLong(0); \
	}

LEVEL_A(1)
LEVEL_A(2)
LEVEL_A(3)
LEVEL_A(4)
LEVEL_A(5)
LEVEL_B(1)
LEVEL_B(2)
LEVEL_B(3)
LEVEL_B(4)
LEVEL_B(5)
LEAF(a)
LEAF(b)

/* For functions that Python wants called by a function pointer, ctypes' and cffi's. */
APART static int nat_back_y(int (*function)(void))
{
	int result = function();

	returned++;
	return result;
}

int nat_back_x(int (*function)(void));

APART int nat_back_x(int (*function)(void))
{
	int result = nat_back_y(function);

	returned++;
	return result;
}

static PyMethodDef nat_methods[] = {
	{ "a1", nat_a1_x, METH_O, NULL },
	{ "a2", nat_a2_x, METH_O, NULL },
	{ "a3", nat_a3_x, METH_O, NULL },
	{ "a4", nat_a4_x, METH_O, NULL },
	{ "a5", nat_a5_x, METH_O, NULL },
	{ "b1", nat_b1_p, METH_O, NULL },
	{ "b2", nat_b2_p, METH_O, NULL },
	{ "b3", nat_b3_p, METH_O, NULL },
	{ "b4", nat_b4_p, METH_O, NULL },
	{ "b5", nat_b5_p, METH_O, NULL },
	{ "spin_a", nat_spin_a, METH_O, NULL },
	{ "spin_b", nat_spin_b, METH_O, NULL },
	{ "sleep_a", nat_sleep_a, METH_O, NULL },
	{ "sleep_b", nat_sleep_b, METH_O, NULL },
	{ NULL, NULL, 0, NULL },
};

/*
 * For ctypes: the name of the function of this index, NULL behind the last; and the function, as Python
 * knows functions.
 */
const char *nat_name(int index);
PyObject *nat_function(int index);

const char *nat_name(int index)
{
	return nat_methods[index].ml_name;
}

PyObject *nat_function(int index)
{
	return PyCFunction_NewEx(&nat_methods[index], NULL, NULL);
}

#ifndef NAT_ABI
#if PY_MAJOR_VERSION >= 3
static struct PyModuleDef nat_module = { PyModuleDef_HEAD_INIT, "nat", NULL, -1, nat_methods, NULL, NULL,
	NULL, NULL };

PyMODINIT_FUNC PyInit_nat(void)
{
	return PyModule_Create(&nat_module);
}
#else
PyMODINIT_FUNC initnat(void)
{
	Py_InitModule("nat", nat_methods);
}
#endif
#endif
