/* SPDX-License-Identifier: Apache-2.0 */
#include "display.h"

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

static char *add_remark(char *so_far, char *remark)
{
	char *out = xasprintf("%s%s%s", so_far, *so_far && *remark ? ", " : "", remark);

	free(so_far);
	free(remark);
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
