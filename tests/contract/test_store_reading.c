/* SPDX-License-Identifier: Apache-2.0 */
/* What the aggregator asks: the past of a figure, verdicts anew, numbers, the roster, the catalogue. */
#include "contract.h"
#include "mem.h"
#include "verdict.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N(array) (sizeof(array) / sizeof *(array))

static struct store *writer;
static struct arena *arena;

static int open_writer(void **state)
{
	(void)state;
	writer = contract_writer();
	arena = arena_new(16 << 20);
	return 0;
}

static int close_writer(void **state)
{
	(void)state;
	store_close(&writer);
	arena_free(&arena);
	return 0;
}

/* ---------------------------------------------------------------- numbers */

static void test_an_area_has_its_number_for_ever(void **state)
{
	struct store *second = contract_writer();
	int32_t first, again, none;

	(void)state;
	assert_result(STORE_OK, store_area_no(writer, "63/46", &first, &contract_err));
	assert_result(STORE_OK, store_area_no(second, "63/46", &again, &contract_err));
	assert_result(STORE_OK, store_area_no(writer, "63/00", &none, &contract_err));
	assert_true(first > 0);
	assert_int_equal(first, again);
	assert_int_equal(none, 0);
	store_close(&second);
}

/* One made by somebody else after we connected is found. */
static void test_an_area_that_is_new_is_found(void **state)
{
	int32_t number;

	(void)state;
	assert_result(STORE_OK, store_area_no(writer, "99/01", &number, &contract_err));
	assert_int_equal(number, 0);
	contract_ask("INSERT INTO tram.area_number (area) VALUES ('99/01')");
	assert_result(STORE_OK, store_area_no(writer, "99/01", &number, &contract_err));
	assert_true(number > 0);
}

static void test_a_series_is_made_once(void **state)
{
	struct store *second = contract_writer();
	int32_t plain, broken_down, again, next;

	(void)state;
	plain = contract_series_no(writer, "population", "");
	broken_down = contract_series_no(writer, "population", "SEX=F");
	again = contract_series_no(second, "population", "SEX=F");
	assert_int_not_equal(plain, broken_down);
	assert_int_equal(broken_down, again);
	next = contract_series_no(second, "population", "SEX=M");
	assert_int_equal(next, broken_down + 1); /* no number was lost by asking twice */
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.series WHERE dimensions = 'SEX=F'"), "1");
	store_close(&second);
}

/* ---------------------------------------------------------------- the past */

static int64_t key_of(const char *indicator, const char *period, uint32_t revision)
{
	struct period p;
	int32_t series_no;

	assert_true(period_parse(period, &p));
	series_no = contract_series_no(writer, indicator, "");
	return store_key(series_no, period_pack(&p), revision);
}

static void put_revision(int64_t key, int outcome, int flags, const char *value)
{
	contract_ask(
	    "INSERT INTO tram.observation SELECT %jd, 1, now(), area_no, 1, 193, %d, 3, 0, %d, 'E', %s, 3, 4.50,"
	    " NULL FROM tram.area_number WHERE area = '63/46'",
	    (intmax_t)key, outcome, flags, value);
}

static void decide(int64_t key, const char *decision)
{
	contract_ask("INSERT INTO tram.decision (area_no, key, decision, decided_by, reason) SELECT area_no, %jd, '%s',"
		     " 'test', '' FROM tram.area_number WHERE area = '63/46'",
		     (intmax_t)key, decision);
}

static struct past ask_past(int64_t key)
{
	struct past_question question = {.key = key};

	assert_result(STORE_OK, store_area_no(writer, "63/46", &question.area_no, &contract_err));
	assert_result(STORE_OK, store_past(writer, &question, 1, arena, &contract_err));
	return question.answer;
}

static void test_the_past_is_the_latest_revision(void **state)
{
	int64_t key = key_of("land_area", "1990", 0);
	struct past past;
	char text[DECIMAL_TEXT];

	(void)state;
	assert_false(ask_past(key).exists);
	put_revision(key, 1, 0, "-12.340");
	put_revision(key + 1, 3, 0, "99");
	past = ask_past(key);
	assert_true(past.exists && !past.current && !past.withdrawn && !past.has_weight);
	assert_int_equal(past.revision, 1);
	put_revision(key + 2, 2, 1, "-12.340");
	past = ask_past(key);
	assert_true(past.current && past.withdrawn && past.has_value && past.has_numerator && past.has_denominator);
	assert_int_equal(past.revision, 2);
	assert_string_equal(decimal_text(past.value, text), "-12.340");
	assert_string_equal(decimal_text(past.denominator, text), "4.50");
	assert_int_equal(past.rank_out_of, 193);
	assert_int_equal(past.qualifier, 3);
	assert_int_equal(past.obs_status, 'E');
}

/* Whether it stands follows the latest decision. */
static void test_the_past_heeds_decisions(void **state)
{
	int64_t key = key_of("land_area", "1991", 0);

	(void)state;
	put_revision(key, 3, 0, "1");
	assert_false(ask_past(key).current);
	decide(key, "released");
	assert_true(ask_past(key).current);
	decide(key, "refused");
	assert_false(ask_past(key).current);
}

/* Neighbours in the key are not taken for the figure: another period, another series, another area. */
static void test_the_past_of_many_is_each_ones_own(void **state)
{
	enum { N = 3000 };
	struct past_question *questions = xcalloc(N, sizeof *questions);
	int32_t area_no, other_no;
	int64_t first = key_of("population", "1992-01-01", 0);

	(void)state;
	assert_result(STORE_OK, store_area_no(writer, "63/46", &area_no, &contract_err));
	assert_result(STORE_OK, store_area_no(writer, "63/01", &other_no, &contract_err));
	for (int i = 0; i < N; i += 3) { /* the days after 1992-01-01, every third */
		put_revision(first + ((int64_t)i << (10 + KEY_REVISION_BITS)) + i % 7, 1, 0, "7");
	}
	for (int i = 0; i < N; i++) {
		questions[i].area_no = i % 2 ? other_no : area_no;
		questions[i].key = first + ((int64_t)i << (10 + KEY_REVISION_BITS));
	}
	assert_result(STORE_OK, store_past(writer, questions, N, arena, &contract_err));
	for (int i = 0; i < N; i++) {
		assert_int_equal(questions[i].answer.exists, i % 3 == 0 && i % 2 == 0);
		assert_int_equal(questions[i].answer.revision, i % 3 == 0 && i % 2 == 0 ? i % 7 : 0);
	}
	free(questions);
}

/* Two periods that begin on one day lie side by side. */
static void test_the_past_is_of_this_period_only(void **state)
{
	(void)state;
	put_revision(key_of("land_area", "1994-01-01/P2D", 0), 1, 0, "2");
	assert_false(ask_past(key_of("land_area", "1994-01-01/P1D", 0)).exists);
	assert_false(ask_past(key_of("land_area", "1994-01-01/P3D", 0)).exists);
	assert_true(ask_past(key_of("land_area", "1994-01-01/P2D", 0)).exists);
}

static void test_reports_of_a_period_are_known(void **state)
{
	struct period p;
	struct period_question questions[] = {{.provider = "P63-46", .dataflow = "province_statistics"},
					      {.provider = "P63-46", .dataflow = "governance_province"},
					      {.provider = "P63-01", .dataflow = "province_statistics"},
					      {.provider = "P63-46", .dataflow = "province_statistics", .period = 77}};
	int64_t closing_no;

	(void)state;
	assert_true(period_parse("1993", &p));
	for (size_t i = 0; i < 3; i++) {
		questions[i].period = period_pack(&p);
	}
	contract_ask("INSERT INTO tram.report SELECT 5, now(), now(), now(), 1, 1, %d, NULL, NULL, NULL, 1, 'R', false,"
		     " '', 'P63-46', 'province_statistics', '1993', '', '', NULL, '', NULL, '', ''",
		     period_pack(&p));
	assert_result(STORE_OK, store_periods(writer, questions, 4, arena, &closing_no, &contract_err));
	assert_int_equal(closing_no, 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(questions[i].has_reports, i == 0);
		assert_int_equal(questions[i].closed.vintage, 0);
	}
}

/* Of each period the newest vintage, whoever reports; and the newest closing of all, of whatever period. */
static void test_closed_periods_are_known(void **state)
{
	struct period_question questions[] = {{.provider = "P63-46", .dataflow = "province_statistics", .period = 77},
					      {.provider = "P63-01", .dataflow = "province_statistics", .period = 77},
					      {.provider = "P63-46", .dataflow = "province_statistics", .period = 78},
					      {.provider = "P63-46", .dataflow = "governance_province", .period = 77},
					      {.provider = "P63-46", .dataflow = "governance_province", .period = 78},
					      {.provider = "", .dataflow = "province_statistics", .period = 78}};
	static const int vintages[] = {2, 2, 1, 0, 0, 1};
	static const char *const names[] = {"Lê Bình", "Lê Bình", "Võ An", NULL, NULL, "Võ An"};
	int64_t closing_no;

	(void)state;
	contract_ask(
	    "INSERT INTO tram.closing (closing_no, dataflow, period, vintage, closed_at, closed_by, reason, "
	    "provisional,"
	    "                          figures, digest)"
	    " SELECT n, d, p, v, timestamptz '2026-01-01 00:00:00.000001+00' + n * interval '1 day', who, 'x', true, 0,"
	    "        decode(repeat('00', 32), 'hex')"
	    " FROM (VALUES (1, 'province_statistics', 77, 1, 'Võ An'), (2, 'province_statistics', 77, 2, 'Lê Bình'),"
	    "              (3, 'province_statistics', 78, 1, 'Võ An'), (4, 'governance_province', 79, 1, 'Võ An'))"
	    " c(n, d, p, v, who)");
	assert_result(STORE_OK, store_periods(writer, questions, N(questions), arena, &closing_no, &contract_err));
	assert_int_equal(closing_no, 4);
	for (size_t i = 0; i < N(questions); i++) {
		assert_false(questions[i].has_reports && !*questions[i].provider);
		assert_int_equal(questions[i].closed.period, vintages[i] ? questions[i].period : 0);
		assert_int_equal(questions[i].closed.vintage, vintages[i]);
		if (names[i]) {
			assert_string_equal(questions[i].closed.closed_by, names[i]);
		}
	}
	assert_int_equal(questions[1].closed.closed_at_us, INT64_C(1767398400000001));
	contract_ask("DELETE FROM tram.closing");
}

/* Of what longer periods a report is told is what the roll-up makes them of: each indicator, for each kind of period and longer one. */
static void test_longer_periods_are_those_of_the_rollup(void **state)
{
	static const char *const periods[] = {"2024-S2", "2024-Q3", "2024-09", "2024-W36", "2024-09-02", "2024"};
	static const char *const longer[] = {"2024-W36", "2024-09", "2024-Q3", "2024-S2", "2024"};
	const struct indicator *all;
	size_t n = catalogue_indicators(shipped, &all), told = 0;

	(void)state;
	for (size_t i = 0; i < n * N(periods); i++) {
		const struct indicator *indicator = &all[i / N(periods)];
		struct figure figure = {.indicator = indicator, .dimensions = "", .storable = true};
		struct judgement j = {.readable = true, .figures = &figure, .n = 1};
		int32_t found[RULES_PERIODS];
		size_t n_found, seen = 1;

		assert_true(period_parse(periods[i % N(periods)], &j.period));
		n_found = rules_periods(&j, found);
		assert_int_equal(found[0], period_pack(&j.period));
		for (size_t k = 0; k < N(longer); k++) {
			struct period p;

			assert_true(period_parse(longer[k], &p));
			if (*contract_ask("SELECT %d = ANY (tram.part_kinds(i, %d)) AND %d BETWEEN 1 AND 6 FROM"
					  " tram.indicator i WHERE i.indicator = '%s'",
					  j.period.kind, period_pack(&p), j.period.kind, indicator->code) == 't') {
				assert_true(seen < n_found && found[seen] == period_pack(&p));
				seen++;
			}
		}
		assert_int_equal(seen, n_found);
		told += n_found - 1;
		figure.dimensions = "SEX=F"; /* of parts no longer period's figure is made */
		assert_int_equal(rules_periods(&j, found), 1);
	}
	assert_true(told > 20);
}

/* ---------------------------------------------------------------- verdicts */

/* A verdict read from the store is, byte for byte, the one that was made when the report was judged. */
static void assert_same_verdict(Tram__V1__Verdict *a, Tram__V1__Verdict *b)
{
	size_t n = tram__v1__verdict__get_packed_size(a);
	uint8_t *x = xmalloc(n), *y;

	assert_int_equal(tram__v1__verdict__get_packed_size(b), n);
	y = xmalloc(n);
	tram__v1__verdict__pack(a, x);
	tram__v1__verdict__pack(b, y);
	assert_memory_equal(x, y, n);
	free(x);
	free(y);
}

enum { FINDINGS = 3 };

struct judged {
	struct watermark w;
	struct digest digest;
	enum outcome outcomes[3];
	enum word_state words[8];
	struct finding findings[FINDINGS];
	struct judgement judgement;
	struct verdict_row row;
	struct finding_row finding_rows[FINDINGS];
	struct poison_row poison;
	struct stream_row stream;
	struct watermark_move move;
	struct group group;
};

static void make_judged(struct judged *j, const struct watermark *w)
{
	uint64_t report_no = store_report_no(w->stream_no, w->seq + 1);

	*j = (struct judged){.w = *w, .outcomes = {OUTCOME_ACCEPTED, OUTCOME_REFUSED, OUTCOME_DUPLICATE}};
	memset(j->digest.bytes, 5, DIGEST_SIZE);
	for (size_t i = 0; i < n_built_in_words; i++) {
		j->words[i] = (enum word_state)(WORD_PASS + i % 4);
	}
	j->findings[0] = (struct finding){.rule = rule_by_code("DUNG-01"),
					  .severity = SEVERITY_BLOCK,
					  .asked = SEVERITY_BLOCK,
					  .field = "time_period",
					  .found = "2024-13",
					  .expected = "2024"};
	/* beside other provinces, which has a text of its own; and beside the past, answered before */
	j->findings[1] = (struct finding){.rule = rule_by_code("DUNG-10"),
					  .severity = SEVERITY_WARN,
					  .asked = SEVERITY_WARN,
					  .line = 2,
					  .field = "value",
					  .found = "9",
					  .expected = "≈ 5"};
	j->findings[2] = (struct finding){.rule = rule_by_code("DUNG-10"),
					  .severity = SEVERITY_WARN,
					  .asked = SEVERITY_JUSTIFY,
					  .answered = true,
					  .line = 3,
					  .field = "value",
					  .found = "9 người",
					  .expected = "≈ 4"};
	j->judgement = (struct judgement){.outcomes = j->outcomes,
					  .n = 3,
					  .words = j->words,
					  .n_words = n_built_in_words,
					  .word_table = built_in_words,
					  .findings = j->findings,
					  .n_findings = FINDINGS};
	j->row = (struct verdict_row){.agent_no = w->agent_no,
				      .verdict_seq = w->verdict_seq + 1,
				      .report_no = report_no,
				      .catalogue_version = 1,
				      .words = j->words,
				      .n_words = n_built_in_words,
				      .outcomes = j->outcomes,
				      .n_outcomes = 3,
				      .cause = "received"};
	for (size_t i = 0; i < FINDINGS; i++) {
		j->finding_rows[i] = (struct finding_row){.agent_no = w->agent_no,
							  .report_no = report_no,
							  .finding_no = (uint32_t)i + 1,
							  .finding = &j->findings[i],
							  .indicator = "",
							  .ref_area = ""};
	}
	j->poison = (struct poison_row){
	    .stream_no = w->stream_no, .agent_no = w->agent_no, .seq = w->seq + 1, .digest = j->digest, .cause = ""};
	j->move = (struct watermark_move){.stream_no = w->stream_no,
					  .agent_no = w->agent_no,
					  .seq_from = w->seq,
					  .seq_to = w->seq + 1,
					  .verdict_from = w->verdict_seq,
					  .verdict_to = w->verdict_seq + 1};
	memcpy(j->move.signing_public, w->signing_public, SIGN_PUBLIC_SIZE);
	j->stream = (struct stream_row){
	    .stream_no = w->stream_no, .agent_no = w->agent_no, .epoch = w->epoch, .first_chain = w->chain};
	j->group = (struct group){.known_at_us = INT64_C(1721350800123456),
				  .streams = &j->stream,
				  .n_streams = w->is_new,
				  .poisons = &j->poison,
				  .n_poisons = 1,
				  .findings = j->finding_rows,
				  .n_findings = FINDINGS,
				  .verdicts = &j->row,
				  .n_verdicts = 1,
				  .moves = &j->move,
				  .n_moves = 1};
}

static struct watermark open_stream(const char *agent, uint8_t letter)
{
	struct epoch epoch;
	struct digest first = {{1}};
	struct watermark w;

	memset(epoch.bytes, letter, sizeof epoch.bytes);
	assert_result(STORE_OK, store_watermark(writer, agent, &epoch, &first, 0, &w, &contract_err));
	if (w.is_new) {
		assert_result(STORE_OK, store_stream_no(writer, &w.stream_no, &contract_err));
	}
	return w;
}

static Tram__V1__Verdict *made_first(const struct judged *j)
{
	const struct verdict_head head = {.verdict_seq = j->row.verdict_seq,
					  .epoch = &j->w.epoch,
					  .seq = j->w.seq + 1,
					  .digest = &j->digest,
					  .known_at_us = j->group.known_at_us,
					  .catalogue_version = 1,
					  .cause = "received"};

	return verdict_make(arena, &head, &j->judgement);
}

static void test_a_verdict_is_made_again(void **state)
{
	enum { N = 3 };
	struct judged judged[N];
	Tram__V1__Verdict **again;
	size_t n;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		struct watermark w = open_stream(AGENT_TWO, 0x77);

		make_judged(&judged[i], &w);
		judged[i].group.n_findings = i < FINDINGS ? FINDINGS - i : 0;
		judged[i].judgement.n_findings = judged[i].group.n_findings;
		assert_result(STORE_OK, store_commit(writer, &judged[i].group, &contract_err));
	}
	assert_result(STORE_OK, store_verdicts(writer, AGENT_TWO, 0, 100, arena, &again, &n, &contract_err));
	assert_int_equal(n, N);
	for (size_t i = 0; i < N; i++) {
		assert_same_verdict(made_first(&judged[i]), again[i]);
	}
	assert_result(STORE_OK, store_verdicts(writer, AGENT_TWO, 1, 1, arena, &again, &n, &contract_err));
	assert_int_equal(n, 1);
	assert_int_equal(again[0]->verdict_seq, 2);
	assert_result(STORE_OK, store_verdicts(writer, AGENT_TWO, N, 100, arena, &again, &n, &contract_err));
	assert_int_equal(n, 0);
	assert_result(STORE_OK, store_verdicts(writer, AGENT_ONE, 0, 100, arena, &again, &n, &contract_err));
	assert_int_equal(n, 0);
}

/* What does not fit is left for the next time; what is given has no gap. */
static void test_verdicts_stop_where_the_memory_ends(void **state)
{
	struct watermark w = open_stream(AGENT_ONE, 0x78);
	struct judged judged;
	Tram__V1__Verdict **again;
	size_t n;

	(void)state;
	for (int i = 0; i < 20; i++) {
		make_judged(&judged, &w);
		assert_result(STORE_OK, store_commit(writer, &judged.group, &contract_err));
		w = open_stream(AGENT_ONE, 0x78);
	}
	for (size_t room = 6000; room < 18000; room += 16) {
		struct arena_mark mark = arena_mark(arena);

		arena_cap(arena, room);
		assert_result(STORE_OK, store_verdicts(writer, AGENT_ONE, 0, 100, arena, &again, &n, &contract_err));
		assert_true(n < 20);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(again[i]->verdict_seq, i + 1);
			assert_int_equal(again[i]->n_findings, FINDINGS);
			assert_string_not_equal(again[i]->findings[1]->message_vi, "");
			assert_string_not_equal(again[i]->findings[1]->message_en, "");
		}
		arena_uncap(arena);
		arena_rewind(arena, mark);
	}
	assert_true(n > 0);
}

/* A rule that a later program no longer has is still named, with what was found. */
static void test_a_finding_of_a_rule_that_is_gone(void **state)
{
	struct watermark w = open_stream(AGENT_ONE, 0x79);
	struct judged judged;
	Tram__V1__Verdict **again;
	size_t n;

	(void)state;
	make_judged(&judged, &w);
	assert_result(STORE_OK, store_commit(writer, &judged.group, &contract_err));
	contract_ask("UPDATE tram.report_finding SET rule = 'OLD-99' WHERE report_no = %jd AND finding_no = 1",
		     (intmax_t)judged.row.report_no);
	assert_result(STORE_OK, store_verdicts(writer, AGENT_ONE, w.verdict_seq, 1, arena, &again, &n, &contract_err));
	assert_int_equal(n, 1);
	assert_string_equal(again[0]->findings[0]->rule, "OLD-99");
	assert_string_equal(again[0]->findings[0]->found, "2024-13");
}

/* A second version that adds a word and tells a rule of the program, and one that only data define, in words of its own. */
static void add_a_version(void)
{
	contract_ask("INSERT INTO tram.catalogue (version, digest) VALUES (92, '\\x00')");
	contract_ask(
	    "INSERT INTO tram.rule_text SELECT 92, r, 't', 't', 'tin của ' || r, 'news of ' || r, 'sửa', 'mend'"
	    " FROM unnest(ARRAY['DUNG-01', 'THONG-01']) r");
	contract_ask("INSERT INTO tram.word (word_no, word, name_vi, name_en) VALUES (5, 'thong_nhat', 'thống nhất',"
		     " 'unified')");
}

static void test_a_verdict_keeps_the_words_of_its_catalogue(void **state)
{
	static const struct rule defined = {.code = "THONG-01", .severity = SEVERITY_JUSTIFY, .number = UINT32_MAX};
	struct watermark w = open_stream(AGENT_ONE, 0x7a);
	struct judged old, new;
	Tram__V1__Verdict **again, *first;
	size_t n;

	(void)state;
	make_judged(&old, &w);
	first = made_first(&old);
	assert_result(STORE_OK, store_commit(writer, &old.group, &contract_err));
	add_a_version();
	w = open_stream(AGENT_ONE, 0x7a);
	make_judged(&new, &w);
	new.words[4] = WORD_HELD;
	new.row.n_words = 5;
	new.row.catalogue_version = 92;
	new.findings[1].rule = &defined;
	assert_result(STORE_OK, store_commit(writer, &new.group, &contract_err));
	assert_result(STORE_OK,
		      store_verdicts(writer, AGENT_ONE, old.w.verdict_seq, 2, arena, &again, &n, &contract_err));
	contract_ask("DELETE FROM tram.word WHERE word_no = 5");
	contract_ask("DELETE FROM tram.rule_text");
	contract_ask("DELETE FROM tram.catalogue WHERE version = 92");
	assert_int_equal(n, 2);
	assert_same_verdict(first, again[0]);
	assert_int_equal(again[0]->n_words, 4);
	assert_int_equal(again[1]->n_words, 5);
	assert_string_equal(again[1]->words[4]->code, "thong_nhat");
	assert_string_equal(again[1]->words[4]->name_vi, "thống nhất");
	assert_int_equal(again[1]->words[4]->state, TRAM__V1__WORD_STATE__WORD_STATE_HELD);
	assert_string_equal(again[1]->words[0]->name_vi, "");
	assert_non_null(strstr(again[1]->findings[0]->message_en, "news of DUNG-01"));
	assert_string_equal(again[1]->findings[0]->remedy_vi, "sửa");
	assert_non_null(strstr(again[1]->findings[1]->message_vi, "tin của THONG-01"));
}

/* ---------------------------------------------------------------- the roster and the catalogue */

static const struct roster_entry *find_entry(const struct roster_entry *entries, size_t n, const char *agent)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(entries[i].agent, agent) == 0) {
			return &entries[i];
		}
	}
	return NULL;
}

static void assert_state(const char *agent, int expected)
{
	struct roster_entry *entries;
	size_t n;
	const struct roster_entry *entry;

	assert_result(STORE_OK, store_roster(writer, arena, &entries, &n, &contract_err));
	entry = find_entry(entries, n, agent);
	assert_non_null(entry);
	assert_int_equal(entry->state, expected);
	assert_int_equal(entry->curve_public[0], '3');
	assert_int_equal(strlen(entry->curve_public), 40);
	assert_int_equal(entry->signing_public[31], '3');
}

static void test_the_roster_has_the_latest_state(void **state)
{
	static const char curve[] = "3333333333333333333333333333333333333333";
	struct store *admin;
	uint8_t signing[SIGN_PUBLIC_SIZE];
	bool changed;

	(void)state;
	memset(signing, '3', sizeof signing);
	assert_result(STORE_OK, store_open_admin(contract_conninfo("tram_admin"), &admin, &contract_err));
	assert_result(STORE_OK, store_agent_accept(admin, "agent-3", curve, signing, "", &changed, &contract_err));
	assert_true(changed);
	assert_state("agent-3", AGENT_ACTIVE);
	assert_result(STORE_OK, store_agent_accept(admin, "agent-3", curve, signing, "", &changed, &contract_err));
	assert_false(changed);
	assert_result(STORE_OK, store_agent_set_state(admin, "agent-3", "suspended", "lost", &changed, &contract_err));
	assert_true(changed);
	assert_state("agent-3", AGENT_SUSPENDED);
	assert_result(STORE_OK, store_agent_accept(admin, "agent-3", curve, signing, "", &changed, &contract_err));
	assert_state("agent-3", AGENT_ACTIVE);
	assert_result(STORE_OK, store_agent_set_state(admin, "agent-3", "revoked", "stolen", &changed, &contract_err));
	assert_state("agent-3", AGENT_REVOKED);
	assert_result(STORE_POISON, store_agent_accept(admin, "agent-3", curve, signing, "", &changed, &contract_err));
	assert_result(STORE_POISON, store_agent_set_state(admin, "agent-3", "suspended", "", &changed, &contract_err));
	assert_state("agent-3", AGENT_REVOKED);
	assert_result(STORE_POISON, store_agent_accept(admin, "agent-4", curve, signing, "", &changed, &contract_err));
	assert_non_null(strstr(contract_err.text, "agent-3"));
	assert_result(STORE_BROKEN, store_agent_set_state(admin, "agent-9", "revoked", "", &changed, &contract_err));
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.agent WHERE agent IN ('agent-4', 'agent-9')"), "0");
	store_close(&admin);
}

static void test_the_catalogue_comes_back_as_it_went_in(void **state)
{
	struct catalogue_file *files;
	struct catalogue_mistake *mistakes;
	size_t n, n_mistakes;
	uint32_t version;
	struct catalogue *c;

	(void)state;
	assert_result(STORE_OK, store_catalogue(writer, 0, arena, &files, &n, &version, &contract_err));
	assert_int_equal(version, 1);
	c = catalogue_new(files, n, version, &mistakes, &n_mistakes);
	assert_non_null(c);
	assert_non_null(catalogue_area_on(c, "63/46", date_from_civil(2024, 1, 1)));
	catalogue_unref(&c);
	assert_result(STORE_OK, store_catalogue(writer, 1, arena, &files, &n, &version, &contract_err));
	assert_true(n > 5);
	assert_result(STORE_OK, store_catalogue(writer, 77, arena, &files, &n, &version, &contract_err));
	assert_int_equal(n, 0);
}

/* ---------------------------------------------------------------- notices */

static unsigned heard(struct store *s)
{
	struct pollfd fd = {.fd = store_fd(s), .events = POLLIN};
	unsigned notices = 0;

	for (int tries = 0; tries < 1200 && notices == 0; tries++) {
		(void)poll(&fd, 1, 100);
		assert_true(store_hear(s, &notices));
	}
	return notices;
}

static void test_notices_are_heard(void **state)
{
	static const struct {
		const char *payload;
		unsigned notice;
	} cases[] = {{"roster", NOTICE_ROSTER},
		     {"catalogue", NOTICE_CATALOGUE},
		     {"verdicts " AGENT_ONE, NOTICE_VERDICTS},
		     {"verdicts", NOTICE_VERDICTS}};
	struct store *s = contract_writer();
	unsigned nothing;

	(void)state;
	assert_result(STORE_OK, store_listen(s, &contract_err));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		contract_ask("SELECT pg_notify('tram', '%s')", cases[i].payload);
		assert_int_equal(heard(s), cases[i].notice);
	}
	contract_ask("SELECT pg_notify('tram', 'catalogues'), pg_notify('tram', ''), pg_notify('other', 'roster')");
	contract_ask("SELECT pg_notify('tram', 'roster')");
	assert_int_equal(heard(s), NOTICE_ROSTER);
	contract_ask("SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(s->pg));
	assert_false(store_hear(s, &nothing) && store_hear(s, &nothing));
	store_close(&s);
}

/* Who changes the roster or loads a catalogue tells whoever listens. */
static void test_changes_are_told(void **state)
{
	struct store *s = contract_writer(), *admin;
	const uint8_t signing[SIGN_PUBLIC_SIZE] = {42};
	bool changed;

	(void)state;
	assert_result(STORE_OK, store_listen(s, &contract_err));
	assert_result(STORE_OK, store_open_admin(contract_conninfo("tram_admin"), &admin, &contract_err));
	assert_result(STORE_OK, store_agent_accept(admin, "agent-told", "told:01234567890123456789012345678901234",
						   signing, "", &changed, &contract_err));
	assert_int_equal(heard(s), NOTICE_ROSTER);
	assert_result(STORE_OK, store_agent_set_state(admin, "agent-told", "revoked", "", &changed, &contract_err));
	assert_int_equal(heard(s), NOTICE_ROSTER);
	store_close(&admin);
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_writer, close_writer)
	    TEST(test_an_area_has_its_number_for_ever),
	    TEST(test_an_area_that_is_new_is_found),
	    TEST(test_a_series_is_made_once),
	    TEST(test_the_past_is_the_latest_revision),
	    TEST(test_the_past_heeds_decisions),
	    TEST(test_notices_are_heard),
	    TEST(test_changes_are_told),
	    TEST(test_the_past_of_many_is_each_ones_own),
	    TEST(test_the_past_is_of_this_period_only),
	    TEST(test_reports_of_a_period_are_known),
	    TEST(test_closed_periods_are_known),
	    TEST(test_longer_periods_are_those_of_the_rollup),
	    TEST(test_a_verdict_is_made_again),
	    TEST(test_verdicts_stop_where_the_memory_ends),
	    TEST(test_a_finding_of_a_rule_that_is_gone),
	    TEST(test_a_verdict_keeps_the_words_of_its_catalogue),
	    TEST(test_the_roster_has_the_latest_state),
	    TEST(test_the_catalogue_comes_back_as_it_went_in),
	};

	return cmocka_run_group_tests_name("store reading", tests, contract_open, contract_close);
}
