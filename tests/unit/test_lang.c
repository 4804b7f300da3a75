/* SPDX-License-Identifier: Apache-2.0 */
#include "lang.h"

#include <locale.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *tram_lang, *lc_all, *lc_messages, *lang, *language;
	bool vi;
} cases[] = {
    {NULL, NULL, NULL, NULL, NULL, false},
    {"vi", NULL, NULL, NULL, NULL, true},
    {"vi", "C", NULL, NULL, NULL, true},
    {"vi", NULL, NULL, "C.UTF-8", "en", true},
    {"en", "vi_VN.UTF-8", NULL, "vi_VN.UTF-8", "vi", false},
    {"", NULL, NULL, "vi_VN.UTF-8", NULL, true}, /* a locale that need not be there */
    {NULL, NULL, NULL, "vi_VN.UTF-8", NULL, true},
    {NULL, NULL, NULL, "vi", NULL, true},
    {NULL, NULL, "vi_VN.UTF-8", "en_US.UTF-8", NULL, true},
    {NULL, "en_US.UTF-8", "vi_VN.UTF-8", "vi_VN.UTF-8", NULL, false},
    {NULL, NULL, NULL, "C.UTF-8", "vi:en", true},
    {NULL, NULL, NULL, "C", "vi", false}, /* as gettext has it */
    {NULL, NULL, NULL, "en_US.UTF-8", "en:vi", false},
    {NULL, NULL, NULL, "vie", NULL, false},
    {NULL, NULL, NULL, "de_DE.UTF-8", NULL, false},
};

static void put(const char *name, const char *value)
{
	if (value) {
		setenv(name, value, 1);
	} else {
		unsetenv(name);
	}
}

static void the_language_is_the_wanted_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *text;
		char number[16];

		put("TRAM_LANG", cases[i].tram_lang);
		put("LC_ALL", cases[i].lc_all);
		put("LC_MESSAGES", cases[i].lc_messages);
		put("LANG", cases[i].lang);
		put("LANGUAGE", cases[i].language);
		lang_start();
		text = gettext("cannot open %s");
		if (lang_is_vi() != cases[i].vi ||
		    strcmp(text, cases[i].vi ? "không mở được %s" : "cannot open %s") != 0) {
			fail_msg("row %zu: %d, %s", i, lang_is_vi(), text);
		}
		snprintf(number, sizeof number, "%.1f", 1.5);
		assert_string_equal(number, "1.5");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_language_is_the_wanted_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
