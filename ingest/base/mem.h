/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem - memory from the heap, for what lives as long as the process or an object of it.
 *
 * A process that gets no memory cannot keep its promises: these say so on stderr and abort, so callers never check.
 * What a peer sends is bounded by an arena (arena.h) instead. Everything is freed with free(). Any thread.
 */
#ifndef TRAM_MEM_H
#define TRAM_MEM_H

#include <stdarg.h>
#include <stddef.h>

/* size bytes, not zeroed; size 0 gives a valid pointer. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));

/* count * size zeroed bytes; aborts also when the product overflows. */
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));

/* p grown or shrunk to size bytes; p may be NULL. */
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull, alloc_size(2)));

/* p grown or shrunk to count * size bytes; aborts also when the product overflows. */
void *xreallocarray(void *p, size_t count, size_t size) __attribute__((returns_nonnull, alloc_size(2, 3)));

/* Copies; s must not be NULL. */
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t len) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *data, size_t len) __attribute__((malloc, returns_nonnull));

/* The text of a format, as long as it turns out. */
char *xvasprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0), malloc, returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

#endif
