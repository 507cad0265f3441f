# SPDX-License-Identifier: MIT
"""Sleeps in two places in turn, for times that it draws, and works a little between them. Says at
its end how many ms it slept in each, how many ms of CPU time it took, and how many it was there.

usage: naps.py SECONDS
"""
import os
import random
import sys
import time

import support

clock = getattr(time, "monotonic", time.time)


def nap_here(seconds):
    time.sleep(seconds)


def nap_there(seconds):
    time.sleep(seconds)


def work():
    end = time.time() + 0.004
    while time.time() < end:
        for i in range(20):
            i & 3


def main():
    support.ready()
    support.wait()
    here = there = 0.0
    cpu = sum(os.times()[:2])
    start = clock()
    end = start + float(sys.argv[1])
    while clock() < end:
        begin = clock()
        nap_here(random.uniform(0.02, 0.4))
        here += clock() - begin
        work()
        begin = clock()
        nap_there(random.uniform(0.01, 0.15))
        there += clock() - begin
        work()
    cpu = sum(os.times()[:2]) - cpu
    support.say("%d %d %d %d" % (here * 1000, there * 1000, cpu * 1000, (clock() - start) * 1000))
    support.wait()


main()
