/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle - what an outbox must hold, worked out beside it from what it was told and what it said.
 *
 * A model is a plain copy of all that is promised: reports byte for byte, their chain, acknowledgements, verdicts, the
 * cursor, the codebook, what was trimmed. The outbox must be as the model, wholly: nothing less, and nothing more.
 */
#ifndef TRAM_TEST_ORACLE_H
#define TRAM_TEST_ORACLE_H

#include "outbox.h"

#define ORACLE_AGENT    "agent-63-46"
#define ORACLE_REPORTS  640
#define ORACLE_VERDICTS 640
#define ORACLE_TEXT     300

struct oracle_report {
	uint64_t issue; /* of what its bytes are made: no two hand-ins have the same */
	size_t len;
	uint64_t ticket_first, ticket_last;
	int64_t at;
	struct digest digest, chain;
};

struct oracle_ack {
	bool kept;
	int64_t lived;
};

struct oracle_verdict {
	bool kept;
	uint64_t seq, issue;
	int64_t stored_at, lived;
};

struct oracle {
	bool born; /* somebody was told that the outbox is open: it has its epoch */
	struct epoch epoch;
	uint64_t trimmed, last, acknowledged, cursor;
	uint64_t past;  /* what was trimmed is known from there on; 0: nothing was trimmed yet */
	uint64_t heard; /* the highest cursor before a rewind */
	int64_t known_at;
	int64_t lived, lived_kept; /* now; by the file */
	uint32_t version;          /* of the codebook */
	uint64_t codebook_issue;
	size_t codebook_len;
	struct digest start;                          /* the chain at 0 */
	struct oracle_report reports[ORACLE_REPORTS]; /* by seq */
	struct oracle_ack acks[ORACLE_REPORTS];       /* by position */
	struct oracle_verdict verdicts[ORACLE_VERDICTS];
};

/* Bytes that nobody else's are: of an issue, len of them. */
void oracle_bytes(uint64_t issue, void *ret, size_t len);
char *oracle_file_name(uint64_t issue, char buf[static 32]);
struct acknowledgement oracle_acknowledgement(const struct oracle *o, uint64_t through);

/* What becomes of the model. */
void oracle_born(struct oracle *o, const struct outbox_state *state);
void oracle_hand_in(struct oracle *o, uint64_t issue, const size_t *lens, size_t n, int64_t at);
void oracle_acknowledge(struct oracle *o, uint64_t through);
void oracle_judge(struct oracle *o, uint64_t seq, uint64_t issue, int64_t at);
void oracle_rewind(struct oracle *o, uint64_t cursor);

/* A trim is three transactions, in this order. */
void oracle_trim_reports(struct oracle *o, uint64_t committed, int64_t retention);
void oracle_trim_verdicts(struct oracle *o, int64_t retention);
void oracle_trim_past(struct oracle *o, int64_t past);

int64_t oracle_known_at(uint64_t issue);

/* How an outbox differs from the model. */
enum oracle_answer {
	ORACLE_SAME,
	ORACLE_NAMED,      /* the outbox said itself that it is damaged: text is what it said */
	ORACLE_TOLD_WRONG, /* only what is shown beside a report: file name, provider, times */
	ORACLE_DIFFERS,    /* text says in what */
};
enum oracle_answer oracle_compare(const struct oracle *o, struct outbox *ob, char text[static ORACLE_TEXT]);

/* The same for what is sent alone: reports byte for byte and their chain, from where to where the outbox itself says. */
enum oracle_answer oracle_compare_sent(const struct oracle *o, struct outbox *ob, char text[static ORACLE_TEXT]);

/* Whether the positions are the model's; costs nothing. */
bool oracle_stands_at(const struct oracle *o, const struct outbox_state *state);

#endif
