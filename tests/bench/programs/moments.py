# SPDX-License-Identifier: MIT
"""Is in another function each millisecond: moment_0, moment_1, ... A profile of it tells when its first sample was taken.

page[0] is the number of the present one.
"""
import program

MOMENTS = 3000
LENGTH_S = 0.001
SOURCE = "def moment_%d(end):\n    while clock() < end:\n        pass\n"


def make():
    names = {"clock": program.clock}
    for i in range(MOMENTS):
        exec(SOURCE % i, names)
    return [names["moment_%d" % i] for i in range(MOMENTS)]


def main():
    shared = program.begin()
    moments = make()
    program.ready()
    begin = program.clock()
    while True:
        number = int((program.clock() - begin) / LENGTH_S)
        shared[0] = number
        moments[number % MOMENTS](begin + (number + 1) * LENGTH_S)


main()
