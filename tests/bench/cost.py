# SPDX-License-Identifier: MIT
"""What a profiler costs itself and its target: one cell of the tables, measured in turn with unprofiled time."""
import os
import re
import time

import profilers
from tables import Spread
from target import Target

HERE = os.path.dirname(os.path.abspath(__file__))
UNPROFILED_S = 0.3
SETTLE_S = 0.1


def program(name):
    return os.path.join(HERE, "programs", name)


def speed(page, seconds):
    """How much work the target does in a second."""
    count, begin = page[0], time.monotonic()
    time.sleep(seconds)
    return (page[0] - count) / (time.monotonic() - begin)


class Cost:
    """What was measured of one profiler with one load, several times each. start: a run of few samples."""

    def __init__(self, start):
        self.start = start
        self.speeds, self.cpu_us, self.results = [], [], []

    def add(self, before, during, after, result):
        samples = max(1, result.samples - self.start.samples)
        self.speeds.append(during / ((before + after) / 2))
        self.cpu_us.append(max(0, result.cpu_s - self.start.cpu_s) / samples * 1e6)
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


def task_for(target, python, rate, seconds, threads, folder):
    return profilers.Task(target.pid, rate, seconds, threads, os.path.join(folder, "profile"), python)


def of_start(profiler, python, folder):
    """A run of so few samples that it is the start and the end alone."""
    with Target(python, program("work.py"), ["loop", 20], folder) as target:
        return profilers.run(profiler, task_for(target, python, 4, 1, False, folder))


def of_load(profiler, python, load, start, repeats, folder):
    cost = Cost(start)
    with Target(python, program("work.py"), [load.kind, load.depth], folder) as target:
        time.sleep(SETTLE_S)
        before = speed(target.page, UNPROFILED_S)
        for _ in range(repeats):
            session = profilers.Session(profiler,
                task_for(target, python, load.rate, load.seconds, False, folder))
            time.sleep(profiler.start_s)
            during = speed(target.page, load.seconds - profiler.start_s * 0.9)
            result = finish(session)
            time.sleep(SETTLE_S)
            after = speed(target.page, UNPROFILED_S)
            cost.add(before, during, after, result)
            before = after
    return cost


def of_crowd(profiler, python, count, kind, rate, seconds, start, folder):
    """Percent of a core, percent of ticks missed."""
    with Target(python, program("crowd.py"), [count, kind], folder) as target:
        time.sleep(SETTLE_S)
        result = finish(profilers.Session(profiler, task_for(target, python, rate, seconds, True, folder)))
        return 100 * max(0, result.cpu_s - start.cpu_s) / seconds, 100 * result.missed / result.asked


def memory_mb(profiler, python, rate, seconds, folder):
    """The most that it has, 20 frames deep."""
    with Target(python, program("work.py"), ["loop", 20], folder) as target:
        return profilers.run(profiler, task_for(target, python, rate, seconds, False, folder)).rss_kb / 1024


def first_sample_ms(profiler, python, folder):
    """From the start of the profiler to its first sample, in steps of a millisecond."""
    with Target(python, program("moments.py"), [], folder) as target:
        time.sleep(SETTLE_S)
        begin = target.page[0]
        result = profilers.run(profiler, task_for(target, python, 1000, 1, False, folder))
    seen = [int(number) for stack in result.stacks for number in re.findall(r"\bmoment_(\d+)", stack)]
    after = [number - begin for number in seen if number >= begin]
    return min(after) if after else None
