/* SPDX-License-Identifier: Apache-2.0 */
#include "lanes.h"

#include "mem.h"

#include <assert.h>
#include <stdlib.h>

#define SPARE       8    /* beyond the capacity: a catalogue or a peer cut now and then, and the stop */
#define RESULTS_MAX 1024 /* a lane waits when main is that far behind */

struct one {
	struct lane *lane;
	struct handoff *jobs, *results;
	/* did not fit into the queue; given as soon as they do */
	struct catalogue *due_catalogue;
	struct peers *due_peers;
	bool stopped;
};

struct lanes {
	struct one *all;
	unsigned n;
	size_t capacity;
};

struct lanes *lanes_start(const struct lane_settings *settings, unsigned n, size_t capacity,
			  struct catalogue *catalogue)
{
	struct lanes *l = xcalloc(1, sizeof(*l));
	l->all = xcalloc(n, sizeof(*l->all));
	l->n = n;
	l->capacity = capacity;
	for (unsigned i = 0; i < n; i++) {
		struct lane_settings own = *settings;
		own.number = (int)i;
		l->all[i].jobs = handoff_new(capacity + SPARE);
		l->all[i].results = handoff_new(RESULTS_MAX);
		l->all[i].lane = lane_start(&own, catalogue, l->all[i].jobs, l->all[i].results);
	}
	return l;
}

static void free_one(struct one *o)
{
	for (struct result *result; (result = handoff_try_take(o->results));)
		result_free(&result);
	lane_join(&o->lane);
	for (struct job *job; (job = handoff_try_take(o->jobs));)
		job_free(&job);
	handoff_free(&o->jobs);
	handoff_free(&o->results);
	catalogue_unref(&o->due_catalogue);
	peers_unref(&o->due_peers);
}

void lanes_free(struct lanes **lp)
{
	struct lanes *l = *lp;
	if (!l)
		return;
	assert(lanes_have_stopped(l));
	for (unsigned i = 0; i < l->n; i++)
		free_one(&l->all[i]);
	free(l->all);
	free(l);
	*lp = NULL;
}

bool lanes_give(struct lanes *l, unsigned lane, struct job *job)
{
	struct one *o = &l->all[lane];
	return lanes_waiting(l, lane) < l->capacity && handoff_try_put(o->jobs, job);
}

static void give_due_catalogue(struct one *o)
{
	if (!o->due_catalogue)
		return;
	struct job *job = xcalloc(1, sizeof(*job));
	job->kind = JOB_CATALOGUE;
	job->catalogue = catalogue_ref(o->due_catalogue);
	if (handoff_try_put(o->jobs, job))
		catalogue_unref(&o->due_catalogue);
	else
		job_free(&job);
}

static void give_due_peers(struct one *o)
{
	if (!o->due_peers)
		return;
	struct job *job = xcalloc(1, sizeof(*job));
	job->kind = JOB_PEERS;
	job->peers = peers_ref(o->due_peers);
	if (handoff_try_put(o->jobs, job))
		peers_unref(&o->due_peers);
	else
		job_free(&job);
}

void lanes_set_catalogue(struct lanes *l, struct catalogue *catalogue)
{
	for (unsigned i = 0; i < l->n; i++) {
		catalogue_unref(&l->all[i].due_catalogue);
		l->all[i].due_catalogue = catalogue_ref(catalogue);
		give_due_catalogue(&l->all[i]);
	}
}

void lanes_set_peers(struct lanes *l, struct peers *peers)
{
	for (unsigned i = 0; i < l->n; i++) {
		peers_unref(&l->all[i].due_peers);
		l->all[i].due_peers = peers_ref(peers);
		give_due_peers(&l->all[i]);
	}
}

int lanes_fd(const struct lanes *l, unsigned lane)
{
	return handoff_fd(l->all[lane].results);
}

struct result *lanes_take(struct lanes *l, unsigned lane)
{
	struct one *o = &l->all[lane];
	struct result *r = handoff_try_take(o->results);
	give_due_catalogue(o);
	give_due_peers(o);
	if (r && r->kind == RESULT_STOPPED)
		o->stopped = true;
	return r;
}

unsigned lanes_count(const struct lanes *l)
{
	return l->n;
}

size_t lanes_waiting(const struct lanes *l, unsigned lane)
{
	return handoff_count(l->all[lane].jobs) + lane_waiting(l->all[lane].lane);
}

void lanes_stop(struct lanes *l)
{
	for (unsigned i = 0; i < l->n; i++) {
		struct job *job = xcalloc(1, sizeof(*job));
		job->kind = JOB_STOP;
		/* A queue that is full even of its spare room belongs to a lane that is stuck: it is abandoned in time. */
		if (!handoff_try_put(l->all[i].jobs, job))
			job_free(&job);
	}
}

void lanes_abandon(struct lanes *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (!l->all[i].stopped)
			lane_abandon(l->all[i].lane);
}

bool lanes_has_stopped(const struct lanes *l, unsigned lane)
{
	return l->all[lane].stopped;
}

bool lanes_have_stopped(const struct lanes *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (!l->all[i].stopped)
			return false;
	return true;
}
