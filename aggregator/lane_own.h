/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane_own - what the files of a lane share, and nobody else sees.
 *
 * lane.c has the thread and what it does next; the others have what it does: lane_store (the store, connected or waited for),
 * lane_streams (where each agent's stream stands), lane_hello, lane_publish (a group, in as many tries as it takes) with
 * lane_group (what goes into it) and lane_told (who is told what of it), lane_questions (CHECK, VERDICTS, TODO_REQUEST),
 * lane_results (what is handed to main). All of it in the lane's thread.
 */
#ifndef TRAM_LANE_OWN_H
#define TRAM_LANE_OWN_H

#include "intake.h"
#include "lane.h"
#include "pace.h"
#include "retry.h"
#include "store.h"

#include <pthread.h>

#define JOBS_AT_ONCE   256                /* PUBLISHes in one group */
#define NOTE_ARENA     ((size_t)64 << 10) /* of a result that only says something */
#define QUESTION_TRIES 5 /* of a HELLO or question that fails for reasons of its own; others wait behind it */
#define STREAM_BUCKETS 256

/* An agent of this lane: what its HELLO said and where its stream stands. */
struct lane_stream {
	struct lane_stream *next;
	char agent[65];
	struct epoch epoch;
	uint64_t verdict_cursor;
	bool known;       /* the watermark is as in the store */
	uint64_t reading; /* how often it was read there */
	struct intake_stream in;
};

struct lane {
	struct lane_settings settings;
	char *database;
	struct catalogue *catalogue;
	struct peers *peers;  /* NULL: none is known */
	bool peers_are_known; /* by the store that is connected */
	struct handoff *jobs, *results;
	pthread_t thread;
	atomic_bool abandoned;
	atomic_size_t n_waiting; /* as waiting_count(): for other threads */
	atomic_size_t results_held;
	struct waiting *waiting;
	struct pace pace;
	bool stopping; /* ends when nothing waits any more */
	struct store *store;
	const char *store_state; /* as told last */
	char store_text[ERR_TEXT_MAX];
	unsigned failures; /* in a row */
	struct retry retry;
	struct arena *arena;
	struct opened *opened;
	struct histories *histories;
	struct lane_stream *streams[STREAM_BUCKETS];
};

/* A PUBLISH in a group. */
struct part {
	struct job *job;
	size_t payload; /* bytes of Publish.payload: what its agent's credit was charged with */
	bool has_row;   /* the batch is in the group, or was in one before */
	bool whole;     /* in the group to its last report: done with when it is committed */
	bool told;
};

/* A try at a group: which PUBLISHes are in it, in order, and how much was done. */
struct attempt {
	struct part parts[JOBS_AT_ONCE];
	size_t n;
	/* units of work: what may go in; what opening the messages was; all that it came to */
	size_t room, opened, work;
	size_t reports;
};

/* What is known of the next group after tries that failed. */
struct lesson {
	size_t limit;       /* reports in it: halved when the store refuses one of them */
	const char *poison; /* what the store said of the one report that it refused alone */
	char poison_text[ERR_TEXT_MAX];
	bool force_past;
};

/* Whether something is refused, and why. */
struct refused {
	Tram__V1__RefusalCode code; /* 0: it is not */
	enum refusal_cause cause;
};

/* ---------------------------------------------------------------- lane_results.c */

/* The store fails at this question, and not at others. */
extern const struct refused lane_store_failed;

/* job: whom it answers; NULL: nobody. */
struct result *lane_result_new(enum result_kind kind, const struct job *job, size_t arena);

/* Gives it to main; waits where main has too much of this lane's that it has not freed. */
void lane_give_result(struct lane *l, struct result *r);

/* Answers a job by a refusal. w: where the stream stands, or NULL; payload: what of the agent's credit is free again. */
void lane_refuse_for(struct lane *l, const struct job *job, struct refused why, const struct watermark *w,
		     const char *detail, size_t payload);
void lane_refuse(struct lane *l, const struct job *job, Tram__V1__RefusalCode code, const struct watermark *w,
		 const char *detail, size_t payload);

/* ---------------------------------------------------------------- lane.c */

/* A job that came in: done at once if it is about the lane itself; else it waits for its turn. */
void lane_take_in(struct lane *l, struct job *job);

/* Abandoned, or asked to end with nothing left to do. */
bool lane_is_over(const struct lane *l);

/* ---------------------------------------------------------------- lane_store.c */

/* There is none yet. */
void lane_start_store(struct lane *l);

/* The store did what it was asked, or is there to be asked. */
void lane_went_well(struct lane *l);

/* The connection is over, and what was known of the store. */
void lane_drop_store(struct lane *l);

/* Connects, however long it takes. False: the lane is to give up. */
bool lane_have_store(struct lane *l);

/* What follows from a failure of the store; then the caller tries again. False: the lane is to give up. */
bool lane_recover(struct lane *l, enum store_result result, const struct err *err);

/* The same after a question that failed. */
bool lane_ask_again(struct lane *l, enum store_result result);

/* Forgets the peer cut where the store does not have it. */
enum store_result lane_check_peers(struct lane *l, struct err *err);

/* ---------------------------------------------------------------- lane_streams.c */

/* Where the agent's stream hangs; NULL is there until it has said HELLO. */
struct lane_stream **lane_stream_slot(struct lane *l, const char *agent);

/* The agent's stream, made if there is none. */
struct lane_stream *lane_stream_make(struct lane *l, const char *agent);

void lane_free_streams(struct lane *l);

/* The stream's watermark as the store has it now, and when the verdict at the agent's cursor was known. */
enum store_result lane_read_watermark(struct lane *l, struct lane_stream *s, struct err *err);

/* Whatever is asked next reads its watermark anew. */
void lane_forget_watermarks(struct lane *l);

/* What the agent is at the centre now; the key counts where it signed. */
struct refused lane_judge_agent(const struct watermark *w, const uint8_t *signing_public);

/* ---------------------------------------------------------------- lane_hello.c, lane_publish.c, lane_questions.c */

void lane_serve_hello(struct lane *l, const struct job *job);

/* Commits the next group of what waits, in as many tries as it takes. False: the lane is to give up. */
bool lane_serve_group(struct lane *l);

/* HELLO, CHECK, VERDICTS, TODO_REQUEST. */
void lane_serve_question(struct lane *l, const struct job *job);

/* ---------------------------------------------------------------- lane_group.c */

/* An empty group, in the lane's arena; settings outlive it. */
struct intake_settings lane_intake_settings(const struct lane *l);
void lane_start_intake(struct lane *l, struct intake *in, const struct intake_settings *settings);

/* Fills a group with what waits, by turns. */
enum store_result lane_fill_group(struct lane *l, struct intake *in, struct attempt *t, const struct lesson *lesson,
				  struct err *err);

/* In units: a report counts like one figure more, and opening a KiB like another. */
size_t lane_group_work(const struct intake *in, const struct attempt *t);

/* ---------------------------------------------------------------- lane_told.c */

/* The group is committed: everybody in it is told, and its PUBLISHes are done with. */
void lane_settle_group(struct lane *l, struct intake *in, struct attempt *t);

/* A PUBLISH is done with. */
void lane_finish(struct lane *l, struct job **jp);

#endif
