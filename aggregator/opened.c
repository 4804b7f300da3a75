/* SPDX-License-Identifier: Apache-2.0 */
#include "opened.h"

#include "mem.h"

#include <stdlib.h>

struct opened {
	struct arena *arena;
	const struct job *job; /* NULL: none is kept */
	bool was_tried, is_open;
	struct publish publish;
};

struct opened *opened_new(size_t bytes)
{
	struct opened *o = xcalloc(1, sizeof(*o));
	o->arena = arena_new(bytes);
	return o;
}

void opened_free(struct opened **op)
{
	if (*op)
		arena_free(&(*op)->arena);
	free(*op);
	*op = NULL;
}

void opened_keep(struct opened *o, const struct job *job)
{
	if (o->job)
		return;
	o->job = job;
	o->was_tried = o->is_open = false;
}

void opened_done(struct opened *o, const struct job *job)
{
	if (o->job == job)
		o->job = NULL;
}

static bool open_here(struct opened *o, const struct watermark *watermark, const struct publish_keys *keys,
		      const struct publish_limits *limits)
{
	struct err err = {0};
	o->was_tried = true;
	arena_reset(o->arena);
	Tram__V1__Envelope *e = codec_envelope(o->arena, o->job->data, o->job->len, &err);
	if (!e || e->body_case != TRAM__V1__ENVELOPE__BODY_PUBLISH)
		return false;
	publish_open(o->arena, e->publish, o->job->agent, keys, watermark, limits, &o->publish);
	return !o->publish.refusal;
}

bool opened_take_up(struct opened *o, const struct job *job, const struct watermark *watermark,
		    const struct publish_keys *keys, const struct publish_limits *limits, struct publish *ret)
{
	if (o->job != job)
		return false;
	if (o->is_open)
		return publish_rest(&o->publish, watermark, ret);
	if (!o->was_tried)
		o->is_open = open_here(o, watermark, keys, limits);
	if (o->is_open)
		*ret = o->publish;
	return o->is_open;
}
