/* SPDX-License-Identifier: Apache-2.0 */
#include "handin.h"

#include "codec.h"
#include "compose.h"
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
	struct talk *talk; /* NULL: no agent answers */
	struct err *err;   /* the first failure of the agent */
	bool failed;
};

/* ---------------------------------------------------------------- to the agent */

/* An agent that refuses says why and hangs up: its word explains more than the connection that broke. */
static void fail(struct run *r)
{
	struct err said;

	r->failed = true;
	if (r->talk && !talk_was_told(r->talk) && !talk_receive(r->talk, 0, &said) && talk_was_told(r->talk))
		*r->err = said;
}

static void show_judgement(struct run *r, const Tram__Control__V1__ControlReply *reply, const uint8_t *report,
			   size_t len)
{
	struct arena *arena = arena_new(ARENA_CAP);
	struct err err;
	const Tram__V1__Verdict *verdict = reply->verdict;
	struct show_about about = {.report = codec_report(arena, report, len, &err),
				   .differences = reply->differences,
				   .n_differences = reply->n_differences,
				   .is_check = true};

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
		show_judgement(r, reply, report, len);
	free(copy);
	return reply != NULL;
}

static void give(void *context, const uint8_t *report, size_t len, size_t observations)
{
	struct run *r = context;

	if (r->failed)
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
	struct compose *compose = compose_new(&r->h->check, r->book, r->h->problems, give, r);
	bool ok = true;

	if (r->in)
		ok = compose_file(compose, r->in, r->h->format, &r->h->reader, err);
	for (size_t i = 0; i < r->h->n_records; i++)
		compose_record(compose, &r->h->records[i]);
	if (ok)
		compose_finish(compose);
	r->h->rows = compose_records(compose);
	compose_free(&compose);
	return ok;
}

static void tell_unchecked(const struct run *r, const struct err *agent)
{
	if (r->h->is_json || !r->h->unchecked_codes)
		return;
	if (r->talk)
		fprintf(stderr, "%s\n", _("note: codes were not checked: the agent has none from the centre yet"));
	else
		fprintf(stderr, _("note: codes were not checked, since the agent could not be asked: %s\n"),
			agent->text);
}

/* Problems in the file come before the agent's: they are the province's to mend. */
static bool finish(struct run *r, struct err *err, const struct err *agent)
{
	if (problems_errors(r->h->problems)) {
		tell_unchecked(r, agent);
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
	book_free(&r.book);
	input_close(&r.in);
	return ok;
}

void handin_done(struct handin *h)
{
	problems_free(&h->problems);
	json_decref(h->verdicts);
	free(h->ticket);
	free(h->not_sent);
	h->ticket = NULL;
	h->verdicts = NULL;
}
