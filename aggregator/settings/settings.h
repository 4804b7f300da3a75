/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings - what the centre's programs are told: one table (settings.def), one struct, one file.
 *
 * The aggregator and tram-centre read the same file. Main thread only.
 */
#ifndef TRAM_SETTINGS_H
#define TRAM_SETTINGS_H

#include "conf.h"

#include <stdio.h>

#define SETTINGS_FILE "/etc/tram/tram-aggregator.conf"

/* What each type of setting is in the struct. */
#define SETTING_IS_TEXT     char *
#define SETTING_IS_PATH     char *
#define SETTING_IS_CHOICE   char *
#define SETTING_IS_COUNT    int64_t
#define SETTING_IS_BYTES    int64_t
#define SETTING_IS_DURATION int64_t /* microseconds */
#define SETTING_IS_FLAG     bool

struct settings {
#define SETTING(name, type, initial, min, max, choices, reloadable, help) SETTING_IS_##type name;
#include "settings.def"
#undef SETTING
};

extern const struct conf_setting settings_table[];
extern const size_t settings_count;

/* Fills *ret from the file (NULL: defaults). Freed with settings_clear(), also after a failure. */
bool settings_load(const char *path, struct settings *ret, struct err *err) MUST_CHECK;

/* Takes up what is reloadable; as conf_reload(). */
bool settings_reload(const char *path, struct settings *settings, char **ret_kept, struct err *err) MUST_CHECK;
void settings_clear(struct settings *settings);

/*
 * The most memory the aggregator takes, in bytes, with these settings: by itself, and for each agent that is connected (once,
 * whatever it does). tram-aggregator.conf(5) has the terms.
 */
struct settings_memory {
	int64_t itself, each;
};
struct settings_memory settings_memory(const struct settings *settings);

/* A file that settings_load() reads back, with defaults, bounds and help. */
void settings_print(const struct settings *settings, FILE *out);

#endif
