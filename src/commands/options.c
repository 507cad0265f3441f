/* SPDX-License-Identifier: MIT */
/*
 * Reading the command line by the rules of getopt_long: letters may be bundled, their arguments attached or
 * not, long names shortened as long as they are unique, and process ids stand anywhere between options. It is
 * not getopt_long itself, because that prints its own messages, keeps its state in globals, and cannot
 * suggest a name.
 */
#include "config.h"

#include "commands/options.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_INTERVAL_NS INT64_C(10000000)
#define DEFAULT_DURATION_NS INT64_C(1000000000)
#define DEFAULT_MAX_DEPTH 100000

struct parser {
	struct options *options;
	char *const *arguments; /* what is not yet read; NULL-terminated */
	bool only_operands;     /* after -- */
	bool has_command;
	bool ended; /* -t COMMAND, --help and the like: what follows is not looked at */
	const struct option_row *given[64]; /* in order, to check them against the command */
	size_t given_count;
	struct error *err;
};

/* ---- finding rows ---- */

static const struct option_row *find_letter(char letter)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].letter == letter)
			return &option_table[i];
	return NULL;
}

static bool has_prefix(const char *name, const char *prefix, size_t length)
{
	return name && strncmp(name, prefix, length) == 0;
}

static int unknown_name(const struct parser *parser, const char *name, size_t length)
{
	const char *names[2 * 64];
	size_t count = 0;
	char *word = xstrndup(name, length);
	const char *nearest;

	for (size_t i = 0; i < option_count; i++) {
		names[count++] = option_table[i].name;
		if (option_table[i].alias)
			names[count++] = option_table[i].alias;
	}
	nearest = nearest_word(word, names, count);
	if (nearest)
		error_set(parser->err, ERROR_USAGE, "unknown option '--%.64s': did you mean '--%s'?", word,
			nearest);
	else
		error_set(parser->err, ERROR_USAGE, "unknown option '--%.64s'", word);
	free(word);
	return -1;
}

/* The row whose name is, or alone begins with, name[0..length). NULL with err set when there is none. */
static const struct option_row *find_name(const struct parser *parser, const char *name, size_t length)
{
	const struct option_row *found = NULL, *other = NULL;

	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];

		if (!has_prefix(row->name, name, length) && !has_prefix(row->alias, name, length))
			continue;
		if (strlen(row->name) == length || (row->alias && strlen(row->alias) == length))
			return row;
		other = found;
		found = row;
	}
	if (other) {
		error_set(parser->err, ERROR_USAGE, "option '--%.*s' is ambiguous: '--%s' or '--%s'",
			(int)length, name, other->name, found->name);
		return NULL;
	}
	if (!found)
		unknown_name(parser, name, length);
	return found;
}

/* ---- applying ---- */

/* written is the option as the user wrote it, for messages. */
static int apply(struct parser *parser, const struct option_row *row, const char *written, const char *value)
{
	struct options *options = parser->options;

	if (row->flag)
		*(bool *)((char *)options + row->flag) = true;
	else if (row->means)
		options->command = row->means;
	else if (row->apply(options, value, parser->err) != 0)
		return error_wrap(parser->err, "option '%.64s'", written);
	if (parser->given_count < ARRAY_LENGTH(parser->given))
		parser->given[parser->given_count++] = row;
	parser->ended |= options->command == COMMAND_HELP || options->command == COMMAND_VERSION ||
		options->command == COMMAND_COMPLETION;
	return 0;
}

/* The argument is the next word. */
static int apply_next(struct parser *parser, const struct option_row *row, const char *written)
{
	char *const *words = parser->arguments;

	/* -t -- command: the dashes say once more what -t says already. */
	if (row->ends_options && *words && strcmp(*words, "--") == 0)
		words++;
	if (!*words)
		return error_set(parser->err, ERROR_USAGE, "option '%.64s' needs an argument: %s", written,
			row->argument);
	if (apply(parser, row, written, *words) != 0)
		return -1;
	parser->arguments = words + 1;
	if (row->ends_options) {
		parser->options->launch = words;
		parser->ended = true;
	}
	return 0;
}

static int parse_long(struct parser *parser, const char *word)
{
	const char *name = word + 2;
	size_t length = strcspn(name, "=");
	const struct option_row *row = find_name(parser, name, length);
	char written[80];

	if (!row)
		return -1;
	strcpy(written, "--");
	strncat(written, row->name, sizeof(written) - sizeof("--"));
	if (!name[length]) {
		if (row->argument && !row->argument_optional)
			return apply_next(parser, row, written);
		return apply(parser, row, written, NULL);
	}
	if (!row->argument)
		return error_set(parser->err, ERROR_USAGE, "option '%s' takes no argument", written);
	if (row->ends_options)
		return error_set(parser->err, ERROR_USAGE,
			"option '%s' takes the words that follow it: leave the = out", written);
	return apply(parser, row, written, name + length + 1);
}

/* -threads for --threads is a usual slip. */
static const char *long_name_meant(const char *word)
{
	for (size_t i = 0; i < option_count; i++)
		if (strcmp(option_table[i].name, word + 1) == 0)
			return option_table[i].name;
	return NULL;
}

static int bad_letter(const struct parser *parser, const char *written, const char *word, const char *reason)
{
	const char *meant = long_name_meant(word);

	if (meant)
		return error_set(parser->err, ERROR_USAGE, "unknown option '%.64s': did you mean '--%s'?",
			word, meant);
	if (reason)
		return error_set(parser->err, ERROR_USAGE, "option '%s' %s", written, reason);
	if (!word[2])
		return error_set(parser->err, ERROR_USAGE, "unknown option '%s'", written);
	return error_set(parser->err, ERROR_USAGE, "unknown option '%s' in '%.64s'", written, word);
}

static int parse_letters(struct parser *parser, const char *word)
{
	for (const char *letter = word + 1; *letter; letter++) {
		const struct option_row *row = find_letter(*letter);
		const char written[] = { '-', *letter, '\0' };

		if (!row)
			return bad_letter(parser, written, word, NULL);
		if (!row->argument || row->argument_optional) {
			if (apply(parser, row, written, NULL) != 0)
				return -1;
			if (parser->ended)
				return 0;
			continue;
		}
		if (!letter[1])
			return apply_next(parser, row, written);
		if (row->ends_options)
			return bad_letter(parser, written, word,
				"takes the words that follow it: put a space behind it");
		return apply(parser, row, written, letter + 1);
	}
	return 0;
}

/* ---- operands ---- */

static int parse_operand(struct parser *parser, const char *word)
{
	struct options *options = parser->options;
	const char *names[8];
	const char *nearest;

	if (options->pid)
		return error_set(parser->err, ERROR_USAGE,
			"too many arguments: '%.64s': to start a command, use -t", word);
	for (size_t i = 0; i < command_count; i++) {
		names[i] = command_table[i].name;
		if (!parser->has_command && !parser->only_operands && strcmp(word, names[i]) == 0) {
			if (options->command == COMMAND_RECORD)
				options->command = command_table[i].command;
			parser->has_command = true;
			return 0;
		}
	}
	if (parse_pid(word, &options->pid, parser->err) == 0)
		return 0;
	nearest = parser->has_command ? NULL : nearest_word(word, names, command_count);
	if (nearest)
		return error_set(parser->err, ERROR_USAGE, "unknown command '%.64s': did you mean '%s'?",
			word, nearest);
	if (word[0] < '0' || word[0] > '9') {
		size_t length = strlen(parser->err->message);

		strncat(parser->err->message, ": to start a command, use -t",
			ERROR_MESSAGE_BYTES - 1 - length);
	}
	return -1;
}

static int parse_word(struct parser *parser, const char *word)
{
	if (parser->only_operands || word[0] != '-' || !word[1])
		return parse_operand(parser, word);
	if (word[1] >= '0' && word[1] <= '9')
		return parse_pid(word, &parser->options->pid,
			parser->err); /* -1 is no option: say what is wrong with it */
	if (word[1] != '-')
		return parse_letters(parser, word);
	if (word[2])
		return parse_long(parser, word);
	parser->only_operands = true;
	return 0;
}

/* ---- the whole ---- */

static int check_commands(const struct parser *parser)
{
	enum command command = parser->options->command;

	for (size_t i = 0; i < parser->given_count; i++)
		if (!(parser->given[i]->commands & (1u << command)))
			return error_set(parser->err, ERROR_USAGE, "option '--%s' is of no use %s",
				parser->given[i]->name,
				command == COMMAND_DUMP ? "with dump" : "without dump: pyrope dump PID");
	return 0;
}

static int check(const struct parser *parser)
{
	struct options *options = parser->options;

	if (options->command != COMMAND_RECORD && options->command != COMMAND_DUMP)
		return 0;
	if (options->pid && options->launch)
		return error_set(parser->err, ERROR_USAGE, "both a process id and -t COMMAND: one of them");
	if (check_commands(parser) != 0)
		return -1;
	if (!options->pid && !options->launch)
		return error_set(parser->err, ERROR_USAGE,
			"no process: name it by its process id, or start a command with -t");
	if (options->native && options->pause == PAUSE_NEVER)
		return error_set(parser->err, ERROR_USAGE,
			"--native has to pause a running thread to read its registers: leave out --pause=never");
	if (!options->has_duration && !options->launch)
		options->duration_ns = DEFAULT_DURATION_NS;
	return 0;
}

int options_parse(struct options *options, int argc, char *const argv[], struct error *err)
{
	struct parser parser = { .options = options, .arguments = argv + (argc > 0), .err = err };

	*options = (struct options){ .interval_ns = DEFAULT_INTERVAL_NS, .max_depth = DEFAULT_MAX_DEPTH };
	while (*parser.arguments && !parser.ended)
		if (parse_word(&parser, *parser.arguments++) != 0)
			return -1;
	return check(&parser);
}
