#!/bin/sh
# SPDX-License-Identifier: MIT
# What of a release is made of its other files: the bill of materials, the sources of what is linked in, the hashes.
#
# Usage: packaging/release.sh VERSION BUILD     of BUILD/release and BUILD/static
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
version=$1
build=$(cd "$2" && pwd)
epoch=$("$source/packaging/epoch.sh")
distribution=$(sed -n 's/^ID=//p' /etc/os-release)
export LC_ALL=C

cd "$build/release"
SOURCE_DATE_EPOCH=$epoch python3 "$source/packaging/sbom.py" --version "$version" --static "$build/static" \
	--distribution "$distribution" --into "pyrope-$version.spdx.json" "pyrope-$version"-linux-*[0-9]
sources=pyrope-$version-linux-sources.tar
(
	cd "$build/static/sources"
	find . -type f \( -name '*.dsc' -o -name '*.asc' -o -name '*.tar.*' \) ! -name 'check_*' -printf '%P\n' | sort |
		tar --create --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=go+rX,go-w --format=ustar --files-from=-
) >"$sources"
echo "$sources: $(wc -c <"$sources") bytes"
rm -f SHA256SUMS
sha256sum -- * >"$build/SHA256SUMS.new"
mv "$build/SHA256SUMS.new" SHA256SUMS
echo "$build/release/SHA256SUMS: $(wc -l <SHA256SUMS) files"
