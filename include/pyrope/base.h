/* SPDX-License-Identifier: MIT */
/*
 * What C lacks: errors as objects, memory that cannot fail, growable buffers, hashing, UTF-8 cleaning, numbers with
 * units, clocks. This stage knows nothing of processes or of Python, and every other stage may use it.
 */
#ifndef PYROPE_BASE_H
#define PYROPE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))
#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

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
	ERROR_USAGE,       /* a wrong command line: exit code 2 */
	ERROR_SYSTEM,      /* anything else that the system refused */
};

#define ERROR_MESSAGE_BYTES 1024

/* Lives on the caller's stack; needs no release. Zero-initialise with {0}. */
struct error {
	enum error_kind kind;
	int exit_code; /* 0: derived from kind (1, or 2 for usage); else the code to exit with, e.g. 126, 127 */
	char message[ERROR_MESSAGE_BYTES];
};

/* Sets kind and message, once, where the failure is. Always returns -1, so that `return error_set(...)` reads well. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
/* As error_set, with ": " and strerror(errno_value) behind the message. */
int error_set_errno(struct error *err, enum error_kind kind, int errno_value, const char *format, ...)
	PRINTF_LIKE(4, 5);
/* Puts "context: " before the message; the kind stays. Returns -1. */
int error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
/* Forgets what was set, so that the object can be used again. */
void error_clear(struct error *err);
int error_exit_code(const struct error *err);

/* ---- memory: allocation failure ends the program with a message ---- */

void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t bytes);
void *xrealloc(void *block, size_t bytes);
/* count * bytes, checked for overflow. */
void *xreallocarray(void *block, size_t count, size_t bytes);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t bytes);
char *xasprintf(const char *format, ...) PRINTF_LIKE(1, 2);

/* Grows *array (of elements of element_bytes, *capacity of them) so that it holds at least needed elements. */
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

uint64_t hash_u64(uint64_t value);
uint64_t hash_combine(uint64_t hash, uint64_t value);
uint64_t hash_bytes(const void *bytes, size_t length);

/* uint64 -> uint64, open addressing. Any key is allowed. Zero-initialise. */
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
void u64_map_clear(struct u64_map *map); /* count = 0, memory kept */
void u64_map_release(struct u64_map *map);

/* ---- text ---- */

/*
 * Appends text to buffer as valid UTF-8 that is safe on a terminal and in every output format: invalid sequences and
 * surrogates become U+FFFD, control characters (C0, DEL, C1, and the bidi controls) are dropped but for newline,
 * carriage return and tab, which become a space.
 */
void utf8_clean(struct buffer *buffer, const char *bytes, size_t length);
/* Appends one code point as UTF-8, by the same rules. */
void utf8_append(struct buffer *buffer, uint32_t code_point);

/*
 * A span of time: a number, with an optional unit ns, us, ms, s, m, h, d ("0.01", "5ms", "2m", "1e-3"). No unit means
 * seconds. Negative, nan, infinite, empty, trailing garbage and values over INT64_MAX nanoseconds are errors of kind
 * ERROR_USAGE that quote the text; zero is allowed here. Independent of the locale. *nanoseconds is set on success only.
 */
int parse_duration(const char *text, int64_t *nanoseconds, struct error *err);
/* A rate per second, > 0: "250", "0.5", "1k", "250Hz"; gives the interval in nanoseconds, at least 1. */
int parse_rate(const char *text, int64_t *interval_ns, struct error *err);
/* A decimal integer in [minimum, maximum]. `what` names it in the message ("process id"). */
int parse_integer(const char *text, const char *what, int64_t minimum, int64_t maximum, int64_t *value,
	struct error *err);

/* The row of candidates[0..count) that is nearest to word by edit distance, or NULL when none is near. */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

/* The name of a system call of this architecture that threads sleep in: "epoll_wait"; NULL for others. */
const char *syscall_name(long number);
/* Appends it, or "syscall 435". */
void syscall_append(struct buffer *buffer, long number);

/* ---- files ---- */

/* pread(2) until length bytes are there, the file ends or it fails; returns how many there are. */
size_t read_file_at(int fd, void *data, size_t length, uint64_t offset);
struct stat;
/*
 * Turns an O_PATH descriptor, which is closed, into one for reading: only when it is a regular file, for opening others may
 * block or do something. -1: it is not, or path_fd was -1. *status is the file's when it is opened.
 */
int open_regular(int path_fd, struct stat *status);

/* ---- clocks, in nanoseconds ---- */

int64_t monotonic_ns(void);
int64_t realtime_ns(void);
int64_t thread_cpu_ns(void);  /* CPU time of the calling thread */
int64_t process_cpu_ns(void); /* CPU time of this process */

#endif
