/* SPDX-License-Identifier: Apache-2.0 */
#include "lang.h"
#include "mem.h"

#include <locale.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOMAIN "tram"

static bool speaks_vi;

/* The first of the variables that says something, in the order POSIX and gettext give them. */
static const char *wanted_language(void)
{
	static const char *const names[] = {"TRAM_LANG", "LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value && *value) {
			const char *list = getenv("LANGUAGE");
			bool plain = strcmp(value, "C") == 0 || strcmp(value, "POSIX") == 0;

			return i > 0 && !plain && list && *list ? list : value;
		}
	}
	return "C";
}

static bool is_language(const char *name, const char *language)
{
	return strncmp(name, language, 2) == 0 && !(name[2] >= 'a' && name[2] <= 'z');
}

static bool is_vi(const char *name)
{
	return is_language(name, "vi");
}

bool lang_is_known(const char *name)
{
	return is_vi(name) || is_language(name, "en");
}

/* Where the translations lie when seen from the program: prefix/bin, prefix/sbin, prefix/libexec/tram. */
static char *find_beside_program(void)
{
	static const char *const ways[] = {"../share/locale", "../../share/locale"};
	char exe[4096];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
	char *slash;

	if (len <= 0) {
		return NULL;
	}
	exe[len] = 0;
	if ((slash = strrchr(exe, '/'))) {
		*slash = 0;
	}
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		char *dir = xasprintf("%s/%s", exe, ways[i]);
		char *file = xasprintf("%s/vi/LC_MESSAGES/" DOMAIN ".mo", dir);
		bool there = access(file, R_OK) == 0;

		free(file);
		if (there) {
			return dir;
		}
		free(dir);
	}
	return NULL;
}

/* gettext ignores LANGUAGE in the locale "C", and vi_VN.UTF-8 is seldom generated on a server: C.UTF-8 always is. */
static void settle_locale(void)
{
	const char *messages;

	setlocale(LC_ALL, "");
	messages = setlocale(LC_MESSAGES, NULL);
	if (!messages || strcmp(messages, "C") == 0 || strcmp(messages, "POSIX") == 0) {
		setlocale(LC_CTYPE, "C.UTF-8");
		setlocale(LC_MESSAGES, "C.UTF-8");
	}
	setlocale(LC_NUMERIC, "C"); /* a figure reads the same everywhere */
	setenv("LANGUAGE", speaks_vi ? "vi" : "en", 1);
}

void lang_start(void)
{
	char *dir = find_beside_program();

	speaks_vi = is_vi(wanted_language());
	settle_locale();
	bindtextdomain(DOMAIN, dir ? dir : TRAM_LOCALE_DIR);
	bind_textdomain_codeset(DOMAIN, "UTF-8");
	textdomain(DOMAIN);
	free(dir);
}

bool lang_is_vi(void)
{
	return speaks_vi;
}

void lang_speak(bool vietnamese)
{
	if (vietnamese == speaks_vi) {
		return;
	}
	speaks_vi = vietnamese;
	setenv("LANGUAGE", vietnamese ? "vi" : "en", 1);
	textdomain(DOMAIN); /* makes gettext look at LANGUAGE again */
}
