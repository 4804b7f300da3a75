/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_reads - what the HTTP port asks of the store, beside the questions of store_centre.h: as a reader, on connections of
 * its own. Rows are handed to a function of the caller's as there. One thread a connection.
 */
#ifndef TRAM_STORE_READS_H
#define TRAM_STORE_READS_H

#include "store_centre.h"

/* No question of this connection is worked on for longer: STORE_STALLED then, and store_was_stopped() says that it was this. */
enum store_result store_limit_time(struct store *s, int64_t us, struct err *err) MUST_CHECK;
bool store_was_stopped(const struct store *s);

/*
 * Why the last question was refused, when its words were fine and yet the store has no such figure (of a merged province, in
 * the units of before): what and what works instead, the store's until it is asked again. False: it was not refused so.
 */
bool store_was_refused(const struct store *s, const char **ret_why, const char **ret_instead);

/* The same for a question that asks for more than is worked out at once. */
bool store_was_too_much(const struct store *s, const char **ret_why, const char **ret_instead);

/*
 * In which state the store is: as long as this text is the same, so is everything that follows from what is stored. "" when
 * that cannot be said (a standby has no such text). It may be another without anything having changed.
 */
#define STORE_STATE_SIZE 512
enum store_result store_state(struct store *s, char ret[static STORE_STATE_SIZE], struct err *err) MUST_CHECK;

struct indicator_row {
	const char *indicator, *name_vi, *name_en, *dataflow, *unit, *unit_vi, *display_unit_mult, *display_decimals;
	const char *kind, *over_area, *over_time, *frequencies, *derives_from;
	bool mandatory;
};
typedef void indicator_each(void *context, const struct indicator_row *row);
enum store_result store_indicators(struct store *s, indicator_each *each, void *context, struct err *err) MUST_CHECK;

/* In the order of time and code; an area is told once for each span of time in which it was one thing. */
struct area_row {
	const char *area, *level, *vintage, *code, *parent, *valid_from, *valid_to, *name_vi, *name_en, *iso_3166_2,
	    *population;
};
typedef void area_each(void *context, const struct area_row *row);
enum store_result store_areas(struct store *s, int64_t most_rows, area_each *each, void *context,
			      struct err *err) MUST_CHECK;

#endif
