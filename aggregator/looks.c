/* SPDX-License-Identifier: Apache-2.0 */
#include "looks.h"

#include "lang.h"
#include "store_peers.h"

#include <stdlib.h>
#include <string.h>

#define SERIES_SHIFT 44 /* of a key */

/* A report of the group beside one that it may be a copy of. */
struct pair {
	struct intake_report *report;
	const struct peer_report *peer;
	struct alike_question *questions; /* one an observation that can be compared, in order */
	size_t *observations;
	size_t n;
};

struct look {
	struct pair *pairs;
	size_t n_pairs, n_questions;
	struct alike_question *questions;
};

static uint32_t at_least(const struct intake *in)
{
	return (uint32_t)catalogue_parameter(in->catalogue, PARAMETER_COPY_FIGURES);
}

/* A province's own; what the centre states has no like. */
static bool is_looked_at(const struct intake_report *r)
{
	return r->report && r->judgement.readable && !r->repeat && r->judgement.provider->kind == PROVIDER_PROVINCE;
}

static bool states_figure(const struct intake_report *r, size_t i)
{
	const struct figure *f = &r->judgement.figures[i];
	return r->area_no[i] != 0 && (f->has_value || (f->has_numerator && f->has_denominator)) &&
	       r->report->observations[i]->action != TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW;
}

/* ---------------------------------------------------------------- how the others' figures lie */

static bool find_peers(const struct intake *in, struct intake_report *r)
{
	int32_t period = period_pack(&r->judgement.period);
	r->peers = arena_calloc(in->arena, r->judgement.n, sizeof(*r->peers));
	for (size_t i = 0; r->peers && i < r->judgement.n; i++)
		if (r->area_no[i] != 0)
			r->peers[i] = peers_figures(in->peers, (int32_t)(r->key[i] >> SERIES_SHIFT), period);
	return r->peers != NULL;
}

/* ---------------------------------------------------------------- which reports it may be a copy of */

static bool add_pairs(const struct intake *in, struct look *look, struct intake_report *r)
{
	const struct peer_report *alike[PEERS_ALIKE];
	struct sketch sketch = sketch_of(&r->judgement, SKETCH_STATED, at_least(in));
	size_t n =
	    peers_alike(in->peers, r->judgement.provider->code, period_pack(&r->judgement.period), &sketch, alike);
	for (size_t i = 0; i < n; i++) {
		struct pair *p = &look->pairs[look->n_pairs++];
		*p = (struct pair){.report = r, .peer = alike[i]};
		p->observations = arena_calloc(in->arena, r->judgement.n, sizeof(*p->observations));
		if (!p->observations)
			return false;
		for (size_t k = 0; k < r->judgement.n; k++)
			if (states_figure(r, k))
				p->observations[p->n++] = k;
		look->n_questions += p->n;
	}
	return true;
}

static bool find_pairs(const struct intake *in, struct look *look)
{
	look->pairs = arena_calloc(in->arena, in->n_reports * PEERS_ALIKE, sizeof(*look->pairs));
	for (size_t i = 0; look->pairs && i < in->n_reports; i++)
		if (is_looked_at(&in->reports[i]) && !add_pairs(in, look, &in->reports[i]))
			return false;
	return look->pairs != NULL;
}

/* A provider that the catalogue does not have any more has no area: nothing of it is asked. */
static enum store_result ask_pair(struct intake *in, struct pair *p, struct alike_question *questions, struct err *err)
{
	const struct provider *provider = catalogue_provider(in->catalogue, p->peer->provider);
	int32_t area_no = 0;
	enum store_result result = provider ? store_area_no(in->store, provider->area, &area_no, err) : STORE_OK;
	p->questions = questions;
	for (size_t i = 0; i < p->n; i++) {
		int32_t series_no = (int32_t)(p->report->key[p->observations[i]] >> SERIES_SHIFT);
		questions[i] = (struct alike_question){.area_no = area_no,
						       .key = store_key(series_no, p->peer->period, 0),
						       .report_no = p->peer->report_no};
	}
	return result;
}

static enum store_result ask_pairs(struct intake *in, struct look *look, struct err *err)
{
	size_t n = 0;
	enum store_result result = STORE_OK;
	look->questions = arena_calloc(in->arena, look->n_questions, sizeof(*look->questions));
	if (!look->questions)
		return store_exhausted(err);
	for (size_t i = 0; i < look->n_pairs && result == STORE_OK; i++) {
		result = ask_pair(in, &look->pairs[i], look->questions + n, err);
		n += look->pairs[i].n;
	}
	return result == STORE_OK ? store_alike(in->store, look->questions, n, err) : result;
}

/* ---------------------------------------------------------------- is it one? */

/* How many figures other than zero are the same; 0: one differs. */
static uint32_t count_same(const struct pair *p)
{
	uint32_t n = 0;
	for (size_t i = 0; i < p->n; i++) {
		bool nonzero = false;
		size_t k = p->observations[i];
		enum peers_compared compared =
		    peers_compare(p->report->report->observations[k], &p->report->judgement.figures[k],
				  &p->questions[i].stated, &nonzero);
		if (compared == PEERS_DIFFERENT)
			return 0;
		n += compared == PEERS_SAME && nonzero;
	}
	return n;
}

/* The first of a report's pairs that is one counts: they stand best first. */
static bool settle_pair(const struct intake *in, const struct pair *p)
{
	char text[PERIOD_TEXT];
	struct period period;
	uint32_t same = count_same(p);
	if (p->report->look_alike || same == 0 || same < at_least(in) || !period_unpack(p->peer->period, &period))
		return true;
	struct look_alike *found = arena_alloc(in->arena, sizeof(*found));
	if (!found)
		return false;
	*found = (struct look_alike){.provider = arena_strdup(in->arena, p->peer->provider),
				     .time_period = arena_strdup(in->arena, period_text(&period, text)),
				     .figures = same};
	p->report->look_alike = found;
	return found->provider && found->time_period;
}

enum store_result looks_find(struct intake *in, struct err *err)
{
	struct look look = {0};
	if (!in->peers)
		return STORE_OK;
	for (size_t i = 0; i < in->n_reports; i++)
		if (is_looked_at(&in->reports[i]) && !find_peers(in, &in->reports[i]))
			return store_exhausted(err);
	if (!find_pairs(in, &look))
		return store_exhausted(err);
	enum store_result result = look.n_pairs > 0 ? ask_pairs(in, &look, err) : STORE_OK;
	for (size_t i = 0; i < look.n_pairs && result == STORE_OK; i++)
		if (!settle_pair(in, &look.pairs[i]))
			result = store_exhausted(err);
	return result;
}

/* ---------------------------------------------------------------- for later cuts */

static bool is_kept(const struct intake_report *r, size_t i)
{
	enum outcome outcome = r->judgement.outcomes[i];
	return r->area_no[i] != 0 &&
	       (outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_WARNED || outcome == OUTCOME_HELD);
}

bool looks_lay_out(const struct intake *in, const struct intake_report *r, struct report_row *row)
{
	if (!is_looked_at(r))
		return true;
	int32_t *series = arena_calloc(in->arena, r->judgement.n, sizeof(*series));
	if (!series)
		return false;
	for (size_t i = 0; i < r->judgement.n; i++)
		if (is_kept(r, i))
			series[row->n_series++] = (int32_t)(r->key[i] >> SERIES_SHIFT);
	row->series = series;
	row->sketch = sketch_of(&r->judgement, SKETCH_ACCEPTED, at_least(in));
	return true;
}
