/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"

#include "codec.h"
#include "ctl.h"
#include "lang.h"
#include "mem.h"

#include <stdlib.h>
#include <unistd.h>

typedef Tram__Control__V1__ControlReply control_reply;
typedef Tram__Control__V1__ControlRequest control_request;

struct talk {
	int fd;
	control_reply *reply; /* the last one */
};

struct talk *talk_open(const char *socket, struct err *err)
{
	int fd = ctl_connect(socket, err);
	struct talk *t;

	if (fd < 0)
		return NULL;
	t = xcalloc(1, sizeof *t);
	t->fd = fd;
	return t;
}

static void drop_reply(struct talk *t)
{
	if (t->reply)
		tram__control__v1__control_reply__free_unpacked(t->reply, NULL);
	t->reply = NULL;
}

void talk_close(struct talk **tp)
{
	if (!*tp)
		return;
	drop_reply(*tp);
	close((*tp)->fd);
	free(*tp);
	*tp = NULL;
}

bool talk_send(struct talk *t, const control_request *request, struct err *err)
{
	static char languages[][3] = {"en", "vi"};
	control_request asked = *request;
	uint8_t *bytes;
	size_t len;
	bool ok;

	asked.language = languages[lang_is_vi()];
	bytes = codec_pack(&asked.base, &len);
	ok = ctl_write(t->fd, bytes, len, err);
	free(bytes);
	return ok;
}

const control_reply *talk_receive(struct talk *t, int64_t timeout_ms, struct err *err)
{
	size_t len;
	uint8_t *bytes = ctl_read(t->fd, timeout_ms, &len, err);

	drop_reply(t);
	if (!bytes)
		return NULL;
	t->reply = tram__control__v1__control_reply__unpack(NULL, len, bytes);
	free(bytes);
	if (!t->reply) {
		err_set(err, ERR_PROTOCOL, _("the agent's answer cannot be read: are both the same version?"));
		return NULL;
	}
	if (t->reply->body_case == TRAM__CONTROL__V1__CONTROL_REPLY__BODY_FAILED) {
		uint32_t code = t->reply->failed->exit_code;

		err_set(err, code ? (enum err_kind)code : ERR_SOFTWARE, "%s", t->reply->failed->message);
		return NULL;
	}
	return t->reply;
}

const control_reply *talk_expect(struct talk *t, Tram__Control__V1__ControlReply__BodyCase kind, int64_t timeout_ms,
				 struct err *err)
{
	const control_reply *reply;

	do
		reply = talk_receive(t, timeout_ms, err);
	while (reply && reply->body_case != kind);
	return reply;
}

bool talk_was_told(const struct talk *t)
{
	return t->reply && t->reply->body_case == TRAM__CONTROL__V1__CONTROL_REPLY__BODY_FAILED;
}

/* ---------------------------------------------------------------- submitting */

bool talk_submit_begin(struct talk *t, const char *file_name, struct err *err)
{
	control_request request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__SubmitBegin begin;
	char *name = xstrdup(file_name);
	bool ok;

	tram__control__v1__submit_begin__init(&begin);
	begin.file_name = name;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_BEGIN;
	request.submit_begin = &begin;
	ok = talk_send(t, &request, err);
	free(name);
	return ok;
}

bool talk_submit_report(struct talk *t, const uint8_t *report, size_t len, struct err *err)
{
	control_request request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	uint8_t *copy = xmemdup(report, len);
	bool ok;

	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_REPORT;
	request.submit_report = (ProtobufCBinaryData){len, copy};
	ok = talk_send(t, &request, err);
	free(copy);
	return ok;
}

/* ---------------------------------------------------------------- asking */

bool talk_ask(const char *socket, const control_request *request, int64_t timeout_ms,
	      bool (*row)(void *context, const control_reply *reply), void *context, struct err *err)
{
	struct talk *t = talk_open(socket, err);
	const control_reply *reply = NULL;
	bool ok = t && talk_send(t, request, err);

	while (ok) {
		reply = talk_receive(t, timeout_ms, err);
		ok = reply != NULL;
		if (!ok || reply->body_case == TRAM__CONTROL__V1__CONTROL_REPLY__BODY_DONE || !row(context, reply))
			break;
	}
	talk_close(&t);
	return ok;
}

static bool keep_codebook(void *context, const control_reply *reply)
{
	Tram__V1__Codebook **ret = context;

	if (reply->body_case == TRAM__CONTROL__V1__CONTROL_REPLY__BODY_CODEBOOK) {
		size_t len;
		uint8_t *bytes = codec_pack(&reply->codebook->base, &len);

		*ret = tram__v1__codebook__unpack(NULL, len, bytes);
		free(bytes);
	}
	return *ret == NULL;
}

Tram__V1__Codebook *talk_codebook(const char *socket, struct err *err)
{
	control_request request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__CodebookGet get;
	Tram__V1__Codebook *codebook = NULL;

	tram__control__v1__codebook_get__init(&get);
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_CODEBOOK;
	request.codebook = &get;
	if (talk_ask(socket, &request, TALK_PATIENCE_MS, keep_codebook, &codebook, err) && !codebook)
		err_set(err, ERR_TEMPFAIL, _("the agent has no codes from the centre yet"));
	return codebook;
}

struct kept_report {
	uint8_t *bytes;
	size_t len;
};

static bool keep_report(void *context, const control_reply *reply)
{
	struct kept_report *kept = context;

	if (reply->body_case != TRAM__CONTROL__V1__CONTROL_REPLY__BODY_REPORT)
		return true;
	kept->bytes = xmemdup(reply->report.data ? reply->report.data : (const uint8_t *)"", reply->report.len);
	kept->len = reply->report.len;
	return false;
}

uint8_t *talk_report(const char *socket, uint64_t seq, size_t *ret_len, struct err *err)
{
	control_request request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__OutboxShow show;
	struct kept_report kept = {NULL, 0};

	tram__control__v1__outbox_show__init(&show);
	show.seq = seq;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_OUTBOX_SHOW;
	request.outbox_show = &show;
	if (talk_ask(socket, &request, TALK_PATIENCE_MS, keep_report, &kept, err) && !kept.bytes)
		err_set(err, ERR_DATA, _("the outbox has no report %llu"), (unsigned long long)seq);
	*ret_len = kept.len;
	return kept.bytes;
}

/* ---------------------------------------------------------------- tickets and proofs */

struct tracing {
	void (*row)(void *context, const Tram__Control__V1__TraceRow *row);
	void *context;
};

static bool take_trace_row(void *context, const control_reply *reply)
{
	const struct tracing *t = context;

	if (reply->body_case == TRAM__CONTROL__V1__CONTROL_REPLY__BODY_TRACE_ROW)
		t->row(t->context, reply->trace_row);
	return true;
}

bool talk_trace(const char *socket, const struct talk_range *range, bool with_reports,
		void (*row)(void *context, const Tram__Control__V1__TraceRow *row), void *context, struct err *err)
{
	control_request request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__TraceRequest body;
	struct tracing t = {row, context};
	char *ticket = xstrdup(range->ticket ? range->ticket : "");
	bool ok;

	tram__control__v1__trace_request__init(&body);
	body.ticket = ticket;
	body.first_seq = range->first_seq;
	body.last_seq = range->last_seq;
	body.with_reports = with_reports;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_TRACE;
	request.trace = &body;
	ok = talk_ask(socket, &request, TALK_PATIENCE_MS, take_trace_row, &t, err);
	free(ticket);
	return ok;
}

static bool write_piece(void *context, const control_reply *reply)
{
	FILE *out = context;

	return reply->body_case != TRAM__CONTROL__V1__CONTROL_REPLY__BODY_PROOF ||
	       fwrite(reply->proof.data, 1, reply->proof.len, out) == reply->proof.len;
}

bool talk_proof(const char *socket, const struct talk_range *range, bool with_reports, char **notes, size_t n_notes,
		FILE *out, struct err *err)
{
	control_request request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__ProofRequest body;
	char *ticket = xstrdup(range->ticket ? range->ticket : "");
	bool ok;

	tram__control__v1__proof_request__init(&body);
	body.ticket = ticket;
	body.first_seq = range->first_seq;
	body.last_seq = range->last_seq;
	body.with_reports = with_reports;
	body.notes = notes;
	body.n_notes = n_notes;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_PROOF;
	request.proof = &body;
	ok = talk_ask(socket, &request, TALK_PATIENCE_MS, write_piece, out, err);
	free(ticket);
	return ok && (!ferror(out) || err_set(err, ERR_IO, _("the output could not be written in full")));
}
