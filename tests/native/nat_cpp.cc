// SPDX-License-Identifier: MIT
//
// What nat.c is, in C++: mangled names, templates in a namespace, exceptions that are thrown and caught on the way in and
// on the way out. Needs no Python.h; native_calls.py takes the functions out by ctypes.
#include "nat_abi.h"
#include <stdexcept>

#define APART __attribute__((noinline))

static volatile unsigned long returned;

namespace nat {

struct A {};
struct B {};

struct Result {
	PyObject *object;
};

template <int N> APART void throw_something(int depth)
{
	if (depth == 0)
		throw std::runtime_error("thrown by design");
	throw_something<N>(depth - 1);
	returned = returned + N;
}

template <int N, class Chain> struct Level {
	APART static PyObject *inner(PyObject *function)
	{
		try {
			throw_something<N>(2);
		} catch (const std::exception &) {
			returned = returned + 1;
		}
		PyObject *result = PyObject_CallObject(function, nullptr);
		returned = returned + N;
		if (N % 2)
			throw Result{ result };
		return result;
	}

	APART static PyObject *enter(PyObject *, PyObject *function)
	{
		try {
			PyObject *result = inner(function);
			returned = returned + N;
			return result;
		} catch (const Result &result) {
			return result.object;
		}
	}
};

static PyMethodDef methods[] = {
	{ "a1", Level<1, A>::enter, METH_O, nullptr },
	{ "a2", Level<2, A>::enter, METH_O, nullptr },
	{ "a3", Level<3, A>::enter, METH_O, nullptr },
	{ "a4", Level<4, A>::enter, METH_O, nullptr },
	{ "a5", Level<5, A>::enter, METH_O, nullptr },
	{ "b1", Level<1, B>::enter, METH_O, nullptr },
	{ "b2", Level<2, B>::enter, METH_O, nullptr },
	{ "b3", Level<3, B>::enter, METH_O, nullptr },
	{ "b4", Level<4, B>::enter, METH_O, nullptr },
	{ "b5", Level<5, B>::enter, METH_O, nullptr },
	{ nullptr, nullptr, 0, nullptr },
};

} // namespace nat

extern "C" const char *nat_name(int index)
{
	return nat::methods[index].ml_name;
}

extern "C" PyObject *nat_function(int index)
{
	return PyCFunction_NewEx(&nat::methods[index], nullptr, nullptr);
}
