# SPDX-License-Identifier: MIT
"""The loads, and at which rates and for how long they are sampled."""
from collections import namedtuple

# threads: sleeping threads are looked at too. runs: (Hz, seconds). peers: the rates at which other profilers are measured
# as well. idle: the phase during which nobody holds the GIL.
Load = namedtuple("Load", "name program arguments threads runs peers idle")


def turning(microseconds):
    return Load("flat and calls in turn, %d us each" % microseconds, "turning.py", [microseconds], False,
        ((1000, 4), (10000, 2)), (1000,), None)


LOADS = (
    Load("eight kinds of code", "mixed.py", [], False, ((10, 10), (100, 5), (1000, 4), (10000, 4)), (100, 1000, 10000),
        None),
    turning(2),
    turning(10),
    turning(50),
    turning(200),
    Load("two threads in turn, 3 to 1", "threads.py", [], False, ((1000, 4),), (1000,), None),
    Load("files, hash and sleep", "waiting.py", [], True, ((1000, 4),), (1000,), None),
    Load("1 ms work, 9 ms sleep", "step.py", [], True, ((100, 8),), (100,), None),
    Load("the same, who holds the GIL", "step.py", [], False, ((100, 8),), (), "phase_sleep"),
)
