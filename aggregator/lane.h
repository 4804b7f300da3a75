/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane - one thread that owns its agents end to end: it verifies, decodes, judges and writes their batches on its own
 * PostgreSQL connection, and hands results back. Lanes share nothing; an agent is always on the same lane (by hash).
 *
 * Jobs go in and results come out by pointer through bounded handoffs; whoever holds the pointer owns it. A lane keeps
 * its jobs while PostgreSQL is away: the intake stops by itself, because credit is not renewed. It takes in whatever comes
 * and chooses by itself what is next (waiting.h); who gives jobs bounds how many may wait (lane_waiting()).
 */
#ifndef TRAM_LANE_H
#define TRAM_LANE_H

#include "catalogue.h"
#include "codec.h"
#include "digest.h"
#include "handoff.h"
#include "peers.h"
#include "rules.h"

#include <stdatomic.h>
#include <stdint.h>

enum job_kind {
	JOB_HELLO,     /* read the stream's watermark; check the chain the agent states */
	JOB_PUBLISH,   /* verify, judge, commit */
	JOB_CHECK,     /* judge and store nothing */
	JOB_VERDICTS,  /* read verdicts after a cursor */
	JOB_TODO,      /* what the agent's providers owe */
	JOB_CATALOGUE, /* take up a catalogue, for the next group and question */
	JOB_PEERS,     /* take up a peer cut, as soon as its store is known to have it */
	JOB_STOP,      /* finish what waits and end */
};

/* One thing for a lane to do. Made by main; freed by whoever takes the result out. */
struct job {
	struct job *next; /* while it waits in the lane */
	enum job_kind kind;
	char agent[65];
	uint64_t session; /* echoed; the lane does not interpret it */
	uint64_t peer;    /* echoed */
	int64_t received_at_us;
	uint8_t signing_public[SIGN_PUBLIC_SIZE];
	uint8_t *data; /* the Envelope's bytes (hello, publish, check, todo_request); owned */
	size_t len;
	uint64_t verdict_after; /* JOB_VERDICTS */
	uint64_t check_id;      /* JOB_CHECK, JOB_TODO; echoed */
	uint64_t begun;         /* JOB_PUBLISH, the lane's: a part is committed, since this reading of the watermark */
	struct catalogue *catalogue; /* JOB_CATALOGUE; a reference of the lane's own */
	struct peers *peers;         /* JOB_PEERS; the same */
};

enum result_kind {
	RESULT_SUBSCRIBE, /* to a HELLO: resume here */
	RESULT_REFUSE,    /* to a HELLO or PUBLISH */
	RESULT_COMMITTED, /* a group is committed: one result per agent in it */
	RESULT_CHECKED,
	RESULT_VERDICTS,
	RESULT_OWED,    /* to a TODO_REQUEST */
	RESULT_STORE,   /* the store went away or came back: for status, feed and log */
	RESULT_STOPPED, /* the lane has ended; joinable */
};

/* Why something is refused, where the code alone does not say it. */
enum refusal_cause {
	CAUSE_OF_CODE,
	CAUSE_SUSPENDED,
	CAUSE_SIGNING_KEY,
	CAUSE_TOO_MANY_EPOCHS,
	CAUSE_STORE_FAILED,
};

/* What a lane has done. Owned by the receiver, freed with result_free() before the lane is joined. Protobuf members live in the result's arena. */
struct result {
	struct result *next; /* the receiver's */
	enum result_kind kind;
	char agent[65];
	uint64_t session, peer;
	struct arena *arena;
	atomic_size_t *held; /* the lane's count of what its results hold, and this one's part */
	size_t holds;
	/* SUBSCRIBE, COMMITTED: where the stream stands now */
	struct epoch epoch;
	uint64_t seq;
	struct digest chain;
	uint64_t verdict_seq;
	int64_t committed_at_us;
	bool
	    verdicts_differ; /* SUBSCRIBE: under the number of the agent's cursor there is another verdict than it holds */
	/*
	 * COMMITTED, and REFUSE of a PUBLISH: what of the agent's credit is free again, counted as Publish.payload came in.
	 * Every JOB_PUBLISH is accounted for exactly once, whatever became of it (committed, all overlap, refused).
	 */
	uint64_t payload_bytes;
	uint32_t batches;
	/* REFUSE */
	enum job_kind refused; /* what it answers: JOB_HELLO, JOB_PUBLISH, JOB_CHECK or JOB_TODO */
	Tram__V1__RefusalCode refusal;
	enum refusal_cause cause;
	const char *detail; /* what was found, for the log; the texts for the agent follow from the code */
	/* COMMITTED, CHECKED, VERDICTS */
	Tram__V1__Verdict **verdicts;
	size_t n_verdicts;
	uint64_t check_id;                  /* CHECKED, OWED, and REFUSE of their jobs */
	Tram__V1__Difference **differences; /* CHECKED */
	size_t n_differences;
	Tram__V1__Todo *todo; /* OWED; NULL: it does not fit into a result */
	/* COMMITTED: reports that came again, with the first acknowledgement; why some of those do not hold, NULL: all do */
	size_t n_refilled, n_first_ignored;
	const char *first_ignored;
	/* COMMITTED: for feed and counters, after COMMIT only */
	Tram__V1__Event **events;
	size_t n_events, n_events_lost; /* lost: had no room in the arena */
	/* COMMITTED: what the group held of the agent, whatever of it fits in here */
	uint64_t n_reports, n_poisoned, n_outcomes[OUTCOME_DUPLICATE + 1];
	/* STORE */
	bool store_is_up;
	const char
	    *store_state; /* "up", "away", "stalled": it cannot write, "broken": a person has to mend it; static */
	const char *store_text; /* why */
};

void result_free(struct result **rp);
void job_free(struct job **jp);

struct lane_settings {
	int number;
	const char *database; /* conninfo */
	int64_t group_rows;   /* observations and reports in one transaction, at most */
	int64_t group_us;     /* about how long one takes, at most, where agents with little waiting share the lane */
	int64_t patience_us;  /* for a PostgreSQL that says nothing; 0: for ever */
	uint64_t report_bytes, batch_bytes, arena_bytes;
	uint64_t history_bytes; /* of series that are kept, so that they need not be asked for */
	uint64_t opened_bytes;  /* of a batch that is kept open, as several groups take from it */
	uint64_t result_bytes;  /* verdicts and events of one agent in one group; one verdict alone may be larger */
	uint32_t observations, batch_reports;
	uint8_t centre_public[SIGN_PUBLIC_SIZE]; /* that acknowledgements are signed with */
	uint32_t agent_epochs;                   /* that one agent may have a stream of */
	bool judge;                              /* false: bench only, everything accepted */
};

struct lane;

/* Starts the thread; it connects by itself and keeps trying. jobs and results are the caller's and outlive the lane. */
struct lane *lane_start(const struct lane_settings *settings, struct catalogue *catalogue, struct handoff *jobs,
			struct handoff *results);

/* Jobs that it took out of the handoff and has not finished: a hint. Any thread. */
size_t lane_waiting(const struct lane *lane);

/* Gives up waiting for PostgreSQL: what is not committed stays with the agents. For a stop that took too long. Any thread. */
void lane_abandon(struct lane *lane);

/* Waits for the thread to end (after JOB_STOP, or lane_abandon; results must be taken out meanwhile) and frees it. */
void lane_join(struct lane **lp);

#endif
