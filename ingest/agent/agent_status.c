/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_status.h"

#include "clock.h"
#include "fsx.h"
#include "lang.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ORDINARY_BYTES (64 << 10)

/* What a field is made of. */
struct facts {
	struct arena *arena;
	const struct agent_settings *settings;
	struct outbox *outbox;
	const struct outbox_state *state;
	const struct courier *courier;
	int64_t p50_us, p99_us;
};

typedef const char *say_fn(const struct facts *f);

static const char *number(const struct facts *f, uint64_t n)
{
	return arena_printf(f->arena, "%" PRIu64, n);
}

static const char *signed_number(const struct facts *f, int64_t n)
{
	return arena_printf(f->arena, "%" PRId64, n);
}

/* "" where it is not known: -1. */
static const char *known(const struct facts *f, int64_t n)
{
	return n < 0 ? "" : signed_number(f, n);
}

static const char *in_words(const char *text)
{
	return text[0] ? gettext(text) : "";
}

static const char *say_agent(const struct facts *f)
{
	return f->state->agent;
}

static const char *say_version(const struct facts *f)
{
	(void)f;
	return TRAM_VERSION;
}

static const char *say_centre(const struct facts *f)
{
	return f->settings->centre;
}

static const char *say_epoch(const struct facts *f)
{
	char hex[2 * EPOCH_SIZE + 1];
	return arena_strdup(f->arena, text_hex(f->state->epoch.bytes, EPOCH_SIZE, hex));
}

static const char *say_state(const struct facts *f)
{
	return courier_state_name(f->courier->state);
}

/* Linked, and nothing moves: that too has its cause. */
static enum cause_id cause_of(const struct facts *f)
{
	const struct courier *c = f->courier;
	bool no_credit = c->state == COURIER_STREAMING && c->credit_bytes == 0 && c->committed < c->last_appended;
	return no_credit ? CAUSE_NO_CREDIT : c->cause;
}

static const char *say_cause(const struct facts *f)
{
	return cause_table[cause_of(f)].name;
}

/* In English: whoever asks reads it in a language of his own, which need not be the service's. */
static const char *say_why(const struct facts *f)
{
	return cause_table[cause_of(f)].text;
}

static const char *say_remedy(const struct facts *f)
{
	return cause_table[cause_of(f)].remedy;
}

static const char *say_centre_says(const struct facts *f)
{
	return f->courier->cause_en;
}

static const char *say_centre_says_vi(const struct facts *f)
{
	return f->courier->cause_vi;
}

static const char *say_handed_in(const struct facts *f)
{
	return number(f, f->state->last_appended);
}

/* What the centre has: its word of this session, or the last that was kept. */
static uint64_t committed(const struct facts *f)
{
	return f->courier->state == COURIER_STREAMING ? f->courier->committed : f->state->acknowledged;
}

static const char *say_acknowledged(const struct facts *f)
{
	return number(f, f->state->acknowledged);
}

static const char *say_committed(const struct facts *f)
{
	return number(f, committed(f));
}

static const char *say_pending(const struct facts *f)
{
	return number(f, f->state->last_appended - committed(f));
}

static int64_t oldest(const struct facts *f)
{
	uint64_t has = committed(f);
	return has < f->state->last_appended ? outbox_handed_in_at(f->outbox, has + 1) : 0;
}

static const char *say_oldest_pending(const struct facts *f)
{
	char text[CLOCK_TEXT];
	return oldest(f) ? arena_strdup(f->arena, clock_text_vn(oldest(f), text)) : "";
}

static const char *say_oldest_pending_age(const struct facts *f)
{
	return oldest(f) ? signed_number(f, (clock_wall_us() - oldest(f)) / CLOCK_SECOND) : "";
}

static const char *say_first_kept(const struct facts *f)
{
	return number(f, f->state->trimmed < f->state->last_appended ? f->state->trimmed + 1 : 0);
}

static const char *say_verdicts(const struct facts *f)
{
	return number(f, f->state->verdict_cursor);
}

static bool note_stored(void *context, const struct outbox_verdict *row)
{
	*(int64_t *)context = row->stored_at_us;
	return true;
}

static const char *say_last_verdict(const struct facts *f)
{
	uint64_t last = f->state->verdict_cursor;
	struct err ignored;
	int64_t at = 0;
	char text[CLOCK_TEXT];
	if (last == 0 || !outbox_verdicts(f->outbox, last - 1, 0, 0, note_stored, &at, &ignored) || at == 0)
		return "";
	return arena_strdup(f->arena, clock_text_vn(at, text));
}

static const char *say_p50(const struct facts *f)
{
	return known(f, f->p50_us < 0 ? -1 : f->p50_us / 1000);
}

static const char *say_p99(const struct facts *f)
{
	return known(f, f->p99_us < 0 ? -1 : f->p99_us / 1000);
}

static const char *say_catalogue(const struct facts *f)
{
	return number(f, f->state->catalogue_version);
}

static const char *say_outbox_bytes(const struct facts *f)
{
	return known(f, outbox_bytes(f->outbox));
}

static const char *say_outbox_bytes_max(const struct facts *f)
{
	return signed_number(f, f->settings->outbox_bytes);
}

static const char *say_disk_free(const struct facts *f)
{
	return known(f, fsx_free_bytes(f->settings->directory));
}

/* "" as long as hand-ins of an ordinary size are taken. */
static const char *say_door(const struct facts *f)
{
	struct err err;
	return outbox_may_take(f->outbox, ORDINARY_BYTES, &err) ? "" : arena_strdup(f->arena, err.text);
}

static const char *say_door_code(const struct facts *f)
{
	static const char *const codes[] = {[OUTBOX_OPEN] = "open",
					    [OUTBOX_BROKEN] = "outbox_broken",
					    [OUTBOX_DELETED] = "outbox_deleted",
					    [OUTBOX_FULL] = "outbox_full",
					    [OUTBOX_DISK_FULL] = "disk_full"};
	return codes[outbox_door(f->outbox, ORDINARY_BYTES)];
}

static const char *say_directory(const struct facts *f)
{
	return f->settings->directory;
}

static const char *say_created(const struct facts *f)
{
	char text[CLOCK_TEXT];
	return arena_strdup(f->arena, clock_text_vn(f->state->created_at_us, text));
}

static const char *say_created_age(const struct facts *f)
{
	return signed_number(f, (clock_wall_us() - f->state->created_at_us) / CLOCK_SECOND);
}

static const char *say_previous(const struct facts *f)
{
	char hex[2 * EPOCH_SIZE + 1];
	if (!f->state->has_previous)
		return "";
	return arena_strdup(f->arena, text_hex(f->state->previous_epoch.bytes, EPOCH_SIZE, hex));
}

static const char *say_earlier_verdicts(const struct facts *f)
{
	uint64_t n;
	struct err ignored;
	return outbox_earlier_verdicts(f->outbox, &n, &ignored) ? number(f, n) : "";
}

/* Where the centre stands, when it and the outbox disagree. */
static bool disagrees(const struct facts *f)
{
	return f->courier->cause == CAUSE_FORKED || f->courier->cause == CAUSE_TRIMMED;
}

static const char *say_centre_at(const struct facts *f)
{
	return disagrees(f) ? number(f, f->courier->centre_at) : "";
}

/* What neither the centre has nor the outbox any more, as the ticket that it would be. */
static const char *say_missing(const struct facts *f)
{
	char ticket[OUTBOX_TICKET_MAX];
	if (f->courier->cause != CAUSE_TRIMMED || f->courier->centre_at >= f->state->trimmed)
		return "";
	return arena_strdup(f->arena,
			    outbox_ticket_text(f->outbox, f->courier->centre_at + 1, f->state->trimmed, ticket));
}

static const char *say_superseded_ago(const struct facts *f)
{
	int64_t at = f->courier->superseded_at;
	return at ? signed_number(f, (clock_monotonic_us() - at) / CLOCK_SECOND) : "";
}

static const char *say_clock_skew(const struct facts *f)
{
	return f->courier->counters.sessions ? signed_number(f, f->courier->skew_us / 1000) : "";
}

static const char *say_heard(const struct facts *f)
{
	int64_t at = f->courier->heard_at;
	return at ? signed_number(f, (clock_monotonic_us() - at) / CLOCK_SECOND) : "";
}

#define COUNTER(name)                                                                                                  \
	static const char *say_##name(const struct facts *f)                                                           \
	{                                                                                                              \
		return number(f, f->courier->counters.name);                                                           \
	}
COUNTER(sessions)
COUNTER(batches)
COUNTER(payload_bytes)
COUNTER(refusals)
COUNTER(superseded)
COUNTER(new_sockets)
COUNTER(ignored_stale)
COUNTER(ignored_unreadable)
COUNTER(ignored_misplaced)
COUNTER(ignored_unverified)
COUNTER(verdict_gaps)
#undef COUNTER

/* In the order people read them. Names are kept. */
static const struct {
	const char *name;
	say_fn *say;
} fields[] = {
    {"agent", say_agent},
    {"version", say_version},
    {"centre", say_centre},
    {"state", say_state},
    {"cause", say_cause},
    {"why", say_why},
    {"remedy", say_remedy},
    {"centre_says", say_centre_says},
    {"centre_says_vi", say_centre_says_vi},
    {"handed_in", say_handed_in},
    {"committed", say_committed},
    {"acknowledged", say_acknowledged},
    {"pending", say_pending},
    {"oldest_pending", say_oldest_pending},
    {"oldest_pending_age_s", say_oldest_pending_age},
    {"verdicts", say_verdicts},
    {"last_verdict", say_last_verdict},
    {"time_to_verdict_p50_ms", say_p50},
    {"time_to_verdict_p99_ms", say_p99},
    {"catalogue_version", say_catalogue},
    {"door", say_door_code},
    {"door_refuses", say_door},
    {"directory", say_directory},
    {"outbox_bytes", say_outbox_bytes},
    {"outbox_bytes_max", say_outbox_bytes_max},
    {"disk_free_bytes", say_disk_free},
    {"first_kept", say_first_kept},
    {"epoch", say_epoch},
    {"previous_epoch", say_previous},
    {"outbox_since", say_created},
    {"outbox_age_s", say_created_age},
    {"earlier_verdicts", say_earlier_verdicts},
    {"centre_at", say_centre_at},
    {"missing", say_missing},
    {"heard_s_ago", say_heard},
    {"clock_skew_ms", say_clock_skew},
    {"sessions", say_sessions},
    {"batches_sent", say_batches},
    {"payload_bytes_sent", say_payload_bytes},
    {"refusals", say_refusals},
    {"superseded", say_superseded},
    {"superseded_s_ago", say_superseded_ago},
    {"new_sockets", say_new_sockets},
    {"ignored_stale", say_ignored_stale},
    {"ignored_unreadable", say_ignored_unreadable},
    {"ignored_misplaced", say_ignored_misplaced},
    {"ignored_unverified", say_ignored_unverified},
    {"verdict_gaps", say_verdict_gaps},
};
#define FIELDS (sizeof fields / sizeof fields[0])

Tram__Control__V1__Status *agent_status(struct arena *a, const struct agent_settings *settings, struct outbox *outbox,
					const struct courier *courier)
{
	struct facts f = {a, settings, outbox, outbox_state(outbox), courier, -1, -1};
	struct err ignored;
	Tram__Control__V1__Status *status = arena_alloc(a, sizeof *status);
	Tram__Control__V1__StatusField *rows = arena_calloc(a, FIELDS, sizeof *rows),
				       **list = arena_calloc(a, FIELDS, sizeof *list);
	if (!status || !rows || !list)
		return NULL;
	if (!outbox_time_to_verdict(outbox, &f.p50_us, &f.p99_us, &ignored))
		f.p50_us = f.p99_us = -1;
	tram__control__v1__status__init(status);
	for (size_t i = 0; i < FIELDS; i++) {
		const char *value = fields[i].say(&f);
		tram__control__v1__status_field__init(&rows[i]);
		rows[i].name = (char *)(uintptr_t)fields[i].name;
		rows[i].value = (char *)(uintptr_t)(value ? value : "");
		list[i] = &rows[i];
	}
	status->fields = list;
	status->n_fields = FIELDS;
	return status;
}

char *agent_status_line(const struct courier *courier, char *buf, size_t size)
{
	const char *why = in_words(cause_table[courier->cause].text);
	uint64_t pending = courier->last_appended - courier->committed;
	if (why[0])
		snprintf(buf, size, _("%s: %s; %" PRIu64 " reports wait"), courier_state_name(courier->state), why,
			 pending);
	else
		snprintf(buf, size, _("%s; %" PRIu64 " reports wait"), courier_state_name(courier->state), pending);
	return buf;
}

char *agent_status_why(enum cause_id cause, const char *centre_vi, const char *centre_en, char *buf, size_t size)
{
	const char *said = lang_is_vi() ? centre_vi : centre_en;
	if (said[0])
		snprintf(buf, size, _("%s (the centre says: %s). %s"), in_words(cause_table[cause].text), said,
			 in_words(cause_table[cause].remedy));
	else
		snprintf(buf, size, "%s. %s", in_words(cause_table[cause].text), in_words(cause_table[cause].remedy));
	return buf;
}
