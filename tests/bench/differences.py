# SPDX-License-Identifier: MIT
"""What diff and check of two long recordings cost: processor time and memory, beside report's for one of them, as ratios.

Usage: PYROPE=build/pyrope differences.py [SAMPLES [STACKS]]      (default 10,000,000 and 2,000)

Beside the program stands tests/bench/make_recording, which `make tests/bench/make_recording` builds.
"""
import os
import subprocess
import sys
import tempfile


def measure(arguments):
    """Seconds and megabytes of one command."""
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, 3), (arguments, status)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    pyrope = os.path.abspath(os.environ.get("PYROPE", "./pyrope"))
    maker = os.path.join(os.path.dirname(pyrope), "tests/bench/make_recording")
    samples, stacks = (sys.argv[1:] + ["10000000", "2000"][len(sys.argv) - 1:])[:2]
    with tempfile.TemporaryDirectory() as folder:
        before, after = (os.path.join(folder, name) for name in ("before.pyrope", "after.pyrope"))
        subprocess.run([maker, before, samples, stacks, "1"], check=True)
        subprocess.run([maker, after, samples, stacks, "2"], check=True)
        own, _ = measure([pyrope, "report", after])
        budgets = ["--max", r".*:Class3\..*=90%", "--max-growth", "50%", "--baseline", before]
        for what, arguments in (
                ("report", ["report", after]),
                ("diff", ["diff", before, after]),
                ("diff, total", ["diff", "--compare=total", before, after]),
                ("diff, lines", ["diff", "--by=line", before, after]),
                ("diff, picture", ["diff", "-o", os.path.join(folder, "x.svg"), before, after]),
                ("diff, page", ["diff", "-o", os.path.join(folder, "x.html"), before, after]),
                ("check", ["check", *budgets, after]),
                ("check, GIL", ["check", "--max-gil-wait", "90%", *budgets, after]),
                ("check, total", ["check", "--compare=total", *budgets, after])):
            seconds, megabytes = measure([pyrope] + arguments)
            print("%-14s %6.2f s (%4.1f times report) %5.0f MB" % (what, seconds, seconds / own, megabytes))


main()
