# SPDX-License-Identifier: MIT
"""Spends its time in one, two, one, two, ... for as long as the first argument says each, as often as the second says."""
import sys
import time

import support


def one(end):
    while time.time() < end: pass  # here: one


def two(end):
    while time.time() < end: pass  # here: two


support.ready()
for turn in range(int(sys.argv[2])):
    (two if turn % 2 else one)(time.time() + float(sys.argv[1]))  # here: module
