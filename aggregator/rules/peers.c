/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include "mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING     UINT32_MAX /* no entry, in an index */
#define SHARED_MOST 128        /* reports looked at in one band: what more share tells nothing apart */
#define WALK_MOST   (1 << 14)  /* and of other bands that lie in the same place of the index */

/* A provider's code is kept once, however many reports it has. */
struct names {
	char **all;
	size_t n;
};

struct kept_report {
	struct peer_report report; /* its provider belongs to names */
	uint32_t next[SKETCH_BANDS];
};

struct peers {
	atomic_uint references;
	struct peer_cut cut;
	/* in order of cut_no */
	struct peer_row *rows;
	struct kept_report *reports;
	size_t n_rows, n_reports;
	struct names providers;
	/* open addressing over rows; chains, one a band, through reports, the newest first */
	uint32_t *row_slots, *band_heads;
	size_t row_mask, band_mask;
};

/* ---------------------------------------------------------------- names */

static const char *name_of(struct names *names, const char *code)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->all[i], code) == 0)
			return names->all[i];
	names->all = xreallocarray(names->all, names->n + 1, sizeof(*names->all));
	return names->all[names->n++] = xstrdup(code);
}

/* ---------------------------------------------------------------- rows by series and period */

static uint64_t spread(uint64_t x)
{
	x *= UINT64_C(0x9E3779B97F4A7C15);
	return x ^ x >> 29;
}

static uint32_t *row_slot(const struct peers *p, int32_t series_no, int32_t period)
{
	uint64_t hash = spread((uint64_t)(uint32_t)series_no << 32 | (uint32_t)period);
	for (size_t i = hash & p->row_mask;; i = (i + 1) & p->row_mask) {
		const struct peer_row *row = p->row_slots[i] == NOTHING ? NULL : &p->rows[p->row_slots[i]];
		if (!row || (row->series_no == series_no && row->period == period))
			return &p->row_slots[i];
	}
}

static size_t room_for(size_t n)
{
	size_t room = 16;
	while (room < 2 * n)
		room *= 2;
	return room;
}

static uint32_t *index_new(size_t room, size_t *ret_mask)
{
	uint32_t *slots = xmalloc(room * sizeof(*slots));
	memset(slots, 0xff, room * sizeof(*slots));
	*ret_mask = room - 1;
	return slots;
}

/* Puts the newest row of each series and period into the index, and takes those away that it replaces. */
static void index_rows(struct peers *p)
{
	size_t kept = 0;
	for (uint32_t i = 0; i < p->n_rows; i++)
		*row_slot(p, p->rows[i].series_no, p->rows[i].period) = i;
	for (uint32_t i = 0; i < p->n_rows; i++) {
		uint32_t *slot = row_slot(p, p->rows[i].series_no, p->rows[i].period);
		if (*slot != i)
			continue;
		p->rows[kept] = p->rows[i];
		*slot = (uint32_t)kept++;
	}
	p->n_rows = kept;
}

static void take_rows(struct peers *p, const struct peer_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].cut_no > p->cut.horizon)
			p->rows[p->n_rows++] = rows[i];
}

static void make_rows(struct peers *p, const struct peers *before, const struct peer_row *rows, size_t n)
{
	size_t most = (before ? before->n_rows : 0) + n;
	p->rows = xcalloc(most, sizeof(*p->rows));
	p->row_slots = index_new(room_for(most), &p->row_mask);
	if (before)
		take_rows(p, before->rows, before->n_rows);
	take_rows(p, rows, n);
	index_rows(p);
}

/* ---------------------------------------------------------------- reports by band */

static uint32_t *band_head(const struct peers *p, uint64_t band)
{
	return &p->band_heads[spread(band) & p->band_mask];
}

static void take_report(struct peers *p, const struct peer_report *r)
{
	struct kept_report *kept = &p->reports[p->n_reports];
	if (r->cut_no <= p->cut.horizon)
		return;
	kept->report = *r;
	kept->report.provider = name_of(&p->providers, r->provider);
	for (unsigned band = 0; band < SKETCH_BANDS; band++) {
		uint32_t *head = band_head(p, r->sketch.bands[band]);
		kept->next[band] = *head;
		*head = (uint32_t)(p->n_reports * SKETCH_BANDS + band);
	}
	p->n_reports++;
}

static void make_reports(struct peers *p, const struct peers *before, const struct peer_report *reports, size_t n)
{
	size_t most = (before ? before->n_reports : 0) + n;
	p->reports = xcalloc(most, sizeof(*p->reports));
	p->band_heads = index_new(room_for(most * SKETCH_BANDS), &p->band_mask);
	for (size_t i = 0; before && i < before->n_reports; i++)
		take_report(p, &before->reports[i].report);
	for (size_t i = 0; i < n; i++)
		take_report(p, &reports[i]);
}

/* ---------------------------------------------------------------- a cut */

struct peers *peers_new(const struct peer_cut *cut, const struct peers *before, const struct peer_row *rows,
			size_t n_rows, const struct peer_report *reports, size_t n_reports)
{
	struct peers *p = xcalloc(1, sizeof(*p));
	atomic_init(&p->references, 1);
	p->cut = *cut;
	make_rows(p, before, rows, n_rows);
	make_reports(p, before, reports, n_reports);
	return p;
}

struct peers *peers_ref(struct peers *p)
{
	if (p)
		atomic_fetch_add(&p->references, 1);
	return p;
}

void peers_unref(struct peers **pp)
{
	struct peers *p = *pp;
	*pp = NULL;
	if (!p || atomic_fetch_sub(&p->references, 1) > 1)
		return;
	for (size_t i = 0; i < p->providers.n; i++)
		free(p->providers.all[i]);
	free(p->providers.all);
	free(p->rows);
	free(p->reports);
	free(p->row_slots);
	free(p->band_heads);
	free(p);
}

const struct peer_cut *peers_cut(const struct peers *p)
{
	return &p->cut;
}

size_t peers_rows(const struct peers *p, size_t *ret_reports)
{
	*ret_reports = p->n_reports;
	return p->n_rows;
}

static size_t bytes_of(size_t rows, size_t reports)
{
	return sizeof(struct peers) + rows * sizeof(struct peer_row) + room_for(rows) * sizeof(uint32_t) +
	       reports * sizeof(struct kept_report) + room_for(reports * SKETCH_BANDS) * sizeof(uint32_t);
}

size_t peers_bytes(const struct peers *p)
{
	return bytes_of(p->n_rows, p->n_reports);
}

uint32_t peers_horizon(const struct peers *p, size_t bytes, size_t more_rows, size_t more_reports)
{
	size_t row = 0, report = 0;
	uint32_t horizon = p->cut.horizon;
	while (bytes_of(p->n_rows - row + more_rows, p->n_reports - report + more_reports) > bytes &&
	       (row < p->n_rows || report < p->n_reports)) {
		uint32_t oldest_row = row < p->n_rows ? p->rows[row].cut_no : UINT32_MAX;
		uint32_t oldest_report = report < p->n_reports ? p->reports[report].report.cut_no : UINT32_MAX;
		horizon = oldest_row < oldest_report ? oldest_row : oldest_report;
		while (row < p->n_rows && p->rows[row].cut_no <= horizon)
			row++;
		while (report < p->n_reports && p->reports[report].report.cut_no <= horizon)
			report++;
	}
	return horizon;
}

/* ---------------------------------------------------------------- looking up */

const struct peer_figures *peers_figures(const struct peers *p, int32_t series_no, int32_t period)
{
	uint32_t at = p ? *row_slot(p, series_no, period) : NOTHING;
	return at == NOTHING ? NULL : &p->rows[at].figures;
}

/* Reports of others that share something, best first. */
struct finds {
	const struct peer_report *best[PEERS_ALIKE];
	size_t n;
	int32_t period;
	const struct sketch *sketch;
};

static bool is_better(const struct finds *f, const struct peer_report *a, const struct peer_report *b)
{
	unsigned shared_a = sketch_shared(f->sketch, &a->sketch), shared_b = sketch_shared(f->sketch, &b->sketch);
	if (shared_a != shared_b)
		return shared_a > shared_b;
	if ((a->period == f->period) != (b->period == f->period))
		return a->period == f->period;
	return a->cut_no != b->cut_no ? a->cut_no < b->cut_no : a->report_no < b->report_no;
}

static void consider(struct finds *f, const struct peer_report *r)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->best[i] == r)
			return;
	size_t at = f->n < PEERS_ALIKE ? f->n++ : PEERS_ALIKE;
	if (at == PEERS_ALIKE && !is_better(f, r, f->best[--at]))
		return;
	for (; at > 0 && is_better(f, r, f->best[at - 1]); at--)
		f->best[at] = f->best[at - 1];
	f->best[at] = r;
}

static void look_in_band(const struct peers *p, const char *provider, unsigned band, struct finds *f)
{
	uint32_t at = *band_head(p, f->sketch->bands[band]);
	for (int sharing = 0, steps = 0; at != NOTHING && sharing < SHARED_MOST && steps < WALK_MOST; steps++) {
		const struct kept_report *kept = &p->reports[at / SKETCH_BANDS];
		bool shares = kept->report.sketch.bands[at % SKETCH_BANDS] == f->sketch->bands[band];
		if (shares && strcmp(kept->report.provider, provider) != 0)
			consider(f, &kept->report);
		sharing += shares;
		at = kept->next[at % SKETCH_BANDS];
	}
}

size_t peers_alike(const struct peers *p, const char *provider, int32_t period, const struct sketch *s,
		   const struct peer_report *ret[PEERS_ALIKE])
{
	struct finds finds = {.period = period, .sketch = s};
	for (unsigned band = 0; p && s->there && band < SKETCH_BANDS; band++)
		look_in_band(p, provider, band, &finds);
	memcpy(ret, finds.best, sizeof(finds.best));
	return finds.n;
}

/* Decimals of a number as it was stated; fewer than none where a multiplier stands for the last digits. */
static int scale_of(const Tram__V1__Decimal *stated, const Tram__V1__Observation *o)
{
	return (int)stated->scale - o->unit_mult;
}

enum peers_compared peers_compare(const Tram__V1__Observation *o, const struct figure *f,
				  const struct peer_stated *stated, bool *ret_nonzero)
{
	bool same;
	if (f->has_value && stated->has_value) {
		same = sketch_same(f->value, scale_of(o->value, o), stated->value, stated->value.scale);
		*ret_nonzero = f->value.mantissa != 0;
	} else if (f->has_numerator && f->has_denominator && stated->has_parts) {
		same =
		    sketch_same(f->numerator, scale_of(o->numerator, o), stated->numerator, stated->numerator.scale) &&
		    sketch_same(f->denominator, scale_of(o->denominator, o), stated->denominator,
				stated->denominator.scale);
		*ret_nonzero = f->numerator.mantissa != 0;
	} else {
		return PEERS_NOT_COMPARED;
	}
	return same ? PEERS_SAME : PEERS_DIFFERENT;
}

/* ---------------------------------------------------------------- what provinces are compared by */

enum { AS_STATED = 1, PER_HEAD = 2 };

static int comparison_of(enum value_type type)
{
	static const int comparisons[] = {
	    [VALUE_COUNT] = PER_HEAD, [VALUE_AMOUNT] = PER_HEAD, [VALUE_PERCENT] = AS_STATED, [VALUE_RATIO] = AS_STATED,
	    [VALUE_MEAN] = AS_STATED, [VALUE_RANK] = 0,          [VALUE_GROWTH] = AS_STATED,  [VALUE_TARGET] = 0};
	return comparisons[type];
}

bool peers_stated(const struct figure *f, struct decimal *ret)
{
	if (!f->indicator || comparison_of(f->indicator->value_type) == 0)
		return false;
	*ret = f->value;
	if (f->has_value)
		return true;
	return f->has_numerator && f->has_denominator && f->denominator.mantissa != 0 &&
	       decimal_divide_rounded(f->numerator, f->denominator, strcmp(f->indicator->unit, "percent") == 0 ? 2 : 0,
				      PEERS_RATIO_PLACES, ret);
}

bool peers_comparable(const struct figure *f, struct decimal *ret)
{
	struct decimal stated;
	if (!peers_stated(f, &stated))
		return false;
	if (comparison_of(f->indicator->value_type) == AS_STATED) {
		*ret = stated;
		return true;
	}
	return f->area && f->area->has_population && f->area->population > 0 &&
	       decimal_divide_rounded(stated, decimal_int(f->area->population), 6, PEERS_HEAD_PLACES, ret);
}
