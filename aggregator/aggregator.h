/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregator - the parts of the central service and what the main loop does with them. main.c has the loop.
 *
 * It waits until the store can be read (WAITING), then opens the road (SERVING); a stop finishes what lanes have begun
 * (DRAINING) within a bounded time. One thread, beside the lanes' and the loader's.
 */
#ifndef TRAM_AGGREGATOR_H
#define TRAM_AGGREGATOR_H

#include "ctl.h"
#include "cutter.h"
#include "feed.h"
#include "gate.h"
#include "http.h"
#include "lanes.h"
#include "loader.h"
#include "retry.h"
#include "session.h"
#include "settings.h"
#include "zap.h"

enum phase { WAITING, SERVING, DRAINING, ENDED };

/* How a lane is with its store, as it said last. */
struct lane_store {
	bool is_up;
	const char *state;
	char text[ERR_TEXT_MAX]; /* why */
};

struct aggregator {
	const char *settings_file;
	struct settings settings;
	struct keys keys;
	struct counters counters;
	enum phase phase;
	struct err failure; /* kind not ERR_NONE: why it ends; said by main() */
	int64_t started_us; /* wall */

	int signals;
	void *context;
	struct ctl_server *control;
	struct loader *loader;
	struct cutter *cutter; /* NULL: peer cuts are switched off */
	struct http *http;     /* NULL: switched off, or its port is taken */

	/* since SERVING */
	struct roster *roster, *operators;
	struct catalogue *catalogue;
	struct peers *peers; /* NULL: no cut is known yet */
	struct session_core *sessions;
	struct lanes *lanes;
	struct lane_store *stores;             /* by lane */
	struct result *telling, *telling_last; /* answered; the feed is told of them bit by bit */
	size_t told;                           /* events of the first one */
	struct zap *zap;
	struct gate *gate;
	struct feed *feed;
	struct arena *codebook;
	bool more_waits; /* on the road: the next wait does not wait */

	unsigned load_next;   /* LOAD_…, once the loader is free */
	struct loaded *first; /* read before the cutter said anything: service begins when it has */
	bool peers_told;      /* it has */
	bool peers_failed;
	bool load_failed, reloading;
	struct retry load_retry;
	/* monotonic: when the loader may be asked next, was asked last, was asked for what it last answered … */
	int64_t load_at_us, asked_us, read_from_us, refresh_at_us;
	bool heard_failed;
	int64_t heard_at_us;        /* monotonic: when the store is told next who was heard */
	int64_t listening_since_us; /* wall */
	int64_t told_waiting_us, drain_until_us, give_up_us;
	int64_t tell_http_at_us; /* monotonic */
	int64_t http_at_us;      /* monotonic: when its port is tried again; 0: it was not taken */
	char waiting_for[ERR_TEXT_MAX];
};

/* ---------------------------------------------------------------- from start to end (start.c) */

/* Settings and keys are loaded; opens what does not need the store and asks for what does. */
bool aggregator_start(struct aggregator *a, struct err *err) MUST_CHECK;

/* Opens the port of HTTP where the settings want one. A port that is taken keeps nobody from reporting: that is told, and tried
 * again every HTTP_RETRY_US (serve_http()). False: what the settings say is no address. */
#define HTTP_RETRY_US (10 * CLOCK_SECOND)
bool open_http(struct aggregator *a, struct err *err) MUST_CHECK;

/* Roster and catalogue are here: lanes, road, feed. Ownership of both goes to *a. */
bool aggregator_serve(struct aggregator *a, struct roster *roster, struct catalogue *catalogue,
		      struct err *err) MUST_CHECK;
void aggregator_drain(struct aggregator *a, const char *reason);
/* Closes everything. False: a thread that did not end was left behind, and the process must end without waiting for it. */
bool aggregator_close(struct aggregator *a) MUST_CHECK;

struct session_time aggregator_now(void);
struct session_settings aggregator_session_settings(const struct aggregator *a);

/* ---------------------------------------------------------------- the steps of a turn */

void serve_signals(struct aggregator *a);       /* reload.c: reload, stop */
void serve_loader(struct aggregator *a);        /* reload.c: roster and catalogue, read */
void serve_cutter(struct aggregator *a);        /* reload.c: peer cuts */
void serve_door(struct aggregator *a);          /* traffic.c: handshakes */
void serve_lanes(struct aggregator *a);         /* traffic.c: results: acknowledge, answer, publish */
void serve_feed(struct aggregator *a);          /* traffic.c: events of what is committed, some a turn */
void serve_road(struct aggregator *a);          /* traffic.c: messages of agents */
void serve_clock(struct aggregator *a);         /* traffic.c: heartbeats, silence, refresh, the end of a drain */
void serve_http(struct aggregator *a);          /* status.c: how it is, for whoever asks over HTTP */
void carry_out(struct aggregator *a);           /* traffic.c: what the sessions want done */
extern const struct ctl_handler status_handler; /* status.c: the control socket */
void watch_heard(struct aggregator *a, struct session_time now);       /* clocks.c: tells the store who was heard */
void expect_announcements(struct aggregator *a);                       /* clocks.c: somebody changed the store */
void take_announcements(struct aggregator *a, const struct loaded *l); /* clocks.c */

/* The level that log_level names. */
enum log_level aggregator_log_level(const struct settings *s);

/* catalogue.loaded, with what is in it. */
void tell_catalogue(struct aggregator *a);

/* An event of main's own; names and values by turns, closed by NULL. */
void tell(struct aggregator *a, enum event_id id, ...) __attribute__((sentinel));

#endif
