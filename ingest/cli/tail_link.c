/* SPDX-License-Identifier: Apache-2.0 */
#include "tail_link.h"

#include "lang.h"

static void say_unanswered(const struct tail_link *l, FILE *out)
{
	fprintf(out,
		_("tram tail: %s does not let in the key of %s (%s), or stands still; waiting. Who runs the centre "
		  "lets it in by "
		  "putting its .pub file into the folder feed_keys of the centre's settings: systemctl reload "
		  "tram-aggregator\n"),
		l->endpoint, l->name, l->fingerprint);
}

static void say_broken(const struct tail_link *l, FILE *out)
{
	fprintf(out,
		_("tram tail: %s hung up: most likely %s is not this centre's key; waiting. Compare its fingerprint "
		  "with the "
		  "centre's: tram keys show %s\n"),
		l->endpoint, l->centre_key, l->centre_key);
}

static void say(const struct tail_link *l, enum road_event event, FILE *out)
{
	bool has_keys = l->name != NULL;

	if (event == ROAD_EVENT_READY)
		fprintf(out, _("tram tail: listening to %s\n"), l->endpoint);
	else if (event == ROAD_EVENT_UNANSWERED && has_keys)
		say_unanswered(l, out);
	else if (event == ROAD_EVENT_BROKEN && has_keys)
		say_broken(l, out);
	else if (event == ROAD_EVENT_NOT_CURVE)
		fprintf(
		    out,
		    _("tram tail: what answers at %s is no feed; waiting. Look at the setting feed of the centre\n"),
		    l->endpoint);
	else if (event == ROAD_EVENT_REFUSED && has_keys)
		fprintf(out, _("tram tail: %s refused the key of %s (%s)\n"), l->endpoint, l->name, l->fingerprint);
	else
		fprintf(out, _("tram tail: nobody at %s; waiting\n"), l->endpoint);
}

void tail_link_tell(struct tail_link *l, enum road_event event, FILE *out)
{
	/* What hung up before it had let us in is there: why it did not has been said, or is by the event that follows. */
	bool is_end_of_failure = event == ROAD_EVENT_DISCONNECTED && l->met;

	l->met =
	    event == ROAD_EVENT_CONNECTED || (l->met && event != ROAD_EVENT_READY && event != ROAD_EVENT_DISCONNECTED);
	if (event == ROAD_EVENT_CONNECTED || is_end_of_failure || event == l->told)
		return;
	l->told = event;
	say(l, event, out);
}

bool tail_link_is_up(const struct tail_link *l)
{
	return l->told == ROAD_EVENT_READY;
}

bool tail_link_is_refused(const struct tail_link *l)
{
	return l->told == ROAD_EVENT_REFUSED;
}
