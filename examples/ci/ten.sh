#!/bin/sh
# SPDX-License-Identifier: MIT
# Does the job fail when render() takes 10 % longer, and only then? So many times each (default 10), against a baseline of two runs.
#
# usage: ten.sh [TIMES]        PYROPE as for job.sh
set -u
cd "$(dirname "$0")" || exit 1
times=${1:-10}
passed=0 failed=0
rm -rf baseline
./job.sh keep && ./job.sh keep || exit 1
for _ in $(seq "$times"); do
	./job.sh check >/dev/null 2>&1 && passed=$((passed + 1))
	SLOWER=${SLOWER:-1.1} ./job.sh check >/dev/null 2>&1
	[ $? -ne 3 ] || failed=$((failed + 1))
done
echo "equal: passed $passed of $times; 10 % slower: failed $failed of $times"
[ "$passed" -eq "$times" ] && [ "$failed" -eq "$times" ]
