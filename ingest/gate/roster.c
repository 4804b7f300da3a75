/* SPDX-License-Identifier: Apache-2.0 */
#include "roster.h"

#include "fsx.h"
#include "lang.h"
#include "mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct roster {
	struct roster_row *rows; /* by agent */
	const struct roster_row **by_key;
	size_t n;
};

static int compare_agents(const void *a, const void *b)
{
	return strcmp(((const struct roster_row *)a)->agent, ((const struct roster_row *)b)->agent);
}

static int compare_keys(const void *a, const void *b)
{
	const struct roster_row *const *x = a, *const *y = b;
	return strcmp((*x)->curve_public, (*y)->curve_public);
}

static bool is_unique(const struct roster *r, struct err *err)
{
	for (size_t i = 1; i < r->n; i++) {
		if (strcmp(r->rows[i - 1].agent, r->rows[i].agent) == 0)
			return err_set(err, ERR_DATA, _("roster: agent %s stands there twice"), r->rows[i].agent);
		if (strcmp(r->by_key[i - 1]->curve_public, r->by_key[i]->curve_public) == 0)
			return err_set(
			    err, ERR_DATA,
			    _("roster: agents %s and %s have the same CURVE key; make new keys for one of them"),
			    r->by_key[i - 1]->agent, r->by_key[i]->agent);
	}
	return true;
}

struct roster *roster_new(const struct roster_row *rows, size_t n, struct err *err)
{
	struct roster *r = xcalloc(1, sizeof(*r));
	r->n = n;
	r->rows = xcalloc(n + 1, sizeof(*r->rows));
	r->by_key = xcalloc(n + 1, sizeof(*r->by_key));
	for (size_t i = 0; i < n; i++)
		r->rows[i] = rows[i];
	qsort(r->rows, n, sizeof(*r->rows), compare_agents);
	for (size_t i = 0; i < n; i++)
		r->by_key[i] = &r->rows[i];
	qsort(r->by_key, n, sizeof(*r->by_key), compare_keys);
	if (!is_unique(r, err))
		roster_free(&r);
	return r;
}

void roster_free(struct roster **rp)
{
	struct roster *r = *rp;
	if (!r)
		return;
	free(r->rows);
	free(r->by_key);
	free(r);
	*rp = NULL;
}

static bool ends_in_pub(const char *name)
{
	size_t len = strlen(name);
	return len > 4 && strcmp(name + len - 4, ".pub") == 0;
}

/* Appends the key file's row; the names of the files do not matter. */
static bool read_row(const char *dir, const char *name, struct roster_row **rows, size_t *n, struct err *err)
{
	struct keys keys;
	char *path = fsx_join(dir, name);
	bool fine = keys_load_public(path, &keys, err);
	free(path);
	if (!fine)
		return false;
	*rows = xreallocarray(*rows, *n + 1, sizeof(**rows));
	struct roster_row *row = &(*rows)[(*n)++];
	*row = (struct roster_row){.state = ROSTER_ACTIVE};
	snprintf(row->agent, sizeof(row->agent), "%s", keys.name);
	memcpy(row->curve_public, keys.curve_public, sizeof(row->curve_public));
	memcpy(row->signing_public, keys.sign_public, sizeof(row->signing_public));
	return true;
}

struct roster *roster_read_folder(const char *dir, struct err *err)
{
	struct roster_row *rows = NULL;
	struct roster *roster = NULL;
	size_t n = 0;
	bool fine = true;
	DIR *folder = dir[0] ? opendir(dir) : NULL;
	if (dir[0] && !folder) {
		err_set_errno(err, ERR_NOINPUT, _("cannot read the folder of keys %s"), dir);
		return NULL;
	}
	for (struct dirent *entry; fine && folder && (entry = readdir(folder));)
		if (ends_in_pub(entry->d_name))
			fine = read_row(dir, entry->d_name, &rows, &n, err);
	if (folder)
		closedir(folder);
	if (fine)
		roster = roster_new(rows, n, err);
	free(rows);
	return roster;
}

static int key_of(const void *key, const void *element)
{
	const struct roster_row *const *row = element;
	return strcmp(key, (*row)->curve_public);
}

const struct roster_row *roster_by_key(const struct roster *r, const char *curve_public)
{
	const struct roster_row **found = bsearch(curve_public, r->by_key, r->n, sizeof(*r->by_key), key_of);
	return found ? *found : NULL;
}

static int agent_of(const void *key, const void *element)
{
	return strcmp(key, ((const struct roster_row *)element)->agent);
}

const struct roster_row *roster_by_agent(const struct roster *r, const char *agent)
{
	return bsearch(agent, r->rows, r->n, sizeof(*r->rows), agent_of);
}

size_t roster_rows(const struct roster *r, const struct roster_row **ret)
{
	*ret = r->rows;
	return r->n;
}

size_t roster_count(const struct roster *r, enum roster_state state)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += r->rows[i].state == state;
	return n;
}

static bool same_row(const struct roster_row *a, const struct roster_row *b)
{
	return strcmp(a->agent, b->agent) == 0 && strcmp(a->curve_public, b->curve_public) == 0 &&
	       memcmp(a->signing_public, b->signing_public, SIGN_PUBLIC_SIZE) == 0 && a->state == b->state;
}

bool roster_equal(const struct roster *a, const struct roster *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_row(&a->rows[i], &b->rows[i]))
			return false;
	return true;
}
