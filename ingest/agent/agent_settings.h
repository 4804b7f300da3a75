/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_settings - what an agent is told: one table (agent_settings.def), one struct, one file. Main thread only.
 */
#ifndef TRAM_AGENT_SETTINGS_H
#define TRAM_AGENT_SETTINGS_H

#include "conf.h"
#include "log.h"

#include <stdio.h>

#define AGENT_SETTINGS_FILE "/etc/tram/tram-agent.conf"

/* What each type of setting is in the struct. */
#define AGENT_SETTING_TEXT     char *
#define AGENT_SETTING_PATH     char *
#define AGENT_SETTING_CHOICE   char *
#define AGENT_SETTING_COUNT    int64_t
#define AGENT_SETTING_BYTES    int64_t
#define AGENT_SETTING_DURATION int64_t /* microseconds */

struct agent_settings {
#define SETTING(name, type, initial, min, max, choices, reloadable, help) AGENT_SETTING_##type name;
#include "agent_settings.def"
#undef SETTING
};

extern const struct conf_setting agent_settings_table[];
extern const size_t agent_settings_count;

/* Fills *ret from the file (NULL: defaults only, unchecked). Freed with agent_settings_clear(), also after a failure. */
bool agent_settings_load(const char *path, struct agent_settings *ret, struct err *err) MUST_CHECK;

/* Takes up what is reloadable; as conf_reload(). */
bool agent_settings_reload(const char *path, struct agent_settings *settings, char **ret_kept,
			   struct err *err) MUST_CHECK;
void agent_settings_clear(struct agent_settings *settings);

/* A file that agent_settings_load() reads back, with defaults, bounds and help. */
void agent_settings_print(const struct agent_settings *settings, FILE *out);

enum log_level agent_settings_log_level(const struct agent_settings *settings);

#endif
