/* SPDX-License-Identifier: MIT */
/* pyrope doctor: what works here and what does not, on one screen; what a bug report should contain. */
#include "config.h"

#include "commands/command.h"
#include "commands/terminal.h"
#include "pyrope/doctor.h"

#include <unistd.h>

int doctor_run(const struct options *options, struct error *err)
{
	struct diagnosis diagnosis;
	struct buffer build = { 0 }, text = { 0 };
	int result;

	build_append(&build);
	diagnose(&diagnosis, build.data, options->pid, options->abi);
	if (options->json)
		diagnosis_append_json(&text, &diagnosis, options->pid);
	else
		diagnosis_append_text(&text, &diagnosis, terminal_columns(STDOUT_FILENO),
			terminal_has_colours(STDOUT_FILENO));
	result = print_text(&text, err);
	if (result == 0 && diagnosis_grade(&diagnosis) == GRADE_FAIL) {
		err->exit_code = 1; /* what failed has been said */
		result = -1;
	}
	diagnosis_release(&diagnosis);
	buffer_release(&build);
	buffer_release(&text);
	return result;
}
