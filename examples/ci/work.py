# SPDX-License-Identifier: MIT
"""What the job of the example measures: rounds of work that are the same in each run. SLOWER=1.1 plants a slowdown of 10 % in render().

usage: work.py [ROUNDS]
"""
import os
import sys

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 4500
SLOWER = float(os.environ.get("SLOWER", "1"))


def parse(lines):
    total = 0
    for line in range(lines):
        total += line * line % 7
    return total


def render(rows):
    text = 0
    for row in range(rows):
        text = (text * 31 + row) % 1000003
    return text


def store(records):
    kept = 0
    for record in range(records):
        kept ^= record * 5
    return kept


for _ in range(ROUNDS):
    parse(60000)
    render(int(120000 * SLOWER))
    store(60000)
