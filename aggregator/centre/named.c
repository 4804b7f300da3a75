/* SPDX-License-Identifier: Apache-2.0 */
#include "named.h"

#include "clock.h"
#include "lang.h"
#include "nearest.h"

#include <stdio.h>
#include <string.h>

/* They are few: all are named. */
static bool refuse_dataflow(const char *word, const struct store_name *names, size_t n, struct err *err)
{
	char list[ERR_TEXT_MAX - 200] = "";

	for (size_t i = 0; i < n; i++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", names[i].code);
	}
	return err_set(err, ERR_DATA, _("the catalogue has no dataflow %s; it has %s"), word, list);
}

static bool refuse(enum store_thing thing, const char *word, const struct store_name *names, size_t n, struct err *err)
{
	switch (thing) {
	case STORE_DATAFLOW: return refuse_dataflow(word, names, n, err);
	case STORE_INDICATOR:
		return err_set(err, ERR_DATA,
			       _("the catalogue has no indicator %s: tram rollup lists those with figures"), word);
	case STORE_RULE: return err_set(err, ERR_DATA, _("there is no rule %s: tram rules list shows them all"), word);
	case STORE_PROVIDER:
		return err_set(err, ERR_DATA, _("the catalogue has no provider %s: write P63-46, 63/46 or 46"), word);
	case STORE_AREA:
		return err_set(err, ERR_DATA,
			       _("there is no area %s: write VN, a region's area, or a province: 63/46, P63-46 or 46"),
			       word);
	case STORE_PROVINCE: break;
	}
	return err_set(err, ERR_DATA, _("no province %s in the catalogue: write 63/46, P63-46 or 46"), word);
}

static bool suggest(enum store_thing thing, const char *word, const char *meant, struct err *err)
{
	switch (thing) {
	case STORE_INDICATOR:
		return err_set(err, ERR_DATA, _("the catalogue has no indicator %s; did you mean %s?"), word, meant);
	case STORE_RULE: return err_set(err, ERR_DATA, _("there is no rule %s; did you mean %s?"), word, meant);
	case STORE_PROVIDER:
		return err_set(err, ERR_DATA, _("the catalogue has no provider %s; did you mean %s?"), word, meant);
	case STORE_AREA: return err_set(err, ERR_DATA, _("there is no area %s; did you mean %s?"), word, meant);
	case STORE_DATAFLOW:
		return err_set(err, ERR_DATA, _("the catalogue has no dataflow %s; did you mean %s?"), word, meant);
	case STORE_PROVINCE: break;
	}
	return err_set(err, ERR_DATA, _("no province %s in the catalogue; did you mean %s?"), word, meant);
}

bool named(struct store *s, enum store_thing thing, struct arena *a, const char **code, struct err *err)
{
	const struct store_name *meant = NULL;
	struct store_name *names;
	struct nearest near;
	size_t n;

	if (!*code) {
		return true;
	}
	if (store_names(s, thing, a, &names, &n, err) != STORE_OK) {
		return false;
	}
	near = nearest_to(*code);
	for (size_t i = 0; i < n; i++) {
		nearest_try(&near, names[i].name);
		meant = near.found == names[i].name ? &names[i] : meant;
	}
	if (!meant) {
		return refuse(thing, *code, names, n, err);
	}
	if (near.distance > 0 || !meant->is_code) {
		return suggest(thing, *code, meant->code, err);
	}
	*code = meant->code;
	return true;
}

bool named_period(struct store *s, enum store_thing thing, const char *code, const char *period, struct err *err)
{
	struct arena *a = arena_new(SIZE_MAX);
	const char *frequencies;
	bool fits = true,
	     fine = !code || store_frequencies(s, thing, code, period, a, &frequencies, &fits, err) == STORE_OK;

	if (!fits) {
		fine = err_set(
		    err, ERR_DATA,
		    _("%s is no period of %s, which is reported by %s (A year, S half-year, Q quarter, M month, W "
		      "week, D day, R from one day to another)"),
		    period, code, frequencies);
	}
	arena_free(&a);
	return fine;
}

bool named_level(const char *level, struct err *err)
{
	return !level || strcmp(level, "nation") == 0 || strcmp(level, "region") == 0 ||
	       strcmp(level, "province") == 0 ||
	       err_set(err, ERR_USAGE, _("--level %s: use nation, region or province"), level);
}

bool named_boundary(const char *text, struct err *err)
{
	int64_t day;

	return !text || strcmp(text, "63") == 0 || strcmp(text, "34") == 0 ||
	       (strlen(text) == strlen("2025-07-01") && clock_parse(text, &day)) ||
	       err_set(err, ERR_USAGE, "--boundary %s: %s", text, _(NAMED_BOUNDARY_HELP));
}
