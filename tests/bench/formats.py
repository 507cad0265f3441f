# SPDX-License-Identifier: MIT
"""What each format costs: processor time and memory to write the made-up samples of make_recording, and how large the file is. Beside it,
where there is a CPython 3.15, what its profiling.sampling takes to write as many samples of the same stacks from a recording of its own.

Usage: PYROPE=build/pyrope formats.py [SAMPLES [STACKS [STAY [FORMAT...]]]]
SAMPLES: default 1,000,000; STACKS: distinct ones, default 20,000; STAY: for how many samples a thread stays in one, on average, default 20
$PYTHON names the 3.15: python3.15, chroot:DIRECTORY:PATH
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "measure"))

import tables

FORMATS = ("firefox", "speedscope", "pprof", "trace", "cpuprofile", "collapsed", "svg", "table", "pstats", "callgrind")
THEIRS = {"firefox": "--gecko", "collapsed": "--collapsed", "svg": "--flamegraph", "pstats": "--pstats"}


def cost(arguments):
    """Seconds of processor time, and the most memory in MB: at least what this process has itself, some 15."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    status, usage = os.wait4(process.pid, 0)[1:]
    if status:
        raise SystemExit("%s has failed" % " ".join(arguments))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Tachyon:
    """The profiler of 3.15. It may live in a chroot, where its files have to be, too."""

    def __init__(self, python, pyrope, recording, samples, stay):
        self.root = ""
        self.run = [python]
        if python.startswith("chroot:"):
            self.root, path = python.split(":")[1:]
            self.run = ["chroot", self.root, path]
        self.folder = tempfile.mkdtemp(dir=self.root + "/tmp")
        inside = self.folder[len(self.root):]
        shutil.copy(os.path.join(HERE, "tachyon_samples.py"), self.folder)
        stacks = subprocess.Popen([pyrope, "report", "--threads", recording], stdout=subprocess.PIPE)
        subprocess.run(self.run + [inside + "/tachyon_samples.py", str(samples), str(stay), inside + "/profile"], stdin=stacks.stdout, check=True)
        stacks.wait()
        self.input, self.output = inside + "/profile", inside + "/out"

    def cost(self, option):
        command = self.run + ["-m", "profiling.sampling", "replay", option, "-o", self.output, self.input]
        return cost(command) + (os.path.getsize(self.root + self.output) / 1e6,)

    def close(self):
        shutil.rmtree(self.folder)


def find_python():
    for python in os.environ.get("PYTHON", "python3.15").split():
        if "3.15" in python and (python.startswith("chroot:") or shutil.which(python)):
            return python
    return None


def main():
    pyrope = os.path.abspath(os.environ.get("PYROPE", "./pyrope"))
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    stacks = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    stay = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    maker = os.path.join(os.path.dirname(pyrope), "tests/bench/make_recording")
    python, tachyon, rows = find_python(), None, []
    with tempfile.TemporaryDirectory() as folder:
        recording = os.path.join(folder, "bench.pyrope")
        cost([maker, recording, str(samples), str(stacks), "1", str(stay)])
        if python:
            tachyon = Tachyon(python, pyrope, recording, samples, stay)
        for name in sys.argv[4:] or FORMATS:
            path = os.path.join(folder, "out")
            seconds, memory = cost([pyrope, "report", "--threads", "--format=" + name, "-o", path, recording])
            row = ["`%s`" % name, "%.2f s" % seconds, "%.0f MB" % memory, "%.1f MB" % (os.path.getsize(path) / 1e6)]
            os.unlink(path)
            if tachyon and name in THEIRS:
                theirs = tachyon.cost(THEIRS[name])
                row += ["%.2f s, %.1f ×" % (theirs[0], theirs[0] / seconds), "%.0f MB, %.1f ×" % (theirs[1], theirs[1] / memory), "%.1f MB" % theirs[2]]
            elif tachyon:
                row += ["", "", ""]
            rows.append(row)
        if tachyon:
            tachyon.close()
    heads = ["format", "processor time", "memory", "file"]
    if tachyon:
        heads += ["3.15's own", "its memory", "its file"]
    print("%s samples of %s distinct stacks, each for %d samples; %s\n" % (format(samples, ","), format(stacks, ","), stay, tables.machine()))
    print(tables.table(heads, rows))


main()
