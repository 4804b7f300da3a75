/* SPDX-License-Identifier: Apache-2.0 */
#include "body.h"

#include "mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define FIRST_ROOM 1024

struct body {
	struct body_budget *budget;
	atomic_uint refs;
	enum body_state state;
	char *bytes;
	size_t len, room;
};

struct body *body_new(struct body_budget *budget)
{
	struct body *b = xcalloc(1, sizeof(*b));
	b->budget = budget;
	atomic_init(&b->refs, 1);
	return b;
}

struct body *body_ref(struct body *b)
{
	atomic_fetch_add(&b->refs, 1);
	return b;
}

void body_unref(struct body **bp)
{
	struct body *b = *bp;
	*bp = NULL;
	if (!b || atomic_fetch_sub(&b->refs, 1) > 1) {
		return;
	}
	atomic_fetch_sub(&b->budget->held, b->room);
	free(b->bytes);
	free(b);
}

/* Room is reserved before it is taken, so that threads together never have more than there is. */
static bool reserve(struct body_budget *budget, size_t more)
{
	if (atomic_fetch_add(&budget->held, more) + more <= budget->most) {
		return true;
	}
	atomic_fetch_sub(&budget->held, more);
	return false;
}

static void grow(struct body *b, size_t least)
{
	size_t room = b->room ? 2 * b->room : FIRST_ROOM;
	while (room < least) {
		room *= 2;
	}
	if (room > b->budget->whole) {
		room = b->budget->whole;
	}
	if (!reserve(b->budget, room - b->room)) {
		b->state = BODY_NO_ROOM;
		return;
	}
	b->bytes = xrealloc(b->bytes, room);
	b->room = room;
}

void body_add(void *context, const char *text, size_t len)
{
	struct body *b = context;
	if (b->state != BODY_FINE || len == 0) {
		return;
	}
	if (len > b->budget->whole - b->len) {
		b->state = BODY_TOO_LONG;
		return;
	}
	if (len > b->room - b->len) {
		grow(b, b->len + len);
	}
	if (b->state != BODY_FINE) {
		return;
	}
	memcpy(b->bytes + b->len, text, len);
	b->len += len;
}

void body_text(struct body *b, const char *text)
{
	body_add(b, text, strlen(text));
}

enum body_state body_state(const struct body *b)
{
	return b->state;
}

/* What does not fit is remembered by the body: a stream that fails would only be asked again for each row. */
static ssize_t stream_write(void *context, const char *text, size_t len)
{
	body_add(context, text, len);
	return (ssize_t)len;
}

FILE *body_stream(struct body *b)
{
	FILE *out = fopencookie(b, "w", (cookie_io_functions_t){.write = stream_write});
	assert(out);
	return out;
}

const char *body_bytes(const struct body *b)
{
	return b->len ? b->bytes : "";
}

size_t body_len(const struct body *b)
{
	return b->len;
}
