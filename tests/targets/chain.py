# SPDX-License-Identifier: MIT
"""A known chain of calls whose leaf is at one line all the time, holding the GIL.

Arguments: how long in seconds (default: until killed), then what to do at the end: exit (default), raise, or a program to
execute.
"""
import os
import sys
import time

import support

DURATION = float(sys.argv[1]) if len(sys.argv) > 1 else 1e9
THEN = sys.argv[2:]


def leaf(end):
    while time.time() < end: pass  # here: leaf


def second(end):
    return [
        1,
        leaf(end),  # here: second
    ]


def first(end):
    second(end)  # here: first


support.ready()
first(time.time() + DURATION)  # here: module
if THEN == ["raise"]:
    raise SystemExit(7)
if THEN:
    os.execvp(THEN[0], THEN)
