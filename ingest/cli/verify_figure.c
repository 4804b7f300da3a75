/* SPDX-License-Identifier: Apache-2.0 */
#include "verify_figure.h"

#include "cli.h"
#include "clock.h"
#include "figure_proof.h"
#include "lang.h"
#include "mem.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AREAS_SHOWN 10

bool verify_figure_is(struct input *in)
{
	static const char magic[] = FIGURE_MAGIC "\n";
	const uint8_t *data;

	return input_peek(in, &data) >= sizeof magic - 1 && memcmp(data, magic, sizeof magic - 1) == 0;
}

static bool read_all(struct figure_reader *r, struct input *in, struct figure_proof *ret, struct err *err)
{
	const uint8_t *data;
	size_t n;

	while ((n = input_take(in, INPUT_CHUNK, &data)) > 0)
		if (!figure_reader_feed(r, data, n, err))
			return false;
	return !input_failed(in, err) && figure_reader_end(r, ret, err);
}

/* ---------------------------------------------------------------- what is in it */

static size_t count(const struct figure_statement *s, const struct figure_node *n, enum item_part part,
		    enum item_state state)
{
	size_t found = 0;

	for (size_t i = 0; i < n->n_items; i++) {
		const struct figure_item *item = &s->items[n->first_item + i];

		found += item->part == part && item->state == state;
	}
	return found;
}

static const char *or_dash(const char *text)
{
	return *text ? text : "–";
}

static const char *how_text(enum figure_how how)
{
	static const char *const texts[FIGURE_HOWS] = {
	    [FIGURE_OWN] = N_("stated as such"),
	    [FIGURE_SUM] = N_("sum of the values"),
	    [FIGURE_RATIO] = N_("sum of the numerators / sum of the denominators"),
	    [FIGURE_MEAN] = N_("sum of value × weight / sum of the weights"),
	    [FIGURE_GROWTH] = N_("growth between the two figures that follow"),
	    [FIGURE_QUOTIENT] = N_("quotient of the two figures that follow"),
	};

	return _(texts[how]);
}

static void print_areas(const struct figure_statement *s, const struct figure_node *n, enum item_state state,
			const char *title)
{
	size_t total = count(s, n, ITEM_VALUE, state), shown = 0;

	if (total == 0)
		return;
	printf("  %s (%zu):", title, total);
	for (size_t i = 0; i < n->n_items && shown < AREAS_SHOWN; i++) {
		const struct figure_item *item = &s->items[n->first_item + i];

		if (item->part != ITEM_VALUE || item->state != state)
			continue;
		printf("%s %s", shown++ ? "," : "", item->area);
		if (strcmp(item->period, n->period) != 0)
			printf(" %s", item->period);
	}
	printf("%s\n", total > shown ? " …" : "");
}

static void print_node(const struct figure_statement *s, const struct figure_node *n)
{
	printf("%s, %s, %s\n", n->indicator, n->period, n->area);
	printf("  %s %s", or_dash(n->value), n->unit);
	if (*n->numerator || *n->denominator)
		printf(" (%s / %s)", or_dash(n->numerator), or_dash(n->denominator));
	printf("\n  %s", how_text(n->how));
	if (!n->top)
		printf(_(", worked out again from %zu contributions"), count(s, n, ITEM_VALUE, ITEM_COUNTS));
	printf("\n");
	printf(_("  the centre's word: %s, %" PRId64 " of %" PRId64 " areas, units of %s\n"), n->finality, n->reporting,
	       n->expected, or_dash(n->boundary));
	print_areas(s, n, ITEM_NOT_APPLICABLE, _("not applicable, as they signed themselves"));
	print_areas(s, n, ITEM_MISSING, _("missing, by the centre's word"));
	print_areas(s, n, ITEM_EXPLAINED, _("without a figure for a reason given, by the centre's word"));
	print_areas(s, n, ITEM_HELD, _("held, by the centre's word"));
	print_areas(s, n, ITEM_HIDDEN, _("left out for one that says more, by the centre's word"));
}

static void print_not_proven(const struct figure_proof *p)
{
	printf("\n%s\n", _("NOT proven by it:"));
	if (p->agents_given < p->agents)
		printf("  %s\n",
		       _("whose the agents' keys are that were not given: that they are theirs is the centre's word"));
	printf("  %s\n  %s\n  %s\n  %s\n", _("whose the given keys are: compare their fingerprints by another way"),
	       _("which areas were expected, which figures were accepted, held or refused, and that no later ones were "
		 "known then:\n  that is the centre's signed word"),
	       _("that method, unit and weights are the right ones: they are the catalogue's, in the version named"),
	       _("that what the provinces signed is true"));
}

static void print_proof(const struct figure_proof *p, const char *fingerprint)
{
	const struct figure_statement *s = p->statement;
	char known[CLOCK_TEXT], stated[CLOCK_TEXT];

	printf("%s\n\n", _("PROVEN"));
	for (size_t i = 0; i < s->n_nodes; i++)
		print_node(s, &s->nodes[i]);
	printf("\n");
	printf(_("The centre signed that this is what it rolled up, as known at %s, by version %" PRId64
		 " of its catalogue; stated at %s.\n"),
	       clock_text_vn(s->known_at_us, known), s->catalogue_version, clock_text_vn(s->stated_at_us, stated));
	printf(_("The key taken for the centre's: %s, fingerprint %s.\n"), p->centre->name, fingerprint);
	printf(_("Every contribution stands in a report that its agent signed: %zu in %zu reports, %zu batches, %zu "
		 "agents.\n"),
	       p->shown, p->reports, p->batches, p->agents);
	printf(_("Of these agents' keys, %zu were given and are the same; for the others the centre signed whose they "
		 "are.\n"),
	       p->agents_given);
	print_not_proven(p);
}

/* ---------------------------------------------------------------- for programs */

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *node_json(const struct figure_statement *s, const struct figure_node *n)
{
	return json_pack("{ss ss ss ss so ss so so so sI sI sI ss sI sI sI}", "indicator", n->indicator, "time_period",
			 n->period, "level", n->level, "area", n->area, "boundary", text_or_null(n->boundary), "how",
			 figure_hows[n->how], "value", text_or_null(n->value), "numerator", text_or_null(n->numerator),
			 "denominator", text_or_null(n->denominator), "contributions",
			 (json_int_t)count(s, n, ITEM_VALUE, ITEM_COUNTS), "areas_reporting", (json_int_t)n->reporting,
			 "areas_expected", (json_int_t)n->expected, "finality", n->finality, "missing",
			 (json_int_t)count(s, n, ITEM_VALUE, ITEM_MISSING), "held",
			 (json_int_t)count(s, n, ITEM_VALUE, ITEM_HELD), "not_applicable",
			 (json_int_t)count(s, n, ITEM_VALUE, ITEM_NOT_APPLICABLE));
}

static bool print_json(const struct figure_proof *p, const char *fingerprint, struct err *err)
{
	const struct figure_statement *s = p->statement;
	char known[CLOCK_TEXT], stated[CLOCK_TEXT];
	json_t *figures = json_array();

	for (size_t i = 0; i < s->n_nodes; i++)
		json_array_append_new(figures, node_json(s, &s->nodes[i]));
	return cli_print_json(json_pack("{sb ss ss sI ss ss sI sI sI sI sI so}", "proven", 1, "known_at",
					clock_text_rfc3339(s->known_at_us, known), "stated_at",
					clock_text_rfc3339(s->stated_at_us, stated), "catalogue_version",
					(json_int_t)s->catalogue_version, "centre_key", p->centre->name,
					"centre_fingerprint", fingerprint, "agents", (json_int_t)p->agents,
					"agents_given", (json_int_t)p->agents_given, "batches", (json_int_t)p->batches,
					"reports", (json_int_t)p->reports, "shown", (json_int_t)p->shown, "figures",
					figures),
			      err);
}

/* ---------------------------------------------------------------- the check */

static bool tell(const struct figure_proof *p, const struct keys *keys, size_t n, enum table_format format,
		 struct err *err)
{
	char fingerprint[40] = "";

	for (size_t i = 0; i < n; i++)
		if (memcmp(keys[i].sign_public, p->centre->public_key, SIGN_PUBLIC_SIZE) == 0)
			keys_fingerprint(&keys[i], fingerprint);
	if (format == TABLE_JSON)
		return print_json(p, fingerprint, err);
	print_proof(p, fingerprint);
	return true;
}

bool verify_figure(struct input *in, const char *path, const struct keys *keys, size_t n, enum table_format format,
		   struct err *err)
{
	struct proof_key *known = xcalloc(n ? n : 1, sizeof *known);
	struct figure_reader *r;
	struct figure_proof proof;
	bool fine;

	for (size_t i = 0; i < n; i++) {
		snprintf(known[i].name, sizeof known[i].name, "%s", keys[i].name);
		memcpy(known[i].public_key, keys[i].sign_public, SIGN_PUBLIC_SIZE);
	}
	r = figure_reader_new(known, n);
	free(known);
	fine = read_all(r, in, &proof, err);
	if (fine)
		fine = tell(&proof, keys, n, format, err);
	else if (err->kind == ERR_DATA)
		err_prefix(err, _("%s: NOT PROVEN"), path);
	figure_reader_free(&r);
	return fine;
}
