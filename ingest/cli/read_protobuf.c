/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serialized reports: one alone, or many, each after its length as a varint. A report's bytes go on exactly as they
 * are; its fields are turned into texts only so that one place checks all formats.
 */
#include "codec.h"
#include "decimal.h"
#include "delimited.h"
#include "mem.h"
#include "reader.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CAP (96u << 20) /* what hostile bytes can make of one report, and its texts */

struct protobuf {
	const struct reader_sink *sink;
	struct problems *problems;
	struct arena *arena;
	uint64_t reports;
};

static void tell(struct protobuf *p, enum problem_kind kind, const char *found, const char *hint)
{
	problems_add(p->problems, kind, (struct place){.report = p->reports},
		     (struct problem_words){.found = found, .hint = hint});
}

static void tell_size(struct protobuf *p, enum problem_kind kind, uint64_t has, uint64_t expected)
{
	char found[24], hint[24];

	snprintf(found, sizeof found, "%" PRIu64, has);
	snprintf(hint, sizeof hint, "%" PRIu64, expected);
	tell(p, kind, found, hint);
}

/* ---------------------------------------------------------------- fields as texts */

/* "" where the message says nothing. Lives in the arena. */
static const char *member_text(struct protobuf *p, enum field_id field, const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *member = field_member(field);
	const void *at = (const uint8_t *)message + member->offset;
	char buf[40];

	switch (fields[field].class) {
	case CLASS_DECIMAL: {
		const Tram__V1__Decimal *d = *(Tram__V1__Decimal *const *)at;

		if (!d)
			return "";
		if (!decimal_is_valid(d->mantissa, d->scale))
			return arena_printf(p->arena, "%" PRId64 "/10^%" PRIu32, d->mantissa, d->scale);
		return arena_strdup(p->arena, decimal_text((struct decimal){d->mantissa, (uint8_t)d->scale}, buf));
	}
	case CLASS_COUNT: return *(const uint32_t *)at ? arena_printf(p->arena, "%" PRIu32, *(const uint32_t *)at) : "";
	case CLASS_POWER: return *(const int32_t *)at ? arena_printf(p->arena, "%" PRId32, *(const int32_t *)at) : "";
	case CLASS_WORD: {
		int value = *(const int *)at;

		if (value && !protobuf_c_enum_descriptor_get_value(member->descriptor, value))
			return arena_printf(p->arena, "%d", value);
		return value ? arena_strdup(p->arena, word_text(member->descriptor, value, buf)) : "";
	}
	case CLASS_FLAG: return *(const protobuf_c_boolean *)at ? "yes" : "";
	case CLASS_CODE:
	case CLASS_TEXT:
	case CLASS_DATE:
	case CLASS_PERIOD:
	case CLASS_MOMENT: break;
	}
	return *(char *const *)at;
}

static void take_members(struct protobuf *p, struct record *record, enum field_level level,
			 const ProtobufCMessage *message)
{
	for (int field = 0; field < FIELD_COUNT; field++) {
		const char *text;

		if (fields[field].level != level)
			continue;
		text = member_text(p, (enum field_id)field, message);
		assert(text);
		record->cells[field] = (struct cell){.text = text, .len = strlen(text), .at = record->at};
	}
}

static void take_dimensions(struct protobuf *p, struct record *record, const Tram__V1__Observation *observation)
{
	if (observation->n_dimensions > DIMENSIONS_MAX) {
		char max[24];

		snprintf(max, sizeof max, "%d", DIMENSIONS_MAX);
		problems_add(p->problems, PROBLEM_DIMENSIONS_TOO_MANY, record->at, (struct problem_words){.hint = max});
	}
	for (size_t i = 0; i < observation->n_dimensions && i < DIMENSIONS_MAX; i++) {
		const Tram__V1__Dimension *d = observation->dimensions[i];

		record->dimensions[i].id = d->id;
		record->dimensions[i].value =
		    (struct cell){.text = d->value, .len = strlen(d->value), .at = record->at};
		record->n_dimensions++;
	}
}

/* ---------------------------------------------------------------- one report */

static void take_report(struct protobuf *p, const Tram__V1__Report *report)
{
	struct record record = {.at = {.report = p->reports}, .spelling = SPELLING_MEMBER};
	struct arena_mark mark;

	take_members(p, &record, LEVEL_HEADER, &report->base);
	mark = arena_mark(p->arena);
	for (size_t i = 0; i < report->n_observations; i++) {
		const Tram__V1__Observation *observation = report->observations[i];

		record.at.observation = i + 1;
		record.n_dimensions = 0;
		take_members(p, &record, LEVEL_OBSERVATION, &observation->base);
		take_dimensions(p, &record, observation);
		p->sink->record(p->sink->context, &record);
		arena_rewind(p->arena, mark);
	}
}

/* False when they are no report. */
static bool take_bytes(struct protobuf *p, const uint8_t *bytes, size_t len)
{
	struct err err;
	Tram__V1__Report *report = codec_report(p->arena, bytes, len, &err);

	if (!report)
		tell(p, PROBLEM_PROTOBUF_BAD, err.text, NULL);
	else if (report->n_observations == 0)
		tell(p, PROBLEM_NO_OBSERVATIONS, NULL, NULL);
	else if (report->n_observations > LIMIT_OBSERVATIONS)
		tell_size(p, PROBLEM_OBSERVATIONS_TOO_MANY, report->n_observations, LIMIT_OBSERVATIONS);
	else
		take_report(p, report);
	if (report && report->n_observations)
		p->sink->report_end(p->sink->context, bytes, len);
	arena_reset(p->arena);
	return report != NULL;
}

/* ---------------------------------------------------------------- many reports */

/* What was read already to see which form the file has, then the rest of it. */
struct source {
	const uint8_t *seen;
	size_t left;
	struct input *in;
};

/* Up to len bytes into buf; how many came. */
static size_t take_source(struct source *s, uint8_t *buf, size_t len)
{
	size_t has = len < s->left ? len : s->left, n;
	const uint8_t *data;

	if (has) {
		memcpy(buf, s->seen, has);
		s->seen += has;
		s->left -= has;
	}
	while (s->in && has < len && (n = input_take(s->in, len - has, &data)) > 0) {
		memcpy(buf + has, data, n);
		has += n;
	}
	return has;
}

enum length { LENGTH_FINE, LENGTH_END, LENGTH_BAD };

static enum length take_length(struct source *s, uint64_t *ret)
{
	*ret = 0;
	for (int shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (take_source(s, &byte, 1) == 0)
			return shift == 0 ? LENGTH_END : LENGTH_BAD;
		*ret |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return LENGTH_FINE;
	}
	return LENGTH_BAD;
}

/* The next report of many; false when there is none, or nothing can be found behind it. buf has LIMIT_REPORT_BYTES. */
static bool read_next(struct protobuf *p, struct source *s, uint8_t *buf)
{
	uint64_t len;
	enum length found = take_length(s, &len);
	size_t has;

	if (found == LENGTH_END)
		return false;
	p->reports++;
	if (found == LENGTH_BAD) {
		tell(p, PROBLEM_PROTOBUF_BAD, NULL, NULL);
		return false;
	}
	if (len > LIMIT_REPORT_BYTES) {
		tell_size(p, PROBLEM_REPORT_TOO_LARGE, len, LIMIT_REPORT_BYTES);
		return false;
	}
	has = take_source(s, buf, (size_t)len);
	if (has < len) {
		tell_size(p, PROBLEM_PROTOBUF_TRUNCATED, has, len);
		return false;
	}
	/* What does not even begin with a report is not many reports either: what follows would only confuse. */
	return take_bytes(p, buf, has) || p->reports > 1;
}

/* ---------------------------------------------------------------- one alone, or many */

/* A report alone reads as one to its end; with a length in front it does not, unless as a field that nobody knows. */
static bool is_single(struct protobuf *p, const uint8_t *bytes, size_t len)
{
	struct err err;
	const Tram__V1__Report *report = codec_report(p->arena, bytes, len, &err);
	bool single = report && (*report->provider || report->n_observations) &&
		      (report->base.n_unknown_fields == 0 || !delimited_is(bytes, len));

	arena_reset(p->arena);
	return single;
}

bool read_protobuf(struct input *in, const struct reader_sink *sink, struct problems *problems, struct err *err)
{
	struct protobuf p = {sink, problems, arena_new(ARENA_CAP), 0};
	uint8_t *seen = xmalloc(LIMIT_REPORT_BYTES), *buf = xmalloc(LIMIT_REPORT_BYTES);
	struct source source = {NULL, 0, in};
	size_t len = take_source(&source, seen, LIMIT_REPORT_BYTES);
	const uint8_t *more;

	source.seen = seen;
	source.left = len;
	if (input_peek(in, &more) == 0 && is_single(&p, seen, len)) {
		p.reports = 1;
		take_bytes(&p, seen, len);
	} else {
		while (read_next(&p, &source, buf))
			;
	}
	free(seen);
	free(buf);
	arena_free(&p.arena);
	return !input_failed(in, err);
}
