# SPDX-License-Identifier: MIT
"""Runs a command on a terminal of its own, types something there, and shows what the screen got.

usage: terminal.py WHEN TYPED COMMAND [ARG...]

TYPED (with escapes as in Python) is typed once when WHEN has been printed. The exit code is the command's, or 128+N.
"""
import os
import pty
import select
import signal
import sys
import time

DEADLINE_S = 60


def main():
    when, typed, command = sys.argv[1].encode(), sys.argv[2].encode().decode("unicode_escape").encode(), sys.argv[3:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    screen = b""
    end = time.monotonic() + DEADLINE_S
    while True:
        readable = select.select([terminal], [], [], max(0, end - time.monotonic()))[0]
        if not readable:
            os.kill(pid, signal.SIGKILL)
            print("nothing happened for too long")
            break
        try:
            data = os.read(terminal, 4096)
        except OSError:  # EIO: nobody has the terminal open any more
            break
        screen += data
        if typed and when in screen:
            os.write(terminal, typed)
            typed = b""
    status = os.waitpid(pid, 0)[1]
    sys.stdout.flush()
    sys.stdout.buffer.write(screen)
    sys.stdout.flush()
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main())
