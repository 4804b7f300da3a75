/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a report is judged with is what the store says: whatever a lane keeps of its agents, and whatever reports of the
 * same group state, every report is told exactly what a query from scratch finds in all that came before it.
 *
 * A province hands in figures at random: new ones, revisions, backfills, withdrawals, missing ones, several reports of one
 * period in one group. Between groups an operator decides, the lane's memory is lost, and commits come to nothing or are
 * not answered. The seed is printed; SEED=n repeats it.
 */
#include "clock.h"
#include "contract.h"
#include "history.h"
#include "intake.h"
#include "mem.h"
#include "views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YEAR    2009
#define PERIODS 96 /* months from its first on */
#define FILLED  3  /* groups that fill them up, at first */
#define GROUPS  40
#define SEEN    64 /* reports in a group, at most */

static struct catalogue *monthly;
static struct arena *arena;
static struct store *writer;
static struct histories *histories;
static struct intake_stream stream;
static uint64_t chance;

/* ---------------------------------------------------------------- chance */

static unsigned draw(unsigned below)
{
	chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(chance >> 33) % below;
}

static bool one_in(unsigned n)
{
	return draw(n) == 0;
}

/* ---------------------------------------------------------------- a catalogue with months */

static char *replaced(const char *text, const char *from, const char *to)
{
	char *copy = xstrdup(text);

	for (char *at; (at = strstr(copy, from));) {
		char *longer = xasprintf("%.*s%s%s", (int)(at - copy), copy, to, at + strlen(from));

		free(copy);
		copy = longer;
	}
	return copy;
}

static struct catalogue *make_monthly(void)
{
	struct catalogue_file *files;
	struct catalogue_mistake *mistakes;
	size_t n, n_mistakes;
	struct catalogue *c;

	assert_true(catalogue_read_folder(TRAM_SOURCE_DIR "/deploy/catalogue", &files, &n, &contract_err));
	for (size_t i = 0; i < n; i++) {
		char *text = NULL;

		if (strcmp(files[i].name, "indicators.csv") == 0) {
			text = replaced(files[i].content, ",S,y,", ",S|M,y,");
		} else if (strcmp(files[i].name, "dataflows.csv") == 0) {
			text = replaced(files[i].content, "S,decree_", "S|M,decree_");
		}
		if (text) {
			files[i].content = replaced(text, ",2021-01-01,", ",2008-08-01,");
			files[i].len = strlen(files[i].content);
			free(text);
		}
	}
	c = catalogue_new(files, n, 1, &mistakes, &n_mistakes);
	if (!c) {
		fail_msg("%s:%d: %s", mistakes[0].file, mistakes[0].line, mistakes[0].text);
	}
	catalogue_mistakes_free(mistakes, n_mistakes);
	return c; /* the files' texts stay: the process ends soon */
}

/* ---------------------------------------------------------------- what the rules were told */

/* As it was told, by observation. */
struct told {
	uint64_t seq;
	int32_t period;
	size_t n;
	const char *indicator[8];
	char *history[8], *past[8], *related[8], *reported;
};

static struct told told[SEEN];
static size_t n_told;
static unsigned asked; /* questions to the store */

static char *join(char *text, char *more)
{
	char *joined = text ? xasprintf("%s %s", text, more) : xstrdup(more);

	free(text);
	free(more);
	return joined;
}

static char *figure_text(bool has, struct decimal d)
{
	char text[DECIMAL_TEXT];

	return xstrdup(has ? decimal_text(decimal_trim(d), text) : "-");
}

static char *point_text(const struct point *p)
{
	char *value = figure_text(p->has_value, p->value), *text;

	text = xasprintf("%d:%s%s", p->period, value, p->breaks ? "!" : "");
	free(value);
	return text;
}

static char *history_text(const struct history *h)
{
	char *text = NULL;

	for (size_t i = 0; i < h->n; i++) {
		text = join(text, point_text(&h->points[i]));
	}
	return text ? text : xstrdup("");
}

/* When a province was told: what comes again keeps its first time; of the rest the time of the group is not compared. */
#define FIRST_TOLD_BEFORE INT64_C(1763000000000000)

static int64_t told_at(const struct past *p)
{
	return p->known_at_us < FIRST_TOLD_BEFORE ? p->known_at_us : FIRST_TOLD_BEFORE;
}

static char *past_text(const struct past *p)
{
	static const char *const decided[] = {"", "released", "refused", "held", "withdrawn"};
	char *value, *text;

	if (!p->exists) {
		return xstrdup("");
	}
	value = figure_text(p->has_value, p->value);
	text = xasprintf("%u %s %d %d %d %s %d [%s] %jd", p->revision, value, p->withdrawn, p->current, (int)p->outcome,
			 decided[p->decided], p->reasoned, p->asked ? p->asked : "", (intmax_t)told_at(p));
	free(value);
	return text;
}

/* What stands of the related indicator in the figure's period and the two before it. */
static char *related_text(const struct knowledge *k, const struct judgement *j, size_t i)
{
	const struct figure *f = &j->figures[i];
	char *text = NULL;

	if (f->indicator->n_related == 0 || j->period.kind == PERIOD_RANGE) {
		return xstrdup("");
	}
	for (int back = 0; back < 3; back++) {
		struct period p = j->period;
		const struct point *point;

		if (back > 0 && !period_back(&j->period, (unsigned)back, &p)) {
			break;
		}
		point = k->point_of(k, f, f->indicator->related[0], period_pack(&p));
		text = join(text, point ? point_text(point) : xstrdup("-"));
	}
	return text;
}

bool __real_rules_judge(const struct report_context *ctx, const struct knowledge *k, struct arena *a,
			struct judgement *j);
bool __wrap_rules_judge(const struct report_context *ctx, const struct knowledge *k, struct arena *a,
			struct judgement *j);
bool __wrap_rules_judge(const struct report_context *ctx, const struct knowledge *k, struct arena *a,
			struct judgement *j)
{
	struct told *t = &told[n_told++];

	*t = (struct told){
	    .seq = strtoull(ctx->report->comment, NULL, 10), .period = period_pack(&j->period), .n = j->n};
	for (size_t i = 0; i < j->n; i++) {
		t->indicator[i] = j->figures[i].indicator->code;
		t->history[i] = history_text(&k->history[i]);
		t->past[i] = past_text(&k->past[i]);
		t->related[i] = related_text(k, j, i);
	}
	t->reported =
	    xstrdup(k->reported[catalogue_indicator(ctx->catalogue, "psp_registered_accounts")->position] ? "t" : "f");
	return __real_rules_judge(ctx, k, a, j);
}

static void forget_told(void)
{
	for (size_t i = 0; i < n_told; i++) {
		for (size_t k = 0; k < told[i].n; k++) {
			free(told[i].history[k]);
			free(told[i].past[k]);
			free(told[i].related[k]);
		}
		free(told[i].reported);
	}
	n_told = 0;
}

enum store_result __real_connection_ask(struct store *s, const char *sql, const struct params *p, PGresult **ret,
					struct err *err);
enum store_result __wrap_connection_ask(struct store *s, const char *sql, const struct params *p, PGresult **ret,
					struct err *err);
enum store_result __wrap_connection_ask(struct store *s, const char *sql, const struct params *p, PGresult **ret,
					struct err *err)
{
	asked += s == writer;
	return __real_connection_ask(s, sql, p, ret, err);
}

enum store_result __real_connection_ask_prepared(struct store *s, const struct statement *statement,
						 const struct params *p, PGresult **ret, struct err *err);
enum store_result __wrap_connection_ask_prepared(struct store *s, const struct statement *statement,
						 const struct params *p, PGresult **ret, struct err *err);
enum store_result __wrap_connection_ask_prepared(struct store *s, const struct statement *statement,
						 const struct params *p, PGresult **ret, struct err *err)
{
	asked += s == writer;
	return __real_connection_ask_prepared(s, statement, p, ret, err);
}

/* ---------------------------------------------------------------- what the store says, from scratch */

/* Rows of the area that reports before one brought, with what became of them. */
#define BEFORE                                                                                                         \
	"SELECT o.*, d.decision, tram.effective_outcome(o.outcome, d.decision) AS effective,"                          \
	"   (o.key >> 14 & 1073741823)::integer AS period, s.indicator,"                                               \
	"   CASE WHEN o.flags & 4 <> 0 OR d.decision = 'released' THEN (SELECT string_agg(DISTINCT f.rule, ' ')"       \
	"     FROM tram.report_finding f WHERE f.report_no = o.report_no AND f.line = o.line AND (f.severity = 'J' "   \
	"OR f.answered))"                                                                                              \
	"   END AS reasons, EXISTS (SELECT FROM tram.observation_note n WHERE n.area_no = o.area_no AND n.key = o.key" \
	"     AND n.justification_code || n.justification <> '')::integer AS reasoned"                                 \
	" FROM tram.observation o JOIN tram.area_number a ON a.area_no = o.area_no AND a.area = '63/46'"               \
	" JOIN tram.series s ON s.series_no = o.key >> 44 AND s.dimensions = ''"                                       \
	" LEFT JOIN (SELECT DISTINCT ON (area_no, key) area_no, key, decision FROM tram.decision"                      \
	"   ORDER BY area_no, key, decision_no DESC) d ON d.area_no = o.area_no AND d.key = o.key"                     \
	" WHERE o.report_no & 1099511627775 < %llu AND s.indicator = '%s'"
#define STANDING                                                                                                       \
	"SELECT *, period || ':' || coalesce(trim_scale(value)::text, '-') ||"                                         \
	"   CASE WHEN obs_status = 'B' OR reasons ~ 'DUNG-08|DUNG-10|SACH-07' THEN '!' ELSE '' END AS said"            \
	" FROM (SELECT DISTINCT ON (period) * FROM (" BEFORE ") b WHERE effective IN (1, 2, 6)"                        \
	"   ORDER BY period, key DESC) l WHERE effective <> 6 AND flags & 1 = 0 AND missing_reason = 0"

static const char *expected_history(const struct told *t, size_t i)
{
	return contract_ask("SELECT coalesce(string_agg(said, ' ' ORDER BY period), '') FROM"
			    " (SELECT * FROM (" STANDING ") p WHERE period >> 27 = %d AND period < %d"
			    "  ORDER BY period DESC LIMIT 24) newest",
			    (unsigned long long)t->seq, t->indicator[i], t->period >> 27, t->period);
}

static const char *expected_past(const struct told *t, size_t i)
{
	return contract_ask(
	    "WITH b AS (SELECT * FROM (" BEFORE ") x WHERE period = %d)"
	    " SELECT coalesce((SELECT concat_ws(' ', key & 16383, coalesce(trim_scale(value)::text, '-'), flags & 1,"
	    "   (effective IN (1, 2))::integer, outcome, coalesce(decision, ''), reasoned, '[' || coalesce((SELECT "
	    "reasons FROM b"
	    "   WHERE effective IN (1, 2, 6) ORDER BY key DESC LIMIT 1), '') || ']',"
	    "   least((extract(epoch FROM known_at) * 1000000)::bigint, %jd)) FROM b ORDER BY key DESC LIMIT 1), '')",
	    (unsigned long long)t->seq, t->indicator[i], t->period, (intmax_t)FIRST_TOLD_BEFORE);
}

static const char *expected_point(const struct told *t, const char *indicator, int32_t period)
{
	return contract_ask("SELECT coalesce((SELECT said FROM (" STANDING ") p WHERE period = %d), '-')",
			    (unsigned long long)t->seq, indicator, period);
}

static char *expected_related(const struct told *t, size_t i)
{
	const struct indicator *indicator = catalogue_indicator(monthly, t->indicator[i]);
	struct period of;
	char *text = NULL;

	if (indicator->n_related == 0) {
		return xstrdup("");
	}
	assert_true(period_unpack(t->period, &of));
	for (int back = 0; back < 3; back++) {
		struct period p = of;

		if (back > 0 && !period_back(&of, (unsigned)back, &p)) {
			break;
		}
		text = join(text, xstrdup(expected_point(t, indicator->related[0]->code, period_pack(&p))));
	}
	return text;
}

static const char *expected_reported(const struct told *t)
{
	return contract_ask("SELECT EXISTS (SELECT FROM (SELECT * FROM (" BEFORE ") b WHERE period = %d"
			    " AND effective IN (1, 2, 3, 6) ORDER BY key DESC LIMIT 1) l"
			    " WHERE effective <> 6 AND flags & 1 = 0)",
			    (unsigned long long)t->seq, "psp_registered_accounts", t->period);
}

static void check_told(void)
{
	for (size_t k = 0; k < n_told; k++) {
		const struct told *t = &told[k];

		for (size_t i = 0; i < t->n; i++) {
			char *related = expected_related(t, i);

			assert_string_equal(t->history[i], expected_history(t, i));
			assert_string_equal(t->past[i], expected_past(t, i));
			assert_string_equal(t->related[i], related);
			free(related);
		}
		assert_string_equal(t->reported, expected_reported(t));
	}
}

/* ---------------------------------------------------------------- reports at random */

static const char *const indicators[] = {"psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts"};

static void make_observation(struct arena *a, Tram__V1__Observation *o, unsigned which)
{
	Tram__V1__Decimal *d = arena_alloc(a, sizeof *d);

	tram__v1__observation__init(o);
	tram__v1__decimal__init(d);
	o->indicator = arena_strdup(a, indicators[which]);
	o->ref_area = arena_strdup(a, "63/46");
	o->qualifier = TRAM__V1__QUALIFIER__QUALIFIER_EXACT;
	d->mantissa = 1000000 + draw(100) * (one_in(10) ? 1000000 : 1000);
	if (one_in(12)) {
		o->missing_reason = TRAM__V1__MISSING_REASON__MISSING_REASON_LATE;
	} else if (one_in(6)) {
		o->action = TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW;
	} else {
		o->value = d;
	}
	if (one_in(15)) {
		o->obs_status = TRAM__V1__OBSERVATION_STATUS__OBSERVATION_STATUS_BREAK;
	}
	if (one_in(3)) {
		o->justification = arena_strdup(a, "Rà soát theo biên bản số 12 của Sở");
	}
}

/* Mostly months that follow each other; now and then one long ago, or a half-year. */
static char *draw_period(struct arena *a, unsigned newest, bool fill)
{
	static unsigned month;

	month = fill || one_in(2)     ? newest + draw(3)
		: one_in(3)           ? draw(newest + 1)
		: month + 12 > newest ? month - draw(2) * (month > 0)
				      : newest;
	if (!fill && one_in(10)) {
		return arena_printf(a, "%u-S%u", YEAR + month / 12, 1 + month % 12 / 6);
	}
	return arena_printf(a, "%u-%02u", YEAR + month / 12, 1 + month % 12);
}

static struct publish_entry make_entry(uint64_t seq, unsigned newest, bool fill)
{
	struct arena *a = arena_new(1 << 20);
	Tram__V1__Report r = TRAM__V1__REPORT__INIT;
	Tram__V1__Observation rows[3], *list[3];
	struct publish_entry e = {.seq = seq,
				  .handed_in_at_us = 0,
				  .first_committed_at_us =
				      one_in(3) ? FIRST_TOLD_BEFORE - draw(1000) * CLOCK_SECOND : 0};

	r.provider = arena_strdup(a, "P63-46");
	r.dataflow = arena_strdup(a, "public_services_province");
	r.time_period = draw_period(a, newest, fill);
	r.reference_date = arena_strdup(a, "2024-06-01");
	r.purpose = one_in(2) ? TRAM__V1__PURPOSE__PURPOSE_CORRECTION : TRAM__V1__PURPOSE__PURPOSE_BACKFILL;
	r.reason = arena_strdup(a, "Rà soát số liệu");
	r.prepared_by = r.approved_by = arena_strdup(a, "Nguyễn Văn An");
	r.comment = arena_printf(a, "%llu", (unsigned long long)seq);
	r.observations = list;
	for (unsigned i = 0; i < 3; i++) {
		if (r.n_observations > 0 && one_in(3)) {
			continue;
		}
		list[r.n_observations] = &rows[r.n_observations];
		make_observation(a, &rows[r.n_observations++], i);
	}
	e.data = codec_pack(&r.base, &e.len);
	digest_report(e.data, e.len, &e.digest);
	arena_free(&a);
	return e;
}

/* ---------------------------------------------------------------- groups */

static void read_watermark(void)
{
	assert_result(STORE_OK, store_watermark(writer, AGENT_ONE, &stream.before.epoch, &stream.first_chain, 0,
						&stream.before, &contract_err));
}

enum ending { COMMITTED, NOT_COMMITTED, NOT_ANSWERED, FENCED };

static void start(struct intake *in, const struct intake_settings *settings)
{
	arena_reset(arena);
	*in = (struct intake){.arena = arena,
			      .catalogue = monthly,
			      .settings = settings,
			      .store = writer,
			      .known_at_us = INT64_C(1763770000000000),
			      .histories = histories};
	intake_start(in);
	stream.moved = false;
}

static void decide(void);

/* One try at a group of these entries; what its reports were told is checked when it is committed. */
static void try_group(struct publish_entry *entries, size_t n, enum ending ending)
{
	static const struct intake_settings settings = {
	    .report_bytes = LIMIT_REPORT_BYTES, .observations = LIMIT_OBSERVATIONS, .judge = true};
	struct intake in;

	start(&in, &settings);
	for (size_t i = 0; i < n; i++) {
		chain_next(i ? &entries[i - 1].chain : &stream.before.chain, &entries[i].digest, &entries[i].chain);
		assert_true(intake_add_report(&in, &stream, &entries[i], INT64_C(1763770000000000), NULL));
	}
	asked = 0;
	assert_result(STORE_OK, intake_judge(&in, &contract_err));
	assert_true(asked <= 9);
	assert_true(intake_lay_out(&in));
	if (ending == FENCED) {
		decide();
		assert_result(STORE_FENCED, store_commit(writer, &in.group, &contract_err));
	} else if (ending != NOT_COMMITTED) {
		assert_result(STORE_OK, store_commit(writer, &in.group, &contract_err));
		check_told();
	}
	if (ending == COMMITTED) {
		intake_keep(&in);
		assert_true(histories_count(histories) > 0);
		stream.before = stream.after;
	}
	forget_told();
}

/* An operator decides about a figure: a verdict more of the agent. */
static void decide(void)
{
	static const char *const decisions[] = {"released", "refused", "held", "withdrawn"};

	(void)contract_ask(
	    "WITH d AS (INSERT INTO tram.decision (area_no, key, decision, decided_by, reason)"
	    " SELECT area_no, key, '%s', 'operator', 'test' FROM tram.observation ORDER BY md5(key::text || "
	    "'%u') LIMIT 1 RETURNING 1)"
	    " UPDATE tram.agent SET verdict_seq = verdict_seq + 1 WHERE agent = '" AGENT_ONE "'"
	    " RETURNING (SELECT count(*) FROM d)",
	    decisions[draw(4)], draw(1000));
}

static void new_lane(size_t bytes)
{
	histories_free(&histories);
	histories = histories_new(bytes);
}

static void run_group(uint64_t *seq, unsigned *newest, bool fill)
{
	struct publish_entry entries[SEEN];
	size_t n = fill ? 25 : 1 + draw(one_in(4) ? 30 : 4);
	bool unsure = false;

	for (size_t i = 0; i < n; i++) {
		entries[i] = make_entry(*seq + i + 1, *newest, fill);
		*newest += fill || one_in(8);
	}
	if (one_in(5)) {
		try_group(entries, n, NOT_COMMITTED);
	} else if (*seq > 0 && one_in(6)) {
		try_group(entries, n, FENCED);
		read_watermark();
	}
	unsure = one_in(6);
	try_group(entries, n, unsure ? NOT_ANSWERED : COMMITTED);
	if (unsure) {
		read_watermark();
	}
	*seq += n;
	for (size_t i = 0; i < n; i++) {
		free((void *)(uintptr_t)entries[i].data);
	}
}

static void every_report_is_told_what_stands(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : contract_random() % 1000000, seq = 0, halves[2];

	(void)state;
	print_message("SEED=%llu\n", (unsigned long long)seed);
	chance = seed * 2 + 1;
	new_lane(one_in(2) ? 24 << 10 : 1 << 20);
	halves[0] = contract_random();
	halves[1] = contract_random();
	stream = (struct intake_stream){.agent = AGENT_ONE};
	memcpy(stream.before.epoch.bytes, halves, EPOCH_SIZE);
	chain_start(AGENT_ONE, &stream.before.epoch, NULL, &stream.first_chain);
	read_watermark();
	for (unsigned i = 0, newest = 0; i < FILLED + GROUPS; i++) {
		run_group(&seq, &newest, i < FILLED);
		assert_true(newest < PERIODS + 40);
		if (one_in(4)) {
			decide();
			read_watermark();
		}
		if (one_in(12)) {
			new_lane(1 << 20);
		}
	}
	assert_true(strtoull(contract_ask("SELECT count(*) FROM tram.observation"), NULL, 10) > GROUPS);
}

static int open_all(void **state)
{
	int failed = contract_open(state);

	monthly = make_monthly();
	arena = arena_new((size_t)64 << 20);
	writer = contract_writer();
	return failed;
}

static int close_all(void **state)
{
	histories_free(&histories);
	store_close(&writer);
	arena_free(&arena);
	catalogue_unref(&monthly);
	return contract_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_report_is_told_what_stands),
	};

	return cmocka_run_group_tests_name("known", tests, open_all, close_all);
}
