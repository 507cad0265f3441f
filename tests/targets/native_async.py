# SPDX-License-Identifier: MIT
"""The part of native_calls.py that Python 2 cannot parse."""


class Once(object):
    def __init__(self, function):
        self.function = function

    def __await__(self):
        self.function()
        return
        yield  # it is never left suspended: to be closed would be another stack


async def inner(function):
    await Once(function)


async def coroutine(function):
    await inner(function)
