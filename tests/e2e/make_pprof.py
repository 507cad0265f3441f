# SPDX-License-Identifier: MIT
"""Writes small profiles of pprof, sound ones and others, into a folder, by the encoding that protobuf documents and nothing else.

Usage: make_pprof.py FOLDER
"""
import gzip
import os
import sys


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def within(field, value):
    value = value if isinstance(value, bytes) else value.encode("utf-8")
    return varint(field << 3 | 2) + varint(len(value)) + value


class Profile:
    def __init__(self):
        self.texts, self.message = [""], b""

    def text(self, text):
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)

    def type(self, field, kind, unit):
        self.message += within(field, number(1, self.text(kind)) + number(2, self.text(unit)))

    def function(self, id, name, file, start=0):
        self.message += within(5, number(1, id) + number(2, self.text(name)) + number(4, self.text(file)) + number(5, start))

    def location(self, id, lines, mapping=0, address=0):
        self.message += within(4, number(1, id) + number(2, mapping) + number(3, address) +
                               b"".join(within(4, number(1, function) + number(2, line)) for function, line in lines))

    def sample(self, locations, values, labels=(), packed=True):
        if packed:
            message = within(1, b"".join(map(varint, locations))) + within(2, b"".join(map(varint, values)))
        else:
            message = b"".join(number(1, one) for one in locations) + b"".join(number(2, one) for one in values)
        for key, value in labels:
            kind = number(3, value) if isinstance(value, int) else number(2, self.text(value))
            message += within(3, number(1, self.text(key)) + kind)
        self.message += within(2, message)

    def end(self):
        return self.message + b"".join(within(6, text) for text in self.texts)


def ordinary(kinds, values, packed=True, period=None):
    """main > render twice inlined > malloc, and main > (idle)."""
    profile = Profile()
    for kind in kinds:
        profile.type(1, *kind)
    if period:
        profile.type(11, *period[0])
        profile.message += number(12, period[1])
    profile.message += within(3, number(1, 7) + number(5, profile.text("/usr/lib/libc.so.6")))
    # samples before what they use: nothing says which comes first
    profile.sample([4, 3, 1], values[0], [("thread", "worker"), ("thread_id", 12), ("pid", "11"), ("state", "holds-gil")], packed)
    profile.sample([2, 1], values[1], [("other", "x")], packed)
    profile.function(1, "main", "/srv/app.py", 3)
    profile.function(2, "render", "/srv/app.py", 20)
    profile.function(3, "escape", "/srv/app.py", 40)
    profile.function(9, "(idle)", "")
    profile.location(1, [(1, 5)])
    profile.location(2, [(9, 0)])
    profile.location(3, [(3, 41), (2, 22)])  # the innermost first
    profile.location(4, [], mapping=7, address=0x1234)
    return profile.end()


COUNT = ("samples", "count")
CPU = ("cpu", "nanoseconds")
SOUND = ordinary([COUNT, CPU], [[300, 3000], [100, 1000]])


def hostile(steps):
    profile = Profile()
    profile.type(1, *COUNT)
    for step in steps:
        step(profile)
    return profile.end()


def bomb():
    return gzip.compress(within(6, b"\0" * (300 << 20)), 9)


FILES = {
    "sound.pb.gz": gzip.compress(SOUND),
    "raw.pb": SOUND,
    "unpacked_lists.pb": ordinary([COUNT, CPU], [[300, 3000], [100, 1000]], packed=False),
    "two_streams.pb.gz": gzip.compress(SOUND[:40]) + gzip.compress(SOUND[40:]),
    "times.pb.gz": gzip.compress(ordinary([("alloc_space", "bytes"), CPU], [[5, 3004], [5, 996]], period=(CPU, 10))),
    "events.pb.gz": gzip.compress(ordinary([("alloc_space", "bytes"), ("alloc_objects", "count")], [[5, 300], [5, 100]])),
    "bytes.pb.gz": gzip.compress(ordinary([("alloc_space", "bytes")], [[300], [100]])),
    "no_types.pb.gz": gzip.compress(ordinary([], [[], []])),
    "values.pb.gz": gzip.compress(ordinary([COUNT], [[300, 3000], [100]])),
    "negative.pb.gz": gzip.compress(ordinary([COUNT], [[300], [-1]])),
    "large.pb.gz": gzip.compress(ordinary([COUNT], [[1 << 62], [1]])),
    "location.pb": hostile(steps=[lambda profile: profile.sample([99], [1])]),
    "no_function.pb": hostile(steps=[lambda profile: profile.location(1, [(5, 1)]), lambda profile: profile.sample([1], [3])]),
    "inlined.pb": hostile(steps=[lambda profile: profile.location(1, [(5, 1)] * 200)]),
    "cut.pb.gz": gzip.compress(SOUND)[:-30],
    "cut.pb": SOUND[:-5],
    "damaged.pb.gz": gzip.compress(SOUND)[:40] + b"\xff\xff\xff\xff" + gzip.compress(SOUND)[44:],
    "tail.pb.gz": gzip.compress(SOUND) + b"tail",
    "text.gz": gzip.compress(b"main;f 12\n" * 10),
    "empty.pb.gz": gzip.compress(hostile(steps=[])),
    "hostile_texts.pb": ordinary([COUNT], [[1], [1]]).replace(b"escape", b"\x1b[2J\xff\n").replace(b"worker", b"a;b\n 1"),
    "wire.pb": SOUND + b"\x0b\x0c",
    "bomb.pb.gz": bomb,
}


def main():
    for name, content in FILES.items():
        with open(os.path.join(sys.argv[1], name), "wb") as out:
            out.write(content() if callable(content) else content)


main()
