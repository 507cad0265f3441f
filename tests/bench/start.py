# SPDX-License-Identifier: MIT
"""From the start of pyrope to its first sample, dynamic ($PYROPE) against static ($PYROPE_STATIC, where it is a file): the loader and
its libraries against one file. Part of make bench.

They take turns, so that both have had the same minutes. The first sample is the moment that the target was in when it was taken, in
steps of a millisecond.
"""
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "measure"))

import pythons
import tables
from tables import Spread
from target import Target

ROUNDS = max(5, round(40 * float(os.environ.get("BENCH_SCALE", "1"))))
MOMENTS = 3000 # of moments.py, which begins again then
WAYS = (("Python frames", []), ("native frames, too", ["--native"]))


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Start:
    def __init__(self, program, options):
        self.program, self.options = program, options
        self.first_ms, self.all_ms, self.cpu_ms = [], [], []

    def once(self, target):
        begin, used, moment = time.perf_counter(), processor_time(), target.page[0]
        out = subprocess.run([self.program] + self.options + ["-s", "0", str(target.pid)], check=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        self.all_ms.append(1000 * (time.perf_counter() - begin))
        self.cpu_ms.append(1000 * (processor_time() - used))
        self.first_ms += [(int(number) - moment) % MOMENTS for number in re.findall(r"\bmoment_(\d+)", out)[-1:]]

    def row(self, name):
        return [name] + [Spread(values).text() if values else "-" for values in (self.first_ms, self.all_ms, self.cpu_ms)]


def measure(python):
    programs = [("dynamic", os.environ.get("PYROPE", "./pyrope")), ("static", os.environ.get("PYROPE_STATIC", ""))]
    starts = {"%s, %s" % (name, way): Start(program, options) for way, options in WAYS for name, program in programs
        if os.path.isfile(program)}
    with tempfile.TemporaryDirectory() as folder:
        with Target(python, os.path.join(HERE, "programs", "moments.py"), [], folder) as target:
            time.sleep(0.1)
            for _ in range(ROUNDS):
                for start in starts.values():
                    start.once(target)
    return [start.row(name) for name, start in starts.items()]


def main():
    print("\n## Start\n\n%s; median (least-most) of %d\n" % (tables.machine(), ROUNDS))
    print(tables.table(["one sample", "to the first sample, ms", "all of it, ms", "processor time, ms"],
        measure(pythons.find()[0])), flush=True)
    if not os.path.isfile(os.environ.get("PYROPE_STATIC", "")):
        print("\nThere is no static file in release/: make static")


main()
