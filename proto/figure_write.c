/* SPDX-License-Identifier: Apache-2.0 */
#include "figure_proof.h"
#include "mem.h"
#include "proof_lines.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>

struct figure_writer {
	struct lines_out out;
};

struct figure_writer *figure_writer_new(proof_sink *sink, void *context)
{
	struct figure_writer *w = xcalloc(1, sizeof *w);

	lines_out_init(&w->out, sink, context);
	lines_put(&w->out, "%s", FIGURE_MAGIC);
	return w;
}

void figure_writer_free(struct figure_writer **wp)
{
	if (*wp)
		lines_out_done(&(*wp)->out);
	free(*wp);
	*wp = NULL;
}

void figure_put_note(struct figure_writer *w, const char *text)
{
	lines_put_note(&w->out, text);
}

/* What there is none of. */
static const char *or_none(const char *text)
{
	return *text ? text : "-";
}

static void put_place(struct figure_writer *w, const struct figure_item *i)
{
	char epoch[2 * EPOCH_SIZE + 1];

	if (figure_is_shown(i))
		lines_put(&w->out, "at %s %s %" PRIu64 " %" PRIu64, i->agent,
			  text_hex(i->epoch.bytes, EPOCH_SIZE, epoch), i->seq, i->line);
}

static void put_item(struct figure_writer *w, const struct figure_item *i)
{
	lines_put(&w->out, "item %s %s %s %s %s %" PRId64 " %" PRId64 " %s %s %s %s %s", item_parts[i->part], i->area,
		  i->counts_for, i->period, item_states[i->state], i->revision, i->leaves, or_none(i->value),
		  or_none(i->numerator), or_none(i->denominator), or_none(i->weight), or_none(i->population));
	put_place(w, i);
}

static void put_node(struct figure_writer *w, const struct figure_statement *s, const struct figure_node *n)
{
	lines_put(&w->out, "figure %s %s %s %s %s %s %s %c %s %s %s %c", n->indicator, n->period, n->level, n->area,
		  or_none(n->boundary), figure_hows[n->how], figure_times[n->over_time], n->leaf ? n->leaf : '-',
		  n->unit, or_none(n->weighed_by), figure_times[n->weighed_over],
		  n->weighed_leaf ? n->weighed_leaf : '-');
	lines_put(&w->out, "is %s %s %s", or_none(n->value), or_none(n->numerator), or_none(n->denominator));
	lines_put(&w->out, "covers %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s", n->reporting,
		  n->expected, n->parts_reporting, n->parts_expected, n->held, or_none(n->coverage));
	lines_put(&w->out, "says %s %s %s %s %s", n->finality, or_none(n->obs_status), or_none(n->qualifier),
		  or_none(n->low), or_none(n->high));
	if (n->top)
		lines_put(&w->out, "from %zu %zu", n->top, n->bottom);
	for (size_t i = 0; i < n->n_items; i++)
		put_item(w, &s->items[n->first_item + i]);
}

void figure_put_statement(struct figure_writer *w, const struct figure_statement *s,
			  const uint8_t public_key[static SIGN_PUBLIC_SIZE],
			  const uint8_t secret[static SIGN_SECRET_SIZE])
{
	char hex[2 * SIGN_PUBLIC_SIZE + 1];
	uint8_t signature[SIGNATURE_SIZE];
	struct digest content;

	lines_put(&w->out, "known %" PRId64, s->known_at_us);
	lines_put(&w->out, "stated %" PRId64, s->stated_at_us);
	lines_put(&w->out, "catalogue %" PRId64, s->catalogue_version);
	for (size_t i = 0; i < s->n_keys; i++)
		lines_put(&w->out, "key %s %s", s->keys[i].name,
			  text_hex(s->keys[i].public_key, SIGN_PUBLIC_SIZE, hex));
	for (size_t i = 0; i < s->n_nodes; i++)
		put_node(w, s, &s->nodes[i]);
	hashing_so_far(w->out.hashing, &content);
	figure_sign(&content, secret, signature);
	lines_put_signature(&w->out, "signed", public_key, signature);
}

void figure_put_batch(struct figure_writer *w, const struct batch_header *h, const uint8_t key_id[static KEY_ID_SIZE],
		      const uint8_t signature[static SIGNATURE_SIZE])
{
	char epoch[2 * EPOCH_SIZE + 1], prev[2 * DIGEST_SIZE + 1], chain[2 * DIGEST_SIZE + 1], id[2 * KEY_ID_SIZE + 1],
	    hex[2 * SIGNATURE_SIZE + 1];

	lines_put(&w->out, "batch %s %s %" PRIu64 " %" PRIu64 " %s %s %s %s", h->agent,
		  text_hex(h->epoch.bytes, EPOCH_SIZE, epoch), h->first_seq, h->last_seq,
		  text_hex(h->prev_chain.bytes, DIGEST_SIZE, prev), text_hex(h->chain.bytes, DIGEST_SIZE, chain),
		  text_hex(key_id, KEY_ID_SIZE, id), text_hex(signature, SIGNATURE_SIZE, hex));
}

static void put_digest(struct figure_writer *w, const char *word, uint64_t seq, const struct digest *digest)
{
	char hex[2 * DIGEST_SIZE + 1];

	lines_put(&w->out, "%s %" PRIu64 " %s", word, seq, text_hex(digest->bytes, DIGEST_SIZE, hex));
}

void figure_put_link(struct figure_writer *w, uint64_t seq, const struct digest *digest)
{
	put_digest(w, "link", seq, digest);
}

void figure_put_report(struct figure_writer *w, uint64_t seq, const void *bytes, size_t len)
{
	struct digest digest;

	digest_report(bytes, len, &digest);
	put_digest(w, "report", seq, &digest);
	lines_put_bytes(&w->out, bytes, len);
}

void figure_put_end(struct figure_writer *w)
{
	lines_put_sum(&w->out);
}
