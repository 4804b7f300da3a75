/* SPDX-License-Identifier: Apache-2.0 */
#include "event.h"
#include "lang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct event_kind event_table[] = {
#define EVENT(id, name, severity, level, fields, help)                                                                 \
	{name, TRAM__V1__SEVERITY__SEVERITY_##severity, LOG_LEVEL_##level, fields, help},
#include "event.def"
#undef EVENT
};

static int by_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct event_kind *)row)->name);
}

const struct event_kind *event_by_name(const char *name)
{
	return bsearch(name, event_table, EVENT_KINDS, sizeof(event_table[0]), by_name);
}

static const char letters[] = "-IWJB";

char event_severity_letter(Tram__V1__Severity severity)
{
	return (unsigned)severity < sizeof(letters) - 1 ? letters[severity] : '-';
}

Tram__V1__Severity event_severity(char letter)
{
	const char *at = letter ? strchr(letters, letter) : NULL;
	return at ? (Tram__V1__Severity)(at - letters) : TRAM__V1__SEVERITY__SEVERITY_UNSPECIFIED;
}

static const char *or_dash(const char *text)
{
	return text && text[0] ? text : "-";
}

char *event_topic(const Tram__V1__Event *event, char buf[static EVENT_TOPIC_MAX])
{
	snprintf(buf, EVENT_TOPIC_MAX, "%s|%s|%c|%s", or_dash(event->area), or_dash(event->word),
		 event_severity_letter(event->severity), event->name);
	return buf;
}
