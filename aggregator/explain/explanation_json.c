/* SPDX-License-Identifier: Apache-2.0 */
#include "explanation.h"

#include "clock.h"
#include "text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Text, or null where there is none. Figures are texts: a number would be read as a binary one. */
static void set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text && *text ? json_string(text) : json_null());
}

static void set_time(json_t *object, const char *key, int64_t us)
{
	char when[CLOCK_TEXT];

	json_object_set_new(object, key,
			    us > 0 && us < INT64_MAX ? json_string(clock_text_rfc3339(us, when)) : json_null());
}

static void set_count(json_t *object, const char *key, int64_t n)
{
	json_object_set_new(object, key, json_integer(n));
}

/* "63/01 63/04" */
static json_t *words(const char *text)
{
	json_t *list = json_array();

	while (text && *text) {
		size_t len = strcspn(text, " ");

		json_array_append_new(list, json_stringn(text, len));
		text += len;
		text += *text == ' ';
	}
	return list;
}

/* ---------------------------------------------------------------- contributions */

/* The report that states it, and how that was signed. */
static json_t *stated(const struct explained_contribution *c)
{
	json_t *object = json_object();

	if (!c->agent) {
		json_decref(object);
		return json_null();
	}
	set_text(object, "agent", c->agent);
	set_text(object, "epoch", c->epoch);
	set_count(object, "seq", c->seq);
	set_count(object, "line", c->line);
	set_text(object, "provider", c->provider);
	set_text(object, "dataflow", c->dataflow);
	set_time(object, "known_at", c->known_at_us);
	set_text(object, "digest", c->digest);
	set_count(object, "first_seq", c->first_seq);
	set_count(object, "last_seq", c->last_seq);
	set_text(object, "chain", c->chain);
	set_text(object, "key_id", c->key_id);
	set_text(object, "signature", c->signature);
	return object;
}

static json_t *contribution(const struct explained_contribution *c)
{
	json_t *object = json_object(), *findings = c->findings ? json_loads(c->findings, 0, NULL) : NULL;

	set_text(object, "part", c->part);
	set_text(object, "indicator", c->indicator);
	set_text(object, "area", c->area);
	set_text(object, "area_name_vi", c->name_vi);
	set_text(object, "area_name_en", c->name_en);
	set_text(object, "counts_for", c->counts_for);
	set_text(object, "time_period", c->period);
	set_text(object, "state", c->state);
	json_object_set_new(object, "revision",
			    c->revision ? json_integer(strtoll(c->revision, NULL, 10)) : json_null());
	set_text(object, "value", c->value);
	set_text(object, "numerator", c->numerator);
	set_text(object, "denominator", c->denominator);
	set_text(object, "weight", c->weight);
	set_text(object, "share_percent", c->share);
	set_text(object, "population", c->population);
	set_text(object, "coverage_share_percent", c->coverage_share);
	set_count(object, "parts", c->leaves);
	set_text(object, "qualifier", c->qualifier);
	set_text(object, "obs_status", c->obs_status);
	json_object_set_new(object, "demonstration", json_boolean(c->demonstration));
	set_text(object, "outcome", c->outcome);
	set_text(object, "decided_by", c->decided_by);
	set_text(object, "decision_reason", c->decision_reason);
	set_text(object, "justification_code", c->justification_code);
	set_text(object, "justification", c->justification);
	json_object_set_new(object, "findings", findings ? findings : json_array());
	json_object_set_new(object, "stated", stated(c));
	return object;
}

/* ---------------------------------------------------------------- figures */

static void set_figure(json_t *object, const struct rollup_figure *f)
{
	set_text(object, "value", f->value);
	set_text(object, "numerator", f->numerator);
	set_text(object, "denominator", f->denominator);
	set_text(object, "unit", f->unit);
	set_text(object, "method", f->method);
	set_text(object, "boundary", f->boundary);
	set_text(object, "catalogue_version", f->catalogue_version);
	set_count(object, "areas_reporting", f->areas_reporting);
	set_count(object, "areas_expected", f->areas_expected);
	set_count(object, "parts_reporting", f->parts_reporting);
	set_count(object, "parts_expected", f->parts_expected);
	set_text(object, "coverage_weight", f->coverage_weight);
	set_text(object, "finality", f->finality);
	set_text(object, "obs_status", f->obs_status);
	set_text(object, "qualifier", f->qualifier);
	json_object_set_new(object, "demonstration", json_boolean(f->demonstration));
	set_count(object, "held", f->held);
	json_object_set_new(object, "missing", words(f->missing));
	set_text(object, "interval_low", f->interval_low);
	set_text(object, "interval_high", f->interval_high);
	set_text(object, "interval_basis", f->interval_basis);
	set_count(object, "vintage", f->vintage);
	json_object_set_new(object, "moved", json_boolean(f->moved));
}

static json_t *figure(const struct explanation_figure *f)
{
	json_t *object = json_object(), *rows = json_array();

	set_count(object, "figure", f->about.node);
	set_text(object, "indicator", f->about.indicator);
	set_text(object, "name_vi", f->about.name_vi);
	set_text(object, "name_en", f->about.name_en);
	set_text(object, "time_period", f->about.period);
	set_text(object, "how", f->about.how);
	set_text(object, "over_time", f->about.over_time);
	set_text(object, "finest_parts", f->about.leaf);
	set_text(object, "weighed_by", f->about.weighed_by);
	set_text(object, "weighed_over_time", f->about.weighed_over);
	json_object_set_new(object, "made_of",
			    f->about.top ? json_pack("[ii]", f->about.top, f->about.bottom) : json_array());
	if (f->about.is_there) {
		set_figure(object, &f->about.figure);
	}
	for (size_t i = 0; i < f->n; i++) {
		json_array_append_new(rows, contribution(&f->rows[i]));
	}
	json_object_set_new(object, "contributions", rows);
	return object;
}

json_t *explanation_json(const struct explanation *e)
{
	json_t *object = json_object(), *figures = json_array();

	set_text(object, "indicator", e->question.indicator);
	set_text(object, "time_period", e->question.period);
	set_text(object, "level", e->question.level);
	set_text(object, "area", e->question.area);
	set_time(object, "explained_at", e->at_us);
	set_time(object, "known_at", e->n ? e->figures[0].about.as_of_us : e->question.as_of_us);
	for (size_t i = 0; i < e->n; i++) {
		json_array_append_new(figures, figure(&e->figures[i]));
	}
	json_object_set_new(object, "figures", figures);
	return object;
}
