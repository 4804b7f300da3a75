/* SPDX-License-Identifier: Apache-2.0 */
#include "binder.h"

#include "codec.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* What was given out, read back: the order of rank_out_of tells the order of observations. */
struct given {
	size_t reports, observations, largest;
	size_t sizes[64];    /* observations of the first reports */
	uint32_t last[4096]; /* by head: the last observation seen */
	bool in_order;
};

static void take(void *context, const uint8_t *bytes, size_t len, size_t observations)
{
	struct given *g = context;
	struct arena *arena = arena_new(64 << 20);
	struct err err;
	const Tram__V1__Report *report = codec_report(arena, bytes, len, &err);

	assert_non_null(report);
	assert_int_equal(report->n_observations, observations);
	assert_true(len <= LIMIT_REPORT_BYTES && observations <= LIMIT_OBSERVATIONS);
	if (g->reports < 64)
		g->sizes[g->reports] = observations;
	g->reports++;
	g->observations += observations;
	g->largest = len > g->largest ? len : g->largest;
	for (size_t i = 0; i < observations; i++) {
		uint32_t *last = &g->last[report->catalogue_version];

		g->in_order = g->in_order && report->observations[i]->rank_out_of == *last + 1;
		*last = report->observations[i]->rank_out_of;
	}
	arena_free(&arena);
}

/* Adds observation `number` of head `head`, with a comment of that many bytes. */
static bool add(struct binder *b, uint32_t head, uint32_t number, char *comment)
{
	Tram__V1__Report report = TRAM__V1__REPORT__INIT;
	Tram__V1__Observation observation = TRAM__V1__OBSERVATION__INIT;
	size_t len;

	report.catalogue_version = head;
	observation.rank_out_of = number;
	observation.comment = comment;
	return binder_add(b, &report, &observation, &len);
}

static char nothing[] = "";

static void a_report_ends_at_its_number_of_observations(void **state)
{
	struct given g = {.in_order = true};
	struct binder *b = binder_new(take, &g);

	(void)state;
	for (uint32_t i = 1; i <= 2 * LIMIT_OBSERVATIONS + 1; i++)
		assert_true(add(b, 1, i, nothing));
	assert_int_equal(g.reports, 2); /* given while reading, not at the end */
	binder_give_all(b);
	assert_int_equal(g.reports, 3);
	assert_int_equal(g.sizes[0], LIMIT_OBSERVATIONS);
	assert_int_equal(g.sizes[2], 1);
	assert_true(g.in_order);
	binder_free(&b);
}

static void a_report_ends_at_its_number_of_bytes(void **state)
{
	struct given g = {.in_order = true};
	struct binder *b = binder_new(take, &g);
	char *comment = xcalloc(1, 1001);

	(void)state;
	memset(comment, 'x', 1000);
	for (uint32_t i = 1; i <= 3000; i++)
		assert_true(add(b, 1, i, comment));
	binder_give_all(b);
	assert_int_equal(g.observations, 3000);
	assert_int_equal(g.reports, 3);
	assert_true(g.in_order);
	assert_true(g.largest > LIMIT_REPORT_BYTES - 1100); /* filled up, not merely below */
	binder_free(&b);
	free(comment);
}

static void an_observation_that_fits_nowhere_is_said(void **state)
{
	struct given g = {.in_order = true};
	struct binder *b = binder_new(take, &g);
	char *comment = xcalloc(1, LIMIT_REPORT_BYTES + 1);

	(void)state;
	memset(comment, 'x', LIMIT_REPORT_BYTES);
	assert_true(add(b, 1, 1, nothing));
	assert_false(add(b, 1, 2, comment));
	comment[LIMIT_REPORT_BYTES - 20] = 0;
	assert_true(add(b, 1, 2, comment));
	binder_give_all(b);
	assert_int_equal(g.observations, 2);
	binder_free(&b);
	free(comment);
}

/* Rows of many reports by turns: each report is whole as long as they are not too many. */
static void rows_by_turns_do_not_make_a_report_each(void **state)
{
	static const struct {
		uint32_t heads, rounds;
		size_t reports_max;
	} cases[] = {{2, 100, 2},
		     {BINDER_REPORTS_MAX, 5, BINDER_REPORTS_MAX},
		     {BINDER_REPORTS_MAX + 1, 5, 3 * BINDER_REPORTS_MAX}};

	(void)state;
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct given *g = xcalloc(1, sizeof *g);
		struct binder *b = binder_new(take, g);

		g->in_order = true;
		for (uint32_t round = 1; round <= cases[c].rounds; round++)
			for (uint32_t head = 1; head <= cases[c].heads; head++)
				assert_true(add(b, head, round, nothing));
		binder_give_all(b);
		assert_int_equal(g->observations, cases[c].heads * cases[c].rounds);
		assert_true(g->reports >= cases[c].heads && g->reports <= cases[c].reports_max);
		assert_true(g->in_order);
		binder_free(&b);
		free(g);
	}
}

static void what_is_dropped_is_not_given(void **state)
{
	struct given g = {.in_order = true};
	struct binder *b = binder_new(take, &g);

	(void)state;
	assert_true(add(b, 1, 1, nothing));
	binder_drop_all(b);
	assert_true(add(b, 2, 1, nothing));
	binder_give_all(b);
	assert_int_equal(g.observations, 1);
	assert_int_equal(g.last[1], 0);
	assert_true(add(b, 3, 1, nothing));
	binder_free(&b);
	assert_int_equal(g.reports, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_report_ends_at_its_number_of_observations),
	    cmocka_unit_test(a_report_ends_at_its_number_of_bytes),
	    cmocka_unit_test(an_observation_that_fits_nowhere_is_said),
	    cmocka_unit_test(rows_by_turns_do_not_make_a_report_each),
	    cmocka_unit_test(what_is_dropped_is_not_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
