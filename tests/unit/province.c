/* SPDX-License-Identifier: Apache-2.0 */
#include "province.h"

#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put(char **to, const char *text)
{
	*to = xstrdup(text);
}

static void add_area(Tram__V1__Codebook *b, const char *const row[6])
{
	Tram__V1__CodebookArea *a = xmalloc(sizeof *a);

	tram__v1__codebook_area__init(a);
	put(&a->area, row[0]);
	put(&a->code, row[1]);
	put(&a->valid_from, row[2]);
	put(&a->valid_to, row[3]);
	put(&a->name_vi, row[4]);
	put(&a->name_en, row[5]);
	b->areas = xreallocarray(b->areas, b->n_areas + 1, sizeof *b->areas);
	b->areas[b->n_areas++] = a;
}

static void add_dataflow(Tram__V1__Codebook *b, const char *code, const char *frequencies)
{
	Tram__V1__CodebookDataflow *d = xmalloc(sizeof *d);

	tram__v1__codebook_dataflow__init(d);
	put(&d->code, code);
	put(&d->frequencies, frequencies);
	b->dataflows = xreallocarray(b->dataflows, b->n_dataflows + 1, sizeof *b->dataflows);
	b->dataflows[b->n_dataflows++] = d;
}

static void add_indicator(Tram__V1__Codebook *b, const char *code, const char *dataflow, const char *unit, bool integer)
{
	Tram__V1__CodebookIndicator *i = xmalloc(sizeof *i);

	tram__v1__codebook_indicator__init(i);
	put(&i->code, code);
	put(&i->dataflow, dataflow);
	put(&i->unit, unit);
	i->integer = integer;
	b->indicators = xreallocarray(b->indicators, b->n_indicators + 1, sizeof *b->indicators);
	b->indicators[b->n_indicators++] = i;
}

static void add_provider(Tram__V1__Codebook *b, const char *code, const char *area)
{
	static const char *const dataflows[] = {"public_services_province", "payments_province"};
	Tram__V1__CodebookProvider *p = xmalloc(sizeof *p);

	tram__v1__codebook_provider__init(p);
	put(&p->code, code);
	p->n_areas = 1;
	p->areas = xcalloc(1, sizeof *p->areas);
	put(&p->areas[0], area);
	p->n_dataflows = 2;
	p->dataflows = xcalloc(2, sizeof *p->dataflows);
	for (size_t i = 0; i < 2; i++)
		put(&p->dataflows[i], dataflows[i]);
	b->providers = xreallocarray(b->providers, b->n_providers + 1, sizeof *b->providers);
	b->providers[b->n_providers++] = p;
}

Tram__V1__Codebook *province_codebook(bool both)
{
	static const char *const areas[][6] = {
	    {"VN", "", "2008-08-01", "", "Việt Nam", "Viet Nam"},
	    {"63/01", "01", "2008-08-01", "2025-06-30", "Thành phố Hà Nội", "Ha Noi"},
	    {"63/02", "02", "2008-08-01", "2025-06-30", "Tỉnh Hà Giang", "Ha Giang"},
	    {"63/15", "15", "2008-08-01", "2025-06-30", "Tỉnh Yên Bái", "Yen Bai"},
	    {"63/46", "46", "2008-08-01", "2024-12-31", "Tỉnh Thừa Thiên Huế", "Thua Thien Hue"},
	    {"63/46", "46", "2025-01-01", "2025-06-30", "Thành phố Huế", "Hue"},
	    {"34/01", "01", "2025-07-01", "", "Thành phố Hà Nội", "Ha Noi"},
	    {"34/15", "15", "2025-07-01", "", "Tỉnh Lào Cai", "Lao Cai"},
	};
	Tram__V1__Codebook *b = xmalloc(sizeof *b);

	tram__v1__codebook__init(b);
	b->catalogue_version = 7;
	for (size_t i = 0; i < sizeof areas / sizeof *areas; i++)
		add_area(b, areas[i]);
	add_dataflow(b, "public_services_province", "S");
	add_dataflow(b, "payments_province", "S|A");
	add_dataflow(b, "governance", "S");
	add_indicator(b, "psp_registered_accounts", "public_services_province", "account", true);
	add_indicator(b, "payment_account_share_adults", "payments_province", "percent", false);
	add_indicator(b, "reporting_provinces", "governance", "province", true);
	add_provider(b, "P63-15", "63/15");
	if (both)
		add_provider(b, "P63-46", "63/46");
	return b;
}

struct book *province_book(bool both)
{
	return book_new(province_codebook(both));
}

/* ---------------------------------------------------------------- a file */

static void keep_report(void *context, const uint8_t *report, size_t len, size_t observations)
{
	struct taken *t = context;

	t->reports = xreallocarray(t->reports, t->n + 1, sizeof *t->reports);
	t->lens = xreallocarray(t->lens, t->n + 1, sizeof *t->lens);
	t->reports[t->n] = xmemdup(report, len);
	t->lens[t->n++] = len;
	t->observations += observations;
}

static json_int_t number(const json_t *problem, const char *key)
{
	return json_integer_value(json_object_get(problem, key));
}

/* "2:47 ambiguous-number", "--period period-bad", "#1.3 not-a-number" (report and observation), "- file-empty". */
static char *tell_all(const struct problems *problems)
{
	json_t *all = problems_json(problems), *problem;
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	json_array_foreach(all, i, problem)
	{
		const char *option = json_string_value(json_object_get(problem, "option"));

		fputs(i ? "; " : "", out);
		if (option)
			fprintf(out, "%s", option);
		else if (number(problem, "line"))
			fprintf(out, "%lld:%lld", number(problem, "line"), number(problem, "column"));
		else if (number(problem, "report"))
			fprintf(out, "#%lld.%lld", number(problem, "report"), number(problem, "observation"));
		else
			fputc('-', out);
		fprintf(out, " %s", json_string_value(json_object_get(problem, "code")));
	}
	fclose(out);
	json_decref(all);
	return text;
}

void take_file(enum reader_format format, const void *bytes, size_t len, const struct check_options *options,
	       const struct book *book, struct taken *ret)
{
	static const struct reader_options plain;

	take_file_with(format, bytes, len, options, &plain, book, ret);
}

void take_file_with(enum reader_format format, const void *bytes, size_t len, const struct check_options *options,
		    const struct reader_options *reader, const struct book *book, struct taken *ret)
{
	static const struct check_options plain;
	struct book *none = book_new(NULL);
	struct input *in = input_of_bytes(bytes, len);
	struct compose *compose;
	struct err err;
	bool ok;

	*ret = (struct taken){.problems = problems_new("t", NULL)};
	compose = compose_new(options ? options : &plain, book ? book : none, ret->problems, keep_report, ret);
	ok = compose_file(compose, in, format, reader, &err);
	if (ok)
		compose_finish(compose);
	ret->records = compose_records(compose);
	ret->told = tell_all(ret->problems);
	compose_free(&compose);
	input_close(&in);
	book_free(&none);
}

void taken_free(struct taken *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->reports[i]);
	free(t->reports);
	free(t->lens);
	free(t->told);
	problems_free(&t->problems);
}
