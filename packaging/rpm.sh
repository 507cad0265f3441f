#!/bin/sh
# SPDX-License-Identifier: MIT
# The packages of rpm, source and binary, by rpmbuild, from the archive of a release alone.
#
# Usage: packaging/rpm.sh VERSION ARCHIVE BUILD     the packages come into BUILD/release
set -eu
version=$1
archive=$(readlink -f "$2")
mkdir -p "$3/release" "$3/packages"
build=$(cd "$3" && pwd)
command -v rpmbuild >/dev/null || {
	echo "rpm.sh: rpmbuild is missing: ./autogen.sh --deps=release" >&2
	exit 1
}
# Where the system's own packages are none of rpm's, it cannot know what is there.
nodeps=
rpm -q rpm >/dev/null 2>&1 || nodeps=--nodeps
work=$build/packages/rpm
rm -rf "$work"
mkdir -p "$work"
# shellcheck disable=SC2086 # NODEPS and RPMBUILD_OPTIONS are lists of words
rpmbuild -ta $nodeps --define "_topdir $work" --define "_buildhost localhost" \
	--define "source_date_epoch_from_changelog 1" --define "use_source_date_epoch_as_buildtime 1" \
	--define "clamp_mtime_to_source_date_epoch 1" ${RPMBUILD_OPTIONS:-} "$archive" >"$work.log" 2>&1 || {
	tail -n 40 "$work.log" >&2
	echo "rpm.sh: rpmbuild failed: see $work.log" >&2
	exit 1
}
for package in "$work"/SRPMS/pyrope-"$version"-*.src.rpm "$work"/RPMS/*/pyrope-"$version"-*.rpm; do
	mv "$package" "$build/release/"
	package=$build/release/${package##*/}
	echo "$package: $(wc -c <"$package") bytes"
done
