/* SPDX-License-Identifier: MIT */
/*
 * The few functions of CPython that the modules here call, declared by hand: all are in the stable ABI and
 * have kept their shapes since 2.7, so that one build without Python.h serves every interpreter, one in a
 * chroot without headers too.
 */
#ifndef NAT_ABI_H
#define NAT_ABI_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _object PyObject;
typedef struct _ts PyThreadState;
typedef PyObject *(*PyCFunction)(PyObject *, PyObject *);

typedef struct PyMethodDef {
	const char *ml_name;
	PyCFunction ml_meth;
	int ml_flags;
	const char *ml_doc;
} PyMethodDef;

#define METH_O 8

PyObject *PyCFunction_NewEx(PyMethodDef *definition, PyObject *self, PyObject *module);
PyObject *PyObject_CallObject(PyObject *callable, PyObject *arguments);
PyObject *PyLong_FromLong(long value);
long PyLong_AsLong(PyObject *value);
PyThreadState *PyEval_SaveThread(void);
void PyEval_RestoreThread(PyThreadState *state);

#ifdef __cplusplus
}
#endif

#endif
