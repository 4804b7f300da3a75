/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"
#include "show_differences.h"

#include "clock.h"
#include "lang.h"
#include "terminal.h"
#include "text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* ---------------------------------------------------------------- words and counts */

static const struct {
	const char *code, *vi, *en;
} words[] = {
    {"dung", "ĐÚNG", "CORRECT"}, {"du", "ĐỦ", "SUFFICIENT"}, {"sach", "SẠCH", "CLEAN"}, {"song", "SỐNG", "LIVE"}};

/* A word beside those brings its name; one that brings none is called by its code. */
static char *word_name(const Tram__V1__Word *word, char *buf, size_t size)
{
	const char *name = lang_is_vi() ? word->name_vi : word->name_en;

	for (size_t i = 0; !*name && i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].code, word->code) == 0)
			name = lang_is_vi() ? words[i].vi : words[i].en;
	return text_capitals(*name ? name : word->code, buf, size);
}

static const struct {
	const char *code, *sign, *colour;
} states[] = {[TRAM__V1__WORD_STATE__WORD_STATE_UNSPECIFIED] = {"", "-", "dim"},
	      [TRAM__V1__WORD_STATE__WORD_STATE_PASS] = {"pass", "✓", "green"},
	      [TRAM__V1__WORD_STATE__WORD_STATE_WARN] = {"warn", "!", "yellow"},
	      [TRAM__V1__WORD_STATE__WORD_STATE_HELD] = {"held", "?", "yellow"},
	      [TRAM__V1__WORD_STATE__WORD_STATE_FAIL] = {"fail", "✗", "red"}};

static const struct {
	const char *code, *sign, *colour;
} severities[] = {[TRAM__V1__SEVERITY__SEVERITY_UNSPECIFIED] = {"", "-", "dim"},
		  [TRAM__V1__SEVERITY__SEVERITY_INFORM] = {"inform", "·", "dim"},
		  [TRAM__V1__SEVERITY__SEVERITY_WARN] = {"warn", "!", "yellow"},
		  [TRAM__V1__SEVERITY__SEVERITY_JUSTIFY] = {"justify", "?", "yellow"},
		  [TRAM__V1__SEVERITY__SEVERITY_BLOCK] = {"block", "✗", "red"}};

#define ROW(table, i) (table)[(size_t)(i) < sizeof(table) / sizeof *(table) ? (size_t)(i) : 0]

struct show_counts show_counts(const Tram__V1__Verdict *verdict)
{
	struct show_counts counts = {0};

	for (size_t i = 0; i < verdict->n_outcomes; i++) {
		switch ((int)verdict->outcomes[i]) {
		case TRAM__V1__OUTCOME__OUTCOME_ACCEPTED: counts.accepted++; break;
		case TRAM__V1__OUTCOME__OUTCOME_ACCEPTED_WITH_WARNINGS: counts.warned++; break;
		case TRAM__V1__OUTCOME__OUTCOME_HELD: counts.held++; break;
		case TRAM__V1__OUTCOME__OUTCOME_DUPLICATE: counts.duplicate++; break;
		default: counts.refused++;
		}
	}
	return counts;
}

bool show_is_accepted(const Tram__V1__Verdict *verdict)
{
	struct show_counts counts = show_counts(verdict);

	return verdict->n_outcomes > 0 && counts.held == 0 && counts.refused == 0;
}

/* ---------------------------------------------------------------- for people */

static void show_words(FILE *out, const Tram__V1__Verdict *verdict)
{
	for (size_t i = 0; i < verdict->n_words; i++) {
		const Tram__V1__Word *word = verdict->words[i];
		char name[96];

		fprintf(out, "%s %s%s%s  ", word_name(word, name, sizeof name),
			terminal_begin(out, ROW(states, word->state).colour), ROW(states, word->state).sign,
			terminal_end(out));
	}
}

/* One that this version does not know is called by its code. */
static const char *cause_name(const char *cause)
{
	return strcmp(cause, "released") == 0  ? _("released at the centre")
	       : strcmp(cause, "refused") == 0 ? _("refused at the centre")
	       : strcmp(cause, "checked") == 0 ? _("checked, not handed in")
					       : cause;
}

static void show_head(FILE *out, const Tram__V1__Verdict *verdict, const struct show_about *about)
{
	const char *parts[] = {about->provider, about->dataflow, about->time_period, about->file_name, about->ticket};
	char when[CLOCK_TEXT];

	show_words(out, verdict);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i] && *parts[i])
			fprintf(out, " %s", parts[i]);
	if (about->stored_at_us)
		fprintf(out, "  %s", clock_text_vn(about->stored_at_us, when));
	if (*verdict->cause && strcmp(verdict->cause, "received") != 0)
		fprintf(out, "  (%s)", cause_name(verdict->cause));
	fputc('\n', out);
}

/* Whose word it is, where a person has spoken. */
static void show_decision(FILE *out, const Tram__V1__Verdict *verdict)
{
	char when[CLOCK_TEXT];

	if (*verdict->decided_by)
		fprintf(out, _("  %s by %s, %s: %s\n"), cause_name(verdict->cause), verdict->decided_by,
			clock_text_vn(verdict->known_at_us, when), verdict->reason);
}

static void show_sums(FILE *out, const Tram__V1__Verdict *verdict)
{
	struct show_counts counts = show_counts(verdict);
	const struct {
		size_t n;
		const char *what;
	} parts[] = {{counts.accepted, _("accepted")},
		     {counts.warned, _("accepted with warnings")},
		     {counts.held, _("held")},
		     {counts.refused, _("refused")},
		     {counts.duplicate, _("already there")}};
	const char *comma = "";

	if (verdict->n_outcomes == 0) {
		fprintf(out, "  %s\n", _("the report could not be read: nothing of it was stored"));
		return;
	}
	fprintf(out, ngettext("  %zu figure: ", "  %zu figures: ", verdict->n_outcomes), verdict->n_outcomes);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (parts[i].n == 0)
			continue;
		fprintf(out, "%s%zu %s", comma, parts[i].n, parts[i].what);
		comma = ", ";
	}
	fputc('\n', out);
}

/* The observation a finding is about, when the report is there. */
static const Tram__V1__Observation *concerned(const Tram__V1__Finding *finding, const struct show_about *about)
{
	if (!about->report || finding->observation == 0 || finding->observation > about->report->n_observations)
		return NULL;
	return about->report->observations[finding->observation - 1];
}

static void show_where(FILE *out, const Tram__V1__Finding *finding, const struct show_about *about)
{
	const Tram__V1__Observation *o = concerned(finding, about);

	if (finding->observation == 0)
		fputs(_("the report"), out);
	else
		fprintf(out, _("figure %" PRIu32), finding->observation);
	if (o) {
		fprintf(out, ", %s, %s", o->indicator, o->ref_area);
		for (size_t i = 0; i < o->n_dimensions; i++)
			fprintf(out, ", %s=%s", o->dimensions[i]->id, o->dimensions[i]->value);
	}
	if (*finding->field)
		fprintf(out, " (%s)", finding->field);
}

/* Whoever has said why is not asked again, nor whose figure the centre released. NULL: it waits. */
static const char *answer_to(const Tram__V1__Verdict *verdict, const Tram__V1__Finding *finding)
{
	if (finding->severity != TRAM__V1__SEVERITY__SEVERITY_JUSTIFY || finding->observation == 0 ||
	    finding->observation > verdict->n_outcomes)
		return NULL;
	switch ((int)verdict->outcomes[finding->observation - 1]) {
	case TRAM__V1__OUTCOME__OUTCOME_ACCEPTED_WITH_WARNINGS: return _("justified: accepted with a warning");
	case TRAM__V1__OUTCOME__OUTCOME_ACCEPTED: return _("released at the centre: accepted as it is");
	default: return NULL;
	}
}

static void show_finding(FILE *out, const Tram__V1__Verdict *verdict, const Tram__V1__Finding *finding,
			 const struct show_about *about)
{
	bool vi = lang_is_vi();
	const char *remedy = vi ? finding->remedy_vi : finding->remedy_en;
	const char *answer = answer_to(verdict, finding);

	fprintf(out, "  %s%s %s%s  ", terminal_begin(out, ROW(severities, finding->severity).colour),
		ROW(severities, finding->severity).sign, finding->rule, terminal_end(out));
	show_where(out, finding, about);
	fprintf(out, ": %s\n", vi ? finding->message_vi : finding->message_en);
	if (answer)
		fprintf(out, "      %s\n", answer);
	else if (*remedy)
		fprintf(out, "      %s %s\n", _("remedy:"), remedy);
}

void show_verdict(FILE *out, const Tram__V1__Verdict *verdict, const struct show_about *about)
{
	show_head(out, verdict, about);
	show_decision(out, verdict);
	show_sums(out, verdict);
	for (size_t i = 0; i < verdict->n_findings; i++)
		show_finding(out, verdict, verdict->findings[i], about);
	if (about->is_check && about->report)
		show_differences(out, about);
}

/* ---------------------------------------------------------------- for programs */

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(object, key, json_string(text));
}

static void set_time(json_t *object, const char *key, int64_t us)
{
	char text[CLOCK_TEXT];

	if (us)
		set_text(object, key, clock_text_rfc3339(us, text));
}

static json_t *finding_json(const Tram__V1__Finding *finding, const struct show_about *about)
{
	const Tram__V1__Observation *o = concerned(finding, about);
	bool vi = lang_is_vi();
	json_t *object = json_object();

	set_text(object, "rule", finding->rule);
	set_text(object, "severity", ROW(severities, finding->severity).code);
	json_object_set_new(object, "observation", json_integer(finding->observation));
	set_text(object, "indicator", o ? o->indicator : NULL);
	set_text(object, "ref_area", o ? o->ref_area : NULL);
	set_text(object, "field", finding->field);
	set_text(object, "found", finding->found);
	set_text(object, "expected", finding->expected);
	set_text(object, "message", vi ? finding->message_vi : finding->message_en);
	set_text(object, "remedy", vi ? finding->remedy_vi : finding->remedy_en);
	return object;
}

static void set_counts(json_t *object, const Tram__V1__Verdict *verdict)
{
	struct show_counts counts = show_counts(verdict);
	const struct {
		const char *key;
		size_t n;
	} parts[] = {{"observations", verdict->n_outcomes},
		     {"accepted", counts.accepted},
		     {"warned", counts.warned},
		     {"held", counts.held},
		     {"refused", counts.refused},
		     {"duplicate", counts.duplicate}};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		json_object_set_new(object, parts[i].key, json_integer((json_int_t)parts[i].n));
}

static json_t *words_json(const Tram__V1__Verdict *verdict)
{
	json_t *object = json_object();

	for (size_t i = 0; i < verdict->n_words; i++)
		json_object_set_new(object, verdict->words[i]->code,
				    json_string(ROW(states, verdict->words[i]->state).code));
	return object;
}

json_t *show_verdict_json(const Tram__V1__Verdict *verdict, const struct show_about *about)
{
	json_t *object = json_object(), *findings = json_array();

	json_object_set_new(object, "verdict_seq", json_integer((json_int_t)verdict->verdict_seq));
	json_object_set_new(object, "seq", json_integer((json_int_t)verdict->seq));
	set_text(object, "ticket", about->ticket);
	set_text(object, "file", about->file_name);
	set_text(object, "provider", about->provider);
	set_text(object, "dataflow", about->dataflow);
	set_text(object, "time_period", about->time_period);
	set_time(object, "handed_in_at", about->handed_in_at_us);
	set_time(object, "known_at", verdict->known_at_us);
	set_time(object, "stored_at", about->stored_at_us);
	set_text(object, "cause", verdict->cause);
	set_text(object, "decided_by", verdict->decided_by);
	set_text(object, "reason", verdict->reason);
	json_object_set_new(object, "words", words_json(verdict));
	set_counts(object, verdict);
	for (size_t i = 0; i < verdict->n_findings; i++)
		json_array_append_new(findings, finding_json(verdict->findings[i], about));
	json_object_set_new(object, "findings", findings);
	if (about->is_check && about->report)
		json_object_set_new(object, "differences", differences_json(about));
	return object;
}
