# SPDX-License-Identifier: MIT
"""Does what processes do, again and again, and looks whether it works: forks, starts programs, execs, starts threads, ends.

usage: notice_life.py KIND COUNT [wait]. Does it COUNT times, and exits with code 7; with 1 and a reason when something went wrong
that does not go wrong without a profiler. With `wait` it says ready first, and waits for a line.
"""
import os
import subprocess
import sys
import threading

import support

END = 7


def work(n):
    return work(n - 1) + 1 if n else 0


def expect(status, code):
    if not os.WIFEXITED(status) or os.WEXITSTATUS(status) != code:
        sys.stderr.write("a child ended with status %d, expected code %d\n" % (status, code))
        os._exit(1)


def forks():
    child = os.fork()
    if not child:
        work(20)
        os._exit(5)
    work(20)
    expect(os.waitpid(child, 0)[1], 5)


def spawns():
    """By fork, by vfork (3.10 and later), by posix_spawn (3.8 and later), by system(3)."""
    expect(subprocess.call(["/bin/sh", "-c", "exit 5"]) << 8, 5)
    expect(subprocess.call(["/bin/sh", "-c", "exit 6"], close_fds=True, cwd="/") << 8, 6)
    expect(os.system("exit 4"), 4)
    work(20)
    if hasattr(os, "posix_spawn"):
        child = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], os.environ)
        work(20)
        expect(os.waitpid(child, 0)[1], 3)


def threads():
    """All at once, each for a moment, by the dozen."""
    done = []

    def run():
        done.append(work(20))

    started = [threading.Thread(target=run) for _ in range(50)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if done != [20] * 50:
        sys.stderr.write("threads got lost\n")
        os._exit(1)


def execs():
    """From a thread that is not the first one, while others run: all of them have to die for that."""
    if COUNT == 0:
        os._exit(END)

    def run():
        for _ in range(300):
            work(20)
        os.execv(sys.executable, [sys.executable] + sys.argv[:2] + [str(COUNT - 1)])

    def burn():
        while True:
            work(20)

    for function in burn, run:
        thread = threading.Thread(target=function)
        thread.daemon = True
        thread.start()
    burn()


def leaves():
    """A child that works for a while, ends with a code, and has threads that do not."""
    child = os.fork()
    if not child:
        for _ in range(3):
            thread = threading.Thread(target=leaves.burn)
            thread.daemon = True
            thread.start()
        os._exit(5)
    expect(os.waitpid(child, 0)[1], 5)


leaves.burn = lambda: [work(20) for _ in range(100000)]


def daemon():
    """The first process ends at once; what goes on is another one."""
    if os.fork():
        for _ in range(50000):  # long enough to be found at work
            work(20)
        os._exit(END)
    os.setsid()
    if os.fork():
        os._exit(0)
    os._exit(0)


KIND, COUNT = sys.argv[1], int(sys.argv[2])
if len(sys.argv) == 4:
    support.ready()
    support.wait()
for _ in range(COUNT or 1):
    globals()[KIND]()
os._exit(END)
