/* SPDX-License-Identifier: MIT */
/* The stage in a pyrope that was built without libdw: it can say so, and no more. */
#include "config.h"

#include "pyrope/native.h"

bool native_available(void)
{
	return false;
}

const char *native_libraries(void)
{
	return "";
}

bool native_examine(struct target *target, const struct maps *maps, const struct mapping *mapping,
	struct native_file_facts *facts)
{
	(void)target;
	(void)maps;
	(void)mapping;
	*facts = (struct native_file_facts){ 0 };
	return false;
}

int native_new(struct native **native, struct python *python, const struct native_options *options,
	struct error *err)
{
	(void)python;
	(void)options;
	*native = NULL;
	return error_set(err, ERROR_UNSUPPORTED,
		"this pyrope was built without native frames: build it where libdw (elfutils) is installed");
}

void native_free(struct native *native)
{
	(void)native;
}

void native_housekeeping(struct native *native, int64_t now_ns)
{
	(void)native;
	(void)now_ns;
}

bool native_copy(struct native *native, struct native_copy *copy, const struct registers *registers)
{
	(void)native;
	(void)copy;
	(void)registers;
	return false;
}

void native_copy_release(struct native_copy *copy)
{
	(void)copy;
}

void native_merge(struct native *native, struct native_copy *copy, const struct walk *walk, const void *state,
	struct native_merged *merged)
{
	(void)native;
	(void)copy;
	(void)walk;
	(void)state;
	(void)merged;
}

void native_merged_release(struct native_merged *merged)
{
	(void)merged;
}

void native_statistics(const struct native *native, struct native_statistics *statistics)
{
	(void)native;
	*statistics = (struct native_statistics){ 0 };
}

void native_naming_statistics(const struct native *native, struct native_statistics *statistics)
{
	(void)native;
	(void)statistics;
}

size_t native_frames(struct native *native, const struct native_address *address, bool outermost,
	const struct sample_frame **frames)
{
	(void)native;
	(void)address;
	(void)outermost;
	*frames = NULL;
	return 0;
}
