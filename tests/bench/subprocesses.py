# SPDX-License-Identifier: MIT
"""Which processes of a tree, and which of their functions, pyrope -f and py-spy --subprocesses see: one row for each way to start a process.

Usage: PYROPE=build/pyrope subprocesses.py [PYTHON]      (default: the one that runs this; py-spy is the one on $PATH)

Prints a table in Markdown, each cell with what was seen of what there was: in each run, where the runs differ. Nothing is asserted.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

TURNS = 3
RATE = 200
DEADLINE_S = 60
TARGETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "targets")
WORK = re.compile(r"\b(work_[a-z]+)")

TREE = [
    # what is said of it, how many processes work, in which functions, the arguments of tree.py
    ("`os.fork`, of children and a grandchild", 4, ["fork"]),
    ("fork and `exec` of Python", 1, ["exec"]),
    ("`subprocess`", 1, ["run", "child"]),
    ("`multiprocessing`, fork: 2 workers", 2, ["pool", "fork"]),
    ("spawn", 2, ["pool", "spawn"]),
    ("forkserver", 2, ["pool", "forkserver"]),
    ("a daemon that forks twice", 1, ["daemon"]),
    ("50 children of 30 ms, one after another, by `subprocess`", 50, ["short", "50"]),
    ("200 forked children of 5 ms, four at a time", 200, ["bomb", "200"]),
]
FUNCTIONS = {"fork": 3, "exec": 1, "run": 1, "pool": 1, "daemon": 1, "short": 1, "bomb": 1}


def wait_until(condition):
    end = time.monotonic() + DEADLINE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)


def pyrope_command(path, *target):
    return [pyrope, "-n", "--rate", str(RATE), "--group=process", "-o", path, *target]


def py_spy_command(path, *target):
    return ["py-spy", "record", "-s", "-r", str(RATE), "-f", "raw", "-o", path, *target]


PROFILERS = {
    "pyrope": (pyrope_command, lambda command: ["-t", *command], lambda pid: ["-f", "-s", "600", str(pid)]),
    "py-spy": (py_spy_command, lambda command: ["--", *command], lambda pid: ["-d", "600", "-p", str(pid)]),
}


def seen(path, function):
    """Processes that are seen at work, and in which functions of that name."""
    processes, functions = set(), set()
    if not os.path.exists(path):
        return processes, functions
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            names = [name for name in WORK.findall(line) if function is None or name == function]
            owners = re.findall(r"(?:^|;)process (\d+)", line)  # py-spy puts a child below its parent
            if names or function == "burn" and re.search(r"\bburn\b", line):
                functions.update(names)
                processes.add(owners[-1] if owners else "the only one")
    return processes, functions


def launch(name, arguments):
    path = os.path.join(folder, "profile")
    command, launched, _ = PROFILERS[name]
    if os.path.exists(path):
        os.remove(path)
    program = [python, os.path.join(TARGETS, "tree.py"), *arguments]
    subprocess.run(command(path, *launched(program)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE_S * 5, check=False)
    processes, functions = seen(path, "burn" if arguments[0] == "bomb" else None)
    if arguments[0] == "bomb":
        functions = {"burn"} if processes else set()
    return len(processes), len(functions)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answer(port):
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=5) as response:
            return response.read().decode().strip()
    except OSError:
        return None


def gunicorn(name):
    """Attached to; after a while one worker is killed, and another one comes in its place."""
    path, port = os.path.join(folder, "profile"), free_port()
    command, _, attached = PROFILERS[name]
    server = subprocess.Popen([python, "-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:%d" % port, "--chdir", TARGETS, "server_wsgi"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if os.path.exists(path):
        os.remove(path)
    workers = set()
    try:
        wait_until(lambda: answer(port))
        profiler = subprocess.Popen(command(path, *attached(server.pid)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(2)
        for turn in range(300):
            workers.add(answer(port))
            if turn == 100:
                os.kill(int(max(workers - {None})), signal.SIGKILL)
        workers.discard(None)
        profiler.send_signal(signal.SIGINT)
        profiler.wait(DEADLINE_S)
    finally:
        server.terminate()
        server.wait()
    processes, functions = seen(path, "work_request")
    return len(processes), len(functions), len(workers)


def cell(counts, of):
    text = "%d" % counts[0] if len(set(counts)) == 1 else "%s" % ", ".join(map(str, counts))
    return "%s of %s" % (text, of)


def main():
    print("| | processes: pyrope | py-spy | functions: pyrope | py-spy |\n|---|---|---|---|---|")
    for title, count, arguments in TREE:
        results = {name: [launch(name, arguments) for _ in range(TURNS)] for name in PROFILERS}
        print("| %s | %s | %s |" % (title,
            " | ".join(cell([processes for processes, _ in results[name]], count) for name in PROFILERS),
            " | ".join(cell([functions for _, functions in results[name]], FUNCTIONS[arguments[0]]) for name in PROFILERS)), flush=True)
    if subprocess.run([python, "-m", "gunicorn", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        sys.exit("gunicorn is not there: pip install gunicorn")
    results = {name: [gunicorn(name) for _ in range(TURNS)] for name in PROFILERS}
    print("| gunicorn, attached to: 2 workers, one killed and replaced | %s | %s |" % (
        " | ".join(cell([row[0] for row in results[name]], max(row[2] for row in results[name])) for name in PROFILERS),
        " | ".join(cell([row[1] for row in results[name]], 1) for name in PROFILERS)))


if __name__ == "__main__":
    pyrope = os.environ.get("PYROPE", "./pyrope")
    python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
    with tempfile.TemporaryDirectory() as folder:
        main()
