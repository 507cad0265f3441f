/* SPDX-License-Identifier: MIT */
/*
 * Names as a linker has them, and as a programmer wrote them. The mangled ones are made as GCC and rustc do.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "native/names/demangle.h"
#include "suite.h"

struct name {
	const char *mangled, *expected;
};

static void check_name(const struct name *name)
{
	struct buffer buffer = { 0 };

	demangle(&buffer, name->mangled);
	ck_assert_str_eq(buffer.data ? buffer.data : "", name->expected);
	buffer_release(&buffer);
}

static const struct name plain_names[] = {
	{ "main", "main" },
	{ "PyObject_Call", "PyObject_Call" },
	{ "list_dealloc.cold", "list_dealloc" },
	{ "dict_merge.part.0", "dict_merge" },
	{ "long_add.constprop.0.isra.0", "long_add" },
	{ "interp_main.lto_priv.12", "interp_main" },
	{ "f.part.0.cold", "f" },
	{ "f.localalias", "f" },
	{ "f.llvm.1234567890", "f" },
	{ "f.__part.1", "f" },
	{ "compare.0", "compare.0" },
	{ "resolve.avx2", "resolve.avx2" },
	{ ".cold", ".cold" },
	{ "cold", "cold" },
	{ "open@plt", "open@plt" },
	{ "", "" },
	{ "_Z", "_Z" },
};

START_TEST(names_of_c_lose_only_what_a_compiler_has_put_behind_them)
{
	check_name(&plain_names[_i]);
}
END_TEST

#ifdef HAVE_LIBIBERTY
static const struct name mangled_names[] = {
	/* C++ */
	{ "_ZN2ns3boxISt6vectorIiSaIiEEE3getEi", "ns::box<std::vector<int, std::allocator<int> > >::get" },
	{ "_ZNK1AeqERKS_", "A::operator==" },
	{ "_ZN1AD2Ev", "A::~A" },
	{ "_ZdlPv@plt", "operator delete@plt" },
	{ "_ZN12_GLOBAL__N_16hiddenEi.part.0.cold", "(anonymous namespace)::hidden" },
	{ "_ZZ5entryENKUliE_clEi.isra.0", "entry::{lambda(int)#1}::operator()" },
	/* Rust: legacy, with its hash; v0 */
	{ "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad" },
	{ "_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop17h0123456789abcdefE",
		"<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop" },
	{ "_RNvCs1234_7mycrate3foo", "mycrate::foo" },
	{ "_RNvMs_NtC7mycrate5shapeNtB4_6Square4area", "<mycrate::shape::Square>::area" },
};

START_TEST(mangled_names_are_shown_without_parameters_and_hashes)
{
	check_name(&mangled_names[_i]);
}
END_TEST

START_TEST(a_name_that_would_fill_memory_is_given_up)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct buffer mangled = { 0 }, buffer = { 0 };

	/* each argument is a pair of what stood before it: 2^30 ints in the end */
	buffer_append_string(&mangled, "_Z1fI1aIiiE");
	for (unsigned i = 0; i < 30; i++)
		buffer_printf(&mangled, "S0_IS%c_S%c_E", digits[i + 1], digits[i + 1]);
	buffer_append_string(&mangled, "Evv");
	demangle(&buffer, mangled.data);
	ck_assert_str_eq(buffer.data, mangled.data);
	buffer_release(&mangled);
	buffer_release(&buffer);
}
END_TEST
#endif

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, names_of_c_lose_only_what_a_compiler_has_put_behind_them, 0,
		ARRAY_LENGTH(plain_names));
#ifdef HAVE_LIBIBERTY
	tcase_add_loop_test(
		tests, mangled_names_are_shown_without_parameters_and_hashes, 0, ARRAY_LENGTH(mangled_names));
	tcase_add_test(tests, a_name_that_would_fill_memory_is_given_up);
#endif
}

int main(void)
{
	return suite_run("demangle", add_tests);
}
