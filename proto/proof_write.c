/* SPDX-License-Identifier: Apache-2.0 */
#include "proof_lines.h"

#include "mem.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct proof_writer {
	struct lines_out out;
	struct proof_head head;
	uint64_t seq;         /* of the last entry */
	struct digest chain;  /* at seq */
	struct digest at_end; /* at last_seq */
	uint64_t acknowledged;
};

struct proof_writer *proof_writer_new(proof_sink *sink, void *context)
{
	struct proof_writer *w = xcalloc(1, sizeof *w);

	lines_out_init(&w->out, sink, context);
	lines_put(&w->out, "%s", PROOF_MAGIC);
	return w;
}

void proof_writer_free(struct proof_writer **wp)
{
	if (*wp)
		lines_out_done(&(*wp)->out);
	free(*wp);
	*wp = NULL;
}

void proof_put_note(struct proof_writer *w, const char *text)
{
	lines_put_note(&w->out, text);
}

void proof_put_head(struct proof_writer *w, const struct proof_head *head)
{
	char epoch[2 * EPOCH_SIZE + 1], before[2 * DIGEST_SIZE + 1];

	assert(w->seq == 0 && head->first_seq > 0 && head->first_seq <= head->last_seq);
	w->head = *head;
	w->seq = head->first_seq - 1;
	w->chain = head->before;
	lines_put(&w->out, "agent %s", head->agent);
	lines_put(&w->out, "epoch %s", text_hex(head->epoch.bytes, EPOCH_SIZE, epoch));
	lines_put(&w->out, "reports %" PRIu64 " %" PRIu64, head->first_seq, head->last_seq);
	lines_put(&w->out, "before %s", text_hex(head->before.bytes, DIGEST_SIZE, before));
}

static void put_entry(struct proof_writer *w, const char *word, const struct digest *digest)
{
	char hex[2 * DIGEST_SIZE + 1];

	w->seq++;
	chain_next(&w->chain, digest, &w->chain);
	if (w->seq == w->head.last_seq)
		w->at_end = w->chain;
	lines_put(&w->out, "%s %" PRIu64 " %s", word, w->seq, text_hex(digest->bytes, DIGEST_SIZE, hex));
}

void proof_put_report(struct proof_writer *w, const struct digest *digest)
{
	assert(w->seq < w->head.last_seq);
	put_entry(w, "report", digest);
}

void proof_put_bytes(struct proof_writer *w, const void *data, size_t len)
{
	lines_put_bytes(&w->out, data, len);
}

void proof_put_link(struct proof_writer *w, const struct digest *digest)
{
	assert(w->seq >= w->head.last_seq && w->acknowledged < w->head.last_seq);
	put_entry(w, "link", digest);
}

void proof_put_ack(struct proof_writer *w, const struct proof_ack *ack)
{
	char chain[2 * DIGEST_SIZE + 1], id[2 * KEY_ID_SIZE + 1], signature[2 * SIGNATURE_SIZE + 1];

	assert(ack->committed_through == w->seq && ack->committed_through > w->acknowledged);
	w->acknowledged = ack->committed_through;
	lines_put(&w->out, "ack %" PRIu64 " %s %" PRId64 " %s %s", ack->committed_through,
		  text_hex(ack->chain.bytes, DIGEST_SIZE, chain), ack->committed_at_us,
		  text_hex(ack->key_id, KEY_ID_SIZE, id), text_hex(ack->signature, SIGNATURE_SIZE, signature));
}

void proof_put_end(struct proof_writer *w, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		   const uint8_t secret[static SIGN_SECRET_SIZE])
{
	const struct proof_head *h = &w->head;
	struct seal_header seal = {.agent = h->agent, .epoch = h->epoch};
	uint8_t signature[SIGNATURE_SIZE];

	assert(w->acknowledged == w->seq && w->seq >= h->last_seq);
	batch_sign(&(struct batch_header){h->agent, h->epoch, h->first_seq, h->last_seq, h->before, w->at_end}, secret,
		   signature);
	lines_put_signature(&w->out, "batch", public_key, signature);
	hashing_so_far(w->out.hashing, &seal.content);
	seal_sign(&seal, secret, signature);
	lines_put_signature(&w->out, "seal", public_key, signature);
	lines_put_sum(&w->out);
}
