/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { AGENT_BUCKETS = 64, BUCKETS_FIRST = 1024, ROOM_STEP = 4 };

/* What is said of an agent. */
struct owner {
	struct owner *next;
	int32_t agent_no;
	uint64_t verdict_seq;
	uint32_t generation; /* of what is kept: what has another one is forgotten */
};

/* A series that is kept. */
struct entry {
	struct entry *next;          /* in its bucket */
	struct entry *newer, *older; /* by use */
	uint64_t key;
	const struct owner *owner;
	uint32_t generation;
	uint32_t group; /* that found it last */
	uint16_t n, room;
	bool complete;
	struct point points[];
};

struct histories {
	size_t bytes_max, bytes, n;
	uint32_t group; /* that is under way */
	struct owner *owners[AGENT_BUCKETS];
	struct entry **buckets;
	size_t n_buckets; /* a power of two */
	struct entry *newest, *oldest;
};

/* ---------------------------------------------------------------- points in order */

size_t points_before(const struct point *points, size_t n, int32_t period)
{
	size_t low = 0, high = n;
	if (n == 0 || points[n - 1].period < period) /* mostly it is a new one */
		return n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (points[middle].period < period)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct point *points_of(const struct point *points, size_t n, int32_t period)
{
	size_t at = points_before(points, n, period);
	return at < n && points[at].period == period ? &points[at] : NULL;
}

bool series_covers(const struct series *s, int32_t period, size_t points)
{
	return s->complete || points_before(s->points, s->n, period) >= points;
}

size_t points_put(struct point *points, size_t n, const struct point *point)
{
	size_t at = points_before(points, n, point->period);
	bool there = at < n && points[at].period == point->period;
	if (!there)
		memmove(points + at + 1, points + at, (n - at) * sizeof(*points));
	points[at] = *point;
	return n + !there;
}

size_t points_take_out(struct point *points, size_t n, int32_t period)
{
	size_t at = points_before(points, n, period);
	if (at == n || points[at].period != period)
		return n;
	memmove(points + at, points + at + 1, (n - at - 1) * sizeof(*points));
	return n - 1;
}

/* ---------------------------------------------------------------- agents */

static struct owner *owner_of(struct histories *h, int32_t agent_no)
{
	struct owner **slot = &h->owners[(uint32_t)agent_no % AGENT_BUCKETS];
	while (*slot && (*slot)->agent_no != agent_no)
		slot = &(*slot)->next;
	if (!*slot) {
		*slot = xcalloc(1, sizeof(**slot));
		(*slot)->agent_no = agent_no;
	}
	return *slot;
}

void histories_stand_at(struct histories *h, int32_t agent_no, uint64_t verdict_seq)
{
	struct owner *o = owner_of(h, agent_no);
	o->generation += o->verdict_seq != verdict_seq;
	o->verdict_seq = verdict_seq;
}

void histories_move_to(struct histories *h, int32_t agent_no, uint64_t verdict_seq)
{
	owner_of(h, agent_no)->verdict_seq = verdict_seq;
}

/* ---------------------------------------------------------------- entries by key, and by use */

static uint64_t pack(struct series_key key)
{
	return (uint64_t)(uint32_t)key.area_no << 32 | (uint64_t)key.series_no << 3 | (uint64_t)key.kind;
}

static struct entry **bucket_of(const struct histories *h, uint64_t key)
{
	uint64_t hash = key * UINT64_C(0x9E3779B97F4A7C15);
	return &h->buckets[hash >> 24 & (h->n_buckets - 1)];
}

static struct entry **slot_of(const struct histories *h, uint64_t key)
{
	struct entry **slot = bucket_of(h, key);
	while (*slot && (*slot)->key != key)
		slot = &(*slot)->next;
	return slot;
}

static void unlink_use(struct histories *h, struct entry *e)
{
	*(e->newer ? &e->newer->older : &h->newest) = e->older;
	*(e->older ? &e->older->newer : &h->oldest) = e->newer;
}

static void link_use(struct histories *h, struct entry *e)
{
	e->newer = NULL;
	e->older = h->newest;
	*(h->newest ? &h->newest->newer : &h->oldest) = e;
	h->newest = e;
}

static size_t size_of(size_t room)
{
	return sizeof(struct entry) + room * sizeof(struct point);
}

static void drop(struct histories *h, struct entry *e)
{
	*slot_of(h, e->key) = e->next;
	unlink_use(h, e);
	h->bytes -= size_of(e->room);
	h->n--;
	free(e);
}

static void grow_buckets(struct histories *h)
{
	struct entry **old = h->buckets;
	size_t n = h->n_buckets;
	h->n_buckets = n ? n * 2 : BUCKETS_FIRST;
	h->buckets = xcalloc(h->n_buckets, sizeof(*h->buckets));
	h->bytes += (h->n_buckets - n) * sizeof(*h->buckets);
	for (size_t i = 0; i < n; i++)
		for (struct entry *e = old[i], *next; e; e = next) {
			struct entry **bucket = bucket_of(h, e->key);
			next = e->next;
			e->next = *bucket;
			*bucket = e;
		}
	free(old);
}

static struct entry *add(struct histories *h, uint64_t key, size_t room)
{
	if (h->n >= h->n_buckets)
		grow_buckets(h);
	struct entry *e = xcalloc(1, size_of(room));
	struct entry **bucket = bucket_of(h, key);
	e->key = key;
	e->room = (uint16_t)room;
	e->next = *bucket;
	*bucket = e;
	link_use(h, e);
	h->bytes += size_of(room);
	h->n++;
	return e;
}

/* Those not used for the longest time go, but for those that the group under way looks at. */
static bool make_room(struct histories *h, size_t bytes)
{
	while (h->bytes + bytes > h->bytes_max && h->oldest && h->oldest->group != h->group)
		drop(h, h->oldest);
	return h->bytes + bytes <= h->bytes_max;
}

static void use(struct histories *h, struct entry *e)
{
	e->group = h->group;
	if (e == h->newest)
		return;
	unlink_use(h, e);
	link_use(h, e);
}

/* ---------------------------------------------------------------- the whole */

struct histories *histories_new(size_t bytes)
{
	struct histories *h = xcalloc(1, sizeof(*h));
	h->bytes_max = bytes;
	grow_buckets(h);
	return h;
}

void histories_clear(struct histories *h)
{
	while (h->newest)
		drop(h, h->newest);
}

void histories_free(struct histories **hp)
{
	struct histories *h = *hp;
	if (!h)
		return;
	histories_clear(h);
	for (size_t i = 0; i < AGENT_BUCKETS; i++)
		for (struct owner *o = h->owners[i], *next; o; o = next) {
			next = o->next;
			free(o);
		}
	free(h->buckets);
	free(h);
	*hp = NULL;
}

static bool is_valid(const struct entry *e, const struct owner *o)
{
	return e->owner == o && e->generation == o->generation;
}

void histories_begin(struct histories *h)
{
	h->group++;
}

bool histories_find(struct histories *h, int32_t agent_no, struct series_key key, struct series *ret)
{
	struct entry *e = *slot_of(h, pack(key));
	if (!e || !is_valid(e, owner_of(h, agent_no)))
		return false;
	use(h, e);
	*ret = (struct series){.points = e->points, .n = e->n, .complete = e->complete};
	return true;
}

/* The entry of the key, with room for so many points; NULL: there is no room for it. */
static struct entry *entry_for(struct histories *h, uint64_t key, size_t n)
{
	struct entry *e = *slot_of(h, key);
	size_t room = (n + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
	if (e && e->room != room) {
		drop(h, e);
		e = NULL;
	}
	return e || !make_room(h, size_of(room)) ? e : add(h, key, room);
}

void histories_keep(struct histories *h, int32_t agent_no, struct series_key key, const struct series *series)
{
	size_t n = series->n < HISTORY_KEPT ? series->n : HISTORY_KEPT;
	struct entry *e = entry_for(h, pack(key), n);
	if (!e)
		return;
	e->owner = owner_of(h, agent_no);
	e->generation = e->owner->generation;
	e->complete = series->complete && n == series->n;
	e->n = (uint16_t)n;
	if (n > 0)
		memcpy(e->points, series->points + series->n - n, n * sizeof(*e->points));
	use(h, e);
}

size_t histories_bytes(const struct histories *h)
{
	return h->bytes;
}

size_t histories_count(const struct histories *h)
{
	return h->n;
}
