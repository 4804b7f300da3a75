/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "mem.h"
#include "store_peers.h"
#include "store_rehearse.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- where cuts stand */

#define MADE_AT "(extract(epoch FROM c.made_at) * 1000000)::bigint"

static const struct statement cut_state = {
    "cut_state",
    "SELECT c.cut_no, " MADE_AT ", c.horizon,"
    " EXISTS (SELECT FROM tram.peer_cut g WHERE g.cut_no = $1 AND g.made_at = $2),"
    " EXISTS (SELECT FROM tram.agent a LEFT JOIN tram.peer_seen n ON n.agent_no = a.agent_no"
    "   WHERE a.verdict_seq > coalesce(n.verdict_seq, 0))"
    " FROM (VALUES (true)) one LEFT JOIN tram.peer_cut c ON c.cut_no = (SELECT max(cut_no) FROM tram.peer_cut)",
};

static void put_cut(struct params *p, const struct peer_cut *cut)
{
	params_int32(p, cut ? (int32_t)cut->no : 0);
	params_timestamp(p, cut ? cut->made_at_us : 0);
}

enum store_result store_cut_state(struct store *s, const struct peer_cut *given, struct cut_state *ret, struct err *err)
{
	struct params p;
	PGresult *r;
	params_init(&p);
	put_cut(&p, given);
	enum store_result result = connection_ask_prepared(s, &cut_state, &p, &r, err);
	params_done(&p);
	*ret = (struct cut_state){0};
	if (result == STORE_OK)
		*ret = (struct cut_state){.newest = {.no = (uint32_t)cell_int(r, 0, 0),
						     .made_at_us = cell_int(r, 0, 1),
						     .horizon = (uint32_t)cell_int(r, 0, 2)},
					  .has_given = cell_bool(r, 0, 3),
					  .pending = cell_bool(r, 0, 4)};
	PQclear(r);
	return result;
}

static const struct statement has_cut = {
    "has_cut",
    "SELECT EXISTS (SELECT FROM tram.peer_cut WHERE cut_no = $1 AND made_at = $2)",
};

enum store_result store_has_cut(struct store *s, const struct peer_cut *cut, bool *ret, struct err *err)
{
	struct params p;
	PGresult *r;
	params_init(&p);
	put_cut(&p, cut);
	enum store_result result = connection_ask_prepared(s, &has_cut, &p, &r, err);
	params_done(&p);
	*ret = result == STORE_OK && cell_bool(r, 0, 0);
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- making one */

struct making {
	const struct peer_cut *newest;
	uint32_t horizon;
	int most;
	bool made;
};

static const struct statement make_cut = {
    "make_cut",
    "SELECT tram.make_peer_cut(nullif($1, 0), $2, $3, $4)",
};

static enum store_result make(struct store *s, void *context, struct err *err)
{
	struct making *m = context;
	struct params p;
	PGresult *r;
	params_init(&p);
	put_cut(&p, m->newest);
	params_int32(&p, (int32_t)m->horizon);
	params_int32(&p, m->most);
	enum store_result result = connection_ask_prepared(s, &make_cut, &p, &r, err);
	params_done(&p);
	m->made = result == STORE_OK && cell_bool(r, 0, 0);
	PQclear(r);
	return result;
}

enum store_result store_make_cut(struct store *s, const struct peer_cut *newest, uint32_t horizon, int most,
				 bool *ret_made, struct err *err)
{
	struct making m = {.newest = newest, .horizon = horizon, .most = most};
	enum store_result result = connection_transaction(s, make, &m, err);
	*ret_made = m.made;
	return result;
}

/* ---------------------------------------------------------------- reading one */

/* Of each series and period the newest: the others are history. */
static const struct statement figures_since = {
    "figures_since",
    "SELECT * FROM (SELECT DISTINCT ON (series_no, period)"
    "   series_no, period, cut_no, n, median, mad, mode, mode_n FROM tram.peer_figures"
    "   WHERE cut_no > $1 AND cut_no <= $2 ORDER BY series_no, period, cut_no DESC) f ORDER BY cut_no",
};

static const struct statement reports_since = {
    "reports_since",
    "SELECT r.provider, r.period, r.agent_no, r.report_no, k.cut_no, r.sketch"
    " FROM tram.peer_report k JOIN tram.report r ON r.agent_no = k.agent_no AND r.report_no = k.report_no"
    " WHERE k.cut_no > $1 AND k.cut_no <= $2 ORDER BY k.cut_no, k.agent_no, k.report_no",
};

static enum store_result ask_since(struct store *s, const struct statement *statement, uint32_t after, uint32_t upto,
				   PGresult **ret, struct err *err)
{
	struct params p;
	params_init(&p);
	params_int32(&p, (int32_t)after);
	params_int32(&p, (int32_t)upto);
	enum store_result result = connection_ask_prepared(s, statement, &p, ret, err);
	params_done(&p);
	return result;
}

static bool read_number(const PGresult *r, int row, int column, struct decimal *ret)
{
	const char *text = cell_text(r, row, column);
	*ret = (struct decimal){0};
	return cell_is_null(r, row, column) ||
	       decimal_parse(text, strlen(text), DECIMAL_LOCALE_NONE, ret) == DECIMAL_FINE;
}

/* Numbers of more digits than a figure has say nothing that could be compared: as if nobody had stated any. */
static struct peer_row read_row(const PGresult *r, int row)
{
	struct peer_row ret = {.series_no = (int32_t)cell_int(r, row, 0),
			       .period = (int32_t)cell_int(r, row, 1),
			       .cut_no = (uint32_t)cell_int(r, row, 2)};
	struct peer_figures f = {.n = (uint32_t)cell_int(r, row, 3), .mode_n = (uint32_t)cell_int(r, row, 7)};
	if (read_number(r, row, 4, &f.median) && read_number(r, row, 5, &f.mad) && read_number(r, row, 6, &f.mode))
		ret.figures = f;
	return ret;
}

static struct peer_report read_report(const PGresult *r, int row)
{
	uint8_t bytes[SKETCH_BYTES];
	struct peer_report ret = {.provider = cell_text(r, row, 0),
				  .period = (int32_t)cell_int(r, row, 1),
				  .agent_no = (int32_t)cell_int(r, row, 2),
				  .report_no = (uint64_t)cell_int(r, row, 3),
				  .cut_no = (uint32_t)cell_int(r, row, 4)};
	if (cell_bytes(r, row, 5, bytes, sizeof(bytes)))
		ret.sketch = sketch_read(bytes);
	return ret;
}

static struct peers *peers_of(const struct peer_cut *cut, const struct peers *before, const PGresult *figures,
			      const PGresult *reports)
{
	size_t n_rows = (size_t)PQntuples(figures), n_reports = (size_t)PQntuples(reports);
	struct peer_row *rows = xcalloc(n_rows, sizeof(*rows));
	struct peer_report *known = xcalloc(n_reports, sizeof(*known));
	for (size_t i = 0; i < n_rows; i++)
		rows[i] = read_row(figures, (int)i);
	for (size_t i = 0; i < n_reports; i++)
		known[i] = read_report(reports, (int)i);
	struct peers *p = peers_new(cut, before, rows, n_rows, known, n_reports);
	free(rows);
	free(known);
	return p;
}

enum store_result store_peers(struct store *s, const struct peer_cut *cut, const struct peers *before,
			      struct peers **ret, struct err *err)
{
	uint32_t after = before && peers_cut(before)->no > cut->horizon ? peers_cut(before)->no : cut->horizon;
	PGresult *figures = NULL, *reports = NULL;
	enum store_result result = ask_since(s, &figures_since, after, cut->no, &figures, err);
	if (result == STORE_OK)
		result = ask_since(s, &reports_since, after, cut->no, &reports, err);
	*ret = result == STORE_OK ? peers_of(cut, before, figures, reports) : NULL;
	PQclear(figures);
	PQclear(reports);
	return result;
}

/* ---------------------------------------------------------------- all that cuts ever wrote */

#define PAGE 20000

static const struct statement rows_behind = {
    "peer_rows_behind",
    "SELECT series_no, period, cut_no, n, median, mad, mode, mode_n FROM tram.peer_figures"
    " WHERE (series_no, period, cut_no) > ($1, $2, $3) ORDER BY series_no, period, cut_no LIMIT $4",
};
static const struct statement reports_behind = {
    "peer_reports_behind",
    "SELECT r.provider, r.period, r.agent_no, r.report_no, k.cut_no, r.sketch"
    " FROM tram.peer_report k JOIN tram.report r ON r.agent_no = k.agent_no AND r.report_no = k.report_no"
    " WHERE (k.cut_no, k.agent_no, k.report_no) > ($1, $2, $3) ORDER BY k.cut_no, k.agent_no, k.report_no LIMIT $4",
};
static const struct statement cuts_behind = {
    "peer_cuts_behind",
    "SELECT c.cut_no, " MADE_AT ", c.horizon FROM tram.peer_cut c WHERE c.cut_no > $1 ORDER BY c.cut_no LIMIT $2",
};

static enum store_result too_large(struct err *err)
{
	err_set(err, ERR_PROTOCOL, "what cuts know does not fit into the arena");
	return STORE_BROKEN;
}

static void *room_for(PGresult *r, struct arena *a, size_t size, size_t *ret_n)
{
	*ret_n = (size_t)PQntuples(r);
	return arena_calloc(a, *ret_n, size);
}

enum store_result store_rehearse_peer_rows(struct store *s, const struct peer_row *after, struct arena *a,
					   struct peer_row **ret, size_t *ret_n, struct err *err)
{
	struct params p;
	PGresult *r;
	params_init(&p);
	params_int32(&p, after->series_no);
	params_int32(&p, after->period);
	params_int32(&p, (int32_t)after->cut_no);
	params_int32(&p, PAGE);
	enum store_result result = connection_ask_prepared(s, &rows_behind, &p, &r, err);
	params_done(&p);
	*ret = room_for(r, a, sizeof(**ret), ret_n);
	for (size_t i = 0; *ret && i < *ret_n; i++)
		(*ret)[i] = read_row(r, (int)i);
	PQclear(r);
	return result == STORE_OK && !*ret ? too_large(err) : result;
}

enum store_result store_rehearse_peer_reports(struct store *s, const struct peer_report *after, struct arena *a,
					      struct peer_report **ret, size_t *ret_n, struct err *err)
{
	struct params p;
	PGresult *r;
	bool fits = true;
	params_init(&p);
	params_int32(&p, (int32_t)after->cut_no);
	params_int32(&p, after->agent_no);
	params_int64(&p, (int64_t)after->report_no);
	params_int32(&p, PAGE);
	enum store_result result = connection_ask_prepared(s, &reports_behind, &p, &r, err);
	params_done(&p);
	*ret = room_for(r, a, sizeof(**ret), ret_n);
	for (size_t i = 0; *ret && fits && i < *ret_n; i++) {
		(*ret)[i] = read_report(r, (int)i);
		(*ret)[i].provider = arena_strdup(a, (*ret)[i].provider);
		fits = (*ret)[i].provider != NULL;
	}
	PQclear(r);
	return result == STORE_OK && (!*ret || !fits) ? too_large(err) : result;
}

enum store_result store_rehearse_cuts(struct store *s, uint32_t after, struct arena *a, struct peer_cut **ret,
				      size_t *ret_n, struct err *err)
{
	struct params p;
	PGresult *r;
	params_init(&p);
	params_int32(&p, (int32_t)after);
	params_int32(&p, PAGE);
	enum store_result result = connection_ask_prepared(s, &cuts_behind, &p, &r, err);
	params_done(&p);
	*ret = room_for(r, a, sizeof(**ret), ret_n);
	for (size_t i = 0; *ret && i < *ret_n; i++)
		(*ret)[i] = (struct peer_cut){.no = (uint32_t)cell_int(r, (int)i, 0),
					      .made_at_us = cell_int(r, (int)i, 1),
					      .horizon = (uint32_t)cell_int(r, (int)i, 2)};
	PQclear(r);
	return result == STORE_OK && !*ret ? too_large(err) : result;
}

/* ---------------------------------------------------------------- is it a copy? */

static const struct statement alike = {
    "alike",
    "SELECT q.i, o.value, o.numerator, o.denominator"
    " FROM unnest($1, $2, $3) WITH ORDINALITY q(area_no, key, report_no, i)"
    " CROSS JOIN LATERAL (SELECT * FROM tram.observation o"
    "   WHERE o.area_no = q.area_no AND o.key BETWEEN q.key AND q.key + 16383 AND o.report_no = q.report_no"
    "     AND o.outcome IN (1, 2) AND o.flags & 1 = 0 AND o.missing_reason = 0 ORDER BY o.key LIMIT 1) o",
};

static void read_alike(const PGresult *r, int row, struct alike_question *ret)
{
	struct peer_stated *f = &ret->stated;
	f->has_value = !cell_is_null(r, row, 1) && read_number(r, row, 1, &f->value);
	f->has_parts = !cell_is_null(r, row, 2) && read_number(r, row, 2, &f->numerator) && !cell_is_null(r, row, 3) &&
		       read_number(r, row, 3, &f->denominator);
}

enum store_result store_alike(struct store *s, struct alike_question *questions, size_t n, struct err *err)
{
	struct params p;
	PGresult *r;
	if (n == 0)
		return STORE_OK;
	params_init(&p);
	params_int32s(&p, &questions->area_no, sizeof(*questions), n);
	params_int64s(&p, &questions->key, sizeof(*questions), n);
	params_int64s(&p, (const int64_t *)&questions->report_no, sizeof(*questions), n);
	enum store_result result = connection_ask_prepared(s, &alike, &p, &r, err);
	params_done(&p);
	for (int i = 0; i < PQntuples(r); i++)
		read_alike(r, i, &questions[cell_int(r, i, 0) - 1]);
	PQclear(r);
	return result;
}
