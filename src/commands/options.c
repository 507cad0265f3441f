/* SPDX-License-Identifier: MIT */
/*
 * Reading the command line by the rules of getopt_long: letters may be bundled, their arguments attached or
 * not, long names shortened as long as they are unique, and process ids stand anywhere between options. It is
 * not getopt_long itself, because that prints its own messages, keeps its state in globals, and cannot
 * suggest a name.
 */
#include "config.h"

#include "commands/options.h"

#include "commands/command.h"
#include "commands/option.h"
#include "commands/spellings.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_INTERVAL_NS INT64_C(10000000)
#define DEFAULT_MAX_DEPTH 100000

struct parser {
	struct options *options;
	char *const *arguments; /* what is not yet read; NULL-terminated */
	bool only_operands;     /* after -- */
	bool has_command;
	bool says_record;                /* the word record has come, as in py-spy's commands */
	bool ended;                      /* -t COMMAND, --help and the like: what follows is not looked at */
	const struct option_row **given; /* in order, to check them against the command */
	size_t given_count;
	struct error *err;
};

/* ---- finding rows ---- */

static const struct option_row *find_letter(char letter)
{
	const struct option_row *row;
	struct option_walk walk = { 0 };

	while ((row = option_next(&walk)) && row->letter != letter)
		;
	return row;
}

static bool has_prefix(const char *name, const char *prefix, size_t length)
{
	return name && strncmp(name, prefix, length) == 0;
}

static int unknown_name(const struct parser *parser, const char *name, size_t length)
{
	const struct option_row *row;
	const char **names = NULL;
	size_t count = 0;
	char *word = xstrndup(name, length);
	const char *nearest;

	for (struct option_walk walk = { 0 }; (row = option_next(&walk));) {
		names = xreallocarray(names, count + 2, sizeof(*names));
		names[count++] = row->name;
		if (row->alias)
			names[count++] = row->alias;
	}
	nearest = nearest_word(word, names, count);
	if (nearest)
		error_set(parser->err, ERROR_USAGE, "unknown option '--%.64s': did you mean '--%s'?", word,
			nearest);
	else
		error_set(parser->err, ERROR_USAGE, "unknown option '--%.64s'", word);
	free(names);
	free(word);
	return -1;
}

static const struct option_row *find_own_name(const char *name, size_t length)
{
	const struct option_row *row;

	for (struct option_walk walk = { 0 }; (row = option_next(&walk));) {
		if (strlen(row->name) == length && strncmp(row->name, name, length) == 0)
			return row;
		if (row->alias && strlen(row->alias) == length && strncmp(row->alias, name, length) == 0)
			return row;
	}
	return NULL;
}

/* The row whose name is, or alone begins with, name[0..length). NULL with err set when there is none. */
static const struct option_row *find_name(const struct parser *parser, const char *name, size_t length)
{
	const struct option_row *found = find_own_name(name, length), *other = NULL, *row;

	if (found)
		return found;
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));) {
		if (!has_prefix(row->name, name, length) && !has_prefix(row->alias, name, length))
			continue;
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

/* More than 1, which is the same as an interval in seconds and as a rate. */
static bool is_whole_number(const char *value)
{
	return strspn(value, "0123456789") == strlen(value) && strcmp(value, "0") != 0 &&
		strcmp(value, "1") != 0;
}

/* written is the option as the user wrote it, for messages. */
static int apply(struct parser *parser, const struct option_row *row, const char *written, const char *value)
{
	struct options *options = parser->options;

	if (parser->says_record && row->letter == 'r' && value && is_whole_number(value))
		return error_set(parser->err, ERROR_USAGE,
			"option '%.64s': '%.32s' is an interval of %.32s seconds here, and samples per "
			"second in "
			"py-spy: write --rate %.32s, or -r %.32ss",
			written, value, value, value, value);
	if (row->flag)
		*(bool *)((char *)options + row->flag) = true;
	else if (row->means)
		options->command = row->means;
	else if (row->apply(options, value, parser->err) != 0)
		return error_wrap(parser->err, "option '%.64s'", written);
	parser->given = xreallocarray(parser->given, parser->given_count + 1, sizeof(void *));
	parser->given[parser->given_count++] = row;
	parser->ended |= !options->command->options; /* only prints something */
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

/* ---- spellings of other profilers ---- */

static int parse_long(struct parser *parser, const char *word);

static int parse_spelling(struct parser *parser, const struct spelling *spelling, const char *attached)
{
	const char *value = attached;
	const char *first = spelling->means[0];

	if (!first || !find_own_name(first + 2, strcspn(first + 2, "=")))
		return error_set(parser->err, ERROR_USAGE, "pyrope has no option '%s': %s", spelling->name,
			spelling->instead);
	if (!spelling->takes_argument && value)
		return error_set(parser->err, ERROR_USAGE, "option '%s' takes no argument", spelling->name);
	if (spelling->takes_argument && !value && !(value = *parser->arguments))
		return error_set(parser->err, ERROR_USAGE, "option '%s' needs an argument: it means %s",
			spelling->name, first);
	if (spelling->takes_argument && !attached)
		parser->arguments++;
	for (size_t i = 0; i < ARRAY_LENGTH(spelling->means) && spelling->means[i]; i++) {
		bool takes = i == 0 && value;
		char *word = takes ? xasprintf("%s=%s", first, value) : xstrdup(spelling->means[i]);
		int result = parse_long(parser, word);

		free(word);
		if (result != 0)
			return -1;
	}
	return 0;
}

/*
 * Austin's -i INTERVAL, a whole number of microseconds or one with a unit; where no number follows it is
 * py-spy's -i, for what sleeps, too.
 */
static int parse_letter_i(struct parser *parser, const char *attached)
{
	const char *value = *attached ? attached : *parser->arguments;
	char *word;
	int result;

	if (!value || value[0] < '0' || value[0] > '9')
		return *attached ? error_set(parser->err, ERROR_USAGE, "unknown option '-i%.32s'", attached)
				 : parse_long(parser, "--threads");
	if (!*attached)
		parser->arguments++;
	word = xasprintf("--interval=%s%s", value, strspn(value, "0123456789") == strlen(value) ? "us" : "");
	result = parse_long(parser, word);
	free(word);
	return result;
}

/* True: the letter is another profiler's, *result is what came of it. */
static bool parse_foreign_letter(struct parser *parser, const char *letter, int *result)
{
	const char name[] = { '-', *letter, '\0' };
	const struct spelling *spelling = find_letter(*letter) ? NULL : spelling_find(name, 2);
	const bool takes = spelling && spelling->takes_argument;

	if (*letter == 'i' && !find_letter('i'))
		*result = parse_letter_i(parser, letter + 1);
	else if (spelling && (takes || !letter[1]))
		*result = parse_spelling(parser, spelling, takes && letter[1] ? letter + 1 : NULL);
	else
		return false;
	return true;
}

/* ---- options ---- */

static int parse_long(struct parser *parser, const char *word)
{
	const char *name = word + 2;
	size_t length = strcspn(name, "=");
	const struct spelling *spelling =
		find_own_name(name, length) ? NULL : spelling_find(word, length + 2);
	const struct option_row *row;
	char written[80];

	if (spelling)
		return parse_spelling(parser, spelling, name[length] ? name + length + 1 : NULL);
	row = find_name(parser, name, length);
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
	const struct option_row *row;
	struct option_walk walk = { 0 };

	while ((row = option_next(&walk)) && strcmp(row->name, word + 1) != 0)
		;
	return row ? row->name : NULL;
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
		/*
		 * pyflame's -d is dump; behind the word record, which pyflame does not have, it is py-spy's
		 */
		const struct option_row *row = *letter == 'd' && parser->says_record
			? find_own_name("seconds", strlen("seconds"))
			: find_letter(*letter);
		const char written[] = { '-', *letter, '\0' };
		int result;

		if (!row && parse_foreign_letter(parser, letter, &result))
			return result;
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

static bool is_number(const char *word)
{
	return word[0] >= '0' && word[0] <= '9';
}

/* Behind --: a process id, or the command to start, as in py-spy's commands. */
static int parse_behind_dashes(struct parser *parser, const char *word)
{
	struct options *options = parser->options;

	if (options->command->takes_files)
		return options_add_input(options, word, parser->err);
	if (is_number(word) || !word[0] || options->command == &command_dump)
		return options_add_pids(options, word, parser->err);
	options->launch = parser->arguments - 1;
	parser->ended = true;
	return 0;
}

static const struct command *find_command(const char *word)
{
	const struct command *const *command = command_table;

	while (*command && strcmp((*command)->name, word) != 0)
		command++;
	return *command;
}

static const char *nearest_command(const char *word)
{
	const char **names = NULL;
	const char *nearest;
	size_t count = 0;

	for (; command_table[count]; count++) {
		names = xreallocarray(names, count + 1, sizeof(*names));
		names[count] = command_table[count]->name;
	}
	nearest = nearest_word(word, names, count);
	free(names);
	return nearest;
}

/* A word that is neither a command nor a process id. */
static int unknown_word(struct parser *parser, const char *word)
{
	const struct spelling *spelling = spelling_find(word, strlen(word));
	const struct option_row *last = parser->given_count ? parser->given[parser->given_count - 1] : NULL;
	const char *nearest = nearest_command(word);

	for (size_t i = 0; last && last->argument_optional && last->choices && last->choices[i]; i++)
		if (strcmp(last->choices[i], word) == 0)
			return error_set(parser->err, ERROR_USAGE, "'%.64s' alone: did you mean '--%s=%s'?",
				word, last->name, word);
	if (spelling && spelling->instead)
		return error_set(parser->err, ERROR_USAGE, "pyrope has no command '%.64s': %s", word,
			spelling->instead);
	if (nearest)
		return error_set(parser->err, ERROR_USAGE, "unknown command '%.64s': did you mean '%s'?",
			word, nearest);
	return error_set(parser->err, ERROR_USAGE,
		"unknown command '%.64s': name a process by its id, and to start a command, use -t", word);
}

static int parse_operand(struct parser *parser, const char *word)
{
	struct options *options = parser->options;
	const struct command *command = find_command(word);

	if (options->command->takes_files)
		return options_add_input(options, word, parser->err);
	if (options->pid && !is_number(word))
		return error_set(parser->err, ERROR_USAGE,
			"too many arguments: '%.64s': to start a command, use -t", word);
	if (command && !parser->has_command) {
		if (options->command == command_table[0])
			options->command = command;
		parser->has_command = true;
		parser->says_record = command == &command_record;
		return 0;
	}
	if (!word[0] || is_number(word) || parser->has_command || options->command != command_table[0])
		return options_add_pids(options, word, parser->err);
	return unknown_word(parser, word);
}

static int parse_word(struct parser *parser, const char *word)
{
	if (parser->only_operands)
		return parse_behind_dashes(parser, word);
	if (word[0] != '-' || !word[1])
		return parse_operand(parser, word);
	if (word[1] >= '0' && word[1] <= '9')
		/* -1 is no option: say what is wrong with it */
		return options_add_pids(parser->options, word, parser->err);
	if (word[1] != '-')
		return parse_letters(parser, word);
	if (word[2])
		return parse_long(parser, word);
	parser->only_operands = true;
	return 0;
}

/* ---- the whole ---- */

/* "with dump", of a command that has not been named: "without dump or diff". */
static void append_use(struct buffer *text, const struct option_row *row, const struct command *command)
{
	const char *separator = "without ";

	if (command != command_table[0])
		buffer_printf(text, "with %s", command->name);
	for (size_t i = 0; command == command_table[0] && command_table[i]; i++) {
		if (!option_is_of(row, command_table[i]))
			continue;
		buffer_printf(text, "%s%s", separator, command_table[i]->name);
		separator = " or ";
	}
}

static int check(const struct parser *parser)
{
	struct options *options = parser->options;
	const struct command *command = options->command;

	for (size_t i = 0; command->options && i < parser->given_count; i++) {
		const struct option_row *row = parser->given[i];
		struct buffer use = { 0 };

		if (option_is_of(row, command))
			continue;
		append_use(&use, row, command);
		error_set(parser->err, ERROR_USAGE, "option '--%s' is of no use %s", row->name, use.data);
		buffer_release(&use);
		return -1;
	}
	return command->check ? command->check(options, parser->err) : 0;
}

static int parse(struct parser *parser)
{
	while (*parser->arguments && !parser->ended)
		if (parse_word(parser, *parser->arguments++) != 0)
			return -1;
	return check(parser);
}

int options_parse(struct options *options, int argc, char *const argv[], struct error *err)
{
	struct parser parser = { .options = options, .arguments = argv + (argc > 0), .err = err };

	int result;

	*options = (struct options){
		.command = command_table[0],
		.arguments = argv,
		.interval_ns = DEFAULT_INTERVAL_NS,
		.max_depth = DEFAULT_MAX_DEPTH,
		.work = 1,
		.later_work = 1,
	};
	result = parse(&parser);
	free(parser.given);
	return result;
}
