# SPDX-License-Identifier: MIT
"""Stops at lines while they are traced: by a trace function, by a profile function, in the trace function itself."""
import sys

import support
from support import here

support.ready()
inside = []


def trace(frame, event, argument):
    if inside and frame.f_code.co_name == "traced":
        inside.pop()
        here("in the trace function")
    return trace


def no_lines(frame, event, argument):
    return None


def traced():
    here("first")
    for _ in range(2):
        here("loop")

    x = [
        here("element"),
        here("other element"),
    ]
    generator = (here("generator expression") for _ in x)
    next(generator)
    try:
        raise ValueError
    except ValueError:
        here("handling")
    return here("last")


for function in trace, no_lines:
    sys.settrace(function)
    traced()
    inside.append(True)
    traced()
    sys.settrace(None)
    del inside[:]
    here("behind settrace")
    sys.setprofile(function)
    traced()
    sys.setprofile(None)
    traced()


def begins_in_the_middle():
    here("not yet")
    sys._getframe().f_trace = trace
    sys.settrace(trace)
    here("this frame has a trace function")
    here("next line")
    sys.settrace(None)
    here("not any longer")
    here("still not")


begins_in_the_middle()
here("end")
