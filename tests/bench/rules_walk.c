/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_walk - how many observations a second one core resolves and judges, decoding and database left out.
 *
 *   rules_walk CATALOGUE-FOLDER [SECONDS [MIX]]
 *
 * Mixes: counts and ratios that are as they should be in the shortest of reports, figures each of which has a fault, a
 * long report that says the same again and again; and counts and ratios with all that can be known of them: 24 periods of
 * history, what 62 other provinces state, and related indicators. "near" is within reach of the last period; "far" needs
 * medians, and then is no outlier. Time is that of the processor, so that a busy machine does not matter.
 */
#include "clock.h"
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINES_MAX  500
#define LONG_ARENA (64u << 20)

struct mix {
	const char *name, *dataflow, *indicators[3];
	size_t lines;
	bool parts;
	int64_t value;
	int64_t history; /* the values of past periods are around it; 0: nothing is known */
};

static const struct mix mixes[] = {
    {"counts",
     "public_services_province",
     {"psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts"},
     3,
     false,
     4711,
     0},
    {"ratios",
     "digital_infrastructure_province",
     {"household_fiber_share", "smartphone_adult_share", "commune_fiber_internet_share"},
     3,
     true,
     71,
     0},
    {"faulty",
     "public_services_province",
     {"psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts"},
     3,
     false,
     -5,
     0},
    {"repeats",
     "public_services_province",
     {"psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts"},
     LINES_MAX,
     false,
     4711,
     0},
    {"near",
     "public_services_province",
     {"psp_registered_accounts", "eid_accounts_issued", "psp_online_payment_transactions"},
     3,
     false,
     190123,
     186311},
    {"near %",
     "digital_infrastructure_province",
     {"household_fiber_share", "smartphone_adult_share", "commune_fiber_internet_share"},
     3,
     true,
     71,
     70},
    {"far",
     "public_services_province",
     {"psp_new_accounts", "psp_online_payment_transactions", "psp_online_payment_value"},
     3,
     false,
     250123,
     186311},
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
		o->numerator = number(a, 710000);
		o->denominator = number(a, 1000000);
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

/* ---------------------------------------------------------------- what is known */

struct known {
	struct past past[LINES_MAX];
	struct point points[HISTORY_POINTS];
	struct history history[LINES_MAX];
	struct peer_figures figures;
	const struct peer_figures *peers[LINES_MAX];
};

static const struct point *point_of(const struct knowledge *k, const struct figure *f,
				    const struct indicator *indicator, int32_t period)
{
	const struct known *known = k->context;

	(void)f;
	(void)indicator;
	for (size_t i = HISTORY_POINTS; i-- > 0;) {
		if (known->points[i].period == period) {
			return &known->points[i];
		}
	}
	return NULL;
}

/* Growing to the value, and swinging by a third for what is to be far from the last. */
static void fill(struct known *known, const struct mix *mix)
{
	bool swings = mix->value > mix->history * 6 / 5;
	struct period p, then;

	if (!period_parse("2024-S1", &p)) {
		abort();
	}
	for (unsigned i = 0; i < HISTORY_POINTS; i++) {
		int64_t v = mix->history - mix->history * (HISTORY_POINTS - i) / 200;

		if (!period_back(&p, HISTORY_POINTS - i, &then)) {
			abort();
		}
		known->points[i] = (struct point){.period = period_pack(&then),
						  .has_value = true,
						  .value = {swings && i % 2 == 0 ? v * 4 / 3 : v, 0}};
	}
	known->figures =
	    (struct peer_figures){.n = 62, .median = {mix->parts ? 70 : 170000, 0}, .mad = {mix->parts ? 5 : 20000, 0}};
	for (size_t i = 0; i < mix->lines; i++) {
		known->history[i] = (struct history){known->points, HISTORY_POINTS};
		known->peers[i] = &known->figures;
	}
}

static int64_t processor_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void measure(const struct catalogue *c, const struct mix *mix, double seconds)
{
	static struct known known;
	struct arena *kept = arena_new(LONG_ARENA), *work = arena_new(LONG_ARENA);
	struct report_context ctx = {.catalogue = c, .report = make_report(kept, mix), .agent = "agent-63-46"};
	struct knowledge knowledge = {.past = known.past, .context = &known};
	int64_t start = processor_us(), end = start + (int64_t)(seconds * 1e6), now = start;
	uint64_t judged = 0, findings = 0;

	if (mix->history) {
		fill(&known, mix);
		knowledge.history = known.history;
		knowledge.peers = known.peers;
		knowledge.point_of = point_of;
	}
	ctx.received_at_us = ctx.handed_in_at_us = clock_wall_us();
	for (uint64_t n = 1; now < end; now = n++ % 64 ? now : processor_us()) { /* asking costs as much as judging */
		struct judgement j;

		if (!rules_resolve(&ctx, work, &j) || !rules_judge(&ctx, &knowledge, work, &j)) {
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
		fprintf(stderr, "usage: rules_walk CATALOGUE-FOLDER [SECONDS [MIX]]\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++) {
		if (argc <= 3 || strcmp(argv[3], mixes[i].name) == 0) {
			measure(c, &mixes[i], seconds);
		}
	}
	catalogue_unref(&c);
	return EXIT_SUCCESS;
}
