/* SPDX-License-Identifier: Apache-2.0 */
/* The door, with real handshakes over TCP, and with questions as libzmq would put them. */
#include "zap.h"

#include "road.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <zmq.h>

struct stage {
	void *context, *centre, *agent;
	struct zap *zap;
	struct counters counters;
	struct keys centre_keys, agent_keys, operator_keys;
	struct roster *agents, *operators;
	struct road_settings settings;
	char endpoint[ROAD_ENDPOINT_MAX];
	int told;
	char told_key[Z85_KEY_SIZE], told_agent[ROSTER_AGENT_MAX + 1];
};

static struct roster *roster_of(const struct keys *keys, const char *name, enum roster_state state)
{
	struct roster_row row = {.state = state};
	snprintf(row.agent, sizeof(row.agent), "%s", name);
	memcpy(row.curve_public, keys->curve_public, sizeof(row.curve_public));
	struct roster *r = roster_new(&row, 1, NULL);
	assert_non_null(r);
	return r;
}

static void set_agents(struct stage *s, const struct keys *keys, enum roster_state state)
{
	roster_free(&s->agents);
	s->agents = roster_of(keys, "agent-63-46", state);
}

static int setup(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	assert_true(keys_make("centre", &s->centre_keys, NULL) && keys_make("agent-63-46", &s->agent_keys, NULL) &&
		    keys_make("operator", &s->operator_keys, NULL));
	road_settings_init(&s->settings);
	s->settings.handshake_us = 100000;
	s->settings.reconnect_us = 10000;
	s->context = road_context_open();
	s->zap = zap_open(s->context, &s->counters, NULL);
	assert_non_null(s->zap);
	s->centre = road_centre_open(s->context, "tcp://127.0.0.1:*", &s->centre_keys, &s->settings, NULL);
	assert_non_null(s->centre);
	road_endpoint(s->centre, s->endpoint);
	s->operators = roster_of(&s->operator_keys, "operator", ROSTER_ACTIVE);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;
	road_close(&s->agent);
	road_close(&s->centre);
	zap_close(&s->zap);
	road_context_close(&s->context);
	roster_free(&s->agents);
	roster_free(&s->operators);
	free(s);
	return 0;
}

static void note(void *context, const struct zap_refusal *refusal)
{
	struct stage *s = context;
	s->told++;
	snprintf(s->told_key, sizeof(s->told_key), "%s", refusal->key);
	snprintf(s->told_agent, sizeof(s->told_agent), "%s", refusal->agent);
}

/* Serves and settles at once, as if the roster had just been read. */
static void serve(struct stage *s, int64_t now_us)
{
	const struct zap_book book = {.agents = s->agents, .operators = s->operators, .refused = note, .context = s};
	zap_serve(s->zap, &book, now_us);
	zap_settle(s->zap, &book, now_us + 1, now_us);
}

/* One turn of the loop: the door first, then what came through it. True when a message came. */
static bool turn(struct stage *s, struct road_message *m)
{
	zmq_pollitem_t items[] = {
	    {.socket = zap_socket(s->zap), .events = ZMQ_POLLIN},
	    {.socket = s->centre, .events = ZMQ_POLLIN},
	};
	zmq_poll(items, 2, 10);
	serve(s, 1);
	(void)road_send(s->agent, "hello", 5);
	return road_receive_from(s->centre, m) == ROAD_OK;
}

static void connect_agent(struct stage *s, const struct keys *keys)
{
	s->agent = road_agent_open(s->context, s->endpoint, keys, &s->centre_keys, &s->settings, NULL, NULL);
	assert_non_null(s->agent);
}

/* Turns until a message comes or the counter has grown to n. */
static bool wait_for(struct stage *s, enum counter_id id, uint64_t n, struct road_message *m)
{
	for (int i = 0; i < 500; i++)
		if (turn(s, m) || s->counters.at[id] >= n)
			return true;
	return false;
}

static void a_key_that_is_accepted_later_gets_in_without_a_restart(void **state)
{
	struct stage *s = *state;
	struct road_message m = {0};
	connect_agent(s, &s->agent_keys);
	assert_true(wait_for(s, COUNTER_DOOR_UNKNOWN, 2, &m));
	assert_int_equal(s->counters.at[COUNTER_DOOR_OPENED], 0);
	assert_int_equal(s->told, 1); /* not each time */
	assert_string_equal(s->told_key, s->agent_keys.curve_public);
	set_agents(s, &s->agent_keys, ROSTER_SUSPENDED);
	assert_true(wait_for(s, COUNTER_DOOR_SUSPENDED, 1, &m));
	set_agents(s, &s->agent_keys, ROSTER_REVOKED);
	assert_true(wait_for(s, COUNTER_DOOR_REVOKED, 1, &m));
	set_agents(s, &s->agent_keys, ROSTER_ACTIVE);
	assert_true(wait_for(s, COUNTER_RELOADS, 1, &m)); /* which nothing here counts: the message itself */
	assert_string_equal(m.user, "agent-63-46");
	assert_int_equal(m.len, 5);
	assert_int_equal(s->counters.at[COUNTER_DOOR_OPENED], 1);
	road_message_clear(&m);
}

static void a_client_without_curve_gets_nothing_through(void **state)
{
	struct stage *s = *state;
	struct road_message m = {0};
	set_agents(s, &s->agent_keys, ROSTER_ACTIVE);
	s->agent = zmq_socket(s->context, ZMQ_DEALER);
	const int zero = 0;
	zmq_setsockopt(s->agent, ZMQ_LINGER, &zero, sizeof(zero));
	assert_int_equal(zmq_connect(s->agent, s->endpoint), 0);
	for (int i = 0; i < 30; i++)
		assert_false(turn(s, &m));
	assert_int_equal(s->counters.at[COUNTER_DOOR_OPENED], 0);
}

/* ---------------------------------------------------------------- questions as libzmq puts them */

static void put_frame(void *socket, const void *data, size_t len, bool more)
{
	assert_int_equal(zmq_send(socket, data, len, more ? ZMQ_SNDMORE : 0), (int)len);
}

struct question {
	const char *version, *domain, *mechanism;
	const struct keys *keys; /* NULL: no credentials */
	bool short_key;
	const char *status, *user;
	enum counter_id counter;
};

static void ask(void *socket, const struct question *q)
{
	uint8_t key[32];
	put_frame(socket, q->version, strlen(q->version), true);
	put_frame(socket, "17", 2, true);
	put_frame(socket, q->domain, strlen(q->domain), true);
	put_frame(socket, "127.0.0.1", 9, true);
	put_frame(socket, "", 0, true);
	put_frame(socket, q->mechanism, strlen(q->mechanism), q->keys != NULL);
	if (!q->keys)
		return;
	zmq_z85_decode(key, q->keys->curve_public);
	put_frame(socket, key, q->short_key ? 31 : 32, false);
}

static void expect_answer(void *socket, const char *request, const char *status, const char *user)
{
	const char *expect[] = {"1.0", request, status, "", user, ""};
	char buf[256];
	for (size_t i = 0; i < 6; i++) {
		int n = zmq_recv(socket, buf, sizeof(buf) - 1, 0);
		assert_true(n >= 0);
		buf[n] = '\0';
		assert_string_equal(buf, expect[i]);
	}
}

static void every_question_has_its_answer(void **state)
{
	struct stage *s = *state;
	const struct keys *agent = &s->agent_keys, *operator= & s->operator_keys;
	const struct question questions[] = {
	    {"1.0", "tram.road", "CURVE", agent, false, "200", "agent-63-46", COUNTER_DOOR_OPENED},
	    {"1.0", "tram.feed", "CURVE", operator, false, "200", "operator", COUNTER_DOOR_OPENED},
	    {"1.0", "tram.road", "CURVE", operator, false, "300", "", COUNTER_DOOR_UNKNOWN},
	    {"1.0", "tram.feed", "CURVE", agent, false, "300", "", COUNTER_DOOR_UNKNOWN},
	    {"1.0", "tram.road", "NULL", NULL, false, "400", "", COUNTER_DOOR_NO_KEY},
	    {"1.0", "tram.road", "PLAIN", agent, false, "400", "", COUNTER_DOOR_NO_KEY},
	    {"1.0", "tram.road", "CURVE", agent, true, "400", "", COUNTER_DOOR_NO_KEY},
	    {"1.0", "", "CURVE", agent, false, "400", "", COUNTER_DOOR_DOMAIN},
	    {"1.0", "tram.roadside", "CURVE", agent, false, "400", "", COUNTER_DOOR_DOMAIN},
	    {"2.0", "tram.road", "CURVE", agent, false, "400", "", COUNTER_DOOR_MALFORMED},
	};
	set_agents(s, agent, ROSTER_ACTIVE);
	void *socket = zmq_socket(s->context, ZMQ_REQ);
	assert_int_equal(zmq_connect(socket, "inproc://zeromq.zap.01"), 0);
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		uint64_t before = s->counters.at[questions[i].counter];
		ask(socket, &questions[i]);
		serve(s, 1);
		expect_answer(socket, "17", questions[i].status, questions[i].user);
		assert_int_equal(s->counters.at[questions[i].counter], before + 1);
	}
	zmq_close(socket);
}

static void what_is_no_question_is_answered_all_the_same(void **state)
{
	struct stage *s = *state;
	char wide[300];
	memset(wide, 'x', sizeof(wide));
	void *socket = zmq_socket(s->context, ZMQ_REQ);
	assert_int_equal(zmq_connect(socket, "inproc://zeromq.zap.01"), 0);
	put_frame(socket, "1.0", 3, false);
	serve(s, 1);
	expect_answer(socket, "", "400", "");
	put_frame(socket, "1.0", 3, true);
	put_frame(socket, "1", 1, true);
	put_frame(socket, wide, sizeof(wide), true);
	put_frame(socket, "CURVE", 5, false);
	serve(s, 1);
	expect_answer(socket, "1", "400", "");
	assert_int_equal(s->counters.at[COUNTER_DOOR_MALFORMED], 2);
	zmq_close(socket);
}

/* Who knocks with a new key each time is counted, but told of 64 times at most. */
static void a_flood_of_keys_is_told_in_measure(void **state)
{
	struct stage *s = *state;
	void *socket = zmq_socket(s->context, ZMQ_REQ);
	assert_int_equal(zmq_connect(socket, "inproc://zeromq.zap.01"), 0);
	for (int i = 0; i < 200; i++) {
		struct keys keys;
		snprintf(keys.curve_public, sizeof(keys.curve_public), "%040d", i);
		ask(socket,
		    &(struct question){.version = "1.0", .domain = "tram.road", .mechanism = "CURVE", .keys = &keys});
		serve(s, 1);
		expect_answer(socket, "17", "300", "");
	}
	assert_int_equal(s->told, 64);
	assert_int_equal(s->counters.at[COUNTER_DOOR_UNKNOWN], 200);
	ask(socket,
	    &(struct question){.version = "1.0", .domain = "tram.road", .mechanism = "CURVE", .keys = &s->agent_keys});
	serve(s, 1 + ZAP_TELL_US);
	assert_int_equal(s->told, 65);
	zmq_close(socket);
}

/* A stranger waits for the roster that was asked for after its knock, and not for ever. */
static void a_stranger_is_held_until_the_roster_is_read(void **state)
{
	struct stage *s = *state;
	const struct question q = {
	    .version = "1.0", .domain = "tram.road", .mechanism = "CURVE", .keys = &s->agent_keys};
	struct zap_book book = {.refused = note, .context = s};
	void *socket = zmq_socket(s->context, ZMQ_REQ);
	char none[8];
	assert_int_equal(zmq_connect(socket, "inproc://zeromq.zap.01"), 0);
	ask(socket, &q);
	zap_serve(s->zap, &book, 100);
	zap_settle(s->zap, &book, 100, 101); /* asked for before the knock */
	assert_int_equal(zap_held(s->zap), 1);
	assert_int_equal(zmq_recv(socket, none, sizeof(none), ZMQ_DONTWAIT), -1);
	set_agents(s, &s->agent_keys, ROSTER_ACTIVE);
	book.agents = s->agents;
	zap_settle(s->zap, &book, 101, 102);
	expect_answer(socket, "17", "200", "agent-63-46");
	assert_int_equal(s->told, 0);
	book.agents = NULL;
	ask(socket, &q);
	zap_serve(s->zap, &book, 200);
	zap_settle(s->zap, &book, 0, 200 + ZAP_HOLD_US - 1);
	assert_int_equal(zap_held(s->zap), 1);
	zap_settle(s->zap, &book, 0, 200 + ZAP_HOLD_US);
	expect_answer(socket, "17", "300", "");
	zmq_close(socket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_key_that_is_accepted_later_gets_in_without_a_restart, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_client_without_curve_gets_nothing_through, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_question_has_its_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_question_is_answered_all_the_same, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stranger_is_held_until_the_roster_is_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_flood_of_keys_is_told_in_measure, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
