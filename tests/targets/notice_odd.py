# SPDX-License-Identifier: MIT
"""Puts itself into an odd place, by ctypes, and works there (the line that the test expects) or sleeps as the place has it.

usage: notice_odd.py undumpable|seccomp|vfork|plain
"""
import ctypes
import os
import struct
import sys

import support

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SECCOMP_MODE_FILTER = 2
BPF_RET_K, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x06, 0x7fff0000, 0x00050000
BPF_LD_W_ABS, BPF_JMP_JEQ_K = 0x20, 0x15
NR_PTRACE = {"x86_64": 101, "aarch64": 117}

libc = ctypes.CDLL(None, use_errno=True)


def work(n):
    return work(n - 1) + 1 if n else 0


def prctl(*arguments):
    if libc.prctl(*[ctypes.c_ulong(argument) for argument in arguments]):
        sys.exit("prctl: errno %d" % ctypes.get_errno())


def undumpable():
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def seccomp():
    """A sandbox: this process may not trace, and whoever reads it is not asked."""
    program = [(BPF_LD_W_ABS, 0, 0, 0), (BPF_JMP_JEQ_K, 0, 1, NR_PTRACE[os.uname()[4]]),
               (BPF_RET_K, 0, 0, SECCOMP_RET_ERRNO | 1), (BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(text)))
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header), 0, 0)


def vfork():
    """State D, with the GIL: the parent of a vfork, whose child opens a pipe that nobody writes to before it execs."""
    path = sys.argv[2]
    os.mkfifo(path)
    support.ready()
    support.wait()
    os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, path, os.O_RDONLY, 0)])


def plain():
    pass


globals()[sys.argv[1]]()
support.ready()
while True:
    work(500)  # so deep that no instant is outside of it, but one in a thousand
