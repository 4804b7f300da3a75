/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include "mem.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char *key, *state; /* NULL: free */
	struct answer answer;
	uint64_t used;
};

struct cache {
	pthread_mutex_t lock;
	size_t most, held;
	uint64_t turn;
	struct entry entries[CACHE_ANSWERS];
};

void answer_clear(struct answer *a)
{
	body_unref(&a->body);
	*a = (struct answer){0};
}

struct cache *cache_new(size_t bytes)
{
	struct cache *c = xcalloc(1, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	c->most = bytes;
	return c;
}

static void drop(struct cache *c, struct entry *e)
{
	if (!e->key) {
		return;
	}
	c->held -= body_len(e->answer.body);
	free(e->key);
	free(e->state);
	answer_clear(&e->answer);
	*e = (struct entry){0};
}

void cache_free(struct cache **cp)
{
	struct cache *c = *cp;
	*cp = NULL;
	if (!c) {
		return;
	}
	for (size_t i = 0; i < CACHE_ANSWERS; i++) {
		drop(c, &c->entries[i]);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct entry *entry_of(struct cache *c, const char *key)
{
	for (size_t i = 0; i < CACHE_ANSWERS; i++) {
		if (c->entries[i].key && strcmp(c->entries[i].key, key) == 0) {
			return &c->entries[i];
		}
	}
	return NULL;
}

/* A free one, or the one whose last use is the longest ago. */
static struct entry *oldest(struct cache *c)
{
	struct entry *found = &c->entries[0];
	for (size_t i = 1; i < CACHE_ANSWERS && found->key; i++) {
		if (!c->entries[i].key || c->entries[i].used < found->used) {
			found = &c->entries[i];
		}
	}
	return found;
}

/* The one in use whose last use is the longest ago. */
static struct entry *oldest_held(struct cache *c)
{
	struct entry *found = NULL;
	for (size_t i = 0; i < CACHE_ANSWERS; i++) {
		if (c->entries[i].key && (!found || c->entries[i].used < found->used)) {
			found = &c->entries[i];
		}
	}
	return found;
}

/* state NULL: any. */
static bool find(struct cache *c, const char *key, const char *state, struct answer *ret)
{
	pthread_mutex_lock(&c->lock);
	struct entry *e = entry_of(c, key);
	bool fresh = e && (!state || strcmp(e->state, state) == 0);
	if (fresh) {
		e->used = ++c->turn;
		*ret = e->answer;
		body_ref(ret->body);
	}
	pthread_mutex_unlock(&c->lock);
	return fresh;
}

bool cache_find(struct cache *c, const char *key, const char *state, struct answer *ret)
{
	return find(c, key, state, ret);
}

bool cache_find_old(struct cache *c, const char *key, struct answer *ret)
{
	return find(c, key, NULL, ret);
}

void cache_keep(struct cache *c, const char *key, const char *state, const struct answer *a)
{
	size_t len = body_len(a->body);
	pthread_mutex_lock(&c->lock);
	struct entry *e = entry_of(c, key);
	if (e) {
		drop(c, e);
	}
	while (c->held && c->held + len > c->most && (e = oldest_held(c))) {
		drop(c, e);
	}
	if (len <= c->most) {
		e = oldest(c);
		drop(c, e);
		*e = (struct entry){.key = xstrdup(key), .state = xstrdup(state), .answer = *a, .used = ++c->turn};
		body_ref(e->answer.body);
		c->held += len;
	}
	pthread_mutex_unlock(&c->lock);
}
