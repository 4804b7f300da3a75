/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers - what a peer cut knows of the provinces: how their figures of a series and period lie, and sketches of their
 * reports. A cut is numbered and never changes; the next one is made of it and of what came since. Shared by reference
 * count; look-ups are O(1) and safe from any thread.
 *
 * A cut has a horizon: it knows rows of the cuts after the horizon, up to itself, and of each series and period the newest.
 * So what a cut knows can be read from the store again at any time, whatever memory was allowed when it was made.
 */
#ifndef TRAM_PEERS_H
#define TRAM_PEERS_H

#include "rules.h"
#include "sketch.h"

struct peer_cut {
	uint32_t no;        /* from 1 */
	int64_t made_at_us; /* beside the number, for telling it from one of another database */
	uint32_t horizon;   /* rows of this cut and before are forgotten; 0: none are */
};

/* Of one series and period. */
struct peer_row {
	int32_t series_no, period; /* packed */
	uint32_t cut_no;           /* that it came with */
	struct peer_figures figures;
};

/* A report that others may be copies of. */
struct peer_report {
	const char *provider;
	int32_t period;
	int32_t agent_no;
	uint64_t report_no;
	uint32_t cut_no;
	struct sketch sketch;
};

struct peers;

/*
 * The cut, made of the one before (NULL: of nothing) and of what is new, in order of cut_no; both stay the caller's. What is
 * not after the horizon is left out. One reference, the caller's.
 */
struct peers *peers_new(const struct peer_cut *cut, const struct peers *before, const struct peer_row *rows,
			size_t n_rows, const struct peer_report *reports, size_t n_reports);
struct peers *peers_ref(struct peers *p);
void peers_unref(struct peers **pp);

const struct peer_cut *peers_cut(const struct peers *p);
size_t peers_bytes(const struct peers *p);
size_t peers_rows(const struct peers *p, size_t *ret_reports);

/* The least horizon with which the cut, and as many more rows and reports, take no more than so many bytes. */
uint32_t peers_horizon(const struct peers *p, size_t bytes, size_t more_rows, size_t more_reports);

/* NULL: nothing is known of the provinces for it. */
const struct peer_figures *peers_figures(const struct peers *p, int32_t series_no, int32_t period);

/* At most PEERS_ALIKE reports of other providers that may state the same: those that share most bands first, then those of the
   same period, then the earliest known. */
#define PEERS_ALIKE 3
size_t peers_alike(const struct peers *p, const char *provider, int32_t period, const struct sketch *s,
		   const struct peer_report *ret[PEERS_ALIKE]);

/* A figure of a report that others may be copies of, as it was accepted; neither: the report has no such figure. */
struct peer_stated {
	bool has_value, has_parts;
	struct decimal value, numerator, denominator;
};
/* Whether a figure says the same, one of the two perhaps rounded. *ret_nonzero: and it is more than zero. */
enum peers_compared { PEERS_NOT_COMPARED, PEERS_SAME, PEERS_DIFFERENT };
enum peers_compared peers_compare(const Tram__V1__Observation *o, const struct figure *f,
				  const struct peer_stated *stated, bool *ret_nonzero);

/*
 * The figure as median and mad have it. Percentages, ratios, means and growth: as stated, or numerator by denominator rounded
 * to PEERS_RATIO_PLACES decimals. Counts and amounts: for a million people of the area, rounded to PEERS_HEAD_PLACES decimals.
 * The mode is of values as stated. False: provinces are not compared by it (ranks, targets, no population).
 */
#define PEERS_RATIO_PLACES 6
#define PEERS_HEAD_PLACES  3
bool peers_comparable(const struct figure *f, struct decimal *ret);
/* The value as stated, or as it follows from its parts: what the mode is of. */
bool peers_stated(const struct figure *f, struct decimal *ret);

#endif
