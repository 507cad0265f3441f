# SPDX-License-Identifier: MIT
"""Stops at every line of a program that is written to be hard for line tables, and says where it is by sys._getframe."""
import sys

import support
from support import here

support.ready()


def plain():
    here("first line of a function")
    here("second line")

    here("behind an empty line")
    if here("condition"):
        pass
    elif here("second condition") == []:
        here("in a branch")
    else:
        pass
    for _ in here("iterable") or [1, 2]:
        here("body of a loop")
    while not here("condition of a loop"):
        here("body of a while loop")
        break
    else:
        pass
    try:
        here("in try")
        raise ValueError
    except ValueError:
        here("in except")
    finally:
        here("in finally")
    return here("return")


def several_lines():
    here(
        "argument on a line of its own")
    x = [
        here("first element"),

        here("second element"),
        [
            here("nested") for _ in [1]
        ],
    ]
    value = (here("left operand") ==
             here("right operand") and
             here("third operand"))
    here("argument %s" % (
        here("inner call that comes later in the text and runs first"),
    ))
    y = {
        "a": here("value of a dict"),
        "b":
            here("value on the next line"),
    }
    z = x[
        len(here("index"))
    ]
    assert here(
        "assertion") == [], \
        "message"
    return (
        x, y, z, value,
        here("return in brackets"),
    )


def one_line(): here("one line"); here("same line"); return here("same line again")


def default(x=here("default value")):
    return x


def decorate(argument):
    here("decorator with an argument")
    return lambda function: (here("decorating"), function)[1]


@decorate(
    here("argument of a decorator"))
@decorate(1)
def decorated():
    here("decorated")


class Manager(object):
    def __enter__(self):
        here("__enter__")

    def __exit__(self, *args):
        here("__exit__")


def managers():
    with Manager(), \
            Manager():
        here("body of with")
    with Manager():
        for _ in range(2):
            if _:
                break
            here("continue in with")
            continue
    with Manager():
        return here("return in with")


def backwards():
    """The loop's condition comes before its body: the line goes back, by more than a signed byte holds."""
    for i in range(2):
        here("before the gap")

        # One hundred and fifty lines follow that make no code.
        #GAP
        here("after the gap")


def long_expression():
    """More than 255 bytes of instructions at one line, before and after the call."""
    a = 1
    #LONG
    here("behind a long line")


def call_in_finally():
    try:
        try:
            1 / 0
        finally:
            here("finally while raising")
    except ZeroDivisionError as error:
        here("except as")
        del error


def generated():
    """Code whose line numbers are far away, and jump."""
    lines = ["\n" * 40000, "def far(here):\n"]
    for gap in (0, 1, 2, 126, 127, 128, 129, 254, 255, 256, 257, 600, 3000):
        lines.append("\n" * gap + "    here('behind %d empty lines')\n" % gap)
    lines.append("    for i in range(2):\n" + "\n" * 5000 + "        here('loop over 5000 lines')\n")
    for terms in (10, 60, 100, 130, 400):
        lines.append("    x = i" + " + i" * terms + "\n    here('behind %d terms')\n" % terms)
    lines.append("    return here('end')\n")
    names = {}
    exec(compile("".join(lines), "generated.py", "exec"), names)
    names["far"](here)


MODERN = """
def modern(here):
    match here("subject"):
        case []:
            here("case")
    if (x := here("walrus")) == []:
        here("walrus body")
    try:
        raise ExceptionGroup("g", [ValueError()])
    except* ValueError:
        here("except star")
    return f"{here('in an f-string')} {
        here('f-string on the next line')
    }"
"""

for function in plain, several_lines, one_line, default, decorated, managers, call_in_finally, generated:
    function()
source = open(__file__.replace(".pyc", ".py")).read()
names = {"here": here}
for name in "backwards", "long_expression":
    start = source.index("def %s(" % name)
    text = source[start:source.index("\n\n\n", start)]
    text = text.replace("#GAP", "\n" * 150).replace("#LONG", "a = a" + " + a" * 300)
    exec(compile(text, "gap.py", "exec"), names)
    names[name]()
if sys.version_info >= (3, 12):
    exec(compile(MODERN, "modern.py", "exec"), names)
    names["modern"](here)
here("module")
