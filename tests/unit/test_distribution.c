/* SPDX-License-Identifier: MIT */
/* Which package a file is of, by what dpkg and apk keep, and what is advised to get its debug files. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/internal.h"
#include "suite.h"

static const char status[] =
	"Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\n"
	"Version: 2.36-9+deb12u14\nDescription: C\n Package: not-a-name\n\n"
	"Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n"
	"Package: evil$(reboot)\nStatus: install ok installed\nVersion: 1\n\n\n"
	"Package: python3.11-minimal\nStatus: install ok installed\nArchitecture: amd64\n"
	"Source: python3.11 (3.11.2-6)\nVersion: 3.11.2-6+b1\n";

START_TEST(test_dpkg)
{
	char architecture[NAME_BYTES];
	struct package package;
	const char *at = dpkg_next(status, &package, architecture);

	ck_assert_ptr_nonnull(at);
	ck_assert_str_eq(package.name, "libc6");
	ck_assert_str_eq(package.source, "glibc");
	ck_assert_str_eq(package.version, "2.36-9+deb12u14");
	ck_assert_str_eq(architecture, "amd64");
	at = dpkg_next(
		at, &package, architecture); /* not what is gone, nor what means something to a shell */
	ck_assert_ptr_nonnull(at);
	ck_assert_str_eq(package.name, "python3.11-minimal");
	ck_assert_str_eq(package.source, "python3.11");
	ck_assert_ptr_null(dpkg_next(at, &package, architecture));
	ck_assert_ptr_null(dpkg_next("", &package, architecture));
	ck_assert_ptr_null(dpkg_next("Package: -oX\nStatus: install ok installed\n", &package, architecture));
}
END_TEST

START_TEST(test_dpkg_list)
{
	static const char list[] =
		"/.\n/usr\n/usr/bin/python3.11\n/lib/x86_64-linux-gnu/libc.so.6\n/usr/lib/last";

	ck_assert(dpkg_list_has(list, "/usr/bin/python3.11"));
	ck_assert(!dpkg_list_has(list, "/usr/bin/python3.1"));
	ck_assert(!dpkg_list_has(list, "bin/python3.11"));
	ck_assert(dpkg_list_has(list, "/usr/lib/x86_64-linux-gnu/libc.so.6")); /* /lib leads to /usr/lib */
	ck_assert(dpkg_list_has(list, "/bin/python3.11"));
	ck_assert(dpkg_list_has(list, "/usr/lib/last"));
	ck_assert(!dpkg_list_has(list, ""));
	ck_assert(!dpkg_list_has("", "/usr/lib/last"));
}
END_TEST

START_TEST(test_apk)
{
	static const char installed[] =
		"P:musl\nV:1.2.5-r0\nF:lib\nR:ld-musl-x86_64.so.1\nZ:Q1abc=\n\n"
		"P:python3\nV:3.12.3-r1\nF:usr/bin\nR:python3.12\nF:usr/lib\nR:python3.12\n";
	struct package package;

	ck_assert(apk_find(installed, "/lib/ld-musl-x86_64.so.1", &package));
	ck_assert_str_eq(package.name, "musl");
	ck_assert(apk_find(installed, "/usr/bin/python3.12", &package));
	ck_assert_str_eq(package.name, "python3");
	ck_assert_str_eq(package.version, "3.12.3-r1");
	ck_assert(!apk_find(installed, "/usr/sbin/python3.12", &package));
	ck_assert(!apk_find(installed, "/python3.12", &package));
	ck_assert(!apk_find(installed, "python3.12", &package));
}
END_TEST

static struct distribution distribution_of(const char *text)
{
	struct distribution distribution = { 0 };

	distribution_parse(&distribution, text);
	return distribution;
}

START_TEST(test_os_release)
{
	struct distribution distribution =
		distribution_of("PRETTY_NAME=\"Deb\033ian 12\"\nVERSION_ID='12'\nID=debian\n");

	ck_assert_str_eq(distribution.name, "Debian 12");
	ck_assert_str_eq(distribution.id, "debian");
	ck_assert(distribution_is(&distribution, "debian"));
	ck_assert(!distribution_is(&distribution, "ubuntu"));
	distribution_release(&distribution);
	distribution = distribution_of("ID=ubuntu\nID_LIKE=debian\n");
	ck_assert(distribution_is(&distribution, "debian"));
	distribution_release(&distribution);
	distribution = distribution_of("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"");
	ck_assert(distribution_is(&distribution, "rhel"));
	distribution_release(&distribution);
	distribution = distribution_of("ID=$(reboot)\n");
	ck_assert_str_eq(distribution.id, "");
	distribution_release(&distribution);
}
END_TEST

static const struct {
	const char *os_release, *name, *source, *path, *advice;
} advices[] = {
	{ "ID=debian", "libc6", "glibc", "/lib/libc.so.6", "for more: apt install libc6-dbg (version 1.0)" },
	{ "ID=debian", "python3.11-minimal", "python3.11", "/usr/bin/python3.11",
		"for more: apt install python3.11-dbg (version 1.0)" },
	{ "ID=debian", "libffi8", "libffi", "/lib/libffi.so.8",
		"for more: apt install libffi8-dbgsym (version 1.0), of the archive debian-debug" },
	{ "ID=ubuntu\nID_LIKE=debian", "libffi8", "libffi", "/lib/libffi.so.8",
		"for more: apt install libffi8-dbgsym (version 1.0), of ddebs.ubuntu.com" },
	{ "ID=alpine", "musl", "", "/lib/ld-musl-x86_64.so.1", "for more: apk add musl-dbg" },
	{ "ID=fedora", NULL, NULL, "/usr/lib64/libc.so.6",
		"for more: dnf debuginfo-install $(rpm -qf /usr/lib64/libc.so.6)" },
	{ "ID=fedora", NULL, NULL, "/tmp/$(reboot)", "for more: dnf debuginfo-install $(rpm -qf FILE)" },
	{ "ID=arch", NULL, NULL, "/usr/lib/libc.so.6",
		"for more: debuginfod-find debuginfo abcd, put at /usr/lib/debug/.build-id/ab/cd.debug" },
	{ "ID=debian", NULL, NULL, "/opt/python",
		"for more: no package has it: build it with -g, and do not strip it" },
};

START_TEST(test_advice)
{
	struct distribution distribution = distribution_of(advices[_i].os_release);
	struct package package = { .version = "1.0" };
	char *advice;

	if (advices[_i].name) {
		strcpy(package.name, advices[_i].name);
		strcpy(package.source, advices[_i].source);
	}
	advice = package_advice(&distribution, advices[_i].name ? &package : NULL, advices[_i].path, "abcd");
	ck_assert_str_eq(advice, advices[_i].advice);
	free(advice);
	distribution_release(&distribution);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_dpkg);
	tcase_add_test(tests, test_dpkg_list);
	tcase_add_test(tests, test_apk);
	tcase_add_test(tests, test_os_release);
	tcase_add_loop_test(tests, test_advice, 0, ARRAY_LENGTH(advices));
}

int main(void)
{
	return suite_run("distribution", add_tests);
}
