# SPDX-License-Identifier: MIT
"""Is told to end by a signal, and says which: exit code 3 for SIGTERM, 5 for SIGINT. It has worked a while when it is ready."""
import signal
import sys
import time

import support


def work(end):
    while time.time() < end: pass  # here: work


def terminate(_number, _frame):
    support.say("terminated")
    sys.exit(3)


signal.signal(signal.SIGTERM, terminate)
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    work(time.time() + 0.3)
    support.ready()
    work(time.time() + 1e9)
except KeyboardInterrupt:
    support.say("interrupted")
    sys.exit(5)
