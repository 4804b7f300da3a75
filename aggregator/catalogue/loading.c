/* SPDX-License-Identifier: Apache-2.0 */
#include "inside.h"
#include "fsx.h"
#include "lang.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_BYTES (256u << 20) /* a catalogue of every commune takes about 20 MiB */
#define FILE_BYTES  (64u << 20)

const char *const catalogue_file_names[] = {"parameters.csv",
					    "words.csv",
					    "rules.csv",
					    "justifications.csv",
					    "calendars.csv",
					    "due_dates.csv",
					    "areas.csv",
					    "succession.csv",
					    "providers.csv",
					    "source_systems.csv",
					    "sources.csv",
					    "dimensions.csv",
					    "dataflows.csv",
					    "indicators.csv",
					    "cross_rules.csv",
					    "references.csv",
					    "reference_rules.csv",
					    "published_figures.csv",
					    NULL};

/* ---------------------------------------------------------------- from contents */

static const struct catalogue_file *file_named(const struct catalogue_file *files, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(files[i].name, name) == 0) {
			return &files[i];
		}
	}
	return NULL;
}

/* *ret_whole: no file is missing. False: they are too large. */
static bool read_rows(struct loading *l, const struct catalogue_file *files, size_t n, bool *ret_whole)
{
	*ret_whole = true;
	for (size_t i = 0; i < N_FILES; i++) {
		const struct catalogue_file *file = file_named(files, n, record_types[i].file);

		if (!file && record_types[i].optional) {
			continue;
		}
		if (!file) {
			MISTAKE(l, i, 0, _("the file is missing; add it"));
			*ret_whole = false;
		} else if (!records_read(&record_types[i], file->content, file->len, l->c->arena, &l->mistakes,
					 &l->rows[i])) {
			return false;
		}
	}
	return true;
}

static int place_of_file(const char *name)
{
	for (int i = 0; i < N_FILES; i++) {
		if (strcmp(record_types[i].file, name) == 0) {
			return i;
		}
	}
	return N_FILES;
}

/* By file, then line; mistakes of one line stay in the order in which they were found. */
static void sort_mistakes(struct mistakes *m)
{
	for (size_t i = 1; i < m->n; i++) {
		struct catalogue_mistake moved = m->list[i];
		int place = place_of_file(moved.file);
		size_t k = i;

		for (; k > 0; k--) {
			const struct catalogue_mistake *before = &m->list[k - 1];
			int before_place = place_of_file(before->file);

			if (before_place < place || (before_place == place && before->line <= moved.line)) {
				break;
			}
			m->list[k] = *before;
		}
		m->list[k] = moved;
	}
}

struct catalogue *catalogue_new(const struct catalogue_file *files, size_t n, uint32_t version,
				struct catalogue_mistake **ret_mistakes, size_t *ret_n)
{
	struct loading l = {.c = xcalloc(1, sizeof *l.c)};
	bool fits, is_whole;

	*l.c = (struct catalogue){.holders = 1, .version = version, .arena = arena_new(ARENA_BYTES)};
	fits = read_rows(&l, files, n, &is_whole);
	/* What the others say of a file that is missing would be wrong line by line. */
	if (fits && is_whole && (fits = build(&l))) {
		check(&l);
	}
	if (!fits) {
		mistakes_add(&l.mistakes, record_types[0].file, 0,
			     _("the catalogue is larger than %u MiB; make it smaller"), ARENA_BYTES >> 20);
	}
	sort_mistakes(&l.mistakes);
	*ret_mistakes = l.mistakes.list;
	*ret_n = l.mistakes.n;
	if (l.mistakes.n) {
		catalogue_unref(&l.c);
	}
	return l.c;
}

void catalogue_mistakes_free(struct catalogue_mistake *mistakes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)mistakes[i].file);
		free((char *)(uintptr_t)mistakes[i].text);
	}
	free(mistakes);
}

/* ---------------------------------------------------------------- from a folder */

/* The path of a file of the catalogue; NULL when it is nowhere. Caller frees. */
static char *find_file(const char *dir, const char *name)
{
	char *path = fsx_join(dir, name);

	if (access(path, F_OK) != 0 && errno == ENOENT) {
		free(path);
		path = xasprintf("%s/../registry/%s", dir, name);
	}
	if (access(path, F_OK) != 0 && errno == ENOENT) {
		free(path);
		path = NULL;
	}
	return path;
}

static bool read_file(const char *dir, const char *name, struct catalogue_file *files, size_t *n, struct err *err)
{
	char *path = find_file(dir, name);
	struct catalogue_file *file = &files[*n];

	if (!path) {
		return true; /* catalogue_new() says which are missing */
	}
	file->name = xstrdup(name);
	file->content = fsx_read(path, FILE_BYTES, &file->len, err);
	*n += 1;
	free(path);
	return file->content != NULL;
}

static bool is_folder(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		return false;
	}
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode);
}

bool catalogue_read_folder(const char *dir, struct catalogue_file **ret_files, size_t *ret_n, struct err *err)
{
	struct catalogue_file *files;
	size_t n = 0;

	if (!is_folder(dir) || access(dir, R_OK | X_OK) != 0) {
		return err_set_errno(err, ERR_NOINPUT, _("cannot read the catalogue's folder %s"), dir);
	}
	files = xcalloc(N_FILES, sizeof *files);
	for (size_t i = 0; i < N_FILES; i++) {
		if (!read_file(dir, catalogue_file_names[i], files, &n, err)) {
			catalogue_files_free(files, n);
			return false;
		}
	}
	if (n == 0) {
		free(files);
		return err_set(err, ERR_NOINPUT, _("%s holds no file of a catalogue (indicators.csv …)"), dir);
	}
	*ret_files = files;
	*ret_n = n;
	return true;
}

void catalogue_files_free(struct catalogue_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)files[i].name);
		free((char *)(uintptr_t)files[i].content);
	}
	free(files);
}
