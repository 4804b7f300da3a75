/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A larger world under random schedules, by seed: several agents and two aggregators on one store; for a while everything
 * that can go wrong does, then nothing more, and all must come to rest. Time is simulated, and passes.
 */
#include "cheap.h"
#include "mem.h"
#include "world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS_QUICK  300
#define SEEDS_FULL   20000
#define MINUTE       (60 * SECOND)
#define STEPS_FAULTY 1500  /* steps while things go wrong, at most */
#define STEPS_REST   40000 /* until everything must have come to rest */
#define REAL_EVERY   50    /* so many seeds, one runs with real signatures and compression */
#define RETENTION    8     /* reports that stay after they were acknowledged, at least */

/* What can go wrong beside what step.def has, and what people do. */
enum event {
	RESTORE_STORE,
	REVOKE,
	READ_ROSTER,
	COPY_OUTBOX,    /* to a second machine, which runs it too */
	RESTORE_OUTBOX, /* from a copy made before */
	TRIM,
	EVENTS
};

struct run {
	struct world world;
	uint64_t seed, random;
	struct shelf backup; /* of the outbox of box 0, some time ago */
	bool has_backup;
	uint16_t floor; /* the store is not brought back to before this: what it would lack is in no outbox any more */
	uint64_t trace; /* a mixture of all that happened */
	unsigned steps, counts[STEPS], events[EVENTS];
};

static struct run *now;

/* splitmix64: the same seed, the same numbers. */
static uint64_t next_random(void)
{
	uint64_t z = now->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t pick(size_t n)
{
	return (size_t)(next_random() % n);
}

static bool chance(unsigned in_thousand)
{
	return pick(1000) < in_thousand;
}

static void note(uint64_t what)
{
	now->trace = (now->trace ^ what) * UINT64_C(0x100000001b3);
	now->trace ^= now->trace >> 29;
}

/* ---------------------------------------------------------------- time */

static int64_t next_deadline(const struct world *w)
{
	int64_t next = agent_time(w).monotonic_us + BEAT_US / 2; /* the centre ticks so often at least */
	for (size_t i = 0; i < BOXES; i++) {
		const struct box *b = &w->boxes[i];
		if (b->is && b->running && courier_deadline(&b->courier) < next)
			next = courier_deadline(&b->courier);
	}
	return next;
}

/* To the next moment at which a timer of an agent ends, or a little further; then everybody looks at the clock. */
static void pass_time(struct world *w, int64_t more_us)
{
	int64_t us = next_deadline(w) - agent_time(w).monotonic_us;
	w->now_us += (us > 0 ? us : 0) + more_us;
	say("%" PRId64 ".%03" PRId64 " s", w->now_us / SECOND, w->now_us / 1000 % 1000);
	for (size_t i = 0; i < BOXES; i++)
		if (w->boxes[i].is && w->boxes[i].running &&
		    courier_deadline(&w->boxes[i].courier) <= agent_time(w).monotonic_us)
			box_tick(w, i);
	for (size_t i = 0; i < CENTRES; i++)
		if (w->centres[i].running)
			centre_tick(w, i);
	conns_tidy(w);
	oracle_look(w);
}

/* ---------------------------------------------------------------- what people do */

/* A copy runs under the same name; the two take the session from each other, and when they part one of them is told. */
static void copy_outbox(struct world *w)
{
	size_t from = pick(WHO), to = BOXES;
	for (size_t i = WHO; i < BOXES; i++)
		if (!w->boxes[i].is)
			to = i;
	if (to == BOXES || !w->boxes[from].is)
		return;
	say("the outbox of box %zu is copied to box %zu, and runs there too", from, to);
	box_copy(w, from, to);
	box_start(w, to);
}

static void restore_outbox(struct world *w)
{
	struct box *b = &w->boxes[0];
	if (!now->has_backup) {
		now->backup = b->synced;
		now->has_backup = true;
		return;
	}
	now->has_backup = false;
	if (now->backup.epoch != b->synced.epoch || b->copied)
		return;
	say("the outbox of box 0 is brought back from a copy");
	if (b->running)
		box_crash(w, 0);
	box_restore(w, 0, &now->backup);
	now->floor = w->store.txns;
}

static void revoke(struct world *w)
{
	size_t who = 1 + pick(WHO - 1);
	unsigned revoked = 0;
	for (size_t i = 0; i < WHO; i++)
		revoked += w->store.revoked[i];
	if (revoked > 0 || w->store.orphan.is) /* whose locks it would wait for */
		return;
	say("%s is revoked", who_name((uint8_t)who));
	w->store.revoked[who] = true;
}

/* A report is forgotten long after it was stored, and no store comes back from so long ago. */
static void trim(struct world *w)
{
	size_t box = pick(WHO);
	const struct box *b = &w->boxes[box];
	const struct stream *at = store_stream(&w->store, b->who, b->now.epoch);
	if (!b->is || !b->running || !at || b->now.acknowledged <= RETENTION)
		return;
	uint16_t through = b->now.acknowledged - RETENTION;
	box_trim(w, box, through < at->seq ? through : at->seq);
	for (size_t i = 0; i < w->store.n_rows; i++) {
		const struct row *r = &w->store.rows[i];
		if (r->who == b->who && r->epoch == b->now.epoch && r->seq <= b->now.trimmed && r->txn > now->floor)
			now->floor = r->txn;
	}
}

static uint16_t earlier_time(const struct world *w)
{
	size_t span = (size_t)w->store.txns - now->floor;
	return (uint16_t)(w->store.txns - pick(span < 4 ? span + 1 : 4));
}

static void do_event(struct world *w, enum event event)
{
	now->events[event]++;
	switch (event) {
	case RESTORE_STORE:
		if (w->store.txns == 0 || w->store.orphan.is)
			return;
		say("the store is brought back to an earlier time");
		store_restore(w, earlier_time(w));
		break;
	case REVOKE: revoke(w); break;
	case READ_ROSTER:
		for (size_t i = 0; i < CENTRES; i++)
			if (w->centres[i].running)
				centre_read_roster(w, i);
		break;
	case COPY_OUTBOX: copy_outbox(w); break;
	case RESTORE_OUTBOX: restore_outbox(w); break;
	case TRIM: trim(w); break;
	case EVENTS: break;
	}
	oracle_look(w);
}

/* ---------------------------------------------------------------- a schedule */

/* How often things happen differs from seed to seed, so that rare meetings are not drowned. */
struct weather {
	unsigned steps, report, crash, fault, event, time;
	size_t agents, centres;
};

static struct weather weather_of(void)
{
	static const unsigned often[] = {0, 2, 10, 40};
	struct weather w;
	w.steps = 100 + (unsigned)pick(STEPS_FAULTY - 100);
	w.report = 20 + (unsigned)pick(150);
	w.crash = often[pick(4)];
	w.fault = often[pick(4)] * 2;
	w.event = often[pick(4)] / 2;
	w.time = 20 + (unsigned)pick(200);
	w.agents = 1 + pick(WHO);
	w.centres = 1 + pick(CENTRES);
	return w;
}

static bool is_chosen(const struct weather *weather, enum cost cost)
{
	switch (cost) {
	case FREE: return true;
	case REPORT: return chance(weather->report);
	case CRASH: return chance(weather->crash);
	case FAULT: return chance(weather->fault);
	case RESTORE:
	case NEVER_SEARCHED: break;
	}
	return false;
}

/* A random one of the steps that can be taken; false: nothing can happen but that time passes. */
static bool take_step(struct world *w, const struct weather *weather)
{
	struct step steps[STEPS_MOST], chosen[STEPS_MOST];
	w->crashes_left = w->faults_left = w->reports_left = UINT8_MAX;
	size_t n = world_steps(w, steps), kept = 0;
	for (size_t i = 0; i < n; i++)
		if (is_chosen(weather, (enum cost)steps[i].cost))
			chosen[kept++] = steps[i];
	if (kept == 0)
		return false;
	struct step step = chosen[pick(kept)];
	note(step.kind * UINT64_C(65536) + step.a * UINT64_C(256) + step.b);
	now->counts[step.kind]++;
	world_do(w, step);
	return true;
}

/* What the person does whom an agent that stopped has told: a fork is given a new outbox; else it tries again. */
static void act_as_person(struct world *w)
{
	for (size_t i = 0; i < BOXES; i++) {
		struct box *b = &w->boxes[i];
		if (!b->is || !b->running || b->courier.state != COURIER_FORKED)
			continue;
		say("box %zu has forked: it gets a new outbox", i);
		box_crash(w, i);
		box_renew(w, i, w->store.restored);
		now->floor = w->store.txns;
		box_start(w, i);
	}
}

static void go_wrong(struct world *w, const struct weather *weather)
{
	for (unsigned i = 0; i < weather->steps && !oracle_found[0]; i++) {
		if (chance(weather->event))
			do_event(w, (enum event)pick(EVENTS));
		if (chance(10))
			act_as_person(w);
		if (!take_step(w, weather) || chance(weather->time))
			pass_time(w, chance(30) ? (int64_t)pick((size_t)(2 * MINUTE)) : (int64_t)pick(20000));
		now->steps++;
	}
}

/* ---------------------------------------------------------------- until all is at rest */

static bool is_at_rest(const struct world *w)
{
	for (size_t i = 0; i < CONNS; i++)
		if (w->conns[i].is && w->conns[i].up && (w->conns[i].to_agent.n || w->conns[i].to_centre.n))
			return false;
	for (size_t i = 0; i < CENTRES; i++)
		if (w->centres[i].lane.n_jobs || w->centres[i].lane.n_results)
			return false;
	return world_is_settled(w);
}

/* What an agent that did not come to rest still lacks. */
static void tell_unsettled(const struct world *w)
{
	for (size_t i = 0; i < BOXES; i++) {
		const struct box *b = &w->boxes[i];
		const struct stream *at = store_stream(&w->store, b->who, b->now.epoch);
		if (b->is)
			say("box %zu, %s, epoch %d: %d handed in, %d stored, %d acknowledged; %d verdicts of %d%s", i,
			    who_name(b->who), b->now.epoch, b->now.n, at ? at->seq : 0, b->now.acknowledged,
			    b->now.cursor, w->store.verdict_seq[b->who],
			    oracle_holds_verdicts(w, b) ? "" : ", and not the same");
	}
}

static void come_to_rest(struct world *w)
{
	static const struct weather calm = {0};
	for (size_t i = 0; i < BOXES; i++)
		if (w->boxes[i].is)
			w->boxes[i].clogged = w->boxes[i].full = false;
	do_event(w, READ_ROSTER);
	for (unsigned i = 0; i < STEPS_REST && !oracle_found[0]; i++) {
		act_as_person(w);
		now->steps++;
		if (take_step(w, &calm))
			continue;
		if (is_at_rest(w))
			return;
		pass_time(w, 0);
	}
	tell_unsettled(w);
	if (!oracle_found[0])
		oracle_find("I9", "after %d steps without a fault it has not come to rest", STEPS_REST);
}

/*
 * I9: a report that is handed in now arrives. And of two copies that do not know yet that they have parted, as the store
 * was brought back and filled up by one of them, the other then finds out.
 */
static void hand_in_one_more(struct world *w)
{
	for (size_t i = 0; i < BOXES; i++)
		if (w->boxes[i].is && w->boxes[i].running)
			box_append(w, i, false);
	come_to_rest(w);
}

/* ---------------------------------------------------------------- runs */

static bool run_seed(uint64_t seed)
{
	memset(now, 0, sizeof *now);
	now->seed = now->random = seed;
	messages_clear();
	oracle_clear();
	cheap_set(seed % REAL_EVERY != 0);
	next_random();
	const struct weather weather = weather_of();
	world_start(&now->world, weather.agents, weather.centres, chance(250));
	go_wrong(&now->world, &weather);
	if (!oracle_found[0])
		come_to_rest(&now->world);
	if (!oracle_found[0])
		hand_in_one_more(&now->world);
	if (!oracle_found[0])
		oracle_look_at_rest(&now->world);
	return oracle_found[0] == '\0';
}

static void tell_broken(const char *program)
{
	printf("BROKEN with seed %" PRIu64 ": %s\n", now->seed, oracle_found);
	printf("again, with all that happens: %s --seed %" PRIu64 " --trace\n", program, now->seed);
}

/* I17: the same seed does the same. */
static bool is_repeatable(uint64_t seed)
{
	run_seed(seed);
	uint64_t trace = now->trace;
	run_seed(seed);
	if (trace == now->trace)
		return true;
	printf("BROKEN with seed %" PRIu64 ": I17: run again it did something else\n", seed);
	return false;
}

static bool run_seeds(const char *program, uint64_t first, uint64_t count)
{
	uint64_t steps = 0, counts[STEPS] = {0}, events[EVENTS] = {0};
	for (uint64_t seed = first; seed < first + count; seed++) {
		if (!run_seed(seed)) {
			tell_broken(program);
			return false;
		}
		steps += now->steps;
		for (size_t i = 0; i < STEPS; i++)
			counts[i] += now->counts[i];
		for (size_t i = 0; i < EVENTS; i++)
			events[i] += now->events[i];
		if (seed % 100 == 0 && !is_repeatable(seed))
			return false;
	}
	printf("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " steps; every invariant held, and all came to rest\n",
	       first, first + count - 1, steps);
	for (size_t i = 0; i < STEPS; i++)
		if (counts[i])
			printf("%10" PRIu64 "  %s\n", counts[i], step_table[i].text);
	printf("%10" PRIu64 "  the store is brought back to an earlier time\n%10" PRIu64
	       "  an agent is revoked\n%10" PRIu64 "  an outbox is copied\n%10" PRIu64
	       "  an outbox is brought back from a copy\n",
	       events[RESTORE_STORE], events[REVOKE], events[COPY_OUTBOX], events[RESTORE_OUTBOX]);
	return true;
}

static int usage(void)
{
	fprintf(stderr, "usage: model-simulate [--seed N [--trace]] [--seeds COUNT [--first N]]\n");
	return 64;
}

int main(int argc, char **argv)
{
	const char *depth = getenv("TRAM_MODEL");
	uint64_t seed = 0, count = depth && strcmp(depth, "full") == 0 ? SEEDS_FULL : SEEDS_QUICK, first = 1;
	bool one = false, trace = false;
	for (int i = 1; i < argc; i++) {
		uint64_t *number = strcmp(argv[i], "--seed") == 0    ? &seed
				   : strcmp(argv[i], "--seeds") == 0 ? &count
				   : strcmp(argv[i], "--first") == 0 ? &first
								     : NULL;
		trace |= strcmp(argv[i], "--trace") == 0;
		one |= number == &seed;
		if ((!number && strcmp(argv[i], "--trace") != 0) || (number && i + 1 == argc))
			return usage();
		if (number)
			*number = strtoull(argv[++i], NULL, 10);
	}
	now = xcalloc(1, sizeof *now);
	manner.random = next_random;
	if (!one)
		return run_seeds(argv[0], first, count) ? 0 : 1;
	manner.trace = trace ? stdout : NULL;
	bool fine = run_seed(seed);
	if (!fine)
		tell_broken(argv[0]);
	printf("seed %" PRIu64 ": %u steps, trace %016" PRIx64 "\n", seed, now->steps, now->trace);
	return fine ? 0 : 1;
}
