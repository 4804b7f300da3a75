/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export - roll-ups as other programs read them: CSV and JSON with the columns of the view tram.national_rollup, SDMX-CSV 2.0,
 * the SDMX-JSON 2.0 data message, OpenMetrics. The one place that knows these formats; `tram rollup` and the HTTP port only
 * say which.
 *
 * Text goes to the sink as rows come. What is kept: nothing for CSV, JSON and SDMX-CSV; for SDMX-JSON one entry for each
 * indicator, area, period and dataflow that occurred (a message names them once, behind the figures); for OpenMetrics one
 * period's rows of one indicator, and EXPORT_SERIES_MAX series. Figures are the store's digits, never a binary number. One
 * thread at a time.
 */
#ifndef TRAM_EXPORT_H
#define TRAM_EXPORT_H

#include "store_centre.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum export_format { EXPORT_CSV, EXPORT_JSON, EXPORT_SDMX_CSV, EXPORT_SDMX_JSON, EXPORT_OPENMETRICS };

/* Series that one OpenMetrics text names at most; those beyond are counted in it (tram_figure_left_out). */
#define EXPORT_SERIES_MAX 10000

/* Takes len bytes of UTF-8, cut anywhere. It cannot refuse: whoever writes to something that can fail remembers that it did. */
typedef void export_sink(void *context, const char *text, size_t len);

/* What is said of all rows. Copied, but for level, which must outlive the export. */
struct export_meta {
	const char *level;   /* nation, region or province */
	bool in_vietnamese;  /* names, where the format has them in one language only (CSV, JSON, OpenMetrics) */
	int64_t prepared_us; /* when the question was asked, UTC */
	int64_t as_of_us;    /* as known then; INT64_MAX: now */
	bool all_periods;    /* OpenMetrics: every period, not only the newest of each indicator */
	bool more_follows;   /* OpenMetrics: the caller writes more families behind it, and "# EOF\n" itself */
};

struct export;

/* Caller frees with export_free(). */
struct export *export_new(enum export_format format, export_sink *sink, void *context, const struct export_meta *meta);

/* Rows in the order of store_rollup(): an indicator's together, its periods from the oldest to the newest. */
void export_row(struct export *e, const struct rollup_row *row);

/* Ends the text; nothing may follow. An export that is freed without it was cut short: its text is not whole. */
void export_end(struct export *e);
void export_free(struct export **ep);

/* For Content-Type. Static. */
const char *export_media_type(enum export_format format);

/* csv, json, sdmx-csv, sdmx-json, openmetrics; false if name is none of them. */
bool export_format_named(const char *name, enum export_format *ret);
const char *export_format_name(enum export_format format);

/* The format that the header Accept of an HTTP request (RFC 9110, 12.5.1) likes best: JSON where it does not care or is NULL
 * or empty. False when it takes none of them. Any bytes may stand in it. */
bool export_accept(const char *accept, enum export_format *ret);

/* The same where only some are to be had: formats has the bit 1u << format of each. */
bool export_accept_among(const char *accept, unsigned formats, enum export_format *ret);

#endif
