/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal.h"

#include "letters.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define FOUND_CAP ((size_t)8 << 30)

void rehearsal_begin(struct rehearsal_found *f)
{
	*f = (struct rehearsal_found){.arena = arena_new(FOUND_CAP)};
}

void rehearsal_end(struct rehearsal_found *f)
{
	free(f->rules);
	free(f->reports_changed);
	free(f->figures);
	free(f->provinces);
	free(f->totals);
	free(f->flips);
	arena_free(&f->arena);
}

bool rehearsal_is_same(const struct rehearsal_found *f)
{
	return f->n_rules == 0 && f->n_reports == 0 && f->n_figures == 0;
}

/* ---------------------------------------------------------------- lists and texts */

static void *room_for(void *list, size_t n, size_t *room, size_t size)
{
	if (n < *room) {
		return list;
	}
	*room = *room ? *room * 2 : 64;
	return xreallocarray(list, *room, size);
}

#define ADD(f, list, n, room)                                                                                          \
	((f)->list = room_for((f)->list, (f)->n, &(f)->room, sizeof *(f)->list), &(f)->list[(f)->n++])

/* NULL stays NULL. */
static const char *keep(struct rehearsal_found *f, const char *text)
{
	const char *copy = text ? arena_strdup(f->arena, text) : NULL;

	f->is_full |= text && !copy;
	return text && !copy ? "" : copy;
}

static const char *keep_decimal(struct rehearsal_found *f, bool there, struct decimal d)
{
	char text[DECIMAL_TEXT];

	return there ? keep(f, decimal_text(d, text)) : NULL;
}

static struct rule_change *rule_of(struct rehearsal_found *f, const char *rule)
{
	for (size_t i = 0; i < f->n_rules; i++) {
		if (strcmp(f->rules[i].rule, rule) == 0) {
			return &f->rules[i];
		}
	}
	struct rule_change *r = ADD(f, rules, n_rules, rules_room);

	*r = (struct rule_change){.rule = keep(f, rule)};
	return r;
}

static struct province_change *province_of(struct rehearsal_found *f, const char *provider)
{
	for (size_t i = f->n_provinces; i > 0; i--) { /* mostly it is the last one again */
		if (strcmp(f->provinces[i - 1].provider, provider) == 0) {
			return &f->provinces[i - 1];
		}
	}
	struct province_change *p = ADD(f, provinces, n_provinces, provinces_room);

	*p = (struct province_change){.provider = keep(f, provider)};
	return p;
}

/* ---------------------------------------------------------------- findings */

/* Findings of one line; both sides lie by line. */
struct before_at {
	const struct rehearse_finding *list;
	size_t n;
};
struct after_at {
	const struct finding *list;
	size_t n;
};

static struct before_at before_at(const struct rehearsed *r, uint32_t line)
{
	size_t low = 0, high = r->n_findings_before, end;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->findings_before[middle].line < line) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (end = low; end < r->n_findings_before && r->findings_before[end].line == line; end++) {
	}
	return (struct before_at){r->findings_before + low, end - low};
}

static struct after_at after_at(const struct rehearsed *r, uint32_t line)
{
	const struct finding *all = r->after->findings;
	size_t low = 0, high = r->after->n_findings, end;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (all[middle].line < line) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (end = low; end < r->after->n_findings && all[end].line == line; end++) {
	}
	return (struct after_at){all + low, end - low};
}

/* How often the rule is found among them, so severely. */
static size_t count_before(struct before_at b, const char *rule, enum severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < b.n; i++) {
		n += b.list[i].severity == severity && strcmp(b.list[i].rule, rule) == 0;
	}
	return n;
}

static size_t count_after(struct after_at a, const char *rule, enum severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < a.n; i++) {
		n += a.list[i].severity == severity && strcmp(a.list[i].rule->code, rule) == 0;
	}
	return n;
}

/* The i-th of equals is new when there were fewer of them before; and the other way round. */
static void count_line(struct rehearsal_found *f, struct before_at b, struct after_at a)
{
	for (size_t i = 0; i < a.n; i++) {
		const char *rule = a.list[i].rule->code;

		if (count_after((struct after_at){a.list, i}, rule, a.list[i].severity) >=
		    count_before(b, rule, a.list[i].severity)) {
			rule_of(f, rule)->come++;
		}
	}
	for (size_t i = 0; i < b.n; i++) {
		const char *rule = b.list[i].rule;

		if (count_before((struct before_at){b.list, i}, rule, b.list[i].severity) >=
		    count_after(a, rule, b.list[i].severity)) {
			rule_of(f, rule)->go++;
		}
	}
}

static void count_findings(struct rehearsal_found *f, const struct rehearsed *r)
{
	size_t b = 0, a = 0;

	while (b < r->n_findings_before || a < r->after->n_findings) {
		uint32_t of_before = b < r->n_findings_before ? r->findings_before[b].line : UINT32_MAX;
		uint32_t of_after = a < r->after->n_findings ? r->after->findings[a].line : UINT32_MAX;
		uint32_t line = of_before < of_after ? of_before : of_after;
		struct before_at before = before_at(r, line);
		struct after_at after = after_at(r, line);

		count_line(f, before, after);
		b += before.n;
		a += after.n;
	}
}

static bool is_among(const char *codes, const char *code)
{
	size_t len = strlen(code);

	for (const char *at = codes; (at = strstr(at, code)); at += len) {
		if ((at == codes || at[-1] == ' ') && (at[len] == ' ' || !at[len])) {
			return true;
		}
	}
	return false;
}

static void add_code(struct rehearsal_found *f, const char **codes, const char *code)
{
	const char *more;

	if (is_among(*codes, code)) {
		return;
	}
	more = arena_printf(f->arena, "%s%s%s", *codes, **codes ? " " : "", code);
	f->is_full |= !more;
	*codes = more ? more : *codes;
}

/* The rules that are found at a line only on one side, or not as severely. */
static void add_rules(struct rehearsal_found *f, const struct rehearsed *r, uint32_t line, const char **codes)
{
	struct before_at b = before_at(r, line);
	struct after_at a = after_at(r, line);

	for (size_t i = 0; i < a.n; i++) {
		const char *rule = a.list[i].rule->code;
		enum severity severity = a.list[i].severity;

		if (count_before(b, rule, severity) != count_after(a, rule, severity)) {
			add_code(f, codes, rule);
		}
	}
	for (size_t i = 0; i < b.n; i++) {
		if (count_after(a, b.list[i].rule, b.list[i].severity) !=
		    count_before(b, b.list[i].rule, b.list[i].severity)) {
			add_code(f, codes, b.list[i].rule);
		}
	}
}

/* Through which rules a figure flips: of its own line, and of the report. */
static const char *rules_at(struct rehearsal_found *f, const struct rehearsed *r, uint32_t line)
{
	const char *codes = "";

	add_rules(f, r, line, &codes);
	add_rules(f, r, 0, &codes);
	return codes;
}

/* ---------------------------------------------------------------- figures and reports */

static bool flip_figures(struct rehearsal_found *f, const struct rehearsed *r, struct province_change *p)
{
	size_t before = f->n_figures;

	for (size_t i = 0; i < r->after->n && i < r->before->n; i++) {
		enum outcome was = r->before->outcomes[i], is = r->after->outcomes[i];
		struct figure_change *c;

		if (was == is || was >= REHEARSAL_STATES) {
			continue;
		}
		c = ADD(f, figures, n_figures, figures_room);
		*c = (struct figure_change){.agent = keep(f, r->agent),
					    .provider = p->provider,
					    .indicator = keep(f, r->report->observations[i]->indicator),
					    .area = keep(f, r->report->observations[i]->ref_area),
					    .period = keep(f, r->report->time_period),
					    .seq = r->seq,
					    .line = (uint32_t)i + 1,
					    .before = was,
					    .after = is};
		c->rules = rules_at(f, r, c->line);
		p->before[was]++;
		p->after[is]++;
	}
	p->figures += f->n_figures - before;
	return f->n_figures > before;
}

/* A word that is new is passed in old verdicts. */
static bool read_words(const struct rehearsed *r, char before[static WORDS_MAX + 1], char after[static WORDS_MAX + 1])
{
	size_t known = strlen(r->before->words);

	for (size_t i = 0; i < r->after->n_words; i++) {
		before[i] = i < known ? r->before->words[i] : word_letter(WORD_PASS);
		after[i] = word_letter(r->after->words[i]);
	}
	before[r->after->n_words] = after[r->after->n_words] = '\0';
	return strcmp(before, after) != 0;
}

void rehearsal_report(void *context, const struct rehearsed *r)
{
	struct rehearsal_found *f = context;
	struct report_change c = {.seq = r->seq};
	size_t n_provinces = f->n_provinces;
	struct province_change *p;
	bool words = read_words(r, c.before, c.after);

	f->judged++;
	f->judged_observations += r->after->n;
	count_findings(f, r);
	p = province_of(f, r->report->provider);
	if (flip_figures(f, r, p) || words) {
		p->reports++;
		c.agent = keep(f, r->agent);
		c.provider = p->provider;
		c.dataflow = keep(f, r->report->dataflow);
		c.period = keep(f, r->report->time_period);
		*ADD(f, reports_changed, n_reports, reports_room) = c;
	} else if (f->n_provinces > n_provinces) { /* only those of which something flips */
		f->n_provinces--;
	}
}

void rehearsal_standing(void *context, int32_t area_no, int64_t key, const struct standing *before,
			const struct standing *after)
{
	struct rehearsal_found *f = context;
	const struct revision *v = after->revision;
	const struct past *p = v ? &v->past : NULL;
	struct rehearse_flip *flip = ADD(f, flips, n_flips, flips_room);
	char status[2] = {p ? p->obs_status : 'A', '\0'};

	(void)before;
	*flip = (struct rehearse_flip){
	    .area_no = area_no, .key = key, .stands = p != NULL, .held = after->held, .obs_status = keep(f, status)};
	if (p) {
		flip->value = keep_decimal(f, p->has_value, p->value);
		flip->numerator = keep_decimal(f, p->has_numerator, p->numerator);
		flip->denominator = keep_decimal(f, p->has_denominator, p->denominator);
		flip->weight = keep_decimal(f, p->has_weight, p->weight);
		flip->qualifier = p->qualifier;
		flip->missing_reason = p->missing_reason;
		flip->flags = v->demonstration ? 2 : 0;
	}
}

#define TAKE_SIDE(f, to, from)                                                                                         \
	((to).value = keep((f), (from).value), (to).numerator = keep((f), (from).numerator),                           \
	 (to).denominator = keep((f), (from).denominator), (to).agreement = keep((f), (from).agreement),               \
	 (to).areas_reporting = (from).areas_reporting, (to).held = (from).held)

void rehearsal_total(void *context, const struct rehearse_total *row)
{
	struct rehearsal_found *f = context;
	struct total_change *t = ADD(f, totals, n_totals, totals_room);

	*t = (struct total_change){.figure_no = keep(f, row->figure_no),
				   .indicator = keep(f, row->indicator),
				   .name_vi = keep(f, row->name_vi),
				   .name_en = keep(f, row->name_en),
				   .period = keep(f, row->time_period)};
	TAKE_SIDE(f, t->before, row->before);
	TAKE_SIDE(f, t->after, row->after);
}
