# SPDX-License-Identifier: MIT
"""What pyrope top is to show: three quarters of the time in one function and a quarter in another, and a thread that sleeps.

Argument: a word to print all the time, as a command would; `boom`: ends by a signal when something is written to it.
"""
import os
import signal
import sys
import threading
import time

import support


def spin(rounds):
    while rounds: rounds -= 1


def three_quarters():
    spin(300000)


def one_quarter():
    spin(100000)


def asleep():
    time.sleep(1e6)


def work():
    while True:
        three_quarters()
        one_quarter()
        if len(sys.argv) > 1:
            sys.stdout.write(sys.argv[1] + "\n")
            sys.stdout.flush()


def evil():
    """A function whose name is full of what a terminal would do something for, of wide characters and of combining ones."""
    name = "\u5bbd\u5b57" * 3 + "e\u0301\x1b[2J\x07\u202e"
    space = {"spin": spin}
    exec("def f():\n    while True: spin(100000)\n", space)
    function = space["f"]
    code = function.__code__
    names = {"co_name": name, "co_filename": "\x1b[31mred\n.py"}
    if hasattr(code, "co_qualname"):
        names["co_qualname"] = name
    function.__code__ = code.replace(**names)
    return function


sleeper = threading.Thread(target=asleep, name="asleep")
sleeper.daemon = True
sleeper.start()
if sys.argv[1:] == ["evil"]:
    run = evil()
    support.ready()
    run()
if sys.argv[1:] == ["quiet"]:
    sys.argv.pop()
support.ready()
work()
