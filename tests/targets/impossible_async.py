# SPDX-License-Identifier: MIT
"""The part of impossible.py that Python 2 cannot parse: coroutines and `yield from`."""


class Once(object):
    def __await__(self):
        await_leaf()  #> await_leaf
        yield 1


def await_leaf():
    return 1


async def coro_inner_a():
    await Once()  #> __await__
    coro_leaf_a()  #> coro_leaf_a


async def coro_inner_b():
    coro_leaf_b()  #> coro_leaf_b
    await Once()  #> __await__


def coro_leaf_a():
    return 1


def coro_leaf_b():
    return 2


async def coro_a():
    await coro_inner_a()  #> coro_inner_a


async def coro_b():
    await coro_inner_b()  #> coro_inner_b
    await coro_inner_b()  #> coro_inner_b


def from_inner_a():
    coro_leaf_a()  #> coro_leaf_a
    yield 1


def from_inner_b():
    yield 1
    coro_leaf_b()  #> coro_leaf_b


def from_outer():
    yield from from_inner_a()  #> from_inner_a
    yield from from_inner_b()  #> from_inner_b


def drive(coroutine):
    try:
        while True:
            coroutine.send(None)  #>^
    except StopIteration:
        pass


def pull_from():
    for _ in from_outer():  #> from_outer
        pass


def coroutines():
    drive(coro_a())  #> drive coro_a
    drive(coro_b())  #> drive coro_b
    pull_from()  #> pull_from


KINDS['coroutines'] = coroutines
