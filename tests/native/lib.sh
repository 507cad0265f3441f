# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: MIT
#
# What the tests of --native share, on top of tests/e2e/lib.sh: the modules of this folder are built into the scratch folder,
# for each interpreter with its own headers where it has them. Packages from PyPI (cffi, greenlet, numpy, Cython) are
# never fetched by a test: those that tests/tools/native_packages.sh has put into $PYROPE_TEST_PACKAGES are used.
native=$(cd "$e2e/../native" && pwd)
cc=${CC:-cc}
cxx=${CXX:-c++}
packages=${PYROPE_TEST_PACKAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/pyrope/packages}
native_flags="-O2 -g -fPIC -shared -fno-optimize-sibling-calls"

has_native() {
	"$pyrope" --help | grep -q -- --native
}

# A pyrope that was built without libdw says so when it is asked.
was_built_without() {
	"$pyrope" --native -s 0 -p $$ 2>&1 | grep -q "built without"
}

need_native() {
	has_native || skip_all "this pyrope has no --native"
	if was_built_without; then
		skip_all "this pyrope was built without native frames"
	fi
	command -v "${cc%% *}" >/dev/null || skip_all "no C compiler ($cc)"
}

# compile OUTPUT SOURCE [FLAG...]: a shared object, by the language of the source.
compile() {
	local output=$1 source=$2 compiler=$cc
	shift 2
	case $source in
	*.rs)
		rustc -O -g -o "$output" "$source"
		return
		;;
	*.cc) compiler=$cxx ;;
	esac
	# shellcheck disable=SC2086 # both may be several words
	$compiler $native_flags -I"$native" "$@" -o "$output" "$source"
}

# build_modules: the modules that serve all interpreters, into $scratch/native.
build_modules() {
	mkdir -p "$scratch/native"
	check "nat.c is built" compile "$scratch/native/nat.so" "$native/nat.c" -DNAT_ABI || return 1
	languages="c"
	if command -v "${cxx%% *}" >/dev/null; then
		check "nat_cpp.cc is built" compile "$scratch/native/nat_cpp.so" "$native/nat_cpp.cc" && languages="$languages cpp"
	else
		skip "nat_cpp.cc" "no C++ compiler"
	fi
	if command -v rustc >/dev/null; then
		check "nat_rust.rs is built" compile "$scratch/native/nat_rust.so" "$native/nat_rust.rs" && languages="$languages rust"
	else
		skip "nat_rust.rs" "no rustc"
	fi
}

# The flags for Python.h of the current interpreter, empty when it has none.
header_flags() {
	local directory flags=
	for directory in $("${python[@]}" -c 'import sysconfig as s; print(s.get_path("include")); print(s.get_path("platinclude"))'); do
		[ ! -e "$python_root$directory/Python.h" ] || flags="-isystem $python_root$directory"
	done
	[ -z "$flags" ] || [ -z "$python_root" ] || flags="$flags -idirafter $python_root/usr/include"
	echo "$flags"
}

# lend_modules: sets modules, the folder in which the current interpreter finds what was built.
lend_modules() {
	local flags outside
	modules=$programs/native-$python_name
	outside=$python_root$modules
	[ ! -e "$outside" ] || return 0
	mkdir -p "$outside"
	cp "$scratch/native/"*.so "$outside"
	flags=$(header_flags)
	# shellcheck disable=SC2086 # several flags
	[ -z "$flags" ] || check "$python_name: nat.c is built with its headers" compile "$outside/nat.so" "$native/nat.c" $flags
	if [ -e "$packages/${python_name%%-*}" ]; then
		cp -R "$packages/${python_name%%-*}" "$outside/packages"
	fi
	build_cython "$outside"
}

# The C file that Cython made (tests/tools/native_packages.sh), where there are headers.
build_cython() {
	local source=$packages/${python_name%%-*}/nat_cython.c flags
	flags=$(header_flags)
	if [ -e "$source" ] && [ -n "$flags" ]; then
		# shellcheck disable=SC2086 # several flags
		compile "$1/nat_cython.so" "$source" $flags -w || rm -f "$1/nat_cython.so"
	fi
}

has_ctypes() {
	"${python[@]}" -c 'import ctypes' 2>/dev/null
}

# follows_rule RULE [ARG...]: what pyrope has printed, into $scratch/stdout, is what the program can have done.
follows_rule() {
	if ! "$helper_python" -B "$native/check.py" "$@" <"$scratch/stdout" >"$scratch/verdict"; then
		cat "$scratch/verdict"
		head -n 3 "$scratch/stderr"
		return 1
	fi
	cat "$scratch/verdict"
}

# count_of NAME: a number of the first line of the last verdict.
count_of() {
	awk -v name="$1" 'NR == 1 { for (i = 1; i < NF; i += 2) if ($i == name) print $(i + 1) }' "$scratch/verdict"
}
