/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail_show - an event of the live feed on one line: for people (coloured on a terminal, in Viet Nam's time), as logfmt or
 * as JSON. What comes from elsewhere is escaped: a terminal is sent nothing that it would obey.
 */
#ifndef TRAM_TAIL_SHOW_H
#define TRAM_TAIL_SHOW_H

#include "tram.pb-c.h"

#include <stdint.h>
#include <stdio.h>

enum tail_format { TAIL_TEXT, TAIL_JSON, TAIL_LOGFMT };

void tail_show(FILE *out, enum tail_format format, const Tram__V1__Event *event);

/* The events at these positions were missed; the feed began anew. */
void tail_show_gap(FILE *out, enum tail_format format, uint64_t from, uint64_t to);
void tail_show_restart(FILE *out, enum tail_format format);

#endif
