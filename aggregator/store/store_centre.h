/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_centre - what the centre's commands ask of the store: making the schema, the roster, loading a catalogue, and
 * reading figures.
 *
 * Rows are handed to a function of the caller's, one by one, in the order shown; what they point at lives for that call.
 * Figures are text, exactly as PostgreSQL has them, or NULL where there is none. Times are UTC
 * microseconds.
 */
#ifndef TRAM_STORE_CENTRE_H
#define TRAM_STORE_CENTRE_H

#include "store.h"

/* As whoever may make the schema; as tram_admin or tram_operator; as tram_reader or tram_auditor (a standby will do). Closed with store_close(). */
enum store_result store_open_owner(const char *conninfo, struct store **ret, struct err *err) MUST_CHECK;
enum store_result store_open_admin(const char *conninfo, struct store **ret, struct err *err) MUST_CHECK;
enum store_result store_open_reader(const char *conninfo, struct store **ret, struct err *err) MUST_CHECK;

/* What the database's clock says: it decides which moments have come. */
enum store_result store_now(struct store *s, int64_t *ret_us, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- schema (owner) */

/* Applies every migration that is missing, each in a transaction of its own, and makes the views anew when they differ;
 * refuses unknown and altered migrations. */
enum store_result store_migrate(struct store *s, size_t *ret_applied, struct err *err) MUST_CHECK;

struct migration_state {
	int version; /* 0: the views */
	const char *name;
	int64_t applied_at_us; /* 0: not yet */
	bool altered;          /* not the one this program was built with */
	bool unknown;          /* this program does not have it */
};
typedef void migration_each(void *context, const struct migration_state *row);
enum store_result store_migrations(struct store *s, migration_each *each, void *context, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- roster (admin) */

struct agent_row {
	const char *agent, *state, *changed_by, *reason;
	const char *curve_public;
	uint8_t signing_public[SIGN_PUBLIC_SIZE];
	const char *providers; /* it acts for: codes, by spaces */
	const char *reports;   /* committed, in all its epochs */
	int64_t changed_at_us;
	int64_t committed_at_us; /* the last one; 0: none */
};
typedef void agent_each(void *context, const struct agent_row *row);
enum store_result store_agents(struct store *s, agent_each *each, void *context, struct err *err) MUST_CHECK;

/* Puts the keys on the roster, active. *ret_changed: false when they stand there already. A revoked key is refused. */
enum store_result store_agent_accept(struct store *s, const char *agent, const char *curve_public,
				     const uint8_t signing_public[static SIGN_PUBLIC_SIZE], const char *reason,
				     bool *ret_changed, struct err *err) MUST_CHECK;

/* state: "suspended" or "revoked". STORE_BROKEN when there is no such agent. */
enum store_result store_agent_set_state(struct store *s, const char *agent, const char *state, const char *reason,
					bool *ret_changed, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- catalogue (admin) */

/*
 * Makes the files, checked before as c, the newest version and the tables what they say, in one transaction. Files that
 * are what the newest version has make no new one (*ret_new false).
 */
enum store_result store_catalogue_load(struct store *s, const struct catalogue *c, const struct catalogue_file *files,
				       size_t n, const char *note, uint32_t *ret_version, bool *ret_new,
				       struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- what things are called (reader) */

enum store_thing { STORE_INDICATOR, STORE_RULE, STORE_PROVIDER, STORE_PROVINCE, STORE_AREA, STORE_DATAFLOW };

struct store_name {
	const char *code, *name;
	bool
	    is_code; /* the name is the code, or another that stands for it: of P63-46 also 63/46 and 46; else only what people say */
};

/* Every name of all things of a kind, codes first, in the arena, which is not capped. */
enum store_result store_names(struct store *s, enum store_thing thing, struct arena *a, struct store_name **ret,
			      size_t *ret_n, struct err *err) MUST_CHECK;

/*
 * By which frequencies ("A|S", in the arena) a dataflow or an indicator is reported, and whether the period is one of these, or
 * made of them, or was reported all the same. The catalogue has it.
 */
enum store_result store_frequencies(struct store *s, enum store_thing thing, const char *code, const char *period,
				    struct arena *a, const char **ret, bool *ret_fits, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- figures (reader) */

/* A figure in the terms of the catalogue and in those people read. */
struct rollup_figure {
	const char *value, *numerator, *denominator;             /* in the catalogue's unit */
	const char *shown, *shown_numerator, *shown_denominator; /* in the display unit, rounded to its decimals */
	const char *unit, *unit_vi;
	int display_unit_mult;
	bool counts_parts; /* "so many of so many": the parts say more than their ratio */
	const char *method, *boundary, *catalogue_version;
	int areas_reporting, areas_expected;
	const char *coverage_weight;  /* 0 .. 1 */
	const char *coverage_percent; /* cut off, not rounded: 100 is all */
	const char *finality, *obs_status, *qualifier;
	bool demonstration;
	int held;
	int parts_reporting, parts_expected; /* of the period's parts, as 63 provinces × 12 months */
	const char *missing; /* areas of which nothing is in it, by spaces; 63/46:5/8: 5 of its 8 communes */
	int n_missing;
	const char *missing_first_vi, *missing_first_en; /* names of the first few, by ", " */
	const char *interval_low, *interval_high;        /* NULL: no interval */
	const char *interval_low_shown, *interval_high_shown;
	const char *interval_basis;
	int vintage;          /* of the period's closing; 0: it is not closed */
	const char *known_at; /* the moment whose knowledge it shows, RFC 3339 in UTC; NULL: as asked */
	bool moved;           /* what is known now is another figure */
	const char *now_shown, *now_numerator,
	    *now_denominator; /* that one, where it is asked for: roll-ups and explanations */
};

struct rollup_question {
	const char *indicator;    /* NULL: all */
	const char *period;       /* NULL: all for which anything was reported */
	const char *level;        /* nation, region, province */
	const char *boundary;     /* 63, 34, a day; NULL: in force at the period's end */
	int64_t as_of_us;         /* INT64_MAX: now */
	int64_t updated_after_us; /* 0: all; else only those that moved since, or were closed */
	bool open;                /* what is known, in spite of closings */
	int64_t most_rows;        /* 0: all there are; who wants to know whether there are more asks for one more */
};
struct rollup_row {
	const char *area, *area_name_vi, *area_name_en;
	const char *indicator, *name_vi, *name_en, *time_period;
	struct rollup_figure figure;
	const char *justification_code, *justification; /* of a single province's figure; NULL: none */
	const char *dataflow, *dataflow_vi, *dataflow_en;
	int display_decimals;
};
typedef void rollup_each(void *context, const struct rollup_row *row);
enum store_result store_rollup(struct store *s, const struct rollup_question *question, rollup_each *each,
			       void *context, struct err *err) MUST_CHECK;

/* The national figure of each indicator for the newest period that has one. most_rows as above. */
enum store_result store_newest(struct store *s, int64_t most_rows, rollup_each *each, void *context,
			       struct err *err) MUST_CHECK;

struct claim_row {
	const char *figure_no, *indicator, *name_vi, *name_en, *time_period;
	const char *published, *published_numerator, *published_denominator; /* as announced, in unit_mult */
	int published_unit_mult;
	const char *published_qualifier, *announced_on, *source;
	const char *level, *area, *said_by; /* said_by: "" for those of the catalogue */
	const char *status;                 /* holds, outdated, different, held, missing */
	/* of one that does not hold: by how much, in unit_mult, and as it was announced; NULL: there is nothing now, or
	 * it is of so many of another number */
	const char *difference, *difference_shown;
	/* of one that is outdated: since when, and through what; NULL: several statements differ in it */
	int64_t outdated_since_us;
	const char *cause, *statements, *of_area, *agent, *seq, *reason;
	struct rollup_figure figure; /* shown in the announcement's unit and decimals */
};
typedef void claim_each(void *context, const struct claim_row *row);
enum store_result store_claims(struct store *s, claim_each *each, void *context, struct err *err) MUST_CHECK;

struct quarantine_row {
	const char *id; /* the figure's and revision's: short, and the same in every store */
	const char *area, *area_name_vi, *area_name_en, *indicator, *dimensions, *time_period, *revision;
	const char *value, *numerator, *denominator, *unit;
	const char *indicator_vi, *unit_vi; /* names; the code where the catalogue has none */
	int64_t held_at_us;
	const char *provider, *agent, *seq, *line;
	const char *rules, *found, *expected, *justification_code, *justification;
};
typedef void quarantine_each(void *context, const struct quarantine_row *row);
struct quarantine_filter {
	const char *rule, *provider; /* NULL: any */
};
enum store_result store_quarantine(struct store *s, const struct quarantine_filter *filter, quarantine_each *each,
				   void *context, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- decisions (operator) */

struct decision_order {
	const char *decision; /* "released" or "refused" */
	const char *const *ids;
	size_t n_ids;                    /* 0: all that the filter lets through */
	struct quarantine_filter filter; /* of what is held now */
	const char *by, *reason;
	bool dry_run; /* finds out whether it could be done */
};

/*
 * Decides on figures that are held, in one transaction: the decisions, and for each report concerned a verdict that tells
 * its agent of them. All or nothing: STORE_POISON and ERR_DATA when an id is unknown or one of the figures is not held any
 * more, with what became of it. each: what was decided on.
 */
enum store_result store_decide(struct store *s, const struct decision_order *order, quarantine_each *each,
			       void *context, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- closings (reader; operator) */

struct closing_row {
	const char *dataflow, *time_period;
	int vintage;
	int64_t closed_at_us;
	const char *closed_by, *closed_as, *reason;
	bool provisional, is_newest;
	const char *figures; /* how many are frozen */
	const char *digest;  /* of them, of all the above, and of the closing before: 64 hex digits */
	uint64_t untold;     /* reports on the period that were committed while it was made, and so do not know of it */
};
typedef void closing_each(void *context, const struct closing_row *row);

/* In the order in which they were made; of one dataflow, or of all (NULL). */
enum store_result store_closings(struct store *s, const char *dataflow, closing_each *each, void *context,
				 struct err *err) MUST_CHECK;

/* An indicator whose figure for the period is not final; areas by their codes, and the first few by their names. */
struct unfinished_row {
	const char *indicator, *name_vi, *name_en;
	int areas_reporting, areas_expected, missing, held;
	const char *missing_areas, *held_areas;
	const char *missing_vi, *missing_en, *held_vi, *held_en;
};
typedef void unfinished_each(void *context, const struct unfinished_row *row);

/* What hinders the closing of a period as final. STORE_POISON and ERR_DATA: the catalogue has no such dataflow. */
enum store_result store_unfinished(struct store *s, const char *dataflow, const char *period, unfinished_each *each,
				   void *context, struct err *err) MUST_CHECK;

struct closing_order {
	const char *dataflow, *period, *by, *reason;
	bool provisional; /* also when figures are not final */
};

/*
 * Closes the period in one transaction: each gets the closing. STORE_POISON and ERR_DATA when it cannot be closed: it is not
 * over, not final, nothing was reported for it, or nothing has changed since it was closed before.
 */
enum store_result store_close_period(struct store *s, const struct closing_order *order, closing_each *each,
				     void *context, struct err *err) MUST_CHECK;

/* ---------------------------------------------------------------- the board (reader) */

/* The words, in their order. */
typedef void word_each(void *context, const char *word, const char *name_vi, const char *name_en);
enum store_result store_words(struct store *s, word_each *each, void *context, struct err *err) MUST_CHECK;

struct board_question {
	int64_t as_of_us; /* INT64_MAX: now */
	const char *from_day,
	    *to_day;          /* the due days; NULL: the year that ends with the newest that was reported for */
	const char *province; /* a provider: P63-46; NULL: all */
	const char *sort;     /* score, name, area, on-time, data, agent */
};
struct board_score {
	const char *score, *whole_score, *band; /* whole_score is cut off: 100 is all */
};
/* One area; the nation is first. NULL: not known. */
struct board_row {
	const char *area, *name_vi, *name_en;
	struct board_score all;
	const struct board_score *words; /* in their order */
	size_t n_words;
	const char *assessed, *failing, *breaches;
	const char *worst_rule, *worst_cost, *worst_cost_shown, *worst_title_vi, *worst_title_en, *worst_indicator;
	const char *due, *reported, *on_time, *late, *missing, *held, *refused, *on_time_rate; /* figures of the span */
	const char *backfilled; /* of those reported, in time or not */
	const char *newest_period, *age_days, *data_state;
	const char *agent_state;             /* NULL for the nation */
	int64_t heard_at_us, silent_seconds; /* 0: never */
	int fresh, alive;                    /* how many provinces */
	int agents; /* of so many: the nation has all, also those whose agent was never heard */
	const char *from_day, *to_day;
};
typedef void board_each(void *context, const struct board_row *row);
enum store_result store_board(struct store *s, const struct board_question *q, board_each *each, void *context,
			      struct err *err) MUST_CHECK;

#endif
