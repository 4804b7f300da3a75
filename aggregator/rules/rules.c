/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- tables */

#define SEVERITY_ANY ((enum severity)0)

/* What looks for each rule's faults, beside built_in_rules. */
static const struct checks {
	void (*of_report)(struct walk *w);
	void (*of_figure)(struct walk *w, const struct look *x);
} checks[] = {
#define RULE(identifier, code, word, severity, title_vi, title_en, message_vi, message_en, remedy_vi, remedy_en,       \
	     of_report, of_figure)                                                                                     \
	[identifier] = {of_report, of_figure},
#define CASE(...)
#include "rules.def"
#undef RULE
#undef CASE
};

/* What a rule says of one field. */
static const struct special {
	unsigned rule;
	enum severity severity; /* SEVERITY_ANY: at any that has no case of its own */
	const char *field;
	const char *message_vi, *message_en, *remedy_vi, *remedy_en;
} specials[] = {
#define RULE(...)
#define CASE(identifier, severity, field, message_vi, message_en, remedy_vi, remedy_en)                                \
	{identifier, SEVERITY_##severity, field, message_vi, message_en, remedy_vi, remedy_en},
#include "rules.def"
#undef RULE
#undef CASE
};

const struct rule *rule_by_code(const char *code)
{
	for (size_t i = 0; i < N_BUILT_IN_RULES; i++) {
		if (strcmp(built_in_rules[i].code, code) == 0) {
			return &built_in_rules[i];
		}
	}
	return NULL;
}

bool rules_break(const char *codes)
{
	static const char *const of_movement[] = {"DUNG-08", "DUNG-10", "SACH-07"};

	for (size_t i = 0; i < sizeof of_movement / sizeof *of_movement; i++) {
		if (strstr(codes, of_movement[i])) {
			return true;
		}
	}
	return false;
}

/* ---------------------------------------------------------------- messages */

static const struct special *special_of(const struct finding *f)
{
	const struct special *any = NULL;

	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
		const struct special *s = &specials[i];

		if (s->rule != f->rule->number || !f->field || strcmp(s->field, f->field) != 0) {
			continue;
		}
		if (s->severity == f->asked) {
			return s;
		}
		if (s->severity == SEVERITY_ANY) {
			any = s;
		}
	}
	return any;
}

/* What is expected, where no figure or code can say it. */
static const struct {
	const char *token, *vi, *en;
} tokens[] = {
    {"integer", "số nguyên", "a whole number"},
    {"revises", "--revise \"LÝ DO\"", "--revise \"REASON\""},
    {"text", "nội dung giải trình", "the reason in words"},
};

static const char *in_words(const char *text, bool vietnamese)
{
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		if (strcmp(tokens[i].token, text) == 0) {
			return vietnamese ? tokens[i].vi : tokens[i].en;
		}
	}
	return text;
}

char *finding_message(struct arena *a, const struct finding *f, bool vietnamese)
{
	const struct special *s = special_of(f);
	const char *message =
	    vietnamese ? (s ? s->message_vi : f->rule->message_vi) : (s ? s->message_en : f->rule->message_en);
	const char *found = f->found ? f->found : "", *expected = f->expected ? f->expected : "";
	const char *before = vietnamese ? "; đã giải trình ở bản trước" : "; justified in the revision before";

	return arena_printf(a, "%s%s%s%s%s%s%s", message, *found ? ": " : "", found,
			    !*expected ? "" : (vietnamese ? " (cần: " : " (expected: "), in_words(expected, vietnamese),
			    *expected ? ")" : "", f->answered ? before : "");
}

const char *finding_remedy(const struct finding *f, bool vietnamese)
{
	const struct special *s = special_of(f);

	if (f->answered) { /* whoever finds the figure wrong may still mend it */
		return vietnamese ? "Không cần làm gì nếu số liệu đúng: giải trình đã có. Nếu sai, hãy báo cáo lại bản "
				    "sửa (--revise)."
				  : "Nothing to do if the figure is right: its justification is there. If it is not, "
				    "hand in one "
				    "that revises it (--revise).";
	}
	if (vietnamese) {
		return s && s->remedy_vi ? s->remedy_vi : f->rule->remedy_vi;
	}
	return s && s->remedy_en ? s->remedy_en : f->rule->remedy_en;
}

/* ---------------------------------------------------------------- findings */

/* A rule that the catalogue made milder says nothing more severe, whatever its function says of one field. */
static enum severity severity_of(const struct rule *rule, enum severity severity)
{
	bool milder = rule->severity < rule->built_in;

	return !severity || (milder && severity > rule->severity) ? rule->severity : severity;
}

/* One break is justified once: what revises a figure that was is told, but not asked about again. */
static void ask_once(const struct walk *w, struct finding *f)
{
	if (f->severity == SEVERITY_JUSTIFY && f->line && was_justified(w, f->line - 1, f->rule)) {
		f->severity = SEVERITY_WARN;
		f->answered = true;
	}
}

void find(struct walk *w, enum severity severity, const char *field, const char *found, const char *expected)
{
	if (w->n == w->room) {
		size_t room = w->room ? 2 * w->room : 16;
		struct finding *more = arena_calloc(w->arena, room, sizeof *more);

		if (!more) {
			w->exhausted = true;
			return;
		}
		if (w->n) {
			memcpy(more, w->findings, w->n * sizeof *more);
		}
		w->findings = more;
		w->room = room;
	}
	w->findings[w->n++] = (struct finding){.rule = w->rule,
					       .severity = severity_of(w->rule, severity),
					       .asked = severity ? severity : w->rule->built_in,
					       .line = w->line,
					       .field = field,
					       .found = found,
					       .expected = expected};
	ask_once(w, &w->findings[w->n - 1]);
}

void find_in_order(struct walk *w, enum severity severity, const char *field, const char *found, const char *expected)
{
	size_t before = w->n;

	find(w, severity, field, found, expected);
	for (size_t i = before; w->n > before && i > 0; i--) {
		struct finding *f = &w->findings[i], *other = f - 1, last = *f;

		if (other->line < f->line || (other->line == f->line && other->rule->number <= f->rule->number)) {
			break;
		}
		*f = *other;
		*other = last;
	}
}

/* ---------------------------------------------------------------- what findings make of a figure and of a word */

static enum word_state state_of(const struct finding *f, bool justified)
{
	switch (f->severity) {
	case SEVERITY_BLOCK: return WORD_FAIL;
	case SEVERITY_JUSTIFY: return justified ? WORD_WARN : WORD_HELD;
	case SEVERITY_WARN: return WORD_WARN;
	case SEVERITY_INFORM: break;
	}
	return WORD_PASS;
}

static enum outcome outcome_of(const struct finding *f, bool justified)
{
	static const enum outcome outcomes[] = {
	    [WORD_PASS] = OUTCOME_ACCEPTED,
	    [WORD_WARN] = OUTCOME_WARNED,
	    [WORD_HELD] = OUTCOME_HELD,
	    [WORD_FAIL] = OUTCOME_REFUSED,
	};

	return outcomes[state_of(f, justified)];
}

/* Worst last; what is stored already is not stored again, however it would be judged now, unless it is refused. */
static int rank_of(enum outcome outcome)
{
	static const int ranks[] = {[OUTCOME_ACCEPTED] = 0,
				    [OUTCOME_WARNED] = 1,
				    [OUTCOME_HELD] = 2,
				    [OUTCOME_DUPLICATE] = 3,
				    [OUTCOME_REFUSED] = 4};

	return ranks[outcome];
}

static void worsen(struct judgement *j, size_t i, enum outcome outcome)
{
	if (rank_of(outcome) > rank_of(j->outcomes[i])) {
		j->outcomes[i] = outcome;
	}
}

/* What a finding makes of one figure; justified: there is a reason for it. */
static void settle_figure(struct walk *w, const struct finding *f, size_t i, bool justified)
{
	worsen(w->j, i, f->rule->number == SACH_01 ? OUTCOME_DUPLICATE : outcome_of(f, justified));
	w->j->justified[i] = w->j->justified[i] || f->answered || (f->severity == SEVERITY_JUSTIFY && justified);
}

/* Whether what is said of the report concerns its figures: a warning marks the word alone, and what is missing says nothing
   of what is there. */
static bool concerns_figures(const struct finding *f)
{
	return f->severity >= SEVERITY_JUSTIFY && !(f->rule->number == DU_02 && f->severity == SEVERITY_JUSTIFY);
}

static void settle_finding(struct walk *w, const struct finding *f)
{
	struct judgement *j = w->j;
	bool justified =
	    f->severity == SEVERITY_JUSTIFY && (f->line ? is_justified(w, w->report->observations[f->line - 1])
							: reason_of_report(w).kind == REASON_SOUND);
	enum word_state state = state_of(f, justified);

	if (f->line) {
		settle_figure(w, f, f->line - 1, justified);
	}
	for (size_t i = 0; i < j->n && !f->line && concerns_figures(f); i++) {
		settle_figure(w, f, i, justified);
	}
	if (state > j->words[f->rule->word]) {
		j->words[f->rule->word] = state;
	}
}

static bool is_all_refused(const struct judgement *j)
{
	for (size_t i = 0; i < j->n; i++) {
		if (j->outcomes[i] != OUTCOME_REFUSED) {
			return false;
		}
	}
	return true;
}

/* SONG-07 says what a figure moves, and what is refused moves nothing. */
static void drop_what_does_not_move(struct walk *w)
{
	const struct judgement *j = w->j;
	bool nothing_moves = is_all_refused(j);
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct finding *f = &w->findings[i];
		bool moves = f->line ? j->outcomes[f->line - 1] != OUTCOME_REFUSED : !nothing_moves;

		if (f->rule->number != SONG_07 || moves) {
			w->findings[kept++] = *f;
		}
	}
	w->n = kept;
}

static void settle(struct walk *w)
{
	struct judgement *j = w->j;

	for (size_t i = 0; i < w->n; i++) {
		settle_finding(w, &w->findings[i]);
	}
	for (size_t i = 0; i < j->n && !j->readable; i++) {
		j->outcomes[i] = OUTCOME_REFUSED;
	}
	drop_what_does_not_move(w);
	j->findings = w->findings;
	j->n_findings = w->n;
}

/* ---------------------------------------------------------------- the walk */

/* A rule judges what was so while it was in force. A report that does not say when is judged by what is in force today. */
static void find_rules(struct walk *w)
{
	int32_t day = w->j->readable ? w->j->reference_date : w->received_day;

	catalogue_rules(w->catalogue, &w->rules);
	for (size_t k = 0; k < N_BUILT_IN_RULES; k++) {
		w->in_force[k] = rule_in_force(&w->rules[k], day);
	}
	w->day = day;
}

static void walk_report(struct walk *w)
{
	w->line = 0;
	for (size_t k = 0; k < N_BUILT_IN_RULES; k++) {
		if (checks[k].of_report && w->in_force[k]) {
			w->rule = &w->rules[k];
			checks[k].of_report(w);
		}
	}
	w->n_of_report = w->n;
	if (w->in_force[DU_08]) {
		w->rule = &w->rules[DU_08];
		du_08_report(w);
	}
	w->n_of_report = w->n;
}

struct look look_at(const struct walk *w, size_t i)
{
	const struct knowledge *k = w->known;

	return (struct look){.i = i,
			     .o = w->report->observations[i],
			     .f = &w->j->figures[i],
			     .past = &k->past[i],
			     .history = k->history ? &k->history[i] : NULL,
			     .peers = k->peers ? k->peers[i] : NULL};
}

static void walk_figures(struct walk *w)
{
	for (size_t i = 0; i < w->j->n; i++) {
		struct look x = look_at(w, i);
		size_t first = w->n;

		w->line = (uint32_t)i + 1;
		for (size_t k = 0; k < N_BUILT_IN_RULES; k++) {
			if (checks[k].of_figure && w->in_force[k]) {
				w->rule = &w->rules[k];
				checks[k].of_figure(w, &x);
			}
		}
		rules_of_data(w, &x);
		if (w->in_force[DU_08]) {
			w->rule = &w->rules[DU_08];
			du_08(w, &x, first);
		}
	}
}

static void walk_end(struct walk *w)
{
	w->line = 0;
	if (w->in_force[DU_08]) {
		w->rule = &w->rules[DU_08];
		du_08_end(w);
	}
}

static bool make_room(struct walk *w)
{
	struct judgement *j = w->j;

	j->outcomes = arena_calloc(w->arena, j->n, sizeof *j->outcomes);
	j->justified = arena_calloc(w->arena, j->n, sizeof *j->justified);
	j->n_words = catalogue_words(w->catalogue, &j->word_table);
	j->words = arena_calloc(w->arena, j->n_words, sizeof *j->words);
	if (!j->outcomes || !j->justified || !j->words || !twins_make(w)) {
		return false;
	}
	for (size_t i = 0; i < j->n; i++) {
		j->outcomes[i] = OUTCOME_ACCEPTED;
	}
	for (size_t i = 0; i < j->n_words; i++) {
		j->words[i] = WORD_PASS;
	}
	return true;
}

bool rules_judge(const struct report_context *ctx, const struct knowledge *known, struct arena *a, struct judgement *j)
{
	struct walk w = {.ctx = ctx,
			 .report = ctx->report,
			 .catalogue = ctx->catalogue,
			 .known = known,
			 .arena = a,
			 .j = j,
			 .received_day = date_in_vietnam(ctx->received_at_us),
			 .has_reason = !is_blank(ctx->report->reason) && !is_placeholder(ctx->report->reason)};

	if (!make_room(&w)) {
		return false;
	}
	find_rules(&w);
	walk_report(&w);
	walk_figures(&w);
	walk_end(&w);
	settle(&w);
	return !w.exhausted;
}
