# SPDX-License-Identifier: MIT
"""What a profiler costs itself and its target: one cell of the tables, measured in turn with unprofiled time."""
import os
import re
import time

import profilers
from tables import Spread
from target import Target

HERE = os.path.dirname(os.path.abspath(__file__))
UNPROFILED_S = 0.4
SETTLE_S = 0.1


def program(name):
    return os.path.join(HERE, "programs", name)


def speed(page, seconds):
    """How much work the target does in a second."""
    count, begin = page[0], time.monotonic()
    time.sleep(seconds)
    return (page[0] - count) / (time.monotonic() - begin)


class Cost:
    """What was measured of one profiler with one load, several times each."""

    def __init__(self):
        self.speeds, self.cpu_us, self.results = [], [], []

    def add(self, before, during, after, result, start_cpu_s):
        self.speeds.append(during / ((before + after) / 2))
        self.cpu_us.append(max(0, result.cpu_s - start_cpu_s) / max(1, result.samples) * 1e6)
        self.results.append(result)

    @property
    def cpu_per_sample(self):
        return Spread(self.cpu_us)

    @property
    def target_speed(self):
        return Spread(self.speeds)

    @property
    def lost(self):
        """Percent of the ticks asked for."""
        return Spread([100 * (result.missed + result.errors) / result.asked for result in self.results])

    @property
    def per_second(self):
        return Spread([result.samples / result.seconds for result in self.results])

    @property
    def memory_mb(self):
        return Spread([result.rss_kb / 1024 for result in self.results])

    def quality(self, name):
        """Percent of pyrope's samples."""
        return Spread([100 * result.summary[name] / max(1, result.samples) for result in self.results])

    def summary(self, name):
        return Spread([result.summary[name] for result in self.results])


def finish(session):
    result = session.finish()
    result.seconds = session.task.seconds
    result.asked = session.task.rate * session.task.seconds
    return result


def start_cpu(profiler, python, folder):
    """Processor time of a run that takes one sample."""
    with Target(python, program("work.py"), ["loop", 20], folder) as target:
        task = profilers.Task(target.pid, 1, 1, False, os.path.join(folder, "profile"), python)
        return finish(profilers.Session(profiler, task)).cpu_s


def of_load(profiler, python, load, start_cpu_s, repeats, folder):
    cost = Cost()
    with Target(python, program("work.py"), [load.kind, load.depth], folder) as target:
        time.sleep(SETTLE_S)
        before = speed(target.page, UNPROFILED_S)
        for _ in range(repeats):
            task = profilers.Task(target.pid, load.rate, load.seconds, False, os.path.join(folder, "profile"), python)
            session = profilers.Session(profiler, task)
            time.sleep(profiler.start_s)
            during = speed(target.page, load.seconds - profiler.start_s * 0.9)
            result = finish(session)
            time.sleep(SETTLE_S)
            after = speed(target.page, UNPROFILED_S)
            cost.add(before, during, after, result, start_cpu_s)
            before = after
    return cost


def of_crowd(profiler, python, count, kind, rate, seconds, start_cpu_s, folder):
    """Percent of a core."""
    with Target(python, program("crowd.py"), [count, kind], folder) as target:
        time.sleep(SETTLE_S)
        task = profilers.Task(target.pid, rate, seconds, True, os.path.join(folder, "profile"), python)
        result = finish(profilers.Session(profiler, task))
        return 100 * max(0, result.cpu_s - start_cpu_s) / seconds, result


def first_sample_ms(profiler, python, folder):
    """From the start of the profiler to its first sample, in steps of a millisecond."""
    with Target(python, program("moments.py"), [], folder) as target:
        time.sleep(SETTLE_S)
        task = profilers.Task(target.pid, 1000, 1, False, os.path.join(folder, "profile"), python)
        begin = target.page[0]
        result = profilers.run(profiler, task)
    seen = [int(number) for stack in result.stacks for number in re.findall(r"\bmoment_(\d+)", stack)]
    after = [number - begin for number in seen if number >= begin]
    return min(after) if after else None
