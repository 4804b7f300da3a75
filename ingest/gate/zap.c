/* SPDX-License-Identifier: Apache-2.0 */
#include "zap.h"

#include "lang.h"
#include "mem.h"
#include "road.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ENDPOINT    "inproc://zeromq.zap.01"
#define CURVE_BYTES 32
#define TEXT_MAX    255
#define TOLD_MAX    64 /* keys told of in ZAP_TELL_US; who comes with a new key each time must not fill the journal */

/* The frames of a request, in order: what ROUTER puts before it, then ZAP's own. */
enum { PEER, EMPTY, VERSION, REQUEST, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAMES };

struct frame {
	size_t len;
	uint8_t data[TEXT_MAX + 1]; /* NUL-ended */
};

struct request {
	struct frame frames[FRAMES];
	bool whole; /* as many frames as there must be, none too long */
	char key[Z85_KEY_SIZE];
};

struct told {
	char key[Z85_KEY_SIZE];
	int64_t at_us;
};

struct held {
	struct request request;
	int64_t since_us;
};

struct zap {
	void *socket;
	struct held held[ZAP_HELD_MAX];
	size_t n_held;
	struct counters *counters;
	struct told told[TOLD_MAX];
	size_t next_told;
};

struct zap *zap_open(void *context, struct counters *counters, struct err *err)
{
	struct zap *z = xcalloc(1, sizeof(*z));
	z->counters = counters;
	z->socket = zmq_socket(context, ZMQ_ROUTER);
	if (!z->socket || zmq_bind(z->socket, ENDPOINT) != 0) {
		err_set(err, ERR_OS, _("the door of the road cannot be opened: %s"), zmq_strerror(errno));
		zap_close(&z);
		return NULL;
	}
	const int no_linger = 0;
	int rc = zmq_setsockopt(z->socket, ZMQ_LINGER, &no_linger, sizeof(no_linger));
	assert(rc == 0);
	(void)rc;
	return z;
}

void zap_close(struct zap **zp)
{
	struct zap *z = *zp;
	if (!z)
		return;
	if (z->socket)
		zmq_close(z->socket);
	free(z);
	*zp = NULL;
}

void *zap_socket(struct zap *z)
{
	return z->socket;
}

/* ---------------------------------------------------------------- reading the question */

/* One frame into f (NULL: read away). False when none waits. */
static bool read_frame(void *socket, struct frame *f, bool *ret_fits, bool *ret_more)
{
	zmq_msg_t msg;
	zmq_msg_init(&msg);
	int rc;
	do
		rc = zmq_msg_recv(&msg, socket, ZMQ_DONTWAIT);
	while (rc < 0 && errno == EINTR);
	if (rc >= 0) {
		size_t len = zmq_msg_size(&msg);
		*ret_fits = f && len <= TEXT_MAX;
		*ret_more = zmq_msg_more(&msg);
		if (*ret_fits) {
			memcpy(f->data, zmq_msg_data(&msg), len);
			f->data[len] = '\0';
			f->len = len;
		}
	}
	zmq_msg_close(&msg);
	return rc >= 0;
}

static bool is(const struct frame *f, const char *text)
{
	return f->len == strlen(text) && memcmp(f->data, text, f->len) == 0;
}

/* The next request; false when none waits. */
static bool read_request(struct zap *z, struct request *r)
{
	bool more = true, all_fit = true;
	size_t n = 0;
	memset(r, 0, sizeof(*r));
	for (; more; n++) {
		bool fits;
		if (!read_frame(z->socket, n < FRAMES ? &r->frames[n] : NULL, &fits, &more))
			return false;
		/* NULL and PLAIN have other numbers of credentials than one: no fault in the form. */
		all_fit = all_fit && (fits || n >= FRAMES);
	}
	r->whole = all_fit && n > MECHANISM && is(&r->frames[VERSION], "1.0");
	if (r->whole && is(&r->frames[MECHANISM], "CURVE") && r->frames[CREDENTIALS].len == CURVE_BYTES)
		zmq_z85_encode(r->key, r->frames[CREDENTIALS].data, CURVE_BYTES);
	return true;
}

/* ---------------------------------------------------------------- judging and answering */

static const struct roster_row *find(const struct roster *roster, const char *key)
{
	return roster ? roster_by_key(roster, key) : NULL;
}

static enum counter_id judge_state(const struct roster_row *row)
{
	static const enum counter_id causes[] = {COUNTER_DOOR_OPENED, COUNTER_DOOR_SUSPENDED, COUNTER_DOOR_REVOKED};
	return row ? causes[row->state] : COUNTER_DOOR_UNKNOWN;
}

static enum counter_id judge(const struct request *r, const struct zap_book *book, const struct roster_row **ret_row)
{
	const struct frame *domain = &r->frames[DOMAIN];
	*ret_row = NULL;
	if (!r->whole)
		return COUNTER_DOOR_MALFORMED;
	if (!is(domain, ROAD_ZAP_DOMAIN) && !is(domain, ROAD_FEED_ZAP_DOMAIN))
		return COUNTER_DOOR_DOMAIN;
	if (!r->key[0])
		return COUNTER_DOOR_NO_KEY;
	*ret_row = find(is(domain, ROAD_ZAP_DOMAIN) ? book->agents : book->operators, r->key);
	return judge_state(*ret_row);
}

/* Only what a peer can never mend by waiting is answered with 400. */
static const char *status(enum counter_id verdict)
{
	if (verdict == COUNTER_DOOR_OPENED)
		return "200";
	if (verdict == COUNTER_DOOR_UNKNOWN || verdict == COUNTER_DOOR_SUSPENDED || verdict == COUNTER_DOOR_REVOKED)
		return "300";
	return "400";
}

static void send_frame(void *socket, const void *data, size_t len, int flags)
{
	int rc;
	do
		rc = zmq_send(socket, data, len, flags);
	while (rc < 0 && errno == EINTR);
}

static void answer(struct zap *z, const struct request *r, enum counter_id verdict, const struct roster_row *row)
{
	const char *user = verdict == COUNTER_DOOR_OPENED ? row->agent : "";
	send_frame(z->socket, r->frames[PEER].data, r->frames[PEER].len, ZMQ_SNDMORE);
	send_frame(z->socket, "", 0, ZMQ_SNDMORE);
	send_frame(z->socket, "1.0", 3, ZMQ_SNDMORE);
	send_frame(z->socket, r->frames[REQUEST].data, r->frames[REQUEST].len, ZMQ_SNDMORE);
	send_frame(z->socket, status(verdict), 3, ZMQ_SNDMORE);
	send_frame(z->socket, "", 0, ZMQ_SNDMORE);
	send_frame(z->socket, user, strlen(user), ZMQ_SNDMORE);
	send_frame(z->socket, "", 0, 0);
}

/* Whether the key's refusal is to be told; a peer retries every few seconds for as long as it is not let in. */
static bool is_news(struct zap *z, const char *key, int64_t now_us)
{
	for (size_t i = 0; i < TOLD_MAX; i++) {
		struct told *t = &z->told[i];
		if (t->at_us == 0 || strcmp(t->key, key) != 0)
			continue;
		if (now_us - t->at_us < ZAP_TELL_US)
			return false;
		t->at_us = now_us;
		return true;
	}
	struct told *t = &z->told[z->next_told];
	if (t->at_us != 0 && now_us - t->at_us < ZAP_TELL_US)
		return false;
	z->next_told = (z->next_told + 1) % TOLD_MAX;
	memcpy(t->key, key, sizeof(t->key));
	t->at_us = now_us;
	return true;
}

static void settle(struct zap *z, const struct zap_book *book, const struct request *r, int64_t now_us)
{
	const struct roster_row *row;
	enum counter_id verdict = judge(r, book, &row);
	answer(z, r, verdict, row);
	count(z->counters, verdict);
	if (verdict == COUNTER_DOOR_OPENED || !book->refused || !is_news(z, r->key, now_us))
		return;
	book->refused(book->context, &(struct zap_refusal){.cause = verdict,
							   .domain = (const char *)r->frames[DOMAIN].data,
							   .address = (const char *)r->frames[ADDRESS].data,
							   .key = r->key,
							   .agent = row ? row->agent : ""});
}

/* Whether a newer roster may think better of it. */
static bool may_come_right(const struct request *r, const struct zap_book *book)
{
	const struct roster_row *row;
	enum counter_id verdict = judge(r, book, &row);
	return strcmp(status(verdict), "300") == 0 && is(&r->frames[DOMAIN], ROAD_ZAP_DOMAIN);
}

void zap_serve(struct zap *z, const struct zap_book *book, int64_t now_us)
{
	struct request r;
	while (read_request(z, &r)) {
		if (z->n_held < ZAP_HELD_MAX && may_come_right(&r, book))
			z->held[z->n_held++] = (struct held){.request = r, .since_us = now_us};
		else
			settle(z, book, &r, now_us);
	}
}

size_t zap_held(const struct zap *z)
{
	return z->n_held;
}

void zap_settle(struct zap *z, const struct zap_book *book, int64_t before_us, int64_t now_us)
{
	size_t kept = 0;
	for (size_t i = 0; i < z->n_held; i++) {
		struct held *h = &z->held[i];
		if (h->since_us < before_us || now_us - h->since_us >= ZAP_HOLD_US)
			settle(z, book, &h->request, now_us);
		else if (kept++ != i)
			z->held[kept - 1] = *h;
	}
	z->n_held = kept;
}
