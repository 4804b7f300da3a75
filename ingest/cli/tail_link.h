/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail_link - what is said of the connection to the live feed: whether anybody is there, and whether one is let in. Each change
 * is said once. Pure; any thread.
 */
#ifndef TRAM_TAIL_LINK_H
#define TRAM_TAIL_LINK_H

#include "road.h"

#include <stdio.h>

/* Zeroed but for what the feed is called and, over tcp://, whose keys are used. */
struct tail_link {
	const char *endpoint;
	const char *name, *fingerprint; /* of one's own keys */
	const char *centre_key;         /* the file said to hold the centre's */
	enum road_event told;           /* the last that was said; NONE: nothing yet */
	bool met;                       /* somebody took the connection; whether one is let in is not known yet */
};

/* Says on out what the event changes. */
void tail_link_tell(struct tail_link *link, enum road_event event, FILE *out);

/* Whether the feed is listened to now. */
bool tail_link_is_up(const struct tail_link *link);

/* Whether it never will be: the centre refused the key for good. */
bool tail_link_is_refused(const struct tail_link *link);

#endif
