#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the pictures of README.md, docs/service.svg and docs/numpy.svg, of what is in examples/. The programs run as a copy in a folder
# whose name says nothing, so that the files have no paths of this machine. The second one takes numpy.
#
# Usage: docs/picture.sh [PYROPE [PYTHON]]
set -eu
cd "$(dirname "$0")/.."
pyrope=$(realpath "${1:-build/pyrope}")
python=${2:-/usr/bin/python3}
docs=$PWD/docs
folder=/tmp/examples
mkdir "$folder"
trap 'rm -rf "$folder"' EXIT

cp -r examples/service examples/numpy_work.py "$folder"
cd "$folder"
"$pyrope" -r 1ms --min-width=0.05 --title "pyrope -r 1ms -o service.svg -t python3 examples/service" -o "$docs/service.svg" -t "$python" service
"$python" -c 'import numpy' || exit 0
"$pyrope" -N -n --mode=cpu -r 1ms --min-width=0.1 --title "pyrope --native --mode=cpu -o numpy.svg -t python3 numpy_work.py" -o "$docs/numpy.svg" \
	-t "$python" numpy_work.py 10
