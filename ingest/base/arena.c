/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"
#include "mem.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_MIN = 16 << 10, BLOCK_MAX = 1 << 20 };

struct block {
	struct block *below;
	size_t size, used;
	alignas(max_align_t) unsigned char data[];
};

struct arena {
	size_t cap;   /* for the arena's life */
	size_t limit; /* now: cap, or less within arena_cap() */
	size_t total;
	struct block *top;
};

struct arena *arena_new(size_t cap)
{
	struct arena *a = xcalloc(1, sizeof *a);

	a->cap = a->limit = cap;
	return a;
}

void arena_free(struct arena **ap)
{
	struct block *below;

	if (!*ap) {
		return;
	}
	for (struct block *b = (*ap)->top; b; b = below) {
		below = b->below;
		free(b);
	}
	free(*ap);
	*ap = NULL;
}

/* Blocks grow with the arena, so that a big batch takes few and a small message takes little. */
static void push_block(struct arena *a, size_t need)
{
	size_t size = a->total < BLOCK_MIN ? BLOCK_MIN : a->total > BLOCK_MAX ? BLOCK_MAX : a->total;
	struct block *b;

	if (size < need) {
		size = need;
	}
	b = xmalloc(sizeof *b + size);
	*b = (struct block){.below = a->top, .size = size};
	a->top = b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	size_t need;
	void *p;

	if (size > a->limit) { /* before rounding up, which could overflow */
		return NULL;
	}
	need = size ? (size + align - 1) / align * align : align;
	if (need > a->limit || a->total > a->limit - need) {
		return NULL;
	}
	if (!a->top || a->top->size - a->top->used < need) {
		push_block(a, need);
	}
	p = a->top->data + a->top->used;
	a->top->used += need;
	a->total += need;
	return memset(p, 0, need);
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? NULL : arena_alloc(a, bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	size_t n = strnlen(s, len);
	char *copy = arena_alloc(a, n + 1);

	return copy ? memcpy(copy, s, n) : NULL;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len >= 0 && (text = arena_alloc(a, (size_t)len + 1))) {
		va_start(args, format);
		vsnprintf(text, (size_t)len + 1, format, args);
		va_end(args);
	}
	return text;
}

static void pop_block(struct arena *a)
{
	struct block *b = a->top;

	a->top = b->below;
	free(b);
}

void arena_reset(struct arena *a)
{
	while (a->top && a->top->below) {
		struct block *b = a->top->below; /* the top one is the biggest: it is kept */

		a->top->below = b->below;
		free(b);
	}
	if (a->top) {
		a->top->used = 0;
	}
	a->total = 0;
}

size_t arena_used(const struct arena *a)
{
	return a->total;
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){.block = a->top, .used = a->top ? a->top->used : 0, .total = a->total};
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
	assert(mark.total <= a->total);
	while (a->top && (void *)a->top != mark.block) {
		pop_block(a);
	}
	assert((void *)a->top == mark.block); /* else the mark is older than a reset */
	if (a->top) {
		a->top->used = mark.used;
	}
	a->total = mark.total;
}

bool arena_cap(struct arena *a, size_t more)
{
	bool room = more <= a->cap - a->total;

	a->limit = room ? a->total + more : a->cap;
	return room;
}

void arena_uncap(struct arena *a)
{
	a->limit = a->cap;
}
