# SPDX-License-Identifier: MIT
"""Runs inside of gdb: prints the stack of the process that it has attached to, as JSON, the innermost frame first.

gdb's own `bt` does not tell which functions are inlined, and its text cannot be parsed where names have spaces.
"""
import json
import os

import gdb


def frames():
    frame = gdb.newest_frame()
    while frame is not None and frame.is_valid():
        place = frame.pc()
        if frame.type() != gdb.TAILCALL_FRAME:  # made up: such a function has left the stack
            yield {
                'name': frame.name(),
                'module': os.path.realpath(gdb.solib_name(place) or gdb.current_progspace().filename),
                'inlined': frame.type() == gdb.INLINE_FRAME,
            }
        frame = frame.older()


def print_stack():
    try:
        print('STACK ' + json.dumps(list(frames())))
    except gdb.error as error:
        print('ERROR %s' % error)


print_stack()
