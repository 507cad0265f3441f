# SPDX-License-Identifier: MIT
"""Has a child that has ended and is not waited for: `ready`, then its pid."""
import os

import support

child = os.fork()
if child == 0:
    os._exit(0)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
support.ready()
support.say(str(child))
support.wait()
