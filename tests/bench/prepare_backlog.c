/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prepare_backlog - fills an agent's outbox as a long outage would: month after month, reports of 1 to 500 observations,
 * every figure new, of series that go on for three years, and every report fit to be accepted. The same arguments give the
 * same reports.
 *
 *   prepare_backlog DIRECTORY AGENT PROVIDER AREA OBSERVATIONS [MOST [communes]]
 *
 * MOST: observations in one report, at most; 500 unless told. communes: figures of the province's communes, 63/01000 to
 * 63/01167 of 63/01, instead of its own by district and ward.
 */
#include "codec.h"
#include "clock.h"
#include "outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBSERVATIONS_MAX  500
#define REPORTS_IN_TICKET 200
#define DISTRICTS         1200
#define COMMUNES          168

#define SERIES 8 /* indicators of all dataflows together */

/* How the figures of an indicator go on: a stock grows by a hundredth of its first level a month, with what is new. */
enum course { STOCK, NEW, FLOW };

/* What provinces report and adds up; each with the dataflow it belongs to. */
static const struct {
	const char *dataflow;
	struct {
		const char *code;
		enum course course;
	} indicators[3];
	unsigned n;
} dataflows[] = {
    {"public_services_province",
     {{"psp_registered_accounts", STOCK}, {"eid_accounts_issued", STOCK}, {"psp_new_accounts", NEW}},
     3},
    {"digital_economy_province",
     {{"digital_product_export_value", FLOW}, {"software_it_services_revenue", FLOW}, {"ecommerce_revenue", FLOW}},
     3},
    {"digital_skills_province", {{"digital_skill_mooc_reach", FLOW}, {"computing_it_enrolment", FLOW}}, 2},
};

#define YEAR_FIRST 2021
#define MONTHS     36 /* all before 2025, in which the 63 provinces ended */

/* Where the series of figures stands: month, dataflow, then indicator by district (beyond DISTRICTS: by ward). */
struct cursor {
	unsigned month, dataflow, next, districts, most;
	uint64_t random, seed;
	bool communes;
};

static unsigned draw(struct cursor *c, unsigned below)
{
	c->random = c->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(c->random >> 33) % below;
}

static void next_period(struct cursor *c)
{
	c->next = 0;
	if (++c->dataflow < sizeof(dataflows) / sizeof(dataflows[0]))
		return;
	c->dataflow = 0;
	c->month++;
}

/* What a district's figures are around, the same in every month. */
static int64_t level_of(const struct cursor *c, unsigned district)
{
	uint64_t hash = (c->seed ^ c->dataflow << 16 ^ district) * UINT64_C(0x9E3779B97F4A7C15);
	return (int64_t)(30000000 + (hash >> 33) % 40000000);
}

/* Within 12 % of where it should be: no rule asks about that, and some are so far from the last that medians are made. */
static int64_t course_of(struct cursor *c, unsigned district, enum course course)
{
	int64_t level = level_of(c, district), step = level / 100;
	int64_t noise = (int64_t)draw(c, 24001) - 12000;
	switch (course) {
	case STOCK: return level + step * c->month + noise / 100;
	case NEW: return step + step * noise / 100000;
	case FLOW: break;
	}
	return level + level * noise / 100000;
}

/* Never a round figure. */
static int64_t value_of(struct cursor *c, unsigned district, enum course course)
{
	int64_t value = course_of(c, district, course);
	return value - value % 10 + 1 + value % 4;
}

static void add_dimension(struct arena *a, Tram__V1__Observation *o, const char *id, int digits, unsigned code)
{
	Tram__V1__Dimension *d = arena_alloc(a, sizeof(*d));
	tram__v1__dimension__init(d);
	d->id = arena_strdup(a, id);
	d->value = arena_printf(a, "%0*u", digits, code);
	o->dimensions[o->n_dimensions++] = d;
}

/* One figure; its texts live in the arena. */
static Tram__V1__Observation *make_observation(struct arena *a, struct cursor *c, char *area)
{
	unsigned district = c->next / dataflows[c->dataflow].n, which = c->next % dataflows[c->dataflow].n;
	Tram__V1__Observation *o = arena_alloc(a, sizeof(*o));
	Tram__V1__Decimal *value = arena_alloc(a, sizeof(*value));
	tram__v1__observation__init(o);
	tram__v1__decimal__init(value);
	value->mantissa = value_of(c, district, dataflows[c->dataflow].indicators[which].course);
	o->indicator = arena_strdup(a, dataflows[c->dataflow].indicators[which].code);
	if (c->communes) {
		o->ref_area = arena_printf(a, "%s%03u", area, district);
	} else {
		o->ref_area = area;
		o->dimensions = arena_calloc(a, 2, sizeof(*o->dimensions));
		add_dimension(a, o, "DISTRICT", 4, district % DISTRICTS);
		if (district >= DISTRICTS)
			add_dimension(a, o, "WARD", 1, district / DISTRICTS - 1);
	}
	o->value = value;
	o->obs_status = TRAM__V1__OBSERVATION_STATUS__OBSERVATION_STATUS_NORMAL;
	o->qualifier = TRAM__V1__QUALIFIER__QUALIFIER_EXACT;
	c->next++;
	return o;
}

static void make_head(struct arena *a, const struct cursor *c, char *provider, Tram__V1__Report *r)
{
	unsigned year = YEAR_FIRST + c->month / 12, month = 1 + c->month % 12;
	tram__v1__report__init(r);
	r->provider = provider;
	r->dataflow = arena_strdup(a, dataflows[c->dataflow].dataflow);
	r->time_period = arena_printf(a, "%u-%02u", year, month);
	r->reference_date = arena_printf(a, "%u-%02u-14", year, month);
	r->purpose = TRAM__V1__PURPOSE__PURPOSE_BACKFILL;
	r->reason = arena_strdup(a, "backlog");
	r->prepared_by = arena_strdup(a, "Nguyễn Văn An");
	r->approved_by = arena_strdup(a, "Trần Thị Bình");
	r->prepared_at = arena_strdup(a, "2026-01-02T08:00:00+07:00");
	r->approved_at = arena_strdup(a, "2026-01-02T09:00:00+07:00");
	r->software = arena_strdup(a, "prepare_backlog");
}

/* The next report, packed; caller frees. */
static uint8_t *make_report(struct arena *a, struct cursor *c, char *provider, char *area, unsigned long most,
			    size_t *ret_len, struct outbox_summary *ret)
{
	Tram__V1__Report report;
	unsigned room = c->districts * dataflows[c->dataflow].n - c->next;
	unsigned n = 1 + draw(c, c->most);
	n = n > room ? room : n;
	n = n > most ? (unsigned)most : n;
	make_head(a, c, provider, &report);
	report.observations = arena_calloc(a, n, sizeof(*report.observations));
	for (report.n_observations = 0; report.n_observations < n; report.n_observations++)
		report.observations[report.n_observations] = make_observation(a, c, area);
	*ret = (struct outbox_summary){report.provider, report.dataflow, report.time_period, n};
	if (n == room)
		next_period(c);
	return codec_pack(&report.base, ret_len);
}

static bool fill(struct outbox *ob, char *provider, char *area, unsigned long observations, unsigned most,
		 bool communes, struct err *err)
{
	struct cursor c = {.districts = (unsigned)(observations / (MONTHS * SERIES)) + 1,
			   .most = most,
			   .communes = communes,
			   .random = 20240719,
			   .seed = 20240719};
	for (const char *at = area; *at; at++) /* each province has figures of its own */
		c.random = c.seed = c.seed * 31 + (unsigned char)*at;
	struct arena *a = arena_new((size_t)64 << 20);
	bool fine = true;
	for (unsigned long done = 0; fine && done < observations;) {
		fine = outbox_begin(ob, "backlog", 0, clock_wall_us(), err);
		for (int i = 0; fine && i < REPORTS_IN_TICKET && done < observations; i++) {
			struct outbox_summary summary;
			size_t len;
			arena_reset(a);
			uint8_t *data = make_report(a, &c, provider, area, observations - done, &len, &summary);
			fine = outbox_add(ob, data, len, &summary, err);
			done += summary.observations;
			free(data);
		}
		struct outbox_ticket ticket;
		fine = fine && outbox_commit(ob, &ticket, err);
	}
	arena_free(&a);
	return fine;
}

int main(int argc, char **argv)
{
	const struct outbox_limits limits = {
	    .bytes_max = INT64_MAX, .free_min = 0, .retention_us = 30 * 86400 * CLOCK_SECOND};
	const uint8_t boot[OUTBOX_NONCE_SIZE] = {1};
	struct err err = {0};
	unsigned long most = argc >= 7 ? strtoul(argv[6], NULL, 10) : OBSERVATIONS_MAX;
	bool communes = argc == 8 && strcmp(argv[7], "communes") == 0;
	if (argc < 6 || argc > 7 + communes || most < 1 || most > OBSERVATIONS_MAX ||
	    (communes && strtoul(argv[5], NULL, 10) >= MONTHS * SERIES * COMMUNES)) {
		fprintf(stderr,
			"usage: prepare_backlog DIRECTORY AGENT PROVIDER AREA OBSERVATIONS [MOST [communes]]\n");
		return ERR_USAGE;
	}
	struct outbox *ob = outbox_open(argv[1], argv[2], &limits, boot, &err);
	bool fine = ob && fill(ob, argv[3], argv[4], strtoul(argv[5], NULL, 10), (unsigned)most, communes, &err);
	if (!fine)
		fprintf(stderr, "prepare_backlog: %s\n", err.text);
	outbox_close(&ob);
	return fine ? 0 : (int)err.kind;
}
