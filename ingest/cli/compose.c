/* SPDX-License-Identifier: Apache-2.0 */
#include "compose.h"

#include "binder.h"
#include "codec.h"
#include "mem.h"
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>

struct compose {
	struct problems *problems;
	struct check *check;
	struct binder *binder;
	compose_give *give;
	void *context;
	struct input *in; /* of the file under way, for progress */
	uint64_t records;
	bool altered;     /* the report that ends next is not what the file has */
	size_t of_report; /* observations since the last report's end */
};

static bool is_sound(const struct compose *c)
{
	return problems_errors(c->problems) == 0;
}

static void give(void *context, const uint8_t *report, size_t len, size_t observations)
{
	struct compose *c = context;

	if (is_sound(c))
		c->give(c->context, report, len, observations);
}

struct compose *compose_new(const struct check_options *options, const struct book *book, struct problems *problems,
			    compose_give *give_to, void *context)
{
	struct compose *c = xcalloc(1, sizeof *c);

	c->problems = problems;
	c->check = check_new(options, book, problems);
	c->binder = binder_new(give, c);
	c->give = give_to;
	c->context = context;
	return c;
}

void compose_free(struct compose **cp)
{
	if (!*cp)
		return;
	binder_free(&(*cp)->binder);
	check_free(&(*cp)->check);
	free(*cp);
	*cp = NULL;
}

static void tell_too_large(struct compose *c, const struct record *record, size_t len)
{
	char has[24], limit[24];

	snprintf(has, sizeof has, "%zu", len);
	snprintf(limit, sizeof limit, "%u", LIMIT_REPORT_BYTES);
	problems_add(c->problems, PROBLEM_REPORT_TOO_LARGE, record->at,
		     (struct problem_words){.found = has, .hint = limit});
}

void compose_record(struct compose *c, const struct record *record)
{
	const Tram__V1__Report *head;
	const Tram__V1__Observation *observation;
	bool altered;
	size_t len;

	c->records++;
	c->of_report++;
	if (c->in)
		terminal_progress(input_taken(c->in), input_size(c->in), c->records);
	if (!check_record(c->check, record, &head, &observation, &altered))
		return;
	c->altered = c->altered || altered;
	if (is_sound(c) && !binder_add(c->binder, head, observation, &len))
		tell_too_large(c, record, len);
}

void compose_finish(struct compose *c)
{
	binder_give_all(c->binder);
}

uint64_t compose_records(const struct compose *c)
{
	return c->records;
}

/* ---------------------------------------------------------------- the reader's calls */

static void on_record(void *context, const struct record *record)
{
	compose_record(context, record);
}

/* A report that came as bytes goes on as those bytes: its province may know it by their digest. */
static void on_report_end(void *context, const uint8_t *bytes, size_t len)
{
	struct compose *c = context;

	if (bytes && !c->altered) {
		binder_drop_all(c->binder);
		give(c, bytes, len, c->of_report);
	} else {
		binder_give_all(c->binder);
	}
	c->altered = false;
	c->of_report = 0;
}

static bool on_supplies(void *context, enum field_id field)
{
	struct compose *c = context;

	return check_supplies(c->check, field);
}

static bool on_locale(void *context, const char *name)
{
	struct compose *c = context;

	return check_declare_locale(c->check, name);
}

bool compose_file(struct compose *c, struct input *in, enum reader_format format, const struct reader_options *options,
		  struct err *err)
{
	const struct reader_sink sink = {on_record, on_report_end, on_supplies, on_locale, c};
	bool ok;

	c->in = in;
	ok = reader_run(format, in, options, &sink, c->problems, err);
	c->in = NULL;
	terminal_progress_end();
	return ok;
}
