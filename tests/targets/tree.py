# SPDX-License-Identifier: MIT
"""A tree of processes: tree.py WHAT [ARGUMENT...]. Each process that works does so in a function of its own.

The work is so much of a process's own CPU time that each one is sampled, however busy the machine is. Waits for its children.
"""
import os
import subprocess
import sys
import time

import support

WORK = float(os.environ.get("TREE_WORK", "0.15"))


def burn(seconds):
    end = os.times()[0] + os.times()[1] + seconds
    while os.times()[0] + os.times()[1] < end:
        for _ in range(1000):
            pass


def work_parent():
    burn(WORK)


def work_child():
    burn(WORK)


def work_grandchild():
    burn(WORK)


def work_task(number):
    burn(WORK)
    return number


def work_short():
    burn(0.03)


def forked(work):
    child = os.fork()
    if child == 0:
        support.signal.alarm(support.LIMIT)
        work()
        os._exit(0)
    return child


def fork():
    """Two children, one of which has a child."""
    def both():
        grandchild = forked(work_grandchild)
        work_child()
        os.waitpid(grandchild, 0)
    children = [forked(work_child), forked(both)]
    work_parent()
    for child in children:
        os.waitpid(child, 0)


def pool(method):
    import multiprocessing
    context = multiprocessing.get_context(method)
    workers = context.Pool(2)
    assert workers.map(work_task, range(6), 1) == list(range(6))
    workers.close()
    workers.join()


def executor():
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2) as workers:
        assert list(workers.map(work_task, range(6))) == list(range(6))


def run(*arguments):
    """A child by exec."""
    assert subprocess.call([sys.executable, __file__] + list(arguments)) == 0


def daemon():
    """A grandchild in a session of its own, whose parent has gone."""
    reader, writer = os.pipe()
    first = os.fork()
    if first == 0:
        os.setsid()
        burn(0.03)
        if os.fork() == 0:
            support.signal.alarm(support.LIMIT)
            burn(0.03)
            work_grandchild()
            os.write(writer, b"x")
            os._exit(0)
        burn(0.3)  # one that is gone at once may be missed with all that it has started, as the manual says
        os._exit(0)
    os.waitpid(first, 0)
    os.close(writer)
    os.read(reader, 1)


def execing():
    child = os.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, __file__, "child"])
    os.waitpid(child, 0)


def short(count):
    for _ in range(int(count)):
        run("short-one")


def bomb(count):
    """Children that live for some milliseconds, a few at a time."""
    running = 0
    for _ in range(int(count)):
        if running == 4:
            os.wait()
            running -= 1
        if os.fork() == 0:
            burn(0.005)
            os._exit(0)
        running += 1
    while running:
        os.wait()
        running -= 1


def many(count):
    """So many children at a time that are no Python."""
    children = [subprocess.Popen(["sleep", str(support.LIMIT)]) for _ in range(int(count))]
    time.sleep(2)
    for child in children:
        child.kill()
    for child in children:
        child.wait()


def exits():
    """Children that end well, with 3, and by SIGKILL, each of which is waited for at once; says who was who, this one at last, and ends with 5."""
    for end in (lambda: os._exit(0), lambda: os._exit(3), lambda: os.kill(os.getpid(), support.signal.SIGKILL)):
        child = forked(lambda: work_child() or end())
        support.say(str(child))
        os.waitpid(child, 0)
    support.say(str(os.getpid()))
    sys.exit(5)


def idle(count):
    """Workers that wait until their parent has gone; says `ready` and does so, too."""
    reader, writer = os.pipe()
    for _ in range(int(count)):
        if os.fork() == 0:
            os.close(writer)
            support.signal.alarm(support.LIMIT)
            os.read(reader, 1)
            os._exit(0)
    support.ready()
    support.wait()


def late():
    """Says `ready`; when it is told to it forks two children, works, and says `done`."""
    support.ready()
    support.wait()
    children = [forked(work_child), forked(work_child)]
    work_parent()
    for child in children:
        os.waitpid(child, 0)
    support.say("done")
    support.wait()


if __name__ == "__main__":
    support.signal.alarm(support.LIMIT)
    what = sys.argv[1]
    arguments = sys.argv[2:]
    if what == "fork": fork()
    elif what == "pool": pool(*arguments)
    elif what == "executor": executor()
    elif what == "run": run(*arguments)
    elif what == "parent": work_parent()
    elif what == "child": work_child()
    elif what == "grandchild": work_grandchild()
    elif what == "daemon": daemon()
    elif what == "exec": execing()
    elif what == "short": short(*arguments)
    elif what == "short-one": work_short()
    elif what == "bomb": bomb(*arguments)
    elif what == "many": many(*arguments)
    elif what == "exits": exits()
    elif what == "idle": idle(*arguments)
    elif what == "late": late()
    else: sys.exit("tree.py: unknown: " + what)
