/* SPDX-License-Identifier: Apache-2.0 */
/*
 * looks - what a group's reports look like beside those of other provinces, as of the peer cut that the lane has: how others'
 * figures of the same series and period lie, and which report each may be a copy of.
 *
 * What the cut proposes as a copy is held against its figures, as they were accepted at first: one query for a whole group, and
 * mostly none. Memory is the arena's.
 */
#ifndef TRAM_LOOKS_H
#define TRAM_LOOKS_H

#include "intake.h"

/* Fills peers and look_alike of every report. STORE_POISON with ERR_PROTOCOL: the arena is exhausted. */
enum store_result looks_find(struct intake *in, struct err *err) MUST_CHECK;

/* What later cuts take of a report that is judged. False: the arena is exhausted. */
bool looks_lay_out(const struct intake *in, const struct intake_report *r, struct report_row *row) MUST_CHECK;

#endif
