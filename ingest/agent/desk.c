/* SPDX-License-Identifier: Apache-2.0 */
#include "desk.h"

#include "agent_status.h"
#include "clock.h"
#include "evidence.h"
#include "fsx.h"
#include "lang.h"
#include "mem.h"
#include "text.h"

#include "control.pb-c.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))
#define ARENA_CAP       (512u << 20) /* what one request or report may take, decoded */
#define ARENA_PER_BYTE  32           /* as at the centre: more is no honest report */
#define ARENA_PER_ITEM  (64u << 10)
#define UNREAD_MAX      (256u << 10) /* with more waiting to be read, a long answer waits too */
#define LIST_ROWS       64           /* of the outbox, in one step */
#define CHECKS_SENT_MAX 2            /* the protocol's limits; further ones wait here */
#define TODOS_SENT_MAX  1
#define SESSION_WAIT    (3 * CLOCK_SECOND) /* that a check gives an agent which has just started */
#define FILE_NAME_MAX   255
#define CODE_MAX        200 /* bytes of a provider, dataflow or period: they are shown in lists */

typedef Tram__Control__V1__ControlRequest request_message;
typedef Tram__Control__V1__ControlReply reply_message;

enum doing {
	IDLE,
	HANDING_IN,
	LISTING,
	AWAITING, /* a ticket's last verdict */
	READING,  /* verdicts */
	CHECKING,
	ASKING, /* what is owed */
	TRACING,
	PROVING,
};

/* One connection and the one thing it is about. */
struct visitor {
	struct desk *desk;
	struct ctl_client *client;
	enum doing doing;
	bool is_vietnamese; /* who asks */
	uint64_t rows;      /* given so far */
	struct {
		FILE *file; /* length (4 bytes) and bytes of each report */
		char name[FILE_NAME_MAX + 1];
		uint32_t reports;
		int64_t bytes;
	} handin;
	struct {
		uint64_t below, after, left;
	} list;
	struct {
		uint64_t after, first_seq, last_seq;
		struct epoch epoch;
		int64_t until_us; /* monotonic */
		bool paused;      /* until what waits has been read */
	} verdicts;
	struct {
		uint64_t id;
		bool waits;      /* to be sent */
		uint8_t *report; /* CHECKING: until then */
		size_t len;
		uint64_t session; /* it was sent in */
		int64_t asked_us, until_us;
	} check; /* or question what is owed */
	struct {
		struct evidence *evidence;
		uint64_t next;
		bool with_reports;
	} shown;
};

struct desk {
	const struct agent_settings *settings;
	struct outbox *outbox;
	const struct courier *courier;
	struct desk_hooks hooks;
	struct ctl_server *server;
	struct arena *arena; /* of the request that is being served */
	struct visitor *visitors[CTL_CLIENTS_MAX];
	size_t n;
	uint64_t last_check_id;
	bool is_vietnamese; /* the agent itself */
};

/* ---------------------------------------------------------------- answering */

static void answer(struct visitor *v, const reply_message *reply)
{
	size_t len;
	uint8_t *bytes = codec_pack(&reply->base, &len);
	assert(len <= CTL_MESSAGE_MAX);
	ctl_send(v->client, bytes, len);
	free(bytes);
}

static void forget_work(struct visitor *v)
{
	if (v->handin.file)
		fclose(v->handin.file);
	free(v->check.report);
	evidence_close(&v->shown.evidence);
	memset(&v->handin, 0, sizeof v->handin);
	memset(&v->check, 0, sizeof v->check);
	v->doing = IDLE;
	v->rows = 0;
}

static void answer_failed(struct visitor *v, const struct err *err)
{
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__Failed failed = TRAM__CONTROL__V1__FAILED__INIT;
	failed.exit_code = (uint32_t)err->kind;
	failed.message = (char *)(uintptr_t)err->text;
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_FAILED;
	reply.failed = &failed;
	answer(v, &reply);
	forget_work(v);
}

static void answer_done(struct visitor *v)
{
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__Done done = TRAM__CONTROL__V1__DONE__INIT;
	done.rows = v->rows;
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_DONE;
	reply.done = &done;
	answer(v, &reply);
	forget_work(v);
}

/* A row of an answer; one that no message can hold is an error of its own. */
static bool answer_row(struct visitor *v, const reply_message *reply)
{
	struct err err;
	if (protobuf_c_message_get_packed_size(&reply->base) > CTL_MESSAGE_MAX) {
		err_set(&err, ERR_SOFTWARE, _("an answer is larger than a message on the control socket may be"));
		answer_failed(v, &err);
		return false;
	}
	answer(v, reply);
	v->rows++;
	return true;
}

static void answer_one(struct visitor *v, const reply_message *reply)
{
	if (answer_row(v, reply))
		answer_done(v);
}

static void wrong_turn(struct visitor *v)
{
	struct err err;
	err_set(&err, ERR_PROTOCOL, _("that request does not belong here: one thing at a time on one connection"));
	answer_failed(v, &err);
}

/* ---------------------------------------------------------------- reports at the door */

static uint64_t least(int64_t ours, uint64_t theirs)
{
	return theirs && theirs < (uint64_t)ours ? theirs : (uint64_t)ours;
}

/* What the centre cannot take must not enter the stream: it could only come to nothing there. In the desk's arena. */
static Tram__V1__Report *open_report(struct desk *d, ProtobufCBinaryData bytes, struct err *err)
{
	char place[128];
	uint64_t bytes_max = least(d->settings->report_bytes, d->courier->limits.report_bytes);
	uint64_t rows_max = least(d->settings->observations, d->courier->limits.observations);
	if (bytes.len > bytes_max) {
		err_set(err, ERR_DATA, _("it has %zu bytes, and %" PRIu64 " is the most: hand it in as several"),
			bytes.len, bytes_max);
		return NULL;
	}
	arena_cap(d->arena, bytes.len * ARENA_PER_BYTE + ARENA_PER_ITEM);
	Tram__V1__Report *report = codec_report(d->arena, bytes.data, bytes.len, err);
	arena_uncap(d->arena);
	if (!report)
		return NULL;
	bool fits = strlen(report->provider) <= CODE_MAX && strlen(report->dataflow) <= CODE_MAX &&
		    strlen(report->time_period) <= CODE_MAX;
	if (!fits)
		err_set(err, ERR_DATA, _("provider, dataflow and time_period have at most %d bytes each"), CODE_MAX);
	else if (codec_report_bad_text(report, place, sizeof place))
		err_set(err, ERR_DATA, _("%s is not UTF-8 text, or holds a NUL"), place);
	else if (report->n_observations == 0)
		err_set(err, ERR_DATA, _("it holds no figures"));
	else if (report->n_observations > rows_max)
		err_set(err, ERR_DATA, _("it holds %zu figures, and %" PRIu64 " is the most: hand it in as several"),
			report->n_observations, rows_max);
	else
		return report;
	return NULL;
}

/* ---------------------------------------------------------------- handing in */

/* Told at once, and no more is heard: what the visitor still sends would only be thrown away. */
static void refuse_handin(struct visitor *v, const struct err *err)
{
	log_fields(event_table[EVENT_HANDIN_REFUSED].level, event_table[EVENT_HANDIN_REFUSED].name, "file",
		   v->handin.name, "text", err->text, (char *)0);
	answer_failed(v, err);
	ctl_close(v->client);
}

/* A name is shown to people and given to programs: whole characters, no controls. */
static void keep_name(struct visitor *v, const char *name)
{
	char *to = v->handin.name;
	for (size_t left = strlen(name), n; left > 0; name += n, left -= n) {
		size_t character = text_character(name, left);
		bool plain = character > 0 && (uint8_t)*name >= 0x20 && *name != 0x7f;
		n = character ? character : 1;
		if ((size_t)(to - v->handin.name) + n > FILE_NAME_MAX)
			break;
		memcpy(to, plain ? name : "?", plain ? n : 1);
		to += plain ? n : 1;
	}
}

static FILE *open_holding_file(const struct desk *d, struct err *err)
{
	int fd = fsx_tmpfile(d->settings->directory, err);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w+b");
	if (fd >= 0 && !file) {
		err_set_errno(err, ERR_TEMPFAIL, _("%s: the hand-in cannot be held"), d->settings->directory);
		close(fd);
	}
	return file;
}

static void serve_submit_begin(struct visitor *v, const request_message *request)
{
	struct err err;
	struct desk *d = v->desk;
	keep_name(v, request->submit_begin->file_name);
	v->doing = HANDING_IN;
	if (outbox_may_take(d->outbox, 0, &err))
		v->handin.file = open_holding_file(d, &err);
	if (!v->handin.file)
		refuse_handin(v, &err);
}

static bool keep_report(struct visitor *v, ProtobufCBinaryData bytes, struct err *err)
{
	struct desk *d = v->desk;
	uint32_t len = (uint32_t)bytes.len;
	if (!open_report(d, bytes, err))
		return err_prefix(err, _("report %" PRIu32 " of the hand-in"), v->handin.reports + 1);
	v->handin.reports++;
	v->handin.bytes += (int64_t)bytes.len;
	if (v->handin.bytes > d->settings->submission_bytes)
		return err_set(err, ERR_DATA,
			       _("the hand-in is larger than %" PRId64 " bytes: hand it in as several files, or raise "
				 "submission_bytes"),
			       d->settings->submission_bytes);
	if (fwrite(&len, sizeof len, 1, v->handin.file) != 1 || fwrite(bytes.data, 1, len, v->handin.file) != len)
		return err_set_errno(err, ERR_TEMPFAIL, _("%s: the hand-in cannot be held"), d->settings->directory);
	return true;
}

static void serve_submit_report(struct visitor *v, const request_message *request)
{
	struct err err;
	if (!keep_report(v, request->submit_report, &err))
		refuse_handin(v, &err);
}

/* The next report of the file in the arena; len 0 at the end. */
static bool take_up(struct visitor *v, ProtobufCBinaryData *ret, struct err *err)
{
	uint32_t len;
	*ret = (ProtobufCBinaryData){0};
	if (fread(&len, sizeof len, 1, v->handin.file) != 1)
		return !ferror(v->handin.file) || err_set_errno(err, ERR_IO, _("the hand-in cannot be read back"));
	ret->data = arena_alloc(v->desk->arena, len);
	ret->len = len;
	if (!ret->data || fread(ret->data, 1, len, v->handin.file) != len)
		return err_set_errno(err, ERR_IO, _("the hand-in cannot be read back"));
	return true;
}

static bool add_report(struct visitor *v, ProtobufCBinaryData bytes, struct err *err)
{
	struct desk *d = v->desk;
	const Tram__V1__Report *report = open_report(d, bytes, err);
	if (!report)
		return false;
	const struct outbox_summary summary = {.provider = report->provider,
					       .dataflow = report->dataflow,
					       .time_period = report->time_period,
					       .observations = (uint32_t)report->n_observations};
	return outbox_add(d->outbox, bytes.data, bytes.len, &summary, err);
}

/* All that is in the file, in one transaction of the outbox. */
static bool enter(struct visitor *v, struct outbox_ticket *ret, struct err *err)
{
	struct desk *d = v->desk;
	if (fflush(v->handin.file) != 0)
		return err_set_errno(err, ERR_TEMPFAIL, _("%s: the hand-in cannot be held"), d->settings->directory);
	rewind(v->handin.file);
	if (!outbox_begin(d->outbox, v->handin.name, v->handin.bytes, clock_wall_us(), err))
		return false;
	for (uint32_t i = 0; i < v->handin.reports; i++) {
		ProtobufCBinaryData bytes;
		arena_reset(d->arena);
		if (!take_up(v, &bytes, err) || !add_report(v, bytes, err)) {
			outbox_rollback(d->outbox);
			return false;
		}
	}
	return outbox_commit(d->outbox, ret, err);
}

static bool is_complete(const struct visitor *v, uint32_t reports, struct err *err)
{
	if (v->handin.reports == 0)
		return err_set(err, ERR_DATA, _("the hand-in holds no report"));
	return v->handin.reports == reports ||
	       err_set(err, ERR_PROTOCOL, _("%" PRIu32 " reports came and %" PRIu32 " were meant: hand in again"),
		       v->handin.reports, reports);
}

static void answer_ticket(struct visitor *v, const struct outbox_ticket *ticket)
{
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__Ticket t = TRAM__CONTROL__V1__TICKET__INIT;
	t.ticket = (char *)(uintptr_t)ticket->text;
	t.first_seq = ticket->first_seq;
	t.last_seq = ticket->last_seq;
	t.observations = ticket->observations;
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_TICKET;
	reply.ticket = &t;
	answer_one(v, &reply);
}

static void serve_submit_commit(struct visitor *v, const request_message *request)
{
	struct err err;
	struct outbox_ticket ticket;
	struct desk *d = v->desk;
	if (!is_complete(v, request->submit_commit->reports, &err) || !enter(v, &ticket, &err)) {
		refuse_handin(v, &err);
		return;
	}
	log_fields(event_table[EVENT_HANDIN_STORED].level, event_table[EVENT_HANDIN_STORED].name, "ticket", ticket.text,
		   "file", v->handin.name, "reports", log_num(v->handin.reports), "observations",
		   log_num((long long)ticket.observations), (char *)0);
	answer_ticket(v, &ticket);
	d->hooks.appended(d->hooks.context);
}

/* ---------------------------------------------------------------- asking the centre */

static size_t sent(const struct desk *d, enum doing doing)
{
	size_t n = 0;
	for (size_t i = 0; i < d->n; i++)
		n += d->visitors[i]->doing == doing && !d->visitors[i]->check.waits;
	return n;
}

/* The visitor that has waited longest to have its report or question sent; NULL: none. */
static struct visitor *next_waiting(const struct desk *d, enum doing doing)
{
	struct visitor *first = NULL;
	for (size_t i = 0; i < d->n; i++) {
		struct visitor *v = d->visitors[i];
		if (v->doing == doing && v->check.waits && (!first || v->check.id < first->check.id))
			first = v;
	}
	return first;
}

/* The post may answer at once, and then the visitor has done with it. */
static void send_one(struct desk *d, struct visitor *v)
{
	uint8_t *report = v->check.report;
	v->check.report = NULL;
	v->check.waits = false;
	v->check.session = d->courier->session;
	if (v->doing == CHECKING)
		d->hooks.check(d->hooks.context, v->check.id, report, v->check.len);
	else
		d->hooks.todo(d->hooks.context, v->check.id);
	free(report);
}

static void send_waiting(struct desk *d)
{
	static const struct {
		enum doing doing;
		size_t most;
	} kinds[] = {{CHECKING, CHECKS_SENT_MAX}, {ASKING, TODOS_SENT_MAX}};
	for (size_t i = 0; i < COUNT(kinds) && d->courier->state == COURIER_STREAMING; i++)
		for (struct visitor *v;
		     sent(d, kinds[i].doing) < kinds[i].most && (v = next_waiting(d, kinds[i].doing)) != NULL;)
			send_one(d, v);
}

static void begin_waiting(struct visitor *v, enum doing doing)
{
	struct desk *d = v->desk;
	v->doing = doing;
	v->check.id = ++d->last_check_id;
	v->check.waits = true;
	v->check.asked_us = clock_monotonic_us();
	v->check.until_us = v->check.asked_us + d->settings->check_wait;
	send_waiting(d);
}

static void serve_check(struct visitor *v, const request_message *request)
{
	struct err err;
	struct desk *d = v->desk;
	if (!open_report(d, request->check_report, &err)) {
		answer_failed(v, &err);
		return;
	}
	v->check.report = xmemdup(request->check_report.data, request->check_report.len);
	v->check.len = request->check_report.len;
	begin_waiting(v, CHECKING);
}

static void serve_todo(struct visitor *v, const request_message *request)
{
	(void)request;
	begin_waiting(v, ASKING);
}

static void not_answered(struct visitor *v, enum cause_id cause, const char *vi, const char *en)
{
	struct err err;
	char why[ERR_TEXT_MAX];
	bool too_large = v->doing == CHECKING && cause == CAUSE_TOO_LARGE;
	agent_status_why(cause, vi, en, why, sizeof why);
	err_set(&err, too_large ? ERR_DATA : ERR_TEMPFAIL,
		v->doing == CHECKING ? _("the report could not be checked: %.800s")
				     : _("the centre could not be asked what is owed: %.800s"),
		why);
	answer_failed(v, &err);
}

static void answer_verdict(struct visitor *v, const struct courier_action *action)
{
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	struct err err;
	ProtobufCAllocator allocator = codec_allocator(v->desk->arena);
	arena_reset(v->desk->arena);
	Tram__V1__CheckResult *result = tram__v1__check_result__unpack(&allocator, action->len, action->data);
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_VERDICT;
	if (result && result->verdict) {
		reply.verdict = result->verdict;
		reply.differences = result->differences;
		reply.n_differences = result->n_differences;
		answer_one(v, &reply);
	} else {
		err_set(&err, ERR_PROTOCOL, _("the centre's verdict cannot be read"));
		answer_failed(v, &err);
	}
}

static void answer_todo(struct visitor *v, const struct courier_action *action)
{
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	struct err err;
	ProtobufCAllocator allocator = codec_allocator(v->desk->arena);
	arena_reset(v->desk->arena);
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_TODO;
	reply.todo = tram__v1__todo__unpack(&allocator, action->len, action->data);
	if (reply.todo) {
		answer_one(v, &reply);
	} else {
		err_set(&err, ERR_PROTOCOL, _("the centre's answer cannot be read"));
		answer_failed(v, &err);
	}
}

void desk_answered(struct desk *d, const struct courier_action *action)
{
	enum doing doing = action->kind == COURIER_CHECKED ? CHECKING : ASKING;
	for (size_t i = 0; i < d->n; i++) {
		struct visitor *v = d->visitors[i];
		if (v->doing != doing || v->check.id != action->check_id)
			continue;
		bool before = lang_is_vi(); /* of another visitor, when the post answers at once */
		lang_speak(v->is_vietnamese);
		if (!action->data)
			not_answered(v, action->cause, action->text_vi, action->text_en);
		else if (doing == CHECKING)
			answer_verdict(v, action);
		else
			answer_todo(v, action);
		lang_speak(before);
		return;
	}
}

static int64_t check_deadline(const struct visitor *v)
{
	bool hopes = v->check.waits && v->desk->courier->state != COURIER_STREAMING;
	int64_t until = v->check.asked_us + SESSION_WAIT;
	return hopes && until < v->check.until_us ? until : v->check.until_us;
}

/* It went out in a session that goes on, and nothing came of it: so does a centre of an earlier version. */
static void not_heard(struct visitor *v)
{
	struct err err;
	err_set(&err, ERR_TEMPFAIL,
		_("the centre has not said what is owed: it is busy, or of an earlier version, which does not know the "
		  "question"));
	answer_failed(v, &err);
}

/* What was asked in a session that ended is not answered any more; what waits too long is given up. */
static void continue_checking(struct visitor *v, int64_t now_us)
{
	const struct courier *c = v->desk->courier;
	bool lost = !v->check.waits && v->check.session != c->session;
	if (!lost && now_us < check_deadline(v))
		return;
	enum cause_id cause = c->cause == CAUSE_NONE ? (lost ? CAUSE_DISCONNECTED : CAUSE_BUSY) : c->cause;
	if (v->doing == ASKING && !lost && c->cause == CAUSE_NONE)
		not_heard(v);
	else
		not_answered(v, cause, c->cause_vi, c->cause_en);
}

/* ---------------------------------------------------------------- the outbox */

static void serve_outbox(struct visitor *v, const request_message *request)
{
	const Tram__Control__V1__OutboxRequest *r = request->outbox;
	v->doing = LISTING;
	v->list.below = UINT64_MAX;
	v->list.after = r->pending_only ? outbox_state(v->desk->outbox)->acknowledged : 0;
	v->list.left = r->limit ? r->limit : UINT64_MAX;
}

static void answer_report_row(void *context, const struct outbox_report *report)
{
	struct visitor *v = context;
	struct desk *d = v->desk;
	char ticket[OUTBOX_TICKET_MAX];
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__OutboxRow row = TRAM__CONTROL__V1__OUTBOX_ROW__INIT;
	row.seq = report->seq;
	row.ticket = outbox_ticket_text(d->outbox, report->ticket_first, report->ticket_last, ticket);
	row.file_name = (char *)(uintptr_t)report->file_name;
	row.handed_in_at_us = report->handed_in_at_us;
	row.provider = (char *)(uintptr_t)report->summary.provider;
	row.dataflow = (char *)(uintptr_t)report->summary.dataflow;
	row.time_period = (char *)(uintptr_t)report->summary.time_period;
	row.observations = report->summary.observations;
	row.bytes = report->len;
	row.acknowledged = report->seq <= outbox_state(d->outbox)->acknowledged;
	row.digest = (ProtobufCBinaryData){DIGEST_SIZE, (uint8_t *)(uintptr_t)report->digest.bytes};
	row.verdict_seq = report->verdict_seq;
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_OUTBOX_ROW;
	reply.outbox_row = &row;
	v->list.below = report->seq;
	answer_row(v, &reply);
}

static void continue_listing(struct visitor *v, int64_t now_us)
{
	struct err err;
	(void)now_us;
	while (v->doing == LISTING && ctl_pending(v->client) < UNREAD_MAX) {
		uint64_t before = v->rows;
		uint32_t most = v->list.left < LIST_ROWS ? (uint32_t)v->list.left : LIST_ROWS;
		if (!outbox_list(v->desk->outbox, v->list.below, v->list.after, most, answer_report_row, v, &err)) {
			answer_failed(v, &err);
			return;
		}
		v->list.left -= v->rows - before;
		if (v->rows - before < most || v->list.left == 0)
			answer_done(v);
	}
}

static void serve_show(struct visitor *v, const request_message *request)
{
	struct err err;
	struct outbox_report report;
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	if (!outbox_read(v->desk->outbox, request->outbox_show->seq, v->desk->arena, &report, &err)) {
		answer_failed(v, &err);
		return;
	}
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_REPORT;
	reply.report = (ProtobufCBinaryData){report.len, (uint8_t *)(uintptr_t)report.bytes};
	answer_one(v, &reply);
}

/* ---------------------------------------------------------------- verdicts */

static void serve_verdicts(struct visitor *v, const request_message *request)
{
	struct err err;
	const Tram__Control__V1__VerdictsRequest *r = request->verdicts;
	v->verdicts.after = r->after;
	v->verdicts.first_seq = v->verdicts.last_seq = 0;
	v->verdicts.epoch = outbox_state(v->desk->outbox)->epoch;
	bool is_earlier = r->ticket[0] && outbox_earlier_ticket(v->desk->outbox, r->ticket, &v->verdicts.epoch,
								&v->verdicts.first_seq, &v->verdicts.last_seq);
	if (!is_earlier && r->ticket[0] &&
	    !outbox_ticket_parse(v->desk->outbox, r->ticket, &v->verdicts.first_seq, &v->verdicts.last_seq, &err)) {
		answer_failed(v, &err);
		return;
	}
	v->doing = r->ticket[0] && !is_earlier && r->wait_ms ? AWAITING : READING;
	v->verdicts.until_us = clock_monotonic_us() + r->wait_ms * INT64_C(1000);
}

/* Until every report of the ticket has a verdict, or the time is up: then those that are there are given. */
static void continue_awaiting(struct visitor *v, int64_t now_us)
{
	struct err err;
	uint64_t judged;
	if (!outbox_judged(v->desk->outbox, v->verdicts.first_seq, v->verdicts.last_seq, &judged, &err))
		answer_failed(v, &err);
	else if (judged == v->verdicts.last_seq - v->verdicts.first_seq + 1 || now_us >= v->verdicts.until_us)
		v->doing = READING;
}

/* A verdict may be almost as large as a message may be, so that is asked before it is given, not after. */
static bool fits_now(const struct visitor *v, const reply_message *reply)
{
	size_t waiting = ctl_pending(v->client);
	return waiting == 0 || waiting + protobuf_c_message_get_packed_size(&reply->base) <= UNREAD_MAX;
}

static void damaged_verdict(struct visitor *v, uint64_t verdict_seq)
{
	struct err err;
	err_set(&err, ERR_IO, _("verdict %" PRIu64 " is damaged: look at the disk under %s"), verdict_seq,
		v->desk->settings->directory);
	answer_failed(v, &err);
}

/* Whether there is room for more. */
static bool answer_verdict_row(void *context, const struct outbox_verdict *verdict)
{
	struct visitor *v = context;
	struct desk *d = v->desk;
	char ticket[OUTBOX_TICKET_MAX] = "";
	ProtobufCAllocator allocator = codec_allocator(d->arena);
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__VerdictRow row = TRAM__CONTROL__V1__VERDICT_ROW__INIT;
	arena_reset(d->arena);
	row.verdict = tram__v1__verdict__unpack(&allocator, verdict->len, verdict->body);
	if (!row.verdict) {
		damaged_verdict(v, verdict->verdict_seq);
		return false;
	}
	if (verdict->ticket_first)
		row.ticket = outbox_ticket_text(d->outbox, verdict->ticket_first, verdict->ticket_last, ticket);
	else /* of an outbox before this one, or of a report that is gone: its own place is all that is known */
		row.ticket = outbox_ticket_text_of(d->outbox, &verdict->epoch, verdict->seq, verdict->seq, ticket);
	row.file_name = (char *)(uintptr_t)verdict->file_name;
	row.handed_in_at_us = verdict->handed_in_at_us;
	row.stored_at_us = verdict->stored_at_us;
	row.provider = (char *)(uintptr_t)verdict->summary.provider;
	row.dataflow = (char *)(uintptr_t)verdict->summary.dataflow;
	row.time_period = (char *)(uintptr_t)verdict->summary.time_period;
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_VERDICT_ROW;
	reply.verdict_row = &row;
	v->verdicts.paused = !fits_now(v, &reply);
	if (v->verdicts.paused || !answer_row(v, &reply))
		return false;
	v->verdicts.after = verdict->verdict_seq;
	return true;
}

static void continue_reading(struct visitor *v, int64_t now_us)
{
	struct err err;
	(void)now_us;
	v->verdicts.paused = false;
	if (!outbox_verdicts_of(v->desk->outbox, v->verdicts.after, &v->verdicts.epoch, v->verdicts.first_seq,
				v->verdicts.last_seq, answer_verdict_row, v, &err))
		answer_failed(v, &err);
	else if (v->doing == READING && !v->verdicts.paused)
		answer_done(v);
}

/* ---------------------------------------------------------------- tickets and proofs */

static bool open_evidence(struct visitor *v, const struct evidence_of *of)
{
	struct err err;
	v->shown.evidence = evidence_open(v->desk->outbox, v->desk->settings->directory, of, &err);
	if (!v->shown.evidence)
		answer_failed(v, &err);
	return v->shown.evidence != NULL;
}

static void serve_trace(struct visitor *v, const request_message *request)
{
	const Tram__Control__V1__TraceRequest *r = request->trace;
	if (!open_evidence(v, &(struct evidence_of){r->ticket, r->first_seq, r->last_seq}))
		return;
	v->shown.next = evidence_first(v->shown.evidence);
	v->shown.with_reports = r->with_reports;
	v->doing = TRACING;
}

static void serve_proof(struct visitor *v, const request_message *request)
{
	struct err err;
	const Tram__Control__V1__ProofRequest *r = request->proof;
	if (!open_evidence(v, &(struct evidence_of){r->ticket, r->first_seq, r->last_seq}))
		return;
	v->doing = PROVING;
	if (!evidence_prove(v->shown.evidence, v->desk->hooks.keys, r->with_reports, r->notes, r->n_notes, &err))
		answer_failed(v, &err);
}

/* Sent in this session and not committed yet; only the outbox in use is sent from. */
static bool is_sent(const struct desk *d, const struct outbox *outbox, uint64_t seq)
{
	const struct courier *c = d->courier;
	return outbox == d->outbox && c->state == COURIER_STREAMING && seq > c->committed && seq < c->next_seq;
}

/* Whether there is room for more. */
static bool answer_trace_row(struct visitor *v, const struct evidence_row *row)
{
	struct desk *d = v->desk;
	ProtobufCAllocator allocator = codec_allocator(d->arena);
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	Tram__Control__V1__TraceRow t = TRAM__CONTROL__V1__TRACE_ROW__INIT;
	t.ticket = (char *)(uintptr_t)row->ticket;
	t.seq = row->place.seq;
	t.file_name = (char *)(uintptr_t)row->place.file_name;
	t.handed_in_at_us = row->place.handed_in_at_us;
	t.digest = (ProtobufCBinaryData){DIGEST_SIZE, (uint8_t *)(uintptr_t)row->place.digest.bytes};
	t.kept = row->place.kept;
	t.report = (ProtobufCBinaryData){row->len, (uint8_t *)(uintptr_t)row->bytes};
	t.sent = is_sent(d, evidence_outbox(v->shown.evidence), t.seq);
	if (row->acknowledged) {
		t.acknowledged_at_us = row->ack.committed_at_us;
		t.acknowledged_through = row->ack.committed_through;
	}
	if (row->judged) {
		t.verdict = tram__v1__verdict__unpack(&allocator, row->verdict.len, row->verdict.body);
		t.judged_at_us = row->verdict.stored_at_us;
	}
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_TRACE_ROW;
	reply.trace_row = &t;
	return fits_now(v, &reply) && answer_row(v, &reply);
}

static void continue_tracing(struct visitor *v, int64_t now_us)
{
	struct err err;
	struct evidence_row row;
	(void)now_us;
	while (v->doing == TRACING && v->shown.next <= evidence_last(v->shown.evidence)) {
		arena_reset(v->desk->arena);
		if (!evidence_row(v->shown.evidence, v->shown.next, v->shown.with_reports, v->desk->arena, &row,
				  &err)) {
			answer_failed(v, &err);
			return;
		}
		if (!answer_trace_row(v, &row))
			return;
		v->shown.next++;
	}
	if (v->doing == TRACING)
		answer_done(v);
}

static void continue_proving(struct visitor *v, int64_t now_us)
{
	struct err err;
	const char *text;
	size_t len;
	bool done = false;
	(void)now_us;
	while (v->doing == PROVING && ctl_pending(v->client) < UNREAD_MAX) {
		reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
		arena_reset(v->desk->arena);
		if (!evidence_next(v->shown.evidence, v->desk->arena, &text, &len, &done, &err)) {
			answer_failed(v, &err);
			return;
		}
		reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_PROOF;
		reply.proof = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)text};
		if (answer_row(v, &reply) && done)
			answer_done(v);
	}
}

/* ---------------------------------------------------------------- the rest */

static void serve_status(struct visitor *v, const request_message *request)
{
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	struct desk *d = v->desk;
	(void)request;
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_STATUS;
	reply.status = agent_status(d->arena, d->settings, d->outbox, d->courier);
	assert(reply.status);
	answer_one(v, &reply);
}

static void serve_codebook(struct visitor *v, const request_message *request)
{
	struct err err;
	const uint8_t *data;
	size_t len;
	struct desk *d = v->desk;
	ProtobufCAllocator allocator = codec_allocator(d->arena);
	reply_message reply = TRAM__CONTROL__V1__CONTROL_REPLY__INIT;
	(void)request;
	if (!outbox_codebook(d->outbox, d->arena, &data, &len, &err)) {
		answer_failed(v, &err);
		return;
	}
	if (data)
		reply.codebook = tram__v1__codebook__unpack(&allocator, len, data);
	if (!reply.codebook) {
		answer_done(v); /* no row: the centre has not sent one yet */
		return;
	}
	reply.body_case = TRAM__CONTROL__V1__CONTROL_REPLY__BODY_CODEBOOK;
	answer_one(v, &reply);
}

/* ---------------------------------------------------------------- who asks what */

/* Every request, and what the visitor must be doing when it comes. */
static const struct {
	Tram__Control__V1__ControlRequest__BodyCase body;
	enum doing doing;
	void (*serve)(struct visitor *v, const request_message *request);
} requests[] = {
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_BEGIN, IDLE, serve_submit_begin},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_REPORT, HANDING_IN, serve_submit_report},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_SUBMIT_COMMIT, HANDING_IN, serve_submit_commit},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_CHECK_REPORT, IDLE, serve_check},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_TODO, IDLE, serve_todo},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_STATUS, IDLE, serve_status},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_OUTBOX, IDLE, serve_outbox},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_OUTBOX_SHOW, IDLE, serve_show},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_VERDICTS, IDLE, serve_verdicts},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_CODEBOOK, IDLE, serve_codebook},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_TRACE, IDLE, serve_trace},
    {TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_PROOF, IDLE, serve_proof},
};

static void (*const continuations[])(struct visitor *v, int64_t now_us) = {
    [LISTING] = continue_listing,   [AWAITING] = continue_awaiting, [READING] = continue_reading,
    [CHECKING] = continue_checking, [ASKING] = continue_checking,   [TRACING] = continue_tracing,
    [PROVING] = continue_proving,
};

static struct visitor *visitor_of(struct desk *d, struct ctl_client *client)
{
	struct visitor *v = ctl_user(client);
	if (v)
		return v;
	assert(d->n < COUNT(d->visitors));
	v = xcalloc(1, sizeof *v);
	v->desk = d;
	v->client = client;
	ctl_set_user(client, v);
	return d->visitors[d->n++] = v;
}

static void serve(struct visitor *v, const request_message *request)
{
	for (size_t i = 0; request && i < COUNT(requests); i++)
		if (requests[i].body == request->body_case && requests[i].doing == v->doing) {
			requests[i].serve(v, request);
			return;
		}
	wrong_turn(v);
}

static void on_message(void *context, struct ctl_client *client, const uint8_t *data, size_t len)
{
	struct desk *d = context;
	struct visitor *v = visitor_of(d, client);
	arena_reset(d->arena);
	ProtobufCAllocator allocator = codec_allocator(d->arena);
	arena_cap(d->arena, len * ARENA_PER_BYTE + ARENA_PER_ITEM);
	const request_message *request = tram__control__v1__control_request__unpack(&allocator, len, data);
	arena_uncap(d->arena);
	v->is_vietnamese = request && request->language[0] ? strcmp(request->language, "vi") == 0 : d->is_vietnamese;
	lang_speak(v->is_vietnamese);
	serve(v, request);
	lang_speak(d->is_vietnamese);
}

static void on_closed(void *context, struct ctl_client *client)
{
	struct desk *d = context;
	struct visitor *v = ctl_user(client);
	for (size_t i = 0; i < d->n; i++)
		if (d->visitors[i] == v) {
			d->visitors[i] = d->visitors[--d->n];
			forget_work(v);
			free(v);
			return;
		}
}

/* ---------------------------------------------------------------- the desk */

struct desk *desk_open(const struct agent_settings *settings, struct outbox *outbox, const struct courier *courier,
		       const struct desk_hooks *hooks, struct err *err)
{
	const struct ctl_handler handler = {.message = on_message, .closed = on_closed};
	struct desk *d = xcalloc(1, sizeof *d);
	d->settings = settings;
	d->outbox = outbox;
	d->courier = courier;
	d->hooks = *hooks;
	d->is_vietnamese = lang_is_vi();
	d->arena = arena_new(ARENA_CAP);
	d->server = ctl_server_open(settings->control, &handler, d, err);
	if (!d->server)
		desk_close(&d);
	return d;
}

void desk_close(struct desk **dp)
{
	struct desk *d = *dp;
	*dp = NULL;
	if (!d)
		return;
	ctl_server_close(&d->server);
	arena_free(&d->arena);
	free(d);
}

size_t desk_prepare(struct desk *d, struct pollfd *fds, size_t max)
{
	return ctl_server_prepare(d->server, fds, max);
}

int64_t desk_deadline(const struct desk *d)
{
	int64_t at = INT64_MAX;
	for (size_t i = 0; i < d->n; i++) {
		const struct visitor *v = d->visitors[i];
		bool asks = v->doing == CHECKING || v->doing == ASKING;
		int64_t own = v->doing == AWAITING ? v->verdicts.until_us : asks ? check_deadline(v) : INT64_MAX;
		at = own < at ? own : at;
	}
	return at;
}

void desk_serve(struct desk *d, const struct pollfd *fds, size_t n)
{
	ctl_server_serve(d->server, fds, n);
	int64_t now_us = clock_monotonic_us();
	for (size_t i = 0; i < d->n; i++) {
		struct visitor *v = d->visitors[i];
		lang_speak(v->is_vietnamese);
		/* Twice: what was awaited may be read now. */
		for (int step = 0; step < 2; step++)
			if (v->doing < COUNT(continuations) && continuations[v->doing])
				continuations[v->doing](v, now_us);
	}
	lang_speak(d->is_vietnamese);
	send_waiting(d);
}
