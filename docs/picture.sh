#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the picture in README.md out of what examples/run.sh has left: collapsed stacks to SVG by inferno, SVG to PNG by a
# headless Chromium. Paths are cut to what tells, so that labels fit.
#
# Usage: docs/picture.sh [COLLAPSED-FILE]
set -eu
cd "$(dirname "$0")/.."
stacks=${1:-build/service.collapsed}
svg=$(mktemp "${TMPDIR:-/tmp}/pyrope-picture.XXXXXX.svg")
trap 'rm -f "$svg"' EXIT

sed -E 's|[^; ]*/lib/python[23][.0-9]*/||g; s|[^; ]*/examples/service/||g' "$stacks" |
	inferno-flamegraph --width 1200 --title 'pyrope -r 1ms -t python3 examples/service' >"$svg"
height=$(sed -n 's/.*<svg [^>]* height="\([0-9]*\)".*/\1/p' "$svg")
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size="1200,$height" \
	--screenshot="$PWD/docs/service.png" "file://$svg" 2>/dev/null
