# SPDX-License-Identifier: MIT
"""Moves a megabyte with each call, in blocking calls that are to return only when all of it is moved.

The argument says by which: write (to a pipe), send (to a socket) or recv (with MSG_WAITALL). When it is told to, it prints
how many calls it made and how many of them moved a part only.
"""
import os
import socket
import sys
import threading

import support

SIZE = 1 << 20


def drain(descriptor):
    while os.read(descriptor, 65536):
        pass


def fill(descriptor):
    data = b"x" * 65536
    while True:
        os.write(descriptor, data)


def in_child(function, mine, theirs):
    if os.fork() == 0:
        os.close(mine)
        try:
            function(theirs)
        finally:
            os._exit(0)
    os.close(theirs)


def compute():
    for i in range(300):
        pass


def stop():
    support.wait()
    del going[:]


kind = sys.argv[1]
data = b"x" * SIZE
if kind == "write":
    output, ours = os.pipe()
    in_child(drain, ours, output)
else:
    this, other = socket.socketpair()
    in_child(drain if kind == "send" else fill, this.fileno(), other.fileno())
transfer = {
    "write": lambda: os.write(ours, data),
    "send": lambda: this.send(data),
    "recv": lambda: len(this.recv(SIZE, socket.MSG_WAITALL)),
}[kind]
going = [True]
calls = short = 0
thread = threading.Thread(target=stop)
thread.daemon = True
thread.start()
support.ready()
while going:
    compute()
    calls += 1
    short += transfer() != SIZE
support.say("%d %d" % (calls, short))
