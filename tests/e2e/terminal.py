# SPDX-License-Identifier: MIT
"""Runs a command on a terminal of its own, types something there, and shows what the screen got.

usage: terminal.py WHEN TYPED COMMAND [ARG...]

TYPED (with escapes as in Python) is typed once when WHEN has been printed and COMMAND, pyrope, has looked a few dozen times since. The
exit code is the command's, or 128+N. COLUMNS in the environment is how wide the terminal is; "120,40" makes it 40 wide after a second.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

from sampler_sleeps import sampler_sleeps

DEADLINE_S = 200
LOOKS = 40


def set_columns(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def main():
    when, typed, command = sys.argv[1].encode(), sys.argv[2].encode().decode("unicode_escape").encode(), sys.argv[3:]
    widths = [int(width) for width in os.environ.pop("COLUMNS", "").split(",") if width]
    pid, terminal = pty.fork()
    if pid == 0:
        if widths:
            set_columns(0, widths[0])
        os.execvp(command[0], command)
    screen = b""
    sleeps_awaited = None
    start = time.monotonic()
    end = start + DEADLINE_S
    while True:
        if len(widths) > 1 and time.monotonic() > start + 1:
            set_columns(terminal, widths.pop())
        is_time_to_type = typed and when in screen
        if is_time_to_type and sleeps_awaited is None:
            sleeps_awaited = sampler_sleeps(pid) + LOOKS
        if is_time_to_type and sampler_sleeps(pid) >= sleeps_awaited:
            os.write(terminal, typed)
            typed = is_time_to_type = b""
        left = end - time.monotonic()
        readable = select.select([terminal], [], [], max(0, min(left, 0.01) if is_time_to_type else left))[0]
        if not readable and is_time_to_type and left > 0:
            continue
        if not readable:
            os.kill(pid, signal.SIGKILL)
            print("nothing happened for too long")
            break
        try:
            data = os.read(terminal, 4096)
        except OSError:  # EIO: nobody has the terminal open any more
            break
        screen += data
    status = os.waitpid(pid, 0)[1]
    sys.stdout.flush()
    sys.stdout.buffer.write(screen)
    sys.stdout.flush()
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main())
