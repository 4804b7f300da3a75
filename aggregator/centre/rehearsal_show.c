/* SPDX-License-Identifier: Apache-2.0 */
/* What a rehearsal found, for people and for programs. */
#include "rehearsal.h"

#include "display.h"
#include "lang.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct outcome_name {
	const char *code, *name;
} outcomes[REHEARSAL_STATES] = {
    [OUTCOME_ACCEPTED] = {"accepted", N_("accepted")},
    [OUTCOME_WARNED] = {"accepted_with_warnings", N_("warning")},
    [OUTCOME_HELD] = {"held", N_("held")},
    [OUTCOME_REFUSED] = {"refused", N_("refused")},
    [OUTCOME_DUPLICATE] = {"duplicate", N_("duplicate")},
};

static const struct {
	char letter;
	const char *code, *name;
} states[] = {
    {'P', "pass", N_("passed")}, {'W', "warn", N_("warning")}, {'H', "held", N_("held")}, {'F', "fail", N_("failed")}};

static size_t state_of(char letter)
{
	size_t i = 0;

	while (i < sizeof states / sizeof *states - 1 && states[i].letter != letter) {
		i++;
	}
	return i;
}

/* ---------------------------------------------------------------- for people */

static struct table *begin(const char *title)
{
	printf("\n%s\n", title);
	return table_new(TABLE_TEXT, stdout);
}

/* Says how many rows were left out. */
static void end(struct table *t, size_t shown, size_t n)
{
	table_close(&t, true);
	if (shown < n) {
		printf(_("… and %zu more: --all shows them\n"), n - shown);
	}
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void show_rules(const struct rehearsal_found *f)
{
	struct table *t = begin(_("Findings, by rule"));

	table_column(t, "rule", _("Rule"), TABLE_LEFT);
	table_column(t, "come", _("Come"), TABLE_RIGHT);
	table_column(t, "go", _("Go"), TABLE_RIGHT);
	for (size_t i = 0; i < f->n_rules; i++) {
		table_cell(t, f->rules[i].rule);
		table_cell_count(t, f->rules[i].come);
		table_cell_count(t, f->rules[i].go);
	}
	end(t, f->n_rules, f->n_rules);
}

/* "accepted 3, held 1" */
static void cell_outcomes(struct table *t, const uint64_t counts[static REHEARSAL_STATES])
{
	char text[200] = "";
	size_t used = 0;

	for (size_t i = 1; i < REHEARSAL_STATES && used < sizeof text; i++) {
		if (counts[i] > 0) {
			used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %" PRIu64, used ? ", " : "",
						 _(outcomes[i].name), counts[i]);
		}
	}
	table_cell(t, text);
}

static void show_provinces(const struct rehearsal_found *f, size_t most)
{
	struct table *t = begin(_("Provinces"));
	size_t n = least(most, f->n_provinces);

	table_column(t, "provider", _("Provider"), TABLE_LEFT);
	table_column(t, "reports", _("Reports"), TABLE_RIGHT);
	table_column(t, "figures", _("Figures"), TABLE_RIGHT);
	table_column(t, "before", _("Now"), TABLE_LEFT);
	table_column(t, "after", _("Then"), TABLE_LEFT);
	for (size_t i = 0; i < n; i++) {
		const struct province_change *p = &f->provinces[i];

		table_cell(t, p->provider);
		table_cell_count(t, p->reports);
		table_cell_count(t, p->figures);
		cell_outcomes(t, p->before);
		cell_outcomes(t, p->after);
	}
	end(t, n, f->n_provinces);
}

/* "đúng: đạt → giữ lại" */
static void cell_words(struct table *t, const struct report_change *c, const struct catalogue *catalogue)
{
	const struct word *words;
	size_t n = catalogue_words(catalogue, &words), used = 0;
	char text[400] = "";

	for (size_t i = 0; i < n && used < sizeof text; i++) {
		if (c->before[i] != c->after[i]) {
			used += (size_t)snprintf(text + used, sizeof text - used, "%s%s: %s → %s", used ? ", " : "",
						 lang_is_vi() ? words[i].name_vi : words[i].name_en,
						 _(states[state_of(c->before[i])].name),
						 _(states[state_of(c->after[i])].name));
		}
	}
	table_cell(t, text);
}

static void show_reports(const struct rehearsal_found *f, const struct catalogue *c, size_t most)
{
	struct table *t = begin(_("Reports"));
	size_t n = least(most, f->n_reports);

	table_column(t, "agent", _("Agent"), TABLE_LEFT);
	table_column(t, "seq", _("Report"), TABLE_RIGHT);
	table_column(t, "provider", _("Provider"), TABLE_LEFT);
	table_column(t, "period", _("Period"), TABLE_LEFT);
	table_column(t, "words", _("Words"), TABLE_LEFT);
	for (size_t i = 0; i < n; i++) {
		const struct report_change *r = &f->reports_changed[i];

		table_cell(t, r->agent);
		table_cell_count(t, r->seq);
		table_cell(t, r->provider);
		table_cell(t, r->period);
		cell_words(t, r, c);
	}
	end(t, n, f->n_reports);
}

static void show_figures(const struct rehearsal_found *f, size_t most)
{
	struct table *t = begin(_("Figures"));
	size_t n = least(most, f->n_figures);

	table_column(t, "agent", _("Agent"), TABLE_LEFT);
	table_column(t, "seq", _("Report"), TABLE_RIGHT);
	table_column(t, "line", _("Line"), TABLE_RIGHT);
	table_column(t, "indicator", _("Indicator"), TABLE_LEFT);
	table_column(t, "area", _("Area"), TABLE_LEFT);
	table_column(t, "period", _("Period"), TABLE_LEFT);
	table_column(t, "before", _("Now"), TABLE_LEFT);
	table_column(t, "after", _("Then"), TABLE_LEFT);
	table_column(t, "rules", _("Rules"), TABLE_LEFT);
	for (size_t i = 0; i < n; i++) {
		const struct figure_change *c = &f->figures[i];

		table_cell(t, c->agent);
		table_cell_count(t, c->seq);
		table_cell_count(t, c->line);
		table_cell(t, c->indicator);
		table_cell(t, c->area);
		table_cell(t, c->period);
		table_cell(t, _(outcomes[c->before].name));
		table_cell(t, _(outcomes[c->after].name));
		table_cell(t, c->rules);
	}
	end(t, n, f->n_figures);
}

static const char *agreement_word(const char *code)
{
	static const char *const words[] = {N_("equal"), N_("held"), N_("different"), N_("missing")};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(words[i], code) == 0) {
			return _(words[i]);
		}
	}
	return code;
}

static void show_total(struct table *t, const struct total_change *c)
{
	char *before = display_number(c->before.value), *after = display_number(c->after.value);

	table_cell(t, c->figure_no ? c->figure_no : "");
	table_cell(t, c->indicator);
	table_cell(t, c->period);
	table_cell(t, before);
	table_cell(t, after);
	table_cell_printf(t, "%d → %d", c->before.areas_reporting, c->after.areas_reporting);
	table_cell_printf(t, "%d → %d", c->before.held, c->after.held);
	if (c->figure_no) {
		table_cell_printf(t, "%s → %s", agreement_word(c->before.agreement),
				  agreement_word(c->after.agreement));
	} else {
		table_cell(t, "");
	}
	free(before);
	free(after);
}

static void show_totals(const struct rehearsal_found *f, size_t most)
{
	struct table *t = begin(_("National figures; with a number, what was published of them"));
	size_t n = least(most, f->n_totals);

	table_column(t, "figure_no", _("No."), TABLE_RIGHT);
	table_column(t, "indicator", _("Indicator"), TABLE_LEFT);
	table_column(t, "period", _("Period"), TABLE_LEFT);
	table_column(t, "before", _("Now"), TABLE_RIGHT);
	table_column(t, "after", _("Then"), TABLE_RIGHT);
	table_column(t, "areas", _("Areas"), TABLE_RIGHT);
	table_column(t, "held", _("Held"), TABLE_RIGHT);
	table_column(t, "state", _("State"), TABLE_LEFT);
	for (size_t i = 0; i < n; i++) {
		show_total(t, &f->totals[i]);
	}
	end(t, n, f->n_totals);
}

void rehearsal_show(const struct rehearsal_found *f, const struct catalogue *c, size_t most)
{
	printf(_("Judged anew: reports %" PRIu64 ", figures %" PRIu64 "; nothing was stored.\n"), f->judged,
	       f->judged_observations);
	if (rehearsal_is_same(f)) {
		printf("%s\n", _("Everything would be as it is."));
		return;
	}
	printf(_("Otherwise would be: reports %zu, figures %zu, national figures %zu.\n"), f->n_reports, f->n_figures,
	       f->n_totals);
	show_rules(f);
	show_provinces(f, most);
	show_reports(f, c, most);
	show_figures(f, most);
	show_totals(f, most);
}

/* ---------------------------------------------------------------- for programs */

static json_t *rules_json(const struct rehearsal_found *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n_rules; i++) {
		json_array_append_new(list, json_pack("{ss sI sI}", "rule", f->rules[i].rule, "come",
						      (json_int_t)f->rules[i].come, "go", (json_int_t)f->rules[i].go));
	}
	return list;
}

static json_t *outcomes_json(const uint64_t counts[static REHEARSAL_STATES])
{
	json_t *object = json_object();

	for (size_t i = 1; i < REHEARSAL_STATES; i++) {
		json_object_set_new(object, outcomes[i].code, json_integer((json_int_t)counts[i]));
	}
	return object;
}

static json_t *provinces_json(const struct rehearsal_found *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n_provinces; i++) {
		const struct province_change *p = &f->provinces[i];

		json_array_append_new(list,
				      json_pack("{ss sI sI so so}", "provider", p->provider, "reports",
						(json_int_t)p->reports, "figures", (json_int_t)p->figures, "before",
						outcomes_json(p->before), "after", outcomes_json(p->after)));
	}
	return list;
}

static json_t *words_json(const char *letters, const struct catalogue *c)
{
	const struct word *words;
	size_t n = catalogue_words(c, &words);
	json_t *object = json_object();

	for (size_t i = 0; i < n && letters[i]; i++) {
		json_object_set_new(object, words[i].code, json_string(states[state_of(letters[i])].code));
	}
	return object;
}

static json_t *reports_json(const struct rehearsal_found *f, const struct catalogue *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n_reports; i++) {
		const struct report_change *r = &f->reports_changed[i];

		json_array_append_new(list, json_pack("{ss sI ss ss ss so so}", "agent", r->agent, "seq",
						      (json_int_t)r->seq, "provider", r->provider, "dataflow",
						      r->dataflow, "time_period", r->period, "before",
						      words_json(r->before, c), "after", words_json(r->after, c)));
	}
	return list;
}

static json_t *figures_json(const struct rehearsal_found *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n_figures; i++) {
		const struct figure_change *c = &f->figures[i];

		json_array_append_new(list, json_pack("{ss sI sI ss ss ss ss ss ss ss}", "agent", c->agent, "seq",
						      (json_int_t)c->seq, "line", (json_int_t)c->line, "provider",
						      c->provider, "indicator", c->indicator, "ref_area", c->area,
						      "time_period", c->period, "before", outcomes[c->before].code,
						      "after", outcomes[c->after].code, "rules", c->rules));
	}
	return list;
}

static json_t *side_json(const char *value, const char *numerator, const char *denominator, int areas, int held,
			 const char *agreement)
{
	return json_pack("{ss? ss? ss? si si ss?}", "value", value, "numerator", numerator, "denominator", denominator,
			 "areas_reporting", areas, "held", held, "state", *agreement ? agreement : NULL);
}

static json_t *totals_json(const struct rehearsal_found *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n_totals; i++) {
		const struct total_change *t = &f->totals[i];

		json_array_append_new(
		    list, json_pack("{ss? ss ss so so}", "figure_no", t->figure_no, "indicator", t->indicator,
				    "time_period", t->period, "before",
				    side_json(t->before.value, t->before.numerator, t->before.denominator,
					      t->before.areas_reporting, t->before.held, t->before.agreement),
				    "after",
				    side_json(t->after.value, t->after.numerator, t->after.denominator,
					      t->after.areas_reporting, t->after.held, t->after.agreement)));
	}
	return list;
}

void rehearsal_show_json(const struct rehearsal_found *f, const struct catalogue *c)
{
	json_t *all = json_pack("{sb sI sI so so so so so}", "same", (int)rehearsal_is_same(f), "reports_judged",
				(json_int_t)f->judged, "figures_judged", (json_int_t)f->judged_observations, "rules",
				rules_json(f), "provinces", provinces_json(f), "reports", reports_json(f, c), "figures",
				figures_json(f), "totals", totals_json(f));

	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}
