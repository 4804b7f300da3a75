/* SPDX-License-Identifier: Apache-2.0 */
/*
 * display - figures as people read them: digits in groups, the decimal sign of the language, million as triệu. Texts in
 * are exact decimals ("16400000.5"), as PostgreSQL writes them; what comes out is the caller's to free. Pure.
 */
#ifndef TRAM_DISPLAY_H
#define TRAM_DISPLAY_H

#include "store_centre.h"

/* "16400000.5" as "16.400.000,5" or "16,400,000.5"; "–" for NULL. Never NULL. */
char *display_number(const char *digits);

/* "4.543/6.325"; "–" when either is NULL. */
char *display_parts(const char *numerator, const char *denominator);

/* A number in units of 10^mult, with its qualifier and its unit: "hơn 45 triệu tài khoản", "more than 45 million account". */
char *display_figure(const char *number, const char *qualifier, int mult, const char *unit, const char *unit_vi);

/* The same around digits that are dressed already ("4.543/6.325"). */
char *display_dressed(const char *text, const char *qualifier, int mult, const char *unit, const char *unit_vi);

/* A roll-up: its value, or its two parts where the catalogue counts "so many of so many". "–" when there is none. */
char *display_rollup(const struct rollup_figure *figure);

/* How many areas, and the share of people that is: "61/63 (98,2 %)". */
char *display_coverage(const struct rollup_figure *figure);

/* How much of a period that is made of shorter ones is there: "9 of 12 months". "" when the figure is of one piece. */
char *display_parts_of_period(const struct rollup_figure *figure, const char *time_period);

/* Who is missing, and what the figure would be had they stated what they stated before. "" when there is nothing. */
char *display_gaps(const struct rollup_figure *figure);

/* That nobody worked out what those missing would come to. "" when somebody did, or nothing is missing. */
char *display_no_interval(const struct rollup_figure *figure);

/* Of a period that is closed: which closing, when, and what is known now where that is another figure. "" when it is not. */
char *display_closing(const struct rollup_figure *figure);

/* Two texts of the caller's, which it frees, with something between them where neither is empty. */
char *display_joined(char *first, const char *between, char *second);

/* The digits that an exact figure needs: "12" for "12.0". "–" for NULL. */
char *display_exact(const char *digits);

/* Through what a roll-up moved (the code of tram.change), and the colour that it is told in; the code itself where it is
 * another one. */
const char *display_cause(const char *code, const char **ret_colour);

/* What else must be said: provisional, estimated, so many held, demonstration. "" when there is nothing. */
char *display_remarks(const struct rollup_figure *figure);

#endif
