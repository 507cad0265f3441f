#!/bin/sh
# SPDX-License-Identifier: MIT
# Adds up what `make check' left in a build folder: each failure, each skip with its reason, and at last one line,
# "N passed, N failed, N skipped". The exit code is 0 when nothing failed and something passed.
#
# Usage: tests/tools/summary.sh BUILD-FOLDER
set -eu

# The program is awk's.
# shellcheck disable=SC2016
find "$1/tests" -name '*.trs' -print | LC_ALL=C sort | xargs awk '
	function name() { path = FILENAME; sub(/^.*\/tests\//, "", path); sub(/\.trs$/, "", path); return path }
	# ":test-result: SKIP 3 - description # SKIP reason", and its like.
	function rest() { text = $0; sub(/^:test-result: [A-Z]+ */, "", text); return text }
	/^:test-result: (PASS|XFAIL)/ { passed++ }
	/^:test-result: (FAIL|XPASS|ERROR)/ { failures[failed++] = name() ": " rest() }
	/^:test-result: SKIP/ { skips[skipped++] = name() ": " rest() }
	END {
		for (i = 0; i < skipped; i++)
			print "skipped: " skips[i]
		for (i = 0; i < failed; i++)
			print "failed: " failures[i]
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit failed > 0 || passed == 0
	}' /dev/null
