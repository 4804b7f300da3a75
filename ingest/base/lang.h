/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lang - every text a person reads exists in Vietnamese and English.
 *
 * Texts stand in the code in English inside _(), and in Vietnamese in deploy/po/vi.po (GNU gettext, part of libc). A
 * test fails when one is missing. The language is that of TRAM_LANG (vi or en) or else of the locale; "C" is English.
 */
#ifndef TRAM_LANG_H
#define TRAM_LANG_H

#include <libintl.h>
#include <stdbool.h>

#define _(text)  gettext(text)
#define N_(text) (text)

/* Call once, first thing in main(). Finds the translations beside the program (../share/locale) or where installed. */
void lang_start(void);

/* Whether the process speaks Vietnamese. */
bool lang_is_vi(void);

/*
 * From now on the process speaks this language, until it is told another: a daemon answers each in his own. Only where one thread
 * says anything.
 */
void lang_speak(bool vietnamese);

/* Whether the name is of one of the languages: vi, en, also as a locale (vi_VN.UTF-8). */
bool lang_is_known(const char *name);

#endif
