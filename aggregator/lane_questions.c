/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_own.h"

#include "clock.h"
#include "differences.h"
#include "verdict.h"

#include <assert.h>

#define VERDICTS_AT_ONCE 200

static enum store_result try_check(struct lane *l, const struct job *job, struct result *r, struct err *err)
{
	struct intake in;
	const struct intake_settings settings = lane_intake_settings(l);
	enum store_result result = lane_check_peers(l, err);
	if (result != STORE_OK)
		return result;
	lane_start_intake(l, &in, &settings);
	in.force_past = true;
	Tram__V1__Envelope *e = codec_envelope(l->arena, job->data, job->len, err);
	if (!e || e->body_case != TRAM__V1__ENVELOPE__BODY_CHECK)
		return STORE_OK;
	struct publish_entry entry = {
	    .data = e->check->report.data, .len = e->check->report.len, .handed_in_at_us = job->received_at_us};
	digest_report(entry.data, entry.len, &entry.digest);
	if (!intake_add_check(&in, job->agent, &entry, job->received_at_us))
		return STORE_OK;
	result = intake_judge(&in, err);
	if (result != STORE_OK)
		return result;
	const struct verdict_head head = {.digest = &entry.digest,
					  .known_at_us = in.known_at_us,
					  .catalogue_version = catalogue_version(l->catalogue),
					  .cause = "checked"};
	r->verdicts = arena_calloc(r->arena, 1, sizeof(*r->verdicts));
	r->verdicts[0] = verdict_make(r->arena, &head, &in.reports[0].judgement);
	r->n_verdicts = r->verdicts[0] != NULL;
	if (!differences_make(r->arena, &in.reports[0], &r->differences, &r->n_differences))
		r->n_differences = 0; /* the verdict goes without */
	return STORE_OK;
}

/* Some, as many as fit into a result; the first one, however large it is. */
static enum store_result try_verdicts(struct lane *l, const struct job *job, struct result *r, struct err *err)
{
	arena_reset(r->arena);
	enum store_result result = store_verdicts(l->store, job->agent, job->verdict_after, VERDICTS_AT_ONCE, r->arena,
						  &r->verdicts, &r->n_verdicts, err);
	if (result != STORE_OK || r->n_verdicts > 0)
		return result;
	arena_free(&r->arena);
	r->arena = arena_new(SIZE_MAX);
	return store_verdicts(l->store, job->agent, job->verdict_after, 1, r->arena, &r->verdicts, &r->n_verdicts, err);
}

static enum store_result try_todo(struct lane *l, const struct job *job, struct result *r, struct err *err)
{
	const struct todo_question question = {
	    .agent = job->agent, .as_of_us = INT64_MAX, .items_max = TODO_ITEMS_MAX, .missing_max = TODO_MISSING_MAX};
	arena_reset(r->arena);
	enum store_result result = store_todo(l->store, &question, r->arena, &r->todo, err);
	if (r->todo)
		r->todo->at_us = clock_wall_us();
	return result;
}

/* A question that is not answered: CHECK and TODO_REQUEST are refused; verdicts are asked for again by the agent's next heartbeat. */
static void leave_question(const struct job *job, struct result *r, const struct err *err)
{
	r->verdicts = NULL;
	r->n_verdicts = 0;
	if (job->kind != JOB_CHECK && job->kind != JOB_TODO)
		return;
	r->kind = RESULT_REFUSE;
	r->refused = job->kind;
	r->refusal = lane_store_failed.code;
	r->cause = lane_store_failed.cause;
	r->detail = arena_strdup(r->arena, err->text);
}

/* Asks the store a few times. */
static void answer(struct lane *l, const struct job *job, enum result_kind kind,
		   enum store_result (*ask)(struct lane *, const struct job *, struct result *, struct err *))
{
	struct result *r = lane_result_new(kind, job, l->settings.result_bytes);
	struct err err = {0};
	enum store_result result;
	r->check_id = job->check_id;
	for (int tries = 1; (result = ask(l, job, r, &err)) != STORE_OK && tries < QUESTION_TRIES; tries++)
		if (!lane_ask_again(l, result)) {
			result_free(&r);
			return;
		}
	if (result == STORE_OK)
		lane_went_well(l);
	else
		leave_question(job, r, &err);
	lane_give_result(l, r);
}

void lane_serve_question(struct lane *l, const struct job *job)
{
	switch (job->kind) {
	case JOB_HELLO: lane_serve_hello(l, job); break;
	case JOB_CHECK: answer(l, job, RESULT_CHECKED, try_check); break;
	case JOB_VERDICTS: answer(l, job, RESULT_VERDICTS, try_verdicts); break;
	case JOB_TODO: answer(l, job, RESULT_OWED, try_todo); break;
	default: assert(false);
	}
}
