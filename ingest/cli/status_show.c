/* SPDX-License-Identifier: Apache-2.0 */
#include "status_show.h"

#include "clock.h"
#include "lang.h"
#include "status.h"
#include "terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MIB          (INT64_C(1) << 20)
#define LABEL_COLUMN 21
#define LINE_MAX_LEN 512

typedef Tram__Control__V1__Status facts;

/* Writes what there is to say, or leaves buf empty. */
typedef void say_fn(const facts *s, char buf[static LINE_MAX_LEN]);

#define SAY(...) snprintf(buf, LINE_MAX_LEN, __VA_ARGS__)

/* -1: the agent does not say it. */
static int64_t number(const facts *s, const char *name)
{
	const char *value = status_value(s, name);

	return *value ? strtoll(value, NULL, 10) : -1;
}

/* Tenths of a unit as people write them; whole from 10 on. Returns buf. */
static char *tenths(int64_t n, char buf[static 32])
{
	if (n >= 100 || n % 10 == 0)
		snprintf(buf, 32, "%" PRId64, (n + 5) / 10);
	else
		snprintf(buf, 32, "%" PRId64 "%s%" PRId64, n / 10, lang_is_vi() ? "," : ".", n % 10);
	return buf;
}

static char *mib(int64_t bytes, char buf[static 32])
{
	return tenths(bytes / MIB * 10 + (bytes % MIB * 10 + MIB / 2) / MIB, buf);
}

static char *seconds(int64_t ms, char buf[static 32])
{
	return tenths((ms + 99) / 100, buf); /* never less than it took */
}

/* ---------------------------------------------------------------- the lines */

static void say_agent(const facts *s, char buf[static LINE_MAX_LEN])
{
	if (*status_value(s, "version"))
		SAY("%s (tram %s)", status_value(s, "agent"), status_value(s, "version"));
	else
		SAY("%s", status_value(s, "agent"));
}

static void say_centre(const facts *s, char buf[static LINE_MAX_LEN])
{
	SAY("%s", status_value(s, "centre"));
}

static const char *link_in_words(const char *state)
{
	static const struct {
		const char *state, *text;
	} states[] = {{"offline", N_("not connected")},
		      {"greeting", N_("connected, waiting for the centre's welcome")},
		      {"streaming", N_("connected")},
		      {"resting", N_("not connected: the centre refused, the agent tries again later")},
		      {"forked", N_("stopped: this outbox and the centre disagree")}};

	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strcmp(states[i].state, state) == 0)
			return _(states[i].text);
	return state;
}

static void say_link(const facts *s, char buf[static LINE_MAX_LEN])
{
	const char *state = link_in_words(status_value(s, "state"));
	int64_t heard = number(s, "heard_s_ago");
	char when[CLOCK_TEXT];

	if (heard < 0)
		SAY("%s", state);
	else
		SAY(_("%s; the centre was last heard at %s"), state,
		    clock_text_vn(clock_wall_us() - heard * CLOCK_SECOND, when));
}

static void say_why(const facts *s, char buf[static LINE_MAX_LEN])
{
	SAY("%s", status_words(s, "why"));
}

static void say_centre_says(const facts *s, char buf[static LINE_MAX_LEN])
{
	SAY("%s", status_centre_says(s));
}

static void say_remedy(const facts *s, char buf[static LINE_MAX_LEN])
{
	SAY("%s", status_words(s, "remedy"));
}

static void say_waiting(const facts *s, char buf[static LINE_MAX_LEN])
{
	const char *since = status_value(s, "oldest_pending");
	int64_t n = number(s, "pending");
	char reports[64];

	if (n == 0)
		SAY("%s", _("nothing: the centre has all that was handed in"));
	if (n <= 0)
		return;
	snprintf(reports, sizeof reports, ngettext("%" PRIu64 " report", "%" PRIu64 " reports", (unsigned long)n),
		 (uint64_t)n);
	if (*since)
		SAY(_("%s, the oldest handed in at %s"), reports, since);
	else
		SAY("%s", reports);
}

static void say_verdict(const facts *s, char buf[static LINE_MAX_LEN])
{
	if (number(s, "verdicts") == 0)
		SAY("%s", _("none yet"));
	else
		SAY("%s", status_value(s, "last_verdict"));
}

static void say_time(const facts *s, char buf[static LINE_MAX_LEN])
{
	int64_t half = number(s, "time_to_verdict_p50_ms"), most = number(s, "time_to_verdict_p99_ms");
	char a[32], b[32];

	if (half >= 0 && most >= 0)
		SAY(_("half within %s s, 99 of 100 within %s s"), seconds(half, a), seconds(most, b));
}

static void say_outbox(const facts *s, char buf[static LINE_MAX_LEN])
{
	int64_t is = number(s, "outbox_bytes"), limit = number(s, "outbox_bytes_max");
	char a[32], b[32];

	if (is >= 0 && limit >= 0)
		SAY(_("%s of %s MiB"), mib(is, a), mib(limit, b));
}

static void say_disk(const facts *s, char buf[static LINE_MAX_LEN])
{
	int64_t n = number(s, "disk_free_bytes");
	char a[32];

	if (n >= 0)
		SAY("%s MiB", mib(n, a));
}

static void say_catalogue(const facts *s, char buf[static LINE_MAX_LEN])
{
	int64_t n = number(s, "catalogue_version");

	if (n == 0)
		SAY("%s", _("none from the centre yet"));
	else if (n > 0)
		SAY(_("version %" PRId64), n);
}

static void say_door(const facts *s, char buf[static LINE_MAX_LEN])
{
	SAY("%s", status_words(s, "door_refuses"));
}

static const struct {
	const char *label;
	say_fn *say;
} lines[] = {
    {N_("Agent"), say_agent},
    {N_("Centre"), say_centre},
    {N_("Link"), say_link},
    {N_("Why"), say_why},
    {N_("The centre says"), say_centre_says},
    {N_("Remedy"), say_remedy},
    {N_("Waiting"), say_waiting},
    {N_("Last verdict"), say_verdict},
    {N_("Time to verdict"), say_time},
    {N_("Outbox"), say_outbox},
    {N_("Free on its disk"), say_disk},
    {N_("Catalogue"), say_catalogue},
    {N_("Refuses hand-ins"), say_door},
};

void status_show(FILE *out, const Tram__Control__V1__Status *status)
{
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char text[LINE_MAX_LEN] = "";

		lines[i].say(status, text);
		if (!*text)
			continue;
		terminal_label(out, _(lines[i].label), LABEL_COLUMN);
		fprintf(out, "%s\n", text);
	}
}
