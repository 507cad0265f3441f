# SPDX-License-Identifier: MIT
"""What pstats says of a file: NAME SELF TOTAL for each function, in samples, as collapsed_functions.py has them. Checks that times fit
the counts, and that what the callers of a function have is no more than what it has itself. Runs in every Python.

Usage: read_pstats.py FILE INTERVAL-IN-SECONDS
"""
import pstats
import sys

INTERVAL = float(sys.argv[2])


def samples(seconds):
    count = int(round(seconds / INTERVAL))
    assert abs(count * INTERVAL - seconds) < 1e-6 * max(1, count), seconds
    return count


def main():
    stats = pstats.Stats(sys.argv[1], stream=open("/dev/null", "w"))
    for order in ("calls", "time", "cumulative"):
        stats.sort_stats(order).print_stats()
    stats.print_callers()
    stats.print_callees()
    by_name = {}
    for (_, _, name), (primitive, calls, own, total, callers) in stats.stats.items():
        assert primitive == calls == samples(total), name
        assert sum(caller[0] for caller in callers.values()) <= calls, name
        row = by_name.setdefault(str(name), [0, 0])
        row[0] += samples(own)
        row[1] += calls
    for name in sorted(by_name):
        print("%s %d %d" % (name, by_name[name][0], by_name[name][1]))


main()
