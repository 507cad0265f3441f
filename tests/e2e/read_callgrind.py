# SPDX-License-Identifier: MIT
"""What callgrind_annotate says of a file: NAME SELF TOTAL for each function, as collapsed_functions.py has them. "(root)" has to have all samples.

Usage: read_callgrind.py FILE
"""
import re
import subprocess
import sys


def annotate(inclusive):
    text = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", "--show-percs=no", "--inclusive=" + inclusive,
                           sys.argv[1]], check=True, timeout=120, encoding="utf-8", stdout=subprocess.PIPE).stdout
    counts = {}
    for line in text.splitlines():
        # COUNT  FILE:FUNCTION [OBJECT]; a file may have a colon, and so may a function
        match = re.match(r"\s*([\d,]+)\s+(\S.*?):((?:[^:]|::)+?)(?: \[\])?$", line)
        if match:
            counts[match.group(3)] = counts.get(match.group(3), 0) + int(match.group(1).replace(",", ""))
    totals = re.search(r"^\s*([\d,]+)\s+PROGRAM TOTALS", text, re.MULTILINE)
    return counts, int(totals.group(1).replace(",", "")) if totals else 0


def main():
    own, total = annotate("no")
    inclusive, _ = annotate("yes")
    assert sum(own.values()) == total, (own, total)
    assert inclusive.pop("(root)", 0) == total
    for name in sorted(set(own) | set(inclusive)):
        print(name, own.get(name, 0), inclusive.get(name, 0))


main()
