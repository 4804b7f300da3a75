/* SPDX-License-Identifier: Apache-2.0 */
/* What tram tail lets through, and how it prints it. */
#include "tail_filter.h"
#include "tail_link.h"
#include "tail_show.h"

#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#define TEXT(s) ((char *)(uintptr_t)(s))

struct sample {
	Tram__V1__Event event;
	Tram__V1__EventField fields[8], *list[8];
};

static void add(struct sample *s, const char *name, const char *value)
{
	Tram__V1__EventField *f = &s->fields[s->event.n_fields];
	tram__v1__event_field__init(f);
	f->name = TEXT(name);
	f->value = TEXT(value);
	s->list[s->event.n_fields++] = f;
}

static void make(struct sample *s)
{
	tram__v1__event__init(&s->event);
	s->event.position = 7;
	s->event.feed_id = 255;
	s->event.at_us = INT64_C(1721350800) * CLOCK_SECOND; /* 2024-07-19 08:00:00 in Viet Nam */
	s->event.name = TEXT("observation.held");
	s->event.severity = TRAM__V1__SEVERITY__SEVERITY_JUSTIFY;
	s->event.agent = TEXT("agent-63-46");
	s->event.area = TEXT("63/46");
	s->event.word = TEXT("dung");
	s->event.fields = s->list;
	add(s, "rule", "DUNG-07");
	add(s, "dataflow", "payments_province");
	add(s, "indicator", "total");
}

/* ---------------------------------------------------------------- filters */

struct filter_case {
	size_t list; /* offset of the list; 0 with severity */
	const char *value;
	bool passes;
};

#define IN(member) offsetof(struct tail_filter, member)

static const struct filter_case cases[] = {
    {IN(areas), "63/46", true},
    {IN(areas), "46", true},
    {IN(areas), "34/46", false},
    {IN(areas), "4", false},
    {IN(areas), "VN", false},
    {IN(agents), "agent-63-46", true},
    {IN(agents), "agent-63", false},
    {IN(words), "dung", true},
    {IN(words), "đúng", true},
    {IN(words), "sach", false},
    {IN(events), "observation.held", true},
    {IN(events), "observation", true},
    {IN(events), "observation.refused", false},
    {IN(events), "report", false},
    {IN(dataflows), "payments_province", true},
    {IN(dataflows), "payments", false},
    {IN(indicators), "total", true},
    {IN(rules), "DUNG-07", true},
    {IN(rules), "DUNG-01", false},
    {IN(severity), "I", true},
    {IN(severity), "w", true},
    {IN(severity), "J", true},
    {IN(severity), "B", false},
};

static void set(struct tail_filter *f, const struct filter_case *c)
{
	struct option_list *list = (struct option_list *)((char *)f + c->list);
	if (c->list == IN(severity))
		f->severity = c->value;
	else
		list->texts[list->n++] = c->value;
}

static void each_filter_passes_what_it_names(void **state)
{
	struct sample s = {0};
	(void)state;
	make(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tail_filter f = {0};
		struct err err = {0};
		set(&f, &cases[i]);
		if (!tail_filter_check(&f, &err))
			fail_msg("%s: %s", cases[i].value, err.text);
		if (tail_filter_passes(&f, &s.event) != cases[i].passes)
			fail_msg("case %zu: %s", i, cases[i].value);
	}
}

/* A word that only the catalogue has brings its names; it is asked for by any of them. */
static void a_word_of_the_catalogue_has_three_names(void **state)
{
	static const struct {
		const char *wanted;
		bool passes;
	} names[] = {{"thong_nhat", true}, {"thống nhất", true}, {"unified", true}, {"thong", false}, {"dung", false}};
	struct sample s = {0};
	(void)state;
	make(&s);
	s.event.word = TEXT("thong_nhat");
	add(&s, "word_vi", "thống nhất");
	add(&s, "word_en", "unified");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct tail_filter f = {0};
		struct err err;
		set(&f, &(struct filter_case){IN(words), names[i].wanted, false});
		assert_true(tail_filter_check(&f, &err));
		if (tail_filter_passes(&f, &s.event) != names[i].passes)
			fail_msg("%s", names[i].wanted);
		if (strcmp(names[i].wanted, "dung") == 0)
			assert_null(tail_filter_foreign_word(&f));
		else
			assert_string_equal(tail_filter_foreign_word(&f), names[i].wanted);
	}
}

static void of_one_kind_any_of_two_kinds_both(void **state)
{
	struct sample s = {0};
	struct tail_filter f = {0};
	(void)state;
	make(&s);
	set(&f, &(struct filter_case){IN(areas), "63/01", false});
	assert_false(tail_filter_passes(&f, &s.event));
	set(&f, &(struct filter_case){IN(areas), "63/46", false});
	assert_true(tail_filter_passes(&f, &s.event));
	set(&f, &(struct filter_case){IN(rules), "DUNG-01", false});
	assert_false(tail_filter_passes(&f, &s.event));
}

static void what_can_never_match_is_refused(void **state)
{
	static const struct {
		size_t list;
		const char *value, *named;
	} wrong[] = {
	    {IN(severity), "X", "--severity X"},
	    {IN(severity), "BJ", "--severity BJ"},
	    {IN(severity), "", "--severity"},
	    {IN(events), "agent.slient", "agent.silent"},
	    {IN(events), "report.committe", "report.committed"},
	    {IN(events), "", "--event"},
	    {IN(words), "", "--word"},
	    {IN(areas), "63//46", "--area 63//46"},
	    {IN(areas), "", "--area"},
	    {IN(areas), "63|46", "--area 63|46"},
	    {IN(areas), "63/", "--area 63/"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct tail_filter f = {0};
		struct err err = {0};
		set(&f, &(struct filter_case){wrong[i].list, wrong[i].value, false});
		if (tail_filter_check(&f, &err))
			fail_msg("%s was taken", wrong[i].value);
		assert_int_equal(err.kind, ERR_USAGE);
		if (!strstr(err.text, wrong[i].named))
			fail_msg("%s: %s", wrong[i].value, err.text);
	}
}

static void a_filter_is_told_as_it_is_written(void **state)
{
	struct tail_filter f = {.severity = "J"};
	char text[200], shorter[12];
	(void)state;
	set(&f, &(struct filter_case){IN(areas), "63/46", false});
	set(&f, &(struct filter_case){IN(areas), "63/01", false});
	set(&f, &(struct filter_case){IN(rules), "DUNG-07", false});
	assert_string_equal(tail_filter_text(&f, text, sizeof(text)),
			    "--area 63/46 --area 63/01 --rule DUNG-07 --severity J");
	assert_string_equal(tail_filter_text(&f, shorter, sizeof(shorter)), "--area 63/4");
	assert_string_equal(tail_filter_text(&(struct tail_filter){0}, text, sizeof(text)), "");
}

/* ---------------------------------------------------------------- the connection */

/* What libzmq tells of one that is made, lost, refused: each change is said once, and a refusal not as an absence. */
static void who_is_not_let_in_is_not_told_that_nobody_is_there(void **state)
{
	static const struct {
		enum road_event event;
		const char *said; /* "": nothing */
	} course[] = {
	    {ROAD_EVENT_DISCONNECTED, "nobody at tcp://c"}, /* nobody listens yet */
	    {ROAD_EVENT_DISCONNECTED, ""},
	    {ROAD_EVENT_CONNECTED, ""},
	    {ROAD_EVENT_UNANSWERED, "does not let in the key of an (12-34)"},
	    {ROAD_EVENT_DISCONNECTED, ""},
	    {ROAD_EVENT_CONNECTED, ""},
	    {ROAD_EVENT_UNANSWERED, ""}, /* as before */
	    {ROAD_EVENT_DISCONNECTED, ""},
	    {ROAD_EVENT_DISCONNECTED, "nobody at"}, /* it was stopped */
	    {ROAD_EVENT_CONNECTED, ""},
	    {ROAD_EVENT_BROKEN, "c.pub is not this centre's key"},
	    {ROAD_EVENT_DISCONNECTED, ""},
	    {ROAD_EVENT_CONNECTED, ""},
	    {ROAD_EVENT_READY, "listening to tcp://c"},
	    {ROAD_EVENT_DISCONNECTED, "nobody at"},
	    {ROAD_EVENT_CONNECTED, ""},
	    {ROAD_EVENT_NOT_CURVE, "is no feed"},
	    {ROAD_EVENT_DISCONNECTED, ""},
	    {ROAD_EVENT_CONNECTED, ""},
	    {ROAD_EVENT_REFUSED, "refused the key of an (12-34)"},
	};
	struct tail_link l = {.endpoint = "tcp://c", .name = "an", .fingerprint = "12-34", .centre_key = "c.pub"};
	(void)state;
	for (size_t i = 0; i < sizeof(course) / sizeof(course[0]); i++) {
		char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);
		tail_link_tell(&l, course[i].event, f);
		fclose(f);
		if (*course[i].said ? !strstr(text, course[i].said) : len > 0)
			fail_msg("step %zu: %s", i, text);
		assert_int_equal(tail_link_is_up(&l), l.told == ROAD_EVENT_READY);
		free(text);
	}
	assert_true(tail_link_is_refused(&l));
}

/* ---------------------------------------------------------------- lines */

static char *shown(enum tail_format format, const Tram__V1__Event *event)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	tail_show(f, format, event);
	fclose(f);
	return text;
}

static void expect_line(enum tail_format format, const Tram__V1__Event *event, const char *line)
{
	char *text = shown(format, event);
	assert_string_equal(text, line);
	free(text);
}

static void a_line_for_people(void **state)
{
	struct sample s = {0};
	(void)state;
	make(&s);
	add(&s, "title_en", "Totals agree");
	expect_line(TAIL_TEXT, &s.event,
		    "2024-07-19 08:00:00 J 63/46  agent-63-46   observation.held     rule=DUNG-07 "
		    "dataflow=payments_province indicator=total Totals agree\n");
}

static void a_line_of_logfmt(void **state)
{
	struct sample s = {0};
	(void)state;
	make(&s);
	expect_line(
	    TAIL_LOGFMT, &s.event,
	    "ts=2024-07-19T01:00:00.000000Z ev=observation.held position=7 severity=J agent=agent-63-46 area=63/46 "
	    "word=dung rule=DUNG-07 dataflow=payments_province indicator=total\n");
}

static void a_line_of_json(void **state)
{
	struct sample s = {0};
	(void)state;
	make(&s);
	expect_line(TAIL_JSON, &s.event,
		    "{\"position\":7,\"feed_id\":\"00000000000000ff\",\"at\":\"2024-07-19T01:00:00.000000Z\","
		    "\"name\":\"observation.held\",\"severity\":\"J\",\"agent\":\"agent-63-46\",\"area\":\"63/46\","
		    "\"word\":\"dung\",\"fields\":{\"rule\":\"DUNG-07\",\"dataflow\":\"payments_province\","
		    "\"indicator\":\"total\"}}\n");
}

/* A province's text must not move the cursor, end the line or forge a field. */
static void a_terminal_is_sent_nothing_it_would_obey(void **state)
{
	static const char evil[] = "a\x1b[2J\nb\x7f\xc2\x9b"
				   "c \"d\" \\ é";
	(void)state;
	for (enum tail_format format = TAIL_TEXT; format <= TAIL_LOGFMT; format++) {
		struct sample s = {0};
		make(&s);
		add(&s, "found", evil);
		char *text = shown(format, &s.event);
		assert_null(strchr(text, '\x1b'));
		if (format != TAIL_JSON) /* there 7F is no control character */
			assert_null(strchr(text, '\x7f'));
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
		assert_non_null(strstr(text, "é"));
		if (format == TAIL_LOGFMT)
			assert_non_null(strstr(text, "found=\"a\\x1b[2J\\x0ab\\x7f\\x9bc \\\"d\\\" \\\\ é\""));
		free(text);
	}
}

static char *noted(enum tail_format format, bool restart)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	if (restart)
		tail_show_restart(f, format);
	else
		tail_show_gap(f, format, 5, 9);
	fclose(f);
	return text;
}

static void what_was_missed_is_said(void **state)
{
	static const struct {
		enum tail_format format;
		bool restart;
		const char *line;
	} notes[] = {
	    {TAIL_TEXT, false, "--- 5 events missed (positions 5 to 9) ---\n"},
	    {TAIL_JSON, false, "{\"name\":\"feed.gap\",\"from\":5,\"to\":9}\n"},
	    {TAIL_LOGFMT, false, "ev=feed.gap from=5 to=9\n"},
	    {TAIL_TEXT, true, "--- the feed began anew: the aggregator was started again ---\n"},
	    {TAIL_JSON, true, "{\"name\":\"feed.restarted\"}\n"},
	    {TAIL_LOGFMT, true, "ev=feed.restarted\n"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		char *text = noted(notes[i].format, notes[i].restart);
		assert_string_equal(text, notes[i].line);
		free(text);
	}
}

static void positions_are_followed(void **state)
{
	static const struct {
		uint64_t feed_id, position;
		struct tail_break expect;
	} events[] = {
	    {1, 40, {0}}, /* the first one heard: what was before is not missed */
	    {1, 41, {0}}, {1, 45, {false, 42, 44}}, {1, 46, {0}}, {2, 1, {true, 0, 0}},
	    {2, 2, {0}},  {3, 4, {true, 1, 3}}, /* began anew, and its first ones were not heard */
	    {3, 5, {0}},
	};
	struct tail_place place = {0};
	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		Tram__V1__Event e = TRAM__V1__EVENT__INIT;
		e.feed_id = events[i].feed_id;
		e.position = events[i].position;
		struct tail_break broken = tail_follow(&place, &e);
		assert_int_equal(broken.anew, events[i].expect.anew);
		assert_int_equal(broken.missed_from, events[i].expect.missed_from);
		assert_int_equal(broken.missed_to, events[i].expect.missed_to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_filter_passes_what_it_names),
	    cmocka_unit_test(a_word_of_the_catalogue_has_three_names),
	    cmocka_unit_test(of_one_kind_any_of_two_kinds_both),
	    cmocka_unit_test(what_can_never_match_is_refused),
	    cmocka_unit_test(a_filter_is_told_as_it_is_written),
	    cmocka_unit_test(who_is_not_let_in_is_not_told_that_nobody_is_there),
	    cmocka_unit_test(a_line_for_people),
	    cmocka_unit_test(a_line_of_logfmt),
	    cmocka_unit_test(a_line_of_json),
	    cmocka_unit_test(a_terminal_is_sent_nothing_it_would_obey),
	    cmocka_unit_test(positions_are_followed),
	    cmocka_unit_test(what_was_missed_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
