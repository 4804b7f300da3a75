/* SPDX-License-Identifier: Apache-2.0 */
/*
 * talk - one conversation with the agent on this machine, over its control socket (control.proto). One thread.
 */
#ifndef TRAM_TALK_H
#define TRAM_TALK_H

#include "control.pb-c.h"
#include "err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TALK_PATIENCE_MS 30000 /* how long an agent may take over a question that it answers by itself */

struct talk;

/* NULL and *err (what to do: is the agent running?) on failure. Caller closes with talk_close(). */
struct talk *talk_open(const char *socket, struct err *err) MUST_CHECK;
void talk_close(struct talk **tp);

bool talk_send(struct talk *t, const Tram__Control__V1__ControlRequest *request, struct err *err) MUST_CHECK;

/* The next reply, valid until the next call; NULL and *err on failure, also when the agent says that it failed. */
const Tram__Control__V1__ControlReply *talk_receive(struct talk *t, int64_t timeout_ms, struct err *err) MUST_CHECK;

/* Whether the last failure was the agent's own word, and not that of the connection. */
bool talk_was_told(const struct talk *t);

/* The next reply of a kind; others (a `done` of what went before) are passed over. */
const Tram__Control__V1__ControlReply *talk_expect(struct talk *t, Tram__Control__V1__ControlReply__BodyCase kind,
						   int64_t timeout_ms, struct err *err) MUST_CHECK;

/* Reports on their way into the outbox. */
bool talk_submit_begin(struct talk *t, const char *file_name, struct err *err) MUST_CHECK;
bool talk_submit_report(struct talk *t, const uint8_t *report, size_t len, struct err *err) MUST_CHECK;

/*
 * Asks one question in a conversation of its own and hands every row to row (false ends it early), until the agent is
 * done. False and *err on failure.
 */
bool talk_ask(const char *socket, const Tram__Control__V1__ControlRequest *request, int64_t timeout_ms,
	      bool (*row)(void *context, const Tram__Control__V1__ControlReply *reply), void *context,
	      struct err *err) MUST_CHECK;

/* The codes a province may use; caller frees. NULL and *err: ERR_UNAVAILABLE when no agent answers, else it has none. */
Tram__V1__Codebook *talk_codebook(const char *socket, struct err *err) MUST_CHECK;

/* Which reports a question is about: a ticket's, or without one (NULL) first_seq to last_seq of the outbox in use. */
struct talk_range {
	const char *ticket;
	uint64_t first_seq, last_seq;
};

/* Where each of them is, in order; with its bytes when they are asked for. */
bool talk_trace(const char *socket, const struct talk_range *range, bool with_reports,
		void (*row)(void *context, const Tram__Control__V1__TraceRow *row), void *context,
		struct err *err) MUST_CHECK;

/* The agent's proof of them, written to out; notes are lines for people. */
bool talk_proof(const char *socket, const struct talk_range *range, bool with_reports, char **notes, size_t n_notes,
		FILE *out, struct err *err) MUST_CHECK;

/* The report at a position of the outbox as it was handed in; caller frees. NULL and *err when it is not kept. */
uint8_t *talk_report(const char *socket, uint64_t seq, size_t *ret_len, struct err *err) MUST_CHECK;

#endif
