/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenMetrics 1.0: figures as gauges, for those who watch them. A text names the newest period of each indicator (or all,
 * where the caller asks), and EXPORT_SERIES_MAX series at most. A figure that is missing has no sample; its coverage has.
 */
#include "mem.h"
#include "writer.h"

#include <stdlib.h>
#include <string.h>

struct series {
	char *labels, *value, *coverage; /* value NULL: missing; coverage NULL: not known */
	bool is_final;
	int held;
};

struct list {
	struct series *rows;
	size_t n, room;
};

struct metrics {
	struct list waiting; /* one indicator's newest period, so far */
	struct list kept;
	char *indicator, *period; /* of what waits */
	size_t left_out;
};

static void free_series(struct series *s)
{
	free(s->labels);
	free(s->value);
	free(s->coverage);
}

static void empty(struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free_series(&l->rows[i]);
	}
	l->n = 0;
}

static void append(struct list *l, const struct series *s)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->rows = xreallocarray(l->rows, l->room, sizeof *l->rows);
	}
	l->rows[l->n++] = *s;
}

static void keep_waiting(struct metrics *m)
{
	for (size_t i = 0; i < m->waiting.n; i++) {
		if (m->kept.n < EXPORT_SERIES_MAX) {
			append(&m->kept, &m->waiting.rows[i]);
		} else {
			free_series(&m->waiting.rows[i]);
			m->left_out++;
		}
	}
	m->waiting.n = 0;
}

/* ---------------------------------------------------------------- rows */

static void print_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n') {
			fputs("\\n", out);
			continue;
		}
		fputs(*value == '\\' || *value == '"' ? "\\" : "", out);
		fputc(*value, out);
	}
	fputc('"', out);
}

static char *labels_of(const struct rollup_row *r)
{
	const struct {
		const char *name, *value;
	} labels[] = {{"indicator", r->indicator},
		      {"area", r->area},
		      {"period", r->time_period},
		      {"boundary", r->figure.boundary},
		      {"unit", r->figure.unit}};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		fputs(i ? "," : "{", out);
		print_label(out, labels[i].name, labels[i].value);
	}
	fputc('}', out);
	fclose(out);
	return text;
}

/* Whether the row belongs to what waits; if not, what waits is settled: kept, or outdated by this row's period. */
static void settle(struct export *e, const struct rollup_row *r)
{
	struct metrics *m = e->state;
	bool same_indicator = m->indicator && strcmp(m->indicator, r->indicator) == 0;

	if (same_indicator && strcmp(m->period, r->time_period) == 0) {
		return;
	}
	if (same_indicator && !e->meta.all_periods) {
		empty(&m->waiting);
	}
	keep_waiting(m);
	free(m->indicator);
	free(m->period);
	m->indicator = xstrdup(r->indicator);
	m->period = xstrdup(r->time_period);
}

static void begin(struct export *e)
{
	e->state = xcalloc(1, sizeof(struct metrics));
}

static void row(struct export *e, const struct rollup_row *r)
{
	const struct rollup_figure *f = &r->figure;
	struct metrics *m = e->state;

	settle(e, r);
	append(&m->waiting, &(struct series){.labels = labels_of(r),
					     .value = f->value ? xstrdup(f->value) : NULL,
					     .coverage = f->coverage_weight ? xstrdup(f->coverage_weight) : NULL,
					     .is_final = strcmp(f->finality, "final") == 0,
					     .held = f->held});
}

/* ---------------------------------------------------------------- families */

static void print_value(FILE *out, const char *name, const struct series *s)
{
	if (s->value) {
		fprintf(out, "%s%s %s\n", name, s->labels, s->value);
	}
}

static void print_coverage(FILE *out, const char *name, const struct series *s)
{
	if (s->coverage) {
		fprintf(out, "%s%s %s\n", name, s->labels, s->coverage);
	}
}

static void print_final(FILE *out, const char *name, const struct series *s)
{
	fprintf(out, "%s%s %d\n", name, s->labels, s->is_final);
}

static void print_held(FILE *out, const char *name, const struct series *s)
{
	fprintf(out, "%s%s %d\n", name, s->labels, s->held);
}

#define FAMILY(name, unit, print, en, vi) {name, unit, print, en, vi},
static const struct family {
	const char *name, *unit;
	void (*print)(FILE *out, const char *name, const struct series *s);
	const char *en, *vi;
} families[] = {
#include "openmetrics.def"
};
#undef FAMILY

static void print_head(FILE *out, const char *name, const char *unit, const char *help)
{
	fprintf(out, "# TYPE %s gauge\n", name);
	if (unit) {
		fprintf(out, "# UNIT %s %s\n", name, unit);
	}
	fprintf(out, "# HELP %s %s\n", name, help);
}

static void end(struct export *e)
{
	struct metrics *m = e->state;

	keep_waiting(m);
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		const struct family *f = &families[i];

		print_head(e->out, f->name, f->unit, e->meta.in_vietnamese ? f->vi : f->en);
		for (size_t k = 0; k < m->kept.n; k++) {
			f->print(e->out, f->name, &m->kept.rows[k]);
		}
	}
	print_head(e->out, "tram_figure_left_out", NULL,
		   e->meta.in_vietnamese ? "Số liệu không có ở đây vì đã đủ số chuỗi tối đa."
					 : "Figures that are not here because a text has no more series.");
	fprintf(e->out, "tram_figure_left_out %zu\n", m->left_out);
	fputs(e->meta.more_follows ? "" : "# EOF\n", e->out);
}

static void done(struct export *e)
{
	struct metrics *m = e->state;

	empty(&m->waiting);
	empty(&m->kept);
	free(m->waiting.rows);
	free(m->kept.rows);
	free(m->indicator);
	free(m->period);
	free(m);
}

const struct writer openmetrics_writer = {begin, row, end, done};
