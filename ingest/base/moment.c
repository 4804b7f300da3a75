/* SPDX-License-Identifier: Apache-2.0 */
#include "moment.h"

#include "lang.h"

#include <stdio.h>

#define VN_ZONE "+07:00"

static const struct {
	const char *name, *instead;
} options[] = {
    [MOMENT_AS_OF] = {"--as-of", N_("leave --as-of out for what is known now")},
    [MOMENT_SINCE] = {"--since", N_("give --since a moment that has passed")},
    [MOMENT_ON] = {"--on", N_("give --on the day it was announced on")},
};

bool moment_parse(const char *text, int64_t *ret_us)
{
	char zoned[CLOCK_TEXT];

	return clock_parse(text, ret_us) ||
	       ((size_t)snprintf(zoned, sizeof zoned, "%s" VN_ZONE, text) < sizeof zoned && clock_parse(zoned, ret_us));
}

bool moment_has_come(int64_t us, int64_t now_us)
{
	return us <= now_us || us - now_us <= MOMENT_TOLERANCE;
}

char *moment_text(int64_t us, char buf[static CLOCK_TEXT])
{
	char vn[CLOCK_TEXT];

	snprintf(buf, CLOCK_TEXT, "%.33s" VN_ZONE, clock_text_vn(us, vn));
	return buf;
}

bool moment_read(enum moment_option option, const char *text, int64_t *ret_us, struct err *err)
{
	return !text || moment_parse(text, ret_us) ||
	       err_set(err, ERR_USAGE, _("%s %s is no time: write 2024-07-19 or 2024-07-19T08:00:00+07:00"),
		       options[option].name, text);
}

bool moment_check(enum moment_option option, const char *text, int64_t now_us, struct err *err)
{
	char now[CLOCK_TEXT];
	int64_t us;

	return !text || !moment_parse(text, &us) || moment_has_come(us, now_us) ||
	       err_set(err, ERR_USAGE, _("%s %s: this moment has not come yet, it is now %s; %s"), options[option].name,
		       text, moment_text(now_us, now), _(options[option].instead));
}
