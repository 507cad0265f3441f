# SPDX-License-Identifier: MIT
# What configure.ac needs beside autoconf's own macros.

# PYROPE_SUGGEST(NEED): sets pyrope_suggestion to a sentence with the names that packages.tsv has for NEED.
AC_DEFUN([PYROPE_SUGGEST],
[pyrope_suggestion=`$AWK -F '	' -v need='$1' '
	$[]1 == need {
		printf "it is called %s in Debian, %s in Fedora, %s in Alpine, %s in Arch, %s in openSUSE; ",
			$[]3, $[]4, $[]5, ($[]6 == "-" ? "python" : $[]6), $[]7
		printf "./autogen.sh --deps installs all that is needed."
	}' "$srcdir/packages.tsv"`])

# PYROPE_PACKAGE(VARIABLE, MODULE, [VERSION-CHECK], [WHEN-MISSING])
# Looks for a library by pkg-config; where it is missing, says which package has it (WHEN-MISSING: AC_MSG_ERROR).
AC_DEFUN([PYROPE_PACKAGE],
[PKG_CHECK_MODULES([$1], [$2 $3], [AS_TR_SH([have_$2])=yes],
	[AS_TR_SH([have_$2])=no
	PYROPE_SUGGEST([$2])
	m4_default([$4], [AC_MSG_ERROR])([$2 is missing: $pyrope_suggestion])])])

# PYROPE_FLAGS(VARIABLE, FLAGS): adds FLAGS to VARIABLE where the compiler can compile and link with them, else ends.
AC_DEFUN([PYROPE_FLAGS],
[AC_MSG_CHECKING([whether $CC takes $2])
pyrope_saved_cflags=$CFLAGS
CFLAGS="$CFLAGS $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
	[AC_MSG_RESULT([yes])],
	[AC_MSG_RESULT([no])
	AC_MSG_ERROR([$CC cannot build with $2: install its run-time libraries, or take another compiler])])
CFLAGS=$pyrope_saved_cflags
$1="$$1 $2"])
