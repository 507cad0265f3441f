# SPDX-License-Identifier: MIT
"""Lets each system call of pyrope fail in turn, and looks at how that ends.

faults.py PYROPE LIBRARY PID STACK SCALE [OPTION...]: LIBRARY is what tests/targets/fault.c was made to, PID a chain.py whose
stack is STACK. A run is right when it ends by itself, leaves the target running and untraced, and either shows nothing but
that stack for the whole of its time, or has said on standard error what was wrong, which is never that the target has gone.
"""
import collections
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time

PYROPE, LIBRARY, PID, STACK, SCALE = sys.argv[1:6]
OPTIONS = sys.argv[6:]
IS_DUMP = OPTIONS[:1] == ["dump"]
SECONDS = 0.15
DEADLINE_S = 60
ERRORS = {
    "open": ["EMFILE", "ENFILE", "ENOMEM", "EINTR", "EIO"],
    "openat": ["EMFILE", "ENFILE", "ENOMEM", "EINTR", "EIO"],
    "read": ["EIO", "EINTR", "ENOMEM"],
    "pread": ["EINTR", "EIO", "ENOMEM"],
    "readlink": ["ENOMEM", "EIO", "EINTR"],
    "readlinkat": ["ENOMEM", "EIO"],
    "fstat": ["ENOMEM", "EIO"],
    "fcntl": ["EMFILE", "ENFILE"],
    "readdir": ["EIO", "ENOMEM"],
    "process_vm_readv": ["ENOMEM", "EIO", "EPERM", "EINTR", "ENOSYS"],
    "ptrace": ["EIO", "EPERM", "ENOMEM"],
    "waitid": ["EINTR"],
    "epoll_create1": ["EMFILE", "ENFILE", "ENOMEM"],
    "eventfd": ["EMFILE", "ENFILE", "ENOMEM"],
    "timerfd_create": ["EMFILE", "ENFILE", "ENOMEM"],
    "timer_create": ["EAGAIN", "ENOMEM"],
    "memfd_create": ["EMFILE", "ENFILE", "ENOMEM"],
    "pthread_create": ["EAGAIN"],
    "clock_nanosleep": ["EINTR"],
    "sigtimedwait": ["EINTR", "EAGAIN"],
}
WRONG = re.compile(r"has (just )?exited|no (such )?process|not a Python|zombie|another program|waits for its parent")
MARKERS = re.compile(r"\((partial|unverified|failed|native truncated|no Python frame)\)")


def run(fault, calls=None):
    """What pyrope says, how it ends, and the JSON of its summary."""
    environment = dict(os.environ, LD_PRELOAD=LIBRARY)
    if fault:
        environment["PYROPE_FAULT"] = fault
    if calls:
        environment["PYROPE_FAULT_CALLS"] = calls
    command = [PYROPE, *OPTIONS] + ([] if IS_DUMP else ["-s", str(SECONDS), "-r", "3ms", "--summary=json"]) + ["-p", PID]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, said = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    lines = said.splitlines()
    summary = next((json.loads(line) for line in lines if line.startswith("{")), None)
    said = [line for line in lines if not line.startswith("{")]
    if summary and summary["note"]:
        said.append(summary["note"])
    return process.returncode, output, said, summary


def tasks():
    for tid in os.listdir(f"/proc/{PID}/task"):
        with open(f"/proc/{PID}/task/{tid}/status") as file:
            yield dict(line.split(":", 1) for line in file.read().splitlines())


def cpu_time():
    with open(f"/proc/{PID}/schedstat") as file:
        return int(file.read().split()[0])


def target_is_hurt():
    """It is let go of when pyrope has ended, and runs on."""
    end = time.monotonic() + DEADLINE_S
    before = cpu_time()
    while time.monotonic() < end:
        if all(task["TracerPid"].strip() == "0" and task["State"].split()[0] in "RS" for task in tasks()) and cpu_time() > before:
            return None
        time.sleep(0.001)
    return "the target is held: " + str([task["State"].strip() for task in tasks()])


def own_frames(frames):
    return [frame for frame in frames if ".py:" in frame]


def stacks_are_wrong(output):
    expected = STACK.split(";")
    for line in output.splitlines():
        frames = line.rsplit(" ", 1)[0].split(";")
        seen = own_frames(frames)
        if seen != expected and not (seen == expected[: len(seen)] and MARKERS.search(line)):
            return "a wrong stack: " + line
    return None


def dump_is_wrong(output):
    if "leaf" in output or MARKERS.search(output):
        return None
    return "the dump shows nothing: " + output


def is_short(summary, is_lasting):
    if not summary:
        return "no summary"
    if summary["elapsed_ns"] < SECONDS * 0.99e9:
        return f"it ended after {summary['elapsed_ns'] / 1e9:.3f} s"
    if summary["idle"]:
        return f"{summary['idle']} samples are idle"
    # one call that fails costs a sample or two, which may be all that a busy machine has left; where a thread has no CPU to stop on,
    # more are lost
    if not is_lasting and summary["failed"] > 2 and summary["failed"] * 2 > summary["samples"] and not summary["pause_timeouts"]:
        return f"{summary['failed']} of {summary['samples']} samples failed"
    return None


def wrong(result, is_lasting):
    if result is None:
        return "it did not end"
    status, output, said, summary = result
    for line in said:
        if WRONG.search(line):
            return "it said: " + line
    if status not in (0, 1):
        return f"exit code {status}: {said}"
    if status == 1 and not said:
        return "it failed without a word"
    bad = dump_is_wrong(output) if IS_DUMP and status == 0 else None if IS_DUMP else stacks_are_wrong(output)
    if not bad and status == 0 and not IS_DUMP and not said:
        bad = is_short(summary, is_lasting)
    return bad


def positions(count):
    """Which calls of so many are to fail: the first ones, and some of the rest."""
    first = max(2, round(2 * SCALE_NUMBER))
    chosen = set(range(1, min(count, first) + 1))
    step = 3.0 if SCALE_NUMBER <= 1 else 1.5
    at = first * step
    while at <= count:
        chosen.add(int(at))
        at *= step
    return sorted(chosen)


def main():
    calls = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"pyrope-faults.{os.getpid()}")
    bad = wrong(run(None, calls), False)
    with open(calls) as file:
        counts = {name: int(count) for name, count in (line.split() for line in file)}
    os.unlink(calls)
    if bad:
        sys.exit("without a fault: " + bad)
    ends = collections.Counter()
    failures = []
    turn = 0
    for name, errors in ERRORS.items():
        for position in positions(counts.get(name, 0)):
            # at scale 1 the errors take turns
            for error in errors if SCALE_NUMBER > 1 else [errors[turn % len(errors)]]:
                # libelf would try again for ever
                for count in (1,) if (name, error) == ("pread", "EINTR") else (1, 0):
                    fault = f"{name}:{getattr(errno, error)}:{position}:{count}"
                    result = run(fault)
                    bad = wrong(result, count == 0) or target_is_hurt()
                    ends[result and ("failed" if result[0] else "told" if result[2] else "right")] += 1
                    if bad:
                        failures.append(f"{name} call {position}{' and on' if count == 0 else ''} {error}: {bad}")
            turn += 1
    print(f"{sum(ends.values())} runs: {dict(ends)}")
    if failures:
        os.kill(int(PID), signal.SIGCONT)
        sys.exit("\n".join(failures))


SCALE_NUMBER = float(SCALE)
main()
