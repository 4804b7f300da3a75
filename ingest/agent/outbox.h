/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox - every report handed in, safe on the province's disk, and what the centre said about it.
 *
 * A report has its place (seq, contiguous from 1) in one hash-chained stream, the epoch, that was made at random with
 * the file. It is there before anybody is told (fsync), and stays for a stated time after the centre acknowledged it, so
 * that a centre restored from a backup gets it again. Nothing is ever dropped to make room: a full outbox refuses at the
 * door. SQLite, one connection that no second process can join; any error of the disk is final: the process must end and
 * start anew from the file. One thread.
 */
#ifndef TRAM_OUTBOX_H
#define TRAM_OUTBOX_H

#include "arena.h"
#include "digest.h"
#include "err.h"
#include "source.h"

#include <stddef.h>
#include <stdint.h>

#define OUTBOX_FILE       "outbox.db"
#define OUTBOX_TICKET_MAX 160
#define OUTBOX_NONCE_SIZE 16

struct outbox;

struct outbox_limits {
	int64_t bytes_max;    /* what the file may hold, free pages not counted */
	int64_t free_min;     /* bytes that must stay free on the disk */
	int64_t retention_us; /* how long an acknowledged report is kept: of the time that outbox_live() was told */
	int64_t past_us;      /* … and its digest, ticket and acknowledgement, for receipts; never less than that */
};

/*
 * Opens dir/outbox.db, making folder and file if absent. boot: random, of this start. NULL and *err when the file is
 * another agent's, newer than this program, damaged, or open in another process. Caller closes with outbox_close().
 */
struct outbox *outbox_open(const char *dir, const char *agent, const struct outbox_limits *limits,
			   const uint8_t boot[static OUTBOX_NONCE_SIZE], struct err *err) MUST_CHECK;

/* The same for another file in dir which, when it is made, follows an epoch that ended with that chain. */
struct outbox *outbox_open_after(const char *dir, const char *file, const char *agent, const struct epoch *previous,
				 const struct digest *previous_chain, const struct outbox_limits *limits,
				 const uint8_t boot[static OUTBOX_NONCE_SIZE], struct err *err) MUST_CHECK;

/* Closes and sets *obp to NULL; NULL is fine. What is not committed is as if it had never been. */
void outbox_close(struct outbox **obp);

/* New limits from now on. */
void outbox_set_limits(struct outbox *ob, const struct outbox_limits *limits);

/* Whether the disk failed: every later call fails, and the process must end. */
bool outbox_is_broken(const struct outbox *ob);

/* Whether the file that is open still has its name: what goes into a deleted one is lost with the process. */
bool outbox_is_in_place(const struct outbox *ob);

/* Where everything stands; costs nothing. Changes with the outbox. */
struct outbox_state {
	char agent[65];
	struct epoch epoch, previous_epoch;
	bool has_previous;
	struct digest previous_chain;
	uint64_t trimmed;       /* reports up to here are gone; 0: none. The first kept is trimmed + 1 */
	uint64_t last_appended; /* 0: none yet */
	struct digest last_chain;
	uint64_t acknowledged;
	uint64_t verdict_cursor;
	int64_t verdict_known_at_us; /* of the verdict there; 0: not known */
	uint32_t catalogue_version;  /* of the codebook; 0: none */
	int64_t created_at_us;
};
const struct outbox_state *outbox_state(const struct outbox *ob);

/* Bytes the file holds now, free pages not counted; -1 when it cannot be said. */
int64_t outbox_bytes(struct outbox *ob);

/* ---------------------------------------------------------------- handing in */

/* What lists show of a report without reading it again. */
struct outbox_summary {
	const char *provider, *dataflow, *time_period;
	uint32_t observations;
};

struct outbox_ticket {
	char text[OUTBOX_TICKET_MAX]; /* agent/epoch's first 8 digits/first[-last] */
	uint64_t first_seq, last_seq, observations;
};

/* Why the door is shut, for programs. */
enum outbox_door { OUTBOX_OPEN, OUTBOX_BROKEN, OUTBOX_DELETED, OUTBOX_FULL, OUTBOX_DISK_FULL };
enum outbox_door outbox_door(struct outbox *ob, int64_t bytes);

/* Whether so many more bytes may come in; *err says what is full and what to do. */
bool outbox_may_take(struct outbox *ob, int64_t bytes, struct err *err) MUST_CHECK;

/*
 * One hand-in: begin, add each report (at least one), commit: all or none. When begin, add or commit fails nothing is
 * left of it and no rollback is needed. The ticket may be told as soon as commit has returned true, and not before.
 */
bool outbox_begin(struct outbox *ob, const char *file_name, int64_t bytes, int64_t now_us, struct err *err) MUST_CHECK;
bool outbox_add(struct outbox *ob, const void *data, size_t len, const struct outbox_summary *summary,
		struct err *err) MUST_CHECK;
bool outbox_commit(struct outbox *ob, struct outbox_ticket *ret, struct err *err) MUST_CHECK;
void outbox_rollback(struct outbox *ob);

/* The text of a ticket of this outbox, or of one before it. Returns buf. */
char *outbox_ticket_text(const struct outbox *ob, uint64_t first_seq, uint64_t last_seq,
			 char buf[static OUTBOX_TICKET_MAX]);
char *outbox_ticket_text_of(const struct outbox *ob, const struct epoch *epoch, uint64_t first_seq, uint64_t last_seq,
			    char buf[static OUTBOX_TICKET_MAX]);

/* Reads a ticket's text; false and *err (ERR_DATA) when it is none, or of another outbox. */
bool outbox_ticket_parse(const struct outbox *ob, const char *text, uint64_t *ret_first, uint64_t *ret_last,
			 struct err *err) MUST_CHECK;

/* The same for a ticket of an outbox before this one whose verdicts are still held: *ret_epoch is that one's. */
bool outbox_earlier_ticket(struct outbox *ob, const char *text, struct epoch *ret_epoch, uint64_t *ret_first,
			   uint64_t *ret_last);

/* ---------------------------------------------------------------- reading */

struct outbox_report {
	uint64_t seq, ticket_first, ticket_last;
	const char *file_name;
	int64_t handed_in_at_us;
	struct outbox_summary summary;
	struct digest digest, chain;
	const uint8_t *bytes; /* NULL in lists */
	size_t len;
	uint64_t verdict_seq; /* of the latest verdict; 0: none yet. Only in lists */
};

/*
 * Report seq with its bytes, checked against digest and chain, in the arena. False and *err: not kept (ERR_NOINPUT),
 * damaged (the outbox is broken), or the arena's cap (ERR_PROTOCOL).
 */
bool outbox_read(struct outbox *ob, uint64_t seq, struct arena *a, struct outbox_report *ret,
		 struct err *err) MUST_CHECK;

/* The chain at seq, trimmed .. last_appended. False and *err as outbox_read(). */
bool outbox_chain(struct outbox *ob, uint64_t seq, struct digest *ret, struct err *err) MUST_CHECK;

/* When report seq was handed in; 0: not kept. */
int64_t outbox_handed_in_at(struct outbox *ob, uint64_t seq);

/* What is known of a report for as long as its digest is kept, which is longer than its bytes are. */
#define OUTBOX_NAME_MAX 255
struct outbox_place {
	uint64_t seq, ticket_first, ticket_last;
	char file_name[OUTBOX_NAME_MAX + 1];
	int64_t handed_in_at_us;
	struct digest digest, chain;
	bool kept; /* with its bytes */
};

/* False and *err: nothing is known of it (ERR_NOINPUT), or the outbox is broken. */
bool outbox_place(struct outbox *ob, uint64_t seq, struct outbox_place *ret, struct err *err) MUST_CHECK;

/* Up to max rows with after < seq < below, newest first. The row's texts live for the call. */
typedef void outbox_report_fn(void *context, const struct outbox_report *row);
bool outbox_list(struct outbox *ob, uint64_t below, uint64_t after, uint32_t max, outbox_report_fn *row, void *context,
		 struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- what the centre said */

/* Keeps a verified acknowledgement of this epoch. One of a position that has one already changes nothing. */
bool outbox_put_acknowledgement(struct outbox *ob, const struct acknowledgement *ack, int64_t now_us,
				struct err *err) MUST_CHECK;

/* The first acknowledgement that covers seq; *ret_found tells whether there is one. */
bool outbox_acknowledgement(struct outbox *ob, uint64_t seq, struct acknowledgement *ret, bool *ret_found,
			    struct err *err) MUST_CHECK;

struct outbox_verdict {
	uint64_t verdict_seq;
	struct epoch epoch;
	uint64_t seq;
	int64_t known_at_us;
	const uint8_t *body; /* a packed Verdict */
	size_t len;
	/* only when read: */
	int64_t stored_at_us;
	uint64_t ticket_first, ticket_last; /* 0: the report is not kept */
	const char *file_name;
	int64_t handed_in_at_us;
	struct outbox_summary summary;
};

/* Keeps verdicts (at least one), contiguous from the cursor on, all or none. */
bool outbox_put_verdicts(struct outbox *ob, const struct outbox_verdict *verdicts, size_t n, int64_t now_us,
			 struct err *err) MUST_CHECK;

/* Forgets the verdicts after the cursor: the centre was restored from a backup, and its new ones follow there. */
bool outbox_rewind_verdicts(struct outbox *ob, uint64_t cursor, struct err *err) MUST_CHECK;

/* Takes over verdicts and cursor of the outbox before this one, which is new: they come only once from the centre. */
bool outbox_inherit(struct outbox *ob, struct outbox *from, struct err *err) MUST_CHECK;

/* known_at_us of a verdict that is held; 0: not held. */
bool outbox_known_at(struct outbox *ob, uint64_t verdict_seq, int64_t *ret, struct err *err) MUST_CHECK;

/* The verdicts after `after`, in order, until row says false; first_seq 0: of all reports, else of that range of that
 * epoch, or of this one. Texts live for the call. */
typedef bool outbox_verdict_fn(void *context, const struct outbox_verdict *row);
bool outbox_verdicts_of(struct outbox *ob, uint64_t after, const struct epoch *epoch, uint64_t first_seq,
			uint64_t last_seq, outbox_verdict_fn *row, void *context, struct err *err) MUST_CHECK;
bool outbox_verdicts(struct outbox *ob, uint64_t after, uint64_t first_seq, uint64_t last_seq, outbox_verdict_fn *row,
		     void *context, struct err *err) MUST_CHECK;

/* How many verdicts are held of outboxes before this one. */
bool outbox_earlier_verdicts(struct outbox *ob, uint64_t *ret, struct err *err) MUST_CHECK;

/* How many reports of the range have a verdict. */
bool outbox_judged(struct outbox *ob, uint64_t first_seq, uint64_t last_seq, uint64_t *ret, struct err *err) MUST_CHECK;

/* How long the last 1000 reports waited for their first verdict: median and 99th percentile; -1: none yet. */
bool outbox_time_to_verdict(struct outbox *ob, int64_t *ret_p50_us, int64_t *ret_p99_us, struct err *err) MUST_CHECK;

/* A packed Codebook. Reading: in the arena; *ret NULL when there is none. */
bool outbox_put_codebook(struct outbox *ob, uint32_t version, const void *data, size_t len, int64_t now_us,
			 struct err *err) MUST_CHECK;
bool outbox_codebook(struct outbox *ob, struct arena *a, const uint8_t **ret, size_t *ret_len,
		     struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- care */

/*
 * The clock that retention goes by: how long the file has been open in an agent, added up over all its starts. Tell it the
 * monotonic clock, in every turn of the loop. The wall clock has no say in it: one that is wrong, or jumps, must not
 * delete what the centre might still need.
 */
void outbox_live(struct outbox *ob, int64_t monotonic_us);

/*
 * Forgets, in one small step, reports that were acknowledged longer ago than the retention and are not beyond
 * `committed` (what the centre says it has now), and verdicts as old whose reports are gone; what is left of reports
 * (outbox_place()) when past_us is over too. *ret_more: call again.
 */
bool outbox_trim(struct outbox *ob, uint64_t committed, bool *ret_more, struct err *err) MUST_CHECK;

/* Folds the write-ahead log into the file and cuts it. For a quiet moment. */
bool outbox_rest(struct outbox *ob, struct err *err) MUST_CHECK;

#endif
