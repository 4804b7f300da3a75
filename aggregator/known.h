/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known - what is known when a report of a group is judged: what the store has, and over it what the reports before it in
 * the group state. So each report is judged as if those before it had been committed.
 *
 * What the store has is asked for the whole group at once, in a constant number of questions. One thread.
 */
#ifndef TRAM_KNOWN_H
#define TRAM_KNOWN_H

#include "intake.h"

/* Asks the store, for every report that is to be judged; figures have their keys. Makes in->known. */
enum store_result known_gather(struct intake *in, struct err *err) MUST_CHECK;

/* What is known before a report is judged; lives until the next one is. False: the arena is exhausted. */
bool known_look_back(struct intake *in, struct intake_report *r, struct knowledge *ret) MUST_CHECK;

/* After it is judged: what it stores is known to those that follow, and each figure has its revision. */
bool known_look_ahead(struct intake *in, struct intake_report *r) MUST_CHECK;

/* Whether the figure goes into the store. */
bool known_is_stored(const struct intake_report *r, size_t i);

#endif
