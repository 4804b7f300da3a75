/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer - what one format is to export.c: four functions, and what they share. A new format is a file with such a writer and
 * a row of the table in export.c.
 */
#ifndef TRAM_WRITER_H
#define TRAM_WRITER_H

#include "export.h"

#include <stdio.h>

struct export
{
	const struct writer *writer;
	struct export_meta meta;
	FILE *out;   /* to the sink */
	void *state; /* the writer's own */
	bool begun, ended;
	export_sink *sink;
	void *context;
};

struct writer {
	void (*begin)(struct export *e);
	void (*row)(struct export *e, const struct rollup_row *row);
	void (*end)(struct export *e);
	void (*done)(struct export *e); /* frees the state */
};

extern const struct writer csv_writer, json_writer, sdmx_csv_writer, sdmx_json_writer, openmetrics_writer;

#endif
