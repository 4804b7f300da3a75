/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params - the parameters of one statement in binary form: numbers, texts, bytes, and arrays of them.
 *
 * Values are copied in, so nothing has to outlive the call. One thread.
 */
#ifndef TRAM_PARAMS_H
#define TRAM_PARAMS_H

#include <stddef.h>
#include <stdint.h>

enum { PARAMS_MAX = 24 };

enum param_type {
	PARAM_BYTEA = 17,
	PARAM_INT64 = 20,
	PARAM_INT32 = 23,
	PARAM_TEXT = 25,
	PARAM_DATE = 1082,
	PARAM_TIMESTAMP = 1184,
};

struct params {
	int n;
	unsigned types[PARAMS_MAX]; /* OIDs */
	int lengths[PARAMS_MAX];    /* -1: null */
	size_t offsets[PARAMS_MAX]; /* into bytes */
	uint8_t *bytes;
	size_t len, room;
};

/* Starts empty; frees what params_done() has to free. */
void params_init(struct params *p);
void params_done(struct params *p);

void params_int32(struct params *p, int32_t value);
void params_int64(struct params *p, int64_t value);
void params_timestamp(struct params *p, int64_t us);               /* since 1970 UTC; INT64_MAX: for ever */
void params_text(struct params *p, const char *text);              /* NULL: null */
void params_bytes(struct params *p, const void *data, size_t len); /* NULL: null */

/*
 * One array parameter from n structs that lie stride bytes apart; first points at the member of the first one. A NULL
 * text is a null.
 */
void params_int32s(struct params *p, const int32_t *first, size_t stride, size_t n);
void params_int64s(struct params *p, const int64_t *first, size_t stride, size_t n);
void params_texts(struct params *p, const char *const *first, size_t stride, size_t n);
void params_bytes_each(struct params *p, const void *first, size_t len, size_t stride, size_t n);

#endif
