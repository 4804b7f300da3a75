/* SPDX-License-Identifier: Apache-2.0 */
/* One group is one transaction: all of it or nothing, and a result that says what to do next. */
#include "contract.h"
#include "mem.h"
#include "text.h"
#include "verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0 INT64_C(1735689600000000) /* 2025-01-01 */

static struct store *writer;

static int open_writer(void **state)
{
	(void)state;
	writer = contract_writer();
	return 0;
}

static int close_writer(void **state)
{
	(void)state;
	store_close(&writer);
	return 0;
}

/* ---------------------------------------------------------------- a stream of its own for each test */

static struct watermark new_stream(const char *agent)
{
	struct watermark w;
	struct epoch epoch;
	struct digest first;
	uint64_t halves[2] = {contract_random(), contract_random()};

	memcpy(epoch.bytes, halves, sizeof epoch.bytes);
	chain_start(agent, &epoch, NULL, &first);
	assert_result(STORE_OK, store_watermark(writer, agent, &epoch, &first, 0, &w, &contract_err));
	assert_result(STORE_OK, store_stream_no(writer, &w.stream_no, &contract_err));
	return w;
}

/* What the store says now; of a stream that is there it needs no first chain. */
static struct watermark read_stream(struct store *s, const char *agent, const struct watermark *w)
{
	static const struct digest unused;
	struct watermark now;

	assert_result(STORE_OK,
		      store_watermark(s, agent, &w->epoch, w->is_new ? &w->chain : &unused, 0, &now, &contract_err));
	assert_int_equal(now.stream_no, now.is_new ? 0 : w->stream_no);
	return now;
}

/* ---------------------------------------------------------------- a report of two figures, laid out as a lane would */

struct fixture {
	Tram__V1__Report report;
	Tram__V1__Observation observations[2], *pointers[2];
	struct figure figures[2];
	enum outcome outcomes[2];
	enum word_state words[8];
	struct finding findings[1];
	struct judgement judgement;
	struct batch_row batch;
	struct report_row report_row;
	struct observation_row observation_rows[2];
	struct finding_row finding_row;
	struct verdict_row verdict_row;
	struct stream_row stream;
	struct watermark_move move;
	struct group group;
	uint8_t signature[SIGNATURE_SIZE], key_id[KEY_ID_SIZE];
};

static char *text(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = {.in = s};

	return u.out;
}

static void state_figure(struct fixture *f, size_t i, const char *indicator, const char *value)
{
	Tram__V1__Observation *o = &f->observations[i];

	tram__v1__observation__init(o);
	o->indicator = text(indicator);
	o->ref_area = text("63/46");
	o->qualifier = TRAM__V1__QUALIFIER__QUALIFIER_MORE_THAN;
	f->pointers[i] = o;
	f->figures[i] = (struct figure){.indicator = catalogue_indicator(shipped, indicator), .dimensions = ""};
	f->figures[i].has_value =
	    decimal_parse(value, strlen(value), DECIMAL_LOCALE_NONE, &f->figures[i].value) == DECIMAL_FINE;
	assert_true(f->figures[i].has_value);
}

static void state_report(struct fixture *f, const char *period)
{
	tram__v1__report__init(&f->report);
	f->report.provider = text("P63-46");
	f->report.dataflow = text("province_statistics");
	f->report.time_period = text(period);
	f->report.purpose = TRAM__V1__PURPOSE__PURPOSE_BACKFILL;
	f->report.reason = text("Nạp số liệu năm trước");
	f->report.demonstration = true;
	f->report.n_observations = 2;
	f->report.observations = f->pointers;
	state_figure(f, 0, "population", "1178600");
	state_figure(f, 1, "land_area", "4947.1");
	f->observations[1].comment = text("đo lại năm 2023");
}

static void judge(struct fixture *f)
{
	struct judgement *j = &f->judgement;

	*j = (struct judgement){.readable = true,
				.figures = f->figures,
				.n = 2,
				.outcomes = f->outcomes,
				.words = f->words,
				.n_words = n_built_in_words,
				.findings = f->findings,
				.n_findings = 1};
	assert_true(period_parse(f->report.time_period, &j->period));
	j->period_from = j->period.start;
	j->period_to = j->reference_date = j->period.end;
	f->outcomes[0] = OUTCOME_WARNED;
	f->outcomes[1] = OUTCOME_HELD;
	for (size_t i = 0; i < n_built_in_words; i++) {
		f->words[i] = WORD_PASS;
	}
	f->words[0] = WORD_HELD;
	f->findings[0] = (struct finding){.rule = rule_by_code("DUNG-01"),
					  .severity = SEVERITY_JUSTIFY,
					  .asked = SEVERITY_JUSTIFY,
					  .line = 2,
					  .field = "value",
					  .found = "4947.1",
					  .expected = "4947.2"};
}

static void lay_out_figures(struct fixture *f, uint64_t report_no)
{
	static const char *const indicators[] = {"population", "land_area"};

	for (size_t i = 0; i < 2; i++) {
		int32_t area_no, series_no;

		assert_result(STORE_OK, store_area_no(writer, "63/46", &area_no, &contract_err));
		series_no = contract_series_no(writer, indicators[i], "");
		f->observation_rows[i] =
		    (struct observation_row){.key = store_key(series_no, period_pack(&f->judgement.period), 0),
					     .area_no = area_no,
					     .report_no = report_no,
					     .known_at_us = T0 + 123456,
					     .line = (uint32_t)i + 1,
					     .observation = f->pointers[i],
					     .figure = &f->figures[i],
					     .outcome = f->outcomes[i],
					     .demonstration = true};
	}
}

static void lay_out_stream(struct fixture *f, const struct watermark *w)
{
	f->batch = (struct batch_row){.stream_no = w->stream_no,
				      .agent_no = w->agent_no,
				      .from_seq = w->seq + 1,
				      .first_seq = w->seq + 1,
				      .last_seq = w->seq + 1,
				      .received_at_us = T0,
				      .prev_chain = w->chain,
				      .signature = f->signature,
				      .key_id = f->key_id,
				      .payload = (const uint8_t *)"payload",
				      .payload_len = 7};
	memset(f->batch.chain.bytes, 7, sizeof f->batch.chain.bytes);
	f->move = (struct watermark_move){.stream_no = w->stream_no,
					  .agent_no = w->agent_no,
					  .seq_from = w->seq,
					  .seq_to = w->seq + 1,
					  .chain_to = f->batch.chain,
					  .verdict_from = w->verdict_seq,
					  .verdict_to = w->verdict_seq + 1};
	memcpy(f->move.signing_public, w->signing_public, SIGN_PUBLIC_SIZE);
	f->stream = (struct stream_row){
	    .stream_no = w->stream_no, .agent_no = w->agent_no, .epoch = w->epoch, .first_chain = w->chain};
}

/* The group that would follow watermark w, with one report for the period. */
static void lay_out(struct fixture *f, const struct watermark *w, const char *period)
{
	uint64_t report_no = store_report_no(w->stream_no, w->seq + 1);

	*f = (struct fixture){0};
	state_report(f, period);
	judge(f);
	lay_out_figures(f, report_no);
	lay_out_stream(f, w);
	f->report_row = (struct report_row){.stream_no = w->stream_no,
					    .agent_no = w->agent_no,
					    .seq = w->seq + 1,
					    .known_at_us = T0 + 123456,
					    .handed_in_at_us = T0 - 5,
					    .received_at_us = T0,
					    .prepared_at_us = INT64_MIN,
					    .approved_at_us = T0 - 10,
					    .report = &f->report,
					    .judgement = &f->judgement,
					    .catalogue_version = 1};
	memset(f->report_row.digest.bytes, 9, DIGEST_SIZE);
	f->finding_row = (struct finding_row){.agent_no = w->agent_no,
					      .report_no = report_no,
					      .finding_no = 1,
					      .finding = f->findings,
					      .indicator = "land_area",
					      .ref_area = "63/46"};
	f->verdict_row = (struct verdict_row){.agent_no = w->agent_no,
					      .verdict_seq = w->verdict_seq + 1,
					      .report_no = report_no,
					      .catalogue_version = 1,
					      .words = f->words,
					      .n_words = n_built_in_words,
					      .outcomes = f->outcomes,
					      .n_outcomes = 2,
					      .cause = "received"};
	f->group = (struct group){.known_at_us = T0 + 123456,
				  .streams = &f->stream,
				  .n_streams = w->is_new,
				  .batches = &f->batch,
				  .n_batches = 1,
				  .reports = &f->report_row,
				  .n_reports = 1,
				  .observations = f->observation_rows,
				  .n_observations = 2,
				  .findings = &f->finding_row,
				  .n_findings = 1,
				  .verdicts = &f->verdict_row,
				  .n_verdicts = 1,
				  .moves = &f->move,
				  .n_moves = 1};
}

/* Nothing of the stream is stored and its watermark is where it was. */
static void assert_untouched(const char *agent, const struct watermark *before)
{
	struct watermark now = read_stream(writer, agent, before);

	assert_int_equal(now.seq, before->seq);
	assert_memory_equal(now.chain.bytes, before->chain.bytes, DIGEST_SIZE);
	assert_int_equal(now.verdict_seq, before->verdict_seq);
	for (const char *const *table =
		 (const char *const[]){"report", "observation", "verdict", "report_finding", NULL};
	     *table; table++) {
		assert_string_equal(contract_ask("SELECT count(*) FROM tram.%s WHERE report_no >> 40 = %d"
						 " AND report_no & 1099511627775 > %ju",
						 *table, before->stream_no, (uintmax_t)before->seq),
				    "0");
	}
}

/* ---------------------------------------------------------------- streams */

static void test_a_new_stream_starts_at_its_first_chain(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct digest first;

	(void)state;
	chain_start(AGENT_ONE, &w.epoch, NULL, &first);
	assert_int_equal(w.seq, 0);
	assert_int_equal(w.committed_at_us, 0);
	assert_memory_equal(w.chain.bytes, first.bytes, DIGEST_SIZE);
	assert_true(read_stream(writer, AGENT_ONE, &w).is_new); /* asking made nothing */
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.stream WHERE seq = 0"), "0");
}

static void test_an_agent_off_the_roster_has_no_stream(void **state)
{
	struct watermark w;
	static const struct epoch epoch;
	static const struct digest first;

	(void)state;
	assert_result(STORE_OK, store_watermark(writer, "agent-99", &epoch, &first, 0, &w, &contract_err));
	assert_int_equal(w.state, AGENT_UNKNOWN);
	assert_true(w.is_new);
}

/* ---------------------------------------------------------------- it is stored */

static void test_what_is_committed_stands_there(void **state)
{
	struct watermark w = new_stream(AGENT_ONE), now;
	struct fixture f;

	(void)state;
	lay_out(&f, &w, "2001");
	f.observation_rows[0].withdrawn = true;
	f.observation_rows[1].justified = true;
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	now = read_stream(writer, AGENT_ONE, &w);
	assert_int_equal(now.committed_at_us, T0 + 123456);
	assert_int_equal(now.seq, 1);
	assert_memory_equal(now.chain.bytes, f.batch.chain.bytes, DIGEST_SIZE);
	assert_int_equal(now.verdict_seq, w.verdict_seq + 1);
	assert_string_equal(
	    contract_ask("SELECT string_agg(concat_ws(' ', area, indicator, time_period, revision, value, qualifier,"
			 " first_outcome, withdrawn, demonstration, justified, known_at, seq, provider, comment), '; ' "
			 "ORDER BY indicator)"
			 " FROM tram.observation_history WHERE time_period = '2001'"),
	    "63/46 land_area 2001 0 4947.1 more_than held f t t 2025-01-01 00:00:00.123456+00 1 P63-46 đo lại năm "
	    "2023; "
	    "63/46 population 2001 0 1178600 more_than accepted_with_warnings t t f 2025-01-01 00:00:00.123456+00 1 "
	    "P63-46");
	assert_string_equal(
	    contract_ask(
		"SELECT concat_ws(' ', dataflow, period_from, period_to, reference_date, purpose, reason,"
		" prepared_at IS NULL, approved_at, observations) FROM tram.report WHERE time_period = '2001'"),
	    "province_statistics 2001-01-01 2001-12-31 2001-12-31 B Nạp số liệu năm trước t "
	    "2024-12-31 23:59:59.99999+00 2");
	assert_string_equal(contract_ask("SELECT concat_ws(' ', rule, severity, line, found, expected, word) FROM"
					 " tram.finding WHERE time_period = '2001'"),
			    "DUNG-01 J 2 4947.1 4947.2 dung");
	assert_string_equal(
	    contract_ask("SELECT convert_from(payload, 'UTF8') FROM tram.batch WHERE stream_no = %d", w.stream_no),
	    "payload");
}

/* A figure's own justification, else its report's where it was justified by that; sub-units as stated. */
static void test_a_justification_travels_with_its_value(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct fixture f;

	(void)state;
	for (int own = 0; own < 2; own++) {
		char year[] = "1999";

		year[3] = (char)('8' + own);
		w = new_stream(AGENT_ONE);
		lay_out(&f, &w, year);
		f.report.justification_code = text("merged");
		f.report.justification = text("hai đơn vị nhập một");
		f.observation_rows[1].justified = true;
		f.observations[1].justification_code = text(own ? "campaign" : "");
		f.observations[1].units_reporting = own ? 131 : 0;
		f.observations[1].units_expected = own ? 4000000000 : 0;
		assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	}
	assert_string_equal(
	    contract_ask("SELECT string_agg(concat_ws(',', time_period, indicator, justification_code, justification,"
			 " units_reporting, units_expected), '; ' ORDER BY time_period, indicator)"
			 " FROM tram.observation_history WHERE time_period IN ('1998', '1999')"),
	    "1998,land_area,merged,hai đơn vị nhập một; 1998,population; 1999,land_area,campaign,,131,4000000000; "
	    "1999,population");
	assert_string_equal(
	    contract_ask("SELECT string_agg(concat_ws(',', r.time_period, r.justification_code, r.justification), '; '"
			 " ORDER BY r.time_period) FROM tram.report r WHERE r.time_period IN ('1998', '1999')"),
	    "1998,merged,hai đơn vị nhập một; 1999,merged,hai đơn vị nhập một");
}

static void test_a_large_payload_is_stored_whole(void **state)
{
	struct watermark w = new_stream(AGENT_TWO);
	enum { SIZE = 3 << 20 };
	uint8_t *payload = xmalloc(SIZE);
	struct fixture f;
	PGresult *r;

	(void)state;
	for (size_t i = 0; i < SIZE; i++) {
		payload[i] = (uint8_t)(i * 2654435761u >> 13);
	}
	lay_out(&f, &w, "2002");
	f.batch.payload = payload;
	f.batch.payload_len = SIZE;
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	r = PQexecParams(owner->pg, "SELECT payload FROM tram.batch ORDER BY stream_no DESC LIMIT 1", 0, NULL, NULL,
			 NULL, NULL, 1);
	assert_int_equal(PQgetlength(r, 0, 0), SIZE);
	assert_memory_equal(PQgetvalue(r, 0, 0), payload, SIZE);
	PQclear(r);
	free(payload);
}

static void test_an_unreadable_report_has_a_row_without_dates(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct fixture f;

	(void)state;
	lay_out(&f, &w, "2003");
	f.report.time_period = text("next year");
	f.judgement.readable = false;
	f.group.n_observations = 0;
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	assert_string_equal(
	    contract_ask("SELECT concat(period, time_period, period_from, reference_date) FROM tram.report"
			 " WHERE report_no >> 40 = %d",
			 w.stream_no),
	    "0next year");
}

static void test_poison_keeps_its_place(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct fixture f;
	struct poison_row poison = {
	    .stream_no = w.stream_no, .agent_no = w.agent_no, .seq = 1, .received_at_us = T0, .cause = "not a message"};

	(void)state;
	lay_out(&f, &w, "2004");
	f.group.n_reports = f.group.n_observations = f.group.n_findings = 0;
	f.verdict_row.n_outcomes = 0;
	f.verdict_row.words = NULL;
	f.group.poisons = &poison;
	f.group.n_poisons = 1;
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	assert_string_equal(contract_ask("SELECT cause FROM tram.poison WHERE report_no >> 40 = %d", w.stream_no),
			    "not a message");
	assert_int_equal(read_stream(writer, AGENT_ONE, &w).seq, 1);
}

/* ---------------------------------------------------------------- it is not */

static void test_a_key_that_is_there_is_a_conflict(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct fixture f;

	(void)state;
	lay_out(&f, &w, "2005");
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	w = read_stream(writer, AGENT_ONE, &w);
	lay_out(&f, &w, "2005"); /* revision 0 again */
	assert_result(STORE_CONFLICT, store_commit(writer, &f.group, &contract_err));
	assert_untouched(AGENT_ONE, &w);
	f.observation_rows[0].key++; /* numbered anew, it goes in */
	f.observation_rows[1].key++;
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
}

static void test_what_was_judged_before_a_closing_is_outdated(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct fixture f;

	(void)state;
	contract_ask("INSERT INTO tram.closing (closing_no, dataflow, period, vintage, closed_at, closed_by, reason,"
		     " provisional, figures, digest) VALUES (7, 'province_statistics', 77, 1, now(), 'x', 'x', true, 0,"
		     " decode(repeat('00', 32), 'hex'))");
	lay_out(&f, &w, "2018");
	f.group.judged_by_closings = true;
	f.group.closing_no = 6;
	assert_result(STORE_OUTDATED, store_commit(writer, &f.group, &contract_err));
	f.group.closing_no = 8; /* of a store that was put back since */
	assert_result(STORE_OUTDATED, store_commit(writer, &f.group, &contract_err));
	assert_untouched(AGENT_ONE, &w);
	f.group.closing_no = 7;
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	w = read_stream(writer, AGENT_ONE, &w);
	lay_out(&f, &w, "2019"); /* closings say nothing of it */
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	contract_ask("DELETE FROM tram.closing");
}

static void test_a_moved_watermark_fences(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct fixture f;

	(void)state;
	lay_out(&f, &w, "2006");
	f.move.seq_from = 1;
	assert_result(STORE_FENCED, store_commit(writer, &f.group, &contract_err));
	assert_untouched(AGENT_ONE, &w);
	lay_out(&f, &w, "2006");
	f.move.verdict_from++;
	f.move.verdict_to++;
	assert_result(STORE_FENCED, store_commit(writer, &f.group, &contract_err));
	assert_untouched(AGENT_ONE, &w);
}

/* Of two aggregators that hold the same watermark one wins, whoever is first, and the other has written nothing. */
static void test_of_two_writers_one_wins(void **state)
{
	struct watermark w = new_stream(AGENT_TWO);
	struct store *second = contract_writer();
	struct fixture mine, theirs;

	(void)state;
	lay_out(&mine, &w, "2007");
	lay_out(&theirs, &w, "2008");
	assert_result(STORE_OK, store_commit(second, &theirs.group, &contract_err));
	assert_result(STORE_FENCED, store_commit(writer, &mine.group, &contract_err));
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.report WHERE time_period = '2007'"), "0");
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.report WHERE time_period = '2008'"), "1");
	store_close(&second);
}

/* Whoever finds the stream being made waits: made, it is fenced; not made after all, it makes it. */
static void test_a_stream_is_made_once(void **state)
{
	struct watermark w = new_stream(AGENT_TWO);
	struct fixture f;
	char epoch[2 * EPOCH_SIZE + 1];

	(void)state;
	text_hex(w.epoch.bytes, EPOCH_SIZE, epoch);
	lay_out(&f, &w, "2015");
	assert_result(STORE_OK, connection_run(writer, "SET lock_timeout = '50ms'", &contract_err));
	for (size_t i = 0; i < 2; i++) {
		contract_ask("BEGIN");
		contract_ask("INSERT INTO tram.stream (agent, agent_no, epoch, chain, first_chain) SELECT agent, "
			     "agent_no, '%s', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')"
			     " FROM tram.agent WHERE agent = '" AGENT_TWO "'",
			     epoch);
		assert_result(STORE_RETRY, store_commit(writer, &f.group, &contract_err));
		if (i == 0) {
			contract_ask("ROLLBACK");
			continue;
		}
		contract_ask("COMMIT");
		assert_result(STORE_FENCED, store_commit(writer, &f.group, &contract_err));
		contract_ask("DELETE FROM tram.stream WHERE epoch = '%s'", epoch);
	}
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	assert_false(read_stream(writer, AGENT_TWO, &w).is_new);
}

/* Whoever is not active any more, or has other keys, is told from a watermark that moved only by being asked. */
static void test_an_agent_that_is_shut_out_fences(void **state)
{
	static const char *const changes[] = {"state = 'suspended'", "state = 'revoked'",
					      "signing_public = decode(repeat('77', 32), 'hex')"};
	static const char back[] = "UPDATE tram.agent SET state = 'active', signing_public = decode(repeat('32', 32), "
				   "'hex') WHERE agent = '%s'";
	struct watermark w = new_stream(AGENT_TWO);
	struct fixture f;

	(void)state;
	lay_out(&f, &w, "2016");
	for (size_t i = 0; i < 3; i++) {
		contract_ask("UPDATE tram.agent SET %s WHERE agent = '" AGENT_TWO "'", changes[i]);
		assert_result(STORE_FENCED, store_commit(writer, &f.group, &contract_err));
		assert_untouched(AGENT_TWO, &w);
		assert_true(read_stream(writer, AGENT_TWO, &w).is_new);
		assert_int_equal(read_stream(writer, AGENT_TWO, &w).state, i == 0   ? AGENT_SUSPENDED
									   : i == 1 ? AGENT_REVOKED
										    : AGENT_ACTIVE);
		contract_ask(back, AGENT_TWO);
	}
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
}

/* The same sequence number twice can only be another writer's doing, even where its watermark was not looked at. */
static void test_a_report_that_is_there_fences(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct fixture f;

	(void)state;
	lay_out(&f, &w, "2009");
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	lay_out(&f, &w, "2009");
	f.group.n_moves = f.group.n_batches = 0;
	assert_result(STORE_FENCED, store_commit(writer, &f.group, &contract_err));
}

static void spoil_text(struct fixture *f)
{
	f->observations[1].comment = text("\xff\xfe");
}

static void spoil_key(struct fixture *f)
{
	f->observation_rows[0].key = -1;
}

static void spoil_time(struct fixture *f)
{
	f->report_row.handed_in_at_us = INT64_MIN + 1;
}

static void spoil_finding(struct fixture *f)
{
	f->finding_row.indicator = "\xc3\x28";
}

static void test_what_cannot_be_stored_is_poison(void **state)
{
	static void (*const spoil[])(struct fixture *) = {spoil_text, spoil_key, spoil_time, spoil_finding};
	struct watermark w = new_stream(AGENT_ONE);

	(void)state;
	for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
		struct fixture f;

		lay_out(&f, &w, "2010");
		spoil[i](&f);
		assert_result(STORE_POISON, store_commit(writer, &f.group, &contract_err));
		assert_untouched(AGENT_ONE, &w);
	}
}

static void test_a_killed_connection_is_made_anew(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct fixture f;

	(void)state;
	lay_out(&f, &w, "2011");
	contract_ask("SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(writer->pg));
	assert_result(STORE_RECONNECT, store_commit(writer, &f.group, &contract_err));
	assert_true(*contract_err.text);
	assert_result(STORE_RECONNECT, store_commit(writer, &f.group, &contract_err)); /* and stays so until closed */
	store_close(&writer);
	writer = contract_writer();
	assert_untouched(AGENT_ONE, &w);
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
}

/* Whoever waits in vain for a lock tries again on the same connection. */
static void test_a_lock_is_tried_again(void **state)
{
	struct watermark w = new_stream(AGENT_ONE);
	struct fixture f;

	(void)state;
	lay_out(&f, &w, "2012");
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	w = read_stream(writer, AGENT_ONE, &w);
	lay_out(&f, &w, "2013");
	assert_result(STORE_OK, connection_run(writer, "SET lock_timeout = '50ms'", &contract_err));
	contract_ask("BEGIN");
	contract_ask("SELECT seq FROM tram.stream WHERE stream_no = %d FOR UPDATE", w.stream_no);
	assert_result(STORE_RETRY, store_commit(writer, &f.group, &contract_err));
	contract_ask("ROLLBACK");
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
}

/* ---------------------------------------------------------------- a group of many */

/* Two epochs of one agent and one of another move in one transaction, and so do their verdicts. */
static void test_many_streams_move_at_once(void **state)
{
	struct watermark first = new_stream(AGENT_ONE), second = new_stream(AGENT_ONE), other = new_stream(AGENT_TWO);
	struct watermark_move moves[3];
	struct stream_row streams[3];
	struct fixture f;

	(void)state;
	lay_out(&f, &second, "2014");
	moves[0] = f.move;
	moves[0].verdict_from++;
	moves[0].verdict_to += 2;
	streams[0] = f.stream;
	lay_out(&f, &other, "2014");
	moves[1] = f.move;
	streams[1] = f.stream;
	lay_out(&f, &first, "2014");
	moves[2] = f.move;
	streams[2] = f.stream;
	f.group.streams = streams;
	f.group.n_streams = 3;
	f.group.moves = moves;
	f.group.n_moves = 3;
	assert_result(STORE_OK, store_commit(writer, &f.group, &contract_err));
	assert_int_equal(read_stream(writer, AGENT_ONE, &first).seq, 1);
	assert_int_equal(read_stream(writer, AGENT_ONE, &second).seq, 1);
	assert_int_equal(read_stream(writer, AGENT_TWO, &other).verdict_seq, other.verdict_seq + 1);
	assert_int_equal(read_stream(writer, AGENT_ONE, &first).verdict_seq, first.verdict_seq + 3);
}

/* A failure that the work does not report. */
static enum store_result fail_unseen(struct store *s, void *context, struct err *err)
{
	struct err ignored;

	(void)context;
	(void)err;
	assert_int_not_equal(connection_run(s, "SELECT 1 / 0", &ignored), STORE_OK);
	return STORE_OK;
}

static void test_a_commit_that_rolls_back_is_no_commit(void **state)
{
	(void)state;
	assert_result(STORE_RECONNECT, connection_transaction(writer, fail_unseen, NULL, &contract_err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_writer, close_writer)
	    TEST(test_a_new_stream_starts_at_its_first_chain),
	    TEST(test_an_agent_off_the_roster_has_no_stream),
	    TEST(test_what_is_committed_stands_there),
	    TEST(test_a_justification_travels_with_its_value),
	    TEST(test_a_large_payload_is_stored_whole),
	    TEST(test_an_unreadable_report_has_a_row_without_dates),
	    TEST(test_poison_keeps_its_place),
	    TEST(test_a_key_that_is_there_is_a_conflict),
	    TEST(test_what_was_judged_before_a_closing_is_outdated),
	    TEST(test_a_moved_watermark_fences),
	    TEST(test_of_two_writers_one_wins),
	    TEST(test_a_stream_is_made_once),
	    TEST(test_an_agent_that_is_shut_out_fences),
	    TEST(test_a_report_that_is_there_fences),
	    TEST(test_what_cannot_be_stored_is_poison),
	    TEST(test_a_killed_connection_is_made_anew),
	    TEST(test_a_lock_is_tried_again),
	    TEST(test_many_streams_move_at_once),
	    TEST(test_a_commit_that_rolls_back_is_no_commit),
	};

	return cmocka_run_group_tests_name("store group", tests, contract_open, contract_close);
}
