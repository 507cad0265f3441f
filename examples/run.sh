#!/bin/sh
# SPDX-License-Identifier: MIT
# From a fresh clone to a first profile: installs what is needed, builds into ./build, runs pyrope on the service beside
# this file and prints the collapsed stacks. They go to standard output, all else to standard error.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}

{
	./autogen.sh --deps
	mkdir -p "$build"
	(cd "$build" && "$OLDPWD/configure" --quiet && make -j "$(getconf _NPROCESSORS_ONLN)")
} >&2

"$build/pyrope" -r 1ms -o "$build/service.collapsed" -o "$build/service.svg" -t python3 examples/service
cat "$build/service.collapsed"
cat >&2 <<END

These were the stacks and how often each was seen, also in $build/service.collapsed. The picture of them is $build/service.svg, for a browser.
END
