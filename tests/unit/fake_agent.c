/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_agent.h"

#include "codec.h"
#include "ctl.h"
#include "digest.h"
#include "mem.h"
#include "province.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef Tram__Control__V1__ControlReply reply_message;
typedef Tram__Control__V1__ControlRequest request_message;

struct kept {
	uint8_t *bytes;
	size_t len;
};

struct fake_agent {
	struct fake_manner manner;
	char folder[64], socket[96];
	struct ctl_server *server;
	pthread_t thread;
	atomic_bool stopping;
	struct kept *waiting, *committed;
	size_t n_waiting, n_committed;
	Tram__V1__Codebook *codebook;
};

/* ---------------------------------------------------------------- answers */

static void answer(struct ctl_client *client, const reply_message *reply)
{
	size_t len;
	uint8_t *bytes = codec_pack(&reply->base, &len);

	ctl_send(client, bytes, len);
	free(bytes);
}

static void answer_done(struct ctl_client *client, uint64_t rows)
{
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__Done done;

	tram__control__v1__done__init(&done);
	done.rows = rows;
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_DONE;
	reply.done = &done;
	answer(client, &reply);
}

static void answer_failed(struct ctl_client *client, uint32_t code, char *text)
{
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__Failed failed;

	tram__control__v1__failed__init(&failed);
	failed.exit_code = code;
	failed.message = text;
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_FAILED;
	reply.failed = &failed;
	answer(client, &reply);
}

static void answer_codebook(struct fake_agent *a, struct ctl_client *client)
{
	static char none[] = "no codebook yet";
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;

	if (!a->manner.has_codebook) {
		answer_failed(client, 75, none);
		return;
	}
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_CODEBOOK;
	reply.codebook = a->codebook;
	answer(client, &reply);
	answer_done(client, 1);
}

/* ---------------------------------------------------------------- verdicts */

struct made_verdict {
	Tram__V1__Verdict verdict;
	Tram__V1__Word words[4], *word_list[4];
	Tram__V1__Outcome outcomes[64];
	Tram__V1__Finding finding, *findings[1];
	struct digest digest;
};

static void make_words(struct made_verdict *m, bool holds)
{
	static char codes[][5] = {"dung", "du", "sach", "song"};

	for (size_t i = 0; i < 4; i++) {
		tram__v1__word__init(&m->words[i]);
		m->words[i].code = codes[i];
		m->words[i].state = TRAM__V1__WORD_STATE__WORD_STATE_PASS;
		m->word_list[i] = &m->words[i];
	}
	if (holds)
		m->words[0].state = TRAM__V1__WORD_STATE__WORD_STATE_HELD;
	m->verdict.n_words = 4;
	m->verdict.words = m->word_list;
}

static void make_finding(struct made_verdict *m, uint32_t observation)
{
	static char rule[] = "DUNG-10", field[] = "value", found[] = "16.4", expected[] = "7 .. 9",
		    message_vi[] = "khác thường so với kỳ trước", message_en[] = "unlike the period before",
		    remedy_vi[] = "nêu lý do", remedy_en[] = "say why";
	Tram__V1__Finding *f = &m->finding;

	tram__v1__finding__init(f);
	f->rule = rule;
	f->severity = TRAM__V1__SEVERITY__SEVERITY_JUSTIFY;
	f->observation = observation;
	f->field = field;
	f->found = found;
	f->expected = expected;
	f->message_vi = message_vi;
	f->message_en = message_en;
	f->remedy_vi = remedy_vi;
	f->remedy_en = remedy_en;
	m->findings[0] = f;
	m->verdict.n_findings = 1;
	m->verdict.findings = m->findings;
}

static void make_verdict(const struct fake_agent *a, struct made_verdict *m, const struct kept *kept, uint64_t seq)
{
	static char cause[] = "received";
	struct arena *arena = arena_new(1 << 20);
	struct err err;
	const Tram__V1__Report *report = codec_report(arena, kept->bytes, kept->len, &err);
	size_t n = report ? report->n_observations : 0;

	memset(m, 0, sizeof *m);
	tram__v1__verdict__init(&m->verdict);
	m->verdict.verdict_seq = m->verdict.seq = seq;
	m->verdict.cause = cause;
	digest_report(kept->bytes, a->manner.verdict_is_foreign ? 0 : kept->len, &m->digest);
	m->verdict.digest = (ProtobufCBinaryData){sizeof m->digest.bytes, m->digest.bytes};
	make_words(m, a->manner.verdict_holds);
	m->verdict.n_outcomes = a->manner.verdict_is_empty ? 0 : n < 64 ? n : 64;
	m->verdict.outcomes = m->outcomes;
	for (size_t i = 0; i < m->verdict.n_outcomes; i++)
		m->outcomes[i] = TRAM__V1__OUTCOME__OUTCOME_ACCEPTED;
	if ((a->manner.verdict_holds || a->manner.verdict_is_answered) && m->verdict.n_outcomes) {
		m->outcomes[m->verdict.n_outcomes - 1] = a->manner.verdict_holds
							     ? TRAM__V1__OUTCOME__OUTCOME_HELD
							     : TRAM__V1__OUTCOME__OUTCOME_ACCEPTED_WITH_WARNINGS;
		make_finding(m, (uint32_t)m->verdict.n_outcomes);
	}
	arena_free(&arena);
}

static void answer_check(struct fake_agent *a, struct ctl_client *client, const ProtobufCBinaryData *report)
{
	static char offline[] = "the centre cannot be reached";
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	const struct kept kept = {report->data, report->len};
	struct made_verdict made;

	if (a->manner.refuse_check) {
		answer_failed(client, a->manner.refuse_check, offline);
		return;
	}
	make_verdict(a, &made, &kept, 0);
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_VERDICT;
	reply.verdict = &made.verdict;
	answer(client, &reply);
	answer_done(client, 1);
}

static void answer_verdicts(struct fake_agent *a, struct ctl_client *client)
{
	static char ticket[] = FAKE_TICKET, file[] = "figures.csv", provider[] = "P63-15";

	for (size_t i = 0; i + a->manner.verdicts_missing < a->n_committed; i++) {
		reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
		Tram__Control__V1__VerdictRow row;
		struct made_verdict made;

		make_verdict(a, &made, &a->committed[i], i + 1);
		tram__control__v1__verdict_row__init(&row);
		row.verdict = &made.verdict;
		row.ticket = ticket;
		row.file_name = file;
		row.provider = provider;
		row.stored_at_us = PROVINCE_TODAY + (int64_t)i;
		reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_VERDICT_ROW;
		reply.verdict_row = &row;
		answer(client, &reply);
	}
	answer_done(client, a->n_committed);
}

/* ---------------------------------------------------------------- the outbox */

static void keep(struct kept **list, size_t *n, const uint8_t *bytes, size_t len)
{
	*list = xreallocarray(*list, *n + 1, sizeof **list);
	(*list)[(*n)++] = (struct kept){xmemdup(bytes, len), len};
}

static void drop(struct kept **list, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free((*list)[i].bytes);
	free(*list);
	*list = NULL;
	*n = 0;
}

static void take_report(struct fake_agent *a, struct ctl_client *client, const ProtobufCBinaryData *report)
{
	static char full[] = "no room left for reports";

	keep(&a->waiting, &a->n_waiting, report->data, report->len);
	if (a->manner.refuse_report)
		answer_failed(client, a->manner.refuse_report, full);
	if (a->manner.refuse_report || a->manner.hangs_up)
		ctl_close(client);
}

static void commit(struct fake_agent *a, struct ctl_client *client, const Tram__Control__V1__SubmitCommit *body)
{
	static char refusal[] = "the disk under the outbox is full", miscount[] = "miscounted", text[] = FAKE_TICKET;
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__Ticket ticket;

	if (a->manner.refuse_commit || body->reports != a->n_waiting) {
		answer_failed(client, a->manner.refuse_commit ? a->manner.refuse_commit : 76,
			      a->manner.refuse_commit ? refusal : miscount);
		return;
	}
	for (size_t i = 0; i < a->n_waiting; i++)
		keep(&a->committed, &a->n_committed, a->waiting[i].bytes, a->waiting[i].len);
	tram__control__v1__ticket__init(&ticket);
	ticket.ticket = text;
	ticket.first_seq = 1;
	ticket.last_seq = a->n_committed;
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_TICKET;
	reply.ticket = &ticket;
	answer(client, &reply);
	answer_done(client, 1);
}

static void answer_outbox(struct fake_agent *a, struct ctl_client *client)
{
	static char file[] = "figures.csv", ticket[] = FAKE_TICKET, provider[] = "P63-15";

	for (size_t i = 0; i < a->n_committed; i++) {
		reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
		Tram__Control__V1__OutboxRow row;
		struct digest digest;

		tram__control__v1__outbox_row__init(&row);
		digest_report(a->committed[i].bytes, a->committed[i].len, &digest);
		row.digest = (ProtobufCBinaryData){sizeof digest.bytes, digest.bytes};
		row.seq = i + 1;
		row.file_name = file;
		row.ticket = ticket;
		row.provider = provider;
		row.handed_in_at_us = PROVINCE_TODAY;
		row.observations = 1;
		row.bytes = a->committed[i].len;
		row.acknowledged = i > 0;
		reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_OUTBOX_ROW;
		reply.outbox_row = &row;
		answer(client, &reply);
	}
	answer_done(client, a->n_committed);
}

static void answer_show(struct fake_agent *a, struct ctl_client *client, uint64_t seq)
{
	static char none[] = "the outbox does not keep that report";
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;

	if (seq == 0 || seq > a->n_committed) {
		answer_failed(client, 65, none);
		return;
	}
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_REPORT;
	reply.report = (ProtobufCBinaryData){a->committed[seq - 1].len, a->committed[seq - 1].bytes};
	answer(client, &reply);
	answer_done(client, 1);
}

static void answer_status(const struct fake_agent *a, struct ctl_client *client)
{
	static const char *const usual[][2] = {{"state", "streaming"}, {NULL, NULL}};
	const char *const(*rows)[2] = a->manner.status ? a->manner.status : usual;
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__StatusField made[32], *list[32];
	Tram__Control__V1__Status status;

	tram__control__v1__status__init(&status);
	status.fields = list;
	for (size_t i = 0; rows[i][0]; i++) {
		tram__control__v1__status_field__init(&made[i]);
		made[i].name = xstrdup(rows[i][0]);
		made[i].value = xstrdup(rows[i][1]);
		list[status.n_fields++] = &made[i];
	}
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_STATUS;
	reply.status = &status;
	answer(client, &reply);
	answer_done(client, 1);
	for (size_t i = 0; i < status.n_fields; i++) {
		free(made[i].name);
		free(made[i].value);
	}
}

/* ---------------------------------------------------------------- the loop */

static void on_message(void *context, struct ctl_client *client, const uint8_t *data, size_t len)
{
	struct fake_agent *a = context;
	request_message *request = tram__control__v1__control_request__unpack(NULL, len, data);

	switch (request->body_case) {
	case TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_CODEBOOK: answer_codebook(a, client); break;
	case TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_BEGIN: drop(&a->waiting, &a->n_waiting); break;
	case TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_REPORT:
		take_report(a, client, &request->submit_report);
		break;
	case TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_COMMIT: commit(a, client, request->submit_commit); break;
	case TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_CHECK_REPORT:
		answer_check(a, client, &request->check_report);
		break;
	case TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_STATUS: answer_status(a, client); break;
	case TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_OUTBOX: answer_outbox(a, client); break;
	case TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_OUTBOX_SHOW:
		answer_show(a, client, request->outbox_show->seq);
		break;
	case TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_VERDICTS: answer_verdicts(a, client); break;
	default: abort();
	}
	tram__control__v1__control_request__free_unpacked(request, NULL);
}

static void on_closed(void *context, struct ctl_client *client)
{
	(void)context;
	(void)client;
}

static void *loop(void *context)
{
	struct fake_agent *a = context;
	struct pollfd fds[CTL_CLIENTS_MAX + 1];

	while (!a->stopping) {
		size_t n = ctl_server_prepare(a->server, fds, CTL_CLIENTS_MAX + 1);

		poll(fds, n, 20);
		ctl_server_serve(a->server, fds, n);
	}
	return NULL;
}

struct fake_agent *fake_agent_start(const struct fake_manner *manner)
{
	static const struct ctl_handler handler = {on_message, on_closed};
	struct fake_agent *a = xcalloc(1, sizeof *a);
	struct err err;

	a->manner = *manner;
	a->codebook = province_codebook(manner->acts_for_two);
	snprintf(a->folder, sizeof a->folder, "/tmp/tram-cli-XXXXXX");
	if (!mkdtemp(a->folder))
		abort();
	snprintf(a->socket, sizeof a->socket, "%s/control", a->folder);
	a->server = ctl_server_open(a->socket, &handler, a, &err);
	if (!a->server || pthread_create(&a->thread, NULL, loop, a) != 0)
		abort();
	return a;
}

void fake_agent_stop(struct fake_agent **ap)
{
	struct fake_agent *a = *ap;

	a->stopping = true;
	pthread_join(a->thread, NULL);
	ctl_server_close(&a->server);
	unlink(a->socket);
	rmdir(a->folder);
	drop(&a->waiting, &a->n_waiting);
	drop(&a->committed, &a->n_committed);
	tram__v1__codebook__free_unpacked(a->codebook, NULL);
	free(a);
	*ap = NULL;
}

const char *fake_agent_socket(const struct fake_agent *a)
{
	return a->socket;
}

size_t fake_agent_reports(const struct fake_agent *a)
{
	return a->n_committed;
}

const uint8_t *fake_agent_report(const struct fake_agent *a, size_t i, size_t *ret_len)
{
	*ret_len = a->committed[i].len;
	return a->committed[i].bytes;
}
