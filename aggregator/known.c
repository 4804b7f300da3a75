/* SPDX-License-Identifier: Apache-2.0 */
#include "known.h"

#include "views.h"

#include <assert.h>
#include <string.h>

/* ---------------------------------------------------------------- what is stored, for each figure */

/* Its own, of which also is asked whether the provider reported on it before, and the longer ones that it counts in. */
static size_t ask_periods(const struct intake_report *r, struct period_question *q)
{
	int32_t periods[RULES_PERIODS];
	size_t n = rules_periods(&r->judgement, periods);
	for (size_t i = 0; i < n; i++)
		q[i] = (struct period_question){.provider = i == 0 ? r->judgement.provider->code : "",
						.dataflow = r->judgement.dataflow->code,
						.period = periods[i]};
	return n;
}

static void take_periods(struct intake_report *r, const struct period_question *q, size_t n, struct closed *closed)
{
	r->closed = closed;
	for (size_t i = 0; i < n; i++)
		if (q[i].closed.vintage)
			closed[r->n_closed++] = q[i].closed;
}

static enum store_result find_periods(struct intake *in, struct err *err)
{
	size_t room = in->n_reports * RULES_PERIODS, n = 0;
	struct period_question *q = arena_calloc(in->arena, room, sizeof(*q));
	struct closed *closed = arena_calloc(in->arena, room, sizeof(*closed));
	size_t *asked = arena_calloc(in->arena, in->n_reports, sizeof(*asked)); /* how many of a report */
	if (!q || !closed || !asked)
		return store_exhausted(err);
	for (size_t i = 0; i < in->n_reports; i++)
		if (intake_has_figures(&in->reports[i]))
			n += asked[i] = ask_periods(&in->reports[i], q + n);
	enum store_result result = store_periods(in->store, q, n, in->arena, &in->closing_no, err);
	in->group.judged_by_closings = n > 0;
	in->group.closing_no = in->closing_no;
	n = 0;
	for (size_t i = 0; result == STORE_OK && i < in->n_reports; i++) {
		in->reports[i].ask_past = asked[i] > 0 && (q[n].has_reports || in->force_past);
		take_periods(&in->reports[i], q + n, asked[i], closed + n);
		n += asked[i];
	}
	return result;
}

/* What is asked of the past, and where the answers go. */
struct questions {
	struct past_question *list;
	struct past **past; /* NULL: to stated */
	bool **stated;
	size_t n;
};

static bool make_room(struct intake *in, struct questions *q)
{
	size_t n = in->n_observations;
	for (size_t i = 0; i < in->n_reports; i++)
		n += in->reports[i].n_mandatory;
	q->list = arena_calloc(in->arena, n, sizeof(*q->list));
	q->past = arena_calloc(in->arena, n, sizeof(struct past *));
	q->stated = arena_calloc(in->arena, n, sizeof(bool *));
	return q->list && q->past && q->stated;
}

static void ask_figures(struct questions *q, struct intake_report *r)
{
	for (size_t k = 0; k < r->judgement.n; k++) {
		if (r->area_no[k] == 0)
			continue;
		q->past[q->n] = &r->past[k];
		q->list[q->n++] = (struct past_question){.area_no = r->area_no[k], .key = r->key[k]};
	}
}

static void ask_mandatory(struct questions *q, struct intake_report *r)
{
	for (size_t k = 0; k < r->n_mandatory; k++) {
		struct mandatory *m = &r->mandatory[k];
		if (m->key == 0 || m->area_no == 0)
			continue;
		q->stated[q->n] = &m->stated;
		q->list[q->n++] = (struct past_question){.area_no = m->area_no, .key = m->key};
	}
}

static enum store_result ask_past(struct intake *in, struct err *err)
{
	struct questions q = {0};
	if (!make_room(in, &q))
		return store_exhausted(err);
	for (size_t i = 0; i < in->n_reports; i++) {
		struct intake_report *r = &in->reports[i];
		if (!r->report || !r->ask_past)
			continue;
		ask_figures(&q, r);
		ask_mandatory(&q, r);
	}
	enum store_result result = q.n > 0 ? store_past(in->store, q.list, q.n, in->arena, err) : STORE_OK;
	for (size_t i = 0; result == STORE_OK && i < q.n; i++) {
		if (q.past[i])
			*q.past[i] = q.list[i].answer;
		else
			*q.stated[i] = q.list[i].stated;
	}
	return result;
}

/* ---------------------------------------------------------------- series that reports look at besides their own */

static bool is_due(const struct intake_report *r, const struct indicator *i)
{
	const struct judgement *j = &r->judgement;
	return i->mandatory && i->dataflow == j->dataflow && strchr(i->frequencies, period_frequency(&j->period));
}

static size_t count_mandatory(const struct intake *in, const struct intake_report *r)
{
	const struct indicator *all;
	size_t n = 0, n_all = catalogue_indicators(in->catalogue, &all);
	for (size_t i = 0; i < n_all; i++)
		n += is_due(r, &all[i]);
	return n;
}

/* The mandatory indicators of the report's dataflow, for the area of its provider. */
static enum store_result list_mandatory(struct intake *in, struct intake_report *r, struct err *err)
{
	const struct indicator *all;
	const struct judgement *j = &r->judgement;
	size_t n_all = catalogue_indicators(in->catalogue, &all), most = count_mandatory(in, r);
	const struct area *area = catalogue_area_on(in->catalogue, j->provider->area, j->reference_date);
	int32_t area_no = 0;
	enum store_result result = area ? store_area_no(in->store, area->area, &area_no, err) : STORE_OK;
	if (result != STORE_OK)
		return result;
	r->mandatory = arena_calloc(in->arena, most, sizeof(*r->mandatory));
	r->reported = arena_calloc(in->arena, n_all, sizeof(*r->reported));
	if (!r->mandatory || !r->reported)
		return store_exhausted(err);
	for (size_t i = 0; i < n_all; i++)
		if (is_due(r, &all[i]))
			r->mandatory[r->n_mandatory++] = (struct mandatory){.indicator = &all[i], .area_no = area_no};
	return STORE_OK;
}

static size_t count_related(const struct intake_report *r)
{
	size_t n = 0;
	for (size_t i = 0; r->report && i < r->judgement.n; i++)
		n += r->area_no[i] ? r->judgement.figures[i].indicator->n_related : 0;
	return n;
}

static size_t name_related(const struct intake_report *r, struct series_question *q)
{
	size_t n = 0;
	for (size_t i = 0; r->report && i < r->judgement.n; i++) {
		const struct figure *f = &r->judgement.figures[i];
		for (size_t k = 0; r->area_no[i] && k < f->indicator->n_related; k++)
			q[n++] = (struct series_question){.indicator = f->indicator->related[k]->code,
							  .dimensions = f->dimensions};
	}
	return n;
}

static size_t name_mandatory(const struct intake_report *r, struct series_question *q)
{
	for (size_t i = 0; i < r->n_mandatory; i++)
		q[i] = (struct series_question){.indicator = r->mandatory[i].indicator->code, .dimensions = ""};
	return r->n_mandatory;
}

static size_t take_mandatory(struct intake_report *r, const struct series_question *q)
{
	for (size_t i = 0; i < r->n_mandatory; i++)
		r->mandatory[i].key = q[i].series_no ? store_key(q[i].series_no, r->period, 0) : 0;
	return r->n_mandatory;
}

/* Numbers of what is looked at besides figures: first all related series, in order of figures, then what is mandatory. */
static enum store_result number_looks(struct intake *in, struct series_question **ret_related, struct err *err)
{
	size_t room = 0, n = 0, related;
	for (size_t i = 0; i < in->n_reports; i++) {
		in->reports[i].n_related = count_related(&in->reports[i]);
		room += in->reports[i].n_related + in->reports[i].n_mandatory;
	}
	struct series_question *q = arena_calloc(in->arena, room, sizeof(*q));
	if (!q)
		return store_exhausted(err);
	for (size_t i = 0; i < in->n_reports; i++)
		n += name_related(&in->reports[i], q + n);
	related = n;
	for (size_t i = 0; i < in->n_reports; i++)
		n += name_mandatory(&in->reports[i], q + n);
	enum store_result result = store_series_find(in->store, q, n, err);
	for (size_t i = 0; i < in->n_reports; i++)
		related += take_mandatory(&in->reports[i], q + related);
	*ret_related = q;
	return result;
}

/* ---------------------------------------------------------------- what this very group states, for later reports in it */

struct stated {
	int32_t area_no; /* 0: free */
	int64_t key;
	struct past past;
};

struct known {
	struct stated *slots;
	size_t mask;
};

static bool make_overlay(struct intake *in)
{
	size_t room = 64;
	while (room < in->n_observations * 2)
		room *= 2;
	in->known = arena_calloc(in->arena, 1, sizeof(*in->known));
	if (!in->known || !(in->known->slots = arena_calloc(in->arena, room, sizeof(*in->known->slots))))
		return false;
	in->known->mask = room - 1;
	return true;
}

static struct stated *slot_of(const struct known *k, int32_t area_no, int64_t key)
{
	uint64_t hash = ((uint64_t)key ^ (uint64_t)area_no << 32) * UINT64_C(0x9E3779B97F4A7C15);
	for (size_t i = hash >> 20 & k->mask;; i = (i + 1) & k->mask) {
		struct stated *s = &k->slots[i];
		if (s->area_no == 0 || (s->area_no == area_no && s->key == key))
			return s;
	}
}

static bool is_accepted(enum outcome outcome)
{
	return outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_WARNED;
}

/* The past of a figure once an observation of this group has been stored over it. */
static struct past past_after(const struct intake *in, const struct past *before, const struct intake_report *r,
			      size_t i, const char *asked)
{
	struct past after = rules_past(r->report, i, &r->judgement.figures[i]);
	after.revision = before->exists ? before->revision + 1 : 0;
	after.outcome = r->judgement.outcomes[i];
	after.current = is_accepted(after.outcome);
	after.known_at_us = intake_known_at(in, r);
	after.asked = after.current ? asked : before->asked;
	return after;
}

bool known_is_stored(const struct intake_report *r, size_t i)
{
	enum outcome outcome = r->judgement.outcomes[i];
	return r->area_no[i] != 0 && (is_accepted(outcome) || outcome == OUTCOME_HELD);
}

/* ---------------------------------------------------------------- gathering */

static enum store_result gather_looks(struct intake *in, struct err *err)
{
	struct series_question *related;
	enum store_result result = STORE_OK;
	for (size_t i = 0; i < in->n_reports && result == STORE_OK; i++)
		if (intake_has_figures(&in->reports[i]))
			result = list_mandatory(in, &in->reports[i], err);
	if (result == STORE_OK)
		result = number_looks(in, &related, err);
	return result == STORE_OK ? views_gather(in, related, err) : result;
}

enum store_result known_gather(struct intake *in, struct err *err)
{
	enum store_result result = in->settings->judge ? gather_looks(in, err) : STORE_OK;
	if (result == STORE_OK)
		result = find_periods(in, err);
	if (result == STORE_OK)
		result = ask_past(in, err);
	if (result == STORE_OK && !make_overlay(in))
		result = store_exhausted(err);
	return result;
}

/* ---------------------------------------------------------------- one report after the other */

static bool is_stated(const struct known *k, const struct mandatory *m)
{
	const struct stated *s = m->key && m->area_no ? slot_of(k, m->area_no, m->key) : NULL;
	return s && s->area_no ? !s->past.withdrawn : m->stated;
}

bool known_look_back(struct intake *in, struct intake_report *r, struct knowledge *ret)
{
	for (size_t i = 0; i < r->judgement.n; i++) {
		const struct stated *s = r->area_no[i] ? slot_of(in->known, r->area_no[i], r->key[i]) : NULL;
		if (s && s->area_no != 0)
			r->past[i] = s->past;
	}
	for (size_t i = 0; i < r->n_mandatory; i++)
		r->reported[r->mandatory[i].indicator->position] = is_stated(in->known, &r->mandatory[i]);
	*ret = (struct knowledge){.past = r->past,
				  .peers = r->peers,
				  .look_alike = r->look_alike,
				  .closed = r->closed,
				  .n_closed = r->n_closed,
				  .history = in->views ? r->history : NULL,
				  .reported = r->reported,
				  .point_of = in->views ? views_point_of : NULL,
				  .context = r};
	return !in->views || views_look_back(in, r);
}

static bool asks(const struct judgement *j, const struct finding *f, size_t i)
{
	return f->line == i + 1 && j->justified[i] && (f->severity == SEVERITY_JUSTIFY || f->answered);
}

/* The codes of the rules that asked for a reason for a figure of a judged report, in the arena; NULL: it is exhausted. */
static const char *asked_by(struct arena *a, const struct judgement *j, size_t i)
{
	const char *codes = "";
	for (size_t k = 0; k < j->n_findings && codes; k++) {
		const struct finding *f = &j->findings[k];
		if (asks(j, f, i) && !strstr(codes, f->rule->code))
			codes = arena_printf(a, "%s%s%s", codes, *codes ? " " : "", f->rule->code);
	}
	return codes;
}

/* By figure; NULL where no rule asked. */
static const char **list_asked(struct intake *in, const struct intake_report *r)
{
	const struct judgement *j = &r->judgement;
	const char **asked = arena_calloc(in->arena, j->n, sizeof(const char *));
	for (size_t i = 0; asked && i < j->n; i++)
		if (j->justified[i] && !(asked[i] = asked_by(in->arena, j, i)))
			return NULL;
	return asked;
}

static void put(struct intake *in, struct intake_report *r, size_t i, const char *asked)
{
	struct stated *s = slot_of(in->known, r->area_no[i], r->key[i]);
	struct past now = past_after(in, s->area_no ? &s->past : &r->past[i], r, i, asked);
	assert(now.revision <= KEY_REVISION_MAX); /* SACH-02 refuses the next one */
	*s = (struct stated){.area_no = r->area_no[i], .key = r->key[i], .past = now};
	r->key[i] |= now.revision;
}

bool known_look_ahead(struct intake *in, struct intake_report *r)
{
	const char **asked = list_asked(in, r);
	if (!asked)
		return false;
	for (size_t i = 0; i < r->judgement.n; i++)
		if (known_is_stored(r, i))
			put(in, r, i, asked[i]);
	return !in->views || views_look_ahead(in, r, asked);
}
