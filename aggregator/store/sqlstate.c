/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlstate.h"

#include <stddef.h>
#include <string.h>

/* A code is matched by the first row that begins it, so the exact codes stand before their classes. */
static const struct {
	const char *prefix;
	enum store_result result;
} table[] = {
    {"25006", STORE_RECONNECT},                          /* read-only: a primary that became a standby */
    {"25P03", STORE_RECONNECT},                          /* idle in transaction for too long: the server hung up */
    {"53300", STORE_RECONNECT},                          /* too many connections */
    {"55P03", STORE_RETRY},                              /* a lock was not to be had */
    {"55006", STORE_RETRY},                              /* object in use */
    {"57014", STORE_STALLED},                            /* cancelled: a time-out or a person */
    {"08", STORE_RECONNECT},    {"57", STORE_RECONNECT}, /* shut down, crashed, starting up, database dropped */
    {"40", STORE_RETRY},                                 /* serialization, deadlock */
    {"53", STORE_STALLED},                               /* disk full, out of memory */
    {"58", STORE_STALLED},                               /* the system below it: I/O */
    {"XX", STORE_STALLED},                               /* PostgreSQL's own: corrupted data, a bug */
    {"21", STORE_POISON},       {"22", STORE_POISON},    {"23", STORE_POISON},
    {"54", STORE_POISON}, /* a row or an index entry that is too large */
    {"0A", STORE_BROKEN},       {"28", STORE_BROKEN},    {"3D", STORE_BROKEN},
    {"3F", STORE_BROKEN},       {"42", STORE_BROKEN},
};

/* Citus puts a shard's number behind a name, so names are matched by their beginning. */
static bool begins(const char *text, const char *prefix)
{
	return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum store_result unique_violation(const char *constraint)
{
	static const struct {
		const char *constraint;
		enum store_result result;
	} keys[] = {
	    {"observation_", STORE_CONFLICT},                            /* and observation_note_ */
	    {"batch_", STORE_FENCED},         {"report_", STORE_FENCED}, /* and report_finding_ */
	    {"poison_", STORE_FENCED},        {"verdict_", STORE_FENCED},
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (begins(constraint, keys[i].constraint)) {
			return keys[i].result;
		}
	}
	return STORE_POISON;
}

enum store_result sqlstate_result(const char *sqlstate, const char *constraint)
{
	if (!sqlstate || !*sqlstate) {
		return STORE_RECONNECT;
	}
	if (strcmp(sqlstate, "23505") == 0) {
		return unique_violation(constraint);
	}
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (begins(sqlstate, table[i].prefix)) {
			return table[i].result;
		}
	}
	return STORE_BROKEN;
}

const char *store_result_name(enum store_result result)
{
	static const char *const names[] = {
	    [STORE_OK] = "ok",
	    [STORE_RETRY] = "retry",
	    [STORE_RECONNECT] = "reconnect",
	    [STORE_STALLED] = "stalled",
	    [STORE_POISON] = "poison",
	    [STORE_CONFLICT] = "conflict",
	    [STORE_OUTDATED] = "outdated",
	    [STORE_FENCED] = "fenced",
	    [STORE_BROKEN] = "broken",
	};

	return names[result];
}
