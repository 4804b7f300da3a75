/* SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define AGENTS 5000

/* 1000 bytes: 5 agents at once with the least. */
static const struct credit_settings settings = {.total_bytes = 1000,
						.most_bytes = 600,
						.least_bytes = 200,
						.most_batches = 8,
						.grace_us = 15 * SECOND,
						.turn_us = 10 * SECOND};

struct agent {
	struct credit_account account;
	struct budget_claim claim;
	bool wants;
	unsigned turns;
	int64_t told_at_us, waited_us; /* since when without credit; the longest such time */
};

struct world {
	struct budget budget;
	struct credit_settings settings;
	struct agent *agents;
	size_t n;
	int64_t now_us;
};

static void note(struct world *w, struct agent *a)
{
	budget_note(&w->budget, &a->claim, credit_exposure(&a->account, w->now_us));
	if (w->budget.reserved > w->settings.total_bytes)
		fail_msg("%llu bytes reserved", (unsigned long long)w->budget.reserved);
}

static uint64_t tell(struct world *w, struct agent *a, bool up)
{
	bool had = a->claim.holds;
	note(w, a);
	struct credit share = budget_share(&w->budget, &a->claim, &w->settings, w->n, a->wants, up, w->now_us);
	struct credit told = credit_tell(&a->account, &w->settings, share, w->now_us);
	note(w, a);
	if (!had && a->claim.holds) {
		a->turns++;
		if (w->now_us - a->told_at_us > a->waited_us)
			a->waited_us = w->now_us - a->told_at_us;
	}
	if (a->claim.holds)
		a->told_at_us = w->now_us;
	return told.bytes;
}

static struct agent *agent_of(struct budget_claim *claim)
{
	return (struct agent *)(void *)((char *)claim - offsetof(struct agent, claim));
}

static void give_turns(struct world *w)
{
	for (struct budget_claim *next; (next = budget_next(&w->budget, &w->settings));)
		assert_true(tell(w, agent_of(next), true) >= w->settings.least_bytes);
}

static struct world world_of(size_t n)
{
	struct world w = {.settings = settings, .agents = calloc(n, sizeof(struct agent)), .n = n, .now_us = SECOND};
	assert_non_null(w.agents);
	for (size_t i = 0; i < n; i++) {
		w.agents[i].wants = true;
		w.agents[i].told_at_us = w.now_us;
	}
	return w;
}

/* What agents do at worst: take all they were told, and have it committed; they hear of it with the acknowledgement. */
static void send_and_settle(struct world *w, struct agent *a, uint64_t seq)
{
	uint64_t bytes = a->account.told.bytes;
	assert_true(credit_take(&a->account, bytes, seq, w->now_us));
	note(w, a);
	credit_settle(&a->account, (struct credit){bytes, 1});
	budget_used(&a->claim);
	tell(w, a, true);
	credit_heard(&a->account);
	note(w, a);
}

static void a_few_have_their_share_standing(void **state)
{
	(void)state;
	struct world w = world_of(5);
	for (size_t i = 0; i < 5; i++) {
		w.agents[i].wants = i == 2;
		assert_int_equal(tell(&w, &w.agents[i], true), 200);
	}
	assert_int_equal(w.budget.waiting, 0);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < 5; i++)
			send_and_settle(&w, &w.agents[i], (uint64_t)round + 1);
	for (size_t i = 0; i < 5; i++)
		assert_true(w.agents[i].claim.holds);
	free(w.agents);
}

/* With what was told to others in force still, a newcomer waits, and has its share when that time is over. */
static void a_newcomer_waits_for_what_others_may_still_send(void **state)
{
	(void)state;
	struct world w = world_of(3);
	w.n = 1;
	assert_int_equal(tell(&w, &w.agents[0], true), 600);
	w.n = 2;
	assert_int_equal(tell(&w, &w.agents[1], true), 400);
	w.n = 3;
	assert_int_equal(tell(&w, &w.agents[2], true), 0);
	assert_int_equal(tell(&w, &w.agents[0], true), 333);
	assert_null(budget_next(&w.budget, &w.settings));
	w.now_us += settings.grace_us;
	note(&w, &w.agents[0]);
	give_turns(&w);
	assert_int_equal(w.agents[2].account.told.bytes, 267);
	free(w.agents);
}

static void without_a_store_nobody_holds_or_waits(void **state)
{
	(void)state;
	struct world w = world_of(8);
	for (size_t i = 0; i < 8; i++)
		tell(&w, &w.agents[i], true);
	assert_int_equal(w.budget.waiting, 3);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(tell(&w, &w.agents[i], false), 0);
	assert_int_equal(w.budget.waiting, 0);
	assert_int_equal(w.budget.reserved, 1000); /* what they may have heard before */
	w.now_us += settings.grace_us;
	for (size_t i = 0; i < 8; i++)
		note(&w, &w.agents[i]);
	assert_int_equal(w.budget.reserved, 0);
	free(w.agents);
}

static void who_leaves_the_line_leaves_no_gap(void **state)
{
	(void)state;
	struct world w = world_of(9);
	for (size_t i = 0; i < 9; i++)
		tell(&w, &w.agents[i], true);
	assert_int_equal(w.budget.waiting, 4);
	budget_leave(&w.budget, &w.agents[6].claim);
	budget_leave(&w.budget, &w.agents[8].claim);
	budget_leave(&w.budget, &w.agents[8].claim);
	assert_int_equal(w.budget.waiting, 2);
	for (size_t i = 0; i < 2; i++)
		send_and_settle(&w, &w.agents[i], 1);
	assert_int_equal(tell(&w, &w.agents[8], true), 0); /* there is room, and others came before */
	budget_leave(&w.budget, &w.agents[8].claim);
	give_turns(&w);
	assert_true(w.agents[5].claim.holds && w.agents[7].claim.holds);
	assert_true(!w.agents[0].claim.holds && !w.agents[1].claim.holds);
	assert_ptr_equal(w.budget.first, &w.agents[0].claim);
	assert_ptr_equal(w.budget.last, &w.agents[1].claim);
	free(w.agents);
}

/* Who keeps its credit without sending gives it up when its time is over; who has nothing to send holds none. */
static void idlers_do_not_stand_in_the_way(void **state)
{
	(void)state;
	struct world w = world_of(7);
	w.agents[0].wants = false;
	for (size_t i = 0; i < 7; i++)
		tell(&w, &w.agents[i], true);
	assert_false(w.agents[0].claim.holds || w.agents[0].claim.waits);
	assert_true(w.agents[6].claim.waits);
	w.now_us += settings.turn_us - 1;
	assert_int_equal(tell(&w, &w.agents[1], true), 200);
	w.now_us += 1;
	assert_int_equal(tell(&w, &w.agents[1], true), 0);
	assert_null(budget_next(&w.budget, &w.settings)); /* it may not have heard it */
	w.now_us += settings.grace_us;
	note(&w, &w.agents[1]);
	give_turns(&w);
	assert_true(w.agents[6].claim.holds);
	free(w.agents);
}

/*
 * All want to send without end, and only five can at once. The budget holds at every step (note() sees to it), each has
 * its turn as often as any other, and none waits longer than one round.
 */
static void five_thousand_in_turn(void **state)
{
	(void)state;
	struct world w = world_of(AGENTS);
	unsigned least = UINT32_MAX, most = 0;
	for (size_t i = 0; i < AGENTS; i++)
		tell(&w, &w.agents[i], true);
	assert_int_equal(w.budget.waiting, AGENTS - 5);
	for (unsigned round = 0; round < 10 * AGENTS / 5; round++) {
		struct agent *holders[8];
		size_t n = 0;
		for (size_t i = 0; i < AGENTS && n < 8; i++)
			if (w.agents[i].claim.holds)
				holders[n++] = &w.agents[i];
		assert_int_equal(n, 5);
		w.now_us += SECOND / 10;
		for (size_t i = 0; i < n; i++)
			send_and_settle(&w, holders[i], round + 1);
		give_turns(&w);
	}
	for (size_t i = 0; i < AGENTS; i++) {
		least = w.agents[i].turns < least ? w.agents[i].turns : least;
		most = w.agents[i].turns > most ? w.agents[i].turns : most;
		assert_true(w.agents[i].waited_us <= SECOND / 10 * (AGENTS / 5));
	}
	assert_true(least >= 10 && most - least <= 1);
	free(w.agents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_few_have_their_share_standing),
	    cmocka_unit_test(a_newcomer_waits_for_what_others_may_still_send),
	    cmocka_unit_test(without_a_store_nobody_holds_or_waits),
	    cmocka_unit_test(who_leaves_the_line_leaves_no_gap),
	    cmocka_unit_test(idlers_do_not_stand_in_the_way),
	    cmocka_unit_test(five_thousand_in_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
