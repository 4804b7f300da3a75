/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader - a file of any format as a stream of records: one observation and what its report says, all still as texts.
 *
 * There is one module a format (read_csv.c with its dialect read_sdmx.c, read_json.c, read_protobuf.c). What a text
 * means, and whether it is right, is decided in one place for all formats: check.h. Problems of form (a row too short,
 * no JSON) are the reader's. Memory is bounded, whatever the size of the file. One thread.
 */
#ifndef TRAM_READER_H
#define TRAM_READER_H

#include "fields.h"
#include "input.h"
#include "problems.h"

#define DIMENSIONS_MAX 16

enum reader_format { READER_SDMX_CSV, READER_CSV, READER_JSON, READER_PROTOBUF, READER_FORMATS };
extern const char *const reader_names[READER_FORMATS]; /* sdmx-csv, csv, json, protobuf */

/* By name, or by a file's ending; READER_FORMATS when it is none. A .csv is SDMX-CSV when its first column says so. */
enum reader_format reader_by_name(const char *name);
enum reader_format reader_guess(const char *path, struct input *in);

/* One cell: a text and where it stands. text NULL: the file has no such cell. */
struct cell {
	const char *text; /* len bytes of anything, without a NUL behind them */
	size_t len;
	struct place at;
	bool is_wrong; /* the reader has told what is wrong with it: that it says nothing is no further problem */
};

struct record {
	struct cell cells[FIELD_COUNT];
	struct {
		const char *id;
		struct cell value;
	} dimensions[DIMENSIONS_MAX];
	size_t n_dimensions;
	struct cell frequency; /* SDMX: FREQ */
	struct place at;
	enum field_spelling spelling; /* how the file names its fields */
	/* Where a cell stands, for formats that find out only when asked (NULL: the cell knows). dimension: -1 or index. */
	void (*locate)(const struct record *record, enum field_id field, int dimension, struct place *at);
	void *locate_context;
};

struct reader_sink {
	/* Texts are valid for the call. */
	void (*record)(void *context, const struct record *record);
	/* A report of the file ends here (formats that have reports). bytes: as the file has it, NULL if it has none. */
	void (*report_end)(void *context, const uint8_t *bytes, size_t len);
	/* Whether a field that the file has no column for comes from elsewhere. If not, it is told of here, and not again. */
	bool (*supplies)(void *context, enum field_id field);
	/* The file declares how it writes numbers ("vi"). False: unknown. */
	bool (*locale)(void *context, const char *name);
	void *context;
};

struct reader_options {
	const char *const *dimensions; /* columns that are dimensions, by their names */
	size_t n_dimensions;
};

/* Reads all of in. False and *err only when in cannot be read; all else is a problem. */
bool reader_run(enum reader_format format, struct input *in, const struct reader_options *options,
		const struct reader_sink *sink, struct problems *problems, struct err *err) MUST_CHECK;

/* The formats' own, called by reader_run(). */
bool read_csv(struct input *in, bool is_sdmx, const struct reader_options *options, const struct reader_sink *sink,
	      struct problems *problems, struct err *err) MUST_CHECK;
bool read_json(struct input *in, const struct reader_sink *sink, struct problems *problems, struct err *err) MUST_CHECK;
bool read_protobuf(struct input *in, const struct reader_sink *sink, struct problems *problems,
		   struct err *err) MUST_CHECK;

#endif
