/* SPDX-License-Identifier: Apache-2.0 */
/* tram explain: what one figure is made of, and the proof of it. */
#include "centre.h"

#include "cli.h"
#include "explain_proof.h"
#include "explain_show.h"
#include "lang.h"
#include "named.h"
#include "period.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct explain_options {
	struct centre_options centre;
	const char *level, *area, *boundary, *as_of, *proof, *keys;
	bool signatures, open;
};

static const struct option_row rows[] = {
    {"area", "AREA", OPTION_TEXT, offsetof(struct explain_options, area),
     N_("of this province or region: 63/46, P63-46, 46, 63/red_river_delta (the nation)")},
    {"level", "LEVEL", OPTION_TEXT, offsetof(struct explain_options, level),
     N_("nation, region or province; follows from --area")},
    {"boundary", "VINTAGE", OPTION_TEXT, offsetof(struct explain_options, boundary),
     N_("63 or 34 provinces, or a day (those of --area, or in force at the period's end)")},
    {"as-of", "TIME", OPTION_TEXT, offsetof(struct explain_options, as_of),
     N_("as it was known then: 2024-07-19, or 2024-07-19T08:00:00+07:00")},
    {"open", NULL, OPTION_FLAG, offsetof(struct explain_options, open),
     N_("what is known, and not what a period was closed with")},
    {"signatures", NULL, OPTION_FLAG, offsetof(struct explain_options, signatures),
     N_("shows digest, chain and signature of every report too")},
    {"proof", "FILE", OPTION_TEXT, offsetof(struct explain_options, proof),
     N_("what a check with public keys alone needs: tram verify --proof FILE")},
    {"key-file", "FILE", OPTION_TEXT, offsetof(struct explain_options, keys),
     N_("the centre's secret keys, which sign the proof (those of the settings)")},
    CENTRE_ROWS(explain_options),
};

static const struct options spec = {
    "explain",
    "INDICATOR PERIOD [OPTION]...",
    N_("What a figure is made of: the formula with its numbers, every contribution with its share, its report and how\n"
       "that was signed, who is missing, what is held. --format json has all of it, exactly."),
    false,
    false,
    rows,
    sizeof rows / sizeof *rows,
    2,
    2};

/* ---------------------------------------------------------------- what is asked */

static bool check_period(const char *text, struct err *err)
{
	struct period p;

	return period_parse(text, &p) ||
	       err_set(err, ERR_USAGE,
		       _("%s is no time period: write 2024, 2024-S1, 2024-Q2, 2024-06, 2024-W05, 2024-06-14 or "
			 "2018-01-01/P7Y"),
		       text);
}

/* Nothing was stated for the period: most likely another one is meant. */
static bool check_has_period(struct store *s, const struct explanation *e, struct err *err)
{
	const struct explain_question *q = &e->question;
	struct explanation_periods others;

	if (explanation_periods(s, e, &others, err) != STORE_OK) {
		return false;
	}
	if (!others.is_unknown) {
		return true;
	}
	return *others.nearest ? err_set(err, ERR_DATA, _("%s has no figures for %s; it has for %s"), q->indicator,
					 q->period, others.nearest)
			       : err_set(err, ERR_DATA, _("%s has no figures yet"), q->indicator);
}

/* "34", and not a day on which units were in force. */
static bool is_vintage(const char *boundary)
{
	return boundary && strchr(boundary, '-') == NULL;
}

/* The level and the units follow from the area. */
static bool read_area(struct store *s, const struct explain_options *o, struct arena *a, struct explain_area *area,
		      struct explain_question *q, struct err *err)
{
	const char *name = o->area ? o->area : "VN";

	if (!o->area && o->level && strcmp(o->level, "nation") != 0) {
		return err_set(
		    err, ERR_USAGE,
		    _("--level %s: say of which, with --area (tram rollup --level %s --format csv lists them)"),
		    o->level, o->level);
	}
	if (!named(s, STORE_AREA, a, &name, err) || store_explain_area(s, name, area, err) != STORE_OK) {
		return false;
	}
	if (o->level && strcmp(o->level, area->level) != 0) {
		return err_set(err, ERR_USAGE, _("--level %s: %s is of level %s"), o->level, area->area, area->level);
	}
	if (is_vintage(o->boundary) && *area->vintage && strcmp(o->boundary, area->vintage) != 0) {
		return err_set(err, ERR_USAGE, _("--boundary %s: %s is one of the units of %s"), o->boundary,
			       area->area, area->vintage);
	}
	q->area = area->area;
	q->level = area->level;
	if (!q->boundary && *area->vintage) {
		q->boundary = area->vintage;
	}
	return true;
}

/* ---------------------------------------------------------------- the answer */

static bool show(const struct explanation *e, const struct explain_options *o, struct err *err)
{
	if (o->centre.common.format == TABLE_JSON) {
		return cli_print_json(explanation_json(e), err);
	}
	explain_show(e, o->signatures);
	return true;
}

static bool answer(struct store *s, const struct explain_options *o, const struct explain_question *q, struct err *err)
{
	struct arena *arena = arena_new(EXPLANATION_MEMORY);
	struct explanation e;
	int64_t at_us;
	bool fine = store_explain_begin(s, &at_us, err) == STORE_OK;

	if (fine) {
		fine = explanation_ask(s, q, at_us, arena, &e, err);
		if (fine && e.n == 0) {
			fine = err_set(err, ERR_DATA, _("there is no figure of %s for %s, %s"), q->area, q->indicator,
				       q->period);
		}
		fine = fine && check_has_period(s, &e, err);
		fine = fine && (!o->proof || explain_prove(s, &e, &o->centre, o->keys, o->proof, err));
		store_explain_end(s);
	}
	fine = fine && show(&e, o, err);
	if (fine && o->proof && strcmp(o->proof, "-") != 0) {
		fprintf(stderr,
			_("The proof is in %s; anybody can check it: tram verify --proof %s --key centre.pub\n"),
			o->proof, o->proof);
	}
	arena_free(&arena);
	return fine;
}

/* A proof speaks of a moment at which nothing becomes known any more. */
static bool settle(struct store *s, const struct explain_options *o, struct explain_question *q, struct err *err)
{
	return !o->proof || store_explain_moment(s, q->as_of_us, &q->as_of_us, err) == STORE_OK;
}

static bool explain(struct store *s, const struct explain_options *o, struct explain_question *q, struct err *err)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct explain_area area;
	bool fine = centre_moment_came(s, MOMENT_AS_OF, o->as_of, err) &&
		    named(s, STORE_INDICATOR, a, &q->indicator, err) &&
		    named_period(s, STORE_INDICATOR, q->indicator, q->period, err) &&
		    read_area(s, o, a, &area, q, err) && settle(s, o, q, err) && answer(s, o, q, err);

	arena_free(&a);
	return fine;
}

int cmd_explain(int argc, char **argv)
{
	struct explain_options o = {0};
	struct explain_question q;
	struct store *s;
	struct err err;
	int first, status;
	bool fine;

	if (!centre_parse(&spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	q = (struct explain_question){.indicator = argv[first],
				      .period = argv[first + 1],
				      .boundary = o.boundary,
				      .as_of_us = INT64_MAX,
				      .open = o.open};
	if (!check_period(q.period, &err) || !moment_read(MOMENT_AS_OF, o.as_of, &q.as_of_us, &err) ||
	    !named_level(o.level, &err) || !named_boundary(o.boundary, &err) ||
	    !(s = centre_connect(&o.centre, o.proof ? CENTRE_AUDITOR : CENTRE_READER, &err))) {
		return centre_fail(&err);
	}
	fine = explain(s, &o, &q, &err);
	store_close(&s);
	return fine ? EX_OK : centre_fail(&err);
}
