/* SPDX-License-Identifier: MIT */
/* --embed-source: the text of the files that have samples, read while the process is there. */
#ifndef PYROPE_COMMANDS_SOURCES_H
#define PYROPE_COMMANDS_SOURCES_H

#include "pyrope/event.h"
#include "pyrope/output.h"

struct sources;

/* A live run's are read through the root of each process, those of a recording on this machine. */
struct sources *sources_new(bool is_live);
void sources_free(struct sources *sources); /* accepts NULL */
const struct source_texts *sources_texts(const struct sources *sources);
/* Reads the files of the functions in it that were not met before. */
void sources_take(struct sources *sources, const struct event *event);

#endif
