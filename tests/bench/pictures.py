# SPDX-License-Identifier: MIT
"""What a flame graph of many stacks costs: to write it, its size, and to open it and zoom in Chromium; inferno's beside it, where there is
one ($PYROPE_INFERNO). Reading collapsed stacks alone is measured, too, by leaving all of them out.

Usage: PYROPE=build/pyrope pictures.py [STACKS]      (default 100,000)
"""
import os
import random
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


def cost(arguments, out=None):
    """Processor time and the most memory, in words."""
    process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.DEVNULL)
    status, usage = os.wait4(process.pid, 0)[1:]
    if status:
        raise SystemExit("%s has failed" % arguments[0])
    return "%.2f s, %d MB" % (usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024)


def main():
    pyrope = os.environ.get("PYROPE", "./pyrope")
    inferno = os.environ.get("PYROPE_INFERNO")
    with tempfile.TemporaryDirectory() as folder:
        stacks, none, ours, theirs = (os.path.join(folder, name) for name in ("stacks.txt", "none.svg", "pyrope.svg", "inferno.svg"))
        if os.fork() == 0:  # what this process has in memory would count as the most memory of those that it starts
            make_stacks(stacks, int(sys.argv[1]) if len(sys.argv) > 1 else 100000)
            os._exit(0)
        if os.wait()[1]:
            raise SystemExit("no stacks")
        for _ in range(3):
            print("reading alone: " + cost([pyrope, "report", "--hide=.", "-o", none, stacks]))
            print("pyrope: %s, %d bytes" % (cost([pyrope, "report", "-o", ours, stacks]), os.path.getsize(ours)))
            pictures = [ours]
            if inferno:
                with open(theirs, "w") as out:
                    inferno_cost = cost([inferno, stacks], out)
                print("inferno: %s, %d bytes" % (inferno_cost, os.path.getsize(theirs)))
                pictures.append(theirs)
            sys.stdout.flush()
            subprocess.run(["node", os.path.join(here, "open_pictures.js")] + pictures, check=True)


main()
