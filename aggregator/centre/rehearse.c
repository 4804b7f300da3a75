/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearse.h"

#include "closed_periods.h"
#include "handed_in.h"
#include "lang.h"
#include "mem.h"
#include "neighbours.h"
#include "store_peers.h"
#include "versions.h"

#include <stdlib.h>
#include <string.h>

#define REPORT_CAP    ((size_t)1 << 28)
#define PAGE_CAP      ((size_t)1 << 30)
#define REVISION_BITS 14 /* of a key: series, period, revision */
#define SERIES_SHIFT  44

struct rehearsal {
	const struct rehearse_task *task;
	struct versions *versions; /* the catalogues that judged */
	struct neighbours *neighbours;
	struct closed_periods *closed;
	struct arena *page;    /* verdicts and findings */
	struct arena *arena;   /* one report */
	struct arena *decided; /* the agent's decisions */
	/* the agent */
	const struct audit_agent *agent;
	struct recall *recall;
	struct handed_in *handed_in;
	struct rehearse_decision *decisions;
	size_t n_decisions, next_decision;
};

/* A report as one catalogue reads it, with the numbers of what it is about. */
struct resolved {
	struct judgement j;
	int32_t *area_no; /* 0: it has no key */
	int64_t *key;     /* with revision 0; 0: its series has no number, so that nothing of it is stored */
};

/* What a judgement asks about. */
struct asking {
	const struct rehearsal *rehearsal;
	const struct resolved *resolved;
	struct arena *arena;
};

static bool full(struct err *err)
{
	return err_set(err, ERR_PROTOCOL, _("what is to be rehearsed at once does not fit into memory"));
}

/* ---------------------------------------------------------------- numbers */

static int64_t key_of(int32_t series_no, int32_t period)
{
	return series_no ? store_key(series_no, period, 0) : 0;
}

static int32_t series_of(int64_t key)
{
	return (int32_t)(key >> SERIES_SHIFT);
}

static bool number_figure(struct rehearsal *h, struct resolved *r, size_t i, struct err *err)
{
	const struct figure *f = &r->j.figures[i];
	int32_t series_no;

	if (!f->storable) {
		return true;
	}
	if (i > 0 && r->area_no[i - 1] && r->j.figures[i - 1].area == f->area) {
		r->area_no[i] = r->area_no[i - 1];
	} else if (store_area_no(h->task->store, f->area->area, &r->area_no[i], err) != STORE_OK) {
		return false;
	}
	if (!versions_series(h->versions, f->indicator->code, f->dimensions, &series_no, err)) {
		return false;
	}
	r->key[i] = key_of(series_no, period_pack(&r->j.period));
	return true;
}

static bool resolve(struct rehearsal *h, const struct report_context *ctx, struct resolved *ret, struct err *err)
{
	size_t n = ctx->report->n_observations;

	if (!rules_resolve(ctx, h->arena, &ret->j)) {
		return full(err);
	}
	ret->area_no = arena_calloc(h->arena, n, sizeof *ret->area_no);
	ret->key = arena_calloc(h->arena, n, sizeof *ret->key);
	if (!ret->area_no || !ret->key) {
		return full(err);
	}
	for (size_t i = 0; i < n; i++) {
		if (!number_figure(h, ret, i, err)) {
			return false;
		}
	}
	return true;
}

/* ---------------------------------------------------------------- what was known */

static bool has_history(const struct resolved *r, size_t i)
{
	return r->area_no[i] && r->key[i] && r->j.period.kind != PERIOD_RANGE;
}

static const struct point *point_of(const struct knowledge *k, const struct figure *f,
				    const struct indicator *indicator, int32_t period)
{
	const struct asking *a = k->context;
	size_t i = (size_t)(f - a->resolved->j.figures);
	struct point *point;
	struct err err;
	int32_t series_no;

	if (a->resolved->area_no[i] == 0 || a->resolved->j.period.kind == PERIOD_RANGE ||
	    !versions_series(a->rehearsal->versions, indicator->code, f->dimensions, &series_no, &err) ||
	    series_no == 0) {
		return NULL;
	}
	point = arena_alloc(a->arena, sizeof *point);
	return point && recall_point(a->rehearsal->recall, a->resolved->area_no[i], key_of(series_no, period), point)
		   ? point
		   : NULL;
}

static bool look_back(struct rehearsal *h, const struct resolved *r, struct past *past, struct history *history)
{
	struct point points[HISTORY_POINTS];

	for (size_t i = 0; i < r->j.n; i++) {
		if (r->area_no[i] && r->key[i]) {
			past[i] = recall_past(h->recall, r->area_no[i], r->key[i]);
		}
		if (has_history(r, i)) {
			size_t n = recall_history(h->recall, r->area_no[i], r->key[i], points);
			struct point *own = arena_calloc(h->arena, n, sizeof *own);

			if (!own) {
				return false;
			}
			memcpy(own, points, n * sizeof *own);
			history[i] = (struct history){.points = own, .n = n};
		}
	}
	return true;
}

/* Of what every report of its dataflow must state: what the provider has stated already. */
static bool look_for_mandatory(struct rehearsal *h, const struct resolved *r, bool *reported, struct err *err)
{
	const struct catalogue *c = h->task->catalogue;
	const struct judgement *j = &r->j;
	const struct area *area = j->readable ? catalogue_area_on(c, j->provider->area, j->reference_date) : NULL;
	const struct indicator *all;
	size_t n = catalogue_indicators(c, &all);
	int32_t area_no = 0, series_no;

	if (!area) {
		return true;
	}
	if (store_area_no(h->task->store, area->area, &area_no, err) != STORE_OK) {
		return false;
	}
	for (size_t i = 0; i < n && area_no; i++) {
		if (!all[i].mandatory || all[i].dataflow != j->dataflow ||
		    !strchr(all[i].frequencies, period_frequency(&j->period))) {
			continue;
		}
		if (!versions_series(h->versions, all[i].code, "", &series_no, err)) {
			return false;
		}
		reported[all[i].position] =
		    series_no && recall_stated(h->recall, area_no, key_of(series_no, period_pack(&j->period)));
	}
	return true;
}

/* ---------------------------------------------------------------- what was known of other provinces */

static bool is_compared(const struct resolved *r)
{
	return r->j.readable && r->j.provider->kind == PROVIDER_PROVINCE;
}

static bool look_around(struct rehearsal *h, const struct rehearse_verdict *v, const struct resolved *r,
			struct knowledge *known)
{
	const struct peer_figures **peers;

	if (v->peer_cut == 0 || !is_compared(r)) {
		return true;
	}
	peers = arena_calloc(h->arena, r->j.n, sizeof *peers);
	for (size_t i = 0; peers && i < r->j.n; i++) {
		if (r->area_no[i] && r->key[i]) {
			peers[i] = neighbours_figures(h->neighbours, v->peer_cut, series_of(r->key[i]),
						      period_pack(&r->j.period));
		}
	}
	known->peers = peers;
	return peers != NULL;
}

static bool states_figure(const struct resolved *r, const Tram__V1__Report *report, size_t i)
{
	const struct figure *f = &r->j.figures[i];

	return r->area_no[i] && (f->has_value || (f->has_numerator && f->has_denominator)) &&
	       report->observations[i]->action != TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW;
}

/* How many figures other than zero a report of another province states as well; 0: it is no like. */
static bool count_same(struct rehearsal *h, const struct report_context *ctx, const struct resolved *r,
		       const struct peer_report *peer, uint32_t *ret, struct err *err)
{
	const struct provider *provider = catalogue_provider(ctx->catalogue, peer->provider);
	struct alike_question *q = arena_calloc(h->arena, r->j.n, sizeof *q);
	int32_t area_no = 0;
	bool same = true;

	if (!q) {
		return full(err);
	}
	if (provider && store_area_no(h->task->store, provider->area, &area_no, err) != STORE_OK) {
		return false;
	}
	for (size_t i = 0; i < r->j.n; i++) {
		q[i] = (struct alike_question){.area_no = area_no,
					       .key = key_of(series_of(r->key[i]), peer->period),
					       .report_no = peer->report_no};
	}
	if (store_alike(h->task->store, q, r->j.n, err) != STORE_OK) {
		return false;
	}
	*ret = 0;
	for (size_t i = 0; i < r->j.n && same; i++) {
		bool nonzero = false;
		enum peers_compared c =
		    states_figure(r, ctx->report, i)
			? peers_compare(ctx->report->observations[i], &r->j.figures[i], &q[i].stated, &nonzero)
			: PEERS_NOT_COMPARED;

		same = c != PEERS_DIFFERENT;
		*ret += c == PEERS_SAME && nonzero;
	}
	*ret = same ? *ret : 0;
	return true;
}

/* The first of those that may be, the best first, that is one. */
static bool find_like(struct rehearsal *h, const struct report_context *ctx, const struct rehearse_verdict *v,
		      const struct resolved *r, struct knowledge *known, struct err *err)
{
	uint32_t least = (uint32_t)catalogue_parameter(ctx->catalogue, PARAMETER_COPY_FIGURES), same = 0;
	const struct peer_report *alike[PEERS_ALIKE];
	struct sketch sketch = sketch_of(&r->j, SKETCH_STATED, least);
	char text[PERIOD_TEXT];
	struct period period;
	struct look_alike *found;
	size_t n = neighbours_alike(h->neighbours, v->peer_cut, r->j.provider->code, period_pack(&r->j.period), &sketch,
				    alike);

	for (size_t i = 0; i < n; i++) {
		if (!count_same(h, ctx, r, alike[i], &same, err)) {
			return false;
		}
		if (same > 0 && same >= least && period_unpack(alike[i]->period, &period)) {
			found = arena_alloc(h->arena, sizeof *found);
			if (!found || !(found->time_period = arena_strdup(h->arena, period_text(&period, text)))) {
				return full(err);
			}
			found->provider = alike[i]->provider;
			found->figures = same;
			known->look_alike = found;
			return true;
		}
	}
	return true;
}

/* Returns how many. */
static size_t closed_for(const struct rehearsal *h, const struct rehearse_verdict *v, const struct resolved *r,
			 struct closed ret[static RULES_PERIODS])
{
	int32_t periods[RULES_PERIODS];
	size_t n = r->j.readable ? rules_periods(&r->j, periods) : 0, n_closed = 0;

	for (size_t i = 0; i < n; i++) {
		const struct closed *c = closed_periods_find(h->closed, r->j.dataflow->code, periods[i], v->closing_no);

		if (c) {
			ret[n_closed++] = *c;
		}
	}
	return n_closed;
}

static bool judge(struct rehearsal *h, const struct report_context *ctx, const struct rehearse_verdict *v,
		  struct resolved *r, struct err *err)
{
	const struct indicator *all;
	struct asking asking = {h, r, h->arena};
	struct past *past = arena_calloc(h->arena, r->j.n, sizeof *past);
	struct history *history = arena_calloc(h->arena, r->j.n, sizeof *history);
	bool *reported = arena_calloc(h->arena, catalogue_indicators(ctx->catalogue, &all), sizeof *reported);
	struct closed closed[RULES_PERIODS];
	struct knowledge known = {.closed = closed,
				  .n_closed = closed_for(h, v, r, closed),
				  .past = past,
				  .history = history,
				  .reported = reported,
				  .point_of = point_of,
				  .context = &asking};

	if (!past || !history || !reported || !look_back(h, r, past, history) || !look_around(h, v, r, &known)) {
		return full(err);
	}
	return (v->peer_cut == 0 || !is_compared(r) || find_like(h, ctx, v, r, &known, err)) &&
	       look_for_mandatory(h, r, reported, err) && (rules_judge(ctx, &known, h->arena, &r->j) || full(err));
}

/* ---------------------------------------------------------------- what is stored of it */

static bool is_stored(enum outcome outcome)
{
	return outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_WARNED || outcome == OUTCOME_HELD;
}

static struct revision revision_of(const struct rehearsed *r, const struct figure *f, size_t i, enum outcome outcome,
				   enum outcome rehearsed)
{
	struct revision revision = {
	    .past = rules_past(r->report, i, f), .rehearsed = rehearsed, .demonstration = r->report->demonstration};

	revision.past.outcome = outcome;
	revision.past.known_at_us = r->before->known_at_us;
	return revision;
}

/* The rules that asked for a reason for a line; NULL: none, or the arena is exhausted. */
static const char *asked_of(struct arena *a, const struct rehearsed *r, uint32_t line)
{
	const char *codes = NULL;

	for (size_t i = 0; i < r->n_findings_before; i++) {
		const struct rehearse_finding *f = &r->findings_before[i];

		if (f->line == line && f->asks && (!codes || !strstr(codes, f->rule))) {
			codes = arena_printf(a, "%s%s%s", codes ? codes : "", codes ? " " : "", f->rule);
		}
	}
	return codes;
}

/* What it stored then; and, of what it did not, what it would. now: NULL where it is not judged anew. */
static void remember(struct rehearsal *h, const struct rehearsed *r, const struct resolved *then,
		     const struct resolved *now)
{
	for (size_t i = 0; i < then->j.n && i < r->before->n; i++) {
		bool stored = is_stored(r->before->outcomes[i]) && then->area_no[i] && then->key[i];
		enum outcome after = now ? now->j.outcomes[i] : r->before->outcomes[i];
		struct revision revision;

		if (stored) {
			const char *asked = asked_of(h->arena, r, (uint32_t)i + 1);

			revision = revision_of(r, &then->j.figures[i], i, r->before->outcomes[i], after);
			revision.past.asked = asked ? recall_text(h->recall, asked) : NULL;
			recall_add(h->recall, then->area_no[i], then->key[i], &revision);
		} else if (now && is_stored(after) && now->area_no[i] && now->key[i]) {
			revision = revision_of(r, &now->j.figures[i], i, OUTCOME_REFUSED, after);
			recall_add_rehearsed(h->recall, now->area_no[i], now->key[i], &revision);
		}
	}
}

/* ---------------------------------------------------------------- the walk */

static bool read_again(struct rehearsal *h, struct rehearsed *r, struct err *err)
{
	const struct rehearse_task *task = h->task;
	struct report_context ctx = {.report = r->report,
				     .agent = r->agent,
				     .received_at_us = r->before->received_at_us,
				     .handed_in_at_us = r->before->handed_in_at_us};
	bool is_judged = r->before->received_at_us >= task->since_us;
	struct resolved then = {0}, now = {0};

	if (!versions_catalogue(h->versions, r->before->catalogue_version, &ctx.catalogue, err) ||
	    !resolve(h, &ctx, &then, err)) {
		return false;
	}
	ctx.catalogue = task->catalogue;
	if (is_judged) {
		if (!resolve(h, &ctx, &now, err) || !judge(h, &ctx, r->before, &now, err)) {
			return false;
		}
		r->after = &now.j;
		task->hooks.report(task->hooks.context, r);
	}
	remember(h, r, &then, is_judged ? &now : NULL);
	task->hooks.progress(task->hooks.context, 1, r->report->n_observations);
	return true;
}

static bool walk_report(struct rehearsal *h, const struct rehearse_verdict *v, const struct rehearse_finding *findings,
			size_t n, struct err *err)
{
	struct rehearsed r = {.agent = h->agent->agent,
			      .seq = store_seq_of(v->report_no),
			      .before = v,
			      .findings_before = findings,
			      .n_findings_before = n};
	Tram__V1__Report *report;

	arena_reset(h->arena);
	if (!handed_in_report(h->handed_in, v->report_no, h->arena, &report, err)) {
		return false;
	}
	r.report = report;
	return read_again(h, &r, err);
}

static void decide_until(struct rehearsal *h, uint64_t verdict_seq)
{
	for (; h->next_decision < h->n_decisions; h->next_decision++) {
		const struct rehearse_decision *d = &h->decisions[h->next_decision];

		if (d->verdict_seq >= verdict_seq) {
			return;
		}
		(void)recall_decide(h->recall, d->area_no, d->key >> REVISION_BITS << REVISION_BITS,
				    (uint32_t)(d->key & KEY_REVISION_MAX), d->decided);
	}
}

/* The findings of the report, of all of the page, which lie by report. */
static size_t findings_of(const struct rehearse_finding *all, size_t n, uint64_t report_no,
			  const struct rehearse_finding **ret)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (all[middle].report_no < report_no) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (high = low; high < n && all[high].report_no == report_no; high++) {
	}
	*ret = all + low;
	return high - low;
}

static bool walk_page(struct rehearsal *h, const struct rehearse_verdict *verdicts, size_t n, struct err *err)
{
	struct rehearse_finding *findings;
	size_t n_findings;

	if (store_rehearse_findings(h->task->store, h->agent->agent_no, verdicts, n, h->page, &findings, &n_findings,
				    err) != STORE_OK) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		const struct rehearse_verdict *v = &verdicts[i];
		const struct rehearse_finding *own;
		size_t n_own = findings_of(findings, n_findings, v->report_no, &own);

		decide_until(h, v->verdict_seq);
		if (v->is_first && !v->is_poison && !v->is_repeat && !walk_report(h, v, own, n_own, err)) {
			return err_prefix(err, _("%s, verdict %llu"), h->agent->agent,
					  (unsigned long long)v->verdict_seq);
		}
	}
	return true;
}

static bool walk_pages(struct rehearsal *h, struct err *err)
{
	struct rehearse_verdict *verdicts;
	uint64_t after = 0;
	size_t n;

	do {
		arena_reset(h->page);
		if (store_rehearse_verdicts(h->task->store, h->agent->agent_no, after, h->agent->verdict_seq, h->page,
					    &verdicts, &n, err) != STORE_OK ||
		    !walk_page(h, verdicts, n, err)) {
			return false;
		}
		after = n ? verdicts[n - 1].verdict_seq : after;
	} while (n > 0);
	return true;
}

static bool walk_agent(struct rehearsal *h, const struct audit_snapshot *snapshot, const struct audit_agent *agent,
		       struct err *err)
{
	bool fine;

	h->agent = agent;
	h->recall = recall_new();
	h->handed_in = handed_in_new(h->task->store, snapshot, agent->agent_no);
	h->next_decision = 0;
	arena_reset(h->decided);
	fine = store_rehearse_decisions(h->task->store, agent->agent_no, h->decided, &h->decisions, &h->n_decisions,
					err) == STORE_OK &&
	       walk_pages(h, err);
	if (fine) {
		decide_until(h, UINT64_MAX);
		recall_differences(h->recall, h->task->hooks.standing, h->task->hooks.context);
	}
	handed_in_free(&h->handed_in);
	recall_free(&h->recall);
	return fine;
}

bool rehearse_agents(const struct rehearse_task *task, const struct audit_snapshot *snapshot, struct err *err)
{
	struct rehearsal h = {.task = task,
			      .versions = versions_new(task->store),
			      .page = arena_new(PAGE_CAP),
			      .arena = arena_new(REPORT_CAP),
			      .decided = arena_new(PAGE_CAP)};
	bool fine;

	h.neighbours = neighbours_read(task->store, err);
	h.closed = h.neighbours ? closed_periods_read(task->store, err) : NULL;
	fine = h.closed != NULL;
	for (size_t i = 0; i < snapshot->n_agents && fine; i++) {
		fine = walk_agent(&h, snapshot, &snapshot->agents[i], err);
	}
	closed_periods_free(&h.closed);
	neighbours_free(&h.neighbours);
	versions_free(&h.versions);
	arena_free(&h.page);
	arena_free(&h.arena);
	arena_free(&h.decided);
	return fine;
}
