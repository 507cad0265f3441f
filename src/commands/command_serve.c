/* SPDX-License-Identifier: MIT */
/* The command serve: its options, and what they say together. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

#define DEFAULT_UPLOAD_MB 256
#define DEFAULT_UPLOAD_NS (INT64_C(600) * 1000000000)
#define DEFAULT_PROFILES 10000
#define UPLOAD_MB_LIMIT 1000000
#define PROFILES_LIMIT 1000000

static int apply_listen(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->web.listen = value;
	return 0;
}

static const struct option_row option_listen = {
	.name = "listen",
	.argument = "ADDRESS:PORT",
	.help = "serve: where to listen (default: 127.0.0.1:5000); others need --token-file",
	.apply = apply_listen,
};

static int apply_allow_host(struct options *options, const char *value, struct error *err)
{
	if (options->web.host_count == HOSTS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many names: %d is the most", HOSTS_LIMIT);
	options->web.hosts[options->web.host_count++] = value;
	return 0;
}

static const struct option_row option_allow_host = {
	.name = "allow-host",
	.argument = "NAME",
	.help = "serve: browsers may call the server by this name, too",
	.apply = apply_allow_host,
};

static int apply_upload_size(struct options *options, const char *value, struct error *err)
{
	return parse_integer(
		value, "number of megabytes", 1, UPLOAD_MB_LIMIT, &options->web.upload_megabytes, err);
}

static const struct option_row option_upload_size = {
	.name = "upload-size",
	.argument = "MB",
	.help = "serve: a profile has at most so many megabytes (default: 256)",
	.apply = apply_upload_size,
};

static int apply_upload_time(struct options *options, const char *value, struct error *err)
{
	if (parse_duration(value, &options->web.upload_ns, err) != 0)
		return -1;
	return options->web.upload_ns ? 0 : error_set(err, ERROR_USAGE, "no time at all is too short");
}

static const struct option_row option_upload_time = {
	.name = "upload-time",
	.argument = "TIME",
	.help = "serve: a profile comes within this time, or is cut off (default: 10m)",
	.apply = apply_upload_time,
};

static int apply_max_profiles(struct options *options, const char *value, struct error *err)
{
	return parse_integer(value, "number of profiles", 1, PROFILES_LIMIT, &options->web.profiles, err);
}

static const struct option_row option_max_profiles = {
	.name = "max-profiles",
	.argument = "N",
	.help = "serve: no more profiles are kept (default: 10000)",
	.apply = apply_max_profiles,
};

static int check(struct options *options, struct error *err)
{
	struct web_choice *web = &options->web;

	if (options->input_count > 1)
		return error_set(err, ERROR_USAGE, "several folders: serve keeps its profiles in one");
	web->upload_megabytes = web->upload_megabytes ? web->upload_megabytes : DEFAULT_UPLOAD_MB;
	web->upload_ns = web->upload_ns ? web->upload_ns : DEFAULT_UPLOAD_NS;
	web->profiles = web->profiles ? web->profiles : DEFAULT_PROFILES;
	return 0;
}

static const struct option_row *const rows[] = {
	&option_listen,
	&option_token_file,
	&option_allow_host,
	&option_upload_size,
	&option_upload_time,
	&option_max_profiles,
	NULL,
};

const struct command command_serve = {
	.name = "serve",
	.summary = "a page for a team: upload, list, show, compare and download profiles",
	.options = rows,
	.takes_files = true,
	.check = check,
	.run = COMMAND_RUN(serve_run),
};
