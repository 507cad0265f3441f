/* SPDX-License-Identifier: MIT */
/* A profile of pprof, packed or not. Every sample has to be sound. */
#include "config.h"

#include "pyrope/recording.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t text_bytes;

static int check(struct sink *sink, const struct event *event, struct error *err)
{
	const struct sample *sample = event->sample;

	(void)sink;
	(void)err;
	if (event->kind != EVENT_SAMPLE || !event->weight || sample->state >= THREAD_STATES ||
		sample->quality >= SAMPLE_QUALITIES || sample->pid < 0 || sample->tid < 0)
		abort();
	text_bytes += strlen(sample->thread_name) + strlen(sample->process_name);
	for (size_t i = 0; i < sample->frame_count; i++) {
		if (sample->frames[i].line < 0 || sample->frames[i].function->first_line < 0)
			abort();
		text_bytes +=
			strlen(sample->frames[i].function->name) + strlen(sample->frames[i].function->file);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct functions *functions = functions_new();
	struct sink sink = { .take = check };
	struct error err = { 0 };
	int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size))
		abort();
	lseek(fd, 0, SEEK_SET);
	pprof_recognise(data, size);
	if (pprof_read(fd, "input", functions, &sink, &err) != 0 && !strstr(err.message, "'input'"))
		abort();
	close(fd);
	functions_free(functions);
	return 0;
}
