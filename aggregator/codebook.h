/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codebook - what a province needs of the catalogue to check a file before it hands it in: codes, names, areas with their
 * dates, and what the agent's own providers may report.
 */
#ifndef TRAM_CODEBOOK_H
#define TRAM_CODEBOOK_H

#include "arena.h"
#include "catalogue.h"
#include "tram.pb-c.h"

/* Made in the arena; texts are the catalogue's. NULL when the arena is exhausted. */
Tram__V1__Codebook *codebook_make(struct arena *a, const struct catalogue *c, const char *agent);

/* The area for which the agent's providers report, where it is one, else "". */
const char *codebook_agent_area(const struct catalogue *c, const char *agent);

#endif
