/* SPDX-License-Identifier: Apache-2.0 */
#include "params.h"
#include "encode.h"
#include "mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void params_init(struct params *p)
{
	*p = (struct params){0};
}

void params_done(struct params *p)
{
	free(p->bytes);
	params_init(p);
}

static uint8_t *grow(struct params *p, size_t len)
{
	if (p->len + len > p->room) {
		p->room = (p->len + len) * 2 + 256;
		p->bytes = xrealloc(p->bytes, p->room);
	}
	p->len += len;
	return p->bytes + p->len - len;
}

static void start(struct params *p, unsigned type)
{
	assert(p->n < PARAMS_MAX);
	p->types[p->n] = type;
	p->offsets[p->n] = p->len;
}

static void finish(struct params *p)
{
	p->lengths[p->n] = (int)(p->len - p->offsets[p->n]);
	p->n++;
}

void params_int32(struct params *p, int32_t value)
{
	start(p, PARAM_INT32);
	encode_int32(grow(p, 4), value);
	finish(p);
}

void params_int64(struct params *p, int64_t value)
{
	start(p, PARAM_INT64);
	encode_int64(grow(p, 8), value);
	finish(p);
}

void params_timestamp(struct params *p, int64_t us)
{
	start(p, PARAM_TIMESTAMP);
	encode_int64(grow(p, 8), us == INT64_MAX ? us : encode_timestamp(us)); /* its own "infinity" */
	finish(p);
}

static void put_bytes(struct params *p, const void *data, size_t len)
{
	uint8_t *to = grow(p, len);

	if (len > 0) {
		memcpy(to, data, len);
	}
}

void params_text(struct params *p, const char *text)
{
	start(p, PARAM_TEXT);
	if (text) {
		put_bytes(p, text, strlen(text));
	}
	finish(p);
	if (!text) {
		p->lengths[p->n - 1] = -1;
	}
}

void params_bytes(struct params *p, const void *data, size_t len)
{
	start(p, PARAM_BYTEA);
	put_bytes(p, data, data ? len : 0);
	finish(p);
	if (!data) {
		p->lengths[p->n - 1] = -1;
	}
}

/* Array OIDs have no rule, so each stands beside its element's. */
enum array_type { ARRAY_BYTEA = 1001, ARRAY_INT32 = 1007, ARRAY_TEXT = 1009, ARRAY_INT64 = 1016 };

/* Dimensions, may hold nulls, element type; then the one dimension's size and lower bound. */
static void start_array(struct params *p, enum array_type type, enum param_type element, size_t n)
{
	const int32_t head[] = {1, 1, (int32_t)element, (int32_t)n, 1};

	start(p, type);
	for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
		encode_int32(grow(p, 4), head[i]);
	}
}

/* An element's place, behind its length. */
static uint8_t *element(struct params *p, size_t len)
{
	uint8_t *to = grow(p, 4 + len);

	encode_int32(to, (int32_t)len);
	return to + 4;
}

#define STEP(pointer, stride) ((pointer) = (const void *)((const char *)(pointer) + (stride)))

void params_int32s(struct params *p, const int32_t *first, size_t stride, size_t n)
{
	start_array(p, ARRAY_INT32, PARAM_INT32, n);
	for (size_t i = 0; i < n; i++, STEP(first, stride)) {
		encode_int32(element(p, 4), *first);
	}
	finish(p);
}

void params_int64s(struct params *p, const int64_t *first, size_t stride, size_t n)
{
	start_array(p, ARRAY_INT64, PARAM_INT64, n);
	for (size_t i = 0; i < n; i++, STEP(first, stride)) {
		encode_int64(element(p, 8), *first);
	}
	finish(p);
}

void params_texts(struct params *p, const char *const *first, size_t stride, size_t n)
{
	start_array(p, ARRAY_TEXT, PARAM_TEXT, n);
	for (size_t i = 0; i < n; i++, STEP(first, stride)) {
		if (*first) {
			memcpy(element(p, strlen(*first)), *first, strlen(*first));
		} else {
			encode_int32(grow(p, 4), -1);
		}
	}
	finish(p);
}

void params_bytes_each(struct params *p, const void *first, size_t len, size_t stride, size_t n)
{
	start_array(p, ARRAY_BYTEA, PARAM_BYTEA, n);
	for (size_t i = 0; i < n; i++, STEP(first, stride)) {
		memcpy(element(p, len), first, len);
	}
	finish(p);
}
