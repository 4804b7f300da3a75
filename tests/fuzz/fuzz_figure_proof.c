/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the proof of a figure, as they are and with a statement that is signed anew: what is proven does not depend on
 * the pieces in which it comes, and of what is proven every contribution was found in a report.
 *
 * The centre's key here is seed 32 … 63, as in tests/golden/proof_vectors.json, so that a changed statement can be signed and
 * what lies behind the signature is reached too.
 */
#include "figure_proof.h"
#include "fuzz.h"
#include "mem.h"
#include "text.h"

#include <sodium.h>
#include <string.h>

static uint8_t centre_public[SIGN_PUBLIC_SIZE], centre_secret[SIGN_SECRET_SIZE];

static bool read_in_pieces(const uint8_t *data, size_t size, size_t piece, struct figure_proof *ret)
{
	struct proof_key key = {.name = "centre"};
	struct figure_reader *r;
	struct err err = {0};
	bool fine = true;

	memcpy(key.public_key, centre_public, SIGN_PUBLIC_SIZE);
	r = figure_reader_new(&key, 1);
	for (size_t at = 0; fine && at < size; at += piece)
		fine = figure_reader_feed(r, data + at, size - at < piece ? size - at : piece, &err);
	fine = fine && figure_reader_end(r, ret, &err);
	MUST(fine || ((err.kind == ERR_DATA || err.kind == ERR_USAGE) && err.text[0]));
	if (fine) {
		size_t shown = 0;

		for (size_t i = 0; i < ret->statement->n_items; i++)
			shown += figure_is_shown(&ret->statement->items[i]);
		MUST(ret->shown == shown && ret->reports >= ret->batches && ret->statement->n_nodes > 0);
		MUST(shown == 0 || ret->batches > 0);
		ret->statement = NULL;
	}
	figure_reader_free(&r);
	return fine;
}

static bool read_both_ways(const uint8_t *data, size_t size)
{
	struct figure_proof whole = {0}, pieces = {0};
	bool proven = read_in_pieces(data, size, size ? size : 1, &whole);

	MUST(read_in_pieces(data, size, 7, &pieces) == proven);
	MUST(!proven || (whole.shown == pieces.shown && whole.lines == pieces.lines));
	return proven;
}

/* Where a line that begins so lies; size: nowhere. */
static size_t line_at(const uint8_t *data, size_t size, const char *word)
{
	size_t len = strlen(word);

	for (size_t at = 0; at + len <= size; at++)
		if ((at == 0 || data[at - 1] == '\n') && memcmp(data + at, word, len) == 0)
			return at;
	return size;
}

struct text {
	char *bytes;
	size_t len;
};

static void keep(struct text *t, const void *bytes, size_t len)
{
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
}

static void keep_signature(struct text *t, size_t begins)
{
	uint8_t signature[SIGNATURE_SIZE], id[KEY_ID_SIZE];
	char id_hex[2 * KEY_ID_SIZE + 1], hex[2 * SIGNATURE_SIZE + 1];
	struct digest content;
	int n;

	digest_report(t->bytes, begins, &content);
	figure_sign(&content, centre_secret, signature);
	key_id(centre_public, id);
	n = sprintf(t->bytes + t->len, "signed %s %s\n", text_hex(id, KEY_ID_SIZE, id_hex),
		    text_hex(signature, SIGNATURE_SIZE, hex));
	t->len += (size_t)n;
}

static void keep_sum(struct text *t)
{
	char hex[2 * DIGEST_SIZE + 1];
	struct digest sum;

	digest_report(t->bytes, t->len, &sum);
	t->len += (size_t)sprintf(t->bytes + t->len, "sum %s\n", text_hex(sum.bytes, DIGEST_SIZE, hex));
}

/* The statement as it is, signed; what follows the signature, and a sum that is right. */
static void read_signed_anew(const uint8_t *data, size_t size)
{
	size_t at = line_at(data, size, "signed "), sum = line_at(data, size, "sum "), behind = at;
	struct text t = {xmalloc(size + 512), 0};

	while (behind < size && data[behind] != '\n')
		behind++;
	behind += behind < size;
	if (at < size && sum >= behind) {
		keep(&t, data, at);
		keep_signature(&t, at);
		keep(&t, data + behind, sum - behind);
		keep_sum(&t);
		read_both_ways((const uint8_t *)t.bytes, t.len);
	}
	free(t.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t seed[32];

	for (uint8_t i = 0; i < sizeof seed; i++)
		seed[i] = (uint8_t)(32 + i);
	crypto_sign_seed_keypair(centre_public, centre_secret, seed);
	read_both_ways(data, size);
	read_signed_anew(data, size);
	return 0;
}
