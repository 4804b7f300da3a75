/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zap - the door: answers libzmq's question at each handshake, whether the key may come in and as whom (ZAP, RFC 27).
 *
 * One handler a context, in the thread and the poll of the gate. On the road an agent's key comes in as the agent's id
 * (User-Id); on the feed an operator's key as the operator's name. Whoever is not (yet) known, suspended or revoked gets
 * 300, never 400 or 500, because those make the peer's libzmq stop for ever; a peer without CURVE gets 400, as it can
 * never come right. ZAP asks only at the handshake: who is let in is judged again at every message (session).
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

/*
 * Answers every question that waits. agents: of the road; operators: of the feed; both may be NULL (nobody). refused is
 * told of each refusal, but of the same key only every ZAP_TELL_US, and of 64 keys at most in that time; all are counted.
 */
#define ZAP_TELL_US INT64_C(600000000)
void zap_serve(struct zap *z, const struct roster *agents, const struct roster *operators, int64_t now_us,
	       void (*refused)(void *context, const struct zap_refusal *refusal), void *context);

#endif
