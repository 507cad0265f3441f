# SPDX-License-Identifier: MIT
"""What the programs under test share. Runs on every Python from 2.7 on."""
import ctypes
import json
import random
import signal
import sys
import time

import page

PR_SET_PDEATHSIG = 1 # linux/prctl.h

clock = getattr(time, "perf_counter", time.time)


def begin():
    """The shared page. The program does not outlive the harness."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return page.open_page(sys.argv[1])


def ready(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def random_order(things, count):
    """The same in each run."""
    choice = random.Random(1)
    return [choice.choice(things) for _ in range(count)]


def seconds_per_call(function, count, least_s=0.002):
    """How long function(count) takes, from as many calls as need least_s."""
    calls = 1
    while True:
        begin = clock()
        for _ in range(calls):
            function(count)
        took = clock() - begin
        if took >= least_s:
            return took / calls
        calls *= 2


def calibrate(function, seconds):
    """The count for which function(count) takes that long when nothing interrupts it."""
    count = 1
    for _ in range(12):
        took = min(seconds_per_call(function, count, 0.001) for _ in range(9))
        if abs(took / seconds - 1) < 0.05:
            break
        count = max(1, int(count * min(seconds / took, 100) + 0.5))
    return count
