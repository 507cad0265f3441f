# SPDX-License-Identifier: MIT
"""A known chain of calls whose leaf is at one line all the time, holding the GIL.

Arguments: how long in seconds, or `on` for until SIGUSR1 arrives (default), then what to do at the end: exit (default),
raise, or a program to execute.
"""
import os
import signal
import sys
import time

import support

DURATION = float(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1] != "on" else 1e9
THEN = sys.argv[2:]


END = [time.time() + DURATION]


def leaf():
    while time.time() < END[0]: pass  # here: leaf


def second():
    return [
        1,
        leaf(),  # here: second
    ]


def first():
    second()  # here: first


def finish(_number, _frame):
    END[0] = 0


signal.signal(signal.SIGUSR1, finish)
support.ready()
first()  # here: module
if THEN == ["raise"]:
    raise SystemExit(7)
if THEN:
    os.execvp(THEN[0], THEN)
