/* SPDX-License-Identifier: MIT */
/*
 * Protocol buffers: the fields of a message, one after the other ("Encoding" in the documentation of
 * protobuf). The bytes are hostile.
 */
#ifndef PYROPE_RECORDING_PROTOBUF_READER_H
#define PYROPE_RECORDING_PROTOBUF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message {
	const unsigned char *bytes;
	size_t length;
};

struct message_field {
	uint64_t number;
	bool has_bytes;
	uint64_t value;        /* of a number */
	struct message within; /* of a text, a message, a packed list: borrowed */
};

enum message_step { MESSAGE_FIELD, MESSAGE_END, MESSAGE_MALFORMED };

/* Takes a field off the beginning of the message. */
enum message_step message_next(struct message *message, struct message_field *field);
/* Takes an element off a packed list: the same without the number of a field. */
enum message_step message_next_number(struct message *list, uint64_t *value);

#endif
