/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session - the centre's half of the protocol, as a pure state machine: no socket, no clock, no disk, no thread.
 *
 * In go messages of agents, results of lanes, the roster, the catalogue's version, the stores' state and time; out come
 * actions (send this, give a lane that to do, tell this event), which the caller takes with session_next() after every
 * call and carries out in order. Same inputs, same random numbers: same actions. An agent has at most one live session
 * and one HELLO under way; everything it can make the core hold is bounded. PROTOCOL.md is the specification.
 *
 * A HELLO takes over only when its lane has said where to resume: one that is refused (a forked copy) disturbs nobody.
 * A refused PUBLISH ends its session: what follows it could not be contiguous, and HELLO finds the place again.
 */
#ifndef TRAM_SESSION_H
#define TRAM_SESSION_H

#include "budget.h"
#include "codec.h"
#include "counter.h"
#include "credit.h"
#include "digest.h"
#include "event.h"
#include "keys.h"
#include "roster.h"

struct session_core;

struct session_settings {
	struct credit_settings credit;
	uint64_t message_bytes, report_bytes, batch_bytes;
	uint32_t observations, batch_reports;
	int64_t heartbeat_us;
	int64_t ack_repeat_us;     /* an acknowledgement the agent has not confirmed is said again after this */
	uint32_t checks;           /* and questions what is owed, under way at once, of all agents */
	uint32_t hellos, tidings;  /* of one agent in a minute: HELLOs taken, comings and goings told; 0: no limit */
	const struct keys *centre; /* signs acknowledgements */
	unsigned lanes;
	uint64_t (*random)(void *context);
	void *random_context;
};

struct session_time {
	int64_t wall_us, monotonic_us;
};

/* What an agent sent. envelope: decoded data, NULL when it cannot be read. Everything valid for the call. */
struct session_message {
	uint64_t peer;
	const char *user; /* User-Id: the agent that owns the key; "": none */
	const uint8_t *data;
	size_t len;
	const Tram__V1__Envelope *envelope;
};

enum session_job { SESSION_JOB_HELLO, SESSION_JOB_PUBLISH, SESSION_JOB_CHECK, SESSION_JOB_VERDICTS, SESSION_JOB_TODO };

/* What a lane has done: the result of a job, as aggregator/lane.h describes it. Valid for the call. */
enum session_result_kind {
	SESSION_SUBSCRIBED, /* to a HELLO */
	SESSION_REFUSED,
	SESSION_COMMITTED,
	SESSION_CHECKED,
	SESSION_VERDICTS,
	SESSION_OWED, /* to a TODO_REQUEST */
};
/* Why something is refused, where the code alone does not say it. */
enum session_cause {
	SESSION_CAUSE_OF_CODE,
	SESSION_CAUSE_SUSPENDED,
	SESSION_CAUSE_SIGNING_KEY,
	SESSION_CAUSE_TOO_MANY_EPOCHS,
	SESSION_CAUSE_STORE_FAILED,
};
struct session_result {
	enum session_result_kind kind;
	const char *agent;
	uint64_t session, peer;
	struct epoch epoch;
	uint64_t seq;
	struct digest chain;
	uint64_t verdict_seq;
	int64_t committed_at_us; /* 0: not known */
	bool verdicts_differ;    /* SUBSCRIBED: the agent holds other verdicts than these */
	struct credit done;
	enum session_job refused;
	Tram__V1__RefusalCode refusal;
	enum session_cause cause;
	const char *detail; /* REFUSED: what was found, for the event; NULL is "" */
	Tram__V1__Verdict **verdicts;
	size_t n_verdicts;
	uint64_t check_id;                  /* or request_id */
	Tram__V1__Difference **differences; /* CHECKED */
	size_t n_differences;
	Tram__V1__Todo *todo; /* OWED; NULL: it could not be made */
};

enum session_action_kind {
	SESSION_SEND,     /* data to peer */
	SESSION_JOB,      /* data, an envelope as it came in, to the lane */
	SESSION_CODEBOOK, /* make the agent's codebook and give it to session_send_codebook() */
	SESSION_EVENT,    /* to feed and journal */
};

#define SESSION_FIELDS_MAX 8
#define SESSION_FIELD_TEXT 64
struct session_field {
	const char *name;
	char value[SESSION_FIELD_TEXT];
};

struct session_action {
	enum session_action_kind kind;
	char agent[ROSTER_AGENT_MAX + 1];
	uint64_t session, peer;
	uint8_t *data; /* SEND, JOB; belongs to whoever took the action */
	size_t len;
	enum session_job job;
	unsigned lane;
	uint64_t verdict_after, check_id, payload_bytes;
	int64_t received_at_us;
	uint8_t signing_public[SIGN_PUBLIC_SIZE];
	enum event_id event;
	size_t n_fields;
	struct session_field fields[SESSION_FIELDS_MAX];
};

/* roster and settings->centre are the caller's and outlive the core (or are replaced); counters are the caller's. */
struct session_core *session_core_new(const struct session_settings *settings, const struct roster *roster,
				      uint32_t catalogue_version, struct counters *counters);
void session_core_free(struct session_core **cp);

/* ---------------------------------------------------------------- inputs */

void session_take_message(struct session_core *c, const struct session_message *m, struct session_time now);
void session_take_result(struct session_core *c, const struct session_result *r, struct session_time now);

/* Timers: heartbeats, repeated acknowledgements, silence. Call a few times within a heartbeat, after what came in. */
void session_tick(struct session_core *c, struct session_time now);

/* A new roster is in force; sessions of agents that are not active any more end. The old one may go afterwards. */
void session_set_roster(struct session_core *c, const struct roster *roster, struct session_time now);
void session_set_catalogue(struct session_core *c, uint32_t version, struct session_time now);
/* So far go the verdicts of an agent in the store: what is beyond those that lanes told of is fetched and said. */
void session_set_verdicts(struct session_core *c, const char *agent, uint64_t verdict_seq);
/* Limits, credit and timers from now on; lanes, centre and random stay. */
void session_set_settings(struct session_core *c, const struct session_settings *settings);

/* A lane lost or regained its store: its agents are told at once that they have no, or new, credit. */
void session_set_store(struct session_core *c, unsigned lane, bool up, struct session_time now);

/* From now on nothing new is taken; results are still answered. */
void session_stop(struct session_core *c);

/* A SEND found its peer gone. */
void session_peer_gone(struct session_core *c, const char *agent, uint64_t peer, struct session_time now);

/* A JOB could not be given to its lane: its queue is full. Before session_action_clear(). */
void session_job_refused(struct session_core *c, const struct session_action *job, struct session_time now);

/* The codebook an action asked for; agent, session and peer as the action had them. */
void session_send_codebook(struct session_core *c, const struct session_action *asked, Tram__V1__Codebook *codebook);

/* ---------------------------------------------------------------- outputs */

/* The next action, oldest first; false when there is none. Free its data, or session_action_clear() it. */
bool session_next(struct session_core *c, struct session_action *ret);
void session_action_clear(struct session_action *action);

/* ---------------------------------------------------------------- for status */

struct session_view {
	const char *agent;
	bool connected;
	const char *software;       /* of the last session */
	int64_t connected_since_us; /* wall, the same */
	unsigned lane;
	uint64_t session, committed, last_appended, verdict_seq, verdict_cursor;
	int64_t heard_us, oldest_pending_us; /* monotonic, 0: never; wall, 0: none */
	struct credit told, under_way;
};
/* Agents that said HELLO since the start, in the order of their names; how many. */
size_t session_count(const struct session_core *c);
size_t session_connected(const struct session_core *c);
/* Agents that have something to send and wait for their turn; bytes of the budget that are reserved. */
size_t session_waiting(const struct session_core *c);
uint64_t session_reserved(const struct session_core *c);
struct session_view session_view(const struct session_core *c, size_t i);

/* The lane an agent belongs to. */
unsigned session_lane(const struct session_core *c, const char *agent);

#endif
