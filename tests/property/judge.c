/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge - the rules without a centre: reads requests (judge.proto) from standard input and writes answers to standard output,
 * one after another, until the input ends. What is not asked for in a request is not known.
 *
 *   judge CATALOGUE-FOLDER
 */
#include "codec.h"
#include "judge.pb-c.h"
#include "rules.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA       (64u << 20)
#define MESSAGE_MAX (8u << 20)

typedef Tram__Judge__Request Request;
typedef Tram__Judge__Answer Answer;

_Noreturn static void give_up(const char *why, const char *what)
{
	fprintf(stderr, "judge: %s%s%s\n", why, *what ? ": " : "", what);
	exit(EXIT_FAILURE);
}

static void *room_for(struct arena *a, size_t n, size_t size)
{
	void *room = arena_calloc(a, n ? n : 1, size);

	if (!room) {
		give_up("the request is too large", "");
	}
	return room;
}

/* ---------------------------------------------------------------- what is known */

static void set_decimal(const Tram__V1__Decimal *from, bool *ret_has, struct decimal *ret)
{
	*ret_has = from != NULL;
	if (from && !decimal_is_valid(from->mantissa, from->scale)) {
		give_up("no such decimal can have been stored", "");
	}
	*ret = from ? (struct decimal){from->mantissa, (uint8_t)from->scale} : (struct decimal){0, 0};
}

static struct past past_of(const Tram__Judge__Past *from)
{
	struct past p = {.exists = true,
			 .revision = from->revision,
			 .withdrawn = from->withdrawn,
			 .current = from->current,
			 .outcome = (enum outcome)from->outcome,
			 .decided = (enum decided)from->decided,
			 .known_at_us = from->known_at_us,
			 .asked = *from->asked ? from->asked : NULL,
			 .missing_reason = (int)from->missing_reason,
			 .qualifier = (int)from->qualifier,
			 .obs_status = (char)from->obs_status,
			 .rank_out_of = (int32_t)from->rank_out_of};

	set_decimal(from->value, &p.has_value, &p.value);
	set_decimal(from->numerator, &p.has_numerator, &p.numerator);
	set_decimal(from->denominator, &p.has_denominator, &p.denominator);
	set_decimal(from->weight, &p.has_weight, &p.weight);
	return p;
}

static struct point point_from(const Tram__Judge__Point *from)
{
	struct point p = {.breaks = from->breaks};
	struct period period;

	if (!period_parse(from->period, &period)) {
		give_up("no such period", from->period);
	}
	p.period = period_pack(&period);
	set_decimal(from->value, &p.has_value, &p.value);
	set_decimal(from->numerator, &p.has_numerator, &p.numerator);
	set_decimal(from->denominator, &p.has_denominator, &p.denominator);
	return p;
}

static const struct peer_figures *peers_from(struct arena *a, const Tram__Judge__Peers *from)
{
	struct peer_figures *p = room_for(a, 1, sizeof *p);
	bool has;

	p->n = from->n;
	p->mode_n = from->mode_n;
	set_decimal(from->median, &has, &p->median);
	set_decimal(from->mad, &has, &p->mad);
	set_decimal(from->mode, &has, &p->mode);
	return p;
}

static struct history history_from(struct arena *a, const Tram__Judge__Line *line)
{
	struct point *points = room_for(a, line->n_history, sizeof *points);

	if (line->n_history > HISTORY_POINTS) {
		give_up("a history has too many points", "");
	}
	for (size_t i = 0; i < line->n_history; i++) {
		points[i] = point_from(line->history[i]);
	}
	return (struct history){points, line->n_history};
}

static const struct point *point_of(const struct knowledge *k, const struct figure *f,
				    const struct indicator *indicator, int32_t period)
{
	const Request *r = k->context;
	static struct point found;

	(void)f;
	for (size_t i = 0; i < r->n_stands; i++) {
		found = point_from(r->stands[i]->point);
		if (found.period == period && strcmp(r->stands[i]->indicator, indicator->code) == 0) {
			return &found;
		}
	}
	return NULL;
}

static const bool *reported_from(struct arena *a, const struct catalogue *c, const Request *r)
{
	const struct indicator *all;
	bool *reported = room_for(a, catalogue_indicators(c, &all), sizeof *reported);

	for (size_t i = 0; i < r->n_reported; i++) {
		const struct indicator *indicator = catalogue_indicator(c, r->reported[i]);

		if (!indicator) {
			give_up("no such indicator", r->reported[i]);
		}
		reported[indicator->position] = true;
	}
	return r->reported_known ? reported : NULL;
}

static struct knowledge knowledge_of(struct arena *a, const struct catalogue *c, const Request *r, size_t n)
{
	struct past *past = room_for(a, n, sizeof *past);
	struct history *history = room_for(a, n, sizeof *history);
	const struct peer_figures **peers = room_for(a, n, sizeof *peers);
	struct look_alike *alike = room_for(a, 1, sizeof *alike);

	for (size_t i = 0; i < n && i < r->n_lines; i++) {
		const Tram__Judge__Line *line = r->lines[i];

		past[i] = line->past ? past_of(line->past) : (struct past){.exists = false};
		history[i] = history_from(a, line);
		peers[i] = line->peers ? peers_from(a, line->peers) : NULL;
	}
	if (r->look_alike) {
		*alike =
		    (struct look_alike){r->look_alike->provider, r->look_alike->time_period, r->look_alike->figures};
	}
	return (struct knowledge){.past = past,
				  .history = history,
				  .peers = peers,
				  .look_alike = r->look_alike ? alike : NULL,
				  .reported = reported_from(a, c, r),
				  .point_of = point_of,
				  .context = r};
}

/* ---------------------------------------------------------------- the answer */

/* protobuf-c's structs hold what nobody writes to as char *. */
static char *text(struct arena *a, const char *s)
{
	char *copy = arena_strdup(a, s ? s : "");

	if (!copy) {
		give_up("the request is too large", "");
	}
	return copy;
}

/* Neither the store nor a foreign reader takes what is no text. */
static void is_text(const char *s)
{
	if (text_check(s, strlen(s), NULL) == TEXT_NOT_UTF8) {
		give_up("a finding is no text", "");
	}
}

static Tram__V1__Finding *finding_of(struct arena *a, const struct finding *from)
{
	Tram__V1__Finding *f = room_for(a, 1, sizeof *f);

	tram__v1__finding__init(f);
	f->rule = text(a, from->rule->code);
	f->severity = (Tram__V1__Severity)from->severity;
	f->observation = from->line;
	f->field = text(a, from->field);
	f->found = text(a, from->found);
	f->expected = text(a, from->expected);
	f->message_vi = text(a, finding_message(a, from, true));
	f->message_en = text(a, finding_message(a, from, false));
	f->remedy_vi = text(a, finding_remedy(from, true));
	f->remedy_en = text(a, finding_remedy(from, false));
	is_text(f->found);
	is_text(f->expected);
	is_text(f->message_vi);
	is_text(f->message_en);
	return f;
}

static void answer_with(struct arena *a, const struct judgement *j, Answer *answer)
{
	answer->readable = j->readable;
	answer->n_outcomes = answer->n_justified = j->n;
	answer->outcomes = room_for(a, j->n, sizeof *answer->outcomes);
	answer->justified = room_for(a, j->n, sizeof *answer->justified);
	for (size_t i = 0; i < j->n; i++) {
		answer->outcomes[i] = (Tram__V1__Outcome)j->outcomes[i];
		answer->justified[i] = j->justified[i];
	}
	answer->n_words = j->n_words;
	answer->words = room_for(a, j->n_words, sizeof *answer->words);
	for (size_t i = 0; i < j->n_words; i++) {
		answer->words[i] = (Tram__V1__WordState)j->words[i];
	}
	answer->n_findings = j->n_findings;
	answer->findings = room_for(a, j->n_findings, sizeof *answer->findings);
	for (size_t i = 0; i < j->n_findings; i++) {
		answer->findings[i] = finding_of(a, &j->findings[i]);
	}
}

static void judge(struct arena *a, const struct catalogue *c, const Request *r, Answer *answer)
{
	char *place = room_for(a, 64, 1);
	struct knowledge known;
	struct judgement j;
	struct err err;
	Tram__V1__Report *report = codec_report(a, r->report.data, r->report.len, &err);
	const char *bad = report ? codec_report_bad_text(report, place, 64) : NULL;
	struct report_context ctx = {.catalogue = c,
				     .report = report,
				     .agent = r->agent,
				     .received_at_us = r->received_at_us,
				     .handed_in_at_us = r->handed_in_at_us};

	if (!report || bad) {
		answer->poison = text(a, bad ? bad : err.text);
		return;
	}
	known = knowledge_of(a, c, r, report->n_observations);
	if (!rules_resolve(&ctx, a, &j) || !rules_judge(&ctx, &known, a, &j)) {
		give_up("the request is too large", "");
	}
	answer_with(a, &j, answer);
}

/* ---------------------------------------------------------------- in and out */

/* False: there are no more. */
static bool read_request(struct arena *a, Request **ret)
{
	ProtobufCAllocator allocator = codec_allocator(a);
	uint8_t head[4], *data;
	size_t len;

	if (fread(head, 1, sizeof head, stdin) != sizeof head) {
		return false;
	}
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len > MESSAGE_MAX) {
		give_up("the request is too large", "");
	}
	data = room_for(a, len, 1);
	if (fread(data, 1, len, stdin) != len) {
		give_up("the request is cut short", "");
	}
	*ret = tram__judge__request__unpack(&allocator, len, data);
	if (!*ret) {
		give_up("this is no request", "");
	}
	return true;
}

static void write_answer(const Answer *answer)
{
	size_t len;
	uint8_t *data = codec_pack(&answer->base, &len);
	const uint8_t head[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

	if (fwrite(head, 1, sizeof head, stdout) != sizeof head || fwrite(data, 1, len, stdout) != len ||
	    fflush(stdout) != 0) {
		give_up("nobody listens", "");
	}
	free(data);
}

static struct catalogue *load(const char *dir)
{
	struct catalogue_mistake *mistakes;
	struct catalogue_file *files;
	size_t n_files, n;
	struct catalogue *c;
	struct err err;

	if (!catalogue_read_folder(dir, &files, &n_files, &err)) {
		give_up("the catalogue cannot be read", err.text);
	}
	c = catalogue_new(files, n_files, 0, &mistakes, &n);
	if (!c) {
		give_up(mistakes[0].file, mistakes[0].text);
	}
	catalogue_mistakes_free(mistakes, n);
	catalogue_files_free(files, n_files);
	return c;
}

int main(int argc, char **argv)
{
	struct arena *a = arena_new(ARENA);
	struct catalogue *c = argc == 2 ? load(argv[1]) : NULL;
	Request *request;

	if (!c) {
		fprintf(stderr, "usage: judge CATALOGUE-FOLDER\n");
		return EXIT_FAILURE;
	}
	while (read_request(a, &request)) {
		Answer answer = TRAM__JUDGE__ANSWER__INIT;

		judge(a, c, request, &answer);
		write_answer(&answer);
		arena_reset(a);
	}
	catalogue_unref(&c);
	arena_free(&a);
	return EXIT_SUCCESS;
}
