/* SPDX-License-Identifier: Apache-2.0 */
/*
 * courier - the agent's half of the protocol, as a pure state machine: no socket, no clock, no disk, no thread.
 *
 * In go what becomes of the connection, messages of the centre, what was handed in, and time; out come actions, which the
 * caller carries out in order. The outbox is read through a struct source. Same inputs, same random numbers: same
 * actions. It believes only acknowledgements that the centre signed, sends no more than the centre gave credit for, and
 * stops by name when outbox and centre disagree. PROTOCOL.md is the specification; states and what happens in each are
 * one table in courier.c.
 */
#ifndef TRAM_COURIER_H
#define TRAM_COURIER_H

#include "batch.h"
#include "codec.h"
#include "event.h"
#include "retry.h"
#include "road.h"
#include "source.h"

#define COURIER_NONCE_SIZE 16
#define COURIER_FLIGHT_MAX 64 /* batches under way */
#define COURIER_TEXT_MAX   400

enum courier_state {
	COURIER_OFFLINE,   /* no connection */
	COURIER_GREETING,  /* HELLO said, SUBSCRIBE awaited */
	COURIER_STREAMING, /* subscribed: publishing */
	COURIER_RESTING,   /* refused: quiet for a while */
	COURIER_FORKED,    /* outbox and centre disagree: nothing is sent until somebody acted */
	COURIER_STATES
};

enum cause_id {
#define CAUSE(id, name, text, remedy) CAUSE_##id,
#include "cause.def"
#undef CAUSE
	CAUSES
};

/* For people and programs: why the agent is not streaming. */
struct cause {
	const char *name;          /* "wrong_centre_key" */
	const char *text, *remedy; /* N_("...") */
};
extern const struct cause cause_table[CAUSES];

const char *courier_state_name(enum courier_state state); /* "offline" */

struct courier_settings {
	char agent[65];
	struct epoch epoch, previous_epoch;
	bool has_previous;
	struct digest previous_chain;
	uint8_t boot_nonce[COURIER_NONCE_SIZE];
	uint8_t sign_secret[SIGN_SECRET_SIZE], sign_public[SIGN_PUBLIC_SIZE];
	uint8_t centre_sign_public[SIGN_PUBLIC_SIZE];
	const char *software;
	uint64_t batch_bytes;                   /* wanted size of a payload, compressed */
	uint32_t batch_reports;                 /* at most, in one batch */
	int64_t hello_us;                       /* how long a HELLO may wait for its answer */
	int64_t stalled_us;                     /* how long what was sent may stay uncommitted before asking */
	int64_t reconnect_us, reconnect_max_us; /* waits between new sockets */
};

/* Where the outbox stands when the courier starts. */
struct courier_start {
	uint64_t last_appended, acknowledged, verdict_cursor;
	int64_t verdict_known_at_us; /* of the verdict at the cursor; 0: not known */
	uint32_t catalogue_version;
};

struct courier_time {
	int64_t monotonic_us, wall_us;
};

struct courier_counters {
	uint64_t hellos, sessions, batches, payload_bytes, acknowledgements, verdicts, heartbeats_sent;
	uint64_t refusals, superseded, new_sockets, unsent;
	uint64_t ignored_stale, ignored_unreadable, ignored_misplaced, ignored_unverified, verdict_gaps;
};

struct courier_flight {
	uint64_t last_seq, bytes;
};

/* All of it, so that a search may copy and compare states. Read by status; written by courier.c alone. */
struct courier {
	struct courier_settings settings;
	struct source source;
	struct arena *arena;
	enum courier_state state;
	enum cause_id cause;                                         /* NONE while streaming */
	char cause_vi[COURIER_TEXT_MAX], cause_en[COURIER_TEXT_MAX]; /* the centre's own words, if it said any */
	bool source_failed;
	uint64_t session; /* 0: none */
	uint64_t last_appended, committed, acknowledged, verdict_cursor, next_seq;
	int64_t verdict_known_at_us;
	uint32_t catalogue_version, catalogue_offered;
	uint64_t credit_bytes;
	uint32_t credit_batches;
	struct {
		uint64_t message_bytes, report_bytes, batch_bytes;
		uint32_t observations, batch_reports;
		int64_t heartbeat_us;
	} limits; /* the centre's; 0: not told yet */
	struct courier_flight flight[COURIER_FLIGHT_MAX];
	uint32_t flights;
	uint64_t flight_bytes;
	uint32_t reports_cap; /* halved when the centre finds a batch too large; 0: none */
	uint32_t last_count;  /* reports in the batch sent last */
	uint32_t hello_tries;
	struct retry link_retry, refusal_retry;
	bool socket_is_planned;
	uint32_t hung_up; /* handshakes in a row that the peer ended */
	/* monotonic; INT64_MAX: not running */
	int64_t act_at, speak_at, silent_at, stalled_at, work_at, codebook_at;
	int64_t heard_at;      /* monotonic; 0: never */
	int64_t superseded_at; /* monotonic: when another copy took over last; 0: never */
	uint64_t centre_at;    /* where the centre stood when it and the outbox disagreed last */
	int64_t skew_us;       /* the centre's clock less ours */
	struct courier_counters counters;
};

enum courier_action_kind {
	COURIER_SEND,            /* data: one Envelope. If a PUBLISH could not be sent, say courier_unsent() */
	COURIER_STORE_ACK,       /* ack */
	COURIER_STORE_VERDICTS,  /* verdicts, n */
	COURIER_REWIND_VERDICTS, /* cursor: the next verdicts stored follow it, and replace those of the same numbers */
	COURIER_STORE_CODEBOOK,  /* data: a packed Codebook of that version */
	COURIER_NEW_SOCKET,      /* close the socket and open a new one */
	COURIER_CHECKED, /* check_id; data: a packed CheckResult, or NULL: cause, and the centre's words, say why not */
	COURIER_TODO,    /* the same of a question what is owed: a packed Todo, or NULL */
	COURIER_TELL,    /* event */
};

#define COURIER_FIELDS_MAX 6
struct courier_field {
	const char *name;
	char value[80];
};

struct courier_verdict {
	uint64_t verdict_seq, seq;
	int64_t known_at_us;
	struct epoch epoch;
	uint8_t *body; /* a packed Verdict */
	size_t len;
};

struct courier_action {
	enum courier_action_kind kind;
	uint8_t *data;
	size_t len;
	uint64_t first_seq; /* SEND of a PUBLISH; 0: of another message */
	struct acknowledgement ack;
	struct courier_verdict *verdicts;
	size_t n;
	uint64_t cursor;
	uint32_t version;
	uint64_t check_id;
	enum cause_id cause;
	char text_vi[COURIER_TEXT_MAX], text_en[COURIER_TEXT_MAX];
	enum event_id event;
	size_t n_fields;
	struct courier_field fields[COURIER_FIELDS_MAX];
};

/* What the caller has to do, in order. Zero it before first use; it owns what is in it. */
struct courier_actions {
	struct courier_action *items;
	size_t n, room;
};
void courier_actions_clear(struct courier_actions *actions); /* empties it */
void courier_actions_free(struct courier_actions *actions);

/* settings are copied; the arena is the caller's, used for work only, and outlives the courier. No connection yet. */
void courier_init(struct courier *c, const struct courier_settings *settings, const struct source *source,
		  const struct courier_start *start, struct arena *arena, struct courier_time now);

/* ---------------------------------------------------------------- inputs */

/* What the monitor of the socket told. */
void courier_link(struct courier *c, enum road_event event, struct courier_time now, struct courier_actions *out);

/* A message of the centre; NULL: one that cannot be read. Valid for the call. */
void courier_message(struct courier *c, const Tram__V1__Envelope *envelope, struct courier_time now,
		     struct courier_actions *out);

/* A hand-in was committed to the outbox. */
void courier_appended(struct courier *c, uint64_t last_appended, struct courier_time now, struct courier_actions *out);

/* Somebody wants a report judged; answered by COURIER_CHECKED, at once when there is no session. */
void courier_check(struct courier *c, uint64_t check_id, const void *report, size_t len, struct courier_time now,
		   struct courier_actions *out);

/* Somebody wants to know what is owed; answered by COURIER_TODO with this id, at once when there is no session. */
void courier_todo(struct courier *c, uint64_t id, struct courier_time now, struct courier_actions *out);

/* Time has come: call when courier_deadline() is past. */
void courier_tick(struct courier *c, struct courier_time now, struct courier_actions *out);

/* The PUBLISH that begins with first_seq was not taken by the socket: it and what follows are sent later. */
void courier_unsent(struct courier *c, uint64_t first_seq, struct courier_time now);

/* Somebody acted: a rest, or a fork's stop, ends now. */
void courier_try_now(struct courier *c, struct courier_time now);

/* What an action wanted stored was not (a full disk): nothing more is taken for a while, and the caller gives a new start. */
void courier_not_stored(struct courier *c, const struct courier_start *start, struct courier_time now,
			struct courier_actions *out);

/* ---------------------------------------------------------------- outputs */

/* When courier_tick() is due, monotonic; INT64_MAX: not without another input. */
int64_t courier_deadline(const struct courier *c);

/* Through which report the centre says now that it has them; 0 while it says nothing. For the outbox's trim. */
uint64_t courier_committed_now(const struct courier *c);

#endif
