/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd_rollup_changes.h"

#include "centre.h"
#include "display.h"
#include "lang.h"
#include "mem.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define NAME_COLUMNS 24

struct listing {
	struct table *table;
	bool for_people, of_nation;
};

/* ---------------------------------------------------------------- for people */

static void columns_for_people(struct listing *l)
{
	table_column(l->table, "moment", _("Known since"), TABLE_LEFT);
	table_column(l->table, "indicator", _("Indicator"), TABLE_LEFT);
	table_column(l->table, "time_period", _("Period"), TABLE_LEFT);
	if (!l->of_nation) {
		table_column(l->table, "area_name", _("Area"), TABLE_LEFT);
	}
	table_column(l->table, "before", _("Before"), TABLE_RIGHT);
	table_column(l->table, "after", _("After"), TABLE_RIGHT);
	table_column(l->table, "difference", _("Difference"), TABLE_RIGHT);
	table_column(l->table, "cause", _("Through"), TABLE_LEFT);
}

/* "correction 63/46", "report × 61": whose, or how many. */
static void cell_cause(struct table *t, const char *const *cells)
{
	const char *n = cells[CHANGE_statements], *colour, *word = display_cause(cells[CHANGE_cause], &colour);
	char *text = strcmp(n, "1") == 0   ? xasprintf("%s %s", word, cells[CHANGE_of_area])
		     : strcmp(n, "0") == 0 ? xstrdup(word)
					   : xasprintf("%s × %s", word, n);
	table_cell_coloured(t, colour, text);
	free(text);
}

/* A difference is said with its sign. */
static char *signed_number(const char *digits)
{
	char *number = display_number(digits), *text;

	if (!digits || *digits == '-' || strcmp(digits, "0") == 0) {
		return number;
	}
	text = xasprintf("+%s", number);
	free(number);
	return text;
}

static char *after_text(const struct change_shown *c, const char *unit)
{
	return display_rollup(&(struct rollup_figure){.counts_parts = c->counts_parts,
						      .shown = c->after,
						      .shown_numerator = c->numerator_after,
						      .shown_denominator = c->denominator_after,
						      .qualifier = "",
						      .display_unit_mult = c->display_unit_mult,
						      .unit = unit,
						      .unit_vi = c->unit_vi});
}

static void show_for_people(struct listing *l, const char *const *cells, const struct change_shown *c)
{
	char *name = text_fit(lang_is_vi() ? c->name_vi : c->name_en, NAME_COLUMNS);
	char *before =
	    c->counts_parts ? display_parts(c->numerator_before, c->denominator_before) : display_number(c->before);
	char *difference = signed_number(c->difference), *after = after_text(c, cells[CHANGE_unit]);

	centre_cell_time(l->table, true, c->moment_us);
	table_cell(l->table, name);
	table_cell(l->table, cells[CHANGE_time_period]);
	if (!l->of_nation) {
		table_cell(l->table, lang_is_vi() ? c->area_name_vi : c->area_name_en);
	}
	table_cell(l->table, before);
	table_cell_coloured(l->table, "bold", after);
	table_cell(l->table, difference);
	cell_cause(l->table, cells);
	free(name);
	free(before);
	free(after);
	free(difference);
}

/* ---------------------------------------------------------------- asking */

static void show_change(void *context, const char *const *cells, const char *made_by, const struct change_shown *shown)
{
	struct listing *l = context;

	(void)made_by;
	if (l->for_people) {
		show_for_people(l, cells, shown);
		return;
	}
	for (int i = 0; i < CHANGE_COLUMNS; i++) {
		if (change_table[i].is_number) {
			table_cell_number(l->table, cells[i]);
		} else {
			table_cell(l->table, cells[i]);
		}
	}
}

static void columns(struct listing *l)
{
	if (l->for_people) {
		columns_for_people(l);
		return;
	}
	for (int i = 0; i < CHANGE_COLUMNS; i++) {
		table_column(l->table, change_table[i].name, change_table[i].name, TABLE_LEFT);
	}
}

/* The cursor: on the screen below the table, for programs on the other stream. */
static void tell_next(const struct listing *l, const struct changes_page *page)
{
	if (!l->for_people) {
		fprintf(stderr, "%s\n", page->next);
	} else {
		printf(_("go on later with --since %s\n"), page->next);
	}
}

/* Page by page, until all is told that there was when it began: whoever writes meanwhile does not keep it from its end. */
static bool ask(struct store *s, struct changes_question *q, struct changes_page *page, struct listing *l,
		struct err *err)
{
	char begun[sizeof page->asked] = "";
	bool ok;

	do {
		ok = store_changes(s, q, page, show_change, l, err) == STORE_OK;
		q->cursor = page->next;
		if (!*begun) {
			memcpy(begun, page->asked, sizeof begun);
		}
	} while (ok && page->more && strcmp(page->until, begun) < 0);
	return ok;
}

bool rollup_changes(struct store *s, const struct rollup_question *q, const char *since, enum table_format format,
		    struct err *err)
{
	struct listing l = {.table = table_new(format, stdout),
			    .for_people = format == TABLE_TEXT,
			    .of_nation = strcmp(q->level, "nation") == 0};
	struct changes_question question = {.indicator = q->indicator,
					    .period = q->period,
					    .level = q->level,
					    .boundary = q->boundary,
					    .since_us = INT64_MAX,
					    .most_rows = INT32_MAX};
	struct changes_page page = {.more = false};
	bool ok;

	if (strcmp(since, "now") != 0 && !moment_parse(since, &question.since_us)) {
		question.cursor = since;
	}
	columns(&l);
	table_when_empty(l.table, _("nothing has moved since"));
	ok = ask(s, &question, &page, &l, err);
	table_close(&l.table, ok);
	if (ok) {
		tell_next(&l, &page);
	}
	return ok;
}
