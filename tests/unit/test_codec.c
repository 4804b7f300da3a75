/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define CAP (1u << 20)

static struct arena *arena;
static struct err err;

static int make_arena(void **state)
{
	(void)state;
	arena = arena_new(CAP);
	memset(&err, 0, sizeof(err));
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* ---------------------------------------------------------------- there and back */

static void test_envelope(void **state)
{
	Tram__V1__Check check = TRAM__V1__CHECK__INIT;
	uint8_t report[] = {'a', 0, 'b'};
	Tram__V1__Envelope *got;
	size_t len;
	uint8_t *data;

	(void)state;
	check.session = 0x1122334455667788;
	check.check_id = 7;
	check.report.data = report;
	check.report.len = 3;
	data = codec_pack_envelope(TRAM__V1__ENVELOPE__BODY_CHECK, &check, &len);
	got = codec_envelope(arena, data, len, &err);
	assert_non_null(got);
	assert_int_equal(got->version, 1);
	assert_int_equal(got->body_case, TRAM__V1__ENVELOPE__BODY_CHECK);
	assert_int_equal(got->check->session, check.session);
	assert_int_equal(got->check->check_id, 7);
	assert_int_equal(got->check->report.len, 3);
	assert_memory_equal(got->check->report.data, "a\0b", 3);
	free(data);
}

/* No bytes are a message with nothing in it. */
static void test_nothing(void **state)
{
	Tram__V1__Envelope *envelope = codec_envelope(arena, NULL, 0, &err);
	Tram__V1__Report *report = codec_report(arena, "", 0, &err);
	size_t len;

	(void)state;
	assert_non_null(envelope);
	assert_int_equal(envelope->body_case, TRAM__V1__ENVELOPE__BODY__NOT_SET);
	assert_non_null(report);
	assert_int_equal(report->n_observations, 0);
	free(codec_pack(&report->base, &len));
	assert_int_equal(len, 0);
}

/* A body of a later version is no error: it is unknown. */
static void test_unknown_body(void **state)
{
	const uint8_t data[] = {0x08, 0x02, 0xaa, 0x02, 0x01, 0x00}; /* version 2, field 37 */
	Tram__V1__Envelope *envelope = codec_envelope(arena, data, sizeof(data), &err);

	(void)state;
	assert_non_null(envelope);
	assert_int_equal(envelope->version, 2);
	assert_int_equal(envelope->body_case, TRAM__V1__ENVELOPE__BODY__NOT_SET);
}

/* ---------------------------------------------------------------- hostile bytes */

static void test_garbage(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
	    {"\x08", 1},                                          /* a tag and no value */
	    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11}, /* a tag without end */
	    {"\x0b", 1},                                          /* a group */
	    {"\x52\x05xy", 4},                                    /* longer than it is */
	    {"\x52\xff\xff\xff\xff\x0f", 6},                      /* four gigabytes of it */
	    {"\x07\x01", 2},                                      /* wire type 7 */
	    {"\x00\x01", 2},                                      /* field 0 */
	    {"PK\x03\x04 not a message", 22},
	};

	(void)state;
	for (size_t i = 0; i < N(bad); i++) {
		err.kind = ERR_NONE;
		if (codec_envelope(arena, bad[i].bytes, bad[i].len, &err))
			fail_msg("garbage %zu is read", i);
		assert_int_equal(err.kind, ERR_DATA);
		assert_non_null(strstr(err.text, "tram.v1.Envelope"));
	}
}

/* A sound report, for cutting and bending. */
static uint8_t *a_report(size_t *ret_len)
{
	Tram__V1__Observation observations[3] = {TRAM__V1__OBSERVATION__INIT, TRAM__V1__OBSERVATION__INIT,
						 TRAM__V1__OBSERVATION__INIT};
	Tram__V1__Observation *list[3] = {&observations[0], &observations[1], &observations[2]};
	Tram__V1__Decimal zero = TRAM__V1__DECIMAL__INIT;
	Tram__V1__Dimension dimension = TRAM__V1__DIMENSION__INIT, *dimensions = &dimension;
	Tram__V1__Report report = TRAM__V1__REPORT__INIT;
	static char provider[] = "P63-46", population[] = "population", id[] = "SEX", female[] = "F";

	dimension.id = id;
	dimension.value = female;
	report.provider = provider;
	report.n_observations = 3;
	report.observations = list;
	for (int i = 0; i < 3; i++) {
		observations[i].indicator = population;
		observations[i].value = &zero; /* its length is a byte 0 on the wire */
		observations[i].n_dimensions = 1;
		observations[i].dimensions = &dimensions;
	}
	return codec_pack(&report.base, ret_len);
}

static void test_every_cut(void **state)
{
	size_t len, read = 0;
	uint8_t *data = a_report(&len);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n + 1); /* so that a sanitizer sees a step beyond the end */

		memcpy(cut, data, n);
		read += codec_report(arena, cut, n, &err) != NULL;
		arena_reset(arena);
		free(cut);
	}
	assert_int_equal(read,
			 4); /* only between fields: nothing, after the provider, after each of two observations */
	free(data);
}

static void test_every_bit(void **state)
{
	size_t len;
	uint8_t *data = a_report(&len);

	(void)state;
	for (size_t bit = 0; bit < len * 8; bit++) {
		Tram__V1__Report *report;
		char buf[64];

		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		report = codec_report(arena, data, len, &err);
		if (report)
			codec_report_bad_text(report, buf, sizeof(buf));
		arena_reset(arena);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(data);
}

/* Two bytes a piece on the wire, a hundred in memory: the cap ends it, and says that it was the cap. */
static void test_cap(void **state)
{
	size_t len = 256u << 10;
	uint8_t *data = malloc(len);

	(void)state;
	for (size_t i = 0; i < len; i += 2)
		data[i] = 0x0a, data[i + 1] = 0x00; /* Batch.entries, empty */
	assert_null(codec_batch(arena, data, len, &err));
	assert_int_equal(err.kind, ERR_PROTOCOL);
	assert_true(arena_used(arena) <= CAP);
	arena_reset(arena);
	assert_non_null(codec_batch(arena, data, 1024, &err));
	free(data);
}

/* ---------------------------------------------------------------- texts */

static const char *bad_text_of(const char *data, size_t len)
{
	static char buf[128];
	Tram__V1__Report *report = codec_report(arena, data, len, &err);

	assert_non_null(report);
	return codec_report_bad_text(report, buf, sizeof(buf));
}

static void test_texts(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *where; /* NULL: all is well */
	} cases[] = {
	    {"\x0a\x03"
	     "abc",
	     5, NULL},
	    {"\x0a\x03"
	     "a\xc3\xa0",
	     5, NULL},
	    {"\x0a\x03"
	     "a\xc3"
	     "b",
	     5, "provider"},
	    {"\x0a\x03"
	     "a\0b",
	     5, "provider"},
	    {"\x0a\x01"
	     "\0",
	     3, "provider"},
	    {"\x0a\x02"
	     "\xc0\x80",
	     4, "provider"}, /* NUL in disguise */
	    {"\x0a\x03"
	     "\xed\xa0\x80",
	     5, "provider"}, /* a surrogate */
	    {"\x0a\x04"
	     "\xf4\x90\x80\x80",
	     6, "provider"}, /* beyond U+10FFFF */
	    {"\x0a\x03"
	     "a\0b"
	     "\x0a\x01"
	     "c",
	     8, NULL}, /* the last one counts */
	    {"\xa2\x01\x00"
	     "\xa2\x01\x05"
	     "\x0a\x03"
	     "a\0b",
	     11, "observations[2].indicator"},
	    {"\xa2\x01\x07"
	     "\x1a\x05"
	     "\x12\x03"
	     "a\0b",
	     10, "observations[1].dimensions[1].value"},
	    {"\xa2\x01\x07"
	     "\x1a\x05"
	     "\x12\x03"
	     "a\xff"
	     "b",
	     10, "observations[1].dimensions[1].value"},
	    {"\xfa\x7f\x03"
	     "a\0b",
	     6, NULL}, /* an unknown field holds what it likes */
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		const char *where = bad_text_of(cases[i].bytes, cases[i].len);

		if (!where != !cases[i].where || (where && strcmp(where, cases[i].where) != 0))
			fail_msg("case %zu: %s, not %s", i, where ? where : "-", cases[i].where ? cases[i].where : "-");
	}
}

/* Bytes inside a message stay as they are: only texts are marked. The caller's bytes are never touched. */
static void test_bytes_keep_nul(void **state)
{
	const char data[] = "\x0a\x07"
			    "\x0a\x05"
			    "\x0a\x03"
			    "a\0b"; /* Batch.entries[0].report */
	char before[sizeof(data)];
	Tram__V1__Batch *batch;

	(void)state;
	memcpy(before, data, sizeof(data));
	batch = codec_batch(arena, data, sizeof(data) - 1, &err);
	assert_non_null(batch);
	assert_int_equal(batch->entries[0]->report.len, 5);
	assert_memory_equal(batch->entries[0]->report.data, data + 4, 5);
	assert_memory_equal(data, before, sizeof(data));
}

/* An agent's name with a NUL behind it is another name. */
static void test_hello_with_nul(void **state)
{
	const char data[] = "\x08\x01"
			    "\x52\x06"
			    "\x0a\x04"
			    "ab\0c";
	Tram__V1__Envelope *envelope = codec_envelope(arena, data, sizeof(data) - 1, &err);

	(void)state;
	assert_non_null(envelope);
	assert_string_not_equal(envelope->hello->agent, "ab");
}

/* ---------------------------------------------------------------- payloads */

static void test_plain_payload(void **state)
{
	const char data[] = "0123456789";
	size_t len;

	(void)state;
	assert_ptr_equal(codec_decompress(arena, TRAM__V1__CODEC__CODEC_PLAIN, data, 10, 10, &len, &err), data);
	assert_int_equal(len, 10);
	assert_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_PLAIN, data, 10, 9, &len, &err));
	assert_int_equal(err.kind, ERR_PROTOCOL);
}

static void test_zstd_payload(void **state)
{
	size_t n = 100000, packed, len;
	uint8_t *data = malloc(n), *zstd;
	const uint8_t *back;

	(void)state;
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * i >> 7);
	zstd = codec_compress(data, n, &packed);
	back = codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, zstd, packed, n, &len, &err);
	assert_non_null(back);
	assert_int_equal(len, n);
	assert_memory_equal(back, data, n);
	assert_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, zstd, packed, n - 1, &len, &err));
	assert_int_equal(err.kind, ERR_PROTOCOL);
	assert_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, zstd, packed - 1, n, &len, &err));
	assert_int_equal(err.kind, ERR_DATA);
	free(zstd);
	free(data);
	zstd = codec_compress("", 0, &packed);
	assert_non_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, zstd, packed, n, &len, &err));
	assert_int_equal(len, 0);
	free(zstd);
}

/* A megabyte of zeros in a few bytes: judged by its head, and the arena is not asked for more than it has. */
static void test_zstd_bomb(void **state)
{
	size_t n = 64u << 20, packed, len;
	uint8_t *zeros = calloc(1, n), *zstd = codec_compress(zeros, n, &packed);

	(void)state;
	assert_true(packed < 16384);
	assert_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, zstd, packed, LIMIT_BATCH_BYTES, &len, &err));
	assert_int_equal(err.kind, ERR_PROTOCOL);
	assert_int_equal(arena_used(arena), 0);
	assert_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, zstd, packed, n, &len, &err));
	assert_int_equal(err.kind, ERR_PROTOCOL);
	free(zstd);
	free(zeros);
}

/* A frame made by streaming does not say how long it is: it would have to be unpacked to know. */
static size_t stream_frame(void *out, size_t room, const char *text)
{
	ZSTD_CStream *stream = ZSTD_createCStream();
	ZSTD_inBuffer in = {text, strlen(text), 0};
	ZSTD_outBuffer to = {out, room, 0};

	ZSTD_compressStream2(stream, &to, &in, ZSTD_e_flush);
	ZSTD_compressStream2(stream, &to, &in, ZSTD_e_end);
	ZSTD_freeCStream(stream);
	return to.pos;
}

static void test_not_zstd(void **state)
{
	char two[256];
	size_t len, n = stream_frame(two, sizeof(two), "hello");

	(void)state;
	assert_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, two, n, 1000, &len, &err));
	assert_int_equal(err.kind, ERR_DATA);
	assert_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, "plain text", 10, 1000, &len, &err));
	assert_int_equal(err.kind, ERR_DATA);
	assert_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, "", 0, 1000, &len, &err));
	assert_int_equal(err.kind, ERR_DATA);
	n = ZSTD_compress(two, 128, "hello", 5, 1);
	n += ZSTD_compress(two + n, 128, "world", 5, 1);
	assert_null(codec_decompress(arena, TRAM__V1__CODEC__CODEC_ZSTD, two, n, 1000, &len, &err));
	assert_int_equal(err.kind, ERR_DATA);
	assert_null(codec_decompress(arena, (Tram__V1__Codec)2, "hello", 5, 1000, &len, &err));
	assert_int_equal(err.kind, ERR_DATA);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_arena, drop_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_envelope),       TEST(test_nothing),        TEST(test_unknown_body),  TEST(test_garbage),
	    TEST(test_every_cut),      TEST(test_every_bit),      TEST(test_cap),           TEST(test_texts),
	    TEST(test_bytes_keep_nul), TEST(test_hello_with_nul), TEST(test_plain_payload), TEST(test_zstd_payload),
	    TEST(test_zstd_bomb),      TEST(test_not_zstd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
