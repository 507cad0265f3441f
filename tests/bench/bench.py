# SPDX-License-Identifier: MIT
"""make bench: what profilers cost themselves and their target, side by side in one run.

$BENCH_SCALE multiplies repeats and times, $PYTHON names interpreters, $PROFILERS and $LOADS choose some (docs/measuring.md).
Nothing is asserted: the numbers are for reading, and each stands beside those of the others in the same minutes.
"""
import os
import re
import sys
import tempfile
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "measure"))

import cost
import profilers
import pythons
import tables
from tables import significant

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
REPEATS = max(1, round(2 * SCALE))
CROWD_RATE, CROWD_S = 100, max(1, round(SCALE))
MEMORY_RATE = 10000
LONG = 5 # times as long, to see whether memory grows

# everywhere: with each interpreter, not only with the first.
Load = namedtuple("Load", "kind depth rate seconds everywhere")

LOADS = (
    Load("loop", 20, 100, 2, False),
    Load("loop", 20, 1000, 1, True),
    Load("loop", 20, 10000, 1, True),
    Load("loop", 20, profilers.FULL_SPEED, 1, True),
    Load("loop", 5, 1000, 1, False),
    Load("loop", 200, 1000, 1, True),
    Load("loop", 2000, 1000, 1, False),
    Load("json+regex", 20, 1000, 1, True),
    Load("json+regex", 20, 10000, 1, False),
    Load("fib", 20, 1000, 1, True),
    Load("fib", 20, 10000, 1, False),
)
NATIVE_LOADS = (
    Load("loop through C", 20, 100, 2, False),
    Load("loop through C", 20, 1000, 2, True),
    Load("loop through C", 20, profilers.FULL_SPEED, 1, True),
    Load("json+regex", 20, 1000, 2, True),
)
CROWDS = [(kind, count) for kind in ("asleep", "busy") for count in (1, 10, 100, 1000)]


def rate_text(rate):
    if rate >= profilers.FULL_SPEED:
        return "full speed"
    return "%d kHz" % (rate // 1000) if rate >= 1000 else "%d Hz" % rate


def load_text(load):
    return "%s, %d frames, %s" % (load.kind, load.depth, rate_text(load.rate))


def complain(profiler, what, failure):
    print("%s, %s: %s" % (profiler.name, what, failure), file=sys.stderr)


def wanted(text):
    return re.search(os.environ.get("LOADS", ""), text)


class Bench:
    """All that is measured with one interpreter."""

    def __init__(self, python, loads, first, folder, native=False):
        self.python, self.loads, self.first, self.folder = python, loads, first, folder
        self.start = {}
        self.profilers = [profiler for profiler in profilers.usable(python, native) if self.starts(profiler)]

    def starts(self, profiler):
        """Not every profiler knows every interpreter."""
        try:
            self.start[profiler] = cost.of_start(profiler, self.python, self.folder)
        except profilers.Failure as failure:
            complain(profiler, "CPython %s" % pythons.version(self.python), failure)
            return False
        return True

    def of_load(self, profiler, load):
        if load.rate > profiler.top_rate:
            return None
        try:
            return cost.of_load(profiler, self.python, load, self.start[profiler], REPEATS, self.folder)
        except profilers.Failure as failure:
            complain(profiler, load_text(load), failure)
            return None

    def of_crowd(self, profiler, kind, count):
        try:
            return cost.of_crowd(profiler, self.python, count, kind, CROWD_RATE, CROWD_S, self.start[profiler],
                self.folder)
        except profilers.Failure as failure:
            complain(profiler, "%d threads %s" % (count, kind), failure)
            return None

    # ---- the tables ----

    def print_table(self, title, first, rows):
        names = [profiler.name for profiler in self.profilers]
        print("\n%s (load average %s):\n\n%s" % (title, tables.load_average(), tables.table([first] + names, rows)),
            flush=True)

    def print_loads(self):
        """The costs, by load."""
        costs = [(load, [self.of_load(profiler, load) for profiler in self.profilers]) for load in self.loads]

        def rows(cell):
            return [[load_text(load)] + [cell(load, one, line) if one else "-" for one in line]
                for load, line in costs]

        self.print_table("Processor time per sample, us; how many times pyrope's", "load", rows(cpu_cell))
        self.print_table("The target's speed, 1 is unprofiled", "load",
            rows(lambda load, one, line: one.target_speed.text(lambda value: "%.3f" % value)))
        self.print_table("Samples lost, % of those asked for; at full speed: samples per second", "load",
            rows(lost_cell))
        print_quality(costs, self.profilers)
        return costs

    def print_crowds(self):
        rows, beaten = [], set()
        for kind, count in CROWDS:
            row = ["%d %s" % (count, kind)]
            for profiler in self.profilers:
                one = self.of_crowd(profiler, kind, count) if (profiler, kind) not in beaten else None
                if not one:
                    beaten.add((profiler, kind)) # more of them would be worse
                row.append(crowd_cell(one))
            rows.append(row)
        self.print_table("Every thread, %d Hz, processor time in %% of a core" % CROWD_RATE, "threads", rows)

    def once(self, what, function, *arguments):
        """A row of what is measured whatever the load."""
        row = [what]
        for profiler in self.profilers:
            try:
                row.append(function(profiler, self.python, *arguments, self.folder))
            except profilers.Failure as failure:
                complain(profiler, what, failure)
                row.append(None)
        return [what] + [significant(value) for value in row[1:]]

    def print_once(self):
        rows = [self.once("memory, MB, 10 kHz for %d s" % seconds, cost.memory_mb, MEMORY_RATE, seconds)
            for seconds in (1, max(2, round(LONG * SCALE)))]
        rows.append(self.once("from its start to the first sample, ms", cost.first_sample_ms))
        rows.append(["processor time to start, ms"] +
            [significant(1000 * self.start[profiler].cpu_s) for profiler in self.profilers])
        self.print_table("Memory and start", "loop, 20 frames", rows)

    def print_native(self):
        """With native frames; what pyrope says of them, and of how long the target was held for each."""
        if not self.loads or not self.profilers:
            return
        print("\n### With native frames", flush=True)
        rows = [[load_text(load)] + [significant(value) for value in native_cells(one)]
            for load, line in self.print_loads() for profiler, one in zip(self.profilers, line)
            if one and one.results[0].summary]
        print("\nNative stacks of pyrope:\n\n%s" % tables.table(["load", "frames", "truncated %", "held, median us",
            "99 % held for less than, us", "table rows", "modules"], rows), flush=True)
        rows = [self.once("memory, MB, 1 kHz for 2 s", cost.memory_mb, 1000, 2)]
        self.print_table("Memory", "loop, 20 frames", rows)

    def print_all(self):
        print("\n## CPython %s" % pythons.version(self.python), flush=True)
        if self.loads:
            self.print_loads()
        if self.first and wanted("threads"):
            self.print_crowds()
        if wanted("memory"):
            self.print_once()


def cpu_cell(load, one, line):
    text = one.cpu_per_sample.text()
    own = line[0].cpu_per_sample.median if line[0] else None
    if one is line[0] or not own:
        return text
    return "%s ×%s" % (text, significant(one.cpu_per_sample.median / own, 2))


def lost_cell(load, one, line):
    if load.rate >= profilers.FULL_SPEED:
        return "%s/s" % one.per_second.text()
    return one.lost.text()


def native_cells(one):
    stacks = max(1, one.summary("native_stacks").median)
    return (one.summary("native_frames").median / stacks, 100 * one.summary("native_truncated").median / stacks,
        one.summary("held_median_ns").median / 1000, one.summary("held_p99_ns").median / 1000,
        one.summary("native_rows").median, one.summary("native_modules").median)


def crowd_cell(one):
    if not one:
        return "-"
    percent, missed = one
    return significant(percent) + (" (%s %% of ticks missed)" % significant(missed) if missed >= 1 else "")


QUALITIES = ("verified", "paused", "partial", "unverified", "failed")


def print_quality(costs, used):
    """How sure pyrope was of its samples; nobody else says."""
    rows = []
    for load, line in costs:
        for profiler, one in zip(used, line):
            if one and one.results[0].summary:
                rows.append(["%s, %s" % (load_text(load), profiler.name)] +
                    [significant(one.quality(name).median) for name in QUALITIES] +
                    [significant(one.summary("held_longest_ns").median / 1e6),
                        significant(one.summary("system_calls_per_sample").median)])
    header = ["load"] + ["%s %%" % name for name in QUALITIES] + ["longest hold, ms", "system calls per sample"]
    print("\nHow pyrope's samples were taken:\n\n%s" % tables.table(header, rows), flush=True)


def main():
    print("# What it costs\n\n%s; median (least-most) of %d" % (tables.machine(), REPEATS))
    with tempfile.TemporaryDirectory() as folder:
        for number, python in enumerate(pythons.find()):
            def chosen(loads):
                return [load for load in loads if (number == 0 or load.everywhere) and wanted(load_text(load))]

            Bench(python, chosen(LOADS), number == 0, folder).print_all()
            Bench(python, chosen(NATIVE_LOADS), number == 0, folder, native=True).print_native()


main()
