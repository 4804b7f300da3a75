/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credit - how much an agent may have under way: sent and not yet committed, in bytes and in batches.
 *
 * The budget is divided evenly among the agents that are connected, so no agent can take what belongs to another; nobody
 * gets more than the most nor, as one report must always fit, less than the least an agent is given. Where that is more
 * than the budget has, budget.h says whose turn it is. Credit is absolute: the newest one told holds. Pure; one thread.
 */
#ifndef TRAM_CREDIT_H
#define TRAM_CREDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct credit {
	uint64_t bytes;
	uint32_t batches;
};

struct credit_settings {
	uint64_t total_bytes;  /* for all agents together */
	uint64_t most_bytes;   /* for one agent */
	uint64_t least_bytes;  /* for one agent; more than one report's bytes */
	uint32_t most_batches; /* for one agent */
	int64_t grace_us;      /* how long a larger credit told before may still be in an agent's mind */
	int64_t turn_us;       /* how long an agent may keep a credit it does not use while others wait (budget.h) */
};

/* One agent's share among `agents` connected ones; nothing while its store is away. */
struct credit credit_share(const struct credit_settings *settings, size_t agents, bool store_is_up);

#define CREDIT_FLIGHTS 32 /* batches told apart; what comes beyond them counts as a part of the last one */

struct credit_flight {
	uint64_t last_seq, bytes;
	uint32_t batches;
};

/* An agent's account. Zeroed: nothing told, nothing under way. */
struct credit_account {
	struct credit under_way; /* of the live session, as its agent counts */
	struct credit stale;     /* in a lane, and not under way for the agent: of sessions that ended, or overtaken */
	struct credit_flight flights[CREDIT_FLIGHTS]; /* what is under way, in order */
	uint32_t n_flights;
	struct credit told;        /* the newest credit told */
	struct credit told_before; /* the largest one told before that may still be in force */
	int64_t before_until_us;
};

/* What to tell the agent now, given its share: less what is in a lane without being under way. Notes that it was told. */
struct credit credit_tell(struct credit_account *a, const struct credit_settings *settings, struct credit share,
			  int64_t now_us);

/* Takes one batch of that many bytes under way; false, and nothing taken, when it is over what the agent was told. */
bool credit_take(struct credit_account *a, uint64_t bytes, uint64_t last_seq, int64_t now_us);

/*
 * The agent is told that so much is committed: what ends there or before is then not under way for it, though a lane has it
 * yet. As long as it has not heard that, it has the credits told before in mind, and counts that as under way within them:
 * so they are less by as much, and nobody makes a lane hold more than was told.
 */
void credit_overtake(struct credit_account *a, uint64_t committed);

/* What a lane is done with. It takes an agent's batches in order, so those that are stale come first. */
void credit_settle(struct credit_account *a, struct credit done);

/* The most that the agent can make the centre hold by now: what it may send, and what lanes still have. */
uint64_t credit_exposure(const struct credit_account *a, int64_t now_us);

/* The agent showed that it heard the newest credit: nothing larger is in its mind any more. */
void credit_heard(struct credit_account *a);

/* The live session ended: a new one starts at nothing told. */
void credit_end_session(struct credit_account *a);

#endif
