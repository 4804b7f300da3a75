/* SPDX-License-Identifier: Apache-2.0 */
#include "given.h"

#include "clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* protobuf-c's structs hold what nobody writes to as char *. */
static char *text(struct given *g, const char *s)
{
	return arena_strdup(g->arena, s);
}

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* "16.4"; "1:19" is mantissa and scale as they stand on the wire; "" is nothing. */
static Tram__V1__Decimal *number(struct given *g, const char *s)
{
	Tram__V1__Decimal *ret = arena_alloc(g->arena, sizeof *ret);
	struct decimal d;
	char *end;

	tram__v1__decimal__init(ret);
	if (!*s) {
		return NULL;
	}
	if (strchr(s, ':')) {
		ret->mantissa = strtoll(s, &end, 10);
		ret->scale = (uint32_t)strtoul(end + 1, NULL, 10);
		return ret;
	}
	assert_int_equal(decimal_parse(s, strlen(s), DECIMAL_LOCALE_NONE, &d), DECIMAL_FINE);
	ret->mantissa = d.mantissa;
	ret->scale = d.scale;
	return ret;
}

static int one_of(const char *name, const char *const *names)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], name) == 0) {
			return i;
		}
	}
	return atoi(name);
}

static const char *const missing_reasons[] = {
    "", "not_applicable", "not_collected", "late", "suppressed", "system_down", NULL};
static const char *const qualifiers[] = {"", "exact", "at_least", "more_than", "at_most", "nearly", "approx", NULL};
static const char *const purposes[] = {"", "regular", "backfill", "correction", NULL};
static const char *const outcomes[] = {"", "accepted", "warned", "held", "refused", NULL};
static const char *const decisions[] = {"", "released", "refused", "held", "withdrawn", NULL};
static const char *const actions[] = {"replace", "withdraw", NULL};

/* ---------------------------------------------------------------- settings */

/* A moment in Viet Nam: "2024-06-05T08:00:00+07:00", or a day's midnight. */
static int64_t moment(const char *s)
{
	int64_t us;

	if (!*s) {
		return 0;
	}
	assert_true(clock_parse(s, &us));
	return us;
}

static void set_report(struct given *g, const char *name, const char *value)
{
	Tram__V1__Report *r = &g->report;
	const struct {
		const char *name;
		char **at;
	} texts[] = {{"provider", &r->provider},
		     {"dataflow", &r->dataflow},
		     {"period", &r->time_period},
		     {"from", &r->period_from},
		     {"to", &r->period_to},
		     {"date", &r->reference_date},
		     {"reason", &r->reason},
		     {"prepared_by", &r->prepared_by},
		     {"prepared_at", &r->prepared_at},
		     {"approved_by", &r->approved_by},
		     {"approved_at", &r->approved_at},
		     {"report_comment", &r->comment},
		     {"report_code", &r->justification_code},
		     {"report_why", &r->justification}};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (strcmp(texts[i].name, name) == 0) {
			*texts[i].at = text(g, value);
			return;
		}
	}
	if (strcmp(name, "agent") == 0) {
		snprintf(g->agent, sizeof g->agent, "%s", value);
	} else if (strcmp(name, "purpose") == 0) {
		r->purpose = (Tram__V1__Purpose)one_of(value, purposes);
	} else if (strcmp(name, "revises") == 0) {
		r->revises = atoi(value);
	} else if (strcmp(name, "received") == 0) {
		g->received_at_us = moment(value);
	} else if (strcmp(name, "handed_in") == 0) {
		g->handed_in_at_us = moment(value);
	} else if (strcmp(name, "observations") == 0) {
		r->n_observations = (size_t)atoi(value);
	} else {
		fail_msg("no setting is named %s", name);
	}
}

static void set_dimensions(struct given *g, Tram__V1__Observation *o, const char *value)
{
	char *rest = text(g, value), *pair;

	o->dimensions = arena_calloc(g->arena, 4, sizeof *o->dimensions);
	o->n_dimensions = 0;
	while ((pair = strsep(&rest, "|"))) {
		Tram__V1__Dimension *d = arena_alloc(g->arena, sizeof *d);
		char *code = strchr(pair, '=');

		tram__v1__dimension__init(d);
		*code++ = 0;
		d->id = pair;
		d->value = code;
		o->dimensions[o->n_dimensions++] = d;
	}
}

static bool set_line(struct given *g, Tram__V1__Observation *o, const char *name, const char *value)
{
	const struct {
		const char *name;
		char **at;
	} texts[] = {{"indicator", &o->indicator},  {"area", &o->ref_area},     {"unit", &o->unit},
		     {"source", &o->source_system}, {"why", &o->justification}, {"code", &o->justification_code},
		     {"comment", &o->comment}};
	const struct {
		const char *name;
		Tram__V1__Decimal **at;
	} numbers[] = {{"value", &o->value}, {"num", &o->numerator}, {"den", &o->denominator}, {"weight", &o->weight}};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (strcmp(texts[i].name, name) == 0) {
			*texts[i].at = text(g, value);
			return true;
		}
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (strcmp(numbers[i].name, name) == 0) {
			*numbers[i].at = number(g, value);
			return true;
		}
	}
	if (strcmp(name, "rank") == 0) {
		o->rank_out_of = (uint32_t)strtoul(value, NULL, 10);
	} else if (strcmp(name, "reporting") == 0) {
		o->units_reporting = (uint32_t)strtoul(value, NULL, 10);
	} else if (strcmp(name, "expected") == 0) {
		o->units_expected = (uint32_t)strtoul(value, NULL, 10);
	} else if (strcmp(name, "mult") == 0) {
		o->unit_mult = atoi(value);
	} else if (strcmp(name, "status") == 0) {
		o->obs_status = (Tram__V1__ObservationStatus)(value[0] && !value[1] ? value[0] : atoi(value));
	} else if (strcmp(name, "missing") == 0) {
		o->missing_reason = (Tram__V1__MissingReason)one_of(value, missing_reasons);
	} else if (strcmp(name, "qualifier") == 0) {
		o->qualifier = (Tram__V1__Qualifier)one_of(value, qualifiers);
	} else if (strcmp(name, "action") == 0) {
		o->action = (Tram__V1__ObservationAction)one_of(value, actions);
	} else if (strcmp(name, "dim") == 0) {
		set_dimensions(g, o, value);
	} else {
		return false;
	}
	return true;
}

static void set_past_number(struct given *g, const char *value, bool *ret_has, struct decimal *ret)
{
	const Tram__V1__Decimal *d = number(g, value);

	*ret_has = d != NULL;
	*ret = d ? (struct decimal){d->mantissa, (uint8_t)d->scale} : *ret;
}

static void set_past(struct given *g, struct past *p, const char *name, const char *value)
{
	if (!p->exists) {
		*p = (struct past){.exists = true, .current = true, .revision = 1, .obs_status = 'A', .qualifier = 1};
	}
	if (strcmp(name, "value") == 0) {
		set_past_number(g, value, &p->has_value, &p->value);
	} else if (strcmp(name, "num") == 0) {
		set_past_number(g, value, &p->has_numerator, &p->numerator);
	} else if (strcmp(name, "den") == 0) {
		set_past_number(g, value, &p->has_denominator, &p->denominator);
	} else if (strcmp(name, "weight") == 0) {
		set_past_number(g, value, &p->has_weight, &p->weight);
	} else if (strcmp(name, "current") == 0) {
		p->current = atoi(value);
	} else if (strcmp(name, "withdrawn") == 0) {
		p->withdrawn = atoi(value);
		p->current = !p->withdrawn;
	} else if (strcmp(name, "outcome") == 0) {
		p->outcome = (enum outcome)one_of(value, outcomes);
		p->current = p->outcome == OUTCOME_ACCEPTED || p->outcome == OUTCOME_WARNED;
	} else if (strcmp(name, "decided") == 0) {
		p->decided = (enum decided)one_of(value, decisions);
		p->current = p->decided == DECIDED_RELEASED;
	} else if (strcmp(name, "known") == 0) {
		p->known_at_us = moment(value);
	} else if (strcmp(name, "reasoned") == 0) {
		p->reasoned = atoi(value);
	} else if (strcmp(name, "asked") == 0) {
		p->asked = text(g, value);
	} else if (strcmp(name, "decided") == 0) {
		p->decided = (enum decided)atoi(value);
	} else if (strcmp(name, "revision") == 0) {
		p->revision = (uint32_t)atoi(value);
	} else if (strcmp(name, "status") == 0) {
		p->obs_status = *value;
	} else if (strcmp(name, "qualifier") == 0) {
		p->qualifier = one_of(value, qualifiers);
	} else if (strcmp(name, "missing") == 0) {
		p->missing_reason = one_of(value, missing_reasons);
		p->obs_status = 'M';
	} else {
		fail_msg("nothing stored is named %s", name);
	}
}

/* "5", "3/4" */
static void set_point(struct given *g, struct point *p, char *value)
{
	char *slash = strchr(value, '/');

	if (slash) {
		*slash++ = 0;
		set_past_number(g, value, &p->has_numerator, &p->numerator);
		set_past_number(g, slash, &p->has_denominator, &p->denominator);
	} else {
		set_past_number(g, value, &p->has_value, &p->value);
	}
}

/* "2023-S2: 5 - 7* 8" */
static void set_history(struct given *g, int line, const char *value)
{
	char *rest = text(g, value + strspn(value, " ")), *last = strsep(&rest, ":"), *word, *list[2 * HISTORY_POINTS];
	struct history *h = &g->history[line];
	struct period end, period;
	unsigned n = 0;

	assert_true(period_parse(last, &end));
	while ((word = strsep(&rest, " "))) {
		if (*word) {
			list[n++] = word;
		}
	}
	h->points = g->points[line];
	h->n = 0;
	for (unsigned i = 0; i < n; i++) {
		struct point *p = &g->points[line][h->n];
		size_t len = strlen(list[i]);

		if (strcmp(list[i], "-") == 0) {
			continue;
		}
		assert_true(period_back(&end, n - 1 - i, &period));
		*p = (struct point){.period = period_pack(&period), .breaks = list[i][len - 1] == '*'};
		list[i][len - p->breaks] = 0;
		set_point(g, p, list[i]);
		h->n++;
	}
}

/* "psp_new_accounts@2023-S2", "5" */
static void set_stands(struct given *g, const char *name, const char *value)
{
	char *indicator = text(g, name), *at = strchr(indicator, '@');
	struct given_stands *s = &g->stands[g->n_stands++];
	struct period period;

	assert_true(g->n_stands <= GIVEN_STANDS);
	*at++ = 0;
	assert_true(period_parse(at, &period));
	*s = (struct given_stands){.indicator = indicator, .point.period = period_pack(&period)};
	set_point(g, &s->point, text(g, value));
}

/* "62 5 0.5", "62 5 0.5 71.25 8" */
static void set_peers(struct given *g, int line, const char *value)
{
	char *rest = text(g, value);
	struct peer_figures *p = &g->peer_figures[line];
	bool has;

	p->n = (uint32_t)atoi(strsep(&rest, " "));
	set_past_number(g, strsep(&rest, " "), &has, &p->median);
	set_past_number(g, strsep(&rest, " "), &has, &p->mad);
	if (rest) {
		set_past_number(g, strsep(&rest, " "), &has, &p->mode);
		p->mode_n = (uint32_t)atoi(rest);
	}
	g->peers[line] = p;
}

/* "P63-45 2023-S2 12" */
static void set_look_alike(struct given *g, const char *value)
{
	char *rest = text(g, value);
	struct look_alike *a = arena_alloc(g->arena, sizeof *a);

	a->provider = strsep(&rest, " ");
	a->time_period = strsep(&rest, " ");
	a->figures = (uint32_t)atoi(rest);
	g->look_alike = a;
}

/* "1 2024-07-31 Lê Văn An" of a period; "": the report's, which is told when it is judged */
static void set_closed(struct given *g, const char *period, const char *value)
{
	char *rest = text(g, value);
	struct closed *c = &g->closed[g->n_closed++];
	struct period p;

	assert_true(g->n_closed <= RULES_PERIODS);
	*c = (struct closed){.vintage = atoi(strsep(&rest, " "))};
	c->closed_at_us = moment(strsep(&rest, " "));
	c->closed_by = rest;
	if (*period) {
		assert_true(period_parse(period, &p));
		c->period = period_pack(&p);
	}
}

/* "2024: 1 2024-07-31 Lê Văn An" */
static void set_longer(struct given *g, const char *value)
{
	char *rest = text(g, value);
	const char *period = strsep(&rest, ":");

	set_closed(g, period, rest + 1);
}

/* "h1", "q12", "s.", "reported", "alike", "closed", "longer": what is known besides. False: it is none of these. */
static bool set_known(struct given *g, const char *name, const char *value)
{
	if (strcmp(name, "reported") == 0) {
		g->reported = text(g, value);
	} else if (strcmp(name, "alike") == 0) {
		set_look_alike(g, value);
	} else if (strcmp(name, "closed") == 0) {
		set_closed(g, "", value);
	} else if (strcmp(name, "longer") == 0) {
		set_longer(g, value);
	} else if (has_prefix(name, "s.")) {
		set_stands(g, name + 2, value);
	} else if (*name == 'h' && name[1] >= '1' && name[1] <= '9') {
		set_history(g, atoi(name + 1), value);
	} else if (*name == 'q' && name[1] >= '1' && name[1] <= '9') {
		set_peers(g, atoi(name + 1), value);
	} else {
		return false;
	}
	return true;
}

/* "2.value" -> 2, "value" */
static int line_of(struct given *g, const char **name)
{
	const char *dot = strchr(*name, '.');
	int line = dot ? atoi(*name) : 1;

	assert_in_range(line, 1, GIVEN_LINES);
	*name = dot ? dot + 1 : *name;
	while (g->report.n_observations < (size_t)line) {
		size_t n = ++g->report.n_observations;

		g->lines[n] = g->lines[1];
		g->observations[n - 1] = &g->lines[n];
	}
	return line;
}

static void set_one(struct given *g, char *setting)
{
	char *value = strchr(setting, '=');
	const char *name = setting + strspn(setting, " "), *of_line = name;

	assert_non_null(value);
	*value++ = 0;
	if (set_known(g, name, value)) {
		return;
	}
	if (has_prefix(name, "p") && name[1] >= '1' && name[1] <= '9') {
		of_line++;
		int line = line_of(g, &of_line);

		set_past(g, &g->past[line], of_line, value);
		return;
	}
	if (strchr(name, '.')) {
		int line = line_of(g, &of_line);

		assert_true(set_line(g, &g->lines[line], of_line, value));
	} else if (!set_line(g, &g->lines[1], name, value)) {
		set_report(g, name, value);
	}
}

void given_set(struct given *g, const char *settings)
{
	char *rest = text(g, settings), *setting;

	while ((setting = strsep(&rest, ";"))) {
		if (strchr(setting, '=')) {
			set_one(g, setting);
		}
	}
}

/* ---------------------------------------------------------------- whole reports */

static const struct {
	const char *kind, *settings;
} kinds[] = {
    {"province", "indicator=psp_registered_accounts; value=190123"},
    {"ratio", "dataflow=digital_infrastructure_province; indicator=household_fiber_share; num=71; den=100; value=71"},
    {"mean", "dataflow=digital_infrastructure_province; indicator=fixed_broadband_speed; value=93.31; weight=1000"},
    {"statistics",
     "dataflow=province_statistics; period=2023; date=2023-12-31; purpose=backfill; indicator=population; "
     "value=1178600"},
    {"centre",
     "provider=C-MIC; agent=agent-centre; dataflow=governance; indicator=reporting_provinces; area=VN; value=63"},
    {"targets", "provider=C-MIC; agent=agent-centre; dataflow=policy_targets; period=2024; date=2024-04-24; area=VN; "
		"indicator=dx_pilot_provinces_target_low; value=1"},
    {"ranks",
     "provider=C-MIC; agent=agent-centre; dataflow=international_comparison; period=2022; date=2022-12-31; area=VN; "
     "purpose=backfill; indicator=egov_development_index_rank; value=86; rank=193"},
};

void given_start(struct given *g, const char *kind)
{
	memset(g, 0, sizeof *g);
	g->arena = arena_new(4u << 20);
	tram__v1__report__init(&g->report);
	tram__v1__observation__init(&g->lines[1]);
	g->report.observations = g->observations;
	g->report.n_observations = 1;
	g->observations[0] = &g->lines[1];
	given_set(
	    g,
	    "agent=agent-63-46; provider=P63-46; dataflow=public_services_province; period=2024-S1; date=2024-06-01; "
	    "purpose=regular; prepared_by=Phòng Thống kê; area=63/46; qualifier=exact; "
	    "received=2024-06-05T08:00:00+07:00; handed_in=2024-06-05T08:00:00+07:00");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].kind, kind) == 0) {
			given_set(g, kinds[i].settings);
			return;
		}
	}
	fail_msg("no kind is named %s", kind);
}

static const struct point *point_of(const struct knowledge *k, const struct figure *f,
				    const struct indicator *indicator, int32_t period)
{
	const struct given *g = k->context;

	(void)f;
	for (size_t i = 0; i < g->n_stands; i++) {
		if (strcmp(g->stands[i].indicator, indicator->code) == 0 && g->stands[i].point.period == period) {
			return &g->stands[i].point;
		}
	}
	return NULL;
}

/* By indicator position; NULL: not known. */
static const bool *reported(struct given *g, const struct catalogue *c)
{
	const struct indicator *all;
	bool *ret = arena_calloc(g->arena, catalogue_indicators(c, &all), sizeof *ret);
	char *rest = text(g, g->reported ? g->reported : ""), *code;

	while ((code = strsep(&rest, "|"))) {
		if (*code) {
			assert_non_null(catalogue_indicator(c, code));
			ret[catalogue_indicator(c, code)->position] = true;
		}
	}
	return g->reported ? ret : NULL;
}

void given_judge(struct given *g, const struct catalogue *c)
{
	struct knowledge known = {.past = g->past + 1,
				  .history = g->history + 1,
				  .peers = g->peers + 1,
				  .look_alike = g->look_alike,
				  .closed = g->closed,
				  .n_closed = g->n_closed,
				  .reported = reported(g, c),
				  .point_of = point_of,
				  .context = g};
	struct report_context ctx = {.catalogue = c,
				     .report = &g->report,
				     .agent = g->agent,
				     .received_at_us = g->received_at_us,
				     .handed_in_at_us = g->handed_in_at_us};

	assert_true(rules_resolve(&ctx, g->arena, &g->j));
	for (size_t i = 0; i < g->n_closed && g->j.readable; i++) {
		g->closed[i].period = g->closed[i].period ? g->closed[i].period : period_pack(&g->j.period);
	}
	assert_true(rules_judge(&ctx, &known, g->arena, &g->j));
}

void given_end(struct given *g)
{
	arena_free(&g->arena);
}

const struct finding *given_finding(const struct given *g, const char *rule, uint32_t line, const char *field)
{
	for (size_t i = 0; i < g->j.n_findings; i++) {
		const struct finding *f = &g->j.findings[i];

		if (f->line == line && strcmp(f->rule->code, rule) == 0 && (!field || strcmp(f->field, field) == 0)) {
			return f;
		}
	}
	return NULL;
}

const char *given_outcomes(const struct given *g)
{
	static const char letters[] = " AWHRD";
	char *ret = arena_alloc(g->arena, g->j.n + 1);

	for (size_t i = 0; i < g->j.n; i++) {
		ret[i] = letters[g->j.outcomes[i]];
	}
	return ret;
}

const char *given_words(const struct given *g)
{
	static const char letters[] = " PWHF";
	char *ret = arena_alloc(g->arena, g->j.n_words + 1);

	for (size_t i = 0; i < g->j.n_words; i++) {
		ret[i] = letters[g->j.words[i]];
	}
	return ret;
}

void given_print(const struct given *g)
{
	print_error("outcomes %s, words %s\n", given_outcomes(g), given_words(g));
	for (size_t i = 0; i < g->j.n_findings; i++) {
		const struct finding *f = &g->j.findings[i];

		print_error("%u %s %d %s: found '%s', expected '%s'\n", f->line, f->rule->code, f->severity, f->field,
			    f->found, f->expected);
	}
}
