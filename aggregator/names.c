/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <string.h>

/* A kind with room for n names; what does not fit into the arena is left out. */
static Tram__Control__V1__Names kind_of(struct arena *arena, const char *kind, size_t n)
{
	Tram__Control__V1__Names k;
	tram__control__v1__names__init(&k);
	k.kind = (char *)(uintptr_t)kind; /* protobuf-c wants texts writable; packing does not write */
	k.names = arena_calloc(arena, n + 1, sizeof(*k.names));
	return k;
}

static void add(Tram__Control__V1__Names *k, const char *name)
{
	if (k->names)
		k->names[k->n_names++] = (char *)(uintptr_t)name;
}

static void add_once(Tram__Control__V1__Names *k, const char *name)
{
	for (size_t i = 0; i < k->n_names; i++)
		if (strcmp(k->names[i], name) == 0)
			return;
	add(k, name);
}

/* Those who report come first, as lists are cut. Communes by the thousand are not listed, unless a provider is one. */
static Tram__Control__V1__Names areas(struct arena *arena, const struct catalogue *c)
{
	const struct area *area;
	const struct provider *provider;
	size_t n = catalogue_areas(c, &area), n_providers = catalogue_providers(c, &provider);
	Tram__Control__V1__Names k = kind_of(arena, "area", n + n_providers);
	for (size_t i = 0; i < n_providers; i++)
		add_once(&k, provider[i].area);
	for (size_t i = 0; i < n; i++)
		if (area[i].level != AREA_COMMUNE)
			add_once(&k, area[i].area);
	return k;
}

static Tram__Control__V1__Names agents(struct arena *arena, const struct roster *roster)
{
	const struct roster_row *row;
	size_t n = roster_rows(roster, &row);
	Tram__Control__V1__Names k = kind_of(arena, "agent", n);
	for (size_t i = 0; i < n; i++)
		add(&k, row[i].agent);
	return k;
}

/* A list of the catalogue, by the member that is its code. */
#define CODES(function, type)                                                                                          \
	static Tram__Control__V1__Names function(struct arena *arena, const struct catalogue *c)                       \
	{                                                                                                              \
		const struct type *of;                                                                                 \
		size_t n = catalogue_##function(c, &of);                                                               \
		Tram__Control__V1__Names k = kind_of(arena, #type, n);                                                 \
		for (size_t i = 0; i < n; i++)                                                                         \
			add(&k, of[i].code);                                                                           \
		return k;                                                                                              \
	}

CODES(dataflows, dataflow)
CODES(indicators, indicator)
CODES(rules, rule)

/* A word is also asked for by its name, in either language. */
static Tram__Control__V1__Names words(struct arena *arena, const struct catalogue *c)
{
	const struct word *word;
	size_t n = catalogue_words(c, &word);
	Tram__Control__V1__Names k = kind_of(arena, "word", 3 * n);
	for (size_t i = 0; i < n; i++) {
		add(&k, word[i].code);
		add(&k, word[i].name_vi);
		add(&k, word[i].name_en);
	}
	return k;
}

size_t names_known(struct arena *arena, const struct catalogue *catalogue, const struct roster *roster,
		   Tram__Control__V1__Names ret[static NAMES_KINDS])
{
	size_t n = 0;
	if (!catalogue || !roster)
		return 0;
	ret[n++] = areas(arena, catalogue);
	ret[n++] = agents(arena, roster);
	ret[n++] = dataflows(arena, catalogue);
	ret[n++] = indicators(arena, catalogue);
	ret[n++] = rules(arena, catalogue);
	ret[n++] = words(arena, catalogue);
	return n;
}
