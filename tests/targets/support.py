# SPDX-License-Identifier: MIT
"""What the target programs share. Runs on every Python from 2.7 on.

A target ends by itself: SIGALRM, left to its default action, ends it after LIMIT seconds whatever it is doing.
"""
import json
import os
import signal
import sys

LIMIT = 900

signal.alarm(LIMIT)


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def ready():
    say("ready")


def wait():
    """Sleeps in read(2), without the GIL, until the test says something or goes away. Returns what it said."""
    return os.read(0, 1)


def text(value):
    """Python 2 has byte strings; JSON wants text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def stack(frame):
    """What the program itself knows of a stack: [file, function, line], outermost first."""
    frames = []
    while frame:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        frames.append([text(code.co_filename), text(name), frame.f_lineno])
        frame = frame.f_back
    return frames[::-1]


def tell(label, *stacks):
    say(json.dumps({"label": label, "stacks": stacks}))


def here(label=""):
    """Tells the test the stack of this very line, and stays at it until the test has looked. Returns an empty list."""
    return tell(label, stack(sys._getframe())) or os.read(0, 1) and []
