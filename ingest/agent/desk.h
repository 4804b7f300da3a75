/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desk - where people and programs of the province hand in and ask: the agent's control socket (control.proto).
 *
 * A hand-in is held in a nameless file until it is complete, then enters the outbox in one transaction; the ticket is
 * told after that. Long answers are given as they are read. What a visitor can make it hold is bounded. One thread.
 */
#ifndef TRAM_DESK_H
#define TRAM_DESK_H

#include "agent_settings.h"
#include "courier.h"
#include "ctl.h"
#include "keys.h"
#include "outbox.h"

struct desk;

/* How the desk reaches the post; each may answer before they return. And what it signs proofs with. */
struct desk_hooks {
	void *context;
	void (*appended)(void *context);
	void (*check)(void *context, uint64_t check_id, const void *report, size_t len);
	void (*todo)(void *context, uint64_t id);
	const struct keys *keys;
};

/* Listens on settings->control. All but the hooks' context is read, and outlives the desk. NULL and *err on failure. */
struct desk *desk_open(const struct agent_settings *settings, struct outbox *outbox, const struct courier *courier,
		       const struct desk_hooks *hooks, struct err *err) MUST_CHECK;
void desk_close(struct desk **dp);

/* What to wait for (room for max), and until when (monotonic). Then serve with the same array. */
size_t desk_prepare(struct desk *d, struct pollfd *fds, size_t max);
int64_t desk_deadline(const struct desk *d);
void desk_serve(struct desk *d, const struct pollfd *fds, size_t n);

/* What became of a report to be checked, or of a question what is owed (COURIER_CHECKED, COURIER_TODO). */
void desk_answered(struct desk *d, const struct courier_action *action);

#endif
