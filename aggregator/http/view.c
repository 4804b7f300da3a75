/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include "clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define STUCK_US (10 * CLOCK_SECOND) /* main, whose turn takes 100 ms, has not said anything for so long */

void told_init(struct told *t)
{
	*t = (struct told){0};
	pthread_mutex_init(&t->lock, NULL);
}

void told_done(struct told *t)
{
	pthread_mutex_destroy(&t->lock);
}

void told_set(struct told *t, const struct http_view *view, const struct counters *counters)
{
	pthread_mutex_lock(&t->lock);
	t->view = *view;
	t->counters = *counters;
	t->at_us = clock_monotonic_us();
	pthread_mutex_unlock(&t->lock);
}

static void copy(struct told *t, struct told *ret)
{
	pthread_mutex_lock(&t->lock);
	ret->view = t->view;
	ret->counters = t->counters;
	ret->at_us = t->at_us;
	pthread_mutex_unlock(&t->lock);
}

/* ---------------------------------------------------------------- health */

bool told_health(struct told *t, bool can_read, struct body *to)
{
	struct told now;
	char started[CLOCK_TEXT];
	copy(t, &now);
	const struct http_view *v = &now.view;
	bool turns = now.at_us && clock_monotonic_us() - now.at_us < STUCK_US;
	bool fine = turns && v->is_serving && v->lanes_up == v->lanes && can_read;
	json_t *j = json_pack("{s:s, s:s, s:b, s:i, s:i, s:b, s:I, s:s, s:s}", "status", fine ? "pass" : "fail",
			      "state", v->phase ? v->phase : "starting", "loop_turns", turns, "lanes", (int)v->lanes,
			      "lanes_with_store", (int)v->lanes_up, "figures_can_be_read", can_read,
			      "catalogue_version", (json_int_t)v->catalogue_version, "version", TRAM_VERSION,
			      "started_at", clock_text_rfc3339(v->started_us, started));
	char *text = json_dumps(j, JSON_INDENT(2));
	body_text(to, text);
	body_text(to, "\n");
	free(text);
	json_decref(j);
	return fine;
}

/* ---------------------------------------------------------------- metrics */

static void put(struct body *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct body *to, const char *format, ...)
{
	char line[400];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	body_add(to, line, len < (int)sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

static void put_gauge(struct body *to, const char *name, const char *help, uint64_t value)
{
	put(to, "# TYPE tram_%s gauge\n# HELP tram_%s %s\ntram_%s %" PRIu64 "\n", name, name, help, name, value);
}

static void put_lanes(struct body *to, const struct http_view *v)
{
	put(to,
	    "# TYPE tram_lane_waiting gauge\n# HELP tram_lane_waiting batches and questions that wait for a lane\n");
	for (unsigned i = 0; i < v->lanes && i < HTTP_LANES_MAX; i++) {
		put(to, "tram_lane_waiting{lane=\"%u\"} %" PRIu64 "\n", i, v->lane_waiting[i]);
	}
}

static bool seen_before(size_t kind)
{
	for (size_t i = 0; i < kind; i++) {
		if (strcmp(counter_table[i].family, counter_table[kind].family) == 0) {
			return true;
		}
	}
	return false;
}

/* A family's samples stand together, wherever its rows are in the table. */
static void put_family(struct body *to, const struct counters *c, size_t first)
{
	const char *family = counter_table[first].family;
	put(to, "# TYPE tram_%s counter\n", family);
	if (!counter_table[first].cause[0]) {
		put(to, "# HELP tram_%s %s\n", family, counter_table[first].help);
	}
	for (size_t i = first; i < COUNTER_KINDS; i++) {
		if (strcmp(counter_table[i].family, family) != 0) {
			continue;
		}
		if (counter_table[i].cause[0]) {
			put(to, "tram_%s_total{cause=\"%s\"} %" PRIu64 "\n", family, counter_table[i].cause, c->at[i]);
		} else {
			put(to, "tram_%s_total %" PRIu64 "\n", family, c->at[i]);
		}
	}
}

void told_metrics(struct told *t, struct body *to)
{
	struct told now;
	copy(t, &now);
	const struct http_view *v = &now.view;
	put_gauge(to, "serving", "1: the aggregator takes reports", v->is_serving);
	put_gauge(to, "lanes", "threads that judge and write", v->lanes);
	put_gauge(to, "lanes_with_store", "those of them that reach PostgreSQL", v->lanes_up);
	put_gauge(to, "agents_active", "agents on the roster", v->agents_active);
	put_gauge(to, "agents_connected", "agents in session", v->agents_connected);
	put_gauge(to, "credit_reserved_bytes", "what agents may have under way", v->credit_reserved);
	put_gauge(to, "credit_total_bytes", "what all together may have", v->credit_total);
	put_gauge(to, "catalogue_version", "the catalogue that judges", v->catalogue_version);
	put_gauge(to, "start_time_seconds", "when the aggregator was started, since 1970",
		  (uint64_t)(v->started_us / CLOCK_SECOND));
	put_lanes(to, v);
	for (size_t i = 0; i < COUNTER_KINDS; i++) {
		if (!seen_before(i)) {
			put_family(to, &now.counters, i);
		}
	}
}
