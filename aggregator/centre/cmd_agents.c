/* SPDX-License-Identifier: Apache-2.0 */
/* tram agents list, accept, suspend, revoke: who may connect. */
#include "centre.h"

#include "keys.h"
#include "lang.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct agents_options {
	struct centre_options centre;
	const char *reason;
};

static const struct option_row list_rows[] = {CENTRE_ROWS(agents_options)};
static const struct option_row change_rows[] = {
    {"reason", "TEXT", OPTION_TEXT, offsetof(struct agents_options, reason), N_("why, for those who read it later")},
    CENTRE_ROWS(agents_options),
};
#define ROWS(rows) rows, sizeof rows / sizeof *rows

/* ---------------------------------------------------------------- list */

static const struct options list_spec = {
    "agents list",
    "[OPTION]...",
    N_("Everybody on the roster: the state of the newest keys, their fingerprint, and how far the agent has come."),
    false,
    true,
    ROWS(list_rows),
    0,
    0};

static void fingerprint_of(const struct agent_row *row, char buf[static 40])
{
	struct keys keys = {0};

	snprintf(keys.curve_public, sizeof keys.curve_public, "%s", row->curve_public);
	memcpy(keys.sign_public, row->signing_public, sizeof keys.sign_public);
	keys_fingerprint(&keys, buf);
}

static const char *state_word(const char *state)
{
	return strcmp(state, "active") == 0      ? _("active")
	       : strcmp(state, "suspended") == 0 ? _("suspended")
						 : _("revoked");
}

struct listing {
	struct table *table;
	bool for_people;
};

static void show_agent(void *context, const struct agent_row *row)
{
	const struct listing *l = context;
	struct table *t = l->table;
	bool active = strcmp(row->state, "active") == 0;
	char fingerprint[40];

	fingerprint_of(row, fingerprint);
	table_cell(t, row->agent);
	table_cell_coloured(t, active ? "green" : "red", l->for_people ? state_word(row->state) : row->state);
	table_cell(t, row->providers);
	table_cell_number(t, row->reports);
	centre_cell_time(t, l->for_people, row->committed_at_us);
	table_cell(t, fingerprint);
	centre_cell_time(t, l->for_people, row->changed_at_us);
	table_cell(t, row->changed_by);
	table_cell(t, row->reason);
}

static void list_columns(struct table *t)
{
	table_column(t, "agent", _("Agent"), TABLE_LEFT);
	table_column(t, "state", _("State"), TABLE_LEFT);
	table_column(t, "providers", _("Acts for"), TABLE_LEFT);
	table_column(t, "reports", _("Reports"), TABLE_RIGHT);
	table_column(t, "committed_at", _("Last one"), TABLE_LEFT);
	table_column(t, "fingerprint", _("Fingerprint"), TABLE_LEFT);
	table_column(t, "changed_at", _("Since"), TABLE_LEFT);
	table_column(t, "changed_by", _("By"), TABLE_LEFT);
	table_column(t, "reason", _("Reason"), TABLE_LEFT);
}

int cmd_agents_list(int argc, char **argv)
{
	struct agents_options o = {0};
	struct store *s;
	struct listing l;
	struct err err;
	int first, status;
	bool ok;

	if (!centre_parse(&list_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	s = centre_connect(&o.centre, CENTRE_ADMIN, &err);
	if (!s) {
		return centre_fail(&err);
	}
	l = (struct listing){.table = table_new(o.centre.common.format, stdout),
			     .for_people = o.centre.common.format == TABLE_TEXT};
	list_columns(l.table);
	table_when_empty(l.table, _("nobody is on the roster yet"));
	ok = store_agents(s, show_agent, &l, &err) == STORE_OK;
	table_close(&l.table, ok);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}

/* ---------------------------------------------------------------- accept */

#define ACCEPT_MAX 10000

static const struct options accept_spec = {
    "agents accept",
    "FILE.pub... [OPTION]...",
    N_("Puts the public keys on the roster, so that the agents they name may connect. Compare the fingerprint with "
       "what\n"
       "the province reads to you (tram keys show) before you do. New keys of a known agent take the old ones' place;\n"
       "a suspended agent is active again."),
    false,
    false,
    ROWS(change_rows),
    1,
    ACCEPT_MAX};

/* The centre's own keys lie about where agents' keys do, and would let whoever holds them speak as an agent. */
static bool read_keys(const char *path, struct keys *keys, struct err *err)
{
	if (!keys_load_public(path, keys, err)) {
		return false;
	}
	return strcmp(keys->name, "centre") != 0 ||
	       err_set(err, ERR_DATA, _("%s: these are the centre's own keys, not an agent's"), path);
}

static bool accept_file(struct store *s, const char *path, const char *reason, struct err *err)
{
	struct keys keys;
	char fingerprint[40];
	bool changed;

	if (!read_keys(path, &keys, err)) {
		return false;
	}
	if (store_agent_accept(s, keys.name, keys.curve_public, keys.sign_public, reason ? reason : "", &changed,
			       err) != STORE_OK) {
		return err_prefix(err, "%s", path);
	}
	printf(changed ? _("%s accepted, fingerprint %s\n") : _("%s is on the roster already, fingerprint %s\n"),
	       keys.name, keys_fingerprint(&keys, fingerprint));
	return true;
}

int cmd_agents_accept(int argc, char **argv)
{
	struct agents_options o = {0};
	struct store *s;
	struct err err;
	int first, status;
	bool ok = true;

	if (!centre_parse(&accept_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	s = centre_connect(&o.centre, CENTRE_ADMIN, &err);
	if (!s) {
		return centre_fail(&err);
	}
	for (int i = first; ok && i < argc; i++) {
		ok = accept_file(s, argv[i], o.reason, &err);
	}
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}

/* ---------------------------------------------------------------- suspend, revoke */

static const struct options suspend_spec = {
    "agents suspend",
    "AGENT --reason TEXT [OPTION]...",
    N_("Shuts an agent out; what it has not sent stays with it. tram agents accept lets it in again."),
    false,
    false,
    ROWS(change_rows),
    1,
    1};

static const struct options revoke_spec = {
    "agents revoke",
    "AGENT --reason TEXT [OPTION]...",
    N_("Shuts an agent's keys out for ever, as when a machine is lost. The agent comes back with new keys only."),
    false,
    false,
    ROWS(change_rows),
    1,
    1};

static int set_state(const struct options *spec, const char *state, int argc, char **argv)
{
	struct agents_options o = {0};
	struct store *s;
	struct err err;
	int first, status;
	bool changed, ok;

	if (!centre_parse(spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!o.reason || !*o.reason) {
		err_set(&err, ERR_USAGE, _("say why with --reason: it stays on the roster for ever"));
		return centre_fail(&err);
	}
	s = centre_connect(&o.centre, CENTRE_ADMIN, &err);
	if (!s) {
		return centre_fail(&err);
	}
	ok = store_agent_set_state(s, argv[first], state, o.reason, &changed, &err) == STORE_OK;
	store_close(&s);
	if (!ok) {
		return centre_fail(&err);
	}
	printf(changed ? _("%s is %s\n") : _("%s was %s already\n"), argv[first], state_word(state));
	return EX_OK;
}

int cmd_agents_suspend(int argc, char **argv)
{
	return set_state(&suspend_spec, "suspended", argc, argv);
}

int cmd_agents_revoke(int argc, char **argv)
{
	return set_state(&revoke_spec, "revoked", argc, argv);
}
