# SPDX-License-Identifier: MIT
"""What a terminal shows as a picture: lines of text in, SVG out. Lines that begin with "$ " are what was typed.

Usage: terminal_picture.py <TEXT >PICTURE.svg
"""
import sys
from xml.sax.saxutils import escape

LETTER, ROW, MARGIN = 7.25, 17, 12

lines = sys.stdin.read().rstrip("\n").split("\n")
width, height = round(2 * MARGIN + LETTER * max(map(len, lines))), 2 * MARGIN + ROW * len(lines)
print('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">' % (width, height, width, height))
print("<style>rect{fill:#fff;stroke:#ccc}text{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#222;white-space:pre}.typed{font-weight:bold}"
      "@media(prefers-color-scheme:dark){rect{fill:#1d1f21;stroke:#444}text{fill:#ddd}}</style>")
print('<rect x="0.5" y="0.5" width="%d" height="%d" rx="6"/>' % (width - 1, height - 1))
for number, line in enumerate(lines):
    if line:
        kind = ' class="typed"' if line.startswith("$ ") else ""
        print('<text x="%d" y="%d"%s xml:space="preserve">%s</text>' % (MARGIN, MARGIN + 12 + ROW * number, kind, escape(line)))
print("</svg>")
