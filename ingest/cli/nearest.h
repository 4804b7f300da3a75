/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearest - "did you mean": the candidate most like a word that is none of them. Pure; any thread.
 */
#ifndef TRAM_NEAREST_H
#define TRAM_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word;
	size_t distance;
	const char *found; /* the best candidate so far; NULL: none is near enough to be worth a word */
};

struct nearest nearest_to(const char *word);

/* Letter case does not count; "" is no candidate. The candidate must outlive near. */
void nearest_try(struct nearest *near, const char *candidate);

#endif
