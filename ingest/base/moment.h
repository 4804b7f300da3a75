/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moment - moments that people name, read in one way; one that has not come yet is refused where what was known then is asked for.
 *
 * Forms: 2024-07-19 (its midnight in Viet Nam); 2024-07-19T08:00:00+07:00 as RFC 3339 has it, also with a blank for the T;
 * the same without a zone, which is Viet Nam's time, as it is shown to people. What each option makes of the future:
 *
 *   --as-of (rollup, explain, board, todo), asOf                  refused: what will be known cannot be known
 *   --since (rollup --changes, verify, rules rehearse, verdicts),
 *   since, updatedAfter                                           refused: nothing can have come since then
 *   --on (claims add)                                             refused: nobody can have announced it on that day
 *   --on, --from, --to (board), from, to                          due days of the calendar: they may lie ahead
 *   --boundary, boundary, --period, --reference-date              days that figures are about: other rules look at these
 *   a cursor                                                      the store's own: one of a store that was put back to an
 *                                                                 earlier time is ahead of it, and goes on from there
 *
 * The clock that decides is the database's, which settles moments; for tram verdicts the agent's machine's own. Figures are
 * stamped by the aggregator's, and people read a clock of their own: MOMENT_TOLERANCE is what these may differ by. Any thread.
 */
#ifndef TRAM_MOMENT_H
#define TRAM_MOMENT_H

#include "clock.h"
#include "err.h"

#define MOMENT_TOLERANCE (10 * CLOCK_SECOND)

enum moment_option { MOMENT_AS_OF, MOMENT_SINCE, MOMENT_ON };

/* Reads any of the forms. False if it is none of them. */
bool moment_parse(const char *text, int64_t *ret_us);

/* Whether it is not ahead of now by more than MOMENT_TOLERANCE. */
bool moment_has_come(int64_t us, int64_t now_us);

/* As it is told what time it is, in a form that moment_parse() reads: "2026-11-22 23:05:01+07:00". Returns buf. */
char *moment_text(int64_t us, char buf[static CLOCK_TEXT]);

/* What an option says; text NULL: *ret_us stays as it is. ERR_USAGE when it is no moment. */
bool moment_read(enum moment_option option, const char *text, int64_t *ret_us, struct err *err) MUST_CHECK;

/* Whether it has come by now; text NULL, or no moment at all (a cursor): true. ERR_USAGE with what to ask instead. */
bool moment_check(enum moment_option option, const char *text, int64_t now_us, struct err *err) MUST_CHECK;

#endif
