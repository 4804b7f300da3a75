/* SPDX-License-Identifier: Apache-2.0 */
#include "inside.h"

#include <string.h>

/* Indicators found so far for one of them. */
struct found {
	const struct indicator **list;
	size_t n;
};

static void note_related(struct found *found, const struct indicator *indicator)
{
	for (size_t i = 0; i < found->n; i++) {
		if (found->list[i] == indicator) {
			return;
		}
	}
	found->list[found->n++] = indicator;
}

/* At most two names: "x / y". */
static void note_levels(const struct loading *l, const char *derives_from, struct found *found)
{
	const char *at = derives_from;

	for (int n = 0; n < 2 && *at; n++) {
		char name[128];
		size_t len = strcspn(at, " /");
		const struct indicator *level;

		memcpy(name, at, len < sizeof name ? len : 0);
		name[len < sizeof name ? len : 0] = '\0';
		level = catalogue_indicator(l->c, name);
		if (level) {
			note_related(found, level);
		}
		at += len + strspn(at + len, " /");
	}
}

static bool relate(struct loading *l, struct indicator *i)
{
	struct found found = {0};
	size_t most = 2;

	for (size_t k = 0; k < i->n_cross_rules; k++) {
		most += i->cross_rules[k]->n_right;
	}
	found.list = arena_calloc(l->c->arena, most, sizeof(const struct indicator *));
	if (!found.list) {
		return false;
	}
	for (size_t k = 0; k < i->n_cross_rules; k++) {
		for (size_t t = 0; t < i->cross_rules[k]->n_right; t++) {
			note_related(&found, i->cross_rules[k]->right[t].indicator);
		}
	}
	note_levels(l, i->derives_from, &found);
	i->related = found.list;
	i->n_related = found.n;
	return true;
}

bool build_related(struct loading *l)
{
	for (size_t i = 0; i < l->c->n_indicators; i++) {
		if (!relate(l, &l->c->indicators[i])) {
			return false;
		}
	}
	return true;
}
