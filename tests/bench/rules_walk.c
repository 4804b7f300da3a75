/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_walk - how many observations a second one core resolves and judges, decoding and database left out.
 *
 *   rules_walk CATALOGUE-FOLDER [SECONDS]
 *
 * Mixes: counts and ratios that are as they should be in the shortest of reports, figures each of which has a fault, and
 * a long report that says the same again and again.
 */
#include "clock.h"
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX  500
#define LONG_ARENA (64u << 20)

struct mix {
	const char *name, *dataflow, *indicators[3];
	size_t lines;
	bool parts;
	int64_t value;
};

static const struct mix mixes[] = {
    {"counts",
     "public_services_province",
     {"psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts"},
     3,
     false,
     4711},
    {"ratios",
     "digital_infrastructure_province",
     {"household_fiber_share", "smartphone_adult_share", "commune_fiber_internet_share"},
     3,
     true,
     71},
    {"faulty",
     "public_services_province",
     {"psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts"},
     3,
     false,
     -5},
    {"repeats",
     "public_services_province",
     {"psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts"},
     LINES_MAX,
     false,
     4711},
};

/* protobuf-c's structs hold what nobody writes to as char *. */
static char *text(struct arena *a, const char *s)
{
	return arena_strdup(a, s);
}

static Tram__V1__Decimal *number(struct arena *a, int64_t n)
{
	Tram__V1__Decimal *d = arena_alloc(a, sizeof(*d));

	tram__v1__decimal__init(d);
	d->mantissa = n;
	return d;
}

static Tram__V1__Observation *make_observation(struct arena *a, const struct mix *mix, size_t i)
{
	Tram__V1__Observation *o = arena_alloc(a, sizeof(*o));

	tram__v1__observation__init(o);
	o->indicator = text(a, mix->indicators[i % 3]);
	o->ref_area = text(a, "63/46");
	o->qualifier = TRAM__V1__QUALIFIER__QUALIFIER_EXACT;
	o->value = number(a, mix->value);
	if (mix->parts) {
		o->numerator = number(a, 71);
		o->denominator = number(a, 100);
	}
	return o;
}

static Tram__V1__Report *make_report(struct arena *a, const struct mix *mix)
{
	Tram__V1__Report *r = arena_alloc(a, sizeof(*r));

	tram__v1__report__init(r);
	r->provider = text(a, "P63-46");
	r->dataflow = text(a, mix->dataflow);
	r->time_period = text(a, "2024-S1");
	r->reference_date = text(a, "2024-06-01");
	r->prepared_by = text(a, "Phòng Thống kê");
	r->purpose = TRAM__V1__PURPOSE__PURPOSE_BACKFILL;
	r->n_observations = mix->lines;
	r->observations = arena_calloc(a, mix->lines, sizeof(Tram__V1__Observation *));
	for (size_t i = 0; i < mix->lines; i++)
		r->observations[i] = make_observation(a, mix, i);
	return r;
}

static void measure(const struct catalogue *c, const struct mix *mix, double seconds)
{
	static struct past past[LINES_MAX];
	struct arena *kept = arena_new(LONG_ARENA), *work = arena_new(LONG_ARENA);
	struct report_context ctx = {.catalogue = c, .report = make_report(kept, mix), .agent = "agent-63-46"};
	int64_t start = clock_monotonic_us(), end = start + (int64_t)(seconds * 1e6), now = start;
	uint64_t judged = 0, findings = 0;

	ctx.received_at_us = ctx.handed_in_at_us = clock_wall_us();
	for (; now < end; now = clock_monotonic_us()) {
		struct judgement j;

		if (!rules_resolve(&ctx, work, &j) || !rules_judge(&ctx, &(struct knowledge){.past = past}, work, &j)) {
			fprintf(stderr, "the arena is too small\n");
			exit(EXIT_FAILURE);
		}
		judged += j.n;
		findings += j.n_findings;
		arena_reset(work);
	}
	printf("%-8s %4zu a report: %9.0f observations/s, %.2f findings an observation\n", mix->name, mix->lines,
	       (double)judged * 1e6 / (double)(now - start), (double)findings / (double)judged);
	arena_free(&work);
	arena_free(&kept);
}

static struct catalogue *load(const char *dir)
{
	struct catalogue_mistake *mistakes;
	struct catalogue_file *files;
	struct catalogue *c;
	struct err err;
	size_t n_files, n;

	if (!catalogue_read_folder(dir, &files, &n_files, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return NULL;
	}
	c = catalogue_new(files, n_files, 0, &mistakes, &n);
	if (!c)
		fprintf(stderr, "%s:%d: %s\n", mistakes[0].file, mistakes[0].line, mistakes[0].text);
	catalogue_mistakes_free(mistakes, n);
	catalogue_files_free(files, n_files);
	return c;
}

int main(int argc, char **argv)
{
	struct catalogue *c = argc > 1 ? load(argv[1]) : NULL;
	double seconds = argc > 2 ? atof(argv[2]) : 1;

	if (!c) {
		fprintf(stderr, "usage: rules_walk CATALOGUE-FOLDER [SECONDS]\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++) {
		measure(c, &mixes[i], seconds);
	}
	catalogue_unref(&c);
	return EXIT_SUCCESS;
}
