# SPDX-License-Identifier: MIT
"""A process ends, and the next one of its parent's children gets its number and the same memory at the same addresses.

pid_reuse.py PYROPE ROUNDS FOLDER, in a pid namespace of its own: pyrope never shows a stack of the second one, and never
touches it.
"""
import os
import signal
import subprocess
import sys
import time

from sampler_sleeps import sampler_sleeps

PYROPE, ROUNDS, FOLDER = sys.argv[1], int(sys.argv[2]), sys.argv[3]
LAST_PID = "/proc/sys/kernel/ns_last_pid"


def first_program():
    while True:
        pass


def second_program():
    while True:
        pass


def start(function):
    pid = os.fork()
    if pid == 0:
        function()
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def start_as(wanted, function):
    """A child of that number; others may have taken it."""
    for _ in range(100):
        with open(LAST_PID, "w") as file:
            file.write(str(wanted - 1))
        pid = start(function)
        if pid == wanted:
            return pid
        end(pid)
    return 0


def has_ticked(process):
    """So often that the first samples have been checked once more: those that have not are left out."""
    return sampler_sleeps(process.pid) > 500 or process.poll() is not None


def is_stopped(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] in "TZ"


def continue_to_end(process):
    """In a pause it stops only some milliseconds later, when it has been continued already."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        os.kill(process.pid, signal.SIGCONT)
        try:
            return process.communicate(timeout=0.1)[1]
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    sys.exit("pyrope does not end")


def main():
    reused = shown = 0
    for number in range(ROUNDS):
        first = start_as(1000 + number * 50, first_program)
        if not first:
            continue
        output = os.path.join(FOLDER, "reused")
        option = ["--pause=auto", "--pause=never", "--threads"][number % 3]
        process = subprocess.Popen([PYROPE, option, "-r", "300us", "-s", "60", "-o", output, "-p", str(first)],
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not has_ticked(process):
            if time.monotonic() > deadline:
                sys.exit("pyrope does not sample")
            time.sleep(0.005)
        # it is not to look between the two
        os.kill(process.pid, signal.SIGSTOP)
        while not is_stopped(process.pid):
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(0.001)
        end(first)
        second = start_as(first, second_program)
        said = continue_to_end(process)
        if not second:
            continue
        reused += 1
        with open(f"/proc/{second}/status") as file:
            if "TracerPid:\t0\n" not in file.read():
                sys.exit("the second process is traced")
        end(second)
        with open(output) as file:
            stacks = file.read()
        shown += "first_program" in stacks
        if "second_program" in stacks or process.returncode:
            sys.exit(f"round {number} {option}: exit code {process.returncode}: {said}{stacks}")
    print(f"{reused} of {ROUNDS} times another process had the number, {shown} profiles show the first one")
    sys.exit(77 if not reused else 0 if shown else 1)


main()
