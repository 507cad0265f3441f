#!/bin/sh
# SPDX-License-Identifier: MIT
# What of the packages' files has the version and the date in it, put where Debian's and rpm's tools look for it: make dist
# calls it, so that dpkg-buildpackage and rpmbuild -ta work in the archive and on it.
#
# Usage: packaging/generate.sh VERSION DIRECTORY-OF-THE-RELEASE
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$1
release=$2
epoch=$("$here/epoch.sh")
export LC_ALL=C

# written FROM TO DATE
written()
{
	sed "s/@VERSION@/$version/g; s/@DATE@/$3/g" "$1" >"$2"
}

rm -rf "$release/debian"
mkdir -p "$release/debian/source"
for file in control copyright pyrope.docs pyrope.install pyrope.lintian-overrides rules source/format; do
	cp "$here/debian/$file" "$release/debian/$file"
done
chmod -R u+w "$release/debian"
written "$here/debian/changelog.in" "$release/debian/changelog" "$(date -u -d "@$epoch" '+%a, %d %b %Y %H:%M:%S +0000')"
written "$here/pyrope.spec.in" "$release/pyrope.spec" "$(date -u -d "@$epoch" '+%a %b %d %Y')"
