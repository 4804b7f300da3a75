/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zap - the door: answers libzmq's question at each handshake, whether the key may come in and as whom (ZAP, RFC 27).
 *
 * One handler a context, in the thread and the poll of the gate. On the road an agent's key comes in as the agent's id
 * (User-Id); on the feed an operator's key as the operator's name. Whoever is not (yet) known, suspended or revoked gets
 * 300, never 400 or 500, because those make the peer's libzmq stop for ever; a peer without CURVE gets 400, as it can
 * never come right. ZAP asks only at the handshake: who is let in is judged again at every message (session).
 *
 * A key of the road that would be turned away is held for a moment, until the roster has been read anew: an agent that
 * was accepted a second ago comes in at its first knock. At most ZAP_HELD_MAX are held, none longer than ZAP_HOLD_US.
 */
#ifndef TRAM_ZAP_H
#define TRAM_ZAP_H

#include "counter.h"
#include "roster.h"

struct zap;

/* A connection that was not let in. Texts are valid for the call. */
struct zap_refusal {
	enum counter_id cause;
	const char *domain, *address;
	const char *key;   /* Z85; "": none */
	const char *agent; /* "": not known */
};

/* Binds the context's handler. Caller closes with zap_close() before the context. NULL and *err on failure. */
struct zap *zap_open(void *context, struct counters *counters, struct err *err) MUST_CHECK;
void zap_close(struct zap **zp);

/* The socket, to poll for reading. */
void *zap_socket(struct zap *z);

/* What the door knows, and who is told of refusals. */
struct zap_book {
	const struct roster *agents;    /* of the road; NULL: nobody */
	const struct roster *operators; /* of the feed; NULL: nobody */
	/* Told of each refusal, but of the same key only every ZAP_TELL_US, and of 64 keys at most in that time; all count. */
	void (*refused)(void *context, const struct zap_refusal *refusal);
	void *context;
};
#define ZAP_TELL_US  INT64_C(600000000)
#define ZAP_HELD_MAX 64
#define ZAP_HOLD_US  INT64_C(2000000)

/* Answers every question that waits, or holds it. */
void zap_serve(struct zap *z, const struct zap_book *book, int64_t now_us);

/* How many are held. */
size_t zap_held(const struct zap *z);

/* Answers those that were held before a moment, when the roster was asked for, or for too long. */
void zap_settle(struct zap *z, const struct zap_book *book, int64_t before_us, int64_t now_us);

#endif
