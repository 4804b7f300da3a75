/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap - a paragraph in lines that fit a terminal, counted in columns of the screen and not in bytes. Pure; any thread.
 */
#ifndef TRAM_WRAP_H
#define TRAM_WRAP_H

#include <stdio.h>

#define WRAP_COLUMNS 100

/*
 * Prints the text from a column on, which the line has reached already, and ends it; its further lines begin at the same column. A
 * line end in the text is a blank, two of them end a paragraph. A word that is longer than a line stands alone on one.
 */
void wrap_print(FILE *out, const char *text, int column);

#endif
