/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbers - the small numbers that stand for areas and series in keys, remembered per connection. A number once given
 * is never given to something else, so what is remembered cannot be wrong.
 */
#ifndef TRAM_NUMBERS_H
#define TRAM_NUMBERS_H

#include "connection.h"

struct numbers *numbers_new(void);
void numbers_free(struct numbers **np);

/* Fills the memory with all there are. */
enum store_result numbers_load(struct store *s, struct err *err) MUST_CHECK;

/* The number of an area that is known to have one. */
int32_t numbers_area(const struct store *s, const char *area);

#endif
