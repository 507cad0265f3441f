# SPDX-License-Identifier: MIT
"""Names of a thread, a function's file and a module that are full of syntax: of JSON, of terminals, of collapsed stacks."""
import threading

import support

NAME = "quote\" back\\ esc\x1b[31m nul\0 tab\t semi; 12\nnew line"
FILE = "quote\" back\\ esc\x1b[31m;new\nline \udcff \U0001f40d.py"

threading.current_thread().name = NAME
exec(compile("def f(support):\n    support.ready()\n    support.wait()\nf(support)\n", FILE, "exec"), {"support": support})
