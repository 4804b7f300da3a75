/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - what is stored of a stream, held against what its agent signed: chains, signatures, and every row that was made
 * of the bytes. Fed in order of stream and seq; tells each break once, at the first place where it shows.
 *
 * After a break it goes on from what the next batch says of itself, so that one fault is not told for all that follows.
 * No database here; it holds one batch at a time. One thread.
 */
#ifndef TRAM_VERIFY_H
#define TRAM_VERIFY_H

#include "store_audit.h"

enum break_kind {
#define BREAK(id, what, remedy) BREAK_##id,
#include "verify.def"
#undef BREAK
	BREAKS
};

struct break_text {
	const char *name;          /* "report_bytes", for programs */
	const char *what, *remedy; /* N_("...") */
};
extern const struct break_text break_texts[BREAKS];

#define BREAK_TEXT_MAX 200

struct verify_break {
	enum break_kind kind;
	char agent[65];
	char epoch[2 * EPOCH_SIZE + 1]; /* "": of no stream */
	uint64_t seq;                   /* 0: of no report */
	char found[BREAK_TEXT_MAX], expected[BREAK_TEXT_MAX];
};

/* Where rows come from that lie in order of report_no, and whom to tell. figures and verdicts give the next ones, *ret_n 0
 * at the end; they live until the next call. */
struct verify_hooks {
	void *context;
	bool (*figures)(void *context, const struct audit_figure **ret, size_t *ret_n, struct err *err);
	bool (*verdicts)(void *context, const struct audit_verdict **ret, size_t *ret_n, struct err *err);
	void (*broken)(void *context, const struct verify_break *b);
};

struct verify_sums {
	uint64_t batches, reports, figures, breaks;
};

struct verify;

/* Caller frees. */
struct verify *verify_new(const struct verify_hooks *hooks);
void verify_free(struct verify **vp);

/* A stream begins; streams come in order of stream_no, and stream and keys live until its end. from_middle: what comes
 * before the first batch given is left out and believed. */
bool verify_stream(struct verify *v, const struct audit_stream *stream, const struct audit_key *keys, size_t n_keys,
		   bool from_middle, struct err *err) MUST_CHECK;

/* The reports that a batch covers: from its from_seq on to this one. */
uint64_t verify_covers(const struct audit_stream *stream, const struct audit_batch *b);

/* Its next batch, with what tram.report and tram.poison have of what it covers, in order of seq. */
bool verify_batch(struct verify *v, const struct audit_batch *b, const struct audit_report *reports, size_t n,
		  struct err *err) MUST_CHECK;

/* The stream ends; *ret: what there was of it. */
bool verify_stream_end(struct verify *v, struct verify_sums *ret, struct err *err) MUST_CHECK;

/* What concerns no single stream; last, the rows that are left. */
void verify_agent(struct verify *v, const struct audit_agent *agent);
void verify_subtotal(struct verify *v, const struct audit_subtotal *t);
void verify_closing(struct verify *v, const struct audit_closing *c);
bool verify_end(struct verify *v, const struct audit_strays *strays, struct err *err) MUST_CHECK;

/* How many figures of closings are others by today's catalogue than by the one they were made with: no break. */
uint64_t verify_remade(const struct verify *v);

#endif
