# SPDX-License-Identifier: MIT
"""Compares what pyrope sees with what the program itself reports.

usage: follow.py PYROPE [PYROPE-OPTION...] -- COMMAND [ARG...]

The command (a target that uses support.here) prints one JSON object a line, {"label": ..., "stacks": [[[file, function,
line], ...], ...]}: the stacks of all its threads, outermost frame first, by sys._getframe. It then stays there until it
reads a byte. For each such line pyrope looks once, and its stacks must be the same ones: no more, no less, frame by frame.
"""
import json
import subprocess
import sys
import time

MOST_FAILURES = 3
DEADLINE_S = 60
READ_NUMBERS = ("0", "63")  # the number of read(2) on x86_64, aarch64
DROPPED = {0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010),
           *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0,
           *range(0xFFF0, 0xFFFC), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)}


def clean(text):
    """The rules of collapsed stacks for what a name may hold."""
    result = []
    for character in text:
        code = ord(character)
        if 0xD800 <= code < 0xE000 or 0xFDD0 <= code < 0xFDF0 or code & 0xFFFE == 0xFFFE:
            result.append("\ufffd")
        elif character in "\n\r\t\u2028\u2029":
            result.append(" ")
        elif code < 0x20 or 0x7F <= code < 0xA0 or code in DROPPED:
            continue
        else:
            result.append(":" if character == ";" else character)
    return "".join(result) or "?"


def collapsed(stack):
    return ";".join("%s:%s:%d" % (clean(file), clean(function), line) for file, function, line in stack)


def short(text):
    return text if len(text) < 1500 else "%s ... %s (%d characters)" % (text[:600], text[-600:], len(text))


def wait_until_asleep(pid):
    """The program has told where it is; a moment later it reads its standard input, and stays there."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        with open("/proc/%d/syscall" % pid, encoding="ascii") as file:
            call = file.read().split()
        if call[0] in READ_NUMBERS and int(call[1], 16) == 0:
            return
        time.sleep(0.0005)


def look(pyrope, options, pid):
    """The stacks that pyrope sees, sorted, and what went wrong."""
    result = subprocess.run([pyrope, "-s", "0", "--threads", *options, "-p", str(pid)], stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=DEADLINE_S, check=False)
    stacks = []
    for line in result.stdout.decode("utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        stacks += [stack] * int(count)
    problem = result.stderr.decode("utf-8", "replace").strip()
    if result.returncode != 0:
        problem = "exit code %d: %s" % (result.returncode, problem)
    return sorted(stacks), problem


def explain(expected, seen):
    """The first difference of two sorted lists of stacks."""
    missing = [stack for stack in expected if stack not in seen]
    surplus = [stack for stack in seen if stack not in expected]
    for stack in missing[:2]:
        print("  expected: " + short(stack))
    for stack in surplus[:2]:
        print("  seen:     " + short(stack))
    if not missing and not surplus:
        print("  expected %d stacks, seen %d" % (len(expected), len(seen)))


def main():
    split = sys.argv.index("--")
    pyrope, options, command = sys.argv[1], sys.argv[2:split], sys.argv[split + 1:]
    compared = failures = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as target:
        try:
            for line in target.stdout:
                if not line.startswith(b"{"):
                    continue
                report = json.loads(line)
                expected = sorted(collapsed(stack) for stack in report["stacks"])
                wait_until_asleep(target.pid)
                seen, problem = look(pyrope, options, target.pid)
                compared += 1
                if seen != expected or problem:
                    print("%s: %s" % (report["label"], problem or "differs"))
                    explain(expected, seen)
                    failures += 1
                    if failures == MOST_FAILURES:
                        break
                target.stdin.write(b"x")
                target.stdin.flush()
            else:
                target.wait(DEADLINE_S)
                if target.returncode != 0:
                    print("the target ended with %d" % target.returncode)
                    failures += 1
        finally:
            target.kill()
    print("%d places compared, %d differ" % (compared, failures))
    return failures > 0 or compared == 0


if __name__ == "__main__":
    sys.exit(main())
