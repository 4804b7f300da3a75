/* SPDX-License-Identifier: Apache-2.0 */
#include "publish.h"

#include <string.h>

static bool has_size(ProtobufCBinaryData data, size_t size)
{
	return data.len == size;
}

static Tram__V1__RefusalCode check_form(const Tram__V1__Publish *m, const struct publish_limits *limits)
{
	if (!has_size(m->epoch, EPOCH_SIZE) || !has_size(m->prev_chain, DIGEST_SIZE) ||
	    !has_size(m->chain, DIGEST_SIZE) || !has_size(m->signature, SIGNATURE_SIZE) ||
	    !has_size(m->key_id, KEY_ID_SIZE))
		return TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_MALFORMED;
	if (m->first_seq == 0 || m->count == 0 || m->first_seq > (UINT64_C(1) << 40) - 1 - m->count)
		return TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_MALFORMED;
	if (m->count > limits->batch_reports)
		return TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_TOO_LARGE;
	return 0;
}

static Tram__V1__RefusalCode check_position(const Tram__V1__Publish *m, const struct watermark *w)
{
	if (memcmp(m->epoch.data, w->epoch.bytes, EPOCH_SIZE) != 0)
		return TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_NO_SESSION;
	if (m->first_seq > w->seq + 1)
		return TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_GAP;
	return 0;
}

static Tram__V1__RefusalCode open_payload(struct arena *a, const Tram__V1__Publish *m,
					  const struct publish_limits *limits, Tram__V1__Batch **ret)
{
	struct err err = {0};
	size_t len;
	const uint8_t *plain =
	    codec_decompress(a, m->codec, m->payload.data, m->payload.len, limits->batch_bytes, &len, &err);
	if (plain)
		*ret = codec_batch(a, plain, len, &err);
	if (!plain || !*ret)
		return err.kind == ERR_PROTOCOL ? TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_TOO_LARGE
						: TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_MALFORMED;
	if ((*ret)->n_entries != m->count)
		return TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_MALFORMED;
	return 0;
}

/*
 * Walks the chain from the header's start over every report; at the watermark it must be the chain we committed. That it
 * is not is a fork only if the agent signed it: a fork stops the agent, so a damaged message must not look like one.
 */
static Tram__V1__RefusalCode follow_chain(const Tram__V1__Batch *batch, const struct watermark *w, struct publish *p,
					  bool *ret_forked)
{
	struct digest chain = p->prev_chain;
	for (size_t i = 0; i <= batch->n_entries; i++) {
		uint64_t at = p->message->first_seq - 1 + i;
		if (at == w->seq && memcmp(chain.bytes, w->chain.bytes, DIGEST_SIZE) != 0)
			*ret_forked = true;
		if (i == batch->n_entries)
			break;
		const Tram__V1__Entry *entry = batch->entries[i];
		struct digest digest;
		digest_report(entry->report.data, entry->report.len, &digest);
		chain_next(&chain, &digest, &chain);
		if (at + 1 <= w->seq) {
			p->n_overlap++;
			continue;
		}
		p->entries[p->n_entries++] = (struct publish_entry){.seq = at + 1,
								    .data = entry->report.data,
								    .len = entry->report.len,
								    .handed_in_at_us = entry->handed_in_at_us,
								    .first = entry->first_acknowledgement,
								    .digest = digest,
								    .chain = chain};
	}
	if (memcmp(chain.bytes, p->chain.bytes, DIGEST_SIZE) != 0)
		return TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_CHAIN;
	return 0;
}

static Tram__V1__RefusalCode check_signature(const struct publish *p, const char *agent,
					     const uint8_t signing_public[static SIGN_PUBLIC_SIZE])
{
	struct batch_header header = {
	    .agent = agent,
	    .first_seq = p->message->first_seq,
	    .last_seq = p->last_seq,
	    .prev_chain = p->prev_chain,
	    .chain = p->chain,
	};
	memcpy(header.epoch.bytes, p->message->epoch.data, EPOCH_SIZE);
	uint8_t id[KEY_ID_SIZE];
	key_id(signing_public, id);
	if (memcmp(id, p->message->key_id.data, KEY_ID_SIZE) != 0 ||
	    !batch_verify(&header, signing_public, p->message->signature.data))
		return TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_SIGNATURE;
	return 0;
}

/* ---------------------------------------------------------------- first acknowledgements */

/* What speaks against an acknowledgement before its signature is looked at. */
static const char *find_unfit(const struct publish *p, const Tram__V1__Acknowledgement *ack,
			      const uint8_t centre[static SIGN_PUBLIC_SIZE])
{
	uint8_t id[KEY_ID_SIZE];
	if (!has_size(ack->epoch, EPOCH_SIZE) || !has_size(ack->chain, DIGEST_SIZE) ||
	    !has_size(ack->signature, SIGNATURE_SIZE) || !has_size(ack->key_id, KEY_ID_SIZE) ||
	    ack->committed_at_us <= 0)
		return "malformed";
	key_id(centre, id);
	if (memcmp(id, ack->key_id.data, KEY_ID_SIZE) != 0)
		return "another key";
	if (memcmp(ack->epoch.data, p->message->epoch.data, EPOCH_SIZE) != 0)
		return "another epoch";
	/* Where its position is beyond this batch there is nothing to compare its chain with. */
	if (ack->committed_through >= p->entries[0].seq && ack->committed_through <= p->last_seq &&
	    memcmp(ack->chain.data, p->entries[ack->committed_through - p->entries[0].seq].chain.bytes, DIGEST_SIZE) !=
		0)
		return "other reports";
	return NULL;
}

static bool is_signed(const Tram__V1__Acknowledgement *ack, const char *agent,
		      const uint8_t centre[static SIGN_PUBLIC_SIZE])
{
	struct ack_header header = {
	    .agent = agent, .committed_through = ack->committed_through, .committed_at_us = ack->committed_at_us};
	memcpy(header.epoch.bytes, ack->epoch.data, EPOCH_SIZE);
	memcpy(header.chain.bytes, ack->chain.data, DIGEST_SIZE);
	return ack_verify(&header, centre, ack->signature.data);
}

static bool is_same_ack(const Tram__V1__Acknowledgement *a, const Tram__V1__Acknowledgement *b)
{
	return a && a->committed_through == b->committed_through && a->committed_at_us == b->committed_at_us &&
	       memcmp(a->signature.data, b->signature.data, SIGNATURE_SIZE) == 0 &&
	       memcmp(a->chain.data, b->chain.data, DIGEST_SIZE) == 0;
}

/* An acknowledgement covers many reports: it is verified once as long as it is the same. */
static void take_first_acknowledgements(struct publish *p, const char *agent, const struct publish_keys *keys)
{
	const Tram__V1__Acknowledgement *verified = NULL;
	for (struct publish_entry *e = p->entries; e < p->entries + p->n_entries; e++) {
		if (!e->first)
			continue;
		e->bad_first = find_unfit(p, e->first, keys->centre);
		if (!e->bad_first && e->first->committed_through < e->seq)
			e->bad_first = "earlier reports";
		if (!e->bad_first && !is_same_ack(verified, e->first) && !is_signed(e->first, agent, keys->centre))
			e->bad_first = "bad signature";
		if (e->bad_first)
			continue;
		verified = e->first;
		e->first_committed_at_us = e->first->committed_at_us;
	}
}

void publish_open(struct arena *a, const Tram__V1__Publish *message, const char *agent, const struct publish_keys *keys,
		  const struct watermark *watermark, const struct publish_limits *limits, struct publish *ret)
{
	Tram__V1__Batch *batch = NULL;
	*ret = (struct publish){.message = message};
	ret->refusal = check_form(message, limits);
	if (!ret->refusal)
		ret->refusal = check_position(message, watermark);
	if (!ret->refusal)
		ret->refusal = open_payload(a, message, limits, &batch);
	if (ret->refusal)
		return;
	memcpy(ret->prev_chain.bytes, message->prev_chain.data, DIGEST_SIZE);
	memcpy(ret->chain.bytes, message->chain.data, DIGEST_SIZE);
	ret->last_seq = message->first_seq + message->count - 1;
	ret->entries = arena_calloc(a, batch->n_entries, sizeof(*ret->entries));
	if (!ret->entries) {
		ret->refusal = TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_TOO_LARGE;
		return;
	}
	bool forked = false;
	ret->refusal = follow_chain(batch, watermark, ret, &forked);
	if (!ret->refusal)
		ret->refusal = check_signature(ret, agent, keys->agent);
	if (!ret->refusal && forked)
		ret->refusal = TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_FORKED;
	if (!ret->refusal)
		take_first_acknowledgements(ret, agent, keys);
}

bool publish_rest(const struct publish *opened, const struct watermark *watermark, struct publish *ret)
{
	const struct publish_entry *first = opened->entries;
	if (opened->n_entries == 0 || watermark->seq < first->seq || watermark->seq > opened->last_seq ||
	    memcmp(opened->message->epoch.data, watermark->epoch.bytes, EPOCH_SIZE) != 0)
		return false;
	size_t done = (size_t)(watermark->seq - first->seq + 1);
	if (memcmp(first[done - 1].chain.bytes, watermark->chain.bytes, DIGEST_SIZE) != 0)
		return false;
	*ret = *opened;
	ret->entries += done;
	ret->n_entries -= done;
	ret->n_overlap += done;
	return true;
}
