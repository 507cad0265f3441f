# SPDX-License-Identifier: MIT
"""A program whose memory does not answer: on SIGUSR1 the name of a running function moves to a page that a userfaultfd(2) is to
provide, and nobody does. Exit code 77 when the system has no userfaultfd.
"""
import ctypes
import fcntl
import mmap
import platform
import signal
import struct
import sys

import support

USERFAULTFD = {"x86_64": 323, "aarch64": 282}[platform.machine()]
UFFDIO_API, UFFDIO_REGISTER = 0xC018AA3F, 0xC020AA00
UFFD_API, MODE_MISSING = 0xAA, 1
PAGE = mmap.PAGESIZE

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]


def register():
    """The address of a page that nobody provides."""
    fd = libc.syscall(USERFAULTFD, 0)
    if fd < 0:
        sys.exit(77)
    fcntl.ioctl(fd, UFFDIO_API, struct.pack("=QQQ", UFFD_API, 0, 0))
    page = libc.mmap(None, PAGE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    fcntl.ioctl(fd, UFFDIO_REGISTER, struct.pack("=QQQQ", page, PAGE, MODE_MISSING, 0))
    return page


def work(times):
    return sum(range(times))


def poisoned():
    while True:
        work(1000)


def poison(_number, _frame):
    """Its name is moved away, under whichever of its fields have it, and it is called: what pyrope has not seen before it reads."""
    code = poisoned.__code__
    names = [id(code.co_name), id(getattr(code, "co_qualname", None))]
    fields = [ctypes.c_void_p.from_address(id(code) + offset) for offset in range(0, sys.getsizeof(code), 8)]
    for field in fields:
        if field.value in names:
            field.value = page  # from here on whoever asks for the name waits for ever, and so would this program
    poisoned()


def calm():
    while True:
        work(1000)


page = register()
signal.signal(signal.SIGUSR1, poison)
support.ready()
calm()
