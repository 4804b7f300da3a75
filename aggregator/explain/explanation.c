/* SPDX-License-Identifier: Apache-2.0 */
#include "explanation.h"

#include "lang.h"

#include <stdio.h>
#include <string.h>

#define PERIODS_OFFERED 3

struct gathering {
	struct arena *arena;
	struct explanation *e;
	struct explanation_figure *figure; /* whose contributions come */
	size_t room;
	bool is_full;
};

/* The texts of a row, which live no longer than the row. */
#define FIGURE_AT(member) offsetof(struct explained_figure, member)
static const size_t figure_texts[] = {
    FIGURE_AT(how),
    FIGURE_AT(over_time),
    FIGURE_AT(leaf),
    FIGURE_AT(weighed_by),
    FIGURE_AT(weighed_over),
    FIGURE_AT(weighed_leaf),
    FIGURE_AT(indicator),
    FIGURE_AT(name_vi),
    FIGURE_AT(name_en),
    FIGURE_AT(period),
    FIGURE_AT(figure.value),
    FIGURE_AT(figure.numerator),
    FIGURE_AT(figure.denominator),
    FIGURE_AT(figure.shown),
    FIGURE_AT(figure.shown_numerator),
    FIGURE_AT(figure.shown_denominator),
    FIGURE_AT(figure.unit),
    FIGURE_AT(figure.unit_vi),
    FIGURE_AT(figure.method),
    FIGURE_AT(figure.boundary),
    FIGURE_AT(figure.catalogue_version),
    FIGURE_AT(figure.coverage_weight),
    FIGURE_AT(figure.coverage_percent),
    FIGURE_AT(figure.finality),
    FIGURE_AT(figure.obs_status),
    FIGURE_AT(figure.qualifier),
    FIGURE_AT(figure.missing),
    FIGURE_AT(figure.missing_first_vi),
    FIGURE_AT(figure.missing_first_en),
    FIGURE_AT(figure.interval_low),
    FIGURE_AT(figure.interval_high),
    FIGURE_AT(figure.interval_low_shown),
    FIGURE_AT(figure.interval_high_shown),
    FIGURE_AT(figure.interval_basis),
    FIGURE_AT(figure.known_at),
    FIGURE_AT(figure.now_shown),
    FIGURE_AT(figure.now_numerator),
    FIGURE_AT(figure.now_denominator),
};

#define ROW_AT(member) offsetof(struct explained_contribution, member)
static const size_t row_texts[] = {
    ROW_AT(part),
    ROW_AT(indicator),
    ROW_AT(area),
    ROW_AT(name_vi),
    ROW_AT(name_en),
    ROW_AT(counts_for),
    ROW_AT(period),
    ROW_AT(state),
    ROW_AT(revision),
    ROW_AT(value),
    ROW_AT(numerator),
    ROW_AT(denominator),
    ROW_AT(weight),
    ROW_AT(population),
    ROW_AT(share),
    ROW_AT(coverage_share),
    ROW_AT(qualifier),
    ROW_AT(obs_status),
    ROW_AT(agent),
    ROW_AT(epoch),
    ROW_AT(provider),
    ROW_AT(dataflow),
    ROW_AT(outcome),
    ROW_AT(decided_by),
    ROW_AT(decision_reason),
    ROW_AT(justification_code),
    ROW_AT(justification),
    ROW_AT(rules),
    ROW_AT(findings),
    ROW_AT(digest),
    ROW_AT(chain),
    ROW_AT(key_id),
    ROW_AT(signature),
};

static bool keep_texts(struct arena *a, void *row, const size_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *where = (char *)row + at[i];
		const char *text;

		memcpy(&text, where, sizeof text);
		if (text && !(text = arena_strdup(a, text))) {
			return false;
		}
		memcpy(where, &text, sizeof text);
	}
	return true;
}

/* An array in the arena that grows; what it leaves behind is given back with the arena. */
static void *grown(struct gathering *g, const void *array, size_t n, size_t size)
{
	void *larger;

	if (n < g->room) {
		return (void *)(uintptr_t)array;
	}
	g->room = g->room ? 2 * g->room : 64;
	larger = arena_calloc(g->arena, g->room, size);
	if (larger && n > 0) {
		memcpy(larger, array, n * size);
	}
	return larger;
}

static void take_figure(void *context, const struct explained_figure *row)
{
	struct gathering *g = context;
	struct explanation_figure *figures =
	    g->is_full ? NULL : grown(g, g->e->figures, g->e->n, sizeof *g->e->figures);

	if (figures) {
		g->e->figures = figures;
		figures[g->e->n].about = *row;
		g->is_full = !keep_texts(g->arena, &figures[g->e->n++].about, figure_texts,
					 sizeof figure_texts / sizeof *figure_texts);
	} else {
		g->is_full = true;
	}
}

static void take_row(void *context, const struct explained_contribution *row)
{
	struct gathering *g = context;
	struct explained_contribution *rows =
	    g->is_full ? NULL : grown(g, g->figure->rows, g->figure->n, sizeof *g->figure->rows);

	if (rows) {
		g->figure->rows = rows;
		rows[g->figure->n] = *row;
		g->is_full =
		    !keep_texts(g->arena, &rows[g->figure->n++], row_texts, sizeof row_texts / sizeof *row_texts);
	} else {
		g->is_full = true;
	}
}

static bool is_fine(const struct gathering *g, enum store_result result, struct err *err)
{
	if (result == STORE_OK && g->is_full) {
		return err_set(err, ERR_PROTOCOL, _("this figure has too many contributions to be explained at once"));
	}
	return result == STORE_OK;
}

bool explanation_ask(struct store *s, const struct explain_question *q, int64_t at_us, struct arena *a,
		     struct explanation *ret, struct err *err)
{
	struct gathering g = {.arena = a, .e = ret};
	bool fine;

	*ret = (struct explanation){.question = *q, .at_us = at_us};
	fine = is_fine(&g, store_explained_figures(s, q, take_figure, &g, err), err);
	for (size_t i = 0; fine && i < ret->n; i++) {
		const struct explained_figure *f = &ret->figures[i].about;
		struct explain_question about = *q;

		if (f->top || !f->is_there) {
			continue;
		}
		about.indicator = f->indicator;
		about.period = f->period;
		about.boundary = f->figure.boundary;
		about.as_of_us = f->as_of_us;
		g.figure = &ret->figures[i];
		g.room = 0;
		fine = is_fine(&g, store_explained_contributions(s, &about, take_row, &g, err), err);
	}
	return fine;
}

struct search {
	const char *period;
	bool is_there;
	char *nearest;
	size_t n, len, size;
};

static void try_period(void *context, const char *period)
{
	struct search *s = context;

	s->is_there = s->is_there || strcmp(period, s->period) == 0;
	if (s->n++ < PERIODS_OFFERED && s->len < s->size) {
		s->len += (size_t)snprintf(s->nearest + s->len, s->size - s->len, "%s%s", s->len ? ", " : "", period);
	}
}

enum store_result explanation_periods(struct store *s, const struct explanation *e, struct explanation_periods *ret,
				      struct err *err)
{
	const struct rollup_figure *figure = &e->figures[0].about.figure;
	struct search search = {.period = e->question.period, .nearest = ret->nearest, .size = sizeof ret->nearest};
	enum store_result result = STORE_OK;

	*ret = (struct explanation_periods){.nearest = ""};
	if (figure->areas_reporting == 0 && figure->held == 0) {
		result =
		    store_indicator_periods(s, e->question.indicator, e->question.period, try_period, &search, err);
		ret->is_unknown = !search.is_there;
	}
	return result;
}

size_t explanation_count(const struct explanation_figure *f, const char *part, const char *state)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		n += strcmp(f->rows[i].part, part) == 0 && strcmp(f->rows[i].state, state) == 0;
	}
	return n;
}
