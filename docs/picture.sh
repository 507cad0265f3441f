#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a picture in README.md out of collapsed stacks: to SVG by inferno, to PNG by a headless Chromium. Paths are cut to what tells,
# so that labels fit. Without arguments: of what examples/run.sh has left.
#
# Usage: docs/picture.sh [COLLAPSED-FILE PNG-FILE TITLE]
#
# docs/numpy.png is made of: pyrope -N -n --mode=cpu -r 1ms -o numpy.collapsed -t python3 examples/numpy_work.py 10
set -eu
cd "$(dirname "$0")/.."
stacks=${1:-build/service.collapsed}
png=${2:-docs/service.png}
title=${3:-pyrope -r 1ms -t python3 examples/service}
svg=$(mktemp "${TMPDIR:-/tmp}/pyrope-picture.XXXXXX.svg")
trap 'rm -f "$svg"' EXIT

sed -E 's|[^; ]*/lib/python[23][.0-9]*/||g; s|[^; ]*/examples/(service/)?||g; s|site-packages/||g;
	s|\.cpython-[^: ]*\.so|.so|g; s|_-[0-9a-f]{6,}\.so|.so|g; s|\.so[.0-9]+:|.so:|g' "$stacks" |
	inferno-flamegraph --width 1200 --title "$title" >"$svg"
height=$(sed -n 's/.*<svg [^>]* height="\([0-9]*\)".*/\1/p' "$svg")
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size="1200,$height" \
	--screenshot="$PWD/$png" "file://$svg" 2>/dev/null
