/* SPDX-License-Identifier: Apache-2.0 */
/* tram quarantine list, release, refuse: what is held and why, and what people decide on it. */
#include "centre.h"

#include "display.h"
#include "figures.h"
#include "lang.h"
#include "named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct quarantine_options {
	struct centre_options centre;
	const char *rule, *provider, *reason, *by;
	bool dry_run;
};

#define AT(member) offsetof(struct quarantine_options, member)
#define FILTER_ROWS                                                                                                    \
	{"rule", "CODE", OPTION_TEXT, AT(rule), N_("figures that this rule holds")},                                   \
	{                                                                                                              \
		"provider", "CODE", OPTION_TEXT, AT(provider), N_("figures of this provider")                          \
	}

static const struct option_row list_rows[] = {FILTER_ROWS, CENTRE_ROWS(quarantine_options)};
static const struct option_row decide_rows[] = {
    {"reason", "TEXT", OPTION_TEXT, AT(reason), N_("why; the province reads it, and it stays for ever")},
    {"by", "NAME", OPTION_TEXT, AT(by), N_("who decides; else who is logged in")},
    {"dry-run", NULL, OPTION_FLAG, AT(dry_run), N_("show what it would be about, and change nothing")},
    FILTER_ROWS,
    CENTRE_ROWS(quarantine_options),
};
#define ROWS(rows) rows, sizeof rows / sizeof *rows

static const struct options list_spec = {
    "quarantine list",
    "[OPTION]...",
    N_("Figures that are held: stored, but in no roll-up until the province justifies or corrects them. Oldest first."),
    false,
    true,
    ROWS(list_rows),
    0,
    0};

struct listing {
	struct table *table;
	bool for_people;
	size_t n;
};

static void list_columns(struct listing *l)
{
	static const struct {
		const char *key, *title;
		enum table_align align;
		bool for_people;
	} columns[] = {
	    {"id", N_("Id"), TABLE_LEFT, true},
	    {"held_at", N_("Since"), TABLE_LEFT, true},
	    {"area", N_("Area"), TABLE_LEFT, false},
	    {"area_name", N_("Area"), TABLE_LEFT, true},
	    {"indicator", N_("Indicator"), TABLE_LEFT, true},
	    {"dimensions", N_("Dimensions"), TABLE_LEFT, false},
	    {"time_period", N_("Period"), TABLE_LEFT, true},
	    {"revision", N_("Revision"), TABLE_RIGHT, false},
	    {"value", N_("Figure"), TABLE_RIGHT, true},
	    {"numerator", N_("Numerator"), TABLE_RIGHT, false},
	    {"denominator", N_("Denominator"), TABLE_RIGHT, false},
	    {"unit", N_("Unit"), TABLE_LEFT, true},
	    {"rules", N_("Rules"), TABLE_LEFT, true},
	    {"found", N_("Found"), TABLE_LEFT, true},
	    {"expected", N_("Expected"), TABLE_LEFT, true},
	    {"provider", N_("Provider"), TABLE_LEFT, true},
	    {"agent", N_("Agent"), TABLE_LEFT, false},
	    {"seq", N_("Report"), TABLE_RIGHT, false},
	    {"line", N_("Line"), TABLE_RIGHT, false},
	    {"justification_code", N_("Code"), TABLE_LEFT, true},
	    {"justification", N_("Justification"), TABLE_LEFT, true},
	};

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		if (columns[i].for_people || !l->for_people) {
			table_column(l->table, columns[i].key, _(columns[i].title), columns[i].align);
		}
	}
}

static void show_for_people(struct table *t, const struct quarantine_row *row)
{
	char *figure = row->value ? display_number(row->value) : display_parts(row->numerator, row->denominator);

	table_cell(t, row->id);
	centre_cell_time(t, true, row->held_at_us);
	table_cell(t, lang_is_vi() ? row->area_name_vi : row->area_name_en);
	table_cell(t, lang_is_vi() ? row->indicator_vi : row->indicator);
	table_cell(t, row->time_period);
	table_cell(t, figure);
	table_cell(t, lang_is_vi() ? row->unit_vi : row->unit);
	table_cell_coloured(t, "yellow", row->rules);
	table_cell(t, row->found);
	table_cell(t, row->expected);
	table_cell(t, row->provider);
	table_cell(t, row->justification_code);
	table_cell(t, row->justification);
	free(figure);
}

static void show_for_programs(struct table *t, const struct quarantine_row *row)
{
	table_cell(t, row->id);
	centre_cell_time(t, false, row->held_at_us);
	table_cell(t, row->area);
	table_cell(t, lang_is_vi() ? row->area_name_vi : row->area_name_en);
	table_cell(t, row->indicator);
	table_cell(t, row->dimensions);
	table_cell(t, row->time_period);
	table_cell_number(t, row->revision);
	table_cell(t, row->value);
	table_cell(t, row->numerator);
	table_cell(t, row->denominator);
	table_cell(t, row->unit);
	table_cell(t, row->rules);
	table_cell(t, row->found);
	table_cell(t, row->expected);
	table_cell(t, row->provider);
	table_cell(t, row->agent);
	table_cell_number(t, row->seq);
	table_cell_number(t, row->line);
	table_cell(t, row->justification_code);
	table_cell(t, row->justification);
}

static void show_held(void *context, const struct quarantine_row *row)
{
	struct listing *l = context;

	l->n++;
	if (l->for_people) {
		show_for_people(l->table, row);
	} else {
		show_for_programs(l->table, row);
	}
}

static struct listing start_listing(const struct quarantine_options *o)
{
	struct listing l = {.table = table_new(o->centre.common.format, stdout),
			    .for_people = o->centre.common.format == TABLE_TEXT};

	list_columns(&l);
	table_when_empty(l.table, o->rule || o->provider ? _("nothing that is held is of this rule and provider")
							 : _("nothing is held"));
	return l;
}

static bool name_filter(struct store *s, struct arena *a, struct quarantine_filter *filter, struct err *err)
{
	return named(s, STORE_RULE, a, &filter->rule, err) && named(s, STORE_PROVIDER, a, &filter->provider, err);
}

int cmd_quarantine_list(int argc, char **argv)
{
	struct quarantine_options o = {0};
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
	struct quarantine_filter filter = {.rule = o.rule, .provider = o.provider};
	a = arena_new(SIZE_MAX);
	l = start_listing(&o);
	ok = name_filter(s, a, &filter, &err) && store_quarantine(s, &filter, show_held, &l, &err) == STORE_OK;
	table_close(&l.table, ok);
	arena_free(&a);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}

/* ---------------------------------------------------------------- release, refuse */

#define IDS_MAX 10000

static const struct options release_spec = {"quarantine release",
					    "ID... --reason TEXT [OPTION]...",
					    N_("Lets figures that are held count as they are. All the ids, or none: "
					       "when one of them is not held any more nothing "
					       "is\n"
					       "changed, and it is told who decided what. Without ids: all that --rule "
					       "and --provider name; look with --dry-run\n"
					       "first. The province is told at once, by whom and why."),
					    false,
					    true,
					    ROWS(decide_rows),
					    0,
					    IDS_MAX};

static const struct options refuse_spec = {
    "quarantine refuse",
    "ID... --reason TEXT [OPTION]...",
    N_("Refuses figures that are held: the province has to mend them and hand them in again. Otherwise as tram "
       "quarantine\n"
       "release."),
    false,
    true,
    ROWS(decide_rows),
    0,
    IDS_MAX};

static bool set_order(const struct quarantine_options *o, struct decision_order *order, struct err *err)
{
	bool filtered = o->rule || o->provider;

	order->filter = (struct quarantine_filter){.rule = o->rule, .provider = o->provider};
	order->by = o->by ? o->by : centre_login_name();
	order->reason = o->reason;
	order->dry_run = o->dry_run;
	if (centre_is_blank(o->reason) && !o->dry_run) {
		return err_set(err, ERR_USAGE,
			       _("say why with --reason: the province reads it, and it stays for ever"));
	}
	if (centre_is_blank(order->by)) {
		return err_set(err, ERR_USAGE, _("say who decides with --by"));
	}
	if (!filtered && order->n_ids == 0) {
		return err_set(err, ERR_USAGE,
			       _("say which: ids that tram quarantine list shows, or --rule and --provider"));
	}
	if (filtered && order->n_ids > 0) {
		return err_set(err, ERR_USAGE, _("either ids, or --rule and --provider"));
	}
	return true;
}

static void sum_up(const struct decision_order *order, size_t n)
{
	bool released = strcmp(order->decision, "released") == 0;

	if (order->dry_run) {
		printf(ngettext("%zu figure; nothing was changed\n", "%zu figures; nothing was changed\n", n), n);
	} else if (released) {
		printf(ngettext("%zu figure released; its province is told\n",
				"%zu figures released; their provinces are told\n", n),
		       n);
	} else {
		printf(ngettext("%zu figure refused; its province is told\n",
				"%zu figures refused; their provinces are told\n", n),
		       n);
	}
}

static int carry_out(const struct quarantine_options *o, struct decision_order *order, struct err *err)
{
	struct store *s = centre_connect(&o->centre, CENTRE_OPERATOR, err);
	struct listing l;
	struct arena *a;
	bool ok;

	if (!s) {
		return centre_fail(err);
	}
	a = arena_new(SIZE_MAX);
	l = start_listing(o);
	ok = name_filter(s, a, &order->filter, err) && store_decide(s, order, show_held, &l, err) == STORE_OK;
	if (ok && l.n == 0) {
		ok = err_set(err, ERR_DATA, _("nothing that is held is of this rule and provider"));
	}
	table_close(&l.table, ok);
	if (ok && l.for_people) {
		sum_up(order, l.n);
	}
	arena_free(&a);
	store_close(&s);
	return ok ? EX_OK : centre_fail(err);
}

static int decide(const struct options *spec, const char *decision, int argc, char **argv)
{
	struct quarantine_options o = {0};
	struct decision_order order = {.decision = decision};
	struct err err;
	int first, status;

	if (!centre_parse(spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	order.ids = (const char *const *)argv + first;
	order.n_ids = (size_t)(argc - first);
	return set_order(&o, &order, &err) ? carry_out(&o, &order, &err) : centre_fail(&err);
}

int cmd_quarantine_release(int argc, char **argv)
{
	return decide(&release_spec, "released", argc, argv);
}

int cmd_quarantine_refuse(int argc, char **argv)
{
	return decide(&refuse_spec, "refused", argc, argv);
}
