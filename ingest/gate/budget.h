/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget - whose turn it is, when there are more agents than the credit of all of them together can serve at once.
 *
 * What agents were told, what may still be in their minds (credit.h: grace) and what lanes still have is kept reserved;
 * the sum never exceeds the budget, however many agents there are. As long as every connected agent's least share fits,
 * each has its share standing. Beyond that, who has something to send waits in one line; who is at its head is told
 * credit as soon as there is room, and gives it back after a batch, or a time, when others wait. Who has nothing to send
 * holds nothing. Pure; one thread.
 */
#ifndef TRAM_BUDGET_H
#define TRAM_BUDGET_H

#include "credit.h"

/* An agent's place. Zeroed: nothing reserved, not waiting. */
struct budget_claim {
	uint64_t reserved;
	bool holds, waits, is_used;
	int64_t since_us; /* that it holds */
	struct budget_claim *before, *after;
};

/* Zeroed: nothing reserved, nobody waits. Claims must stay where they are while they wait. */
struct budget {
	uint64_t reserved;
	size_t waiting;
	struct budget_claim *first, *last;
};

/* What is the agent's now, to be given to credit_tell(). agents: connected ones; wants: it has something to send. */
struct credit budget_share(struct budget *b, struct budget_claim *claim, const struct credit_settings *settings,
			   size_t agents, bool wants, bool store_is_up, int64_t now_us);

/* What the agent can make the centre hold now (credit_exposure()): after every change of its account, and with time. */
void budget_note(struct budget *b, struct budget_claim *claim, uint64_t exposure);

/* A batch of the agent is done with. */
void budget_used(struct budget_claim *claim);

/* The agent's session ended: it neither holds nor waits. */
void budget_leave(struct budget *b, struct budget_claim *claim);

/* Who waits at the head of the line, when there is room for it: to be told credit. NULL: nobody. */
struct budget_claim *budget_next(const struct budget *b, const struct credit_settings *settings);

#endif
