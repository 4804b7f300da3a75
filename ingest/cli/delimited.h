/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delimited - many messages in one run of bytes, each after its length as a varint. Pure.
 */
#ifndef TRAM_DELIMITED_H
#define TRAM_DELIMITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DELIMITED_LENGTH_MAX 10 /* bytes of a length */

/* The length's bytes; returns how many. */
size_t delimited_length(uint64_t len, uint8_t ret[static DELIMITED_LENGTH_MAX]);

/* Moves *at and *left behind the next message, *ret; false when there is none that is whole. */
bool delimited_next(const uint8_t **at, size_t *left, const uint8_t **ret, size_t *ret_len);

/* Whether lengths lead from one message to the next, exactly to the end. */
bool delimited_is(const uint8_t *bytes, size_t len);

#endif
