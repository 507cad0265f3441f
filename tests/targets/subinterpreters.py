# SPDX-License-Identifier: MIT
"""Two subinterpreters in threads of their own: one sleeps, one spins with the GIL (its own one where it has one).

The one that spins lets go of the GIL now and then: 3.9 and 3.10 do not ask for it across interpreters.

Says `none` where this Python cannot make any; else `ready`, then the name that their code has as a file.
"""
import os
import sys
import threading

import support

try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        support.say("none")
        sys.exit()

SCRIPT = """
import os, sys, time
os.write({said}, sys._getframe().f_code.co_filename.encode() + b"\\n")
def sleeping(fd=None):
    os.read({read}, 1)
def spinning():
    while True: sum(range(500000)); time.sleep(0.0005)
{function}()
"""

said = os.pipe()
blocked = os.pipe()


def run(function):
    script = SCRIPT.format(said=said[1], read=blocked[0], function=function)
    interpreters.run_string(interpreters.create(), script)


for function in "sleeping", "spinning":
    thread = threading.Thread(target=run, args=(function,))
    thread.daemon = True
    thread.start()
    name = os.read(said[0], 1000)
support.ready()
support.say(name.decode().strip())
support.wait()  # here: main
os._exit(0)  # not waiting for threads that never end
