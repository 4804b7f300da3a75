/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_changes - what moved in roll-ups, for whoever reads on from where he was: complete, nothing twice, whatever clocks do and
 * however many write. As tram_reader, on the server that takes writes: a standby cannot settle moments.
 */
#ifndef TRAM_STORE_CHANGES_H
#define TRAM_STORE_CHANGES_H

#include "store_centre.h"

enum change_column {
#define CHANGE(name, kind) CHANGE_##name,
#include "change.def"
#undef CHANGE
	CHANGE_COLUMNS
};
struct change_kind {
	const char *name;
	bool is_number;
};
extern const struct change_kind change_table[]; /* CHANGE_COLUMNS rows */

struct changes_question {
	const char *indicator, *period; /* NULL: all */
	const char *level;              /* nation, region, province */
	const char *boundary;           /* as in struct rollup_question */
	const char *cursor;             /* where the last answer ended; NULL: at since_us */
	int64_t since_us;               /* INT64_MAX: now, so that nothing is told yet */
	int64_t most_rows;              /* at least those of one moment */
};
struct changes_page {
	char since[40], until[40]; /* RFC 3339: what became known behind the one and not behind the other is in it */
	char asked[40];            /* when that was, in the same form */
	char next[64];             /* the cursor to go on with */
	bool more;                 /* there is more already */
	bool is_no_cursor;         /* what was given as one; the question failed */
	bool is_cut;               /* one moment alone has more rows than may be: none was told */
};

/* A change in the terms people read: in the display unit, rounded to its decimals; NULL: there is none. */
struct change_shown {
	int64_t moment_us;
	const char *name_vi, *name_en, *area_name_vi, *area_name_en, *unit_vi;
	int display_unit_mult;
	bool
	    counts_parts; /* shown as so many of so many; the difference then is of the former, NULL when these are others */
	const char *before, *after, *difference;
	const char *numerator_before, *numerator_after, *denominator_before, *denominator_after;
};

/* cells: CHANGE_COLUMNS texts, NULL where there is none; made_by: a JSON array of objects. */
typedef void change_each(void *context, const char *const *cells, const char *made_by,
			 const struct change_shown *shown);

/* STORE_POISON and store_was_refused() for a cursor that is none. */
enum store_result store_changes(struct store *s, const struct changes_question *q, struct changes_page *ret,
				change_each *each, void *context, struct err *err) MUST_CHECK;

#endif
