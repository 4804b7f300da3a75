/* SPDX-License-Identifier: Apache-2.0 */
/* What reader and writer of figures' proofs have in common: words and orders. */
#include "figure_proof.h"

#include <string.h>

const char *const figure_hows[FIGURE_HOWS] = {"own", "sum", "ratio", "mean", "growth", "quotient"};
const char *const figure_times[FIGURE_TIMES] = {"sum", "last", "mean", "min", "max"};
const char *const item_parts[ITEM_PARTS] = {"value", "weight"};
const char *const item_states[ITEM_STATES] = {"counts", "not_applicable", "explained", "missing", "held", "hidden"};

size_t figure_word(const char *const *words, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && strcmp(words[i], word) != 0)
		i++;
	return i;
}

static int sign(int64_t difference)
{
	return difference < 0 ? -1 : difference > 0;
}

/* The first difference that is one. */
static int first_of(const int *differences, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (differences[i] != 0)
			return sign(differences[i]);
	return 0;
}

int figure_compare_items(const struct figure_item *a, const struct figure_item *b)
{
	const int differences[] = {(int)a->part - (int)b->part, strcmp(a->area, b->area), sign(a->packed - b->packed),
				   sign(a->revision - b->revision), (int)a->state - (int)b->state};

	return first_of(differences, sizeof differences / sizeof *differences);
}

int figure_compare_keys(const struct proof_key *a, const struct proof_key *b)
{
	const int differences[] = {strcmp(a->name, b->name), memcmp(a->public_key, b->public_key, SIGN_PUBLIC_SIZE)};

	return first_of(differences, 2);
}

int figure_compare_places(const struct figure_item *a, const struct figure_item *b)
{
	const int differences[] = {strcmp(a->agent, b->agent), memcmp(&a->epoch, &b->epoch, sizeof a->epoch),
				   a->seq < b->seq ? -1 : a->seq > b->seq, a->line < b->line ? -1 : a->line > b->line};

	return first_of(differences, sizeof differences / sizeof *differences);
}

bool figure_is_shown(const struct figure_item *item)
{
	return item->state == ITEM_COUNTS || item->state == ITEM_NOT_APPLICABLE;
}
