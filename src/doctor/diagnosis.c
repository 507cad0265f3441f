/* SPDX-License-Identifier: MIT */
/* The list of remarks, and in which order they are made. */
#include "config.h"

#include "doctor/internal.h"
#include "pyrope/functions.h"

#include <stdio.h>
#include <stdlib.h>

void remark_add(struct diagnosis *diagnosis, const char *section, const char *topic, enum grade grade,
	char *text, char *remedy)
{
	array_reserve(
		&diagnosis->remarks, &diagnosis->capacity, diagnosis->count + 1, sizeof(*diagnosis->remarks));
	diagnosis->remarks[diagnosis->count++] = (struct remark){
		.section = section,
		.topic = topic,
		.grade = grade,
		.text = text,
		.remedy = remedy,
	};
}

void remark_say(struct diagnosis *diagnosis, const char *section, const char *topic, enum grade grade,
	const char *text, const char *remedy)
{
	remark_add(diagnosis, section, topic, grade, xstrdup(text), remedy ? xstrdup(remedy) : NULL);
}

static void diagnose_pid(struct diagnosis *diagnosis, pid_t pid, int abi)
{
	struct functions *functions = functions_new();
	struct target *target = diagnose_process(diagnosis, pid);
	struct python *python = target ? diagnose_interpreter(diagnosis, target, functions, abi) : NULL;

	if (python)
		diagnose_debug_files(diagnosis, target, python);
	diagnose_container(diagnosis, pid);
	python_free(python);
	target_close(target);
	functions_free(functions);
}

void diagnose(struct diagnosis *diagnosis, const char *build, pid_t pid, int abi)
{
	*diagnosis = (struct diagnosis){ 0 };
	diagnose_machine(diagnosis, build);
	diagnose_rights(diagnosis);
	if (!pid) {
		diagnose_container(diagnosis, 0);
		return;
	}
	snprintf(diagnosis->process, sizeof(diagnosis->process), "process %d", (int)pid);
	diagnose_pid(diagnosis, pid, abi);
}

void diagnosis_release(struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->count; i++) {
		free(diagnosis->remarks[i].text);
		free(diagnosis->remarks[i].remedy);
	}
	free(diagnosis->remarks);
}

enum grade diagnosis_grade(const struct diagnosis *diagnosis)
{
	enum grade worst = GRADE_OK;

	for (size_t i = 0; i < diagnosis->count; i++)
		if (diagnosis->remarks[i].grade > worst)
			worst = diagnosis->remarks[i].grade;
	return worst;
}
