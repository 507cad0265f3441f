/* SPDX-License-Identifier: MIT */
/* What writes JSON appends to one buffer, which goes to the file whenever it has become large. */
#include "config.h"

#include "output/json.h"

#define FLUSH_BYTES 32768

void json_put(struct json *json, const char *text)
{
	buffer_append_string(&json->text, text);
}

void json_put_uint(struct json *json, uint64_t number)
{
	buffer_append_uint(&json->text, number);
}

void json_put_thousandths(struct json *json, int64_t number)
{
	char digits[4];

	if (number < 0) {
		buffer_append_char(&json->text, '-');
		number = -number;
	}
	buffer_append_int(&json->text, number / 1000);
	number %= 1000;
	if (!number)
		return;
	digits[0] = '.';
	digits[1] = (char)('0' + number / 100);
	digits[2] = (char)('0' + number / 10 % 10);
	digits[3] = (char)('0' + number % 10);
	buffer_append(&json->text, digits, sizeof(digits));
}

void json_begin(struct json *json, const char *before)
{
	json_put(json, before);
	buffer_append_char(&json->text, '[');
	json->is_first = true;
}

static void flush(struct json *json)
{
	output_write(json->file, json->text.data, json->text.length);
	buffer_clear(&json->text);
}

void json_next(struct json *json)
{
	if (!json->is_first)
		buffer_append_char(&json->text, ',');
	json->is_first = false;
	if (json->text.length > FLUSH_BYTES)
		flush(json);
}

void json_release(struct json *json)
{
	flush(json);
	buffer_release(&json->text);
}
