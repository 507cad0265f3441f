# SPDX-License-Identifier: MIT
"""Starts a program under test, waits until it says that it is ready, and ends it."""
import json
import os
import subprocess

import page


class Target:
    """A context: the program runs in it. told: what it said in JSON when it was ready. page: what it shares."""

    def __init__(self, python, program, arguments, folder):
        self.path = os.path.join(folder, "page")
        self.page = page.make_page(self.path)
        here = os.path.dirname(os.path.abspath(__file__))
        environment = dict(os.environ, PYTHONPATH=here, PYTHONDONTWRITEBYTECODE="1")
        self.process = subprocess.Popen([python, program, self.path] + [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, universal_newlines=True)
        self.pid = self.process.pid
        self.told = None

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s ended at its start" % " ".join(self.process.args))
        self.told = json.loads(line)
        return self

    def waited_s(self):
        """How long its first thread has been ready to run, but had no CPU."""
        with open("/proc/%d/schedstat" % self.pid) as file:
            return int(file.read().split()[1]) / 1e9

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
