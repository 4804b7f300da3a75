/* SPDX-License-Identifier: Apache-2.0 */
/* tram tail: what happens at the centre, as it happens, from the live feed. */
#include "cli.h"
#include "clock.h"
#include "codec.h"
#include "conf.h"
#include "keys.h"
#include "lang.h"
#include "mem.h"
#include "road.h"
#include "status.h"
#include "tail_filter.h"
#include "tail_link.h"
#include "tail_names.h"
#include "tail_show.h"
#include "terminal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define CENTRE_FILE   "/etc/tram/tram-aggregator.conf"
#define EVENT_ARENA   ((size_t)16 << 20)
#define MESSAGE_BYTES (4 << 20)
#define HIGH_WATER    100000
#define RECONNECT_US  100000
#define HANDSHAKE_US  (5 * CLOCK_SECOND) /* less than the centre's: whose time runs out knows that it was not answered */
#define LOOK_MS       100                /* how often the connection is looked at when nothing comes */
#define QUIET_US      (5 * CLOCK_SECOND) /* after which one who sees nothing is told what is waited for */

struct tail_options {
	struct common_options common;
	struct tail_filter filter;
	const char *feed, *centre, *key, *centre_key;
	int64_t count;
};

#define ROW(name, argument, kind, member, help)                                                                        \
	{                                                                                                              \
		name, argument, kind, offsetof(struct tail_options, member), help                                      \
	}

static const struct option_row rows[] = {
    ROW("area", "AREA", OPTION_LIST, filter.areas, N_("of this province: 63/46, or 46 in any vintage; also VN")),
    ROW("province", "AREA", OPTION_LIST, filter.areas, N_("the same")),
    ROW("agent", "AGENT", OPTION_LIST, filter.agents, N_("of this agent")),
    ROW("severity", "LETTER", OPTION_TEXT, filter.severity,
	N_("at least: B refused, J held until justified, W warning, I everything")),
    ROW("word", "WORD", OPTION_LIST, filter.words,
	N_("dung, du, sach, song, or another word of the catalogue, by code or name")),
    ROW("event", "NAME", OPTION_LIST, filter.events,
	N_("report.committed, or report for all of these: tram-events(7)")),
    ROW("dataflow", "CODE", OPTION_LIST, filter.dataflows, N_("of this dataflow")),
    ROW("indicator", "CODE", OPTION_LIST, filter.indicators, N_("of this indicator")),
    ROW("rule", "CODE", OPTION_LIST, filter.rules, N_("of this rule, such as DUNG-07")),
    ROW("count", "COUNT", OPTION_COUNT, count, N_("end after so many events")),
    ROW("n", "COUNT", OPTION_COUNT, count, N_("the same")),
    ROW("feed", "ENDPOINT", OPTION_TEXT, feed,
	N_("where the feed is (TRAM_FEED, else what the centre's settings say)")),
    ROW("centre", "FILE", OPTION_TEXT, centre,
	N_("the centre's settings (TRAM_CENTRE, else /etc/tram/tram-aggregator.conf)")),
    ROW("key", "FILE", OPTION_TEXT, key, N_("your own keys (.key), for a feed over tcp://")),
    ROW("centre-key", "FILE", OPTION_TEXT, centre_key, N_("the centre's public keys (.pub), for a feed over tcp://")),
};

static const struct options spec = {
    .command = "tail",
    .synopsis = "[OPTION]...",
    .about =
	N_("Prints what happens at the centre as it happens: reports committed, figures held or refused, findings,\n"
	   "agents that come and go. Every filter may be given several times. Times are Viet Nam's."),
    .rows = rows,
    .n = sizeof rows / sizeof *rows,
};

struct tail {
	const struct tail_options *options;
	enum tail_format format;
	void *context, *socket, *monitor;
	char *endpoint;
	const char *settings; /* of the centre whose feed it is; NULL: not known */
	struct arena *arena;
	struct tail_place place;
	struct tail_link link;
	char name[KEYS_NAME_MAX + 1], fingerprint[40]; /* of one's own keys */
	uint64_t heard, shown;
	int64_t quiet_since_us; /* monotonic; 0: not listening, or told already */
};

/* ---------------------------------------------------------------- where the feed is */

/* The centre's settings; one that nobody named need not be there, and is NULL then. */
static const char *settings_file(const struct tail_options *o)
{
	const char *named = o->centre ? o->centre : getenv("TRAM_CENTRE");

	if (named && *named)
		return named;
	return access(CENTRE_FILE, R_OK) == 0 ? CENTRE_FILE : NULL;
}

static bool find_feed(struct tail *t, struct err *err)
{
	const char *told = t->options->feed ? t->options->feed : getenv("TRAM_FEED");

	if (told && *told) {
		t->endpoint = xstrdup(told);
		return true;
	}
	t->settings = settings_file(t->options);
	if (t->settings && !conf_peek(t->settings, "feed", &t->endpoint, err))
		return false;
	if (!t->endpoint)
		t->endpoint = xstrdup(ROAD_FEED_ENDPOINT);
	return true;
}

/* Whether the centre knows what the filter names, where it is this machine's; elsewhere nobody can be asked. */
static bool check_names(const struct tail *t, struct err *err)
{
	const struct tail_filter *filter = &t->options->filter;
	bool was_asked = false, fine;
	char *control = t->settings ? status_centre_socket(t->settings, err) : NULL;
	const char *foreign;

	if (t->settings && !control)
		return false;
	fine = !control || tail_names_check(control, filter, &was_asked, err);
	free(control);
	foreign = was_asked ? NULL : tail_filter_foreign_word(filter);
	if (foreign)
		fprintf(stderr, _("tram tail: '%s' is none of the four words; waiting for one of the catalogue\n"),
			foreign);
	return fine;
}

static bool is_over_tcp(const struct tail *t)
{
	return strncmp(t->endpoint, "tcp://", 6) == 0;
}

/* Keys are for tcp:// only, and there both are needed. */
static bool load_keys(const struct tail *t, struct keys *own, struct keys *centre, struct err *err)
{
	const struct tail_options *o = t->options;

	if (!is_over_tcp(t))
		return true;
	if (!o->key || !o->centre_key)
		return err_set(err, ERR_USAGE,
			       _("%s: a feed over tcp:// needs --key (your own) and --centre-key (the centre's)"),
			       t->endpoint);
	return keys_load_secret(o->key, own, err) && keys_load_public(o->centre_key, centre, err);
}

/* Who is not let in is told which key that was. */
static void introduce(struct tail *t, const struct keys *own)
{
	snprintf(t->name, sizeof t->name, "%s", own->name);
	keys_fingerprint(own, t->fingerprint);
	t->link.name = t->name;
	t->link.fingerprint = t->fingerprint;
	t->link.centre_key = t->options->centre_key;
}

static bool join(struct tail *t, struct err *err)
{
	struct keys own = {0}, centre = {0};
	struct road_settings settings;
	bool curve = is_over_tcp(t);

	if (!load_keys(t, &own, &centre, err))
		return false;
	road_settings_init(&settings);
	settings.message_bytes = MESSAGE_BYTES;
	settings.high_water = HIGH_WATER;
	settings.reconnect_us = RECONNECT_US;
	settings.handshake_us = HANDSHAKE_US;
	t->context = road_context_open();
	/* All of it, whatever the filter: only who hears everything can tell that something is missing. */
	t->socket = road_feed_join(t->context, t->endpoint, curve ? &own : NULL, curve ? &centre : NULL, NULL, 0,
				   &settings, &t->monitor, err);
	if (curve)
		introduce(t, &own);
	t->link.endpoint = t->endpoint;
	keys_wipe(&own);
	if (!t->socket && t->options->feed && err->kind == ERR_CONFIG)
		err->kind = ERR_USAGE; /* no setting, but an option */
	return t->socket != NULL;
}

static void leave(struct tail *t)
{
	road_monitor_close(&t->monitor, t->socket);
	road_close(&t->socket);
	road_context_close(&t->context);
	arena_free(&t->arena);
	free(t->endpoint);
}

/* ---------------------------------------------------------------- listening */

static void watch_connection(struct tail *t)
{
	for (enum road_event e; (e = road_monitor_next(t->monitor)) != ROAD_EVENT_NONE;) {
		bool was_up = tail_link_is_up(&t->link);

		tail_link_tell(&t->link, e, stderr);
		if (!was_up && tail_link_is_up(&t->link))
			t->quiet_since_us = clock_monotonic_us();
	}
}

/* Who sits before a terminal and sees nothing is told once what it is that does not come. */
static void tell_waiting(struct tail *t)
{
	char filter[400];

	if (t->shown > 0 || t->quiet_since_us == 0 || !tail_link_is_up(&t->link) || !terminal_is(stderr) ||
	    clock_monotonic_us() - t->quiet_since_us < QUIET_US)
		return;
	t->quiet_since_us = 0;
	if (*tail_filter_text(&t->options->filter, filter, sizeof filter))
		fprintf(stderr,
			ngettext("tram tail: waiting for %s; none yet, and %" PRIu64 " other event was heard\n",
				 "tram tail: waiting for %s; none yet, and %" PRIu64 " other events were heard\n",
				 (unsigned long)t->heard),
			filter, t->heard);
	else
		fprintf(stderr, "%s", _("tram tail: waiting for anything to happen; nothing yet\n"));
}

/* A position that does not follow the last one heard is said before the event. */
static void note_position(struct tail *t, const Tram__V1__Event *event)
{
	struct tail_break broken = tail_follow(&t->place, event);

	if (broken.anew)
		tail_show_restart(stdout, t->format);
	if (broken.missed_to)
		tail_show_gap(stdout, t->format, broken.missed_from, broken.missed_to);
}

static void take(struct tail *t, const struct road_message *m)
{
	arena_reset(t->arena);
	ProtobufCAllocator allocator = codec_allocator(t->arena);
	Tram__V1__Event *event = tram__v1__event__unpack(&allocator, m->len, m->data);

	if (!event)
		return;
	note_position(t, event);
	t->heard++;
	if (!tail_filter_passes(&t->options->filter, event))
		return;
	tail_show(stdout, t->format, event);
	t->shown++;
}

static bool is_enough(const struct tail *t)
{
	return t->options->count > 0 && t->shown >= (uint64_t)t->options->count;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Ctrl-C ends the waiting, not the program in the middle of a line. */
static void heed_signals(void)
{
	const struct sigaction action = {.sa_handler = stop};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void listen_until_enough(struct tail *t)
{
	struct road_message m = {0};

	while (!stopped && !is_enough(t) && !ferror(stdout) && !tail_link_is_refused(&t->link)) {
		watch_connection(t);
		tell_waiting(t);
		if (!road_wait(t->socket, LOOK_MS))
			continue;
		while (!is_enough(t) && road_feed_receive(t->socket, &m) == ROAD_OK)
			take(t, &m);
		fflush(stdout);
	}
	road_message_clear(&m);
}

/* ---------------------------------------------------------------- the command */

static enum tail_format format_of(const char *name)
{
	if (name && strcmp(name, "json") == 0)
		return TAIL_JSON;
	return name && strcmp(name, "logfmt") == 0 ? TAIL_LOGFMT : TAIL_TEXT;
}

int cmd_tail(int argc, char **argv)
{
	struct tail_options o = {.common.formats = "text|json|logfmt"};
	struct tail t = {.options = &o};
	struct err err;
	int first;

	switch (options_parse(&spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	t.format = format_of(o.common.format_name);
	t.arena = arena_new(EVENT_ARENA);
	bool fine =
	    tail_filter_check(&o.filter, &err) && find_feed(&t, &err) && check_names(&t, &err) && join(&t, &err);
	if (fine) {
		heed_signals();
		listen_until_enough(&t);
	}
	bool is_refused = tail_link_is_refused(&t.link);
	leave(&t);
	return !fine ? cli_fail(&err) : is_refused ? EX_NOPERM : EX_OK;
}
