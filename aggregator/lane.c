/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_own.h"

#include "clock.h"
#include "history.h"
#include "mem.h"
#include "opened.h"
#include "waiting.h"

#include <assert.h>
#include <stdlib.h>

#define IDLE_MS 1000

void job_free(struct job **jp)
{
	if (*jp) {
		free((*jp)->data);
		catalogue_unref(&(*jp)->catalogue);
		peers_unref(&(*jp)->peers);
	}
	free(*jp);
	*jp = NULL;
}

/* ---------------------------------------------------------------- what comes in */

static void take_catalogue(struct lane *l, struct job *job)
{
	catalogue_unref(&l->catalogue);
	histories_clear(l->histories); /* areas may be other agents' now */
	l->catalogue = job->catalogue;
	job->catalogue = NULL;
}

static void take_peers(struct lane *l, struct job *job)
{
	peers_unref(&l->peers);
	l->peers = job->peers;
	l->peers_are_known = false;
	job->peers = NULL;
}

void lane_take_in(struct lane *l, struct job *job)
{
	if (job->kind == JOB_CATALOGUE)
		take_catalogue(l, job);
	else if (job->kind == JOB_PEERS)
		take_peers(l, job);
	else if (job->kind == JOB_STOP)
		l->stopping = true;
	else {
		waiting_put(l->waiting, job);
		atomic_store(&l->n_waiting, waiting_count(l->waiting));
		return;
	}
	job_free(&job);
}

bool lane_is_over(const struct lane *l)
{
	return atomic_load(&l->abandoned) || (l->stopping && waiting_count(l->waiting) == 0);
}

/* ---------------------------------------------------------------- the thread */

/* Takes in what came meanwhile; where there is nothing to do, waits for it. */
static void take_in_all(struct lane *l)
{
	bool idle = waiting_count(l->waiting) == 0 && !l->stopping;
	if (idle && l->store)
		lane_went_well(l);
	struct job *job = idle ? handoff_take(l->jobs, IDLE_MS) : handoff_try_take(l->jobs);
	if (idle && !job && l->store && !store_is_alive(l->store))
		lane_drop_store(l);
	for (; job; job = handoff_try_take(l->jobs))
		lane_take_in(l, job);
	atomic_store(&l->n_waiting, waiting_count(l->waiting));
}

/* Questions go first, but not for longer than a group takes when others wait. */
static void serve_questions(struct lane *l)
{
	int64_t until_us = clock_monotonic_us() + l->pace.time_us;
	do {
		struct job *job = waiting_take_question(l->waiting);
		if (!job)
			break;
		lane_serve_question(l, job);
		job_free(&job);
	} while (!atomic_load(&l->abandoned) && clock_monotonic_us() < until_us);
}

static void *run(void *context)
{
	struct lane *l = context;
	for (take_in_all(l); lane_have_store(l) && !lane_is_over(l); take_in_all(l)) {
		serve_questions(l);
		if (waiting_has_publish(l->waiting) && !atomic_load(&l->abandoned))
			lane_serve_group(l);
	}
	store_close(&l->store);
	lane_give_result(l, lane_result_new(RESULT_STOPPED, NULL, NOTE_ARENA));
	return NULL;
}

struct lane *lane_start(const struct lane_settings *settings, struct catalogue *catalogue, struct handoff *jobs,
			struct handoff *results)
{
	struct lane *l = xcalloc(1, sizeof(*l));
	l->settings = *settings;
	l->database = xstrdup(settings->database);
	l->catalogue = catalogue_ref(catalogue);
	l->jobs = jobs;
	l->results = results;
	l->arena = arena_new(settings->arena_bytes);
	l->opened = opened_new(settings->opened_bytes);
	l->histories = histories_new(settings->history_bytes);
	l->waiting = waiting_new();
	l->pace = pace_of(settings->group_us, (size_t)settings->group_rows);
	lane_start_store(l);
	int failed = pthread_create(&l->thread, NULL, run, l);
	assert(!failed);
	(void)failed;
	return l;
}

void lane_abandon(struct lane *lane)
{
	atomic_store(&lane->abandoned, true);
}

size_t lane_waiting(const struct lane *lane)
{
	return atomic_load(&lane->n_waiting);
}

void lane_join(struct lane **lp)
{
	struct lane *l = *lp;
	if (!l)
		return;
	pthread_join(l->thread, NULL);
	lane_free_streams(l);
	waiting_free(&l->waiting);
	catalogue_unref(&l->catalogue);
	peers_unref(&l->peers);
	arena_free(&l->arena);
	opened_free(&l->opened);
	histories_free(&l->histories);
	free(l->database);
	free(l);
	*lp = NULL;
}
