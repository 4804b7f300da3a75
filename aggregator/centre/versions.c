/* SPDX-License-Identifier: Apache-2.0 */
#include "versions.h"

#include "lang.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define KEPT        8
#define CATALOGUE   ((size_t)256 << 20) /* files of one version */
#define SLOTS_FIRST 1024

struct name {
	char *indicator, *dimensions; /* NULL: this place is free */
	int32_t series_no;
};

struct versions {
	struct store *store;
	struct catalogue *catalogues[KEPT];
	size_t next;        /* to be given up */
	struct name *names; /* open addressing */
	size_t n, size;
};

struct versions *versions_new(struct store *s)
{
	struct versions *v = xcalloc(1, sizeof *v);

	v->store = s;
	v->size = SLOTS_FIRST;
	v->names = xcalloc(v->size, sizeof *v->names);
	return v;
}

void versions_free(struct versions **vp)
{
	struct versions *v = *vp;

	for (size_t i = 0; v && i < KEPT; i++) {
		catalogue_unref(&v->catalogues[i]);
	}
	for (size_t i = 0; v && i < v->size; i++) {
		free(v->names[i].indicator);
		free(v->names[i].dimensions);
	}
	if (v) {
		free(v->names);
	}
	free(v);
	*vp = NULL;
}

/* ---------------------------------------------------------------- catalogues */

static struct catalogue *make(const struct catalogue_file *files, size_t n, uint32_t version, struct err *err)
{
	struct catalogue_mistake *mistakes;
	size_t n_mistakes;
	struct catalogue *c = catalogue_new(files, n, version, &mistakes, &n_mistakes);

	if (!c) {
		err_set(err, ERR_DATA, _("version %u of the catalogue is none that this program can read: %s:%d: %s"),
			version, mistakes[0].file, mistakes[0].line, mistakes[0].text);
	}
	catalogue_mistakes_free(mistakes, n_mistakes);
	return c;
}

static bool load(struct versions *v, uint32_t version, struct catalogue **ret, struct err *err)
{
	struct arena *a = arena_new(CATALOGUE);
	struct catalogue_file *files;
	uint32_t found;
	size_t n;
	bool fine = store_catalogue(v->store, version, a, &files, &n, &found, err) == STORE_OK;

	*ret = fine ? make(files, n, version, err) : NULL;
	arena_free(&a);
	return *ret != NULL;
}

bool versions_catalogue(struct versions *v, uint32_t version, const struct catalogue **ret, struct err *err)
{
	struct catalogue *c;

	for (size_t i = 0; i < KEPT; i++) {
		if (v->catalogues[i] && catalogue_version(v->catalogues[i]) == version) {
			*ret = v->catalogues[i];
			return true;
		}
	}
	if (!load(v, version, &c, err)) {
		return false;
	}
	catalogue_unref(&v->catalogues[v->next]);
	v->catalogues[v->next] = c;
	v->next = (v->next + 1) % KEPT;
	*ret = c;
	return true;
}

/* ---------------------------------------------------------------- series */

static struct name *slot_of(struct name *names, size_t size, const char *indicator, const char *dimensions)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (const char *c = indicator; *c; c++) {
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	}
	for (const char *c = dimensions; *c; c++) {
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	}
	for (size_t i = hash ^ hash >> 32;; i++) {
		struct name *name = &names[i & (size - 1)];

		if (!name->indicator ||
		    (strcmp(name->indicator, indicator) == 0 && strcmp(name->dimensions, dimensions) == 0)) {
			return name;
		}
	}
}

static void grow(struct versions *v)
{
	size_t size = v->size * 2;
	struct name *names = xcalloc(size, sizeof *names);

	for (size_t i = 0; i < v->size; i++) {
		if (v->names[i].indicator) {
			*slot_of(names, size, v->names[i].indicator, v->names[i].dimensions) = v->names[i];
		}
	}
	free(v->names);
	v->names = names;
	v->size = size;
}

bool versions_series(struct versions *v, const char *indicator, const char *dimensions, int32_t *ret, struct err *err)
{
	struct series_question q = {.indicator = indicator, .dimensions = dimensions};
	struct name *name = slot_of(v->names, v->size, indicator, dimensions);

	if (!name->indicator) {
		if (store_series_find(v->store, &q, 1, err) != STORE_OK) {
			return false;
		}
		if (2 * ++v->n >= v->size) {
			grow(v);
			name = slot_of(v->names, v->size, indicator, dimensions);
		}
		*name = (struct name){xstrdup(indicator), xstrdup(dimensions), q.series_no};
	}
	*ret = name->series_no;
	return true;
}
