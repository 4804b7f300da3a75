/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

#include "fault.h"
#include "guard.h"
#include "mem.h"

#include <sodium.h>
#include <stdlib.h>

#define GUARD_ROOM (256 << 10) /* buffers, and what the messages have around them */

/* A peer with large messages on their way to it. */
struct unread {
	struct unread *next;
	uint64_t peer;
	struct road_held *held;
};

struct gate {
	void *socket;
	struct counters *counters;
	struct arena *arena; /* one message */
	struct road_message message;
	struct guard *guard;
	struct unread *unread;
	size_t unread_max; /* bytes of large messages that may wait for one peer */
};

struct gate *gate_open(void *context, const char *endpoint, const struct keys *keys,
		       const struct road_settings *settings, struct counters *counters, struct err *err)
{
	void *socket = road_centre_open(context, endpoint, keys, settings, err);
	if (!socket)
		return NULL;
	struct gate *g = xcalloc(1, sizeof(*g));
	g->socket = socket;
	g->counters = counters;
	/* An agent's messages are flat: decoded they are little more than their bytes. */
	g->arena = arena_new(2 * (size_t)settings->message_bytes);
	g->unread_max = (size_t)settings->message_bytes;
	char at[ROAD_ENDPOINT_MAX];
	size_t whole = (size_t)(settings->receive_high_water + 2) * (size_t)settings->message_bytes;
	g->guard = guard_new(road_endpoint(socket, at), whole + GUARD_ROOM, counters);
	return g;
}

static void forget(struct unread **place)
{
	struct unread *u = *place;
	*place = u->next;
	road_held_free(&u->held);
	free(u);
}

void gate_close(struct gate **gp)
{
	struct gate *g = *gp;
	if (!g)
		return;
	road_close(&g->socket);
	while (g->unread)
		forget(&g->unread);
	road_message_clear(&g->message);
	arena_free(&g->arena);
	guard_free(&g->guard);
	free(g);
	*gp = NULL;
}

void *gate_socket(struct gate *g)
{
	return g->socket;
}

static void take(struct gate *g, struct session_core *c, struct session_time now)
{
	struct err err;
	const struct road_message *m = &g->message;
	FAULT_POINT(G1_FRAME_RECEIVED);
	arena_reset(g->arena);
	count(g->counters, COUNTER_ENVELOPES);
	count_by(g->counters, COUNTER_BYTES, m->len);
	guard_heard(g->guard, m->fd, m->len);
	const struct session_message message = {.peer = m->peer,
						.user = m->user,
						.data = m->data,
						.len = m->len,
						.envelope = codec_envelope(g->arena, m->data, m->len, &err)};
	session_take_message(c, &message, now);
}

bool gate_receive(struct gate *g, struct session_core *c, struct session_time now, size_t max)
{
	guard_look(g->guard, now.monotonic_us);
	for (size_t i = 0; i < max; i++) {
		switch (road_receive_from(g->socket, &g->message)) {
		case ROAD_OK: take(g, c, now); break;
		case ROAD_ODD: count(g->counters, COUNTER_IGNORED_ODD); break;
		case ROAD_NONE:
		case ROAD_GONE: return false;
		}
	}
	return true;
}

/* What waits for the peer; on the way those are forgotten for whom nothing does. */
static struct unread *unread_of(struct gate *g, uint64_t peer)
{
	struct unread *found = NULL, **place = &g->unread;
	while (*place) {
		if ((*place)->peer == peer)
			found = *place;
		else if (road_held_bytes((*place)->held) == 0) {
			forget(place);
			continue;
		}
		place = &(*place)->next;
	}
	if (found)
		return found;
	struct unread *u = xcalloc(1, sizeof(*u));
	*u = (struct unread){.next = g->unread, .peer = peer, .held = road_held_new()};
	return g->unread = u;
}

/* Who does not read is not sent more than the one message that is as large as one may be. */
static enum road_result send_large(struct gate *g, const struct session_action *action)
{
	struct unread *u = unread_of(g, action->peer);
	size_t waits = road_held_bytes(u->held);
	if (waits > 0 && waits + action->len > g->unread_max)
		return ROAD_NONE;
	return road_send_held(g->socket, action->peer, action->data, action->len, u->held);
}

static enum road_result send_any(struct gate *g, const struct session_action *action)
{
	return action->len > GATE_SMALL_MESSAGE ? send_large(g, action)
						: road_send_to(g->socket, action->peer, action->data, action->len);
}

void gate_send(struct gate *g, struct session_core *c, const struct session_action *action, struct session_time now)
{
	switch (send_any(g, action)) {
	case ROAD_OK: count(g->counters, COUNTER_SENT); break;
	case ROAD_NONE:
	case ROAD_ODD: count(g->counters, COUNTER_UNSENT_FULL); break;
	case ROAD_GONE:
		count(g->counters, COUNTER_UNSENT_GONE);
		session_peer_gone(c, action->agent, action->peer, now);
		break;
	}
}

uint64_t gate_random(void *unused)
{
	uint64_t n;
	(void)unused;
	randombytes_buf(&n, sizeof(n));
	return n;
}
