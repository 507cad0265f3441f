# SPDX-License-Identifier: MIT
"""Reads MOJO, the only format that Austin writes (p403n1x87.github.io/austin, "The MOJO File Format").

A file is a stream of events. Those of one sample are: its stack (process, thread), its frames, outermost first, each given
in full the first time and by its key from then on, and its metric.
"""
from collections import Counter

(METADATA, STACK, FRAME, FRAME_INVALID, FRAME_REFERENCE, FRAME_KERNEL, GC, IDLE, TIME, MEMORY, STRING,
    STRING_REFERENCE) = range(1, 13)


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        """Six bits and a sign in the first byte, seven in each that follows; the top bit says that one follows."""
        first = self.byte()
        value, shift, more = first & 0x3f, 6, first & 0x80
        while more:
            byte = self.byte()
            value |= (byte & 0x7f) << shift
            shift, more = shift + 7, byte & 0x80
        return -value if first & 0x40 else value

    def text(self):
        end = self.data.index(b"\0", self.at)
        text = self.data[self.at:end].decode("utf-8", "replace")
        self.at = end + 1
        return text


class Profile:
    """microseconds: by stack, a text of file:function:line frames. samples: how many there were. errors: as Austin says."""

    def __init__(self, data):
        self.microseconds = Counter()
        self.samples = 0
        self.metadata = {}
        self.strings, self.frames, self.stack = {}, {}, []
        reader = Reader(data)
        if reader.data[:3] != b"MOJ":
            raise ValueError("not a MOJO file")
        reader.at = 3
        version = reader.number()
        if not 3 <= version <= 4:
            raise ValueError("MOJO of version %d" % version)
        while reader.at < len(data):
            self.event(reader, reader.byte())

    @property
    def errors(self):
        return int(self.metadata.get("errors", "0").split("/")[0])

    def event(self, reader, kind):
        if kind == METADATA:
            key = reader.text()
            self.metadata[key] = reader.text()
        elif kind == STRING:
            key = reader.number()
            self.strings[key] = reader.text()
        elif kind == STACK:
            reader.number(), reader.number(), reader.text()
            self.stack = []
        elif kind == FRAME:
            self.new_frame(reader)
        elif kind == FRAME_REFERENCE:
            self.stack.append(self.frames[reader.number()])
        elif kind == FRAME_KERNEL:
            reader.text()
        elif kind == FRAME_INVALID:
            self.stack.append("(invalid)")
        elif kind == TIME:
            self.microseconds[";".join(self.stack)] += reader.number()
            self.samples += 1
        elif kind in (MEMORY, STRING_REFERENCE):
            reader.number()
        elif kind not in (GC, IDLE):
            raise ValueError("MOJO event %d" % kind)

    def new_frame(self, reader):
        """It is only defined here; the stack names it by its key."""
        key, file, function, line = (reader.number() for _ in range(4))
        for _ in range(3):
            reader.number()
        self.frames[key] = "%s:%s:%d" % (self.strings.get(file, "?"), self.strings.get(function, "?"), line)
