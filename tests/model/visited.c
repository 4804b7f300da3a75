/* SPDX-License-Identifier: Apache-2.0 */
#include "visited.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- seen */

struct key {
	uint64_t a, b;
};

struct how {
	uint32_t from;
	struct step by;
};

struct visited {
	struct key *keys; /* by state */
	struct how *how;
	uint32_t n, room;
	uint32_t *slots; /* state + 1 */
	uint32_t n_slots;
};

static uint64_t stir(uint64_t h)
{
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

__extension__ typedef unsigned __int128 wide;

/* Both halves of a product. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	wide product = (wide)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* All of the world, two independent times. */
static struct key key_of(const struct world *w)
{
	const uint8_t *p = (const uint8_t *)w;
	uint64_t a = UINT64_C(0x9e3779b97f4a7c15), b = UINT64_C(0xc2b2ae3d27d4eb4f);
	for (size_t n = sizeof *w; n > 0;) {
		uint64_t word[2] = {0, 0};
		size_t some = n < sizeof word ? n : sizeof word;
		memcpy(word, p, some);
		a = fold(a ^ word[0], word[1] ^ UINT64_C(0x87c37b91114253d5));
		b = fold(b ^ word[1], word[0] ^ UINT64_C(0x4cf5ad432745937f));
		p += some;
		n -= some;
	}
	return (struct key){stir(a), stir(b)};
}

struct visited *visited_new(void)
{
	struct visited *v = xcalloc(1, sizeof *v);
	v->n_slots = 1u << 16;
	v->slots = xcalloc(v->n_slots, sizeof *v->slots);
	return v;
}

void visited_free(struct visited **vp)
{
	if (*vp) {
		free((*vp)->keys);
		free((*vp)->how);
		free((*vp)->slots);
	}
	free(*vp);
	*vp = NULL;
}

static uint32_t *slot_of(const struct visited *v, struct key key)
{
	uint32_t at = (uint32_t)key.a & (v->n_slots - 1);
	while (v->slots[at] && memcmp(&v->keys[v->slots[at] - 1], &key, sizeof key) != 0)
		at = (at + 1) & (v->n_slots - 1);
	return &v->slots[at];
}

static void grow(struct visited *v)
{
	if (v->n == v->room) {
		v->room = v->room ? v->room * 2 : 1u << 14;
		v->keys = xreallocarray(v->keys, v->room, sizeof *v->keys);
		v->how = xreallocarray(v->how, v->room, sizeof *v->how);
	}
	if (v->n < v->n_slots / 2)
		return;
	free(v->slots);
	v->n_slots *= 2;
	v->slots = xcalloc(v->n_slots, sizeof *v->slots);
	for (uint32_t i = 0; i < v->n; i++)
		*slot_of(v, v->keys[i]) = i + 1;
}

uint32_t visited_add(struct visited *v, const struct world *w, uint32_t from, struct step by, bool *ret_is_new)
{
	struct key key = key_of(w);
	grow(v);
	uint32_t *slot = slot_of(v, key);
	*ret_is_new = *slot == 0;
	if (*ret_is_new) {
		v->keys[v->n] = key;
		v->how[v->n] = (struct how){from, by};
		*slot = ++v->n;
	}
	return *slot - 1;
}

size_t visited_count(const struct visited *v)
{
	return v->n;
}

uint32_t visited_from(const struct visited *v, uint32_t state, struct step *ret_by)
{
	*ret_by = v->how[state].by;
	return v->how[state].from;
}

/* ---------------------------------------------------------------- waiting */

#define BLOCK (4u << 20)

struct block {
	struct block *next;
	size_t used, taken;
	uint8_t bytes[BLOCK];
};

struct waiting {
	struct world base;
	struct block *first, *last;
	size_t n;
};

/* One that waits: its number and length, then (skip, take, bytes) until the end. */
struct head {
	uint32_t state, len;
};
struct piece {
	uint16_t skip, take;
};

struct waiting *waiting_new(const struct world *base)
{
	struct waiting *w = xcalloc(1, sizeof *w);
	memcpy(&w->base, base, sizeof *base);
	return w;
}

void waiting_free(struct waiting **wp)
{
	for (struct block *b = *wp ? (*wp)->first : NULL, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(*wp);
	*wp = NULL;
}

/* In words of 8 bytes; fewer than 2^16 of them. */
static size_t pack(const struct world *base, const struct world *world, uint8_t *out)
{
	const size_t whole = sizeof *world / 8;
	const uint8_t *a = (const uint8_t *)base, *b = (const uint8_t *)world;
	size_t len = 0;
	for (size_t i = 0; i < whole;) {
		size_t from = i;
		while (i < whole && memcmp(a + 8 * i, b + 8 * i, 8) == 0)
			i++;
		size_t start = i;
		while (i < whole && memcmp(a + 8 * i, b + 8 * i, 8) != 0)
			i++;
		const struct piece piece = {(uint16_t)(start - from), (uint16_t)(i - start)};
		memcpy(out + len, &piece, sizeof piece);
		memcpy(out + len + sizeof piece, b + 8 * start, 8 * piece.take);
		len += sizeof piece + 8u * piece.take;
	}
	memcpy(out + len, b + 8 * whole, sizeof *world % 8);
	return len + sizeof *world % 8;
}

static void unpack(const struct world *base, const uint8_t *in, struct world *ret)
{
	const size_t whole = sizeof *ret / 8;
	uint8_t *b = (uint8_t *)ret;
	memcpy(ret, base, sizeof *ret);
	for (size_t i = 0; i < whole;) {
		struct piece piece;
		memcpy(&piece, in, sizeof piece);
		memcpy(b + 8 * (i + piece.skip), in + sizeof piece, 8u * piece.take);
		in += sizeof piece + 8u * piece.take;
		i += (size_t)piece.skip + piece.take;
	}
	memcpy(b + 8 * whole, in, sizeof *ret % 8);
}

void waiting_put(struct waiting *w, const struct world *world, uint32_t state)
{
	if (!w->last || w->last->used + sizeof(struct head) + 2 * sizeof *world > BLOCK) {
		struct block *b = xmalloc(sizeof *b);
		b->next = NULL;
		b->used = b->taken = 0;
		if (w->last)
			w->last->next = b;
		else
			w->first = b;
		w->last = b;
	}
	uint8_t *at = w->last->bytes + w->last->used;
	struct head head = {.state = state};
	head.len = (uint32_t)pack(&w->base, world, at + sizeof head);
	memcpy(at, &head, sizeof head);
	w->last->used += sizeof head + head.len;
	w->n++;
}

bool waiting_take(struct waiting *w, struct world *ret, uint32_t *ret_state)
{
	struct head head;
	if (w->n == 0)
		return false;
	while (w->first->taken == w->first->used) {
		struct block *next = w->first->next;
		free(w->first);
		w->first = next;
	}
	memcpy(&head, w->first->bytes + w->first->taken, sizeof head);
	unpack(&w->base, w->first->bytes + w->first->taken + sizeof head, ret);
	w->first->taken += sizeof head + head.len;
	*ret_state = head.state;
	w->n--;
	if (w->n == 0) {
		free(w->first);
		w->first = w->last = NULL;
	}
	return true;
}

size_t waiting_count(const struct waiting *w)
{
	return w->n;
}
