# -*- coding: utf-8 -*-
# A thread with variables of every kind that dump --locals prints, asleep in a read. With "spin" it computes.
import os
import sys


class Plain(object):
    def __init__(self):
        self.attribute = 1


class Text(str):
    pass


class Old:
    pass


module_number = 4711


def inner(argument, second="two", *rest, **options):
    flag, nothing, small, negative = True, None, 42, -7
    big, negative_big = 2 ** 70, -(10 ** 25)
    huge = 10 ** 5000
    ratio, whole, tiny = 0.1, 3.0, 1e-300
    text, quoted, empty = u"plain", "it's\n", ""
    latin, wide, astral = u"caf\xe9", u"\u20ac\u4e2d", u"\U0001f600!"
    data = b"a\x00\xff"
    listed, tupled, single, nested = [1, "a", None], (1, 2), (1,), [[1, [2, [3, [4, [5]]]]]]
    mapped, unhashed, emptied = {"a": 1, 2: "b"}, {}, []
    one_set, frozen = set([7]), frozenset([8])
    long_list, long_text = list(range(1000)), "x" * 10000
    plain, sub, looped = Plain(), Text("sub"), []
    looped.append(looped)
    attributes = plain.__dict__
    klass, buffered = Plain, bytearray(b"12345")
    shared = "in a cell"

    def closure():
        return shared, argument, deepest

    def deepest():
        seen = shared
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if "spin" in sys.argv:
            while True:
                pass
        return os.read(0, 1), seen

    return closure()[2]()


inner(12345, *["third"], key="word")
