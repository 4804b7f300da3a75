/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - what a file's records mean, and everything that is wrong with them: structure, figures, periods, codes.
 *
 * A record becomes the head of a report and one observation. What the file leaves open comes from the command line,
 * then from the codebook where that leaves no choice (an agent of one provider; the dataflow of an indicator). Judging
 * figures against each other and against the past is the centre's work. One thread.
 */
#ifndef TRAM_CHECK_H
#define TRAM_CHECK_H

#include "book.h"
#include "decimal.h"
#include "reader.h"

struct check_options {
	const char *stated[FIELD_COUNT]; /* on the command line; NULL: not */
	bool overrules[FIELD_COUNT];     /* and then whatever the file says; else the two must agree */
	bool withdraw;                   /* every record takes its figure back; values in it are not looked at */
	bool no_agent; /* nobody could say what the codebook implies: its absence is no fault of the file */
	enum decimal_locale locale;
};

struct check;

/* The options, the book and the problems outlive it. Caller frees with check_free(). */
struct check *check_new(const struct check_options *options, const struct book *book, struct problems *problems);
void check_free(struct check **cp);

/*
 * False when something in the record was wrong. Else the head of its report, the observations left out, and the
 * observation; both live until the next call. *ret_altered: not all of it stood so in the file (mended, or filled in).
 */
bool check_record(struct check *c, const struct record *record, const Tram__V1__Report **ret_head,
		  const Tram__V1__Observation **ret_observation, bool *ret_altered);

/* As reader_sink wants them. */
bool check_supplies(struct check *c, enum field_id field);
bool check_declare_locale(struct check *c, const char *name);

/* "vi" and nothing else. */
bool check_locale_by_name(const char *name, enum decimal_locale *ret);

#endif
