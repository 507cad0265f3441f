/* SPDX-License-Identifier: MIT */
/* Protocol buffers: fields behind each other in a buffer ("Encoding" in the documentation of protobuf). */
#ifndef PYROPE_OUTPUT_PROTOBUF_H
#define PYROPE_OUTPUT_PROTOBUF_H

#include "pyrope/base.h"

/* 0 is what a field has that is not there, and is left out. */
void protobuf_put_uint(struct buffer *buffer, unsigned field, uint64_t number);
/* A string, a message, a packed field. */
void protobuf_put_bytes(struct buffer *buffer, unsigned field, const void *bytes, size_t length);

#endif
