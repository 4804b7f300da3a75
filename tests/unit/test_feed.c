/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define FEED_ID UINT64_C(0x1122334455667788)

struct stage {
	char dir[32], endpoint[64];
	void *context, *listener;
	struct feed *feed;
	struct counters counters;
	struct road_settings settings;
	struct road_message message;
};

static int setup(void **state)
{
	struct stage *s = xcalloc(1, sizeof(*s));
	memcpy(s->dir, "/tmp/tram-feed-XXXXXX", 22);
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->endpoint, sizeof(s->endpoint), "ipc://%s/feed", s->dir);
	road_settings_init(&s->settings);
	s->settings.high_water = 100;
	s->context = road_context_open();
	s->feed = feed_open(s->context, s->endpoint, NULL, &s->settings, FEED_ID, &s->counters, NULL);
	assert_non_null(s->feed);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;
	road_close(&s->listener);
	feed_close(&s->feed);
	assert_null(s->feed);
	feed_close(&s->feed);
	road_context_close(&s->context);
	road_message_clear(&s->message);
	char *path = xasprintf("%s/feed", s->dir);
	unlink(path);
	free(path);
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

static void tell_one(struct stage *s, const char *reason)
{
	const struct log_field fields[] = {{"reason", reason}};
	feed_tell(s->feed, EVENT_AGENT_SILENT, "agent-63-46", "63/46", 42, fields, 1);
}

/* Joins and tells until the subscription has arrived; what was told is received up to and with the last. */
static uint64_t join(struct stage *s, const char *prefix)
{
	s->listener = road_feed_join(s->context, s->endpoint, NULL, NULL, &prefix, 1, &s->settings, NULL, NULL);
	assert_non_null(s->listener);
	for (int i = 0; i < 500; i++) {
		feed_serve(s->feed);
		tell_one(s, "joining");
		if (!road_wait(s->listener, 10))
			continue;
		uint64_t last = feed_position(s->feed), heard = 0;
		while (heard < last && road_wait(s->listener, 1000)) {
			assert_int_equal(road_feed_receive(s->listener, &s->message), ROAD_OK);
			Tram__V1__Event *e = tram__v1__event__unpack(NULL, s->message.len, s->message.data);
			heard = e->position;
			tram__v1__event__free_unpacked(e, NULL);
		}
		return heard;
	}
	fail_msg("nothing was heard");
	return 0;
}

static Tram__V1__Event *hear(struct stage *s)
{
	assert_true(road_wait(s->listener, 120000));
	assert_int_equal(road_feed_receive(s->listener, &s->message), ROAD_OK);
	return tram__v1__event__unpack(NULL, s->message.len, s->message.data);
}

static void an_event_is_heard_as_it_was_told(void **state)
{
	struct stage *s = *state;
	uint64_t before = join(s, "63/46|");
	tell_one(s, "mất \"tiếng\"");
	Tram__V1__Event *e = hear(s);
	assert_string_equal(s->message.topic, "63/46|-|W|agent.silent");
	assert_int_equal(e->position, before + 1);
	assert_true(e->feed_id == FEED_ID);
	assert_int_equal(e->at_us, 42);
	assert_int_equal(e->severity, TRAM__V1__SEVERITY__SEVERITY_WARN);
	assert_string_equal(e->agent, "agent-63-46");
	assert_int_equal(e->n_fields, 1);
	assert_string_equal(e->fields[0]->name, "reason");
	assert_string_equal(e->fields[0]->value, "mất \"tiếng\"");
	tram__v1__event__free_unpacked(e, NULL);
}

/* An event of a lane keeps its own severity and name, known to the table or not. */
static void a_lanes_event_is_numbered_and_passed_on(void **state)
{
	struct stage *s = *state;
	uint64_t before = join(s, "");
	Tram__V1__Event event = TRAM__V1__EVENT__INIT;
	event.name = (char[]){"something.new"};
	event.severity = TRAM__V1__SEVERITY__SEVERITY_BLOCK;
	event.word = (char[]){"dung"};
	feed_publish(s->feed, &event);
	Tram__V1__Event *e = hear(s);
	assert_string_equal(s->message.topic, "-|dung|B|something.new");
	assert_int_equal(e->position, before + 1);
	tram__v1__event__free_unpacked(e, NULL);
	assert_int_equal(s->counters.at[COUNTER_EVENTS_PUBLISHED], before + 1);
}

/* What cannot be told leaves its places empty, so that a listener sees that it missed something. */
static void what_is_skipped_leaves_a_gap(void **state)
{
	struct stage *s = *state;
	uint64_t before = join(s, "63/46|");
	feed_skip(s->feed, 3);
	tell_one(s, "x");
	Tram__V1__Event *e = hear(s);
	assert_int_equal(e->position, before + 4);
	tram__v1__event__free_unpacked(e, NULL);
	assert_int_equal(s->counters.at[COUNTER_EVENTS_LOST], 3);
}

/* One who does not read stops nobody, and sees by the positions what it missed. */
static void a_slow_listener_misses_and_can_tell(void **state)
{
	struct stage *s = *state;
	uint64_t last = join(s, ""), heard = 0, gaps = 0;
	for (int i = 0; i < 5000; i++)
		tell_one(s, "flood");
	for (int i = 0; i < 20000 && last < feed_position(s->feed);
	     i++) { /* what waits, and then new ones until one gets through */
		tell_one(s, "after");
		while (road_wait(s->listener, 5) && road_feed_receive(s->listener, &s->message) == ROAD_OK) {
			Tram__V1__Event *e = tram__v1__event__unpack(NULL, s->message.len, s->message.data);
			assert_true(e->position > last);
			gaps += e->position > last + 1;
			last = e->position;
			heard++;
			tram__v1__event__free_unpacked(e, NULL);
		}
	}
	assert_true(gaps > 0);
	assert_in_range(heard, 1, 5000);
	assert_int_equal(last, feed_position(s->feed));
}

/* The same flood, where there is room for it. */
static void one_who_may_be_slow_misses_nothing(void **state)
{
	struct stage *s = *state;
	feed_close(&s->feed);
	s->settings.high_water = s->settings.receive_high_water = 10000;
	s->feed = feed_open(s->context, s->endpoint, NULL, &s->settings, FEED_ID, &s->counters, NULL);
	assert_non_null(s->feed);
	uint64_t last = join(s, "");
	for (int i = 0; i < 5000; i++)
		tell_one(s, "flood");
	while (last < feed_position(s->feed)) {
		Tram__V1__Event *e = hear(s);
		assert_int_equal(e->position, last + 1);
		last = e->position;
		tram__v1__event__free_unpacked(e, NULL);
	}
}

static void without_keys_only_this_machine_listens(void **state)
{
	struct stage *s = *state;
	struct err err;
	assert_null(feed_open(s->context, "tcp://127.0.0.1:*", NULL, &s->settings, 1, &s->counters, &err));
	assert_non_null(strstr(err.text, "tcp://127.0.0.1"));
}

int main(void)
{
	log_start("test", LOG_LEVEL_ERROR);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_event_is_heard_as_it_was_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_lanes_event_is_numbered_and_passed_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_skipped_leaves_a_gap, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_slow_listener_misses_and_can_tell, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_who_may_be_slow_misses_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(without_keys_only_this_machine_listens, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
