# SPDX-License-Identifier: MIT
"""What the programs under test share. Runs on every Python from 2.7 on."""
import json
import signal
import sys
import time

import page

LIMIT_S = 3600

clock = getattr(time, "perf_counter", time.time)


def begin():
    """The shared page. The program ends by itself if the harness is killed."""
    signal.alarm(LIMIT_S)
    return page.open_page(sys.argv[1])


def ready(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


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


def median(values):
    return sorted(values)[len(values) // 2]


def calibrate(function, seconds):
    """The count for which function(count) takes that long."""
    count = 1
    for _ in range(8):
        took = median([seconds_per_call(function, count) for _ in range(5)])
        if abs(took / seconds - 1) < 0.02:
            break
        count = max(1, int(count * seconds / took + 0.5))
    return count
