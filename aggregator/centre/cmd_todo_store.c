/* SPDX-License-Identifier: Apache-2.0 */
/* tram todo --provider: what a province owes, as the centre sees it. */
#include "centre.h"

#include "lang.h"
#include "named.h"
#include "todo_show.h"

#include <stdint.h>
#include <sysexits.h>

struct todo_options {
	struct centre_options centre;
	const char *provider, *as_of;
};

static const struct option_row todo_rows[] = {
    {"provider", "PROVINCE", OPTION_TEXT, offsetof(struct todo_options, provider), N_("whose: P63-46, 63/46 or 46")},
    {"as-of", "TIME", OPTION_TEXT, offsetof(struct todo_options, as_of),
     N_("as it was known then: 2024-07-19, or 2024-07-19T08:00:00+07:00")},
    CENTRE_ROWS(todo_options),
};

static const struct options todo_spec = {
    "todo",
    "--provider PROVINCE [OPTION]...",
    N_("What a province owes, and by when: figures that were refused and wait to be mended, figures that are held and "
       "wait\n"
       "for a reason, reports that are late, and those due within a quarter, by the legal calendar."),
    false,
    true,
    todo_rows,
    sizeof todo_rows / sizeof *todo_rows,
    0,
    0};

static bool show(struct store *s, const struct todo_options *o, int64_t as_of_us, struct err *err)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct todo_question question = {.as_of_us = as_of_us, .provider = o->provider};
	Tram__V1__Todo *todo = NULL;
	bool ok = centre_moment_came(s, MOMENT_AS_OF, o->as_of, err) &&
		  named(s, STORE_PROVINCE, a, &question.provider, err) &&
		  store_todo(s, &question, a, &todo, err) == STORE_OK;

	if (ok) {
		todo_show(todo, o->centre.common.format);
	}
	arena_free(&a);
	return ok;
}

static bool check_options(const struct todo_options *o, int64_t *ret_as_of_us, struct err *err)
{
	*ret_as_of_us = INT64_MAX;
	if (!o->provider) {
		return err_set(err, ERR_USAGE, _("tell whose: --provider P63-46"));
	}
	return moment_read(MOMENT_AS_OF, o->as_of, ret_as_of_us, err);
}

int cmd_todo_store(int argc, char **argv)
{
	struct todo_options o = {0};
	int64_t as_of_us;
	struct store *s;
	struct err err;
	int first, status;
	bool ok;

	if (!centre_parse(&todo_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!check_options(&o, &as_of_us, &err) || !(s = centre_connect(&o.centre, CENTRE_READER, &err))) {
		return centre_fail(&err);
	}
	ok = show(s, &o, as_of_us, &err);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}
