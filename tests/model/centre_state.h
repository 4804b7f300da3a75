/* SPDX-License-Identifier: Apache-2.0 */
/*
 * centre_state - all that a session core holds, as one flat struct that can be copied, compared and put back.
 *
 * The only place outside ingest/gate that looks into struct agent. A member added there is copied and compared by itself;
 * only a new pointer would have to be known here.
 */
#ifndef TRAM_MODEL_CENTRE_STATE_H
#define TRAM_MODEL_CENTRE_STATE_H

#include "session_core.h"
#include "sizes.h"

struct centre_state {
	struct session_core core; /* without its pointers */
	struct agent agents[WHO];
	uint16_t waiting[WHO]; /* the message of the HELLO that waits */
	uint8_t line[WHO];     /* agents that wait for credit, in order */
	bool lane_is_down;
};

void centre_save(const struct session_core *c, struct centre_state *ret);
void centre_load(const struct centre_state *s, struct session_core *c);

/* The timers of a session, for a search that lets them end when it likes. */
enum centre_timer { BEAT, REPEAT, SILENCE, QUIET, GRACE, CENTRE_TIMERS };

/* Whether the timer runs: whether its end could change anything. */
bool centre_timer_runs(const struct centre_state *s, size_t agent, enum centre_timer timer, int64_t now_us);
/* Makes it due now. */
void centre_timer_end(struct centre_state *s, size_t agent, enum centre_timer timer, int64_t now_us);

/* Leaves out what only counts or tells the time: two states that then are equal behave alike when time stands still. */
void centre_forget_time(struct centre_state *s, int64_t later_us);

/* What the search has to know of an agent: its session and its connection, 0: none. */
uint64_t centre_session(const struct centre_state *s, size_t agent, uint64_t *ret_peer);
/* The places where it says a peer, so that they can be renamed. Returns how many. */
size_t centre_peers(struct centre_state *s, uint64_t *ret[static 3 * WHO]);
/* Whether a number is in use as a session, or as a peer. */
bool centre_names(const struct centre_state *s, uint64_t number);

#endif
