#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fetches and builds the interpreters that neither pyenv nor a distribution has, into $CI_CACHE/interpreters (default
# /var/cache/pyrope). What is there already is kept; each is made beside its place and moved there whole.
#
#   3.13t, 3.14t    without the GIL, and 3.4, 3.5: panda3d's wheels have a Python in them: `deploy-stub` is a static, stripped
#                   one, `deploy_libs` its extension modules. run_stub.c makes an interpreter of it. The standard library is
#                   that of pyenv's 3.13, of sid's 3.14, and for 3.4 and 3.5 that of pyenv's 3.6, without its newer syntax.
#   3.14-tail       a build with clang, tail calls between the instructions, LTO and BOLT, 3.14-jit the same with its JIT
#                   on, 3.10-lto and 3.11-lto older ones: python-build-standalone's, in the Go module go-embed-python
#   3.14d, 3.15d    debug builds, from Debian: inside of the chroot $PYROPE_SID (default $CI_CACHE/sid), without the
#                   debugging information that comes with them, which would change how --native looks in that chroot
#
# Usage: tests/tools/interpreters.sh [fetch|list|names]
#
# `list` prints what PYROPE_TEST_PYTHONS should name, of those that are there; `names` how the tests call all that `fetch` gets on
# this machine, for PYROPE_TEST_REQUIRE. What cannot be fetched is tried three times; the rest is fetched all the same, and the
# exit code tells.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
cache=${CI_CACHE:-/var/cache/pyrope}
sid=${PYROPE_SID:-$cache/sid}
place=$cache/interpreters
pyenv=${PYENV_ROOT:-$HOME/.pyenv}/versions
edition=2 # to be raised when the same name has to be made anew

panda3d=1.10.16
go_module=github.com/kluctl/go-embed-python
tail_version=v0.0.0-3.14.6-20260610-1
lto_310_version=v0.0.0-3.10.16-20241219-1
lto_311_version=v0.0.0-3.11.11-20241219-1

is_there() {
	[ "$(cat "$place/$1/edition" 2>/dev/null)" = $edition ]
}

# begin NAME: an empty folder to make it in; finish NAME: moves it to its place.
begin() {
	new=$place/$1.new
	rm -rf "$new"
	mkdir -p "$new/bin" "$new/lib"
}

finish() {
	echo $edition >"$new/edition"
	rm -rf "${place:?}/$1"
	mv "$new" "$place/$1"
	echo "$1: made"
}

# try COMMAND...: what goes over a network may fail once.
try() {
	local attempt
	for attempt in 1 2 3; do
		"$@" && return
		[ "$attempt" = 3 ] || sleep $((attempt * 10))
	done
	echo "failed three times: $*" >&2
	return 1
}

# A launcher that becomes the interpreter: an exec, so that no other process is between a test and it.
# launcher PATH ENVIRONMENT... PROGRAM
launcher() {
	local path=$1
	shift
	printf '#!/bin/sh\nexec env %s "$@"\n' "$*" >"$path"
	chmod +x "$path"
}

# ---- with panda3d's stub ----

# The newest standard library of a series that pyenv has.
pyenv_library() {
	local found
	found=$(printf '%s\n' "$pyenv/$1".*/lib/"python$1" | sort -V | tail -n 1)
	[ -e "$found/os.py" ] || {
		echo "no Python $1 in $pyenv" >&2
		return 1
	}
	echo "$found"
}

# stub_with_library SERIES NAME TAG PLATFORM [AGE]
stub_with_library() {
	local library
	library=$(pyenv_library "$1")
	stub "$2" "$3" "$4" "$library" "${5:-}"
}

copy_library() {
	mkdir "$2"
	tar -C "$1" --dereference -cf - --exclude=__pycache__ --exclude='./config-*' --exclude=./test --exclude=./site-packages \
		--exclude=./dist-packages --exclude=./lib-dynload --exclude=./ensurepip --exclude=./idlelib --exclude=./lib2to3 \
		--exclude=./distutils --exclude=./tkinter --exclude=./turtledemo --exclude=./sitecustomize.py . | tar -C "$2" -xf -
}

# A library of 3.6 for 3.5: what it says in syntax that came with 3.6 (f-strings, asynchronous generators) or needs of a newer
# interpreter is said otherwise. Texts of messages may be wrong then; nothing that the tests need is.
age_to_35() {
	find "$1" -name '*.py' -exec sed -i -E \
		-e "s/(^|[^A-Za-z0-9_\"'.\\])([fF]|rf|fr)([\"'])/\1\3/g" \
		-e 's/async def _ag\(/def _ag(/' {} +
	sed -i "s/sys.getfilesystemencodeerrors()/'surrogateescape'/" "$1/os.py"
	sed -i 's/^MAGIC = .*/from _sre import MAGIC/' "$1/sre_constants.py"
	sed -i -E "s/'(blake2[bs]|sha3_[0-9]+|shake_[0-9]+)',?//g" "$1/hashlib.py"
	cp "$1/lib-dynload/_sysconfigdata.py" "$1/_sysconfigdata_m_linux_.py"
}

# The same for 3.4, which has no coroutines, no `@` and one `*` in a call at most.
age_to_34() {
	age_to_35 "$1"
	find "$1" -name '*.py' -exec sed -i -E \
		-e 's/\basync (def|with|for) /\1 /' \
		-e 's/\bawait ([a-z_]+[.(])/\1/' \
		-e 's/ @ / * /; s/ @= / *= /' \
		-e 's/\(\*([a-z_.]+), \*([a-z_]+)/(*(tuple(\1) + tuple(\2))/' \
		-e '/^_c(oro)?\.close\(\)/d' {} +
	sed -i 's/^from _sre import MAXREPEAT, MAXGROUPS/from _sre import MAXREPEAT; MAXGROUPS = 2147483647/' "$1/sre_constants.py"
	# shellcheck disable=SC1004
	sed -i -E 's/^( *)_remove_dead_weakref\)/\1ref)\
\
def _remove_dead_weakref(d, key):\
    d.pop(key, None)\
/' "$1/weakref.py"
}

# stub NAME TAG PLATFORM LIBRARY [AGE]: the interpreter of the wheel for that ABI, with that standard library.
stub() {
	local name=$1 tag=$2 platform=$3 library=$4 age=${5:-} wheel version
	is_there "$name" && return
	begin "$name"
	version=${tag#cp}
	try python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --implementation cp \
		--platform "$platform" --python-version "${version%[mt]}" --abi "$tag" --dest "$new/wheel" "panda3d==$panda3d"
	wheel=$(echo "$new/wheel/"*.whl)
	(cd "$new/wheel" && python3 -m zipfile -e "$wheel" .)
	mv "$new/wheel/panda3d_tools/deploy-stub" "$new/bin/python$name.stub"
	copy_library "$library" "$new/lib/python$name"
	mv "$new/wheel/deploy_libs" "$new/lib/python$name/lib-dynload"
	rm -rf "$new/wheel"
	chmod +x "$new/bin/python$name.stub"
	[ -z "$age" ] || "$age" "$new/lib/python$name"
	"${CC:-cc}" -shared -fPIC -O2 -o "$new/bin/run_stub.so" "$source/tests/tools/run_stub.c"
	launcher "$new/bin/python$name" "LD_PRELOAD=$place/$name/bin/run_stub.so" \
		"PYROPE_STUB_NAME=$place/$name/bin/python$name" "$place/$name/bin/python$name.stub"
	finish "$name"
	"$place/$name/bin/python$name" -c 'import compileall, sys; compileall.compile_dir(sys.argv[1], quiet=2)' "$place/$name/lib" || true
}

# ---- python-build-standalone ----

# Files of the module are compressed one by one; files.json says which, their modes and links.
unpack_module='
import gzip, json, os, shutil, sys
folder, to = sys.argv[1:]
for entry in json.load(open(folder + "/files.json"))["files"]:
    name = entry["name"]
    path = os.path.join(to, name)
    if ".." in name.split("/") or name.startswith("/"):
        sys.exit("a path that leads out: " + name)
    if entry.get("symlink"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.lexists(path):
            os.symlink(entry["symlink"], path)
    elif os.path.isdir(os.path.join(folder, name)):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        source = os.path.join(folder, name)
        with (gzip.open(source + ".gz") if entry.get("compressed") else open(source, "rb")) as data, open(path, "wb") as file:
            shutil.copyfileobj(data, file)
        os.chmod(path, entry["perm"] & 0o777)
'

# standalone NAME MODULE-VERSION
standalone() {
	local name=$1 version=$2 folder
	is_there "$name" && return
	begin "$name"
	mkdir "$new/go"
	(cd "$new/go" && GOFLAGS=-modcacherw GOMODCACHE=$new/go try go mod download "$go_module@$version")
	folder=$new/go/$go_module@$version/python/internal/data/linux-$(go env GOARCH)
	python3 -c "$unpack_module" "$folder" "$new"
	rm -rf "$new/go"
	finish "$name"
}

# variant NAME OF [ENVIRONMENT...]: the interpreter of that folder under a name of its own.
variant() {
	local name=$1 of=$2 series=${1%%-*}
	shift 2
	is_there "$name" && return
	begin "$name"
	launcher "$new/bin/python$name" "$@" "$place/$of/bin/python$series"
	finish "$name"
}

# ---- debug builds of Debian's ----

debug_build() {
	local series=$1 archive=$sid/tmp/pyrope-debug-$1
	[ ! -x "$sid/usr/bin/python${series}d" ] || return 0
	rm -rf "$archive"
	mkdir -p "$archive"
	# shellcheck disable=SC2016 # for the shell inside
	try chroot "$sid" sh -c 'cd "$1" && shift && { apt-get -qq download "$@" || { apt-get -qq update && apt-get -qq download "$@"; }; }' \
		sh "/tmp/pyrope-debug-$series" "python$series-dbg" "libpython$series-dbg"
	for package in "$archive"/*.deb; do
		chroot "$sid" dpkg-deb --fsys-tarfile "${package#"$sid"}" |
			tar -C "$archive" -xf - --wildcards --no-wildcards-match-slash --exclude='./usr/lib/debug' \
				--exclude='./usr/share' --exclude='./usr/include'
	done
	cp -a "$archive/usr/lib/." "$sid/usr/lib/"
	mv "$archive/usr/bin/python${series}d" "$sid/usr/bin/python${series}d" # last: it says that the rest is there
	rm -rf "$archive"
	echo "${series}d: made"
}

has_stubs() {
	[ "$(uname -m)" = x86_64 ]
}

# get COMMAND...: one that fails does not keep the others away. A process of its own, for `set -e` to work inside.
get() {
	"$0" --one "$@" || failed=1
}

fetch() {
	failed=0
	mkdir -p "$place"
	if has_stubs; then
		get stub_with_library 3.13 3.13t cp313t manylinux2014_x86_64
		get stub 3.14t cp314t manylinux2014_x86_64 "$sid/usr/lib/python3.14"
		get stub_with_library 3.6 3.4 cp34m manylinux1_x86_64 age_to_34
		get stub_with_library 3.6 3.5 cp35m manylinux1_x86_64 age_to_35
	fi
	get standalone standalone-3.14 "$tail_version"
	get standalone standalone-3.10 "$lto_310_version"
	get standalone standalone-3.11 "$lto_311_version"
	get variant 3.14-tail standalone-3.14
	get variant 3.14-jit standalone-3.14 PYTHON_JIT=1
	get variant 3.10-lto standalone-3.10
	get variant 3.11-lto standalone-3.11
	get debug_build 3.14
	get debug_build 3.15
	list
	return $failed
}

names() {
	! has_stubs || printf '%s\n' 3.4 3.5 3.13t 3.14t
	printf '%s\n' 3.10-lto 3.11-lto 3.14-tail 3.14-jit 3.14d 3.15d
}

list() {
	local program
	for program in "$place"/[0-9]*/bin/python[0-9]*; do
		case $program in
		*.new/* | *.stub) ;;
		*) [ ! -x "$program" ] || echo "$program" ;;
		esac
	done
	for program in /usr/bin/python3.14d /usr/bin/python3.15d; do
		[ ! -x "$sid$program" ] || echo "chroot:$sid:$program"
	done
}

case ${1:-fetch} in
fetch) fetch ;;
list) list ;;
names) names ;;
--one) "${@:2}" ;;
*)
	echo "usage: $0 [fetch|list|names]" >&2
	exit 2
	;;
esac
