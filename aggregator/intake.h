/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake - a group in the making: reports on their way to the store, judged in order and laid out as the rows of one
 * transaction. It is built anew from the bytes for every try, so a failed commit leaves nothing behind.
 *
 * A report that cannot be read becomes poison: it gets its verdict and its place in the stream like any other, and its
 * bytes are kept. All memory is the arena's. One thread.
 */
#ifndef TRAM_INTAKE_H
#define TRAM_INTAKE_H

#include "history.h"
#include "peers.h"
#include "publish.h"
#include "rules.h"
#include "store.h"

struct intake_settings {
	size_t report_bytes;
	uint32_t observations;
	bool judge; /* false: every figure that has a key is accepted; for measuring what judging costs */
};

/* The stream a report belongs to, with the watermark as it will be after this group; owned by the lane. */
struct intake_stream {
	const char *agent;
	struct epoch previous_epoch;
	bool has_previous, has_previous_chain;
	struct digest previous_chain, first_chain;
	struct watermark before; /* as committed */
	struct watermark after;  /* as this group leaves it */
	bool moved;
};

/* The new part of a PUBLISH. */
struct intake_batch {
	const struct intake_stream *stream;
	struct batch_row row;
};

/* An indicator that every report of a dataflow and period must state at some time. */
struct mandatory {
	const struct indicator *indicator;
	int32_t area_no; /* 0: the provider has no area that day */
	int64_t key;     /* of its total; 0: never stated by anybody */
	bool stated;     /* in the store */
};

/* One report of the group. */
struct intake_report {
	struct intake_stream *stream;
	const struct publish_entry *entry;
	int64_t arrived_at_us;
	int64_t received_at_us; /* as which it counts: a report that comes again counts as it did the first time */
	const Tram__V1__Report *report; /* NULL: poison */
	const char *poison;             /* why it cannot be read */
	struct judgement judgement;
	int32_t period; /* packed; 0: not readable */
	struct past *past;
	struct history *history;
	struct view ***views; /* one per observation: its series, and behind it those related to it; see views.c */
	size_t n_related;     /* series that its figures look at besides their own */
	int32_t own_area_no;  /* of its provider's area, where nobody else reports that; 0: not so */
	struct mandatory *mandatory;
	size_t n_mandatory;
	bool *reported; /* by indicator position: see knowledge */
	/* of other provinces (looks.h) */
	const struct peer_figures **peers; /* one per observation; NULL: no cut is known */
	const struct look_alike *look_alike;
	int32_t *area_no; /* one per observation; 0: not storable */
	int64_t *key;     /* with revision 0, until it is laid out */
	uint64_t verdict_seq;
	bool ask_past;
	const struct closed *closed; /* as struct knowledge has it */
	size_t n_closed;
	const struct repeat_question *repeat; /* what it is a repetition of; NULL: of nothing */
};

struct intake {
	struct arena *arena;
	const struct catalogue *catalogue;
	const struct intake_settings *settings;
	struct store *store;
	int64_t known_at_us;         /* when it was judged; intake_lay_out() sets it again, just before it is written */
	bool force_past;             /* ask for the past of every figure, not only where a report was stored before */
	struct histories *histories; /* the lane's; NULL: everything is asked, and nothing kept */
	const struct peers *peers;   /* the peer cut that is known; NULL: none */
	int64_t closing_no;          /* the newest that is known; 0: none */
	struct known *known;
	struct views *views; /* NULL: not judged by rules */
	struct intake_report *reports;
	size_t n_reports, reports_room;
	struct intake_batch *batches;
	size_t n_batches, batches_room;
	struct intake_stream **streams;
	size_t n_streams, streams_room;
	size_t n_observations;
	struct group group;
};

void intake_start(struct intake *in);

/* Adds an opened PUBLISH's batch; its reports follow by intake_add_report(). False: the arena is exhausted. */
bool intake_add_batch(struct intake *in, struct intake_stream *stream, const struct publish *p,
		      int64_t arrived_at_us) MUST_CHECK;

/* Adds the next report of the stream. poison: NULL, or why it must not be stored (the store refused it before). */
bool intake_add_report(struct intake *in, struct intake_stream *stream, const struct publish_entry *entry,
		       int64_t arrived_at_us, const char *poison) MUST_CHECK;

/* Decodes and resolves one report outside any stream: for CHECK. */
bool intake_add_check(struct intake *in, const char *agent, const struct publish_entry *entry,
		      int64_t arrived_at_us) MUST_CHECK;

/* Whether it has some that can be stored. */
bool intake_has_figures(const struct intake_report *r);

/* The group is committed: what it states is the past of what comes. */
void intake_keep(struct intake *in);

/* Asks the store for the past, judges every report in order. ERR_PROTOCOL in *err with STORE_POISON: the arena is exhausted. */
enum store_result intake_judge(struct intake *in, struct err *err) MUST_CHECK;

/* The catalogue that judged the report: of one that is repeated, the first time. */
uint32_t intake_catalogue_version(const struct intake *in, const struct intake_report *r);

/* The time from which on its figures are seen by whoever asks what was known: of a report that comes again, its first. */
int64_t intake_known_at(const struct intake *in, const struct intake_report *r);

/* Lays out in->group. False: the arena is exhausted. */
bool intake_lay_out(struct intake *in) MUST_CHECK;

#endif
