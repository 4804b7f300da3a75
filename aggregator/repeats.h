/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repeats - reports that the centre has from another epoch of their agent, and that a renewed outbox hands in again: the
 * same bytes, handed in at the same time. They get a place and a verdict, state nothing, and are not judged a second time:
 * what was refused is refused for the reasons it was, and all else is there already.
 *
 * The same bytes handed in at another time are another hand-in, which the rules judge. Poison is judged anew. One thread.
 */
#ifndef TRAM_REPEATS_H
#define TRAM_REPEATS_H

#include "intake.h"

/* Sets each report's repeat. One question for the group and one for what was found; none where no agent has two epochs. */
enum store_result repeats_find(struct intake *in, struct err *err) MUST_CHECK;

/* The judgement of one that has a repeat. False: the arena is exhausted. */
bool repeats_judge(struct arena *a, struct intake_report *r) MUST_CHECK;

#endif
