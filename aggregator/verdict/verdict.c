/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <string.h>

/* protobuf-c's structs have char * where nothing is ever written. */
static char *text(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = {.in = s ? s : ""};
	return u.out;
}

static bool copy_bytes(struct arena *a, const void *data, size_t len, ProtobufCBinaryData *ret)
{
	ret->data = arena_alloc(a, len);
	ret->len = len;
	if (!ret->data)
		return false;
	memcpy(ret->data, data, len);
	return true;
}

static bool make_words(struct arena *a, const struct judgement *j, Tram__V1__Verdict *v)
{
	v->words = arena_calloc(a, j->n_words, sizeof(*v->words));
	Tram__V1__Word *rows = arena_calloc(a, j->n_words, sizeof(*rows));
	if (!v->words || !rows)
		return false;
	for (size_t i = 0; i < j->n_words; i++) {
		tram__v1__word__init(&rows[i]);
		rows[i].code = text(j->word_table[i].code);
		rows[i].state = (Tram__V1__WordState)j->words[i];
		if (!word_is_built_in(&j->word_table[i])) {
			rows[i].name_vi = text(j->word_table[i].name_vi);
			rows[i].name_en = text(j->word_table[i].name_en);
		}
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
	const char *texts[] = {arena_strdup(a, f->field ? f->field : ""), arena_strdup(a, f->found ? f->found : ""),
			       arena_strdup(a, f->expected ? f->expected : ""), finding_message(a, f, true),
			       finding_message(a, f, false)};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!texts[i])
			return false;
	tram__v1__finding__init(ret);
	ret->rule = text(f->rule->code);
	ret->severity = (Tram__V1__Severity)f->severity;
	ret->observation = f->line;
	ret->field = text(texts[0]);
	ret->found = text(texts[1]);
	ret->expected = text(texts[2]);
	ret->message_vi = text(texts[3]);
	ret->message_en = text(texts[4]);
	ret->remedy_vi = text(finding_remedy(f, true));
	ret->remedy_en = text(finding_remedy(f, false));
	return true;
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
	v->cause = text(head->cause);
	v->decided_by = text(head->decided_by);
	v->reason = text(head->reason);
	if (head->epoch && !copy_bytes(a, head->epoch->bytes, EPOCH_SIZE, &v->epoch))
		return NULL;
	if (head->digest && !copy_bytes(a, head->digest->bytes, DIGEST_SIZE, &v->digest))
		return NULL;
	if (!make_words(a, j, v) || !make_outcomes(a, j, v) || !make_findings(a, j, v))
		return NULL;
	return v;
}
