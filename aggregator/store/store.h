/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - PostgreSQL, behind one wall: the only module that includes libpq-fe.h and the only one with SQL.
 *
 * There is no general query function: each thing the aggregator wants of the store is a function here. A struct store is
 * one connection and belongs to one thread. Every failure says what to do next (enum store_result), from one table of
 * SQLSTATEs. Times are microseconds since 1970 UTC.
 */
#ifndef TRAM_STORE_H
#define TRAM_STORE_H

#include "arena.h"
#include "catalogue.h"
#include "digest.h"
#include "err.h"
#include "rules.h"
#include "sketch.h"

#include <stdint.h>

enum store_result {
	STORE_OK,
	STORE_RETRY,     /* 40xxx, 55P03: roll back, the same again on the same connection */
	STORE_RECONNECT, /* 08xxx, 57Pxx, 25006, 53300 or a dead connection: a new connection, read the watermark */
	STORE_STALLED,   /* 53xxx, 58xxx: disk full and the like: wait, alarm */
	STORE_POISON,    /* 22xxx, 23xxx, 21000: something in this group cannot be stored: halve it */
	STORE_CONFLICT, /* a row with that key is there already (23505 on observation): ask for the past and number anew */
	STORE_OUTDATED, /* a period was closed since the reports were judged: judge them again */
	STORE_FENCED,   /* a watermark was not where we left it, or an agent is shut out: read both again */
	STORE_BROKEN,   /* 42xxx, 28xxx, 3Dxxx: schema, rights or settings: stop and say so */
};

/* The group does not fit into its arena: STORE_POISON with ERR_PROTOCOL. */
static inline enum store_result store_exhausted(struct err *err)
{
	err_set(err, ERR_PROTOCOL, "the group is larger than its arena");
	return STORE_POISON;
}

struct store;

/* Connects, checks schema version, fsync and full_page_writes, pins synchronous_commit=on. name: application_name. */
enum store_result store_open(const char *conninfo, const char *name, struct store **ret, struct err *err) MUST_CHECK;
void store_close(struct store **sp);

/* Whether the connection, which is idle, has not ended meanwhile. Asks the system only, and does not wait. */
bool store_is_alive(struct store *s) MUST_CHECK;

/*
 * Waits until what is committed is as safe as a COMMIT of ours would be now; a few seconds at most. For a connection on
 * which a watermark is to be believed: a COMMIT that was never answered may stand on this server while the synchronous
 * standby does not have it. STORE_STALLED: the standby does not answer.
 */
enum store_result store_settle(struct store *s, struct err *err) MUST_CHECK;

/*
 * How long the server may be silent, or take nothing, while a lane waits for it; then the connection is given up, and what
 * was asked has an unknown outcome (STORE_RECONNECT). 0: for ever.
 */
#define STORE_PATIENCE_US (60 * INT64_C(1000000)) /* unless told */
void store_set_patience(struct store *s, int64_t us);

/* ---------------------------------------------------------------- start and reload (main) */

enum agent_state {
	AGENT_ACTIVE,
	AGENT_SUSPENDED,
	AGENT_REVOKED,
	AGENT_UNKNOWN, /* not in tram.agent */
};

struct roster_entry {
	const char *agent;
	int32_t agent_no;
	char curve_public[41];
	uint8_t signing_public[SIGN_PUBLIC_SIZE];
	enum agent_state state;
	uint64_t verdict_seq; /* the last verdict given */
};
/* Every agent that has keys, as it is now; array lives in the arena. */
enum store_result store_roster(struct store *s, struct arena *a, struct roster_entry **ret, size_t *ret_n,
			       struct err *err) MUST_CHECK;

/* The files of the newest catalogue (or of a stated version, > 0), in the arena; version 0 when none is loaded yet. */
enum store_result store_catalogue(struct store *s, uint32_t version, struct arena *a, struct catalogue_file **ret,
				  size_t *ret_n, uint32_t *ret_version, struct err *err) MUST_CHECK;

/* The newest catalogue's version; 0 when none is loaded yet. */
enum store_result store_catalogue_version(struct store *s, uint32_t *ret, struct err *err) MUST_CHECK;

/*
 * What others tell of their doings, on the channel "tram": "roster", "catalogue", "verdicts AGENT", "closings DATAFLOW". A hint to look at
 * once: notices are lost with the connection, and nobody may depend on one.
 */
enum store_notice { NOTICE_ROSTER = 1, NOTICE_CATALOGUE = 2, NOTICE_VERDICTS = 4, NOTICE_CLOSINGS = 8 };
enum store_result store_listen(struct store *s, struct err *err) MUST_CHECK;
/* Readable when there may be something to hear; of this connection only. */
int store_fd(const struct store *s);
/* What came since, NOTICE_... added up; does not wait. False: the connection has ended. */
bool store_hear(struct store *s, unsigned *ret) MUST_CHECK;

/* When an agent was last heard; connected_since_us 0: it is not connected now. */
struct agent_heard {
	const char *agent;
	int64_t heard_us, connected_since_us;
	const char *software;
};
enum store_result store_tell_heard(struct store *s, const struct agent_heard *rows, size_t n,
				   struct err *err) MUST_CHECK;

/* An agent that is missing, or data that are late: told once, whoever asks. heard_us 0: never. */
struct announcement {
	bool is_late;
	const char *agent, *area;
	const char *dataflow, *time_period, *due_day; /* of late data; else "" */
	int64_t heard_us, silent_seconds;             /* of a missing agent */
};
/* Since when somebody listened: before, nobody can have been silent. Array and texts live in the arena. */
enum store_result store_announce(struct store *s, int64_t listening_since_us, struct arena *a,
				 struct announcement **ret, size_t *ret_n, struct err *err) MUST_CHECK;

/* A figure that was held or refused and passed a deadline unanswered: each deadline is told once, whoever asks. */
struct overdue {
	const char *event; /* "correction.due", "correction.late", "correction.escalated" */
	const char *agent, *area, *provider, *kind, *dataflow, *indicator, *time_period, *rules;
	const char *deadline; /* the day that has passed */
	int64_t told_at_us;
};
/* Array and texts live in the arena; what does not fit there any more is not told. */
enum store_result store_announce_corrections(struct store *s, struct arena *a, struct overdue **ret, size_t *ret_n,
					     struct err *err) MUST_CHECK;

/* What a person decided on a figure that was held: told once, whoever asks. */
struct decision_news {
	const char *agent, *area, *provider, *seq, *observation, *indicator, *time_period;
	const char *id; /* as `tram quarantine list` has it */
	const char *decision, *decided_by, *reason;
};
/* Array and texts live in the arena; what does not fit there any more is not told. */
enum store_result store_announce_decisions(struct store *s, struct arena *a, struct decision_news **ret, size_t *ret_n,
					   struct err *err) MUST_CHECK;

/* A period that was closed: told once, whoever asks. */
struct closing_news {
	const char *dataflow, *time_period, *vintage, *closed_at, *closed_by, *reason;
	const char *finality, *figures, *digest;
};
/* Array and texts live in the arena; what does not fit there any more is not told. */
enum store_result store_announce_closings(struct store *s, struct arena *a, struct closing_news **ret, size_t *ret_n,
					  struct err *err) MUST_CHECK;

/* An announced figure that a report or a decision has made outdated: told once each time, whoever asks. */
struct outdated_claim {
	const char *figure_no, *indicator, *time_period, *area, *published, *value, *difference, *since;
	const char *cause, *of_area, *agent, *seq, *reason; /* through what; "": through several */
};
/* Array and texts live in the arena; what does not fit there any more is not told. */
enum store_result store_announce_claims(struct store *s, struct arena *a, struct outdated_claim **ret, size_t *ret_n,
					struct err *err) MUST_CHECK;

/* Keeps the scores of the day, once; how many rows that were. */
enum store_result store_keep_scores(struct store *s, int *ret_rows, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- numbers (lane) */

/* The number of an area identity; from a cache filled at open and refreshed on a miss. 0 in *ret_no: the loaded catalogue has none. */
enum store_result store_area_no(struct store *s, const char *area, int32_t *ret_no, struct err *err) MUST_CHECK;
/* The numbers of series; those that are new are made (in a transaction of its own, harmless if unused). One query, or none. */
struct series_question {
	const char *indicator, *dimensions;
	int32_t series_no; /* the answer */
};
enum store_result store_series_nos(struct store *s, struct series_question *questions, size_t n,
				   struct err *err) MUST_CHECK;
/* The same, but none is made: 0 for a series that has no number. */
enum store_result store_series_find(struct store *s, struct series_question *questions, size_t n,
				    struct err *err) MUST_CHECK;

/* key of an observation; revision 0 .. 16383. */
#define KEY_REVISION_BITS 14
#define KEY_REVISION_MAX  16383
static inline int64_t store_key(int32_t series_no, int32_t period, uint32_t revision)
{
	return (int64_t)series_no << 44 | (int64_t)period << KEY_REVISION_BITS | revision;
}

/* ---------------------------------------------------------------- streams (lane) */

#define STREAM_NO_MAX 8388607 /* report_no has 23 bits for it */

struct watermark {
	int32_t stream_no; /* 0: not numbered yet */
	int32_t agent_no;
	bool is_new; /* the stream has no row yet; the first group of it makes one */
	struct epoch epoch;
	uint64_t seq;
	struct digest chain;
	/* of the agent */
	enum agent_state state;
	uint8_t signing_public[SIGN_PUBLIC_SIZE]; /* its key now */
	uint64_t verdict_seq;
	int64_t verdict_known_at_us; /* of the verdict asked for; 0: there is none of that number */
	uint32_t epochs; /* streams it has; counted when the stream is new, and STREAM_NO_MAX when no number is left */
	bool has_other_epochs; /* something is committed of another epoch of the agent */
	int64_t
	    committed_at_us; /* known_at_us of the group that moved it here, when it was read; 0: nothing is committed */
};

/*
 * The watermark of (agent, epoch), and what the agent is now. Reads only: a stream of which nothing is committed stands
 * at seq 0 with chain_0 = first_chain. verdict_seq: the verdict whose known_at is asked for too, 0: none.
 */
enum store_result store_watermark(struct store *s, const char *agent, const struct epoch *epoch,
				  const struct digest *first_chain, uint64_t verdict_seq, struct watermark *ret,
				  struct err *err) MUST_CHECK;

/* A number for a stream that is new. It is nobody else's, used or not. */
enum store_result store_stream_no(struct store *s, int32_t *ret, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- a group: one transaction (lane) */

/* The row of a stream that is new. */
struct stream_row {
	int32_t stream_no, agent_no;
	struct epoch epoch;
	const struct epoch *previous;        /* NULL: not known */
	const struct digest *previous_chain; /* that first_chain was made of; NULL: none */
	struct digest first_chain;
};

struct batch_row {
	int32_t stream_no, agent_no;
	uint64_t from_seq; /* the first report newly committed with this batch */
	uint64_t first_seq, last_seq;
	int codec;
	int64_t received_at_us;
	struct digest prev_chain, chain;
	const uint8_t *signature, *key_id, *payload;
	size_t payload_len;
};

struct report_row {
	int32_t stream_no, agent_no;
	uint64_t seq;
	int64_t known_at_us; /* from when on those who ask as of a time see it; the group's, or before it */
	int64_t handed_in_at_us, received_at_us, prepared_at_us, approved_at_us; /* INT64_MIN: none */
	struct digest digest;
	const Tram__V1__Report *report;    /* texts are taken from here, NFC and checked */
	const struct judgement *judgement; /* not readable: period 0 and no dates are stored */
	uint32_t catalogue_version;
	uint64_t repeats; /* the report of another epoch that this one is; 0: none */
	/* for peer cuts */
	const int32_t *series; /* of the figures that are stored of it; NULL: of none */
	size_t n_series;
	struct sketch sketch; /* of those that are accepted */
};

struct observation_row {
	int64_t key;
	int32_t area_no;
	uint64_t report_no;
	int64_t
	    known_at_us; /* the report's, or when it was settled that nothing more was known then, just after that */
	uint32_t line;
	const Tram__V1__Observation *observation; /* status, qualifier, missing reason, rank, notes */
	const struct figure *figure;              /* value, numerator, denominator, weight */
	enum outcome outcome;
	bool withdrawn, demonstration, justified, reasoned;
};

struct poison_row {
	int32_t stream_no, agent_no;
	uint64_t seq;
	int64_t received_at_us, known_at_us;
	struct digest digest;
	const char *cause;
};

struct finding_row {
	int32_t agent_no;
	uint64_t report_no;
	uint32_t finding_no;
	const struct finding *finding;
	const char *indicator, *ref_area;
};

struct verdict_row {
	int32_t agent_no;
	uint64_t verdict_seq, report_no;
	uint32_t catalogue_version;
	int32_t peer_cut;             /* that was known; 0: none */
	int64_t closing_no;           /* the newest that was known; 0: none */
	const enum word_state *words; /* n_words of them */
	size_t n_words;
	const enum outcome *outcomes;
	size_t n_outcomes;
	const char *cause;
};

/* Where one stream, and one agent's verdicts, move from and to. */
struct watermark_move {
	int32_t stream_no, agent_no;
	uint64_t seq_from, seq_to;
	struct digest chain_to;
	uint64_t verdict_from, verdict_to;
	uint8_t signing_public[SIGN_PUBLIC_SIZE]; /* the key that signed: must be the agent's at COMMIT */
};

/* Everything one transaction holds. Arrays belong to the caller; store_commit() puts observations and moves in another order. */
struct group {
	int64_t
	    known_at_us; /* of verdicts and watermarks; store_commit() moves it behind settled_us, and rows with it */
	int64_t settled_us; /* set by store_commit(): the moment behind which all that it holds is known */
	bool judged_by_closings;
	int64_t closing_no; /* the newest that its reports were judged by; 0: none */
	struct stream_row *streams;
	size_t n_streams;
	struct batch_row *batches;
	size_t n_batches;
	struct report_row *reports;
	size_t n_reports;
	struct poison_row *poisons;
	size_t n_poisons;
	struct observation_row *observations;
	size_t n_observations;
	struct finding_row *findings;
	size_t n_findings;
	struct verdict_row *verdicts;
	size_t n_verdicts;
	struct watermark_move *moves;
	size_t n_moves;
};

static inline uint64_t store_report_no(int32_t stream_no, uint64_t seq)
{
	return (uint64_t)stream_no << 40 | seq;
}

static inline uint64_t store_seq_of(uint64_t report_no)
{
	return report_no & ((UINT64_C(1) << 40) - 1);
}

/*
 * BEGIN, new streams, watermarks by compare-and-set, COPY every table, COMMIT. STORE_OK: committed. STORE_FENCED: a
 * watermark stood elsewhere, or an agent is not active any more or has other keys. STORE_RECONNECT may also mean that
 * COMMIT's outcome is not known: the watermark, read on a new connection, is the answer. After any other result nothing
 * of the group is stored and the connection is good for the next.
 */
enum store_result store_commit(struct store *s, struct group *g, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- what a province owes (lane, reader) */

#define TODO_ITEMS_MAX   500 /* told an agent, and of each the indicators that are missing: PROTOCOL.md "Limits" */
#define TODO_MISSING_MAX 20

struct todo_question {
	const char *agent;              /* what the providers owe that it acts for; NULL: */
	const char *provider;           /* … this one */
	int64_t as_of_us;               /* INT64_MAX: now */
	int32_t items_max, missing_max; /* 0: all */
};

/* In the arena, as much of it as fits: `more` has the number of the rest. NULL: the arena has no room at all. */
enum store_result store_todo(struct store *s, const struct todo_question *question, struct arena *a,
			     Tram__V1__Todo **ret, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- the past (lane) */

/* A dataflow's packed period, and its provider; "": has_reports is not asked. */
struct period_question {
	const char *provider, *dataflow;
	int32_t period;
	/* the answer */
	bool has_reports;     /* of the provider */
	struct closed closed; /* its newest closing; vintage 0: it is open */
};
/* One cheap look-up for n at once, as of the newest closing of all (0: there is none); names in the arena. STORE_POISON with
   ERR_PROTOCOL: the arena is exhausted. */
enum store_result store_periods(struct store *s, struct period_question *questions, size_t n, struct arena *a,
				int64_t *ret_closing_no, struct err *err) MUST_CHECK;

/* The latest revision stored for each (area_no, key with revision 0); texts in the arena. One query for all. */
struct past_question {
	int32_t area_no;
	int64_t key;
	struct past answer;
	bool stated; /* some revision is accepted or held, and not taken back */
};
enum store_result store_past(struct store *s, struct past_question *questions, size_t n, struct arena *a,
			     struct err *err) MUST_CHECK;

/*
 * The newest points that stand of a series, of the periods between two keys: ascending, in the arena. One query for all.
 * STORE_POISON with ERR_PROTOCOL: the arena is exhausted.
 */
struct history_question {
	int32_t area_no, agent_no;
	int64_t from_key, to_key; /* both included: of one series and frequency */
	int32_t most;             /* points, at most */
	/* the answer */
	struct point *points, *end;
	size_t n;
	bool complete;  /* no more than these stand */
	bool of_others; /* some are of reports of another agent */
};
enum store_result store_history(struct store *s, struct history_question *questions, size_t n, struct arena *a,
				struct err *err) MUST_CHECK;

/* A report that may be there already, from another stream of the agent: the same bytes, handed in at the same time. */
struct repeat_question {
	int32_t agent_no, stream_no;
	int64_t handed_in_at_us;
	struct digest digest;
	/* the answer */
	uint64_t report_no; /* the first of them; 0: there is none */
	struct epoch epoch;
	uint32_t catalogue_version; /* that judged it */
	struct judgement judgement; /* its latest verdict: outcomes, words and findings, in the arena */
};
/* Two queries at most for all. STORE_POISON with ERR_PROTOCOL: the arena is exhausted. */
enum store_result store_repeats(struct store *s, struct repeat_question *questions, size_t n, struct arena *a,
				struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- verdicts again (lane) */

/* The agent's verdicts after verdict_seq, in order, with findings and texts: at most max, and no more than fit into the arena. */
enum store_result store_verdicts(struct store *s, const char *agent, uint64_t after, size_t max, struct arena *a,
				 Tram__V1__Verdict ***ret, size_t *ret_n, struct err *err) MUST_CHECK;

#endif
