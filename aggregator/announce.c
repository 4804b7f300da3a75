/* SPDX-License-Identifier: Apache-2.0 */
#include "announce.h"

#include <inttypes.h>
#include <stdio.h>

#define FIELDS_MAX 14

/* An event with room for fields; NULL when the arena is exhausted. */
static Tram__V1__Event *event_new(struct arena *a, const char *name, const struct intake_report *r, int64_t at_us)
{
	Tram__V1__Event *e = arena_alloc(a, sizeof(*e));
	if (!e)
		return NULL;
	tram__v1__event__init(e);
	const struct provider *provider = r->report ? r->judgement.provider : NULL;
	e->fields = arena_calloc(a, FIELDS_MAX, sizeof(*e->fields));
	e->name = arena_strdup(a, name);
	e->agent = arena_strdup(a, r->stream->agent);
	e->area = arena_strdup(a, provider ? provider->area : "");
	e->at_us = at_us;
	return e->fields && e->name && e->agent && e->area ? e : NULL;
}

/* Adds a field; a field for which there is no room left in the arena is left empty rather than lost. */
static void add(struct arena *a, Tram__V1__Event *e, const char *name, const char *value)
{
	Tram__V1__EventField *f = arena_alloc(a, sizeof(*f));
	if (!f || e->n_fields == FIELDS_MAX)
		return;
	tram__v1__event_field__init(f);
	char *copy_of_name = arena_strdup(a, name), *copy = arena_strdup(a, value ? value : "");
	if (!copy_of_name || !copy)
		return;
	f->name = copy_of_name;
	f->value = copy;
	e->fields[e->n_fields++] = f;
}

static void add_number(struct arena *a, Tram__V1__Event *e, const char *name, uint64_t n)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, n);
	add(a, e, name, text);
}

static size_t count_outcome(const struct judgement *j, enum outcome outcome)
{
	size_t n = 0;
	for (size_t i = 0; i < j->n; i++)
		n += j->outcomes[i] == outcome;
	return n;
}

static enum severity worst(const struct judgement *j)
{
	enum severity s = SEVERITY_INFORM;
	for (size_t i = 0; i < j->n_findings; i++)
		s = j->findings[i].severity > s ? j->findings[i].severity : s;
	return s;
}

static Tram__V1__Event *announce_head(struct arena *a, const struct intake_report *r, int64_t at_us)
{
	const struct judgement *j = &r->judgement;
	Tram__V1__Event *e = event_new(a, r->report ? "report.committed" : "report.poisoned", r, at_us);
	if (!e)
		return NULL;
	e->severity = (Tram__V1__Severity)worst(j);
	add_number(a, e, "seq", r->entry->seq);
	add_number(a, e, "verdict_seq", r->verdict_seq);
	if (!r->report) {
		add(a, e, "cause", r->poison);
		return e;
	}
	add(a, e, "provider", r->report->provider);
	add(a, e, "dataflow", r->report->dataflow);
	add(a, e, "time_period", r->report->time_period);
	add_number(a, e, "observations", j->n);
	add_number(a, e, "accepted", count_outcome(j, OUTCOME_ACCEPTED));
	add_number(a, e, "warned", count_outcome(j, OUTCOME_WARNED));
	add_number(a, e, "held", count_outcome(j, OUTCOME_HELD));
	add_number(a, e, "refused", count_outcome(j, OUTCOME_REFUSED));
	add_number(a, e, "duplicate", count_outcome(j, OUTCOME_DUPLICATE));
	add_number(a, e, "ms", (uint64_t)(at_us - r->arrived_at_us) / 1000);
	return e;
}

/* What a finding did to the figure it concerns. */
static const char *finding_event(const struct intake_report *r, const struct finding *f)
{
	enum outcome outcome = f->line >= 1 && f->line <= r->judgement.n ? r->judgement.outcomes[f->line - 1] : 0;
	if (f->severity == SEVERITY_BLOCK)
		return "observation.refused";
	if (f->severity == SEVERITY_JUSTIFY && outcome == OUTCOME_HELD)
		return "observation.held";
	return "finding.raised";
}

static Tram__V1__Event *announce_finding(struct arena *a, const struct intake_report *r, const struct finding *f,
					 int64_t at_us)
{
	Tram__V1__Event *e = event_new(a, finding_event(r, f), r, at_us);
	if (!e)
		return NULL;
	bool of_line = f->line >= 1 && f->line <= r->report->n_observations;
	const Tram__V1__Observation *o = of_line ? r->report->observations[f->line - 1] : NULL;
	e->severity = (Tram__V1__Severity)f->severity;
	const struct word *word = &r->judgement.word_table[f->rule->word];
	e->word = arena_strdup(a, word->code);
	add(a, e, "rule", f->rule->code);
	add_number(a, e, "seq", r->entry->seq);
	add(a, e, "dataflow", r->report->dataflow);
	add(a, e, "time_period", r->report->time_period);
	add_number(a, e, "observation", f->line);
	add(a, e, "indicator", o ? o->indicator : "");
	add(a, e, "ref_area", o ? o->ref_area : "");
	add(a, e, "field", f->field);
	add(a, e, "found", f->found);
	add(a, e, "expected", f->expected);
	add(a, e, "title_vi", f->rule->title_vi);
	add(a, e, "title_en", f->rule->title_en);
	if (!word_is_built_in(word)) {
		add(a, e, "word_vi", word->name_vi);
		add(a, e, "word_en", word->name_en);
	}
	return e->word ? e : NULL;
}

/* What a repeated report was told, it was told the first time. */
static bool is_announced(const struct intake_report *r, const struct finding *f)
{
	return r->report && !r->repeat && f->severity >= SEVERITY_WARN;
}

size_t announce_count(const struct intake_report *r)
{
	size_t n = 1;
	for (size_t i = 0; i < r->judgement.n_findings; i++)
		n += is_announced(r, &r->judgement.findings[i]);
	return n;
}

size_t announce_report(struct arena *a, const struct intake_report *r, int64_t known_at_us, Tram__V1__Event **ret)
{
	size_t n = 0;
	ret[n] = announce_head(a, r, known_at_us);
	if (!ret[n++])
		return 0;
	for (size_t i = 0; i < r->judgement.n_findings; i++) {
		const struct finding *f = &r->judgement.findings[i];
		if (!is_announced(r, f))
			continue;
		ret[n] = announce_finding(a, r, f, known_at_us);
		if (!ret[n++])
			return 0;
	}
	return n;
}
