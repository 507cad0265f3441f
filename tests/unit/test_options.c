/* SPDX-License-Identifier: MIT */
/*
 * The command line: what it means, what is wrong with it; and that --help, the completions and the man page
 * say what the table says.
 */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"
#include "commands/spellings.h"
#include "pyrope/native.h"
#include "pyrope/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

#define WORDS 16

/* Splits at spaces; '' is an empty word. Returns the count; words[count] is NULL. */
static int split(char *line, char *words[WORDS])
{
	int count = 0;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		words[count++] = strcmp(word, "''") == 0 ? word + 2 : word;
	words[count] = NULL;
	return count;
}

static int parse(struct options *options, const char *line, struct error *err)
{
	static char copy[512];
	static char *words[WORDS];

	ck_assert_uint_lt(strlen(line), sizeof(copy));
	strcpy(copy, line);
	return options_parse(options, split(copy, words), words, err);
}

/* What differs from the defaults, in a fixed order. */
static void describe(struct buffer *text, const struct options *options)
{
	static const char *const modes[] = { "active", "gil", "wall", "cpu" };
	static const char *const pauses[] = { "auto", "always", "never" };
	static const char *const summaries[] = { "terminal", "text", "full", "json" };
	static const char *const paths[] = { "of format", "full", "short" };

	buffer_append_string(text, options->command->name);
	if (options->pid)
		buffer_printf(text, " pid=%d", (int)options->pid);
	if (options->has_duration)
		buffer_printf(text, " s=%gms", (double)options->duration_ns / 1e6);
	if (options->has_delay)
		buffer_printf(text, " delay=%gms", (double)options->delay_ns / 1e6);
	buffer_append_string(text, options->paused ? " paused" : "");
	buffer_append_string(text, options->unlimited ? " unlimited" : "");
	if (options->interval_ns != 10000000)
		buffer_printf(text, " r=%gms", (double)options->interval_ns / 1e6);
	for (size_t i = 0; i < options->output_count; i++)
		buffer_printf(text, " o=%s", options->outputs[i]);
	buffer_append_string(text, options->exclude_idle ? " x" : "");
	buffer_append_string(text, options->no_lines ? " n" : "");
	buffer_append_string(text, options->require_samples ? " require" : "");
	if (options->paths != PATHS_OF_FORMAT)
		buffer_printf(text, " paths=%s", paths[options->paths]);
	for (size_t i = 0; i < options->input_count; i++)
		buffer_printf(text, " in=%s", options->inputs[i]);
	if (options->by || options->sort || options->tree || options->has_limit)
		buffer_printf(text, " table=%d,%d,%d,%d,%zu", options->by, options->sort, options->tree,
			options->has_limit, options->limit);
	if (options->filter.only)
		buffer_printf(text, " only=%s", options->filter.only);
	if (options->filter.has_from)
		buffer_printf(text, " from=%gms", (double)options->filter.from_ns / 1e6);
	if (options->filter.has_to)
		buffer_printf(text, " to=%gms", (double)options->filter.to_ns / 1e6);
	if (options->filter.states)
		buffer_printf(text, " states=%u", options->filter.states);
	if (options->format)
		buffer_printf(text, " format=%s", options->format);
	buffer_append_string(text, options->mark_gc ? " gc" : "");
	buffer_append_string(text, options->json ? " json" : "");
	if (options->repeat)
		buffer_printf(text, " repeat=%d", (int)options->repeat);
	if (options->mode != MODE_ACTIVE)
		buffer_printf(text, " mode=%s", modes[options->mode]);
	if (options->pause != PAUSE_AUTO)
		buffer_printf(text, " pause=%s", pauses[options->pause]);
	if (options->max_depth != 100000)
		buffer_printf(text, " depth=%zu", options->max_depth);
	if (options->groups)
		buffer_printf(text, " groups=%u", options->groups);
	if (options->summary != SUMMARY_TERMINAL)
		buffer_printf(text, " summary=%s", summaries[options->summary]);
	if (options->abi)
		buffer_printf(text, " abi=%d", options->abi);
	if (options->completion)
		buffer_printf(text, " shell=%s", options->completion);
	for (char *const *word = options->launch; word && *word; word++)
		buffer_printf(text, " [%s]", *word);
}

static const struct {
	const char *line, *meaning;
} good[] = {
	{ "pyrope 5", "record pid=5" },
	{ "pyrope -p 5", "record pid=5" },
	{ "pyrope check --max a=5% --no-call b x y", "check in=x in=y" },
	{ "pyrope check --budgets x --strict --json y", "check in=y json" },
	{ "pyrope record --check x --baseline b --report junit=x.xml -t python", "record [python]" },
	{ "pyrope -p5", "record pid=5" },
	{ "pyrope --pid 5", "record pid=5" },
	{ "pyrope --pid=5", "record pid=5" },
	{ "pyrope --pi 5", "record pid=5" },
	{ "pyrope -- 5", "record pid=5" },
	{ "pyrope 1", "record pid=1" },
	{ "pyrope 2147483647", "record pid=2147483647" },
	{ "pyrope record 5", "record pid=5" },
	{ "pyrope -s 60 -r 0.001 -o out -x -n 5", "record pid=5 s=60000ms r=1ms o=out x n" },
	{ "pyrope 5 -s 60", "record pid=5 s=60000ms" },
	{ "pyrope -xn -s2m 5", "record pid=5 s=120000ms x n" },
	{ "pyrope -xns2m 5", "record pid=5 s=120000ms x n" },
	{ "pyrope -s 0 5", "record pid=5 s=0ms" },
	{ "pyrope --duration 3 5", "record pid=5 s=3000ms" },
	{ "pyrope --seconds=3 5", "record pid=5 s=3000ms" },
	{ "pyrope -s 1 -s 2 5", "record pid=5 s=2000ms" },
	{ "pyrope --rate 250 5", "record pid=5 r=4ms" },
	{ "pyrope --interval 5ms 5", "record pid=5 r=5ms" },
	{ "pyrope -o - 5", "record pid=5 o=-" },
	{ "pyrope --threads 5", "record pid=5 mode=wall" },
	{ "pyrope --mode=wall 5", "record pid=5 mode=wall" },
	{ "pyrope --mode cpu 5", "record pid=5 mode=cpu" },
	{ "pyrope --threads --mode=gil 5", "record pid=5 mode=gil" },
	{ "pyrope --flamechart --gc 5", "record pid=5 format=flamechart gc" },
	{ "pyrope --format=collapsed -o a -o b.txt 5", "record pid=5 o=a o=b.txt format=collapsed" },
	{ "pyrope --pause=never 5", "record pid=5 pause=never" },
	{ "pyrope --max-depth 7 5", "record pid=5 depth=7" },
	{ "pyrope --group=process 5", "record pid=5 groups=1" },
	{ "pyrope --group thread,process 5", "record pid=5 groups=3" },
	{ "pyrope --summary 5", "record pid=5 summary=text" },
	{ "pyrope --summary=json 5", "record pid=5 summary=json" },
	{ "pyrope --summary=full 5", "record pid=5 summary=full" },
	{ "pyrope --paths=short --require-samples 5", "record pid=5 require paths=short" },
	{ "pyrope dump --paths=full 5", "dump pid=5 paths=full" },
	{ "pyrope --abi=26 5", "record pid=5 abi=206" },
	{ "pyrope --abi 34 5", "record pid=5 abi=304" },
	{ "pyrope --abi 311 5", "record pid=5 abi=311" },
	{ "pyrope --abi 3.9 5", "record pid=5 abi=309" },
	{ "pyrope --abi 3.14 5", "record pid=5 abi=314" },
	{ "pyrope -t python x.py -s 5", "record [python] [x.py] [-s] [5]" },
	{ "pyrope -xt python", "record x [python]" },
	{ "pyrope -s 5 --trace python -p 1", "record s=5000ms [python] [-p] [1]" },
	{ "pyrope -t -- python --help", "record [python] [--help]" },
	{ "pyrope -t dump 5", "record [dump] [5]" },
	{ "pyrope dump 5", "dump pid=5" },
	{ "pyrope report a.pyrope", "report in=a.pyrope" },
	{ "pyrope report -p 5 7 b --only x --from 1 --to 2s",
		"report pid=5 in=7 in=b only=x from=1000ms to=2000ms" },
	{ "pyrope report --state=running,sleeping -- -a", "report in=-a states=24" },
	{ "pyrope -d -p 5", "dump pid=5" },
	{ "pyrope --dump 5 --threads", "dump pid=5 mode=wall" },
	{ "pyrope dump --repeat 3 -r 2s 5", "dump pid=5 r=2000ms repeat=3" },
	{ "pyrope dump 5 6", "dump pid=5" },
	{ "pyrope dump --json -o f 5", "dump pid=5 o=f json" },
	{ "pyrope --json dump 5", "dump pid=5 json" },
	{ "pyrope -d record 5", "dump pid=5" },
	{ "pyrope -- python x.py -s 5", "record [python] [x.py] [-s] [5]" },
	{ "pyrope -- dump 5", "record [dump] [5]" },
	{ "pyrope dump -- 5", "dump pid=5" },
	{ "pyrope -s unlimited 5", "record pid=5 unlimited" },
	{ "pyrope --delay 2 5", "record pid=5 delay=2000ms" },
	{ "pyrope --delay 0 5", "record pid=5 delay=0ms" },
	{ "pyrope --paused 5", "record pid=5 paused" },
	{ "pyrope -s inf 5", "record pid=5 unlimited" },
	{ "pyrope report --by line --sort=name --limit 0 --tree x", "report in=x table=1,2,1,1,0" },
	{ "pyrope --by module --sort total --limit 7 5", "record pid=5 table=3,1,0,1,7" },
	{ "pyrope -s unlimited -s 2 5", "record pid=5 s=2000ms" },
	/* py-spy */
	{ "pyrope record -d 10 -o x -p 5", "record pid=5 s=10000ms o=x" },
	{ "pyrope record -d 10 -o x -- python -d", "record s=10000ms o=x [python] [-d]" },
	{ "pyrope record -d unlimited -p 5", "record pid=5 unlimited" },
	{ "pyrope record --duration 10 --rate 250 --pid 5", "record pid=5 s=10000ms r=4ms" },
	{ "pyrope record -r 1 -p 5", "record pid=5 r=1000ms" },
	{ "pyrope record -r 0.01 -p 5", "record pid=5" },
	{ "pyrope record -r 2s -p 5", "record pid=5 r=2000ms" },
	{ "pyrope -r 2 -s 10 5", "record pid=5 s=10000ms r=2000ms" },
	{ "pyrope record --format raw --idle --function --full-filenames 5",
		"record pid=5 n paths=full format=collapsed mode=wall" },
	{ "pyrope record --gil --nonblocking --nolineno -p 5", "record pid=5 x n mode=gil pause=never" },
	{ "pyrope record -i -F -o x -p 5", "record pid=5 o=x n mode=wall" },
	{ "pyrope dump --pid 5 --nonblocking", "dump pid=5 pause=never" },
	/* Austin */
	{ "pyrope -i 1ms -p 5", "record pid=5 r=1ms" },
	{ "pyrope -i 2500 -p 5", "record pid=5 r=2.5ms" },
	{ "pyrope -i2500us -p 5", "record pid=5 r=2.5ms" },
	{ "pyrope --exposure 3 -c --pid=5", "record pid=5 s=3000ms mode=cpu" },
	{ "pyrope --exposure=3 --sleepless 5", "record pid=5 s=3000ms x mode=wall" },
	{ "pyrope -w 5", "dump pid=5" },
	{ "pyrope --where=5", "dump pid=5" },
	{ "pyrope -h", "help" },
	{ "pyrope --help nonsense --more", "help" },
	{ "pyrope -v", "version" },
	{ "pyrope --version", "version" },
	{ "pyrope --completion zsh", "completion shell=zsh" },
};

START_TEST(test_good)
{
	struct options options;
	struct error err = { 0 };
	struct buffer text = { 0 };

	ck_assert_msg(parse(&options, good[_i].line, &err) == 0, "%s: %s", good[_i].line, err.message);
	describe(&text, &options);
	ck_assert_msg(strcmp(text.data, good[_i].meaning) == 0, "%s: %s", good[_i].line, text.data);
	buffer_release(&text);
}
END_TEST

static const struct {
	const char *line, *message;
} bad[] = {
	{ "pyrope", "no process" },
	{ "pyrope -s 5", "no process" },
	{ "pyrope dump", "no process" },
	{ "pyrope -p", "option '-p' needs an argument: PID" },
	{ "pyrope --pid", "option '--pid' needs an argument: PID" },
	{ "pyrope 5 six", "too many arguments: 'six'" },
	{ "pyrope dump -r 2s 5", "-r without --repeat" },
	{ "pyrope dump --repeat=0 5", "number of dumps" },
	{ "pyrope dump --repeat 1000001 5", "number of dumps" },
	{ "pyrope --repeat 3 5", "'--repeat' is of no use without dump" },
	{ "pyrope -f --no-follow 5", "both --follow and --no-follow" },
	{ "pyrope -p 5,6,x", "5,6,x" },
	{ "pyrope 5 -t python", "both a process id and -t" },
	{ "pyrope -d -t python", "'--trace' is of no use with dump" },
	{ "pyrope -t", "option '-t' needs an argument" },
	{ "pyrope -t --", "option '-t' needs an argument" },
	{ "pyrope -t -s 5 python", "'-s' stands where the command should be" },
	{ "pyrope -t ''", "the command is empty" },
	{ "pyrope -tpython x.py", "put a space behind it" },
	{ "pyrope --trace=python x.py", "leave the = out" },
	{ "pyrope 0", "'0': the least is 1" },
	{ "pyrope -1", "'-1': the least is 1" },
	{ "pyrope -p -1", "option '-p': invalid process id '-1': the least is 1" },
	{ "pyrope 1606938044258990275541962092341162602522202993782792835301376", "the most is 2147483647" },
	{ "pyrope 2147483648", "the most is 2147483647" },
	{ "pyrope 2^200", "'2^200': not a number" },
	{ "pyrope python",
		"unknown command 'python': name a process by its id, and to start a command, use -t" },
	{ "pyrope record -r 100 -p 5", "samples per second in py-spy: write --rate 100, or -r 100s" },
	{ "pyrope record --format flames 5", "unknown value 'flames': use collapsed" },
	{ "pyrope record --gil=1 5", "option '--gil' takes no argument" },
	{ "pyrope dump --locals=0 5", "number of characters" },
	{ "pyrope dump --locals=5000 5", "number of characters" },
	{ "pyrope -g 5", "--gil in py-spy and --gc in Austin" },
	{ "pyrope --exposure", "option '--exposure' needs an argument: it means --seconds" },
	{ "pyrope --where x", "option '--pid': invalid process id 'x'" },
	{ "pyrope -ix 5", "unknown option '-ix'" },
	{ "pyrope -i 1parsec 5", "unknown unit 'parsec'" },
	{ "pyrope -p 5 -- python", "both a process id and -t COMMAND" },
	{ "pyrope ''", "empty process id" },
	{ "pyrope dunp 5", "unknown command 'dunp': did you mean 'dump'?" },
	{ "pyrope dump python", "'python': not a number" },
	{ "pyrope -r 0 5", "option '-r': invalid interval '0': must be greater than 0" },
	{ "pyrope -r -1 5", "'-1': it is negative" },
	{ "pyrope -r nan 5", "'nan': not a number" },
	{ "pyrope -r 2d 5", "too large" },
	{ "pyrope -r '' 5", "empty duration" },
	{ "pyrope -s -1 5", "option '-s': invalid duration '-1': it is negative" },
	{ "pyrope -s nan 5", "not a number" },
	{ "pyrope -s 1e30 5", "too large" },
	{ "pyrope -s 4000d 5", "too large" },
	{ "pyrope --seconds 5x 5", "option '--seconds'" },
	{ "pyrope --duration 5x 5", "unknown unit 'x'" },
	{ "pyrope --rate 0 5", "option '--rate': invalid rate '0': must be greater than 0" },
	{ "pyrope --rate 1e-9 5", "too small" },
	{ "pyrope --mode=all 5", "unknown value 'all': use active, gil, wall or cpu" },
	{ "pyrope --pause=some 5", "use auto, always or never" },
	{ "pyrope --group=cpu 5", "unknown value 'cpu': use process or thread" },
	{ "pyrope --group=thread, 5", "unknown value ''" },
	{ "pyrope --summary=xml 5", "use text, full or json" },
	{ "pyrope --summary json 5", "'json' alone: did you mean '--summary=json'?" },
	{ "pyrope --max-depth 0 5", "the least is 1" },
	{ "pyrope --abi=9 5", "invalid version '9'" },
	{ "pyrope --abi=3 5", "invalid version '3'" },
	{ "pyrope --abi=3111 5", "invalid version" },
	{ "pyrope --abi=3x 5", "invalid version" },
	{ "pyrope --completion=tcsh", "use bash, zsh or fish" },
	{ "pyrope -q 5", "unknown option '-q'" },
	{ "pyrope -xq 5", "unknown option '-q' in '-xq'" },
	{ "pyrope -threads 5", "unknown option '-threads': did you mean '--threads'?" },
	{ "pyrope --thread-s 5", "did you mean '--threads'?" },
	{ "pyrope report", "no file" },
	{ "pyrope diff", "diff compares two sides" },
	{ "pyrope diff a", "diff compares two sides" },
	{ "pyrope diff a b c", "diff compares two sides" },
	{ "pyrope diff --before a b", "diff compares two sides" },
	{ "pyrope diff --rate 5 a b", "'--rate' is of no use with diff" },
	{ "pyrope diff --compare=all a b", "use self or total" },
	{ "pyrope check --per=5,6 a", "--per takes one number here" },
	{ "pyrope check --per=process a", "--per=process is for diff: use --group=process" },
	{ "pyrope diff --per=processes a b", "number of units of work" },
	{ "pyrope diff --per=0 a b", "number of units of work" },
	{ "pyrope diff --per=5,x a b", "number of units of work" },
	{ "pyrope diff --per=5, a b", "number of units of work" },
	{ "pyrope --force 5", "are for budgets: name a file of them with --check" },
	{ "pyrope --report=junit=x -t python", "are for budgets: name a file of them with --check" },
	{ "pyrope --check x 5", "--check is for a command that is started with -t" },
	{ "pyrope --max a=5% 5", "'--max' is of no use without check" },
	{ "pyrope check --report=xml a", "use text, json, junit, github, markdown or gitlab" },
	{ "pyrope check --report=junit= a", "the name of the file is empty" },
	{ "pyrope check --group=process,thread a", "name one of them with --group" },
	{ "pyrope check --baseline-runs=0 a", "number of runs" },
	{ "pyrope check --per=0 a", "number of units of work" },
	{ "pyrope check -o x a", "'--output' is of no use with check" },
	{ "pyrope report --rate 5 a", "'--rate' is of no use with report" },
	{ "pyrope --only 'a(b 5", "no regular expression" },
	{ "pyrope --state=asleep 5", "use unknown, holds-gil" },
	{ "pyrope --flamchart 5", "did you mean '--flamechart'?" },
	{ "pyrope --duratoin=3 5", "unknown option '--duratoin': did you mean '--duration'?" },
	{ "pyrope --shade 5", "unknown option '--shade'" },
	{ "pyrope --ex=1 5", "option '--exclude-idle' takes no argument" },
	{ "pyrope --s 5", "option '--s' is ambiguous: '--source-before' or '--source-after'" },
	{ "pyrope --output= 5", "the name of the file is empty" },
	{ "pyrope --json 5", "'--json' is of no use without dump or diff or check" },
	{ "pyrope dump -s 4 5", "'--seconds' is of no use with dump" },
};

START_TEST(test_bad)
{
	struct options options;
	struct error err = { 0 };

	ck_assert_msg(parse(&options, bad[_i].line, &err) == -1, "%s", bad[_i].line);
	ck_assert_int_eq(err.kind, ERROR_USAGE);
	ck_assert_int_eq(error_exit_code(&err), 2);
	ck_assert_msg(strstr(err.message, bad[_i].message) != NULL, "%s: %s", bad[_i].line, err.message);
}
END_TEST

START_TEST(test_defaults)
{
	struct options options;
	struct error err = { 0 };

	ck_assert_int_eq(parse(&options, "pyrope 5", &err), 0);
	ck_assert_int_eq(options.duration_ns, 1000000000);
	ck_assert_int_eq(options.interval_ns, 10000000);
	ck_assert_uint_eq(options.max_depth, 100000);
	ck_assert_int_eq(parse(&options, "pyrope -t python", &err), 0);
	ck_assert_int_eq(options.duration_ns, 0);
	ck_assert(!options.has_duration);
}
END_TEST

/* A CI tells a job without a profile from budgets that nobody can read. */
START_TEST(test_no_profile)
{
	struct options options;
	struct error err = { 0 };

	ck_assert_int_eq(parse(&options, "pyrope check --max a=5%", &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "no profile: name a recording"));
	ck_assert_int_eq(err.exit_code, 1);
}
END_TEST

/* ---- the table and what is made of it ---- */

static void assert_differ(const struct option_row *row, const struct option_row *other)
{
	ck_assert_str_ne(row->name, other->name);
	ck_assert(!row->letter || row->letter != other->letter);
}

START_TEST(test_rows)
{
	const struct option_row *row, *other;

	for (struct option_walk walk = { 0 }; (row = option_next(&walk));) {
		struct option_walk rest = walk;

		ck_assert_ptr_nonnull(row->name);
		ck_assert_ptr_nonnull(row->help);
		ck_assert_int_eq((row->flag != 0) + (row->means != NULL) + (row->apply != NULL), 1);
		ck_assert(row->apply || !row->argument);
		ck_assert_int_eq(row->completion == COMPLETE_CHOICES, row->choices != NULL);
		ck_assert(!row->ends_options || (row->argument && row->letter));
		while ((other = option_next(&rest)))
			assert_differ(row, other);
	}
}
END_TEST

START_TEST(test_commands)
{
	size_t count = 0;

	for (; command_table[count]; count++) {
		const struct command *command = command_table[count];

		ck_assert_ptr_nonnull(command->name);
		ck_assert_ptr_nonnull(command->summary);
		ck_assert_ptr_nonnull(command->options);
		ck_assert_ptr_nonnull(command->run);
		for (size_t i = 0; command->options[i]; i++)
			for (size_t j = 0; j < i; j++)
				ck_assert_ptr_ne(command->options[i], command->options[j]);
		ck_assert(option_is_of(&option_help, command));
	}
	ck_assert_uint_ge(count, 5);
	ck_assert(!option_is_of(&option_json, &command_record));
	ck_assert(option_is_of(&option_json, &command_dump));
}
END_TEST

/* However often one is given. */
START_TEST(test_many)
{
	enum { MANY = 300 };
	static char program[] = "pyrope", often[] = "-x", last[] = "--json", pid[] = "12";
	char *words[MANY + 3] = { program, pid };
	struct options options;
	struct error err = { 0 };

	for (size_t i = 2; i < MANY; i++)
		words[i] = often;
	words[MANY] = last;
	ck_assert_int_eq(options_parse(&options, MANY + 1, words, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "'--json' is of no use without dump or diff or check"));
}
END_TEST

/* The choices of --format are the formats that there are. */
START_TEST(test_formats)
{
	const struct option_row *row = &option_format;
	size_t count = 0;

	for (; row->choices[count]; count++)
		ck_assert_ptr_nonnull(output_format_find(row->choices[count]));
	for (size_t i = 0; output_formats[i]; i++)
		ck_assert_uint_lt(i, count);
}
END_TEST

/* text has this word, and no letter, digit or dash on either side of it. */
static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
		char before = at == text ? ' ' : at[-1];
		char after = at[length];

		if (!strchr("abcdefghijklmnopqrstuvwxyz-", before) &&
			(!after || !strchr("abcdefghijklmnopqrstuvwxyz-", after)))
			return true;
	}
	return false;
}

static void assert_has_option(const char *where, const char *text, const struct option_row *row)
{
	char name[64], letter[3] = { '-', row->letter, '\0' };

	snprintf(name, sizeof(name), "--%s", row->name);
	ck_assert_msg(has_word(text, name), "%s has no %s", where, name);
	ck_assert_msg(!row->letter || has_word(text, letter), "%s has no %s", where, letter);
}

START_TEST(test_help)
{
	const struct option_row *row;
	struct buffer text = { 0 };

	help_append(&text);
	ck_assert_ptr_nonnull(text.data);
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));) {
		assert_has_option("--help", text.data, row);
		ck_assert_ptr_nonnull(strstr(text.data, row->help));
	}
	for (size_t i = 0; command_table[i]; i++)
		ck_assert(has_word(text.data, command_table[i]->name));
	for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) <= 120, "too long for a terminal: %s", line);
	buffer_release(&text);
}
END_TEST

START_TEST(test_version)
{
	struct buffer text = { 0 };

	version_append(&text);
	ck_assert_msg(strncmp(text.data, "pyrope " PACKAGE_VERSION, strlen("pyrope " PACKAGE_VERSION)) == 0,
		"%s", text.data);
	ck_assert_ptr_nonnull(strchr(",\n", text.data[strlen("pyrope " PACKAGE_VERSION)]));
	ck_assert_ptr_nonnull(strstr(text.data, "\nbuilt:     for "));
	ck_assert_ptr_nonnull(strstr(text.data, "\nlibraries: libelf 0."));
	ck_assert_ptr_nonnull(strstr(text.data, ", zlib 1."));
	ck_assert_ptr_nonnull(strstr(text.data, "\nwithout:   "));
	ck_assert_ptr_nonnull(strstr(text.data, "\nreads:     CPython 2.6"));
	/* a feature is either there or not */
	ck_assert_int_eq(native_available(), strstr(text.data, "\nwith:      --native") != NULL);
	ck_assert_int_eq(!native_available(), strstr(text.data, "--native (libdw)") != NULL);
	buffer_release(&text);
}
END_TEST

/* The shell itself, where it is installed, reads the script without complaint. */
static void assert_parses(const char *shell, const char *script)
{
	char path[] = "test_options.XXXXXX";
	int fd = mkstemp(path), status;
	pid_t child;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, script, strlen(script)), (ssize_t)strlen(script));
	close(fd);
	child = fork();
	if (child == 0) {
		execlp(shell, shell, "-n", path, (char *)NULL);
		_exit(errno == ENOENT ? 0 : 127);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	unlink(path);
	ck_assert_msg(status == 0, "%s does not understand its completions", shell);
}

START_TEST(test_completion)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	struct buffer text = { 0 };
	struct error err = { 0 };
	const struct option_row *row;

	ck_assert_int_eq(completion_append(&text, shells[_i], &err), 0);
	ck_assert_ptr_nonnull(text.data);
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));) {
		char word[80];

		snprintf(word, sizeof(word), strcmp(shells[_i], "fish") == 0 ? "-l %s " : "--%s", row->name);
		ck_assert_msg(strstr(text.data, word) != NULL, "%s: no %s", shells[_i], row->name);
		if (row->choices && !row->argument_optional)
			ck_assert_msg(strstr(text.data, row->choices[0]) != NULL, "%s: no %s", shells[_i],
				row->choices[0]);
	}
	for (size_t i = 0; command_table[i]; i++)
		ck_assert(has_word(text.data, command_table[i]->name));
	assert_parses(shells[_i], text.data);
	buffer_release(&text);
}
END_TEST

/* The man page without its roff: the dashes plain, the fonts gone. */
static void read_man(struct buffer *text)
{
	const char *top = getenv("top_srcdir");
	char *path = xasprintf("%s/man/pyrope.1", top ? top : ".");
	FILE *file = fopen(path, "re");
	int character;

	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	free(path);
	while ((character = getc(file)) != EOF) {
		if (character != '\\') {
			buffer_append_char(text, (char)character);
			continue;
		}
		character = getc(file);
		if (character == 'f')
			getc(file);
		else if (character == '-')
			buffer_append_char(text, '-');
	}
	fclose(file);
}

static bool is_known(const char *name, size_t length)
{
	static const char *const others[] = { "cap-add", "" }; /* docker's */
	const struct option_row *row;

	for (struct option_walk walk = { 0 }; (row = option_next(&walk));) {
		if ((strlen(row->name) == length && memcmp(row->name, name, length) == 0) ||
			(row->alias && strlen(row->alias) == length && memcmp(row->alias, name, length) == 0))
			return true;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		if (strlen(others[i]) == length && memcmp(others[i], name, length) == 0)
			return true;
	return spelling_find(name - 2, length + 2) != NULL;
}

START_TEST(test_man)
{
	const struct option_row *row;
	struct buffer text = { 0 };

	read_man(&text);
	ck_assert_ptr_nonnull(text.data);
	for (struct option_walk walk = { 0 }; (row = option_next(&walk));) {
		assert_has_option("the man page", text.data, row);
		for (size_t j = 0; row->choices && row->choices[j]; j++)
			ck_assert_msg(strchr(row->choices[j], ',') || has_word(text.data, row->choices[j]),
				"the man page has no %s", row->choices[j]);
	}
	for (size_t i = 0; command_table[i]; i++)
		ck_assert(has_word(text.data, command_table[i]->name));
	for (const char *at = strstr(text.data, "--"); at; at = strstr(at + 2, "--")) {
		size_t length = strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");

		ck_assert_msg(is_known(at + 2, length), "the man page has --%.*s, the table has not",
			(int)length, at + 2);
	}
	buffer_release(&text);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_good, 0, ARRAY_LENGTH(good));
	tcase_add_loop_test(tests, test_bad, 0, ARRAY_LENGTH(bad));
	tcase_add_test(tests, test_defaults);
	tcase_add_test(tests, test_no_profile);
	tcase_add_test(tests, test_rows);
	tcase_add_test(tests, test_commands);
	tcase_add_test(tests, test_many);
	tcase_add_test(tests, test_formats);
	tcase_add_test(tests, test_help);
	tcase_add_test(tests, test_version);
	tcase_add_loop_test(tests, test_completion, 0, 3);
	tcase_add_test(tests, test_man);
}

int main(void)
{
	return suite_run("options", add_tests);
}
