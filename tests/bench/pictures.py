# SPDX-License-Identifier: MIT
"""What a flame graph of many stacks costs: to write it, its size, and to open it and zoom in Chromium; inferno's beside it, where there is
one ($PYROPE_INFERNO). Reading collapsed stacks alone is measured, too, by leaving all of them out.

Usage: PYROPE=build/pyrope pictures.py [STACKS]      (default 100,000)
"""
import os
import random
import resource
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))


def make_stacks(path, count):
    """A made-up service of 3,000 functions, 8 to 40 frames deep."""
    chance = random.Random(7)
    functions = ["/srv/app/%s/mod%d.py:handle_%d" % (chance.choice(["web", "db", "core"]), i % 211, i) for i in range(2000)]
    functions += ["/srv/lib/python3.11/site-packages/lib%d/x%d.py:Class%d.method_%d" % (i % 17, i % 97, i % 31, i) for i in range(1000)]
    seen = set()
    with open(path, "w") as out:
        while len(seen) < count:
            stack, function = [], 0
            for _ in range(chance.randint(8, 40)):
                stack.append("%s:%d" % (functions[function], 10 + function % 300))
                function = (function * 31 + min(int(chance.expovariate(1.1)), 5) * 7919) % 3000
            line = ";".join(stack)
            if line not in seen:
                seen.add(line)
                out.write("%s %d\n" % (line, int(1 + chance.paretovariate(1.2))))


def cpu_seconds(arguments, out=None):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, stdout=out, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    pyrope = os.environ.get("PYROPE", "./pyrope")
    inferno = os.environ.get("PYROPE_INFERNO")
    with tempfile.TemporaryDirectory() as folder:
        stacks, none, ours, theirs = (os.path.join(folder, name) for name in ("stacks.txt", "none.svg", "pyrope.svg", "inferno.svg"))
        make_stacks(stacks, int(sys.argv[1]) if len(sys.argv) > 1 else 100000)
        for _ in range(3):
            print("reading alone: %.2f s" % cpu_seconds([pyrope, "report", "--hide=.", "-o", none, stacks]))
            print("pyrope: %.2f s, %d bytes" % (cpu_seconds([pyrope, "report", "-o", ours, stacks]), os.path.getsize(ours)))
            pictures = [ours]
            if inferno:
                with open(theirs, "w") as out:
                    seconds = cpu_seconds([inferno, stacks], out)
                print("inferno: %.2f s, %d bytes" % (seconds, os.path.getsize(theirs)))
                pictures.append(theirs)
            sys.stdout.flush()
            subprocess.run(["node", os.path.join(here, "open_pictures.js")] + pictures, check=True)


main()
