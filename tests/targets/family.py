# SPDX-License-Identifier: MIT
"""Runs a target program in two processes at once, one of which is the other's child; whoever asks this one has the answers of both.

usage: family.py PROGRAM [ARGUMENT...]

Each of the two has pipes for its standard input and output. What this process reads goes to both; `ready` is said when both are.
"""
import os
import runpy
import sys

import support


def die_with_parent():
    try:
        import ctypes
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    except (ImportError, OSError):
        pass  # its standard input ends


def run(reader, writer):
    support.signal.alarm(support.LIMIT)
    die_with_parent()
    os.dup2(reader, 0)
    os.dup2(writer, 1)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
    os._exit(0)


def main():
    pipes = [(os.pipe(), os.pipe()) for _ in range(2)]
    if os.fork() == 0:
        own = 1 if os.fork() == 0 else 0
        run(pipes[own][0][0], pipes[own][1][1])
    for (reader, _), (_, writer) in pipes:
        os.close(reader)
        os.close(writer)
    answers = [os.fdopen(reader) for _, (reader, _) in pipes]
    for answer in answers:
        assert answer.readline() == "ready\n"
    support.ready()
    while True:
        word = support.wait()
        if not word:
            break
        for (_, writer), _ in pipes:
            os.write(writer, word)
        if word != b"x":
            continue
        for answer in answers:
            for line in iter(answer.readline, ".\n"):
                if not line:
                    break
                support.say(line.rstrip("\n"))
        support.say(".")


main()
