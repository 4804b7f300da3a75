/* SPDX-License-Identifier: Apache-2.0 */
#include "desk.h"

#include "clock.h"
#include "control.pb-c.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define AGENT "agent-63-46"

typedef Tram__Control__V1__ControlRequest request_message;
typedef Tram__Control__V1__ControlReply reply_message;

/* A real outbox and real connections; the courier is only what the test says of it. */
struct stage {
	char dir[64], control[96];
	struct agent_settings settings;
	struct outbox *outbox;
	struct courier courier;
	struct desk *desk;
	struct arena *arena;
	struct err err;
	unsigned appended;
	uint64_t check_ids[8]; /* given to the post */
	size_t checks;
	bool answers_at_once;
	struct keys keys;
};

static void on_appended(void *context)
{
	((struct stage *)context)->appended++;
}

static void on_check(void *context, uint64_t check_id, const void *report, size_t len)
{
	struct stage *s = context;
	assert_non_null(report);
	assert_true(len > 0);
	s->check_ids[s->checks++] = check_id;
	if (s->answers_at_once)
		desk_answered(s->desk, &(struct courier_action){
					   .kind = COURIER_CHECKED, .check_id = check_id, .cause = CAUSE_BUSY});
}

static void on_todo(void *context, uint64_t id)
{
	struct stage *s = context;
	s->check_ids[s->checks++] = id;
}

static int setup(void **state)
{
	const struct outbox_limits limits = {.bytes_max = 64 << 20, .retention_us = 1};
	const uint8_t boot[OUTBOX_NONCE_SIZE] = {0};
	struct stage *s = calloc(1, sizeof *s);
	const struct desk_hooks hooks = {s, on_appended, on_check, on_todo, &s->keys};
	snprintf(s->dir, sizeof s->dir, "/tmp/tram-desk-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->control, sizeof s->control, "%s/control", s->dir);
	assert_true(agent_settings_load(NULL, &s->settings, &s->err));
	free(s->settings.directory);
	free(s->settings.control);
	s->settings.directory = strdup(s->dir);
	s->settings.control = strdup(s->control);
	s->settings.report_bytes = 20000;
	s->settings.observations = 50;
	s->settings.submission_bytes = 60000;
	assert_true(keys_make(AGENT, &s->keys, &s->err));
	s->outbox = outbox_open(s->dir, AGENT, &limits, boot, &s->err);
	assert_non_null(s->outbox);
	s->courier.state = COURIER_STREAMING;
	s->courier.session = 7;
	s->arena = arena_new(64 << 20);
	s->desk = desk_open(&s->settings, s->outbox, &s->courier, &hooks, &s->err);
	if (!s->desk)
		fail_msg("%s", s->err.text);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;
	char name[128];
	desk_close(&s->desk);
	outbox_close(&s->outbox);
	arena_free(&s->arena);
	agent_settings_clear(&s->settings);
	snprintf(name, sizeof name, "%s/" OUTBOX_FILE, s->dir);
	unlink(name);
	assert_int_equal(rmdir(s->dir), 0); /* nothing is left behind */
	free(s);
	return 0;
}

/* ---------------------------------------------------------------- visiting */

static void turn(struct stage *s, int wait_ms)
{
	struct pollfd fds[CTL_FDS_MAX];
	size_t n = desk_prepare(s->desk, fds, CTL_FDS_MAX);
	poll(fds, (nfds_t)n, wait_ms);
	desk_serve(s->desk, fds, n);
}

static int visit(struct stage *s)
{
	int fd = ctl_connect(s->control, &s->err);
	assert_true(fd >= 0);
	return fd;
}

static void say(struct stage *s, int fd, const request_message *request)
{
	size_t len;
	uint8_t *data = codec_pack(&request->base, &len);
	if (!ctl_write(fd, data, len, &s->err))
		fail_msg("%s", s->err.text);
	free(data);
	for (int i = 0; i < 3; i++)
		turn(s, 0);
}

/* Exactly len bytes of the connection, while the desk goes on serving; false: it has ended, or nothing more comes. */
static bool take(struct stage *s, int fd, uint8_t *to, size_t len)
{
	for (int quiet = 0; len > 0 && quiet < 400; quiet++) {
		ssize_t n = recv(fd, to, len, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n > 0) {
			to += n;
			len -= (size_t)n;
			quiet = 0;
		} else {
			turn(s, 5);
		}
	}
	return len == 0;
}

/* The next reply, in the stage's arena; NULL: none. */
static reply_message *hear(struct stage *s, int fd)
{
	uint8_t head[4];
	if (!take(s, fd, head, sizeof head))
		return NULL;
	size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	uint8_t *data = malloc(len + 1);
	assert_true(take(s, fd, data, len));
	ProtobufCAllocator allocator = codec_allocator(s->arena);
	reply_message *reply = tram__control__v1__control_reply__unpack(&allocator, len, data);
	free(data);
	assert_non_null(reply);
	return reply;
}

static reply_message *expect(struct stage *s, int fd, Tram__Control__V1__ControlReply__BodyCase body)
{
	reply_message *reply = hear(s, fd);
	if (!reply)
		fail_msg("no answer");
	if (reply->body_case != body)
		fail_msg("another answer: %d %s", (int)reply->body_case,
			 reply->body_case == TRAM__CONTROL__V1__CONTROL_REPLY__BODY_FAILED ? reply->failed->message
											   : "");
	return reply;
}

#define REPLY(name) TRAM__CONTROL__V1__CONTROL_REPLY__BODY_##name

static void expect_failed(struct stage *s, int fd, uint32_t code)
{
	reply_message *reply = expect(s, fd, REPLY(FAILED));
	if (reply->failed->exit_code != code)
		fail_msg("%u: %s", reply->failed->exit_code, reply->failed->message);
	assert_true(strlen(reply->failed->message) > 10);
}

static void expect_done(struct stage *s, int fd, uint64_t rows)
{
	assert_int_equal(expect(s, fd, REPLY(DONE))->done->rows, rows);
}

/* ---------------------------------------------------------------- saying */

static ProtobufCBinaryData report_of(struct stage *s, unsigned figures, const char *provider)
{
	Tram__V1__Report r = TRAM__V1__REPORT__INIT;
	Tram__V1__Observation o = TRAM__V1__OBSERVATION__INIT, *list[64];
	char *copy = arena_strdup(s->arena, provider), code[] = "population";
	size_t len;
	o.indicator = code;
	for (unsigned i = 0; i < figures; i++)
		list[i] = &o;
	r.provider = r.dataflow = r.time_period = copy;
	r.n_observations = figures;
	r.observations = list;
	uint8_t *data = codec_pack(&r.base, &len);
	uint8_t *kept = arena_alloc(s->arena, len);
	memcpy(kept, data, len);
	free(data);
	return (ProtobufCBinaryData){len, kept};
}

static void say_begin(struct stage *s, int fd)
{
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__SubmitBegin begin = TRAM__CONTROL__V1__SUBMIT_BEGIN__INIT;
	char name[] = "tháng 6.csv";
	begin.file_name = name;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_BEGIN;
	request.submit_begin = &begin;
	say(s, fd, &request);
}

static void say_report(struct stage *s, int fd, ProtobufCBinaryData report)
{
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_REPORT;
	request.submit_report = report;
	say(s, fd, &request);
}

static void say_commit(struct stage *s, int fd, uint32_t reports)
{
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__SubmitCommit commit = TRAM__CONTROL__V1__SUBMIT_COMMIT__INIT;
	commit.reports = reports;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_COMMIT;
	request.submit_commit = &commit;
	say(s, fd, &request);
}

static void say_check(struct stage *s, int fd, ProtobufCBinaryData report)
{
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_CHECK_REPORT;
	request.check_report = report;
	say(s, fd, &request);
}

static void say_list(struct stage *s, int fd, uint32_t limit)
{
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__OutboxRequest list = TRAM__CONTROL__V1__OUTBOX_REQUEST__INIT;
	list.limit = limit;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_OUTBOX;
	request.outbox = &list;
	say(s, fd, &request);
}

static void say_verdicts(struct stage *s, int fd, const char *ticket, uint32_t wait_ms)
{
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__VerdictsRequest v = TRAM__CONTROL__V1__VERDICTS_REQUEST__INIT;
	v.ticket = arena_strdup(s->arena, ticket);
	v.wait_ms = wait_ms;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_VERDICTS;
	request.verdicts = &v;
	say(s, fd, &request);
}

/* Hands n reports in; the ticket's text, in the arena. */
static const char *hand_in(struct stage *s, unsigned n)
{
	int fd = visit(s);
	say_begin(s, fd);
	for (unsigned i = 0; i < n; i++)
		say_report(s, fd, report_of(s, 2, "P63-46"));
	say_commit(s, fd, n);
	reply_message *reply = expect(s, fd, REPLY(TICKET));
	assert_int_equal(reply->ticket->observations, 2 * n);
	expect_done(s, fd, 1);
	close(fd);
	return reply->ticket->ticket;
}

static void judge(struct stage *s, uint64_t verdict_seq, uint64_t seq, size_t words)
{
	Tram__V1__Verdict v = TRAM__V1__VERDICT__INIT;
	struct outbox_verdict row = {.verdict_seq = verdict_seq, .epoch = outbox_state(s->outbox)->epoch, .seq = seq};
	char *cause = calloc(1, words + 1);
	memset(cause, 'x', words);
	v.verdict_seq = verdict_seq;
	v.seq = seq;
	v.cause = cause;
	uint8_t *body = codec_pack(&v.base, &row.len);
	row.body = body;
	assert_true(outbox_put_verdicts(s->outbox, &row, 1, 5, &s->err));
	free(body);
	free(cause);
}

/* ---------------------------------------------------------------- handing in */

static void test_a_ticket_after_all_is_in(void **state)
{
	struct stage *s = *state;
	const char *ticket = hand_in(s, 3);
	assert_non_null(strstr(ticket, AGENT "/"));
	assert_non_null(strstr(ticket, "/1-3"));
	assert_int_equal(outbox_state(s->outbox)->last_appended, 3);
	assert_int_equal(s->appended, 1);
}

static void test_nothing_before_commit(void **state)
{
	struct stage *s = *state;
	int fd = visit(s);
	say_begin(s, fd);
	say_report(s, fd, report_of(s, 2, "P63-46"));
	assert_int_equal(outbox_state(s->outbox)->last_appended, 0);
	close(fd);
	for (int i = 0; i < 3; i++)
		turn(s, 1);
	hand_in(s, 1);
	assert_int_equal(outbox_state(s->outbox)->last_appended, 1);
}

static void test_two_hand_ins_side_by_side(void **state)
{
	struct stage *s = *state;
	int one = visit(s), two = visit(s);
	say_begin(s, one);
	say_begin(s, two);
	say_report(s, one, report_of(s, 2, "P63-46"));
	say_report(s, two, report_of(s, 3, "P63-46"));
	say_report(s, two, report_of(s, 3, "P63-46"));
	say_commit(s, two, 2);
	assert_int_equal(expect(s, two, REPLY(TICKET))->ticket->last_seq, 2);
	say_commit(s, one, 1);
	assert_int_equal(expect(s, one, REPLY(TICKET))->ticket->first_seq, 3);
	close(one);
	close(two);
}

static void test_refused_at_the_door(void **state)
{
	struct stage *s = *state;
	char long_code[300];
	memset(long_code, 'x', sizeof long_code - 1);
	long_code[sizeof long_code - 1] = '\0';
	const ProtobufCBinaryData bad[] = {
	    {3, (uint8_t[]){0xff, 0xff, 0xff}}, report_of(s, 0, "P63-46"),  report_of(s, 51, "P63-46"),
	    report_of(s, 1, "P63-\xff"),        report_of(s, 1, long_code), {30000, calloc(1, 30000)},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int fd = visit(s);
		say_begin(s, fd);
		say_report(s, fd, report_of(s, 2, "P63-46"));
		say_report(s, fd, bad[i]);
		expect_failed(s, fd, ERR_DATA);
		assert_null(hear(s, fd)); /* and the connection is over */
		close(fd);
		fd = visit(s);
		say_check(s, fd, bad[i]);
		expect_failed(s, fd, ERR_DATA);
		close(fd);
	}
	assert_int_equal(outbox_state(s->outbox)->last_appended, 0);
	assert_int_equal(s->checks, 0);
	free(bad[5].data);
}

static void test_the_centres_limits_hold_too(void **state)
{
	struct stage *s = *state;
	int fd = visit(s);
	s->courier.limits.observations = 5;
	say_begin(s, fd);
	say_report(s, fd, report_of(s, 6, "P63-46"));
	expect_failed(s, fd, ERR_DATA);
	close(fd);
	s->courier.limits.observations = 0;
	s->courier.limits.report_bytes = 10;
	fd = visit(s);
	say_begin(s, fd);
	say_report(s, fd, report_of(s, 1, "P63-46"));
	expect_failed(s, fd, ERR_DATA);
	close(fd);
}

static void test_a_hand_in_has_a_size(void **state)
{
	struct stage *s = *state;
	char comment[1001];
	int fd = visit(s);
	memset(comment, 'x', 150);
	comment[150] = '\0';
	say_begin(s, fd);
	reply_message *reply = NULL;
	for (int i = 0; i < 200 && !reply; i++) {
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		say_report(s, fd, report_of(s, 1, comment));
		if (poll(&readable, 1, 0) > 0)
			reply = hear(s, fd);
	}
	assert_non_null(reply);
	assert_int_equal(reply->failed->exit_code, ERR_DATA);
	assert_non_null(strstr(reply->failed->message, "submission_bytes"));
	close(fd);
}

static void test_a_full_outbox(void **state)
{
	struct stage *s = *state;
	const struct outbox_limits none = {.bytes_max = 1, .retention_us = 1};
	int fd = visit(s);
	outbox_set_limits(s->outbox, &none);
	say_begin(s, fd);
	expect_failed(s, fd, ERR_TEMPFAIL);
	close(fd);
}

static void test_out_of_turn(void **state)
{
	struct stage *s = *state;
	request_message empty = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	int fd = visit(s);
	say_report(s, fd, report_of(s, 1, "P63-46"));
	expect_failed(s, fd, ERR_PROTOCOL);
	say_commit(s, fd, 0);
	expect_failed(s, fd, ERR_PROTOCOL);
	say(s, fd, &empty);
	expect_failed(s, fd, ERR_PROTOCOL);
	say_begin(s, fd);
	say_list(s, fd, 0);
	expect_failed(s, fd, ERR_PROTOCOL); /* and the hand-in is over */
	say_commit(s, fd, 0);
	expect_failed(s, fd, ERR_PROTOCOL);
	close(fd);
	fd = visit(s);
	say_begin(s, fd);
	say_commit(s, fd, 0);
	expect_failed(s, fd, ERR_DATA);
	close(fd);
	fd = visit(s);
	say_begin(s, fd);
	say_report(s, fd, report_of(s, 1, "P63-46"));
	say_commit(s, fd, 2);
	expect_failed(s, fd, ERR_PROTOCOL);
	close(fd);
	assert_int_equal(outbox_state(s->outbox)->last_appended, 0);
}

/* ---------------------------------------------------------------- answers */

static void test_list(void **state)
{
	struct stage *s = *state;
	int fd = visit(s);
	hand_in(s, 70);
	judge(s, 1, 70, 0);
	say_list(s, fd, 0);
	for (uint64_t seq = 70; seq > 0; seq--) {
		Tram__Control__V1__OutboxRow *row = expect(s, fd, REPLY(OUTBOX_ROW))->outbox_row;
		assert_int_equal(row->seq, seq);
		assert_string_equal(row->file_name, "tháng 6.csv");
		assert_int_equal(row->verdict_seq, seq == 70);
		assert_int_equal(row->digest.len, DIGEST_SIZE);
	}
	expect_done(s, fd, 70);
	say_list(s, fd, 2);
	expect(s, fd, REPLY(OUTBOX_ROW));
	expect(s, fd, REPLY(OUTBOX_ROW));
	expect_done(s, fd, 2);
	close(fd);
}

/* Reports whose rows in a list are long. */
static void hand_in_wide(struct stage *s, unsigned n)
{
	char wide[201];
	const struct outbox_summary summary = {wide, wide, wide, 1};
	struct outbox_ticket ticket;
	memset(wide, 'x', 200);
	wide[200] = '\0';
	assert_true(outbox_begin(s->outbox, wide, 1, 5, &s->err));
	for (unsigned i = 0; i < n; i++)
		assert_true(outbox_add(s->outbox, "x", 1, &summary, &s->err));
	assert_true(outbox_commit(s->outbox, &ticket, &s->err));
}

/* Far more than may wait unread: given piece by piece, all of it, while others are served. */
static void test_long_answer_to_a_slow_reader(void **state)
{
	struct stage *s = *state;
	int fd = visit(s), other = visit(s);
	enum { N = 60, REPORTS = 6000 };
	hand_in(s, N);
	hand_in_wide(s, REPORTS);
	for (uint64_t i = 1; i <= N; i++)
		judge(s, i, i, 200000); /* 12 MB, three times what a visitor may leave unread */
	say_verdicts(s, fd, "", 0);
	for (int i = 0; i < 50; i++)
		turn(s, 0);
	say_list(s, other, 1);
	expect(s, other, REPLY(OUTBOX_ROW));
	expect_done(s, other, 1);
	say_list(s, other, 0);
	for (int i = 0; i < 50; i++)
		turn(s, 0);
	for (uint64_t seq = N + REPORTS; seq > 0; seq--) {
		assert_int_equal(expect(s, other, REPLY(OUTBOX_ROW))->outbox_row->seq, seq);
		arena_reset(s->arena);
	}
	expect_done(s, other, N + REPORTS);
	for (uint64_t i = 1; i <= N; i++) {
		assert_int_equal(expect(s, fd, REPLY(VERDICT_ROW))->verdict_row->verdict->verdict_seq, i);
		arena_reset(s->arena);
	}
	expect_done(s, fd, N);
	close(fd);
	close(other);
}

static void test_waiting_for_a_ticket(void **state)
{
	struct stage *s = *state;
	struct pollfd readable = {.events = POLLIN};
	const char *ticket = hand_in(s, 2);
	int fd = readable.fd = visit(s);
	say_verdicts(s, fd, ticket, 60000);
	judge(s, 1, 1, 3);
	turn(s, 0);
	turn(s, 0);
	assert_int_equal(poll(&readable, 1, 0), 0); /* one is not enough */
	assert_true(desk_deadline(s->desk) < INT64_MAX);
	judge(s, 2, 2, 3);
	assert_int_equal(expect(s, fd, REPLY(VERDICT_ROW))->verdict_row->verdict->seq, 1);
	assert_string_equal(expect(s, fd, REPLY(VERDICT_ROW))->verdict_row->ticket, ticket);
	expect_done(s, fd, 2);

	ticket = hand_in(s, 1);
	say_verdicts(s, fd, ticket, 30); /* nobody judges it */
	expect_done(s, fd, 0);
	say_verdicts(s, fd, "agent-63-01/00000000/1", 0);
	expect_failed(s, fd, ERR_DATA);
	close(fd);
}

static void test_status_and_codebook(void **state)
{
	struct stage *s = *state;
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__StatusRequest status = TRAM__CONTROL__V1__STATUS_REQUEST__INIT;
	Tram__Control__V1__CodebookGet get = TRAM__CONTROL__V1__CODEBOOK_GET__INIT;
	int fd = visit(s);
	s->courier.state = COURIER_RESTING;
	s->courier.cause = CAUSE_REVOKED;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_STATUS;
	request.status = &status;
	say(s, fd, &request);
	Tram__Control__V1__Status *told = expect(s, fd, REPLY(STATUS))->status;
	expect_done(s, fd, 1);
	bool named = false;
	for (size_t i = 0; i < told->n_fields; i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(told->fields[i]->name, told->fields[j]->name);
		named = named ||
			(strcmp(told->fields[i]->name, "cause") == 0 && strcmp(told->fields[i]->value, "revoked") == 0);
	}
	assert_true(named);

	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_CODEBOOK;
	request.codebook = &get;
	say(s, fd, &request);
	expect_done(s, fd, 0);
	assert_true(outbox_put_codebook(s->outbox, 4, "\x08\x04", 2, 1, &s->err));
	say(s, fd, &request);
	assert_int_equal(expect(s, fd, REPLY(CODEBOOK))->codebook->catalogue_version, 4);
	expect_done(s, fd, 1);
	close(fd);
}

/* ---------------------------------------------------------------- checks */

static void answer_check(struct stage *s, uint64_t check_id)
{
	uint8_t empty[] = {0x1a, 0}; /* a verdict without fields */
	desk_answered(s->desk, &(struct courier_action){
				   .kind = COURIER_CHECKED, .check_id = check_id, .data = empty, .len = sizeof(empty)});
}

static void test_two_checks_at_a_time(void **state)
{
	struct stage *s = *state;
	int fds[4];
	for (int i = 0; i < 4; i++) {
		fds[i] = visit(s);
		say_check(s, fds[i], report_of(s, 1, "P63-46"));
	}
	assert_int_equal(s->checks, 2);
	answer_check(s, s->check_ids[1]);
	expect(s, fds[1], REPLY(VERDICT));
	expect_done(s, fds[1], 1);
	assert_int_equal(s->checks, 3);
	close(fds[0]); /* who goes makes room too */
	for (int i = 0; i < 5; i++)
		turn(s, 1);
	assert_int_equal(s->checks, 4);
	answer_check(s, s->check_ids[0]); /* nobody is there any more */
	answer_check(s, s->check_ids[3]);
	expect(s, fds[3], REPLY(VERDICT));
	for (int i = 1; i < 4; i++)
		close(fds[i]);
}

static void test_a_check_that_is_not_to_be_had(void **state)
{
	struct stage *s = *state;
	int fd = visit(s);
	s->answers_at_once = true;
	say_check(s, fd, report_of(s, 1, "P63-46"));
	expect_failed(s, fd, ERR_TEMPFAIL);
	s->answers_at_once = false;
	say_check(s, fd, report_of(s, 1, "P63-46"));
	s->courier.session = 8; /* the one it was asked in is over */
	expect_failed(s, fd, ERR_TEMPFAIL);
	s->settings.check_wait = 20000;
	say_check(s, fd, report_of(s, 1, "P63-46"));
	expect_failed(s, fd, ERR_TEMPFAIL); /* no answer in time */
	close(fd);
}

static void test_a_check_waits_for_a_session(void **state)
{
	struct stage *s = *state;
	int fd = visit(s);
	s->courier.state = COURIER_GREETING;
	s->courier.cause = CAUSE_STARTING;
	s->courier.session = 0;
	say_check(s, fd, report_of(s, 1, "P63-46"));
	assert_int_equal(s->checks, 0);
	assert_true(desk_deadline(s->desk) <= clock_monotonic_us() + 3 * CLOCK_SECOND);
	s->courier.state = COURIER_STREAMING;
	s->courier.session = 9;
	turn(s, 0);
	assert_int_equal(s->checks, 1);
	answer_check(s, s->check_ids[0]);
	expect(s, fd, REPLY(VERDICT));
	close(fd);
}

/* ---------------------------------------------------------------- what is owed */

#define OWED TRAM__CONTROL__V1__CONTROL_REPLY__BODY_TODO

static void say_todo(struct stage *s, int fd)
{
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__TodoGet get = TRAM__CONTROL__V1__TODO_GET__INIT;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_TODO;
	request.todo = &get;
	say(s, fd, &request);
}

static void answer_question(struct stage *s, enum courier_action_kind kind, uint64_t id)
{
	uint8_t more[] = {0x28, 7}; /* 7 more; of a CheckResult no field at all */
	desk_answered(s->desk,
		      &(struct courier_action){.kind = kind, .check_id = id, .data = more, .len = sizeof(more)});
}

static void test_one_question_at_a_time(void **state)
{
	struct stage *s = *state;
	int first = visit(s), second = visit(s);
	say_todo(s, first);
	say_todo(s, second);
	assert_int_equal(s->checks, 1);
	answer_question(s, COURIER_CHECKED, s->check_ids[0]); /* no answer to this question */
	answer_question(s, COURIER_TODO, s->check_ids[0]);
	assert_int_equal(expect(s, first, OWED)->todo->more, 7);
	expect_done(s, first, 1);
	assert_int_equal(s->checks, 2);
	answer_question(s, COURIER_TODO, s->check_ids[1]);
	expect(s, second, OWED);
	expect_done(s, second, 1);
	close(first);
	close(second);
}

static void test_a_question_that_is_not_answered(void **state)
{
	struct stage *s = *state;
	int fd = visit(s);
	say_todo(s, fd);
	desk_answered(s->desk,
		      &(struct courier_action){.kind = COURIER_TODO, .check_id = s->check_ids[0], .cause = CAUSE_BUSY});
	expect_failed(s, fd, ERR_TEMPFAIL);
	say_todo(s, fd);
	s->courier.session = 8; /* the one it was asked in is over */
	expect_failed(s, fd, ERR_TEMPFAIL);
	s->settings.check_wait = 20000;
	say_todo(s, fd);
	expect_failed(s, fd, ERR_TEMPFAIL); /* a centre that does not know the question */
	s->courier.state = COURIER_OFFLINE;
	s->courier.cause = CAUSE_DISCONNECTED;
	say_todo(s, fd);
	expect_failed(s, fd, ERR_TEMPFAIL);
	assert_int_equal(s->checks, 3);
	close(fd);
}

/* ---------------------------------------------------------------- tickets and proofs */

static void say_trace(struct stage *s, int fd, const char *ticket, bool with_reports)
{
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__TraceRequest t = TRAM__CONTROL__V1__TRACE_REQUEST__INIT;
	t.ticket = arena_strdup(s->arena, ticket);
	t.with_reports = with_reports;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_TRACE;
	request.trace = &t;
	say(s, fd, &request);
}

static void say_proof(struct stage *s, int fd, const char *ticket)
{
	request_message request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__ProofRequest p = TRAM__CONTROL__V1__PROOF_REQUEST__INIT;
	p.ticket = arena_strdup(s->arena, ticket);
	p.with_reports = true;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_PROOF;
	request.proof = &p;
	say(s, fd, &request);
}

static void acknowledge(struct stage *s, uint64_t through)
{
	struct acknowledgement ack = {.committed_through = through, .committed_at_us = 77};
	assert_true(outbox_chain(s->outbox, through, &ack.chain, &s->err));
	assert_true(outbox_put_acknowledgement(s->outbox, &ack, 5, &s->err));
}

/* Waiting, sent, acknowledged, judged: as outbox and courier have it. */
static void test_trace(void **state)
{
	struct stage *s = *state;
	const char *ticket = hand_in(s, 4);
	int fd = visit(s);
	acknowledge(s, 2);
	judge(s, 1, 1, 10);
	s->courier.committed = 2;
	s->courier.next_seq = 4;
	say_trace(s, fd, ticket, true);
	for (uint64_t seq = 1; seq <= 4; seq++) {
		const Tram__Control__V1__TraceRow *row = expect(s, fd, REPLY(TRACE_ROW))->trace_row;
		assert_int_equal(row->seq, seq);
		assert_string_equal(row->ticket, ticket);
		assert_int_equal(row->acknowledged_at_us, seq <= 2 ? 77 : 0);
		assert_int_equal(row->sent, seq == 3);
		assert_int_equal(row->verdict != NULL, seq == 1);
		assert_true(row->kept && row->report.len > 0 && row->digest.len == DIGEST_SIZE);
	}
	expect_done(s, fd, 4);
	say_trace(s, fd, AGENT "/00000000/1", false);
	expect_failed(s, fd, 65);
	close(fd);
}

/* More than a visitor may leave unread: given as it is read, and others are served meanwhile. */
static void test_long_proof(void **state)
{
	struct stage *s = *state;
	static char text[4 << 20];
	const char *ticket;
	size_t len = 0;
	int fd = visit(s), other;
	s->settings.report_bytes = 1 << 20;
	s->settings.submission_bytes = 64 << 20;
	s->settings.observations = 100000;
	char *provider = calloc(1, 201);
	memset(provider, 'x', 200);
	int in = visit(s);
	say_begin(s, in);
	for (int k = 0; k < 800; k++)
		say_report(s, in, report_of(s, 2, provider));
	say_commit(s, in, 800);
	ticket = expect(s, in, REPLY(TICKET))->ticket->ticket;
	expect_done(s, in, 1);
	close(in);
	free(provider);
	say_proof(s, fd, ticket);
	expect_failed(s, fd, 75); /* not yet acknowledged: try again later */
	acknowledge(s, 800);
	say_proof(s, fd, ticket);
	other = visit(s);
	say_list(s, other, 1);
	expect(s, other, REPLY(OUTBOX_ROW));
	for (reply_message *reply; (reply = hear(s, fd)) != NULL && reply->body_case == REPLY(PROOF);) {
		assert_true(len + reply->proof.len < sizeof text);
		memcpy(text + len, reply->proof.data, reply->proof.len);
		len += reply->proof.len;
	}
	assert_true(len > 512 << 10);
	assert_memory_equal(text, "tram-proof-v1\n", 14);
	assert_int_equal(text[len - 1], '\n');
	close(other);
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_ticket_after_all_is_in),
	    TEST(test_nothing_before_commit),
	    TEST(test_two_hand_ins_side_by_side),
	    TEST(test_refused_at_the_door),
	    TEST(test_the_centres_limits_hold_too),
	    TEST(test_a_hand_in_has_a_size),
	    TEST(test_a_full_outbox),
	    TEST(test_out_of_turn),
	    TEST(test_list),
	    TEST(test_long_answer_to_a_slow_reader),
	    TEST(test_waiting_for_a_ticket),
	    TEST(test_status_and_codebook),
	    TEST(test_two_checks_at_a_time),
	    TEST(test_a_check_that_is_not_to_be_had),
	    TEST(test_a_check_waits_for_a_session),
	    TEST(test_one_question_at_a_time),
	    TEST(test_a_question_that_is_not_answered),
	    TEST(test_trace),
	    TEST(test_long_proof),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
