/* SPDX-License-Identifier: MIT */
/* The hash map keeps what is put into it, whatever the keys; hashes tell nearly equal things apart. */
#include "config.h"

#include "pyrope/base.h"
#include "pyrope/functions.h"

#include <stdio.h>
#include <stdlib.h>
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

/* A hold of a thread leaves no time for a table to grow. */
START_TEST(test_reserve)
{
	struct u64_map map = { 0 };
	size_t capacity;

	for (uint64_t i = 0; i < 1000; i++)
		u64_map_put(&map, i, i);
	u64_map_reserve(&map, 4096);
	capacity = map.capacity;
	for (uint64_t i = 1000; i < 1000 + 4096; i++)
		u64_map_put(&map, i, i);
	ck_assert_uint_eq(map.capacity, capacity);
	for (uint64_t i = 0; i < 1000 + 4096; i++)
		ck_assert_uint_eq(*u64_map_get(&map, i), i);
	u64_map_reserve(&map, 1); /* it has that */
	u64_map_release(&map);
	u64_map_reserve(&map, 0);
	ck_assert_ptr_null(u64_map_get(&map, 1));
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

/* Of key 0, as CPython 3.11 and newer hash bytes with PYTHONHASHSEED=0. */
START_TEST(test_siphash)
{
	static const uint64_t key[2];
	static const struct {
		const char *text;
		uint64_t hash;
	} vectors[] = {
		{ "a", UINT64_C(0x407448d2b89b1813) },
		{ "abc", UINT64_C(0xc03bc3a0042630f2) },
		{ "01234567", UINT64_C(0xda3dcedf84ea6cc6) },
		{ "0123456789abcdefghij", UINT64_C(0xc39bc23d6720e4da) },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++)
		ck_assert_uint_eq(
			hash_siphash(key, vectors[i].text, strlen(vectors[i].text)), vectors[i].hash);
}
END_TEST

/* ---- against who chooses what is hashed ---- */

#define HASHED "the same text in two processes"
#define COLLIDING 100000

static const char *own_path;

static uint64_t hash_in_another_process(void)
{
	const char *emulator = getenv("PYROPE_TEST_EMULATOR"); /* of a processor that is not this machine's */
	char *command = xasprintf("%s '%s' --hash", emulator != NULL ? emulator : "", own_path);
	FILE *output = popen(command, "re"); /* NOLINT(cert-env33-c) */
	char text[64] = "";

	ck_assert_ptr_nonnull(fgets(text, sizeof(text), output));
	pclose(output);
	free(command);
	return strtoull(text, NULL, 16);
}

START_TEST(test_two_processes)
{
	uint64_t first = hash_in_another_process(), second = hash_in_another_process();

	ck_assert(first != second);
	ck_assert(first != hash_bytes(HASHED, strlen(HASHED)));
	ck_assert(hash_seed() != 0);
	/* These have no key: a seed gives the same points of time in each run. */
	ck_assert_uint_eq(hash_u64(1), UINT64_C(0x910a2dec89025cc1));
	ck_assert_uint_eq(hash_combine(1, 2), hash_u64(1 ^ UINT64_C(0x3c6ef372fe94f82a)));
}
END_TEST

static uint64_t undo_shift(uint64_t value, int bits)
{
	uint64_t result = value;

	for (int done = bits; done < 64; done += bits)
		result = value ^ (result >> bits);
	return result;
}

/* What an odd number has to be multiplied by for 1 (Newton's iteration). */
static uint64_t inverse(uint64_t odd)
{
	uint64_t result = odd;

	for (int i = 0; i < 6; i++)
		result *= 2 - odd * result;
	return result;
}

/* The value of which hash_u64 makes this. */
static uint64_t undo_hash(uint64_t hash)
{
	uint64_t value = undo_shift(hash, 31) * inverse(UINT64_C(0x94d049bb133111eb));

	value = undo_shift(value, 27) * inverse(UINT64_C(0xbf58476d1ce4e5b9));
	return undo_shift(value, 30) - UINT64_C(0x9e3779b97f4a7c15);
}

START_TEST(test_undo)
{
	for (uint64_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(undo_hash(hash_u64(i * i)), i * i);
}
END_TEST

static int64_t time_of_map(uint64_t (*key)(uint64_t number))
{
	struct u64_map map = { 0 };
	int64_t start = thread_cpu_ns();

	for (uint64_t i = 0; i < COLLIDING; i++)
		u64_map_put(&map, key(i), i);
	for (uint64_t i = 0; i < COLLIDING; i++)
		ck_assert_uint_eq(*u64_map_get(&map, key(i)), i);
	u64_map_release(&map);
	return thread_cpu_ns() - start;
}

static uint64_t plain_key(uint64_t number)
{
	return undo_hash(undo_hash(number));
}

/* Without a key all of these had one place. */
static uint64_t colliding_key(uint64_t number)
{
	return undo_hash(number << 20);
}

/*
 * The ratio of two times, that of a table which is one long chain and that of a good one, is in the
 * thousands.
 */
START_TEST(test_colliding_keys)
{
	int64_t plain = time_of_map(plain_key), colliding = time_of_map(colliding_key);

	ck_assert_msg(colliding < 20 * plain, "%lld and %lld ns", (long long)plain, (long long)colliding);
}
END_TEST

static bool has_no_zero(uint64_t word)
{
	for (int byte = 0; byte < 8; byte++)
		if (!(word >> 8 * byte & 0xff))
			return false;
	return true;
}

/* Texts of 16 bytes that all had the same hash when its words were combined without a key. */
static char (*colliding_texts(void))[17]
{
	char(*texts)[17] = xcalloc(COLLIDING, sizeof(*texts));
	const uint64_t last = undo_hash(UINT64_C(0x1234567812345678));
	size_t count = 0;

	for (uint64_t i = 0; count < COLLIDING; i++) {
		uint64_t first = hash_u64(i);
		uint64_t second =
			(last ^ hash_combine(hash_u64(16), first)) * inverse(UINT64_C(0x9e3779b97f4a7c15));

		if (!has_no_zero(first) || !has_no_zero(second))
			continue;
		memcpy(texts[count], &first, 8);
		memcpy(texts[count++] + 8, &second, 8);
	}
	return texts;
}

static int64_t time_of_functions(char (*texts)[17])
{
	struct functions *functions = functions_new();
	int64_t start = thread_cpu_ns();

	for (size_t i = 0; i < COLLIDING; i++) {
		const struct function like = { .kind = FUNCTION_PYTHON, .name = texts[i], .file = "a.py" };

		ck_assert_uint_eq(functions_intern(functions, &like)->id, i);
	}
	start = thread_cpu_ns() - start;
	functions_free(functions);
	return start;
}

START_TEST(test_colliding_names)
{
	char(*texts)[17] = colliding_texts();
	char(*plain)[17] = xcalloc(COLLIDING, sizeof(*plain));
	int64_t plain_ns, colliding_ns;

	for (size_t i = 0; i < COLLIDING; i++)
		snprintf(plain[i], sizeof(*plain), "plain_%010zu", i);
	plain_ns = time_of_functions(plain);
	colliding_ns = time_of_functions(texts);
	ck_assert_msg(colliding_ns < 20 * plain_ns, "%lld and %lld ns", (long long)plain_ns,
		(long long)colliding_ns);
	free(texts);
	free(plain);
}
END_TEST

/*
 * The examples of NIST, and lengths at which padding needs another block: as `openssl dgst -sha256 -binary
 * | base64` has them.
 */
static const struct {
	const char *text;
	size_t length;
	const char *digest;
} digests[] = {
	{ "", 0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
	{ "abc", 3, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		"JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE=" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 55,
		"n0OQ+NMMLdkuyfCVtl4rmumwqSWlJY4kHJ8ekQ9zQxg=" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 64,
		"/+BU/nrgy23GXDr5th1SCfQ5hR20PQulmXM33xVGaOs=" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 65,
		"Y1NhxIu56rFBmOduqKt/GkFoXWrWKqkUbTAdTxfrCuA=" },
};

START_TEST(test_sha256)
{
	struct buffer text = { 0 };

	buffer_append_sha256(&text, digests[_i].text, digests[_i].length);
	ck_assert_str_eq(text.data, digests[_i].digest);
	buffer_release(&text);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_empty);
	tcase_add_test(tests, test_any_key);
	tcase_add_test(tests, test_many);
	tcase_add_test(tests, test_reserve);
	tcase_add_test(tests, test_hash_bytes);
	tcase_add_test(tests, test_spread);
	tcase_add_test(tests, test_siphash);
	tcase_add_loop_test(tests, test_sha256, 0, ARRAY_LENGTH(digests));
	tcase_add_test(tests, test_two_processes);
	tcase_add_test(tests, test_undo);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, test_colliding_keys);
	tcase_add_test(tests, test_colliding_names);
}

int main(int count, char **arguments)
{
	own_path = arguments[0];
	if (count > 1 && strcmp(arguments[1], "--hash") == 0) {
		printf("%llx\n", (unsigned long long)hash_bytes(HASHED, strlen(HASHED)));
		return 0;
	}
	return suite_run("hash", add_tests);
}
