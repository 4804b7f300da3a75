/* SPDX-License-Identifier: Apache-2.0 */
/* tram outbox list and tram outbox show: what this province has handed in. */
#include "cli.h"
#include "clock.h"
#include "codec.h"
#include "decimal.h"
#include "digest.h"
#include "fields.h"
#include "lang.h"
#include "report_json.h"
#include "talk.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define LIMIT_DEFAULT 50
#define ARENA_CAP     (96u << 20) /* what hostile bytes can make of one report */

/* ---------------------------------------------------------------- list */

struct list_options {
	struct common_options common;
	bool pending;
	int64_t limit;
};

static const struct option_row list_rows[] = {
    {"pending", NULL, OPTION_FLAG, offsetof(struct list_options, pending),
     N_("only what the centre has not acknowledged yet")},
    {"limit", "N", OPTION_COUNT, offsetof(struct list_options, limit), N_("the newest N; 0 for all (50)")},
};

static const struct options list_spec = {"outbox list",
					 "[OPTION]...",
					 N_("What was handed in on this machine, newest first."),
					 true,
					 true,
					 list_rows,
					 sizeof list_rows / sizeof *list_rows,
					 0,
					 0};

static void cell_number(struct table *t, uint64_t n)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%" PRIu64, n);
	table_cell_number(t, digits);
}

/* For programs a code, for people a word. */
static const char *state_of(const Tram__Control__V1__OutboxRow *row, bool for_people)
{
	const char *state = !row->acknowledged ? N_("waiting") : row->verdict_seq ? N_("judged") : N_("committed");

	return for_people ? _(state) : state;
}

struct listing {
	struct table *table;
	bool for_people; /* times in Viet Nam's */
};

/* Of no use to the eye. */
static void programs_cells(struct table *t, const Tram__Control__V1__OutboxRow *row)
{
	char digest[2 * DIGEST_SIZE + 1] = "";

	cell_number(t, row->verdict_seq);
	if (row->digest.len == DIGEST_SIZE)
		text_hex(row->digest.data, DIGEST_SIZE, digest);
	table_cell(t, digest);
}

static bool list_row(void *context, const Tram__Control__V1__ControlReply *reply)
{
	const struct listing *listing = context;
	struct table *t = listing->table;
	const Tram__Control__V1__OutboxRow *row = reply->outbox_row;
	char when[CLOCK_TEXT];

	if (reply->body_case != TRAM__CONTROL__V1__CONTROL_REPLY__BODY_OUTBOX_ROW)
		return true;
	cell_number(t, row->seq);
	table_cell(t, listing->for_people ? clock_text_vn(row->handed_in_at_us, when)
					  : clock_text_rfc3339(row->handed_in_at_us, when));
	table_cell(t, row->provider);
	table_cell(t, row->dataflow);
	table_cell(t, row->time_period);
	cell_number(t, row->observations);
	cell_number(t, row->bytes);
	table_cell_coloured(t, row->acknowledged ? "green" : "yellow", state_of(row, listing->for_people));
	table_cell(t, row->file_name);
	table_cell(t, row->ticket);
	if (!listing->for_people)
		programs_cells(t, row);
	return true;
}

static void list_columns(struct table *t, bool for_people)
{
	table_column(t, "seq", _("No."), TABLE_RIGHT);
	table_column(t, "handed_in_at", _("Handed in"), TABLE_LEFT);
	table_column(t, "provider", _("Provider"), TABLE_LEFT);
	table_column(t, "dataflow", _("Dataflow"), TABLE_LEFT);
	table_column(t, "time_period", _("Period"), TABLE_LEFT);
	table_column(t, "observations", _("Figures"), TABLE_RIGHT);
	table_column(t, "bytes", _("Bytes"), TABLE_RIGHT);
	table_column(t, "state", _("State"), TABLE_LEFT);
	table_column(t, "file", _("File"), TABLE_LEFT);
	table_column(t, "ticket", _("Ticket"), TABLE_LEFT);
	if (for_people)
		return;
	table_column(t, "verdict_seq", "verdict_seq", TABLE_RIGHT);
	table_column(t, "digest", "digest", TABLE_LEFT);
}

int cmd_outbox_list(int argc, char **argv)
{
	Tram__Control__V1__ControlRequest request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__OutboxRequest body;
	struct list_options o = {.limit = LIMIT_DEFAULT};
	struct listing listing;
	struct err err;
	int first;
	bool ok;

	switch (options_parse(&list_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	tram__control__v1__outbox_request__init(&body);
	body.pending_only = o.pending;
	body.limit = o.limit > UINT32_MAX ? 0 : (uint32_t)o.limit;
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_OUTBOX;
	request.outbox = &body;
	listing = (struct listing){table_new(o.common.format, stdout), o.common.format == TABLE_TEXT};
	list_columns(listing.table, listing.for_people);
	table_when_empty(listing.table,
			 o.pending ? _("nothing waits for the centre") : _("no report is in the outbox"));
	ok = talk_ask(o.common.agent_socket, &request, TALK_PATIENCE_MS, list_row, &listing, &err);
	table_close(&listing.table, ok);
	return ok ? EX_OK : cli_fail(&err);
}

/* ---------------------------------------------------------------- show */

struct show_options {
	struct common_options common;
};

static const struct options show_spec = {"outbox show",
					 "NUMBER",
					 N_("The report with this number (tram outbox list) exactly as it was handed "
					    "in. With --format json in the form that\n"
					    "tram submit --from json reads."),
					 true,
					 false,
					 NULL,
					 0,
					 1,
					 1};

static void show_head(const Tram__V1__Report *report)
{
	for (int id = 0; id < FIELD_COUNT; id++) {
		const ProtobufCFieldDescriptor *member = field_member((enum field_id)id);
		const void *at = (const uint8_t *)report + member->offset;
		char word[40];

		if (fields[id].level != LEVEL_HEADER)
			continue;
		if (member->type == PROTOBUF_C_TYPE_STRING && **(char *const *)at)
			printf("%-18s %s\n", member->name, *(char *const *)at);
		else if (member->type == PROTOBUF_C_TYPE_ENUM && *(const int *)at)
			printf("%-18s %s\n", member->name, word_text(member->descriptor, *(const int *)at, word));
		else if (member->type == PROTOBUF_C_TYPE_BOOL && *(const protobuf_c_boolean *)at)
			printf("%-18s %s\n", member->name, _("yes"));
		else if (member->type == PROTOBUF_C_TYPE_UINT32 && *(const uint32_t *)at)
			printf("%-18s %" PRIu32 "\n", member->name, *(const uint32_t *)at);
	}
}

static void decimal_cell(struct table *t, const Tram__V1__Decimal *d)
{
	char text[DECIMAL_TEXT];

	if (d && decimal_is_valid(d->mantissa, d->scale))
		table_cell(t, decimal_text((struct decimal){d->mantissa, (uint8_t)d->scale}, text));
	else
		table_cell(t, "");
}

static void show_observations(const Tram__V1__Report *report)
{
	static const char *const names[] = {N_("No."),     "indicator", "ref_area",  "value",          "numerator",
					    "denominator", "unit",      "unit_mult", "missing_reason", "qualifier"};
	struct table *t = table_new(TABLE_TEXT, stdout);
	char word[40];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		table_column(t, names[i], _(names[i]),
			     i == 0 || (i >= 3 && i <= 5) || i == 7 ? TABLE_RIGHT : TABLE_LEFT);
	for (size_t i = 0; i < report->n_observations; i++) {
		const Tram__V1__Observation *o = report->observations[i];

		cell_number(t, i + 1);
		table_cell(t, o->indicator);
		table_cell(t, o->ref_area);
		decimal_cell(t, o->value);
		decimal_cell(t, o->numerator);
		decimal_cell(t, o->denominator);
		table_cell(t, o->unit);
		table_cell_printf(t, "%" PRId32, o->unit_mult);
		table_cell(t, word_text(&tram__v1__missing_reason__descriptor, (int)o->missing_reason, word));
		table_cell(t, word_text(&tram__v1__qualifier__descriptor, (int)o->qualifier, word));
	}
	table_close(&t, true);
}

static bool show_report(const uint8_t *bytes, size_t len, bool is_json, struct err *err)
{
	struct arena *arena = arena_new(ARENA_CAP);
	const Tram__V1__Report *report = codec_report(arena, bytes, len, err);
	bool ok = report != NULL;

	if (ok && is_json) {
		ok = cli_print_json(report_json(&report->base), err);
	} else if (ok) {
		show_head(report);
		putchar('\n');
		show_observations(report);
	}
	arena_free(&arena);
	return ok;
}

/* A ticket is what is at hand, but it may be of several reports. */
static bool read_number(const char *text, uint64_t *ret, struct err *err)
{
	errno = 0;
	*ret = strtoull(text, NULL, 10);
	if (*ret > 0 && errno == 0 && strspn(text, "0123456789") == strlen(text))
		return true;
	return err_set(err, ERR_USAGE,
		       strchr(text, '/')
			   ? _("\"%s\" is a ticket, and one report is shown, by its number: the first column of tram "
			       "outbox list; a ticket ends with those of its reports")
			   : _("\"%s\" is no number of a report: it is the first column of tram outbox list"),
		       text);
}

int cmd_outbox_show(int argc, char **argv)
{
	struct show_options o = {0};
	struct err err;
	uint8_t *bytes;
	uint64_t seq;
	size_t len;
	int first;
	bool ok;

	switch (options_parse(&show_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	if (!read_number(argv[first], &seq, &err))
		return cli_fail(&err);
	bytes = talk_report(o.common.agent_socket, seq, &len, &err);
	ok = bytes && show_report(bytes, len, o.common.format == TABLE_JSON, &err);
	free(bytes);
	return ok ? EX_OK : cli_fail(&err);
}
