# SPDX-License-Identifier: MIT
"""What the applications under servers.test have in common: a request that takes 20 ms of CPU time, and tells who has worked."""
import os
import time

import support  # noqa: F401: ends what is left behind


def work_request():
    end = time.thread_time() + 0.02
    while time.thread_time() < end:
        for _ in range(500):
            pass


def answer():
    """The process that has worked."""
    work_request()
    return "%d\n" % os.getpid()
