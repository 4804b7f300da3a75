/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_own.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct refused lane_store_failed = {TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY, CAUSE_STORE_FAILED};

struct result *lane_result_new(enum result_kind kind, const struct job *job, size_t arena)
{
	struct result *r = xcalloc(1, sizeof(*r));
	r->kind = kind;
	r->arena = arena_new(arena);
	if (job) {
		memcpy(r->agent, job->agent, sizeof(r->agent));
		r->session = job->session;
		r->peer = job->peer;
	}
	return r;
}

void result_free(struct result **rp)
{
	struct result *r = *rp;
	if (!r)
		return;
	if (r->held)
		atomic_fetch_sub(r->held, r->holds);
	arena_free(&r->arena);
	free(r);
	*rp = NULL;
}

void lane_give_result(struct lane *l, struct result *r)
{
	const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
	r->holds = arena_used(r->arena);
	while (atomic_load(&l->results_held) > l->settings.result_bytes && !atomic_load(&l->abandoned))
		nanosleep(&pause, NULL);
	atomic_fetch_add(&l->results_held, r->holds);
	r->held = &l->results_held;
	handoff_put(l->results, r);
}

void lane_refuse_for(struct lane *l, const struct job *job, struct refused why, const struct watermark *w,
		     const char *detail, size_t payload)
{
	struct result *r = lane_result_new(RESULT_REFUSE, job, NOTE_ARENA);
	r->refused = job->kind;
	r->payload_bytes = payload;
	r->batches = job->kind == JOB_PUBLISH;
	r->refusal = why.code;
	r->cause = why.cause;
	r->detail = arena_strdup(r->arena, detail);
	if (w) {
		r->epoch = w->epoch;
		r->seq = w->seq;
		r->chain = w->chain;
	}
	lane_give_result(l, r);
}

void lane_refuse(struct lane *l, const struct job *job, Tram__V1__RefusalCode code, const struct watermark *w,
		 const char *detail, size_t payload)
{
	lane_refuse_for(l, job, (struct refused){.code = code}, w, detail, payload);
}
