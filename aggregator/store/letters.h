/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letters - severities and word states as the one letter that stands for them in the store. A letter that is none of
 * them reads as the gravest.
 */
#ifndef TRAM_LETTERS_H
#define TRAM_LETTERS_H

#include "rules.h"

#include <assert.h>
#include <string.h>

#define LETTERS_SEVERITY "IWJB" /* from SEVERITY_INFORM */
#define LETTERS_WORD     "PWHF" /* from WORD_PASS */

static inline char letter_of(const char *letters, unsigned value, unsigned first)
{
	assert(value >= first && value - first < strlen(letters));
	return letters[value - first];
}

static inline unsigned of_letter(const char *letters, char letter, unsigned first)
{
	const char *at = letter ? strchr(letters, letter) : NULL;

	return first + (unsigned)(at ? at - letters : (long)strlen(letters) - 1);
}

static inline char severity_letter(enum severity s)
{
	return letter_of(LETTERS_SEVERITY, s, SEVERITY_INFORM);
}
static inline enum severity severity_of_letter(char letter)
{
	return of_letter(LETTERS_SEVERITY, letter, SEVERITY_INFORM);
}
static inline char word_letter(enum word_state s)
{
	return letter_of(LETTERS_WORD, s, WORD_PASS);
}
static inline enum word_state word_of_letter(char letter)
{
	return of_letter(LETTERS_WORD, letter, WORD_PASS);
}

#endif
