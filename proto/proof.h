/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof - a proof file (PROTOCOL.md, "Proof files"): reports' digests, the chain over them to a position that the centre
 * acknowledged, and its signature. A text of lines, for people to read and for programs to check, with public keys alone.
 *
 * Writer and reader hold one line at a time, whatever the file's size. The reader takes any bytes: it says in which line
 * the first fault is, and calls nothing proven before all of the file is. Pure; one thread each.
 */
#ifndef TRAM_PROOF_H
#define TRAM_PROOF_H

#include "digest.h"
#include "err.h"

#define PROOF_MAGIC      "tram-proof-v1"
#define PROOF_LINE_MAX   1000 /* bytes, without the line end */
#define PROOF_BYTES_MAX  48   /* of a report, in one line */
#define PROOF_AGENT_MAX  64
#define PROOF_KEYS_MAX   64
#define PROOF_SEQ_BEYOND (UINT64_C(1) << 40)

/* What stands in front of the entries. */
struct proof_head {
	char agent[PROOF_AGENT_MAX + 1];
	struct epoch epoch;
	uint64_t first_seq, last_seq;
	struct digest before; /* the chain at first_seq - 1 */
};

struct proof_ack {
	uint64_t committed_through;
	struct digest chain;
	int64_t committed_at_us;
	uint8_t key_id[KEY_ID_SIZE], signature[SIGNATURE_SIZE];
};

/* ---------------------------------------------------------------- writing */

/* Takes the file's next bytes. */
typedef void proof_sink(void *context, const char *text, size_t len);

/* Begins a file. Caller frees with proof_writer_free(). */
struct proof_writer *proof_writer_new(proof_sink *sink, void *context);
void proof_writer_free(struct proof_writer **wp);

/* In this order: notes for people (cut to a line, what no text may hold as "?"), the head, each report from first_seq on
 * with its bytes or without, links behind last_seq, an acknowledgement behind the entry it goes to; the last one closes
 * the entries. */
void proof_put_note(struct proof_writer *w, const char *text);
void proof_put_head(struct proof_writer *w, const struct proof_head *head);
void proof_put_report(struct proof_writer *w, const struct digest *digest);
void proof_put_bytes(struct proof_writer *w, const void *data, size_t len);
void proof_put_link(struct proof_writer *w, const struct digest *digest);
void proof_put_ack(struct proof_writer *w, const struct proof_ack *ack);

/* The agent's signatures over the reports and over the file, and its sum. */
void proof_put_end(struct proof_writer *w, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		   const uint8_t secret[static SIGN_SECRET_SIZE]);

/* ---------------------------------------------------------------- reading */

/* A public key that is believed. One that is named like the proof's agent counts for the agent, any other for the centre. */
struct proof_key {
	char name[PROOF_AGENT_MAX + 1];
	uint8_t public_key[SIGN_PUBLIC_SIZE];
};

enum proof_item_kind { PROOF_HEAD, PROOF_REPORT, PROOF_BYTES, PROOF_LINK, PROOF_ACK };

/* What a line said. Nothing is proven by it until proof_reader_end() says so. */
struct proof_item {
	enum proof_item_kind kind;
	uint64_t seq;
	const struct proof_head *head; /* PROOF_HEAD */
	const struct digest *digest;   /* PROOF_REPORT, PROOF_LINK */
	const uint8_t *bytes;          /* PROOF_BYTES: the next ones of report seq */
	size_t len;
	const struct proof_ack *ack; /* PROOF_ACK */
	const struct proof_key *key; /* … and the centre's key that it was signed with */
};
typedef void proof_item_fn(void *context, const struct proof_item *item);

/* What is proven. */
struct proof {
	struct proof_head head;
	bool has_bytes;
	bool agent_signed; /* the agent's key was there, and its signatures hold */
	uint8_t agent_key_id[KEY_ID_SIZE];
	uint64_t through; /* acknowledged, at least last_seq */
	unsigned long lines;
};

/* keys (at most PROOF_KEYS_MAX) are copied. item may be NULL. */
struct proof_reader *proof_reader_new(const struct proof_key *keys, size_t n, proof_item_fn *item, void *context);
void proof_reader_free(struct proof_reader **rp);

/* The file's next bytes, in pieces of any size; and its end. False and *err (ERR_DATA, names the line) at the first fault;
 * nothing else may be called then but proof_reader_free(). ERR_USAGE: no key of the centre is there. */
bool proof_reader_feed(struct proof_reader *r, const void *data, size_t len, struct err *err) MUST_CHECK;
bool proof_reader_end(struct proof_reader *r, struct proof *ret, struct err *err) MUST_CHECK;

#endif
