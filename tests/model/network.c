/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, and what is under way in them. */
#include "world.h"

#include <assert.h>
#include <string.h>

#define PEER_FIRST 100

bool queue_put(struct queue *q, uint16_t message)
{
	if (q->n == QUEUE)
		return false;
	q->at[q->n++] = message;
	return true;
}

uint16_t queue_take(struct queue *q)
{
	assert(q->n > 0);
	uint16_t first = q->at[0];
	q->n--;
	memmove(q->at, q->at + 1, q->n * sizeof q->at[0]);
	q->at[q->n] = 0;
	return first;
}

static bool is_named(const struct world *w, uint64_t peer)
{
	for (size_t i = 0; i < CONNS; i++)
		if (w->conns[i].is && w->conns[i].peer == peer)
			return true;
	for (size_t i = 0; i < STRAYS; i++)
		if (w->strays[i].is && w->strays[i].peer == peer)
			return true;
	for (size_t i = 0; i < CENTRES; i++) {
		const struct lane *l = &w->centres[i].lane;
		if (centre_names(&w->centres[i].state, peer))
			return true;
		for (size_t n = 0; n < l->n_jobs; n++)
			if (l->jobs[n].peer == peer)
				return true;
		for (size_t n = 0; n < l->n_results; n++)
			if (l->results[n].peer == peer)
				return true;
	}
	return false;
}

/* Peers have other numbers than sessions, so that one can look for either. */
static uint16_t new_peer(struct world *w)
{
	uint16_t peer = PEER_FIRST;
	if (!manner.frozen)
		return (uint16_t)(PEER_FIRST + ++w->peers);
	while (is_named(w, peer))
		peer++;
	return peer;
}

static void conn_forget(struct world *w, size_t at)
{
	memmove(&w->conns[at], &w->conns[at + 1], (CONNS - at - 1) * sizeof w->conns[0]);
	memset(&w->conns[CONNS - 1], 0, sizeof w->conns[0]);
	for (size_t b = 0; b < BOXES; b++) {
		if (w->boxes[b].conn == at)
			w->boxes[b].conn = NOBODY;
		else if (w->boxes[b].conn != NOBODY && w->boxes[b].conn > at)
			w->boxes[b].conn--;
	}
}

void conns_tidy(struct world *w)
{
	for (size_t i = 0; i < CONNS && w->conns[i].is;) {
		const struct conn *c = &w->conns[i];
		bool held = w->boxes[c->box].conn == i;
		if (!c->up && !held && c->to_centre.n == 0 && c->to_agent.n == 0)
			conn_forget(w, i);
		else
			i++;
	}
}

/* The oldest that has ended makes room: what it held is lost. */
static struct conn *conn_room(struct world *w)
{
	conns_tidy(w);
	for (size_t i = 0; i < CONNS && w->conns[CONNS - 1].is; i++)
		if (!w->conns[i].up)
			conn_forget(w, i);
	size_t at = 0;
	while (at < CONNS && w->conns[at].is)
		at++;
	assert(at < CONNS);
	return &w->conns[at];
}

struct conn *conn_open(struct world *w, size_t box, size_t centre)
{
	w->boxes[box].conn = NOBODY;
	struct conn *c = conn_room(w);
	*c = (struct conn){.box = (uint8_t)box, .centre = (uint8_t)centre};
	c->peer = new_peer(w);
	c->is = c->up = c->agent_end = c->centre_end = true;
	w->boxes[box].conn = (uint8_t)(c - w->conns);
	return c;
}

void conn_end(struct conn *c, bool half)
{
	c->up = false;
	c->half = half;
}

/* One end is gone for good: nobody will read what comes there. */
void conn_leave(struct world *w, struct conn *c, bool agent_end)
{
	if (agent_end) {
		c->agent_end = false;
		memset(&c->to_agent, 0, sizeof c->to_agent);
		if (w->boxes[c->box].conn == c - w->conns)
			w->boxes[c->box].conn = NOBODY;
	} else {
		c->centre_end = false;
		memset(&c->to_centre, 0, sizeof c->to_centre);
	}
	c->up = c->half = false;
}

struct conn *conn_of_peer(struct world *w, uint64_t peer)
{
	for (size_t i = 0; i < CONNS; i++)
		if (w->conns[i].is && w->conns[i].peer == peer)
			return &w->conns[i];
	return NULL;
}

/* ---------------------------------------------------------------- names */

struct naming {
	uint16_t old[64];
	size_t n;
};

static uint16_t renamed(struct naming *names, uint64_t peer)
{
	if (peer == 0)
		return 0;
	for (size_t i = 0; i < names->n; i++)
		if (names->old[i] == peer)
			return (uint16_t)(PEER_FIRST + i);
	assert(names->n < sizeof names->old / sizeof names->old[0]);
	names->old[names->n] = (uint16_t)peer;
	return (uint16_t)(PEER_FIRST + names->n++);
}

void peers_rename(struct world *w)
{
	struct naming names = {.n = 0};
	for (size_t i = 0; i < CONNS && w->conns[i].is; i++)
		w->conns[i].peer = renamed(&names, w->conns[i].peer);
	for (size_t i = 0; i < STRAYS; i++)
		w->strays[i].peer = renamed(&names, w->strays[i].peer);
	for (size_t i = 0; i < CENTRES; i++) {
		struct lane *l = &w->centres[i].lane;
		for (size_t n = 0; n < l->n_jobs; n++)
			l->jobs[n].peer = renamed(&names, l->jobs[n].peer);
		for (size_t n = 0; n < l->n_results; n++)
			l->results[n].peer = renamed(&names, l->results[n].peer);
		uint64_t *peers[3 * WHO];
		size_t n_peers = centre_peers(&w->centres[i].state, peers);
		for (size_t n = 0; n < n_peers; n++)
			*peers[n] = renamed(&names, *peers[n]);
	}
}
