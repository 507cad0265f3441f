/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "recording/protobuf_reader.h"

#include "pyrope/leb128.h"

enum wire_type { WIRE_VARINT, WIRE_64_BITS, WIRE_BYTES, WIRE_32_BITS = 5 };

static bool take_varint(struct message *message, uint64_t *value)
{
	const unsigned char *at = message->bytes;
	const bool is_whole = leb128_get(&at, at + message->length, value);

	message->length -= (size_t)(at - message->bytes);
	message->bytes = at;
	return is_whole;
}

static bool take_bytes(struct message *message, uint64_t length, struct message *within)
{
	if (length > message->length)
		return false;
	*within = (struct message){ message->bytes, (size_t)length };
	message->bytes += length;
	message->length -= (size_t)length;
	return true;
}

static bool take_fixed(struct message *message, size_t bytes, uint64_t *value)
{
	struct message within;

	if (!take_bytes(message, bytes, &within))
		return false;
	*value = 0;
	for (size_t i = bytes; i-- > 0;)
		*value = *value << 8 | within.bytes[i];
	return true;
}

enum message_step message_next(struct message *message, struct message_field *field)
{
	uint64_t tag, length;
	bool is_whole = false;

	if (!message->length)
		return MESSAGE_END;
	*field = (struct message_field){ .number = 0 };
	if (!take_varint(message, &tag) || !(tag >> 3))
		return MESSAGE_MALFORMED;
	field->number = tag >> 3;
	switch (tag & 7) {
	case WIRE_VARINT:
		is_whole = take_varint(message, &field->value);
		break;
	case WIRE_64_BITS:
		is_whole = take_fixed(message, 8, &field->value);
		break;
	case WIRE_32_BITS:
		is_whole = take_fixed(message, 4, &field->value);
		break;
	case WIRE_BYTES:
		field->has_bytes = true;
		is_whole = take_varint(message, &length) && take_bytes(message, length, &field->within);
		break;
	default: /* groups, which nobody writes any more */
		break;
	}
	return is_whole ? MESSAGE_FIELD : MESSAGE_MALFORMED;
}

enum message_step message_next_number(struct message *list, uint64_t *value)
{
	if (!list->length)
		return MESSAGE_END;
	return take_varint(list, value) ? MESSAGE_FIELD : MESSAGE_MALFORMED;
}
