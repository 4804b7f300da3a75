/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed - what happens, as it happens: every event goes to the journal, to the counters and to whoever listens (XPUB).
 *
 * Positions are contiguous within one feed_id, which is made when the feed opens; a listener that is too slow misses
 * events and sees so by their positions. What is told of reports must be committed. Main thread only.
 */
#ifndef TRAM_FEED_H
#define TRAM_FEED_H

#include "counter.h"
#include "event.h"
#include "road.h"

struct feed;

/* Binds the feed; keys: the centre's, NULL over ipc://. Caller closes with feed_close() before the context. */
struct feed *feed_open(void *context, const char *endpoint, const struct keys *keys,
		       const struct road_settings *settings, uint64_t feed_id, struct counters *counters,
		       struct err *err) MUST_CHECK;
void feed_close(struct feed **fp);

/* The socket, to poll for reading; then feed_serve() reads subscriptions away. */
void *feed_socket(struct feed *f);
void feed_serve(struct feed *f);

/* Numbers the event (it is changed: position, feed_id) and gives it to journal, counters and listeners. */
void feed_publish(struct feed *f, Tram__V1__Event *event);

/* The same for an event of main's own. agent and area may be "". */
void feed_tell(struct feed *f, enum event_id id, const char *agent, const char *area, int64_t at_us,
	       const struct log_field *fields, size_t n);

/* Leaves a gap of n positions, for events that cannot be told: who listens to all sees that something is missing. */
void feed_skip(struct feed *f, size_t n);

/* How many events have been told or skipped. */
uint64_t feed_position(const struct feed *f);

#endif
