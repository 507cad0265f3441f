# SPDX-License-Identifier: MIT
"""A program that is in a function of tests/native/nat_odd.c all the time.

usage: native_odd.py DIRECTORY KIND

The kind is the function's name without `odd_`; with `pool` the work is done by threads that are not Python's. `numpy` needs
no nat_odd.so: it sorts, multiplies matrices and calls Python from a ufunc.
"""
import ctypes
import os
import sys
import time

DIRECTORY, KIND = sys.argv[1:]
sys.path[0:0] = [os.path.join(DIRECTORY, 'packages')]
ROUNDS = 100000


def cold(library):
    library.odd_cold(ctypes.c_long(ROUNDS))


def plt(library):
    library.odd_plt(ctypes.c_long(ROUNDS))


def context(library):
    library.odd_context(ctypes.c_long(ROUNDS))


def garbage(library):
    library.odd_garbage(ctypes.c_long(ROUNDS * 20))


def jit(library):
    if library.odd_jit(ctypes.c_long(ROUNDS * 5)):
        sys.exit('odd_jit failed')


def pool(library):
    time.sleep(1)


def numpy_sort(numpy):
    numpy.sort(VALUES)


def numpy_product(numpy):
    numpy.dot(MATRIX, MATRIX)


def numpy_call(numpy):
    UFUNC(VALUES[:40000])


def numpy_called(value):
    return value


def use_numpy():
    global VALUES, MATRIX, UFUNC
    os.environ['OPENBLAS_NUM_THREADS'] = '1'
    import numpy
    VALUES = numpy.random.rand(200000)
    MATRIX = numpy.random.rand(200, 200)
    UFUNC = numpy.frompyfunc(numpy_called, 1, 1)
    say_ready()
    while True:
        numpy_sort(numpy)
        numpy_product(numpy)
        numpy_call(numpy)


def use_library():
    library = ctypes.PyDLL(os.path.join(DIRECTORY, 'nat_odd.so'))
    function = globals()[KIND]
    if KIND == 'pool' and library.odd_pool(3, ctypes.c_long(ROUNDS)):
        sys.exit('odd_pool failed')
    function(library)
    say_ready()
    while True:
        function(library)


def say_ready():
    sys.stdout.write('ready\n')
    sys.stdout.flush()


if KIND == 'numpy':
    use_numpy()
else:
    use_library()
