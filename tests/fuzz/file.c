/* SPDX-License-Identifier: Apache-2.0 */
#include "file.h"

#include "codec.h"
#include "fuzz.h"
#include "province.h"

#include <string.h>

/* A report that would be handed in reads back, holds figures, keeps the limits, and has no text that the store refuses. */
static void expect_sound(const uint8_t *bytes, size_t len)
{
	struct arena *arena = arena_new(256u << 20);
	struct err err;
	char place[128];
	const Tram__V1__Report *report = codec_report(arena, bytes, len, &err);

	MUST(report && report->n_observations > 0);
	MUST(len <= LIMIT_REPORT_BYTES && report->n_observations <= LIMIT_OBSERVATIONS);
	MUST(!codec_report_bad_text(report, place, sizeof place));
	for (size_t i = 0; i < report->n_observations; i++) {
		const Tram__V1__Observation *o = report->observations[i];

		MUST(!o->value || decimal_is_valid(o->value->mantissa, o->value->scale));
		MUST(!o->numerator == !o->denominator);
	}
	arena_free(&arena);
}

/* What was made of a file is found right when it is handed in itself, and goes on unchanged. */
static void expect_stable(const uint8_t *bytes, size_t len, const struct book *book)
{
	struct taken again;

	take_file(READER_PROTOBUF, bytes, len, NULL, book, &again);
	MUST(problems_errors(again.problems) == 0);
	MUST(again.n == 1 && again.lens[0] == len && memcmp(again.reports[0], bytes, len) == 0);
	taken_free(&again);
}

void fuzz_file(enum reader_format format, const uint8_t *data, size_t size)
{
	static struct book *book;
	json_t *kept;
	struct taken t;
	uint64_t told;

	if (!book)
		book = province_book(false);
	take_file(format, data, size, NULL, book, &t);
	told = problems_errors(t.problems) + problems_warnings(t.problems);
	kept = problems_json(t.problems);
	MUST(json_array_size(kept) == (told < PROBLEMS_KEPT ? told : PROBLEMS_KEPT));
	MUST(t.n > 0 || problems_errors(t.problems) > 0); /* never silence */
	for (size_t i = 0; i < t.n; i++) {
		expect_sound(t.reports[i], t.lens[i]);
		expect_stable(t.reports[i], t.lens[i], book);
	}
	json_decref(kept);
	taken_free(&t);
}
