/* SPDX-License-Identifier: MIT */
/* What the files of this stage say to each other. */
#ifndef PYROPE_DOCTOR_INTERNAL_H
#define PYROPE_DOCTOR_INTERNAL_H

#include "pyrope/doctor.h"
#include "pyrope/python.h"
#include "pyrope/target.h"

#define SECTION_MACHINE "machine"
#define SECTION_INTERPRETER "interpreter"
#define SECTION_NATIVE "native frames"
#define SECTION_CONTAINER "container"

/* Adds a remark, whose text and remedy (or NULL) it takes. */
void remark_add(struct diagnosis *diagnosis, const char *section, const char *topic, enum grade grade,
	char *text, char *remedy);
/* The same with a text that is only borrowed. */
void remark_say(struct diagnosis *diagnosis, const char *section, const char *topic, enum grade grade,
	const char *text, const char *remedy);

/* ---- trials: a system call is made by a child of ours, so that a filter kills that and not us ---- */

enum trial_result {
	TRIAL_WORKS,
	TRIAL_FAILS,   /* with the errno value */
	TRIAL_KILLED,  /* by a filter of system calls, or another way */
	TRIAL_UNKNOWN, /* no child to be had, or it gave no answer */
};

struct trial {
	enum trial_result result;
	int reason;
};

/* attempt: 0, or an errno value; it runs in the child, for TRIAL_SECONDS at most. */
struct trial trial_run(int (*attempt)(void));
/* "not permitted (EPERM)", "a filter of system calls kills who calls it": behind the name of a call. */
char *trial_describe(const struct trial *trial);
int try_read_memory(void);
int try_pause(void);
int try_pidfd(void);

/* ---- sections ---- */

void diagnose_machine(struct diagnosis *diagnosis, const char *build);
/* Who pyrope runs as, and what that allows it. */
void diagnose_rights(struct diagnosis *diagnosis);
/* NULL: it cannot be opened, which has been remarked, and what can be seen without. */
struct target *diagnose_process(struct diagnosis *diagnosis, pid_t pid);
/* NULL: there is no interpreter that pyrope can read, which has been remarked. */
struct python *diagnose_interpreter(
	struct diagnosis *diagnosis, struct target *target, struct functions *functions, int abi);
void diagnose_debug_files(struct diagnosis *diagnosis, struct target *target, struct python *python);
void diagnose_container(struct diagnosis *diagnosis, pid_t pid);

/* ---- distributions ---- */

/* Names from files of the target's: of letters, digits and .+-_~: alone, or "". */
#define NAME_BYTES 128

struct distribution {
	char id[NAME_BYTES], like[NAME_BYTES]; /* ID and ID_LIKE of os-release(5) */
	char *name;                            /* PRETTY_NAME, cleaned; NULL: not said; owned */
};

struct package {
	char name[NAME_BYTES], source[NAME_BYTES], version[NAME_BYTES]; /* source: "" where it is the name */
};

void distribution_parse(struct distribution *distribution, const char *text);
void distribution_read(struct distribution *distribution, int root_fd);
void distribution_release(struct distribution *distribution);
/* Is it this one, or one that says it is like it? */
bool distribution_is(const struct distribution *distribution, const char *id);

/*
 * The next stanza of a dpkg status file that is of an installed package, and where the one behind it begins;
 * NULL: no more. architecture: NAME_BYTES.
 */
const char *dpkg_next(const char *text, struct package *package, char *architecture);
/* The package of an apk database that has the file. */
bool apk_find(const char *text, const char *path, struct package *package);
/* Does a list of dpkg's name the file? Also where /usr has been merged since, or by it. */
bool dpkg_list_has(const char *list, const char *path);

/* Which package the file at this path in the root belongs to. False: none, or no database that is known. */
bool package_find(int root_fd, const char *path, struct package *package);
/* What to type to get the debug files of it. package: NULL: not known. */
char *package_advice(const struct distribution *distribution, const struct package *package, const char *path,
	const char *build_id);

#endif
