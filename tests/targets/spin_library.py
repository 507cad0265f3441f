# SPDX-License-Identifier: MIT
"""Calls the function spin of the library that is named, which does not return."""
import ctypes
import sys

import support

library = ctypes.CDLL(sys.argv[1])


def outer():
    library.spin()  # here: outer


support.ready()
outer()
