/* SPDX-License-Identifier: Apache-2.0 */
#include "show_differences.h"

#include "clock.h"
#include "decimal.h"
#include "lang.h"

#include <inttypes.h>
#include <string.h>

#define FIGURE_TEXT (2 * DECIMAL_TEXT + 32)

enum change { CHANGE_NEW, CHANGE_SAME, CHANGE_CHANGED, CHANGES };
static const char *const change_codes[] = {"new", "same", "changed"};

static enum change change_of(const Tram__V1__Difference *d)
{
	if (d->outcome == TRAM__V1__OUTCOME__OUTCOME_UNSPECIFIED)
		return CHANGE_NEW;
	return d->same ? CHANGE_SAME : CHANGE_CHANGED;
}

static const char *number(const Tram__V1__Decimal *d, char buf[static DECIMAL_TEXT])
{
	if (!d || !decimal_is_valid(d->mantissa, d->scale))
		return "?";
	return decimal_text((struct decimal){d->mantissa, (uint8_t)d->scale}, buf);
}

/* "71", "71 (710/1000)", "710/1000"; without either, the word for what there is instead. */
static const char *figure_text(const Tram__V1__Decimal *value, const Tram__V1__Decimal *numerator,
			       const Tram__V1__Decimal *denominator, const char *instead, char buf[static FIGURE_TEXT])
{
	char parts[FIGURE_TEXT], first[DECIMAL_TEXT], second[DECIMAL_TEXT];
	bool has_parts = numerator && denominator;

	snprintf(parts, sizeof parts, "%s/%s", number(numerator, first), number(denominator, second));
	if (value && has_parts)
		snprintf(buf, FIGURE_TEXT, "%s (%.*s)", number(value, first), 2 * DECIMAL_TEXT, parts);
	else
		snprintf(buf, FIGURE_TEXT, "%s", value ? number(value, first) : has_parts ? parts : instead);
	return buf;
}

static const char *outcome_name(Tram__V1__Outcome outcome)
{
	switch ((int)outcome) {
	case TRAM__V1__OUTCOME__OUTCOME_ACCEPTED: return _("accepted");
	case TRAM__V1__OUTCOME__OUTCOME_ACCEPTED_WITH_WARNINGS: return _("accepted with warnings");
	case TRAM__V1__OUTCOME__OUTCOME_HELD: return _("held");
	default: return _("refused");
	}
}

static const Tram__V1__Observation *observation(const struct show_about *about, const Tram__V1__Difference *d)
{
	bool is_there = d->observation >= 1 && d->observation <= about->report->n_observations;

	return is_there ? about->report->observations[d->observation - 1] : NULL;
}

static const char *stated_instead(const Tram__V1__Observation *o)
{
	bool withdraws = o && o->action == TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW;

	return withdraws ? _("withdrawn") : _("missing");
}

static void show_change(FILE *out, const struct show_about *about, const Tram__V1__Difference *d)
{
	const Tram__V1__Observation *o = observation(about, d);
	char from[FIGURE_TEXT], to[FIGURE_TEXT], when[CLOCK_TEXT];

	fprintf(out, _("  figure %" PRIu32), d->observation);
	if (o)
		fprintf(out, ", %s, %s", o->indicator, o->ref_area);
	fprintf(out, _(": from %s to %s (revision %" PRIu32 ", %s, %s)\n"),
		figure_text(d->value, d->numerator, d->denominator, d->withdrawn ? _("withdrawn") : _("missing"), from),
		figure_text(d->stated_value, d->stated_numerator, d->stated_denominator, stated_instead(o), to),
		d->revision, outcome_name(d->outcome), clock_text_vn(d->known_at_us, when));
}

void show_differences(FILE *out, const struct show_about *about)
{
	size_t counts[CHANGES] = {0};

	if (about->n_differences == 0) {
		fprintf(out, "  %s\n", _("the centre did not say what is stored of these figures"));
		return;
	}
	for (size_t i = 0; i < about->n_differences; i++)
		counts[change_of(about->differences[i])]++;
	fprintf(out, _("  beside what is stored: %zu new, %zu the same, %zu changed\n"), counts[CHANGE_NEW],
		counts[CHANGE_SAME], counts[CHANGE_CHANGED]);
	for (size_t i = 0; i < about->n_differences; i++)
		if (change_of(about->differences[i]) == CHANGE_CHANGED)
			show_change(out, about, about->differences[i]);
}

/* ---------------------------------------------------------------- for programs */

/* Texts of digits: a reader may take a number for a binary one and lose its last digits. */
static void set_number(json_t *object, const char *key, const Tram__V1__Decimal *d)
{
	char text[DECIMAL_TEXT];

	if (d)
		json_object_set_new(object, key, json_string(number(d, text)));
}

static json_t *stored_json(const Tram__V1__Difference *d)
{
	static const char *const outcomes[] = {"",     "accepted", "accepted_with_warnings",
					       "held", "refused",  "duplicate"};
	json_t *stored = json_object();
	char when[CLOCK_TEXT];

	set_number(stored, "value", d->value);
	set_number(stored, "numerator", d->numerator);
	set_number(stored, "denominator", d->denominator);
	json_object_set_new(stored, "revision", json_integer(d->revision));
	json_object_set_new(
	    stored, "outcome",
	    json_string((unsigned)d->outcome < sizeof outcomes / sizeof *outcomes ? outcomes[d->outcome] : ""));
	json_object_set_new(stored, "known_at", json_string(clock_text_rfc3339(d->known_at_us, when)));
	json_object_set_new(stored, "withdrawn", json_boolean(d->withdrawn));
	return stored;
}

static json_t *difference_json(const struct show_about *about, const Tram__V1__Difference *d)
{
	const Tram__V1__Observation *o = observation(about, d);
	json_t *object = json_object(), *stated = json_object();

	json_object_set_new(object, "observation", json_integer(d->observation));
	json_object_set_new(object, "indicator", json_string(o ? o->indicator : ""));
	json_object_set_new(object, "ref_area", json_string(o ? o->ref_area : ""));
	json_object_set_new(object, "change", json_string(change_codes[change_of(d)]));
	set_number(stated, "value", d->stated_value);
	set_number(stated, "numerator", d->stated_numerator);
	set_number(stated, "denominator", d->stated_denominator);
	json_object_set_new(object, "stated", stated);
	if (change_of(d) != CHANGE_NEW)
		json_object_set_new(object, "stored", stored_json(d));
	return object;
}

json_t *differences_json(const struct show_about *about)
{
	json_t *list = json_array();

	for (size_t i = 0; i < about->n_differences; i++)
		json_array_append_new(list, difference_json(about, about->differences[i]));
	return list;
}
