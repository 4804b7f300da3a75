/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal - labels that line up; colours and progress, on a terminal only: in a pipe these give and print nothing.
 * NO_COLOR is honoured.
 */
#ifndef TRAM_TERMINAL_H
#define TRAM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

bool terminal_is(FILE *f);

/* How wide it is; where that is not known, or it is no terminal, otherwise. */
size_t terminal_columns(FILE *f, size_t otherwise);

/* The text, cut to so many columns on a terminal; whole in a pipe. Caller frees. */
char *terminal_fit(FILE *f, const char *text, size_t columns);

/* Escape sequences around coloured text ("red", "yellow", "green", "dim", "bold"); "" where there is no terminal. */
const char *terminal_begin(FILE *f, const char *colour);
const char *terminal_end(FILE *f);

/* "  42 %  1,234,567 rows" over itself on stderr, at most ten times a second. total 0: not known. */
void terminal_progress(uint64_t done_bytes, uint64_t total_bytes, uint64_t rows);
/* Wipes the line of terminal_progress(); call before printing anything else. */
void terminal_progress_end(void);

/* The text, and blanks up to so many columns of the screen: printf counts bytes, and a Vietnamese letter is several. */
void terminal_label(FILE *out, const char *text, int columns);

#endif
