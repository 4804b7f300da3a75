/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refused - what a function of the schema refuses because of how it was asked, told to people: its reason and what to
 * ask instead, in their language, without the words that PostgreSQL wraps around them. Pure; any thread.
 */
#ifndef TRAM_REFUSED_H
#define TRAM_REFUSED_H

#include <stdbool.h>
#include <stddef.h>

/* Whether that is what an error is. sqlstate and where: as PostgreSQL said them; either may be NULL. */
bool refused_is(const char *sqlstate, const char *where);

/* A message or a hint in a language; as it stands where refused.def has none. */
void refused_say(const char *message, bool in_vietnamese, char *to, size_t size);

#endif
