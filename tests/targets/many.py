# SPDX-License-Identifier: MIT
"""many.py COUNT: so many named threads that sleep, beside the main one, which sleeps too."""
import sys
import threading

import support

threading.stack_size(65536)
lock = threading.Lock()
lock.acquire()
for number in range(int(sys.argv[1])):
    thread = threading.Thread(target=lock.acquire, name="number %d" % number)
    thread.daemon = True
    thread.start()
support.ready()
support.wait()
