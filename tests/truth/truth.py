# SPDX-License-Identifier: MIT
"""make truth: programs that know how they spend their time, and how far the profiles of them are from that.

$TRUTH_SCALE multiplies the time of each run, $PYTHON names interpreters, $PROFILERS and $LOADS choose some (docs/measuring.md).
Samples of a visit to one phase depend on each other, so the visits are short compared with the interval, but at 10 kHz.
"""
import os
import re
import sys
import tempfile
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "measure"))

import chance
import loads
import profilers
import pythons
import tables
from target import Target

SCALE = float(os.environ.get("TRUTH_SCALE", "1"))
HEADER = ["profiler", "Hz", "samples", "distance", "by chance", "chi²/df", "p", "lost %", "partial %", "failed %",
    "waited %", "most wrong"]


class Measurement:
    """One profile of a load against the truth: a row of the table."""

    def __init__(self, load, names, shares, waited, result, task):
        self.names, self.shares, self.waited, self.result, self.task = names, shares, waited, result, task
        seen = self.seen(load)
        self.counts = [seen[name] for name in names]
        self.count = sum(self.counts)

    def seen(self, load):
        seen = Counter()
        for stack, count in self.result.stacks.items():
            phases = re.findall(r"\bphase_\w+", stack)
            if phases:
                seen[phases[0]] += count
            elif load.idle and stack == "(idle)":
                seen[load.idle] += count
        return seen

    def lost(self):
        """Of the ticks asked for, those that brought nothing."""
        return 100 * (self.result.missed + self.result.errors) / (self.task.rate * self.task.seconds)

    def share_of_samples(self, count):
        return 100 * count / self.result.samples

    def cells(self):
        if not self.count:
            return ["%.0f" % self.result.samples] + ["-"] * (len(HEADER) - 3)
        chi_square = chance.chi_square_per_degree(self.counts, self.shares)
        name, error = chance.furthest(self.names, self.counts, self.shares)
        return ["%.0f" % self.count,
            "%.4f" % chance.distance(self.counts, self.shares),
            "%.4f" % chance.expected_distance(self.count, self.shares),
            tables.significant(chi_square),
            "%.3f" % chance.probability(chi_square, len(self.counts) - 1),
            tables.significant(self.lost()),
            tables.significant(self.share_of_samples(self.result.partial)),
            tables.significant(self.share_of_samples(self.result.failed)),
            tables.significant(100 * self.waited),
            "%s %+.4f" % (name.replace("phase_", ""), error)]


def measure(load, profiler, python, rate, seconds, folder):
    with Target(python, os.path.join(HERE, "programs", load.program), load.arguments, folder) as target:
        task = profilers.Task(target.pid, rate, seconds, load.threads, os.path.join(folder, "profile"), python)
        names = target.told["phases"]
        before, waited_s = list(target.page), target.waited_s()
        result = profilers.run(profiler, task)
        waited = (target.waited_s() - waited_s) / result.elapsed_s
        spent = [after - before for after, before in zip(target.page, before[:len(names)])]
        return Measurement(load, names, [time / sum(spent) for time in spent], waited, result, task)


class Truth:
    """All that is measured with one interpreter."""

    def __init__(self, python, folder):
        self.python, self.folder = python, folder
        self.profilers = profilers.usable(python)

    def row(self, load, profiler, rate, seconds):
        try:
            return [profiler.name, rate] + measure(load, profiler, self.python, rate, seconds, self.folder).cells()
        except profilers.Failure as failure:
            print("%s, left out from here on: %s" % (profiler.name, failure), file=sys.stderr)
            self.profilers.remove(profiler)
            return None

    def rows(self, load):
        for rate, seconds in load.runs:
            for profiler in list(self.profilers):
                if rate in load.peers or profiler.is_ours:
                    yield self.row(load, profiler, rate, max(1, round(seconds * SCALE)))

    def print_load(self, load):
        rows = [row for row in self.rows(load) if row]
        title = "%s (load average %s)" % (load.name, tables.load_average())
        print("\n%s:\n\n%s" % (title, tables.table(HEADER, rows)), flush=True)


def chosen_loads():
    wanted = os.environ.get("LOADS")
    return [load for load in loads.LOADS if not wanted or re.search(wanted, load.name)]


def main():
    print("# Distance from the truth\n\n%s" % tables.machine())
    with tempfile.TemporaryDirectory() as folder:
        for python in pythons.find():
            print("\n## CPython %s" % pythons.version(python))
            truth = Truth(python, folder)
            for load in chosen_loads():
                truth.print_load(load)


main()
