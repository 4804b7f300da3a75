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

/* What the database says was applied: version, name, digest in hex, when. No rows where there is no schema yet. */
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
		_("migration %d (%s) in the database is not the one this program was built with: migrations are never "
		  "changed after they were applied"),
		m->version, m->name);
	return STORE_BROKEN;
}

/* Whether what is applied is a beginning of what we know. */
static enum store_result compare(const PGresult *applied, struct err *err)
{
	char hex[2 * DIGEST_SIZE + 1];

	for (int i = 0; i < PQntuples(applied); i++) {
		if ((size_t)i >= n_migrations || cell_int(applied, i, 0) != migrations[i].version) {
			return refuse_unknown(applied, i, err);
		}
		migration_digest(&migrations[i], hex);
		if (strcmp(cell_text(applied, i, 2), hex) != 0) {
			return refuse_altered(&migrations[i], err);
		}
	}
	return STORE_OK;
}

enum store_result migrate_check(struct store *s, struct err *err)
{
	PGresult *applied;
	enum store_result result = ask_applied(s, &applied, err);
	size_t n = result == STORE_OK ? (size_t)PQntuples(applied) : 0;

	if (result == STORE_OK) {
		result = compare(applied, err);
	}
	PQclear(applied);
	if (result == STORE_OK && n < n_migrations) {
		err_set(err, ERR_CONFIG,
			_("the database %s has %zu of the schema's %zu migrations: run `tram store migrate`"),
			PQdb(s->pg), n, n_migrations);
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
		 "INSERT INTO tram.schema_migration (version, name, digest) VALUES (%d, '%s', '\\x%s')", m->version,
		 m->name, hex);
	result = connection_run(s, note, err);
	FAULT_POINT(G12_DURING_MIGRATION);
	return result;
}

static enum store_result apply_missing(struct store *s, size_t *ret_applied, struct err *err)
{
	PGresult *applied;
	enum store_result result = ask_applied(s, &applied, err);
	size_t n = result == STORE_OK ? (size_t)PQntuples(applied) : 0;

	if (result == STORE_OK) {
		result = compare(applied, err);
	}
	PQclear(applied);
	for (size_t i = n; result == STORE_OK && i < n_migrations; i++) {
		struct migration m = migrations[i];

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

enum store_result store_migrations(struct store *s, migration_each *each, void *context, struct err *err)
{
	PGresult *applied;
	enum store_result result = ask_applied(s, &applied, err);
	int n = result == STORE_OK ? PQntuples(applied) : 0;
	char hex[2 * DIGEST_SIZE + 1];

	for (size_t i = 0; result == STORE_OK && i < n_migrations; i++) {
		struct migration_state state = {.version = migrations[i].version, .name = migrations[i].name};

		if ((int)i < n) {
			migration_digest(&migrations[i], hex);
			state.applied_at_us = cell_int(applied, (int)i, 3);
			state.altered = strcmp(cell_text(applied, (int)i, 2), hex) != 0;
		}
		each(context, &state);
	}
	for (int i = (int)n_migrations; i < n; i++) {
		each(context, &(struct migration_state){.version = (int)cell_int(applied, i, 0),
							.name = cell_text(applied, i, 1),
							.applied_at_us = cell_int(applied, i, 3),
							.unknown = true});
	}
	PQclear(applied);
	return result;
}
