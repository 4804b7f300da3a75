/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

#include "fault.h"
#include "mem.h"

#include <sodium.h>
#include <stdlib.h>

struct gate {
	void *socket;
	struct counters *counters;
	struct arena *arena; /* one message */
	struct road_message message;
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
	return g;
}

void gate_close(struct gate **gp)
{
	struct gate *g = *gp;
	if (!g)
		return;
	road_close(&g->socket);
	road_message_clear(&g->message);
	arena_free(&g->arena);
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
	const struct session_message message = {.peer = m->peer,
						.user = m->user,
						.data = m->data,
						.len = m->len,
						.envelope = codec_envelope(g->arena, m->data, m->len, &err)};
	session_take_message(c, &message, now);
}

bool gate_receive(struct gate *g, struct session_core *c, struct session_time now, size_t max)
{
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

void gate_send(struct gate *g, struct session_core *c, const struct session_action *action, struct session_time now)
{
	switch (road_send_to(g->socket, action->peer, action->data, action->len)) {
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
