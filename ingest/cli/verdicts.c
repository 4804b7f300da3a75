/* SPDX-License-Identifier: Apache-2.0 */
#include "verdicts.h"

#include "codec.h"
#include "digest.h"
#include "mem.h"
#include "show.h"
#include "talk.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_CAP (96u << 20) /* what hostile bytes can make of one report */

/* The report that a verdict judges, if the outbox still has it: an outbox made anew counts from 1 again. */
static const Tram__V1__Report *judged_report(const struct verdict_query *q, const Tram__V1__Verdict *verdict,
					     struct arena *arena)
{
	const Tram__V1__Report *report = NULL;
	struct digest digest;
	struct err err;
	size_t len;
	uint8_t *bytes = verdict->n_findings ? talk_report(q->socket, verdict->seq, &len, &err) : NULL;

	if (!bytes)
		return NULL;
	digest_report(bytes, len, &digest);
	if (verdict->digest.len == sizeof digest.bytes &&
	    memcmp(verdict->digest.data, digest.bytes, sizeof digest.bytes) == 0)
		report = codec_report(arena, bytes, len, &err);
	free(bytes);
	return report;
}

/* The latest verdict of each report: a later one may say otherwise. */
struct latest {
	uint64_t seq;
	bool accepted;
};

struct fetching {
	struct verdict_query *q;
	struct latest *latest;
	size_t n;
};

static void note_latest(struct fetching *f, const Tram__V1__Verdict *verdict)
{
	size_t i = f->n;

	while (i > 0 && f->latest[i - 1].seq != verdict->seq)
		i--;
	if (i == 0) {
		f->latest = xreallocarray(f->latest, f->n + 1, sizeof *f->latest);
		i = ++f->n;
	}
	f->latest[i - 1] = (struct latest){verdict->seq, show_is_accepted(verdict)};
}

static void show_row(const struct verdict_query *q, const Tram__Control__V1__VerdictRow *row)
{
	struct arena *arena = arena_new(ARENA_CAP);
	const struct show_about about = {.ticket = row->ticket,
					 .file_name = row->file_name,
					 .provider = row->provider,
					 .dataflow = row->dataflow,
					 .time_period = row->time_period,
					 .handed_in_at_us = row->handed_in_at_us,
					 .stored_at_us = row->stored_at_us,
					 .report = judged_report(q, row->verdict, arena)};

	if (q->gather)
		json_array_append_new(q->gather, show_verdict_json(row->verdict, &about));
	else
		show_verdict(stdout, row->verdict, &about);
	arena_free(&arena);
}

static bool take_row(void *context, const Tram__Control__V1__ControlReply *reply)
{
	struct fetching *f = context;
	const Tram__Control__V1__VerdictRow *row = reply->verdict_row;

	if (reply->body_case != TRAM__CONTROL__V1__CONTROL_REPLY__BODY_VERDICT_ROW || !row->verdict ||
	    row->stored_at_us < f->q->since_us)
		return true;
	f->q->rows++;
	if (f->q->ticket)
		note_latest(f, row->verdict);
	show_row(f->q, row);
	return true;
}

bool verdicts_fetch(struct verdict_query *q, struct err *err)
{
	Tram__Control__V1__ControlRequest request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__VerdictsRequest body;
	struct fetching f = {.q = q};
	char *ticket = q->ticket ? xstrdup(q->ticket) : NULL;
	bool ok;

	tram__control__v1__verdicts_request__init(&body);
	if (ticket)
		body.ticket = ticket;
	body.wait_ms = q->wait_s > INT32_MAX / 1000 ? INT32_MAX : (uint32_t)(q->wait_s * 1000);
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_VERDICTS;
	request.verdicts = &body;
	q->rows = 0;
	q->all_accepted = true;
	ok = talk_ask(q->socket, &request, body.wait_ms + (int64_t)TALK_PATIENCE_MS, take_row, &f, err);
	q->reports = f.n;
	for (size_t i = 0; i < f.n; i++)
		q->all_accepted = q->all_accepted && f.latest[i].accepted;
	free(f.latest);
	free(ticket);
	return ok;
}
