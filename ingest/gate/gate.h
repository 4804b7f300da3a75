/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate - the end of the road at the centre: takes whole messages from the ROUTER into the sessions, and sends what they say.
 *
 * What cannot be sent is counted and not kept: acknowledgements are repeated, verdicts come from the store again, and a
 * peer that is gone says HELLO when it is back. One thread, that of the loop.
 */
#ifndef TRAM_GATE_H
#define TRAM_GATE_H

#include "road.h"
#include "session.h"

/* Messages up to here are held to a number for each peer (high_water); longer ones to message_bytes together. */
#define GATE_SMALL_MESSAGE (4 << 10)

struct gate;

/* Binds the road. Caller closes with gate_close() before the context. NULL and *err on failure. */
struct gate *gate_open(void *context, const char *endpoint, const struct keys *keys,
		       const struct road_settings *settings, struct counters *counters, struct err *err) MUST_CHECK;
void gate_close(struct gate **gp);

/* The socket, to poll for reading. */
void *gate_socket(struct gate *g);

/* Gives up to max waiting messages to the sessions; true when more may wait. */
bool gate_receive(struct gate *g, struct session_core *c, struct session_time now, size_t max);

/* Carries out a SESSION_SEND. */
void gate_send(struct gate *g, struct session_core *c, const struct session_action *action, struct session_time now);

/* 64 random bits, as session_settings.random wants them. */
uint64_t gate_random(void *unused);

#endif
