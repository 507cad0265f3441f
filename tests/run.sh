#!/bin/sh
# SPDX-License-Identifier: MIT
# From a fresh clone to the results of all tests: installs what is needed, builds into ./build, runs the tests, lists what
# failed and what was skipped and why. The last line counts.
#
# Usage: tests/run.sh [CONFIGURE-OPTION...]
# $BUILD is the folder to build in, $JOBS how many jobs run at once (default: the processors).
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}

./autogen.sh --deps
mkdir -p "$build"
(cd "$build" && "$OLDPWD/configure" --quiet "$@" && make -j "$jobs")
# What an older run has left would be counted.
find "$build" \( -name '*.trs' -o -name '*.first' \) -exec rm -f '{}' +
status=0
JOBS=$jobs tests/tools/check.sh "$build" || status=$?
tests/tools/summary.sh "$build" || status=$?
exit $status
