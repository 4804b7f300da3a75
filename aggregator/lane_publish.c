/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_own.h"

#include "clock.h"

#include <stdio.h>

/* Builds a group of what waits and commits it. */
static enum store_result try_group(struct lane *l, struct attempt *t, const struct lesson *lesson, struct err *err)
{
	struct intake in;
	const struct intake_settings settings = lane_intake_settings(l);
	enum store_result result = lane_check_peers(l, err);
	if (result != STORE_OK)
		return result;
	lane_start_intake(l, &in, &settings);
	in.force_past = lesson->force_past;
	in.histories = l->histories;
	result = lane_fill_group(l, &in, t, lesson, err);
	t->reports = in.n_reports;
	t->work = lane_group_work(&in, t);
	if (result == STORE_OK && in.n_reports > 0)
		result = intake_judge(&in, err);
	if (result == STORE_OK && in.n_reports > 0 && !intake_lay_out(&in))
		result = store_exhausted(err);
	if (result == STORE_OK && in.n_reports > 0)
		result = store_commit(l->store, &in.group, err);
	if (result == STORE_OK)
		lane_settle_group(l, &in, t);
	for (size_t i = 0; i < in.n_streams; i++)
		in.streams[i]->moved = false;
	return result;
}

/* The store refused something in a group of so many reports: halve it, until the one is found and named poison. */
static void narrow(struct lesson *lesson, size_t reports, const struct err *err)
{
	if (reports > 1) {
		lesson->limit = reports / 2;
		return;
	}
	snprintf(lesson->poison_text, sizeof(lesson->poison_text), "%s", err->text);
	lesson->poison = lesson->poison_text;
	lesson->limit = 1;
}

/*
 * After a failure that the reports are not to blame for. What narrowing found holds for the report that was next; when the
 * stream may stand elsewhere it is to be found anew. False: the lane is to give up.
 */
static bool start_over(struct lane *l, struct lesson *lesson, enum store_result result, const struct err *err)
{
	lesson->limit = SIZE_MAX;
	lesson->poison = NULL;
	return lane_recover(l, result, err);
}

bool lane_serve_group(struct lane *l)
{
	struct lesson lesson = {.limit = SIZE_MAX};
	for (;;) {
		int64_t begun_us = clock_monotonic_us();
		struct attempt t = {.room = pace_work(&l->pace, begun_us)};
		struct err err = {0};
		enum store_result result = try_group(l, &t, &lesson, &err);
		if (result == STORE_OK) {
			pace_took(&l->pace, t.work, clock_monotonic_us() - begun_us);
			return true;
		}
		if (result == STORE_POISON && !(lesson.poison && t.reports <= 1))
			narrow(&lesson, t.reports, &err);
		else if (result == STORE_CONFLICT && !lesson.force_past)
			lesson.force_past = true;
		else if (result == STORE_OUTDATED)
			continue; /* each time by a closing that is newer */
		else if (!start_over(l, &lesson, result, &err))
			return false;
	}
}
