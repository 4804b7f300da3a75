/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opened - the batch of a backlog, kept open from one group to the next.
 *
 * Where short lines share a lane groups are small, and a batch goes into many of them. Opening it (decompression, hashes,
 * a signature) each time would take as long as judging what is taken of it. So one batch at a time, which a group took a
 * part of, stays open in an arena of its own until it is done with; one that does not fit there is opened each time. Pure.
 */
#ifndef TRAM_OPENED_H
#define TRAM_OPENED_H

#include "lane.h"
#include "publish.h"

struct opened;

/* What it keeps has at most so many bytes. Caller frees with opened_free(). */
struct opened *opened_new(size_t bytes);
void opened_free(struct opened **op);

/* A group that is committed took a part of this PUBLISH: it stays open from its next opening on, if no other does. */
void opened_keep(struct opened *o, const struct job *job);

/* The job is done with, and so are the groups that have parts of it. */
void opened_done(struct opened *o, const struct job *job);

/*
 * What is not committed of the job's PUBLISH, as publish_open() has it; *ret lives until opened_done(). False: it is not the
 * one that is kept, or does not fit, or there is something to be said against it, which publish_open() says.
 */
bool opened_take_up(struct opened *o, const struct job *job, const struct watermark *watermark,
		    const struct publish_keys *keys, const struct publish_limits *limits, struct publish *ret);

#endif
