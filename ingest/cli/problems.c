/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include "lang.h"
#include "mem.h"
#include "terminal.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct problem_text problem_texts[PROBLEM_COUNT] = {
#define PROBLEM(id, code, severity, en, vi, remedy_en, remedy_vi)                                                      \
	[PROBLEM_##id] = {code, PROBLEM_SEVERITY_##severity, en, vi, remedy_en, remedy_vi},
#include "problems.def"
#undef PROBLEM
};

struct problem {
	enum problem_kind kind;
	struct place at;
	char *option, *field, *found, *message, *remedy;
};

struct problems {
	char *file;
	FILE *live;
	struct problem kept[PROBLEMS_KEPT];
	size_t n_kept;
	uint64_t count[PROBLEM_COUNT];
};

struct problems *problems_new(const char *file, FILE *live)
{
	struct problems *p = xcalloc(1, sizeof *p);

	p->file = xstrdup(file);
	p->live = live;
	return p;
}

void problems_free(struct problems **pp)
{
	struct problems *p = *pp;

	if (!p)
		return;
	for (size_t i = 0; i < p->n_kept; i++) {
		free(p->kept[i].option);
		free(p->kept[i].field);
		free(p->kept[i].found);
		free(p->kept[i].message);
		free(p->kept[i].remedy);
	}
	free(p->file);
	free(p);
	*pp = NULL;
}

/* ---------------------------------------------------------------- texts */

/* A text as one may print it: cut at max characters, and what is no visible UTF-8 as \xNN. Caller frees. */
static char *show(const char *s, size_t len, size_t max)
{
	char *out = xmalloc(max * 4 + 8);
	size_t used = 0, shown = 0, i = 0;

	while (i < len && shown++ < max) {
		size_t n = 1;

		while (n < 4 && i + n < len && ((unsigned char)s[i + n] & 0xC0) == 0x80)
			n++;
		if (text_check(s + i, n, NULL) == TEXT_FINE && s[i] != '\n' && s[i] != '\t') {
			memcpy(out + used, s + i, n);
			used += n;
			i += n;
		} else {
			used += (size_t)snprintf(out + used, 5, "\\x%02X", (unsigned char)s[i]);
			i++;
		}
	}
	snprintf(out + used, sizeof "…", "%s", i < len ? "…" : "");
	return out;
}

static const char *word_for(const char *name, size_t len, const struct problem_words *words)
{
	const struct {
		const char *name, *value;
	} table[] = {{"field", words->field}, {"found", words->found}, {"hint", words->hint}, {"other", words->other}};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0)
			return table[i].value ? table[i].value : "";
	return NULL;
}

/* Appends s[0 .. len) to out with {words} filled in; false when one of them was empty. */
static bool fill_part(FILE *out, const char *s, size_t len, const struct problem_words *words)
{
	bool whole = true;

	for (size_t i = 0; i < len; i++) {
		const char *close = s[i] == '{' ? memchr(s + i, '}', len - i) : NULL;
		const char *word = close ? word_for(s + i + 1, (size_t)(close - s) - i - 1, words) : NULL;

		if (!word) {
			fputc(s[i], out);
			continue;
		}
		whole = whole && *word;
		fputs(word, out);
		i = (size_t)(close - s);
	}
	return whole;
}

static void fill_optional(FILE *out, const char *s, size_t len, const struct problem_words *words)
{
	char *text = NULL;
	size_t size;
	FILE *part = open_memstream(&text, &size);
	bool whole = fill_part(part, s, len, words);

	fclose(part);
	if (whole)
		fputs(text, out);
	free(text);
}

char *problem_fill(const char *template, const struct problem_words *words)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	while (*template) {
		size_t plain = strcspn(template, "[");
		const char *close;

		fill_part(out, template, plain, words);
		template += plain;
		if (!*template || !(close = strchr(template, ']')))
			break;
		fill_optional(out, template + 1, (size_t)(close - template) - 1, words);
		template = close + 1;
	}
	fclose(out);
	return text;
}

/* ---------------------------------------------------------------- printing */

static void print_place(const struct problems *p, const struct place *at, FILE *out)
{
	if (at->option) {
		fprintf(out, "%s: ", at->option);
		return;
	}
	fprintf(out, "%s:", p->file);
	if (at->line)
		fprintf(out, "%" PRIu64 ":%" PRIu32 ":", at->line, at->column ? at->column : 1);
	else if (at->observation)
		fprintf(out, _(" report %" PRIu64 ", observation %" PRIu64 ":"), at->report, at->observation);
	else if (at->report)
		fprintf(out, _(" report %" PRIu64 ":"), at->report);
	fputc(' ', out);
}

static void print_problem(const struct problems *p, const struct problem *problem)
{
	bool error = problem_texts[problem->kind].severity == PROBLEM_SEVERITY_ERROR;
	FILE *out = p->live;

	terminal_progress_end();
	fputs(terminal_begin(out, "bold"), out);
	print_place(p, &problem->at, out);
	fputs(terminal_end(out), out);
	fputs(terminal_begin(out, error ? "red" : "yellow"), out);
	fputs(error ? _("error: ") : _("warning: "), out);
	fputs(terminal_end(out), out);
	fprintf(out, "%s\n    %s %s\n", problem->message, _("remedy:"), problem->remedy);
}

static void keep(struct problems *p, enum problem_kind kind, struct place at, const struct problem_words *words)
{
	const struct problem_text *texts = &problem_texts[kind];
	struct problem *problem = &p->kept[p->n_kept++];

	problem->kind = kind;
	problem->at = at;
	problem->option = at.option ? xstrdup(at.option) : NULL;
	problem->at.option = problem->option;
	problem->field = xstrdup(words->field);
	problem->found = xstrdup(words->found);
	problem->message = problem_fill(lang_is_vi() ? texts->vi : texts->en, words);
	problem->remedy = problem_fill(lang_is_vi() ? texts->remedy_vi : texts->remedy_en, words);
	if (p->live)
		print_problem(p, problem);
}

void problems_add(struct problems *p, enum problem_kind kind, struct place at, struct problem_words words)
{
	const char **const texts[] = {&words.found, &words.field, &words.hint, &words.other};
	char *shown[4];

	p->count[kind]++;
	if (p->n_kept == PROBLEMS_KEPT)
		return;
	for (size_t i = 0; i < 4; i++) {
		const char *text = *texts[i] ? *texts[i] : "";
		size_t len = i == 0 && words.found_len ? words.found_len : strlen(text);

		shown[i] = show(text, len, i == 0 ? PROBLEM_FOUND_MAX : PROBLEM_HINT_MAX);
		*texts[i] = shown[i];
	}
	keep(p, kind, at, &words);
	for (size_t i = 0; i < 4; i++)
		free(shown[i]);
}

/* ---------------------------------------------------------------- sums */

static uint64_t count_severity(const struct problems *p, enum problem_severity severity)
{
	uint64_t n = 0;

	for (int kind = 0; kind < PROBLEM_COUNT; kind++)
		if (problem_texts[kind].severity == severity)
			n += p->count[kind];
	return n;
}

uint64_t problems_errors(const struct problems *p)
{
	return count_severity(p, PROBLEM_SEVERITY_ERROR);
}

uint64_t problems_warnings(const struct problems *p)
{
	return count_severity(p, PROBLEM_SEVERITY_WARNING);
}

bool problems_is_full(const struct problems *p)
{
	return p->n_kept == PROBLEMS_KEPT;
}

uint64_t problems_of(const struct problems *p, enum problem_kind kind)
{
	return p->count[kind];
}

void problems_sum_up(const struct problems *p, FILE *out)
{
	uint64_t errors = problems_errors(p), warnings = problems_warnings(p);

	if (errors + warnings == 0)
		return;
	fprintf(out, _("%s: errors: %" PRIu64 ", warnings: %" PRIu64), p->file, errors, warnings);
	if (errors + warnings > p->n_kept)
		fprintf(out, _("; the first %zu are shown"), p->n_kept);
	fputc('\n', out);
}

json_t *problems_json(const struct problems *p)
{
	json_t *all = json_array();

	for (size_t i = 0; i < p->n_kept; i++) {
		const struct problem *problem = &p->kept[i];
		const struct problem_text *texts = &problem_texts[problem->kind];
		bool error = texts->severity == PROBLEM_SEVERITY_ERROR;

		json_array_append_new(
		    all, json_pack("{ss sI sI sI sI ss* ss ss ss ss ss ss}", "file", p->file, "line",
				   (json_int_t)problem->at.line, "column", (json_int_t)problem->at.column, "report",
				   (json_int_t)problem->at.report, "observation", (json_int_t)problem->at.observation,
				   "option", problem->option, "code", texts->code, "severity",
				   error ? "error" : "warning", "field", problem->field, "found", problem->found,
				   "message", problem->message, "remedy", problem->remedy));
	}
	return all;
}
