/* SPDX-License-Identifier: Apache-2.0 */
#include "export.h"

#include "mem.h"
#include "media.h"
#include "writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Where a request leaves the choice, the first one that it leaves is taken. */
static const struct format {
	enum export_format format;
	const char *name;
	struct media media;
	const char *content_type;
	const struct writer *writer;
} formats[] = {
    {EXPORT_JSON, "json", {"application", "json", NULL}, "application/json", &json_writer},
    {EXPORT_CSV, "csv", {"text", "csv", NULL}, "text/csv; charset=utf-8; header=present", &csv_writer},
    {EXPORT_SDMX_JSON,
     "sdmx-json",
     {"application", "vnd.sdmx.data+json", "2.0.0"},
     "application/vnd.sdmx.data+json; version=2.0.0",
     &sdmx_json_writer},
    {EXPORT_SDMX_CSV,
     "sdmx-csv",
     {"application", "vnd.sdmx.data+csv", "2.0.0"},
     "application/vnd.sdmx.data+csv; version=2.0.0",
     &sdmx_csv_writer},
    {EXPORT_OPENMETRICS,
     "openmetrics",
     {"application", "openmetrics-text", "1.0.0"},
     "application/openmetrics-text; version=1.0.0; charset=utf-8",
     &openmetrics_writer},
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

static const struct format *format_of(enum export_format format)
{
	size_t i = 0;

	while (i + 1 < N_FORMATS && formats[i].format != format) {
		i++;
	}
	assert(formats[i].format == format);
	return &formats[i];
}

const char *export_media_type(enum export_format format)
{
	return format_of(format)->content_type;
}

const char *export_format_name(enum export_format format)
{
	return format_of(format)->name;
}

bool export_format_named(const char *name, enum export_format *ret)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		if (strcmp(formats[i].name, name) == 0) {
			*ret = formats[i].format;
			return true;
		}
	}
	return false;
}

bool export_accept(const char *accept, enum export_format *ret)
{
	return export_accept_among(accept, ~0u, ret);
}

bool export_accept_among(const char *accept, unsigned among, enum export_format *ret)
{
	int best = 0;

	for (size_t i = 0; i < N_FORMATS; i++) {
		int liked = among >> formats[i].format & 1 ? media_quality(accept, &formats[i].media) : 0;

		if (liked > best) {
			best = liked;
			*ret = formats[i].format;
		}
	}
	return best > 0;
}

/* ---------------------------------------------------------------- the way to the sink */

static ssize_t give(void *cookie, const char *text, size_t len)
{
	struct export *e = cookie;

	e->sink(e->context, text, len);
	return (ssize_t)len;
}

struct export *export_new(enum export_format format, export_sink *sink, void *context, const struct export_meta *meta)
{
	struct export *e = xcalloc(1, sizeof *e);

	*e = (struct export){.writer = format_of(format)->writer, .meta = *meta, .sink = sink, .context = context};
	e->out = fopencookie(e, "w", (cookie_io_functions_t){.write = give});
	assert(e->out); /* needs no more than memory, and there the C library has its own */
	return e;
}

/* Not before there is something: a question that fails leaves nothing behind. */
static void begin(struct export *e)
{
	assert(!e->ended);
	if (!e->begun) {
		e->writer->begin(e);
		e->begun = true;
	}
}

void export_row(struct export *e, const struct rollup_row *row)
{
	begin(e);
	e->writer->row(e, row);
}

void export_end(struct export *e)
{
	begin(e);
	e->writer->end(e);
	fflush(e->out);
	e->ended = true;
}

void export_free(struct export **ep)
{
	struct export *e = *ep;

	if (!e) {
		return;
	}
	if (e->begun) {
		e->writer->done(e);
	}
	fclose(e->out);
	free(e);
	*ep = NULL;
}
