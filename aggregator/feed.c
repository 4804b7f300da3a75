/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "codec.h"
#include "fault.h"
#include "mem.h"

#include <assert.h>
#include <stdlib.h>

#define FIELDS_MAX 32

struct feed {
	void *socket;
	struct counters *counters;
	uint64_t feed_id, position;
};

struct feed *feed_open(void *context, const char *endpoint, const struct keys *keys,
		       const struct road_settings *settings, uint64_t feed_id, struct counters *counters,
		       struct err *err)
{
	void *socket = road_feed_open(context, endpoint, keys, settings, err);
	if (!socket)
		return NULL;
	struct feed *f = xcalloc(1, sizeof(*f));
	f->socket = socket;
	f->feed_id = feed_id;
	f->counters = counters;
	return f;
}

void feed_close(struct feed **fp)
{
	if (*fp)
		road_close(&(*fp)->socket);
	free(*fp);
	*fp = NULL;
}

void *feed_socket(struct feed *f)
{
	return f->socket;
}

void feed_serve(struct feed *f)
{
	(void)road_feed_drain(f->socket);
}

uint64_t feed_position(const struct feed *f)
{
	return f->position;
}

/* ---------------------------------------------------------------- telling */

static const char *or_none(const char *text)
{
	return text && text[0] ? text : NULL;
}

static void journal(const Tram__V1__Event *e)
{
	const struct event_kind *kind = event_by_name(e->name);
	const char severity[] = {event_severity_letter(e->severity), '\0'};
	struct log_field fields[FIELDS_MAX] = {{"agent", or_none(e->agent)},
					       {"area", or_none(e->area)},
					       {"word", or_none(e->word)},
					       {"severity", severity}};
	size_t n = 4;
	for (size_t i = 0; i < e->n_fields && n < FIELDS_MAX; i++)
		fields[n++] = (struct log_field){e->fields[i]->name, e->fields[i]->value};
	log_event(kind ? kind->level : LOG_LEVEL_INFO, e->name, fields, n);
}

void feed_publish(struct feed *f, Tram__V1__Event *event)
{
	char topic[EVENT_TOPIC_MAX];
	size_t len;
	event->position = ++f->position;
	event->feed_id = f->feed_id;
	journal(event);
	uint8_t *data = codec_pack(&event->base, &len);
	road_feed_send(f->socket, event_topic(event, topic), data, len);
	free(data);
	count(f->counters, COUNTER_EVENTS_PUBLISHED);
	FAULT_POINT(G9_FEED_PUBLISHED);
}

void feed_skip(struct feed *f, size_t n)
{
	f->position += n;
	count_by(f->counters, COUNTER_EVENTS_LOST, n);
}

void feed_tell(struct feed *f, enum event_id id, const char *agent, const char *area, int64_t at_us,
	       const struct log_field *fields, size_t n)
{
	Tram__V1__Event event = TRAM__V1__EVENT__INIT;
	Tram__V1__EventField list[FIELDS_MAX], *pointers[FIELDS_MAX];
	assert(n <= FIELDS_MAX);
	/* protobuf-c wants texts writable; packing does not write. */
	event.name = (char *)(uintptr_t)event_table[id].name;
	event.severity = event_table[id].severity;
	event.agent = (char *)(uintptr_t)agent;
	event.area = (char *)(uintptr_t)area;
	event.at_us = at_us;
	for (size_t i = 0; i < n; i++) {
		tram__v1__event_field__init(&list[i]);
		list[i].name = (char *)(uintptr_t)fields[i].name;
		list[i].value = (char *)(uintptr_t)fields[i].value;
		pointers[i] = &list[i];
	}
	event.fields = pointers;
	event.n_fields = n;
	feed_publish(f, &event);
}
