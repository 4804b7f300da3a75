/* SPDX-License-Identifier: Apache-2.0 */
#include "numbers.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* Open addressing; a slot is free while its name is NULL. Names are never taken out. */
struct map {
	struct slot {
		char *name;
		int32_t number;
	} * slots;
	size_t n, size; /* size: a power of two */
};

struct numbers {
	struct map areas;  /* by identity */
	struct map series; /* by indicator, a control character, dimensions */
};

enum { MAP_SIZE_FIRST = 256 };
#define NAME_SEPARATOR "\x1f"

static size_t hash(const char *name)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (; *name; name++) {
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	}
	return (size_t)(h ^ h >> 32);
}

static struct slot *find(const struct map *m, const char *name)
{
	size_t at = hash(name) & (m->size - 1);

	while (m->slots[at].name && strcmp(m->slots[at].name, name) != 0) {
		at = (at + 1) & (m->size - 1);
	}
	return &m->slots[at];
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->size = old.size ? old.size * 2 : MAP_SIZE_FIRST;
	m->slots = xcalloc(m->size, sizeof *m->slots);
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].name) {
			*find(m, old.slots[i].name) = old.slots[i];
		}
	}
	free(old.slots);
}

static void remember(struct map *m, const char *name, int32_t number)
{
	struct slot *slot;

	if (m->n * 2 >= m->size) {
		grow(m);
	}
	slot = find(m, name);
	if (!slot->name) {
		*slot = (struct slot){.name = xstrdup(name), .number = number};
		m->n++;
	}
}

static int32_t recall(const struct map *m, const char *name)
{
	return m->size ? find(m, name)->number : 0;
}

static void forget(struct map *m)
{
	for (size_t i = 0; i < m->size; i++) {
		free(m->slots[i].name);
	}
	free(m->slots);
}

struct numbers *numbers_new(void)
{
	return xcalloc(1, sizeof(struct numbers));
}

void numbers_free(struct numbers **np)
{
	if (*np) {
		forget(&(*np)->areas);
		forget(&(*np)->series);
		free(*np);
		*np = NULL;
	}
}

static enum store_result load(struct store *s, struct map *m, const char *sql, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, sql, NULL, &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		remember(m, cell_text(r, i, 0), (int32_t)cell_int(r, i, 1));
	}
	PQclear(r);
	return result;
}

enum store_result numbers_load(struct store *s, struct err *err)
{
	enum store_result result = load(s, &s->numbers->areas, "SELECT area, area_no FROM tram.area_number", err);

	if (result == STORE_OK) {
		result = load(s, &s->numbers->series,
			      "SELECT indicator || E'\\x1f' || dimensions, series_no FROM tram.series", err);
	}
	return result;
}

int32_t numbers_area(const struct store *s, const char *area)
{
	return recall(&s->numbers->areas, area);
}

/* The number in the answer's first cell; 0 when there is no row. */
static enum store_result ask_number(struct store *s, const char *sql, const struct params *p, int32_t *ret_no,
				    struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, sql, p, &r, err);

	*ret_no = PQntuples(r) > 0 ? (int32_t)cell_int(r, 0, 0) : 0;
	PQclear(r);
	return result;
}

enum store_result store_area_no(struct store *s, const char *area, int32_t *ret_no, struct err *err)
{
	struct params p;
	enum store_result result;

	*ret_no = recall(&s->numbers->areas, area);
	if (*ret_no) {
		return STORE_OK;
	}
	params_init(&p);
	params_text(&p, area);
	result = ask_number(s, "SELECT area_no FROM tram.area_number WHERE area = $1", &p, ret_no, err);
	params_done(&p);
	if (*ret_no) {
		remember(&s->numbers->areas, area, *ret_no);
	}
	return result;
}

/*
 * Asks before it inserts: an insert that meets a conflict uses up a number, and there are only 2^19. The last look finds
 * what another lane has made in between.
 */
static enum store_result make_series(struct store *s, const struct params *p, int32_t *ret_no, struct err *err)
{
	static const char look[] = "SELECT series_no FROM tram.series WHERE indicator = $1 AND dimensions = $2";
	static const char make[] = "INSERT INTO tram.series (indicator, dimensions) VALUES ($1, $2)"
				   " ON CONFLICT DO NOTHING RETURNING series_no";
	static const char *const steps[] = {look, make, look};
	enum store_result result = STORE_OK;

	for (size_t i = 0; result == STORE_OK && *ret_no == 0 && i < sizeof steps / sizeof *steps; i++) {
		result = ask_number(s, steps[i], p, ret_no, err);
	}
	return result;
}

enum store_result store_series_no(struct store *s, const char *indicator, const char *dimensions, int32_t *ret_no,
				  struct err *err)
{
	char *name = xasprintf("%s" NAME_SEPARATOR "%s", indicator, dimensions);
	enum store_result result = STORE_OK;
	struct params p;

	*ret_no = recall(&s->numbers->series, name);
	if (*ret_no == 0) {
		params_init(&p);
		params_text(&p, indicator);
		params_text(&p, dimensions);
		result = make_series(s, &p, ret_no, err);
		params_done(&p);
	}
	if (*ret_no) {
		remember(&s->numbers->series, name, *ret_no);
	}
	free(name);
	return result;
}
