/* SPDX-License-Identifier: Apache-2.0 */
#include "views.h"

#include "history.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define PERIOD_KIND_SHIFT 27 /* as period_pack() has it */

/* What a report of the group makes of a period. */
struct change {
	struct change *next;
	bool stands; /* false: nothing does, from now on */
	struct point point;
};

/* Points up to a period that the newest ones do not reach back to. */
struct window {
	struct window *next;
	int32_t period;
	struct series series;
};

/* A series that figures of the group look at. */
struct view {
	struct view *next;
	struct series_key key;
	int32_t agent_no;
	bool may_keep; /* nobody else reports the area */
	bool found;    /* newest is there */
	bool asked;    /* the store said so just now */
	struct series newest;
	size_t gone; /* points that the group may take away, at most */
	struct window *windows;
	struct change *changes, **last;
	size_t n_changes;
};

struct views {
	struct view **slots;
	size_t mask, n;
	struct view *all;
};

/* ---------------------------------------------------------------- which series */

static struct view **slot_of(const struct views *v, struct series_key key)
{
	uint64_t hash = ((uint64_t)(uint32_t)key.area_no << 32 | (uint64_t)key.series_no << 3 | (uint64_t)key.kind) *
			UINT64_C(0x9E3779B97F4A7C15);
	for (size_t i = hash >> 24 & v->mask;; i = (i + 1) & v->mask) {
		const struct view *there = v->slots[i];
		if (!there || (there->key.series_no == key.series_no && there->key.area_no == key.area_no &&
			       there->key.kind == key.kind))
			return &v->slots[i];
	}
}

static struct view *view_of(struct intake *in, const struct intake_report *r, int32_t area_no, int32_t series_no)
{
	struct view **slot = slot_of(in->views, (struct series_key){area_no, series_no, (int)r->judgement.period.kind});
	if (*slot)
		return *slot;
	struct view *view = arena_calloc(in->arena, 1, sizeof(*view));
	if (!view)
		return NULL;
	view->key = (struct series_key){area_no, series_no, (int)r->judgement.period.kind};
	view->agent_no = r->stream->before.agent_no;
	view->may_keep = area_no == r->own_area_no;
	view->last = &view->changes;
	view->next = in->views->all;
	in->views->all = view;
	in->views->n++;
	*slot = view;
	return view;
}

static bool has_series(const struct intake_report *r, size_t i)
{
	return r->area_no[i] != 0 && r->judgement.period.kind != PERIOD_RANGE;
}

/* What the figure may take away from its series. */
static bool may_take_away(const Tram__V1__Observation *o)
{
	return o->action == TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW || o->missing_reason;
}

/* The views of a figure: its own, and behind it one for each related indicator; NULL: a series that there is not. */
static bool make_views(struct intake *in, struct intake_report *r, size_t i, const struct series_question *related)
{
	const struct indicator *indicator = r->judgement.figures[i].indicator;
	struct view **views = arena_calloc(in->arena, 1 + indicator->n_related, sizeof(*views));
	bool fits = views && (views[0] = view_of(in, r, r->area_no[i], (int32_t)(r->key[i] >> 44)));
	for (size_t k = 0; fits && k < indicator->n_related; k++) {
		if (related[k].series_no == 0)
			continue;
		views[k + 1] = view_of(in, r, r->area_no[i], related[k].series_no);
		fits = views[k + 1] != NULL;
	}
	if (fits)
		views[0]->gone += may_take_away(r->report->observations[i]);
	r->views[i] = views;
	return fits;
}

static bool make_all(struct intake *in, const struct series_question *related)
{
	size_t slots = 64, wanted = 0;
	for (size_t i = 0; i < in->n_reports; i++)
		wanted += in->reports[i].n_related + (in->reports[i].report ? in->reports[i].judgement.n : 0);
	while (slots < 2 * wanted)
		slots *= 2;
	in->views = arena_calloc(in->arena, 1, sizeof(*in->views));
	if (!in->views || !(in->views->slots = arena_calloc(in->arena, slots, sizeof(struct view *))))
		return false;
	in->views->mask = slots - 1;
	for (size_t k = 0; k < in->n_reports; k++) {
		struct intake_report *r = &in->reports[k];
		for (size_t i = 0; r->report && i < r->judgement.n; i++) {
			if (r->area_no[i] == 0)
				continue;
			if (has_series(r, i) && !make_views(in, r, i, related))
				return false;
			related += r->judgement.figures[i].indicator->n_related;
		}
	}
	return true;
}

/* ---------------------------------------------------------------- what stands of them */

/* Whether the points tell all that may be asked of them for a figure of that period, whatever the group takes away. */
static bool tells(const struct view *v, const struct series *s, int32_t period)
{
	return series_covers(s, period, HISTORY_POINTS + v->gone);
}

/* The points that stand of the view for a figure of that period, but for what the group states. */
static const struct series *standing(const struct view *v, int32_t period)
{
	if (!v->windows || tells(v, &v->newest, period))
		return &v->newest;
	for (const struct window *w = v->windows; w; w = w->next)
		if (w->period == period)
			return &w->series;
	return &v->newest;
}

static void look_into_cache(struct intake *in)
{
	for (struct view *v = in->views->all; v && in->histories; v = v->next)
		v->found = v->may_keep && histories_find(in->histories, v->agent_no, v->key, &v->newest);
}

typedef void each_look(struct view *v, int32_t period, void *context);

/* For every view of every figure. */
static void each_view(struct intake *in, each_look *each, void *context)
{
	for (size_t k = 0; k < in->n_reports; k++) {
		const struct intake_report *r = &in->reports[k];
		for (size_t i = 0; r->report && i < r->judgement.n; i++)
			for (size_t n = 0; r->views[i] && n <= r->judgement.figures[i].indicator->n_related; n++)
				if (r->views[i][n])
					each(r->views[i][n], r->period, context);
	}
}

/* A figure newer than all that is kept, of which not enough is kept: the newest ones are asked for anew. */
static void find_short(struct view *v, int32_t period, void *context)
{
	(void)context;
	if (v->found && !v->asked && !tells(v, &v->newest, period) &&
	    points_before(v->newest.points, v->newest.n, period) == v->newest.n)
		v->found = false;
}

static int64_t key_of(const struct view *v, int32_t period, uint32_t revision)
{
	return (int64_t)v->key.series_no << 44 | (int64_t)period << KEY_REVISION_BITS | revision;
}

static struct history_question question(const struct view *v, int32_t last_period, size_t most)
{
	return (struct history_question){.area_no = v->key.area_no,
					 .agent_no = v->agent_no,
					 .from_key = key_of(v, v->key.kind << PERIOD_KIND_SHIFT, 0),
					 .to_key = key_of(v, last_period, KEY_REVISION_MAX),
					 .most = (int32_t)most};
}

static struct series answer(const struct history_question *q)
{
	return (struct series){.points = q->points, .n = q->n, .complete = q->complete};
}

/* The newest points of what is not kept. */
static enum store_result ask_newest(struct intake *in, struct err *err)
{
	struct history_question *q = arena_calloc(in->arena, in->views->n, sizeof(*q));
	size_t n = 0, i = 0;
	if (!q)
		return store_exhausted(err);
	for (const struct view *v = in->views->all; v; v = v->next)
		if (!v->found)
			q[n++] = question(v, (int32_t)((uint32_t)(v->key.kind + 1) << PERIOD_KIND_SHIFT) - 1,
					  HISTORY_KEPT + v->gone);
	enum store_result result = store_history(in->store, q, n, in->arena, err);
	for (struct view *v = in->views->all; result == STORE_OK && v; v = v->next) {
		if (v->found)
			continue;
		const struct history_question *asked = &q[i++];
		v->newest = answer(asked);
		v->may_keep = v->may_keep && !asked->of_others;
		v->found = v->asked = true;
	}
	return result;
}

/* Windows that are to be asked for. */
struct wanted {
	struct arena *arena;
	size_t n;
	bool exhausted;
};

static void want_window(struct view *v, int32_t period, void *context)
{
	struct wanted *wanted = context;
	if (tells(v, &v->newest, period))
		return;
	for (const struct window *w = v->windows; w; w = w->next)
		if (w->period == period)
			return;
	struct window *w = arena_calloc(wanted->arena, 1, sizeof(*w));
	wanted->exhausted |= w == NULL;
	if (!w)
		return;
	*w = (struct window){.next = v->windows, .period = period};
	v->windows = w;
	wanted->n++;
}

/* The points before figures that are older than what was found, and those of their own periods. */
static enum store_result ask_windows(struct intake *in, struct err *err)
{
	struct wanted wanted = {.arena = in->arena};
	size_t n = 0, i = 0;
	each_view(in, want_window, &wanted);
	struct history_question *q = arena_calloc(in->arena, wanted.n, sizeof(*q));
	if (!q || wanted.exhausted)
		return store_exhausted(err);
	for (const struct view *v = in->views->all; v; v = v->next)
		for (const struct window *w = v->windows; w; w = w->next)
			q[n++] = question(v, w->period, HISTORY_POINTS + 1 + v->gone);
	enum store_result result = store_history(in->store, q, n, in->arena, err);
	for (struct view *v = in->views->all; result == STORE_OK && v; v = v->next)
		for (struct window *w = v->windows; w; w = w->next)
			w->series = answer(&q[i++]);
	return result;
}

enum store_result views_gather(struct intake *in, const struct series_question *related, struct err *err)
{
	if (!make_all(in, related))
		return store_exhausted(err);
	look_into_cache(in);
	each_view(in, find_short, NULL);
	enum store_result result = ask_newest(in, err);
	return result == STORE_OK ? ask_windows(in, err) : result;
}

/* ---------------------------------------------------------------- what the group changes of them */

/*
 * Makes the changes to the points, of which the newest `most` matter; there is room for one more. Those before the first of
 * points that are not complete do not count. Returns how many there are then.
 */
static size_t apply(const struct view *v, int32_t from, int32_t to, struct point *points, size_t n, size_t most)
{
	for (const struct change *c = v->changes; c; c = c->next) {
		if (c->point.period < from || c->point.period >= to)
			continue;
		n = c->stands ? points_put(points, n, &c->point) : points_take_out(points, n, c->point.period);
		if (n > most)
			memmove(points, points + 1, --n * sizeof(*points));
	}
	return n;
}

static int32_t first_period(const struct series *s)
{
	return s->complete ? INT32_MIN : s->n > 0 ? s->points[0].period : INT32_MAX;
}

/* The points before the period as the group's reports leave them. NULL: the arena is exhausted. */
static struct point *change(struct intake *in, const struct view *v, const struct series *s, int32_t period, size_t *n)
{
	const size_t most = HISTORY_POINTS + v->gone, skip = *n > most ? *n - most : 0;
	struct point *changed = arena_calloc(in->arena, most + 1, sizeof(*changed));
	if (!changed)
		return NULL;
	if (*n > skip)
		memcpy(changed, s->points + skip, (*n - skip) * sizeof(*changed));
	*n = apply(v, first_period(s), period, changed, *n - skip, most);
	return changed;
}

static bool look(struct intake *in, const struct view *v, int32_t period, struct history *ret)
{
	const struct series *s = standing(v, period);
	size_t n = points_before(s->points, s->n, period);
	const struct point *points = v->n_changes > 0 ? change(in, v, s, period, &n) : s->points;
	size_t skip = n > HISTORY_POINTS ? n - HISTORY_POINTS : 0;
	if (v->n_changes > 0 && !points)
		return false;
	*ret = (struct history){.points = points ? points + skip : NULL, .n = n - skip};
	return true;
}

bool views_look_back(struct intake *in, struct intake_report *r)
{
	for (size_t i = 0; i < r->judgement.n; i++)
		if (r->views[i] && !look(in, r->views[i][0], r->period, &r->history[i]))
			return false;
	return true;
}

static struct view *view_for(const struct intake_report *r, const struct figure *f, const struct indicator *indicator)
{
	struct view **views = r->views[f - r->judgement.figures];
	if (!views || indicator == f->indicator)
		return views ? views[0] : NULL;
	for (size_t k = 0; k < f->indicator->n_related; k++)
		if (f->indicator->related[k] == indicator)
			return views[k + 1];
	return NULL;
}

const struct point *views_point_of(const struct knowledge *k, const struct figure *f, const struct indicator *indicator,
				   int32_t period)
{
	const struct intake_report *r = k->context;
	const struct view *v = view_for(r, f, indicator);
	const struct change *changed = NULL;
	if (!v)
		return NULL;
	for (const struct change *c = v->changes; c; c = c->next)
		if (c->point.period == period)
			changed = c;
	if (changed)
		return changed->stands ? &changed->point : NULL;
	const struct series *s = standing(v, r->period);
	return points_of(s->points, s->n, period);
}

static void take_point(struct change *c, const struct intake_report *r, size_t i, const char *asked)
{
	const struct figure *f = &r->judgement.figures[i];
	const Tram__V1__Observation *o = r->report->observations[i];
	c->stands = !may_take_away(o);
	c->point = (struct point){.period = r->period,
				  .has_value = f->has_value,
				  .has_numerator = f->has_numerator,
				  .has_denominator = f->has_denominator,
				  .breaks = o->obs_status == TRAM__V1__OBSERVATION_STATUS__OBSERVATION_STATUS_BREAK ||
					    (asked && rules_break(asked)),
				  .value = f->value,
				  .numerator = f->numerator,
				  .denominator = f->denominator};
}

bool views_look_ahead(struct intake *in, struct intake_report *r, const char *const *asked)
{
	for (size_t i = 0; i < r->judgement.n; i++) {
		enum outcome outcome = r->judgement.outcomes[i];
		if (!r->views[i] || (outcome != OUTCOME_ACCEPTED && outcome != OUTCOME_WARNED))
			continue;
		struct change *c = arena_calloc(in->arena, 1, sizeof(*c));
		if (!c)
			return false;
		take_point(c, r, i, asked[i]);
		struct view *v = r->views[i][0];
		*v->last = c;
		v->last = &c->next;
		v->n_changes++;
	}
	return true;
}

/* ---------------------------------------------------------------- what the lane keeps of them */

/* Not kept where the group took away all that is known of what has more. */
static void keep(struct histories *h, const struct view *v, struct point *points)
{
	const struct series *s = &v->newest;
	if (s->n > 0)
		memcpy(points, s->points, s->n * sizeof(*points));
	size_t n = apply(v, first_period(s), INT32_MAX, points, s->n, SIZE_MAX);
	const struct series after = {.points = points, .n = n, .complete = s->complete};
	histories_keep(h, v->agent_no, v->key, &after);
}

void views_keep(struct intake *in)
{
	struct point *points = NULL;
	size_t room = 0;
	for (const struct view *v = in->histories && in->views ? in->views->all : NULL; v; v = v->next) {
		if (!v->may_keep || (!v->asked && v->n_changes == 0))
			continue;
		if (room < v->newest.n + v->n_changes)
			points = xrealloc(points, (room = v->newest.n + v->n_changes + HISTORY_KEPT) * sizeof(*points));
		keep(in->histories, v, points);
	}
	free(points);
}
