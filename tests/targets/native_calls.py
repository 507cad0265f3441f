# SPDX-License-Identifier: MIT
"""Two chains of calls, five times through native code and back into Python each, one after the other for ever.

usage: native_calls.py DIRECTORY LANGUAGE LEAF KINDS [with=WHAT]

DIRECTORY has what tests/native builds. LANGUAGE (c, cpp, rust, cython) is that of the functions between the levels; LEAF
(spin, python, sleep, none) is what the innermost function does; KINDS (with commas, or all) are ways in which each level
calls the next one: through sorted, ctypes, a descriptor and so on. WHAT: signals, trace, threads, many.

tests/native/rules.py says what its stacks may look like: who changes a name here changes it there.
"""
import functools
import os
import re
import signal
import sys
import time

try:
    import ctypes
except ImportError:
    ctypes = None
try:
    import thread
except ImportError:
    import _thread as thread

SPIN = 40000
DIRECTORY, LANGUAGE, LEAF, KINDS = sys.argv[1:5]
WITH = sys.argv[5][5:] if len(sys.argv) > 5 else ''
sys.path[0:0] = [DIRECTORY, os.path.join(DIRECTORY, 'packages')]


# ---- the native functions ----
def take_functions(name):
    """Those of a module that was built without Python.h."""
    library = ctypes.PyDLL(os.path.join(DIRECTORY, name + '.so'))
    library.nat_name.restype = ctypes.c_char_p
    library.nat_function.restype = ctypes.py_object
    result = {}
    while library.nat_name(len(result)):
        result[library.nat_name(len(result)).decode()] = library.nat_function(len(result))
    return result


def load_c():
    try:
        import nat
        return vars(nat)
    except ImportError:
        return take_functions('nat')


def load_rust():
    library = ctypes.PyDLL(os.path.join(DIRECTORY, 'nat_rust.so'))
    result = {}
    for name in NAMES:
        function = getattr(library, 'rust_' + name)
        function.argtypes = [ctypes.py_object]
        function.restype = ctypes.py_object
        result[name] = function
    return result


def load_cython():
    import nat_cython
    return vars(nat_cython)


NAMES = [chain + str(level) for chain in 'ab' for level in range(1, 6)]
LEAVES = load_c()
if WITH == 'many':  # from a module of its own each, of the hundreds that are loaded
    MODULES = sorted(name[:-3] for name in os.listdir(DIRECTORY) if name.startswith('nat_many_'))
    FUNCTIONS = [take_functions(name) for name in MODULES]
    load_c = lambda: {name: FUNCTIONS[41 * number % len(MODULES)][name] for number, name in enumerate(NAMES)}
STEP = {'c': load_c, 'cpp': lambda: take_functions('nat_cpp'), 'rust': load_rust, 'cython': load_cython}[LANGUAGE]()
LIBRARY = ctypes and ctypes.CDLL(os.path.join(DIRECTORY, 'nat.so'))


# ---- the ways from one level to the next: each calls its argument once, from C ----
def via_sorted(function):
    sorted([1], key=function)
    return 0


def via_reduce(function):
    functools.reduce(function, [1, 2])
    return 0


def via_resub(function):
    def replace(match):
        function()
        return ''
    PATTERN.sub(replace, 'x')
    return 0


PATTERN = re.compile('x')


def via_getattr(function):
    Getter(function).missing
    return 0


class Getter(object):
    def __init__(self, function):
        self.function = function

    def __getattr__(self, name):
        return self.function()


def via_metaclass(function):
    CALLED[thread.get_ident()] = function
    Made()
    return 0


class Meta(type):
    def __call__(cls):
        return CALLED[thread.get_ident()]()


CALLED = {}
Made = Meta('Made', (), {})


def via_descriptor(function):
    Described(function).attribute
    return 0


class Descriptor(object):
    def __get__(self, instance, owner):
        return instance.function()


class Described(object):
    attribute = Descriptor()

    def __init__(self, function):
        self.function = function


def via_listgen(function):
    list(generator(function))
    return 0


def generator(function):
    yield 1
    yield function()
    yield 2


def via_sumgen(function):
    sum(function() for _ in (1,))
    return 0


def via_coroutine(function):
    try:
        coroutine(function).send(None)
    except StopIteration:
        pass
    return 0


def via_map(function):
    list(map(function, [1]))
    return 0


CALLBACKS = {}


def as_pointer(function, *types):
    key = function, types
    if key not in CALLBACKS:
        CALLBACKS[key] = ctypes.CFUNCTYPE(ctypes.c_int, *types)(function)
    return CALLBACKS[key]


def via_ctypes(function):
    LIBRARY.nat_back_x(as_pointer(function))
    return 0


def via_qsort(function):
    array = (ctypes.c_int * 2)(2, 1)
    LIBC.qsort(array, ctypes.c_size_t(2), ctypes.c_size_t(4), as_pointer(function, ctypes.c_void_p, ctypes.c_void_p))
    return 0


def via_cffi(function):
    if function not in CALLBACKS:
        CALLBACKS[function] = FFI.callback('int(void)', function)
    FFI_LIBRARY.nat_back_x(CALLBACKS[function])
    return 0


def via_greenlet(function):
    greenlet.greenlet(function).switch()
    return 0


def known_ways():
    """Those that this interpreter has, by name."""
    global FFI, FFI_LIBRARY, LIBC, coroutine, greenlet
    ways = {name[4:]: value for name, value in globals().items() if name.startswith('via_')}
    missing = set()
    if ctypes:
        LIBC = ctypes.CDLL(None)
    else:
        missing |= {'ctypes', 'qsort'}
    try:
        from native_async import coroutine
    except SyntaxError:
        missing.add('coroutine')
    try:
        import cffi
        FFI = cffi.FFI()
        FFI.cdef('int nat_back_x(int (*function)(void));')
        FFI_LIBRARY = FFI.dlopen(os.path.join(DIRECTORY, 'nat.so'))
    except ImportError:
        missing.add('cffi')
    try:
        import greenlet
    except ImportError:
        missing.add('greenlet')
    for name in missing:
        del ways[name]
    ways['plain'] = None
    return ways


# ---- the two chains ----
def py_a1(*_):
    return in_a1()


def in_a1():
    return STEP['a1'](NEXT['a1'])


def py_a2(*_):
    return in_a2()


def in_a2():
    return STEP['a2'](NEXT['a2'])


def py_a3(*_):
    return in_a3()


def in_a3():
    return STEP['a3'](NEXT['a3'])


def py_a4(*_):
    return in_a4()


def in_a4():
    return STEP['a4'](NEXT['a4'])


def py_a5(*_):
    return in_a5()


def in_a5():
    return STEP['a5'](LEAF_A)


def py_b1(*_):
    return STEP['b1'](NEXT['b1'])


def py_b2(*_):
    return STEP['b2'](NEXT['b2'])


def py_b3(*_):
    return STEP['b3'](NEXT['b3'])


def py_b4(*_):
    return STEP['b4'](NEXT['b4'])


def py_b5(*_):
    return STEP['b5'](LEAF_B)


def python_a():
    for _ in range(SPIN // 20):
        pass
    return 0


def python_b():
    for _ in range(SPIN // 20):
        pass
    return 0


def nothing_a():
    return 0


def nothing_b():
    return 0


if LEAF == 'spin':
    LEAF_A, LEAF_B = functools.partial(LEAVES['spin_a'], SPIN), functools.partial(LEAVES['spin_b'], SPIN)
elif LEAF == 'sleep':
    LEAF_A, LEAF_B = functools.partial(LEAVES['sleep_a'], 5000), functools.partial(LEAVES['sleep_b'], 5000)
elif LEAF == 'python':
    LEAF_A, LEAF_B = python_a, python_b
else:
    LEAF_A, LEAF_B = nothing_a, nothing_b


def steps_of(way):
    """What each level but the last hands to its native function."""
    following = {name: globals()['py_%s%d' % (name[0], int(name[1]) + 1)] for name in NAMES if name[1] != '5'}
    return following if way is None else {name: functools.partial(way, value) for name, value in following.items()}


def run(starts, rounds):
    """Calls each of the starts once with each way, so many times; -1: for ever."""
    global NEXT
    while rounds:
        rounds -= 1
        for NEXT in ALL_STEPS:
            for start in starts:
                start()


# ---- what else may go on meanwhile ----
def handler(number, frame):
    LEAVES['b1'](handled)


def handled():
    for _ in range(100):
        pass


def tracer(frame, event, argument):
    LEAVES['b2'](traced)


def traced():
    return 0


def work_a():
    run([py_a1], -1)


def work_b():
    run([py_b1], -1)


def main():
    if WITH == 'signals':
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
    if WITH == 'trace':
        sys.settrace(tracer)
    if WITH == 'threads':  # the two share NEXT: there is one way only
        thread.start_new_thread(work_a, ())
        thread.start_new_thread(work_b, ())
        time.sleep(1 << 30)
    run([py_a1, py_b1], -1)


WAYS = known_ways()
CHOSEN = sorted(set(WAYS) - {'greenlet'}) if KINDS == 'all' else KINDS.split(',')
ALL_STEPS = [steps_of(WAYS[name]) for name in CHOSEN]
NEXT = ALL_STEPS[0]
run([py_a1, py_b1], 2)  # callbacks are made, code is specialised
sys.stdout.write('ready\n')
sys.stdout.flush()
main()
