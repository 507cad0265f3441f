# SPDX-License-Identifier: MIT
"""A program that is in a function of tests/native/nat_odd.c all the time.

usage: native_odd.py DIRECTORY KIND

The kind is the function's name without `odd_`; with `pool` the work is done by threads that are not Python's. `numpy` needs
no nat_odd.so: it sorts, multiplies matrices and calls Python from a ufunc; nor does `numba`, which has machine code made of
Python functions.
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


def nameless(library):
    if library.odd_nameless(ctypes.c_long(ROUNDS * 5)):
        sys.exit('odd_nameless failed')


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


def numba_loop(compiled):
    compiled(200000)


def numba_vector(ufunc, values):
    ufunc(values)


def use_numba():
    import numba
    import numpy

    @numba.njit
    def inner(rounds):
        total = 0.0
        for i in range(rounds):
            total += (i * 0.5) * total % 3.0
        return total

    @numba.njit
    def outer(rounds):
        return inner(rounds) + inner(rounds + 1)

    @numba.vectorize
    def halves(value):
        return value * 0.5 % 7.0 % 2.0

    values = numpy.arange(200000.0)
    numba_loop(outer)
    numba_vector(halves, values)
    say_ready()
    while True:
        numba_loop(outer)
        numba_vector(halves, values)


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
elif KIND == 'numba':
    use_numba()
else:
    use_library()
