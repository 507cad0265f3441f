# -*- coding: utf-8 -*-
# SPDX-License-Identifier: MIT
"""Functions and files with names that are hard to read and hard to print."""
import sys

import support
from support import here

support.ready()

SOURCE = "def %s(here):\n    return here('a name')\n"


def run(file_name, name):
    """A function with any name, made by renaming one whose code is compiled under any file name."""
    names = {}
    exec(compile("def placeholder(here):\n    return here('renamed')\n", "plain.py", "exec"), names)
    code = names["placeholder"].__code__
    if hasattr(code, "replace"):
        changes = {"co_name": name, "co_filename": file_name}
        if hasattr(code, "co_qualname"):
            changes["co_qualname"] = name
        code = code.replace(**changes)
    else:
        arguments = [code.co_argcount] + ([] if sys.version_info < (3,) else [code.co_kwonlyargcount])
        arguments += [code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, code.co_consts, code.co_names,
                      code.co_varnames, file_name, name, code.co_firstlineno, code.co_lnotab, (), ()]
        code = type(code)(*arguments)
    (lambda: 0).__class__(code, {})(here)


if sys.version_info < (3,):
    NAMES = [b"plain", b"semi;colon", b"new\nline", b"tab\there", b"nul\0inside", b"caf\xc3\xa9", b"\xff", b"a\xffb",
             b"escape\x1b[31m", b"\x7f", b"x" * 100000, b"\xe2\x82\xac" * 30000, b"a b", b" lead", b"100%", b"<angle>"]
else:
    NAMES = [u"plain", u"semi;colon", u"new\nline", u"tab\there", u"nul\0inside", u"caf\u00e9", u"\u00ff" * 50,
             u"\u20ac", u"\u4f60\u597d", u"\U0001f40d", u"snake\U0001f40d\u00e9", u"\ud800", u"a\udcffb", u"\udfff\ud800",
             u"escape\x1b[31m", u"\x7f\x85\x9b", u"right\u202eleft\u2066", u"\u2063in\u200bvis\u00adible\ufe0f\u115f",
             u"\U000e0070\U000e0079tags\U000e007f", u"\u3164", u"\ufff9anno\ufffatated\ufffb", u"\ufdd0\U0001fffe", u"lines\u2028ends\u2029",
             u"x" * 100000, u"\u00e9" * 100000,
             u"\u20ac" * 100000, u"\U0001f40d" * 60000, u"a b", u" lead", u"\ufffd\uffff\ufeff", u"100%", u"<angle>",
             u"colon:name:12", u"back\\slash\"quote'"]

for name in NAMES:
    run(name, "function") if len(name) > 50 else run(name, name)
    run("file.py", name)

if sys.version_info >= (3,):
    for name in "plain", "café", "чтение", "你好", "ﬁ", "𝐱", "𠀀𠀁":
        names = {}
        exec(compile(SOURCE % name, name + "\udc80.py", "exec"), names)
        [value for key, value in names.items() if callable(value)][0](here)
here("end")
