/* SPDX-License-Identifier: Apache-2.0 */
/* From start to end, in order. */
#include "aggregator.h"

#include "clock.h"
#include "codebook.h"
#include "daemon.h"
#include "fault.h"
#include "lang.h"
#include "mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_SLACK   (64 << 10)         /* what a batch of one report has around it */
#define FEED_MESSAGE   (1 << 20)          /* what a listener may say: subscriptions */
#define LINGER_US      (1 * CLOCK_SECOND) /* last acknowledgements on their way out */
#define CODEBOOK_ARENA ((size_t)16 << 20)
#define FIELDS_MAX     8

struct session_time aggregator_now(void)
{
	return (struct session_time){.wall_us = clock_wall_us(), .monotonic_us = clock_monotonic_us()};
}

/* ---------------------------------------------------------------- settings, as each part wants them */

struct session_settings aggregator_session_settings(const struct aggregator *a)
{
	const struct settings *s = &a->settings;
	return (struct session_settings){
	    .credit = {.total_bytes = (uint64_t)s->credit_total,
		       .most_bytes = (uint64_t)s->credit_agent,
		       .least_bytes = (uint64_t)s->report_bytes + REPORT_SLACK,
		       .most_batches = (uint32_t)s->credit_batches,
		       .grace_us = 3 * s->heartbeat,
		       .turn_us = 2 * s->heartbeat},
	    .message_bytes = (uint64_t)s->message_bytes,
	    .report_bytes = (uint64_t)s->report_bytes,
	    .batch_bytes = (uint64_t)s->batch_bytes,
	    .observations = (uint32_t)s->observations,
	    .batch_reports = (uint32_t)s->batch_reports,
	    .heartbeat_us = s->heartbeat,
	    .ack_repeat_us = s->ack_repeat,
	    .checks = (uint32_t)s->checks,
	    .hellos = (uint32_t)s->hellos,
	    .tidings = (uint32_t)s->tidings,
	    .centre = &a->keys,
	    .lanes = (unsigned)s->lanes,
	    .random = gate_random,
	};
}

static struct lane_settings lane_settings_of(const struct settings *s, const struct keys *centre)
{
	struct lane_settings settings = {
	    .database = s->database,
	    .patience_us = s->database_patience,
	    .group_rows = s->group_rows,
	    .group_us = s->group_time,
	    .report_bytes = (uint64_t)s->report_bytes,
	    .batch_bytes = (uint64_t)s->batch_bytes,
	    .arena_bytes = (uint64_t)s->lane_arena,
	    .opened_bytes = (uint64_t)s->lane_arena / 8,
	    .result_bytes = (uint64_t)s->lane_arena / 8,
	    .history_bytes = (uint64_t)s->history_memory,
	    .observations = (uint32_t)s->observations,
	    .batch_reports = (uint32_t)s->batch_reports,
	    .agent_epochs = (uint32_t)s->agent_epochs,
	    .judge = s->judge,
	};
	memcpy(settings.centre_public, centre->sign_public, sizeof(settings.centre_public));
	return settings;
}

static struct road_settings road_settings_of(const struct settings *s)
{
	struct road_settings road;
	road_settings_init(&road);
	road.message_bytes = s->message_bytes + REPORT_SLACK;
	road.high_water = s->high_water;
	road.receive_high_water = s->receive_high_water;
	road.handshake_us = s->handshake;
	road.ping_us = s->ping;
	road.backlog = s->backlog;
	road.linger_us = LINGER_US;
	return road;
}

/* ---------------------------------------------------------------- telling */

void tell(struct aggregator *a, enum event_id id, ...)
{
	struct log_field fields[FIELDS_MAX];
	size_t n = 0;
	va_list args;
	va_start(args, id);
	for (const char *name; (name = va_arg(args, const char *)); n++) {
		assert(n < FIELDS_MAX);
		fields[n] = (struct log_field){name, va_arg(args, const char *)};
	}
	va_end(args);
	if (a->feed)
		feed_tell(a->feed, id, "", "", clock_wall_us(), fields, n);
	else
		log_event(event_table[id].level, event_table[id].name, fields, n);
}

void tell_catalogue(struct aggregator *a)
{
	const struct indicator *indicators;
	const struct dataflow *dataflows;
	const struct provider *providers;
	const struct area *areas;
	const struct catalogue *c = a->catalogue;
	tell(a, EVENT_CATALOGUE_LOADED, "version", log_num(catalogue_version(c)), "indicators",
	     log_num((long long)catalogue_indicators(c, &indicators)), "dataflows",
	     log_num((long long)catalogue_dataflows(c, &dataflows)), "providers",
	     log_num((long long)catalogue_providers(c, &providers)), "areas",
	     log_num((long long)catalogue_areas(c, &areas)), NULL);
}

enum log_level aggregator_log_level(const struct settings *s)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {{"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING}, {"debug", LOG_LEVEL_DEBUG}};
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(s->log_level, levels[i].name) == 0)
			return levels[i].level;
	return LOG_LEVEL_INFO;
}

/* ---------------------------------------------------------------- starting */

static struct cutter *cutter_of(const struct settings *s)
{
	const struct cutter_settings settings = {.database = s->database,
						 .patience_us = s->database_patience,
						 .every_us = s->peer_cut_every,
						 .bytes = (size_t)s->peer_memory};
	return s->peer_cut_every ? cutter_start(&settings) : NULL;
}

static struct http *http_of(const struct settings *s, struct err *err)
{
	const struct http_settings settings = {.address = s->http,
					       .names = s->http_names,
					       .database = s->reader_database,
					       .in_vietnamese = strcmp(s->http_language, "vi") == 0,
					       .readers = (unsigned)s->http_readers,
					       .connections = (unsigned)s->http_connections,
					       .waiting = (unsigned)s->http_waiting,
					       .question_us = s->http_time,
					       .idle_us = s->http_idle,
					       .rows = s->http_rows,
					       .answer_bytes = s->http_answer,
					       .memory_bytes = s->http_memory};
	return http_start(&settings, err);
}

bool open_http(struct aggregator *a, struct err *err)
{
	if (!a->settings.http[0] || (a->http = http_of(&a->settings, err)))
		return true;
	if (err->kind == ERR_CONFIG)
		return false;
	if (!a->http_at_us)
		tell(a, EVENT_HTTP_FAILED, "text", err->text, NULL);
	a->http_at_us = clock_monotonic_us() + HTTP_RETRY_US;
	return true;
}

bool aggregator_start(struct aggregator *a, struct err *err)
{
	a->started_us = clock_wall_us();
	a->load_retry = (struct retry){.base_us = CLOCK_SECOND / 5, .limit_us = 10 * CLOCK_SECOND};
	a->operators = roster_read_folder(a->settings.feed_keys, err);
	a->signals = a->operators ? daemon_signals(err) : -1;
	if (a->signals < 0)
		return false;
	a->control = ctl_server_open(a->settings.control, &status_handler, a, err);
	if (!a->control)
		return false;
	if (!open_http(a, err))
		return false;
	a->context = road_context_open();
	a->loader = loader_start(a->settings.database);
	a->cutter = cutter_of(&a->settings);
	a->peers_told = !a->cutter;
	a->load_next = LOAD_ROSTER | LOAD_CATALOGUE;
	a->phase = WAITING;
	return true;
}

static bool open_sockets(struct aggregator *a, struct err *err)
{
	const struct settings *s = &a->settings;
	struct road_settings road = road_settings_of(s), feed = road;
	bool feed_is_local = strncmp(s->feed, "ipc://", 6) == 0;
	feed.message_bytes = FEED_MESSAGE;
	feed.high_water = s->feed_high_water;
	a->zap = zap_open(a->context, &a->counters, err);
	if (a->zap)
		a->feed = feed_open(a->context, s->feed, feed_is_local ? NULL : &a->keys, &feed, gate_random(NULL),
				    &a->counters, err);
	if (a->feed)
		a->gate = gate_open(a->context, s->road, &a->keys, &road, &a->counters, err);
	return a->gate != NULL;
}

static void tell_started(struct aggregator *a)
{
	char road[ROAD_ENDPOINT_MAX], feed[ROAD_ENDPOINT_MAX];
	road_endpoint(gate_socket(a->gate), road);
	road_endpoint(feed_socket(a->feed), feed);
	tell(a, EVENT_AGGREGATOR_STARTED, "version", TRAM_VERSION, "lanes", log_num(lanes_count(a->lanes)), "road",
	     road, "feed", feed, "catalogue", log_num(catalogue_version(a->catalogue)), "agents",
	     log_num((long long)roster_count(a->roster, ROSTER_ACTIVE)), NULL);
}

bool aggregator_serve(struct aggregator *a, struct roster *roster, struct catalogue *catalogue, struct err *err)
{
	const struct lane_settings lane = lane_settings_of(&a->settings, &a->keys);
	const struct session_settings session = aggregator_session_settings(a);
	a->roster = roster;
	a->catalogue = catalogue;
	a->codebook = arena_new(CODEBOOK_ARENA);
	a->stores = xcalloc((size_t)a->settings.lanes, sizeof(*a->stores));
	for (int64_t i = 0; i < a->settings.lanes; i++)
		a->stores[i] = (struct lane_store){.is_up = true, .state = "up"};
	a->sessions = session_core_new(&session, roster, catalogue_version(catalogue), &a->counters);
	/* Nothing is read from the sockets before the lanes are there, and a port that is taken leaves no lane behind. */
	if (!open_sockets(a, err))
		return false;
	a->lanes = lanes_start(&lane, (unsigned)a->settings.lanes, (size_t)a->settings.lane_queue, catalogue);
	if (a->peers)
		lanes_set_peers(a->lanes, a->peers); /* before any job of an agent */
	a->phase = SERVING;
	a->listening_since_us = clock_wall_us();
	tell_catalogue(a);
	tell_started(a);
	daemon_ready(_("takes reports"));
	return true;
}

/* ---------------------------------------------------------------- ending */

void aggregator_drain(struct aggregator *a, const char *reason)
{
	if (a->phase == WAITING) {
		a->phase = ENDED;
		return;
	}
	if (a->phase == DRAINING) { /* asked twice: at once */
		a->drain_until_us = clock_monotonic_us();
		return;
	}
	daemon_stopping();
	tell(a, EVENT_AGGREGATOR_STOPPING, "reason", reason, NULL);
	a->phase = DRAINING;
	a->drain_until_us = clock_monotonic_us() + a->settings.drain;
	if (a->http)
		http_drain(a->http);
	session_stop(a->sessions);
	lanes_stop(a->lanes);
	FAULT_POINT(G10_DRAINING);
}

/* False: not all have stopped. What they have is not acknowledged, so the agents send it again. */
static bool end_lanes(struct aggregator *a)
{
	bool stopped = !a->lanes || lanes_have_stopped(a->lanes);
	if (stopped)
		lanes_free(&a->lanes);
	for (unsigned i = 0; !stopped && i < lanes_count(a->lanes); i++)
		if (!lanes_has_stopped(a->lanes, i))
			tell(a, EVENT_LANE_ABANDONED, "lane", log_num(i), NULL);
	return stopped;
}

bool aggregator_close(struct aggregator *a)
{
	bool ended = end_lanes(a);
	ctl_server_close(&a->control);
	ended = http_stop(&a->http) && ended;
	ended = loader_stop(&a->loader) && ended;
	ended = cutter_stop(&a->cutter) && ended;
	gate_close(&a->gate);
	feed_close(&a->feed);
	zap_close(&a->zap);
	road_context_close(&a->context);
	session_core_free(&a->sessions);
	roster_free(&a->roster);
	roster_free(&a->operators);
	catalogue_unref(&a->catalogue);
	peers_unref(&a->peers);
	loaded_free(&a->first);
	arena_free(&a->codebook);
	free(a->stores);
	settings_clear(&a->settings);
	keys_wipe(&a->keys);
	return ended;
}
