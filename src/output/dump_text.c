/* SPDX-License-Identifier: MIT */
/*
 * pyrope dump for a person in an incident: what hangs stands at the top of each thread, innermost first, and
 * a recursion does not push everything else off the screen. Threads that run come first; those that sleep in
 * the same place are one paragraph, for a pool of them says no more than one of them.
 */
#include "config.h"

#include "output/dump.h"

#include <stdlib.h>
#include <string.h>

/* So many equal frames in a row are shown; the rest is counted. */
#define REPEATS_SHOWN 3

void dump_append_styled(
	struct buffer *buffer, const struct dump_header *header, enum dump_style style, const char *text)
{
	/* SGR parameters (ECMA-48): of the sixteen colours only, which follow the user's own theme. */
	static const char *const codes[] = {
		[DUMP_STYLE_TID] = "1",
		[DUMP_STYLE_HOLDER] = "1;32",
		[DUMP_STYLE_STATE] = "33",
		[DUMP_STYLE_DEADLOCK] = "1;31",
		[DUMP_STYLE_FUNCTION] = "36",
		[DUMP_STYLE_PLACE] = "2",
	};

	if (header->colour)
		buffer_printf(buffer, "\033[%sm%s\033[0m", codes[style], text);
	else
		buffer_append_string(buffer, text);
}

static void append_holder(struct buffer *buffer, const struct sample *holder)
{
	if (holder)
		buffer_printf(buffer, ", which %d %s holds", (int)holder->tid, holder->thread_name);
}

void dump_append_state(struct buffer *buffer, const struct sample *sample, bool is_one)
{
	switch (sample->state) {
	case THREAD_HOLDS_GIL:
		buffer_append_string(buffer, "holds the GIL");
		break;
	case THREAD_WAITS_GIL:
		buffer_append_string(buffer, "waits for the GIL");
		break;
	case THREAD_RUNNING:
		buffer_append_string(buffer, "runs without the GIL");
		break;
	case THREAD_SLEEPING:
		buffer_append_string(buffer, is_one ? "sleeps" : "sleep");
		if (sample->syscall_number >= 0) {
			buffer_append_string(buffer, " in ");
			syscall_append(buffer, sample->syscall_number);
		}
		break;
	case THREAD_WAITS_CPU:
		buffer_append_string(buffer, "waits for a CPU");
		break;
	default:
		buffer_append_string(buffer, "state not known");
		break;
	}
}

static void append_state(struct buffer *buffer, const struct dump_thread *thread, bool is_one)
{
	const struct sample *sample = &thread->sample;

	dump_append_state(buffer, sample, is_one);
	append_holder(buffer, thread->holder);
	dump_append_wait(buffer, thread, is_one);
	if (sample->quality == SAMPLE_UNVERIFIED)
		buffer_append_string(buffer,
			sample->state == THREAD_SLEEPING ? ", read when it fell asleep or woke up"
							 : ", read while it ran");
}

void dump_append_frame(
	struct buffer *buffer, const struct dump_header *header, const struct sample_frame *frame)
{
	const struct function *function = frame->function;
	const char *path = header->short_paths ? short_path(function->file, header->roots) : function->file;
	struct buffer place = { 0 };

	dump_append_styled(buffer, header, DUMP_STYLE_FUNCTION, *function->name ? function->name : "?");
	if (function->kind != FUNCTION_MARKER) {
		buffer_printf(&place, "(%s", *path ? path : "?");
		if (function->kind != FUNCTION_NATIVE || frame->line > 0)
			buffer_printf(&place, ":%d", frame->line);
		buffer_append_char(&place, ')');
		buffer_append_char(buffer, ' ');
		dump_append_styled(buffer, header, DUMP_STYLE_PLACE, place.data);
	}
	buffer_release(&place);
}

static void append_frame(
	struct buffer *buffer, const struct dump_header *header, const struct sample_frame *frame)
{
	buffer_append_string(buffer, "    ");
	dump_append_frame(buffer, header, frame);
	buffer_append_char(buffer, '\n');
}

/* ---- variables ---- */

static const struct variables *variables_of(const struct dump_thread *thread, size_t index)
{
	return thread->variables ? thread->variables[index] : NULL;
}

static void append_variable(struct buffer *buffer, const struct variable *variable)
{
	const bool is_shared = variable->kind == VARIABLE_CELL || variable->kind == VARIABLE_FREE;

	buffer_printf(buffer, "        %s%s%s = %s%s\n", is_shared ? variable_kind_names[variable->kind] : "",
		is_shared ? " " : "", variable->name, variable->text,
		variable->is_changing ? " (changing)" : "");
}

static void append_variables(struct buffer *buffer, const struct variables *variables)
{
	if (!variables)
		return;
	for (size_t i = 0; i < variables->count; i++)
		append_variable(buffer, &variables->list[i]);
	if (variables->left_out)
		buffer_printf(buffer, "        [%zu more variables]\n", variables->left_out);
	if (variables->is_partial)
		buffer_append_string(buffer, "        [not all variables could be read in time]\n");
}

/* ---- frames ---- */

static bool same_frame(const struct dump_thread *a, size_t i, const struct dump_thread *b, size_t j)
{
	const struct variables *left = variables_of(a, i), *right = variables_of(b, j);

	return a->sample.frames[i].function == b->sample.frames[j].function &&
		a->sample.frames[i].line == b->sample.frames[j].line &&
		(left && right ? variables_equal(left, right) : left == right);
}

static void append_frames(
	struct buffer *buffer, const struct dump_header *header, const struct dump_thread *thread)
{
	size_t left = thread->sample.frame_count;

	while (left > 0) {
		const size_t first = left - 1;
		size_t repeats = 0;

		while (left > 0 && same_frame(thread, left - 1, thread, first)) {
			if (repeats < REPEATS_SHOWN) {
				append_frame(buffer, header, &thread->sample.frames[first]);
				append_variables(buffer, variables_of(thread, first));
			}
			repeats++;
			left--;
		}
		if (repeats > REPEATS_SHOWN)
			buffer_printf(
				buffer, "    [the same frame %zu more times]\n", repeats - REPEATS_SHOWN);
	}
	if (thread->lacks_variables)
		buffer_append_string(
			buffer, "    [the variables could not be read: the thread went on meanwhile]\n");
}

/* ---- threads ---- */

static void append_styled_state(
	struct buffer *text, const struct dump_header *header, const struct dump_thread *thread, bool is_one)
{
	struct buffer state = { 0 };

	buffer_append_char(&state, '(');
	append_state(&state, thread, is_one);
	buffer_append_char(&state, ')');
	dump_append_styled(text, header, DUMP_STYLE_STATE, state.data);
	buffer_release(&state);
}

static void append_interpreter(struct buffer *text, const struct sample *sample)
{
	if (sample->interpreter_id)
		buffer_printf(text, ", interpreter %llu", (unsigned long long)sample->interpreter_id);
}

static const char *name_of(const struct sample *sample)
{
	return *sample->thread_name ? sample->thread_name : "?";
}

void dump_append_thread(struct buffer *text, const struct dump_header *header, const struct sample *sample)
{
	bool holder = sample->state == THREAD_HOLDS_GIL;
	struct buffer tid = { 0 };

	buffer_append_int(&tid, sample->tid);
	if (holder)
		buffer_append_char(&tid, '*');
	dump_append_styled(text, header, holder ? DUMP_STYLE_HOLDER : DUMP_STYLE_TID, tid.data);
	buffer_printf(text, ": %s", name_of(sample));
	append_interpreter(text, sample);
	buffer_release(&tid);
}

static void append_one(
	struct buffer *text, const struct dump_header *header, const struct dump_thread *thread)
{
	dump_append_thread(text, header, &thread->sample);
	buffer_append_char(text, ' ');
	append_styled_state(text, header, thread, true);
	buffer_append_char(text, '\n');
}

/* Threads that sleep in the same place; `next` leads from each to the one after it, SIZE_MAX is the end. */
static void append_many(struct buffer *text, const struct dump_header *header,
	const struct dump_thread *threads, size_t first, const size_t *next, size_t count)
{
	struct buffer title = { 0 };
	size_t named = 0;

	buffer_printf(&title, "%zu threads", count);
	dump_append_styled(text, header, DUMP_STYLE_TID, title.data);
	append_interpreter(text, &threads[first].sample);
	buffer_append_char(text, ' ');
	append_styled_state(text, header, &threads[first], false);
	for (size_t i = first; i != SIZE_MAX && named < DUMP_THREADS_NAMED; i = next[i])
		buffer_printf(text, "%s%d %s", named++ ? ", " : ": ", (int)threads[i].sample.tid,
			name_of(&threads[i].sample));
	if (count > named)
		buffer_printf(text, " and %zu more", count - named);
	buffer_append_char(text, '\n');
	buffer_release(&title);
}

/* ---- which ones are one paragraph ---- */

static bool same_place(const struct dump_thread *left, const struct dump_thread *right)
{
	const struct sample *a = &left->sample, *b = &right->sample;

	if (a->frame_count != b->frame_count || a->syscall_number != b->syscall_number ||
		a->interpreter_id != b->interpreter_id || a->quality != b->quality ||
		left->lacks_variables != right->lacks_variables || !dump_same_wait(left, right))
		return false;
	for (size_t i = 0; i < a->frame_count; i++)
		if (!same_frame(left, i, right, i))
			return false;
	return true;
}

static uint64_t hash_place(const struct sample *sample)
{
	uint64_t hash = hash_combine(sample->interpreter_id, (uint64_t)sample->syscall_number);

	hash = hash_combine(hash, sample->quality);
	for (size_t i = 0; i < sample->frame_count; i++)
		hash = hash_combine(hash,
			(uint64_t)sample->frames[i].function->id << 32 | (uint32_t)sample->frames[i].line);
	return hash;
}

struct fold {
	size_t *next;  /* the thread after this one in its paragraph; SIZE_MAX: none */
	size_t *count; /* how many its paragraph has; 0: it is not the first of one */
};

static void fold_threads(struct fold *fold, const struct dump_thread *threads, size_t count)
{
	size_t *last = xreallocarray(NULL, count + 1, sizeof(*last)); /* of the paragraph that begins here */
	struct u64_map paragraphs = { 0 };

	for (size_t i = 0; i < count; i++) {
		uint64_t hash = hash_place(&threads[i].sample);
		const uint64_t *known = NULL;

		if (threads[i].sample.state == THREAD_SLEEPING)
			known = u64_map_get(&paragraphs, hash);
		fold->next[i] = SIZE_MAX;
		if (known && same_place(&threads[*known], &threads[i])) {
			fold->next[last[*known]] = i;
			fold->count[*known]++;
			fold->count[i] = 0;
			last[*known] = i;
			continue;
		}
		fold->count[i] = 1;
		last[i] = i;
		if (threads[i].sample.state == THREAD_SLEEPING)
			u64_map_put(&paragraphs, hash, i);
	}
	u64_map_release(&paragraphs);
	free(last);
}

/* Which states come first. */
static int rank_of(enum thread_state state)
{
	switch (state) {
	case THREAD_HOLDS_GIL:
		return 0;
	case THREAD_RUNNING:
		return 1;
	case THREAD_SLEEPING:
		return 3;
	default:
		return 2;
	}
}

void dump_append_process(struct buffer *text, const struct dump_header *header)
{
	buffer_printf(text, "process %d", (int)header->pid);
	if (header->inner_pid && header->inner_pid != header->pid)
		buffer_printf(text, " (%d in its namespace)", (int)header->inner_pid);
	buffer_printf(text, " \"%s\"", header->process_name);
	if (header->parent)
		buffer_printf(text, ", child of %d", (int)header->parent);
	if (header->obstacle)
		buffer_printf(text, ": %s\n", header->obstacle);
	else
		buffer_printf(text, ": Python %s\n", header->version);
}

static void write_text(struct output_file *file, const struct dump_header *header,
	const struct dump_thread *threads, size_t count)
{
	struct fold fold = { .next = xreallocarray(NULL, count + 1, sizeof(*fold.next)),
		.count = xreallocarray(NULL, count + 1, sizeof(*fold.count)) };
	struct buffer text = { 0 };

	dump_append_process(&text, header);
	if (header->command_line)
		buffer_printf(&text, "    %s\n", header->command_line);
	dump_append_deadlocks(&text, header, threads, count);
	output_write(file, text.data, text.length);
	fold_threads(&fold, threads, count);
	for (int rank = 0; rank <= rank_of(THREAD_SLEEPING); rank++) {
		for (size_t i = 0; i < count; i++) {
			if (rank_of(threads[i].sample.state) != rank || !fold.count[i])
				continue;
			buffer_clear(&text);
			buffer_append_char(&text, '\n');
			if (fold.count[i] == 1)
				append_one(&text, header, &threads[i]);
			else
				append_many(&text, header, threads, i, fold.next, fold.count[i]);
			append_frames(&text, header, &threads[i]);
			output_write(file, text.data, text.length);
		}
	}
	buffer_release(&text);
	free(fold.next);
	free(fold.count);
}

const struct dump_format dump_text = {
	.write = write_text,
	.before = "",
	.between = "\n",
	.after = "",
};
