/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_core - what the parts of session (session.c, opening.c, stream.c, action.c) share; nobody else includes it.
 */
#ifndef TRAM_SESSION_CORE_H
#define TRAM_SESSION_CORE_H

#include "session.h"

#define PROTOCOL_VERSION     1
#define NONCE_SIZE           16
#define SEQ_LIMIT            (UINT64_C(1) << 40)
#define SILENT_HEARTBEATS    3
#define HELLO_BYTES_MAX      (64u << 10)
#define ENVELOPE_ROOM        (4u << 10) /* what a message may have around the payload or report that it is charged for */
#define CHECKS_AN_AGENT      2
#define VERDICT_WINDOW       5000 /* verdicts said beyond what the agent says it has stored */
#define CODEBOOK_INTERVAL_US INT64_C(1000000)
#define TELL_INTERVAL_US     INT64_C(10000000) /* the same refusal of the same agent makes one event in this time */
#define CLONE_WINDOW_US      INT64_C(60000000)
#define CLONE_ALTERNATIONS   3
#define NONCES_KEPT          4

enum refusal_id {
#define REFUSAL(id, cause, code, retry_ms, telling, vi, en) REFUSAL_##id,
#include "refusal.def"
#undef REFUSAL
	REFUSAL_KINDS,
	REFUSAL_NONE = REFUSAL_KINDS
};

/* A HELLO, from its arrival until its lane has answered. */
struct opening {
	bool is;
	uint64_t session, peer;
	struct epoch epoch;
	uint8_t nonce[NONCE_SIZE];
	uint64_t first_kept, last_appended, verdict_cursor;
	char software[SESSION_FIELD_TEXT];
	uint8_t *data; /* of the one that waits; owned */
	size_t len;
};

/* Whose sessions followed one another: two nonces that take turns are two running copies. */
struct turns {
	uint8_t nonces[NONCES_KEPT][NONCE_SIZE];
	size_t n_nonces; /* ever noted */
	int64_t returned_us[CLONE_ALTERNATIONS];
	size_t n_returned; /* ever noted */
	int64_t told_us;
};

struct agent {
	char id[ROSTER_AGENT_MAX + 1];
	unsigned lane;

	/* the live session; session 0: none */
	uint64_t session, peer;
	uint8_t nonce[NONCE_SIZE];
	int64_t heard_us, heartbeat_at_us, ack_at_us, verdicts_said_us, codebook_us;
	uint64_t last_appended, confirmed, verdict_cursor; /* as the agent last said */
	int64_t connected_since_us;                        /* wall */
	char software[SESSION_FIELD_TEXT];
	int64_t oldest_pending_us;

	struct opening opening; /* the HELLO whose lane is at it */
	struct opening waiting; /* the newest one that came meanwhile */

	/* where the stream stands */
	struct epoch epoch;
	uint64_t committed;
	struct digest chain;
	int64_t committed_at_us;
	uint8_t signature[SIGNATURE_SIZE];
	bool is_signed;

	uint64_t verdict_seq, verdict_sent; /* the last one made; the last one said in this session */
	bool verdicts_under_way;
	unsigned checks;
	bool asks_todo; /* TODO_REQUEST under way */
	struct credit_account credit;
	struct budget_claim claim;
	uint64_t
	    told_less_at; /* an acknowledgement of so much told less credit than before; 0: none waits to be heard */
	struct turns turns;
	int64_t told_us[REFUSAL_KINDS];
	int64_t hello_pace_us, tidings_pace_us;
};

struct session_core {
	struct session_settings settings;
	const struct roster *roster;
	uint32_t catalogue_version;
	struct counters *counters;
	struct agent **agents; /* by id */
	size_t n_agents, connected;
	bool *lane_is_down;
	bool stopping;
	unsigned checks;
	int64_t ticked_us;
	struct budget budget;
	struct session_action *actions;
	size_t first_action, n_actions, actions_room;
};

/* ---------------------------------------------------------------- action.c */

/* What a refusal is about. */
struct refusal_of {
	Tram__V1__Envelope__BodyCase answers; /* 0: the session */
	uint64_t check_id;
	const struct session_result *at; /* NULL: no position and no detail */
};
void refuse(struct session_core *c, const char *agent, uint64_t peer, uint64_t session, enum refusal_id why,
	    const struct refusal_of *of);
/* What a lane refused for. */
enum refusal_id refusal_of_result(const struct session_result *r);

void send_to(struct session_core *c, const struct agent *a, uint64_t peer, uint64_t session,
	     Tram__V1__Envelope__BodyCase type, void *body);

/* A job for the agent's lane; data is copied. The caller fills in the rest. */
struct session_action *add_job(struct session_core *c, const struct agent *a, enum session_job job, const void *data,
			       size_t len);

struct session_action *add_event(struct session_core *c, enum event_id id, const char *agent);
void field_text(struct session_action *event, const char *name, const char *value);
void field_number(struct session_action *event, const char *name, uint64_t value);
void field_hex(struct session_action *event, const char *name, const void *data, size_t len);
struct session_action *add_action(struct session_core *c, enum session_action_kind kind, const char *agent);

/* At most SESSION_FIELD_TEXT - 1 printable ASCII characters of what a peer says of itself. */
void copy_plain(char *to, const char *from);

/* ---------------------------------------------------------------- session.c */

/* Ends the live session, if any. */
void end_session(struct session_core *c, struct agent *a, enum counter_id why);
/* Refuses and ends the live session. */
void end_refused(struct session_core *c, struct agent *a, enum refusal_id why, const struct refusal_of *of,
		 struct session_time now);
/* Tells the event agent.refused, if this refusal is one that is told and was not told a moment ago. */
void tell_refused(struct session_core *c, struct agent *a, enum refusal_id why, const char *claimed,
		  const struct session_result *at, struct session_time now);
enum refusal_id judge_state(const struct session_core *c, const struct roster_row *row);
bool lane_is_up(const struct session_core *c, const struct agent *a);
/* Whether one more is within so many a minute; *pace_us is the caller's memory of it, 0 at first. */
bool keeps_pace(int64_t *pace_us, uint32_t a_minute, int64_t now_us);
/* An event of the agent's coming or going, or NULL: it comes and goes too often, which is counted. */
struct session_action *add_tidings(struct session_core *c, struct agent *a, enum event_id id, struct session_time now);
void note_exposure(struct session_core *c, struct agent *a, struct session_time now);
void give_turns(struct session_core *c, struct session_time now);
struct credit tell_credit(struct session_core *c, struct agent *a, struct session_time now);
void put_credit(struct credit credit, Tram__V1__Credit *ret);

/* ---------------------------------------------------------------- opening.c */

void take_hello(struct session_core *c, struct agent *a, const struct session_message *m, struct session_time now);
void hello_done(struct session_core *c, struct agent *a, const struct session_result *r, struct session_time now);
void hello_not_taken(struct session_core *c, struct agent *a);
void forget_openings(struct agent *a);

/* ---------------------------------------------------------------- stream.c */

void take_publish(struct session_core *c, struct agent *a, const struct session_message *m, struct session_time now);
void take_check(struct session_core *c, struct agent *a, const struct session_message *m, struct session_time now);
void take_todo_request(struct session_core *c, struct agent *a, const struct session_message *m);
void take_heartbeat(struct session_core *c, struct agent *a, const Tram__V1__Heartbeat *h, struct session_time now);
void publish_done(struct session_core *c, struct agent *a, const struct session_result *r, struct session_time now);
void publish_refused(struct session_core *c, struct agent *a, const struct session_result *r, struct session_time now);
void check_done(struct session_core *c, struct agent *a, const struct session_result *r);
void todo_done(struct session_core *c, struct agent *a, const struct session_result *r);
void verdicts_done(struct session_core *c, struct agent *a, const struct session_result *r, struct session_time now);
void say_ack(struct session_core *c, struct agent *a, struct session_time now);
void say_heartbeat(struct session_core *c, struct agent *a, struct session_time now);
void fetch_verdicts(struct session_core *c, struct agent *a);

#endif
