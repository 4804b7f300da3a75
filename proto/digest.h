/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest - the hash of a report, the chain over a stream, and the signatures over both. PROTOCOL.md section "Proof"
 * has the byte layouts; libsodium does the work (BLAKE2b-256, Ed25519). Pure; any thread.
 */
#ifndef TRAM_DIGEST_H
#define TRAM_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE      32
#define EPOCH_SIZE       16
#define SIGNATURE_SIZE   64
#define SIGN_PUBLIC_SIZE 32
#define SIGN_SECRET_SIZE 64
#define KEY_ID_SIZE      8

struct digest {
	uint8_t bytes[DIGEST_SIZE];
};

struct epoch {
	uint8_t bytes[EPOCH_SIZE];
};

/* BLAKE2b-256 of a report's bytes as handed in. */
void digest_report(const void *data, size_t len, struct digest *ret);

/* chain_0 = BLAKE2b-256("tram-chain-v1" | u8 len agent | agent | epoch | previous chain, if known (NULL: not)). */
void chain_start(const char *agent, const struct epoch *epoch, const struct digest *previous, struct digest *ret);

/* chain_n = BLAKE2b-256(chain_{n-1} | digest_n); chain may be updated in place. */
void chain_next(const struct digest *chain, const struct digest *report, struct digest *ret);

/* The domain-separated header that a batch's signature covers. */
struct batch_header {
	const char *agent;
	struct epoch epoch;
	uint64_t first_seq, last_seq;
	struct digest prev_chain, chain;
};
void batch_sign(const struct batch_header *header, const uint8_t secret[static SIGN_SECRET_SIZE],
		uint8_t ret[static SIGNATURE_SIZE]);
bool batch_verify(const struct batch_header *header, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		  const uint8_t signature[static SIGNATURE_SIZE]);

/* The centre's word that it committed a stream through seq at a time. */
struct ack_header {
	const char *agent;
	struct epoch epoch;
	uint64_t committed_through;
	struct digest chain;
	int64_t committed_at_us;
};
void ack_sign(const struct ack_header *header, const uint8_t secret[static SIGN_SECRET_SIZE],
	      uint8_t ret[static SIGNATURE_SIZE]);
bool ack_verify(const struct ack_header *header, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		const uint8_t signature[static SIGNATURE_SIZE]);

/* An agent's word that it wrote this file: its seal covers the hash of all that stands before. */
struct seal_header {
	const char *agent;
	struct epoch epoch;
	struct digest content;
};
void seal_sign(const struct seal_header *header, const uint8_t secret[static SIGN_SECRET_SIZE],
	       uint8_t ret[static SIGNATURE_SIZE]);
bool seal_verify(const struct seal_header *header, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		 const uint8_t signature[static SIGNATURE_SIZE]);

/* The centre's word on a figure: content is the hash of its statement. */
void figure_sign(const struct digest *content, const uint8_t secret[static SIGN_SECRET_SIZE],
		 uint8_t ret[static SIGNATURE_SIZE]);
bool figure_verify(const struct digest *content, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		   const uint8_t signature[static SIGNATURE_SIZE]);

void key_id(const uint8_t public_key[static SIGN_PUBLIC_SIZE], uint8_t ret[static KEY_ID_SIZE]);

/* BLAKE2b-256 of what comes bit by bit. Caller frees; freeing NULL is fine. */
struct hashing;
struct hashing *hashing_new(void);
void hashing_free(struct hashing **hp);
void hashing_restart(struct hashing *h);
void hashing_add(struct hashing *h, const void *data, size_t len);
void hashing_so_far(const struct hashing *h, struct digest *ret);

#endif
