# SPDX-License-Identifier: MIT
"""modes.py WHAT: compute without the GIL (c) or with it (spin), work a third of the time (duty) or for a moment (brief), or sleep (sleep)."""
import hashlib
import sys
import time

import support

data = b"x" * 20000000


def compute():
    while True: hashlib.sha256(data).hexdigest()  # here: compute


def spin():
    while True: pass


def brief():
    while True:
        end = time.time() + 0.00006
        while time.time() < end: pass
        time.sleep(0.0002)


def duty():
    while True:
        end = time.time() + 0.010
        while time.time() < end: pass
        time.sleep(0.020)


support.ready()
{"c": compute, "brief": brief, "duty": duty, "spin": spin, "sleep": support.wait}[sys.argv[1]]()
