# SPDX-License-Identifier: MIT
"""Stops inside of everything that makes a frame: generators, coroutines, class bodies, comprehensions, lambdas, ..."""
import contextlib
import functools
import re
import sys

import support
from support import here

support.ready()


def generator(depth):
    here("generator, depth %d" % depth)
    if depth:
        for value in generator(depth - 1):
            yield value
    yield here("generator after yield")


def drive_generators():
    for _ in generator(3):
        here("between")
    sum(len(here("generator expression")) for _ in [1, 2])
    suspended = generator(0)
    next(suspended)
    here("with a suspended generator")
    suspended.close()
    started = generator(0)
    next(started)
    return list(started)


def closing():
    try:
        yield
    finally:
        here("generator being closed")


def thrown():
    try:
        yield
    except KeyError:
        here("generator thrown into")
        yield


def sent():
    while True:
        value = yield
        here("generator that was sent %s" % value)


def drive_generator_methods():
    g = closing()
    next(g)
    g.close()
    g = closing()
    next(g)
    del g
    g = thrown()
    next(g)
    g.throw(KeyError())
    g = sent()
    next(g)
    g.send(1)
    g.send(2)


@contextlib.contextmanager
def context():
    here("context manager, before")
    yield
    here("context manager, after")


class Meta(type):
    def __new__(mcs, name, bases, namespace):
        here("metaclass")
        return type.__new__(mcs, name, bases, namespace)

    def __call__(cls, *args):
        here("metaclass call")
        return type.__call__(cls, *args)


class Base(object):
    here("class body")

    class Inner(object):
        here("inner class body")
        values = [here("comprehension in a class body") for _ in [1]]

    def __init__(self):
        here("constructor")

    def __getattr__(self, name):
        here("__getattr__")
        return 1

    @property
    def value(self):
        return here("property")

    @classmethod
    def class_method(cls):
        return here("class method")

    @staticmethod
    def static_method():
        return here("static method")

    def __lt__(self, other):
        here("__lt__ called by sort")
        return True

    def __eq__(self, other):
        here("__eq__ called by a list")
        return True

    def __hash__(self):
        here("__hash__ called by a dict")
        return 1

    def __iter__(self):
        here("__iter__")
        return iter([1])

    def __del__(self):
        here("__del__")

    def __getitem__(self, key):
        return here("__getitem__")

    def __add__(self, other):
        return here("__add__")

    def __str__(self):
        here("__str__ called by formatting")
        return ""

    def __call__(self):
        return here("__call__")

    def recurse(self, depth):
        return self.recurse(depth - 1) if depth else here("method, recursive")


def drive_classes():
    Made = Meta("Made", (Base,), {})
    thing = Made()
    thing.missing, thing.value, thing[1], thing + 1, "%s" % thing
    thing.class_method(), thing.static_method(), thing(), thing.recurse(20)
    sorted([thing, thing])
    [Base()].index(Base())
    {thing: 1}
    list(thing)
    getattr(thing, "other")


# 2.6 cannot read these
COMPREHENSIONS = """
{str(here("set comprehension")) for _ in [1]}
{1: here("dict comprehension") for _ in [1]}
"""


def drive_expressions():
    (lambda: here("lambda"))()
    (lambda: (lambda: here("nested lambda"))())()
    [here("list comprehension") for _ in [1]]
    [[here("nested comprehension") for _ in [1]] for _ in [1]]
    if sys.version_info >= (2, 7):
        exec(compile(COMPREHENSIONS, "comprehensions.py", "exec"), {"here": here})
    sorted([1], key=lambda _: here("key of sorted"))
    sorted([2, 1], key=lambda _: [here("generator in a key") for _ in [1]])
    list(map(lambda _: here("map"), [1]))
    list(filter(lambda _: here("filter"), [1]))
    max([1, 2], key=lambda _: len(here("key of max")))
    re.sub("a", lambda _: here("callback of re.sub") or "", "a")
    functools.partial(lambda _: here("partial"), 1)()
    functools.reduce(lambda _a, _b: here("reduce"), [1, 2])
    (lambda *args, **kwargs: here("with * and **"))(*[1], **{"a": 1})
    apply_twice = lambda f: f(f(lambda: here("returned lambda")))  # noqa: E731
    apply_twice(lambda f: f() or f)
    exec("here('exec')", {"here": here})
    eval("here('eval')")
    exec(compile("def f():\n  exec('here(\"exec in exec\")')\nf()", "some/made up.py", "exec"), {"here": here})


def raises():
    try:
        raise ValueError
    except ValueError:
        here("handling")
        raise


def recurse(depth):
    if depth == 0:
        return here("recursion")
    return recurse(depth - 1)


def drive_exceptions():
    try:
        raises()
    except ValueError:
        here("handled by the caller")
    with context():
        here("in a context")
    for depth in 1, 50, 300, 700:
        recurse(depth)
    here("back from recursion")


COROUTINES = '''
import asyncio

class Manager:
    async def __aenter__(self):
        here("__aenter__")
    async def __aexit__(self, *args):
        here("__aexit__")

async def numbers():
    yield 1
    here("asynchronous generator")
    await asyncio.sleep(0)
    yield 2
    here("asynchronous generator, resumed")

async def inner(depth):
    here("coroutine, depth %d" % depth)
    if depth:
        await inner(depth - 1)
    else:
        await asyncio.sleep(0.001)
    here("coroutine, resumed, depth %d" % depth)

class Waitable:
    def __await__(self):
        here("__await__")
        yield

async def several():
    await asyncio.gather(inner(1), inner(2))
    async with Manager():
        here("async with")
    async for number in numbers():
        here("async for %d" % number)
    [here("asynchronous comprehension") async for _ in numbers()]
    loop.call_soon(lambda: here("call_soon"))
    await asyncio.sleep(0)

def delegating():
    yield from delegated()

def delegated():
    yield here("yield from")
    yield from (here("generator expression, delegated") for _ in [1])

for _ in delegating():
    here("between")
loop = asyncio.new_event_loop()
'''

drive_generators()
drive_generator_methods()
drive_classes()
drive_expressions()
drive_exceptions()
if sys.version_info >= (3, 6):
    names = {"here": here}
    exec(compile(COROUTINES, "coroutines.py", "exec"), names)
    names["loop"].run_until_complete(names["several"]())
    coroutine = names["inner"](0)
    names["loop"].run_until_complete(coroutine)
    waitable = names["Waitable"]().__await__()
    next(waitable)
    names["loop"].close()
here("end")
