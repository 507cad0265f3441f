/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "commands/children.h"

#include "pyrope/python.h"
#include "pyrope/session.h"

#define PROCESSES_LIMIT 1000

static bool is_python(pid_t pid, struct functions *functions, int abi)
{
	const struct python_options options = { .functions = functions, .abi = abi };
	struct target *target = NULL;
	struct python *python = NULL;
	struct error err = { 0 };
	bool result =
		target_open(&target, pid, &err) == 0 && python_attach(&python, target, &options, &err) == 0;

	python_free(python);
	target_close(target);
	return result;
}

size_t children_that_are_pythons(
	pid_t pid, struct functions *functions, int abi, pid_t *pids, size_t capacity, bool *has_more)
{
	struct tree *tree = tree_new(PROCESSES_LIMIT);
	const struct descendant *found = NULL;
	const size_t count = tree_add(tree, pid) ? tree_look(tree, &found) : 0;
	size_t children = 0, pythons = 0;

	*has_more = false;
	for (size_t i = 0; i < count && !*has_more; i++) {
		if (found[i].parent != pid)
			continue;
		*has_more = children++ == capacity;
		if (!*has_more && is_python(found[i].pid, functions, abi))
			pids[pythons++] = found[i].pid;
	}
	tree_free(tree);
	return pythons;
}
