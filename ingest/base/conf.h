/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf - settings from an INI file, driven by one table.
 *
 * A program has one table of settings (its settings.def); the struct, the parser with its bounds, -n (check), -p (print
 * all with defaults) and the test that the man page names each one read that same table. Every mistake in a file is
 * reported with file, line and remedy, not only the first. An unknown name is a mistake. Main thread only.
 */
#ifndef TRAM_CONF_H
#define TRAM_CONF_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_type {
	CONF_TEXT,     /* char *, owned by the settings */
	CONF_PATH,     /* char *; relative to the settings file's folder */
	CONF_COUNT,    /* int64_t */
	CONF_BYTES,    /* int64_t; accepts 64KiB, 2MiB, 1GiB */
	CONF_DURATION, /* int64_t microseconds; accepts 500ms, 30s, 5min, 12h, 30d */
	CONF_FLAG,     /* bool; yes or no */
	CONF_CHOICE,   /* char *; one of choices, "a|b|c" */
};

struct conf_setting {
	const char *name;
	enum conf_type type;
	size_t offset;       /* into the settings struct */
	const char *initial; /* the default, as one would write it; NULL: must be given */
	int64_t min, max;    /* for CONF_COUNT, CONF_BYTES, CONF_DURATION; max 0: no upper bound */
	const char *choices; /* for CONF_CHOICE */
	bool reloadable;     /* taken up on SIGHUP */
	const char *help;    /* N_("...") */
};

/* Fills the settings struct with defaults, then with the file (NULL: defaults only, and what must be given stays NULL or
 * 0). Frees nothing that was in it. On failure the settings are cleared; *err has a line for each mistake. */
bool conf_load(const struct conf_setting *table, size_t n, const char *path, void *settings,
	       struct err *err) MUST_CHECK;

/* Reads the file again. Takes up what is reloadable (texts that were in settings are freed: borrow none of those) and
 * names in *ret_kept, comma-separated, what else has changed and waits for a restart (caller frees; NULL: nothing).
 * On failure settings are as they were. */
bool conf_reload(const struct conf_setting *table, size_t n, const char *path, void *settings, char **ret_kept,
		 struct err *err) MUST_CHECK;

/*
 * One value of a settings file that is another program's: as it stands there, the rest not judged. *ret (caller frees) is
 * NULL when the file does not name it. False and *err when the file cannot be read.
 */
bool conf_peek(const char *path, const char *name, char **ret, struct err *err) MUST_CHECK;

/* Frees the texts in the struct and zeroes them. */
void conf_clear(const struct conf_setting *table, size_t n, void *settings);

/* Prints every setting with value, default, bounds and help as a file that conf_load() reads back. */
void conf_print(const struct conf_setting *table, size_t n, const void *settings, FILE *out);

#endif
