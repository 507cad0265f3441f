# SPDX-License-Identifier: MIT
"""Rewrites its own frames, thread list, code objects and strings with garbage, as fast as it can.

What is overwritten belongs to threads that sleep in C, and to the callers of the function that does it, so that the program
itself seldom trips over it; when it does, the test starts it again. The argument seeds the random numbers.
"""
import ctypes
import gc
import os
import random
import sys
import threading

import support

WORD = ctypes.sizeof(ctypes.c_void_p)
OBJECT_HEADER = 2  # words, before which a victim is an object like any other

libc = ctypes.CDLL(None)
api = ctypes.PyDLL(None)
api.PyThreadState_Get.restype = ctypes.c_void_p
gc.disable()
random.seed(int(sys.argv[1]))
pipe = os.pipe()
victims = []  # addresses, and the words there that may be overwritten: from, to
found = threading.Semaphore(0)


def peek(address):
    return ctypes.c_size_t.from_address(address).value


def add(address, first, last):
    victims.append((address, first, last))


def add_frame(frame, with_code):
    """The frame object, and for 3.11 and later what it describes: the frame in the thread's own stack."""
    if sys.version_info >= (3, 11):
        add(peek(id(frame) + 3 * WORD), 0, 9)
    else:
        add(id(frame), OBJECT_HEADER if with_code else OBJECT_HEADER + 1, 13)
    code = frame.f_code
    if with_code:
        add(id(code), OBJECT_HEADER, 18)
        add(id(code.co_name), OBJECT_HEADER, 5)
        add(id(code.co_filename), OBJECT_HEADER, 7)


def sleeper(n):
    if n:
        return sleeper(n - 1)
    frame = sys._getframe()
    while frame and frame.f_code.co_filename == __file__:
        add_frame(frame, True)
        frame = frame.f_back
    add(api.PyThreadState_Get(), 0, 40)
    found.release()
    libc.read(pipe[0], ctypes.create_string_buffer(1), 1)
    os._exit(0)  # its stack is not worth returning to


def garbage(address):
    kind = random.randrange(7)
    if kind == 0:
        return random.getrandbits(64)
    if kind == 1:
        return random.getrandbits(6)
    if kind == 2:
        return address & ~15  # itself, or nearly
    if kind == 3:
        return random.choice(victims)[0]  # loops, and one thing for another
    if kind == 4:
        return (1 << 64) - 1 - random.getrandbits(random.randrange(1, 40))
    if kind == 5:
        return address + random.randrange(-4096, 4096)
    return 1 << random.randrange(64)


def scribble(rounds):
    """Overwrites, lets it be seen for a moment, and puts back what was there."""
    for _ in range(rounds):
        written = []
        for _ in range(random.randrange(1, 6)):
            address, first, last = random.choice(victims)
            word = address + random.randrange(first, last) * WORD
            written.append((word, peek(word)))
            ctypes.c_size_t.from_address(word).value = garbage(word)
        for _ in range(random.randrange(200)):
            pass
        for word, old in reversed(written):
            ctypes.c_size_t.from_address(word).value = old


def nest(n):
    if n:
        return nest(n - 1)
    add_frame(sys._getframe().f_back, False)
    while True:
        scribble(1000)


for _ in range(4):
    thread = threading.Thread(target=sleeper, args=(10,))
    thread.daemon = True
    thread.start()
    found.acquire()
support.ready()
nest(10)
