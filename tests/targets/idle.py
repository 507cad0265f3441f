# SPDX-License-Identifier: MIT
"""Sleeps in a system call, with nobody holding the GIL."""
import support

support.ready()
support.wait()  # here: wait
