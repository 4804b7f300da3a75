/* SPDX-License-Identifier: Apache-2.0 */
/* What the centre's people decide on figures that are held. */
#include "clock.h"
#include "connection.h"
#include "lang.h"
#include "letters.h"
#include "mem.h"
#include "store_centre.h"
#include "subtotals.h"
#include "verdicts_latest.h"

#include <stdlib.h>
#include <string.h>

#define DECISION_ARENA ((size_t)256 << 20) /* findings of all reports that one order is about */

/* ---------------------------------------------------------------- figures that are held, or were */

enum held_column {
	HELD_ID,
	HELD_AREA,
	HELD_AREA_NAME_VI,
	HELD_AREA_NAME_EN,
	HELD_INDICATOR,
	HELD_DIMENSIONS,
	HELD_TIME_PERIOD,
	HELD_REVISION,
	HELD_VALUE,
	HELD_NUMERATOR,
	HELD_DENOMINATOR,
	HELD_UNIT,
	HELD_INDICATOR_VI,
	HELD_UNIT_VI,
	HELD_AT,
	HELD_PROVIDER,
	HELD_AGENT,
	HELD_SEQ,
	HELD_LINE,
	HELD_RULES,
	HELD_FOUND,
	HELD_EXPECTED,
	HELD_JUSTIFICATION_CODE,
	HELD_JUSTIFICATION,
	HELD_OUTCOME,
	HELD_DECIDED_AT,
	HELD_DECIDED_BY,
	HELD_REASON,
	HELD_OVERTAKEN_BY,
	HELD_REPORT_NO,
	HELD_AGENT_NO,
	HELD_AREA_NO,
	HELD_KEY,
};

#define HELD_COLUMNS                                                                                                   \
	"SELECT id, area, coalesce(area_name, ''), coalesce(area_name_en, ''), indicator, dimensions, time_period, "   \
	"revision, value, numerator, denominator, coalesce(unit, ''),"                                                 \
	" (SELECT i.name_vi FROM tram.indicator i WHERE i.indicator = held.indicator),"                                \
	" (SELECT i.unit_vi FROM tram.indicator i WHERE i.indicator = held.indicator AND i.unit = held.unit),"         \
	" (extract(epoch FROM held_at) * 1000000)::bigint, provider, agent, seq,"                                      \
	" line, coalesce(rules, ''), coalesce(found, ''), coalesce(expected, ''), coalesce(justification_code, ''),"   \
	" coalesce(justification, ''), outcome, (extract(epoch FROM decided_at) * 1000000)::bigint, decided_by,"       \
	" decision_reason, overtaken_by, report_no, agent_no, area_no, key FROM tram.held"

#define IS_HELD                                                                                                        \
	"outcome = 'held' AND overtaken_by IS NULL AND ($1::text IS NULL OR $1 = ANY (string_to_array(rules, ' ')))"   \
	" AND ($2::text IS NULL OR provider = $2)"

static const char quarantine_sql[] =
    HELD_COLUMNS " WHERE " IS_HELD " ORDER BY held_at, area, indicator, dimensions, time_period, revision";
/* By report, as one verdict tells of all that is decided on it; of all agents, or of those that are locked. */
static const char named_sql[] =
    HELD_COLUMNS " WHERE CASE WHEN cardinality($3) > 0 THEN id = ANY ($3) ELSE " IS_HELD " END"
		 " AND (cardinality($4) = 0 OR agent_no = ANY ($4)) ORDER BY report_no, line";

static const char *name_or_code(const PGresult *r, int i, enum held_column name, enum held_column code)
{
	return cell_text(r, i, cell_is_null(r, i, name) ? code : name);
}

static struct quarantine_row read_held(const PGresult *r, int i)
{
	return (struct quarantine_row){.id = cell_text(r, i, HELD_ID),
				       .area = cell_text(r, i, HELD_AREA),
				       .area_name_vi = cell_text(r, i, HELD_AREA_NAME_VI),
				       .area_name_en = cell_text(r, i, HELD_AREA_NAME_EN),
				       .indicator = cell_text(r, i, HELD_INDICATOR),
				       .dimensions = cell_text(r, i, HELD_DIMENSIONS),
				       .time_period = cell_text(r, i, HELD_TIME_PERIOD),
				       .revision = cell_text(r, i, HELD_REVISION),
				       .value = cell_text_or_null(r, i, HELD_VALUE),
				       .numerator = cell_text_or_null(r, i, HELD_NUMERATOR),
				       .denominator = cell_text_or_null(r, i, HELD_DENOMINATOR),
				       .unit = cell_text(r, i, HELD_UNIT),
				       .indicator_vi = name_or_code(r, i, HELD_INDICATOR_VI, HELD_INDICATOR),
				       .unit_vi = name_or_code(r, i, HELD_UNIT_VI, HELD_UNIT),
				       .held_at_us = cell_int(r, i, HELD_AT),
				       .provider = cell_text(r, i, HELD_PROVIDER),
				       .agent = cell_text(r, i, HELD_AGENT),
				       .seq = cell_text(r, i, HELD_SEQ),
				       .line = cell_text(r, i, HELD_LINE),
				       .rules = cell_text(r, i, HELD_RULES),
				       .found = cell_text(r, i, HELD_FOUND),
				       .expected = cell_text(r, i, HELD_EXPECTED),
				       .justification_code = cell_text(r, i, HELD_JUSTIFICATION_CODE),
				       .justification = cell_text(r, i, HELD_JUSTIFICATION)};
}

static void show_all(const PGresult *r, quarantine_each *each, void *context)
{
	for (int i = 0; i < PQntuples(r); i++) {
		struct quarantine_row row = read_held(r, i);

		each(context, &row);
	}
}

enum store_result store_quarantine(struct store *s, const struct quarantine_filter *filter, quarantine_each *each,
				   void *context, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_text(&p, filter->rule);
	params_text(&p, filter->provider);
	result = connection_ask(s, quarantine_sql, &p, &r, err);
	params_done(&p);
	show_all(r, each, context);
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- an order being carried out */

struct deciding {
	const struct decision_order *order;
	PGresult *held;     /* what it is about, by report and line */
	int32_t *agent_nos; /* that are locked */
	size_t n_agents;
	struct arena *arena;
	struct figures_begun begun;
	int64_t now_us; /* now: by the database's clock, and after what is settled */
};

static enum store_result ask_held(struct store *s, struct deciding *d, struct err *err)
{
	struct params p;
	enum store_result result;

	PQclear(d->held);
	params_init(&p);
	params_text(&p, d->order->filter.rule);
	params_text(&p, d->order->filter.provider);
	params_texts(&p, d->order->ids, sizeof *d->order->ids, d->order->n_ids);
	params_int32s(&p, d->agent_nos, sizeof *d->agent_nos, d->n_agents);
	result = connection_ask(s, named_sql, &p, &d->held, err);
	params_done(&p);
	return result;
}

/* What is to be decided does not fit into memory. */
static enum store_result too_many(int n, struct err *err)
{
	err_set(err, ERR_USAGE, _("%d figures are too many at once: decide on fewer, by ids or --provider"), n);
	return STORE_BROKEN;
}

/*
 * Locks the rows of the agents, in which everything about an agent has its order: lanes that are at a group of one of them
 * wait, find its verdicts moved, and judge anew; another decision waits and sees what this one made of it.
 */
static enum store_result lock_agents(struct store *s, struct deciding *d, struct err *err)
{
	static const char sql[] =
	    "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM (SELECT FROM tram.agent"
	    " WHERE agent_no = ANY ($1) ORDER BY agent_no FOR UPDATE) locked";
	struct params p;
	PGresult *r;
	enum store_result result;

	d->n_agents = (size_t)PQntuples(d->held);
	d->agent_nos = arena_calloc(d->arena, d->n_agents, sizeof *d->agent_nos);
	if (!d->agent_nos) {
		return too_many(PQntuples(d->held), err);
	}
	for (size_t i = 0; i < d->n_agents; i++) {
		d->agent_nos[i] = (int32_t)cell_int(d->held, (int)i, HELD_AGENT_NO);
	}
	params_init(&p);
	params_int32s(&p, d->agent_nos, sizeof *d->agent_nos, d->n_agents);
	result = connection_ask(s, sql, &p, &r, err);
	params_done(&p);
	for (int i = 0; i < PQntuples(r); i++) { /* the last one: after all the waiting */
		d->now_us = cell_int(r, i, 0) > d->begun.settled_us ? cell_int(r, i, 0) : d->begun.settled_us + 1;
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- what cannot be decided */

static const char *decision_word(const char *outcome)
{
	static const struct {
		const char *outcome, *word;
	} words[] = {{"accepted", N_("released")}, {"refused", N_("refused")}, {"withdrawn", N_("withdrawn")}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(words[i].outcome, outcome) == 0) {
			return _(words[i].word);
		}
	}
	return outcome;
}

/* False, and *err says what became of the figure, when it does not wait for a decision any more. */
static bool is_waiting(const PGresult *r, int i, struct err *err)
{
	struct quarantine_row row = read_held(r, i);
	char when[CLOCK_TEXT];

	if (!cell_is_null(r, i, HELD_OVERTAKEN_BY) && strcmp(cell_text(r, i, HELD_OUTCOME), "held") == 0) {
		return err_set(err, ERR_DATA,
			       _("%s (%s, %s, %s): revision %s of it is accepted meanwhile, so that this one does not "
				 "wait any more; nothing was changed"),
			       row.id, row.area, row.indicator, row.time_period, cell_text(r, i, HELD_OVERTAKEN_BY));
	}
	if (strcmp(cell_text(r, i, HELD_OUTCOME), "held") != 0) {
		return err_set(err, ERR_DATA,
			       _("%s (%s, %s, %s) is not held any more: %s by %s at %s, because: %s; nothing was "
				 "changed. The province can hand the figure in again"),
			       row.id, row.area, row.indicator, row.time_period,
			       decision_word(cell_text(r, i, HELD_OUTCOME)), cell_text(r, i, HELD_DECIDED_BY),
			       clock_text_vn(cell_int(r, i, HELD_DECIDED_AT), when), cell_text(r, i, HELD_REASON));
	}
	return true;
}

static int rows_named(const PGresult *r, const char *id)
{
	int n = 0;

	for (int i = 0; i < PQntuples(r); i++) {
		n += strcmp(cell_text(r, i, HELD_ID), id) == 0;
	}
	return n;
}

static bool can_decide(const struct deciding *d, struct err *err)
{
	for (size_t i = 0; i < d->order->n_ids; i++) {
		int n = rows_named(d->held, d->order->ids[i]);

		if (n == 0) {
			return err_set(err, ERR_DATA,
				       _("%s: no figure of this id is held or ever was; tram quarantine list shows the "
					 "ids of those that are. Nothing was changed"),
				       d->order->ids[i]);
		}
		if (n > 1) {
			return err_set(
			    err, ERR_DATA,
			    _("%s: %d figures have this id; decide by --rule and --provider. Nothing was changed"),
			    d->order->ids[i], n);
		}
	}
	for (int i = 0; i < PQntuples(d->held); i++) {
		if (!is_waiting(d->held, i, err)) {
			return false;
		}
	}
	return true;
}

/* ---------------------------------------------------------------- one report: its decisions and its verdict */

static enum store_result move_verdicts(struct store *s, int32_t agent_no, int64_t *ret_seq, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_int32(&p, agent_no);
	result = connection_ask(
	    s, "UPDATE tram.agent SET verdict_seq = verdict_seq + 1 WHERE agent_no = $1 RETURNING verdict_seq", &p, &r,
	    err);
	params_done(&p);
	if (result == STORE_OK) {
		*ret_seq = cell_int(r, 0, 0);
	}
	PQclear(r);
	return result;
}

static enum store_result run(struct store *s, const char *sql, struct params *p, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, sql, p, &r, err);

	PQclear(r);
	params_done(p);
	return result;
}

static enum store_result add_decision(struct store *s, const struct deciding *d, int i, int64_t verdict_seq,
				      struct err *err)
{
	struct params p;

	params_init(&p);
	params_int32(&p, (int32_t)cell_int(d->held, i, HELD_AREA_NO));
	params_int64(&p, cell_int(d->held, i, HELD_KEY));
	params_text(&p, d->order->decision);
	params_timestamp(&p, d->now_us);
	params_text(&p, d->order->by);
	params_text(&p, cell_text(d->held, i, HELD_RULES));
	params_text(&p, d->order->reason);
	params_int64(&p, verdict_seq);
	return run(
	    s,
	    "INSERT INTO tram.decision (area_no, key, decision, decided_at, decided_by, rule, reason, verdict_seq)"
	    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	    &p, err);
}

static void put_letters(struct params *p, const struct judgement *j)
{
	char letters[WORDS_MAX + 1] = "";

	for (size_t i = 0; i < j->n_words; i++) {
		letters[i] = word_letter(j->words[i]);
	}
	params_text(p, letters);
}

static void put_outcomes(struct params *p, const struct judgement *j)
{
	uint8_t *outcomes = xcalloc(j->n + 1, sizeof *outcomes);

	for (size_t i = 0; i < j->n; i++) {
		outcomes[i] = (uint8_t)j->outcomes[i];
	}
	params_bytes(p, outcomes, j->n);
	free(outcomes);
}

static enum store_result add_verdict(struct store *s, const struct deciding *d, int i, int64_t verdict_seq,
				     const struct latest_verdict *latest, struct err *err)
{
	struct params p;

	params_init(&p);
	params_int64(&p, verdict_seq);
	params_int64(&p, cell_int(d->held, i, HELD_REPORT_NO));
	params_timestamp(&p, d->now_us);
	params_int32(&p, (int32_t)cell_int(d->held, i, HELD_AGENT_NO));
	params_int32(&p, (int32_t)latest->catalogue_version);
	put_letters(&p, &latest->judgement);
	params_text(&p, d->order->decision);
	put_outcomes(&p, &latest->judgement);
	params_text(&p, d->order->by);
	params_text(&p, d->order->reason);
	return run(
	    s,
	    "INSERT INTO tram.verdict (verdict_seq, report_no, known_at, agent_no, catalogue_version, words, cause,"
	    " outcomes, decided_by, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
	    &p, err);
}

static enum outcome outcome_of(const struct decision_order *order)
{
	return strcmp(order->decision, "released") == 0 ? OUTCOME_ACCEPTED : OUTCOME_REFUSED;
}

/* Rows first .. end are of one report. */
static enum store_result decide_report(struct store *s, const struct deciding *d, int first, int end,
				       struct latest_verdict *latest, struct err *err)
{
	uint32_t *lines = xcalloc((size_t)(end - first), sizeof *lines);
	int64_t verdict_seq;
	enum store_result result =
	    move_verdicts(s, (int32_t)cell_int(d->held, first, HELD_AGENT_NO), &verdict_seq, err);

	for (int i = first; result == STORE_OK && i < end; i++) {
		lines[i - first] = (uint32_t)cell_int(d->held, i, HELD_LINE);
		result = add_decision(s, d, i, verdict_seq, err);
	}
	if (result == STORE_OK) {
		rules_decide(&latest->judgement, lines, (size_t)(end - first), outcome_of(d->order));
		result = add_verdict(s, d, first, verdict_seq, latest, err);
	}
	free(lines);
	return result;
}

static enum store_result tell_agent(struct store *s, const char *agent, struct err *err)
{
	struct params p;

	params_init(&p);
	params_text(&p, agent);
	return run(s, "SELECT pg_notify('tram', 'verdicts ' || $1)", &p, err);
}

/* ---------------------------------------------------------------- all of them */

static int64_t report_at(const struct deciding *d, int i)
{
	return cell_int(d->held, i, HELD_REPORT_NO);
}

static int end_of_report(const struct deciding *d, int first)
{
	int end = first + 1;

	while (end < PQntuples(d->held) && report_at(d, end) == report_at(d, first)) {
		end++;
	}
	return end;
}

static enum store_result decide_reports(struct store *s, const struct deciding *d, struct err *err)
{
	int n = PQntuples(d->held);
	int64_t *report_nos = arena_calloc(d->arena, (size_t)n, sizeof *report_nos);
	struct latest_verdict *latest = arena_calloc(d->arena, (size_t)n, sizeof *latest);
	size_t n_reports = 0, at = 0;
	enum store_result result;

	for (int i = 0; report_nos && latest && i < n; i = end_of_report(d, i)) {
		report_nos[n_reports++] = report_at(d, i);
	}
	if (n_reports == 0) {
		return too_many(n, err);
	}
	result = verdicts_latest(s, report_nos, n_reports, d->arena, latest, err);
	for (int i = 0; result == STORE_OK && i < n; i = end_of_report(d, i)) {
		result = decide_report(s, d, i, end_of_report(d, i), &latest[at++], err);
		if (result == STORE_OK) { /* the same notice again and again is one */
			result = tell_agent(s, cell_text(d->held, i, HELD_AGENT), err);
		}
	}
	return result;
}

/* The figures, and with them what communes add up to. */
static enum store_result decide_figures(struct store *s, const struct deciding *d, struct err *err)
{
	struct touched figures = {.n = (size_t)PQntuples(d->held), .decided = true};
	enum store_result result;

	figures.area_nos = xcalloc(figures.n, sizeof *figures.area_nos);
	figures.keys = xcalloc(figures.n, sizeof *figures.keys);
	for (size_t i = 0; i < figures.n; i++) {
		figures.area_nos[i] = (int32_t)cell_int(d->held, (int)i, HELD_AREA_NO);
		figures.keys[i] = cell_int(d->held, (int)i, HELD_KEY);
	}
	result = subtotals_take_out(s, &figures, err);
	if (result == STORE_OK) {
		result = decide_reports(s, d, err);
	}
	if (result == STORE_OK) {
		result = subtotals_put_in(s, &figures, err);
	}
	touched_free(&figures);
	return result;
}

/*
 * What is held now is asked for once more when nothing can change it: only of the agents that are locked, as what another one
 * brought meanwhile somebody else may be deciding on.
 */
static enum store_result decide(struct store *s, void *context, struct err *err)
{
	struct deciding *d = context;
	enum store_result result;

	d->n_agents = 0;
	result = ask_held(s, d, err);
	if (result == STORE_OK && PQntuples(d->held) > 0) {
		result = lock_agents(s, d, err);
	}
	if (result == STORE_OK && d->n_agents > 0) {
		result = ask_held(s, d, err);
	}
	if (result == STORE_OK && !can_decide(d, err)) {
		result = STORE_POISON;
	}
	if (result == STORE_OK && PQntuples(d->held) > 0 && !d->order->dry_run) {
		result = decide_figures(s, d, err);
	}
	return result;
}

enum store_result store_decide(struct store *s, const struct decision_order *order, quarantine_each *each,
			       void *context, struct err *err)
{
	enum { TRIES = 3 };
	struct deciding d = {.order = order, .arena = arena_new(DECISION_ARENA)};
	enum store_result result = STORE_RETRY;

	for (int i = 0; i < TRIES && result == STORE_RETRY; i++) {
		arena_reset(d.arena);
		result = connection_write_figures(s, &d.begun, decide, &d, err);
	}
	if (result == STORE_OK) {
		show_all(d.held, each, context);
	}
	PQclear(d.held);
	arena_free(&d.arena);
	return result;
}
