/* SPDX-License-Identifier: Apache-2.0 */
#include "display.h"

#include "clock.h"
#include "lang.h"
#include "mem.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING "–"

/* ---------------------------------------------------------------- numbers */

/* Room for a separator before every digit is more than enough. */
char *display_number(const char *digits)
{
	bool vi = lang_is_vi();
	size_t whole;
	char *out, *to;

	if (!digits) {
		return xstrdup(NOTHING);
	}
	to = out = xcalloc(1, 2 * strlen(digits) + 1);
	if (*digits == '-') {
		*to++ = *digits++;
	}
	whole = strcspn(digits, ".");
	for (size_t i = 0; i < whole; i++) {
		if (i > 0 && (whole - i) % 3 == 0) {
			*to++ = vi ? '.' : ',';
		}
		*to++ = digits[i];
	}
	if (digits[whole] == '.') {
		*to++ = vi ? ',' : '.';
		memcpy(to, digits + whole + 1, strlen(digits + whole + 1));
	}
	return out;
}

char *display_exact(const char *digits)
{
	char *trimmed = xstrdup(digits ? digits : ""), *out, *end = trimmed + strlen(trimmed);

	if (strchr(trimmed, '.')) {
		while (end[-1] == '0') {
			*--end = 0;
		}
		end[-1] = end[-1] == '.' ? 0 : end[-1];
	}
	out = display_number(digits ? trimmed : NULL);
	free(trimmed);
	return out;
}

char *display_parts(const char *numerator, const char *denominator)
{
	char *top, *bottom, *out;

	if (!numerator || !denominator) {
		return xstrdup(NOTHING);
	}
	top = display_number(numerator);
	bottom = display_number(denominator);
	out = xasprintf("%s/%s", top, bottom);
	free(top);
	free(bottom);
	return out;
}

/* ---------------------------------------------------------------- words */

struct word_of {
	const char *code, *text;
};

static const char *find_word(const struct word_of *rows, size_t n, const char *code)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].code, code) == 0) {
			return _(rows[i].text);
		}
	}
	return "";
}

static const char *qualifier_word(const char *code)
{
	static const struct word_of rows[] = {
	    {"at_least", N_("at least ")}, {"more_than", N_("more than ")}, {"at_most", N_("at most ")},
	    {"nearly", N_("nearly ")},     {"approx", N_("about ")},
	};

	return find_word(rows, sizeof rows / sizeof *rows, code);
}

static const char *status_word(const char *code)
{
	static const struct word_of rows[] = {
	    {"B", N_("break in the series")},
	    {"P", N_("preliminary")},
	    {"E", N_("estimated")},
	    {"I", N_("imputed")},
	    {"F", N_("forecast")},
	};

	return find_word(rows, sizeof rows / sizeof *rows, code);
}

static const char *mult_word(int mult)
{
	switch (mult) {
	case 3: return _(" thousand");
	case 6: return _(" million");
	case 9: return _(" billion");
	case 12: return _(" trillion");
	default: return "";
	}
}

/* English has no list of names of units: its code is one ("million_VND"). */
static char *unit_word(const char *unit, const char *unit_vi)
{
	char *word;

	if (strcmp(unit, "percent") == 0) {
		return xstrdup(" %");
	}
	word = xasprintf(" %s", lang_is_vi() ? unit_vi : unit);
	for (char *c = word; !lang_is_vi() && *c; c++) {
		if (*c == '_') {
			*c = ' ';
		}
	}
	return word;
}

/* ---------------------------------------------------------------- figures */

char *display_dressed(const char *text, const char *qualifier, int mult, const char *unit, const char *unit_vi)
{
	char *name = unit_word(unit, unit_vi);
	char *power = *mult_word(mult) || mult == 0 ? xstrdup(mult_word(mult)) : xasprintf(" × 10^%d", mult);
	char *out = xasprintf("%s%s%s%s", qualifier_word(qualifier), text, power, name);

	free(name);
	free(power);
	return out;
}

char *display_figure(const char *number, const char *qualifier, int mult, const char *unit, const char *unit_vi)
{
	char *text = display_number(number);
	char *out = number ? display_dressed(text, qualifier, mult, unit, unit_vi) : xstrdup(NOTHING);

	free(text);
	return out;
}

char *display_rollup(const struct rollup_figure *f)
{
	char *parts, *out;

	if (!f->counts_parts || !f->shown_numerator || !f->shown_denominator) {
		return display_figure(f->shown, f->qualifier, f->display_unit_mult, f->unit, f->unit_vi);
	}
	parts = display_parts(f->shown_numerator, f->shown_denominator);
	out = display_dressed(parts, f->qualifier, f->display_unit_mult, f->unit, f->unit_vi);
	free(parts);
	return out;
}

char *display_coverage(const struct rollup_figure *f)
{
	char *percent = display_number(f->coverage_percent);
	char *out = xasprintf("%d/%d (%s %%)", f->areas_reporting, f->areas_expected, percent);

	free(percent);
	return out;
}

char *display_joined(char *first, const char *between, char *second)
{
	char *out = xasprintf("%s%s%s", first, *first && *second ? between : "", second);

	free(first);
	free(second);
	return out;
}

static char *add_remark(char *so_far, char *remark)
{
	return display_joined(so_far, ", ", remark);
}

static char *known_now(const struct rollup_figure *f)
{
	if (f->counts_parts && f->now_numerator && f->now_denominator) {
		return display_parts(f->now_numerator, f->now_denominator);
	}
	return display_number(f->now_shown);
}

char *display_closing(const struct rollup_figure *f)
{
	char when[CLOCK_TEXT] = "", *out, *now;
	int64_t us;

	if (f->vintage == 0) {
		return xstrdup("");
	}
	if (f->known_at && clock_parse(f->known_at, &us)) {
		clock_text_vn(us, when);
	}
	if (!f->moved) {
		return xasprintf(_("closing %d of %s"), f->vintage, when);
	}
	now = known_now(f);
	out = xasprintf(_("closing %d of %s; it has moved: now %s"), f->vintage, when, now);
	free(now);
	return out;
}

char *display_remarks(const struct rollup_figure *f)
{
	char *out = xstrdup("");

	if (strcmp(f->finality, "final") != 0) {
		out = add_remark(out, xstrdup(_("provisional")));
	}
	out = add_remark(out, xstrdup(status_word(f->obs_status)));
	if (f->held > 0) {
		out = add_remark(out, xasprintf(_("%d held"), f->held));
	}
	if (f->demonstration) {
		out = add_remark(out, xstrdup(_("demonstration")));
	}
	return out;
}

const char *display_cause(const char *code, const char **ret_colour)
{
	static const struct {
		const char *code, *word, *colour;
	} causes[] = {
	    {"report", N_("report"), "dim"},
	    {"correction", N_("correction"), "yellow"},
	    {"withdrawal", N_("withdrawal"), "yellow"},
	    {"hold", N_("hold"), "yellow"},
	    {"release", N_("release"), "green"},
	    {"refusal", N_("refusal"), "red"},
	    {"several", N_("several"), "dim"},
	    {"coverage", N_("coverage"), "dim"},
	};

	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
		if (strcmp(causes[i].code, code) == 0) {
			*ret_colour = causes[i].colour;
			return _(causes[i].word);
		}
	}
	*ret_colour = "dim";
	return code;
}

/* ---------------------------------------------------------------- what is missing */

/* What a period that falls into so many parts is made of, by its letter ("2024-Q2"; a year has none): of so many of so many. */
static char *parts_text(const char *time_period, int there, int parts)
{
	char kind = strlen(time_period) > strlen("2024-") ? time_period[strlen("2024-")] : 'A';
	int months = kind == 'A' ? 12 : kind == 'S' ? 6 : kind == 'Q' ? 3 : 0;

	if (months > 0 && parts == months) {
		return xasprintf(_("%d of %d months"), there, parts);
	}
	if (months > 0 && parts * 3 == months) {
		return xasprintf(_("%d of %d quarters"), there, parts);
	}
	if (months > 0 && parts * 6 == months) {
		return xasprintf(_("%d of %d half-years"), there, parts);
	}
	return xasprintf(_("%d of %d parts"), there, parts);
}

/* Where all areas say as much of the period, it is told as one of them would; else all their parts are counted. */
char *display_parts_of_period(const struct rollup_figure *f, const char *time_period)
{
	int areas = f->areas_expected;

	if (f->parts_expected == areas || areas == 0) {
		return xstrdup("");
	}
	if (f->parts_expected % areas == 0 && f->parts_reporting % areas == 0) {
		return parts_text(time_period, f->parts_reporting / areas, f->parts_expected / areas);
	}
	return xasprintf(_("%d of %d parts"), f->parts_reporting, f->parts_expected);
}

static int count_names(const char *names)
{
	int n = *names != '\0';

	while ((names = strstr(names, ", "))) {
		names += strlen(", ");
		n++;
	}
	return n;
}

static char *missing_text(const struct rollup_figure *f)
{
	const char *names = lang_is_vi() ? f->missing_first_vi : f->missing_first_en;
	int more = f->n_missing - count_names(names);

	return more > 0 ? xasprintf(_("missing: %s and %d more"), names, more) : xasprintf(_("missing: %s"), names);
}

/* What communes add up to is shown without looking at each of them. */
char *display_no_interval(const struct rollup_figure *f)
{
	int gaps = 0;

	return sscanf(f->interval_basis, "not_worked_out:%d", &gaps) == 1
		   ? xasprintf(_("no interval worked out for %d gaps: --as-of has it"), gaps)
		   : xstrdup("");
}

static char *interval_text(const struct rollup_figure *f)
{
	char *low = display_number(f->interval_low_shown), *high = display_number(f->interval_high_shown), *out;
	int filled = 0, gaps = 0;

	sscanf(f->interval_basis, "last_accepted:%d of %d", &filled, &gaps);
	out = xasprintf(_("%s to %s with what was stated before for %d of %d gaps"), low, high, filled, gaps);
	free(low);
	free(high);
	return out;
}

char *display_gaps(const struct rollup_figure *f)
{
	char *out = xstrdup("");

	if (f->n_missing > 0) {
		out = add_remark(out, missing_text(f));
	}
	if (f->interval_low_shown && f->interval_high_shown) {
		out = add_remark(out, interval_text(f));
	}
	return add_remark(out, display_no_interval(f));
}
