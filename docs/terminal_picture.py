# SPDX-License-Identifier: MIT
"""What a terminal shows as a picture: lines of text in, SVG out. Lines that begin with "$ " are what was typed. Colours (SGR) are those of pyrope doctor and top.

Usage: terminal_picture.py <TEXT >PICTURE.svg
"""
import re
import sys
from xml.sax.saxutils import escape

LETTER, ROW, MARGIN = 7.25, 17, 12

CODE = re.compile("\033\\[([0-9;]*)m")
CLASSES = {"1": "b", "31": "r", "32": "g", "33": "y", "1;31": "r"}


def plain(line):
    return CODE.sub("", line)


def marked(line):
    """The line as it stands in SVG: what has a colour is a tspan."""
    text, is_open = "", False
    for part, piece in enumerate(CODE.split(line)):
        if part % 2 == 0:
            text += escape(piece)
            continue
        text += "</tspan>" if is_open else ""
        is_open = piece in CLASSES
        text += '<tspan class="%s">' % CLASSES[piece] if is_open else ""
    return text + ("</tspan>" if is_open else "")


lines = sys.stdin.read().rstrip("\n").split("\n")
width, height = round(2 * MARGIN + LETTER * max(len(plain(line)) for line in lines)), 2 * MARGIN + ROW * len(lines)
print('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">' % (width, height, width, height))
print("<style>rect{fill:#fff;stroke:#ccc}text{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#222;white-space:pre}.typed,.b{font-weight:bold}.g{fill:#18794e}.y{fill:#8a5b00;font-weight:bold}.r{fill:#b42318;font-weight:bold}"
      "@media(prefers-color-scheme:dark){rect{fill:#1d1f21;stroke:#444}text{fill:#ddd}.g{fill:#6fcf97}.y{fill:#f2c94c}.r{fill:#ff8a80}}</style>")
print('<rect x="0.5" y="0.5" width="%d" height="%d" rx="6"/>' % (width - 1, height - 1))
for number, line in enumerate(lines):
    if plain(line):
        kind = ' class="typed"' if line.startswith("$ ") else ""
        print('<text x="%d" y="%d"%s xml:space="preserve">%s</text>' % (MARGIN, MARGIN + 12 + ROW * number, kind, marked(line)))
print("</svg>")
