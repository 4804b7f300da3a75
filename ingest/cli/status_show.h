/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_show - what the agent says of itself, as a person reads it: its link, what waits, and what it refuses, in
 * words. One thread.
 */
#ifndef TRAM_STATUS_SHOW_H
#define TRAM_STATUS_SHOW_H

#include "control.pb-c.h"

#include <stdio.h>

/* A line for each thing that is known. */
void status_show(FILE *out, const Tram__Control__V1__Status *status);

#endif
