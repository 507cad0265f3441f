/* SPDX-License-Identifier: MIT */
/* What is known of a profile beside its bytes, and the file beside it that says so. */
#ifndef PYROPE_WEB_ENTRY_H
#define PYROPE_WEB_ENTRY_H

#include "web/names.h"

#define WEB_FILE_BYTES 256
#define ENTRY_BYTES 16384 /* of the file at most */

struct web_entry {
	char id[WEB_ID_BYTES];
	char file[WEB_FILE_BYTES];     /* in the folder; as it is there, not to be shown */
	char name[WEB_NAME_BYTES];     /* what people call it */
	char labels[WEB_LABELS_BYTES]; /* "name=value\n" for each */
	int64_t received_ms;           /* since 1970, UTC */
	uint64_t bytes;
	struct web_facts facts; /* clean */
};

extern const char *const web_kind_names[WEB_KINDS];
extern const char *const web_kind_endings[WEB_KINDS]; /* with the dot */

/* What a child has said: everything becomes clean, terminated and within its range. */
void web_facts_clean(struct web_facts *facts);

/* All but id, file and bytes, as lines. */
void web_entry_write(const struct web_entry *entry, struct buffer *text);
/* Back. What it does not understand is left out; false: it is none. */
bool web_entry_parse(struct web_entry *entry, const char *text, size_t length);
/* Lines of labels, cleaned; what is none is left out. */
void web_entry_add_labels(struct web_entry *entry, const char *text);
/* One row of the list. */
void web_entry_append_json(const struct web_entry *entry, struct buffer *text);

#endif
