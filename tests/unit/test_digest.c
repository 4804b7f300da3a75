/* SPDX-License-Identifier: Apache-2.0 */
/* The values themselves are checked against tests/golden/proof_vectors.json in test_golden.c; here, that every part of
 * what is hashed or signed matters. */
#include "digest.h"
#include "text.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint8_t public_key[SIGN_PUBLIC_SIZE], secret_key[SIGN_SECRET_SIZE];

static int make_keys(void **state)
{
	uint8_t seed[32] = {7};

	(void)state;
	return crypto_sign_seed_keypair(public_key, secret_key, seed);
}

static struct batch_header a_batch(void)
{
	return (struct batch_header){.agent = "agent-63-46",
				     .epoch = {{1, 2, 3}},
				     .first_seq = 4211,
				     .last_seq = 4260,
				     .prev_chain = {{4}},
				     .chain = {{5}}};
}

static struct ack_header an_ack(void)
{
	return (struct ack_header){.agent = "agent-63-46",
				   .epoch = {{1, 2, 3}},
				   .committed_through = 4260,
				   .chain = {{5}},
				   .committed_at_us = 1721350801234567};
}

static void test_report(void **state)
{
	struct digest d;
	char hex[2 * DIGEST_SIZE + 1];

	(void)state;
	digest_report("", 0, &d);
	assert_string_equal(text_hex(&d, DIGEST_SIZE, hex),
			    "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
	digest_report("a\0b", 3, &d);
	assert_string_not_equal(text_hex(&d, DIGEST_SIZE, hex),
				"0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

/* An agent's name cannot run over into the epoch, nor an epoch's first chain into another's. */
static void test_chain_start(void **state)
{
	struct epoch a = {"bcdefghijklmnop"}, b = {"cdefghijklmnopq"};
	struct digest x, y, z, none = {{0}};

	(void)state;
	chain_start("ab", &a, NULL, &x);
	chain_start("a", &a, NULL, &y);
	assert_memory_not_equal(&x, &y, DIGEST_SIZE);
	chain_start("ab", &b, NULL, &y);
	assert_memory_not_equal(&x, &y, DIGEST_SIZE);
	chain_start("ab", &a, &none, &y);
	assert_memory_not_equal(&x, &y, DIGEST_SIZE);
	chain_start("ab", &a, &x, &z);
	assert_memory_not_equal(&y, &z, DIGEST_SIZE);
}

static void test_chain_next(void **state)
{
	struct digest a = {{1}}, b = {{2}}, ab, ba;

	(void)state;
	chain_next(&a, &b, &ab);
	chain_next(&b, &a, &ba);
	assert_memory_not_equal(&ab, &ba, DIGEST_SIZE);
	chain_next(&a, &b, &a); /* in place */
	assert_memory_equal(&a, &ab, DIGEST_SIZE);
}

static void test_batch(void **state)
{
	struct batch_header h = a_batch(), changed[6];
	uint8_t signature[SIGNATURE_SIZE];

	(void)state;
	batch_sign(&h, secret_key, signature);
	assert_true(batch_verify(&h, public_key, signature));
	for (size_t i = 0; i < 6; i++)
		changed[i] = h;
	changed[0].agent = "agent-63-45";
	changed[1].epoch.bytes[15] ^= 1;
	changed[2].first_seq--;
	changed[3].last_seq += UINT64_C(1) << 56;
	changed[4].prev_chain.bytes[31] ^= 1;
	changed[5].chain.bytes[0] ^= 1;
	for (size_t i = 0; i < 6; i++)
		assert_false(batch_verify(&changed[i], public_key, signature));
	signature[0] ^= 1;
	assert_false(batch_verify(&h, public_key, signature));
}

static void test_ack(void **state)
{
	struct ack_header h = an_ack(), changed[5];
	uint8_t signature[SIGNATURE_SIZE], other[SIGN_PUBLIC_SIZE];

	(void)state;
	ack_sign(&h, secret_key, signature);
	assert_true(ack_verify(&h, public_key, signature));
	for (size_t i = 0; i < 5; i++)
		changed[i] = h;
	changed[0].agent = "agent-63-4";
	changed[1].epoch.bytes[0] ^= 1;
	changed[2].committed_through++;
	changed[3].chain.bytes[31] ^= 1;
	changed[4].committed_at_us = -h.committed_at_us;
	for (size_t i = 0; i < 5; i++)
		assert_false(ack_verify(&changed[i], public_key, signature));
	memcpy(other, public_key, sizeof(other));
	other[0] ^= 1;
	assert_false(ack_verify(&h, other, signature));
}

/* A batch's signature is never good for an acknowledgement, whoever holds the key. */
static void test_domains(void **state)
{
	struct batch_header b = a_batch();
	struct ack_header a = an_ack();
	uint8_t signature[SIGNATURE_SIZE];

	(void)state;
	batch_sign(&b, secret_key, signature);
	assert_false(ack_verify(&a, public_key, signature));
	ack_sign(&a, secret_key, signature);
	assert_false(batch_verify(&b, public_key, signature));
}

static void test_longest_agent(void **state)
{
	struct batch_header h = a_batch();
	uint8_t signature[SIGNATURE_SIZE];
	char agent[256];

	(void)state;
	memset(agent, 'a', 255);
	agent[255] = '\0';
	h.agent = agent;
	batch_sign(&h, secret_key, signature);
	assert_true(batch_verify(&h, public_key, signature));
	agent[254] = 'b';
	assert_false(batch_verify(&h, public_key, signature));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_report),        cmocka_unit_test(test_chain_start), cmocka_unit_test(test_chain_next),
	    cmocka_unit_test(test_batch),         cmocka_unit_test(test_ack),         cmocka_unit_test(test_domains),
	    cmocka_unit_test(test_longest_agent),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
