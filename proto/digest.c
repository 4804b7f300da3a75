/* SPDX-License-Identifier: Apache-2.0 */
#include "digest.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static_assert(DIGEST_SIZE == crypto_generichash_BYTES, "BLAKE2b-256");
static_assert(SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");
static_assert(SIGN_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519");
static_assert(SIGN_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "Ed25519");

/* What is hashed or signed. 255 is the longest agent id that its length byte can say. */
#define LAYOUT_MAX (16 + 1 + 255 + EPOCH_SIZE + 2 * 8 + 2 * DIGEST_SIZE)

struct layout {
	uint8_t bytes[LAYOUT_MAX];
	size_t len;
};

static void put(struct layout *l, const void *data, size_t len)
{
	assert(len <= LAYOUT_MAX - l->len);
	memcpy(l->bytes + l->len, data, len);
	l->len += len;
}

/* Unsigned, 8 bytes, most significant first. */
static void put_u64(struct layout *l, uint64_t n)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(n >> (56 - 8 * i));
	put(l, bytes, sizeof(bytes));
}

/* Every layout begins alike: its name, the agent behind a length byte, the epoch. */
static struct layout begin(const char *domain, const char *agent, const struct epoch *epoch)
{
	struct layout l = {.len = 0};
	size_t agent_len = strlen(agent);
	uint8_t len = (uint8_t)agent_len;

	assert(agent_len <= 255);
	put(&l, domain, strlen(domain));
	put(&l, &len, 1);
	put(&l, agent, agent_len);
	put(&l, epoch->bytes, EPOCH_SIZE);
	return l;
}

static void hash(const void *data, size_t len, struct digest *ret)
{
	crypto_generichash(ret->bytes, DIGEST_SIZE, data, len, NULL, 0);
}

void digest_report(const void *data, size_t len, struct digest *ret)
{
	hash(data, len, ret);
}

void chain_start(const char *agent, const struct epoch *epoch, const struct digest *previous, struct digest *ret)
{
	struct layout l = begin("tram-chain-v1", agent, epoch);

	if (previous)
		put(&l, previous->bytes, DIGEST_SIZE);
	hash(l.bytes, l.len, ret);
}

void chain_next(const struct digest *chain, const struct digest *report, struct digest *ret)
{
	uint8_t both[2 * DIGEST_SIZE];

	memcpy(both, chain->bytes, DIGEST_SIZE);
	memcpy(both + DIGEST_SIZE, report->bytes, DIGEST_SIZE);
	hash(both, sizeof(both), ret);
}

static struct layout batch_layout(const struct batch_header *h)
{
	struct layout l = begin("tram-batch-v1", h->agent, &h->epoch);

	put_u64(&l, h->first_seq);
	put_u64(&l, h->last_seq);
	put(&l, h->prev_chain.bytes, DIGEST_SIZE);
	put(&l, h->chain.bytes, DIGEST_SIZE);
	return l;
}

void batch_sign(const struct batch_header *header, const uint8_t secret[static SIGN_SECRET_SIZE],
		uint8_t ret[static SIGNATURE_SIZE])
{
	struct layout l = batch_layout(header);

	crypto_sign_detached(ret, NULL, l.bytes, l.len, secret);
}

bool batch_verify(const struct batch_header *header, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		  const uint8_t signature[static SIGNATURE_SIZE])
{
	struct layout l = batch_layout(header);

	return crypto_sign_verify_detached(signature, l.bytes, l.len, public_key) == 0;
}

static struct layout ack_layout(const struct ack_header *h)
{
	struct layout l = begin("tram-ack-v1", h->agent, &h->epoch);

	put_u64(&l, h->committed_through);
	put(&l, h->chain.bytes, DIGEST_SIZE);
	put_u64(&l, (uint64_t)h->committed_at_us);
	return l;
}

void ack_sign(const struct ack_header *header, const uint8_t secret[static SIGN_SECRET_SIZE],
	      uint8_t ret[static SIGNATURE_SIZE])
{
	struct layout l = ack_layout(header);

	crypto_sign_detached(ret, NULL, l.bytes, l.len, secret);
}

bool ack_verify(const struct ack_header *header, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		const uint8_t signature[static SIGNATURE_SIZE])
{
	struct layout l = ack_layout(header);

	return crypto_sign_verify_detached(signature, l.bytes, l.len, public_key) == 0;
}

static struct layout seal_layout(const struct seal_header *h)
{
	struct layout l = begin("tram-proof-v1", h->agent, &h->epoch);

	put(&l, h->content.bytes, DIGEST_SIZE);
	return l;
}

void seal_sign(const struct seal_header *header, const uint8_t secret[static SIGN_SECRET_SIZE],
	       uint8_t ret[static SIGNATURE_SIZE])
{
	struct layout l = seal_layout(header);

	crypto_sign_detached(ret, NULL, l.bytes, l.len, secret);
}

bool seal_verify(const struct seal_header *header, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		 const uint8_t signature[static SIGNATURE_SIZE])
{
	struct layout l = seal_layout(header);

	return crypto_sign_verify_detached(signature, l.bytes, l.len, public_key) == 0;
}

static struct layout figure_layout(const struct digest *content)
{
	static const char domain[] = "tram-figure-v1";
	struct layout l = {.len = 0};

	put(&l, domain, sizeof domain - 1);
	put(&l, content->bytes, DIGEST_SIZE);
	return l;
}

void figure_sign(const struct digest *content, const uint8_t secret[static SIGN_SECRET_SIZE],
		 uint8_t ret[static SIGNATURE_SIZE])
{
	struct layout l = figure_layout(content);

	crypto_sign_detached(ret, NULL, l.bytes, l.len, secret);
}

bool figure_verify(const struct digest *content, const uint8_t public_key[static SIGN_PUBLIC_SIZE],
		   const uint8_t signature[static SIGNATURE_SIZE])
{
	struct layout l = figure_layout(content);

	return crypto_sign_verify_detached(signature, l.bytes, l.len, public_key) == 0;
}

void key_id(const uint8_t public_key[static SIGN_PUBLIC_SIZE], uint8_t ret[static KEY_ID_SIZE])
{
	struct digest d;

	hash(public_key, SIGN_PUBLIC_SIZE, &d);
	memcpy(ret, d.bytes, KEY_ID_SIZE);
}

/* ---------------------------------------------------------------- bit by bit */

struct hashing {
	crypto_generichash_state state;
};

struct hashing *hashing_new(void)
{
	/* The state asks for more alignment than malloc() gives. */
	struct hashing *h = aligned_alloc(_Alignof(struct hashing), sizeof(struct hashing));

	if (!h)
		abort();
	hashing_restart(h);
	return h;
}

void hashing_free(struct hashing **hp)
{
	free(*hp);
	*hp = NULL;
}

void hashing_restart(struct hashing *h)
{
	crypto_generichash_init(&h->state, NULL, 0, DIGEST_SIZE);
}

void hashing_add(struct hashing *h, const void *data, size_t len)
{
	crypto_generichash_update(&h->state, data, len);
}

void hashing_so_far(const struct hashing *h, struct digest *ret)
{
	crypto_generichash_state copy = h->state;

	crypto_generichash_final(&copy, ret->bytes, DIGEST_SIZE);
}
