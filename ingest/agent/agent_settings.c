/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_settings.h"

#include "keys.h"
#include "lang.h"

#include <inttypes.h>
#include <string.h>

const struct conf_setting agent_settings_table[] = {
#define SETTING(name_, type_, initial_, min_, max_, choices_, reloadable_, help_)                                      \
	{                                                                                                              \
	    .name = #name_,                                                                                            \
	    .type = CONF_##type_,                                                                                      \
	    .offset = offsetof(struct agent_settings, name_),                                                          \
	    .initial = initial_,                                                                                       \
	    .min = min_,                                                                                               \
	    .max = max_,                                                                                               \
	    .choices = choices_,                                                                                       \
	    .reloadable = reloadable_,                                                                                 \
	    .help = help_,                                                                                             \
	},
#include "agent_settings.def"
#undef SETTING
};
const size_t agent_settings_count = sizeof agent_settings_table / sizeof agent_settings_table[0];

static bool check_endpoint(const char *path, const char *centre, struct err *err)
{
	const char *port = strrchr(centre, ':');
	bool fine = strncmp(centre, "tcp://", 6) == 0 && port > centre + 6 && port[1] != '\0' &&
		    strspn(port + 1, "0123456789") == strlen(port + 1) && strchr(centre, '*') == NULL;
	return fine || err_set(err, ERR_CONFIG, _("%s: centre must be tcp://HOST:PORT, not \"%.100s\""), path, centre);
}

static bool check(const char *path, const struct agent_settings *s, struct err *err)
{
	if (!keys_name_is_valid(s->agent))
		return err_set(err, ERR_CONFIG,
			       _("%s: \"%.80s\" is no agent's id: 1 to %d of a-z, 0-9 and -, not starting with -"),
			       path, s->agent, KEYS_NAME_MAX);
	if (s->reconnect_max < s->reconnect)
		return err_set(err, ERR_CONFIG, _("%s: reconnect_max must be at least reconnect"), path);
	if (s->submission_bytes < s->report_bytes)
		return err_set(err, ERR_CONFIG, _("%s: submission_bytes must be at least report_bytes"), path);
	return check_endpoint(path, s->centre, err);
}

bool agent_settings_load(const char *path, struct agent_settings *ret, struct err *err)
{
	*ret = (struct agent_settings){0};
	if (!conf_load(agent_settings_table, agent_settings_count, path, ret, err))
		return false;
	if (!path || check(path, ret, err))
		return true;
	agent_settings_clear(ret);
	return false;
}

bool agent_settings_reload(const char *path, struct agent_settings *settings, char **ret_kept, struct err *err)
{
	struct agent_settings fresh;
	*ret_kept = NULL;
	/* What cannot be taken up as a whole is not taken up in part. */
	bool fine = agent_settings_load(path, &fresh, err);
	agent_settings_clear(&fresh);
	return fine && conf_reload(agent_settings_table, agent_settings_count, path, settings, ret_kept, err);
}

void agent_settings_clear(struct agent_settings *settings)
{
	conf_clear(agent_settings_table, agent_settings_count, settings);
}

void agent_settings_print(const struct agent_settings *settings, FILE *out)
{
	conf_print(agent_settings_table, agent_settings_count, settings, out);
}

enum log_level agent_settings_log_level(const struct agent_settings *settings)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {{"error", LOG_LEVEL_ERROR},
		      {"warning", LOG_LEVEL_WARNING},
		      {"info", LOG_LEVEL_INFO},
		      {"debug", LOG_LEVEL_DEBUG}};
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
		if (strcmp(levels[i].name, settings->log_level) == 0)
			return levels[i].level;
	return LOG_LEVEL_INFO;
}
