/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate.h"
#include "fault.h"
#include "lang.h"
#include "store_centre.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

/* Any number that nobody else uses: held while migrating, so that two do not do it at once. */
#define LOCK_SQL   "SELECT pg_advisory_lock(7453110619)"
#define UNLOCK_SQL "SELECT pg_advisory_unlock(7453110619)"

static void migration_digest(const struct migration *m, char hex[static 2 * DIGEST_SIZE + 1])
{
	struct digest digest;

	digest_report(m->sql, m->len, &digest);
	text_hex(digest.bytes, sizeof digest.bytes, hex);
}

/* What the database says was applied: version, name, digest in hex, when; the views are the first row, of version 0. No rows
 * where there is no schema yet. */
static enum store_result ask_applied(struct store *s, PGresult **ret, struct err *err)
{
	static const char there[] = "SELECT to_regclass('tram.schema_migration') IS NOT NULL";
	static const char list[] = "SELECT version, name, encode(digest, 'hex'),"
				   " (extract(epoch FROM applied_at) * 1000000)::bigint"
				   " FROM tram.schema_migration ORDER BY version";
	static const char nothing[] = "SELECT 0, '', '', 0 WHERE false";
	enum store_result result = connection_ask(s, there, NULL, ret, err);
	bool has;

	if (result != STORE_OK) {
		return result;
	}
	has = cell_bool(*ret, 0, 0);
	PQclear(*ret);
	return connection_ask(s, has ? list : nothing, NULL, ret, err);
}

static enum store_result refuse_unknown(const PGresult *applied, int row, struct err *err)
{
	err_set(err, ERR_CONFIG,
		_("the database has migration %s (%s), which this program does not know: install the version of Trạm "
		  "that made it, or a newer one"),
		cell_text(applied, row, 0), cell_text(applied, row, 1));
	return STORE_BROKEN;
}

static enum store_result refuse_altered(const struct migration *m, struct err *err)
{
	err_set(err, ERR_CONFIG,
		_("migration %d (%s) in the database is not the one this program was built with: use the program that "
		  "made the "
		  "database, or make the database anew"),
		m->version, m->name);
	return STORE_BROKEN;
}

static bool has_views(const PGresult *applied)
{
	return PQntuples(applied) > 0 && cell_int(applied, 0, 0) == views.version;
}

static bool same_text(const PGresult *applied, int row, const struct migration *m)
{
	char hex[2 * DIGEST_SIZE + 1];

	migration_digest(m, hex);
	return strcmp(cell_text(applied, row, 2), hex) == 0;
}

/* Whether the tables that are applied are a beginning of those we know, and how many they are. */
static enum store_result compare(const PGresult *applied, size_t *ret_n, struct err *err)
{
	int first = has_views(applied);

	*ret_n = 0;
	for (int row = first; row < PQntuples(applied); row++) {
		size_t i = (size_t)(row - first);

		if (i >= n_migrations || cell_int(applied, row, 0) != migrations[i].version) {
			return refuse_unknown(applied, row, err);
		}
		if (!same_text(applied, row, &migrations[i])) {
			return refuse_altered(&migrations[i], err);
		}
		*ret_n = i + 1;
	}
	return STORE_OK;
}

/* compare(), asked of the database. ret_views: whether its views are ours. */
static enum store_result ask_state(struct store *s, size_t *ret_n, bool *ret_views, struct err *err)
{
	PGresult *applied;
	enum store_result result = ask_applied(s, &applied, err);

	if (result == STORE_OK) {
		result = compare(applied, ret_n, err);
		*ret_views = has_views(applied) && same_text(applied, 0, &views);
	}
	PQclear(applied);
	return result;
}

enum store_result migrate_check(struct store *s, struct err *err)
{
	size_t n;
	bool has;
	enum store_result result = ask_state(s, &n, &has, err);

	if (result == STORE_OK && n < n_migrations) {
		err_set(err, ERR_CONFIG,
			_("the database %s has %zu of the schema's %zu migrations: run `tram store migrate`"),
			PQdb(s->pg), n, n_migrations);
		result = STORE_BROKEN;
	} else if (result == STORE_OK && !has) {
		err_set(err, ERR_CONFIG,
			_("the views of the database %s are not those of this program: run `tram store migrate`"),
			PQdb(s->pg));
		result = STORE_BROKEN;
	}
	return result;
}

static enum store_result apply(struct store *s, void *context, struct err *err)
{
	const struct migration *m = context;
	char hex[2 * DIGEST_SIZE + 1];
	char note[512];
	enum store_result result = connection_run(s, (const char *)m->sql, err);

	if (result != STORE_OK) {
		err_prefix(err, _("migration %d (%s)"), m->version, m->name);
		return result;
	}
	migration_digest(m, hex);
	snprintf(note, sizeof note,
		 "INSERT INTO tram.schema_migration (version, name, digest) VALUES (%d, '%s', '\\x%s')"
		 " ON CONFLICT (version) DO UPDATE SET digest = EXCLUDED.digest, applied_at = EXCLUDED.applied_at",
		 m->version, m->name, hex);
	result = connection_run(s, note, err);
	FAULT_POINT(G12_DURING_MIGRATION);
	return result;
}

static enum store_result apply_missing(struct store *s, size_t *ret_applied, struct err *err)
{
	size_t n;
	bool has;
	enum store_result result = ask_state(s, &n, &has, err);
	struct migration m;

	for (size_t i = n; result == STORE_OK && i < n_migrations; i++) {
		m = migrations[i];
		has = false; /* the views are to see the new tables, whatever they say */
		result = connection_transaction(s, apply, &m, err);
		*ret_applied += result == STORE_OK;
	}
	if (result == STORE_OK && !has) {
		m = views;
		result = connection_transaction(s, apply, &m, err);
		*ret_applied += result == STORE_OK;
	}
	return result;
}

enum store_result store_migrate(struct store *s, size_t *ret_applied, struct err *err)
{
	struct err unlock_err;
	enum store_result result;

	*ret_applied = 0;
	result = connection_run(s, "SET lock_timeout = 0; " LOCK_SQL, err);
	if (result != STORE_OK) {
		return result;
	}
	result = apply_missing(s, ret_applied, err);
	/* If this fails the connection is gone, and the lock with it. */
	if (connection_run(s, UNLOCK_SQL, &unlock_err) != STORE_OK && result == STORE_OK) {
		*err = unlock_err;
		return STORE_RECONNECT;
	}
	return result;
}

/* One of ours, and the row of the database that it has there (-1: none). */
static void tell_own(const struct migration *m, const PGresult *applied, int row, migration_each *each, void *context)
{
	struct migration_state state = {.version = m->version, .name = m->name};

	if (row >= 0) {
		state.applied_at_us = cell_int(applied, row, 3);
		state.altered = !same_text(applied, row, m);
	}
	each(context, &state);
}

enum store_result store_migrations(struct store *s, migration_each *each, void *context, struct err *err)
{
	PGresult *applied;
	enum store_result result = ask_applied(s, &applied, err);
	int rows = result == STORE_OK ? PQntuples(applied) : 0;
	int first = rows > 0 && has_views(applied);

	if (result == STORE_OK) {
		for (size_t i = 0; i < n_migrations; i++) {
			tell_own(&migrations[i], applied, first + (int)i < rows ? first + (int)i : -1, each, context);
		}
		tell_own(&views, applied, first - 1, each, context);
	}
	for (int row = first + (int)n_migrations; row < rows; row++) {
		each(context, &(struct migration_state){.version = (int)cell_int(applied, row, 0),
							.name = cell_text(applied, row, 1),
							.applied_at_us = cell_int(applied, row, 3),
							.unknown = true});
	}
	PQclear(applied);
	return result;
}
