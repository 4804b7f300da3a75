/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figure_share - contributions added up in fractions (GMP): products of weights and sums of them have more digits than struct
 * decimal, and what is said to be proven may not be rounded on the way. For figure_sum only. Pure; any thread.
 */
#ifndef TRAM_FIGURE_SHARE_H
#define TRAM_FIGURE_SHARE_H

#include "figure_proof.h"

#include <gmp.h>

/* ---------------------------------------------------------------- numbers */

/* An exact decimal; "" is 0. */
void exact_set(mpq_t ret, const char *text);
void exact_scale(mpq_t number, int64_t times);

/* Whether the text is the exact number; rounded at its last digit: not further off than half of one there; or off by no more
 * than a million millionth of it, as it was rounded on the way. */
bool exact_is(const char *text, const mpq_t exact);
bool exact_is_rounded(const char *text, const mpq_t exact);
bool exact_is_near(const char *text, const mpq_t exact);

/* "7407/10"; "…" where it does not fit. */
void exact_text(char *buf, size_t size, const mpq_t number);

/* ---------------------------------------------------------------- items */

const struct figure_item *figure_items(const struct figure_statement *s, const struct figure_node *n);
bool figure_counts(const struct figure_item *i, enum item_part part);

/* Whether its weight is another indicator's figure: one for all of an area's parts of the period. */
bool figure_weighs_once(const struct figure_node *n);

/* How many periods of a kind (S, Q, M, D) end within a period. */
int64_t figure_span(char leaf, int32_t packed);

/* ---------------------------------------------------------------- shares */

/* What items come to: of a sum the values are the top. What none of them has is 0, and is not there. */
struct share {
	mpq_t top, bottom, value;
	bool has_top, has_bottom, has_value;
	size_t counting;
};

void share_init(struct share *s);
void share_clear(struct share *s);

/* Adds up items that count; puts the list into another order. */
void share_add_all(const struct figure_node *n, const struct figure_item **list, size_t len, struct share *sum);

#endif
