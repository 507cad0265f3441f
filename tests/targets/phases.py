# SPDX-License-Identifier: MIT
"""Computes in one, two, one, two, ... for as many seconds of CPU time as the first argument says each, as often as the second says."""
import sys
import time

import support

clock = getattr(time, "process_time", None) or time.clock


def one(end):
    while clock() < end: pass  # here: one


def two(end):
    while clock() < end: pass  # here: two


support.ready()
for turn in range(int(sys.argv[2])):
    (two if turn % 2 else one)(clock() + float(sys.argv[1]))  # here: module
