/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"
#include "letters.h"
#include "verdict.h"
#include "verdicts_latest.h"

#include <limits.h>
#include <string.h>

/* What is read of a verdict, laid out as the judgement it was made from, so that it is made again by the same hand. */
struct reading {
	struct verdict_head head;
	struct judgement judgement;
	struct epoch epoch;
	struct digest digest;
	int64_t report_no;
	int32_t catalogue_version;
};

enum verdict_column {
	VERDICT_SEQ,
	VERDICT_REPORT_NO,
	VERDICT_KNOWN_AT,
	VERDICT_CATALOGUE,
	VERDICT_WORDS,
	VERDICT_WORD_TABLE,
	VERDICT_CAUSE,
	VERDICT_OUTCOMES,
	VERDICT_DIGEST,
	VERDICT_EPOCH,
	VERDICT_DECIDED_BY,
	VERDICT_REASON,
	VERDICT_QUESTION, /* of a report that was asked for */
};

#define VERDICT_COLUMNS(digest)                                                                                        \
	"v.verdict_seq, v.report_no, (extract(epoch FROM v.known_at) * 1000000)::bigint, v.catalogue_version, "        \
	"v.words, (SELECT string_agg(concat_ws(E'\\t', w.word, w.name_vi, w.name_en, ''), '' ORDER BY w.word_no)"      \
	" FROM tram.word w),"                                                                                          \
	" v.cause, v.outcomes, " digest ", '\\x' || s.epoch, v.decided_by, v.reason"

static const struct statement verdicts_after = {
    "verdicts_after",
    "SELECT " VERDICT_COLUMNS(
	"coalesce(r.digest, p.digest)") " FROM tram.agent a"
					" JOIN tram.verdict v ON v.agent_no = a.agent_no AND v.verdict_seq > $2"
					" JOIN tram.stream s ON s.stream_no = v.report_no >> 40"
					" LEFT JOIN tram.report r ON r.agent_no = v.agent_no AND r.report_no = "
					"v.report_no"
					" LEFT JOIN tram.poison p ON p.agent_no = v.agent_no AND p.report_no = "
					"v.report_no"
					" WHERE a.agent = $1 ORDER BY v.verdict_seq LIMIT $3",
};

enum finding_column {
	FINDING_REPORT,
	FINDING_LINE,
	FINDING_SEVERITY,
	FINDING_ASKED,
	FINDING_ANSWERED,
	FINDING_RULE,
	FINDING_FIELD,
	FINDING_FOUND,
	FINDING_EXPECTED,
	FINDING_MESSAGE_VI, /* this and the rest: null when the rule's texts were the program's */
	FINDING_MESSAGE_EN,
	FINDING_REMEDY_VI,
	FINDING_REMEDY_EN,
	FINDING_WORD_NO, /* null when the rule is no more */
};

static const struct statement findings_of = {
    "findings_of",
    "SELECT q.i, f.line, f.severity, f.asked, f.answered, f.rule, f.field, f.found, f.expected,"
    " t.message_vi, t.message_en, t.remedy_vi, t.remedy_en,"
    " (SELECT w.word_no FROM tram.word w"
    "  WHERE w.word = coalesce(t.word, (SELECT u.word FROM tram.rule u WHERE u.rule = f.rule)))"
    " FROM unnest($1, $2) WITH ORDINALITY q(report_no, version, i)"
    " JOIN tram.stream s ON s.stream_no = (q.report_no >> 40)::integer"
    " JOIN tram.report_finding f ON f.agent_no = s.agent_no AND f.report_no = q.report_no"
    " LEFT JOIN tram.rule_text t ON t.catalogue_version = q.version AND t.rule = f.rule"
    " ORDER BY q.i, f.finding_no",
};

/* ---------------------------------------------------------------- findings */

/*
 * The rule in the words of the catalogue that made the verdict. One that neither that catalogue nor this program describes
 * keeps its code; it has no texts.
 */
static const struct rule *rule_of(const PGresult *r, int row, struct arena *a)
{
	const char *code = cell_text(r, row, FINDING_RULE);
	bool has_texts = !PQgetisnull(r, row, FINDING_MESSAGE_VI);
	const struct rule *own = rule_by_code(code);
	struct rule *told;

	if (own && !has_texts) {
		return own;
	}
	told = arena_alloc(a, sizeof *told);
	if (!told) {
		return NULL;
	}
	*told = (struct rule){.code = arena_strdup(a, code),
			      .severity = SEVERITY_INFORM,
			      .word = !cell_is_null(r, row, FINDING_WORD_NO)
					  ? (unsigned)cell_int(r, row, FINDING_WORD_NO) - 1
				      : own ? own->word
					    : 0,
			      .number = own ? own->number : UINT_MAX,
			      .title_vi = "",
			      .title_en = "",
			      .message_vi = arena_strdup(a, cell_text(r, row, FINDING_MESSAGE_VI)),
			      .message_en = arena_strdup(a, cell_text(r, row, FINDING_MESSAGE_EN)),
			      .remedy_vi = arena_strdup(a, cell_text(r, row, FINDING_REMEDY_VI)),
			      .remedy_en = arena_strdup(a, cell_text(r, row, FINDING_REMEDY_EN))};
	return told->code && told->message_vi && told->message_en && told->remedy_vi && told->remedy_en ? told : NULL;
}

static bool read_finding(const PGresult *r, int row, struct arena *a, struct finding *ret)
{
	ret->rule = rule_of(r, row, a);
	ret->severity = severity_of_letter(*cell_text(r, row, FINDING_SEVERITY));
	ret->asked = severity_of_letter(*cell_text(r, row, FINDING_ASKED));
	ret->answered = cell_bool(r, row, FINDING_ANSWERED);
	ret->line = (uint32_t)cell_int(r, row, FINDING_LINE);
	ret->field = arena_strdup(a, cell_text(r, row, FINDING_FIELD));
	ret->found = arena_strdup(a, cell_text(r, row, FINDING_FOUND));
	ret->expected = arena_strdup(a, cell_text(r, row, FINDING_EXPECTED));
	return ret->rule && ret->field && ret->found && ret->expected;
}

/* The answer is sorted as the readings are, so each takes its part of one array. False: the arena is exhausted. */
static bool share_out(const PGresult *r, struct arena *a, struct reading *readings)
{
	int n = PQntuples(r);
	struct finding *findings = arena_calloc(a, (size_t)n, sizeof *findings);

	for (int i = 0; i < n; i++) {
		struct judgement *j = &readings[cell_int(r, i, FINDING_REPORT) - 1].judgement;

		if (!findings || !read_finding(r, i, a, &findings[i])) {
			return false;
		}
		if (j->n_findings++ == 0) {
			j->findings = &findings[i];
		}
	}
	return true;
}

static enum store_result read_findings(struct store *s, struct arena *a, struct reading *readings, size_t n,
				       bool *ret_fits, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_int64s(&p, &readings->report_no, sizeof *readings, n);
	params_int32s(&p, &readings->catalogue_version, sizeof *readings, n);
	result = connection_ask_prepared(s, &findings_of, &p, &r, err);
	params_done(&p);
	*ret_fits = result == STORE_OK && share_out(r, a, readings);
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- verdicts */

/* The text up to the next tab, which is passed. NULL: the arena is exhausted. */
static const char *read_part(const char **at, struct arena *a)
{
	size_t len = strcspn(*at, "\t");
	const char *part = arena_strndup(a, *at, len);

	*at += len + ((*at)[len] == '\t');
	return part;
}

/* "dung đúng correct du …", a tab after each: words are only ever added, so an old verdict speaks of the first ones. */
static bool read_table(const char *table, struct arena *a, struct word *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ret[i].code = read_part(&table, a);
		ret[i].name_vi = read_part(&table, a);
		ret[i].name_en = read_part(&table, a);
		if (!ret[i].code || !ret[i].name_vi || !ret[i].name_en) {
			return false;
		}
	}
	return true;
}

static bool read_words(const char *letters, const char *words, struct arena *a, struct judgement *j)
{
	size_t n = strlen(letters);
	struct word *table = arena_calloc(a, n, sizeof *table);

	j->words = arena_calloc(a, n, sizeof *j->words);
	for (size_t i = 0; j->words && i < n; i++) {
		j->words[i] = word_of_letter(letters[i]);
	}
	j->word_table = table;
	j->n_words = n;
	return j->words && table && read_table(words, a, table, n);
}

static bool read_outcomes(const PGresult *r, int row, struct arena *a, struct judgement *j)
{
	size_t n = ((size_t)PQgetlength(r, row, VERDICT_OUTCOMES) - 2) / 2; /* \x and two digits a byte */
	uint8_t *bytes = arena_alloc(a, n);

	j->n = n;
	j->outcomes = arena_calloc(a, n, sizeof *j->outcomes);
	if (!bytes || !j->outcomes || !cell_bytes(r, row, VERDICT_OUTCOMES, bytes, n)) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		j->outcomes[i] = bytes[i];
	}
	return true;
}

static bool read_verdict(const PGresult *r, int row, struct arena *a, struct reading *ret)
{
	ret->report_no = cell_int(r, row, VERDICT_REPORT_NO);
	ret->catalogue_version = (int32_t)cell_int(r, row, VERDICT_CATALOGUE);
	ret->head = (struct verdict_head){
	    .verdict_seq = (uint64_t)cell_int(r, row, VERDICT_SEQ),
	    .seq = store_seq_of((uint64_t)ret->report_no),
	    .known_at_us = cell_int(r, row, VERDICT_KNOWN_AT),
	    .catalogue_version = (uint32_t)ret->catalogue_version,
	    .cause = arena_strdup(a, cell_text(r, row, VERDICT_CAUSE)),
	    .decided_by = arena_strdup(a, cell_text(r, row, VERDICT_DECIDED_BY)),
	    .reason = arena_strdup(a, cell_text(r, row, VERDICT_REASON)),
	    .epoch = &ret->epoch,
	    .digest = &ret->digest,
	};
	return ret->head.cause && ret->head.decided_by && ret->head.reason &&
	       cell_bytes(r, row, VERDICT_EPOCH, ret->epoch.bytes, EPOCH_SIZE) &&
	       cell_bytes(r, row, VERDICT_DIGEST, ret->digest.bytes, DIGEST_SIZE) &&
	       read_words(cell_text(r, row, VERDICT_WORDS), cell_text(r, row, VERDICT_WORD_TABLE), a,
			  &ret->judgement) &&
	       read_outcomes(r, row, a, &ret->judgement);
}

/* As many as fit into the arena, in order; never one without those before it. */
static void make_all(struct arena *a, struct reading *readings, size_t n, Tram__V1__Verdict ***ret, size_t *ret_n)
{
	*ret = arena_calloc(a, n, sizeof **ret);
	for (*ret_n = 0; *ret && *ret_n < n; ++*ret_n) {
		struct arena_mark mark = arena_mark(a);
		Tram__V1__Verdict *v = verdict_make(a, &readings[*ret_n].head, &readings[*ret_n].judgement);

		if (!v) {
			arena_rewind(a, mark);
			break;
		}
		(*ret)[*ret_n] = v;
	}
}

static enum store_result ask_verdicts(struct store *s, const char *agent, uint64_t after, size_t max, PGresult **ret,
				      struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_text(&p, agent);
	params_int64(&p, (int64_t)after);
	params_int64(&p, (int64_t)max);
	result = connection_ask_prepared(s, &verdicts_after, &p, ret, err);
	params_done(&p);
	return result;
}

/* Reads up to max and makes what fits into the arena; *ret_n 0 with *ret_more: there are some, but none fits. */
static enum store_result try_verdicts(struct store *s, const char *agent, uint64_t after, size_t max, struct arena *a,
				      Tram__V1__Verdict ***ret, size_t *ret_n, bool *ret_more, struct err *err)
{
	PGresult *r;
	enum store_result result = ask_verdicts(s, agent, after, max, &r, err);
	size_t n = result == STORE_OK ? (size_t)PQntuples(r) : 0, read = 0;
	struct reading *readings = arena_calloc(a, n, sizeof *readings);
	bool fits;

	*ret_n = 0;
	*ret_more = n > 0;
	while (readings && read < n && read_verdict(r, (int)read, a, &readings[read])) {
		read++;
	}
	PQclear(r);
	if (result != STORE_OK || read == 0) {
		return result;
	}
	result = read_findings(s, a, readings, read, &fits, err);
	if (result == STORE_OK && fits) {
		make_all(a, readings, read, ret, ret_n);
	}
	return result;
}

enum store_result store_verdicts(struct store *s, const char *agent, uint64_t after, size_t max, struct arena *a,
				 Tram__V1__Verdict ***ret, size_t *ret_n, struct err *err)
{
	struct arena_mark mark = arena_mark(a);
	enum store_result result = STORE_OK;
	bool more = true;

	*ret = NULL;
	*ret_n = 0;
	for (; result == STORE_OK && *ret_n == 0 && more && max > 0; max /= 2) {
		arena_rewind(a, mark);
		result = try_verdicts(s, agent, after, max, a, ret, ret_n, &more, err);
	}
	return result;
}

/* ---------------------------------------------------------------- reports that are there from another epoch */

/* The hand-in's time finds it, its digest makes sure; one step down an index each. */
static const struct statement repeats = {
    "repeats",
    "SELECT " VERDICT_COLUMNS(
	"r.digest") ", q.i"
		    " FROM unnest($1, $2, $3, $4) WITH ORDINALITY q(agent_no, stream_no, handed_in_at, digest, i)"
		    " CROSS JOIN LATERAL (SELECT o.report_no, o.digest FROM tram.report o"
		    "   WHERE o.agent_no = q.agent_no AND o.digest = q.digest AND o.report_no >> 40 <> q.stream_no"
		    "   AND o.handed_in_at = timestamptz 'epoch' + q.handed_in_at * interval '1 microsecond'"
		    "   ORDER BY o.handed_in_at, o.digest, o.report_no LIMIT 1) r"
		    " CROSS JOIN LATERAL (SELECT * FROM tram.verdict w"
		    "   WHERE w.agent_no = q.agent_no AND w.report_no = r.report_no ORDER BY w.verdict_seq DESC LIMIT "
		    "1) v"
		    " JOIN tram.stream s ON s.stream_no = (r.report_no >> 40)::integer",
};

static enum store_result ask_repeats(struct store *s, const struct repeat_question *questions, size_t n, PGresult **ret,
				     struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_int32s(&p, &questions->agent_no, sizeof *questions, n);
	params_int32s(&p, &questions->stream_no, sizeof *questions, n);
	params_int64s(&p, &questions->handed_in_at_us, sizeof *questions, n);
	params_bytes_each(&p, questions->digest.bytes, DIGEST_SIZE, sizeof *questions, n);
	result = connection_ask_prepared(s, &repeats, &p, ret, err);
	params_done(&p);
	return result;
}

static void answer(const PGresult *r, const struct reading *readings, size_t n, struct repeat_question *questions)
{
	for (size_t i = 0; i < n; i++) {
		struct repeat_question *q = &questions[cell_int(r, (int)i, VERDICT_QUESTION) - 1];

		q->report_no = (uint64_t)readings[i].report_no;
		q->epoch = readings[i].epoch;
		q->catalogue_version = readings[i].head.catalogue_version;
		q->judgement = readings[i].judgement;
	}
}

enum store_result store_repeats(struct store *s, struct repeat_question *questions, size_t n, struct arena *a,
				struct err *err)
{
	PGresult *r;
	enum store_result result = ask_repeats(s, questions, n, &r, err);
	size_t found = result == STORE_OK ? (size_t)PQntuples(r) : 0, read = 0;
	struct reading *readings = arena_calloc(a, found, sizeof *readings);
	bool fits;

	while (readings && read < found && read_verdict(r, (int)read, a, &readings[read])) {
		read++;
	}
	fits = read == found;
	if (fits && found > 0) {
		result = read_findings(s, a, readings, found, &fits, err);
	}
	if (result == STORE_OK && !fits) {
		result = store_exhausted(err);
	}
	if (result == STORE_OK) {
		answer(r, readings, found, questions);
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- reports that are decided on */

static const struct statement latest_verdicts = {
    "latest_verdicts",
    "SELECT " VERDICT_COLUMNS(
	"coalesce(r.digest, p.digest)") ", q.i FROM unnest($1) WITH ORDINALITY q(report_no, i)"
					" JOIN tram.stream s ON s.stream_no = (q.report_no >> 40)::integer"
					" CROSS JOIN LATERAL (SELECT * FROM tram.verdict w"
					"   WHERE w.agent_no = s.agent_no AND w.report_no = q.report_no"
					"   ORDER BY w.verdict_seq DESC LIMIT 1) v"
					" LEFT JOIN tram.report r ON r.agent_no = v.agent_no AND r.report_no = "
					"v.report_no"
					" LEFT JOIN tram.poison p ON p.agent_no = v.agent_no AND p.report_no = "
					"v.report_no"
					" ORDER BY q.i",
};

enum store_result verdicts_latest(struct store *s, const int64_t *report_nos, size_t n, struct arena *a,
				  struct latest_verdict *ret, struct err *err)
{
	struct params p;
	PGresult *r;
	struct reading *readings = arena_calloc(a, n, sizeof *readings);
	enum store_result result;
	size_t read = 0;
	bool fits = false;

	params_init(&p);
	params_int64s(&p, report_nos, sizeof *report_nos, n);
	result = connection_ask_prepared(s, &latest_verdicts, &p, &r, err);
	params_done(&p);
	while (result == STORE_OK && readings && read < n && (int)read < PQntuples(r) &&
	       read_verdict(r, (int)read, a, &readings[read])) {
		read++;
	}
	PQclear(r);
	if (result == STORE_OK && read == n) {
		result = read_findings(s, a, readings, n, &fits, err);
	}
	if (result == STORE_OK && !fits) {
		err_set(err, ERR_USAGE,
			_("%zu reports are too many at once: decide on fewer figures, by ids or --provider"), n);
		return STORE_BROKEN;
	}
	for (size_t i = 0; result == STORE_OK && i < n; i++) {
		ret[i] = (struct latest_verdict){.judgement = readings[i].judgement,
						 .catalogue_version = readings[i].head.catalogue_version};
	}
	return result;
}
