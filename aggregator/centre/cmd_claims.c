/* SPDX-License-Identifier: Apache-2.0 */
/* tram claims list, check, add: what was announced, and whether it still is what adds up. */
#include "centre.h"

#include "claims.h"
#include "clock.h"
#include "decimal.h"
#include "display.h"
#include "lang.h"
#include "mem.h"
#include "named.h"
#include "store_claims.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* As diff(1) ends: 1 says that there are differences, and nothing went wrong. */
#define EXIT_DIFFERENT 1
#define NAME_COLUMNS   26
#define FIGURE_COLUMNS 21

struct claims_options {
	struct centre_options centre;
	bool details;
	const char *area, *boundary, *unit_mult, *qualifier, *on, *said_by, *source, *quote, *by;
};

#define AT(member)  offsetof(struct claims_options, member)
#define ROWS(rows_) rows_, sizeof rows_ / sizeof *rows_

/* A figure announced as "so many of so many" is shown so. */
static char *announced_text(const char *value, const char *numerator, const char *denominator, const char *qualifier,
			    int mult, const char *unit, const char *unit_vi)
{
	char *parts, *out;

	if (value) {
		return display_figure(value, qualifier, mult, unit, unit_vi);
	}
	parts = display_parts(numerator, denominator);
	out = display_dressed(parts, qualifier, mult, unit, unit_vi);
	free(parts);
	return out;
}

static void cell_fitted(struct table *t, const char *text, size_t columns)
{
	char *fitted = text_fit(text, columns);

	table_cell(t, fitted);
	free(fitted);
}

/* ---------------------------------------------------------------- check */

static const struct option_row check_rows[] = {
    {"details", NULL, OPTION_FLAG, AT(details), N_("texts in full, with coverage, remarks and who said it")},
    CENTRE_ROWS(claims_options),
};

static const struct options check_spec = {
    "claims check",
    "[OPTION]...",
    N_("Every figure that was announced beside the roll-up that it claims to be: it holds (to the last digit "
       "announced), is\n"
       "outdated (it was equal once, and a correction has made it wrong: since when, by how much, through which), "
       "different (it\n"
       "never was equal), held (what is reported waits in the quarantine) or missing (nothing is reported).\n"
       "Ends with 0 when all hold or are held, and with 1 otherwise."),
    false,
    true,
    ROWS(check_rows),
    0,
    0};

static const struct status {
	const char *code, *word, *counted; /* of one; of so many */
	const char *colour;
	bool fine;
} statuses[] = {
    {"holds", N_("holds"), N_("equal"), "green", true},
    {"held", N_("held"), N_("held"), "yellow", true},
    {"outdated", N_("outdated"), N_("outdated"), "red", false},
    {"different", N_("different"), N_("different"), "red", false},
    {"missing", N_("missing"), N_("missing"), "red", false},
};
enum { N_STATUSES = sizeof statuses / sizeof *statuses };

struct listing {
	struct table *table;
	bool for_people, details;
	size_t counts[N_STATUSES];
	char *notes; /* a line for each that is outdated or different */
};

static size_t status_of(const char *code)
{
	size_t i = 0;

	while (i < N_STATUSES - 1 && strcmp(statuses[i].code, code) != 0) {
		i++;
	}
	return i;
}

static void check_columns(struct listing *l)
{
	if (!l->for_people) {
		claims_columns(l->table);
		return;
	}
	table_column(l->table, "figure_no", _("No."), TABLE_RIGHT);
	table_column(l->table, "indicator", _("Indicator"), TABLE_LEFT);
	table_column(l->table, "time_period", _("Period"), TABLE_LEFT);
	table_column(l->table, "published", _("Announced"), TABLE_RIGHT);
	table_column(l->table, "rolled_up", _("Rolled up"), TABLE_RIGHT);
	table_column(l->table, "state", _("State"), TABLE_LEFT);
	if (l->details) {
		table_column(l->table, "coverage", _("Coverage"), TABLE_RIGHT);
		table_column(l->table, "remarks", _("Remarks"), TABLE_LEFT);
		table_column(l->table, "said_by", _("Said by"), TABLE_LEFT);
		table_column(l->table, "source", _("Source"), TABLE_LEFT);
	}
}

/* The roll-up in the manner of the announcement; its unit stands there. */
static char *rolled_up_text(const struct claim_row *row, bool details)
{
	struct rollup_figure f = row->figure;

	f.counts_parts = !row->published;
	if (details) {
		return display_rollup(&f);
	}
	return f.counts_parts ? display_parts(f.shown_numerator, f.shown_denominator) : display_number(f.shown);
}

/* "through correction of 63/46 (agent-63-46, report 12): reason", or how many there were. */
static char *through_text(const struct claim_row *row)
{
	const char *colour;

	if (row->agent && row->seq && row->of_area) {
		return xasprintf(_("through %s of %s (%s, report %s): %s"), display_cause(row->cause, &colour),
				 row->of_area, row->agent, row->seq, row->reason ? row->reason : "");
	}
	return xasprintf(_("through %s reports and decisions at once"), row->statements ? row->statements : "0");
}

/* "by -0.1 Mbps"; where so many are of another number, "18/138 instead of 18/145". NULL: there is nothing now. */
static char *difference_text(const struct claim_row *row)
{
	const struct rollup_figure *f = &row->figure;
	char *difference, *announced, *text = NULL;

	if (row->difference_shown) {
		difference = display_figure(row->difference_shown, "", row->published_unit_mult, f->unit, f->unit_vi);
		text = xasprintf(_("by %s"), difference);
		free(difference);
	} else if (row->published_numerator && f->shown_numerator && f->shown_denominator) {
		difference = display_parts(f->shown_numerator, f->shown_denominator);
		announced = display_parts(row->published_numerator, row->published_denominator);
		text = xasprintf(_("%s instead of %s"), difference, announced);
		free(difference);
		free(announced);
	}
	return text;
}

static void note(struct listing *l, const struct claim_row *row, const struct status *status)
{
	char when[CLOCK_TEXT], *difference, *through, *line, *all;

	difference = status->fine ? NULL : difference_text(row);
	if (!difference) {
		return;
	}
	if (row->outdated_since_us) {
		through = through_text(row);
		line = xasprintf(_("%s: outdated since %s, %s, %s"), row->figure_no,
				 clock_text_vn(row->outdated_since_us, when), difference, through);
		free(through);
	} else {
		line = xasprintf("%s: %s", row->figure_no, difference);
	}
	all = xasprintf("%s%s\n", l->notes ? l->notes : "", line);
	free(difference);
	free(line);
	free(l->notes);
	l->notes = all;
}

static void show_for_people(struct listing *l, const struct claim_row *row, const struct status *status)
{
	const struct rollup_figure *f = &row->figure;
	char *announced = announced_text(row->published, row->published_numerator, row->published_denominator,
					 row->published_qualifier, row->published_unit_mult, f->unit, f->unit_vi);
	char *rolled_up = rolled_up_text(row, l->details), *coverage = display_coverage(f),
	     *remarks = display_remarks(f);

	table_cell(l->table, row->figure_no);
	cell_fitted(l->table, lang_is_vi() ? row->name_vi : row->name_en, l->details ? SIZE_MAX : NAME_COLUMNS);
	table_cell(l->table, row->time_period);
	cell_fitted(l->table, announced, l->details ? SIZE_MAX : FIGURE_COLUMNS);
	table_cell_coloured(l->table, "bold", rolled_up);
	table_cell_coloured(l->table, status->colour, _(status->word));
	if (l->details) {
		table_cell(l->table, coverage);
		table_cell_coloured(l->table, "dim", remarks);
		table_cell(l->table, row->said_by);
		table_cell(l->table, row->source);
	}
	note(l, row, status);
	free(announced);
	free(rolled_up);
	free(coverage);
	free(remarks);
}

static void show_claim(void *context, const struct claim_row *row)
{
	struct listing *l = context;
	size_t i = status_of(row->status);

	l->counts[i]++;
	if (l->for_people) {
		show_for_people(l, row, &statuses[i]);
	} else {
		claims_cells(l->table, row);
	}
}

/* What is wrong with those that are wrong; "79 equal, 1 held, …"; and the exit status. */
static int sum_up(const struct listing *l)
{
	bool fine = true;

	if (l->for_people) {
		printf("\n%s", l->notes ? l->notes : "");
	}
	for (size_t i = 0; i < N_STATUSES; i++) {
		fine = fine && (statuses[i].fine || l->counts[i] == 0);
		if (l->for_people) {
			printf("%s%zu %s", i > 0 ? ", " : "", l->counts[i], _(statuses[i].counted));
		}
	}
	if (l->for_people) {
		putchar('\n');
	}
	return fine ? EX_OK : EXIT_DIFFERENT;
}

int cmd_claims_check(int argc, char **argv)
{
	struct claims_options o = {0};
	struct listing l = {0};
	struct store *s;
	struct err err;
	int first, status;
	bool ok;

	if (!centre_parse(&check_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	s = centre_connect(&o.centre, CENTRE_READER, &err);
	if (!s) {
		return centre_fail(&err);
	}
	l.table = table_new(o.centre.common.format, stdout);
	l.for_people = o.centre.common.format == TABLE_TEXT;
	l.details = o.details;
	check_columns(&l);
	table_when_empty(l.table, _("nothing was announced yet"));
	ok = store_claims(s, show_claim, &l, &err) == STORE_OK;
	table_close(&l.table, ok);
	status = ok ? sum_up(&l) : centre_fail(&err);
	free(l.notes);
	store_close(&s);
	return status;
}

/* ---------------------------------------------------------------- list */

static const struct option_row list_rows[] = {CENTRE_ROWS(claims_options)};

static const struct options list_spec = {
    "claims list",
    "[OPTION]...",
    N_("What was announced: the catalogue's published figures, and those that tram claims add has added."),
    false,
    true,
    ROWS(list_rows),
    0,
    0};

static void list_columns(struct listing *l)
{
	static const struct {
		const char *key, *title;
		enum table_align align;
		bool for_people;
	} columns[] = {
	    {"figure_no", N_("No."), TABLE_RIGHT, true},
	    {"indicator", N_("Indicator"), TABLE_LEFT, true},
	    {"time_period", N_("Period"), TABLE_LEFT, true},
	    {"level", NULL, TABLE_LEFT, false},
	    {"area", N_("Area"), TABLE_LEFT, true},
	    {"boundary", NULL, TABLE_LEFT, false},
	    {"published", N_("Announced"), TABLE_RIGHT, true},
	    {"published_numerator", NULL, TABLE_RIGHT, false},
	    {"published_denominator", NULL, TABLE_RIGHT, false},
	    {"published_unit_mult", NULL, TABLE_RIGHT, false},
	    {"published_qualifier", NULL, TABLE_LEFT, false},
	    {"announced_on", N_("On"), TABLE_LEFT, true},
	    {"said_by", N_("Said by"), TABLE_LEFT, true},
	    {"source", N_("Source"), TABLE_LEFT, false},
	    {"quote", N_("Quote"), TABLE_LEFT, false},
	};

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		if (columns[i].for_people || !l->for_people) {
			table_column(l->table, columns[i].key, columns[i].title ? _(columns[i].title) : columns[i].key,
				     columns[i].align);
		}
	}
}

static void list_for_people(struct table *t, const struct announcement_row *row)
{
	char *announced = announced_text(row->value, row->numerator, row->denominator, row->qualifier, row->unit_mult,
					 row->unit, row->unit_vi);

	table_cell(t, row->figure_no);
	cell_fitted(t, lang_is_vi() ? row->name_vi : row->name_en, NAME_COLUMNS);
	table_cell(t, row->time_period);
	table_cell(t, row->area);
	cell_fitted(t, announced, FIGURE_COLUMNS);
	table_cell(t, row->announced_on);
	table_cell(t, row->said_by);
	free(announced);
}

static void list_row(void *context, const struct announcement_row *row)
{
	struct listing *l = context;
	char mult[16];

	if (l->for_people) {
		list_for_people(l->table, row);
		return;
	}
	snprintf(mult, sizeof mult, "%d", row->unit_mult);
	table_cell_number(l->table, row->figure_no);
	table_cell(l->table, row->indicator);
	table_cell(l->table, row->time_period);
	table_cell(l->table, row->level);
	table_cell(l->table, row->area);
	table_cell(l->table, row->boundary);
	table_cell(l->table, row->value);
	table_cell(l->table, row->numerator);
	table_cell(l->table, row->denominator);
	table_cell_number(l->table, mult);
	table_cell(l->table, row->qualifier);
	table_cell(l->table, row->announced_on);
	table_cell(l->table, row->said_by);
	table_cell(l->table, row->source);
	table_cell(l->table, row->quote);
}

int cmd_claims_list(int argc, char **argv)
{
	struct claims_options o = {0};
	struct listing l;
	struct store *s;
	struct err err;
	int first, status;
	bool ok;

	if (!centre_parse(&list_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	s = centre_connect(&o.centre, CENTRE_READER, &err);
	if (!s) {
		return centre_fail(&err);
	}
	l = (struct listing){.table = table_new(o.centre.common.format, stdout),
			     .for_people = o.centre.common.format == TABLE_TEXT};
	list_columns(&l);
	table_when_empty(l.table, _("nothing was announced yet"));
	ok = store_announcements(s, list_row, &l, &err) == STORE_OK;
	table_close(&l.table, ok);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}

/* ---------------------------------------------------------------- add */

static const struct option_row add_rows[] = {
    {"said-by", "NAME", OPTION_TEXT, AT(said_by), N_("who announced it")},
    {"source", "TEXT", OPTION_TEXT, AT(source), N_("where it is to be found")},
    {"quote", "TEXT", OPTION_TEXT, AT(quote), N_("the words in which it was said")},
    {"on", "DAY", OPTION_TEXT, AT(on), N_("the day it was announced on (today)")},
    {"area", "AREA", OPTION_TEXT, AT(area), N_("a region, or a province: 63/46 (the nation)")},
    {"boundary", "VINTAGE", OPTION_TEXT, AT(boundary), N_("63 or 34 provinces (those in force at the period's end)")},
    {"unit-mult", "N", OPTION_TEXT, AT(unit_mult),
     N_("the figure is in units of 10^N (as the catalogue shows the indicator)")},
    {"qualifier", "CODE", OPTION_TEXT, AT(qualifier),
     N_("exact, at_least, more_than, at_most, nearly or approx (exact)")},
    {"by", "NAME", OPTION_TEXT, AT(by), N_("who adds it; else who is logged in")},
    CENTRE_ROWS(claims_options),
};

static const struct options add_spec = {
    "claims add",
    "INDICATOR PERIOD FIGURE --said-by NAME --source TEXT [OPTION]...",
    N_("Keeps a figure that was announced, so that tram claims check says whether it still holds. FIGURE is 16.4, or\n"
       "4543/6325 where so many of so many were announced. What was added stays: it is a record of what was said."),
    false,
    true,
    ROWS(add_rows),
    3,
    3};

static bool is_decimal(const char *text)
{
	struct decimal d;

	return decimal_parse(text, strlen(text), DECIMAL_LOCALE_NONE, &d) == DECIMAL_FINE;
}

/* Cuts "4543/6325" in two, where it stands. */
static bool read_figure(char *text, struct new_announcement *f, struct err *err)
{
	char *slash = strchr(text, '/');

	if (slash) {
		*slash = '\0';
		f->numerator = text;
		f->denominator = slash + 1;
	} else {
		f->value = text;
	}
	return (is_decimal(text) && (!slash || is_decimal(slash + 1))) ||
	       err_set(err, ERR_USAGE, _("%s is no figure: write 16.4, or 4543/6325"), text);
}

static bool read_day(const char *text, struct err *err)
{
	int64_t us;

	return !text || (strlen(text) == strlen("2024-07-19") && clock_parse(text, &us)) ||
	       err_set(err, ERR_USAGE, _("--on %s is no day: write 2024-07-19"), text);
}

static bool read_announcement(const struct claims_options *o, char **words, struct new_announcement *ret,
			      struct err *err)
{
	char *end = NULL;

	*ret = (struct new_announcement){.indicator = words[0],
					 .time_period = words[1],
					 .area = o->area,
					 .boundary = o->boundary,
					 .unit_mult = o->unit_mult,
					 .qualifier = o->qualifier ? o->qualifier : "exact",
					 .announced_on = o->on,
					 .said_by = o->said_by,
					 .source = o->source,
					 .quote = o->quote ? o->quote : "",
					 .added_by = o->by ? o->by : centre_login_name()};
	if (!o->said_by || !o->source) {
		return err_set(err, ERR_USAGE, _("say who announced it with --said-by, and where with --source"));
	}
	if (!ret->added_by) {
		return err_set(err, ERR_USAGE, _("say who adds it with --by"));
	}
	if (o->unit_mult && (strtol(o->unit_mult, &end, 10) < -18 || strtol(o->unit_mult, &end, 10) > 18 || *end)) {
		return err_set(err, ERR_USAGE, _("--unit-mult %s is no whole number from -18 to 18"), o->unit_mult);
	}
	return named_boundary(o->boundary, err) && read_day(o->on, err) && read_figure(words[2], ret, err);
}

int cmd_claims_add(int argc, char **argv)
{
	struct claims_options o = {0};
	struct new_announcement f;
	struct arena *a;
	struct store *s;
	struct err err;
	int64_t no = 0;
	int first, status;
	bool ok;

	if (!centre_parse(&add_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!read_announcement(&o, argv + first, &f, &err) || !(s = centre_connect(&o.centre, CENTRE_OPERATOR, &err))) {
		return centre_fail(&err);
	}
	a = arena_new(SIZE_MAX);
	ok = centre_moment_came(s, MOMENT_ON, o.on, &err) && named(s, STORE_INDICATOR, a, &f.indicator, &err) &&
	     named_period(s, STORE_INDICATOR, f.indicator, f.time_period, &err) &&
	     named(s, STORE_AREA, a, &f.area, &err) && store_announcement_add(s, &f, &no, &err) == STORE_OK;
	if (ok) {
		printf(_("kept as no. %lld; tram claims check says whether it holds\n"), (long long)no);
	}
	arena_free(&a);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}
