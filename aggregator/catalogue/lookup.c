/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

#include <assert.h>
#include <string.h>

struct lookup_slot {
	const char *key; /* NULL: free */
	uint32_t hash, value;
};

/* FNV-1a. Keys come from reviewed files, so nobody can choose them to collide. */
static uint32_t hash_text(const char *s)
{
	uint32_t hash = 2166136261u;

	for (; *s; s++) {
		hash = (hash ^ (uint8_t)*s) * 16777619u;
	}
	return hash;
}

/* The slot of key, or the free one where it would stand. */
static struct lookup_slot *find(const struct lookup *l, const char *key, uint32_t hash)
{
	uint32_t i = hash & l->mask;

	while (l->slots[i].key && (l->slots[i].hash != hash || strcmp(l->slots[i].key, key) != 0)) {
		i = (i + 1) & l->mask;
	}
	return &l->slots[i];
}

bool lookup_init(struct lookup *l, struct arena *a, size_t n)
{
	size_t size = 16;

	assert(n < LOOKUP_NONE / 4);
	while (size < 2 * n + 2) {
		size *= 2;
	}
	l->slots = arena_calloc(a, size, sizeof *l->slots);
	l->mask = (uint32_t)size - 1;
	return l->slots != NULL;
}

uint32_t lookup_put(struct lookup *l, const char *key, uint32_t value)
{
	uint32_t hash = hash_text(key);
	struct lookup_slot *slot = find(l, key, hash);

	if (slot->key) {
		return slot->value;
	}
	*slot = (struct lookup_slot){.key = key, .hash = hash, .value = value};
	return LOOKUP_NONE;
}

uint32_t lookup_get(const struct lookup *l, const char *key)
{
	const struct lookup_slot *slot = find(l, key, hash_text(key));

	return slot->key ? slot->value : LOOKUP_NONE;
}
