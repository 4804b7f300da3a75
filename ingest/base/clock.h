/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - the two clocks, and times as people read them.
 *
 * Microseconds since 1970-01-01 UTC inside; Asia/Ho_Chi_Minh (+07:00, no daylight saving) to people. No ordering
 * decision uses the wall clock. Tests may set both. Any thread.
 */
#ifndef TRAM_CLOCK_H
#define TRAM_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000)

int64_t clock_wall_us(void);      /* UTC */
int64_t clock_monotonic_us(void); /* for time-outs */

/* Tests only: both clocks stand at these values until called with (-1, -1). */
void clock_set(int64_t wall_us, int64_t monotonic_us);

/* "2024-07-19 08:00:00" in Viet Nam's time; buf of CLOCK_TEXT bytes. Returns buf. */
#define CLOCK_TEXT 40
char *clock_text_vn(int64_t wall_us, char buf[static CLOCK_TEXT]);

/* "2024-07-19T01:00:00.123456Z". Returns buf. */
char *clock_text_rfc3339(int64_t wall_us, char buf[static CLOCK_TEXT]);

/* Reads RFC 3339 ("2024-07-19T08:00:00+07:00", "…Z", or a bare date: midnight in Viet Nam). False if it is not that. */
bool clock_parse(const char *text, int64_t *ret_us);

#endif
