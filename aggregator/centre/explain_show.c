/* SPDX-License-Identifier: Apache-2.0 */
#include "explain_show.h"

#include "clock.h"
#include "display.h"
#include "lang.h"
#include "mem.h"
#include "table.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_SHOWN 8 /* hexadecimal digits, as in tickets */
#define HASH_SHOWN  16

/* ---------------------------------------------------------------- the head */

static void print_line(const char *title, const char *text)
{
	size_t columns = text_columns(title);

	if (*text) {
		printf("%s%*s %s\n", title, columns < 14 ? (int)(14 - columns) : 0, "", text);
	}
}

static void print_owned(const char *title, char *text)
{
	print_line(title, text);
	free(text);
}

static const struct {
	const char *how, *text;
} how_texts[] = {
    {"own", N_("stated as such by whom it is about; never made from others")},
    {"sum", N_("the areas' figures added up")},
    {"ratio", N_("numerators and denominators added up, then divided")},
    {"mean", N_("mean of the areas' figures, weighted")},
    {"growth", N_("made anew from the level and the level a year before")},
    {"quotient", N_("made anew from two figures")},
};

static char *method_text(const struct explained_figure *f)
{
	const char *text = f->how;

	for (size_t i = 0; i < sizeof how_texts / sizeof *how_texts; i++) {
		if (strcmp(how_texts[i].how, f->how) == 0) {
			text = _(how_texts[i].text);
		}
	}
	if (*f->leaf && strcmp(f->how, "own") == 0) {
		text = _("stated as such by whom it is about; where it is not, made of the shorter periods that are");
	}
	if (*f->weighed_by && strcmp(f->how, "mean") == 0) {
		return strcmp(f->weighed_by, "observation") == 0
			   ? xasprintf(_("%s by what each figure says it weighs (%s)"), text, f->figure.method)
			   : xasprintf(_("%s by %s (%s)"), text, f->weighed_by, f->figure.method);
	}
	return xasprintf("%s (%s)", text, f->figure.method);
}

static char *interval_text(const struct rollup_figure *r)
{
	char *low, *high, *text;

	if (!r->interval_low_shown || !r->interval_high_shown) {
		return display_no_interval(r);
	}
	low = display_number(r->interval_low_shown);
	high = display_figure(r->interval_high_shown, "", r->display_unit_mult, r->unit, r->unit_vi);
	text = xasprintf(_("%s to %s, if those missing had stated what they stated before (%s)"), low, high,
			 r->interval_basis);
	free(low);
	free(high);
	return text;
}

static char *parts_text(const struct rollup_figure *r)
{
	return r->parts_expected > r->areas_expected
		   ? xasprintf(_("%d of %d (areas × parts of the period)"), r->parts_reporting, r->parts_expected)
		   : xstrdup("");
}

static char *known_text(const struct explanation *e)
{
	int64_t us = e->figures[0].about.as_of_us;
	char when[CLOCK_TEXT];

	return us == INT64_MAX ? xasprintf(_("%s (now)"), clock_text_vn(e->at_us, when))
			       : xstrdup(clock_text_vn(us, when));
}

static void print_figure(const struct explanation *e, size_t at)
{
	const struct explained_figure *f = &e->figures[at].about;
	const struct rollup_figure *r = &f->figure;

	printf("%s (%s), %s, %s\n", lang_is_vi() ? f->name_vi : f->name_en, f->indicator, f->period, e->question.area);
	if (!f->is_there) {
		print_line(_("Figure"), _("none"));
		return;
	}
	print_owned(_("Figure"), display_rollup(r));
	print_owned(_("Exactly"), r->value ? display_exact(r->value) : xstrdup(""));
	print_owned(_("Method"), method_text(f));
	print_owned(_("Formula"), explain_formula(e, at));
	print_owned(_("Coverage"), display_coverage(r));
	print_owned(_("Parts of the period"), parts_text(r));
	print_owned(_("Interval"), interval_text(r));
	print_owned(_("Remarks"), display_joined(display_remarks(r), ", ", display_closing(r)));
	if (at == 0) {
		print_owned(_("Known at"), known_text(e));
		print_owned(_("Catalogue"), xasprintf(_("version %s, units of %s"), r->catalogue_version, r->boundary));
	}
}

/* ---------------------------------------------------------------- contributions */

struct shown {
	bool weights, parts, periods;
};

static struct shown what_is_shown(const struct explanation_figure *f)
{
	struct shown s = {.weights = strcmp(f->about.how, "mean") == 0};

	for (size_t i = 0; i < f->n; i++) {
		s.parts = s.parts || (f->rows[i].numerator && f->rows[i].denominator);
		s.periods = s.periods || strcmp(f->rows[i].period, f->about.period) != 0;
	}
	return s;
}

static const char *name_of(const struct explained_contribution *c)
{
	return lang_is_vi() ? c->name_vi : c->name_en;
}

static void cell_owned(struct table *t, char *text)
{
	table_cell(t, text);
	free(text);
}

static char *percent_text(const char *share)
{
	char *digits = share ? display_number(share) : NULL, *text = digits ? xasprintf("%s %%", digits) : xstrdup("");

	free(digits);
	return text;
}

/* "agent-63-46/7f3a9c21/17:3" */
static char *place_text(const struct explained_contribution *c)
{
	return c->agent ? xasprintf("%s/%.*s/%" PRId64 ":%" PRId64, c->agent, EPOCH_SHOWN, c->epoch, c->seq, c->line)
			: xstrdup("");
}

static void contribution_columns(struct table *t, const struct shown *s)
{
	table_column(t, "area", _("Area"), TABLE_LEFT);
	if (s->periods) {
		table_column(t, "time_period", _("Period"), TABLE_LEFT);
	}
	table_column(t, "value", _("Value"), TABLE_RIGHT);
	if (s->parts) {
		table_column(t, "parts", _("Parts"), TABLE_RIGHT);
	}
	if (s->weights) {
		table_column(t, "weight", _("Weight"), TABLE_RIGHT);
	}
	table_column(t, "share", _("Share"), TABLE_RIGHT);
	table_column(t, "revision", _("Rev."), TABLE_RIGHT);
	table_column(t, "findings", _("Findings"), TABLE_LEFT);
	table_column(t, "report", _("Report: line"), TABLE_LEFT);
	table_column(t, "digest", _("Digest"), TABLE_LEFT);
	table_column(t, "key", _("Signed by key"), TABLE_LEFT);
}

static void contribution_row(struct table *t, const struct shown *s, const struct explained_contribution *c)
{
	table_cell(t, name_of(c));
	if (s->periods) {
		table_cell(t, c->period);
	}
	cell_owned(t, display_number(c->value));
	if (s->parts) {
		cell_owned(t, display_parts(c->numerator, c->denominator));
	}
	if (s->weights) {
		cell_owned(t, display_number(c->weight));
	}
	cell_owned(t, percent_text(c->share));
	table_cell(t, c->revision);
	table_cell_coloured(t, "yellow", c->rules);
	cell_owned(t, place_text(c));
	table_cell_printf(t, "%.*s", HASH_SHOWN, c->digest ? c->digest : "");
	table_cell(t, c->key_id);
}

static bool is_part(const struct explained_contribution *c, const char *part, const char *state)
{
	return strcmp(c->part, part) == 0 && strcmp(c->state, state) == 0;
}

static void print_contributions(const struct explanation_figure *f, const char *part, const char *title)
{
	struct shown s = what_is_shown(f);
	size_t n = explanation_count(f, part, "counts");
	struct table *t;

	if (n == 0) {
		return;
	}
	printf("\n%s (%zu)\n", title, n);
	s.weights = s.weights && strcmp(part, "value") == 0;
	t = table_new(TABLE_TEXT, stdout);
	contribution_columns(t, &s);
	for (size_t i = 0; i < f->n; i++) {
		if (is_part(&f->rows[i], part, "counts")) {
			contribution_row(t, &s, &f->rows[i]);
		}
	}
	table_close(&t, true);
}

/* ---------------------------------------------------------------- what is not in it */

static const struct {
	const char *state, *text;
} state_texts[] = {
    {"missing", N_("missing")},
    {"held", N_("held, and in nothing")},
    {"explained", N_("says why there is none")},
    {"not_applicable", N_("not applicable there: counts as reported")},
    {"hidden", N_("stands, and another figure says more")},
};

static void print_outside(const struct explanation_figure *f)
{
	struct table *t = NULL;

	for (size_t k = 0; k < sizeof state_texts / sizeof *state_texts; k++) {
		for (size_t i = 0; i < f->n; i++) {
			const struct explained_contribution *c = &f->rows[i];

			if (!is_part(c, "value", state_texts[k].state)) {
				continue;
			}
			if (!t) {
				printf("\n%s\n", _("Not in it"));
				t = table_new(TABLE_TEXT, stdout);
				table_column(t, "area", _("Area"), TABLE_LEFT);
				table_column(t, "time_period", _("Period"), TABLE_LEFT);
				table_column(t, "state", _("State"), TABLE_LEFT);
				table_column(t, "share", _("Its part of the whole"), TABLE_RIGHT);
				table_column(t, "value", _("Value"), TABLE_RIGHT);
				table_column(t, "findings", _("Findings"), TABLE_LEFT);
				table_column(t, "report", _("Report: line"), TABLE_LEFT);
			}
			table_cell(t, name_of(c));
			table_cell(t, c->period);
			table_cell_coloured(t, "yellow", _(state_texts[k].text));
			cell_owned(t, percent_text(c->coverage_share));
			cell_owned(t, c->revision ? display_number(c->value) : xstrdup(""));
			table_cell(t, c->rules);
			cell_owned(t, place_text(c));
		}
	}
	if (t) {
		table_close(&t, true);
	}
}

/* ---------------------------------------------------------------- how it was signed */

static void print_signatures(const struct explanation_figure *f)
{
	struct table *t = table_new(TABLE_TEXT, stdout);

	printf("\n%s\n", _("How the reports were signed"));
	table_column(t, "area", _("Area"), TABLE_LEFT);
	table_column(t, "report", _("Report: line"), TABLE_LEFT);
	table_column(t, "digest", _("Digest (BLAKE2b-256)"), TABLE_LEFT);
	table_column(t, "batch", _("Batch"), TABLE_LEFT);
	table_column(t, "chain", _("Chain at its end"), TABLE_LEFT);
	table_column(t, "signature", _("Signature"), TABLE_LEFT);
	for (size_t i = 0; i < f->n; i++) {
		const struct explained_contribution *c = &f->rows[i];

		if (!c->agent) {
			continue;
		}
		table_cell(t, name_of(c));
		cell_owned(t, place_text(c));
		table_cell(t, c->digest);
		table_cell_printf(t, "%" PRId64 "-%" PRId64, c->first_seq, c->last_seq);
		table_cell(t, c->chain);
		table_cell(t, c->signature);
	}
	table_close(&t, true);
}

void explain_show(const struct explanation *e, bool signatures)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct explanation_figure *f = &e->figures[i];

		if (i > 0) {
			printf("\n");
		}
		print_figure(e, i);
		print_contributions(f, "value", _("Contributions"));
		print_contributions(f, "weight", _("Weights"));
		print_outside(f);
		if (signatures && f->n > 0) {
			print_signatures(f);
		}
	}
}
