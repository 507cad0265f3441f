# SPDX-License-Identifier: MIT
"""What Go's pprof says of a file: NAME SELF TOTAL for each function, by its table of samples; both sample types must say the same. With --decode
the file is taken apart by protoc, which knows no field that is not in pprof.proto and no text that is not UTF-8.

Usage: read_pprof.py PPROF FILE INTERVAL-NS [--lines]
       read_pprof.py --decode FILE
"""
import gzip
import os
import re
import subprocess
import sys

PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pprof.proto")


def ask(*words):
    return subprocess.run(words, check=True, timeout=120, encoding="utf-8", stdout=subprocess.PIPE,
                          env=dict(os.environ, PPROF_NO_BROWSER="1")).stdout


def table(pprof, file, kind, *options):
    """NAME -> (flat, cum) as pprof -top prints them."""
    rows = {}
    text = ask(pprof, "-top", "-nodecount=1000000", "-nodefraction=0", "-edgefraction=0", "-sample_index=" + kind, *options, file)
    for line in text.splitlines():
        match = re.match(r"\s*([\d.]+)(\w*)\s+[\d.]+%\s+[\d.]+%\s+([\d.]+)(\w*)\s+[\d.]+%\s+(.*?)(?: \(inline\))?$", line)
        if match:
            flat, cum = float(match.group(1)), float(match.group(3))
            assert match.group(2) in ("", "ns") and match.group(4) in ("", "ns"), line
            row = rows.setdefault(match.group(5), [0, 0])
            row[0] += int(flat)
            row[1] += int(cum)
    return rows


def decode(file):
    with gzip.open(file) as packed:
        text = subprocess.run(["protoc", "--decode=perftools.profiles.Profile", "-I", os.path.dirname(PROTO), PROTO],
                              input=packed.read(), check=True, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    unknown = re.search(rb"^\s*\d+( {|:).*", text.stdout, re.MULTILINE)
    assert not unknown, unknown
    assert not text.stderr, text.stderr
    samples = re.findall(r"^sample {\n(.*?)^}", text.stdout.decode(), re.MULTILINE | re.DOTALL)
    print("samples", sum(int(re.search(r"value: (\d+)", sample).group(1)) for sample in samples))


def main():
    if sys.argv[1] == "--decode":
        return decode(sys.argv[2])
    pprof, file, interval_ns = sys.argv[1], sys.argv[2], int(sys.argv[3])
    options = ["-lines"] if "--lines" in sys.argv else []
    counts = table(pprof, file, "samples", *options)
    times = table(pprof, file, "wall", "-unit=ns", *options)
    for name, row in counts.items():
        assert [number * interval_ns for number in row] == times[name], (name, row, times[name])
    for name in sorted(counts):
        print(name, *counts[name])


main()
