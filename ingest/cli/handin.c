/* SPDX-License-Identifier: Apache-2.0 */
#include "handin.h"

#include "binder.h"
#include "codec.h"
#include "lang.h"
#include "mem.h"
#include "show.h"
#include "talk.h"
#include "terminal.h"

#include <stdlib.h>
#include <string.h>

#define COMMIT_PATIENCE_MS 300000 /* a large hand-in is one transaction */
#define JUDGE_PATIENCE_MS  60000
#define ARENA_CAP          (96u << 20) /* what hostile bytes can make of one report */

/* The run of one hand-in. */
struct run {
	struct handin *h;
	struct input *in;
	struct book *book;
	struct check *check;
	struct binder *binder;
	struct talk *talk; /* NULL: no agent, or it failed */
	struct err *err;   /* the first failure of the agent */
	bool failed;
	bool altered;     /* the report that ends next is not what the file has */
	size_t of_report; /* observations since the last report's end */
};

static bool goes_on(const struct run *r)
{
	return !r->failed && problems_errors(r->h->problems) == 0;
}

/* ---------------------------------------------------------------- to the agent */

/* What the agent says of its own accord comes first: a closed connection explains nothing. */
static void fail(struct run *r)
{
	struct err said;

	r->failed = true;
	if (r->err->kind == ERR_UNAVAILABLE && r->talk && !talk_receive(r->talk, 0, &said) &&
	    said.kind != ERR_UNAVAILABLE && said.kind != ERR_TEMPFAIL)
		*r->err = said;
}

static void show_judgement(struct run *r, const Tram__V1__Verdict *verdict, const uint8_t *report, size_t len)
{
	struct arena *arena = arena_new(ARENA_CAP);
	struct err err;
	struct show_about about = {.report = codec_report(arena, report, len, &err)};

	if (about.report) {
		about.provider = about.report->provider;
		about.dataflow = about.report->dataflow;
		about.time_period = about.report->time_period;
	}
	r->h->all_accepted = r->h->all_accepted && show_is_accepted(verdict);
	if (r->h->is_json) {
		json_array_append_new(r->h->verdicts, show_verdict_json(verdict, &about));
	} else {
		terminal_progress_end();
		show_verdict(stdout, verdict, &about);
	}
	arena_free(&arena);
}

static bool judge(struct run *r, const uint8_t *report, size_t len)
{
	Tram__Control__V1__ControlRequest request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	const Tram__Control__V1__ControlReply *reply = NULL;
	uint8_t *copy = xmemdup(report, len);

	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_CHECK_REPORT;
	request.check_report = (ProtobufCBinaryData){len, copy};
	if (talk_send(r->talk, &request, r->err))
		reply = talk_expect(r->talk, TRAM__CONTROL__V1__CONTROL_REPLY__BODY_VERDICT, JUDGE_PATIENCE_MS, r->err);
	if (reply)
		show_judgement(r, reply->verdict, report, len);
	free(copy);
	return reply != NULL;
}

static void give(void *context, const uint8_t *report, size_t len, size_t observations)
{
	struct run *r = context;

	if (!goes_on(r) || !r->talk)
		return;
	r->h->reports++;
	r->h->observations += observations;
	if (!(r->h->what == HANDIN_JUDGE ? judge(r, report, len) : talk_submit_report(r->talk, report, len, r->err)))
		fail(r);
}

static bool commit(struct run *r)
{
	Tram__Control__V1__ControlRequest request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	const Tram__Control__V1__ControlReply *reply = NULL;
	Tram__Control__V1__SubmitCommit body;

	tram__control__v1__submit_commit__init(&body);
	body.reports = (uint32_t)r->h->reports;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_COMMIT;
	request.submit_commit = &body;
	if (talk_send(r->talk, &request, r->err))
		reply = talk_expect(r->talk, TRAM__CONTROL__V1__CONTROL_REPLY__BODY_TICKET, COMMIT_PATIENCE_MS, r->err);
	if (!reply) {
		fail(r);
		return false;
	}
	r->h->ticket = xstrdup(reply->ticket->ticket);
	return true;
}

/* ---------------------------------------------------------------- from the reader */

static void tell_too_large(struct run *r, const struct record *record, size_t len)
{
	char has[24], limit[24];

	snprintf(has, sizeof has, "%zu", len);
	snprintf(limit, sizeof limit, "%u", LIMIT_REPORT_BYTES);
	problems_add(r->h->problems, PROBLEM_REPORT_TOO_LARGE, record->at,
		     (struct problem_words){.found = has, .hint = limit});
}

static void on_record(void *context, const struct record *record)
{
	struct run *r = context;
	const Tram__V1__Report *head;
	const Tram__V1__Observation *observation;
	bool altered;
	size_t len;

	r->h->rows++;
	r->of_report++;
	if (r->in)
		terminal_progress(input_taken(r->in), input_size(r->in), r->h->rows);
	if (!check_record(r->check, record, &head, &observation, &altered))
		return;
	r->altered = r->altered || altered;
	if (goes_on(r) && !binder_add(r->binder, head, observation, &len))
		tell_too_large(r, record, len);
}

/* A report that came as bytes goes on as those bytes: its province may know it by their digest. */
static void on_report_end(void *context, const uint8_t *bytes, size_t len)
{
	struct run *r = context;

	if (bytes && !r->altered) {
		binder_drop_all(r->binder);
		give(r, bytes, len, r->of_report);
	} else {
		binder_give_all(r->binder);
	}
	r->altered = false;
	r->of_report = 0;
}

static bool on_supplies(void *context, enum field_id field)
{
	struct run *r = context;

	return check_supplies(r->check, field);
}

static bool on_locale(void *context, const char *name)
{
	struct run *r = context;

	return check_declare_locale(r->check, name);
}

/* ---------------------------------------------------------------- the run */

static bool open_file(struct run *r, struct err *err)
{
	if (!r->h->path)
		return true;
	r->in = input_open(r->h->path, err);
	if (!r->in)
		return false;
	if (r->h->format == READER_FORMATS)
		r->h->format = reader_guess(r->h->path, r->in);
	if (r->h->format == READER_FORMATS)
		return err_set(err, ERR_USAGE, _("%s: its name does not say its format; give --from %s"), r->h->path,
			       "sdmx-csv|csv|json|protobuf");
	return true;
}

/* A file is checked also where no agent runs: its mistakes can be mended meanwhile. */
static void meet_agent(struct run *r)
{
	Tram__V1__Codebook *codebook = talk_codebook(r->h->socket, r->err);

	r->book = book_new(codebook);
	r->h->unchecked_codes = !book_is_known(r->book);
	r->talk = talk_open(r->h->socket, r->err);
	r->h->check.no_agent = !r->talk;
	if (!r->talk ||
	    (r->h->what == HANDIN_SUBMIT && !talk_submit_begin(r->talk, r->h->path ? r->h->path : "", r->err)))
		fail(r);
}

static bool read_file(struct run *r, struct err *err)
{
	const struct reader_sink sink = {on_record, on_report_end, on_supplies, on_locale, r};
	bool ok = true;

	r->check = check_new(&r->h->check, r->book, r->h->problems);
	r->binder = binder_new(give, r);
	if (r->in)
		ok = reader_run(r->h->format, r->in, &r->h->reader, &sink, r->h->problems, err);
	else
		for (size_t i = 0; i < r->h->n_records; i++)
			on_record(r, &r->h->records[i]);
	if (ok)
		binder_give_all(r->binder);
	terminal_progress_end();
	return ok;
}

/* Problems in the file come before the agent's: they are the province's to mend. */
static bool finish(struct run *r, struct err *err, const struct err *agent)
{
	if (problems_errors(r->h->problems)) {
		if (!r->talk && !r->h->is_json)
			fprintf(stderr, _("note: codes were not checked, since the agent could not be asked: %s\n"),
				agent->text);
		return err_set(err, ERR_DATA, "%s", "");
	}
	if (r->failed || (r->h->what == HANDIN_SUBMIT && !commit(r))) {
		*err = *agent;
		return false;
	}
	return true;
}

bool handin_run(struct handin *h, struct err *err)
{
	struct err agent = {0};
	struct run r = {.h = h, .err = &agent};
	const char *name = h->path ? h->path : "tram withdraw";
	bool ok;

	h->problems = problems_new(name, h->is_json ? NULL : stderr);
	h->verdicts = json_array();
	h->all_accepted = true;
	ok = open_file(&r, err);
	if (ok) {
		meet_agent(&r);
		ok = read_file(&r, err) && finish(&r, err, &agent);
	}
	talk_close(&r.talk);
	binder_free(&r.binder);
	check_free(&r.check);
	book_free(&r.book);
	input_close(&r.in);
	return ok;
}

void handin_done(struct handin *h)
{
	problems_free(&h->problems);
	json_decref(h->verdicts);
	free(h->ticket);
	h->ticket = NULL;
	h->verdicts = NULL;
}
