/* SPDX-License-Identifier: MIT */
/*
 * What C lacks: errors as objects, memory that cannot fail, growable buffers, hashing, UTF-8 cleaning,
 * numbers with units, clocks. This stage knows nothing of processes or of Python, and every other stage may
 * use it.
 */
#ifndef PYROPE_BASE_H
#define PYROPE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))
#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The sanitizer that pyrope is built with; not defined: none. gcc and clang say it in different ways. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZER "address"
#elif defined(__SANITIZE_THREAD__)
#define SANITIZER "thread"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZER "address"
#elif __has_feature(thread_sanitizer)
#define SANITIZER "thread"
#endif
#endif
#ifdef SANITIZER
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

/*
 * low becomes how many of `count` elements, which are in order, come before what is sought: is_before is an
 * expression that asks it of the element with the index `i`, true of the first ones and of none behind them.
 * By bisection.
 */
#define LOWER_BOUND(low, count, i, is_before) \
	for (size_t high_ = ((low) = 0, (count)), i; (low) < high_;) \
		if ((i) = (low) + (high_ - (low)) / 2, (is_before)) \
			(low) = (i) + 1; \
		else \
			high_ = (i)

/* An address in the target. Never a pointer of ours. */
typedef uint64_t raddr_t;

/* ---- errors ---- */

/* The kind carries the policy: what the caller does about it. */
enum error_kind {
	ERROR_NONE = 0,
	ERROR_GONE,        /* the target has exited or execed: a normal end of sampling */
	ERROR_RACED,       /* a read met memory that was changing: count it, look again */
	ERROR_PERMISSION,  /* not allowed; the message names cause and remedy */
	ERROR_UNSUPPORTED, /* not a Python, a 32-bit one, an unknown version */
	ERROR_STARTING,    /* an interpreter that has no thread yet, or none any more */
	ERROR_USAGE,       /* a wrong command line: exit code 2 */
	ERROR_SYSTEM,      /* anything else that the system refused */
};

#define ERROR_MESSAGE_BYTES 1024

/* Lives on the caller's stack; needs no release. Zero-initialise with {0}. */
struct error {
	enum error_kind kind;
	/* 0: derived from kind (1, or 2 for usage); else the code to exit with, e.g. 126, 127 */
	int exit_code;
	char message[ERROR_MESSAGE_BYTES];
};

/*
 * Sets kind and message, once, where the failure is. Always returns -1, so that `return error_set(...)`
 * reads well.
 */
int error_set(struct error *err, enum error_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
/*
 * As error_set, with ": " and strerror(errno_value) behind the message, and what to do when there are no
 * descriptors left.
 */
int error_set_errno(struct error *err, enum error_kind kind, int errno_value, const char *format, ...)
	PRINTF_LIKE(4, 5);
/* Puts "context: " before the message; the kind stays. Returns -1. */
int error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
/* Forgets what was set, so that the object can be used again. */
void error_clear(struct error *err);
int error_exit_code(const struct error *err);

/* ---- memory: allocation failure ends the program with a message ---- */

/* Called before that message: what has to be put back then. NULL: nothing has. */
void memory_at_end(void (*restore)(void));
void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t bytes);
void *xrealloc(void *block, size_t bytes);
/* count * bytes, checked for overflow. */
void *xreallocarray(void *block, size_t count, size_t bytes);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t bytes);
char *xasprintf(const char *format, ...) PRINTF_LIKE(1, 2);

/*
 * Grows *array (of elements of element_bytes, *capacity of them) so that it holds at least needed elements.
 */
void array_reserve(void *array, size_t *capacity, size_t needed, size_t element_bytes);

/* ---- buffer: bytes that grow; always NUL-terminated behind length when data is not NULL ---- */

struct buffer {
	char *data;
	size_t length;
	size_t capacity;
};

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_string(struct buffer *buffer, const char *text);
void buffer_append_char(struct buffer *buffer, char character);
void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* Decimal digits of a number, whatever the locale. */
void buffer_append_uint(struct buffer *buffer, uint64_t number);
void buffer_append_int(struct buffer *buffer, int64_t number);
/* A JSON string literal with its quotes. The text must be valid UTF-8 (see utf8_clean). */
void buffer_append_json(struct buffer *buffer, const char *text);
void buffer_clear(struct buffer *buffer); /* length = 0, memory kept */
void buffer_release(struct buffer *buffer);

/* ---- hashing ---- */

/* The same in every run; whoever chooses the values can make them collide. */
uint64_t hash_u64(uint64_t value);
uint64_t hash_combine(uint64_t hash, uint64_t value);
/* Another one in each run, so that nobody can choose bytes that collide. */
uint64_t hash_bytes(const void *bytes, size_t length);
/* What to begin with when numbers that the target chooses are combined. The same during a run. */
uint64_t hash_seed(void);
/* SipHash-1-3. */
uint64_t hash_siphash(const uint64_t key[2], const void *bytes, size_t length);

/* CRC-32C of the bytes, going on from that of what stands before them (0: nothing does). */
uint32_t crc32c(uint32_t checksum, const void *bytes, size_t length);

/* Appends the SHA-256 of the bytes in base64. */
void buffer_append_sha256(struct buffer *buffer, const void *bytes, size_t length);

/* uint64 -> uint64, open addressing. Any key is allowed, also keys that somebody chooses. Zero-initialise. */
struct u64_map {
	uint64_t *keys;
	uint64_t *values;
	uint8_t *used;
	size_t count;
	size_t capacity; /* a power of two, or 0 */
};

/* NULL when the key is not there. The pointer is good until the next put. */
uint64_t *u64_map_get(const struct u64_map *map, uint64_t key);
void u64_map_put(struct u64_map *map, uint64_t key, uint64_t value);
/*
 * Room for so many more, so that as many put() do not make it grow: that takes a moment for each that it
 * holds.
 */
void u64_map_reserve(struct u64_map *map, size_t more);
void u64_map_clear(struct u64_map *map); /* count = 0, memory kept */
void u64_map_release(struct u64_map *map);

/* ---- text ---- */

/*
 * Appends text to buffer as valid UTF-8 that is safe on a terminal and in every output format: invalid
 * sequences, surrogates and noncharacters become U+FFFD; newline, carriage return and tab become a space;
 * other control characters (C0, DEL, C1) and what is invisible or turns the direction of text (Unicode's
 * Default_Ignorable_Code_Point and Bidi_Control) are dropped.
 */
void utf8_clean(struct buffer *buffer, const char *bytes, size_t length);
/* Is it printable ASCII, which utf8_clean leaves as it is? */
bool utf8_is_plain(const char *bytes, size_t length);
/* Appends one code point as UTF-8, by the same rules. */
void utf8_append(struct buffer *buffer, uint32_t code_point);

/* How many columns of a terminal the text takes; it is valid UTF-8 (see utf8_clean). */
size_t text_columns(const char *text);
/* The bytes of the longest beginning that fits into so many columns. */
size_t text_fit(const char *text, size_t columns);
/* The longest ending that does; points into text. */
const char *text_fit_end(const char *text, size_t columns);
/* Appends the text, or as much of it as fits, with two dots where something is left out. */
enum fit { FIT_KEEP_BEGIN, FIT_KEEP_END };
void buffer_append_fit(struct buffer *buffer, const char *text, size_t columns, enum fit fit);

/*
 * A span of time: a number, with an optional unit ns, us, ms, s, m, h, d ("0.01", "5ms", "2m", "1e-3"). No
 * unit means seconds. Negative, nan, infinite, empty, trailing garbage and values over INT64_MAX nanoseconds
 * are errors of kind ERROR_USAGE that quote the text; zero is allowed here. Independent of the locale.
 * *nanoseconds is set on success only.
 */
int parse_duration(const char *text, int64_t *nanoseconds, struct error *err);
/* A rate per second, > 0: "250", "0.5", "1k", "250Hz"; gives the interval in nanoseconds, at least 1. */
int parse_rate(const char *text, int64_t *interval_ns, struct error *err);
/* A decimal integer in [minimum, maximum]. `what` names it in the message ("process id"). */
int parse_integer(const char *text, const char *what, int64_t minimum, int64_t maximum, int64_t *value,
	struct error *err);

/* Is it an extended regular expression (regex(7))? ERROR_USAGE: it is not, and where. */
int pattern_check(const char *text, struct error *err);

/* The row of candidates[0..count) that is nearest to word by edit distance, or NULL when none is near. */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

/* The name of a system call of this architecture that threads sleep in: "epoll_wait"; NULL for others. */
const char *syscall_name(long number);
/* Appends it, or "syscall 435". */
void syscall_append(struct buffer *buffer, long number);

/*
 * Does a filter (seccomp(2)) kill who makes this system call? Then it must not be made, and errno is
 * ENOSYS. Of the calls that filtered.c lists; safe from any thread, and the first question takes a
 * millisecond where there is a filter.
 */
bool syscall_kills(long number);

/* ---- files ---- */

#define INTERRUPTIONS_LIMIT 1000 /* of one read; more are made up, by a tracer */

/* pread(2) until length bytes are there, the file ends or it fails; returns how many there are. */
size_t read_file_at(int fd, void *data, size_t length, uint64_t offset);
struct stat;
/*
 * Turns an O_PATH descriptor, which is closed, into one for reading: only when it is a regular file, for
 * opening others may block or do something. -1: it is not, or path_fd was -1. *status is the file's when it
 * is opened.
 */
int open_regular(int path_fd, struct stat *status);

/* An empty file in memory (memfd_create(2)); -1 with errno. */
int memory_file(const char *name);

/*
 * Opens the regular file at a path that somebody else has chosen, for reading, as open_regular does. Not from
 * the root of the file system that the descriptor directory belongs to when in_root: then directory is the
 * root, and no symbolic link leads out of it. On a file system that does not answer (FUSE, NFS) it gives up
 * after a second: -1, ETIMEDOUT, and at once from the second time on for the same device (0: not known). Safe
 * from any thread.
 */
int open_chosen(int directory, const char *path, bool in_root, uint64_t device, struct stat *status);
/*
 * Looks for file systems that may not answer in the mount namespace of the process that this folder of /proc
 * is of, and in ours. When a process is opened; what is mounted later is not known.
 */
void opener_learn_mounts(int proc_fd);
/*
 * Which file is at this path, without asking a file system that may not answer? False: there is none to be
 * seen.
 */
bool identify_file(int directory, const char *path, dev_t *device, uint64_t *inode);
/* How often open_chosen has given up. */
uint64_t files_unanswered(void);

/*
 * In a process that may open nothing: what is asked to read or write the file of this name uses the
 * descriptor instead. The name is told by its address, and lent.
 */
void file_lend(const char *name, int fd);
/* Another descriptor for it, with the same offset; -1: nothing was lent by this name. */
int file_lent(const char *name);

/* How many descriptors pyrope may have open (the soft limit, which has been raised to the hard one). */
size_t descriptor_limit(void);
/*
 * Something was left out because it could not be opened: counted when the reason is that there are no
 * descriptors left, so that it can be said at the end. Safe from any thread; errno stays.
 */
void descriptors_note(int errno_value);
uint64_t descriptors_lacking(void);

/*
 * ---- being told to end ----
 *
 * A signal asks pyrope to write what there is and end, and that is to be done within a second, whatever a
 * target holds. So what takes long when a target wants it to asks inside of its loops: sampling ends at once,
 * and names that are not known after some tenths of a second are left out.
 */
void interrupt(void); /* safe in a signal handler */
bool is_interrupted(void);
bool is_hurried(void);

/* ---- clocks, in nanoseconds ---- */

int64_t monotonic_ns(void);
int64_t realtime_ns(void);
int64_t thread_cpu_ns(void); /* CPU time of the calling thread */

#endif
