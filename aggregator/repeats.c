/* SPDX-License-Identifier: Apache-2.0 */
#include "repeats.h"

#include "text.h"

#include <inttypes.h>
#include <string.h>

/* An agent that does not say when a report was handed in leaves nothing to know it by. */
static bool may_repeat(const struct intake_report *r)
{
	return r->report && r->stream->before.has_other_epochs && r->entry->handed_in_at_us > 0;
}

static size_t count_possible(const struct intake *in)
{
	size_t n = 0;
	for (size_t i = 0; i < in->n_reports; i++)
		n += may_repeat(&in->reports[i]);
	return n;
}

static void ask(const struct intake_report *r, struct repeat_question *q)
{
	*q = (struct repeat_question){.agent_no = r->stream->before.agent_no,
				      .stream_no = r->stream->before.stream_no,
				      .handed_in_at_us = r->entry->handed_in_at_us,
				      .digest = r->entry->digest};
}

enum store_result repeats_find(struct intake *in, struct err *err)
{
	size_t n = count_possible(in), asked = 0, answered = 0;
	if (n == 0)
		return STORE_OK;
	struct repeat_question *q = arena_calloc(in->arena, n, sizeof(*q));
	if (!q)
		return store_exhausted(err);
	for (size_t i = 0; i < in->n_reports; i++)
		if (may_repeat(&in->reports[i]))
			ask(&in->reports[i], &q[asked++]);
	enum store_result result = store_repeats(in->store, q, n, in->arena, err);
	for (size_t i = 0; i < in->n_reports && result == STORE_OK; i++) {
		struct intake_report *r = &in->reports[i];
		if (!may_repeat(r))
			continue;
		const struct repeat_question *a = &q[answered++];
		r->repeat = a->report_no && a->judgement.n == r->judgement.n ? a : NULL;
	}
	return result;
}

/* Where it was handed in first, as its ticket names it. */
static const char *first_place(struct arena *a, const struct intake_report *r)
{
	char hex[9];
	return arena_printf(a, "%s/%s/%" PRIu64, r->stream->agent, text_hex(r->repeat->epoch.bytes, 4, hex),
			    store_seq_of(r->repeat->report_no));
}

bool repeats_judge(struct arena *a, struct intake_report *r)
{
	const struct judgement *first = &r->repeat->judgement;
	struct judgement *j = &r->judgement;
	struct finding *findings = arena_calloc(a, first->n_findings + 1, sizeof(*findings));
	j->outcomes = arena_calloc(a, j->n, sizeof(*j->outcomes));
	j->justified = arena_calloc(a, j->n, sizeof(*j->justified));
	const char *place = first_place(a, r);
	if (!findings || !j->outcomes || !j->justified || !place)
		return false;
	for (size_t i = 0; i < j->n; i++)
		j->outcomes[i] = first->outcomes[i] == OUTCOME_REFUSED ? OUTCOME_REFUSED : OUTCOME_DUPLICATE;
	findings[0] = (struct finding){.rule = rule_by_code("SACH-01"),
				       .severity = SEVERITY_INFORM,
				       .asked = SEVERITY_INFORM,
				       .field = "report",
				       .found = place,
				       .expected = ""};
	if (first->n_findings > 0)
		memcpy(findings + 1, first->findings, first->n_findings * sizeof(*findings));
	j->words = first->words;
	j->n_words = first->n_words;
	j->word_table = first->word_table;
	j->findings = findings;
	j->n_findings = first->n_findings + 1;
	return true;
}
