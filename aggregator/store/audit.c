/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"
#include "store_explain.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define US(column) "(extract(epoch FROM " column ") * 1000000)::bigint"
#define SEQ_OF(no) no " & 1099511627775"

/* ---------------------------------------------------------------- helpers */

static bool full(struct err *err)
{
	return err_set(err, ERR_PROTOCOL, _("what is to be verified at once does not fit into memory"));
}

/* bytea, its own length; NULL when the arena is exhausted. */
static const uint8_t *take_bytes(const PGresult *r, int row, int column, struct arena *a, size_t *ret_len)
{
	uint8_t *bytes;

	*ret_len = cell_is_null(r, row, column) ? 0 : ((size_t)PQgetlength(r, row, column) - 2) / 2;
	bytes = arena_alloc(a, *ret_len);
	return bytes && (*ret_len == 0 || cell_bytes(r, row, column, bytes, *ret_len)) ? bytes : NULL;
}

static const char *take_text(const PGresult *r, int row, int column, struct arena *a)
{
	return cell_is_null(r, row, column) ? NULL : arena_strdup(a, cell_text(r, row, column));
}

/* ---------------------------------------------------------------- the snapshot */

/* Names that are asked for and are nobody's; $1 is what was asked for, null for all. */
static const char unknown_sql[] = "SELECT n FROM unnest($1::text[]) n"
				  " WHERE NOT EXISTS (SELECT FROM tram.agent a WHERE a.agent = n) LIMIT 1";

#define GREATEST(table)                                                                                                \
	"(SELECT coalesce(max(" SEQ_OF("report_no") "), 0) FROM " table " WHERE agent_no = s.agent_no"                 \
						    " AND report_no BETWEEN s.stream_no::bigint << 40 AND "            \
						    "(s.stream_no::bigint << 40) + 1099511627775)"

enum stream_column {
	STREAM_AGENT_NO,
	STREAM_NO,
	STREAM_AGENT,
	STREAM_EPOCH,
	STREAM_PREVIOUS,
	STREAM_PREVIOUS_CHAIN,
	STREAM_FIRST_CHAIN,
	STREAM_SEQ,
	STREAM_CHAIN,
	STREAM_LAST_BATCH,
	STREAM_LAST_REPORT,
	STREAM_LAST_POISON,
	STREAM_STARTED_AT,
};

static const char streams_sql[] =
    "SELECT s.agent_no, s.stream_no, a.agent, '\\x' || s.epoch, s.previous_epoch <> '', s.previous_chain, "
    "s.first_chain,"
    " s.seq, s.chain,"
    " (SELECT coalesce(max(b.from_seq), 0) FROM tram.batch b WHERE b.agent_no = s.agent_no AND b.stream_no = "
    "s.stream_no),"
    " " GREATEST("tram.report") ", " GREATEST("tram.poison") ", " US(
	"s.started_at") " FROM tram.stream s JOIN tram.agent a ON a.agent_no = s.agent_no"
			" WHERE $1::text[] IS NULL OR a.agent = ANY($1::text[]) ORDER BY s.stream_no";

/* A gap: a number whose predecessor is not there. */
static const char agents_sql[] =
    "SELECT a.agent_no, a.agent, a.verdict_seq, v.n, v.last,"
    " CASE WHEN v.n = v.last THEN 0 ELSE (SELECT min(g.verdict_seq) - 1 FROM"
    "   (SELECT w.verdict_seq, lag(w.verdict_seq, 1, 0) OVER (ORDER BY w.verdict_seq) AS before"
    "    FROM tram.verdict w WHERE w.agent_no = a.agent_no) g WHERE g.before <> g.verdict_seq - 1) END"
    " FROM tram.agent a, LATERAL (SELECT count(*) AS n, coalesce(max(v.verdict_seq), 0) AS last"
    "   FROM tram.verdict v WHERE v.agent_no = a.agent_no) v"
    " WHERE $1::text[] IS NULL OR a.agent = ANY($1::text[]) ORDER BY a.agent";

#define STRAYS(table, stream)                                                                                          \
	"(SELECT count(*) FROM " table " t WHERE NOT EXISTS (SELECT FROM tram.stream s"                                \
	" WHERE s.stream_no = " stream " AND s.agent_no = t.agent_no))"

static const char strays_sql[] =
    "SELECT " STRAYS("tram.batch", "t.stream_no") ", " STRAYS("tram.report", "t.report_no >> 40") ", " STRAYS(
	"tram.poison", "t.report_no >> 40") ", " STRAYS("tram.verdict", "t.report_no >> 40");

/* Cursors outlive the transaction, so that its snapshot does not: what they have is laid aside by the server. */
static const char figures_cursor[] =
    "DECLARE audit_figures NO SCROLL CURSOR WITH HOLD FOR"
    " SELECT o.report_no, o.line, o.outcome, s.indicator, s.dimensions, n.area, o.value, o.numerator, o.denominator,"
    "        o.weight, o.key >> 14 & 1073741823, o.rank_out_of, o.qualifier, o.missing_reason, "
    "ascii(o.obs_status::text),"
    "        o.flags & 1 <> 0, o.flags & 2 <> 0, coalesce(t.justification_code, ''), coalesce(t.justification, ''),"
    "        coalesce(t.units_reporting, 0), coalesce(t.units_expected, 0), o.flags & 8 <> 0"
    " FROM tram.observation o LEFT JOIN tram.series s ON s.series_no = o.key >> 44"
    " LEFT JOIN tram.area_number n ON n.area_no = o.area_no"
    " LEFT JOIN tram.observation_note t ON t.area_no = o.area_no AND t.key = o.key"
    " WHERE $1::text[] IS NULL OR o.report_no >> 40 IN (SELECT t.stream_no FROM tram.stream t WHERE t.agent = "
    "ANY($1::text[]))"
    " ORDER BY o.report_no, o.line";
static const char verdicts_cursor[] =
    "DECLARE audit_verdicts NO SCROLL CURSOR WITH HOLD FOR"
    " SELECT v.report_no, v.verdict_seq, v.cause = 'received', v.outcomes FROM tram.verdict v"
    " WHERE $1::text[] IS NULL OR v.report_no >> 40 IN (SELECT t.stream_no FROM tram.stream t WHERE t.agent = "
    "ANY($1::text[]))"
    " ORDER BY v.report_no, v.verdict_seq";

struct beginning {
	const char *const *names;
	size_t n;
	struct arena *arena;
	struct audit_snapshot *ret;
	bool with_cursors;
};

static void names_param(struct params *p, const struct beginning *b)
{
	params_init(p);
	if (b->n > 0) {
		params_texts(p, b->names, sizeof *b->names, b->n);
	} else {
		params_text(p, NULL);
	}
}

static enum store_result ask_about(struct store *s, const char *sql, const struct beginning *b, PGresult **ret,
				   struct err *err)
{
	struct params p;
	enum store_result result;

	names_param(&p, b);
	result = connection_ask(s, sql, &p, ret, err);
	params_done(&p);
	return result;
}

static enum store_result find_unknown(struct store *s, const struct beginning *b, struct err *err)
{
	PGresult *r;
	enum store_result result = ask_about(s, unknown_sql, b, &r, err);

	if (result == STORE_OK && PQntuples(r) > 0) {
		err_set(err, ERR_USAGE, _("the agent %s is not on the roster: tram agents list"), cell_text(r, 0, 0));
		result = STORE_BROKEN;
	}
	PQclear(r);
	return result;
}

static void take_stream(const PGresult *r, int row, struct audit_stream *ret)
{
	*ret = (struct audit_stream){
	    .agent_no = (int32_t)cell_int(r, row, STREAM_AGENT_NO),
	    .stream_no = (int32_t)cell_int(r, row, STREAM_NO),
	    .has_previous = cell_bool(r, row, STREAM_PREVIOUS),
	    .seq = (uint64_t)cell_int(r, row, STREAM_SEQ),
	    .last_batch = (uint64_t)cell_int(r, row, STREAM_LAST_BATCH),
	    .last_report = (uint64_t)cell_int(r, row, STREAM_LAST_REPORT),
	    .last_poison = (uint64_t)cell_int(r, row, STREAM_LAST_POISON),
	    .started_at_us = cell_int(r, row, STREAM_STARTED_AT),
	};
	snprintf(ret->agent, sizeof ret->agent, "%s", cell_text(r, row, STREAM_AGENT));
	/* The columns' own checks have their lengths. */
	ret->has_previous_chain =
	    cell_bytes(r, row, STREAM_PREVIOUS_CHAIN, ret->previous_chain.bytes, sizeof ret->previous_chain.bytes);
	(void)cell_bytes(r, row, STREAM_EPOCH, ret->epoch.bytes, sizeof ret->epoch.bytes);
	(void)cell_bytes(r, row, STREAM_FIRST_CHAIN, ret->first_chain.bytes, sizeof ret->first_chain.bytes);
	(void)cell_bytes(r, row, STREAM_CHAIN, ret->chain.bytes, sizeof ret->chain.bytes);
}

static enum store_result read_streams(struct store *s, const struct beginning *b, struct err *err)
{
	PGresult *r;
	enum store_result result = ask_about(s, streams_sql, b, &r, err);
	size_t n = (size_t)PQntuples(r);

	b->ret->streams = arena_calloc(b->arena, n, sizeof *b->ret->streams);
	if (result == STORE_OK && !b->ret->streams) {
		full(err);
		result = STORE_BROKEN;
	}
	for (size_t i = 0; result == STORE_OK && i < n; i++) {
		take_stream(r, (int)i, &b->ret->streams[i]);
	}
	b->ret->n_streams = n;
	PQclear(r);
	return result;
}

static enum store_result read_agents(struct store *s, const struct beginning *b, struct err *err)
{
	PGresult *r;
	enum store_result result = ask_about(s, agents_sql, b, &r, err);
	size_t n = (size_t)PQntuples(r);

	b->ret->agents = arena_calloc(b->arena, n, sizeof *b->ret->agents);
	if (result == STORE_OK && !b->ret->agents) {
		full(err);
		result = STORE_BROKEN;
	}
	for (size_t i = 0; result == STORE_OK && i < n; i++) {
		struct audit_agent *a = &b->ret->agents[i];

		a->agent_no = (int32_t)cell_int(r, (int)i, 0);
		snprintf(a->agent, sizeof a->agent, "%s", cell_text(r, (int)i, 1));
		a->verdict_seq = (uint64_t)cell_int(r, (int)i, 2);
		a->verdicts = (uint64_t)cell_int(r, (int)i, 3);
		a->last = (uint64_t)cell_int(r, (int)i, 4);
		a->first_gap = (uint64_t)cell_int(r, (int)i, 5);
	}
	b->ret->n_agents = n;
	PQclear(r);
	return result;
}

static enum store_result read_strays(struct store *s, const struct beginning *b, struct err *err)
{
	PGresult *r;
	enum store_result result;

	if (b->n > 0) {
		return STORE_OK;
	}
	result = connection_ask(s, strays_sql, NULL, &r, err);
	if (result == STORE_OK) {
		b->ret->strays = (struct audit_strays){(uint64_t)cell_int(r, 0, 0), (uint64_t)cell_int(r, 0, 1),
						       (uint64_t)cell_int(r, 0, 2), (uint64_t)cell_int(r, 0, 3)};
	}
	PQclear(r);
	return result;
}

static enum store_result declare(struct store *s, const char *sql, const struct beginning *b, struct err *err)
{
	PGresult *r;
	enum store_result result = ask_about(s, sql, b, &r, err);

	PQclear(r);
	return result;
}

static enum store_result take_snapshot(struct store *s, void *context, struct err *err)
{
	const struct beginning *b = context;
	enum store_result result = connection_run(s, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", err);

	if (result == STORE_OK) {
		result = find_unknown(s, b, err);
	}
	if (result == STORE_OK) {
		result = read_streams(s, b, err);
	}
	if (result == STORE_OK) {
		result = read_agents(s, b, err);
	}
	if (result == STORE_OK) {
		result = read_strays(s, b, err);
	}
	if (result == STORE_OK && b->with_cursors) {
		result = declare(s, figures_cursor, b, err);
	}
	return result == STORE_OK && b->with_cursors ? declare(s, verdicts_cursor, b, err) : result;
}

enum store_result store_audit_begin(struct store *s, const char *const *names, size_t n, struct arena *a,
				    struct audit_snapshot *ret, struct err *err)
{
	struct beginning b = {names, n, a, ret, true};

	*ret = (struct audit_snapshot){.n_streams = 0};
	return connection_transaction(s, take_snapshot, &b, err);
}

enum store_result store_audit_streams(struct store *s, const char *const *names, size_t n, struct arena *a,
				      struct audit_snapshot *ret, struct err *err)
{
	struct beginning b = {names, n, a, ret, false};

	*ret = (struct audit_snapshot){.n_streams = 0};
	return connection_transaction(s, take_snapshot, &b, err);
}

/* ---------------------------------------------------------------- keys */

enum store_result store_audit_keys(struct store *s, int32_t agent_no, struct arena *a, struct audit_key **ret,
				   size_t *ret_n, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_int32(&p, agent_no);
	result =
	    connection_ask(s, "SELECT DISTINCT signing_public FROM tram.agent_key WHERE agent_no = $1", &p, &r, err);
	params_done(&p);
	*ret_n = (size_t)PQntuples(r);
	*ret = arena_calloc(a, *ret_n, sizeof **ret);
	for (size_t i = 0; *ret && i < *ret_n; i++) {
		struct audit_key *k = &(*ret)[i];

		(void)cell_bytes(r, (int)i, 0, k->signing_public, sizeof k->signing_public); /* checked by the column */
		key_id(k->signing_public, k->key_id);
	}
	PQclear(r);
	if (result == STORE_OK && !*ret) {
		full(err);
		result = STORE_BROKEN;
	}
	return result;
}

/* ---------------------------------------------------------------- batches */

enum batch_column {
	BATCH_FROM,
	BATCH_FIRST,
	BATCH_LAST,
	BATCH_NEXT,
	BATCH_CODEC,
	BATCH_RECEIVED,
	BATCH_PREV_CHAIN,
	BATCH_CHAIN,
	BATCH_SIGNATURE,
	BATCH_KEY_ID,
	BATCH_PAYLOAD,
};

/* A page ends before it would be over its bytes or reports; the lengths are known without reading the payloads. */
static const struct statement batches_after = {
    "audit_batches",
    "SELECT b.from_seq, b.first_seq, b.last_seq, coalesce(b.next_from, 0), b.codec, " US(
	"b.received_at") ", b.prev_chain,"
			 " b.chain, b.signature, b.key_id, b.payload FROM ("
			 " SELECT c.*, sum(length(c.payload)) OVER w AS bytes, sum(c.last_seq - c.from_seq + 1) OVER w "
			 "AS "
			 "reports,"
			 "  row_number() OVER w AS place FROM ("
			 "  SELECT d.*, (SELECT min(n.from_seq) FROM tram.batch n WHERE n.agent_no = $1 AND "
			 "n.stream_no = $2"
			 "    AND n.from_seq > d.from_seq) AS next_from"
			 "  FROM tram.batch d WHERE d.agent_no = $1 AND d.stream_no = $2 AND d.from_seq > $3"
			 "   AND d.from_seq <= $4 ORDER BY d.from_seq LIMIT 500) c"
			 " WINDOW w AS (ORDER BY c.from_seq)) b"
			 " WHERE b.place = 1 OR (b.bytes <= $5 AND b.reports <= $6) ORDER BY b.from_seq",
};

static bool take_batch(const PGresult *r, int row, struct arena *a, struct audit_batch *ret)
{
	*ret = (struct audit_batch){
	    .from_seq = (uint64_t)cell_int(r, row, BATCH_FROM),
	    .first_seq = (uint64_t)cell_int(r, row, BATCH_FIRST),
	    .last_seq = (uint64_t)cell_int(r, row, BATCH_LAST),
	    .next_from = (uint64_t)cell_int(r, row, BATCH_NEXT),
	    .codec = (int)cell_int(r, row, BATCH_CODEC),
	    .received_at_us = cell_int(r, row, BATCH_RECEIVED),
	};
	ret->payload = take_bytes(r, row, BATCH_PAYLOAD, a, &ret->payload_len);
	ret->is_formed = cell_bytes(r, row, BATCH_PREV_CHAIN, ret->prev_chain.bytes, DIGEST_SIZE) &&
			 cell_bytes(r, row, BATCH_CHAIN, ret->chain.bytes, DIGEST_SIZE) &&
			 cell_bytes(r, row, BATCH_SIGNATURE, ret->signature, SIGNATURE_SIZE) &&
			 cell_bytes(r, row, BATCH_KEY_ID, ret->key_id, KEY_ID_SIZE);
	return ret->payload != NULL;
}

static enum store_result ask_batches(struct store *s, const struct audit_stream *stream, uint64_t after, PGresult **ret,
				     struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_int32(&p, stream->agent_no);
	params_int32(&p, stream->stream_no);
	params_int64(&p, (int64_t)after);
	params_int64(&p, (int64_t)stream->seq);
	params_int64(&p, AUDIT_PAGE_BYTES);
	params_int64(&p, AUDIT_PAGE_REPORTS);
	result = connection_ask_prepared(s, &batches_after, &p, ret, err);
	params_done(&p);
	return result;
}

enum store_result store_audit_batches(struct store *s, const struct audit_stream *stream, uint64_t after,
				      struct arena *a, struct audit_batch **ret, size_t *ret_n, struct err *err)
{
	PGresult *r;
	enum store_result result = ask_batches(s, stream, after, &r, err);
	bool fits;

	*ret_n = (size_t)PQntuples(r);
	*ret = arena_calloc(a, *ret_n, sizeof **ret);
	fits = *ret != NULL;
	for (size_t i = 0; fits && i < *ret_n; i++) {
		fits = take_batch(r, (int)i, a, &(*ret)[i]);
	}
	PQclear(r);
	if (result == STORE_OK && !fits) {
		full(err);
		result = STORE_BROKEN;
	}
	return result;
}

static const char batch_of_sql[] = "SELECT b.from_seq, b.first_seq, b.last_seq, 0, b.codec, " US(
    "b.received_at") ", b.prev_chain, b.chain, b.signature,"
		     " b.key_id, b.payload FROM tram.batch b WHERE b.agent_no = $1 AND b.stream_no = $2 AND b.from_seq "
		     "<= $3"
		     " ORDER BY b.from_seq DESC LIMIT 1";

enum store_result store_batch_of(struct store *s, int32_t agent_no, int32_t stream_no, uint64_t seq, struct arena *a,
				 struct audit_batch *ret, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_int32(&p, agent_no);
	params_int32(&p, stream_no);
	params_int64(&p, (int64_t)seq);
	result = connection_ask(s, batch_of_sql, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK && PQntuples(r) == 0) {
		err_set(err, ERR_DATA, _("the batch that brought a report is not in the store: tram verify"));
		result = STORE_BROKEN;
	} else if (result == STORE_OK && !take_batch(r, 0, a, ret)) {
		full(err);
		result = STORE_BROKEN;
	}
	PQclear(r);
	return result;
}

static const char start_sql[] = "SELECT coalesce(max(b.from_seq), 0) FROM tram.batch b"
				" WHERE b.agent_no = $1 AND b.stream_no = $2 AND b.from_seq < coalesce("
				" (SELECT min(n.from_seq) FROM tram.batch n WHERE n.agent_no = $1 AND n.stream_no = $2"
				"   AND n.received_at >= $3), 1::bigint << 40)";

enum store_result store_audit_start(struct store *s, const struct audit_stream *stream, int64_t since_us,
				    uint64_t *ret_before, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_int32(&p, stream->agent_no);
	params_int32(&p, stream->stream_no);
	params_timestamp(&p, since_us);
	result = connection_ask(s, start_sql, &p, &r, err);
	params_done(&p);
	*ret_before = result == STORE_OK ? (uint64_t)cell_int(r, 0, 0) : 0;
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- reports */

static const struct statement reports_of = {
    "audit_reports",
    "SELECT " SEQ_OF("report_no") ", false, digest, observations, justification_code, justification FROM tram.report "
				  "WHERE agent_no = $1"
				  " AND report_no BETWEEN ($2::bigint << 40) + $3 AND ($2::bigint << 40) + $4"
				  " UNION ALL"
				  " SELECT " SEQ_OF(
				      "report_no") ", true, digest, 0, NULL, NULL FROM tram.poison WHERE agent_no = $1"
						   " AND report_no BETWEEN ($2::bigint << 40) + $3 AND "
						   "($2::bigint << 40) + $4"
						   " ORDER BY 1, 2",
};

static enum store_result ask_reports(struct store *s, const struct audit_stream *stream, uint64_t first, uint64_t last,
				     PGresult **ret, struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_int32(&p, stream->agent_no);
	params_int64(&p, stream->stream_no);
	params_int64(&p, (int64_t)first);
	params_int64(&p, (int64_t)last);
	result = connection_ask_prepared(s, &reports_of, &p, ret, err);
	params_done(&p);
	return result;
}

enum store_result store_audit_reports(struct store *s, const struct audit_stream *stream, uint64_t first, uint64_t last,
				      struct arena *a, struct audit_report **ret, size_t *ret_n, struct err *err)
{
	PGresult *r;
	enum store_result result = ask_reports(s, stream, first, last, &r, err);

	*ret_n = (size_t)PQntuples(r);
	*ret = arena_calloc(a, *ret_n, sizeof **ret);
	for (size_t i = 0; *ret && i < *ret_n; i++) {
		struct audit_report *report = &(*ret)[i];

		report->seq = (uint64_t)cell_int(r, (int)i, 0);
		report->is_poison = cell_bool(r, (int)i, 1);
		report->is_formed = cell_bytes(r, (int)i, 2, report->digest.bytes, DIGEST_SIZE);
		report->observations = (uint32_t)cell_int(r, (int)i, 3);
		report->justification_code = take_text(r, (int)i, 4, a);
		report->justification = take_text(r, (int)i, 5, a);
	}
	PQclear(r);
	if (result == STORE_OK && !*ret) {
		full(err);
		result = STORE_BROKEN;
	}
	return result;
}

/* ---------------------------------------------------------------- the cursors */

static enum store_result fetch(struct store *s, const char *cursor, PGresult **ret, struct err *err)
{
	char sql[80];

	snprintf(sql, sizeof sql, "FETCH FORWARD %d FROM %s", AUDIT_ROWS, cursor);
	return connection_ask(s, sql, NULL, ret, err);
}

static struct audit_figure take_figure(const PGresult *r, int row, struct arena *a)
{
	return (struct audit_figure){
	    .report_no = (uint64_t)cell_int(r, row, 0),
	    .line = (uint32_t)cell_int(r, row, 1),
	    .outcome = (int)cell_int(r, row, 2),
	    .indicator = take_text(r, row, 3, a),
	    .dimensions = take_text(r, row, 4, a),
	    .area = take_text(r, row, 5, a),
	    .value = take_text(r, row, 6, a),
	    .numerator = take_text(r, row, 7, a),
	    .denominator = take_text(r, row, 8, a),
	    .weight = take_text(r, row, 9, a),
	    .period = (int32_t)cell_int(r, row, 10),
	    .rank_out_of = (int)cell_int(r, row, 11),
	    .qualifier = (int)cell_int(r, row, 12),
	    .missing_reason = (int)cell_int(r, row, 13),
	    .obs_status = (int)cell_int(r, row, 14),
	    .withdrawn = cell_bool(r, row, 15),
	    .demonstration = cell_bool(r, row, 16),
	    .justification_code = take_text(r, row, 17, a),
	    .justification = take_text(r, row, 18, a),
	    .units_reporting = cell_int(r, row, 19),
	    .units_expected = cell_int(r, row, 20),
	    .reasoned = cell_bool(r, row, 21),
	};
}

enum store_result store_audit_figures(struct store *s, struct arena *a, struct audit_figure **ret, size_t *ret_n,
				      struct err *err)
{
	PGresult *r;
	enum store_result result = fetch(s, "audit_figures", &r, err);

	*ret_n = (size_t)PQntuples(r);
	*ret = arena_calloc(a, *ret_n, sizeof **ret);
	for (size_t i = 0; *ret && i < *ret_n; i++) {
		(*ret)[i] = take_figure(r, (int)i, a);
	}
	PQclear(r);
	if (result == STORE_OK && !*ret) {
		full(err);
		result = STORE_BROKEN;
	}
	return result;
}

enum store_result store_audit_verdicts(struct store *s, struct arena *a, struct audit_verdict **ret, size_t *ret_n,
				       struct err *err)
{
	PGresult *r;
	enum store_result result = fetch(s, "audit_verdicts", &r, err);
	bool fits;

	*ret_n = (size_t)PQntuples(r);
	*ret = arena_calloc(a, *ret_n, sizeof **ret);
	fits = *ret != NULL;
	for (size_t i = 0; fits && i < *ret_n; i++) {
		struct audit_verdict *v = &(*ret)[i];

		v->report_no = (uint64_t)cell_int(r, (int)i, 0);
		v->verdict_seq = (uint64_t)cell_int(r, (int)i, 1);
		v->is_first = cell_bool(r, (int)i, 2);
		v->outcomes = take_bytes(r, (int)i, 3, a, &v->n);
		fits = v->outcomes != NULL;
	}
	PQclear(r);
	if (result == STORE_OK && !fits) {
		full(err);
		result = STORE_BROKEN;
	}
	return result;
}

/* ---------------------------------------------------------------- what communes add up to */

static enum store_result compare_subtotals(struct store *s, int32_t province_no, audit_subtotal_each *each,
					   void *context, struct err *err)
{
	static const struct statement faults = {
	    "audit_subtotals", "SELECT n.area, f.indicator, f.time_period, f.stored, f.counted"
			       " FROM tram.area_number n CROSS JOIN LATERAL tram.subtotal_faults(n.area_no) f"
			       " WHERE n.area_no = $1 ORDER BY f.indicator, f.time_period"};
	struct params p;
	PGresult *r = NULL;
	enum store_result result;

	params_init(&p);
	params_int32(&p, province_no);
	result = connection_ask_prepared(s, &faults, &p, &r, err);
	params_done(&p);
	for (int i = 0; result == STORE_OK && i < PQntuples(r); i++) {
		each(context, &(struct audit_subtotal){cell_text(r, i, 0), cell_text(r, i, 1), cell_text(r, i, 2),
						       cell_text(r, i, 3), cell_text(r, i, 4)});
	}
	PQclear(r);
	return result;
}

enum store_result store_audit_subtotals(struct store *s, audit_subtotal_each *each, void *context, struct err *err)
{
	PGresult *r = NULL;
	enum store_result result = connection_ask(s,
						  "SELECT province_no FROM tram.commune_count UNION"
						  " SELECT area_no FROM tram.subtotal ORDER BY 1",
						  NULL, &r, err);
	int n = result == STORE_OK ? PQntuples(r) : 0;

	for (int i = 0; result == STORE_OK && i < n; i++) {
		result = compare_subtotals(s, (int32_t)cell_int(r, i, 0), each, context, err);
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- closings */

enum store_result store_audit_closings(struct store *s, int64_t since_us, audit_closing_each *each, void *context,
				       struct err *err)
{
	struct params p;
	PGresult *r = NULL;
	enum store_result result;

	params_init(&p);
	params_timestamp(&p, since_us);
	result = connection_ask(s,
				"SELECT f.kind, f.dataflow, f.time_period, f.vintage, f.indicator, f.area, f.found,"
				" f.expected FROM tram.closing_faults($1) f",
				&p, &r, err);
	params_done(&p);
	for (int i = 0; result == STORE_OK && i < PQntuples(r); i++) {
		each(context, &(struct audit_closing){cell_text(r, i, 0), cell_text(r, i, 1), cell_text(r, i, 2),
						      cell_text(r, i, 3), cell_text(r, i, 4), cell_text(r, i, 5),
						      cell_text(r, i, 6), cell_text(r, i, 7)});
	}
	PQclear(r);
	return result;
}
