/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "store_reads.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum store_result store_limit_time(struct store *s, int64_t us, struct err *err)
{
	char sql[80];

	snprintf(sql, sizeof sql, "SET statement_timeout = %" PRId64, us / 1000);
	return connection_run(s, sql, err);
}

bool store_was_stopped(const struct store *s)
{
	return strcmp(s->failure.state, "57014") == 0;
}

bool store_was_refused(const struct store *s, const char **ret_why, const char **ret_instead)
{
	*ret_why = s->failure.message;
	*ret_instead = s->failure.hint;
	return strcmp(s->failure.state, "22023") == 0 || strcmp(s->failure.state, "0A000") == 0;
}

bool store_was_too_much(const struct store *s, const char **ret_why, const char **ret_instead)
{
	*ret_why = s->failure.message;
	*ret_instead = s->failure.hint;
	return strcmp(s->failure.state, "54000") == 0;
}

enum store_result store_now(struct store *s, int64_t *ret_us, struct err *err)
{
	static const struct statement query = {"now",
					       "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"};
	PGresult *r;
	enum store_result result = connection_ask_prepared(s, &query, NULL, &r, err);

	*ret_us = result == STORE_OK ? cell_int(r, 0, 0) : 0;
	PQclear(r);
	return result;
}

/*
 * What a question sees is decided by its snapshot: which transactions have ended. Two questions with the same one see the
 * same, on the same server since its start (a server restored from a backup gives numbers a second time). On a standby the
 * numbers of running transactions are not all in it.
 */
static const struct statement state_query = {
    "state", "SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE left(concat_ws(' ', pg_current_snapshot(),"
	     " extract(epoch FROM pg_postmaster_start_time()), current_database(), inet_server_addr(),"
	     " inet_server_port()), 500) END, length(pg_current_snapshot()::text) > 300"};

enum store_result store_state(struct store *s, char ret[static STORE_STATE_SIZE], struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask_prepared(s, &state_query, NULL, &r, err);
	bool whole = result == STORE_OK && !cell_bool(r, 0, 1);

	snprintf(ret, STORE_STATE_SIZE, "%s", whole ? cell_text(r, 0, 0) : "");
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- lists */

enum store_result store_indicators(struct store *s, indicator_each *each, void *context, struct err *err)
{
	static const char sql[] =
	    "SELECT indicator, name_vi, name_en, dataflow, unit, unit_vi, display_unit_mult, display_decimals, kind,"
	    " over_area, over_time, frequencies, derives_from, mandatory FROM tram.indicator ORDER BY indicator";
	PGresult *r;
	enum store_result result = connection_ask(s, sql, NULL, &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		each(context, &(struct indicator_row){.indicator = cell_text(r, i, 0),
						      .name_vi = cell_text(r, i, 1),
						      .name_en = cell_text(r, i, 2),
						      .dataflow = cell_text(r, i, 3),
						      .unit = cell_text(r, i, 4),
						      .unit_vi = cell_text(r, i, 5),
						      .display_unit_mult = cell_text(r, i, 6),
						      .display_decimals = cell_text(r, i, 7),
						      .kind = cell_text(r, i, 8),
						      .over_area = cell_text(r, i, 9),
						      .over_time = cell_text(r, i, 10),
						      .frequencies = cell_text(r, i, 11),
						      .derives_from = cell_text(r, i, 12),
						      .mandatory = cell_bool(r, i, 13)});
	}
	PQclear(r);
	return result;
}

enum store_result store_areas(struct store *s, int64_t most_rows, area_each *each, void *context, struct err *err)
{
	static const char sql[] = "SELECT area, level, vintage, code, parent, valid_from, valid_to, name_vi, name_en,"
				  " iso_3166_2, population FROM tram.area ORDER BY valid_from, area LIMIT $1";
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_int64(&p, most_rows);
	result = connection_ask(s, sql, &p, &r, err);
	params_done(&p);
	for (int i = 0; i < PQntuples(r); i++) {
		each(context, &(struct area_row){.area = cell_text(r, i, 0),
						 .level = cell_text(r, i, 1),
						 .vintage = cell_text(r, i, 2),
						 .code = cell_text(r, i, 3),
						 .parent = cell_text(r, i, 4),
						 .valid_from = cell_text(r, i, 5),
						 .valid_to = cell_text_or_null(r, i, 6),
						 .name_vi = cell_text(r, i, 7),
						 .name_en = cell_text(r, i, 8),
						 .iso_3166_2 = cell_text(r, i, 9),
						 .population = cell_text_or_null(r, i, 10)});
	}
	PQclear(r);
	return result;
}
