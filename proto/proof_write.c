/* SPDX-License-Identifier: Apache-2.0 */
#include "proof.h"

#include "mem.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct proof_writer {
	proof_sink *sink;
	void *context;
	struct hashing *hashing; /* of all that was written */
	struct proof_head head;
	uint64_t seq;         /* of the last entry */
	struct digest chain;  /* at seq */
	struct digest at_end; /* at last_seq */
	uint64_t acknowledged;
};

static void put(struct proof_writer *w, const char *text, size_t len)
{
	hashing_add(w->hashing, text, len);
	w->sink(w->context, text, len);
}

static void put_line(struct proof_writer *w, const char *format, ...) PRINTF_LIKE(2, 3);

static void put_line(struct proof_writer *w, const char *format, ...)
{
	char line[PROOF_LINE_MAX + 2];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof line - 1, format, args);
	va_end(args);
	assert(len > 0 && len <= PROOF_LINE_MAX);
	line[len] = '\n';
	put(w, line, (size_t)len + 1);
}

struct proof_writer *proof_writer_new(proof_sink *sink, void *context)
{
	struct proof_writer *w = xcalloc(1, sizeof *w);

	w->sink = sink;
	w->context = context;
	w->hashing = hashing_new();
	put_line(w, "%s", PROOF_MAGIC);
	return w;
}

void proof_writer_free(struct proof_writer **wp)
{
	if (*wp)
		hashing_free(&(*wp)->hashing);
	free(*wp);
	*wp = NULL;
}

/* Whole characters only, as many as a line holds. */
void proof_put_note(struct proof_writer *w, const char *text)
{
	char line[PROOF_LINE_MAX + 1] = "#";
	size_t len = 1;

	if (*text)
		line[len++] = ' ';
	for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
		size_t character = text_character(text, left), at;
		bool plain = character > 0 && text_check(text, character, &at) != TEXT_CONTROL && *text != '\n';

		n = character ? character : 1;
		if (len + n > PROOF_LINE_MAX)
			break;
		memcpy(line + len, plain ? text : "?", plain ? n : 1);
		len += plain ? n : 1;
	}
	line[len] = '\0';
	put_line(w, "%s", line);
}

void proof_put_head(struct proof_writer *w, const struct proof_head *head)
{
	char epoch[2 * EPOCH_SIZE + 1], before[2 * DIGEST_SIZE + 1];

	assert(w->seq == 0 && head->first_seq > 0 && head->first_seq <= head->last_seq);
	w->head = *head;
	w->seq = head->first_seq - 1;
	w->chain = head->before;
	put_line(w, "agent %s", head->agent);
	put_line(w, "epoch %s", text_hex(head->epoch.bytes, EPOCH_SIZE, epoch));
	put_line(w, "reports %" PRIu64 " %" PRIu64, head->first_seq, head->last_seq);
	put_line(w, "before %s", text_hex(head->before.bytes, DIGEST_SIZE, before));
}

static void put_entry(struct proof_writer *w, const char *word, const struct digest *digest)
{
	char hex[2 * DIGEST_SIZE + 1];

	w->seq++;
	chain_next(&w->chain, digest, &w->chain);
	if (w->seq == w->head.last_seq)
		w->at_end = w->chain;
	put_line(w, "%s %" PRIu64 " %s", word, w->seq, text_hex(digest->bytes, DIGEST_SIZE, hex));
}

void proof_put_report(struct proof_writer *w, const struct digest *digest)
{
	assert(w->seq < w->head.last_seq);
	put_entry(w, "report", digest);
}

void proof_put_bytes(struct proof_writer *w, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	char hex[2 * PROOF_BYTES_MAX + 1];

	for (size_t n; len > 0; bytes += n, len -= n) {
		n = len < PROOF_BYTES_MAX ? len : PROOF_BYTES_MAX;
		put_line(w, "bytes %s", text_hex(bytes, n, hex));
	}
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
	put_line(w, "ack %" PRIu64 " %s %" PRId64 " %s %s", ack->committed_through,
		 text_hex(ack->chain.bytes, DIGEST_SIZE, chain), ack->committed_at_us,
		 text_hex(ack->key_id, KEY_ID_SIZE, id), text_hex(ack->signature, SIGNATURE_SIZE, signature));
}

static void put_signature(struct proof_writer *w, const char *word, const uint8_t *public_key, const uint8_t *signature)
{
	uint8_t id[KEY_ID_SIZE];
	char id_hex[2 * KEY_ID_SIZE + 1], hex[2 * SIGNATURE_SIZE + 1];

	key_id(public_key, id);
	put_line(w, "%s %s %s", word, text_hex(id, KEY_ID_SIZE, id_hex), text_hex(signature, SIGNATURE_SIZE, hex));
}

void proof_put_end(struct proof_writer *w, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		   const uint8_t secret[static SIGN_SECRET_SIZE])
{
	const struct proof_head *h = &w->head;
	struct seal_header seal = {.agent = h->agent, .epoch = h->epoch};
	uint8_t signature[SIGNATURE_SIZE];
	struct digest sum;
	char hex[2 * DIGEST_SIZE + 1];

	assert(w->acknowledged == w->seq && w->seq >= h->last_seq);
	batch_sign(&(struct batch_header){h->agent, h->epoch, h->first_seq, h->last_seq, h->before, w->at_end}, secret,
		   signature);
	put_signature(w, "batch", public_key, signature);
	hashing_so_far(w->hashing, &seal.content);
	seal_sign(&seal, secret, signature);
	put_signature(w, "seal", public_key, signature);
	hashing_so_far(w->hashing, &sum);
	put_line(w, "sum %s", text_hex(sum.bytes, DIGEST_SIZE, hex));
}
