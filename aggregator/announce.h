/* SPDX-License-Identifier: Apache-2.0 */
/*
 * announce - the events of a report that has been committed: one for the report, one for each finding that a person may
 * want to see. Names and fields are those of the event table. Made into an arena; one thread.
 */
#ifndef TRAM_ANNOUNCE_H
#define TRAM_ANNOUNCE_H

#include "intake.h"

/* How many events announce_report() makes for the report. */
size_t announce_count(const struct intake_report *r);

/* Makes them at ret[0 ..]; returns how many, 0 when the arena is exhausted. Texts are copied: the report may go. */
size_t announce_report(struct arena *a, const struct intake_report *r, int64_t known_at_us, Tram__V1__Event **ret);

#endif
