/* SPDX-License-Identifier: Apache-2.0 */
#include "outbox.h"

#include "clock.h"
#include "fault.h"
#include "fsx.h"
#include "lang.h"
#include "mem.h"
#include "outbox_pages.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))
#define APPLICATION_ID  0x7472616d /* "tram" */
#define TRIM_STEP       200        /* reports forgotten in one step */
#define LATENCY_SAMPLES 1000
#define LOG_PAGES       1000                  /* from so many on, the log is folded into the file */
#define LIVED_STEP      (600 * CLOCK_SECOND)  /* between two times it is written down */
#define LIVED_LEAP      (3600 * CLOCK_SECOND) /* no step of the clock counts for more */

/* Beyond bytes_max there is room for what the centre says about reports that are in already. */
#define CEILING_SLACK (8 << 20)

/* One row a version of the file; each is run once, in its own transaction. Rows are never changed, only added. */
static const char *const migrations[] = {
    "CREATE TABLE meta ("
    " id INTEGER PRIMARY KEY CHECK (id = 1),"
    " agent TEXT NOT NULL,"
    " epoch BLOB NOT NULL CHECK (length(epoch) = 16),"
    " previous_epoch BLOB CHECK (length(previous_epoch) = 16),"
    " previous_chain BLOB CHECK (length(previous_chain) = 32),"
    " created_at INTEGER NOT NULL,"
    " boot BLOB NOT NULL CHECK (length(boot) = 16),"
    " boots INTEGER NOT NULL,"
    " verdict_cursor INTEGER NOT NULL,"
    " trimmed INTEGER NOT NULL,"
    " trimmed_chain BLOB NOT NULL CHECK (length(trimmed_chain) = 32)"
    ") STRICT;"
    "CREATE TABLE ticket ("
    " first_seq INTEGER PRIMARY KEY CHECK (first_seq > 0),"
    " last_seq INTEGER NOT NULL,"
    " file_name TEXT NOT NULL,"
    " at INTEGER NOT NULL,"
    " observations INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE report ("
    " seq INTEGER PRIMARY KEY CHECK (seq > 0),"
    " ticket INTEGER NOT NULL REFERENCES ticket (first_seq),"
    " digest BLOB NOT NULL CHECK (length(digest) = 32),"
    " chain BLOB NOT NULL CHECK (length(chain) = 32),"
    " handed_in_at INTEGER NOT NULL,"
    " provider TEXT NOT NULL,"
    " dataflow TEXT NOT NULL,"
    " time_period TEXT NOT NULL,"
    " observations INTEGER NOT NULL,"
    " bytes BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX report_ticket ON report (ticket);"
    "CREATE TABLE acknowledgement ("
    " committed_through INTEGER PRIMARY KEY,"
    " chain BLOB NOT NULL CHECK (length(chain) = 32),"
    " committed_at INTEGER NOT NULL,"
    " signature BLOB NOT NULL CHECK (length(signature) = 64),"
    " key_id BLOB NOT NULL CHECK (length(key_id) = 8),"
    " stored_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE verdict ("
    " verdict_seq INTEGER PRIMARY KEY CHECK (verdict_seq > 0),"
    " epoch BLOB NOT NULL CHECK (length(epoch) = 16),"
    " seq INTEGER NOT NULL,"
    " stored_at INTEGER NOT NULL,"
    " took INTEGER," /* µs from hand-in, of a report's first verdict */
    " body BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX verdict_report ON verdict (epoch, seq, verdict_seq);"
    "CREATE TABLE codebook ("
    " id INTEGER PRIMARY KEY CHECK (id = 1),"
    " version INTEGER NOT NULL,"
    " stored_at INTEGER NOT NULL,"
    " body BLOB NOT NULL"
    ") STRICT;",

    "ALTER TABLE meta ADD COLUMN lived INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meta ADD COLUMN verdict_known_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meta ADD COLUMN verdict_heard INTEGER NOT NULL DEFAULT 0;" /* the highest cursor there ever was */
    "ALTER TABLE acknowledgement ADD COLUMN lived INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE verdict ADD COLUMN known_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE verdict ADD COLUMN lived INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX verdict_lived ON verdict (lived);",
    /* What is left of a report once its bytes are forgotten: enough to prove that it was handed in. */
    "CREATE TABLE past ("
    " seq INTEGER PRIMARY KEY CHECK (seq > 0),"
    " digest BLOB NOT NULL CHECK (length(digest) = 32),"
    " chain BLOB NOT NULL CHECK (length(chain) = 32)"
    ") STRICT;",
};

/* Before the first access, in this order: the lock keeps a second connection out (SQLite before 3.51.3 may corrupt the
 * file when two write to the log). */
static const char *const pragmas[] = {
    "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",       "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",        "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",     "PRAGMA mmap_size = 0",
    "PRAGMA cache_size = -1024",       "PRAGMA temp_store = MEMORY",
};

#define REPORT_COLUMNS                                                                                                 \
	"r.seq, r.ticket, t.last_seq, t.file_name, r.handed_in_at, r.provider, r.dataflow, r.time_period, "            \
	"r.observations, r.digest, r.chain"

enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_PAGES,
	SQL_META,
	SQL_MAKE_META,
	SQL_BOOT,
	SQL_LAST,
	SQL_GAPS,
	SQL_CURSORS,
	SQL_PUT_TICKET,
	SQL_END_TICKET,
	SQL_PUT_REPORT,
	SQL_READ,
	SQL_CHAIN,
	SQL_HANDED_IN,
	SQL_PLACE,
	SQL_LIST,
	SQL_PUT_ACK,
	SQL_GET_ACK,
	SQL_PUT_VERDICT,
	SQL_SET_CURSOR,
	SQL_REWIND,
	SQL_DROP_VERDICTS,
	SQL_KNOWN_AT,
	SQL_ALL_VERDICTS,
	SQL_VERDICTS,
	SQL_VERDICTS_OF,
	SQL_EARLIER,
	SQL_EPOCHS,
	SQL_JUDGED,
	SQL_TOOK,
	SQL_PUT_CODEBOOK,
	SQL_GET_CODEBOOK,
	SQL_OLD_ENOUGH,
	SQL_SET_LIVED,
	SQL_KEEP_PAST,
	SQL_TRIM_REPORTS,
	SQL_TRIM_VERDICTS,
	SQL_TRIM_META,
	SQL_FIRST_PAST,
	SQL_TRIM_PAST,
	SQL_TRIM_TICKETS,
	SQL_TRIM_ACKS,
	SQL_VACUUM,
	SQL_STATEMENTS
};

#define VERDICT_COLUMNS                                                                                                \
	"v.verdict_seq, v.epoch, v.seq, v.body, v.stored_at, t.first_seq, t.last_seq, t.file_name, r.handed_in_at, "   \
	"r.provider, r.dataflow, r.time_period, r.observations "                                                       \
	"FROM verdict v LEFT JOIN report r ON v.epoch = ?1 AND r.seq = v.seq LEFT JOIN ticket t ON t.first_seq = "     \
	"r.ticket "

static const char *const sql[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_PAGES] = "SELECT (page_count - freelist_count) * page_size "
		  "FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    [SQL_META] = "SELECT agent, epoch, previous_epoch, previous_chain, created_at, trimmed, trimmed_chain FROM meta",
    [SQL_MAKE_META] =
	"INSERT INTO meta (id, agent, epoch, created_at, boot, boots, verdict_cursor, trimmed, trimmed_chain,"
	" previous_epoch, previous_chain) VALUES (1, ?1, ?2, ?3, zeroblob(16), 0, 0, 0, ?4, ?5, ?6)",
    [SQL_BOOT] = "UPDATE meta SET boot = ?1, boots = boots + 1",
    [SQL_LAST] = "SELECT seq, chain FROM report ORDER BY seq DESC LIMIT 1",
    [SQL_GAPS] = "SELECT count(*), coalesce(min(seq), 0) FROM report",
    [SQL_CURSORS] =
	"SELECT (SELECT coalesce(max(committed_through), 0) FROM acknowledgement),"
	" verdict_cursor, (SELECT coalesce(max(version), 0) FROM codebook), verdict_known_at, verdict_heard,"
	" lived FROM meta",
    [SQL_PUT_TICKET] =
	"INSERT INTO ticket (first_seq, last_seq, file_name, at, observations) VALUES (?1, ?1, ?2, ?3, 0)",
    [SQL_END_TICKET] = "UPDATE ticket SET last_seq = ?2, observations = ?3 WHERE first_seq = ?1",
    [SQL_PUT_REPORT] = "INSERT INTO report (seq, ticket, digest, chain, handed_in_at, provider, dataflow, time_period,"
		       " observations, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [SQL_READ] = "SELECT " REPORT_COLUMNS ", r.bytes, p.chain FROM report r JOIN ticket t ON t.first_seq = r.ticket"
		 " LEFT JOIN report p ON p.seq = r.seq - 1 WHERE r.seq = ?1",
    [SQL_CHAIN] = "SELECT chain FROM report WHERE seq = ?1",
    [SQL_HANDED_IN] = "SELECT handed_in_at FROM report WHERE seq = ?1",
    [SQL_PLACE] = "SELECT p.digest, p.chain, p.kept, t.first_seq, t.last_seq, t.file_name, t.at FROM"
		  " (SELECT seq, digest, chain, 1 AS kept FROM report WHERE seq = ?1 UNION ALL"
		  " SELECT seq, digest, chain, 0 FROM past WHERE seq = ?1) p"
		  " LEFT JOIN ticket t ON t.first_seq = (SELECT max(first_seq) FROM ticket WHERE first_seq <= ?1)",
    [SQL_LIST] = "SELECT " REPORT_COLUMNS
		 ", length(r.bytes), (SELECT max(verdict_seq) FROM verdict v WHERE v.epoch = ?1 AND v.seq = r.seq)"
		 " FROM report r JOIN ticket t ON t.first_seq = r.ticket WHERE r.seq < ?2 AND r.seq > ?3"
		 " ORDER BY r.seq DESC LIMIT ?4",
    [SQL_PUT_ACK] = "INSERT OR IGNORE INTO acknowledgement (committed_through, chain, committed_at, signature, key_id,"
		    " stored_at, lived) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_GET_ACK] = "SELECT committed_through, chain, committed_at, signature, key_id FROM acknowledgement"
		    " WHERE committed_through >= ?1 ORDER BY committed_through LIMIT 1",
    [SQL_PUT_VERDICT] =
	"INSERT INTO verdict (verdict_seq, epoch, seq, stored_at, body, known_at, lived, took) VALUES (?1, ?2, ?3, ?4,"
	" ?5, ?6, ?7, (SELECT max(0, ?4 - r.handed_in_at) FROM report r, meta m WHERE r.seq = ?3 AND m.epoch = ?2"
	" AND NOT EXISTS (SELECT 1 FROM verdict v WHERE v.epoch = ?2 AND v.seq = ?3)))",
    [SQL_SET_CURSOR] = "UPDATE meta SET verdict_cursor = ?1, verdict_known_at = ?2",
    [SQL_REWIND] = "UPDATE meta SET verdict_heard = max(verdict_heard, verdict_cursor), verdict_cursor = ?1,"
		   " verdict_known_at = ?2",
    [SQL_DROP_VERDICTS] = "DELETE FROM verdict WHERE verdict_seq > ?1",
    [SQL_KNOWN_AT] = "SELECT known_at FROM verdict WHERE verdict_seq = ?1",
    [SQL_ALL_VERDICTS] = "SELECT verdict_seq, epoch, seq, stored_at, body, known_at FROM verdict ORDER BY verdict_seq",
    [SQL_VERDICTS] = "SELECT " VERDICT_COLUMNS "WHERE v.verdict_seq > ?2 ORDER BY v.verdict_seq",
    [SQL_VERDICTS_OF] =
	"SELECT " VERDICT_COLUMNS "WHERE v.verdict_seq > ?2 AND v.epoch = ?5 AND v.seq BETWEEN ?3 AND ?4"
	" ORDER BY v.verdict_seq",
    [SQL_EARLIER] = "SELECT count(*) FROM verdict WHERE epoch < ?1 OR epoch > ?1",
    [SQL_EPOCHS] = "SELECT DISTINCT epoch FROM verdict WHERE epoch <> ?1",
    [SQL_JUDGED] = "SELECT count(DISTINCT seq) FROM verdict WHERE epoch = ?1 AND seq BETWEEN ?2 AND ?3",
    [SQL_TOOK] = "SELECT took FROM verdict WHERE took IS NOT NULL ORDER BY verdict_seq DESC LIMIT ?1",
    [SQL_PUT_CODEBOOK] = "INSERT OR REPLACE INTO codebook (id, version, stored_at, body) VALUES (1, ?1, ?2, ?3)",
    [SQL_GET_CODEBOOK] = "SELECT body FROM codebook",
    [SQL_OLD_ENOUGH] = "SELECT coalesce(max(committed_through), 0) FROM acknowledgement WHERE lived < ?1",
    [SQL_SET_LIVED] = "UPDATE meta SET lived = ?1",
    [SQL_KEEP_PAST] = "INSERT INTO past SELECT seq, digest, chain FROM report WHERE seq <= ?1",
    [SQL_TRIM_REPORTS] = "DELETE FROM report WHERE seq <= ?1",
    [SQL_TRIM_VERDICTS] = "DELETE FROM verdict WHERE verdict_seq IN (SELECT verdict_seq FROM verdict WHERE lived < ?3"
			  " AND (epoch <> ?1 OR seq <= ?2) ORDER BY lived LIMIT ?4)",
    [SQL_FIRST_PAST] = "SELECT coalesce(min(seq), 0) FROM past",
    [SQL_TRIM_PAST] = "DELETE FROM past WHERE seq < ?1",
    [SQL_TRIM_TICKETS] = "DELETE FROM ticket WHERE last_seq <= ?1",
    [SQL_TRIM_ACKS] = "DELETE FROM acknowledgement WHERE committed_through <= ?1 AND committed_through <>"
		      " (SELECT max(committed_through) FROM acknowledgement)",
    [SQL_TRIM_META] = "UPDATE meta SET trimmed = ?1, trimmed_chain = ?2",
    [SQL_VACUUM] = "PRAGMA incremental_vacuum(256)",
};

struct outbox {
	sqlite3 *db;
	char *dir, *path;
	dev_t device; /* of the file that is open, whatever has the name now */
	ino_t inode;
	struct outbox_limits limits;
	struct outbox_state state;
	struct digest trimmed_chain;
	uint64_t verdict_heard;
	int64_t lived_us, lived_kept_us, ticked_us; /* now; in the file; by the monotonic clock, 0: not yet */
	sqlite3_stmt *statements[SQL_STATEMENTS];
	bool broken;
	/* the hand-in that is going on */
	bool handing_in;
	int64_t handed_in_at_us;
	uint64_t next_seq, observations;
	struct digest chain;
};

/* ---------------------------------------------------------------- errors and statements */

static bool fail(struct outbox *ob, int rc, struct err *err)
{
	const char *text = rc == SQLITE_IOERR_DATA ? _("a page is not what was written")
			   : ob->db                ? sqlite3_errmsg(ob->db)
						   : sqlite3_errstr(rc);
	switch (rc == SQLITE_IOERR_DATA ? SQLITE_CORRUPT : rc & 0xff) {
	case SQLITE_NOMEM: abort();
	case SQLITE_FULL:
		return err_set(
		    err, ERR_TEMPFAIL,
		    _("%s: the disk is full, or outbox_bytes is reached. Nothing that has a ticket is lost; make "
		      "room"),
		    ob->path);
	case SQLITE_BUSY:
		return err_set(err, ERR_TEMPFAIL, _("%s is open in another process: is a second agent running on it?"),
			       ob->path);
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return err_set(err, ERR_CANTCREAT,
			       _("%s cannot be written: %s. Who owns the folder, and is it mounted read-only?"),
			       ob->path, text);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		ob->broken = true;
		return err_set(err, ERR_IO,
			       _("%s is damaged: %s. Keep the file, look at the disk, and call the centre"), ob->path,
			       text);
	default:
		ob->broken = true;
		return err_set(err, ERR_IO, _("%s: the disk failed: %s. Look at the disk before starting again"),
			       ob->path, text);
	}
}

static bool damaged(struct outbox *ob, uint64_t seq, struct err *err)
{
	ob->broken = true;
	return err_set(err, ERR_IO,
		       _("%s: report %" PRIu64
			 " is not what was handed in: the file is damaged. Keep it, look at the disk, and "
			 "call the centre"),
		       ob->path, seq);
}

static bool whole(const struct outbox *ob, struct err *err)
{
	return !ob->broken ||
	       err_set(err, ERR_IO, _("%s: the disk failed before; nothing more is done with it"), ob->path);
}

/* A statement ready to be bound and stepped. They are prepared as they are needed. NULL and *err on failure. */
static sqlite3_stmt *use(struct outbox *ob, enum statement which, struct err *err)
{
	if (!whole(ob, err))
		return NULL;
	sqlite3_stmt **s = &ob->statements[which];
	if (!*s) {
		int rc = sqlite3_prepare_v3(ob->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL);
		if (rc != SQLITE_OK) {
			fail(ob, rc, err);
			return NULL;
		}
	}
	return *s;
}

static void bind_int(sqlite3_stmt *s, int at, int64_t value)
{
	int rc = sqlite3_bind_int64(s, at, value);
	assert(rc == SQLITE_OK);
	(void)rc;
}

/* The caller's bytes must live until the statement is done with. */
static void bind_blob(sqlite3_stmt *s, int at, const void *data, size_t len)
{
	int rc = sqlite3_bind_blob64(s, at, len ? data : "", len, SQLITE_STATIC);
	assert(rc == SQLITE_OK);
	(void)rc;
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	int rc = sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
	assert(rc == SQLITE_OK);
	(void)rc;
}

static void done(sqlite3_stmt *s)
{
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

/* Runs a statement that gives no rows. */
static bool run(struct outbox *ob, sqlite3_stmt *s, struct err *err)
{
	int rc = sqlite3_step(s);
	bool fine = rc == SQLITE_DONE || rc == SQLITE_ROW || fail(ob, rc, err);
	done(s);
	return fine;
}

static bool run_plain(struct outbox *ob, enum statement which, struct err *err)
{
	sqlite3_stmt *s = use(ob, which, err);
	return s && run(ob, s, err);
}

/* Runs a statement that takes one number. */
static bool run_number(struct outbox *ob, enum statement which, uint64_t number, struct err *err)
{
	sqlite3_stmt *s = use(ob, which, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)number);
	return run(ob, s, err);
}

/* The next row: true and *ret_row; the caller calls done() after the last. */
static bool next_row(struct outbox *ob, sqlite3_stmt *s, bool *ret_row, struct err *err)
{
	int rc = sqlite3_step(s);
	*ret_row = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE || fail(ob, rc, err);
}

/* A blob column of a known size; false when the file holds something else. */
static bool column_exact(sqlite3_stmt *s, int at, void *ret, size_t size)
{
	const void *data = sqlite3_column_blob(s, at);
	if (!data || (size_t)sqlite3_column_bytes(s, at) != size)
		return false;
	memcpy(ret, data, size);
	return true;
}

static const char *column_text(sqlite3_stmt *s, int at)
{
	const unsigned char *text = sqlite3_column_text(s, at);
	return text ? (const char *)text : "";
}

static void undo(struct outbox *ob)
{
	struct err ignored;
	/* SQLite has undone it already when the disk was full or failed. */
	if (!ob->db || sqlite3_get_autocommit(ob->db))
		return;
	int rc = sqlite3_exec(ob->db, sql[SQL_ROLLBACK], NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		fail(ob, rc, &ignored); /* what the outbox holds now is not known: it is broken */
}

/* Commits, or undoes what was begun; for `return end(ob, fine, err)`. */
static bool end(struct outbox *ob, bool fine, struct err *err)
{
	fine = fine && run_plain(ob, SQL_COMMIT, err);
	if (!fine)
		undo(ob);
	return fine;
}

/* ---------------------------------------------------------------- opening */

static bool pragma_number(struct outbox *ob, const char *query, int64_t *ret, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(ob->db, query, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	bool fine = rc == SQLITE_ROW || fail(ob, rc, err);
	sqlite3_finalize(s);
	return fine;
}

static bool execute(struct outbox *ob, const char *text, struct err *err)
{
	int rc = sqlite3_exec(ob->db, text, NULL, NULL, NULL);
	return rc == SQLITE_OK || fail(ob, rc, err);
}

static bool is_in_wal(struct outbox *ob, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(ob->db, "PRAGMA journal_mode", -1, &s, NULL);
	bool wal = rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW && strcmp(column_text(s, 0), "wal") == 0;
	sqlite3_finalize(s);
	return wal || err_set(err, ERR_OS,
			      _("%s: this file system cannot hold a write-ahead log; put the outbox on a local disk"),
			      ob->path);
}

static bool note_place(struct outbox *ob, struct err *err)
{
	struct stat place;
	if (stat(ob->path, &place) != 0)
		return err_set_errno(err, ERR_CANTCREAT, "%s", ob->path);
	ob->device = place.st_dev;
	ob->inode = place.st_ino;
	return true;
}

/*
 * After a commit, instead of SQLite's own way, which does not say when it fails. The commit stands, and what it kept may be
 * told; but a disk that failed is not used any more.
 */
static int fold_long_log(void *context, sqlite3 *db, const char *name, int pages)
{
	struct outbox *ob = context;
	struct err ignored;
	if (pages < LOG_PAGES)
		return SQLITE_OK;
	int rc = sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc != SQLITE_OK)
		fail(ob, rc, &ignored);
	return SQLITE_OK;
}

static bool open_file(struct outbox *ob, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(ob->path, &ob->db, flags, outbox_pages_vfs());
	if (rc == SQLITE_OK)
		rc = outbox_pages_wanted(ob->db);
	if (rc != SQLITE_OK)
		return fail(ob, rc, err);
	for (size_t i = 0; i < COUNT(pragmas); i++)
		if (!execute(ob, pragmas[i], err))
			return false;
	sqlite3_wal_hook(ob->db, fold_long_log, ob);
	return is_in_wal(ob, err) && note_place(ob, err);
}

static bool migrate_one(struct outbox *ob, size_t version, struct err *err)
{
	char stamp[96];
	snprintf(stamp, sizeof stamp, "PRAGMA user_version = %zu; PRAGMA application_id = %d", version, APPLICATION_ID);
	bool fine =
	    run_plain(ob, SQL_BEGIN, err) && execute(ob, migrations[version - 1], err) && execute(ob, stamp, err);
	return end(ob, fine, err);
}

static bool migrate(struct outbox *ob, struct err *err)
{
	int64_t version, id, tables;
	if (!pragma_number(ob, "PRAGMA user_version", &version, err) ||
	    !pragma_number(ob, "PRAGMA application_id", &id, err) ||
	    !pragma_number(ob, "SELECT count(*) FROM sqlite_schema", &tables, err))
		return false;
	if (tables > 0 && id != APPLICATION_ID)
		return err_set(err, ERR_CONFIG, _("%s is not an outbox: choose another folder"), ob->path);
	if (version > (int64_t)COUNT(migrations))
		return err_set(
		    err, ERR_CONFIG,
		    _("%s was written by a newer version of this program (form %" PRId64 ", known: %zu): upgrade it"),
		    ob->path, version, COUNT(migrations));
	for (size_t next = (size_t)version + 1; next <= COUNT(migrations); next++)
		if (!migrate_one(ob, next, err))
			return false;
	return true;
}

/* What a new file begins with. */
struct birth {
	const char *agent;
	const struct epoch *previous; /* NULL: not known */
	const struct digest *previous_chain;
};

static bool make_meta(struct outbox *ob, const struct birth *birth, struct err *err)
{
	struct epoch epoch;
	struct digest start;
	randombytes_buf(&epoch, sizeof epoch);
	chain_start(birth->agent, &epoch, birth->previous_chain, &start);
	sqlite3_stmt *s = use(ob, SQL_MAKE_META, err);
	if (!s)
		return false;
	bind_text(s, 1, birth->agent);
	bind_blob(s, 2, epoch.bytes, sizeof epoch.bytes);
	bind_int(s, 3, clock_wall_us());
	bind_blob(s, 4, start.bytes, sizeof start.bytes);
	if (birth->previous) { /* what is not bound is NULL */
		bind_blob(s, 5, birth->previous->bytes, EPOCH_SIZE);
		bind_blob(s, 6, birth->previous_chain->bytes, DIGEST_SIZE);
	}
	return run(ob, s, err);
}

/* Takes the row of meta in; *ret_there false: the file is new. */
static bool read_meta(struct outbox *ob, bool *ret_there, struct err *err)
{
	struct outbox_state *state = &ob->state;
	sqlite3_stmt *s = use(ob, SQL_META, err);
	if (!s || !next_row(ob, s, ret_there, err))
		return false;
	bool fine = true;
	if (*ret_there) {
		snprintf(state->agent, sizeof state->agent, "%s", column_text(s, 0));
		state->has_previous = sqlite3_column_type(s, 2) != SQLITE_NULL;
		state->created_at_us = sqlite3_column_int64(s, 4);
		state->trimmed = (uint64_t)sqlite3_column_int64(s, 5);
		fine = column_exact(s, 1, &state->epoch, sizeof state->epoch) &&
		       column_exact(s, 6, &ob->trimmed_chain, sizeof ob->trimmed_chain) &&
		       (!state->has_previous || (column_exact(s, 2, &state->previous_epoch, EPOCH_SIZE) &&
						 column_exact(s, 3, &state->previous_chain, DIGEST_SIZE)));
	}
	done(s);
	return fine || damaged(ob, 0, err);
}

/* The stream must be whole: no report missing between what was trimmed and the last. */
static bool read_stream(struct outbox *ob, struct err *err)
{
	struct outbox_state *state = &ob->state;
	bool row;
	sqlite3_stmt *s = use(ob, SQL_GAPS, err);
	if (!s || !next_row(ob, s, &row, err))
		return false;
	uint64_t count = (uint64_t)sqlite3_column_int64(s, 0), first = (uint64_t)sqlite3_column_int64(s, 1);
	done(s);
	state->last_appended = state->trimmed;
	state->last_chain = ob->trimmed_chain;
	if (count == 0)
		return true;
	s = use(ob, SQL_LAST, err);
	if (!s || !next_row(ob, s, &row, err))
		return false;
	state->last_appended = (uint64_t)sqlite3_column_int64(s, 0);
	bool fine = column_exact(s, 1, &state->last_chain, sizeof state->last_chain);
	done(s);
	fine = fine && first == state->trimmed + 1 && state->last_appended == state->trimmed + count;
	return fine || damaged(ob, state->trimmed + 1, err);
}

static bool read_cursors(struct outbox *ob, struct err *err)
{
	bool row;
	sqlite3_stmt *s = use(ob, SQL_CURSORS, err);
	if (!s || !next_row(ob, s, &row, err))
		return false;
	ob->state.acknowledged = (uint64_t)sqlite3_column_int64(s, 0);
	ob->state.verdict_cursor = (uint64_t)sqlite3_column_int64(s, 1);
	ob->state.catalogue_version = (uint32_t)sqlite3_column_int64(s, 2);
	ob->state.verdict_known_at_us = sqlite3_column_int64(s, 3);
	ob->verdict_heard = (uint64_t)sqlite3_column_int64(s, 4);
	ob->lived_us = ob->lived_kept_us = sqlite3_column_int64(s, 5);
	done(s);
	if (ob->state.acknowledged >= ob->state.trimmed && ob->state.acknowledged <= ob->state.last_appended)
		return true;
	return damaged(ob, ob->state.acknowledged, err);
}

/* The last report must be what its digest says: a cheap sign that the end of the file is sound. */
static bool check_last(struct outbox *ob, struct err *err)
{
	struct outbox_report last;
	if (ob->state.last_appended == ob->state.trimmed)
		return true;
	struct arena *a = arena_new(64u << 20);
	bool fine = outbox_read(ob, ob->state.last_appended, a, &last, err);
	arena_free(&a);
	return fine;
}

static bool note_boot(struct outbox *ob, const uint8_t *boot, struct err *err)
{
	sqlite3_stmt *s = use(ob, SQL_BOOT, err);
	if (!s)
		return false;
	bind_blob(s, 1, boot, OUTBOX_NONCE_SIZE);
	return run(ob, s, err);
}

static bool load(struct outbox *ob, const struct birth *birth, struct err *err)
{
	bool there;
	if (!read_meta(ob, &there, err))
		return false;
	if (!there && (!make_meta(ob, birth, err) || !read_meta(ob, &there, err)))
		return false;
	if (strcmp(ob->state.agent, birth->agent) != 0)
		return err_set(err, ERR_CONFIG,
			       _("%s belongs to the agent %s, not to %s: give each agent a folder of its own (setting: "
				 "directory)"),
			       ob->path, ob->state.agent, birth->agent);
	return read_stream(ob, err) && read_cursors(ob, err) && check_last(ob, err);
}

struct outbox *outbox_open_after(const char *dir, const char *file, const char *agent, const struct epoch *previous,
				 const struct digest *previous_chain, const struct outbox_limits *limits,
				 const uint8_t boot[static OUTBOX_NONCE_SIZE], struct err *err)
{
	const struct birth birth = {agent, previous, previous_chain};
	if (!fsx_mkdir(dir, 0700, err))
		return NULL;
	struct outbox *ob = xcalloc(1, sizeof *ob);
	ob->dir = xstrdup(dir);
	ob->path = fsx_join(dir, file);
	bool opened = open_file(ob, err) && migrate(ob, err);
	FAULT_POINT(A9_DURING_RECOVERY);
	/* SQLite syncs the folder when it makes a log, but not when the log is there after a start that was broken off. */
	if (!opened || !load(ob, &birth, err) || !note_boot(ob, boot, err) || !fsx_sync_folder_of(ob->path, err)) {
		outbox_close(&ob);
		return NULL;
	}
	outbox_set_limits(ob, limits);
	return ob;
}

struct outbox *outbox_open(const char *dir, const char *agent, const struct outbox_limits *limits,
			   const uint8_t boot[static OUTBOX_NONCE_SIZE], struct err *err)
{
	return outbox_open_after(dir, OUTBOX_FILE, agent, NULL, NULL, limits, boot, err);
}

void outbox_close(struct outbox **obp)
{
	struct outbox *ob = *obp;
	*obp = NULL;
	if (!ob)
		return;
	for (size_t i = 0; i < SQL_STATEMENTS; i++)
		sqlite3_finalize(ob->statements[i]);
	sqlite3_close(ob->db);
	free(ob->path);
	free(ob->dir);
	free(ob);
}

void outbox_set_limits(struct outbox *ob, const struct outbox_limits *limits)
{
	char text[64];
	int64_t page;
	struct err ignored;
	ob->limits = *limits;
	/* A ceiling below the size that is there has no effect, and that is right. */
	if (pragma_number(ob, "PRAGMA page_size", &page, &ignored)) {
		snprintf(text, sizeof text, "PRAGMA max_page_count = %" PRId64,
			 (limits->bytes_max + limits->bytes_max / 4 + CEILING_SLACK) / page);
		sqlite3_exec(ob->db, text, NULL, NULL, NULL);
	}
}

bool outbox_is_broken(const struct outbox *ob)
{
	return ob->broken;
}

const struct outbox_state *outbox_state(const struct outbox *ob)
{
	return &ob->state;
}

int64_t outbox_bytes(struct outbox *ob)
{
	bool row;
	struct err ignored;
	sqlite3_stmt *s = use(ob, SQL_PAGES, &ignored);
	if (!s || !next_row(ob, s, &row, &ignored))
		return -1;
	int64_t bytes = sqlite3_column_int64(s, 0);
	done(s);
	return bytes;
}

/* ---------------------------------------------------------------- handing in */

bool outbox_is_in_place(const struct outbox *ob)
{
	struct stat place;
	return stat(ob->path, &place) == 0 && place.st_dev == ob->device && place.st_ino == ob->inode;
}

enum outbox_door outbox_door(struct outbox *ob, int64_t bytes)
{
	int64_t used = outbox_bytes(ob), free_bytes = fsx_free_bytes(ob->dir);
	if (ob->broken)
		return OUTBOX_BROKEN;
	if (!outbox_is_in_place(ob))
		return OUTBOX_DELETED;
	if (used < 0 || used + bytes > ob->limits.bytes_max)
		return OUTBOX_FULL;
	return free_bytes >= 0 && free_bytes - bytes < ob->limits.free_min ? OUTBOX_DISK_FULL : OUTBOX_OPEN;
}

bool outbox_may_take(struct outbox *ob, int64_t bytes, struct err *err)
{
	switch (outbox_door(ob, bytes)) {
	case OUTBOX_BROKEN: return whole(ob, err);
	case OUTBOX_DELETED:
		return err_set(err, ERR_CANTCREAT,
			       _("%s was deleted or replaced while the agent had it open: what it took now would be "
				 "gone with its end. Let it send what waits, then start it anew"),
			       ob->path);
	case OUTBOX_FULL:
		return err_set(err, ERR_TEMPFAIL,
			       _("the outbox is full: %" PRId64 " of %" PRId64 " bytes are used and %" PRId64
				 " more were handed in. It empties when the centre acknowledges and the retention is "
				 "over; or raise "
				 "outbox_bytes"),
			       outbox_bytes(ob), ob->limits.bytes_max, bytes);
	case OUTBOX_DISK_FULL:
		return err_set(err, ERR_TEMPFAIL,
			       _("the disk under %s is nearly full: %" PRId64 " bytes free, %" PRId64
				 " handed in, and free_bytes keeps %" PRId64
				 " free. Free some space; nothing with a ticket is lost"),
			       ob->dir, fsx_free_bytes(ob->dir), bytes, ob->limits.free_min);
	case OUTBOX_OPEN: break;
	}
	return true;
}

static bool put_ticket(struct outbox *ob, const char *file_name, struct err *err)
{
	sqlite3_stmt *s = use(ob, SQL_PUT_TICKET, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)ob->next_seq);
	bind_text(s, 2, file_name);
	bind_int(s, 3, ob->handed_in_at_us);
	return run(ob, s, err);
}

bool outbox_begin(struct outbox *ob, const char *file_name, int64_t bytes, int64_t now_us, struct err *err)
{
	assert(!ob->handing_in);
	if (!outbox_may_take(ob, bytes, err) || !run_plain(ob, SQL_BEGIN, err))
		return false;
	ob->handing_in = true;
	ob->handed_in_at_us = now_us < 1 ? 1 : now_us; /* before 1970 is a wrong clock; 0 and less mean unknown */
	ob->next_seq = ob->state.last_appended + 1;
	ob->chain = ob->state.last_chain;
	ob->observations = 0;
	if (put_ticket(ob, file_name, err))
		return true;
	outbox_rollback(ob);
	return false;
}

static bool put_report(struct outbox *ob, const void *data, size_t len, const struct outbox_summary *summary,
		       struct err *err)
{
	struct digest digest;
	sqlite3_stmt *s = use(ob, SQL_PUT_REPORT, err);
	if (!s)
		return false;
	digest_report(data, len, &digest);
	chain_next(&ob->chain, &digest, &ob->chain);
	bind_int(s, 1, (int64_t)ob->next_seq);
	bind_int(s, 2, (int64_t)ob->state.last_appended + 1);
	bind_blob(s, 3, digest.bytes, sizeof digest.bytes);
	bind_blob(s, 4, ob->chain.bytes, sizeof ob->chain.bytes);
	bind_int(s, 5, ob->handed_in_at_us);
	bind_text(s, 6, summary->provider);
	bind_text(s, 7, summary->dataflow);
	bind_text(s, 8, summary->time_period);
	bind_int(s, 9, summary->observations);
	bind_blob(s, 10, data, len);
	return run(ob, s, err);
}

bool outbox_add(struct outbox *ob, const void *data, size_t len, const struct outbox_summary *summary, struct err *err)
{
	assert(ob->handing_in);
	FAULT_POINT(A1_BEFORE_INSERT);
	if (!put_report(ob, data, len, summary, err)) {
		outbox_rollback(ob);
		return false;
	}
	ob->next_seq++;
	ob->observations += summary->observations;
	return true;
}

static bool end_ticket(struct outbox *ob, uint64_t first, uint64_t last, struct err *err)
{
	sqlite3_stmt *s = use(ob, SQL_END_TICKET, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)first);
	bind_int(s, 2, (int64_t)last);
	bind_int(s, 3, (int64_t)ob->observations);
	return run(ob, s, err);
}

bool outbox_commit(struct outbox *ob, struct outbox_ticket *ret, struct err *err)
{
	uint64_t first = ob->state.last_appended + 1, last = ob->next_seq - 1;
	assert(ob->handing_in && last >= first);
	ob->handing_in = false;
	FAULT_POINT(A2_BEFORE_SYNC);
	if (!end(ob, end_ticket(ob, first, last, err), err))
		return false;
	FAULT_POINT(A3_BEFORE_TICKET);
	ob->state.last_appended = last;
	ob->state.last_chain = ob->chain;
	*ret = (struct outbox_ticket){.first_seq = first, .last_seq = last, .observations = ob->observations};
	outbox_ticket_text(ob, first, last, ret->text);
	return true;
}

void outbox_rollback(struct outbox *ob)
{
	ob->handing_in = false;
	undo(ob);
}

static char *ticket_stem(const struct outbox *ob, const struct epoch *epoch, char buf[static OUTBOX_TICKET_MAX])
{
	char hex[9];
	snprintf(buf, OUTBOX_TICKET_MAX, "%s/%s/", ob->state.agent, text_hex(epoch->bytes, 4, hex));
	return buf;
}

char *outbox_ticket_text_of(const struct outbox *ob, const struct epoch *epoch, uint64_t first_seq, uint64_t last_seq,
			    char buf[static OUTBOX_TICKET_MAX])
{
	size_t len = strlen(ticket_stem(ob, epoch, buf));
	if (last_seq > first_seq)
		snprintf(buf + len, OUTBOX_TICKET_MAX - len, "%" PRIu64 "-%" PRIu64, first_seq, last_seq);
	else
		snprintf(buf + len, OUTBOX_TICKET_MAX - len, "%" PRIu64, first_seq);
	return buf;
}

char *outbox_ticket_text(const struct outbox *ob, uint64_t first_seq, uint64_t last_seq,
			 char buf[static OUTBOX_TICKET_MAX])
{
	return outbox_ticket_text_of(ob, &ob->state.epoch, first_seq, last_seq, buf);
}

/* 1 to 18 digits without a leading zero; moves *text behind them. */
static bool read_seq(const char **text, uint64_t *ret)
{
	size_t n = strspn(*text, "0123456789");
	if (n < 1 || n > 18 || **text == '0')
		return false;
	*ret = strtoull(*text, NULL, 10);
	*text += n;
	return true;
}

/* "7" or "7-9" and nothing behind it. */
static bool read_range(const char *text, uint64_t *ret_first, uint64_t *ret_last)
{
	bool fine = read_seq(&text, ret_first);
	*ret_last = *ret_first;
	if (fine && *text == '-') {
		text++;
		fine = read_seq(&text, ret_last);
	}
	return fine && !*text && *ret_last >= *ret_first;
}

bool outbox_ticket_parse(const struct outbox *ob, const char *text, uint64_t *ret_first, uint64_t *ret_last,
			 struct err *err)
{
	char stem[OUTBOX_TICKET_MAX];
	size_t len = strlen(ticket_stem(ob, &ob->state.epoch, stem));
	if (strncmp(text, stem, len) != 0)
		return err_set(err, ERR_DATA,
			       _("\"%.100s\" is not a ticket of this agent: its tickets begin with %s, and tram outbox "
				 "list shows them"),
			       text, stem);
	if (!read_range(text + len, ret_first, ret_last) || *ret_last > ob->state.last_appended)
		return err_set(err, ERR_DATA,
			       _("there is no ticket \"%.100s\": the last report handed in is %" PRIu64
				 "; tram outbox list shows them all"),
			       text, ob->state.last_appended);
	return true;
}

bool outbox_earlier_ticket(struct outbox *ob, const char *text, struct epoch *ret_epoch, uint64_t *ret_first,
			   uint64_t *ret_last)
{
	char stem[OUTBOX_TICKET_MAX];
	struct err ignored;
	bool more, found = false;
	sqlite3_stmt *s = use(ob, SQL_EPOCHS, &ignored);
	if (s)
		bind_blob(s, 1, ob->state.epoch.bytes, EPOCH_SIZE);
	while (s && !found && next_row(ob, s, &more, &ignored) && more) {
		if (!column_exact(s, 0, ret_epoch, sizeof *ret_epoch))
			break;
		size_t len = strlen(ticket_stem(ob, ret_epoch, stem));
		found = strncmp(text, stem, len) == 0 && read_range(text + len, ret_first, ret_last);
	}
	if (s)
		done(s);
	return found;
}

/* ---------------------------------------------------------------- reading */

/* The first columns, in the order of REPORT_COLUMNS; texts stay SQLite's. */
static bool take_report(sqlite3_stmt *s, struct outbox_report *ret)
{
	*ret = (struct outbox_report){
	    .seq = (uint64_t)sqlite3_column_int64(s, 0),
	    .ticket_first = (uint64_t)sqlite3_column_int64(s, 1),
	    .ticket_last = (uint64_t)sqlite3_column_int64(s, 2),
	    .file_name = column_text(s, 3),
	    .handed_in_at_us = sqlite3_column_int64(s, 4),
	    .summary = {column_text(s, 5), column_text(s, 6), column_text(s, 7), (uint32_t)sqlite3_column_int64(s, 8)},
	};
	return column_exact(s, 9, &ret->digest, DIGEST_SIZE) && column_exact(s, 10, &ret->chain, DIGEST_SIZE);
}

/* Whether the bytes are those that digest and chain were made of. */
static bool is_sound(struct outbox *ob, sqlite3_stmt *s, const struct outbox_report *report)
{
	struct digest digest, chain;
	if (report->seq == ob->state.trimmed + 1)
		chain = ob->trimmed_chain;
	else if (!column_exact(s, 12, &chain, DIGEST_SIZE))
		return false;
	digest_report(report->bytes, report->len, &digest);
	chain_next(&chain, &digest, &chain);
	return memcmp(&digest, &report->digest, sizeof digest) == 0 &&
	       memcmp(&chain, &report->chain, sizeof chain) == 0;
}

static bool copy_report(struct arena *a, struct outbox_report *report, struct err *err)
{
	void *bytes = arena_alloc(a, report->len);
	report->file_name = arena_strdup(a, report->file_name);
	report->summary.provider = arena_strdup(a, report->summary.provider);
	report->summary.dataflow = arena_strdup(a, report->summary.dataflow);
	report->summary.time_period = arena_strdup(a, report->summary.time_period);
	if (!bytes || !report->file_name || !report->summary.provider || !report->summary.dataflow ||
	    !report->summary.time_period)
		return err_set(err, ERR_PROTOCOL, _("report %" PRIu64 " does not fit into the memory for one batch"),
			       report->seq);
	memcpy(bytes, report->bytes, report->len);
	report->bytes = bytes;
	return true;
}

bool outbox_read(struct outbox *ob, uint64_t seq, struct arena *a, struct outbox_report *ret, struct err *err)
{
	bool row;
	sqlite3_stmt *s = use(ob, SQL_READ, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)seq);
	bool fine = next_row(ob, s, &row, err);
	if (fine && !row)
		fine = err_set(err, ERR_NOINPUT,
			       _("report %" PRIu64 " is not here: the outbox keeps %" PRIu64 " to %" PRIu64), seq,
			       ob->state.trimmed + 1, ob->state.last_appended);
	if (fine) {
		fine = take_report(s, ret);
		ret->bytes = sqlite3_column_blob(s, 11);
		ret->len = (size_t)sqlite3_column_bytes(s, 11);
		fine = (fine && is_sound(ob, s, ret)) ? copy_report(a, ret, err) : damaged(ob, seq, err);
	}
	done(s);
	return fine;
}

bool outbox_chain(struct outbox *ob, uint64_t seq, struct digest *ret, struct err *err)
{
	bool row;
	if (seq == ob->state.trimmed || seq == ob->state.last_appended) {
		*ret = seq == ob->state.trimmed ? ob->trimmed_chain : ob->state.last_chain;
		return whole(ob, err);
	}
	sqlite3_stmt *s = use(ob, SQL_CHAIN, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)seq);
	bool fine = next_row(ob, s, &row, err);
	if (fine && !row)
		fine = err_set(err, ERR_NOINPUT, _("the chain at %" PRIu64 " is not kept"), seq);
	else if (fine)
		fine = column_exact(s, 0, ret, sizeof *ret) || damaged(ob, seq, err);
	done(s);
	return fine;
}

int64_t outbox_handed_in_at(struct outbox *ob, uint64_t seq)
{
	bool row = false;
	struct err ignored;
	sqlite3_stmt *s = use(ob, SQL_HANDED_IN, &ignored);
	if (!s)
		return 0;
	bind_int(s, 1, (int64_t)seq);
	int64_t at = next_row(ob, s, &row, &ignored) && row ? sqlite3_column_int64(s, 0) : 0;
	done(s);
	return at;
}

bool outbox_place(struct outbox *ob, uint64_t seq, struct outbox_place *ret, struct err *err)
{
	bool row;
	sqlite3_stmt *s = use(ob, SQL_PLACE, err);
	if (!s)
		return false;
	*ret = (struct outbox_place){.seq = seq};
	bind_int(s, 1, (int64_t)seq);
	bool fine = next_row(ob, s, &row, err);
	if (fine && !row)
		fine = err_set(err, ERR_NOINPUT, _("nothing is known of report %" PRIu64 " any more"), seq);
	else if (fine)
		fine =
		    (column_exact(s, 0, &ret->digest, DIGEST_SIZE) && column_exact(s, 1, &ret->chain, DIGEST_SIZE)) ||
		    damaged(ob, seq, err);
	if (fine) {
		ret->kept = sqlite3_column_int(s, 2) != 0;
		ret->ticket_first = (uint64_t)sqlite3_column_int64(s, 3);
		ret->ticket_last = (uint64_t)sqlite3_column_int64(s, 4);
		snprintf(ret->file_name, sizeof ret->file_name, "%s", column_text(s, 5));
		ret->handed_in_at_us = sqlite3_column_int64(s, 6);
	}
	done(s);
	return fine;
}

bool outbox_list(struct outbox *ob, uint64_t below, uint64_t after, uint32_t max, outbox_report_fn *row, void *context,
		 struct err *err)
{
	bool more, fine;
	sqlite3_stmt *s = use(ob, SQL_LIST, err);
	if (!s)
		return false;
	bind_blob(s, 1, ob->state.epoch.bytes, EPOCH_SIZE);
	bind_int(s, 2, below > INT64_MAX ? INT64_MAX : (int64_t)below);
	bind_int(s, 3, (int64_t)after);
	bind_int(s, 4, max);
	while ((fine = next_row(ob, s, &more, err)) && more) {
		struct outbox_report report;
		if (!take_report(s, &report)) {
			fine = damaged(ob, report.seq, err);
			break;
		}
		report.len = (size_t)sqlite3_column_int64(s, 11);
		report.verdict_seq = (uint64_t)sqlite3_column_int64(s, 12);
		row(context, &report);
	}
	done(s);
	return fine;
}

/* ---------------------------------------------------------------- what the centre said */

bool outbox_put_acknowledgement(struct outbox *ob, const struct acknowledgement *ack, int64_t now_us, struct err *err)
{
	sqlite3_stmt *s = use(ob, SQL_PUT_ACK, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)ack->committed_through);
	bind_blob(s, 2, ack->chain.bytes, DIGEST_SIZE);
	bind_int(s, 3, ack->committed_at_us);
	bind_blob(s, 4, ack->signature, SIGNATURE_SIZE);
	bind_blob(s, 5, ack->key_id, KEY_ID_SIZE);
	bind_int(s, 6, now_us);
	bind_int(s, 7, ob->lived_us);
	if (!run(ob, s, err))
		return false;
	if (ack->committed_through > ob->state.acknowledged)
		ob->state.acknowledged = ack->committed_through;
	return true;
}

bool outbox_acknowledgement(struct outbox *ob, uint64_t seq, struct acknowledgement *ret, bool *ret_found,
			    struct err *err)
{
	sqlite3_stmt *s = use(ob, SQL_GET_ACK, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)seq);
	bool fine = next_row(ob, s, ret_found, err);
	if (fine && *ret_found) {
		ret->committed_through = (uint64_t)sqlite3_column_int64(s, 0);
		ret->committed_at_us = sqlite3_column_int64(s, 2);
		fine = (column_exact(s, 1, &ret->chain, DIGEST_SIZE) &&
			column_exact(s, 3, ret->signature, SIGNATURE_SIZE) &&
			column_exact(s, 4, ret->key_id, KEY_ID_SIZE)) ||
		       damaged(ob, seq, err);
	}
	done(s);
	return fine;
}

/* One that was held before a rewind and whose report is gone is only counted past: its row would be nobody's. */
static bool wants_row(const struct outbox *ob, const struct outbox_verdict *verdict)
{
	bool is_kept =
	    memcmp(verdict->epoch.bytes, ob->state.epoch.bytes, EPOCH_SIZE) == 0 && verdict->seq > ob->state.trimmed;
	return is_kept || verdict->verdict_seq > ob->verdict_heard;
}

static bool put_verdict(struct outbox *ob, const struct outbox_verdict *verdict, int64_t now_us, struct err *err)
{
	if (!wants_row(ob, verdict))
		return true;
	sqlite3_stmt *s = use(ob, SQL_PUT_VERDICT, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)verdict->verdict_seq);
	bind_blob(s, 2, verdict->epoch.bytes, EPOCH_SIZE);
	bind_int(s, 3, (int64_t)verdict->seq);
	bind_int(s, 4, now_us);
	bind_blob(s, 5, verdict->body, verdict->len);
	bind_int(s, 6, verdict->known_at_us);
	bind_int(s, 7, ob->lived_us);
	return run(ob, s, err);
}

static bool set_cursor(struct outbox *ob, enum statement which, uint64_t cursor, int64_t known_at_us, struct err *err)
{
	sqlite3_stmt *s = use(ob, which, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)cursor);
	bind_int(s, 2, known_at_us);
	return run(ob, s, err);
}

bool outbox_put_verdicts(struct outbox *ob, const struct outbox_verdict *verdicts, size_t n, int64_t now_us,
			 struct err *err)
{
	assert(n > 0);
	int64_t known_at_us = verdicts[n - 1].known_at_us;
	bool fine = run_plain(ob, SQL_BEGIN, err);
	if (!fine)
		return false;
	for (size_t i = 0; fine && i < n; i++) {
		assert(verdicts[i].verdict_seq == ob->state.verdict_cursor + 1 + i);
		fine = put_verdict(ob, &verdicts[i], now_us, err);
	}
	fine = fine && set_cursor(ob, SQL_SET_CURSOR, ob->state.verdict_cursor + n, known_at_us, err);
	if (!end(ob, fine, err))
		return false;
	ob->state.verdict_cursor += n;
	ob->state.verdict_known_at_us = known_at_us;
	return true;
}

bool outbox_known_at(struct outbox *ob, uint64_t verdict_seq, int64_t *ret, struct err *err)
{
	bool row;
	if (verdict_seq == ob->state.verdict_cursor) {
		*ret = ob->state.verdict_known_at_us;
		return whole(ob, err);
	}
	sqlite3_stmt *s = use(ob, SQL_KNOWN_AT, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)verdict_seq);
	bool fine = next_row(ob, s, &row, err);
	*ret = fine && row ? sqlite3_column_int64(s, 0) : 0;
	done(s);
	return fine;
}

bool outbox_rewind_verdicts(struct outbox *ob, uint64_t cursor, struct err *err)
{
	int64_t known_at_us;
	assert(cursor <= ob->state.verdict_cursor);
	if (!outbox_known_at(ob, cursor, &known_at_us, err) || !run_plain(ob, SQL_BEGIN, err))
		return false;
	bool fine =
	    run_number(ob, SQL_DROP_VERDICTS, cursor, err) && set_cursor(ob, SQL_REWIND, cursor, known_at_us, err);
	if (!end(ob, fine, err))
		return false;
	if (ob->verdict_heard < ob->state.verdict_cursor)
		ob->verdict_heard = ob->state.verdict_cursor;
	ob->state.verdict_cursor = cursor;
	ob->state.verdict_known_at_us = known_at_us;
	return true;
}

/* As they are, with the numbers they have. */
static bool inherit_row(struct outbox *ob, sqlite3_stmt *from, struct err *err)
{
	sqlite3_stmt *s = use(ob, SQL_PUT_VERDICT, err);
	if (!s)
		return false;
	bind_int(s, 1, sqlite3_column_int64(from, 0));
	bind_blob(s, 2, sqlite3_column_blob(from, 1), (size_t)sqlite3_column_bytes(from, 1));
	bind_int(s, 3, sqlite3_column_int64(from, 2));
	bind_int(s, 4, sqlite3_column_int64(from, 3));
	bind_blob(s, 5, sqlite3_column_blob(from, 4), (size_t)sqlite3_column_bytes(from, 4));
	bind_int(s, 6, sqlite3_column_int64(from, 5));
	bind_int(s, 7, ob->lived_us);
	return run(ob, s, err);
}

static bool inherit_rows(struct outbox *ob, struct outbox *from, struct err *err)
{
	bool more, fine;
	sqlite3_stmt *s = use(from, SQL_ALL_VERDICTS, err);
	if (!s)
		return false;
	while ((fine = next_row(from, s, &more, err)) && more)
		if (!(fine = inherit_row(ob, s, err)))
			break;
	done(s);
	return fine;
}

bool outbox_inherit(struct outbox *ob, struct outbox *from, struct err *err)
{
	const struct outbox_state *state = outbox_state(from);
	assert(ob->state.verdict_cursor == 0);
	if (!run_plain(ob, SQL_BEGIN, err))
		return false;
	bool fine = inherit_rows(ob, from, err) &&
		    set_cursor(ob, SQL_SET_CURSOR, state->verdict_cursor, state->verdict_known_at_us, err);
	if (!end(ob, fine, err))
		return false;
	ob->state.verdict_cursor = state->verdict_cursor;
	ob->state.verdict_known_at_us = state->verdict_known_at_us;
	return true;
}

static bool take_verdict(sqlite3_stmt *s, struct outbox_verdict *ret)
{
	*ret = (struct outbox_verdict){
	    .verdict_seq = (uint64_t)sqlite3_column_int64(s, 0),
	    .seq = (uint64_t)sqlite3_column_int64(s, 2),
	    .body = sqlite3_column_blob(s, 3),
	    .len = (size_t)sqlite3_column_bytes(s, 3),
	    .stored_at_us = sqlite3_column_int64(s, 4),
	    .ticket_first = (uint64_t)sqlite3_column_int64(s, 5),
	    .ticket_last = (uint64_t)sqlite3_column_int64(s, 6),
	    .file_name = column_text(s, 7),
	    .handed_in_at_us = sqlite3_column_int64(s, 8),
	    .summary = {column_text(s, 9), column_text(s, 10), column_text(s, 11),
			(uint32_t)sqlite3_column_int64(s, 12)},
	};
	return column_exact(s, 1, &ret->epoch, EPOCH_SIZE);
}

bool outbox_verdicts(struct outbox *ob, uint64_t after, uint64_t first_seq, uint64_t last_seq, outbox_verdict_fn *row,
		     void *context, struct err *err)
{
	return outbox_verdicts_of(ob, after, &ob->state.epoch, first_seq, last_seq, row, context, err);
}

bool outbox_verdicts_of(struct outbox *ob, uint64_t after, const struct epoch *epoch, uint64_t first_seq,
			uint64_t last_seq, outbox_verdict_fn *row, void *context, struct err *err)
{
	bool more, fine, go_on = true;
	sqlite3_stmt *s = use(ob, first_seq ? SQL_VERDICTS_OF : SQL_VERDICTS, err);
	if (!s)
		return false;
	bind_blob(s, 1, ob->state.epoch.bytes, EPOCH_SIZE);
	bind_int(s, 2, after > INT64_MAX ? INT64_MAX : (int64_t)after);
	if (first_seq) {
		bind_int(s, 3, (int64_t)first_seq);
		bind_int(s, 4, (int64_t)last_seq);
		bind_blob(s, 5, epoch->bytes, EPOCH_SIZE);
	}
	while ((fine = next_row(ob, s, &more, err)) && more && go_on) {
		struct outbox_verdict verdict;
		if (!take_verdict(s, &verdict)) {
			fine = damaged(ob, verdict.seq, err);
			break;
		}
		go_on = row(context, &verdict);
	}
	done(s);
	return fine;
}

bool outbox_earlier_verdicts(struct outbox *ob, uint64_t *ret, struct err *err)
{
	bool row;
	sqlite3_stmt *s = use(ob, SQL_EARLIER, err);
	if (!s)
		return false;
	bind_blob(s, 1, ob->state.epoch.bytes, EPOCH_SIZE);
	bool fine = next_row(ob, s, &row, err);
	if (fine)
		*ret = (uint64_t)sqlite3_column_int64(s, 0);
	done(s);
	return fine;
}

bool outbox_judged(struct outbox *ob, uint64_t first_seq, uint64_t last_seq, uint64_t *ret, struct err *err)
{
	bool row;
	sqlite3_stmt *s = use(ob, SQL_JUDGED, err);
	if (!s)
		return false;
	bind_blob(s, 1, ob->state.epoch.bytes, EPOCH_SIZE);
	bind_int(s, 2, (int64_t)first_seq);
	bind_int(s, 3, (int64_t)last_seq);
	bool fine = next_row(ob, s, &row, err);
	if (fine)
		*ret = (uint64_t)sqlite3_column_int64(s, 0);
	done(s);
	return fine;
}

static int compare_int64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

bool outbox_time_to_verdict(struct outbox *ob, int64_t *ret_p50_us, int64_t *ret_p99_us, struct err *err)
{
	int64_t took[LATENCY_SAMPLES];
	size_t n = 0;
	bool more, fine;
	sqlite3_stmt *s = use(ob, SQL_TOOK, err);
	if (!s)
		return false;
	bind_int(s, 1, LATENCY_SAMPLES);
	while ((fine = next_row(ob, s, &more, err)) && more)
		took[n++] = sqlite3_column_int64(s, 0);
	done(s);
	qsort(took, n, sizeof took[0], compare_int64);
	*ret_p50_us = n ? took[(n - 1) / 2] : -1;
	*ret_p99_us = n ? took[(n - 1) * 99 / 100] : -1;
	return fine;
}

bool outbox_put_codebook(struct outbox *ob, uint32_t version, const void *data, size_t len, int64_t now_us,
			 struct err *err)
{
	sqlite3_stmt *s = use(ob, SQL_PUT_CODEBOOK, err);
	if (!s)
		return false;
	bind_int(s, 1, version);
	bind_int(s, 2, now_us);
	bind_blob(s, 3, data, len);
	if (!run(ob, s, err))
		return false;
	ob->state.catalogue_version = version;
	return true;
}

bool outbox_codebook(struct outbox *ob, struct arena *a, const uint8_t **ret, size_t *ret_len, struct err *err)
{
	bool row;
	*ret = NULL;
	*ret_len = 0;
	sqlite3_stmt *s = use(ob, SQL_GET_CODEBOOK, err);
	if (!s)
		return false;
	bool fine = next_row(ob, s, &row, err);
	if (fine && row) {
		size_t len = (size_t)sqlite3_column_bytes(s, 0);
		void *copy = arena_alloc(a, len);
		if (copy && len)
			memcpy(copy, sqlite3_column_blob(s, 0), len);
		*ret = copy;
		*ret_len = len;
		fine = copy || err_set(err, ERR_PROTOCOL, _("the codebook does not fit into memory"));
	}
	done(s);
	return fine;
}

/* ---------------------------------------------------------------- care */

static bool old_enough(struct outbox *ob, int64_t before_us, uint64_t *ret, struct err *err)
{
	bool row;
	sqlite3_stmt *s = use(ob, SQL_OLD_ENOUGH, err);
	if (!s)
		return false;
	bind_int(s, 1, before_us);
	bool fine = next_row(ob, s, &row, err);
	if (fine)
		*ret = (uint64_t)sqlite3_column_int64(s, 0);
	done(s);
	return fine;
}

/* Up to TRIM_STEP verdicts of reports that are gone; *ret_more: there may be further ones. */
static bool trim_verdicts(struct outbox *ob, int64_t before_us, bool *ret_more, struct err *err)
{
	sqlite3_stmt *s = use(ob, SQL_TRIM_VERDICTS, err);
	if (!s)
		return false;
	bind_blob(s, 1, ob->state.epoch.bytes, EPOCH_SIZE);
	bind_int(s, 2, (int64_t)ob->state.trimmed);
	bind_int(s, 3, before_us);
	bind_int(s, 4, TRIM_STEP);
	if (!run(ob, s, err))
		return false;
	*ret_more = sqlite3_changes(ob->db) == TRIM_STEP;
	return true;
}

static bool trim_meta(struct outbox *ob, uint64_t through, const struct digest *chain, struct err *err)
{
	sqlite3_stmt *s = use(ob, SQL_TRIM_META, err);
	if (!s)
		return false;
	bind_int(s, 1, (int64_t)through);
	bind_blob(s, 2, chain->bytes, DIGEST_SIZE);
	return run(ob, s, err);
}

static bool trim_through(struct outbox *ob, uint64_t through, struct err *err)
{
	struct digest chain;
	if (!outbox_chain(ob, through, &chain, err) || !run_plain(ob, SQL_BEGIN, err))
		return false;
	bool fine = run_number(ob, SQL_KEEP_PAST, through, err) && run_number(ob, SQL_TRIM_REPORTS, through, err) &&
		    trim_meta(ob, through, &chain, err);
	FAULT_POINT(A8_DURING_TRIM);
	if (!end(ob, fine, err))
		return false;
	ob->state.trimmed = through;
	ob->trimmed_chain = chain;
	return true;
}

static bool first_past(struct outbox *ob, uint64_t *ret, struct err *err)
{
	bool row;
	sqlite3_stmt *s = use(ob, SQL_FIRST_PAST, err);
	if (!s)
		return false;
	bool fine = next_row(ob, s, &row, err);
	*ret = fine ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	done(s);
	return fine;
}

/* The digest at `through` stays: the chain there is where a later proof begins. *ret_some: something was forgotten. */
static bool trim_past(struct outbox *ob, bool *ret_some, bool *ret_more, struct err *err)
{
	int64_t past_us = ob->limits.past_us > ob->limits.retention_us ? ob->limits.past_us : ob->limits.retention_us;
	int64_t before_us = ob->lived_us - past_us;
	uint64_t through, first;
	if (!old_enough(ob, before_us, &through, err) || !first_past(ob, &first, err))
		return false;
	if (through > ob->state.trimmed)
		through = ob->state.trimmed;
	if (first == 0 || through <= first)
		return true;
	if (through > first + TRIM_STEP) {
		through = first + TRIM_STEP;
		*ret_more = true;
	}
	*ret_some = true;
	if (!run_plain(ob, SQL_BEGIN, err))
		return false;
	bool fine = run_number(ob, SQL_TRIM_PAST, through, err) && run_number(ob, SQL_TRIM_TICKETS, through, err) &&
		    run_number(ob, SQL_TRIM_ACKS, through, err);
	return end(ob, fine, err);
}

/* incremental_vacuum gives back one page a step. */
static bool give_back_pages(struct outbox *ob, struct err *err)
{
	bool more = true;
	sqlite3_stmt *s = use(ob, SQL_VACUUM, err);
	bool fine = s != NULL;
	while (fine && more)
		fine = next_row(ob, s, &more, err);
	if (s)
		done(s);
	return fine;
}

/* Reports first: their verdicts go once they are nobody's. */
static bool trim_reports(struct outbox *ob, uint64_t committed, int64_t before_us, bool *ret_more, struct err *err)
{
	uint64_t through;
	if (!old_enough(ob, before_us, &through, err))
		return false;
	if (through > committed)
		through = committed;
	if (through <= ob->state.trimmed)
		return true;
	*ret_more = through > ob->state.trimmed + TRIM_STEP;
	if (*ret_more)
		through = ob->state.trimmed + TRIM_STEP;
	return trim_through(ob, through, err);
}

/* How long it has lived is written now and then only; what a crash forgets of it keeps reports the longer. */
static bool keep_lived(struct outbox *ob, struct err *err)
{
	int64_t step = ob->limits.retention_us / 10 < LIVED_STEP ? ob->limits.retention_us / 10 : LIVED_STEP;
	if (ob->lived_us - ob->lived_kept_us < step)
		return true;
	if (!run_number(ob, SQL_SET_LIVED, (uint64_t)ob->lived_us, err))
		return false;
	ob->lived_kept_us = ob->lived_us;
	return true;
}

bool outbox_trim(struct outbox *ob, uint64_t committed, bool *ret_more, struct err *err)
{
	int64_t before_us = ob->lived_us - ob->limits.retention_us;
	uint64_t trimmed = ob->state.trimmed;
	bool more_verdicts = false, some_past = false;
	*ret_more = false;
	if (!keep_lived(ob, err) || !trim_reports(ob, committed, before_us, ret_more, err) ||
	    !trim_verdicts(ob, before_us, &more_verdicts, err) || !trim_past(ob, &some_past, ret_more, err))
		return false;
	*ret_more |= more_verdicts;
	return (ob->state.trimmed == trimmed && !more_verdicts && !some_past) || give_back_pages(ob, err);
}

void outbox_live(struct outbox *ob, int64_t monotonic_us)
{
	int64_t step = ob->ticked_us ? monotonic_us - ob->ticked_us : 0;
	if (step > 0)
		ob->lived_us += step < LIVED_LEAP ? step : LIVED_LEAP;
	ob->ticked_us = monotonic_us;
}

bool outbox_rest(struct outbox *ob, struct err *err)
{
	if (!whole(ob, err))
		return false;
	FAULT_POINT(A8_BEFORE_CHECKPOINT);
	int rc = sqlite3_wal_checkpoint_v2(ob->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return rc == SQLITE_OK || fail(ob, rc, err);
}
