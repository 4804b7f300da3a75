/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view - how the aggregator is, as main said it last: copied in by main, copied out by whoever answers. Any thread.
 */
#ifndef TRAM_VIEW_H
#define TRAM_VIEW_H

#include "body.h"
#include "http.h"

#include <pthread.h>

struct told {
	pthread_mutex_t lock;
	struct http_view view;
	struct counters counters;
	int64_t at_us; /* monotonic; 0: nothing yet */
};

void told_init(struct told *t);
void told_done(struct told *t);
void told_set(struct told *t, const struct http_view *view, const struct counters *counters);

/* JSON; returns whether all is well: it serves, main turns its loop, and figures can be read. */
bool told_health(struct told *t, bool can_read, struct body *to);

/* OpenMetrics families, without "# EOF". */
void told_metrics(struct told *t, struct body *to);

#endif
