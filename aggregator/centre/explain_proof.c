/* SPDX-License-Identifier: Apache-2.0 */
#include "explain_proof.h"

#include "clock.h"
#include "codec.h"
#include "display.h"
#include "explain_show.h"
#include "figure_proof.h"
#include "keys.h"
#include "lang.h"
#include "mem.h"
#include "outfile.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_CAP   (1u << 30) /* one batch as it is stored, and decoded */
#define PAYLOAD_MAX (512u << 20)

/* A contribution that is shown, and the stream that it stands in. */
struct place {
	const struct figure_item *item;
	const struct explained_contribution *row;
};

struct proving {
	struct store *store;
	const struct explanation *e;
	struct keys centre;
	struct figure_statement s;
	struct explained_contribution const **rows; /* of s.items */
	struct place *places;
	size_t n_places;
	struct arena *arena;
	struct figure_writer *writer;
	struct figure_reader *reader; /* of what the writer writes */
	struct outfile out;
	bool is_read; /* so far */
	struct err why;
};

/* ---------------------------------------------------------------- the statement */

static bool set(char *ret, size_t size, const char *text, struct err *err)
{
	int n = snprintf(ret, size, "%s", text ? text : "");

	return (n >= 0 && (size_t)n < size) || err_set(err, ERR_DATA, _("%.80s… does not fit into a proof"), text);
}

#define SET(member, text) set(member, sizeof(member), text, err)

static bool set_item(struct figure_item *i, const struct explained_contribution *c, struct err *err)
{
	struct period period;

	i->part = (enum item_part)figure_word(item_parts, ITEM_PARTS, c->part);
	i->state = (enum item_state)figure_word(item_states, ITEM_STATES, c->state);
	if (i->part == ITEM_PARTS || i->state == ITEM_STATES || !period_parse(c->period, &period)) {
		return err_set(err, ERR_DATA, _("a contribution of kind %s, %s, %s does not fit into a proof"), c->part,
			       c->state, c->period);
	}
	i->packed = period_pack(&period);
	i->revision = c->revision ? strtoll(c->revision, NULL, 10) : -1;
	i->leaves = c->leaves;
	if (figure_is_shown(i) && c->agent && text_unhex(c->epoch, i->epoch.bytes, EPOCH_SIZE)) {
		i->seq = (uint64_t)c->seq;
		i->line = (uint64_t)c->line;
		if (!SET(i->agent, c->agent)) {
			return false;
		}
	}
	return SET(i->area, c->area) && SET(i->counts_for, c->counts_for) && SET(i->period, c->period) &&
	       SET(i->value, c->value) && SET(i->numerator, c->numerator) && SET(i->denominator, c->denominator) &&
	       SET(i->weight, c->weight) && SET(i->population, c->population);
}

static bool set_words(struct figure_node *n, const struct explanation *e, const struct explained_figure *f,
		      struct err *err)
{
	const struct rollup_figure *r = &f->figure;

	return SET(n->indicator, f->indicator) && SET(n->period, f->period) && SET(n->level, e->question.level) &&
	       SET(n->area, e->question.area) && SET(n->boundary, e->figures[0].about.figure.boundary) &&
	       SET(n->unit, r->unit) && SET(n->weighed_by, n->how == FIGURE_MEAN ? f->weighed_by : "") &&
	       SET(n->value, r->value) && SET(n->numerator, r->numerator) && SET(n->denominator, r->denominator) &&
	       SET(n->coverage, r->coverage_weight) &&
	       SET(n->finality, r->finality && *r->finality ? r->finality : "provisional") &&
	       SET(n->obs_status, r->obs_status) && SET(n->qualifier, r->qualifier) && SET(n->low, r->interval_low) &&
	       SET(n->high, r->interval_high);
}

static bool set_node(struct figure_node *n, const struct explanation *e, const struct explained_figure *f,
		     struct err *err)
{
	const struct rollup_figure *r = &f->figure;

	n->how = (enum figure_how)figure_word(figure_hows, FIGURE_HOWS, f->how);
	n->over_time = (enum figure_time)figure_word(figure_times, FIGURE_TIMES, f->over_time);
	n->weighed_over = (enum figure_time)figure_word(figure_times, FIGURE_TIMES, f->weighed_over);
	if (n->how == FIGURE_HOWS || n->over_time == FIGURE_TIMES || n->weighed_over == FIGURE_TIMES || !*f->period) {
		return err_set(err, ERR_DATA, _("%s, %s cannot be proven: there is nothing that it is made of"),
			       f->indicator, f->period);
	}
	n->leaf = *f->leaf;
	n->weighed_leaf = *f->weighed_leaf;
	n->top = (size_t)f->top;
	n->bottom = (size_t)f->bottom;
	n->reporting = r->areas_reporting;
	n->expected = r->areas_expected;
	n->parts_reporting = r->parts_reporting;
	n->parts_expected = r->parts_expected;
	n->held = r->held;
	return set_words(n, e, f, err);
}

struct sorted {
	struct figure_item item;
	const struct explained_contribution *row;
};

static int compare_sorted(const void *a, const void *b)
{
	return figure_compare_items(&((const struct sorted *)a)->item, &((const struct sorted *)b)->item);
}

/* A figure's contributions in the order of the file. */
static bool add_items(struct proving *p, const struct explanation_figure *f, struct err *err)
{
	struct sorted *sorted = xcalloc(f->n ? f->n : 1, sizeof *sorted);
	bool fine = true;

	for (size_t i = 0; fine && i < f->n; i++) {
		sorted[i].row = &f->rows[i];
		fine = set_item(&sorted[i].item, &f->rows[i], err);
	}
	qsort(sorted, f->n, sizeof *sorted, compare_sorted);
	for (size_t i = 0; fine && i < f->n; i++) {
		p->rows[p->s.n_items] = sorted[i].row;
		p->s.items[p->s.n_items++] = sorted[i].item;
	}
	free(sorted);
	return fine;
}

static bool fill_statement(struct proving *p, struct err *err)
{
	const struct explanation *e = p->e;
	const struct explained_figure *first = &e->figures[0].about;
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++) {
		n += e->figures[i].n;
	}
	if (n > FIGURE_ITEMS_MAX || e->n > FIGURE_NODES_MAX) {
		return err_set(err, ERR_DATA, _("this figure has %zu contributions, and a proof has %d at most"), n,
			       FIGURE_ITEMS_MAX);
	}
	p->s.items = xcalloc(n ? n : 1, sizeof *p->s.items);
	p->rows = xcalloc(n ? n : 1, sizeof *p->rows);
	p->s.nodes = xcalloc(e->n, sizeof *p->s.nodes);
	p->s.known_at_us = first->as_of_us == INT64_MAX ? e->at_us : first->as_of_us;
	p->s.stated_at_us = clock_wall_us();
	p->s.catalogue_version = strtoll(first->figure.catalogue_version, NULL, 10);
	for (size_t i = 0; i < e->n; i++) {
		struct figure_node *node = &p->s.nodes[p->s.n_nodes++];

		node->first_item = p->s.n_items;
		if (!set_node(node, e, &e->figures[i].about, err) || !add_items(p, &e->figures[i], err)) {
			return false;
		}
		node->n_items = p->s.n_items - node->first_item;
	}
	return true;
}

/* ---------------------------------------------------------------- places and keys */

static int compare_places(const void *a, const void *b)
{
	return figure_compare_places(((const struct place *)a)->item, ((const struct place *)b)->item);
}

static bool sort_places(struct proving *p, struct err *err)
{
	p->places = xcalloc(p->s.n_items ? p->s.n_items : 1, sizeof *p->places);
	for (size_t i = 0; i < p->s.n_items; i++) {
		const struct figure_item *item = &p->s.items[i];

		if (!figure_is_shown(item)) {
			continue;
		}
		if (!*item->agent) {
			return err_set(err, ERR_DATA, _("what %s, %s was stated with is not in the store: tram verify"),
				       item->area, item->period);
		}
		p->places[p->n_places++] = (struct place){item, p->rows[i]};
	}
	qsort(p->places, p->n_places, sizeof *p->places, compare_places);
	return true;
}

static bool has_key(const struct figure_statement *s, const char *agent, const uint8_t *public_key)
{
	for (size_t i = s->n_keys; i-- > 0;) {
		if (strcmp(s->keys[i].name, agent) == 0 &&
		    memcmp(s->keys[i].public_key, public_key, SIGN_PUBLIC_SIZE) == 0) {
			return true;
		}
	}
	return false;
}

/* Each key that the roster ever had for the agent and that signed one of its batches here. */
static bool add_key(struct proving *p, const struct place *place, struct err *err)
{
	const struct explained_contribution *c = place->row;
	struct audit_key *keys;
	uint8_t id[KEY_ID_SIZE];
	size_t n;

	if (!text_unhex(c->key_id ? c->key_id : "", id, KEY_ID_SIZE) ||
	    store_audit_keys(p->store, c->agent_no, p->arena, &keys, &n, err) != STORE_OK) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		struct proof_key *key = &p->s.keys[p->s.n_keys];

		if (memcmp(keys[i].key_id, id, KEY_ID_SIZE) != 0 || has_key(&p->s, c->agent, keys[i].signing_public)) {
			continue;
		}
		memcpy(key->public_key, keys[i].signing_public, SIGN_PUBLIC_SIZE);
		p->s.n_keys++;
		return SET(key->name, c->agent);
	}
	return true;
}

static int compare_keys(const void *a, const void *b)
{
	return figure_compare_keys(a, b);
}

static bool is_as_before(const struct place *places, size_t i)
{
	const struct explained_contribution *a = places[i].row, *b = places[i - 1].row;

	return a->agent_no == b->agent_no && strcmp(a->key_id, b->key_id) == 0;
}

static bool gather_keys(struct proving *p, struct err *err)
{
	bool fine = true;

	p->s.keys = xcalloc(p->n_places + 1, sizeof *p->s.keys);
	for (size_t i = 0; fine && i < p->n_places; i++) {
		fine = (i > 0 && is_as_before(p->places, i)) || add_key(p, &p->places[i], err);
	}
	qsort(p->s.keys, p->s.n_keys, sizeof *p->s.keys, compare_keys);
	arena_reset(p->arena);
	return fine;
}

/* ---------------------------------------------------------------- the file */

static void sink(void *context, const char *text, size_t len)
{
	struct proving *p = context;

	fwrite(text, 1, len, p->out.file);
	p->is_read = p->is_read && figure_reader_feed(p->reader, text, len, &p->why);
}

static void note(struct proving *p, char *text)
{
	figure_put_note(p->writer, text);
	free(text);
}

static void put_notes(struct proving *p)
{
	const struct explained_figure *f = &p->e->figures[0].about;
	char *figure = display_rollup(&f->figure), *coverage = display_coverage(&f->figure);
	char when[CLOCK_TEXT];

	note(p, xstrdup(_("PROOF OF A FIGURE: what it is made of, and what the provinces signed")));
	note(p, xstrdup(""));
	note(p, xasprintf("%s (%s), %s, %s", lang_is_vi() ? f->name_vi : f->name_en, f->indicator, f->period,
			  p->e->question.area));
	note(p, xasprintf(_("%s, by %s, as known at %s"), figure, coverage, clock_text_vn(p->s.known_at_us, when)));
	note(p, explain_formula(p->e, 0));
	note(p, display_closing(&f->figure));
	note(p,
	     xstrdup(_("Anybody can check this with the centre's public key, and the agents' where they have them:")));
	note(p, xstrdup("  tram verify --proof FILE --key centre.pub [--key AGENT.pub]..."));
	free(figure);
	free(coverage);
}

/* Its reports in order: those that contributions come from with their bytes. */
static bool put_entries(struct proving *p, const struct audit_batch *b, const Tram__V1__Batch *batch, size_t *at)
{
	const struct place *first = &p->places[*at];

	for (size_t i = 0; i < batch->n_entries; i++) {
		const ProtobufCBinaryData *report = &batch->entries[i]->report;
		uint64_t seq = b->first_seq + i;
		struct digest digest;
		bool shown = false;

		for (; *at < p->n_places && p->places[*at].row->stream_no == first->row->stream_no &&
		       p->places[*at].item->seq == seq;
		     ++*at) {
			shown = true;
		}
		if (shown) {
			figure_put_report(p->writer, seq, report->data, report->len);
		} else {
			digest_report(report->data, report->len, &digest);
			figure_put_link(p->writer, seq, &digest);
		}
	}
	return true;
}

/* The batch that the next place is in; *at moves behind all places in it. */
static bool put_batch(struct proving *p, size_t *at, struct err *err)
{
	const struct place *place = &p->places[*at];
	size_t before = *at, len;
	struct audit_batch b;
	const Tram__V1__Batch *batch = NULL;
	const uint8_t *plain;

	arena_reset(p->arena);
	if (store_batch_of(p->store, place->row->agent_no, place->row->stream_no, place->item->seq, p->arena, &b,
			   err) != STORE_OK) {
		return false;
	}
	plain = codec_decompress(p->arena, (Tram__V1__Codec)b.codec, b.payload, b.payload_len, PAYLOAD_MAX, &len, err);
	batch = plain ? codec_batch(p->arena, plain, len, err) : NULL;
	if (!batch) {
		return err_prefix(err, _("the bytes of %s"), place->row->agent);
	}
	figure_put_batch(p->writer,
			 &(struct batch_header){place->item->agent, place->item->epoch, b.first_seq, b.last_seq,
						b.prev_chain, b.chain},
			 b.key_id, b.signature);
	put_entries(p, &b, batch, at);
	return *at > before ||
	       err_set(err, ERR_DATA,
		       _("report %" PRIu64 " of %s is not in the bytes that are stored: tram verify %s says more"),
		       place->item->seq, place->row->agent, place->row->agent);
}

/* The file is written and read at once: a proof that does not hold is never handed out. */
static bool write_all(struct proving *p, struct err *err)
{
	const struct proof_key known = {.name = ""};
	struct proof_key centre = known;
	struct figure_proof proof;
	bool fine = true;

	snprintf(centre.name, sizeof centre.name, "%s", p->centre.name);
	memcpy(centre.public_key, p->centre.sign_public, SIGN_PUBLIC_SIZE);
	p->reader = figure_reader_new(&centre, 1);
	p->is_read = true;
	p->writer = figure_writer_new(sink, p);
	put_notes(p);
	figure_put_statement(p->writer, &p->s, p->centre.sign_public, p->centre.sign_secret);
	for (size_t at = 0; fine && p->is_read && at < p->n_places;) {
		fine = put_batch(p, &at, err);
	}
	if (fine) {
		figure_put_end(p->writer);
	}
	if (fine && !(p->is_read && figure_reader_end(p->reader, &proof, &p->why))) {
		fine = err_set(err, ERR_DATA, _("what is stored does not prove the figure (%s): tram verify says more"),
			       p->why.text);
	}
	figure_writer_free(&p->writer);
	figure_reader_free(&p->reader);
	return fine;
}

static bool write_file(struct proving *p, const char *path, struct err *err)
{
	if (!outfile_open(&p->out, path, err)) {
		return false;
	}
	if (write_all(p, err)) {
		return outfile_finish(&p->out, err);
	}
	outfile_abandon(&p->out);
	return false;
}

static bool load_keys(struct keys *ret, const struct centre_options *options, const char *key_file, struct err *err)
{
	struct settings settings;
	bool fine;

	if (key_file) {
		return keys_load_secret(key_file, ret, err);
	}
	if (!centre_settings(options, &settings, err)) {
		return err_prefix(
		    err, _("the centre's secret keys sign a proof, and its settings name them (or --key-file)"));
	}
	fine = keys_load_secret(settings.key_file, ret, err);
	settings_clear(&settings);
	return fine;
}

bool explain_prove(struct store *s, const struct explanation *e, const struct centre_options *options,
		   const char *key_file, const char *path, struct err *err)
{
	struct proving p = {.store = s, .e = e};
	bool fine;

	if (!load_keys(&p.centre, options, key_file, err)) {
		return false;
	}
	p.arena = arena_new(BATCH_CAP);
	fine = fill_statement(&p, err) && sort_places(&p, err) && gather_keys(&p, err) && write_file(&p, path, err);
	keys_wipe(&p.centre);
	arena_free(&p.arena);
	free(p.s.keys);
	free(p.s.nodes);
	free(p.s.items);
	free(p.rows);
	free(p.places);
	return fine;
}
