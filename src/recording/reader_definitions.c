/* SPDX-License-Identifier: MIT */
/*
 * What a block defines: texts, functions, frames, nodes of the tree of stacks, processes, threads. Each table
 * grows over the whole file, up to a limit; what is defined may name only what has been defined before it.
 */
#include "config.h"

#include "recording/reader.h"

#include <stdlib.h>
#include <string.h>

char *reader_clean_text(struct reader *reader, const char *text, size_t length)
{
	buffer_clear(&reader->clean);
	buffer_append_string(&reader->clean, "");
	utf8_clean(&reader->clean, text, length);
	return xstrdup(reader->clean.data);
}

static void read_texts(struct reader *reader)
{
	while (reader_has_more(reader, COLUMN_TEXTS)) {
		size_t length = 0;
		const char *text = wire_get_text(&reader->columns[COLUMN_TEXTS], &length);

		if (!text || length > TEXTS_LIMIT_BYTES - reader->text_bytes ||
			reader->text_count >= DEFINITIONS_LIMIT) {
			reader_refuse(reader, COLUMN_TEXTS);
			return;
		}
		reader->text_bytes += length;
		array_reserve(&reader->texts, &reader->text_capacity, reader->text_count + 1, sizeof(char *));
		reader->texts[reader->text_count++] = reader_clean_text(reader, text, length);
	}
}

static void read_functions(struct reader *reader)
{
	while (reader_has_more(reader, COLUMN_FUNCTIONS)) {
		struct function like = { .kind = reader_get_below(reader, COLUMN_FUNCTIONS, FUNCTION_KINDS) };
		const uint32_t file = reader_get_below(reader, COLUMN_FUNCTIONS, reader->text_count);
		const uint32_t name = reader_get_below(reader, COLUMN_FUNCTIONS, reader->text_count);
		size_t bytes;

		like.first_line = (int)reader_get_signed(reader, COLUMN_FUNCTIONS);
		if (reader->columns[COLUMN_FUNCTIONS].bad || reader->known_count >= DEFINITIONS_LIMIT) {
			reader_refuse(reader, COLUMN_FUNCTIONS);
			return;
		}
		like.file = reader->texts[file];
		like.name = reader->texts[name];
		bytes = strlen(like.file) + strlen(like.name);
		if (!reader_count(
			    reader, COLUMN_FUNCTIONS, &reader->known_bytes, bytes, FUNCTIONS_LIMIT_BYTES))
			return;
		array_reserve(&reader->known, &reader->known_capacity, reader->known_count + 1,
			sizeof(struct function *));
		reader->known[reader->known_count++] = functions_intern(reader->functions, &like);
	}
}

static void read_frames(struct reader *reader)
{
	while (reader_has_more(reader, COLUMN_FRAMES)) {
		const uint32_t function = reader_get_below(reader, COLUMN_FRAMES, reader->known_count);
		const int64_t line = reader_get_signed(reader, COLUMN_FRAMES);

		if (reader->columns[COLUMN_FRAMES].bad || reader->frame_count >= DEFINITIONS_LIMIT) {
			reader_refuse(reader, COLUMN_FRAMES);
			return;
		}
		if (!reader_count(reader, COLUMN_FRAMES, &reader->frame_bytes,
			    strlen(reader->known[function]->name) + strlen(reader->known[function]->file),
			    FRAMES_LIMIT_BYTES))
			return;
		array_reserve(&reader->frames, &reader->frame_capacity, reader->frame_count + 1,
			sizeof(*reader->frames));
		reader->frames[reader->frame_count++] = (struct stack_frame){ reader->known[function],
			(int)((uint32_t)line + (uint32_t)reader->known[function]->first_line) };
	}
}

static void read_nodes(struct reader *reader)
{
	while (reader_has_more(reader, COLUMN_NODES)) {
		const uint64_t less = reader_get(reader, COLUMN_NODES);
		const uint32_t frame = reader_get_below(reader, COLUMN_NODES, reader->frame_count);
		struct node node = { .frame = frame };
		const struct function *function;
		size_t text_bytes;

		if (reader->columns[COLUMN_NODES].bad || less == 0 || less > reader->node_count ||
			reader->node_count >= DEFINITIONS_LIMIT) {
			reader_refuse(reader, COLUMN_NODES);
			return;
		}
		node.parent = (uint32_t)(reader->node_count - less);
		node.depth = reader->nodes[node.parent].depth + 1;
		text_bytes = reader->nodes[node.parent].text_bytes;
		function = reader->frames[frame].function;
		if (!reader_count(reader, COLUMN_NODES, &text_bytes,
			    strlen(function->name) + strlen(function->file), STACK_LIMIT_BYTES))
			return;
		node.text_bytes = (uint32_t)text_bytes;
		array_reserve(&reader->nodes, &reader->node_capacity, reader->node_count + 1,
			sizeof(*reader->nodes));
		reader->nodes[reader->node_count++] = node;
	}
}

static void read_processes(struct reader *reader)
{
	while (reader_has_more(reader, COLUMN_PROCESSES)) {
		const uint32_t pid = reader_get_below(reader, COLUMN_PROCESSES, INT32_MAX);

		if (reader->columns[COLUMN_PROCESSES].bad || reader->process_count >= THREADS_LIMIT) {
			reader_refuse(reader, COLUMN_PROCESSES);
			return;
		}
		array_reserve(&reader->processes, &reader->process_capacity, reader->process_count + 1,
			sizeof(*reader->processes));
		reader->processes[reader->process_count++] = (struct process){ .pid = (pid_t)pid };
	}
}

static void read_threads(struct reader *reader)
{
	while (reader_has_more(reader, COLUMN_THREADS)) {
		struct thread thread = { .process = reader_get_below(
						 reader, COLUMN_THREADS, reader->process_count) };

		thread.tid = (pid_t)reader_get_below(reader, COLUMN_THREADS, INT32_MAX);
		thread.interpreter = reader_get(reader, COLUMN_THREADS);
		thread.name = reader_get_below(reader, COLUMN_THREADS, reader->text_count);
		thread.process_name = reader_get_below(reader, COLUMN_THREADS, reader->text_count);
		if (reader->columns[COLUMN_THREADS].bad || reader->thread_count >= DEFINITIONS_LIMIT) {
			reader_refuse(reader, COLUMN_THREADS);
			return;
		}
		if (!reader_count(reader, COLUMN_THREADS, &reader->thread_bytes,
			    strlen(reader->texts[thread.name]) + strlen(reader->texts[thread.process_name]),
			    THREADS_LIMIT_BYTES))
			return;
		array_reserve(&reader->threads, &reader->thread_capacity, reader->thread_count + 1,
			sizeof(*reader->threads));
		reader->threads[reader->thread_count++] = thread;
	}
}

void reader_read_definitions(struct reader *reader)
{
	read_texts(reader);
	read_functions(reader);
	read_frames(reader);
	read_nodes(reader);
	read_processes(reader);
	read_threads(reader);
}

void reader_init_definitions(struct reader *reader)
{
	array_reserve(&reader->nodes, &reader->node_capacity, 1, sizeof(*reader->nodes));
	reader->nodes[0] = (struct node){ 0 };
	reader->node_count = 1;
}

void reader_release_definitions(struct reader *reader)
{
	for (size_t i = 0; i < reader->text_count; i++)
		free(reader->texts[i]);
	free(reader->texts);
	free(reader->known);
	free(reader->frames);
	free(reader->nodes);
	free(reader->threads);
	for (size_t i = 0; i < reader->process_count; i++) {
		for (size_t j = 0; j < reader->processes[i].capacity; j++)
			free(reader->processes[i].entries[j].frames);
		free(reader->processes[i].entries);
	}
	free(reader->processes);
}
