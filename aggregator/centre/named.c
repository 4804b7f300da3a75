/* SPDX-License-Identifier: Apache-2.0 */
#include "named.h"

#include "lang.h"
#include "nearest.h"

static bool refuse(enum store_thing thing, const char *word, struct err *err)
{
	switch (thing) {
	case STORE_INDICATOR:
		return err_set(err, ERR_DATA,
			       _("the catalogue has no indicator %s: tram rollup lists those with figures"), word);
	case STORE_RULE: return err_set(err, ERR_DATA, _("there is no rule %s: tram rules list shows them all"), word);
	case STORE_PROVIDER: return err_set(err, ERR_DATA, _("the catalogue has no provider %s"), word);
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
		return refuse(thing, *code, err);
	}
	if (near.distance > 0 || !meant->is_code) {
		return suggest(thing, *code, meant->code, err);
	}
	*code = meant->code;
	return true;
}
