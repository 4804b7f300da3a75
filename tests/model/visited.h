/* SPDX-License-Identifier: Apache-2.0 */
/*
 * visited - the states a search has seen: 128 bits of each, its number, and by which step from which state it was found.
 */
#ifndef TRAM_MODEL_VISITED_H
#define TRAM_MODEL_VISITED_H

#include "world.h"

#define NO_STATE UINT32_MAX

struct visited;

struct visited *visited_new(void);
void visited_free(struct visited **vp);

/* The state's number; *ret_is_new tells whether it was not known. from, by: how it was found, for a new one. */
uint32_t visited_add(struct visited *v, const struct world *w, uint32_t from, struct step by, bool *ret_is_new);
size_t visited_count(const struct visited *v);
uint32_t visited_from(const struct visited *v, uint32_t state, struct step *ret_by);

/*
 * Worlds that wait for their turn, first in first out, as the bytes in which they differ from the one they began with.
 */
struct waiting;
struct waiting *waiting_new(const struct world *base);
void waiting_free(struct waiting **wp);
void waiting_put(struct waiting *w, const struct world *world, uint32_t state);
/* False: there is none. */
bool waiting_take(struct waiting *w, struct world *ret, uint32_t *ret_state);
size_t waiting_count(const struct waiting *w);

#endif
