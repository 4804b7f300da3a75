/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"
#include "text.h"

#include <string.h>

static const char look_sql[] = "SELECT a.agent_no, a.verdict_seq, s.stream_no, s.seq, s.chain,"
			       " (extract(epoch FROM s.updated_at) * 1000000)::bigint"
			       " FROM tram.agent a LEFT JOIN tram.stream s ON s.agent_no = a.agent_no AND s.epoch = $2"
			       " WHERE a.agent = $1";

/* ON CONFLICT: another aggregator may have made it since we looked. */
static const char make_sql[] = "INSERT INTO tram.stream (agent, agent_no, epoch, chain, first_chain, previous_epoch)"
			       " SELECT a.agent, a.agent_no, $2, $3, $3, $4 FROM tram.agent a WHERE a.agent = $1"
			       " ON CONFLICT DO NOTHING";

struct look {
	const char *agent;
	char epoch[2 * EPOCH_SIZE + 1];
	bool found;
};

static enum store_result read_row(const PGresult *r, struct look *look, struct watermark *ret, struct err *err)
{
	if (PQntuples(r) == 0) {
		err_set(err, ERR_CONFIG, _("the agent %s is not on the roster: `tram agents accept` its public key"),
			look->agent);
		return STORE_BROKEN;
	}
	look->found = !cell_is_null(r, 0, 2);
	ret->agent_no = (int32_t)cell_int(r, 0, 0);
	ret->verdict_seq = (uint64_t)cell_int(r, 0, 1);
	ret->stream_no = (int32_t)cell_int(r, 0, 2);
	ret->seq = (uint64_t)cell_int(r, 0, 3);
	ret->committed_at_us = ret->seq > 0 ? cell_int(r, 0, 5) : 0;
	if (look->found && !cell_bytes(r, 0, 4, ret->chain.bytes, sizeof ret->chain.bytes)) {
		err_set(err, ERR_DATA, _("the chain of agent %s in tram.stream is not %d bytes long"), look->agent,
			DIGEST_SIZE);
		return STORE_BROKEN;
	}
	return STORE_OK;
}

static enum store_result look_for(struct store *s, struct look *look, struct watermark *ret, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_text(&p, look->agent);
	params_text(&p, look->epoch);
	result = connection_ask(s, look_sql, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK) {
		result = read_row(r, look, ret, err);
	}
	PQclear(r);
	return result;
}

static enum store_result make(struct store *s, const struct look *look, const struct digest *first_chain,
			      const struct epoch *previous, struct err *err)
{
	char previous_hex[2 * EPOCH_SIZE + 1] = "";
	struct params p;
	PGresult *r;
	enum store_result result;

	if (previous) {
		text_hex(previous->bytes, EPOCH_SIZE, previous_hex);
	}
	params_init(&p);
	params_text(&p, look->agent);
	params_text(&p, look->epoch);
	params_bytes(&p, first_chain->bytes, DIGEST_SIZE);
	params_text(&p, previous_hex);
	result = connection_ask(s, make_sql, &p, &r, err);
	params_done(&p);
	PQclear(r);
	return result;
}

enum store_result store_watermark(struct store *s, const char *agent, const struct epoch *epoch,
				  const struct digest *first_chain, const struct epoch *previous, struct watermark *ret,
				  struct err *err)
{
	struct look look = {.agent = agent};
	enum store_result result;

	*ret = (struct watermark){.epoch = *epoch};
	text_hex(epoch->bytes, EPOCH_SIZE, look.epoch);
	result = look_for(s, &look, ret, err);
	if (result == STORE_OK && !look.found) {
		result = make(s, &look, first_chain, previous, err);
		if (result == STORE_OK) {
			result = look_for(s, &look, ret, err);
		}
	}
	return result;
}
