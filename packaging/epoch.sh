#!/bin/sh
# SPDX-License-Identifier: MIT
# The moment that stands in all that a release is made of, in seconds: $SOURCE_DATE_EPOCH, else that of the commit, or of the
# archive that this is.
set -eu
cd "$(dirname "$0")/.."
if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
	echo "$SOURCE_DATE_EPOCH"
elif ! { [ -e .git ] && git log -1 --format=%ct 2>/dev/null; }; then
	stat -c %Y configure
fi
