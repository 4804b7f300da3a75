/* SPDX-License-Identifier: Apache-2.0 */
/* Signals, and what is read anew: settings, keys of the feed, roster, catalogue. */
#include "aggregator.h"

#include "clock.h"
#include "daemon.h"
#include "lang.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define TELL_WAITING_US (30 * CLOCK_SECOND)

/* ---------------------------------------------------------------- reload */

static void tell_failed(struct aggregator *a, const char *what, const struct err *err)
{
	count(&a->counters, COUNTER_RELOADS_FAILED);
	tell(a, EVENT_RELOAD_FAILED, "what", what, "text", err->text, NULL);
}

static void reload_settings(struct aggregator *a)
{
	struct err err;
	char *kept;
	if (!settings_reload(a->settings_file, &a->settings, &kept, &err)) {
		tell_failed(a, "settings", &err);
		return;
	}
	const struct session_settings session = aggregator_session_settings(a);
	if (a->sessions)
		session_set_settings(a->sessions, &session);
	log_set_level(aggregator_log_level(&a->settings));
	tell(a, EVENT_SETTINGS_RELOADED, "file", a->settings_file ? a->settings_file : "", "waits_for_restart",
	     kept ? kept : "", NULL);
	free(kept);
}

static void reload_operators(struct aggregator *a)
{
	struct err err;
	struct roster *operators = roster_read_folder(a->settings.feed_keys, &err);
	if (!operators) {
		tell_failed(a, "feed_keys", &err);
		return;
	}
	roster_free(&a->operators);
	a->operators = operators;
}

static void reload(struct aggregator *a)
{
	daemon_reloading();
	reload_settings(a);
	reload_operators(a);
	a->reloading = true;
	a->load_next |= LOAD_ROSTER | LOAD_CATALOGUE;
}

void serve_signals(struct aggregator *a)
{
	for (int signal; (signal = daemon_next_signal(a->signals)) != 0;) {
		if (signal == SIGHUP && a->phase != DRAINING)
			reload(a);
		else if (signal != SIGHUP)
			aggregator_drain(a, signal == SIGTERM ? "SIGTERM" : "SIGINT");
	}
}

/* ---------------------------------------------------------------- what the loader has read */

static void take_roster(struct aggregator *a, struct roster **roster)
{
	if (!*roster || roster_equal(a->roster, *roster))
		return;
	struct roster *old = a->roster;
	a->roster = *roster;
	*roster = NULL;
	session_set_roster(a->sessions, a->roster, aggregator_now());
	roster_free(&old);
	const struct roster_row *rows;
	tell(a, EVENT_ROSTER_RELOADED, "agents", log_num((long long)roster_rows(a->roster, &rows)), "active",
	     log_num((long long)roster_count(a->roster, ROSTER_ACTIVE)), "suspended",
	     log_num((long long)roster_count(a->roster, ROSTER_SUSPENDED)), "revoked",
	     log_num((long long)roster_count(a->roster, ROSTER_REVOKED)), NULL);
	carry_out(a);
}

static void take_catalogue(struct aggregator *a, struct catalogue **catalogue)
{
	if (!*catalogue || catalogue_version(*catalogue) == catalogue_version(a->catalogue))
		return;
	catalogue_unref(&a->catalogue);
	a->catalogue = *catalogue;
	*catalogue = NULL;
	lanes_set_catalogue(a->lanes, a->catalogue);
	session_set_catalogue(a->sessions, catalogue_version(a->catalogue), aggregator_now());
	tell_catalogue(a);
	carry_out(a);
}

/* What a decision at the centre made, beside what lanes commit. */
static void take_verdicts(struct aggregator *a, const struct loaded *l)
{
	for (size_t i = 0; i < l->n_verdicts; i++)
		session_set_verdicts(a->sessions, l->verdicts[i].agent, l->verdicts[i].verdict_seq);
	carry_out(a);
}

/* Before serving: a store that cannot be used ends the program; one that is not there yet is waited for. */
static void keep_waiting(struct aggregator *a, const struct loaded *l)
{
	int64_t now_us = clock_monotonic_us();
	if (l->result == STORE_BROKEN) {
		a->failure = l->err;
		a->phase = ENDED;
		return;
	}
	a->load_next |= l->asked;
	a->load_at_us = now_us + retry_next_us(&a->load_retry);
	memcpy(a->waiting_for, l->err.text, sizeof(a->waiting_for));
	daemon_status(_("waits for the store: %s"), l->err.text);
	if (a->told_waiting_us && now_us - a->told_waiting_us < TELL_WAITING_US)
		return;
	a->told_waiting_us = now_us;
	tell(a, EVENT_STORE_AWAITED, "text", l->err.text, NULL);
}

static void begin(struct aggregator *a, struct loaded *l)
{
	struct roster *roster = l->roster;
	struct catalogue *catalogue = l->catalogue;
	l->roster = NULL;
	l->catalogue = NULL;
	a->reloading = false;
	if (!aggregator_serve(a, roster, catalogue, &a->failure))
		a->phase = ENDED;
}

/* While serving: what was there before stays in force when reading fails; said once until it is well again. */
static void take_up(struct aggregator *a, struct loaded *l)
{
	bool failed = l->result != STORE_OK;
	if (failed && (!a->load_failed || a->reloading))
		tell_failed(a, l->asked & LOAD_CATALOGUE ? "roster, catalogue" : "roster", &l->err);
	a->load_failed = failed;
	if (!failed)
		count(&a->counters, COUNTER_RELOADS);
	take_roster(a, &l->roster);
	take_catalogue(a, &l->catalogue);
	take_verdicts(a, l);
	if (a->reloading && (l->asked & LOAD_CATALOGUE)) {
		a->reloading = false;
		daemon_ready(_("takes reports"));
	}
}

/* What other provinces stated is to be known with the first report. */
static void keep_first(struct aggregator *a, struct loaded **lp)
{
	loaded_free(&a->first);
	a->first = *lp;
	*lp = NULL;
	cutter_look(a->cutter);
}

void serve_loader(struct aggregator *a)
{
	for (struct loaded *l; (l = loader_take(a->loader)); loaded_free(&l)) {
		if (l->asked == LOAD_HEARD) {
			a->load_next |= l->heard & ~(unsigned)LOAD_ANNOUNCEMENTS; /* those are asked for below */
			expect_announcements(a);
			continue;
		}
		if (l->asked == LOAD_ANNOUNCEMENTS) {
			if (a->phase == SERVING)
				take_announcements(a, l);
			continue;
		}
		a->read_from_us = a->asked_us;
		if (a->phase == WAITING && l->result != STORE_OK)
			keep_waiting(a, l);
		else if (a->phase == WAITING && !a->peers_told)
			keep_first(a, &l);
		else if (a->phase == WAITING)
			begin(a, l);
		else if (a->phase == SERVING)
			take_up(a, l);
	}
}

/* ---------------------------------------------------------------- peer cuts */

static void take_peers(struct aggregator *a, struct cut_news *news)
{
	if (news->result != STORE_OK && !a->peers_failed)
		tell_failed(a, "peers", &news->err);
	a->peers_failed = news->result != STORE_OK;
	if (news->result != STORE_OK)
		return;
	peers_unref(&a->peers);
	a->peers = news->peers;
	news->peers = NULL;
	if (a->phase == SERVING && a->peers)
		lanes_set_peers(a->lanes, a->peers); /* where there is none any more, lanes find out from the store */
}

/* A store that is not there is waited for, and told of, with roster and catalogue. */
void serve_cutter(struct aggregator *a)
{
	for (struct cut_news *news; a->cutter && (news = cutter_take(a->cutter)); cut_news_free(&news)) {
		if (a->phase == WAITING && news->result != STORE_OK && !a->first)
			continue;
		take_peers(a, news);
		a->peers_told = true;
	}
	if (!a->first || !a->peers_told || a->phase != WAITING)
		return;
	begin(a, a->first);
	loaded_free(&a->first);
}
