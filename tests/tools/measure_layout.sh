#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints where a CPython keeps things, in the vocabulary of struct layout, from its headers (the internal ones too:
# python3-dev, or the Include folder of a build with its pyconfig.h):
#
#   measure_layout.sh /usr/include/python3.14 [COMPILER_OPTION...]
#
# The compiler is $CC, else clang: with --target=aarch64-linux-gnu and that target's C library headers
# (-isystem /usr/aarch64-linux-gnu/include) it prints the other architecture's.
set -eu
[ $# -ge 1 ] || { echo 'usage: measure_layout.sh INCLUDE_DIRECTORY [COMPILER_OPTION...]' >&2; exit 2; }
include=$1
shift
assembly=$(mktemp)
trap 'rm -f "$assembly"' EXIT
case ${CC:-clang} in *clang*) set -- -fno-integrated-as "$@" ;; esac
"${CC:-clang}" -w -S -o "$assembly" "$@" -I"$include" -I"$include/internal" "$(dirname "$0")/measure_layout.c"
sed -n 's/^.*->\([a-z].*\)/\1/p' "$assembly" | tr -d '$#' | sort
