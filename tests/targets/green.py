# SPDX-License-Identifier: MIT
"""200 greenlets of gevent that sleep for a moment and compute, each at a depth of its own, with all of the library patched.

The argument is the folder that gevent is in.
"""
import site
import sys

site.addsitedir(sys.argv[1])  # with its .pth files, which 2.7 needs

from gevent import monkey  # pylint: disable=wrong-import-position
monkey.patch_all()

import gevent  # pylint: disable=wrong-import-position
import support  # pylint: disable=wrong-import-position


def work():
    total = 0
    for i in range(6000):
        total += i * i
    return total


def deeper(levels):
    return deeper(levels - 1) if levels else work()


def serve(number):
    while True:
        gevent.sleep(0.1)
        deeper(number % 20)


for number in range(200):
    gevent.spawn(serve, number)
support.ready()
while True: gevent.sleep(1000)
