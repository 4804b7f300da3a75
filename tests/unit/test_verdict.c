/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict keeps its texts whatever becomes of the memory that its judgement was made in. */
#include "verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define TEXTS 64

/* A text in memory that will be something else. */
static const char *fleeting(char *room, size_t *used, const char *text)
{
	char *at = room + *used;
	size_t size = strlen(text) + 1;

	assert_true(*used + size <= (size_t)TEXTS * 8);
	memcpy(at, text, size);
	*used += size;
	return at;
}

static void test_nothing_lies_elsewhere(void **state)
{
	struct arena *arena = arena_new(1u << 20);
	char room[TEXTS * 8];
	size_t used = 0;
	struct word word = {.code = fleeting(room, &used, "thong_nhat"),
			    .name_vi = fleeting(room, &used, "thống nhất"),
			    .name_en = fleeting(room, &used, "consistent")};
	struct rule rule = {.code = fleeting(room, &used, "THONGNHAT-01"),
			    .message_vi = fleeting(room, &used, "khác nhau"),
			    .message_en = fleeting(room, &used, "they differ"),
			    .remedy_vi = fleeting(room, &used, "sửa"),
			    .remedy_en = fleeting(room, &used, "mend it")};
	struct finding finding = {.rule = &rule,
				  .severity = SEVERITY_WARN,
				  .line = 1,
				  .field = fleeting(room, &used, "value"),
				  .found = fleeting(room, &used, "1"),
				  .expected = fleeting(room, &used, "2")};
	enum outcome outcome = OUTCOME_WARNED;
	enum word_state state_of_word = WORD_WARN;
	struct judgement j = {.outcomes = &outcome,
			      .n = 1,
			      .words = &state_of_word,
			      .n_words = 1,
			      .word_table = &word,
			      .findings = &finding,
			      .n_findings = 1};
	struct verdict_head head = {.cause = fleeting(room, &used, "released"),
				    .decided_by = fleeting(room, &used, "An"),
				    .reason = fleeting(room, &used, "đúng")};
	Tram__V1__Verdict *v;

	(void)state;
	v = verdict_make(arena, &head, &j);
	memset(room, '#', sizeof room);
	room[sizeof room - 1] = '\0';
	assert_non_null(v);
	assert_string_equal(v->words[0]->code, "thong_nhat");
	assert_string_equal(v->words[0]->name_vi, "thống nhất");
	assert_string_equal(v->words[0]->name_en, "consistent");
	assert_string_equal(v->findings[0]->rule, "THONGNHAT-01");
	assert_string_equal(v->findings[0]->field, "value");
	assert_string_equal(v->findings[0]->message_vi, "khác nhau: 1 (cần: 2)");
	assert_string_equal(v->findings[0]->message_en, "they differ: 1 (expected: 2)");
	assert_string_equal(v->findings[0]->remedy_vi, "sửa");
	assert_string_equal(v->findings[0]->remedy_en, "mend it");
	assert_string_equal(v->cause, "released");
	assert_string_equal(v->decided_by, "An");
	assert_string_equal(v->reason, "đúng");
	arena_free(&arena);
}

/* Every text has room, or there is no verdict: one that was left empty would stay so for ever. */
static void test_all_or_nothing(void **state)
{
	const struct rule *rule = rule_by_code("DUNG-07");
	struct finding finding = {
	    .rule = rule, .severity = SEVERITY_JUSTIFY, .line = 1, .field = "value", .found = "139"};
	enum outcome outcome = OUTCOME_HELD;
	struct judgement j = {.outcomes = &outcome, .n = 1, .findings = &finding, .n_findings = 1};
	struct verdict_head head = {.cause = "received"};
	bool made = false;

	(void)state;
	for (size_t bytes = 64; !made && bytes < 65536; bytes += 16) {
		struct arena *arena = arena_new(bytes);
		Tram__V1__Verdict *v = verdict_make(arena, &head, &j);

		if (v) {
			made = true;
			assert_string_equal(v->findings[0]->remedy_vi, rule->remedy_vi);
			assert_string_equal(v->findings[0]->rule, "DUNG-07");
		}
		arena_free(&arena);
	}
	assert_true(made);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_lies_elsewhere),
	    cmocka_unit_test(test_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
