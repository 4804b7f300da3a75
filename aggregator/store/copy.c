/* SPDX-License-Identifier: Apache-2.0 */
#include "copy.h"
#include "encode.h"
#include "lang.h"
#include "mem.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pieces of this size keep libpq's own buffer from growing and cost next to nothing a row. */
enum { PIECE = 64 << 10 };

struct copy {
	struct store *store;
	bool failed; /* libpq took no more: what follows is dropped, copy_end() says why */
	int n_columns, column;
	size_t len;
	uint8_t piece[PIECE];
};

struct copy *copy_new(void)
{
	return xcalloc(1, sizeof(struct copy));
}

void copy_free(struct copy **cp)
{
	free(*cp);
	*cp = NULL;
}

/* What libpq has, and the server does not take, would grow without a bound: it is pushed out before more is put in. */
static bool push_out(struct store *s)
{
	int left;

	while ((left = PQflush(s->pg)) == 1) {
		if (!connection_wait(s, POLLIN | POLLOUT) || !PQconsumeInput(s->pg)) {
			return false;
		}
	}
	return left == 0;
}

static void send_bytes(struct copy *c, const uint8_t *data, size_t len)
{
	PGconn *pg = c->store->pg;

	assert(len <= INT_MAX);
	if (!c->failed && len > 0) {
		c->failed = PQputCopyData(pg, (const char *)data, (int)len) != 1 || !push_out(c->store);
	}
}

static void flush(struct copy *c)
{
	send_bytes(c, c->piece, c->len);
	c->len = 0;
}

static uint8_t *room(struct copy *c, size_t len)
{
	if (c->len + len > PIECE) {
		flush(c);
	}
	c->len += len;
	return c->piece + c->len - len;
}

/* A value's place, behind its length. */
static uint8_t *value(struct copy *c, size_t len)
{
	uint8_t *to = room(c, 4 + len);

	assert(c->column < c->n_columns);
	c->column++;
	encode_int32(to, (int32_t)len);
	return to + 4;
}

enum store_result copy_begin(struct store *s, const char *table, const char *columns, int n_columns, struct err *err)
{
	/* Signature, flags, length of an extension: all that a header is. */
	static const uint8_t header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	struct copy *c = s->copy;
	char sql[512];
	int len = snprintf(sql, sizeof sql, "COPY %s (%s) FROM STDIN (FORMAT binary)", table, columns);
	PGresult *r;
	enum store_result result = STORE_OK;

	assert(len > 0 && (size_t)len < sizeof sql);
	r = connection_exec(s, sql);
	if (PQresultStatus(r) != PGRES_COPY_IN) {
		result = connection_failure(s, r, err);
	}
	PQclear(r);
	c->store = s;
	c->failed = false;
	c->len = 0;
	c->n_columns = c->column = n_columns;
	memcpy(room(c, sizeof header), header, sizeof header);
	return result;
}

void copy_row(struct copy *c)
{
	assert(c->column == c->n_columns);
	c->column = 0;
	encode_int16(room(c, 2), (int16_t)c->n_columns);
}

void copy_null(struct copy *c)
{
	assert(c->column < c->n_columns);
	c->column++;
	encode_int32(room(c, 4), -1);
}

void copy_int16(struct copy *c, int16_t v)
{
	encode_int16(value(c, 2), v);
}

void copy_int32(struct copy *c, int32_t v)
{
	encode_int32(value(c, 4), v);
}

void copy_int64(struct copy *c, int64_t v)
{
	encode_int64(value(c, 8), v);
}

void copy_char(struct copy *c, char v)
{
	*value(c, 1) = (uint8_t)v;
}

void copy_bool(struct copy *c, bool v)
{
	*value(c, 1) = v;
}

void copy_bytes(struct copy *c, const void *data, size_t len)
{
	if (len + 4 <= PIECE) {
		uint8_t *to = value(c, len);

		if (len > 0) {
			memcpy(to, data, len);
		}
		return;
	}
	assert(c->column < c->n_columns && len <= INT32_MAX);
	c->column++;
	encode_int32(room(c, 4), (int32_t)len);
	flush(c);
	send_bytes(c, data, len);
}

void copy_text(struct copy *c, const char *text)
{
	copy_bytes(c, text, strlen(text));
}

/* An array: dimensions, flags, element type; then of each dimension its size and first index; then the elements. */
void copy_int32s(struct copy *c, const int32_t *values, size_t n)
{
	enum { INT4 = 23, HEAD = 5 };
	const int32_t head[HEAD] = {n > 0, 0, INT4, (int32_t)n, 1};
	size_t heads = n > 0 ? HEAD : HEAD - 2, len = 4 * heads + 8 * n;
	uint8_t *bytes = xmalloc(len), *at = bytes;

	for (size_t i = 0; i < heads; i++, at += 4) {
		encode_int32(at, head[i]);
	}
	for (size_t i = 0; i < n; i++, at += 8) {
		encode_int32(at, 4);
		encode_int32(at + 4, values[i]);
	}
	copy_bytes(c, bytes, len);
	free(bytes);
}

void copy_timestamp(struct copy *c, int64_t us)
{
	if (us == INT64_MIN) {
		copy_null(c);
	} else {
		copy_int64(c, encode_timestamp(us));
	}
}

void copy_date(struct copy *c, int32_t days)
{
	copy_int32(c, encode_date(days));
}

void copy_numeric(struct copy *c, bool there, struct decimal v)
{
	uint8_t bytes[ENCODE_NUMERIC_MAX];

	if (there) {
		copy_bytes(c, bytes, encode_numeric(v, bytes));
	} else {
		copy_null(c);
	}
}

/* The last result of the COPY, after which the connection is free for the next command. */
static enum store_result take_result(struct store *s, struct err *err)
{
	PGresult *r = connection_result(s);
	enum store_result result = PQresultStatus(r) == PGRES_COMMAND_OK ? STORE_OK : connection_failure(s, r, err);
	bool stuck = PQresultStatus(r) == PGRES_COPY_IN; /* libpq would say this for ever */

	PQclear(r);
	while (!stuck && (r = connection_result(s))) {
		PQclear(r);
	}
	return result;
}

enum store_result copy_end(struct store *s, struct err *err)
{
	struct copy *c = s->copy;

	assert(c->column == c->n_columns);
	encode_int16(room(c, 2), -1);
	flush(c);
	if (!c->failed && PQputCopyEnd(s->pg, NULL) != 1) {
		c->failed = true;
	}
	return take_result(s, err);
}
