/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_differences - a checked report beside what the centre has stored: which figures are new, the same, or change what is
 * there, and from what to what.
 */
#ifndef TRAM_SHOW_DIFFERENCES_H
#define TRAM_SHOW_DIFFERENCES_H

#include "show.h"

/* about->report must be there. */
void show_differences(FILE *out, const struct show_about *about);

/* The same for programs; caller gives it back with json_decref(). */
json_t *differences_json(const struct show_about *about);

#endif
