/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a Report: no text that passes the check holds what PostgreSQL would refuse, and none was cut at a NUL. */
#include "codec.h"
#include "fuzz.h"
#include "text.h"

#include <string.h>

#define CAP (1u << 20)

static void expect_text(const char *text)
{
	size_t at;

	MUST(text_check(text, strlen(text), &at) != TEXT_NOT_UTF8);
}

static void expect_sound(const Tram__V1__Report *r)
{
	expect_text(r->provider);
	expect_text(r->reason);
	expect_text(r->software);
	for (size_t i = 0; i < r->n_observations; i++) {
		expect_text(r->observations[i]->indicator);
		expect_text(r->observations[i]->comment);
		for (size_t k = 0; k < r->observations[i]->n_dimensions; k++)
			expect_text(r->observations[i]->dimensions[k]->value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	struct err err = {0};
	char place[128];

	if (!arena)
		arena = arena_new(CAP);
	Tram__V1__Report *report = codec_report(arena, data, size, &err);
	MUST(arena_used(arena) <= CAP);
	if (report && !codec_report_bad_text(report, place, sizeof(place)))
		expect_sound(report);
	arena_reset(arena);
	return 0;
}
