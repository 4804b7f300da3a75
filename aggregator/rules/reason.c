/* SPDX-License-Identifier: Apache-2.0 */
/* Justifications: what a province gave as the reason, and DU-08, which says what is wrong with it. */
#include "walk.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- what was given */

static bool is_given(const char *code, const char *text)
{
	return (*code || *text) && !(is_blank(code) && is_blank(text));
}

/* A catalogue without codes takes any. */
static bool is_known(const struct walk *w, const char *code, bool *ret_needs_text)
{
	const struct justification *known = catalogue_justification(w->catalogue, code), *all;

	*ret_needs_text = known && known->needs_text;
	return known || (!catalogue_justifications(w->catalogue, &all) && !is_placeholder(code));
}

/* A letter's first byte: of Latin and what lies beyond it, but for marks (U+00A0..BF, U+2000..2FFF). */
static bool starts_letter(unsigned char c)
{
	return isalpha(c) || (c >= 0xC3 && c != 0xE2);
}

static size_t letter_bytes(const char *text)
{
	unsigned char c = (unsigned char)*text;

	return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* Two letters that differ: dots, numbers and a letter over and over are no words. */
static bool has_words(const char *text)
{
	const char *first = text;

	while (*first && !starts_letter((unsigned char)*first)) {
		first++;
	}
	for (const char *at = first; *at; at++) {
		if (starts_letter((unsigned char)*at) && strncasecmp(at, first, letter_bytes(first)) != 0) {
			return true;
		}
	}
	return false;
}

static struct reason weigh(const struct walk *w, const char *code, const char *text)
{
	struct reason r = {.code = code, .text = text, .kind = REASON_SOUND};
	bool needs_text = false;

	if (!is_given(code, text)) {
		r.kind = REASON_NONE;
	} else if (*code && !is_known(w, code, &needs_text)) {
		r.kind = REASON_UNKNOWN_CODE;
	} else if (is_placeholder(text) || !(is_blank(text) || has_words(text))) {
		r.kind = REASON_PLACEHOLDER;
	} else if (needs_text && is_blank(text)) {
		r.kind = REASON_NO_TEXT;
	}
	return r;
}

struct reason reason_of_report(const struct walk *w)
{
	return weigh(w, w->report->justification_code, w->report->justification);
}

static bool has_own_reason(const Tram__V1__Observation *o)
{
	return is_given(o->justification_code, o->justification);
}

bool rules_reasoned(const Tram__V1__Report *report, const Tram__V1__Observation *o)
{
	return has_own_reason(o) || is_given(report->justification_code, report->justification);
}

/* A figure's own, or else its report's. */
static struct reason reason_of(const struct walk *w, const Tram__V1__Observation *o)
{
	return has_own_reason(o) ? weigh(w, o->justification_code, o->justification) : reason_of_report(w);
}

bool is_justified(const struct walk *w, const Tram__V1__Observation *o)
{
	return reason_of(w, o).kind == REASON_SOUND;
}

/* ---------------------------------------------------------------- DU-08 */

/* It asked for a reason, or did until data or an earlier justification made less of it. */
static bool asks(const struct finding *f)
{
	return f->severity == SEVERITY_JUSTIFY || f->rule->severity == SEVERITY_JUSTIFY;
}

/* Provinces have no list of them but this one. */
static const char *known_codes(struct walk *w)
{
	const struct justification *all;
	size_t n = catalogue_justifications(w->catalogue, &all);
	const char *codes = "";

	for (size_t i = 0; i < n; i++) {
		codes = say(w, "%s%s%s", codes, *codes ? ", " : "", all[i].code);
	}
	return codes;
}

static void tell_unsound(struct walk *w, const struct reason *r)
{
	switch (r->kind) {
	case REASON_NONE:
	case REASON_SOUND: break;
	case REASON_UNKNOWN_CODE:
		find_in_order(w, 0, "justification_code", say_text(w, r->code), known_codes(w));
		break;
	case REASON_PLACEHOLDER: find_in_order(w, 0, "justification", say_text(w, r->text), ""); break;
	case REASON_NO_TEXT: find_in_order(w, 0, "justification", say_text(w, r->code), "text"); break;
	}
}

/* A break in the series explains itself, whatever its value. */
static bool needs_none(const struct walk *w, const struct look *x, size_t first)
{
	for (size_t i = first; i < w->n; i++) {
		if (asks(&w->findings[i]) || w->findings[i].severity == SEVERITY_BLOCK) {
			return false;
		}
	}
	for (size_t i = 0; i < w->n_of_report; i++) {
		if (asks(&w->findings[i]) || w->findings[i].severity == SEVERITY_BLOCK) {
			return false;
		}
	}
	return rules_status(x->o) != 'B' && !says_what_is_stored(x);
}

void du_08(struct walk *w, const struct look *x, size_t first)
{
	bool asked = false, own = has_own_reason(x->o);
	struct reason r;

	for (size_t i = first; i < w->n; i++) {
		asked = asked || w->findings[i].severity == SEVERITY_JUSTIFY;
	}
	if (!asked && !own) {
		return;
	}
	r = reason_of(w, x->o);
	if (asked && r.kind != REASON_SOUND && r.kind != REASON_NONE) {
		tell_unsound(w, &r);
	} else if (own && needs_none(w, x, first)) {
		find_in_order(w, SEVERITY_WARN, "justification", say_text(w, *r.text ? r.text : r.code), "");
	}
}

void du_08_report(struct walk *w)
{
	struct reason r = reason_of_report(w);

	for (size_t i = 0; i < w->n_of_report && r.kind != REASON_SOUND && r.kind != REASON_NONE; i++) {
		if (w->findings[i].severity == SEVERITY_JUSTIFY) {
			tell_unsound(w, &r);
			return;
		}
	}
}

/* Some figure that says nothing of its own was asked about, or the report was. */
static bool is_asked_for(const struct walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct finding *f = &w->findings[i];

		if ((asks(f) || (f->severity == SEVERITY_BLOCK && !f->line)) &&
		    (!f->line || !has_own_reason(w->report->observations[f->line - 1]))) {
			return true;
		}
	}
	return false;
}

void du_08_end(struct walk *w)
{
	const Tram__V1__Report *r = w->report;

	if (is_given(r->justification_code, r->justification) && !is_asked_for(w)) {
		find_in_order(w, SEVERITY_WARN, "justification",
			      say_text(w, *r->justification ? r->justification : r->justification_code), "");
	}
}
