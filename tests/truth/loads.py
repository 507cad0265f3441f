# SPDX-License-Identifier: MIT
"""The loads, and at which rates and for how long they are sampled: the table, and how each one's true shares are read."""
from collections import namedtuple

# threads: sleeping threads are looked at too. truth: reads the shares off pages before and after. runs: (Hz, seconds).
# peers: the rates at which other profilers are measured as well. idle: the phase during which nobody holds the GIL.
Load = namedtuple("Load", "name program arguments threads truth runs peers idle")


def by_own_clock(before, after, count):
    """Each phase's time in the meantime."""
    spent = [after[i] - before[i] for i in range(count)]
    return [time / sum(spent) for time in spent]


def by_timing_alone(before, after, count):
    """The mean of what was timed before and after."""
    return [(after[i] + after[count + i]) / 2 for i in range(count)]


def turning(microseconds):
    return Load("flat and calls in turn, %d us each" % microseconds, "turning.py", [microseconds], False, by_timing_alone,
        ((1000, 4), (10000, 2)), (1000,), None)


LOADS = (
    Load("eight kinds of code", "mixed.py", [], False, by_own_clock, ((10, 10), (100, 5), (1000, 4), (10000, 4)),
        (100, 1000, 10000), None),
    turning(2),
    turning(10),
    turning(50),
    turning(200),
    Load("two threads in turn, 3 to 1", "threads.py", [], False, by_own_clock, ((1000, 4),), (1000,), None),
    Load("files, hash and sleep", "waiting.py", [], True, by_own_clock, ((1000, 4),), (1000,), None),
    Load("1 ms work, 9 ms sleep", "step.py", [], True, by_own_clock, ((100, 8),), (100,), None),
    Load("the same, who holds the GIL", "step.py", [], False, by_own_clock, ((100, 8),), (), "phase_sleep"),
)
