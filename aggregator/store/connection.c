/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "clock.h"
#include "copy.h"
#include "fault.h"
#include "hosts.h"
#include "lang.h"
#include "mem.h"
#include "migrate.h"
#include "numbers.h"
#include "refused.h"
#include "sqlstate.h"
#include "store_centre.h"
#include "text.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SERVER_VERSION_MIN = 150000, SQLSTATE_SIZE = 6 };

#define QUICK_US                                                                                                       \
	(2 * CLOCK_SECOND) /* a connection that was refused later than this was not refused, but waited for in vain */

/* ---------------------------------------------------------------- what went wrong */

static enum err_kind err_kind_of(enum store_result result)
{
	switch (result) {
	case STORE_POISON: return ERR_DATA;
	case STORE_BROKEN: return ERR_CONFIG;
	case STORE_RECONNECT: return ERR_UNAVAILABLE;
	default: return ERR_TEMPFAIL;
	}
}

/* libpq's messages end with a newline and may have several lines: one for each host, and advice. */
static void set_text(struct err *err, enum err_kind kind, const char *text)
{
	char line[ERR_TEXT_MAX];
	size_t n = 0;

	for (; *text && n < sizeof line - 1; text++) {
		bool space = *text == ' ' || *text == '\n' || *text == '\t';

		if (!space || (n > 0 && line[n - 1] != ' ')) {
			line[n++] = space ? ' ' : *text;
		}
	}
	while (n > 0 && line[n - 1] == ' ') {
		n--;
	}
	line[n] = 0;
	err_set(err, kind, "PostgreSQL: %s", line);
}

static void say_refusal(const struct store *s, enum store_result result, struct err *err)
{
	char why[ERR_TEXT_MAX], instead[ERR_TEXT_MAX];

	refused_say(s->failure.message, lang_is_vi(), why, sizeof why);
	refused_say(s->failure.hint, lang_is_vi(), instead, sizeof instead);
	err_set(err, err_kind_of(result), "%s%s%s", why, *instead ? "; " : "", instead);
}

enum store_result connection_failure(struct store *s, const PGresult *r, struct err *err)
{
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
	const char *message = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *detail = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL) : NULL;
	const char *hint = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_HINT) : NULL;
	const char *where = r ? PQresultErrorField(r, PG_DIAG_CONTEXT) : NULL;
	const char *constraint = r ? PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME) : NULL;
	enum store_result result = sqlstate_result(state, constraint);

	snprintf(s->failure.state, sizeof s->failure.state, "%s", state ? state : "");
	snprintf(s->failure.message, sizeof s->failure.message, "%s", message ? message : "");
	snprintf(s->failure.hint, sizeof s->failure.hint, "%s", hint ? hint : "");
	if (PQstatus(s->pg) == CONNECTION_BAD) {
		result = STORE_RECONNECT; /* whatever it said last, it is gone */
	}
	if (s->hung_up) {
		err_set(err, err_kind_of(result),
			_("PostgreSQL has said nothing for %lld s: given up (setting: database_patience)"),
			(long long)(s->patience_us / CLOCK_SECOND));
		return result;
	}
	if (!message) {
		set_text(err, err_kind_of(result), PQerrorMessage(s->pg));
		return result;
	}
	if (refused_is(state, where)) {
		say_refusal(s, result, err);
		return result;
	}
	err_set(err, err_kind_of(result), "PostgreSQL: %s (%s)%s%s%s%s%s%s", message, state, detail ? "; " : "",
		detail ? detail : "", hint ? "; " : "", hint ? hint : "", where ? "; " : "", where ? where : "");
	return result;
}

/* ---------------------------------------------------------------- waiting */

/* A server that hangs, or a middleman that swallows everything, keeps a connection alive for ever as far as TCP can see. */
static void hang_up(struct store *s)
{
	s->hung_up = true;
	shutdown(PQsocket(s->pg), SHUT_RDWR);
}

bool connection_wait(struct store *s, short events)
{
	struct pollfd fd = {.fd = PQsocket(s->pg), .events = events};
	int64_t end_us = clock_monotonic_us() + s->patience_us;
	int ready;

	do {
		int64_t left_us = end_us - clock_monotonic_us();

		ready = poll(&fd, 1, s->patience_us == 0 ? -1 : left_us <= 0 ? 0 : (int)(left_us / 1000 + 1));
	} while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		hang_up(s);
	}
	return ready > 0;
}

/* What was asked goes out before its answer is waited for. After a hang-up libpq reads the end and says so by itself. */
PGresult *connection_result(struct store *s)
{
	while (PQisBusy(s->pg)) {
		bool unsent = PQflush(s->pg) == 1;

		if (!connection_wait(s, (short)(unsent ? POLLIN | POLLOUT : POLLIN)) || !PQconsumeInput(s->pg)) {
			break;
		}
	}
	return PQgetResult(s->pg);
}

/* The last result of what was sent, or the first that wants to copy; NULL when it was not sent. */
static PGresult *last_result(struct store *s, int sent)
{
	PGresult *last = NULL, *r;

	while (sent && PQresultStatus(last) != PGRES_COPY_IN && (r = connection_result(s)) != NULL) {
		PQclear(last);
		last = r;
	}
	return last;
}

PGresult *connection_exec(struct store *s, const char *sql)
{
	return last_result(s, PQsendQuery(s->pg, sql));
}

/* ---------------------------------------------------------------- asking */

enum store_result connection_run(struct store *s, const char *sql, struct err *err)
{
	PGresult *r = connection_exec(s, sql);
	ExecStatusType status = PQresultStatus(r);
	enum store_result result = STORE_OK;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		result = connection_failure(s, r, err);
	}
	PQclear(r);
	return result;
}

/* What libpq wants to have beside the bytes: pointers to them, and that they are binary. */
struct pointers {
	const char *values[PARAMS_MAX];
	int formats[PARAMS_MAX];
};

static struct pointers point_at(const struct params *p)
{
	struct pointers to;

	for (int i = 0; p && i < p->n; i++) {
		to.values[i] = p->lengths[i] < 0 ? NULL : (const char *)p->bytes + p->offsets[i];
		to.formats[i] = 1;
	}
	return to;
}

static enum store_result answer(struct store *s, PGresult *r, PGresult **ret, struct err *err)
{
	ExecStatusType status = PQresultStatus(r);
	enum store_result result;

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
		*ret = r;
		return STORE_OK;
	}
	*ret = NULL;
	result = connection_failure(s, r, err);
	PQclear(r);
	return result;
}

enum store_result connection_ask(struct store *s, const char *sql, const struct params *p, PGresult **ret,
				 struct err *err)
{
	struct pointers to = point_at(p);
	int sent = PQsendQueryParams(s->pg, sql, p ? p->n : 0, p ? p->types : NULL, to.values, p ? p->lengths : NULL,
				     to.formats, 0);

	return answer(s, last_result(s, sent), ret, err);
}

static enum store_result prepare(struct store *s, const struct statement *statement, const struct params *p,
				 struct err *err)
{
	enum store_result result = STORE_OK;
	PGresult *r;

	for (size_t i = 0; i < s->n_prepared; i++) {
		if (s->prepared[i] == statement) {
			return STORE_OK;
		}
	}
	assert(s->n_prepared < STATEMENTS_MAX);
	r = last_result(s, PQsendPrepare(s->pg, statement->name, statement->sql, p ? p->n : 0, p ? p->types : NULL));
	if (PQresultStatus(r) == PGRES_COMMAND_OK) {
		s->prepared[s->n_prepared++] = statement;
	} else {
		result = connection_failure(s, r, err);
	}
	PQclear(r);
	return result;
}

enum store_result connection_ask_prepared(struct store *s, const struct statement *statement, const struct params *p,
					  PGresult **ret, struct err *err)
{
	struct pointers to = point_at(p);
	enum store_result result = prepare(s, statement, p, err);

	*ret = NULL;
	if (result != STORE_OK) {
		return result;
	}
	int sent =
	    PQsendQueryPrepared(s->pg, statement->name, p ? p->n : 0, to.values, p ? p->lengths : NULL, to.formats, 0);

	return answer(s, last_result(s, sent), ret, err);
}

size_t connection_changed(const PGresult *r)
{
	return strtoull(PQcmdTuples((PGresult *)(uintptr_t)r), NULL, 10);
}

enum store_result connection_rollback(struct store *s, enum store_result result)
{
	PQclear(connection_exec(s, "ROLLBACK"));
	return PQstatus(s->pg) == CONNECTION_BAD ? STORE_RECONNECT : result;
}

/* NULL, or a failure, when it could not be sent or its answer never came. */
static PGresult *send_commit(struct store *s)
{
	int sent = PQsendQuery(s->pg, "COMMIT") && PQflush(s->pg) >= 0;

	FAULT_POINT(G6_COMMIT_SENT);
	return last_result(s, sent);
}

/*
 * Success in itself means little. The COMMIT of a failed transaction is answered with it and the tag ROLLBACK. And one
 * that waited for a synchronous standby until somebody cancelled the wait is answered with it and a warning: the
 * transaction stands on this server alone, and would be gone with it.
 */
static enum store_result commit(struct store *s, struct err *err)
{
	PGresult *r;
	enum store_result result;

	*s->warning = '\0';
	result = answer(s, send_commit(s), &r, err);
	if (result == STORE_OK && strcmp(PQcmdStatus(r), "COMMIT") != 0) {
		err_set(err, ERR_SOFTWARE, _("PostgreSQL rolled the transaction back instead of committing it"));
		result = STORE_RECONNECT;
	} else if (result == STORE_OK && *s->warning) {
		err_set(err, ERR_UNAVAILABLE, _("PostgreSQL committed, but with a warning: %s"), s->warning);
		result = STORE_RECONNECT;
	}
	PQclear(r);
	return result;
}

static enum store_result carry_out(struct store *s, enum store_result begun,
				   enum store_result (*work)(struct store *s, void *context, struct err *err),
				   void *context, struct err *err)
{
	enum store_result result = begun;

	if (result == STORE_OK) {
		result = work(s, context, err);
	}
	if (result == STORE_OK) {
		result = commit(s, err);
	}
	return result == STORE_OK ? STORE_OK : connection_rollback(s, result);
}

enum store_result connection_transaction(struct store *s,
					 enum store_result (*work)(struct store *s, void *context, struct err *err),
					 void *context, struct err *err)
{
	return carry_out(s, connection_run(s, "BEGIN", err), work, context, err);
}

enum store_result connection_write_figures(struct store *s, struct figures_begun *ret,
					   enum store_result (*work)(struct store *s, void *context, struct err *err),
					   void *context, struct err *err)
{
	PGresult *r = NULL;
	enum store_result result = answer(
	    s,
	    connection_exec(
		s, "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT settled_us, closing_no FROM tram.begin_figures()"),
	    &r, err);

	*ret = (struct figures_begun){0};
	if (result == STORE_OK) {
		*ret = (struct figures_begun){.settled_us = cell_int(r, 0, 0), .closing_no = cell_int(r, 0, 1)};
	}
	PQclear(r);
	return carry_out(s, result, work, context, err);
}

/* ---------------------------------------------------------------- what was committed before */

enum { SETTLE_WAIT_MS = 2000 };

/* Waits for an answer to be complete. */
static bool is_answered(struct store *s, int64_t until_us)
{
	while (PQisBusy(s->pg)) {
		int64_t left_us = until_us - clock_monotonic_us();
		struct pollfd p = {.fd = PQsocket(s->pg), .events = POLLIN};

		if (left_us <= 0) {
			return false;
		}
		if (poll(&p, 1, (int)(left_us / 1000) + 1) > 0 && !PQconsumeInput(s->pg)) {
			return true; /* with the failure that it is */
		}
	}
	return true;
}

/* The transaction that waits holds nothing; left alone it would keep a backend for as long as the standby is away. */
static void cancel(struct store *s)
{
	char ignored[256];
	PGcancel *c = PQgetCancel(s->pg);

	if (c) {
		(void)PQcancel(c, ignored, sizeof ignored);
	}
	PQfreeCancel(c);
}

enum store_result store_settle(struct store *s, struct err *err)
{
	enum store_result result = connection_run(s, "BEGIN; SELECT pg_logical_emit_message(true, 'tram', '')", err);
	PGresult *r = NULL;

	if (result != STORE_OK) {
		return connection_rollback(s, result);
	}
	*s->warning = '\0';
	if (PQsendQuery(s->pg, "COMMIT") && !is_answered(s, clock_monotonic_us() + SETTLE_WAIT_MS * 1000)) {
		cancel(s);
	}
	for (PGresult *next; (next = connection_result(s)) != NULL; r = next) {
		PQclear(r);
	}
	result = answer(s, r, &r, err);
	PQclear(r);
	if (result == STORE_OK && *s->warning) {
		err_set(
		    err, ERR_UNAVAILABLE,
		    _("PostgreSQL waits for a synchronous standby that does not answer; nothing is committed until it "
		      "does (%s)"),
		    s->warning);
		result = STORE_STALLED;
	}
	return result;
}

/* ---------------------------------------------------------------- cells */

const char *cell_text_or_null(const PGresult *r, int row, int column)
{
	return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

const char *cell_text(const PGresult *r, int row, int column)
{
	return PQgetvalue(r, row, column);
}

int64_t cell_int(const PGresult *r, int row, int column)
{
	return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

bool cell_bool(const PGresult *r, int row, int column)
{
	return *PQgetvalue(r, row, column) == 't';
}

bool cell_is_null(const PGresult *r, int row, int column)
{
	return PQgetisnull(r, row, column);
}

bool cell_bytes(const PGresult *r, int row, int column, void *ret, size_t len)
{
	const char *text = PQgetvalue(r, row, column);

	return strncmp(text, "\\x", 2) == 0 && text_unhex(text + 2, ret, len);
}

bool cell_decimal(const PGresult *r, int row, int column, struct decimal *ret)
{
	const char *text = cell_text(r, row, column);

	return !cell_is_null(r, row, column) &&
	       decimal_parse(text, strlen(text), DECIMAL_LOCALE_NONE, ret) == DECIMAL_FINE;
}

enum agent_state cell_agent_state(const PGresult *r, int row, int column)
{
	const char *state = cell_text(r, row, column);

	return strcmp(state, "active") == 0      ? AGENT_ACTIVE
	       : strcmp(state, "suspended") == 0 ? AGENT_SUSPENDED
						 : AGENT_REVOKED;
}

/* ---------------------------------------------------------------- making one */

/*
 * The plans of our few look-ups, all by key, must not come from the day
 * when the tables were empty: hence no sequential scans for the writer.
 */
static const char session_sql[] =
    "SELECT set_config('synchronous_commit',"
    "  CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false);"
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'; SET search_path = pg_catalog;"
    "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; SET jit = off";
static const char writer_sql[] = "SET enable_seqscan = off";

static PGconn *connect_to(const char *conninfo, const struct hosts *hosts, const char *name, bool may_write)
{
	/*
	 * What stands before dbname are defaults that conninfo may overrule; what stands behind it is fixed. A server that
	 * is gone without a word is noticed within half a minute: by tcp_user_timeout when it owes an acknowledgement of
	 * bytes, by keepalives when it owes an answer. connect_timeout is for each of several hosts.
	 */
	const char *const options[][2] = {
	    {"connect_timeout", "10"},     {"tcp_user_timeout", "30000"},
	    {"keepalives_idle", "15"},     {"keepalives_interval", "5"},
	    {"keepalives_count", "3"},     {"target_session_attrs", may_write ? "read-write" : "any"},
	    {"dbname", conninfo},          {"application_name", name},
	    {"client_encoding", "UTF8"},   {"host", hosts->host},
	    {"hostaddr", hosts->hostaddr}, {"port", hosts->port},
	};
	enum { N = sizeof options / sizeof *options };
	const char *names[N + 1] = {NULL}, *values[N + 1] = {NULL};

	for (size_t i = 0; i < N; i++) {
		names[i] = options[i][0];
		values[i] = options[i][1];
	}
	return PQconnectdbParams(names, values, 1);
}

/* Notices are for people at a prompt; a warning may say that a COMMIT is less than it seems. */
static void hear(void *context, const PGresult *notice)
{
	struct store *s = context;
	const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);

	if (severity && strcmp(severity, "WARNING") == 0) {
		snprintf(s->warning, sizeof s->warning, "%s", message ? message : "?");
	}
}

static enum store_result check_server(struct store *s, enum connection_use use, struct err *err)
{
	PGresult *r;
	enum store_result result;
	bool durable;

	if (PQserverVersion(s->pg) < SERVER_VERSION_MIN) {
		err_set(err, ERR_CONFIG, _("PostgreSQL %d is too old: Trạm needs 15 or newer"),
			PQserverVersion(s->pg) / 10000);
		return STORE_BROKEN;
	}
	if (use == CONNECTION_READER) {
		return STORE_OK;
	}
	result = connection_ask(s,
				"SELECT current_setting('fsync'), current_setting('full_page_writes'),"
				" current_setting('server_encoding')",
				NULL, &r, err);
	if (result != STORE_OK) {
		return result;
	}
	durable = strcmp(cell_text(r, 0, 0), "on") == 0 && strcmp(cell_text(r, 0, 1), "on") == 0;
	if (!durable) {
		err_set(err, ERR_CONFIG,
			_("PostgreSQL runs with fsync=%s and full_page_writes=%s, so that a committed figure could be "
			  "lost: set both to on in postgresql.conf and restart it"),
			cell_text(r, 0, 0), cell_text(r, 0, 1));
	} else if (strcmp(cell_text(r, 0, 2), "UTF8") != 0) {
		err_set(err, ERR_CONFIG, _("the database's encoding is %s: make it with ENCODING 'UTF8'"),
			cell_text(r, 0, 2));
		durable = false;
	}
	PQclear(r);
	return durable ? STORE_OK : STORE_BROKEN;
}

/* The code in a message of the verbose kind, "FATAL:  28000: role …", whatever its language; of several hosts the last. */
static bool find_state(const char *message, char state[static SQLSTATE_SIZE])
{
	bool found = false;

	for (const char *p = message; (p = strstr(p, ":  ")) != NULL; p++) {
		const char *code = p + 3;

		if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == SQLSTATE_SIZE - 1 &&
		    strncmp(code + SQLSTATE_SIZE - 1, ": ", 2) == 0) {
			memcpy(state, code, SQLSTATE_SIZE - 1);
			state[SQLSTATE_SIZE - 1] = 0;
			found = true;
		}
	}
	return found;
}

/*
 * Why there is no connection. libpq keeps the server's code to itself, but puts it into the text of the next try when it is
 * asked to be verbose. One that failed by waiting is not repeated: nobody had said anything.
 */
static enum store_result name_refusal(struct store *s, int64_t took_us, struct err *err)
{
	char state[SQLSTATE_SIZE], why[ERR_TEXT_MAX];
	enum store_result result;

	set_text(err, ERR_UNAVAILABLE, PQerrorMessage(s->pg));
	if (PQconnectionNeedsPassword(s->pg)) {
		return STORE_BROKEN;
	}
	if (took_us >= QUICK_US) {
		return STORE_RECONNECT;
	}
	PQsetErrorVerbosity(s->pg, PQERRORS_VERBOSE);
	PQreset(s->pg);
	PQsetErrorVerbosity(s->pg, PQERRORS_DEFAULT);
	if (PQstatus(s->pg) == CONNECTION_OK) {
		return STORE_OK;
	}
	if (!find_state(PQerrorMessage(s->pg), state)) {
		return STORE_RECONNECT;
	}
	result = sqlstate_result(state, NULL);
	snprintf(why, sizeof why, "%s", err->text);
	err_set(err, err_kind_of(result), "%s (%s)%s", why, state,
		strcmp(state, "28000") == 0
		    ? _("; tram store migrate makes the roles, and pg_hba.conf and pg_ident.conf "
			"say who may be which")
		    : "");
	return result;
}

static enum store_result connect_session(struct store *s, const char *conninfo, const char *name,
					 enum connection_use use, struct err *err)
{
	static atomic_size_t turn; /* with which of several servers to begin: the one after the last that failed */
	int64_t begun_us = clock_monotonic_us();
	struct hosts hosts = hosts_from(conninfo, atomic_load(&turn));
	enum store_result result = STORE_OK;

	s->pg = connect_to(conninfo, &hosts, name, use != CONNECTION_READER);
	hosts_clear(&hosts);
	PQsetNoticeReceiver(s->pg, hear, s);
	if (PQstatus(s->pg) != CONNECTION_OK) {
		atomic_fetch_add(&turn, 1);
		result = name_refusal(s, clock_monotonic_us() - begun_us, err);
	}
	PQsetnonblocking(s->pg, 1);
	return result;
}

static enum store_result prepare_session(struct store *s, enum connection_use use, struct err *err)
{
	enum store_result result;

	result = connection_run(s, session_sql, err);
	if (result == STORE_OK && use == CONNECTION_WRITER) {
		result = connection_run(s, writer_sql, err);
	}
	if (result == STORE_OK) {
		result = check_server(s, use, err);
	}
	if (result == STORE_OK && use != CONNECTION_OWNER) {
		result = migrate_check(s, err);
	}
	if (result == STORE_OK && use == CONNECTION_WRITER) {
		result = numbers_load(s, err);
	}
	return result;
}

enum store_result connection_open(const char *conninfo, const char *name, enum connection_use use, struct store **ret,
				  struct err *err)
{
	struct store *s = xcalloc(1, sizeof *s);
	enum store_result result;

	s->patience_us = use == CONNECTION_WRITER ? STORE_PATIENCE_US : 0;
	s->copy = copy_new();
	s->numbers = numbers_new();
	result = connect_session(s, conninfo, name, use, err);
	if (result == STORE_OK) {
		result = prepare_session(s, use, err);
	}
	if (result != STORE_OK) {
		store_close(&s);
	}
	*ret = s;
	return result;
}

enum store_result store_open_owner(const char *conninfo, struct store **ret, struct err *err)
{
	return connection_open(conninfo, "tram owner", CONNECTION_OWNER, ret, err);
}

enum store_result store_open_admin(const char *conninfo, struct store **ret, struct err *err)
{
	return connection_open(conninfo, "tram admin", CONNECTION_ADMIN, ret, err);
}

enum store_result store_open_reader(const char *conninfo, struct store **ret, struct err *err)
{
	return connection_open(conninfo, "tram reader", CONNECTION_READER, ret, err);
}

enum store_result store_open(const char *conninfo, const char *name, struct store **ret, struct err *err)
{
	return connection_open(conninfo, name, CONNECTION_WRITER, ret, err);
}

void store_set_patience(struct store *s, int64_t us)
{
	s->patience_us = us;
}

bool store_is_alive(struct store *s)
{
	struct pollfd fd = {.fd = PQsocket(s->pg), .events = POLLIN};

	/* What a server says before it hangs up is read first, then the end. */
	while (PQstatus(s->pg) == CONNECTION_OK && poll(&fd, 1, 0) > 0) {
		if (!PQconsumeInput(s->pg)) {
			return false;
		}
	}
	return PQstatus(s->pg) == CONNECTION_OK;
}

void store_close(struct store **sp)
{
	struct store *s = *sp;

	if (!s) {
		return;
	}
	PQfinish(s->pg);
	copy_free(&s->copy);
	numbers_free(&s->numbers);
	free(s);
	*sp = NULL;
}
