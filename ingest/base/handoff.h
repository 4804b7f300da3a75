/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handoff - a bounded queue of pointers between two threads.
 *
 * Whoever holds the pointer owns what it points at. A mutex and a condition (ThreadSanitizer sees through it), and an
 * eventfd so that the receiving side may also wait in a poll. Nothing is dropped: a full queue says so.
 */
#ifndef TRAM_HANDOFF_H
#define TRAM_HANDOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handoff;

/* Holds at most capacity items. Caller frees with handoff_free(), which must find it empty or have the items counted as lost. */
struct handoff *handoff_new(size_t capacity);
void handoff_free(struct handoff **hp);

/* Gives item over. False when the queue is full: the caller keeps it. */
bool handoff_try_put(struct handoff *h, void *item);

/* Gives item over, waiting for room as long as it takes. */
void handoff_put(struct handoff *h, void *item);

/* The oldest item, or NULL when there is none. */
void *handoff_try_take(struct handoff *h);

/* The oldest item, waiting up to timeout_ms (-1: for ever); NULL when none came. */
void *handoff_take(struct handoff *h, int64_t timeout_ms);

/* How many are in it now: a hint. */
size_t handoff_count(struct handoff *h);

/* Readable while items are in the queue; for poll. Owned by the handoff. */
int handoff_fd(const struct handoff *h);

#endif
