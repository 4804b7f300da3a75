/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster - who may connect: agents, their public keys and their states, in memory.
 *
 * A roster is made whole, never changes, and is swapped whole on reload. Look-ups are O(log n). An agent has one row;
 * a CURVE key belongs to one agent. Any thread may read.
 */
#ifndef TRAM_ROSTER_H
#define TRAM_ROSTER_H

#include "err.h"
#include "keys.h"

#include <stddef.h>

#define ROSTER_AGENT_MAX 64

enum roster_state { ROSTER_ACTIVE, ROSTER_SUSPENDED, ROSTER_REVOKED };

struct roster_row {
	char agent[ROSTER_AGENT_MAX + 1];
	char curve_public[Z85_KEY_SIZE];
	uint8_t signing_public[SIGN_PUBLIC_SIZE];
	enum roster_state state;
};

struct roster;

/* Copies the rows. NULL and *err when an agent or a CURVE key stands there twice. Caller frees with roster_free(). */
struct roster *roster_new(const struct roster_row *rows, size_t n, struct err *err) MUST_CHECK;
void roster_free(struct roster **rp);

/* A roster of every public key file (.pub) in a folder, all active, by the names in them. "": nobody. */
struct roster *roster_read_folder(const char *dir, struct err *err) MUST_CHECK;

/* The row of a CURVE public key (Z85) or of an agent; NULL when there is none. Lives as long as the roster. */
const struct roster_row *roster_by_key(const struct roster *r, const char *curve_public);
const struct roster_row *roster_by_agent(const struct roster *r, const char *agent);

/* Every row, in the order of agents. */
size_t roster_rows(const struct roster *r, const struct roster_row **ret);

/* How many rows are in the state. */
size_t roster_count(const struct roster *r, enum roster_state state);

/* Whether both say the same. */
bool roster_equal(const struct roster *a, const struct roster *b);

#endif
