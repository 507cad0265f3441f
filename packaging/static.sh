#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds pyrope as one static file: against musl, with libraries that are built here from the distribution's own source
# packages (apt-get source, which checks their signatures). It runs on any Linux of its architecture from 3.10 on.
#
# Usage: packaging/static.sh [ARCHITECTURE] BUILD     x86_64 (default: this machine's) or aarch64
#
# The build is in BUILD/static/ARCHITECTURE, what comes of it BUILD/release/pyrope-VERSION-linux-ARCHITECTURE.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)

fail()
{
	printf 'static.sh: %s\n' "$1" >&2
	exit 1
}

machine=$(uname -m)
case $# in
1) arch=$machine ;;
2)
	arch=$1
	shift
	;;
*)
	sed -n '/^# Usage/s/^# //p' "$0" >&2
	exit 2
	;;
esac
case $arch in
x86_64) debian=amd64 flags= ;;
# libgcc's helpers for it ask glibc which instructions there are
aarch64) debian=arm64 flags=-mno-outline-atomics ;;
*) fail "no such architecture: $arch: x86_64 or aarch64" ;;
esac
mkdir -p "$1"
build=$(cd "$1" && pwd)
triplet=$arch-linux-musl
tools=$arch-linux-gnu
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}

if ! command -v "$triplet-gcc" >/dev/null || ! command -v "$tools-gcc" >/dev/null; then
	[ "$arch" = "$machine" ] || other=", after dpkg --add-architecture $debian"
	fail "$triplet-gcc is missing: apt-get install gcc-$(echo "$arch" | tr _ -)-linux-gnu musl-dev:$debian${other:-}"
fi
[ -x "$source/configure" ] || fail "there is no configure yet: run ./autogen.sh first"

prefix=$("$source/packaging/static_libraries.sh" "$arch")

# ---- pyrope ----

export CC="$triplet-gcc -static" AR="$tools-gcc-ar" RANLIB="$tools-gcc-ranlib" NM="$tools-gcc-nm" STRIP="$tools-strip"
export PKG_CONFIG_LIBDIR="$prefix/lib/pkgconfig" PKG_CONFIG_PATH=
export CPPFLAGS="-I$prefix/include -isystem $prefix/kernel" LDFLAGS="-L$prefix/lib -Wl,--gc-sections"
flags="-O2 -g -ffunction-sections -fdata-sections $flags"
folder=$build/static/$arch
[ "$(cat "$folder/libraries" 2>/dev/null)" = "$prefix" ] || rm -rf "$folder"
mkdir -p "$folder" "$build/release"
echo "$prefix" >"$folder/libraries"
cd "$folder"
[ -e Makefile ] || CFLAGS="$flags -ffile-prefix-map=$source=. -ffile-prefix-map=$folder=. -ffile-prefix-map=$prefix=lib" \
	"$source/configure" --quiet --host="$triplet" --enable-werror PKG_CONFIG="pkg-config --static"
# libtool takes -static for its own libraries alone, and configure does not know -all-static.
make -j "$jobs" LDFLAGS="$LDFLAGS -all-static"
version=$(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"$/\1/p' config.h)
out=$build/release/pyrope-$version-linux-$arch
$STRIP --strip-all -R .comment -o "$out.new" pyrope
"$tools-readelf" -l "$out.new" | grep -q INTERP && fail "$out.new is not static"
size=$(wc -c <"$out.new")
[ "$size" -lt 8000000 ] || fail "$out.new has $size bytes: 8 MB are the limit"
mv "$out.new" "$out"

# ---- what is in it, for the bill of materials: sources, and what the compiler adds: package, version, archive, hash ----

ln -sfn "$(dirname "$prefix")/sources-$(cut -f 1 "$prefix/versions.tsv" | paste -s -d ' ' | sha256sum | cut -c 1-16)" "$build/static/sources"
for archive in "/usr/lib/$triplet/libc.a" "$("$tools-gcc" -print-libgcc-file-name)"; do
	owner=$(dpkg-query -S "$(readlink -f "$archive")" | cut -d ' ' -f 1)
	printf '%s\t%s\t%s\n' "$(dpkg-query -W -f '${source:Package}\t${source:Version}' "${owner%:}")" "${archive##*/}" \
		"$(sha256sum <"$archive" | cut -c 1-64)"
done >"$build/static/$arch.toolchain"
echo "$out: $size bytes"
