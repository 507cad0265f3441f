#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs tests that are no part of `make check' (those of a release), one after the other, and adds up what they say: each skip,
# each failure with what the test said, and at last one line, "N passed, N failed, N skipped". As check.sh does, a test that
# failed is run again: what passes then is listed as flaky, with what it said the first time. The exit code is 0 when nothing
# failed and something passed.
#
# Usage: tests/tools/tap.sh LOGS TEST...     (LOGS is a folder for what they print)
set -u

logs=$1
shift
mkdir -p "$logs" || exit

# A test that ends without its plan has not come to its end.
has_passed()
{
	! grep -q '^not ok' "$1" && grep -q '^1\.\.' "$1"
}

# words WORD NAME LOG: the failures of a log, each with what the test said below it.
words()
{
	awk -v word="$1" -v name="$2" '
		/^not ok / { print word ": " name " " substr($0, 8); lines = 8; next }
		/^#/ && lines-- > 0 { print "    " substr($0, 1, 200); next }
		{ lines = 0 }' "$3"
	grep -q '^1\.\.' "$3" || echo "$1: $2: it ended before its end"
}

run()
{
	bash "$1" 2>&1 | tee "$2"
	has_passed "$2"
}

passed=0 failed=0 skipped=0 told=
for test in "$@"; do
	name=$(basename "$test")
	log=$logs/$name.log
	if ! run "$test" "$log"; then
		cp "$log" "$log.first"
		echo "again: $name"
		if run "$test" "$log"; then
			told+=$(words flaky "$name" "$log.first")$'\n'
		else
			told+=$(words failed "$name" "$log")$'\n'
			failed=$((failed + $(grep -c '^not ok' "$log")))
			grep -q '^1\.\.' "$log" || failed=$((failed + 1))
		fi
	fi
	told+=$(sed -n -E "s/^(ok .*|1\.\.0 )# SKIP/skipped: $name &/p" "$log")$'\n'
	passed=$((passed + $(grep '^ok ' "$log" | grep -v -c '# SKIP')))
	skipped=$((skipped + $(grep -c -E '^(ok .*|1\.\.0 )# SKIP' "$log")))
done
grep . <<<"$told"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
