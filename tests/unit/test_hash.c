/* SPDX-License-Identifier: MIT */
/* The hash map keeps what is put into it, whatever the keys; hashes tell nearly equal things apart. */
#include "config.h"

#include "pyrope/base.h"

#include <string.h>

#include "suite.h"

START_TEST(test_empty)
{
	struct u64_map map = { 0 };

	ck_assert_ptr_null(u64_map_get(&map, 0));
	u64_map_clear(&map);
	u64_map_release(&map);
}
END_TEST

START_TEST(test_any_key)
{
	static const uint64_t keys[] = { 0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63 };
	struct u64_map map = { 0 };

	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
		u64_map_put(&map, keys[i], i + 100);
	ck_assert_uint_eq(map.count, ARRAY_LENGTH(keys));
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		ck_assert_ptr_nonnull(u64_map_get(&map, keys[i]));
		ck_assert_uint_eq(*u64_map_get(&map, keys[i]), i + 100);
	}
	ck_assert_ptr_null(u64_map_get(&map, 2));
	u64_map_release(&map);
}
END_TEST

START_TEST(test_many)
{
	struct u64_map map = { 0 };

	for (uint64_t i = 0; i < 100000; i++)
		u64_map_put(&map, i << 20, i);
	for (uint64_t i = 0; i < 100000; i += 2)
		u64_map_put(&map, i << 20, i + 1);
	ck_assert_uint_eq(map.count, 100000);
	for (uint64_t i = 0; i < 100000; i++) {
		const uint64_t *value = u64_map_get(&map, i << 20);

		ck_assert(value && *value == (i % 2 ? i : i + 1));
	}
	u64_map_clear(&map);
	ck_assert_uint_eq(map.count, 0);
	ck_assert_ptr_null(u64_map_get(&map, 0));
	u64_map_put(&map, 7, 8);
	ck_assert_uint_eq(*u64_map_get(&map, 7), 8);
	u64_map_release(&map);
}
END_TEST

START_TEST(test_hash_bytes)
{
	static const char text[] = "0123456789abcdefghij";
	uint64_t hashes[sizeof(text)];

	for (size_t i = 0; i < sizeof(text); i++)
		hashes[i] = hash_bytes(text, i);
	for (size_t i = 0; i < sizeof(text); i++)
		for (size_t j = 0; j < i; j++)
			ck_assert(hashes[i] != hashes[j]);
	/* Trailing zeros count. */
	ck_assert(hash_bytes("a\0", 2) != hash_bytes("a", 1));
	ck_assert(hash_bytes(text, 20) == hash_bytes("0123456789abcdefghij", 20));
}
END_TEST

/* Every bit of the key moves about half of the hash's bits: open addressing uses the low ones alone. */
START_TEST(test_spread)
{
	for (int bit = 0; bit < 64; bit++) {
		int changed = 0;

		for (uint64_t i = 0; i < 100; i++)
			changed += __builtin_popcountll(
				hash_u64(i * 977) ^ hash_u64((i * 977) ^ UINT64_C(1) << bit));
		ck_assert_int_gt(changed, 100 * 24);
		ck_assert_int_lt(changed, 100 * 40);
	}
	ck_assert(hash_combine(1, 2) != hash_combine(2, 1));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_empty);
	tcase_add_test(tests, test_any_key);
	tcase_add_test(tests, test_many);
	tcase_add_test(tests, test_hash_bytes);
	tcase_add_test(tests, test_spread);
}

int main(void)
{
	return suite_run("hash", add_tests);
}
