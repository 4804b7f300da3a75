/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event - the one vocabulary of events: what the journal, the live feed, the counters and `tram tail` call what happens.
 *
 * The table is event.def. Pure; any thread.
 */
#ifndef TRAM_EVENT_H
#define TRAM_EVENT_H

#include "log.h"
#include "tram.pb-c.h"

#include <stddef.h>

enum event_id {
#define EVENT(id, name, severity, level, fields, help) EVENT_##id,
#include "event.def"
#undef EVENT
	EVENT_KINDS
};

struct event_kind {
	const char *name;            /* report.committed */
	Tram__V1__Severity severity; /* where the event does not state its own */
	enum log_level level;        /* in the journal */
	const char *fields;          /* names, separated by a space */
	const char *help;            /* N_("...") */
};

/* EVENT_KINDS rows, by event_id, in the alphabet's order of names. */
extern const struct event_kind event_table[];

/* The row of a name, or NULL. */
const struct event_kind *event_by_name(const char *name);

/* I, W, J or B; '-' when unspecified. */
char event_severity_letter(Tram__V1__Severity severity);
/* The severity of a letter, UNSPECIFIED when it is none of these. */
Tram__V1__Severity event_severity(char letter);

/* "63/46|dung|J|observation.held", with "-" for what is empty: a topic of the feed. */
#define EVENT_TOPIC_MAX 200
char *event_topic(const Tram__V1__Event *event, char buf[static EVENT_TOPIC_MAX]);

#endif
