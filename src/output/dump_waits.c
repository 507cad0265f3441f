/* SPDX-License-Identifier: MIT */
/* Who waits for whom, in the text of a dump. */
#include "config.h"

#include "output/dump.h"

#include <string.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* " for 0.3 s", " for 12 s", " for 3 min 5 s", " for 2 h 10 min", " for 3 d 4 h" */
static void append_duration(struct buffer *buffer, int64_t duration_ns)
{
	const int64_t seconds = duration_ns / 1000000000;

	if (duration_ns < 0)
		return;
	buffer_append_string(buffer, " for ");
	if (seconds < 10)
		buffer_printf(buffer, "%.1f s", (double)duration_ns / 1e9);
	else if (seconds < MINUTE)
		buffer_printf(buffer, "%d s", (int)seconds);
	else if (seconds < HOUR)
		buffer_printf(buffer, "%d min %d s", (int)(seconds / MINUTE), (int)(seconds % MINUTE));
	else if (seconds < DAY)
		buffer_printf(buffer, "%d h %d min", (int)(seconds / HOUR), (int)(seconds % HOUR / MINUTE));
	else
		buffer_printf(buffer, "%lld d %d h", (long long)(seconds / DAY), (int)(seconds % DAY / HOUR));
}

static void append_thread_of(struct buffer *buffer, const struct sample *sample)
{
	buffer_printf(buffer, "%d %s", (int)sample->tid, *sample->thread_name ? sample->thread_name : "?");
}

/* "Lock jobs, which 4713 worker holds" */
static void append_object(struct buffer *buffer, const struct dump_thread *thread)
{
	const struct thread_wait *wait = thread->wait;

	if (wait->wait.kind == WAIT_THREAD) {
		buffer_append_string(buffer, "the end of ");
		if (thread->owner)
			append_thread_of(buffer, thread->owner);
		else
			buffer_append_string(buffer, *wait->wait.label ? wait->wait.label : "a thread");
		return;
	}
	buffer_append_string(buffer, *wait->wait.label ? wait->wait.label : "a notification");
	if (wait->wait.kind == WAIT_NOTIFICATION)
		return;
	buffer_append_string(buffer, ", ");
	if (!thread->owner) {
		buffer_append_string(buffer, "owner not known");
		return;
	}
	if (thread->owner->tid == thread->sample.tid) {
		buffer_append_string(buffer, "which it holds itself");
		return;
	}
	buffer_append_string(buffer, "which ");
	append_thread_of(buffer, thread->owner);
	buffer_append_string(buffer, " holds");
}

void dump_append_wait(struct buffer *buffer, const struct dump_thread *thread, bool is_one)
{
	const struct thread_wait *wait = thread->wait;

	if (!wait)
		return;
	if (is_one)
		append_duration(buffer, wait->asleep_ns);
	if (!wait->has_lock)
		return;
	buffer_append_string(buffer, is_one ? ", waits for " : ", wait for ");
	append_object(buffer, thread);
	if (wait->has_timeout)
		buffer_append_string(buffer, ", with a timeout");
}

bool dump_same_wait(const struct dump_thread *left, const struct dump_thread *right)
{
	const struct thread_wait *a = left->wait, *b = right->wait;

	if (!a || !b || !a->has_lock || !b->has_lock)
		return (a && a->has_lock) == (b && b->has_lock);
	return a->wait.kind == b->wait.kind && left->owner == right->owner &&
		a->has_timeout == b->has_timeout && strcmp(a->wait.label, b->wait.label) == 0;
}

void dump_append_deadlock(struct buffer *buffer, const struct dump_header *header,
	const struct deadlock *deadlock, const struct dump_thread *threads, size_t count)
{
	struct buffer title = { 0 };

	if (deadlock->count == 1)
		buffer_append_string(&title, "deadlock: a thread waits for itself");
	else
		buffer_printf(&title, "deadlock: %zu threads wait for each other", deadlock->count);
	dump_append_styled(buffer, header, DUMP_STYLE_DEADLOCK, title.data);
	buffer_append_char(buffer, '\n');
	for (size_t i = 0; i < deadlock->count; i++) {
		for (size_t j = 0; j < count; j++) {
			if (threads[j].sample.tid != deadlock->tids[i] || !threads[j].wait)
				continue;
			buffer_append_string(buffer, "    ");
			append_thread_of(buffer, &threads[j].sample);
			buffer_append_string(buffer, " waits for ");
			append_object(buffer, &threads[j]);
			buffer_append_char(buffer, '\n');
		}
	}
	buffer_release(&title);
}

void dump_append_deadlocks(struct buffer *buffer, const struct dump_header *header,
	const struct dump_thread *threads, size_t count)
{
	if (!header->waits)
		return;
	for (size_t i = 0; i < header->waits->deadlock_count; i++) {
		buffer_append_char(buffer, '\n');
		dump_append_deadlock(buffer, header, &header->waits->deadlocks[i], threads, count);
	}
	if (header->waits->is_partial)
		buffer_append_string(buffer, "\n[there was no time to find out what all threads wait for]\n");
}
