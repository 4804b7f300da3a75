/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - the four words: đúng (correct), đủ (sufficient), sạch (clean), sống (live). Every figure is judged by every
 * rule, and every finding is gathered.
 *
 * Judging has two steps, so that what the past must tell is asked in a few queries a group: rules_resolve() finds what
 * each observation is about (its key); the lane fetches what is known of those keys; rules_judge() walks the rule table.
 * Pure: no clock, no database, no log. Results live in the arena given. One file a word (dung.c, du.c, sach.c, song.c).
 */
#ifndef TRAM_RULES_H
#define TRAM_RULES_H

#include "arena.h"
#include "catalogue.h"
#include "tram.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome { OUTCOME_ACCEPTED = 1, OUTCOME_WARNED = 2, OUTCOME_HELD = 3, OUTCOME_REFUSED = 4, OUTCOME_DUPLICATE = 5 };
enum word_state { WORD_PASS = 1, WORD_WARN = 2, WORD_HELD = 3, WORD_FAIL = 4 };

/* A rule of the program's own, as it is without a catalogue; NULL: there is none. */
const struct rule *rule_by_code(const char *code);

/*
 * What one observation is about, in the catalogue's terms and units. A ratio's value that was not stated stays absent:
 * it follows from its parts, exactly.
 */
struct figure {
	const struct indicator *indicator; /* NULL: unknown */
	const struct area *area;           /* NULL: unknown on that day */
	const char *dimensions;            /* canonical: "" or "SEX=F;…", ids sorted */
	bool dimensions_ok;                /* the indicator's own, with known codes, each once */
	bool has_value, has_numerator, has_denominator, has_weight;
	bool unit_ok;                                         /* unit known and multiplier applied below without loss */
	struct decimal value, numerator, denominator, weight; /* in the catalogue's unit, multiplier applied */
	uint8_t sent_scale; /* decimals of the value as stated, before the multiplier */
	bool
	    storable; /* all it is about is known, and it states a value, parts, a missing reason or a withdrawal: it has a key */
};

/* The last revision a figure may have; the store's keys have room for no more. */
#define RULES_REVISION_MAX 16383

/* What the latest decision made of a stored figure. */
enum decided { DECIDED_NONE, DECIDED_RELEASED, DECIDED_REFUSED, DECIDED_HELD, DECIDED_WITHDRAWN };

/* What is stored already for a figure's key: the latest revision, whatever became of it. */
struct past {
	bool exists;
	uint32_t revision;
	bool withdrawn;
	bool current;         /* accepted now (by outcome and latest decision) */
	enum outcome outcome; /* as first judged; 0: not known */
	enum decided decided; /* what became of it since */
	bool reasoned;        /* a reason came with it, sound or not */
	int64_t known_at_us;  /* when its province was first told of it; 0: not known */
	const char
	    *asked; /* of the revision that stands: the rules that asked for a reason and got one, or were overruled by
			      a release: codes with spaces between; NULL: none */
	bool has_value, has_numerator, has_denominator, has_weight;
	struct decimal value, numerator, denominator,
	    weight; /* numeric that does not fit 18 digits cannot have been stored by us */
	int missing_reason, qualifier;
	char obs_status;
	int32_t rank_out_of;
};

/* How many periods of a series a judgement looks back on. */
#define HISTORY_POINTS 24

/* What stands of a series for one period: the latest revision that is accepted, unless it was taken back. */
struct point {
	int32_t period; /* packed, as period_pack() */
	bool has_value, has_numerator, has_denominator;
	bool breaks; /* of status B, or a rules_break() was justified or released: what was before says nothing of what
			came after */
	struct decimal value, numerator,
	    denominator; /* in the catalogue's unit; a value that follows from parts is absent */
};

/*
 * A series of one area: its points of one frequency, ascending. A missing value has no point; a figure of a range, which
 * has no frequency, has no history.
 */
struct history {
	const struct point *points;
	size_t n;
};

/* How the provinces' figures of one series and period lie, at the peer cut that the judgement knows. */
struct peer_figures {
	uint32_t n;                 /* provinces whose figure stands */
	struct decimal median, mad; /* of the values; of counted things per head: see peers.h */
	struct decimal mode;        /* the value that most of them state */
	uint32_t mode_n;            /* how many state it */
};

/* A report of another province, for the same dataflow and period, that states the very same figures. */
struct look_alike {
	const char *provider, *time_period;
	uint32_t figures; /* compared and equal */
};

/* The newest vintage of a dataflow's period that was closed: its figures are frozen. */
struct closed {
	int32_t period; /* packed */
	int32_t vintage;
	int64_t closed_at_us;
	const char *closed_by;
};

/*
 * What is known when a report is judged: everything of its agent with a smaller verdict_seq, of others what the peer cut
 * says, and closings up to the one that the verdict names. Arrays have one element an observation; a pointer that is NULL says that nothing of the kind is known.
 */
struct knowledge {
	const struct past *past;                 /* ignored where the figure is not storable */
	const struct history *history;           /* before the figure's own period, at most HISTORY_POINTS */
	const struct peer_figures *const *peers; /* an element may be NULL */
	const struct look_alike *look_alike;
	const struct closed *closed; /* of rules_periods(), those that are not open, in that order */
	size_t n_closed;
	const bool
	    *reported; /* by indicator position, of mandatory ones: the provider has stated its total already for this
			  dataflow and period, accepted or held; NULL: not known */
	/* What stands of an indicator (the figure's own, or a related one of the catalogue) for the figure's area and dimensions
	   in a period of the figure's frequency: its own, or one before it among the newest HISTORY_POINTS. NULL: nothing.
	   Other figures of the same report are not in it. */
	const struct point *(*point_of)(const struct knowledge *k, const struct figure *f,
					const struct indicator *indicator, int32_t period);
	const void *context; /* of point_of */
};

struct finding {
	const struct rule *rule;
	enum severity severity; /* the rule's, or what data made of it */
	enum severity asked;    /* before a justification of the same break, or data, changed it: texts go by it */
	bool answered;          /* what it asks for was given for the revision before; severity is WARN therefore */
	uint32_t line;          /* observation from 1; 0: the report */
	const char *field;      /* as named in Observation or Report */
	const char *found,
	    *expected; /* in no language: figures, codes, names, or a token that finding_message() knows */
};

struct report_context {
	const struct catalogue *catalogue;
	const Tram__V1__Report *report;
	const char *agent;
	int64_t received_at_us, handed_in_at_us;
};

struct judgement {
	/* by rules_resolve() */
	bool readable;                   /* provider, dataflow, period and dates are known: rows can be stored */
	const struct provider *provider; /* NULL: unknown */
	const struct dataflow *dataflow;
	struct period period;
	int32_t period_from, period_to, reference_date;
	struct figure *figures; /* one per observation */
	size_t n;
	/* by rules_judge() */
	enum outcome *outcomes; /* one per observation */
	enum word_state *words; /* n_words, in the order of their numbers */
	size_t n_words;
	const struct word *word_table;  /* what they are called: the catalogue's */
	const struct finding *findings; /* in order of line, then rule */
	size_t n_findings;
	bool *
	    justified; /* one per observation: a J rule fired and the province gave its reason, now or for the revision before */
};

/* First step. False only when the arena is exhausted (the report is then too large). */
bool rules_resolve(const struct report_context *ctx, struct arena *a, struct judgement *j) MUST_CHECK;

/* The report's packed period, and the longer ones whose figures are made of some of its, the longest last. Returns how many. */
#define RULES_PERIODS 6
size_t rules_periods(const struct judgement *j, int32_t ret[static RULES_PERIODS]);

/*
 * Second step. Earlier observations of the same report count too, which rules_judge() sees by itself. False only when the
 * arena is exhausted.
 */
bool rules_judge(const struct report_context *ctx, const struct knowledge *known, struct arena *a,
		 struct judgement *j) MUST_CHECK;

/* The status, as the store keeps it too: one that was left out is A, of a missing value M. */
char rules_status(const Tram__V1__Observation *o);

/* What a report's i-th observation says, as a past of which nothing else is known. */
struct past rules_past(const Tram__V1__Report *report, size_t i, const struct figure *f);

/* Whether a reason came with an observation, its own or its report's, sound or not. */
bool rules_reasoned(const Tram__V1__Report *report, const Tram__V1__Observation *o);

/* Whether one of the rules (codes with spaces between) is about how far a series moves: a reason for that is a break of it. */
bool rules_break(const char *codes);

/*
 * What the centre's decision on figures that are held makes of a judgement: lines (from 1) get the outcome, OUTCOME_ACCEPTED
 * or OUTCOME_REFUSED, and every word that asked for a reason is worked out anew from all findings and outcomes.
 */
void rules_decide(struct judgement *j, const uint32_t *lines, size_t n, enum outcome outcome);

/* A finding as a person reads it, from the rule's texts; into the arena. */
char *finding_message(struct arena *a, const struct finding *f, bool vietnamese);
const char *finding_remedy(const struct finding *f, bool vietnamese);

#endif
