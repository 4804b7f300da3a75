/* SPDX-License-Identifier: Apache-2.0 */
/* tram catalogue check, load, diff: the reviewed files of what may be reported. */
#include "centre.h"

#include "catalogue.h"
#include "given.h"
#include "lang.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define EXIT_DIFFERENT 1
#define ARENA_CAP      ((size_t)256 << 20) /* of the files in the store */

struct catalogue_options {
	struct centre_options centre;
	const char *note;
};

static const struct option_row load_rows[] = {
    {"note", "TEXT", OPTION_TEXT, offsetof(struct catalogue_options, note),
     N_("what is new in it, for those who read it later")},
    CENTRE_ROWS(catalogue_options),
};
static const struct option_row diff_rows[] = {CENTRE_ROWS(catalogue_options)};

static const struct options check_spec = {
    "catalogue check",
    "DIR [OPTION]...",
    N_("Finds every mistake in the files of a catalogue, with file and line. DIR holds indicators.csv and its like, or "
       "a\n"
       "folder \"catalogue\" that does, with areas.csv in the folder \"registry\" beside it."),
    false,
    true,
    NULL,
    0,
    1,
    1};

static const struct options load_spec = {
    "catalogue load",
    "DIR [--note TEXT] [OPTION]...",
    N_("Makes the files the newest version of the catalogue, if there is no mistake in them. Files that are the "
       "newest\n"
       "version already make no new one. The aggregator takes it up within seconds."),
    false,
    false,
    load_rows,
    sizeof load_rows / sizeof *load_rows,
    1,
    1};

static const struct options diff_spec = {"catalogue diff",
					 "DIR [OPTION]...",
					 N_("What loading the files would change: lines that would go (-) and come "
					    "(+), file by file. Ends with 1 when there\n"
					    "are any."),
					 false,
					 true,
					 diff_rows,
					 sizeof diff_rows / sizeof *diff_rows,
					 1,
					 1};

/* ---------------------------------------------------------------- reading and checking */

static void describe(const struct catalogue *c, char *buf, size_t size)
{
	const struct indicator *indicators;
	const struct dataflow *dataflows;
	const struct provider *providers;
	const struct published_figure *figures;

	snprintf(buf, size, _("%zu indicators in %zu dataflows, %zu providers, %zu published figures"),
		 catalogue_indicators(c, &indicators), catalogue_dataflows(c, &dataflows),
		 catalogue_providers(c, &providers), catalogue_published(c, &figures));
}

int cmd_catalogue_check(int argc, char **argv)
{
	struct common_options o = {0};
	struct given f;
	struct catalogue *c;
	struct err err;
	char text[256];
	int first, status;

	if (!centre_parse(&check_spec, argc, argv, &o, &first, &status)) {
		return status;
	}
	if (!given_read(argv[first], &f, &err)) {
		return centre_fail(&err);
	}
	c = given_check(&f, o.format, &err);
	if (c && o.format == TABLE_TEXT) {
		describe(c, text, sizeof text);
		printf(_("no mistake: %s\n"), text);
		if (catalogue_is_undecided(c)) {
			printf(_("cross_rules.csv: too many comparisons, or too large numbers, to tell whether they "
				 "contradict "
				 "each other\n"));
		}
	}
	status = c ? EX_OK : centre_fail(&err);
	catalogue_unref(&c);
	given_free(&f);
	return status;
}

/* ---------------------------------------------------------------- loading */

static bool load(struct store *s, const struct catalogue *c, const struct given *f, const char *note, struct err *err)
{
	uint32_t version;
	bool is_new;
	char text[256];

	if (store_catalogue_load(s, c, f->files, f->n, note ? note : "", &version, &is_new, err) != STORE_OK) {
		return false;
	}
	describe(c, text, sizeof text);
	printf(is_new ? _("catalogue version %u loaded: %s\n") : _("these are the files of version %u already: %s\n"),
	       version, text);
	return true;
}

int cmd_catalogue_load(int argc, char **argv)
{
	struct catalogue_options o = {0};
	struct given f;
	struct catalogue *c;
	struct store *s = NULL;
	struct err err;
	int first, status;
	bool ok;

	if (!centre_parse(&load_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!given_read(argv[first], &f, &err)) {
		return centre_fail(&err);
	}
	c = given_check(&f, TABLE_TEXT, &err);
	ok = c && (s = centre_connect(&o.centre, CENTRE_ADMIN, &err)) && load(s, c, &f, o.note, &err);
	store_close(&s);
	catalogue_unref(&c);
	given_free(&f);
	return ok ? EX_OK : centre_fail(&err);
}

/* ---------------------------------------------------------------- differences */

struct line {
	const char *text;
	size_t len, number;
};

static size_t split_lines(const struct catalogue_file *f, struct line **ret)
{
	size_t n = 0, room = 0, number = 0;
	const char *at = f ? f->content : "", *end = at + (f ? f->len : 0);

	*ret = NULL;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);

		if (n == room) {
			room = room * 2 + 64;
			*ret = xreallocarray(*ret, room, sizeof **ret);
		}
		(*ret)[n++] = (struct line){.text = at, .len = len, .number = ++number};
		at += len + 1;
	}
	return n;
}

static int compare_lines(const struct line *a, const struct line *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order = memcmp(a->text, b->text, len);

	return order ? order : a->len < b->len ? -1 : a->len > b->len;
}

static int by_text(const void *a, const void *b)
{
	return compare_lines(a, b);
}

struct differences {
	struct table *table; /* NULL: as text */
	size_t n;
};

static void tell(struct differences *d, const char *file, const struct line *line, bool comes)
{
	d->n++;
	if (!d->table) {
		printf("%s:%zu: %c%.*s\n", file, line->number, comes ? '+' : '-', (int)line->len, line->text);
		return;
	}
	table_cell(d->table, file);
	table_cell_printf(d->table, "%zu", line->number);
	table_cell(d->table, comes ? "+" : "-");
	table_cell_printf(d->table, "%.*s", (int)line->len, line->text);
}

/* The rows of these files have keys and no order that matters, so lines are compared as sets. */
static void compare_files(struct differences *d, const char *name, const struct catalogue_file *was,
			  const struct catalogue_file *is)
{
	struct line *old, *new;
	size_t n_old = split_lines(was, &old), n_new = split_lines(is, &new), i = 0, j = 0;

	qsort(old, n_old, sizeof *old, by_text);
	qsort(new, n_new, sizeof *new, by_text);
	while (i < n_old || j < n_new) {
		int order = i == n_old ? 1 : j == n_new ? -1 : compare_lines(&old[i], &new[j]);

		if (order < 0) {
			tell(d, name, &old[i], false);
		} else if (order > 0) {
			tell(d, name, &new[j], true);
		}
		i += order <= 0;
		j += order >= 0;
	}
	free(old);
	free(new);
}

static const struct catalogue_file *find_file(const struct catalogue_file *files, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(files[i].name, name) == 0) {
			return &files[i];
		}
	}
	return NULL;
}

static size_t compare_all(const struct catalogue_file *stored, size_t n_stored, const struct given *f,
			  enum table_format format)
{
	struct differences d = {.table = format == TABLE_TEXT ? NULL : table_new(format, stdout)};

	if (d.table) {
		table_column(d.table, "file", "file", TABLE_LEFT);
		table_column(d.table, "line", "line", TABLE_RIGHT);
		table_column(d.table, "change", "change", TABLE_LEFT);
		table_column(d.table, "text", "text", TABLE_LEFT);
	}
	for (size_t i = 0; catalogue_file_names[i]; i++) {
		const char *name = catalogue_file_names[i];

		compare_files(&d, name, find_file(stored, n_stored, name), find_file(f->files, f->n, name));
	}
	if (d.table) {
		table_close(&d.table, true);
	}
	return d.n;
}

static int diff(struct store *s, const struct given *f, enum table_format format, struct err *err)
{
	struct arena *a = arena_new(ARENA_CAP);
	struct catalogue_file *stored;
	size_t n, changes = 0;
	uint32_t version;
	bool ok = store_catalogue(s, 0, a, &stored, &n, &version, err) == STORE_OK;

	if (ok) {
		changes = compare_all(stored, n, f, format);
	}
	if (ok && changes == 0 && format == TABLE_TEXT) {
		printf(_("no difference to version %u\n"), version);
	}
	arena_free(&a);
	return !ok ? centre_fail(err) : changes > 0 ? EXIT_DIFFERENT : EX_OK;
}

int cmd_catalogue_diff(int argc, char **argv)
{
	struct catalogue_options o = {0};
	struct given f;
	struct store *s;
	struct err err;
	int first, status;

	if (!centre_parse(&diff_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!given_read(argv[first], &f, &err)) {
		return centre_fail(&err);
	}
	s = centre_connect(&o.centre, CENTRE_ADMIN, &err);
	status = s ? diff(s, &f, o.centre.common.format, &err) : centre_fail(&err);
	store_close(&s);
	given_free(&f);
	return status;
}
