#!/bin/sh
# SPDX-License-Identifier: MIT
# Adds up what `make check' left in a build folder: each skip with its reason, each failure with what the test said, each that
# passed when check.sh ran it again as flaky, and at last one line, "N passed, N failed, N skipped". The exit code is 0 when
# nothing failed and something passed.
#
# The numbers come from the .trs files, which only the harness writes; the words come from the logs beside them, where the
# harness puts a line "SKIP: tests/e2e/NAME.test 3 - description # SKIP reason" below each result.
#
# Usage: tests/tools/summary.sh BUILD-FOLDER
#
# shellcheck disable=SC2016 # the programs are awk's
set -eu

results()
{
	find "$1/tests" -name '*.trs' | LC_ALL=C sort
}

# words BAD LOG...: the lines of these logs, where a failure is called BAD.
words()
{
	bad=$1
	shift
	awk -v bad="$bad" '
	/^[A-Z]+: tests\// { text = substr($0, length($1) + 2); sub("^ *tests/", "", text); lines = 0 }
	/^SKIP: tests\// && bad == "failed" { print "skipped: " text }
	/^(FAIL|ERROR): tests\// { print bad ": " text; lines = 8 }
	/^XPASS: tests\// { print bad ": " text " (passes, and should not yet)" }
	/^#/ && lines-- > 0 { print "    " substr($0, 1, 200) }' "$@"
}

# shellcheck disable=SC2046 # no name of a test has a space
words failed $(results "$1" | sed 's/trs$/log/') /dev/null
for first in $(find "$1/tests" -name '*.first' | LC_ALL=C sort); do
	grep -q '^:recheck: yes' "${first%.first}.trs" || words flaky "$first"
done
results "$1" | xargs awk '
	/^:test-result: (PASS|XFAIL)/ { passed++ }
	/^:test-result: (FAIL|XPASS|ERROR)/ { failed++ }
	/^:test-result: SKIP/ { skipped++ }
	END {
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit failed > 0 || passed == 0
	}' /dev/null
