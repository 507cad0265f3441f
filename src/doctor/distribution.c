/* SPDX-License-Identifier: MIT */
/*
 * Which distribution a root is of, which of its packages a file belongs to, and what the package with the
 * debug files of that is called. The root may be a container's: what its files say is hostile.
 *
 * Facts: os-release(5); dpkg's status file and info/NAME[:ARCH].list; apk's lib/apk/db/installed, one
 * letter and a colon before each value, F: a folder, R: a file in it. Debian builds NAME-dbgsym of each
 * package, and has some by older names: libc6-dbg, python3.11-dbg.
 */
#include "config.h"

#include "doctor/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OS_RELEASE_BYTES ((size_t)16 << 10)
#define DATABASE_BYTES ((size_t)64 << 20)
#define LIST_BYTES ((size_t)8 << 20)
#define PACKAGES_LIMIT 20000
#define TIME_LIMIT_NS INT64_C(2000000000)
#define NAME_COLUMNS 60

/* ---- texts ---- */

static bool is_word(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(".+-_~:", text[i]))
			return false;
	return length > 0 && isalnum((unsigned char)text[0]); /* an option is none */
}

static void copy_word(char word[NAME_BYTES], const char *text, size_t length)
{
	word[0] = '\0';
	if (length >= NAME_BYTES || !is_word(text, length))
		return;
	memcpy(word, text, length);
	word[length] = '\0';
}

/* What stands behind the key at the beginning of this line, up to its end; NULL: another key. */
static const char *value_of(const char *line, const char *key, size_t *length)
{
	const size_t key_length = strlen(key);

	if (strncmp(line, key, key_length) != 0)
		return NULL;
	line += key_length;
	*length = strcspn(line, "\n");
	return line;
}

/* Or the end of the text. */
static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

/* ---- os-release ---- */

static void unquote(const char **text, size_t *length)
{
	if (*length >= 2 && (**text == '"' || **text == '\'') && (*text)[*length - 1] == **text) {
		(*text)++;
		*length -= 2;
	}
}

static char *clean_name(const char *text, size_t length)
{
	struct buffer clean = { 0 }, fit = { 0 };

	buffer_append_string(&clean, "");
	utf8_clean(&clean, text, length);
	buffer_append_string(&fit, "");
	buffer_append_fit(&fit, clean.data, NAME_COLUMNS, FIT_KEEP_BEGIN);
	buffer_release(&clean);
	return fit.data;
}

void distribution_parse(struct distribution *distribution, const char *text)
{
	for (const char *line = text; *line; line = next_line(line)) {
		size_t length;
		const char *value;

		if ((value = value_of(line, "ID=", &length))) {
			unquote(&value, &length);
			copy_word(distribution->id, value, length);
		} else if ((value = value_of(line, "ID_LIKE=", &length))) {
			unquote(&value, &length);
			copy_word(distribution->like, value, strcspn(value, " \"'\n"));
		} else if ((value = value_of(line, "PRETTY_NAME=", &length)) && !distribution->name) {
			unquote(&value, &length);
			distribution->name = clean_name(value, length);
		}
	}
}

/* A file of that root as text; NULL: it is not there, or too long. */
static char *read_text(int root_fd, const char *path, size_t limit)
{
	struct stat status;
	int fd = open_chosen(root_fd, path, true, 0, &status);
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (status.st_size >= 0 && (uint64_t)status.st_size <= limit) {
		text = xmalloc((size_t)status.st_size + 1);
		text[read_file_at(fd, text, (size_t)status.st_size, 0)] = '\0';
	}
	close(fd);
	return text;
}

void distribution_read(struct distribution *distribution, int root_fd)
{
	static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };
	char *text = NULL;

	*distribution = (struct distribution){ 0 };
	for (size_t i = 0; i < ARRAY_LENGTH(paths) && !text; i++)
		text = read_text(root_fd, paths[i], OS_RELEASE_BYTES);
	if (text)
		distribution_parse(distribution, text);
	free(text);
}

void distribution_release(struct distribution *distribution)
{
	free(distribution->name);
}

bool distribution_is(const struct distribution *distribution, const char *id)
{
	return strcmp(distribution->id, id) == 0 || strcmp(distribution->like, id) == 0;
}

/* ---- dpkg ---- */

const char *dpkg_next(const char *text, struct package *package, char *architecture)
{
	while (*text) {
		bool is_installed = false;

		*package = (struct package){ 0 };
		architecture[0] = '\0';
		for (; *text && *text != '\n'; text = next_line(text)) {
			size_t length;
			const char *value;

			if ((value = value_of(text, "Package: ", &length)))
				copy_word(package->name, value, length);
			else if ((value = value_of(text, "Source: ", &length)))
				copy_word(package->source, value, strcspn(value, " \n"));
			else if ((value = value_of(text, "Version: ", &length)))
				copy_word(package->version, value, length);
			else if ((value = value_of(text, "Architecture: ", &length)))
				copy_word(architecture, value, length);
			else if ((value = value_of(text, "Status: ", &length)))
				is_installed =
					length >= 10 && memcmp(value + length - 10, " installed", 10) == 0;
		}
		while (*text == '\n')
			text++;
		if (is_installed && package->name[0])
			return text;
	}
	return NULL;
}

static bool list_has(const char *list, const char *path)
{
	const size_t length = strlen(path);

	for (const char *at = list; length && (at = strstr(at, path)); at++)
		if ((at == list || at[-1] == '\n') && (at[length] == '\n' || !at[length]))
			return true;
	return false;
}

bool dpkg_list_has(const char *list, const char *path)
{
	char *other;
	bool has;

	if (path[0] != '/')
		return false;
	if (list_has(list, path))
		return true;
	other = strncmp(path, "/usr/", 5) == 0 ? xstrdup(path + 4) : xasprintf("/usr%s", path);
	has = list_has(list, other);
	free(other);
	return has;
}

static char *read_dpkg_list(int root_fd, const struct package *package, const char *architecture)
{
	char *path = xasprintf("/var/lib/dpkg/info/%s:%s.list", package->name, architecture);
	char *list = read_text(root_fd, path, LIST_BYTES);

	free(path);
	if (list)
		return list;
	path = xasprintf("/var/lib/dpkg/info/%s.list", package->name);
	list = read_text(root_fd, path, LIST_BYTES);
	free(path);
	return list;
}

static bool dpkg_find(int root_fd, const char *path, struct package *package)
{
	const int64_t end_ns = monotonic_ns() + TIME_LIMIT_NS;
	char *status = read_text(root_fd, "/var/lib/dpkg/status", DATABASE_BYTES);
	const char *at = status;
	char architecture[NAME_BYTES];
	bool found = false;

	for (int i = 0; i < PACKAGES_LIMIT && at && !found && monotonic_ns() < end_ns && !is_interrupted() &&
		(at = dpkg_next(at, package, architecture));
		i++) {
		char *list = read_dpkg_list(root_fd, package, architecture);

		found = list && dpkg_list_has(list, path);
		free(list);
	}
	free(status);
	return found;
}

/* ---- apk ---- */

bool apk_find(const char *text, const char *path, struct package *package)
{
	const char *folder = "", *slash = strrchr(path, '/');
	size_t folder_length = 0, path_folder_length;

	if (path[0] != '/' || !slash)
		return false;
	path++; /* the database names them without */
	path_folder_length = slash > path ? (size_t)(slash - path) : 0;
	*package = (struct package){ 0 };
	for (const char *line = text; *line; line = next_line(line)) {
		size_t length;
		const char *value;

		if (*line == '\n') {
			*package = (struct package){ 0 };
			folder_length = 0;
		} else if ((value = value_of(line, "P:", &length))) {
			copy_word(package->name, value, length);
		} else if ((value = value_of(line, "V:", &length))) {
			copy_word(package->version, value, length);
		} else if ((value = value_of(line, "F:", &length))) {
			folder = value;
			folder_length = length;
		} else if ((value = value_of(line, "R:", &length)) && length == strlen(slash + 1) &&
			memcmp(value, slash + 1, length) == 0 && folder_length == path_folder_length &&
			memcmp(folder, path, folder_length) == 0 && package->name[0]) {
			return true;
		}
	}
	return false;
}

/* ---- which package, and what to type ---- */

bool package_find(int root_fd, const char *path, struct package *package)
{
	static const char *const databases[] = { "/lib/apk/db/installed", "/usr/lib/apk/db/installed" };
	bool found = dpkg_find(root_fd, path, package);

	for (size_t i = 0; i < ARRAY_LENGTH(databases) && !found; i++) {
		char *text = read_text(root_fd, databases[i], DATABASE_BYTES);

		found = text && apk_find(text, path, package);
		free(text);
	}
	return found;
}

static bool is_python_source(const char *source)
{
	return strncmp(source, "python", 6) == 0 && isdigit((unsigned char)source[6]);
}

static char *debian_advice(const struct distribution *distribution, const struct package *package)
{
	const char *source = package->source[0] ? package->source : package->name;
	const char *archive =
		distribution_is(distribution, "ubuntu") && strcmp(distribution->id, "debian") != 0
		? "ddebs.ubuntu.com"
		: "the archive debian-debug";

	if (strcmp(package->name, "libc6") == 0)
		return xasprintf("for more: apt install libc6-dbg (version %s)", package->version);
	if (is_python_source(source))
		return xasprintf("for more: apt install %s-dbg (version %s)", source, package->version);
	return xasprintf("for more: apt install %s-dbgsym (version %s), of %s", package->name,
		package->version, archive);
}

/* It is typed into a shell: no name that means anything there. */
static bool is_plain_path(const char *path)
{
	return strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-") ==
		strlen(path);
}

char *package_advice(const struct distribution *distribution, const struct package *package, const char *path,
	const char *build_id)
{
	static const char *const by_rpm[] = { "fedora", "rhel", "centos" };

	path = is_plain_path(path) ? path : "FILE";
	if (package && distribution_is(distribution, "alpine"))
		return xasprintf("for more: apk add %s-dbg", package->name);
	if (package)
		return debian_advice(distribution, package);
	for (size_t i = 0; i < ARRAY_LENGTH(by_rpm); i++)
		if (distribution_is(distribution, by_rpm[i]))
			return xasprintf("for more: dnf debuginfo-install $(rpm -qf %s)", path);
	if (distribution_is(distribution, "suse") || distribution_is(distribution, "opensuse"))
		return xasprintf("for more: zypper install $(rpm -qf --qf '%%{name}' %s)-debuginfo", path);
	if (build_id[0] && distribution_is(distribution, "arch"))
		return xasprintf("for more: debuginfod-find debuginfo %s, put at "
				 "/usr/lib/debug/.build-id/%.2s/%s.debug",
			build_id, build_id, build_id + 2);
	return xstrdup("for more: no package has it: build it with -g, and do not strip it");
}
