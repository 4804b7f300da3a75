/* SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"

#include "mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST  UINT16_MAX
#define SLOTS (UINT32_C(1) << 18)

static struct message kept[MOST];
static size_t n_kept;
static uint16_t slots[SLOTS]; /* number + 1 */
static struct arena *decoded;

static uint32_t slot_of(const uint8_t *data, size_t len)
{
	uint64_t h = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < len; i++)
		h = (h ^ data[i]) * UINT64_C(1099511628211);
	return (uint32_t)(h ^ h >> 32) % SLOTS;
}

static uint64_t session_of(const Tram__V1__Envelope *e)
{
	switch (e->body_case) {
	case TRAM__V1__ENVELOPE__BODY_SUBSCRIBE: return e->subscribe->session;
	case TRAM__V1__ENVELOPE__BODY_PUBLISH: return e->publish->session;
	case TRAM__V1__ENVELOPE__BODY_ACK: return e->ack->session;
	case TRAM__V1__ENVELOPE__BODY_VERDICTS: return e->verdicts->session;
	case TRAM__V1__ENVELOPE__BODY_HEARTBEAT: return e->heartbeat->session;
	case TRAM__V1__ENVELOPE__BODY_REFUSAL: return e->refusal->session;
	default: return 0;
	}
}

uint16_t message_keep(const void *data, size_t len)
{
	uint32_t at = slot_of(data, len);
	for (; slots[at]; at = (at + 1) % SLOTS) {
		const struct message *m = &kept[slots[at] - 1];
		if (m->len == len && memcmp(m->data, data, len) == 0)
			return (uint16_t)(slots[at] - 1);
	}
	if (!decoded)
		decoded = arena_new(SIZE_MAX / 4);
	if (n_kept == MOST) {
		fprintf(stderr, "model: more than %d messages\n", MOST);
		abort();
	}
	struct err err;
	struct message *m = &kept[n_kept++];
	*m = (struct message){.data = xmemdup(data, len), .len = len};
	m->envelope = codec_envelope(decoded, m->data, len, &err);
	assert(m->envelope);
	m->session = session_of(m->envelope);
	slots[at] = (uint16_t)n_kept;
	return (uint16_t)(n_kept - 1);
}

const struct message *message_at(uint16_t number)
{
	assert(number < n_kept);
	return &kept[number];
}

void messages_clear(void)
{
	for (size_t i = 0; i < n_kept; i++) {
		uint32_t at = slot_of(kept[i].data, kept[i].len);
		while (slots[at] != i + 1)
			at = (at + 1) % SLOTS;
		slots[at] = 0;
		free(kept[i].data);
	}
	n_kept = 0;
	if (decoded)
		arena_reset(decoded);
}

const char *message_text(uint16_t number)
{
	static char text[200];
	const Tram__V1__Envelope *e = message_at(number)->envelope;
	switch (e->body_case) {
	case TRAM__V1__ENVELOPE__BODY_HELLO:
		snprintf(text, sizeof text, "HELLO %s, epoch %u, through %" PRIu64 ", cursor %" PRIu64, e->hello->agent,
			 e->hello->epoch.data[2], e->hello->last_appended, e->hello->verdict_cursor);
		break;
	case TRAM__V1__ENVELOPE__BODY_SUBSCRIBE:
		snprintf(text, sizeof text, "SUBSCRIBE after %" PRIu64 ", %u batches, verdicts %" PRIu64,
			 e->subscribe->resume_after->seq, e->subscribe->credit->batches, e->subscribe->verdict_cursor);
		break;
	case TRAM__V1__ENVELOPE__BODY_PUBLISH:
		snprintf(text, sizeof text, "PUBLISH %" PRIu64 "-%" PRIu64, e->publish->first_seq,
			 e->publish->first_seq + e->publish->count - 1);
		break;
	case TRAM__V1__ENVELOPE__BODY_ACK:
		snprintf(text, sizeof text, "ACK %" PRIu64 ", %u batches", e->ack->acknowledgement->committed_through,
			 e->ack->credit->batches);
		break;
	case TRAM__V1__ENVELOPE__BODY_VERDICTS:
		snprintf(text, sizeof text, "VERDICTS %" PRIu64 "-%" PRIu64, e->verdicts->verdicts[0]->verdict_seq,
			 e->verdicts->verdicts[e->verdicts->n_verdicts - 1]->verdict_seq);
		break;
	case TRAM__V1__ENVELOPE__BODY_HEARTBEAT:
		snprintf(text, sizeof text, "HEARTBEAT cursor %" PRIu64 ", committed %" PRIu64,
			 e->heartbeat->verdict_cursor, e->heartbeat->committed_through);
		break;
	case TRAM__V1__ENVELOPE__BODY_REFUSAL:
		snprintf(text, sizeof text, "REFUSAL %d of %d", e->refusal->code, e->refusal->answers);
		break;
	default: snprintf(text, sizeof text, "body %d", e->body_case); break;
	}
	size_t len = strlen(text);
	snprintf(text + len, sizeof text - len, ", session %" PRIu64, message_at(number)->session);
	return text;
}
