/* SPDX-License-Identifier: MIT */
/* The heap of due times: whatever is added, changed and removed, the first one is due first. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "sampling/internal.h"
#include "suite.h"

#define COUNT 500
#define TURNS 5000

static struct watch watches[COUNT];
static struct watch_list heap;

/* Those of the heap that are due before its first one. */
static size_t earlier_count(void)
{
	size_t count = 0;

	for (size_t i = 1; i < heap.count; i++)
		count += heap.list[i]->due_ns < heap.list[0]->due_ns;
	return count;
}

static void push_all(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		watches[i].due_ns = (int64_t)(hash_u64(i) % 1000);
		watch_heap_push(&heap, &watches[i]);
		ck_assert_uint_eq(earlier_count(), 0);
	}
}

/* Of so many that each shape of the last row of the heap comes up. */
START_TEST(test_in_order)
{
	push_all((size_t)_i);
	for (int64_t last_ns = 0; heap.count; watch_heap_pop(&heap)) {
		ck_assert_int_ge(heap.list[0]->due_ns, last_ns);
		last_ns = heap.list[0]->due_ns;
	}
}
END_TEST

/* The first one has its tick, and is due again later, again and again: none of the others waits for ever. */
START_TEST(test_due_again)
{
	int64_t last_ns = 0;

	push_all(COUNT);
	for (uint64_t i = 0; i < TURNS; i++) {
		ck_assert_int_ge(heap.list[0]->due_ns, last_ns);
		last_ns = heap.list[0]->due_ns;
		heap.list[0]->due_ns += (int64_t)(hash_u64(i) % 2000);
		watch_heap_settle(&heap);
		ck_assert_uint_eq(earlier_count(), 0);
	}
	ck_assert_uint_eq(heap.count, COUNT);
}
END_TEST

START_TEST(test_rebuild)
{
	push_all(COUNT);
	for (size_t i = 0; i < COUNT; i++)
		watches[i].due_ns = (int64_t)(COUNT - i);
	watch_list_remove(&heap, &watches[COUNT - 1]); /* the one that would be first */
	watch_heap_rebuild(&heap);
	ck_assert_uint_eq(heap.count, COUNT - 1);
	for (int64_t due_ns = 2; heap.count; due_ns++, watch_heap_pop(&heap))
		ck_assert_int_eq(heap.list[0]->due_ns, due_ns);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_in_order, 0, 40);
	tcase_add_test(tests, test_due_again);
	tcase_add_test(tests, test_rebuild);
}

int main(void)
{
	return suite_run("watch_list", add_tests);
}
