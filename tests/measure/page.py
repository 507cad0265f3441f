# SPDX-License-Identifier: MIT
"""A page of numbers that a program under test and the harness share: no pipe, no call, nothing that a profile would show.

Runs on every Python from 2.7 on.
"""
import ctypes
import mmap

SLOTS = 512


def open_page(path):
    with open(path, "r+b") as file:
        memory = mmap.mmap(file.fileno(), 8 * SLOTS)
    return (ctypes.c_double * SLOTS).from_buffer(memory)


def make_page(path):
    with open(path, "wb") as file:
        file.write(b"\0" * 8 * SLOTS)
    return open_page(path)
