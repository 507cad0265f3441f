#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian package, by Debian's own tools, from the archive of a release alone.
#
# Usage: packaging/deb.sh VERSION ARCHIVE BUILD     the package comes into BUILD/release
set -eu
version=$1
archive=$(readlink -f "$2")
mkdir -p "$3/release" "$3/packages"
build=$(cd "$3" && pwd)
for tool in dpkg-buildpackage dh; do
	command -v $tool >/dev/null || {
		echo "deb.sh: $tool is missing: ./autogen.sh --deps=release, on a Debian or Ubuntu" >&2
		exit 1
	}
done
work=$build/packages/deb
rm -rf "$work"
mkdir -p "$work"
cd "$work"
tar -xf "$archive"
(
	cd "pyrope-$version"
	dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes --jobs="${JOBS:-$(getconf _NPROCESSORS_ONLN)}"
) >build.log 2>&1 || {
	tail -n 40 build.log >&2
	echo "deb.sh: dpkg-buildpackage failed: see $work/build.log" >&2
	exit 1
}
for package in pyrope_"$version"-*.deb; do
	mv "$package" "$build/release/"
	echo "$build/release/$package: $(wc -c <"$build/release/$package") bytes"
done
