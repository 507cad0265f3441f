# SPDX-License-Identifier: MIT
"""Rounds of work by three functions in turn, of about 20 ms of CPU time each, for so many seconds of it. One of them can be made slower.
CPU time, so that the parts stay what they are where the machine is busy with something else.

usage: paced.py SECONDS [FACTOR]
"""
import sys
import time

import support

SECONDS = float(sys.argv[1])
FACTOR = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0


def parse(until):
    while time.process_time() < until: pass


def render(until):
    while time.process_time() < until: pass


def store(until):
    while time.process_time() < until: pass


support.ready()
at = time.process_time()
end = at + SECONDS
while at < end:
    for work, seconds in (parse, 0.02), (render, 0.02 * FACTOR), (store, 0.02):
        at += seconds
        work(at)
