/* SPDX-License-Identifier: Apache-2.0 */
#include "recall.h"

#include "mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define REVISION_BITS 14 /* of a key: series, period, revision */
#define PERIOD_BITS   30
#define KIND_BITS     27 /* of a period */

struct kept {
	struct kept *older;
	bool is_stored;
	struct revision revision;
};

/* A figure of one period. */
struct entry {
	int32_t area_no;
	int64_t key;
	struct kept *newest;
};

/* All that is of one area, series and frequency, by period. */
struct line {
	int32_t area_no;
	int64_t name; /* series and frequency; 0: this place of the table is free */
	struct entry *entries;
	size_t n, room;
};

struct text {
	struct text *next;
	char text[];
};

struct recall {
	struct line *lines; /* open addressing */
	size_t n, size;
	struct text *texts;
};

/* ---------------------------------------------------------------- lines and entries */

static int64_t name_of(int64_t key)
{
	return key >> (REVISION_BITS + KIND_BITS);
}

static int32_t period_of(int64_t key)
{
	return (int32_t)(key >> REVISION_BITS & ((1 << PERIOD_BITS) - 1));
}

static struct line *slot_of(struct line *lines, size_t size, int32_t area_no, int64_t name)
{
	uint64_t hash = ((uint64_t)name ^ (uint64_t)area_no << 40) * UINT64_C(0x9E3779B97F4A7C15);

	for (size_t i = hash >> 20;; i++) {
		struct line *line = &lines[i & (size - 1)];

		if (line->name == 0 || (line->name == name && line->area_no == area_no)) {
			return line;
		}
	}
}

static void grow(struct recall *r)
{
	size_t size = r->size * 2;
	struct line *lines = xcalloc(size, sizeof *lines);

	for (size_t i = 0; i < r->size; i++) {
		if (r->lines[i].name) {
			*slot_of(lines, size, r->lines[i].area_no, r->lines[i].name) = r->lines[i];
		}
	}
	free(r->lines);
	r->lines = lines;
	r->size = size;
}

/* How many of the line's entries are of an earlier period. */
static size_t before(const struct line *line, int64_t key)
{
	size_t low = 0, high = line->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (line->entries[middle].key < key) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static const struct entry *find(const struct recall *r, int32_t area_no, int64_t key)
{
	const struct line *line = slot_of(r->lines, r->size, area_no, name_of(key));
	size_t at = before(line, key);

	return at < line->n && line->entries[at].key == key ? &line->entries[at] : NULL;
}

static struct entry *insert(struct line *line, size_t at, int32_t area_no, int64_t key)
{
	if (line->n == line->room) {
		line->room = line->room ? line->room * 2 : 4;
		line->entries = xreallocarray(line->entries, line->room, sizeof *line->entries);
	}
	memmove(line->entries + at + 1, line->entries + at, (line->n - at) * sizeof *line->entries);
	line->n++;
	line->entries[at] = (struct entry){area_no, key, NULL};
	return &line->entries[at];
}

static struct entry *entry_for(struct recall *r, int32_t area_no, int64_t key)
{
	struct line *line;
	size_t at;

	if (2 * r->n >= r->size) {
		grow(r);
	}
	line = slot_of(r->lines, r->size, area_no, name_of(key));
	if (!line->name) {
		*line = (struct line){.area_no = area_no, .name = name_of(key)};
		r->n++;
	}
	at = before(line, key);
	return at < line->n && line->entries[at].key == key ? &line->entries[at] : insert(line, at, area_no, key);
}

/* ---------------------------------------------------------------- filling */

struct recall *recall_new(void)
{
	struct recall *r = xcalloc(1, sizeof *r);

	r->size = 256;
	r->lines = xcalloc(r->size, sizeof *r->lines);
	return r;
}

static void free_line(struct line *line)
{
	for (size_t i = 0; i < line->n; i++) {
		for (struct kept *k = line->entries[i].newest, *older; k; k = older) {
			older = k->older;
			free(k);
		}
	}
	free(line->entries);
}

void recall_free(struct recall **rp)
{
	struct recall *r = *rp;

	if (!r) {
		return;
	}
	for (size_t i = 0; i < r->size; i++) {
		free_line(&r->lines[i]);
	}
	for (struct text *t = r->texts, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	free(r->lines);
	free(r);
	*rp = NULL;
}

const char *recall_text(struct recall *r, const char *text)
{
	size_t size = strlen(text) + 1;
	struct text *t;

	for (t = r->texts; t; t = t->next) { /* lists of rules: a handful in all */
		if (strcmp(t->text, text) == 0) {
			return t->text;
		}
	}
	t = xmalloc(sizeof *t + size);
	memcpy(t->text, text, size);
	t->next = r->texts;
	r->texts = t;
	return t->text;
}

/* The newest that is stored, from one on. */
static const struct kept *stored(const struct kept *k)
{
	while (k && !k->is_stored) {
		k = k->older;
	}
	return k;
}

static void add(struct recall *r, int32_t area_no, int64_t key, const struct revision *revision, bool is_stored)
{
	struct entry *e = entry_for(r, area_no, key);
	struct kept *k = xmalloc(sizeof *k);
	const struct kept *last = stored(e->newest);

	*k = (struct kept){e->newest, is_stored, *revision};
	k->revision.past.revision = last ? last->revision.past.revision + 1 : 0;
	e->newest = k;
}

void recall_add(struct recall *r, int32_t area_no, int64_t key, const struct revision *revision)
{
	add(r, area_no, key, revision, true);
}

void recall_add_rehearsed(struct recall *r, int32_t area_no, int64_t key, const struct revision *revision)
{
	add(r, area_no, key, revision, false);
}

bool recall_decide(struct recall *r, int32_t area_no, int64_t key, uint32_t revision, enum decided decided)
{
	const struct entry *e = find(r, area_no, key);

	for (struct kept *k = e ? e->newest : NULL; k; k = k->older) {
		if (k->is_stored && k->revision.past.revision == revision) {
			k->revision.past.decided = decided;
			return true;
		}
	}
	return false;
}

/* ---------------------------------------------------------------- what became of a revision */

enum state { ACCEPTED, HELD, REFUSED, WITHDRAWN };

static enum state state_of(enum outcome outcome, enum decided decided)
{
	switch (decided) {
	case DECIDED_RELEASED: return ACCEPTED;
	case DECIDED_HELD: return HELD;
	case DECIDED_REFUSED: return REFUSED;
	case DECIDED_WITHDRAWN: return WITHDRAWN;
	case DECIDED_NONE: break;
	}
	switch (outcome) {
	case OUTCOME_ACCEPTED:
	case OUTCOME_WARNED: return ACCEPTED;
	case OUTCOME_HELD: return HELD;
	case OUTCOME_REFUSED:
	case OUTCOME_DUPLICATE: break;
	}
	return REFUSED;
}

static enum state state_stored(const struct kept *k)
{
	return state_of(k->revision.past.outcome, k->revision.past.decided);
}

/* What would not have been stored, nobody could have decided on. */
static enum state state_rehearsed(const struct kept *k)
{
	const struct revision *v = &k->revision;
	enum state first = state_of(v->rehearsed, DECIDED_NONE);

	return first == REFUSED ? REFUSED : state_of(v->rehearsed, v->past.decided);
}

/* A reason was given, or somebody released it. */
static const char *asked_of(const struct past *p)
{
	bool answered =
	    p->decided == DECIDED_RELEASED || p->outcome == OUTCOME_ACCEPTED || p->outcome == OUTCOME_WARNED;

	return answered ? p->asked : NULL;
}

/* The latest revision that is accepted or taken back. */
static const struct kept *decisive(const struct kept *k)
{
	for (k = stored(k); k; k = stored(k->older)) {
		enum state state = state_stored(k);

		if (state == ACCEPTED || state == WITHDRAWN) {
			return k;
		}
	}
	return NULL;
}

/* ---------------------------------------------------------------- what was known */

struct past recall_past(const struct recall *r, int32_t area_no, int64_t key)
{
	const struct entry *e = find(r, area_no, key);
	const struct kept *newest = e ? stored(e->newest) : NULL, *stands = newest ? decisive(newest) : NULL;
	struct past past;

	if (!newest) {
		return (struct past){0};
	}
	past = newest->revision.past;
	past.current = state_stored(newest) == ACCEPTED;
	past.asked = stands ? asked_of(&stands->revision.past) : NULL;
	return past;
}

bool recall_stated(const struct recall *r, int32_t area_no, int64_t key)
{
	const struct entry *e = find(r, area_no, key);
	const struct kept *k = e ? stored(e->newest) : NULL;

	while (k && state_stored(k) == REFUSED) {
		k = stored(k->older);
	}
	return k && state_stored(k) != WITHDRAWN && !k->revision.past.withdrawn;
}

static bool point_of(const struct entry *e, struct point *ret)
{
	const struct kept *k = decisive(e->newest);
	const struct past *p = k ? &k->revision.past : NULL;
	const char *asked;

	if (!p || state_stored(k) == WITHDRAWN || p->withdrawn || p->missing_reason) {
		return false;
	}
	asked = asked_of(p);
	*ret = (struct point){.period = period_of(e->key),
			      .has_value = p->has_value,
			      .has_numerator = p->has_numerator,
			      .has_denominator = p->has_denominator,
			      .breaks = p->obs_status == 'B' || (asked && rules_break(asked)),
			      .value = p->value,
			      .numerator = p->numerator,
			      .denominator = p->denominator};
	return true;
}

bool recall_point(const struct recall *r, int32_t area_no, int64_t key, struct point *ret)
{
	const struct entry *e = find(r, area_no, key);

	return e && point_of(e, ret);
}

size_t recall_history(const struct recall *r, int32_t area_no, int64_t key, struct point *points)
{
	const struct line *line = slot_of(r->lines, r->size, area_no, name_of(key));
	size_t first = HISTORY_POINTS;

	for (size_t i = before(line, key); i > 0 && first > 0; i--) {
		first -= point_of(&line->entries[i - 1], &points[first - 1]);
	}
	memmove(points, points + first, (HISTORY_POINTS - first) * sizeof *points);
	return HISTORY_POINTS - first;
}

/* ---------------------------------------------------------------- what the rehearsal makes of it */

static struct standing standing_of(const struct entry *e, enum state (*state)(const struct kept *k), bool rehearsed)
{
	struct standing ret = {0};
	const struct kept *newest = NULL;

	for (const struct kept *k = e->newest; k; k = k->older) {
		enum state s = state(k);
		bool is_there = rehearsed ? state_of(k->revision.rehearsed, DECIDED_NONE) != REFUSED : k->is_stored;

		if (!is_there) {
			continue;
		}
		newest = newest ? newest : k;
		if (s == ACCEPTED || s == WITHDRAWN) {
			ret.revision = s == ACCEPTED && !k->revision.past.withdrawn ? &k->revision : NULL;
			break;
		}
	}
	ret.held = newest && state(newest) == HELD;
	return ret;
}

static bool is_same(const struct standing *a, const struct standing *b)
{
	return a->revision == b->revision && a->held == b->held;
}

void recall_differences(const struct recall *r, recall_each *each, void *context)
{
	for (size_t i = 0; i < r->size; i++) {
		for (size_t k = 0; k < r->lines[i].n; k++) {
			const struct entry *e = &r->lines[i].entries[k];
			struct standing now = standing_of(e, state_stored, false);
			struct standing then = standing_of(e, state_rehearsed, true);

			if (!is_same(&now, &then)) {
				each(context, e->area_no, e->key, &now, &then);
			}
		}
	}
}
