/* SPDX-License-Identifier: Apache-2.0 */
#include "tail_names.h"

#include "book.h"
#include "lang.h"
#include "nearest.h"
#include "talk.h"

#include <string.h>

typedef Tram__Control__V1__Names names_row;

/* Kinds of names have the filter's options' own names. */
static const struct kind {
	const char *kind;
	size_t list; /* of the filter */
} kinds[] = {
    {"area", offsetof(struct tail_filter, areas)},         {"agent", offsetof(struct tail_filter, agents)},
    {"dataflow", offsetof(struct tail_filter, dataflows)}, {"indicator", offsetof(struct tail_filter, indicators)},
    {"rule", offsetof(struct tail_filter, rules)},         {"word", offsetof(struct tail_filter, words)},
};

struct check {
	const struct tail_filter *filter;
	bool asked, wrong;
	struct err *err;
};

static bool is_known(const struct kind *kind, const names_row *row, const char *name)
{
	for (size_t i = 0; i < row->n_names; i++) {
		const char *slash = strchr(row->names[i], '/');

		if (strcmp(row->names[i], name) == 0)
			return true;
		if (slash && strcmp(kind->kind, "area") == 0 && strcmp(slash + 1, name) == 0)
			return true; /* of any vintage */
	}
	return false;
}

static bool tell_unknown(const struct kind *kind, const names_row *row, const char *name, struct err *err)
{
	struct nearest near = nearest_to(name);
	char list[300];

	for (size_t i = 0; i < row->n_names; i++)
		nearest_try(&near, row->names[i]);
	if (near.found)
		return err_set(err, ERR_DATA, _("--%s %s: the centre knows none such; did you mean %s?"), kind->kind,
			       name, near.found);
	return err_set(err, ERR_DATA, _("--%s %s: the centre knows none such; it knows %s"), kind->kind, name,
		       book_list(row->names, row->n_names, list, sizeof list));
}

static bool check_kind(const struct kind *kind, const names_row *row, const struct tail_filter *filter, struct err *err)
{
	const struct option_list *list = (const void *)((const char *)filter + kind->list);
	bool fine = true;

	for (size_t i = 0; fine && i < list->n; i++)
		fine = is_known(kind, row, list->texts[i]) || tell_unknown(kind, row, list->texts[i], err);
	return fine;
}

/* A kind of which nothing is known is no reason to refuse: the first agent may be accepted while somebody listens. */
static bool take_row(void *context, const Tram__Control__V1__ControlReply *reply)
{
	struct check *c = context;
	const names_row *row = reply->names;

	if (reply->body_case != TRAM__CONTROL__V1__CONTROL_REPLY__BODY_NAMES)
		return true;
	c->asked = true;
	for (size_t i = 0; row->n_names > 0 && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].kind, row->kind) == 0 && !check_kind(&kinds[i], row, c->filter, c->err))
			c->wrong = true;
	return !c->wrong;
}

bool tail_names_check(const char *control, const struct tail_filter *filter, bool *ret_asked, struct err *err)
{
	Tram__Control__V1__ControlRequest request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__NamesGet body;
	struct check c = {.filter = filter, .err = err};
	struct err away;

	tram__control__v1__names_get__init(&body);
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_NAMES;
	request.names = &body;
	*ret_asked = talk_ask(control, &request, TALK_PATIENCE_MS, take_row, &c, &away) && c.asked;
	return !c.wrong;
}
