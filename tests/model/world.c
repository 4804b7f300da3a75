/* SPDX-License-Identifier: Apache-2.0 */
/* What can happen next, and doing it. */
#include "world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct world_manner manner;

const struct step_row step_table[STEPS] = {
#define STEP(id, cost, text) {cost, text},
#include "step.def"
#undef STEP
};

void say(const char *format, ...)
{
	va_list args;
	if (!manner.trace)
		return;
	va_start(args, format);
	vfprintf(manner.trace, format, args);
	va_end(args);
	fputc('\n', manner.trace);
}

uint64_t world_random(void)
{
	return manner.random ? manner.random() : 0;
}

struct courier_time agent_time(const struct world *w)
{
	return (struct courier_time){.monotonic_us = 1000 * SECOND + w->now_us, .wall_us = WALL_US + w->now_us};
}

struct session_time centre_time(const struct world *w)
{
	return (struct session_time){.monotonic_us = 1000 * SECOND + w->now_us, .wall_us = WALL_US + w->now_us};
}

void world_start(struct world *w, size_t agents, size_t centres, bool is_crowded)
{
	memset(w, 0, sizeof *w);
	w->is_crowded = is_crowded;
	for (size_t i = 0; i < BOXES; i++)
		w->boxes[i].conn = NOBODY;
	for (size_t i = 0; i < agents; i++) {
		struct box *b = &w->boxes[i];
		b->is = true;
		b->who = (uint8_t)i;
		b->now.epoch = ++w->epochs;
		struct epoch epoch = epoch_of(b->who, b->now.epoch);
		chain_start(who_name(b->who), &epoch, NULL, &b->now.chain[0]);
		box_sync(b);
		box_start(w, i);
	}
	w->n_centres = (uint8_t)centres;
	for (size_t i = 0; i < centres; i++)
		centre_start(w, i);
}

/* ---------------------------------------------------------------- what can happen */

struct list {
	struct step *steps;
	size_t n;
};

static void add(struct list *l, enum step_kind kind, size_t a, size_t b)
{
	assert(l->n < STEPS_MOST);
	l->steps[l->n++] = (struct step){(uint8_t)kind, (uint8_t)a, (uint8_t)b, (uint8_t)step_table[kind].cost};
}

static bool stray_room(const struct world *w)
{
	for (size_t i = 0; i < STRAYS; i++)
		if (!w->strays[i].is)
			return true;
	return false;
}

static bool has_line(const struct world *w, const struct box *b)
{
	return b->conn != NOBODY && (w->conns[b->conn].up || w->conns[b->conn].half);
}

static void list_boxes(const struct world *w, struct list *l)
{
	for (size_t i = 0; i < BOXES; i++) {
		const struct box *b = &w->boxes[i];
		if (!b->is)
			continue;
		if (!b->running) {
			add(l, STEP_START_AGENT, i, 0);
			continue;
		}
		for (size_t c = 0; c < CENTRES && !has_line(w, b); c++)
			if (w->centres[c].running)
				add(l, STEP_CONNECT, i, c);
		if (b->conn != NOBODY && !has_line(w, b))
			add(l, STEP_NOTICE, i, 0);
		if (manner.frozen ? b->courier.work_at != INT64_MAX : b->courier.work_at <= agent_time(w).monotonic_us)
			add(l, STEP_WORK, i, 0);
	}
}

static void list_way(const struct world *w, struct list *l, size_t i, bool to_centre)
{
	const struct conn *c = &w->conns[i];
	const struct queue *q = to_centre ? &c->to_centre : &c->to_agent;
	unsigned way = to_centre ? 0 : 1; /* in step.def the agent stands behind the centre */
	if (q->n == 0)
		return;
	add(l, STEP_TO_CENTRE + way, i, 0);
	if (!c->up)
		add(l, STEP_NEVER_TO_CENTRE + way, i, 0);
	else
		add(l, STEP_LOSE_TO_CENTRE + way, i, 0);
	add(l, STEP_TWICE_TO_CENTRE + way, i, 0);
	if (c->up && stray_room(w)) {
		add(l, STEP_DELAY_TO_CENTRE + way, i, 0);
		add(l, STEP_ECHO_TO_CENTRE + way, i, 0);
	}
}

static bool stray_may_come(const struct world *w, const struct stray *s)
{
	for (size_t i = 0; i < CONNS; i++)
		if (w->conns[i].is && w->conns[i].up && w->conns[i].peer == s->peer)
			return false;
	return s->to_centre ? w->centres[s->centre].running
			    : w->boxes[s->box].running && w->boxes[s->box].boot == s->boot;
}

static void list_network(const struct world *w, struct list *l)
{
	for (size_t i = 0; i < CONNS; i++) {
		const struct conn *c = &w->conns[i];
		if (!c->is)
			continue;
		list_way(w, l, i, true);
		list_way(w, l, i, false);
		if (c->up) {
			add(l, STEP_CUT, i, 0);
			add(l, STEP_HALF, i, 0);
		}
	}
	for (size_t i = 0; i < STRAYS; i++)
		if (w->strays[i].is) {
			if (stray_may_come(w, &w->strays[i]))
				add(l, STEP_STRAY, i, 0);
			add(l, STEP_STRAY_NEVER, i, 0);
		}
}

static void list_centres(const struct world *w, struct list *l)
{
	for (size_t i = 0; i < w->n_centres; i++) {
		const struct centre *c = &w->centres[i];
		if (!c->running) {
			add(l, STEP_START_CENTRE, i, 0);
			continue;
		}
		if (c->lane.n_results > 0)
			add(l, STEP_RESULT, i, 0);
		if (!lane_may_serve(w, i))
			continue;
		add(l, STEP_LANE, i, 0);
		if (c->lane.n_jobs > 0 && c->lane.jobs[0].kind == SESSION_JOB_PUBLISH) {
			add(l, STEP_COMMIT_LOST, i, 0);
			add(l, STEP_COMMIT_NOT, i, 0);
			if (!w->store.orphan.is)
				add(l, STEP_COMMIT_LATER, i, 0);
		}
	}
}

static void list_store(const struct world *w, struct list *l)
{
	if (w->store.orphan.is) {
		add(l, STEP_ORPHAN_COMMITS, 0, 0);
		add(l, STEP_ORPHAN_ABORTS, 0, 0);
	}
	if (w->store.away)
		add(l, STEP_STORE_UP, 0, 0);
	else
		add(l, STEP_STORE_DOWN, 0, 0);
	for (uint16_t txn = 0; txn < w->store.txns && w->restores_left > 0; txn++)
		add(l, STEP_RESTORE, txn, 0);
}

/* Where not all reports are counted beforehand, every outbox has room for one more in the end. */
static void list_crashes(const struct world *w, struct list *l)
{
	size_t spare = !manner.frozen;
	for (size_t i = 0; i < BOXES; i++) {
		const struct box *b = &w->boxes[i];
		if (!b->is || !b->running)
			continue;
		bool room = b->now.n + spare < REPORTS && w->issued + spare * BOXES < ISSUES && w->reports_left > 0;
		if (room)
			add(l, STEP_APPEND, i, 0);
		add(l, STEP_CRASH_AGENT, i, 0);
		if (room)
			add(l, STEP_APPEND_CRASH, i, 0);
		if (!b->clogged)
			add(l, STEP_CLOG, i, 0);
		if (!b->full)
			add(l, STEP_FULL, i, 0);
	}
	for (size_t i = 0; i < CENTRES; i++)
		if (w->centres[i].running)
			add(l, STEP_CRASH_CENTRE, i, 0);
}

/* ---------------------------------------------------------------- timers */

static int64_t *agent_timer(struct courier *c, size_t timer)
{
	int64_t *const timers[] = {&c->act_at, &c->speak_at, &c->stalled_at, &c->silent_at};
	return timers[timer];
}
enum { AGENT_ACT, AGENT_SPEAK, AGENT_STALLED, AGENT_SILENT, AGENT_TIMERS };

/* Whether agent and centre talk to each other in one session. Else each hears nothing of the other, and time ends that. */
static bool in_session(const struct world *w, const struct box *b)
{
	uint64_t peer;
	for (size_t i = 0; i < CENTRES; i++) {
		uint64_t session = centre_session(&w->centres[i].state, b->who, &peer);
		const struct conn *c = b->conn == NOBODY ? NULL : &w->conns[b->conn];
		if (session && session == b->courier.session && c && c->up && c->peer == peer)
			return true;
	}
	return false;
}

/*
 * When everything rests, time passes and timers end; silence only where there is silence. Before that a timer that ends
 * is early (or the rest is slow), which costs a search as much as a lost message.
 */
static void list_timers(const struct world *w, struct list *l, bool rests)
{
	for (size_t i = 0; i < BOXES; i++) {
		const struct box *b = &w->boxes[i];
		struct courier *c = (struct courier *)(uintptr_t)&b->courier;
		for (size_t t = 0; b->is && b->running && t < AGENT_TIMERS; t++) {
			if (*agent_timer(c, t) == INT64_MAX)
				continue;
			add(l, STEP_AGENT_TIMER, i, t);
			if (rests && (t != AGENT_SILENT || !in_session(w, b)))
				l->steps[l->n - 1].cost = FREE;
		}
	}
	for (size_t i = 0; i < CENTRES; i++)
		for (size_t t = 0; w->centres[i].running && t < CENTRE_TIMERS; t++) {
			if (!centre_timer_runs(&w->centres[i].state, 0, (enum centre_timer)t,
					       centre_time(w).monotonic_us))
				continue;
			add(l, STEP_CENTRE_TIMER, i, t);
			if (rests && (t != SILENCE || !in_session(w, &w->boxes[0])))
				l->steps[l->n - 1].cost = FREE;
		}
}

static bool may_afford(const struct world *w, enum cost cost)
{
	switch (cost) {
	case FREE: return true;
	case CRASH: return w->crashes_left > 0;
	case FAULT: return w->faults_left > 0;
	case RESTORE: return w->restores_left > 0;
	case REPORT: return w->reports_left > 0;
	case NEVER_SEARCHED: break;
	}
	return false;
}

size_t world_steps(const struct world *w, struct step ret[static STEPS_MOST])
{
	struct list l = {.steps = ret};
	list_boxes(w, &l);
	list_network(w, &l);
	list_centres(w, &l);
	list_store(w, &l);
	bool rests = true;
	for (size_t i = 0; i < l.n; i++)
		rests &= ret[i].cost != FREE;
	list_crashes(w, &l);
	if (manner.frozen)
		list_timers(w, &l, rests);
	size_t kept = 0;
	for (size_t i = 0; i < l.n; i++)
		if (may_afford(w, (enum cost)ret[i].cost))
			ret[kept++] = ret[i];
	return kept;
}

/* ---------------------------------------------------------------- doing it */

static void deliver(struct world *w, const struct conn *c, bool to_centre, uint16_t message)
{
	struct conn copy = *c; /* which may be forgotten meanwhile */
	if (to_centre && copy.centre_end)
		centre_take(w, copy.centre, w->boxes[copy.box].who, copy.peer, message);
	else if (!to_centre && copy.agent_end)
		box_take(w, copy.box, message);
}

static void put_stray(struct world *w, const struct conn *c, bool to_centre, uint16_t message)
{
	for (size_t i = 0; i < STRAYS; i++)
		if (!w->strays[i].is) {
			w->strays[i] = (struct stray){.is = true,
						      .to_centre = to_centre,
						      .box = c->box,
						      .boot = w->boxes[c->box].boot,
						      .centre = c->centre,
						      .peer = c->peer,
						      .message = message};
			return;
		}
	assert(0);
}

static void do_way(struct world *w, struct step s)
{
	struct conn *c = &w->conns[s.a];
	bool to_centre = (s.kind - STEP_TO_CENTRE) % 2 == 0;
	if (s.kind >= STEP_LOSE_TO_CENTRE)
		to_centre = (s.kind - STEP_LOSE_TO_CENTRE) % 2 == 0;
	struct queue *q = to_centre ? &c->to_centre : &c->to_agent;
	uint16_t message = q->at[0];
	bool twice = s.kind == STEP_TWICE_TO_CENTRE || s.kind == STEP_TWICE_TO_AGENT;
	bool delay = s.kind == STEP_DELAY_TO_CENTRE || s.kind == STEP_DELAY_TO_AGENT;
	bool echo = s.kind == STEP_ECHO_TO_CENTRE || s.kind == STEP_ECHO_TO_AGENT;
	bool lose = s.kind == STEP_LOSE_TO_CENTRE || s.kind == STEP_LOSE_TO_AGENT;
	w->overcharged |= twice || echo;
	if (lose || delay)
		say("    %s", message_text(message));
	if (!twice)
		queue_take(q);
	if (delay || echo)
		put_stray(w, c, to_centre, message);
	if (!lose && !delay)
		deliver(w, c, to_centre, message);
}

static void do_never(struct world *w, struct step s)
{
	struct conn *c = &w->conns[s.a];
	memset(s.kind == STEP_NEVER_TO_CENTRE ? &c->to_centre : &c->to_agent, 0, sizeof c->to_agent);
}

static void do_stray(struct world *w, struct step s)
{
	struct stray stray = w->strays[s.a];
	memset(&w->strays[s.a], 0, sizeof stray);
	if (s.kind == STEP_STRAY_NEVER)
		return;
	if (stray.to_centre)
		centre_take(w, stray.centre, w->boxes[stray.box].who, stray.peer, stray.message);
	else
		box_take(w, stray.box, stray.message);
}

static void do_connect(struct world *w, struct step s)
{
	conn_open(w, s.a, s.b);
	box_link(w, s.a, ROAD_EVENT_READY);
}

static void do_notice(struct world *w, struct step s)
{
	w->boxes[s.a].conn = NOBODY;
	box_link(w, s.a, ROAD_EVENT_DISCONNECTED);
}

static void do_agent_timer(struct world *w, struct step s)
{
	*agent_timer(&w->boxes[s.a].courier, s.b) = agent_time(w).monotonic_us;
	box_tick(w, s.a);
}

static void do_centre_timer(struct world *w, struct step s)
{
	w->overcharged |= s.b == GRACE;
	centre_timer_end(&w->centres[s.a].state, 0, (enum centre_timer)s.b, centre_time(w).monotonic_us);
	if (s.b != QUIET && s.b != GRACE)
		centre_tick(w, s.a);
}

/* With frozen time all that matters of a timer is whether it runs. */
static void forget_time(struct world *w)
{
	for (size_t i = 0; i < BOXES; i++) {
		struct courier *c = &w->boxes[i].courier;
		if (!w->boxes[i].is || !w->boxes[i].running)
			continue;
		for (size_t t = 0; t < AGENT_TIMERS; t++)
			if (*agent_timer(c, t) != INT64_MAX)
				*agent_timer(c, t) = LATER_US;
		if (c->work_at != INT64_MAX)
			c->work_at = LATER_US;
		c->codebook_at = c->heard_at = c->skew_us = 0;
		c->link_retry.last_us = c->refusal_retry.last_us = 0;
		memset(&c->counters, 0, sizeof c->counters);
		memset(c->flight + c->flights, 0, (COURIER_FLIGHT_MAX - c->flights) * sizeof c->flight[0]);
		memset(c->cause_vi, 0, sizeof c->cause_vi);
		memset(c->cause_en, 0, sizeof c->cause_en);
	}
	for (size_t i = 0; i < CENTRES; i++)
		if (w->centres[i].running)
			centre_forget_time(&w->centres[i].state, LATER_US);
}

/* One world of all that differ only in names. */
static void make_canonical(struct world *w)
{
	forget_time(w);
	peers_rename(w);
}

static void pay(struct world *w, struct step s)
{
	if (s.cost == CRASH)
		w->crashes_left--;
	if (s.cost == FAULT)
		w->faults_left--;
	if (s.cost == RESTORE)
		w->restores_left--;
	if (s.kind == STEP_APPEND || s.kind == STEP_APPEND_CRASH)
		w->reports_left--;
}

static void do_one(struct world *w, struct step s)
{
	switch ((enum step_kind)s.kind) {
	case STEP_APPEND: box_append(w, s.a, false); break;
	case STEP_CONNECT: do_connect(w, s); break;
	case STEP_NOTICE: do_notice(w, s); break;
	case STEP_NEVER_TO_CENTRE:
	case STEP_NEVER_TO_AGENT: do_never(w, s); break;
	case STEP_STRAY:
	case STEP_STRAY_NEVER: do_stray(w, s); break;
	case STEP_LANE: lane_serve(w, s.a, COMMITTED); break;
	case STEP_RESULT: centre_result(w, s.a); break;
	case STEP_WORK: w->boxes[s.a].courier.work_at = agent_time(w).monotonic_us, box_tick(w, s.a); break;
	case STEP_ORPHAN_COMMITS: store_orphan(w, true); break;
	case STEP_ORPHAN_ABORTS: store_orphan(w, false); break;
	case STEP_STORE_UP: w->store.away = false; break;
	case STEP_START_AGENT: box_start(w, s.a); break;
	case STEP_START_CENTRE: centre_start(w, s.a); break;
	case STEP_AGENT_TIMER: do_agent_timer(w, s); break;
	case STEP_CENTRE_TIMER: do_centre_timer(w, s); break;
	case STEP_CRASH_AGENT: box_crash(w, s.a); break;
	case STEP_APPEND_CRASH: box_append(w, s.a, true); break;
	case STEP_CRASH_CENTRE: centre_crash(w, s.a); break;
	case STEP_CUT: conn_end(&w->conns[s.a], false); break;
	case STEP_HALF: conn_end(&w->conns[s.a], true); break;
	case STEP_CLOG: w->boxes[s.a].clogged = true; break;
	case STEP_FULL: w->boxes[s.a].full = true; break;
	case STEP_COMMIT_LOST: lane_serve(w, s.a, LOST_COMMITTED); break;
	case STEP_COMMIT_NOT: lane_serve(w, s.a, LOST_NOT); break;
	case STEP_COMMIT_LATER: lane_serve(w, s.a, LOST_LATER); break;
	case STEP_STORE_DOWN: w->store.away = true; break;
	case STEP_RESTORE: store_restore(w, s.a); break;
	default: do_way(w, s); break;
	}
}

void world_do(struct world *w, struct step s)
{
	say("%s (%d, %d)", step_table[s.kind].text, s.a, s.b);
	pay(w, s);
	do_one(w, s);
	conns_tidy(w);
	if (manner.frozen)
		make_canonical(w);
	oracle_look(w);
}

/* ---------------------------------------------------------------- at rest */

static bool has_running_copy(const struct world *w, const struct box *b)
{
	for (size_t i = 0; i < BOXES; i++)
		if (&w->boxes[i] != b && w->boxes[i].is && w->boxes[i].who == b->who)
			return true;
	return false;
}

/* The last verdict of a report that this outbox has. */
static uint16_t own_verdicts(const struct world *w, const struct box *b)
{
	uint16_t own = 0;
	for (size_t n = 0; n < w->store.n_rows; n++) {
		const struct row *r = &w->store.rows[n];
		if (r->who == b->who && r->epoch == b->now.epoch && r->seq <= b->now.n)
			own = r->verdict_seq;
	}
	return own;
}

/* While a copy of it runs, perhaps at the other centre, an outbox may not have heard yet of what only the other had. */
static bool box_is_settled(const struct world *w, const struct box *b)
{
	const struct shelf *s = &b->now;
	const struct stream *at = store_stream(&w->store, b->who, s->epoch);
	uint16_t stored = at ? at->seq : 0;
	if (has_running_copy(w, b))
		return s->acknowledged == s->n && stored >= s->n && s->cursor >= own_verdicts(w, b);
	return s->acknowledged == s->n && stored == s->n && s->cursor == w->store.verdict_seq[b->who] &&
	       oracle_holds_verdicts(w, b);
}

bool world_is_settled(const struct world *w)
{
	for (size_t i = 0; i < BOXES; i++)
		if (w->boxes[i].is && !w->store.revoked[w->boxes[i].who] &&
		    (!w->boxes[i].running || !box_is_settled(w, &w->boxes[i])))
			return false;
	return true;
}
