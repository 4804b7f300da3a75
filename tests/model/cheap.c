/* SPDX-License-Identifier: Apache-2.0 */
#include "cheap.h"

#include "codec.h"
#include "digest.h"
#include "mem.h"

#include <string.h>

static bool is_cheap = true;

void cheap_set(bool cheap)
{
	is_cheap = cheap;
}

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (uint64_t word; len > 0;) {
		size_t n = len < sizeof word ? len : sizeof word;
		word = len;
		memcpy(&word, p, n);
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
		p += n;
		len -= n;
	}
	return h;
}

static void spread(uint64_t h, uint8_t ret[static SIGNATURE_SIZE])
{
	for (size_t i = 0; i < SIGNATURE_SIZE; i += sizeof h) {
		h = mix(h, &i, sizeof i);
		memcpy(ret + i, &h, sizeof h);
	}
}

static void batch_mix(const struct batch_header *b, const uint8_t *public_key, uint8_t ret[static SIGNATURE_SIZE])
{
	uint64_t h = mix(1, public_key, SIGN_PUBLIC_SIZE);
	h = mix(h, b->agent, strlen(b->agent));
	h = mix(h, b->epoch.bytes, EPOCH_SIZE);
	h = mix(mix(h, &b->first_seq, sizeof b->first_seq), &b->last_seq, sizeof b->last_seq);
	h = mix(mix(h, b->prev_chain.bytes, DIGEST_SIZE), b->chain.bytes, DIGEST_SIZE);
	spread(h, ret);
}

static void ack_mix(const struct ack_header *a, const uint8_t *public_key, uint8_t ret[static SIGNATURE_SIZE])
{
	uint64_t h = mix(2, public_key, SIGN_PUBLIC_SIZE);
	h = mix(h, a->agent, strlen(a->agent));
	h = mix(h, a->epoch.bytes, EPOCH_SIZE);
	h = mix(h, &a->committed_through, sizeof a->committed_through);
	h = mix(mix(h, a->chain.bytes, DIGEST_SIZE), &a->committed_at_us, sizeof a->committed_at_us);
	spread(h, ret);
}

/* The names that the linker makes of them. */
#define WRAP(type, name, parameters)                                                                                   \
	type __real_##name parameters;                                                                                 \
	type __wrap_##name parameters;                                                                                 \
	type __wrap_##name parameters

/* libsodium's secret is seed and public key. */
WRAP(void, batch_sign, (const struct batch_header *b, const uint8_t *secret, uint8_t *ret))
{
	if (is_cheap)
		batch_mix(b, secret + SIGN_SECRET_SIZE - SIGN_PUBLIC_SIZE, ret);
	else
		__real_batch_sign(b, secret, ret);
}

WRAP(bool, batch_verify, (const struct batch_header *b, const uint8_t *public_key, const uint8_t *signature))
{
	uint8_t right[SIGNATURE_SIZE];
	if (!is_cheap)
		return __real_batch_verify(b, public_key, signature);
	batch_mix(b, public_key, right);
	return memcmp(right, signature, SIGNATURE_SIZE) == 0;
}

WRAP(void, ack_sign, (const struct ack_header *a, const uint8_t *secret, uint8_t *ret))
{
	if (is_cheap)
		ack_mix(a, secret + SIGN_SECRET_SIZE - SIGN_PUBLIC_SIZE, ret);
	else
		__real_ack_sign(a, secret, ret);
}

WRAP(bool, ack_verify, (const struct ack_header *a, const uint8_t *public_key, const uint8_t *signature))
{
	uint8_t right[SIGNATURE_SIZE];
	if (!is_cheap)
		return __real_ack_verify(a, public_key, signature);
	ack_mix(a, public_key, right);
	return memcmp(right, signature, SIGNATURE_SIZE) == 0;
}

/* Longer than the plain bytes, so that these are sent. */
WRAP(uint8_t *, codec_compress, (const void *data, size_t len, size_t *ret_len))
{
	if (!is_cheap)
		return __real_codec_compress(data, len, ret_len);
	*ret_len = len + 1;
	return xmalloc(len + 1);
}
