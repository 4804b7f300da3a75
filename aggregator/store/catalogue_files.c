/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"
#include "lang.h"

#include <string.h>

static const char newest_sql[] = "SELECT coalesce(max(version), 0) FROM tram.catalogue";
static const char files_sql[] = "SELECT name, content FROM tram.catalogue_file WHERE version = $1 ORDER BY name";

enum store_result store_catalogue_version(struct store *s, uint32_t *ret, struct err *err)
{
	PGresult *r;
	enum store_result result = connection_ask(s, newest_sql, NULL, &r, err);

	if (result == STORE_OK) {
		*ret = (uint32_t)cell_int(r, 0, 0);
	}
	PQclear(r);
	return result;
}

static enum store_result copy_files(const PGresult *r, struct arena *a, struct catalogue_file **ret, size_t *ret_n,
				    struct err *err)
{
	size_t n = (size_t)PQntuples(r);

	*ret = arena_calloc(a, n, sizeof **ret);
	for (*ret_n = 0; *ret && *ret_n < n; ++*ret_n) {
		struct catalogue_file *file = *ret + *ret_n;
		int row = (int)*ret_n;

		file->len = (size_t)PQgetlength(r, row, 1);
		file->name = arena_strdup(a, cell_text(r, row, 0));
		file->content = arena_strndup(a, cell_text(r, row, 1), file->len);
		if (!file->name || !file->content) {
			break;
		}
	}
	if (*ret_n < n || !*ret) {
		err_set(err, ERR_CONFIG, _("the catalogue does not fit into its memory"));
		return STORE_BROKEN;
	}
	return STORE_OK;
}

enum store_result store_catalogue(struct store *s, uint32_t version, struct arena *a, struct catalogue_file **ret,
				  size_t *ret_n, uint32_t *ret_version, struct err *err)
{
	struct params p;
	PGresult *r;
	enum store_result result = STORE_OK;

	*ret = NULL;
	*ret_n = 0;
	*ret_version = version;
	if (version == 0) {
		result = store_catalogue_version(s, ret_version, err);
	}
	if (result != STORE_OK || *ret_version == 0) {
		return result;
	}
	params_init(&p);
	params_int32(&p, (int32_t)*ret_version);
	result = connection_ask(s, files_sql, &p, &r, err);
	params_done(&p);
	if (result == STORE_OK) {
		result = copy_files(r, a, ret, ret_n, err);
	}
	PQclear(r);
	return result;
}
