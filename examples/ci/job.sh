#!/bin/sh
# SPDX-License-Identifier: MIT
# What a CI does. On the main branch it keeps a recording, elsewhere it holds the run to the budgets of pyrope.yaml, against those of main.
#
# usage: job.sh keep | check        PYROPE names the program, SLOWER=1.1 plants a slowdown
set -eu
cd "$(dirname "$0")"
pyrope=${PYROPE:-pyrope}

case ${1-} in
keep)
	mkdir -p baseline
	# by name the newest is the last
	exec "$pyrope" record -r 2ms -o "baseline/$(date -u +%Y-%m-%dT%H-%M-%S.%N).pyrope" -t python3 work.py ${ROUNDS:+"$ROUNDS"}
	;;
check)
	set -- record -r 2ms --check pyrope.yaml --report junit=pyrope-junit.xml --report gitlab=pyrope-quality.json -o run.svg
	[ -z "${GITHUB_ACTIONS:-}" ] || set -- "$@" --report github --report "markdown=$GITHUB_STEP_SUMMARY"
	exec "$pyrope" "$@" ${FORCE:+--force} -t python3 work.py ${ROUNDS:+"$ROUNDS"}
	;;
*)
	echo "usage: $0 keep | check" >&2
	exit 2
	;;
esac
