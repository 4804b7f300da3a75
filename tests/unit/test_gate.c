/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection can make the centre hold: parts without end are cut, and who does not read is sent no more. */
#include "gate.h"

#include "clock.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include <zmq.h>

enum { MIB = 1 << 20, PATIENCE_US = 15000000 };

struct stage {
	void *context, *agent;
	struct gate *gate;
	struct session_core *core;
	struct roster *roster;
	struct counters counters;
	struct keys centre, keys;
	struct road_settings road;
	struct err err;
};

static uint64_t one(void *unused)
{
	(void)unused;
	return 1;
}

static int setup(void **state)
{
	struct stage *s = xcalloc(1, sizeof(*s));
	s->context = road_context_open();
	road_settings_init(&s->road);
	s->road.message_bytes = MIB + (64 << 10);
	s->road.receive_high_water = 2;
	assert_true(keys_make("centre", &s->centre, &s->err));
	assert_true(keys_make("agent", &s->keys, &s->err));
	s->roster = roster_new(NULL, 0, &s->err);
	const struct session_settings settings = {.centre = &s->centre, .lanes = 1, .random = one};
	s->core = session_core_new(&settings, s->roster, 1, &s->counters);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;
	road_close(&s->agent);
	gate_close(&s->gate);
	road_context_close(&s->context);
	session_core_free(&s->core);
	roster_free(&s->roster);
	free(s);
	return 0;
}

/* Without a doorkeeper everybody is let in, and has no name: what such a one says is read and ignored. */
static void open_both(struct stage *s, const char *endpoint, bool keys)
{
	char at[ROAD_ENDPOINT_MAX];
	s->gate = gate_open(s->context, endpoint, keys ? &s->centre : NULL, &s->road, &s->counters, &s->err);
	assert_non_null(s->gate);
	s->agent = road_agent_open(s->context, road_endpoint(gate_socket(s->gate), at), keys ? &s->keys : NULL,
				   keys ? &s->centre : NULL, &s->road, NULL, &s->err);
	assert_non_null(s->agent);
}

static void serve(struct stage *s)
{
	road_wait(gate_socket(s->gate), 5);
	gate_receive(s->gate, s->core, (struct session_time){clock_wall_us(), clock_monotonic_us()}, 16);
}

static void send_whole(struct stage *s, const void *data, size_t len)
{
	int64_t end = clock_monotonic_us() + PATIENCE_US;
	enum road_result sent;
	while ((sent = road_send(s->agent, data, len)) != ROAD_OK && clock_monotonic_us() < end)
		serve(s);
	assert_int_equal(sent, ROAD_OK);
}

/* PATIENCE_US is for one more of them, not for all. */
static void serve_until(struct stage *s, enum counter_id counter, uint64_t wanted)
{
	uint64_t last = s->counters.at[counter];
	for (int64_t end = clock_monotonic_us() + PATIENCE_US; last < wanted && clock_monotonic_us() < end; serve(s))
		if (s->counters.at[counter] != last) {
			last = s->counters.at[counter];
			end = clock_monotonic_us() + PATIENCE_US;
		}
}

/* Much of it, large and small, and later a pause with nothing under way. */
static void whole_messages_are_not_cut(void **state)
{
	struct stage *s = *state;
	uint8_t *data = xcalloc(1, MIB);
	const uint64_t large = 40, small = 5000;
	open_both(s, "tcp://127.0.0.1:*", true);
	for (uint64_t i = 0; i < large; i++)
		send_whole(s, data, MIB);
	for (uint64_t i = 0; i < small; i++)
		send_whole(s, data, i % 300);
	serve_until(s, COUNTER_ENVELOPES, large + small);
	usleep(100000);
	serve(s);
	assert_int_equal(s->counters.at[COUNTER_ENVELOPES], large + small);
	assert_int_equal(s->counters.at[COUNTER_CUT], 0);
	free(data);
}

static void parts_without_end_are_cut(void **state)
{
	struct stage *s = *state;
	uint8_t *data = xcalloc(1, MIB);
	open_both(s, "tcp://127.0.0.1:*", true);
	send_whole(s, data, MIB);
	for (int i = 0; i < 64; i++)
		assert_int_equal(zmq_send(s->agent, data, MIB, ZMQ_SNDMORE), MIB);
	assert_int_equal(zmq_send(s->agent, data, 1, 0), 1);
	serve_until(s, COUNTER_CUT, 1);
	assert_true(s->counters.at[COUNTER_CUT] > 0);
	for (int64_t end = clock_monotonic_us() + 500000; clock_monotonic_us() < end;)
		serve(s); /* for what is left of it, if anything is */
	assert_int_equal(s->counters.at[COUNTER_ENVELOPES], 1);
	assert_int_equal(s->counters.at[COUNTER_IGNORED_ODD], 0);
	free(data);
}

static uint64_t peer_of_agent(struct stage *s)
{
	struct road_message m = {0};
	send_whole(s, "x", 1);
	assert_true(road_wait(gate_socket(s->gate), PATIENCE_US / 1000));
	assert_int_equal(road_receive_from(gate_socket(s->gate), &m), ROAD_OK);
	uint64_t peer = m.peer;
	road_message_clear(&m);
	return peer;
}

static void who_does_not_read_is_sent_no_more(void **state)
{
	struct stage *s = *state;
	char endpoint[64];
	uint8_t *data = xcalloc(1, MIB);
	const struct session_time now = {0};
	s->road.high_water = s->road.receive_high_water = 2;
	snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/tram-gate-%d", (int)getpid());
	struct road_settings theirs = s->road;
	s->road.high_water = 1000;
	s->gate = gate_open(s->context, endpoint, NULL, &s->road, &s->counters, &s->err);
	s->agent = road_agent_open(s->context, endpoint, NULL, NULL, &theirs, NULL, &s->err);
	assert_true(s->gate && s->agent);
	struct session_action action = {.kind = SESSION_SEND, .peer = peer_of_agent(s), .data = data, .len = MIB / 4};
	for (int i = 0; i < 200; i++) {
		gate_send(s->gate, s->core, &action, now);
		usleep(500);
	}
	assert_in_range(s->counters.at[COUNTER_SENT], 4, 24);
	assert_int_equal(s->counters.at[COUNTER_UNSENT_FULL], 200 - s->counters.at[COUNTER_SENT]);

	uint64_t sent = s->counters.at[COUNTER_SENT];
	action.len = 100;
	gate_send(s->gate, s->core, &action, now);
	assert_int_equal(s->counters.at[COUNTER_SENT], sent + 1);

	struct road_message m = {0};
	for (uint64_t i = 0; i < sent + 1; i++) {
		assert_true(road_wait(s->agent, PATIENCE_US / 1000));
		assert_int_equal(road_receive(s->agent, &m), ROAD_OK);
	}
	action.len = MIB;
	gate_send(s->gate, s->core, &action, now);
	assert_int_equal(s->counters.at[COUNTER_SENT], sent + 2);
	road_message_clear(&m);
	free(data);
	unlink(endpoint + 6);
}

static size_t append(uint8_t *at, const void *data, size_t len)
{
	memcpy(at, data, len);
	return len;
}

/* ZMTP 3.1 by hand, without keys: one write of messages, a PING among them, and the line is cut. */
static void say_and_hang_up(const char *path, size_t messages)
{
	static const uint8_t greeting[64] = {0xff, [9] = 0x7f, 3, 1, 'N', 'U', 'L', 'L'};
	static const char ready[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
				    "DEALER";
	static const char ping[] = "\x04\x07\x04PING\0\x0a", message[] = "\0\x05hello";
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	uint8_t said[1024], heard[256];
	size_t len = 0, got = 0;
	for (size_t i = 0; i < messages; i++) {
		len += append(said + len, message, sizeof(message) - 1);
		if (i == messages / 2)
			len += append(said + len, ping, sizeof(ping) - 1);
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(write(fd, greeting, sizeof(greeting)), sizeof(greeting));
	assert_int_equal(write(fd, ready, sizeof(ready) - 1), sizeof(ready) - 1);
	for (ssize_t n = 1; n > 0 && got <= sizeof(greeting); got += (size_t)n) /* its READY too */
		n = read(fd, heard, sizeof(heard));
	assert_true(got > sizeof(greeting));
	assert_int_equal(write(fd, said, len), len);
	close(fd);
}

/* libzmq by itself ends the process here; see hangup.h. */
static void who_hangs_up_unread_is_read_to_the_end(void **state)
{
	enum { TIMES = 20, MESSAGES = 16 };
	struct stage *s = *state;
	char endpoint[64];
	snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/tram-gate-%d", (int)getpid());
	s->gate = gate_open(s->context, endpoint, NULL, &s->road, &s->counters, &s->err);
	assert_non_null(s->gate);
	for (uint64_t i = 0; i < TIMES; i++) {
		say_and_hang_up(endpoint + 6, MESSAGES);
		usleep(i % 2 * 2000); /* read before the end is noticed, and after */
		serve_until(s, COUNTER_ENVELOPES, (i + 1) * MESSAGES);
	}
	assert_int_equal(s->counters.at[COUNTER_ENVELOPES], TIMES * MESSAGES);
	unlink(endpoint + 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(whole_messages_are_not_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(parts_without_end_are_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_does_not_read_is_sent_no_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_hangs_up_unread_is_read_to_the_end, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
