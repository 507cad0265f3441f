#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs `make check' in a build folder. A machine that is short of CPUs can fail a test that measures a process, and the other tests
# that run beside it are what it is most often short of; so where no more than three tests fail they are run again, one at a time.
# What fails then as well has failed. What passes is listed as flaky by summary.sh, with what it said the first time: that is a bug in
# the test, or one in pyrope that shows now and then.
#
# Usage: tests/tools/check.sh BUILD-FOLDER [ARGUMENT-OF-MAKE...]
# $JOBS is how many tests run at once (default: the processors).
set -eu

build=$1
shift
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
again_at_most=3

status=0
make -C "$build" -j "$jobs" check "$@" || status=$?
[ $status -ne 0 ] || exit 0
failed=$(find "$build/tests" -name '*.trs' -exec grep -l '^:recheck: yes' '{}' +) || exit $status # it was not built
[ "$(echo "$failed" | wc -l)" -le $again_at_most ] || exit $status
for result in $failed; do
	cp "${result%.trs}.log" "${result%.trs}.first" # for summary.sh
done
echo "again, one at a time: $failed"
make -C "$build" recheck "$@"
