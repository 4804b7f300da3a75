/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"
#include "store_centre.h"

#include <string.h>

/* ---------------------------------------------------------------- list */

static const char list_sql[] =
    "SELECT a.agent, k.state, (extract(epoch FROM k.changed_at) * 1000000)::bigint,"
    "       k.changed_by, k.reason, k.curve_public, k.signing_public, coalesce(p.codes, ''), coalesce(s.seq, 0),"
    "       coalesce((extract(epoch FROM s.at) * 1000000)::bigint, 0)"
    " FROM tram.agent a"
    " JOIN LATERAL (SELECT * FROM tram.agent_key k WHERE k.agent_no = a.agent_no ORDER BY k.agent_key_no DESC LIMIT 1) "
    "k"
    "   ON true"
    " LEFT JOIN LATERAL (SELECT string_agg(p.provider, ' ' ORDER BY p.provider) AS codes"
    "   FROM tram.provider p WHERE p.agent = a.agent) p ON true"
    " LEFT JOIN LATERAL (SELECT sum(s.seq) AS seq, max(s.updated_at) FILTER (WHERE s.seq > 0) AS at"
    "   FROM tram.stream s WHERE s.agent_no = a.agent_no) s ON true"
    " ORDER BY a.agent";

static struct agent_row read_agent(const PGresult *r, int row)
{
	struct agent_row a = {
	    .agent = cell_text(r, row, 0),
	    .state = cell_text(r, row, 1),
	    .changed_at_us = cell_int(r, row, 2),
	    .changed_by = cell_text(r, row, 3),
	    .reason = cell_text(r, row, 4),
	    .curve_public = cell_text(r, row, 5),
	    .providers = cell_text(r, row, 7),
	    .reports = cell_text(r, row, 8),
	    .committed_at_us = cell_int(r, row, 9),
	};

	(void)cell_bytes(r, row, 6, a.signing_public, sizeof a.signing_public); /* the column's check has its length */
	return a;
}

enum store_result store_agents(struct store *s, agent_each *each, void *context, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, list_sql, NULL, &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		struct agent_row row = read_agent(r, i);

		each(context, &row);
	}
	PQclear(r);
	return result;
}

/* ---------------------------------------------------------------- change */

struct change {
	const char *agent, *curve_public, *state, *reason;
	const uint8_t *signing_public; /* NULL: the keys stay */
	bool changed;
};

/*
 * The keys that count, and a lock on the agent so that two changes do not cross. They are read from the row that is
 * locked: a row beside it would be the one from before the wait for the lock.
 */
static const char latest_sql[] = "SELECT a.curve_public, a.signing_public, a.state FROM tram.agent a"
				 " WHERE a.agent = $1 FOR UPDATE";
static const char other_sql[] = "SELECT a.agent FROM tram.agent a JOIN tram.agent_key k USING (agent_no)"
				" WHERE a.agent <> $1 AND (k.curve_public = $2 OR k.signing_public = $3) LIMIT 1";
static const char add_agent_sql[] = "INSERT INTO tram.agent (agent) SELECT $1"
				    " WHERE NOT EXISTS (SELECT FROM tram.agent a WHERE a.agent = $1)"
				    " ON CONFLICT DO NOTHING";
/* What is added to the history is what the agent is from COMMIT on: lanes look there, see move_verdicts. */
#define ADD_KEY(select)                                                                                                \
	"WITH k AS (INSERT INTO tram.agent_key (agent_no, curve_public, signing_public, state, reason) " select        \
	"  RETURNING agent_no, curve_public, signing_public, state)"                                                   \
	" UPDATE tram.agent a SET state = k.state, curve_public = k.curve_public, signing_public = k.signing_public"   \
	" FROM k WHERE a.agent_no = k.agent_no"
static const char add_key_sql[] = ADD_KEY("SELECT a.agent_no, $2, $3, $4, $5 FROM tram.agent a WHERE a.agent = $1");
static const char add_state_sql[] =
    ADD_KEY("SELECT a.agent_no, a.curve_public, a.signing_public, $2, $3 FROM tram.agent a WHERE a.agent = $1");

static enum store_result run(struct store *s, const char *sql, struct params *p, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, sql, p, &r, err);

	PQclear(r);
	params_done(p);
	return result;
}

/* Whoever listens hears it once it is committed. */
static enum store_result tell_roster(struct store *s, struct err *err)
{
	return connection_run(s, "NOTIFY tram, 'roster'", err);
}

static enum store_result ask_latest(struct store *s, const struct change *c, PGresult **ret, struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_text(&p, c->agent);
	result = connection_ask(s, latest_sql, &p, ret, err);
	params_done(&p);
	return result;
}

static bool has_keys(const PGresult *r, const struct change *c)
{
	uint8_t signing[SIGN_PUBLIC_SIZE];

	return PQntuples(r) > 0 && !cell_is_null(r, 0, 0) && strcmp(cell_text(r, 0, 0), c->curve_public) == 0 &&
	       cell_bytes(r, 0, 1, signing, sizeof signing) && memcmp(signing, c->signing_public, sizeof signing) == 0;
}

static enum store_result add_key(struct store *s, const struct change *c, struct err *err)
{
	struct params p;
	enum store_result result;

	params_init(&p);
	params_text(&p, c->agent);
	result = run(s, add_agent_sql, &p, err);
	if (result != STORE_OK) {
		return result;
	}
	params_text(&p, c->agent);
	params_text(&p, c->curve_public);
	params_bytes(&p, c->signing_public, SIGN_PUBLIC_SIZE);
	params_text(&p, c->state);
	params_text(&p, c->reason);
	result = run(s, add_key_sql, &p, err);
	return result == STORE_OK ? tell_roster(s, err) : result;
}

/* Who holds a key is who it stands for, so two agents never share one, whatever became of it. */
static enum store_result refuse_shared(struct store *s, const struct change *c, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result;

	params_init(&p);
	params_text(&p, c->agent);
	params_text(&p, c->curve_public);
	params_bytes(&p, c->signing_public, SIGN_PUBLIC_SIZE);
	result = connection_ask(s, other_sql, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK && PQntuples(r) > 0) {
		err_set(err, ERR_DATA, _("a key of %s is already that of %s: make new ones with `tram keys make`"),
			c->agent, cell_text(r, 0, 0));
		result = STORE_POISON;
	}
	PQclear(r);
	return result;
}

static enum store_result accept(struct store *s, void *context, struct err *err)
{
	struct change *c = context;
	PGresult *r;
	enum store_result result = ask_latest(s, c, &r, err);
	bool same = result == STORE_OK && has_keys(r, c);
	bool revoked = same && strcmp(cell_text(r, 0, 2), "revoked") == 0;

	c->changed = !same || strcmp(cell_text(r, 0, 2), "active") != 0;
	PQclear(r);
	if (revoked) {
		err_set(err, ERR_DATA, _("the keys of %s are revoked for ever: make new ones with `tram keys make`"),
			c->agent);
		return STORE_POISON;
	}
	if (result == STORE_OK && c->changed) {
		result = refuse_shared(s, c, err);
		if (result == STORE_OK) {
			result = add_key(s, c, err);
		}
	}
	return result;
}

enum store_result store_agent_accept(struct store *s, const char *agent, const char *curve_public,
				     const uint8_t signing_public[static SIGN_PUBLIC_SIZE], const char *reason,
				     bool *ret_changed, struct err *err)
{
	struct change c = {.agent = agent,
			   .curve_public = curve_public,
			   .signing_public = signing_public,
			   .state = "active",
			   .reason = reason};
	enum store_result result = connection_transaction(s, accept, &c, err);

	*ret_changed = c.changed;
	return result;
}

static enum store_result set_state(struct store *s, void *context, struct err *err)
{
	struct change *c = context;
	struct params p;
	PGresult *r;
	enum store_result result = ask_latest(s, c, &r, err);
	bool known = PQntuples(r) > 0 && !cell_is_null(r, 0, 0);

	c->changed = known && strcmp(cell_text(r, 0, 2), c->state) != 0;
	if (result == STORE_OK && !known) {
		err_set(err, ERR_DATA, _("no agent %s on the roster: `tram agents list` shows all"), c->agent);
		result = STORE_BROKEN;
	}
	if (result == STORE_OK && c->changed && strcmp(cell_text(r, 0, 2), "revoked") == 0) {
		err_set(err, ERR_DATA, _("the keys of %s are revoked for ever: nothing else can become of them"),
			c->agent);
		result = STORE_POISON;
	}
	PQclear(r);
	if (result != STORE_OK || !c->changed) {
		return result;
	}
	params_init(&p);
	params_text(&p, c->agent);
	params_text(&p, c->state);
	params_text(&p, c->reason);
	result = run(s, add_state_sql, &p, err);
	return result == STORE_OK ? tell_roster(s, err) : result;
}

enum store_result store_agent_set_state(struct store *s, const char *agent, const char *state, const char *reason,
					bool *ret_changed, struct err *err)
{
	struct change c = {.agent = agent, .state = state, .reason = reason};
	enum store_result result = connection_transaction(s, set_state, &c, err);

	*ret_changed = c.changed;
	return result;
}
