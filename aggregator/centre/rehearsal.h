/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rehearsal - what a rehearsal found: what would come and go, and what that would make of reports, figures and totals.
 *
 * It grows with what is found, about 300 bytes a figure: a set of rules that would judge everything otherwise takes that
 * for every figure judged. One thread.
 */
#ifndef TRAM_REHEARSAL_H
#define TRAM_REHEARSAL_H

#include "rehearse.h"
#include "table.h"

#define REHEARSAL_STATES 6 /* by enum outcome */

struct rule_change {
	const char *rule;
	uint64_t come, go;
};

struct report_change {
	const char *agent, *provider, *dataflow, *period;
	uint64_t seq;
	char before[WORDS_MAX + 1], after[WORDS_MAX + 1]; /* a letter a word */
};

struct figure_change {
	const char *agent, *provider, *indicator, *area, *period, *rules;
	uint64_t seq;
	uint32_t line;
	enum outcome before, after;
};

struct province_change {
	const char *provider;
	uint64_t reports, figures;                                  /* that would be judged otherwise */
	uint64_t before[REHEARSAL_STATES], after[REHEARSAL_STATES]; /* those figures, by outcome */
};

struct total_change {
	const char *figure_no, *indicator, *name_vi, *name_en, *period;
	struct {
		const char *value, *numerator, *denominator;
		const char *agreement;
		int areas_reporting, held;
	} before, after;
};

struct rehearsal_found {
	struct arena *arena; /* of all texts and lists */
	bool is_full;
	uint64_t reports, observations;       /* walked */
	uint64_t judged, judged_observations; /* anew */
	struct rule_change *rules;
	struct report_change *reports_changed;
	struct figure_change *figures;
	struct province_change *provinces;
	struct total_change *totals;
	struct rehearse_flip *flips; /* how figures would stand, for the roll-ups */
	size_t n_rules, n_reports, n_figures, n_provinces, n_totals, n_flips;
	size_t rules_room, reports_room, figures_room, provinces_room, totals_room, flips_room;
};

void rehearsal_begin(struct rehearsal_found *f);
void rehearsal_end(struct rehearsal_found *f);

/* As hooks of rehearse.h and store_rehearse.h; the context is a struct rehearsal_found. */
void rehearsal_report(void *context, const struct rehearsed *r);
void rehearsal_standing(void *context, int32_t area_no, int64_t key, const struct standing *before,
			const struct standing *after);
void rehearsal_total(void *context, const struct rehearse_total *row);

/* Nothing would be otherwise. */
bool rehearsal_is_same(const struct rehearsal_found *f);

/* most: rows of each list that people see, at most. */
void rehearsal_show(const struct rehearsal_found *f, const struct catalogue *c, size_t most);
void rehearsal_show_json(const struct rehearsal_found *f, const struct catalogue *c);

#endif
