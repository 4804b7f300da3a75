/* SPDX-License-Identifier: Apache-2.0 */
/*
 * post - carries out what the courier decides: the socket to the centre, and what it says into the outbox.
 *
 * It owns socket, monitor and courier; outbox and keys are the caller's and outlive it. A disk that fails ends the
 * process: post_failed(). One thread, no blocking but for the disk.
 */
#ifndef TRAM_POST_H
#define TRAM_POST_H

#include "agent_settings.h"
#include "courier.h"
#include "outbox.h"

#include <zmq.h>

#define POST_ITEMS 2

struct post;

struct post_hooks {
	void *context;
	/* A COURIER_CHECKED or COURIER_TODO action: what became of a question. Valid for the call. */
	void (*answered)(void *context, const struct courier_action *action);
};

/* Connects. NULL and *err on failure. Caller closes with post_close(). */
struct post *post_open(const struct agent_settings *settings, const struct keys *keys, const struct keys *centre,
		       const uint8_t boot[static OUTBOX_NONCE_SIZE], struct outbox *outbox,
		       const struct post_hooks *hooks, struct err *err) MUST_CHECK;
void post_close(struct post **pp);

/* For status and the desk; changes with the post. */
const struct courier *post_courier(const struct post *p);

/* What to wait for, and until when (monotonic). Then serve, whatever came. */
void post_prepare(const struct post *p, zmq_pollitem_t items[static POST_ITEMS]);
int64_t post_deadline(const struct post *p);
void post_serve(struct post *p);

/* Something was handed in; somebody wants a report judged, or to know what is owed; somebody acted on what stopped the courier. */
void post_appended(struct post *p);
void post_check(struct post *p, uint64_t check_id, const void *report, size_t len);
void post_todo(struct post *p, uint64_t id);
void post_try_now(struct post *p);

/* Whether the process must end; *err says why. */
bool post_failed(const struct post *p, struct err *err);

#endif
