# SPDX-License-Identifier: MIT
"""What a report of many samples costs: to write it, its size, and to open it and zoom in Chromium. The samples are those of make_recording:
50 threads, which stay in a stack for 20 samples and, the worst case, for one.

Usage: PYROPE=build/pyrope reports.py [SAMPLES [STACKS]]      (default 1,000,000 of 20,000 different stacks)
"""
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    pyrope = os.path.abspath(os.environ.get("PYROPE", "./pyrope"))
    samples, stacks = (sys.argv[1:] + ["1000000", "20000"][len(sys.argv) - 1:])[:2]
    maker = os.path.join(os.path.dirname(pyrope), "tests/bench/make_recording")
    with tempfile.TemporaryDirectory() as folder:
        recording, page = os.path.join(folder, "bench.pyrope"), os.path.join(folder, "bench.html")
        for stay in ("20", "1"):
            subprocess.run([maker, recording, samples, stacks, "1", stay, "50", "50", "1000"], check=True)
            process, began = subprocess.Popen([pyrope, "report", "-o", page, recording]), time.monotonic()
            status, usage = os.wait4(process.pid, 0)[1:]
            if status:
                raise SystemExit("report has failed")
            print("a stack stays for %s samples: written in %.2f s (%.2f s of CPU), %d MB of memory, %.1f MB" % (
                stay, time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, os.path.getsize(page) / 1e6))
            sys.stdout.flush()
            subprocess.run(["node", os.path.join(HERE, "open_reports.js"), page], check=True)


main()
