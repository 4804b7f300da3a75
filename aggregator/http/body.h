/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body - the bytes of an answer: written once, bounded, then shared by whoever sends or keeps them.
 *
 * Every byte of every body is counted against one budget, whether it is being written, waits for a slow client or is kept in
 * the cache: what has no room in it is not written. Any thread; one body is written by one.
 */
#ifndef TRAM_BODY_H
#define TRAM_BODY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct body_budget {
	atomic_size_t held;
	size_t most;  /* bytes of all bodies */
	size_t whole; /* bytes of one */
};

enum body_state { BODY_FINE, BODY_TOO_LONG /* for one answer */, BODY_NO_ROOM /* in the budget */ };

struct body;

/* An empty one, with one reference that is the caller's. It lives no longer than the budget. */
struct body *body_new(struct body_budget *budget);
struct body *body_ref(struct body *b);
void body_unref(struct body **bp); /* NULL is fine */

/* Adds to it, while nobody else has it. What does not fit is left out, and the state says why. context: the body. */
void body_add(void *context, const char *text, size_t len);
void body_text(struct body *b, const char *text);
enum body_state body_state(const struct body *b);

/* A stream into it; closed with fclose() before the body is read. */
FILE *body_stream(struct body *b);

const char *body_bytes(const struct body *b);
size_t body_len(const struct body *b);

#endif
