/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode - values in PostgreSQL's binary forms, as its *_send functions would write them.
 *
 * The display scale of a numeric is taken from the figure itself: PostgreSQL cuts off, without a word, every digit
 * beyond a scale that is stated too small. Pure; any thread.
 */
#ifndef TRAM_ENCODE_H
#define TRAM_ENCODE_H

#include "decimal.h"

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Header and at most six digits of base 10000: 10^18 shifted by up to three decimals. */
#define ENCODE_NUMERIC_MAX (8 + 2 * 6)

static inline void encode_int16(uint8_t *out, int16_t value)
{
	uint16_t big = htobe16((uint16_t)value);
	memcpy(out, &big, sizeof big);
}

static inline void encode_int32(uint8_t *out, int32_t value)
{
	uint32_t big = htobe32((uint32_t)value);
	memcpy(out, &big, sizeof big);
}

static inline void encode_int64(uint8_t *out, int64_t value)
{
	uint64_t big = htobe64((uint64_t)value);
	memcpy(out, &big, sizeof big);
}

/* PostgreSQL counts from 2000-01-01, we from 1970-01-01. What is before all its time stays so, for it to refuse. */
#define ENCODE_EPOCH_DAYS 10957
static inline int64_t encode_timestamp(int64_t us)
{
	int64_t shifted;

	return __builtin_sub_overflow(us, ENCODE_EPOCH_DAYS * INT64_C(86400000000), &shifted) ? INT64_MIN + 1 : shifted;
}
static inline int32_t encode_date(int32_t days)
{
	return days - ENCODE_EPOCH_DAYS;
}

/* Writes the numeric, without a length, into out (ENCODE_NUMERIC_MAX bytes) and returns how many bytes it took. */
size_t encode_numeric(struct decimal value, uint8_t *out);

#endif
