/* SPDX-License-Identifier: MIT */
/*
 * The profile of Go's pprof (proto/profile.proto of google/pprof), which Pyroscope, Parca and others take as
 * well. It has no time: each stack counts once for each thread and state. Strings, functions and locations
 * are written as they are met, samples at the end.
 *
 * A mapping is a module of native functions; Python's functions have one of their own, the first, which
 * readers take for the program. Function.system_name is left out: readers take what stands there for a
 * mangled name.
 */
#include "config.h"

#include "output/format.h"
#include "output/protobuf.h"
#include "output/shown.h"
#include "pyrope/leb128.h"
#include "pyrope/pprof.h"

#include <stdlib.h>
#include <string.h>

#define FLUSH_BYTES 32768

struct strings {
	struct u64_map by_hash; /* of a text -> its number */
	char **texts;
	size_t count, capacity;
};

struct track {
	pid_t pid, tid;
	char *name;
};

/* Equal stacks of a thread in a state. */
struct counted {
	uint32_t node, context;
	uint64_t count;
};

struct context {
	size_t track;
	const char *state; /* NULL: not known */
};

struct pprof {
	struct sink sink;
	struct output_file *file;             /* borrowed */
	const struct output_options *options; /* borrowed */
	struct stacks stacks;
	struct stack_path path;
	struct u64_map nodes_by_key; /* stack_key of this source -> node */
	struct track *tracks;
	size_t track_count, track_capacity;
	struct u64_map tracks_by_id; /* pid << 32 | tid */
	struct context *contexts;
	size_t context_count, context_capacity;
	struct u64_map contexts_by_key; /* track << 8 | state */
	struct counted *counted;
	size_t counted_count, counted_capacity;
	struct u64_map counted_by_key; /* node << 32 | context */
	bool has_time;
	int64_t offset_ns, first_ns, last_ns; /* of the wall clock */
	uint64_t ticks, missed;
	char *arguments;

	/* writing */
	struct strings strings;
	struct buffer bytes, message, part;
	struct u64_map mappings; /* number of the string of its file -> id */
};

/* ---- samples come in ---- */

static size_t track_of(struct pprof *pprof, const struct sample *sample)
{
	const uint64_t id = (uint64_t)sample->pid << 32 | (uint32_t)sample->tid;
	const uint64_t *known = u64_map_get(&pprof->tracks_by_id, id);

	if (known)
		return *known;
	array_reserve(&pprof->tracks, &pprof->track_capacity, pprof->track_count + 1, sizeof(*pprof->tracks));
	pprof->tracks[pprof->track_count] = (struct track){ sample->pid, sample->tid, xstrdup("") };
	u64_map_put(&pprof->tracks_by_id, id, pprof->track_count);
	return pprof->track_count++;
}

static uint32_t context_of(struct pprof *pprof, const struct sample *sample)
{
	const size_t index = track_of(pprof, sample);
	const unsigned state = sample->quality == SAMPLE_IDLE ? THREAD_STATES : sample->state;
	const uint64_t key = (uint64_t)index << 8 | state, *known = u64_map_get(&pprof->contexts_by_key, key);
	struct track *track = &pprof->tracks[index];

	if (*sample->thread_name && strcmp(track->name, sample->thread_name) != 0) {
		free(track->name);
		track->name = xstrdup(sample->thread_name);
	}
	if (known)
		return (uint32_t)*known;
	array_reserve(&pprof->contexts, &pprof->context_capacity, pprof->context_count + 1,
		sizeof(*pprof->contexts));
	pprof->contexts[pprof->context_count] = (struct context){ index,
		state == THREAD_STATES            ? "idle"
			: state == THREAD_UNKNOWN ? NULL
						  : thread_state_names[state] };
	u64_map_put(&pprof->contexts_by_key, key, pprof->context_count);
	return (uint32_t)pprof->context_count++;
}

static uint32_t stack_of(struct pprof *pprof, const struct event *event)
{
	const struct sample *sample = event->sample;
	const uint64_t *known = event->stack_key ? u64_map_get(&pprof->nodes_by_key, event->stack_key) : NULL;
	uint32_t node;

	if (known)
		return (uint32_t)*known;
	node = stacks_find(&pprof->stacks, &pprof->path, 0, sample->frames, sample->frame_count);
	if (event->stack_key)
		u64_map_put(&pprof->nodes_by_key, event->stack_key, node);
	return node;
}

static void set_time(struct pprof *pprof, const struct event *event)
{
	const int64_t first_ns = event->time_ns + pprof->offset_ns,
		      last_ns = event->last_ns + pprof->offset_ns;

	if (event->is_untimed)
		return;
	if (!pprof->has_time || first_ns < pprof->first_ns)
		pprof->first_ns = first_ns;
	if (!pprof->has_time || last_ns > pprof->last_ns)
		pprof->last_ns = last_ns;
	pprof->has_time = true;
}

static void add_sample(struct pprof *pprof, const struct event *event)
{
	const uint32_t node = stack_of(pprof, event), context = context_of(pprof, event->sample);
	const uint64_t key = (uint64_t)node << 32 | context,
		       *known = u64_map_get(&pprof->counted_by_key, key);

	set_time(pprof, event);
	pprof->ticks += event->weight;
	if (known) {
		pprof->counted[*known].count += event->weight;
		return;
	}
	array_reserve(
		&pprof->counted, &pprof->counted_capacity, pprof->counted_count + 1, sizeof(*pprof->counted));
	pprof->counted[pprof->counted_count] = (struct counted){ node, context, event->weight };
	u64_map_put(&pprof->counted_by_key, key, pprof->counted_count++);
}

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct pprof *pprof = (struct pprof *)sink;

	(void)err;
	switch (event->kind) {
	case EVENT_BEGIN:
		u64_map_clear(&pprof->nodes_by_key); /* what is known by number is known of one source */
		u64_map_clear(&pprof->tracks_by_id);
		pprof->offset_ns = event->run->realtime_ns - event->time_ns;
		free(pprof->arguments);
		pprof->arguments = xstrdup(event->run->arguments);
		break;
	case EVENT_SAMPLE:
		add_sample(pprof, event);
		break;
	case EVENT_MISSED:
		pprof->missed += event->missed;
		break;
	default:
		break;
	}
	return 0;
}

/* ---- writing ---- */

/* The number of a text; one that is new is written. */
static uint64_t string(struct pprof *pprof, const char *text)
{
	struct strings *strings = &pprof->strings;
	uint64_t hash = hash_bytes(text, strlen(text)), *known;

	/* a text with the hash of another one takes the next free number after it */
	while ((known = u64_map_get(&strings->by_hash, hash)) && strcmp(strings->texts[*known], text) != 0)
		hash++;
	if (known)
		return *known;
	array_reserve(&strings->texts, &strings->capacity, strings->count + 1, sizeof(*strings->texts));
	strings->texts[strings->count] = xstrdup(text);
	u64_map_put(&strings->by_hash, hash, strings->count);
	protobuf_put_bytes(&pprof->bytes, PPROF_PROFILE_STRING, text, strlen(text));
	return strings->count++;
}

/* The message goes out as this field of the profile. */
static void put_message(struct pprof *pprof, unsigned field)
{
	protobuf_put_bytes(&pprof->bytes, field, pprof->message.data, pprof->message.length);
	buffer_clear(&pprof->message);
	if (pprof->bytes.length > FLUSH_BYTES) {
		output_write(pprof->file, pprof->bytes.data, pprof->bytes.length);
		buffer_clear(&pprof->bytes);
	}
}

static void put_part(struct pprof *pprof, unsigned field)
{
	protobuf_put_bytes(&pprof->message, field, pprof->part.data, pprof->part.length);
	buffer_clear(&pprof->part);
}

static void write_type(struct pprof *pprof, unsigned field, const char *type, const char *unit)
{
	const uint64_t type_string = string(pprof, type), unit_string = string(pprof, unit);

	protobuf_put_uint(&pprof->message, PPROF_TYPE_TYPE, type_string);
	protobuf_put_uint(&pprof->message, PPROF_TYPE_UNIT, unit_string);
	put_message(pprof, field);
}

static void write_head(struct pprof *pprof)
{
	const char *type = pprof->options->is_cpu ? "cpu" : "wall";
	const int64_t interval_ns = pprof->options->interval_ns;
	struct buffer text = { 0 };
	uint64_t comment;

	string(pprof, ""); /* number 0 */
	write_type(pprof, PPROF_PROFILE_SAMPLE_TYPE, "samples", "count");
	write_type(pprof, PPROF_PROFILE_SAMPLE_TYPE, type, "nanoseconds");
	write_type(pprof, PPROF_PROFILE_PERIOD_TYPE, type, "nanoseconds");
	protobuf_put_uint(&pprof->bytes, PPROF_PROFILE_PERIOD, (uint64_t)interval_ns);
	protobuf_put_uint(&pprof->bytes, PPROF_PROFILE_DEFAULT_TYPE, string(pprof, type));
	if (pprof->has_time) {
		protobuf_put_uint(&pprof->bytes, PPROF_PROFILE_TIME,
			pprof->first_ns > 0 ? (uint64_t)pprof->first_ns : 0);
		protobuf_put_uint(&pprof->bytes, PPROF_PROFILE_DURATION,
			(uint64_t)(pprof->last_ns - pprof->first_ns + interval_ns));
	} else {
		protobuf_put_uint(
			&pprof->bytes, PPROF_PROFILE_DURATION, pprof->ticks * (uint64_t)interval_ns);
	}
	buffer_printf(&text, "%s",
		pprof->arguments && *pprof->arguments ? pprof->arguments : "pyrope " PACKAGE_VERSION);
	comment = string(pprof, text.data);
	protobuf_put_uint(&pprof->bytes, PPROF_PROFILE_COMMENT, comment);
	if (pprof->missed) {
		buffer_clear(&text);
		buffer_printf(&text, "ticks missed: %llu", (unsigned long long)pprof->missed);
		comment = string(pprof, text.data);
		protobuf_put_uint(&pprof->bytes, PPROF_PROFILE_COMMENT, comment);
	}
	buffer_release(&text);
}

static uint64_t mapping(struct pprof *pprof, const char *file)
{
	const uint64_t name = string(pprof, file), *known = u64_map_get(&pprof->mappings, name);
	const uint64_t id = pprof->mappings.count + 1;

	if (known)
		return *known;
	u64_map_put(&pprof->mappings, name, id);
	protobuf_put_uint(&pprof->message, PPROF_MAPPING_ID, id);
	protobuf_put_uint(&pprof->message, PPROF_MAPPING_FILE, name);
	for (unsigned field = PPROF_MAPPING_HAS_FUNCTIONS; field <= PPROF_MAPPING_HAS_INLINE; field++)
		protobuf_put_uint(&pprof->message, field, 1); /* there is nothing left to look up */
	put_message(pprof, PPROF_PROFILE_MAPPING);
	return id;
}

static void write_functions(struct pprof *pprof, const struct function_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct function *function = rows->list[i];
		const uint64_t name = string(pprof, function_name(function));
		const uint64_t file = string(pprof, function_file(function, pprof->options));

		protobuf_put_uint(&pprof->message, PPROF_FUNCTION_ID, i + 1);
		protobuf_put_uint(&pprof->message, PPROF_FUNCTION_NAME, name);
		protobuf_put_uint(&pprof->message, PPROF_FUNCTION_FILE, file);
		if (function->first_line > 0)
			protobuf_put_uint(
				&pprof->message, PPROF_FUNCTION_START, (uint64_t)function->first_line);
		put_message(pprof, PPROF_PROFILE_FUNCTION);
	}
}

static uint64_t mapping_of(struct pprof *pprof, const struct function *function)
{
	if (function->kind == FUNCTION_PYTHON)
		return mapping(pprof, "Python");
	return function->kind == FUNCTION_NATIVE && *function->file ? mapping(pprof, function->file) : 0;
}

/* Each frame is one. */
static void write_locations(struct pprof *pprof, const struct function_rows *rows)
{
	mapping(pprof, "Python");
	for (size_t i = 0; i < pprof->stacks.frame_count; i++) {
		const struct stack_frame *frame = &pprof->stacks.frames[i];
		const uint64_t mapping_id = mapping_of(pprof, frame->function);

		protobuf_put_uint(&pprof->part, PPROF_LINE_FUNCTION, function_row(rows, frame->function) + 1);
		if (frame->line > 0 && !pprof->options->no_lines)
			protobuf_put_uint(&pprof->part, PPROF_LINE_LINE, (uint64_t)frame->line);
		protobuf_put_uint(&pprof->message, PPROF_LOCATION_ID, i + 1);
		protobuf_put_uint(&pprof->message, PPROF_LOCATION_MAPPING, mapping_id);
		put_part(pprof, PPROF_LOCATION_LINE);
		put_message(pprof, PPROF_PROFILE_LOCATION);
	}
}

static void put_label(struct pprof *pprof, const char *key, const char *text)
{
	const uint64_t key_string = string(pprof, key), text_string = string(pprof, text);

	protobuf_put_uint(&pprof->part, PPROF_LABEL_KEY, key_string);
	protobuf_put_uint(&pprof->part, PPROF_LABEL_TEXT, text_string);
	put_part(pprof, PPROF_SAMPLE_LABEL);
}

/* Numbers as texts: readers show the numeric ones with a unit. */
static void put_labels(struct pprof *pprof, const struct context *context)
{
	const struct track *track = &pprof->tracks[context->track];
	struct buffer text = { 0 };

	if (*track->name)
		put_label(pprof, "thread", track->name);
	if (track->tid) {
		buffer_append_int(&text, track->tid);
		put_label(pprof, "thread_id", text.data);
		buffer_clear(&text);
	}
	if (track->pid) {
		buffer_append_int(&text, track->pid);
		put_label(pprof, "pid", text.data);
	}
	if (context->state)
		put_label(pprof, "state", context->state);
	buffer_release(&text);
}

static void write_samples(struct pprof *pprof)
{
	const struct stack_node *nodes = pprof->stacks.nodes;

	for (size_t i = 0; i < pprof->counted_count; i++) {
		const struct counted *counted = &pprof->counted[i];

		for (uint32_t node = counted->node; node; node = nodes[node].parent)
			leb128_append(&pprof->part, nodes[node].frame + 1);
		put_part(pprof, PPROF_SAMPLE_LOCATION);
		leb128_append(&pprof->part, counted->count);
		leb128_append(&pprof->part, counted->count * (uint64_t)pprof->options->interval_ns);
		put_part(pprof, PPROF_SAMPLE_VALUE);
		put_labels(pprof, &pprof->contexts[counted->context]);
		put_message(pprof, PPROF_PROFILE_SAMPLE);
	}
}

static int finish(struct sink *sink, struct error *err)
{
	struct pprof *pprof = (struct pprof *)sink;
	struct function_rows rows;

	(void)err;
	function_rows_init(&rows, &pprof->stacks);
	write_head(pprof);
	write_functions(pprof, &rows);
	write_locations(pprof, &rows);
	write_samples(pprof);
	output_write(pprof->file, pprof->bytes.data, pprof->bytes.length);
	function_rows_release(&rows);
	return 0;
}

static void release(struct sink *sink)
{
	struct pprof *pprof = (struct pprof *)sink;

	for (size_t i = 0; i < pprof->track_count; i++)
		free(pprof->tracks[i].name);
	for (size_t i = 0; i < pprof->strings.count; i++)
		free(pprof->strings.texts[i]);
	free(pprof->tracks);
	free(pprof->contexts);
	free(pprof->counted);
	free(pprof->strings.texts);
	free(pprof->arguments);
	u64_map_release(&pprof->nodes_by_key);
	u64_map_release(&pprof->tracks_by_id);
	u64_map_release(&pprof->contexts_by_key);
	u64_map_release(&pprof->counted_by_key);
	u64_map_release(&pprof->strings.by_hash);
	u64_map_release(&pprof->mappings);
	stacks_release(&pprof->stacks);
	stack_path_release(&pprof->path);
	buffer_release(&pprof->bytes);
	buffer_release(&pprof->message);
	buffer_release(&pprof->part);
	free(pprof);
}

static struct sink *open_pprof(struct output_file *file, const struct output_options *options)
{
	struct pprof *pprof = xcalloc(1, sizeof(*pprof));

	pprof->sink = (struct sink){ .take = take, .finish = finish, .free = release };
	pprof->file = file;
	pprof->options = options;
	pprof->offset_ns = options->epoch_ns;
	stacks_init(&pprof->stacks);
	return &pprof->sink;
}

static const char *const extensions[] = { ".pb.gz", NULL };

const struct output_format output_pprof = {
	.name = "pprof",
	.extensions = extensions,
	.description = "stacks with labels for thread, process and state, for pprof, Pyroscope and others",
	.viewer = "go tool pprof -http=: %s",
	.is_compressed = true,
	.says_threads = true,
	.needs = NEEDS_TIME,
	.open = open_pprof,
};
