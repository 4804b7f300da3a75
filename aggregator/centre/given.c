/* SPDX-License-Identifier: Apache-2.0 */
#include "given.h"

#include "fsx.h"
#include "lang.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool given_read(const char *dir, struct given *ret, struct err *err)
{
	char *inside = fsx_join(dir, "catalogue");
	bool ok = catalogue_read_folder(access(inside, X_OK) == 0 ? inside : dir, &ret->files, &ret->n, err);

	free(inside);
	return ok;
}

void given_free(struct given *g)
{
	catalogue_files_free(g->files, g->n);
	*g = (struct given){0};
}

static void show_mistakes(const struct catalogue_mistake *mistakes, size_t n, enum table_format format)
{
	struct table *t;

	if (format == TABLE_TEXT) {
		for (size_t i = 0; i < n; i++) {
			fprintf(stderr, "%s:%d: %s\n", mistakes[i].file, mistakes[i].line, mistakes[i].text);
		}
		return;
	}
	t = table_new(format, stdout);
	table_column(t, "file", "file", TABLE_LEFT);
	table_column(t, "line", "line", TABLE_RIGHT);
	table_column(t, "mistake", "mistake", TABLE_LEFT);
	for (size_t i = 0; i < n; i++) {
		char line[16];

		snprintf(line, sizeof line, "%d", mistakes[i].line);
		table_cell(t, mistakes[i].file);
		table_cell_number(t, line);
		table_cell(t, mistakes[i].text);
	}
	table_close(&t, true);
}

struct catalogue *given_check(const struct given *g, enum table_format format, struct err *err)
{
	struct catalogue_mistake *mistakes;
	size_t n;
	struct catalogue *c = catalogue_new(g->files, g->n, 0, &mistakes, &n);

	if (!c || format != TABLE_TEXT) {
		show_mistakes(mistakes, n, format);
	}
	catalogue_mistakes_free(mistakes, n);
	if (!c) {
		err_set(err, ERR_DATA,
			ngettext("%zu mistake in the files: mend it first",
				 "%zu mistakes in the files: mend them first", n),
			n);
	}
	return c;
}
