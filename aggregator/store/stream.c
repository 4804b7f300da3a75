/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"
#include "text.h"

#include <string.h>

enum watermark_column {
	MARK_AGENT_NO,
	MARK_STATE,
	MARK_SIGNING,
	MARK_VERDICT_SEQ,
	MARK_VERDICT_KNOWN_AT,
	MARK_STREAM_NO,
	MARK_SEQ,
	MARK_CHAIN,
	MARK_COMMITTED_AT,
	MARK_EPOCHS,
	MARK_OTHER_EPOCHS,
};

/* Streams are counted only for an epoch that is new; when there is no number left for one, the agent has too many. */
static const struct statement watermark = {
    "watermark",
    "SELECT a.agent_no, a.state, a.signing_public, a.verdict_seq,"
    " (SELECT (extract(epoch FROM v.known_at) * 1000000)::bigint FROM tram.verdict v"
    "   WHERE v.agent_no = a.agent_no AND v.verdict_seq = $3),"
    " s.stream_no, s.seq, s.chain, (extract(epoch FROM s.updated_at) * 1000000)::bigint,"
    " CASE WHEN s.stream_no IS NOT NULL THEN 0"
    "   WHEN (SELECT n.last_value FROM tram.stream_stream_no_seq n) >= 8388607 THEN 8388607"
    "   ELSE (SELECT count(*) FROM tram.stream o WHERE o.agent_no = a.agent_no) END,"
    " EXISTS (SELECT FROM tram.stream o WHERE o.agent_no = a.agent_no AND o.epoch <> $2)"
    " FROM tram.agent a LEFT JOIN tram.stream s ON s.agent_no = a.agent_no AND s.epoch = $2"
    " WHERE a.agent = $1",
};

/* An agent that never had keys has none here, which is nobody's. */
static void read_agent(const PGresult *r, struct watermark *ret)
{
	ret->agent_no = (int32_t)cell_int(r, 0, MARK_AGENT_NO);
	ret->state = cell_agent_state(r, 0, MARK_STATE);
	ret->verdict_seq = (uint64_t)cell_int(r, 0, MARK_VERDICT_SEQ);
	ret->verdict_known_at_us = cell_int(r, 0, MARK_VERDICT_KNOWN_AT);
	(void)cell_bytes(r, 0, MARK_SIGNING, ret->signing_public, sizeof ret->signing_public);
}

static bool read_stream(const PGresult *r, const struct digest *first_chain, struct watermark *ret)
{
	ret->is_new = cell_is_null(r, 0, MARK_STREAM_NO);
	ret->epochs = (uint32_t)cell_int(r, 0, MARK_EPOCHS);
	ret->has_other_epochs = cell_bool(r, 0, MARK_OTHER_EPOCHS);
	ret->chain = *first_chain;
	if (ret->is_new) {
		return true;
	}
	ret->stream_no = (int32_t)cell_int(r, 0, MARK_STREAM_NO);
	ret->seq = (uint64_t)cell_int(r, 0, MARK_SEQ);
	ret->committed_at_us = ret->seq > 0 ? cell_int(r, 0, MARK_COMMITTED_AT) : 0;
	return cell_bytes(r, 0, MARK_CHAIN, ret->chain.bytes, sizeof ret->chain.bytes);
}

static enum store_result read_watermark(const PGresult *r, const char *agent, const struct digest *first_chain,
					struct watermark *ret, struct err *err)
{
	if (PQntuples(r) == 0) {
		ret->state = AGENT_UNKNOWN;
		ret->is_new = true;
		ret->chain = *first_chain;
		return STORE_OK;
	}
	read_agent(r, ret);
	if (!read_stream(r, first_chain, ret)) {
		err_set(err, ERR_DATA, _("the chain of agent %s in tram.stream is not %d bytes long"), agent,
			DIGEST_SIZE);
		return STORE_BROKEN;
	}
	return STORE_OK;
}

enum store_result store_watermark(struct store *s, const char *agent, const struct epoch *epoch,
				  const struct digest *first_chain, uint64_t verdict_seq, struct watermark *ret,
				  struct err *err)
{
	char hex[2 * EPOCH_SIZE + 1];
	struct params p;
	PGresult *r;
	enum store_result result;

	*ret = (struct watermark){.epoch = *epoch};
	text_hex(epoch->bytes, EPOCH_SIZE, hex);
	params_init(&p);
	params_text(&p, agent);
	params_text(&p, hex);
	params_int64(&p, (int64_t)verdict_seq);
	result = connection_ask_prepared(s, &watermark, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK) {
		result = read_watermark(r, agent, first_chain, ret, err);
	}
	PQclear(r);
	return result;
}

enum store_result store_stream_no(struct store *s, int32_t *ret, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, "SELECT nextval('tram.stream_stream_no_seq')", NULL, &r, err);

	*ret = 0;
	if (result == STORE_OK && cell_int(r, 0, 0) > STREAM_NO_MAX) {
		err_set(err, ERR_CONFIG, _("all %d numbers for streams are used up"), STREAM_NO_MAX);
		result = STORE_BROKEN;
	} else if (result == STORE_OK) {
		*ret = (int32_t)cell_int(r, 0, 0);
	}
	PQclear(r);
	return result;
}
