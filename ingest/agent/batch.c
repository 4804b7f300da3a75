/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include "codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_RATIO    4  /* reports compress at least so well, as a first guess */
#define ENTRY_OVERHEAD 32 /* tags and lengths around a report */
#define ACK_OVERHEAD   192

/* The reports of one batch, in the arena. */
struct gathered {
	Tram__V1__Entry **entries;
	struct digest *chains; /* at each of them */
	uint64_t *covered;     /* how many after it its first acknowledgement covers too */
	size_t n;
};

static ProtobufCBinaryData blob(const void *data, size_t len)
{
	return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)data};
}

static bool make_first(struct arena *a, const struct batch_author *author, const struct acknowledgement *ack,
		       Tram__V1__Acknowledgement **ret)
{
	Tram__V1__Acknowledgement *m = arena_alloc(a, sizeof *m);
	struct acknowledgement *copy = arena_alloc(a, sizeof *copy);
	if (!m || !copy)
		return false;
	*copy = *ack;
	tram__v1__acknowledgement__init(m);
	m->epoch = blob(author->epoch.bytes, EPOCH_SIZE);
	m->committed_through = copy->committed_through;
	m->chain = blob(copy->chain.bytes, DIGEST_SIZE);
	m->committed_at_us = copy->committed_at_us;
	m->signature = blob(copy->signature, SIGNATURE_SIZE);
	m->key_id = blob(copy->key_id, KEY_ID_SIZE);
	*ret = m;
	return true;
}

static bool make_entry(struct arena *a, const struct batch_author *author, const struct source_report *report,
		       Tram__V1__Entry **ret)
{
	Tram__V1__Entry *entry = arena_alloc(a, sizeof *entry);
	if (!entry)
		return false;
	tram__v1__entry__init(entry);
	entry->report = blob(report->bytes, report->len);
	entry->handed_in_at_us = report->handed_in_at_us;
	*ret = entry;
	return !report->is_refilled || make_first(a, author, &report->first, &entry->first_acknowledgement);
}

static uint64_t plain_size(const struct source_report *report)
{
	return report->len + ENTRY_OVERHEAD + (report->is_refilled ? ACK_OVERHEAD : 0);
}

/* Reads reports while they fit the plain limits and a first guess at what compresses to the wanted size. */
static enum batch_result gather(const struct source *source, const struct batch_author *author, uint64_t first_seq,
				uint64_t last_seq, const struct batch_limits *limits, struct arena *a,
				struct gathered *ret)
{
	uint64_t most = last_seq - first_seq + 1, plain = 0, guess = limits->payload_wanted * PLAIN_RATIO;
	if (most > limits->reports)
		most = limits->reports;
	*ret = (struct gathered){.entries = arena_calloc(a, most, sizeof(Tram__V1__Entry *)),
				 .chains = arena_calloc(a, most, sizeof(struct digest)),
				 .covered = arena_calloc(a, most, sizeof(uint64_t))};
	assert(ret->entries && ret->chains && ret->covered);
	while (ret->n < most) {
		struct source_report report;
		if (!source->read(source->context, first_seq + ret->n, a, &report))
			return BATCH_FAILED;
		plain += plain_size(&report);
		if (plain > limits->plain_max || (ret->n > 0 && plain > guess))
			break;
		if (!make_entry(a, author, &report, &ret->entries[ret->n]))
			break;
		ret->covered[ret->n] = report.is_refilled ? report.first.committed_through - (first_seq + ret->n) : 0;
		ret->chains[ret->n++] = report.chain;
	}
	return ret->n ? BATCH_CUT : BATCH_TOO_LARGE;
}

/* The first n of them as a payload, compressed where that makes it smaller; caller frees. */
static uint8_t *make_payload(const struct gathered *g, size_t n, Tram__V1__Codec *ret_codec, size_t *ret_len)
{
	Tram__V1__Batch batch = TRAM__V1__BATCH__INIT;
	size_t plain_len;
	batch.n_entries = n;
	batch.entries = g->entries;
	uint8_t *plain = codec_pack(&batch.base, &plain_len);
	uint8_t *packed = codec_compress(plain, plain_len, ret_len);
	*ret_codec = *ret_len < plain_len ? TRAM__V1__CODEC__CODEC_ZSTD : TRAM__V1__CODEC__CODEC_PLAIN;
	free(*ret_codec == TRAM__V1__CODEC__CODEC_ZSTD ? plain : packed);
	if (*ret_codec == TRAM__V1__CODEC__CODEC_PLAIN)
		*ret_len = plain_len;
	return *ret_codec == TRAM__V1__CODEC__CODEC_ZSTD ? packed : plain;
}

/*
 * The most of the first n that end where an acknowledgement does: there the chain it has can be compared with the
 * batch's. All n when none of them does.
 */
static size_t end_at_acknowledgement(const struct gathered *g, size_t n)
{
	for (size_t end = n; end > 0; end--)
		if (g->covered[end - 1] == 0)
			return end;
	return n;
}

/* The largest payload that fits: all that was gathered, or half of it, or half of that. NULL: not even one fits. */
static uint8_t *fit_payload(const struct gathered *g, const struct batch_limits *limits, size_t *ret_n,
			    Tram__V1__Codec *ret_codec, size_t *ret_len)
{
	for (size_t n = g->n;; n = (n + 1) / 2) {
		n = end_at_acknowledgement(g, n);
		uint8_t *payload = make_payload(g, n, ret_codec, ret_len);
		bool fits = *ret_len <= limits->payload_max && (n == 1 || *ret_len <= limits->payload_wanted);
		*ret_n = n;
		if (fits)
			return payload;
		free(payload);
		if (n == 1)
			return NULL;
	}
}

/* Signs the header and wraps all up. */
static void seal(const struct batch_author *author, uint64_t session, const struct batch_header *header,
		 Tram__V1__Codec codec, uint8_t *payload, struct batch *ret)
{
	uint8_t signature[SIGNATURE_SIZE], id[KEY_ID_SIZE];
	Tram__V1__Publish p = TRAM__V1__PUBLISH__INIT;
	batch_sign(header, author->sign_secret, signature);
	key_id(author->sign_public, id);
	p.session = session;
	p.epoch = blob(header->epoch.bytes, EPOCH_SIZE);
	p.first_seq = header->first_seq;
	p.count = (uint32_t)(header->last_seq - header->first_seq + 1);
	p.prev_chain = blob(header->prev_chain.bytes, DIGEST_SIZE);
	p.chain = blob(header->chain.bytes, DIGEST_SIZE);
	p.codec = codec;
	p.payload = blob(payload, ret->payload_len);
	p.signature = blob(signature, sizeof signature);
	p.key_id = blob(id, sizeof id);
	ret->first_seq = header->first_seq;
	ret->last_seq = header->last_seq;
	ret->data = codec_pack_envelope(TRAM__V1__ENVELOPE__BODY_PUBLISH, &p, &ret->len);
}

enum batch_result batch_cut(const struct source *source, const struct batch_author *author, uint64_t session,
			    uint64_t first_seq, uint64_t last_seq, const struct batch_limits *limits, struct arena *a,
			    struct batch *ret)
{
	struct gathered g;
	size_t n;
	Tram__V1__Codec codec;
	struct batch_header header = {.agent = author->agent, .epoch = author->epoch, .first_seq = first_seq};
	assert(last_seq >= first_seq && limits->reports > 0);
	*ret = (struct batch){0};
	arena_reset(a);
	enum batch_result result = gather(source, author, first_seq, last_seq, limits, a, &g);
	if (result == BATCH_CUT && !source->chain(source->context, first_seq - 1, &header.prev_chain))
		result = BATCH_FAILED;
	if (result == BATCH_CUT) {
		uint8_t *payload = fit_payload(&g, limits, &n, &codec, &ret->payload_len);
		if (payload) {
			header.last_seq = first_seq + n - 1;
			header.chain = g.chains[n - 1];
			seal(author, session, &header, codec, payload, ret);
		}
		result = payload ? BATCH_CUT : BATCH_TOO_LARGE;
		free(payload);
	}
	arena_reset(a);
	return result;
}
