/* SPDX-License-Identifier: MIT */
/* Lists of watches, and the heap of due times, which says whose tick is next. */
#include "config.h"

#include "sampling/internal.h"

void watch_list_add(struct watch_list *list, struct watch *watch)
{
	array_reserve(&list->list, &list->capacity, list->count + 1, sizeof(struct watch *));
	list->list[list->count++] = watch;
}

void watch_list_remove(struct watch_list *list, const struct watch *watch)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->list[i] != watch)
			continue;
		list->list[i] = list->list[--list->count];
		return;
	}
}

static void swap(struct watch_list *heap, size_t left, size_t right)
{
	struct watch *watch = heap->list[left];

	heap->list[left] = heap->list[right];
	heap->list[right] = watch;
}

void watch_heap_push(struct watch_list *heap, struct watch *watch)
{
	size_t at = heap->count;

	watch_list_add(heap, watch);
	for (; at && heap->list[at]->due_ns < heap->list[(at - 1) / 2]->due_ns; at = (at - 1) / 2)
		swap(heap, at, (at - 1) / 2);
}

void watch_heap_settle(struct watch_list *heap)
{
	size_t at = 0;

	for (;;) {
		size_t least = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap->count; child++)
			if (heap->list[child]->due_ns < heap->list[least]->due_ns)
				least = child;
		if (least == at)
			return;
		swap(heap, at, least);
		at = least;
	}
}

void watch_heap_rebuild(struct watch_list *heap)
{
	const size_t count = heap->count;

	for (heap->count = 0; heap->count < count;)
		watch_heap_push(heap, heap->list[heap->count]);
}

void watch_heap_pop(struct watch_list *heap)
{
	heap->list[0] = heap->list[--heap->count];
	watch_heap_settle(heap);
}
