/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbours.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_CAP    ((size_t)1 << 30)
#define SHARED_MOST 128 /* reports looked at of one band: as peers.c does */

/* One band of a report's sketch. */
struct band {
	uint64_t band;
	uint32_t report;
};

struct neighbours {
	struct peer_row *rows;       /* by series, period, cut */
	struct peer_cut *cuts;       /* by number */
	struct peer_report *reports; /* in the order in which cuts came to them */
	struct band *bands;          /* by band, then report */
	size_t n_rows, n_cuts, n_reports, rows_room, cuts_room, reports_room;
	struct arena *names;
};

/* ---------------------------------------------------------------- reading */

static void *append(void *list, size_t n, size_t *room, const void *more, size_t n_more, size_t size)
{
	while (n + n_more > *room) {
		*room = *room ? *room * 2 : 1024;
		list = xreallocarray(list, *room, size);
	}
	if (n_more > 0) {
		memcpy((char *)list + n * size, more, n_more * size);
	}
	return list;
}

static bool read_rows(struct neighbours *n, struct store *s, struct arena *a, struct err *err)
{
	struct peer_row *rows, last = {0};
	size_t got;

	do {
		arena_reset(a);
		if (store_rehearse_peer_rows(s, &last, a, &rows, &got, err) != STORE_OK) {
			return false;
		}
		n->rows = append(n->rows, n->n_rows, &n->rows_room, rows, got, sizeof *rows);
		n->n_rows += got;
		last = got ? rows[got - 1] : last;
	} while (got > 0);
	return true;
}

static bool read_cuts(struct neighbours *n, struct store *s, struct arena *a, struct err *err)
{
	struct peer_cut *cuts;
	size_t got;

	do {
		arena_reset(a);
		if (store_rehearse_cuts(s, n->n_cuts ? n->cuts[n->n_cuts - 1].no : 0, a, &cuts, &got, err) !=
		    STORE_OK) {
			return false;
		}
		n->cuts = append(n->cuts, n->n_cuts, &n->cuts_room, cuts, got, sizeof *cuts);
		n->n_cuts += got;
	} while (got > 0);
	return true;
}

/* A provider's code is kept once. */
static const char *keep_name(struct neighbours *n, const char *provider)
{
	for (size_t i = n->n_reports; i > 0 && i + 200 > n->n_reports; i--) {
		if (strcmp(n->reports[i - 1].provider, provider) == 0) {
			return n->reports[i - 1].provider;
		}
	}
	return arena_strdup(n->names, provider);
}

static bool read_reports(struct neighbours *n, struct store *s, struct arena *a, struct err *err)
{
	struct peer_report *reports;
	struct peer_report last = {0};
	size_t got;

	do {
		arena_reset(a);
		if (store_rehearse_peer_reports(s, &last, a, &reports, &got, err) != STORE_OK) {
			return false;
		}
		for (size_t i = 0; i < got; i++) {
			reports[i].provider = keep_name(n, reports[i].provider);
			n->reports =
			    append(n->reports, n->n_reports, &n->reports_room, &reports[i], 1, sizeof *reports);
			n->n_reports++;
			last = reports[i];
		}
	} while (got > 0);
	return true;
}

static int by_band(const void *a, const void *b)
{
	const struct band *x = a, *y = b;

	if (x->band != y->band) {
		return x->band < y->band ? -1 : 1;
	}
	return x->report < y->report ? -1 : x->report > y->report;
}

static void index_bands(struct neighbours *n)
{
	n->bands = xcalloc(n->n_reports * SKETCH_BANDS + 1, sizeof *n->bands);
	for (size_t i = 0; i < n->n_reports; i++) {
		for (size_t k = 0; k < SKETCH_BANDS; k++) {
			n->bands[i * SKETCH_BANDS + k] = (struct band){n->reports[i].sketch.bands[k], (uint32_t)i};
		}
	}
	qsort(n->bands, n->n_reports * SKETCH_BANDS, sizeof *n->bands, by_band);
}

struct neighbours *neighbours_read(struct store *s, struct err *err)
{
	struct neighbours *n = xcalloc(1, sizeof *n);
	struct arena *a = arena_new(PAGE_CAP);

	n->names = arena_new(PAGE_CAP);
	if (read_cuts(n, s, a, err) && read_rows(n, s, a, err) && read_reports(n, s, a, err)) {
		index_bands(n);
	} else {
		neighbours_free(&n);
	}
	arena_free(&a);
	return n;
}

void neighbours_free(struct neighbours **np)
{
	struct neighbours *n = *np;

	if (n) {
		free(n->rows);
		free(n->cuts);
		free(n->reports);
		free(n->bands);
		arena_free(&n->names);
	}
	free(n);
	*np = NULL;
}

/* ---------------------------------------------------------------- what a cut knew */

/* NULL: it is not in the store any more. */
static const struct peer_cut *cut_of(const struct neighbours *n, uint32_t cut_no)
{
	size_t low = 0, high = n->n_cuts;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (n->cuts[middle].no < cut_no) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < n->n_cuts && n->cuts[low].no == cut_no ? &n->cuts[low] : NULL;
}

/* Is the row of that series and period, up to the cut, or before it in the order? */
static bool is_upto(const struct peer_row *row, int32_t series_no, int32_t period, uint32_t cut_no)
{
	if (row->series_no != series_no) {
		return row->series_no < series_no;
	}
	return row->period != period ? row->period < period : row->cut_no <= cut_no;
}

const struct peer_figures *neighbours_figures(const struct neighbours *n, uint32_t cut_no, int32_t series_no,
					      int32_t period)
{
	const struct peer_cut *cut = cut_of(n, cut_no);
	size_t low = 0, high = n->n_rows;
	const struct peer_row *row;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (is_upto(&n->rows[middle], series_no, period, cut_no)) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	row = cut && low > 0 ? &n->rows[low - 1] : NULL;
	return row && row->series_no == series_no && row->period == period && row->cut_no > cut->horizon ? &row->figures
													 : NULL;
}

/* The reports that share the band and that the cut knew, the newest of them: their places. */
static size_t sharing(const struct neighbours *n, const struct peer_cut *cut, uint64_t band, uint32_t *ret)
{
	size_t low = 0, high = n->n_reports * SKETCH_BANDS, found = 0;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct band *b = &n->bands[middle];

		if (b->band < band || (b->band == band && n->reports[b->report].cut_no <= cut->no)) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (; low > 0 && n->bands[low - 1].band == band && found < SHARED_MOST; low--) {
		uint32_t place = n->bands[low - 1].report;

		if (n->reports[place].cut_no > cut->horizon) {
			ret[found++] = place;
		}
	}
	return found;
}

static int by_place(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* By what peers.c makes of the few reports that can count: it says which are the best. */
static size_t choose(const struct neighbours *n, const struct peer_cut *cut, uint32_t *places, size_t n_places,
		     const char *provider, int32_t period, const struct sketch *sketch,
		     const struct peer_report *ret[PEERS_ALIKE])
{
	struct peer_report few[SKETCH_BANDS * SHARED_MOST];
	const struct peer_report *best[PEERS_ALIKE];
	struct peers *peers;
	size_t n_few = 0, found;

	qsort(places, n_places, sizeof *places, by_place);
	for (size_t i = 0; i < n_places; i++) {
		if (i == 0 || places[i] != places[i - 1]) {
			few[n_few++] = n->reports[places[i]];
		}
	}
	peers = peers_new(cut, NULL, NULL, 0, few, n_few);
	found = peers_alike(peers, provider, period, sketch, best);
	for (size_t i = 0; i < found; i++) {
		for (size_t k = 0; k < n_places; k++) {
			const struct peer_report *r = &n->reports[places[k]];

			if (r->agent_no == best[i]->agent_no && r->report_no == best[i]->report_no) {
				ret[i] = r;
			}
		}
	}
	peers_unref(&peers);
	return found;
}

size_t neighbours_alike(const struct neighbours *n, uint32_t cut_no, const char *provider, int32_t period,
			const struct sketch *sketch, const struct peer_report *ret[PEERS_ALIKE])
{
	const struct peer_cut *cut = cut_of(n, cut_no);
	uint32_t places[SKETCH_BANDS * SHARED_MOST];
	size_t found = 0;

	for (size_t band = 0; cut && sketch->there && band < SKETCH_BANDS; band++) {
		found += sharing(n, cut, sketch->bands[band], places + found);
	}
	return found ? choose(n, cut, places, found, provider, period, sketch, ret) : 0;
}
