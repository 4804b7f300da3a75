/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail_filter - which events of the live feed are wanted. An event passes when it passes every kind of filter that is
 * given; of several values of one kind, one is enough. Pure; any thread.
 */
#ifndef TRAM_TAIL_FILTER_H
#define TRAM_TAIL_FILTER_H

#include "err.h"
#include "options.h"
#include "tram.pb-c.h"

struct tail_filter {
	struct option_list areas;  /* "63/46", or a bare "46" */
	struct option_list agents; /* agent-63-46 */
	struct option_list words; /* dung, du, sach, song; also đúng, đủ, sạch, sống; or another of the catalogue */
	struct option_list events; /* "report.committed", or "report" for all of these */
	struct option_list dataflows, indicators, rules;
	const char *severity; /* "B", "J", "W", "I": at least; NULL: all */
};

/* False and *err when a value can never match anything: the name of the event, the word, the severity, the area's form. */
bool tail_filter_check(struct tail_filter *filter, struct err *err) MUST_CHECK;

/* The first word that only a catalogue can know, or NULL. filter has been checked. */
const char *tail_filter_foreign_word(const struct tail_filter *filter);

/* The filter as it may be written on a command line: "--area 63/46 --severity J"; "" for none. Cut to size. Returns buf. */
char *tail_filter_text(const struct tail_filter *filter, char *buf, size_t size);

/* Whether the event is wanted. filter has been checked. */
bool tail_filter_passes(const struct tail_filter *filter, const Tram__V1__Event *event);

/* How far the feed has been heard. Zeroed: not at all. */
struct tail_place {
	uint64_t feed_id, position;
};

/* What an event's position says about those before it. */
struct tail_break {
	bool anew;                       /* the feed began anew */
	uint64_t missed_from, missed_to; /* positions that were not heard; 0: none */
};
struct tail_break tail_follow(struct tail_place *place, const Tram__V1__Event *event);

#endif
