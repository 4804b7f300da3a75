/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: how the aggregator is, as names and values. */
#include "aggregator.h"

#include "clock.h"
#include "codec.h"
#include "control.pb-c.h"
#include "lang.h"
#include "mem.h"
#include "names.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

/* A status being made; everything in it is freed at once. */
struct sheet {
	struct arena *arena;
	Tram__Control__V1__StatusField **fields;
	size_t n, room;
};

#define SHEET_ARENA  ((size_t)4 << 20)
#define TELL_HTTP_US (CLOCK_SECOND / 10)

static void put(struct sheet *s, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void put(struct sheet *s, const char *name, const char *format, ...)
{
	char value[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	Tram__Control__V1__StatusField *f = arena_alloc(s->arena, sizeof(*f));
	char *name_copy = arena_strdup(s->arena, name), *value_copy = arena_strdup(s->arena, value);
	if (!f || !name_copy || !value_copy)
		return;
	tram__control__v1__status_field__init(f);
	f->name = name_copy;
	f->value = value_copy;
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->fields = xreallocarray(s->fields, s->room, sizeof(f));
	}
	s->fields[s->n++] = f;
}

/* ---------------------------------------------------------------- what there is to say */

static const char *phase_name(enum phase phase)
{
	static const char *const names[] = {"waiting", "serving", "draining", "ended"};
	return names[phase];
}

static void put_head(struct sheet *s, const struct aggregator *a)
{
	char time[CLOCK_TEXT];
	put(s, "state", "%s", phase_name(a->phase));
	put(s, "version", "%s", TRAM_VERSION);
	put(s, "started_at", "%s", clock_text_rfc3339(a->started_us, time));
	put(s, "settings_file", "%s", a->settings_file ? a->settings_file : "");
	if (a->http)
		put(s, "http", "%s", http_address(a->http));
	if (a->phase == WAITING)
		put(s, "waiting_for", "%s", a->waiting_for);
}

static void put_agents(struct sheet *s, const struct aggregator *a)
{
	uint64_t bytes = 0, batches = 0;
	for (size_t i = 0; i < session_count(a->sessions); i++) {
		struct session_view v = session_view(a->sessions, i);
		bytes += v.under_way.bytes;
		batches += v.under_way.batches;
	}
	const struct session_settings settings = aggregator_session_settings(a);
	put(s, "agents_active", "%zu", roster_count(a->roster, ROSTER_ACTIVE));
	put(s, "agents_suspended", "%zu", roster_count(a->roster, ROSTER_SUSPENDED));
	put(s, "agents_revoked", "%zu", roster_count(a->roster, ROSTER_REVOKED));
	put(s, "agents_connected", "%zu", session_connected(a->sessions));
	put(s, "credit_total", "%" PRIu64, settings.credit.total_bytes);
	put(s, "credit_reserved", "%" PRIu64, session_reserved(a->sessions));
	put(s, "credit_waiting", "%zu", session_waiting(a->sessions));
	put(s, "credit_share", "%" PRIu64, credit_share(&settings.credit, session_connected(a->sessions), true).bytes);
	put(s, "bytes_under_way", "%" PRIu64, bytes);
	put(s, "batches_under_way", "%" PRIu64, batches);
}

static void put_lanes(struct sheet *s, const struct aggregator *a)
{
	char name[40];
	for (unsigned i = 0; i < lanes_count(a->lanes); i++) {
		snprintf(name, sizeof(name), "lane_%u_store", i);
		put(s, name, "%s", a->stores[i].state);
		if (!a->stores[i].is_up) {
			snprintf(name, sizeof(name), "lane_%u_store_text", i);
			put(s, name, "%s", a->stores[i].text);
		}
		snprintf(name, sizeof(name), "lane_%u_waiting", i);
		put(s, name, "%zu", lanes_waiting(a->lanes, i));
	}
}

static void put_counters(struct sheet *s, const struct aggregator *a)
{
	char name[COUNTER_NAME_MAX];
	for (size_t i = 0; i < COUNTER_KINDS; i++)
		put(s, counter_name((enum counter_id)i, name), "%" PRIu64, a->counters.at[i]);
}

static void put_all(struct sheet *s, const struct aggregator *a)
{
	char endpoint[ROAD_ENDPOINT_MAX];
	put_head(s, a);
	if (a->gate) {
		put(s, "road", "%s", road_endpoint(gate_socket(a->gate), endpoint));
		put(s, "feed", "%s", road_endpoint(feed_socket(a->feed), endpoint));
		put(s, "feed_position", "%" PRIu64, feed_position(a->feed));
		put(s, "catalogue_version", "%u", catalogue_version(a->catalogue));
		put(s, "peer_cut", "%u", a->peers ? peers_cut(a->peers)->no : 0);
		put_agents(s, a);
		put_lanes(s, a);
	}
	put_counters(s, a);
}

/* ---------------------------------------------------------------- for HTTP */

static void view_lanes(const struct aggregator *a, struct http_view *v)
{
	v->lanes = lanes_count(a->lanes);
	for (unsigned i = 0; i < v->lanes; i++) {
		v->lanes_up += a->stores[i].is_up;
		v->lane_waiting[i] = lanes_waiting(a->lanes, i);
	}
}

static void tell_trouble(struct aggregator *a)
{
	char why[ERR_TEXT_MAX];
	bool fine;
	if (!http_trouble(a->http, &fine, why))
		return;
	if (fine)
		tell(a, EVENT_HTTP_RECOVERED, NULL);
	else
		tell(a, EVENT_HTTP_FAILED, "text", why, NULL);
}

/* Its port was taken: perhaps it is free now. */
static void try_http(struct aggregator *a, int64_t now_us)
{
	struct err err;
	if (!a->http_at_us || now_us < a->http_at_us || a->phase >= DRAINING)
		return;
	if (open_http(a, &err) && a->http)
		tell(a, EVENT_HTTP_RECOVERED, NULL);
}

void serve_http(struct aggregator *a)
{
	struct http_view v = {
	    .phase = phase_name(a->phase), .is_serving = a->phase == SERVING, .started_us = a->started_us};
	int64_t now_us = clock_monotonic_us();
	if (!a->http)
		try_http(a, now_us);
	if (!a->http || (a->phase == SERVING && now_us < a->tell_http_at_us))
		return;
	a->tell_http_at_us = now_us + TELL_HTTP_US;
	if (a->sessions) {
		v.catalogue_version = catalogue_version(a->catalogue);
		v.agents_active = roster_count(a->roster, ROSTER_ACTIVE);
		v.agents_connected = session_connected(a->sessions);
		v.credit_total = (uint64_t)a->settings.credit_total;
		v.credit_reserved = session_reserved(a->sessions);
	}
	if (a->lanes)
		view_lanes(a, &v);
	http_tell(a->http, &v, &a->counters);
	tell_trouble(a);
}

/* ---------------------------------------------------------------- asking and answering */

static void reply(struct ctl_client *client, Tram__Control__V1__ControlReply__BodyCase type, void *body)
{
	Tram__Control__V1__ControlReply r = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	size_t len;
	r.body_case = type;
	r.done = body; /* a union of pointers: any of them */
	uint8_t *data = codec_pack(&r.base, &len);
	ctl_send(client, data, len);
	free(data);
}

static void reply_status(const struct aggregator *a, struct ctl_client *client)
{
	struct sheet s = {.arena = arena_new(SHEET_ARENA)};
	Tram__Control__V1__Status status = TRAM__CONTROL__V1__STATUS__INIT;
	Tram__Control__V1__Done done = TRAM__CONTROL__V1__DONE__INIT;
	put_all(&s, a);
	status.fields = s.fields;
	status.n_fields = s.n;
	done.rows = 1;
	reply(client, TRAM__CONTROL__V1__CONTROL_REPLY__BODY_STATUS, &status);
	reply(client, TRAM__CONTROL__V1__CONTROL_REPLY__BODY_DONE, &done);
	free(s.fields);
	arena_free(&s.arena);
}

static void reply_names(const struct aggregator *a, struct ctl_client *client)
{
	struct arena *arena = arena_new(SHEET_ARENA);
	Tram__Control__V1__Names kinds[NAMES_KINDS];
	Tram__Control__V1__Done done = TRAM__CONTROL__V1__DONE__INIT;
	size_t n = names_known(arena, a->catalogue, a->roster, kinds);
	for (size_t i = 0; i < n; i++)
		reply(client, TRAM__CONTROL__V1__CONTROL_REPLY__BODY_NAMES, &kinds[i]);
	done.rows = n;
	reply(client, TRAM__CONTROL__V1__CONTROL_REPLY__BODY_DONE, &done);
	arena_free(&arena);
}

static void reply_failed(struct ctl_client *client)
{
	Tram__Control__V1__Failed failed = TRAM__CONTROL__V1__FAILED__INIT;
	failed.exit_code = EX_UNAVAILABLE;
	failed.message = _("the centre answers only status here; reports are handed in at an agent");
	reply(client, TRAM__CONTROL__V1__CONTROL_REPLY__BODY_FAILED, &failed);
}

static void take_message(void *context, struct ctl_client *client, const uint8_t *data, size_t len)
{
	struct arena *arena = arena_new(SHEET_ARENA);
	ProtobufCAllocator allocator = codec_allocator(arena);
	Tram__Control__V1__ControlRequest *request = tram__control__v1__control_request__unpack(&allocator, len, data);
	if (request && request->body_case == TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_STATUS)
		reply_status(context, client);
	else if (request && request->body_case == TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_NAMES)
		reply_names(context, client);
	else
		reply_failed(client);
	arena_free(&arena);
}

const struct ctl_handler status_handler = {.message = take_message};
