/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup - from a text to a number in constant time: open addressing in an arena, filled once, then read by any thread.
 * Keys stay the caller's and must outlive it.
 */
#ifndef TRAM_LOOKUP_H
#define TRAM_LOOKUP_H

#include "arena.h"

#include <stdbool.h>
#include <stdint.h>

#define LOOKUP_NONE UINT32_MAX

struct lookup {
	struct lookup_slot *slots;
	uint32_t mask;
};

/* Room for up to n keys. False when the arena is exhausted. */
bool lookup_init(struct lookup *l, struct arena *a, size_t n);

/* Keeps value (below LOOKUP_NONE) under key. Returns LOOKUP_NONE, or what is there already, which then stays. */
uint32_t lookup_put(struct lookup *l, const char *key, uint32_t value);

/* The value of key; LOOKUP_NONE: there is none. */
uint32_t lookup_get(const struct lookup *l, const char *key);

#endif
