/* SPDX-License-Identifier: MIT */
/*
 * Completions for the shells, made from the rows of options and commands. Each offers the names, and for an
 * argument what it can be: one of some words, a file, the id of a running Python, a command.
 */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

#include <string.h>

/*
 * Lists process ids of Pythons, one a line, each with its command line behind a tab, which fish and zsh show.
 *
 */
#define LIST_PIDS "ps -eo pid=,args= 2>/dev/null | sed -n 's/^ *\\([0-9]*\\) \\(.*[Pp]ython.*\\)/\\1\\t\\2/p'"

static void append_choices(struct buffer *buffer, const struct option_row *row, char separator)
{
	for (size_t i = 0; row->choices[i]; i++) {
		if (i > 0)
			buffer_append_char(buffer, separator);
		buffer_append_string(buffer, row->choices[i]);
	}
}

static void append_commands(struct buffer *buffer)
{
	for (size_t i = 0; command_table[i]; i++)
		buffer_printf(buffer, "%s%s", i ? " " : "", command_table[i]->name);
}

/* ---- bash ---- */

/* The pattern of a case: the words behind which the argument of this option stands. */
static void append_bash_pattern(struct buffer *buffer, const struct option_row *row)
{
	buffer_printf(buffer, "\t--%s", row->name);
	if (row->alias)
		buffer_printf(buffer, "|--%s", row->alias);
	if (row->letter)
		buffer_printf(buffer, "|-%c", row->letter);
	buffer_append_string(buffer, ") ");
}

static void append_bash_argument(struct buffer *buffer, const struct option_row *row)
{
	append_bash_pattern(buffer, row);
	switch (row->completion) {
	case COMPLETE_CHOICES:
		buffer_append_string(buffer, "mapfile -t COMPREPLY < <(compgen -W '");
		append_choices(buffer, row, ' ');
		buffer_append_string(buffer, "' -- \"$current\"); ");
		break;
	case COMPLETE_FILE:
		buffer_append_string(buffer,
			"compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); ");
		break;
	case COMPLETE_PID:
		buffer_append_string(
			buffer, "mapfile -t COMPREPLY < <(compgen -W \"$(_pyrope_pids)\" -- \"$current\"); ");
		break;
	case COMPLETE_COMMAND:
		buffer_append_string(buffer, "mapfile -t COMPREPLY < <(compgen -c -- \"$current\"); ");
		break;
	case COMPLETE_NOTHING:
		break;
	}
	buffer_append_string(buffer, "return ;;\n");
}

static void append_bash_trace(struct buffer *buffer)
{
	const struct option_row *row;

	/* Behind -t COMMAND everything belongs to the command. */
	buffer_append_string(
		buffer, "\tfor ((i = 1; i + 1 < COMP_CWORD; i++)); do\n\t\tcase ${COMP_WORDS[i]} in\n");
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));)
		if (row->ends_options)
			buffer_printf(buffer, "\t\t-%c|--%s) compopt -o default; return ;;\n", row->letter,
				row->name);
	buffer_append_string(buffer, "\t\tesac\n\tdone\n");
}

static void append_bash(struct buffer *buffer)
{
	const struct option_row *row;

	buffer_append_string(buffer,
		"# bash completion for pyrope\n"
		"_pyrope_pids()\n{\n\t" LIST_PIDS " | cut -f 1\n}\n"
		"_pyrope()\n{\n"
		"\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i\n"
		"\tCOMPREPLY=()\n"
		/* bash splits --mode=wall into three words. */
		"\tif [[ $previous == = ]]; then\n\t\tprevious=${COMP_WORDS[COMP_CWORD - 2]}\n"
		"\telif [[ $current == = ]]; then\n\t\tcurrent=\n\tfi\n");
	append_bash_trace(buffer);
	buffer_append_string(buffer, "\tcase $previous in\n");
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));)
		if (row->argument && !row->argument_optional)
			append_bash_argument(buffer, row);
	buffer_append_string(
		buffer, "\tesac\n\tif [[ $current == -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));)
		buffer_printf(buffer, "--%s ", row->name);
	buffer_append_string(buffer, "' -- \"$current\")\n\telse\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	append_commands(buffer);
	buffer_append_string(
		buffer, " '\"$(_pyrope_pids)\" -- \"$current\")\n\tfi\n}\ncomplete -F _pyrope pyrope\n");
}

/* ---- zsh ---- */

/* Text for an _arguments specification within single quotes. */
static void append_zsh_text(struct buffer *buffer, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'') {
			buffer_append_string(buffer, "'\\''");
			continue;
		}
		if (strchr("[]:\\", *text))
			buffer_append_char(buffer, '\\');
		buffer_append_char(buffer, *text);
	}
}

static void append_zsh_argument(struct buffer *buffer, const struct option_row *row)
{
	if (!row->argument)
		return;
	buffer_append_string(buffer, row->argument_optional ? "::" : ":");
	append_zsh_text(buffer, row->argument);
	buffer_append_char(buffer, ':');
	switch (row->completion) {
	case COMPLETE_CHOICES:
		buffer_append_char(buffer, '(');
		append_choices(buffer, row, ' ');
		buffer_append_char(buffer, ')');
		break;
	case COMPLETE_FILE:
		buffer_append_string(buffer, "_files");
		break;
	case COMPLETE_PID:
		buffer_append_string(buffer, "_pyrope_pids");
		break;
	case COMPLETE_COMMAND:
		buffer_append_string(buffer, "_command_names -e");
		break;
	case COMPLETE_NOTHING:
		break;
	}
}

static void append_zsh_option(struct buffer *buffer, const struct option_row *row)
{
	buffer_append_string(buffer, "\t\t");
	if (row->letter) {
		/* With a letter: one word of the two, not both. */
		buffer_printf(buffer, "'(-%c --%s)'{-%c%s,--%s%s}'[", row->letter, row->name, row->letter,
			row->argument && !row->ends_options ? "+" : "", row->name,
			row->argument && !row->ends_options ? "=" : "");
	} else {
		const char *equals = row->argument_optional ? "=-" : row->argument ? "=" : "";

		buffer_printf(buffer, "'--%s%s[", row->name, equals);
	}
	append_zsh_text(buffer, row->help);
	buffer_append_char(buffer, ']');
	append_zsh_argument(buffer, row);
	/* What follows -t COMMAND is completed as that command's own line. */
	buffer_append_string(buffer, row->ends_options ? ":*:::arguments:_normal' \\\n" : "' \\\n");
}

static void append_zsh(struct buffer *buffer)
{
	const struct option_row *row;

	buffer_append_string(buffer,
		"#compdef pyrope\n"
		"_pyrope_pids()\n{\n"
		"\tlocal -a pids\n"
		"\tpids=(${(f)\"$(" LIST_PIDS " | sed 's/:/\\\\:/g; s/\\t/:/')\"})\n"
		"\t_describe -V 'process id' pids\n}\n"
		"_pyrope_first()\n{\n"
		"\tlocal -a commands\n"
		"\tcommands=(\n");
	for (size_t i = 0; command_table[i]; i++) {
		buffer_printf(buffer, "\t\t'%s:", command_table[i]->name);
		append_zsh_text(buffer, command_table[i]->summary);
		buffer_append_string(buffer, "'\n");
	}
	buffer_append_string(buffer,
		"\t)\n"
		"\t_describe command commands\n"
		"\t_pyrope_pids\n}\n"
		"_pyrope()\n{\n"
		"\t_arguments -s -S \\\n");
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));)
		append_zsh_option(buffer, row);
	buffer_append_string(buffer,
		"\t\t'1:command or process id:_pyrope_first' \\\n"
		"\t\t'2:process id:_pyrope_pids'\n}\n"
		"_pyrope \"$@\"\n");
}

/* ---- fish ---- */

static void append_fish_text(struct buffer *buffer, const char *text)
{
	buffer_append_char(buffer, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buffer_append_char(buffer, '\\');
		buffer_append_char(buffer, *text);
	}
	buffer_append_char(buffer, '\'');
}

static void append_fish_option(struct buffer *buffer, const struct option_row *row)
{
	buffer_append_string(buffer, "complete -c pyrope -n __pyrope_own");
	if (row->letter)
		buffer_printf(buffer, " -s %c", row->letter);
	buffer_printf(buffer, " -l %s -d ", row->name);
	append_fish_text(buffer, row->help);
	/* fish would offer the words of an optional argument as operands. */
	if (!row->argument || row->argument_optional) {
		buffer_append_char(buffer, '\n');
		return;
	}
	buffer_append_string(buffer, row->completion == COMPLETE_FILE ? " -r -F" : " -x");
	switch (row->completion) {
	case COMPLETE_CHOICES:
		buffer_append_string(buffer, " -a '");
		append_choices(buffer, row, ' ');
		buffer_append_char(buffer, '\'');
		break;
	case COMPLETE_PID:
		buffer_append_string(buffer, " -a '(__pyrope_pids)'");
		break;
	case COMPLETE_COMMAND:
		buffer_append_string(buffer, " -a '(__fish_complete_command)'");
		break;
	case COMPLETE_FILE:
	case COMPLETE_NOTHING:
		break;
	}
	buffer_append_char(buffer, '\n');
}

static void append_fish(struct buffer *buffer)
{
	const struct option_row *row;

	buffer_append_string(buffer,
		"# fish completion for pyrope\n"
		"function __pyrope_pids\n\t" LIST_PIDS "\nend\n"
		"# Behind -t COMMAND everything belongs to the command.\n"
		"function __pyrope_own\n\tnot __pyrope_traces\nend\n"
		"function __pyrope_traces\n\tset -l words (commandline -opc)[1..-2]\n");
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));)
		if (row->ends_options)
			buffer_printf(buffer, "\tcontains -- -%c $words; or contains -- --%s $words\n",
				row->letter, row->name);
	buffer_append_string(buffer,
		"end\n"
		"complete -c pyrope -f\n"
		"complete -c pyrope -n __pyrope_traces -F\n"
		"complete -c pyrope -n __pyrope_own -a '(__pyrope_pids)'\n");
	for (size_t i = 0; command_table[i]; i++) {
		buffer_printf(buffer,
			"complete -c pyrope -n '__pyrope_own; and __fish_use_subcommand' -a %s -d ",
			command_table[i]->name);
		append_fish_text(buffer, command_table[i]->summary);
		buffer_append_char(buffer, '\n');
	}
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));)
		append_fish_option(buffer, row);
}

int completion_append(struct buffer *buffer, const char *shell, struct error *err)
{
	static const struct {
		const char *name;
		void (*append)(struct buffer *buffer);
	} shells[] = {
		{ "bash", append_bash },
		{ "zsh", append_zsh },
		{ "fish", append_fish },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(shells); i++) {
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].append(buffer);
			return 0;
		}
	}
	return error_set(err, ERROR_USAGE, "no completions for the shell '%.64s'", shell);
}
