/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - memory that is given back all at once, with a hard cap.
 *
 * An exhausted arena is a limit that was met (NULL), not a lack of memory: what a peer can make us allocate is
 * bounded by the cap. Memory is zeroed, aligned for any type. One thread at a time.
 */
#ifndef TRAM_ARENA_H
#define TRAM_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Makes an arena that hands out at most cap bytes between two resets. Caller frees with arena_free(). Never NULL. */
struct arena *arena_new(size_t cap);

/* Frees the arena and all it handed out, and sets *ap to NULL; NULL is fine. */
void arena_free(struct arena **ap);

/* size zeroed bytes that live until the next reset; NULL when the cap is met. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);

/* count * size zeroed bytes; NULL also when the product overflows. */
void *arena_calloc(struct arena *a, size_t count, size_t size);

/* Copies of a string; NULL when the cap is met. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes everything back; keeps up to one block for reuse. */
void arena_reset(struct arena *a);

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);

/* A mark and a return to it: takes back what was handed out after the mark (one message of a batch). */
struct arena_mark {
	void *block;
	size_t used;
	size_t total;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

/*
 * Lowers the cap to at most `more` bytes beyond what is used now, until lifted with arena_uncap(): for one message. False:
 * the arena has less than that left, so that what does not fit may be no fault of the message.
 */
bool arena_cap(struct arena *a, size_t more);
void arena_uncap(struct arena *a);

#endif
