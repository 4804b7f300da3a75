/* SPDX-License-Identifier: Apache-2.0 */
/* tram store migrate: the schema of the database. */
#include "centre.h"

#include "lang.h"

#include <inttypes.h>
#include <sysexits.h>

struct migrate_options {
	struct centre_options centre;
	bool status;
};

static const struct option_row migrate_rows[] = {
    {"status", NULL, OPTION_FLAG, offsetof(struct migrate_options, status), N_("only show what is applied")},
    CENTRE_ROWS(migrate_options),
};

static const struct options migrate_spec = {
    "store migrate",
    "[OPTION]...",
    N_("Brings the schema of the database up to what this version of tram needs. Steps are applied once, in order,\n"
       "each in a transaction of its own. It needs the schema's owner, who the first time must be somebody who may\n"
       "make roles and schemas: --database 'dbname=tram user=postgres'. Else it connects as admin_database says."),
    false,
    true,
    migrate_rows,
    sizeof migrate_rows / sizeof *migrate_rows,
    0,
    0};

static const struct state {
	const char *code, *word, *colour;
} states[] = {
    {"applied", N_("applied"), "green"},
    {"missing", N_("missing"), "yellow"},
    {"altered", N_("altered since"), "red"},
    {"unknown", N_("not known to this program"), "red"},
};

struct listing {
	struct table *table;
	bool for_people;
};

static void show_migration(void *context, const struct migration_state *row)
{
	const struct listing *l = context;
	const struct state *state = &states[row->unknown ? 3 : row->altered ? 2 : row->applied_at_us ? 0 : 1];

	table_cell_printf(l->table, "%04d", row->version);
	table_cell(l->table, row->name);
	centre_cell_time(l->table, l->for_people, row->applied_at_us);
	table_cell_coloured(l->table, state->colour, l->for_people ? _(state->word) : state->code);
}

static int show_migrations(struct store *s, enum table_format format)
{
	struct listing l = {.table = table_new(format, stdout), .for_people = format == TABLE_TEXT};
	struct err err;
	bool ok;

	table_column(l.table, "version", _("Version"), TABLE_LEFT);
	table_column(l.table, "name", _("Name"), TABLE_LEFT);
	table_column(l.table, "applied_at", _("Applied"), TABLE_LEFT);
	table_column(l.table, "state", _("State"), TABLE_LEFT);
	ok = store_migrations(s, show_migration, &l, &err) == STORE_OK;
	table_close(&l.table, ok);
	return ok ? EX_OK : centre_fail(&err);
}

static int migrate(struct store *s)
{
	size_t applied;
	struct err err;

	if (store_migrate(s, &applied, &err) != STORE_OK) {
		return centre_fail(&err);
	}
	if (applied > 0) {
		printf(_("%zu steps applied: the schema is up to date\n"), applied);
	} else {
		printf(_("the schema is up to date already\n"));
	}
	return EX_OK;
}

int cmd_store_migrate(int argc, char **argv)
{
	struct migrate_options o = {0};
	struct store *s;
	struct err err;
	int first, status;

	if (!centre_parse(&migrate_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	s = centre_connect(&o.centre, CENTRE_OWNER, &err);
	if (!s) {
		return centre_fail(&err);
	}
	status = o.status ? show_migrations(s, o.centre.common.format) : migrate(s);
	store_close(&s);
	return status;
}
