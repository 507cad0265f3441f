#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fetches from PyPI what some tests of --native and those of greenlets want, for every interpreter that the tests find, into
# $PYROPE_TEST_PACKAGES (default ~/.cache/pyrope/packages): cffi, greenlet, numpy, numba, nat_cython.c as Cython makes it for that
# version, and gevent in a folder of its own. The tests never go to the network themselves; they skip what is not there. What is there already is kept.
#
# Usage: tests/tools/native_packages.sh
#
# The packages are wheels, unpacked by the helper's own pip, so that neither an old interpreter nor one in a chroot needs a pip.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
exec 2>&1
native=$(cd "$e2e/../native" && pwd)
packages=${PYROPE_TEST_PACKAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/pyrope/packages}

# cp27mu, cp37m, cp314t: the tag of the current interpreter's wheels. A debug build takes no wheels, and nobody makes any for 3.4 and 3.5.
wheel_tag() {
	case $python_name in
	*d* | 3.4 | 3.5) return 1 ;;
	2.7*) echo cp27mu ;;
	3.6* | 3.7*) echo "cp${python_version/30/3}m" ;;
	*t*) echo "cp3$((python_version % 100))t" ;;
	*) echo "cp3$((python_version % 100))" ;;
	esac
}

install() {
	"$helper_python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore "$@"
}

# fetch FOLDER PACKAGE...: into that folder of the current interpreter.
fetch() {
	local folder=$1 package tag version=$((python_version / 100)).$((python_version % 100))
	shift
	tag=$(wheel_tag) || return 0
	for package in "$@"; do
		[ ! -e "$folder/.$package" ] || continue
		if install --target "$folder" --upgrade --only-binary=:all: \
			--implementation cp --python-version "$version" --abi "$tag" --abi abi3 --abi none "$package"; then
			touch "$folder/.$package"
			echo "$python_name: $package"
		else
			echo "$python_name: no wheel of $package"
		fi
	done
}

# Cython is a program for the helper: 3.0 makes C for 2.7 to 3.12, what came after it for 3.9 and newer.
cython_for() {
	local wanted folder
	if [ "$python_version" -lt 309 ]; then
		wanted='cython<3.1'
		folder=$packages/cython-3.0
	else
		wanted=cython
		folder=$packages/cython
	fi
	[ -e "$folder/cython.py" ] || install --target "$folder" "$wanted" || return
	mkdir -p "$packages/$python_name"
	PYTHONPATH=$folder "$helper_python" -m cython -3 -o "$packages/$python_name/nat_cython.c" "$native/nat_cython.pyx" &&
		cp "$native/nat_cython.pyx" "$packages/$python_name/" && echo "$python_name: nat_cython.c"
}

mkdir -p "$packages"
for interpreter in ${interpreters[@]+"${interpreters[@]}"}; do
	use_interpreter "$interpreter"
	python_name=${python_name%%-*} # static and shared take the same
	fetch "$packages/$python_name" greenlet cffi
	fetch "$packages/gevent/$python_name" gevent
	cython_for
done
# these for one of them are enough; numba says which numpy it can do with, and comes later than a new version of Python
use_any_interpreter 309 && folder=$packages/${python_name%%-*} && fetch "$folder" numba && { [ -e "$folder/numpy" ] || fetch "$folder" numpy; }
exit 0
