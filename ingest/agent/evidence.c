/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence.h"

#include "fsx.h"
#include "lang.h"
#include "mem.h"
#include "proof.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_BYTES  (64u << 10) /* written before others have their turn; one report may be more */
#define PIECE_MAX   (1u << 20)  /* … and is given in pieces */
#define EPOCH_START 8           /* digits of the epoch in a ticket, and in the name of a file set aside */

static const struct outbox_limits no_limits = {.bytes_max = INT64_MAX / 4, .retention_us = INT64_MAX};
static const uint8_t no_boot[OUTBOX_NONCE_SIZE];

struct evidence {
	struct outbox *in_use; /* has all verdicts, of outboxes before it too */
	struct outbox *outbox; /* of the ticket: the one in use, or … */
	struct outbox *aside;  /* … this one, its own */
	uint64_t first, last;
	/* the proof */
	struct proof_writer *writer;
	const struct keys *keys;
	bool with_reports;
	uint64_t next;
	struct digest chain;        /* at next - 1 */
	struct acknowledgement ack; /* the next one to come */
	char *text;                 /* written; given up to `given` */
	size_t len, given, room;
	bool ended;
};

/* ---------------------------------------------------------------- which outbox */

/* "agent/1a2b3c4d/…": what stands between agent and number; false: it is no ticket of this agent. */
static bool epoch_of_ticket(const char *ticket, const char *agent, char ret[static EPOCH_START + 1])
{
	size_t len = strlen(agent);

	if (strncmp(ticket, agent, len) != 0 || ticket[len] != '/' ||
	    strspn(ticket + len + 1, "0123456789abcdef") != EPOCH_START || ticket[len + 1 + EPOCH_START] != '/')
		return false;
	snprintf(ret, EPOCH_START + 1, "%s", ticket + len + 1);
	return true;
}

/* The file that `tram-agent --renew` set aside under that name; NULL without *err: there is none. */
static bool open_aside(struct evidence *e, const char *directory, const char *agent, const char *epoch, struct err *err)
{
	char *name = xasprintf("outbox-%s.db", epoch), *path = fsx_join(directory, name);
	bool there = access(path, R_OK | W_OK) == 0;

	if (there)
		e->aside = outbox_open_after(directory, name, agent, NULL, NULL, &no_limits, no_boot, err);
	free(path);
	free(name);
	return !there || e->aside;
}

static bool find_outbox(struct evidence *e, struct outbox *in_use, const char *directory, const char *ticket,
			struct err *err)
{
	const struct outbox_state *state = outbox_state(in_use);
	char epoch[EPOCH_START + 1];
	struct err ignored;
	uint64_t first, last;

	e->in_use = e->outbox = in_use;
	if (!*ticket || outbox_ticket_parse(in_use, ticket, &first, &last, &ignored) ||
	    !epoch_of_ticket(ticket, state->agent, epoch))
		return true;
	if (!open_aside(e, directory, state->agent, epoch, err))
		return false;
	if (e->aside)
		e->outbox = e->aside;
	return true;
}

static bool find_reports(struct evidence *e, const struct evidence_of *of, struct err *err)
{
	uint64_t most = outbox_state(e->outbox)->last_appended;

	if (*of->ticket)
		return outbox_ticket_parse(e->outbox, of->ticket, &e->first, &e->last, err);
	e->first = of->first_seq;
	e->last = of->last_seq;
	return (e->first > 0 && e->first <= e->last && e->last <= most) ||
	       err_set(err, ERR_DATA,
		       _("there are no reports %" PRIu64 " to %" PRIu64 ": the outbox has 1 to %" PRIu64), e->first,
		       e->last, most);
}

struct evidence *evidence_open(struct outbox *in_use, const char *directory, const struct evidence_of *of,
			       struct err *err)
{
	struct evidence *e = xcalloc(1, sizeof *e);

	if (!find_outbox(e, in_use, directory, of->ticket, err) || !find_reports(e, of, err))
		evidence_close(&e);
	return e;
}

void evidence_close(struct evidence **ep)
{
	struct evidence *e = *ep;

	*ep = NULL;
	if (!e)
		return;
	proof_writer_free(&e->writer);
	outbox_close(&e->aside);
	free(e->text);
	free(e);
}

uint64_t evidence_first(const struct evidence *e)
{
	return e->first;
}

uint64_t evidence_last(const struct evidence *e)
{
	return e->last;
}

struct outbox *evidence_outbox(const struct evidence *e)
{
	return e->outbox;
}

/* ---------------------------------------------------------------- where a report is */

struct latest {
	struct arena *arena;
	struct evidence_row *row;
	bool fits;
};

static bool keep_latest(void *context, const struct outbox_verdict *verdict)
{
	struct latest *l = context;
	void *body = arena_alloc(l->arena, verdict->len);

	l->fits = body != NULL;
	if (!body)
		return false;
	memcpy(body, verdict->body, verdict->len);
	l->row->verdict = (struct outbox_verdict){.verdict_seq = verdict->verdict_seq,
						  .epoch = verdict->epoch,
						  .seq = verdict->seq,
						  .body = body,
						  .len = verdict->len,
						  .stored_at_us = verdict->stored_at_us};
	l->row->judged = true;
	return true;
}

static bool read_bytes(struct evidence *e, const struct outbox_place *place, struct arena *a, struct outbox_report *ret,
		       struct err *err)
{
	if (place->kept)
		return outbox_read(e->outbox, place->seq, a, ret, err);
	return err_set(
	    err, ERR_NOINPUT,
	    _("the bytes of report %" PRIu64 " are no longer kept here: tram receipt still proves its digest"),
	    place->seq);
}

bool evidence_row(struct evidence *e, uint64_t seq, bool with_bytes, struct arena *a, struct evidence_row *ret,
		  struct err *err)
{
	struct latest latest = {a, ret, true};
	struct outbox_report report;

	*ret = (struct evidence_row){.judged = false};
	if (!outbox_place(e->outbox, seq, &ret->place, err) ||
	    !outbox_acknowledgement(e->outbox, seq, &ret->ack, &ret->acknowledged, err) ||
	    !outbox_verdicts_of(e->in_use, 0, &outbox_state(e->outbox)->epoch, seq, seq, keep_latest, &latest, err) ||
	    (with_bytes && !read_bytes(e, &ret->place, a, &report, err)))
		return false;
	if (with_bytes) {
		ret->bytes = report.bytes;
		ret->len = report.len;
	}
	outbox_ticket_text(e->outbox, ret->place.ticket_first, ret->place.ticket_last, ret->ticket);
	return latest.fits ||
	       err_set(err, ERR_PROTOCOL, _("the verdicts of report %" PRIu64 " do not fit into memory"), seq);
}

/* ---------------------------------------------------------------- a proof */

static void keep_text(void *context, const char *text, size_t len)
{
	struct evidence *e = context;

	if (e->len + len > e->room) {
		e->room = 2 * (e->len + len);
		e->text = xrealloc(e->text, e->room);
	}
	memcpy(e->text + e->len, text, len);
	e->len += len;
}

static bool damaged(const struct evidence *e, uint64_t seq, struct err *err)
{
	return err_set(err, ERR_IO,
		       _("what the outbox %s keeps of report %" PRIu64
			 " does not lead to what the centre acknowledged: the file is damaged. Keep it, look at the "
			 "disk, and call the centre"),
		       outbox_state(e->outbox)->agent, seq);
}

/* The chain that the first report follows. */
static bool chain_before(const struct evidence *e, struct digest *ret, struct err *err)
{
	const struct outbox_state *state = outbox_state(e->outbox);
	struct outbox_place place;

	if (e->first == 1) {
		chain_start(state->agent, &state->epoch, state->has_previous ? &state->previous_chain : NULL, ret);
		return true;
	}
	if (!outbox_place(e->outbox, e->first - 1, &place, err))
		return false;
	*ret = place.chain;
	return true;
}

static bool is_acknowledged(const struct evidence *e, struct err *err)
{
	uint64_t acknowledged = outbox_state(e->outbox)->acknowledged;

	return acknowledged >= e->last ||
	       err_set(err, ERR_TEMPFAIL,
		       _("handed in and safe on this machine, but not yet acknowledged by the centre: it has "
			 "acknowledged up to report %" PRIu64 ", and %" PRIu64
			 " is asked for. Try again later; tram status says how the agent is"),
		       acknowledged, e->last);
}

static bool next_ack(struct evidence *e, struct err *err)
{
	bool found;

	return outbox_acknowledgement(e->outbox, e->next, &e->ack, &found, err) && (found || damaged(e, e->next, err));
}

bool evidence_prove(struct evidence *e, const struct keys *keys, bool with_reports, char *const *notes, size_t n_notes,
		    struct err *err)
{
	const struct outbox_state *state = outbox_state(e->outbox);
	struct proof_head head = {.epoch = state->epoch, .first_seq = e->first, .last_seq = e->last};

	e->keys = keys;
	e->with_reports = with_reports;
	e->next = e->first;
	if (!is_acknowledged(e, err) || !chain_before(e, &e->chain, err) || !next_ack(e, err))
		return false;
	head.before = e->chain;
	snprintf(head.agent, sizeof head.agent, "%s", state->agent);
	e->writer = proof_writer_new(keep_text, e);
	for (size_t i = 0; i < n_notes; i++)
		proof_put_note(e->writer, notes[i]);
	proof_put_head(e->writer, &head);
	return true;
}

static bool put_report(struct evidence *e, const struct outbox_place *place, struct arena *a, struct err *err)
{
	struct outbox_report report;

	if (place->seq > e->last) {
		proof_put_link(e->writer, &place->digest);
		return true;
	}
	proof_put_report(e->writer, &place->digest);
	if (!e->with_reports)
		return true;
	arena_reset(a);
	if (!read_bytes(e, place, a, &report, err))
		return false;
	proof_put_bytes(e->writer, report.bytes, report.len);
	return true;
}

/* Behind the entry that it acknowledges; *ret_all: it covers all that was asked for. */
static bool put_ack(struct evidence *e, bool *ret_all, struct err *err)
{
	struct proof_ack ack = {.committed_through = e->ack.committed_through,
				.chain = e->ack.chain,
				.committed_at_us = e->ack.committed_at_us};

	if (memcmp(&e->ack.chain, &e->chain, sizeof e->chain) != 0)
		return damaged(e, e->ack.committed_through, err);
	memcpy(ack.key_id, e->ack.key_id, sizeof ack.key_id);
	memcpy(ack.signature, e->ack.signature, sizeof ack.signature);
	proof_put_ack(e->writer, &ack);
	*ret_all = e->ack.committed_through >= e->last;
	return *ret_all || next_ack(e, err);
}

static bool put_next(struct evidence *e, struct arena *a, bool *ret_all, struct err *err)
{
	struct outbox_place place;

	if (!outbox_place(e->outbox, e->next, &place, err) || !put_report(e, &place, a, err))
		return false;
	chain_next(&e->chain, &place.digest, &e->chain);
	e->next++;
	return place.seq < e->ack.committed_through || put_ack(e, ret_all, err);
}

/* What begins the file waits to be given with the first entries. */
static bool write_on(struct evidence *e, struct arena *a, struct err *err)
{
	while (!e->ended && e->len - e->given < STEP_BYTES) {
		if (!put_next(e, a, &e->ended, err))
			return false;
		if (e->ended)
			proof_put_end(e->writer, e->keys->sign_public, e->keys->sign_secret);
	}
	return true;
}

bool evidence_next(struct evidence *e, struct arena *a, const char **ret, size_t *ret_len, bool *ret_done,
		   struct err *err)
{
	assert(e->writer);
	memmove(e->text, e->text + e->given, e->len - e->given);
	e->len -= e->given;
	e->given = 0;
	if (!write_on(e, a, err))
		return false;
	e->given = e->len < PIECE_MAX ? e->len : PIECE_MAX;
	*ret = e->text;
	*ret_len = e->given;
	*ret_done = e->ended && e->given == e->len;
	return true;
}
