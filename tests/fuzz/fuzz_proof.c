/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a proof file, whole and in pieces: what is proven does not depend on the pieces, and says nothing beyond the
 * two golden files' head: nobody here can sign with their keys. Of the bytes heard, a proven file has each report's digest.
 */
#include "fuzz.h"
#include "proof.h"
#include "text.h"

#include <string.h>

/* Of tests/golden/proof_vectors.json. */
static const char agent_public[] = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
static const char centre_public[] = "29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7";

struct heard {
	uint64_t reports, links, last;
	bool began;
};

static void hear(void *context, const struct proof_item *item)
{
	struct heard *h = context;

	MUST(item->kind == PROOF_HEAD || h->began);
	h->began = true;
	MUST(item->kind != PROOF_BYTES || (item->len > 0 && item->len <= PROOF_BYTES_MAX));
	MUST(item->kind != PROOF_ACK || item->key);
	h->reports += item->kind == PROOF_REPORT;
	h->links += item->kind == PROOF_LINK;
	MUST(item->seq >= h->last && item->seq < PROOF_SEQ_BEYOND);
	h->last = item->seq;
}

static bool read_in_pieces(const uint8_t *data, size_t size, size_t piece, struct proof *ret)
{
	struct proof_key keys[] = {{.name = "agent-63-46"}, {.name = "centre"}};
	struct heard heard = {0};
	struct proof_reader *r;
	struct err err = {0};
	bool fine = true;

	MUST(text_unhex(agent_public, keys[0].public_key, SIGN_PUBLIC_SIZE));
	MUST(text_unhex(centre_public, keys[1].public_key, SIGN_PUBLIC_SIZE));
	r = proof_reader_new(keys, 2, hear, &heard);
	for (size_t at = 0; fine && at < size; at += piece)
		fine = proof_reader_feed(r, data + at, size - at < piece ? size - at : piece, &err);
	fine = fine && proof_reader_end(r, ret, &err);
	proof_reader_free(&r);
	MUST(fine || (err.kind == ERR_DATA && err.text[0]));
	if (fine) {
		MUST(heard.reports == ret->head.last_seq - ret->head.first_seq + 1);
		MUST(heard.links == ret->through - ret->head.last_seq);
	}
	return fine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proof whole, pieces;
	bool proven = read_in_pieces(data, size, size ? size : 1, &whole);

	MUST(read_in_pieces(data, size, 7, &pieces) == proven);
	if (proven) {
		MUST(memcmp(&whole.head, &pieces.head, sizeof whole.head) == 0);
		MUST(whole.agent_signed && strcmp(whole.head.agent, "agent-63-46") == 0);
		MUST(whole.head.first_seq == 4211 && whole.head.last_seq == 4212 && whole.through == 4213);
	}
	return 0;
}
