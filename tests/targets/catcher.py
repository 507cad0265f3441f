# SPDX-License-Identifier: MIT
"""Is told to end by a signal, and says which: exit code 3 for SIGTERM, 5 for SIGINT."""
import signal
import sys

import support


def work():
    while True: pass  # here: work


def terminate(_number, _frame):
    support.say("terminated")
    sys.exit(3)


signal.signal(signal.SIGTERM, terminate)
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    support.ready()
    work()
except KeyboardInterrupt:
    support.say("interrupted")
    sys.exit(5)
