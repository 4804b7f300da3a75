/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache - answers that were given, for as long as nothing has been written since.
 *
 * An answer is kept under its question with the state of the store that it was made of; it is given again only when the
 * store is in that very state. Holds at most CACHE_ANSWERS, and no more bytes than it was told; what was asked for longest
 * ago goes first. Any thread.
 */
#ifndef TRAM_CACHE_H
#define TRAM_CACHE_H

#include "body.h"
#include "export.h"

#define CURSOR_SIZE   64
#define CACHE_ANSWERS 256
#define TAG_SIZE      67 /* two quotes, 64 digits, the end */

struct answer {
	struct body *body; /* one reference is the answer's */
	enum export_format format;
	char tag[TAG_SIZE];
	int64_t prepared_us;      /* what it says of when it was made, where it says it */
	char cursor[CURSOR_SIZE]; /* where whoever asks for changes goes on; "": nowhere */
};
void answer_clear(struct answer *a);

struct cache;
struct cache *cache_new(size_t bytes);
void cache_free(struct cache **cp);

/* *ret with a reference of its own; false when there is none of this state. */
bool cache_find(struct cache *c, const char *key, const char *state, struct answer *ret);

/* The same of any state: what the answer was before. */
bool cache_find_old(struct cache *c, const char *key, struct answer *ret);

/* Keeps a copy, in the place of what the question had before. */
void cache_keep(struct cache *c, const char *key, const char *state, const struct answer *a);

#endif
