# SPDX-License-Identifier: MIT
"""A program whose call graph is known, built so that a mixture of two moments shows.

Every line that calls names its callee behind "#>" (or "#>^": the caller's caller names it), so that check_stacks.py can tell
from a stack and this text alone whether each frame was really called by the one outside it. Each kind of code keeps
running until the program is told to stop; the kind is the first argument.
"""
import re
import sys
import threading

try:
    sys.setcheckinterval(10)  # 2.7: hand the GIL over often
except AttributeError:
    sys.setswitchinterval(0.0005)


# ---- plain calls: a tree whose branches share no function ----
def a1x():
    return 1


def a1y():
    return 2


def a1():
    a1x()  #> a1x
    a1y()  #> a1y
    return a1x()  #> a1x


def a2x():
    return 3


def a2y():
    a2x()  #> a2x
    return 4


def a2():
    a2y()  #> a2y
    return a2x()  #> a2x


def apply_it(function):
    return function()  #>^


def plain():
    a1()  #> a1
    a2()  #> a2
    apply_it(a1)  #> apply_it a1
    apply_it(a2)  #> apply_it a2
    a1()  #> a1


# ---- recursion that grows and shrinks ----
def down_left(n):
    if n:
        down_right(n - 1)  #> down_right
        leaf_left()  #> leaf_left


def down_right(n):
    if n:
        down_left(n - 1)  #> down_left
        down_left(n // 2)  #> down_left
        leaf_right()  #> leaf_right


def leaf_left():
    return 1


def leaf_right():
    return 2


def recursion():
    for n in range(9):
        down_left(n)  #> down_left
        down_right(9 - n)  #> down_right


# ---- generators ----
def gen_a():
    for i in range(5):
        gen_leaf_a()  #> gen_leaf_a
        yield i


def gen_b():
    for i in range(5):
        gen_leaf_b()  #> gen_leaf_b
        yield i


def gen_leaf_a():
    return 1


def gen_leaf_b():
    return 2


def gen_over_a():
    for x in gen_a():  #> gen_a
        yield x


def gen_over_b():
    for x in gen_b():  #> gen_b
        yield x


def pull_a():
    for _ in gen_over_a():  #> gen_over_a
        pass


def pull_b():
    return sum(gen_over_b())  #> gen_over_b


def generators():
    pull_a()  #> pull_a
    pull_b()  #> pull_b


# ---- exceptions ----
def raise_a():
    raise ValueError


def raise_b():
    raise KeyError


def catch_a():
    try:
        raise_a()  #> raise_a
    except ValueError:
        caught_a()  #> caught_a


def catch_b():
    try:
        raise_b()  #> raise_b
    except KeyError:
        caught_b()  #> caught_b


def caught_a():
    return 1


def caught_b():
    return 2


def exceptions():
    catch_a()  #> catch_a
    catch_b()  #> catch_b


# ---- callbacks from C ----
def key_a(x):
    return -x


def key_b(x):
    return key_c(x)  #> key_c


def key_c(x):
    return x


def replace_a(match):
    return match.group(0)


def replace_b(match):
    return key_c('x')  #> key_c


WORDS = 'some words to be replaced ' * 3
LETTERS = re.compile('[a-m]')


class Thing(object):
    def __init__(self, n):
        self.n = n

    def __lt__(self, other):
        return compare(self.n, other.n)  #> compare

    def __getattr__(self, name):
        return missing(name)  #> missing


def compare(a, b):
    return a < b


def missing(name):
    return name


THINGS = [Thing(n * 7 % 13) for n in range(13)]


def callbacks():
    sorted(range(20), key=key_a)  #> key_a
    sorted(range(20), key=key_b)  #> key_b
    LETTERS.sub(replace_a, WORDS)  #> replace_a
    LETTERS.sub(replace_b, WORDS)  #> replace_b
    sorted(THINGS)  #> __lt__
    THINGS[0].nothing  #> __getattr__


# ---- code objects that are made and freed all the time ----
MADE = '%sdef made_%d():\n    return inner_%d()\ndef inner_%d():\n    return len("%d")\nfor _ in range(9): made_%d()\n'
made_count = [0]


def made():
    made_count[0] = n = made_count[0] % 40 + 1
    text = MADE % ('\n' * n, n, n, n, n, n)
    exec(compile(text, '<made %d>' % n, 'exec'), {})  #> <module>


# ---- a line that never runs, at the place where another function ends ----
def skipper(never):
    if never:
        never += 1; never += 1; never += 1; never += 1; never += 1; never += 1; never += 1; never += 1; never += 1  #!
    return 0


def ender(n):
    n += 1; n += 1; n += 1; n += 1; n += 1; n += 1; n += 1; n += 1; n += 1; n += 1
    return n


def ender_twice(n):
    if n:
        ender_twice(n - 1)  #> ender_twice
    n += 1; n += 1; n += 1; n += 1; n += 1; n += 1; n += 1; n += 1; n += 1; n += 1
    return n


def skips():
    ender(1)  #> ender
    skipper(0)  #> skipper
    ender_twice(2)  #> ender_twice
    again(2)  #> again


def again(n):
    if n:
        again(n - 1)  #> again
    else:
        never = 0
        if never:
            never += 1; never += 1; never += 1; never += 1; never += 1; never += 1; never += 1; never += 1  #!
    return 0


# ---- functions of one bytecode, and a generator that one caller resumes here and another one there ----
def twin_a():
    return 1


def twin_b():
    return 1


def twin_caller_a():
    twin_a()  #> twin_a
    return 1


def twin_caller_b():
    twin_b()  #> twin_b
    return 1


def for_a():
    return 1


def for_b():
    return 1


def shared():
    while True:
        for_a()  #>^
        yield 1
        for_b()  #>^
        yield 2


def resume_a(generator):
    next(generator)  #> shared for_a


def resume_b(generator):
    next(generator)  #> shared for_b


SHARED = shared()


def twins():
    twin_caller_a()  #> twin_caller_a
    resume_a(SHARED)  #> resume_a
    twin_caller_b()  #> twin_caller_b
    resume_b(SHARED)  #> resume_b


# ---- greenlets that take turns, if there are any: each has an outermost frame of its own ----
def greenlet_a():
    while True:
        a1()  #> a1
        GREENLETS[1].switch()


def greenlet_b():
    while True:
        a2()  #> a2
        pull_a()  #> pull_a
        GREENLETS[2].switch()


def greenlet_c():
    while True:
        recursion()  #> recursion
        GREENLETS[0].switch()


GREENLETS = []


def greenlets():
    if not GREENLETS:
        import greenlet
        GREENLETS.extend(greenlet.greenlet(function) for function in (greenlet_a, greenlet_b, greenlet_c))
    GREENLETS[0].switch()


# ---- code that is new all the time ----
FRESH = open(__file__.replace('impossible.py', 'impossible_fresh.py')).read()
fresh_count = [0]


def fresh():
    fresh_count[0] += 1
    exec(compile(FRESH, '<fresh %d>' % fresh_count[0], 'exec'), {})  #> <module>


# ---- threads that hand the GIL over ----
def thread_a():
    while True:
        a1()  #> a1


def thread_b():
    while True:
        a2()  #> a2


def thread_c():
    while True:
        recursion()  #> recursion


def threads():
    plain()  #> plain


KINDS = {'plain': plain, 'recursion': recursion, 'generators': generators, 'exceptions': exceptions,
         'callbacks': callbacks, 'made': made, 'threads': threads, 'skips': skips, 'twins': twins,
         'greenlets': greenlets, 'fresh': fresh}

if sys.version_info >= (3, 5):
    exec(compile(open(__file__.replace('impossible.py', 'impossible_async.py')).read(),
                 __file__.replace('impossible.py', 'impossible_async.py'), 'exec'))


def main(kind):
    while True:
        kind()  #> plain recursion generators exceptions callbacks made threads coroutines skips twins greenlets fresh


if __name__ == '__main__':
    if sys.argv[1] == 'threads':
        for each in (thread_a, thread_b, thread_c) * int((sys.argv + ['1'])[2]):
            worker = threading.Thread(target=each)
            worker.daemon = True
            worker.start()
    sys.stdout.write('ready\n')
    sys.stdout.flush()
    main(KINDS[sys.argv[1]])  #> main
