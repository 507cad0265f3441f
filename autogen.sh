#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes ./configure. With --deps it first installs what is needed, by the system's own package manager, with the names
# that packages.tsv has for it; without --deps it installs nothing.
set -eu
cd "$(dirname "$0")"

usage()
{
	cat <<'END'
Usage: ./autogen.sh [--deps[=build|tests|release|lint|ci]]
  --deps=build   first install what it takes to build pyrope
  --deps=tests   and what its tests need (the default of --deps)
  --deps=release what it takes to build, and what `make static' needs
  --deps=lint    and what `make lint' and `make format' need
  --deps=ci      and what .ci/run needs
END
}

fail()
{
	printf 'autogen.sh: %s\n' "$1" >&2
	exit 1
}

# The manager's name is also the name of its column in packages.tsv.
find_manager()
{
	for manager in apt-get dnf apk pacman zypper; do
		if command -v "$manager" >/dev/null 2>&1; then
			printf '%s\n' "${manager%-get}"
			return
		fi
	done
	fail "found none of apt-get, dnf, apk, pacman, zypper: install by hand what packages.tsv lists"
}

# package_names MANAGER KINDS: one a line.
package_names()
{
	awk -F '\t' -v manager="$1" -v kinds=" $2 " '
		$1 == "# need" { for (i = 3; i <= NF; i++) if ($i == manager) column = i; next }
		/^#/ || !index(kinds, " " $2 " ") || $column == "-" { next }
		{ split($column, names, " "); for (i in names) print names[i] }' packages.tsv | sort -u
}

is_installed()
{
	case $1 in
	apt) dpkg-query -W -f '${Status}' "$2" 2>/dev/null | grep -q 'ok installed' ;;
	dnf | zypper) rpm -q --whatprovides "$2" >/dev/null 2>&1 ;;
	apk) apk info -e "$2" >/dev/null 2>&1 ;;
	pacman) pacman -T "$2" >/dev/null 2>&1 ;;
	esac
}

# The command that installs, to be run by root.
install_command()
{
	case $1 in
	apt) echo "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends" ;;
	dnf) echo "dnf install -y" ;;
	apk) echo "apk add" ;;
	pacman) echo "pacman -S --noconfirm --needed" ;;
	zypper) echo "zypper --non-interactive install" ;;
	esac
}

# Systems whose lists of packages can be missing or too old to install from.
refresh_command()
{
	case $1 in
	apt) echo "apt-get update -q" ;;
	apk) echo "apk update" ;;
	pacman) echo "pacman -Sy" ;;
	*) echo true ;;
	esac
}

install_packages()
{
	manager=$(find_manager)
	missing=
	for package in $(package_names "$manager" "$1"); do
		is_installed "$manager" "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	refresh=$(refresh_command "$manager")
	install="$(install_command "$manager")$missing"
	if [ "$(id -u)" -eq 0 ]; then
		sudo=
	elif command -v sudo >/dev/null 2>&1; then
		sudo=sudo
	else
		fail "not root and no sudo: run as root, then start again: $refresh && $install"
	fi
	# Commands and names are lists of words without special characters.
	# shellcheck disable=SC2086
	$sudo $refresh && $sudo $install
}

case $#:${1-} in
0:) ;;
1:--deps | 1:--deps=tests) install_packages "build tests" ;;
1:--deps=build) install_packages "build" ;;
1:--deps=release) install_packages "build release" ;;
1:--deps=lint) install_packages "build tests lint" ;;
1:--deps=ci) install_packages "build tests lint release ci" ;;
1:-h | 1:--help)
	usage
	exit 0
	;;
*)
	usage >&2
	exit 2
	;;
esac

command -v autoreconf >/dev/null 2>&1 || fail "autoreconf is missing: run ./autogen.sh --deps"
autoreconf --force --install
