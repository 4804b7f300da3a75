/* SPDX-License-Identifier: Apache-2.0 */
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
#include <sodium.h>
#include <zmq.h>

enum { PATIENCE_MS = 15000 }; /* for one event or message: of a machine that has more to do */

/* A centre and its doorkeeper, in one thread: each wait serves ZAP as the gate would. */
struct stage {
	void *context, *zap, *centre, *agent, *monitor;
	struct keys centre_keys, agent_keys;
	struct road_settings settings;
	char endpoint[ROAD_ENDPOINT_MAX];
	const char *zap_status; /* what the doorkeeper says */
	char zap_domain[256];
	struct err err;
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void answer_zap(struct stage *s)
{
	char parts[8][256] = {{0}};
	size_t n = 0;
	int more = 1;
	for (size_t size = sizeof more; more && n < 8; n++) {
		if (zmq_recv(s->zap, parts[n], 255, 0) < 0)
			return;
		zmq_getsockopt(s->zap, ZMQ_RCVMORE, &more, &size);
	}
	snprintf(s->zap_domain, sizeof s->zap_domain, "%s", parts[2]);
	const char *user = strcmp(s->zap_status, "200") == 0 ? "agent-63-46" : "";
	const char *answer[6] = {"1.0", parts[1], s->zap_status, "text", user, ""};
	for (int i = 0; i < 6; i++)
		zmq_send(s->zap, answer[i], strlen(answer[i]), i < 5 ? ZMQ_SNDMORE : 0);
}

static void turn(struct stage *s)
{
	zmq_pollitem_t items[] = {
	    {.socket = s->zap, .events = ZMQ_POLLIN},
	    {.socket = s->centre, .events = ZMQ_POLLIN},
	    {.socket = s->agent, .events = ZMQ_POLLIN},
	    {.socket = s->monitor, .events = ZMQ_POLLIN},
	};
	zmq_poll(items, 4, 5);
	if (items[0].revents)
		answer_zap(s);
}

static void open_centre(struct stage *s)
{
	s->centre = road_centre_open(s->context, "tcp://127.0.0.1:*", &s->centre_keys, &s->settings, &s->err);
	assert_non_null(s->centre);
	road_endpoint(s->centre, s->endpoint);
}

static void open_agent(struct stage *s, const struct keys *centre)
{
	s->agent = road_agent_open(s->context, s->endpoint, &s->agent_keys, centre, &s->settings, &s->monitor, &s->err);
	assert_non_null(s->agent);
	assert_non_null(s->monitor);
}

static int setup(void **state)
{
	struct stage *s = calloc(1, sizeof *s);
	s->context = road_context_open();
	s->zap = zmq_socket(s->context, ZMQ_REP);
	zmq_bind(s->zap, "inproc://zeromq.zap.01");
	s->zap_status = "200";
	road_settings_init(&s->settings);
	s->settings.handshake_us = 300000;
	s->settings.reconnect_us = 20000;
	assert_true(keys_make("centre", &s->centre_keys, &s->err));
	assert_true(keys_make("agent-63-46", &s->agent_keys, &s->err));
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;
	if (s->agent)
		road_monitor_close(&s->monitor, s->agent);
	road_close(&s->agent);
	road_close(&s->centre);
	road_close(&s->zap);
	road_context_close(&s->context);
	assert_null(s->context);
	free(s);
	return 0;
}

/* Turns until the monitor tells the event; false when it did not in time. Other events are passed over. */
static bool wait_event(struct stage *s, enum road_event wanted, int64_t ms)
{
	for (int64_t end = now_ms() + ms; now_ms() < end; turn(s))
		for (enum road_event e; (e = road_monitor_next(s->monitor)) != ROAD_EVENT_NONE;)
			if (e == wanted)
				return true;
	return false;
}

static enum road_result wait_message(struct stage *s, void *socket, struct road_message *m, int64_t ms)
{
	enum road_result result = ROAD_NONE;
	for (int64_t end = now_ms() + ms; result == ROAD_NONE && now_ms() < end; turn(s))
		result = socket == s->agent ? road_receive(socket, m) : road_receive_from(socket, m);
	return result;
}

static void test_there_and_back(void **state)
{
	struct stage *s = *state;
	struct road_message m = {0};
	open_centre(s);
	open_agent(s, &s->centre_keys);
	assert_true(wait_event(s, ROAD_EVENT_READY, PATIENCE_MS));
	assert_string_equal(s->zap_domain, ROAD_ZAP_DOMAIN);

	assert_int_equal(road_send(s->agent, "one\0two", 7), ROAD_OK);
	assert_int_equal(wait_message(s, s->centre, &m, PATIENCE_MS), ROAD_OK);
	assert_int_equal(m.len, 7);
	assert_memory_equal(m.data, "one\0two", 7);
	assert_string_equal(m.user, "agent-63-46");
	assert_true(m.peer != 0);

	uint64_t peer = m.peer;
	assert_int_equal(road_send_to(s->centre, peer, "answer", 6), ROAD_OK);
	assert_int_equal(wait_message(s, s->agent, &m, PATIENCE_MS), ROAD_OK);
	uint8_t *taken = road_message_take(&m);
	assert_memory_equal(taken, "answer", 6);
	free(taken);
	assert_null(m.data);
	assert_int_equal(road_receive(s->agent, &m), ROAD_NONE);

	assert_int_equal(road_send_to(s->centre, peer ^ 1, "x", 1), ROAD_GONE);
	road_message_clear(&m);
}

/* What waits for a peer that does not read is known, and is nothing any more once it has read, or is gone. */
static void test_held(void **state)
{
	enum { LARGE = 1 << 20, ALL = 40 };
	struct stage *s = *state;
	struct road_message m = {0};
	struct road_held *held = road_held_new(), *other = road_held_new();
	uint8_t *data = calloc(1, LARGE);
	open_centre(s);
	open_agent(s, &s->centre_keys);
	assert_true(wait_event(s, ROAD_EVENT_READY, PATIENCE_MS));
	road_send(s->agent, "x", 1);
	assert_int_equal(wait_message(s, s->centre, &m, PATIENCE_MS), ROAD_OK);
	for (int i = 0; i < ALL; i++)
		assert_int_equal(road_send_held(s->centre, m.peer, data, LARGE, held), ROAD_OK);
	assert_int_equal(road_send_held(s->centre, m.peer ^ 1, data, LARGE, other), ROAD_GONE);
	assert_int_equal(road_held_bytes(other), 0);
	uint64_t peer = m.peer;
	for (int i = 0; i < ALL; i++)
		assert_int_equal(wait_message(s, s->agent, &m, PATIENCE_MS), ROAD_OK);
	assert_int_equal(road_held_bytes(held), 0);

	for (enum road_result sent = ROAD_OK; sent == ROAD_OK;) /* nobody reads: until the queue is full */
		sent = road_send_held(s->centre, peer, data, LARGE, held);
	assert_in_range(road_held_bytes(held), 2 * LARGE, s->settings.high_water * LARGE);
	road_monitor_close(&s->monitor, s->agent);
	road_close(&s->agent);
	for (int64_t end = now_ms() + PATIENCE_MS; road_held_bytes(held) > 0 && now_ms() < end; turn(s))
		road_receive_from(s->centre, &m);
	assert_int_equal(road_held_bytes(held), 0);
	road_held_free(&held);
	road_held_free(&other);
	road_message_clear(&m);
	free(data);
}

/* Who is not read from waits with its messages: few are here, a few MiB are in TCP, and none is lost. */
static void test_receives_few_ahead(void **state)
{
	enum { LARGE = 1 << 20, MOST = 40, PAUSE_MS = 500 };
	struct stage *s = *state;
	struct road_message m = {0};
	uint8_t *data = calloc(1, LARGE);
	int sent = 0;
	s->settings.receive_high_water = 2;
	s->settings.high_water = 2; /* the agent's */
	open_centre(s);
	open_agent(s, &s->centre_keys);
	assert_true(wait_event(s, ROAD_EVENT_READY, PATIENCE_MS));
	for (int64_t end = now_ms() + PAUSE_MS; now_ms() < end && sent <= MOST; turn(s))
		if (road_send(s->agent, data, LARGE) == ROAD_OK) {
			sent++;
			end = now_ms() + PAUSE_MS;
		}
	assert_in_range(sent, 4, MOST);
	for (int i = 0; i < sent; i++)
		assert_int_equal(wait_message(s, s->centre, &m, PATIENCE_MS), ROAD_OK);
	road_message_clear(&m);
	free(data);
}

/* The first message goes out as soon as the handshake is told, or the other side waits for it in vain. */
static void test_sent_at_once(void **state)
{
	struct stage *s = *state;
	open_centre(s);
	for (int i = 0; i < 40; i++) {
		open_agent(s, &s->centre_keys);
		road_send(s->agent, "x", 1); /* so that libzmq has just looked, and would not look again so soon */
		for (int64_t end = now_ms() + PATIENCE_MS;
		     road_monitor_next(s->monitor) != ROAD_EVENT_READY && now_ms() < end;) {
			road_send(s->agent, "x", 1);
			if (zmq_poll(&(zmq_pollitem_t){.socket = s->zap, .events = ZMQ_POLLIN}, 1, 0) > 0)
				answer_zap(s);
		}
		road_settle(s->agent);
		assert_int_equal(road_send(s->agent, "hello", 5), ROAD_OK);
		road_monitor_close(&s->monitor, s->agent);
		road_close(&s->agent);
	}
}

static void test_no_connection_is_not_sent(void **state)
{
	struct stage *s = *state;
	open_centre(s);
	snprintf(s->endpoint, sizeof s->endpoint, "tcp://127.0.0.1:1");
	open_agent(s, &s->centre_keys);
	assert_int_equal(road_send(s->agent, "x", 1), ROAD_NONE);
	assert_true(wait_event(s, ROAD_EVENT_DISCONNECTED, PATIENCE_MS));
}

static void test_why_not_connected(void **state)
{
	struct stage *s = *state;
	struct keys stranger;
	assert_true(keys_make("other", &stranger, &s->err));
	const struct {
		const char *status;
		const struct keys *centre;
		enum road_event event;
	} cases[] = {
	    {"400", &s->centre_keys, ROAD_EVENT_REFUSED},
	    {"300", &s->centre_keys, ROAD_EVENT_UNANSWERED},
	    {"200", &stranger, ROAD_EVENT_BROKEN},
	};
	open_centre(s);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		s->zap_status = cases[i].status;
		open_agent(s, cases[i].centre);
		if (!wait_event(s, cases[i].event, PATIENCE_MS))
			fail_msg("case %zu: the event did not come", i);
		road_monitor_close(&s->monitor, s->agent);
		road_close(&s->agent);
	}
}

/* "Not yet" (ZAP 300) must let the same socket in once the doorkeeper knows the key. */
static void test_approved_later(void **state)
{
	struct stage *s = *state;
	s->zap_status = "300";
	open_centre(s);
	open_agent(s, &s->centre_keys);
	assert_true(wait_event(s, ROAD_EVENT_UNANSWERED, PATIENCE_MS));
	s->zap_status = "200";
	assert_true(wait_event(s, ROAD_EVENT_READY, PATIENCE_MS));
}

static void test_odd_shapes(void **state)
{
	struct stage *s = *state;
	struct road_message m = {0};
	open_centre(s);
	open_agent(s, &s->centre_keys);
	assert_true(wait_event(s, ROAD_EVENT_READY, PATIENCE_MS));

	zmq_send(s->agent, "part", 4, ZMQ_SNDMORE);
	zmq_send(s->agent, "part", 4, ZMQ_SNDMORE);
	zmq_send(s->agent, "part", 4, 0);
	road_send(s->agent, "whole", 5);
	assert_int_equal(wait_message(s, s->centre, &m, PATIENCE_MS), ROAD_ODD);
	assert_int_equal(wait_message(s, s->centre, &m, PATIENCE_MS), ROAD_OK);
	assert_int_equal(m.len, 5);

	const uint8_t id[5] = {0, (uint8_t)(m.peer >> 24), (uint8_t)(m.peer >> 16), (uint8_t)(m.peer >> 8),
			       (uint8_t)m.peer};
	uint64_t peer = m.peer;
	zmq_send(s->centre, id, sizeof id, ZMQ_SNDMORE);
	zmq_send(s->centre, "part", 4, ZMQ_SNDMORE);
	zmq_send(s->centre, "part", 4, 0);
	road_send_to(s->centre, peer, "whole", 5);
	assert_int_equal(wait_message(s, s->agent, &m, PATIENCE_MS), ROAD_ODD);
	assert_int_equal(wait_message(s, s->agent, &m, PATIENCE_MS), ROAD_OK);
	assert_int_equal(m.len, 5);

	/* A peer that chose its routing id. */
	road_monitor_close(&s->monitor, s->agent);
	road_close(&s->agent);
	s->agent = zmq_socket(s->context, ZMQ_DEALER);
	zmq_setsockopt(s->agent, ZMQ_ROUTING_ID, "chosen", 6);
	zmq_setsockopt(s->agent, ZMQ_CURVE_SERVERKEY, s->centre_keys.curve_public, 40);
	zmq_setsockopt(s->agent, ZMQ_CURVE_PUBLICKEY, s->agent_keys.curve_public, 40);
	zmq_setsockopt(s->agent, ZMQ_CURVE_SECRETKEY, s->agent_keys.curve_secret, 40);
	zmq_connect(s->agent, s->endpoint);
	s->monitor = road_monitor_open(s->context, s->agent, &s->err);
	zmq_send(s->agent, "hello", 5, 0);
	assert_int_equal(wait_message(s, s->centre, &m, PATIENCE_MS), ROAD_ODD);
	road_message_clear(&m);
}

static void test_too_large_closes(void **state)
{
	struct stage *s = *state;
	struct road_message m = {0};
	s->settings.message_bytes = 1000;
	open_centre(s);
	open_agent(s, &s->centre_keys);
	assert_true(wait_event(s, ROAD_EVENT_READY, PATIENCE_MS));
	char large[2000] = {0};
	assert_int_equal(road_send(s->agent, large, sizeof large), ROAD_OK);
	assert_true(wait_event(s, ROAD_EVENT_DISCONNECTED, PATIENCE_MS));
	assert_int_equal(road_receive_from(s->centre, &m), ROAD_NONE);
	road_message_clear(&m);
}

static void test_no_plain_tcp(void **state)
{
	struct stage *s = *state;
	assert_null(road_centre_open(s->context, "tcp://127.0.0.1:*", NULL, &s->settings, &s->err));
	assert_int_equal(s->err.kind, ERR_CONFIG);
	assert_null(road_agent_open(s->context, "tcp://127.0.0.1:9", NULL, NULL, &s->settings, NULL, &s->err));
	assert_null(
	    road_agent_open(s->context, "nonsense", &s->agent_keys, &s->centre_keys, &s->settings, NULL, &s->err));
	assert_int_equal(s->err.kind, ERR_CONFIG);
	open_centre(s);
	assert_null(road_centre_open(s->context, s->endpoint, &s->centre_keys, &s->settings, &s->err));
	assert_int_equal(s->err.kind, ERR_UNAVAILABLE);
	open_agent(s, &s->centre_keys);
}

/* Over tcp with keys, over ipc without: the same calls. */
static void check_feed(struct stage *s, const char *endpoint, const struct keys *keys)
{
	const char *prefixes[] = {"63/46"};
	struct road_message m = {0};
	char at[ROAD_ENDPOINT_MAX];
	void *feed = road_feed_open(s->context, endpoint, keys, &s->settings, &s->err);
	assert_non_null(feed);
	void *joined = road_feed_join(s->context, road_endpoint(feed, at), keys ? &s->agent_keys : NULL, keys, prefixes,
				      1, &s->settings, NULL, &s->err);
	assert_non_null(joined);
	size_t subscriptions = 0;
	for (int64_t end = now_ms() + PATIENCE_MS; !subscriptions && now_ms() < end; turn(s))
		subscriptions = road_feed_drain(feed);
	assert_int_equal(subscriptions, 1);
	road_feed_send(feed, "63/01.sach", "not asked for", 13);
	road_feed_send(feed, "63/46.sach", "event", 5);
	assert_true(road_wait(joined, PATIENCE_MS));
	assert_int_equal(road_feed_receive(joined, &m), ROAD_OK);
	assert_string_equal(m.topic, "63/46.sach");
	assert_memory_equal(m.data, "event", 5);
	assert_int_equal(m.len, 5);
	assert_false(road_wait(joined, 0));
	assert_int_equal(road_feed_receive(joined, &m), ROAD_NONE);
	road_message_clear(&m);
	road_close(&joined);
	road_close(&feed);
}

static void test_feed(void **state)
{
	struct stage *s = *state;
	open_centre(s);
	open_agent(s, &s->centre_keys);
	check_feed(s, "tcp://127.0.0.1:*", &s->centre_keys);
	assert_string_equal(s->zap_domain, ROAD_FEED_ZAP_DOMAIN);
	check_feed(s, "ipc://*", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_held, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_receives_few_ahead, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sent_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_connection_is_not_sent, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_why_not_connected, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_approved_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_odd_shapes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_large_closes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_plain_tcp, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_feed, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
