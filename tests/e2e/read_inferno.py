# SPDX-License-Identifier: MIT
"""What inferno has drawn: collapsed stacks with the samples of each, from left to right, rebuilt from the places of the frames in its SVG. The
number in a frame's tooltip has to be its width.

Usage: read_inferno.py FILE.svg
"""
import re
import sys
import xml.dom.minidom


def frames_of(path):
    """(y, first sample, samples, name), the root first: it stands lowest."""
    frames = []
    for group in xml.dom.minidom.parse(path).getElementsByTagName("g"):
        titles, rects = group.getElementsByTagName("title"), group.getElementsByTagName("rect")
        if len(titles) != 1 or len(rects) != 1:
            continue
        title = re.fullmatch(r"(.*) \(([\d,]+) samples?, [\d.]+%\)", titles[0].firstChild.data, re.DOTALL)
        first, count = int(rects[0].getAttribute("fg:x")), int(rects[0].getAttribute("fg:w"))
        assert int(title.group(2).replace(",", "")) == count, titles[0].firstChild.data
        frames.append((-float(rects[0].getAttribute("y")), first, count, title.group(1)))
    return sorted(frames)


def main():
    frames = frames_of(sys.argv[1])
    rows = sorted({frame[0] for frame in frames})
    edges = sorted({first for _, first, _, _ in frames} | {first + count for _, first, count, _ in frames})
    at = {edge: i for i, edge in enumerate(edges)}
    columns = [[] for _ in edges]  # between two edges: the frames that are there
    for row, first, count, name in frames:
        for i in range(at[first], at[first + count]):
            assert len(columns[i]) == rows.index(row), "a frame on nothing: " + name
            columns[i].append((name, first))
    stacks = []
    for i in range(len(edges) - 1):
        if stacks and stacks[-1][0] == columns[i]:
            stacks[-1][1] += edges[i + 1] - edges[i]
        else:
            stacks.append([columns[i], edges[i + 1] - edges[i]])
    for stack, count in stacks:
        print(";".join(name for name, _ in stack[1:]), count)


main()
