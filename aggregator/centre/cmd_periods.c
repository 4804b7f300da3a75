/* SPDX-License-Identifier: Apache-2.0 */
/* tram periods close, list: the figures of a dataflow's period are frozen, vintage by vintage. */
#include "centre.h"

#include "clock.h"
#include "lang.h"
#include "named.h"
#include "period.h"

#include <stdio.h>
#include <sysexits.h>

struct periods_options {
	struct centre_options centre;
	const char *dataflow, *reason, *by;
	bool provisional, dry_run;
};

#define AT(member) offsetof(struct periods_options, member)

static const struct option_row list_rows[] = {
    {"dataflow", "CODE", OPTION_TEXT, AT(dataflow), N_("periods of this dataflow")},
    CENTRE_ROWS(periods_options),
};
static const struct option_row close_rows[] = {
    {"reason", "TEXT", OPTION_TEXT, AT(reason), N_("why; it stays for ever")},
    {"by", "NAME", OPTION_TEXT, AT(by), N_("who closes it; else who is logged in")},
    {"provisional", NULL, OPTION_FLAG, AT(provisional),
     N_("also when provinces are missing or figures are held; the closing says so")},
    {"dry-run", NULL, OPTION_FLAG, AT(dry_run), N_("show what hinders it, and change nothing")},
    CENTRE_ROWS(periods_options),
};
#define ROWS(rows) rows, sizeof rows / sizeof *rows

static const struct options list_spec = {
    "periods list",
    "[OPTION]...",
    N_("Periods that were closed, each vintage in the order of their moments. The digest is over all that is frozen "
       "and\n"
       "over the closing before it: whoever keeps it elsewhere can tell later that nothing was changed. Untold are\n"
       "reports on the period that were committed while it was being closed: they go to the next vintage, and their\n"
       "provinces were not told. There are some only where reports came in faster than the period could be closed."),
    false,
    true,
    ROWS(list_rows),
    0,
    0};

static const struct options close_spec = {
    "periods close",
    "DATAFLOW PERIOD --reason TEXT [OPTION]...",
    N_("Closes a period of a dataflow: what its figures are now, for the nation, regions and provinces, is frozen as "
       "its\n"
       "next vintage, and is what roll-ups show from then on. Later corrections are accepted and judged as ever; they "
       "count\n"
       "when the period is closed once more, and roll-ups say meanwhile that the figure has moved (tram rollup --open\n"
       "shows it). What provinces state for their communes is frozen as what it comes to for each province. Refused "
       "while\n"
       "provinces are missing or figures are held, unless --provisional is given."),
    false,
    true,
    ROWS(close_rows),
    2,
    2};

/* ---------------------------------------------------------------- closings */

struct listing {
	struct table *table;
	bool for_people;
	size_t n;
};

static struct listing start_listing(const struct periods_options *o)
{
	struct listing l = {.table = table_new(o->centre.common.format, stdout),
			    .for_people = o->centre.common.format == TABLE_TEXT};

	table_column(l.table, "dataflow", _("Dataflow"), TABLE_LEFT);
	table_column(l.table, "time_period", _("Period"), TABLE_LEFT);
	table_column(l.table, "vintage", _("Closing"), TABLE_RIGHT);
	table_column(l.table, "closed_at", _("Closed at"), TABLE_LEFT);
	table_column(l.table, "closed_by", _("By"), TABLE_LEFT);
	table_column(l.table, "reason", _("Reason"), TABLE_LEFT);
	table_column(l.table, "finality", _("Finality"), TABLE_LEFT);
	table_column(l.table, "figures", _("Figures"), TABLE_RIGHT);
	if (!l.for_people) {
		table_column(l.table, "closed_as", _("Role"), TABLE_LEFT);
		table_column(l.table, "newest", _("Newest"), TABLE_LEFT);
	}
	table_column(l.table, "untold", _("Untold"), TABLE_RIGHT);
	table_column(l.table, "digest", _("Digest"), TABLE_LEFT);
	table_when_empty(l.table, o->dataflow ? _("no period of this dataflow is closed") : _("no period is closed"));
	return l;
}

static void show_finality(struct listing *l, const struct closing_row *row)
{
	const char *finality = row->provisional ? "provisional" : "final";

	if (l->for_people) {
		table_cell_coloured(l->table, row->provisional ? "yellow" : "green",
				    row->provisional ? _("provisional") : _("final"));
	} else {
		table_cell(l->table, finality);
	}
}

static void show_closing(void *context, const struct closing_row *row)
{
	struct listing *l = context;

	l->n++;
	table_cell(l->table, row->dataflow);
	table_cell(l->table, row->time_period);
	table_cell_count(l->table, (uint64_t)row->vintage);
	centre_cell_time(l->table, l->for_people, row->closed_at_us);
	table_cell(l->table, row->closed_by);
	table_cell(l->table, row->reason);
	show_finality(l, row);
	table_cell_number(l->table, row->figures);
	if (!l->for_people) {
		table_cell(l->table, row->closed_as);
		table_cell_bool(l->table, row->is_newest);
	}
	table_cell_count(l->table, row->untold);
	if (!l->for_people) {
		table_cell(l->table, row->digest);
	} else {
		table_cell_printf(l->table, "%.12s…", row->digest);
	}
}

int cmd_periods_list(int argc, char **argv)
{
	struct periods_options o = {0};
	struct listing l;
	struct arena *a;
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
	a = arena_new(SIZE_MAX);
	ok = named(s, STORE_DATAFLOW, a, &o.dataflow, &err);
	if (ok) {
		l = start_listing(&o);
		ok = store_closings(s, o.dataflow, show_closing, &l, &err) == STORE_OK;
		table_close(&l.table, ok);
	}
	arena_free(&a);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}

/* ---------------------------------------------------------------- what hinders one */

static struct listing start_hindrances(const struct periods_options *o, FILE *out)
{
	struct listing l = {.table = table_new(o->centre.common.format, out),
			    .for_people = o->centre.common.format == TABLE_TEXT};

	table_column(l.table, "indicator", _("Indicator"), TABLE_LEFT);
	table_column(l.table, "areas_reporting", _("Reported"), TABLE_RIGHT);
	table_column(l.table, "areas_expected", _("Expected"), TABLE_RIGHT);
	table_column(l.table, "missing", _("Missing"), TABLE_LEFT);
	table_column(l.table, "held", _("Held"), TABLE_LEFT);
	return l;
}

/* For people the first few. */
static void show_areas(struct listing *l, int n, const char *codes, const char *names)
{
	int named = *names ? 1 : 0;

	for (const char *c = names; *c; c++) {
		named += *c == ',';
	}
	if (!l->for_people) {
		table_cell(l->table, codes);
	} else if (n > named) {
		table_cell_printf(l->table, "%s, … (%d)", names, n);
	} else {
		table_cell(l->table, names);
	}
}

static void show_hindrance(void *context, const struct unfinished_row *row)
{
	struct listing *l = context;

	l->n++;
	table_cell(l->table, l->for_people ? lang_is_vi() ? row->name_vi : row->name_en : row->indicator);
	table_cell_count(l->table, (uint64_t)row->areas_reporting);
	table_cell_count(l->table, (uint64_t)row->areas_expected);
	show_areas(l, row->missing, row->missing_areas, lang_is_vi() ? row->missing_vi : row->missing_en);
	show_areas(l, row->held, row->held_areas, lang_is_vi() ? row->held_vi : row->held_en);
}

/* What hinders goes to where people see it: it is the answer of a dry run, and else the reason of a refusal. */
static bool look_first(struct store *s, const struct periods_options *o, const struct closing_order *order,
		       size_t *ret_n, struct err *err)
{
	bool quiet = o->provisional && !o->dry_run;
	struct listing l = start_hindrances(o, o->dry_run ? stdout : stderr);
	bool ok = store_unfinished(s, order->dataflow, order->period, show_hindrance, &l, err) == STORE_OK;

	*ret_n = l.n;
	table_close(&l.table, ok && !quiet && (l.n > 0 || (o->dry_run && !l.for_people)));
	return ok;
}

/* ---------------------------------------------------------------- closing */

static bool set_order(const struct periods_options *o, char **words, struct closing_order *order, struct err *err)
{
	struct period period;

	*order = (struct closing_order){.dataflow = words[0],
					.period = words[1],
					.by = o->by ? o->by : centre_login_name(),
					.reason = o->reason,
					.provisional = o->provisional};
	if (!period_parse(order->period, &period)) {
		return err_set(err, ERR_USAGE,
			       _("%s is no time period: write 2024, 2024-S1, 2024-Q2, 2024-06, 2024-W05, 2024-06-14 or "
				 "2018-01-01/P7Y"),
			       order->period);
	}
	if (centre_is_blank(o->reason) && !o->dry_run) {
		return err_set(err, ERR_USAGE, _("say why with --reason: it stays for ever"));
	}
	return !centre_is_blank(order->by) || err_set(err, ERR_USAGE, _("say who closes it with --by"));
}

static bool close_it(struct store *s, const struct periods_options *o, const struct closing_order *order,
		     struct err *err)
{
	struct listing l = start_listing(o);
	bool ok = store_close_period(s, order, show_closing, &l, err) == STORE_OK;

	table_close(&l.table, ok);
	return ok;
}

static bool carry_out(struct store *s, const struct periods_options *o, const struct closing_order *order,
		      struct err *err)
{
	size_t hindrances;

	if (!named_period(s, STORE_DATAFLOW, order->dataflow, order->period, err) ||
	    !look_first(s, o, order, &hindrances, err)) {
		return false;
	}
	if (o->dry_run) {
		if (o->centre.common.format == TABLE_TEXT) {
			printf("%s\n", hindrances > 0 ? _("Not final: it can be closed with --provisional only. "
							  "Nothing was changed.")
						      : _("All figures are final: it can be closed. Nothing was "
							  "changed."));
		}
		return true;
	}
	if (hindrances > 0 && !o->provisional) {
		return err_set(err, ERR_DATA,
			       _("%s %s: figures are not final. Nothing was changed; --provisional closes it all the "
				 "same"),
			       order->dataflow, order->period);
	}
	return close_it(s, o, order, err);
}

int cmd_periods_close(int argc, char **argv)
{
	struct periods_options o = {0};
	struct closing_order order;
	struct arena *a;
	struct store *s;
	struct err err;
	int first, status;
	bool ok;

	if (!centre_parse(&close_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!set_order(&o, argv + first, &order, &err) || !(s = centre_connect(&o.centre, CENTRE_OPERATOR, &err))) {
		return centre_fail(&err);
	}
	a = arena_new(SIZE_MAX);
	ok = named(s, STORE_DATAFLOW, a, &order.dataflow, &err) && carry_out(s, &o, &order, &err);
	arena_free(&a);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}
