/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show - a verdict as a province reads it: the four words, what became of the figures, and each finding with its place
 * and its remedy.
 */
#ifndef TRAM_SHOW_H
#define TRAM_SHOW_H

#include "err.h"
#include "tram.pb-c.h"

#include <jansson.h>
#include <stdio.h>

/* What is known beside the verdict; NULL and 0 where not. */
struct show_about {
	const char *ticket, *file_name, *provider, *dataflow, *time_period;
	int64_t handed_in_at_us, stored_at_us;
	const Tram__V1__Report *report;     /* to name what a finding is about */
	Tram__V1__Difference **differences; /* of a check: beside what is stored */
	size_t n_differences;
	bool is_check;
};

void show_verdict(FILE *out, const Tram__V1__Verdict *verdict, const struct show_about *about);

/* The same for programs; caller gives it back with json_decref(). */
json_t *show_verdict_json(const Tram__V1__Verdict *verdict, const struct show_about *about);

struct show_counts {
	size_t accepted, warned, held, refused, duplicate;
};
struct show_counts show_counts(const Tram__V1__Verdict *verdict);

/* Whether all of it was accepted, warnings or not (or was there already). */
bool show_is_accepted(const Tram__V1__Verdict *verdict);

#endif
