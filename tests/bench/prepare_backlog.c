/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prepare_backlog - fills an agent's outbox as a long outage would: reports of 1 to 500 observations, every figure new,
 * every report fit to be accepted. The same arguments give the same reports.
 *
 *   prepare_backlog DIRECTORY AGENT PROVIDER AREA OBSERVATIONS [MOST]
 *
 * MOST: observations in one report, at most; 500 unless told.
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

/* Flows and stocks that provinces report and that add up; each with the dataflow it belongs to and its frequency. */
static const struct {
	const char *dataflow, *frequency, *indicators[3];
	unsigned n;
} dataflows[] = {
    {"public_services_province", "S", {"psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts"}, 3},
    {"digital_economy_province",
     "A",
     {"digital_product_export_value", "software_it_services_revenue", "ecommerce_revenue"},
     3},
    {"digital_skills_province", "A", {"digital_skill_mooc_reach", "computing_it_enrolment"}, 2},
};

#define YEAR_FIRST 2021
#define YEAR_END   2025 /* in which the 63 provinces ended */

/* Where the series of figures stands: ward (0: the district's own), dataflow, period, then indicator by district. */
struct cursor {
	unsigned ward, dataflow, year, half, next, most;
	uint64_t random;
};

static unsigned draw(struct cursor *c, unsigned below)
{
	c->random = c->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(c->random >> 33) % below;
}

static void next_period(struct cursor *c)
{
	c->next = 0;
	if (dataflows[c->dataflow].frequency[0] == 'S' && c->half == 1) {
		c->half = 2;
		return;
	}
	c->half = 1;
	if (++c->dataflow < sizeof(dataflows) / sizeof(dataflows[0]))
		return;
	c->dataflow = 0;
	if (++c->year < YEAR_END)
		return;
	c->year = YEAR_FIRST;
	c->ward++;
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
	/* New accounts are fewer than all accounts, as a rule demands. */
	value->mantissa = which == 2 ? 1000000 + draw(c, 8000000) : 10000000 + draw(c, 80000000);
	o->indicator = arena_strdup(a, dataflows[c->dataflow].indicators[which]);
	o->ref_area = area;
	o->dimensions = arena_calloc(a, 2, sizeof(*o->dimensions));
	add_dimension(a, o, "DISTRICT", 4, district);
	if (c->ward > 0)
		add_dimension(a, o, "WARD", 1, c->ward - 1);
	o->value = value;
	o->obs_status = TRAM__V1__OBSERVATION_STATUS__OBSERVATION_STATUS_NORMAL;
	o->qualifier = TRAM__V1__QUALIFIER__QUALIFIER_EXACT;
	c->next++;
	return o;
}

static void make_head(struct arena *a, const struct cursor *c, char *provider, Tram__V1__Report *r)
{
	bool halves = dataflows[c->dataflow].frequency[0] == 'S';
	tram__v1__report__init(r);
	r->provider = provider;
	r->dataflow = arena_strdup(a, dataflows[c->dataflow].dataflow);
	r->time_period = halves ? arena_printf(a, "%u-S%u", c->year, c->half) : arena_printf(a, "%u", c->year);
	r->reference_date = arena_printf(a, "%u-%s", c->year, halves && c->half == 1 ? "06-14" : "12-14");
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
	unsigned room = DISTRICTS * dataflows[c->dataflow].n - c->next;
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
		 struct err *err)
{
	struct cursor c = {.year = YEAR_FIRST, .half = 1, .random = 20240719, .most = most};
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
	unsigned long most = argc == 7 ? strtoul(argv[6], NULL, 10) : OBSERVATIONS_MAX;
	if (argc < 6 || argc > 7 || most < 1 || most > OBSERVATIONS_MAX) {
		fprintf(stderr, "usage: prepare_backlog DIRECTORY AGENT PROVIDER AREA OBSERVATIONS [MOST]\n");
		return ERR_USAGE;
	}
	struct outbox *ob = outbox_open(argv[1], argv[2], &limits, boot, &err);
	bool fine = ob && fill(ob, argv[3], argv[4], strtoul(argv[5], NULL, 10), (unsigned)most, &err);
	if (!fine)
		fprintf(stderr, "prepare_backlog: %s\n", err.text);
	outbox_close(&ob);
	return fine ? 0 : (int)err.kind;
}
