/* SPDX-License-Identifier: Apache-2.0 */
#include "numbers.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* What has a number: an area and "", or an indicator and its dimensions. */
struct name {
	const char *first, *second;
};

/* Open addressing; a slot is free while it has no first name. Names are never taken out. */
struct map {
	struct slot {
		char *first, *second;
		int32_t number;
	} * slots;
	size_t n, size; /* size: a power of two */
};

struct numbers {
	struct map areas;
	struct map series;
};

enum { MAP_SIZE_FIRST = 256 };

static uint64_t hash_text(uint64_t h, const char *text)
{
	for (; *text; text++) {
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211); /* FNV-1a */
	}
	return h ^ h >> 32;
}

static struct slot *find(const struct map *m, struct name name)
{
	uint64_t h = hash_text(hash_text(UINT64_C(14695981039346656037), name.first), name.second);
	struct slot *slot;

	for (size_t at = (size_t)h;; at++) {
		slot = &m->slots[at & (m->size - 1)];
		if (!slot->first || (strcmp(slot->first, name.first) == 0 && strcmp(slot->second, name.second) == 0)) {
			return slot;
		}
	}
}

static void grow(struct map *m)
{
	struct map old = *m;

	m->size = old.size ? old.size * 2 : MAP_SIZE_FIRST;
	m->slots = xcalloc(m->size, sizeof *m->slots);
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].first) {
			*find(m, (struct name){old.slots[i].first, old.slots[i].second}) = old.slots[i];
		}
	}
	free(old.slots);
}

static void remember(struct map *m, struct name name, int32_t number)
{
	struct slot *slot;

	if (m->n * 2 >= m->size) {
		grow(m);
	}
	slot = find(m, name);
	if (!slot->first) {
		*slot = (struct slot){xstrdup(name.first), xstrdup(name.second), number};
		m->n++;
	}
}

static int32_t recall(const struct map *m, struct name name)
{
	return m->size ? find(m, name)->number : 0;
}

static void forget(struct map *m)
{
	for (size_t i = 0; i < m->size; i++) {
		free(m->slots[i].first);
		free(m->slots[i].second);
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

/* Remembers the answer's rows: first name, second name, number. */
static void remember_rows(struct map *m, const PGresult *r)
{
	for (int i = 0; i < PQntuples(r); i++) {
		remember(m, (struct name){cell_text(r, i, 0), cell_text(r, i, 1)}, (int32_t)cell_int(r, i, 2));
	}
}

static enum store_result ask_rows(struct store *s, struct map *m, const char *sql, const struct params *p,
				  struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, sql, p, &r, err);

	remember_rows(m, r);
	PQclear(r);
	return result;
}

enum store_result numbers_load(struct store *s, struct err *err)
{
	enum store_result result =
	    ask_rows(s, &s->numbers->areas, "SELECT area, '', area_no FROM tram.area_number", NULL, err);

	if (result == STORE_OK) {
		result = ask_rows(s, &s->numbers->series, "SELECT indicator, dimensions, series_no FROM tram.series",
				  NULL, err);
	}
	return result;
}

int32_t numbers_area(const struct store *s, const char *area)
{
	return recall(&s->numbers->areas, (struct name){area, ""});
}

enum store_result store_area_no(struct store *s, const char *area, int32_t *ret_no, struct err *err)
{
	struct params p;
	enum store_result result;

	*ret_no = numbers_area(s, area);
	if (*ret_no) {
		return STORE_OK;
	}
	params_init(&p);
	params_text(&p, area);
	result =
	    ask_rows(s, &s->numbers->areas, "SELECT area, '', area_no FROM tram.area_number WHERE area = $1", &p, err);
	params_done(&p);
	*ret_no = numbers_area(s, area);
	return result;
}

/* Answers what is remembered; returns how many are not, moved to the front of missing. */
static size_t recall_series(const struct store *s, struct series_question *questions, size_t n,
			    struct series_question *missing)
{
	size_t n_missing = 0;

	for (size_t i = 0; i < n; i++) {
		struct series_question *q = &questions[i];

		q->series_no = recall(&s->numbers->series, (struct name){q->indicator, q->dimensions});
		if (q->series_no == 0) {
			missing[n_missing++] = *q;
		}
	}
	return n_missing;
}

/*
 * Looks before it inserts: an insert that meets a conflict uses up a number, and there are only 2^19. In order, so that
 * two lanes that make the same series do not wait for each other. What another lane made in between is found by asking
 * again.
 */
static const char make_series[] =
    "WITH asked AS (SELECT DISTINCT i, d FROM unnest($1::text[], $2::text[]) AS q (i, d)),"
    " there AS (SELECT indicator, dimensions, series_no FROM tram.series"
    "           JOIN asked ON indicator = i AND dimensions = d),"
    " made AS (INSERT INTO tram.series (indicator, dimensions)"
    "          SELECT i, d FROM asked WHERE (i, d) NOT IN (SELECT indicator, dimensions FROM there) ORDER BY i, d"
    "          ON CONFLICT DO NOTHING RETURNING indicator, dimensions, series_no)"
    " SELECT * FROM there UNION ALL SELECT * FROM made";

static const char find_series[] = "SELECT indicator, dimensions, series_no FROM tram.series"
				  " JOIN (SELECT DISTINCT i, d FROM unnest($1::text[], $2::text[]) AS q (i, d)) q"
				  "   ON indicator = i AND dimensions = d";

static enum store_result ask_series(struct store *s, const char *sql, const struct series_question *missing, size_t n,
				    struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_texts(&p, &missing->indicator, sizeof *missing, n);
	params_texts(&p, &missing->dimensions, sizeof *missing, n);
	result = ask_rows(s, &s->numbers->series, sql, &p, err);
	params_done(&p);
	return result;
}

enum store_result store_series_nos(struct store *s, struct series_question *questions, size_t n, struct err *err)
{
	struct series_question *missing = xcalloc(n ? n : 1, sizeof *missing);
	enum store_result result = STORE_OK;

	for (size_t left; result == STORE_OK && (left = recall_series(s, questions, n, missing)) > 0;) {
		result = ask_series(s, make_series, missing, left, err);
	}
	free(missing);
	return result;
}

enum store_result store_series_find(struct store *s, struct series_question *questions, size_t n, struct err *err)
{
	struct series_question *missing = xcalloc(n ? n : 1, sizeof *missing);
	size_t left = recall_series(s, questions, n, missing);
	enum store_result result = left > 0 ? ask_series(s, find_series, missing, left, err) : STORE_OK;

	if (left > 0) {
		(void)recall_series(s, questions, n, missing);
	}
	free(missing);
	return result;
}
