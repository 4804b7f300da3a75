/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <string.h>

static bool copy_bytes(struct arena *a, const void *data, size_t len, ProtobufCBinaryData *ret)
{
	ret->data = arena_alloc(a, len);
	ret->len = len;
	if (!ret->data)
		return false;
	memcpy(ret->data, data, len);
	return true;
}

/*
 * A text of its own: what a judgement names may lie in its group's memory (a verdict that was read again), or in a catalogue
 * that is gone before the verdict is sent.
 */
static bool copy_text(struct arena *a, const char *s, char **ret)
{
	return (*ret = arena_strdup(a, s ? s : "")) != NULL;
}

static bool make_word(struct arena *a, const struct word *word, Tram__V1__Word *ret)
{
	tram__v1__word__init(ret);
	if (!copy_text(a, word->code, &ret->code))
		return false;
	return word_is_built_in(word) ||
	       (copy_text(a, word->name_vi, &ret->name_vi) && copy_text(a, word->name_en, &ret->name_en));
}

static bool make_words(struct arena *a, const struct judgement *j, Tram__V1__Verdict *v)
{
	v->words = arena_calloc(a, j->n_words, sizeof(*v->words));
	Tram__V1__Word *rows = arena_calloc(a, j->n_words, sizeof(*rows));
	if (!v->words || !rows)
		return false;
	for (size_t i = 0; i < j->n_words; i++) {
		if (!make_word(a, &j->word_table[i], &rows[i]))
			return false;
		rows[i].state = (Tram__V1__WordState)j->words[i];
		v->words[i] = &rows[i];
	}
	v->n_words = j->n_words;
	return true;
}

static bool make_outcomes(struct arena *a, const struct judgement *j, Tram__V1__Verdict *v)
{
	if (!j->outcomes)
		return true;
	v->outcomes = arena_calloc(a, j->n, sizeof(*v->outcomes));
	if (!v->outcomes)
		return false;
	for (size_t i = 0; i < j->n; i++)
		v->outcomes[i] = (Tram__V1__Outcome)j->outcomes[i];
	v->n_outcomes = j->n;
	return true;
}

/* False: a text does not fit. One that was left empty would stay so with the province for ever. */
static bool make_finding(struct arena *a, const struct finding *f, Tram__V1__Finding *ret)
{
	tram__v1__finding__init(ret);
	ret->severity = (Tram__V1__Severity)f->severity;
	ret->observation = f->line;
	return copy_text(a, f->rule->code, &ret->rule) && copy_text(a, f->field, &ret->field) &&
	       copy_text(a, f->found, &ret->found) && copy_text(a, f->expected, &ret->expected) &&
	       (ret->message_vi = finding_message(a, f, true)) != NULL &&
	       (ret->message_en = finding_message(a, f, false)) != NULL &&
	       copy_text(a, finding_remedy(f, true), &ret->remedy_vi) &&
	       copy_text(a, finding_remedy(f, false), &ret->remedy_en);
}

static bool make_findings(struct arena *a, const struct judgement *j, Tram__V1__Verdict *v)
{
	if (j->n_findings == 0)
		return true;
	v->findings = arena_calloc(a, j->n_findings, sizeof(*v->findings));
	Tram__V1__Finding *rows = arena_calloc(a, j->n_findings, sizeof(*rows));
	if (!v->findings || !rows)
		return false;
	for (size_t i = 0; i < j->n_findings; i++) {
		if (!make_finding(a, &j->findings[i], &rows[i]))
			return false;
		v->findings[i] = &rows[i];
	}
	v->n_findings = j->n_findings;
	return true;
}

Tram__V1__Verdict *verdict_make(struct arena *a, const struct verdict_head *head, const struct judgement *j)
{
	Tram__V1__Verdict *v = arena_alloc(a, sizeof(*v));
	if (!v)
		return NULL;
	tram__v1__verdict__init(v);
	v->verdict_seq = head->verdict_seq;
	v->seq = head->seq;
	v->known_at_us = head->known_at_us;
	v->catalogue_version = head->catalogue_version;
	if (!copy_text(a, head->cause, &v->cause) || !copy_text(a, head->decided_by, &v->decided_by) ||
	    !copy_text(a, head->reason, &v->reason))
		return NULL;
	if (head->epoch && !copy_bytes(a, head->epoch->bytes, EPOCH_SIZE, &v->epoch))
		return NULL;
	if (head->digest && !copy_bytes(a, head->digest->bytes, DIGEST_SIZE, &v->digest))
		return NULL;
	if (!make_words(a, j, v) || !make_outcomes(a, j, v) || !make_findings(a, j, v))
		return NULL;
	return v;
}
