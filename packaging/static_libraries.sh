#!/bin/sh
# SPDX-License-Identifier: MIT
# The libraries of a static pyrope, built against musl from the distribution's own source packages (apt-get source, which
# checks their signatures), into $CI_CACHE/static/ARCHITECTURE-KEY (default: ~/.cache/pyrope/static). Sources and libraries
# stay there until this script changes; remove that folder to have newer sources.
#
# Usage: packaging/static_libraries.sh ARCHITECTURE     prints the folder with include/, lib/ and versions.tsv in it
#
# Left out are, since pyrope calls nothing of them: of elfutils libdwfl and libasm, which alone need argp, fts and obstack
# (musl has none), and debuginfod's client; of ncurses its terminal database: that of the machine is read where there is one,
# and else $terminals are built in. Not linked in at all are libcurl and libmicrohttpd, which bring TLS and its certificates
# into a file that never updates itself, and sqlite with them: serve, and sending to it, say that they need another build.
set -eu
packages="zlib libzstd xz-utils elfutils libiberty libyaml ncurses check"
terminals=ansi,dumb,linux,rxvt,rxvt-unicode-256color,screen,screen-256color,tmux,tmux-256color,vt100,vt220,xterm,xterm-256color

fail()
{
	printf 'static_libraries.sh: %s\n' "$1" >&2
	exit 1
}

arch=$1
triplet=$arch-linux-musl
tools=$arch-linux-gnu
cache=${CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pyrope}/static
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
# libgcc's helpers for it ask glibc which instructions there are
case $arch in aarch64) flags=-mno-outline-atomics ;; *) flags= ;; esac

command -v apt-get >/dev/null ||
	fail "apt-get is missing: the sources are those of Debian or Ubuntu; elsewhere: run this in a container of one of them"
for tool in dpkg-source tic make autoreconf pkg-config; do
	command -v $tool >/dev/null || fail "$tool is missing: ./autogen.sh --deps=release installs all that is needed"
done

# ---- sources ----

# The archives that apt has binary packages from, their main components. An apt of our own, so that the machine's
# list of sources need not name source packages and is not touched.
fetch_sources()
{
	apt-get indextargets --format "deb-src \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' \
		'Component: main' | sort -u | grep -E ' (debian|https?://[^ ]*(debian|ubuntu)[^ ]*) ' >sources.list ||
		fail "apt knows no archive of Debian or Ubuntu to take sources from: see /etc/apt/sources.list"
	mkdir -p lists/partial cache/archives/partial
	options="-o Dir::Etc::SourceList=$PWD/sources.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$PWD/lists"
	options="$options -o Dir::Cache=$PWD/cache -o APT::Sandbox::User=root"
	release=$(awk '$3 !~ /-/ { print $3; exit }' sources.list)
	# Names and options are words without special characters. What an archive of security updates lists and no longer has
	# is taken from the release itself.
	# shellcheck disable=SC2086
	{
		apt-get -q $options update
		for package in $packages; do
			apt-get -q $options source --download-only "$package" ||
				apt-get -q $options -t "$release" source --download-only "$package" ||
				fail "the sources of $package cannot be fetched: see above"
		done
	} >fetch.log 2>&1 || {
		tail -n 30 fetch.log >&2
		return 1
	}
	rm -rf lists cache
}

key=$(sha256sum <"$0" | cut -c 1-16)
sources=$cache/sources-$(echo "$packages" | sha256sum | cut -c 1-16)
if ! [ -e "$sources/complete" ]; then
	rm -rf "$sources.new"
	mkdir -p "$sources.new"
	(cd "$sources.new" && fetch_sources && touch complete) || fail "there are no sources in $sources"
	rm -rf "$sources"
	mv "$sources.new" "$sources"
fi

# ---- libraries ----

# The sources of a package with the distribution's patches: unpack PACKAGE
unpack()
{
	dpkg-source --no-copy -q -x "$sources/$1"_*.dsc "$work/$1" >/dev/null
	cd "$work/$1"
	find . -name config.sub -exec cp /usr/share/misc/config.sub '{}' ';' 2>/dev/null || true
}

library()
{
	echo "static_libraries.sh: $1 for $arch" >&2
	# In the background, since the shell's -e means nothing on the left of ||.
	(
		unpack "$1"
		"build_$(echo "$1" | tr - _)"
	) >"$work/$1.log" 2>&1 </dev/null &
	wait $! || {
		tail -n 30 "$work/$1.log" >&2
		fail "$1 cannot be built: $work/$1.log"
	}
}

configure_and_install()
{
	[ -x configure ] || autoreconf -fi
	./configure --quiet --host="$triplet" --prefix="$prefix" --disable-shared --enable-static "$@"
	make -j "$jobs"
	make install
}

build_zlib()
{
	CHOST=$tools ./configure --static --prefix="$prefix"
	make -j "$jobs" libz.a
	make install
}

build_libzstd()
{
	make -C lib -j "$jobs" libzstd.a
	make -C lib install-static install-includes install-pc PREFIX="$prefix"
}

build_xz_utils()
{
	configure_and_install --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-lzma-links \
		--disable-scripts --disable-doc --disable-nls
}

build_elfutils()
{
	./configure --quiet --host="$triplet" --prefix="$prefix" --disable-debuginfod --disable-libdebuginfod --disable-nls \
		--without-bzlib --without-lzma --without-zstd --enable-deterministic-archives ac_cv_bad_fts=no \
		ac_cv_search_argp_parse='none required' ac_cv_search_fts_close='none required' \
		ac_cv_search__obstack_free='none required'
	make -C lib -j "$jobs" libeu.a libeu_a_OBJECTS='xasprintf.o xstrdup.o xstrndup.o xmalloc.o next_prime.o crc32.o crc32_file.o error.o'
	for part in libelf/libelf libcpu/libcpu libebl/libebl backends/libebl_backends libdwelf/libdwelf libdw/libdw; do
		make -C "${part%/*}" -j "$jobs" "${part#*/}.a"
	done
	$AR r libdw/libdw.a lib/error.o # error(3), which musl has not
	cp libelf/libelf.a libdw/libdw.a "$prefix/lib"
	cp libelf/libelf.h libelf/gelf.h libdw/dwarf.h "$prefix/include"
	mkdir -p "$prefix/include/elfutils"
	cp libdw/libdw.h libdw/known-dwarf.h libelf/elf-knowledge.h version.h "$prefix/include/elfutils"
	cp config/libelf.pc config/libdw.pc "$prefix/lib/pkgconfig"
}

# configure says where it finds its own system.h files; only the library itself is made.
build_libiberty()
{
	cd libiberty 2>/dev/null || true
	./configure --quiet --host="$triplet" --prefix="$prefix" --disable-multilib
	make -j "$jobs" libiberty.a
	cp libiberty.a "$prefix/lib"
	mkdir -p "$prefix/include/libiberty"
	cp ../include/demangle.h ../include/libiberty.h ../include/ansidecl.h "$prefix/include/libiberty"
}

build_libyaml()
{
	configure_and_install
}

build_ncurses()
{
	configure_and_install --enable-widec --enable-pc-files --with-pkg-config-libdir="$prefix/lib/pkgconfig" \
		--without-cxx --without-cxx-binding --without-ada --without-manpages --without-progs --without-tests \
		--without-debug --disable-db-install --with-fallbacks="$terminals" --with-build-cc="${CC_FOR_BUILD:-cc}" \
		--with-default-terminfo-dir=/usr/share/terminfo \
		--with-terminfo-dirs=/etc/terminfo:/lib/terminfo:/usr/share/terminfo:/usr/lib/terminfo
}

build_check()
{
	configure_and_install --disable-subunit --disable-timeout-tests MAKEINFO=true
	sed -i 's/-lcheck_pic/-lcheck/' "$prefix/lib/pkgconfig/check.pc" # which Debian alone has
}

prefix=$cache/$arch-$key
export CC="$triplet-gcc -static" AR="$tools-gcc-ar" RANLIB="$tools-gcc-ranlib" NM="$tools-gcc-nm" STRIP="$tools-strip"
export PKG_CONFIG_LIBDIR="$prefix/lib/pkgconfig" PKG_CONFIG_PATH=
# musl has no headers of the kernel.
headers=$prefix/kernel
export CPPFLAGS="-I$prefix/include -isystem $headers" LDFLAGS="-L$prefix/lib -Wl,--gc-sections"
if ! [ -e "$prefix/complete" ]; then
	work=$(mktemp -d "${TMPDIR:-/tmp}/pyrope-static.XXXXXX")
	rm -rf "$prefix"
	mkdir -p "$prefix/lib/pkgconfig" "$prefix/include" "$headers"
	ln -s /usr/include/linux "$headers/linux"
	ln -s /usr/include/asm-generic "$headers/asm-generic"
	for folder in "/usr/$tools/include/asm" "/usr/include/$tools/asm"; do
		[ -d "$folder" ] && ln -sfn "$folder" "$headers/asm"
	done
	export CFLAGS="-O2 -ffunction-sections -fdata-sections $flags -ffile-prefix-map=$work=."
	for package in $packages; do
		library "$package"
	done
	# What is linked in, for the bill of materials: name, version, archive.
	for package in $packages; do
		awk -v package="$package" '/^Version:/ && !version { version = $2 } END { printf "%s\t%s\n", package, version }' \
			"$sources/$package"_*.dsc
	done >"$prefix/versions.tsv"
	rm -rf "$work"
	touch "$prefix/complete"
fi
echo "$prefix"
