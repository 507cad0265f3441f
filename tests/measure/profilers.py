# SPDX-License-Identifier: MIT
"""The profilers that are measured: one row each, with how it is called and how its result is read."""
import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter, namedtuple

import mojo
import pythons

PYROPE = os.environ.get("PYROPE") or shutil.which("pyrope") or "pyrope"
GRACE_S = 10        # beyond the time that a profiler was asked to run
POLL_S = 0.02
FULL_SPEED = 1000000

# One run of a profiler, for whole seconds, since some know no others. threads: every thread, asleep or not, at each tick;
# else what is the default.
Task = namedtuple("Task", "pid rate seconds threads output python")


class Failure(Exception):
    """A profiler did not do what it was asked to. The exit code does not tell: Austin ends with 254 when all is well."""

    def __init__(self, said):
        """Keeps the line that says why, without colours."""
        lines = re.sub(r"\x1b\[[\d;]*m", "", said).strip().splitlines() or ["it said nothing"]
        errors = [line for line in lines if "error" in line.lower()]
        super().__init__((errors or lines)[-1].strip())


class Result:
    """What a profiler found, as far as it tells.

    stacks: how often each was seen. samples: how many it kept. missed: ticks without a sample. errors: samples that it
    threw away. partial, failed: samples among those kept that say so. summary: pyrope's own.
    """

    def __init__(self, stacks, samples, missed=0, errors=0, summary=None):
        self.stacks, self.samples, self.missed, self.errors = stacks, samples, missed, errors
        self.summary = summary or {}
        self.partial = sum(count for stack, count in stacks.items() if stack.endswith("(partial)"))
        self.failed = sum(count for stack, count in stacks.items()
            if stack.endswith(("(failed)", "(unverified)", "(invalid)")))
        self.cpu_s = self.rss_kb = self.elapsed_s = None


# ---- one pair of functions for each program ----

def collapsed(path):
    stacks = Counter()
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            stack, _, count = line.rstrip("\n").rpartition(" ")
            stacks[stack] += int(count)
    return stacks


def pyrope_command(task, options):
    return [PYROPE, "--summary=json", "-r", "%.9f" % (1 / task.rate), "-s", str(task.seconds), "-o", task.output] + \
        (["--threads"] if task.threads else []) + options + ["-p", str(task.pid)]


def pyrope_result(task, said):
    found = re.search(r"^\{.*\}$", said, re.M)
    if not found:
        raise Failure(said)
    summary = json.loads(found.group())
    return Result(collapsed(task.output), summary["samples"], missed=summary["missed_ticks"], summary=summary)


def py_spy_command(task, options):
    return ["py-spy", "record", "--format", "raw", "--rate", str(task.rate), "--duration", str(task.seconds),
        "--output", task.output] + (["--idle"] if task.threads else []) + options + ["--pid", str(task.pid)]


def py_spy_result(task, said):
    found = re.search(r"Samples: (\d+) Errors: (\d+)", said)
    if not found:
        raise Failure(said)
    stacks = collapsed(task.output)
    samples = sum(stacks.values())
    return Result(stacks, samples, missed=max(0, task.rate * task.seconds - int(found.group(1))),
        errors=int(found.group(2)))


def austin_command(task, options):
    return ["austin", "--interval", "%dus" % max(1, 1000000 // task.rate), "--exposure", str(task.seconds),
        "--output", task.output] + options + ["--pid", str(task.pid)]


def austin_result(task, said):
    """Each of Austin's samples has a weight, the time since the last; the stacks are counted by it."""
    try:
        with open(task.output, "rb") as file:
            profile = mojo.Profile(file.read())
    except (OSError, ValueError, IndexError) as error:
        raise Failure(said or str(error))
    total = sum(profile.microseconds.values())
    if not total:
        raise Failure(said)
    stacks = Counter({stack: weight * profile.samples / total for stack, weight in profile.microseconds.items()})
    rounds = int(profile.metadata.get("count", profile.samples))
    return Result(stacks, profile.samples - profile.errors,
        missed=max(0, task.rate * task.seconds - rounds), errors=profile.errors)


def sampling_command(task, options):
    return [task.python, "-m", "profiling.sampling", "attach", "--collapsed", "--all-threads", "-r", str(task.rate),
        "-d", str(task.seconds), "--output", task.output] + options + [str(task.pid)]


def sampling_result(task, said):
    """It counts ticks, and says in percent how many of them brought nothing."""
    ticks = re.search(r"Captured ([\d,]+) samples in ([\d.]+) seconds", said)
    if not ticks or not os.path.exists(task.output):
        raise Failure(said)
    rate = re.search(r"Error rate: ([\d.]+)", said)
    count = int(ticks.group(1).replace(",", ""))
    stacks = Counter()
    for stack, number in collapsed(task.output).items():
        stacks[stack.partition(";")[2]] += number # without the thread
    return Result(stacks, sum(stacks.values()), missed=max(0, task.rate * task.seconds - count),
        errors=round(count * float(rate.group(1)) / 100) if rate else 0)


# ---- the table ----

class Profiler:
    """usable: with that interpreter. start_s: it samples by then. top_rate: beyond it there is no sense in asking. native: it
    is asked for native frames, and compared with those that are asked for them too."""

    def __init__(self, name, command, result, options=(), usable=None, start_s=0.3, top_rate=FULL_SPEED, native=False):
        self.name, self.command, self.result, self.options = name, command, result, list(options)
        self.usable, self.start_s, self.top_rate, self.native = usable, start_s, top_rate, native
        self.is_ours = command is pyrope_command


def on_path(name):
    return lambda python: shutil.which(name) is not None


# py-spy takes every sample that it was asked for, however long that needs.
PROFILERS = (
    Profiler("pyrope", pyrope_command, pyrope_result, [], on_path(PYROPE), start_s=0.1),
    Profiler("pyrope --pause=always", pyrope_command, pyrope_result, ["--pause=always"], on_path(PYROPE), start_s=0.1),
    Profiler("py-spy", py_spy_command, py_spy_result, [], on_path("py-spy"), top_rate=10000),
    Profiler("py-spy --nonblocking", py_spy_command, py_spy_result, ["--nonblocking"], on_path("py-spy"),
        top_rate=10000),
    Profiler("austin", austin_command, austin_result, [], on_path("austin")),
    Profiler("profiling.sampling", sampling_command, sampling_result, [], pythons.samples_itself, start_s=0.8),
    Profiler("profiling.sampling --blocking", sampling_command, sampling_result, ["--blocking"],
        pythons.samples_itself, start_s=0.8),
    Profiler("pyrope --native", pyrope_command, pyrope_result, ["--native"], on_path(PYROPE), start_s=0.3, native=True),
    Profiler("py-spy --native", py_spy_command, py_spy_result, ["--native"], on_path("py-spy"), start_s=0.6,
        top_rate=1000, native=True),
)


def usable(python, native=False):
    """Those that are here and know this interpreter; $PROFILERS names some of them, separated by commas."""
    wanted = os.environ.get("PROFILERS")
    names = [name.strip() for name in wanted.split(",")] if wanted else None
    return [profiler for profiler in PROFILERS
        if profiler.native == native and (names is None or profiler.name in names) and profiler.usable(python)]


# ---- a run ----

class Session:
    """A profiler at work. Its processor time is that of its whole process, as wait4 tells."""

    def __init__(self, profiler, task):
        self.profiler, self.task = profiler, task
        self.begin = time.monotonic()
        self.said = open(task.output + ".said", "w+")
        if os.path.exists(task.output):
            os.unlink(task.output)
        self.process = subprocess.Popen(profiler.command(task, profiler.options), stdin=subprocess.DEVNULL,
            stdout=self.said, stderr=self.said, env=dict(os.environ, NO_COLOR="1", PYTHONDONTWRITEBYTECODE="1"))

    def most_memory_kb(self):
        """ru_maxrss will not do: it begins with what the process was before it was the profiler, a Python."""
        try:
            with open("/proc/%d/status" % self.process.pid) as file:
                found = re.search(r"VmHWM:\s+(\d+)", file.read())
        except OSError:
            return 0
        return int(found.group(1)) if found else 0

    def wait(self):
        """The rusage at its end, and the most memory it was seen to have."""
        deadline = self.begin + self.task.seconds + GRACE_S
        most = 0
        while True:
            most = max(most, self.most_memory_kb())
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                return usage, most
            if time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise Failure("still at work %d s after its time" % GRACE_S)
            time.sleep(POLL_S)

    def finish(self):
        try:
            usage, most = self.wait()
            elapsed = time.monotonic() - self.begin
            self.said.seek(0)
            said = self.said.read()
        finally:
            self.said.close()
        result = self.profiler.result(self.task, said)
        result.cpu_s, result.rss_kb, result.elapsed_s = usage.ru_utime + usage.ru_stime, most, elapsed
        return result


def run(profiler, task):
    return Session(profiler, task).finish()
