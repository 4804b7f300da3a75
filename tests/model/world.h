/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - provinces, network, aggregators and their store, as one struct that can be copied, and the steps it can take.
 *
 * Real are the protocol cores (courier, session, credit), batch cutting, the codec, and the verification of a PUBLISH.
 * Modelled, as simply as they can be told, is what the cores are told of: the outbox's file, connections, the lane's
 * queues, transactions, the clock. A step is everything one process does in one turn; between any two, anything may
 * happen. world_do() carries one out, and the oracle looks at the world after it.
 */
#ifndef TRAM_MODEL_WORLD_H
#define TRAM_MODEL_WORLD_H

#include "centre_state.h"
#include "courier.h"
#include "messages.h"
#include "publish.h"
#include "sizes.h"

#include <stdio.h>

#define NOBODY   255
#define SECOND   INT64_C(1000000)
#define LATER_US (INT64_C(1) << 60) /* of a timer that runs, when time stands still */
#define WALL_US  INT64_C(1790000000000000)
#define BEAT_US  (5 * SECOND)

/* ---------------------------------------------------------------- a province */

struct held_verdict {
	uint8_t epoch;
	uint16_t seq, known;
};

/* What an outbox has on its disk. */
struct shelf {
	uint8_t epoch, previous; /* by number; previous 0: none */
	struct digest previous_chain;
	uint16_t n, acknowledged, trimmed, cursor, n_acks;
	uint16_t issue[REPORTS + 1]; /* by seq: which report it is */
	struct digest chain[REPORTS + 1];
	struct acknowledgement acks[REPORTS];
	struct held_verdict verdicts[VERDICTS + 1]; /* by verdict_seq */
};

/* A machine with an outbox and an agent that may be running. */
struct box {
	uint8_t who;
	bool is, running;
	uint8_t boot;             /* number of its start */
	uint8_t conn;             /* the connection its socket has; NOBODY: none */
	bool clogged;             /* the next PUBLISH is not taken by the socket */
	bool full;                /* the next thing to be stored finds the disk full */
	bool copied;              /* its outbox was copied, or brought back from a copy: it may fork */
	struct shelf now, synced; /* as the process sees it; as it is after a crash */
	struct courier courier;
};

/* ---------------------------------------------------------------- the network */

struct queue {
	uint8_t n;
	uint16_t at[QUEUE];
};

/* One connection. Order is kept within it; once it has ended, what it still holds comes late or never. */
struct conn {
	bool is, up, half; /* half: it is dead, and neither end can tell */
	bool agent_end, centre_end;
	uint8_t box, centre;
	uint16_t peer;
	struct queue to_centre, to_agent;
};

/* A message that left its connection: it comes after the connection has ended, to the same process, or never. */
struct stray {
	bool is, to_centre;
	uint8_t box, boot, centre; /* boot: of the process whose connection it was */
	uint16_t peer, message;
};

/* ---------------------------------------------------------------- the store */

struct row {
	uint8_t who, epoch;
	uint16_t seq, issue, verdict_seq, txn;
	struct digest chain;
};

struct stream {
	uint8_t who, epoch;
	uint16_t seq;
	struct digest chain;
};

struct move {
	uint8_t who, epoch;
	uint16_t seq_from, seq_to, verdict_from, verdict_to;
	struct digest chain_to;
};

struct txn {
	uint8_t n_moves;
	uint16_t n_rows;
	struct move moves[WHO];
	struct row rows[JUDGED];
};

/* A transaction whose client has gone: it holds its locks until it has committed, or not. */
struct orphan {
	bool is;
	struct txn txn;
};

struct store {
	uint16_t n_rows, n_streams, txns;
	uint8_t generation; /* connections of another one are dead */
	bool away, restored;
	bool revoked[WHO];
	uint16_t verdict_seq[WHO];
	struct stream streams[STREAMS];
	struct row rows[ROWS];
	struct orphan orphan;
};

/* ---------------------------------------------------------------- an aggregator */

struct lane_job {
	uint8_t kind; /* enum session_job */
	uint8_t who;
	uint16_t message, verdict_after;
	uint64_t session, peer;
	uint32_t payload;
	bool done;
};

struct lane_result {
	uint8_t kind; /* enum session_result_kind, or STORE_DOWN, STORE_UP */
	uint8_t who, epoch, refused, refusal;
	uint16_t seq, verdict_seq, known, n_judged;
	uint64_t session, peer;
	struct digest chain;
	uint32_t bytes, batches;
	bool verdicts_differ;
	struct row judged[JUDGED];
};
enum { RESULT_STORE_DOWN = 100, RESULT_STORE_UP };

struct lane_stream {
	bool is, known, moved, revoked; /* revoked: when the watermark was read */
	uint8_t epoch;
	struct digest first_chain;
	struct watermark before, after;
};

struct lane {
	bool connected, told_up;
	uint8_t generation, group; /* group: so many jobs are in the transaction being tried */
	uint8_t n_jobs, n_results;
	struct lane_job jobs[JOBS];
	struct lane_result results[RESULTS];
	struct lane_stream streams[WHO];
};

struct centre {
	bool running;
	uint8_t revoked; /* the roster it has in memory: a bit an agent */
	struct lane lane;
	struct centre_state state;
};

/* ---------------------------------------------------------------- the whole */

/* What the oracle knows by itself of a report handed in. */
struct issue {
	uint8_t who, box, epoch;
	uint16_t seq;
	bool was_in_store; /* once, at least */
	bool carried;      /* into a new outbox: it may be stored once in each */
	bool excused;      /* its outbox was brought back to before it: it need not be anywhere */
};

struct world {
	int64_t now_us;
	struct box boxes[BOXES];
	struct conn conns[CONNS];
	struct stray strays[STRAYS];
	struct centre centres[CENTRES];
	struct store store;
	uint16_t issued, peers;
	uint64_t sessions;
	uint8_t boots, epochs, n_centres;
	bool is_crowded;  /* the credit of all does not do for everybody at once */
	bool overcharged; /* a message came twice, or later than the grace of a credit: it may be over the credit */
	struct issue issues[ISSUES];
	uint16_t marks_acknowledged[BOXES]; /* as they were at the step before */
	uint16_t marks_seq[STREAMS];
	uint16_t marks_cursor[BOXES];
	uint32_t marks_store;
	uint8_t crashes_left, faults_left, restores_left, reports_left; /* a search's budgets */
};

/* A world of `agents` running nowhere yet, one box each, and of that many centres, not running yet. */
void world_start(struct world *w, size_t agents, size_t centres, bool is_crowded);

/* How the numbers of sessions and peers, and jitter, are picked. */
struct world_manner {
	bool frozen;   /* time stands still: timers end when the search lets them; numbers are used again */
	bool timeless; /* commits have no time, and nobody asks for a first acknowledgement: nothing is restored */
	uint64_t (*random)(void); /* jitter; NULL: none */
	FILE *trace;              /* NULL: none */
};
extern struct world_manner manner;

/* Jitter, sessions, time: for the parts. */
struct courier_time agent_time(const struct world *w);
struct session_time centre_time(const struct world *w);
uint64_t world_random(void);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---------------------------------------------------------------- steps */

enum step_kind {
#define STEP(id, cost, text) STEP_##id,
#include "step.def"
#undef STEP
	STEPS
};
enum cost { FREE, CRASH, FAULT, RESTORE, REPORT, NEVER_SEARCHED };
extern const struct step_row {
	enum cost cost;
	const char *text;
} step_table[STEPS];

struct step {
	uint8_t kind, a, b;
	uint8_t cost; /* of a timer: FREE when everything rests */
};

/* Every step that the world can take now, but those that are NEVER_SEARCHED. Returns how many. */
size_t world_steps(const struct world *w, struct step ret[static STEPS_MOST]);

void world_do(struct world *w, struct step step);

/* Whether every report is where it belongs: committed, acknowledged, with its verdict. */
bool world_is_settled(const struct world *w);

/* ---------------------------------------------------------------- parts: province.c */

void box_start(struct world *w, size_t box);
void box_crash(struct world *w, size_t box);
bool box_append(struct world *w, size_t box, bool crash);
void box_take(struct world *w, size_t box, uint16_t message);
void box_link(struct world *w, size_t box, enum road_event event);
void box_tick(struct world *w, size_t box);
void box_try_now(struct world *w, size_t box);
void box_trim(struct world *w, size_t box, uint16_t through);
/* A new outbox takes the place of this one, which forked; what was not acknowledged (or all) is carried over. */
void box_renew(struct world *w, size_t box, bool all);
/* An older state of its disk; what was handed in since is gone. */
void box_restore(struct world *w, size_t box, const struct shelf *shelf);
/* The outbox of `from`, as it is on disk now, in another box. */
void box_copy(struct world *w, size_t from, size_t to);
void box_sync(struct box *b);
/* The bytes of a report. Valid until the next call. */
const char *issue_bytes(uint8_t who, uint16_t issue);
struct epoch epoch_of(uint8_t who, uint8_t number);
const char *who_name(uint8_t who);

/* ---------------------------------------------------------------- parts: centre.c */

void centre_start(struct world *w, size_t centre);
void centre_crash(struct world *w, size_t centre);
void centre_take(struct world *w, size_t centre, uint8_t who, uint16_t peer, uint16_t message);
void centre_tick(struct world *w, size_t centre);
void centre_result(struct world *w, size_t centre);
void centre_read_roster(struct world *w, size_t centre);
const struct keys *centre_keys(void);
const struct keys *who_keys(uint8_t who);

/* ---------------------------------------------------------------- parts: lane.c, with the store */

enum outcome_of_commit { COMMITTED, LOST_COMMITTED, LOST_NOT, LOST_LATER };
void lane_begin(struct world *w, size_t centre);
bool lane_may_serve(const struct world *w, size_t centre);
void lane_serve(struct world *w, size_t centre, enum outcome_of_commit outcome);
bool lane_give(struct world *w, size_t centre, const struct lane_job *job);
bool store_orphan(struct world *w, bool commits);
void store_restore(struct world *w, uint16_t txn);
const struct stream *store_stream(const struct store *s, uint8_t who, uint8_t epoch);

/* ---------------------------------------------------------------- parts: network.c */

struct conn *conn_open(struct world *w, size_t box, size_t centre);
void conn_end(struct conn *c, bool half);
/* Those that nobody holds and that hold nothing are forgotten; the others move up, in the order they began. */
void conns_tidy(struct world *w);
void conn_leave(struct world *w, struct conn *c, bool agent_end);
/* Gives peers the first numbers, in a fixed order: which connections were there before makes no difference. */
void peers_rename(struct world *w);
struct conn *conn_of_peer(struct world *w, uint64_t peer);
bool queue_put(struct queue *q, uint16_t message);
uint16_t queue_take(struct queue *q);

/* ---------------------------------------------------------------- the oracle */

/* The first invariant found broken since oracle_clear(), in words; "": none. */
extern char oracle_found[400];
void oracle_clear(void);
void oracle_find(const char *invariant, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What holds after every step. */
void oracle_look(struct world *w);
/* What the centre says, as it says it. */
void oracle_hear(const struct world *w, uint16_t message, bool heard);
bool oracle_holds_verdicts(const struct world *w, const struct box *b);
/* What must hold when everything has come to rest, beyond world_is_settled(). */
void oracle_look_at_rest(const struct world *w);

#endif
