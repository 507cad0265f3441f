/* SPDX-License-Identifier: MIT */
/* Names of code that was compiled at run time, where its compiler writes them down: /tmp/perf-PID.map. */
#ifndef PYROPE_NATIVE_NAMES_PERF_MAP_H
#define PYROPE_NATIVE_NAMES_PERF_MAP_H

#include "native/files/root.h"

struct perf_map;

/*
 * The map of the process with this pid (as it sees itself) in that root. owner: who may have written it.
 * Nothing is read yet.
 */
struct perf_map *perf_map_new(int root, pid_t pid, uid_t owner);
void perf_map_free(struct perf_map *map); /* accepts NULL */
/*
 * The name of what was compiled to this address, as it stands in the file, on the heap; NULL: not there.
 * Looks whether the file has grown, but not for every address that is missing.
 */
char *perf_map_find(struct perf_map *map, raddr_t address, int64_t now_ns);

#endif
