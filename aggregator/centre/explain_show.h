/* SPDX-License-Identifier: Apache-2.0 */
/* explain_show - an explanation as people read it, on stdout. */
#ifndef TRAM_EXPLAIN_SHOW_H
#define TRAM_EXPLAIN_SHOW_H

#include "explanation.h"

/* signatures: also how each contribution's report was signed. */
void explain_show(const struct explanation *e, bool signatures);

/* The figure with its numbers filled in, on one line: the first and last terms, and how many there are. Caller frees. */
char *explain_formula(const struct explanation *e, size_t figure);

#endif
