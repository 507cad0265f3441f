# SPDX-License-Identifier: MIT
"""A process that never comes to rest. Arguments: vfork, exec or threads.

vfork: starts programs by vfork, one after the other; exec: executes itself again and again beside other threads;
threads: starts threads that end at once.
"""
import os
import subprocess
import sys
import threading
import time

import support

HOW = sys.argv[1]


def work(seconds):
    end = time.time() + seconds
    while time.time() < end:
        pass


if len(sys.argv) < 3:
    support.ready()
if HOW == "vfork":
    while True:
        subprocess.call(["/bin/true"])
        work(0.001)
elif HOW == "exec":
    for _ in range(3):
        thread = threading.Thread(target=work, args=(10,))
        thread.daemon = True
        thread.start()
    work(0.02)
    os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), HOW, "again"])
else:
    while True:
        threads = [threading.Thread(target=work, args=(0.001,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
