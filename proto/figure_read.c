/* SPDX-License-Identifier: Apache-2.0 */
#include "figure_proof.h"

#include "codec.h"
#include "lang.h"
#include "mem.h"
#include "proof_lines.h"
#include "stated.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CAP (256u << 20) /* what hostile bytes can make of one report */

/* Which line comes next; the order of a file is the order of this list. */
enum step {
	AT_MAGIC,
	AT_KNOWN,
	AT_STATED,
	AT_CATALOGUE,
	AT_KEYS,
	AT_IS,
	AT_COVERS,
	AT_SAYS,
	AT_ITEMS,
	AT_PLACE,
	AT_EVIDENCE,
	AT_END
};

/* A batch that is being read. */
struct open_batch {
	struct batch_header header;
	char agent[PROOF_AGENT_MAX + 1];
	const struct proof_key *key;
	uint8_t signature[SIGNATURE_SIZE];
	uint64_t seq;        /* of its last line */
	struct digest chain; /* at seq */
	bool is_open, has_reports;
};

struct figure_reader {
	struct proof_key *given;
	size_t n_given;
	enum step step;
	struct lines_in in;
	struct figure_statement s;
	size_t room_keys, room_nodes, room_items;
	const struct figure_item **shown; /* in the order of the evidence */
	size_t n_shown, at_shown;         /* before at_shown they were found */
	struct open_batch batch;
	struct digest digest; /* of the report that is being read */
	uint8_t *bytes;
	size_t len, room_bytes, last_bytes;
	bool in_report;
	struct figure_proof proof;
};

/* ---------------------------------------------------------------- parts */

/* A text of printable ASCII without spaces, "-" is none. */
static bool take_text(const char **at, char *ret, size_t size)
{
	if (!line_take_part(at, ret, size))
		return false;
	for (const char *c = ret; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	if (strcmp(ret, "-") == 0)
		*ret = '\0';
	return true;
}

static bool take_code(const char **at, char *ret, size_t size)
{
	return take_text(at, ret, size) && *ret;
}

/* An exact decimal as PostgreSQL writes it: -0.50. */
static bool is_decimal(const char *text)
{
	size_t whole, parts = 0;

	text += *text == '-';
	whole = strspn(text, "0123456789");
	if (text[whole] == '.')
		parts = 1 + strspn(text + whole + 1, "0123456789");
	return whole > 0 && (*text != '0' || whole == 1) && parts != 1 && text[whole + parts] == '\0';
}

static bool take_decimal(const char **at, char *ret, size_t size)
{
	return take_text(at, ret, size) && (!*ret || is_decimal(ret));
}

static bool take_word(const char **at, const char *const *words, size_t n, void *ret, size_t size)
{
	char part[24];
	unsigned place;

	if (!line_take_part(at, part, sizeof part) || (place = (unsigned)figure_word(words, n, part)) == n)
		return false;
	memcpy(ret, &place, size);
	return true;
}

#define TAKE_WORD(at, words, n, ret) take_word(at, words, n, ret, sizeof(unsigned))
_Static_assert(sizeof(enum figure_how) == sizeof(unsigned), "words are read into enumerations");

static bool take_count(const char **at, int64_t *ret)
{
	return line_take_number(at, ret) && *ret >= 0;
}

static bool take_period(const char **at, char ret[static PERIOD_TEXT], int32_t *ret_packed)
{
	struct period period;

	if (!line_take_part(at, ret, PERIOD_TEXT) || !period_parse(ret, &period))
		return false;
	*ret_packed = period_pack(&period);
	return true;
}

/* One more element of an array that grows. */
static void *add(void *array, size_t *room, size_t n, size_t size)
{
	if (n < *room)
		return array;
	*room = *room ? 2 * *room : 16;
	return xreallocarray(array, *room, size);
}

/* ---------------------------------------------------------------- the head */

static bool read_magic(struct figure_reader *r, struct err *err)
{
	if (strcmp(r->in.line, FIGURE_MAGIC) != 0)
		return line_unlike(&r->in, FIGURE_MAGIC, err);
	r->step = AT_KNOWN;
	return true;
}

static bool read_time(struct figure_reader *r, const char *word, int64_t *ret, enum step next, struct err *err)
{
	const char *at = line_behind(r->in.line, word);

	if (!at || !line_take_number(&at, ret) || *at)
		return line_unlike(&r->in, word, err);
	r->step = next;
	return true;
}

static bool read_known(struct figure_reader *r, struct err *err)
{
	return *r->in.line == '#' ? line_read_note(&r->in, err)
				  : read_time(r, "known", &r->s.known_at_us, AT_STATED, err);
}

static bool read_stated(struct figure_reader *r, struct err *err)
{
	return read_time(r, "stated", &r->s.stated_at_us, AT_CATALOGUE, err);
}

static bool read_catalogue(struct figure_reader *r, struct err *err)
{
	return read_time(r, "catalogue", &r->s.catalogue_version, AT_KEYS, err);
}

static bool read_key(struct figure_reader *r, const char *at, struct err *err)
{
	struct figure_statement *s = &r->s;
	struct proof_key key;

	if (!line_take_part(&at, key.name, sizeof key.name) || !line_is_agent(key.name) ||
	    !line_take_hex(&at, key.public_key, SIGN_PUBLIC_SIZE) || *at)
		return line_unlike(&r->in, "key AGENT …", err);
	if (s->n_keys == FIGURE_KEYS_MAX)
		return line_wrong(&r->in, err, _("more than %d keys"), FIGURE_KEYS_MAX);
	if (s->n_keys > 0 && figure_compare_keys(&s->keys[s->n_keys - 1], &key) >= 0)
		return line_wrong(&r->in, err, _("this line does not come behind the one before"));
	s->keys = add(s->keys, &r->room_keys, s->n_keys, sizeof key);
	s->keys[s->n_keys++] = key;
	return true;
}

/* ---------------------------------------------------------------- figures */

/* "-" or the letter of a frequency. */
static bool take_leaf(const char **at, char *ret)
{
	char part[2];

	if (!line_take_part(at, part, sizeof part) || !strchr("-SQMD", *part))
		return false;
	*ret = *part == '-' ? '\0' : *part;
	return true;
}

static bool read_figure(struct figure_reader *r, const char *at, struct err *err)
{
	struct figure_statement *s = &r->s;
	struct figure_node n = {.first_item = s->n_items};
	int32_t packed;

	if (!take_code(&at, n.indicator, sizeof n.indicator) || !take_period(&at, n.period, &packed) ||
	    !take_code(&at, n.level, sizeof n.level) || !take_code(&at, n.area, sizeof n.area) ||
	    !take_text(&at, n.boundary, sizeof n.boundary) || !TAKE_WORD(&at, figure_hows, FIGURE_HOWS, &n.how) ||
	    !TAKE_WORD(&at, figure_times, FIGURE_TIMES, &n.over_time) || !take_leaf(&at, &n.leaf) ||
	    !take_code(&at, n.unit, sizeof n.unit) || !take_text(&at, n.weighed_by, sizeof n.weighed_by) ||
	    !TAKE_WORD(&at, figure_times, FIGURE_TIMES, &n.weighed_over) || !take_leaf(&at, &n.weighed_leaf) || *at)
		return line_unlike(&r->in, "figure …", err);
	if (s->n_nodes == FIGURE_NODES_MAX)
		return line_wrong(&r->in, err, _("more than %d figures"), FIGURE_NODES_MAX);
	s->nodes = add(s->nodes, &r->room_nodes, s->n_nodes, sizeof n);
	s->nodes[s->n_nodes++] = n;
	r->step = AT_IS;
	return true;
}

static struct figure_node *last_node(struct figure_reader *r)
{
	return &r->s.nodes[r->s.n_nodes - 1];
}

static bool read_is(struct figure_reader *r, struct err *err)
{
	struct figure_node *n = last_node(r);
	const char *at = line_behind(r->in.line, "is");

	if (!at || !take_decimal(&at, n->value, sizeof n->value) ||
	    !take_decimal(&at, n->numerator, sizeof n->numerator) ||
	    !take_decimal(&at, n->denominator, sizeof n->denominator) || *at)
		return line_unlike(&r->in, "is …", err);
	r->step = AT_COVERS;
	return true;
}

static bool read_covers(struct figure_reader *r, struct err *err)
{
	struct figure_node *n = last_node(r);
	const char *at = line_behind(r->in.line, "covers");

	if (!at || !take_count(&at, &n->reporting) || !take_count(&at, &n->expected) ||
	    !take_count(&at, &n->parts_reporting) || !take_count(&at, &n->parts_expected) ||
	    !take_count(&at, &n->held) || !take_decimal(&at, n->coverage, sizeof n->coverage) || *at)
		return line_unlike(&r->in, "covers …", err);
	r->step = AT_SAYS;
	return true;
}

static bool read_says(struct figure_reader *r, struct err *err)
{
	struct figure_node *n = last_node(r);
	const char *at = line_behind(r->in.line, "says");

	if (!at || !take_code(&at, n->finality, sizeof n->finality) ||
	    !take_text(&at, n->obs_status, sizeof n->obs_status) ||
	    !take_text(&at, n->qualifier, sizeof n->qualifier) || !take_decimal(&at, n->low, sizeof n->low) ||
	    !take_decimal(&at, n->high, sizeof n->high) || *at)
		return line_unlike(&r->in, "says …", err);
	r->step = AT_ITEMS;
	return true;
}

/* What a figure derives from stands behind it, so that none is made of itself. */
static bool read_from(struct figure_reader *r, const char *at, struct err *err)
{
	struct figure_node *n = last_node(r);
	uint64_t top, bottom;

	if (!line_take_seq(&at, &top) || !line_take_seq(&at, &bottom) || *at)
		return line_unlike(&r->in, "from …", err);
	if ((n->how != FIGURE_GROWTH && n->how != FIGURE_QUOTIENT) || n->top || n->n_items || top <= r->s.n_nodes ||
	    bottom <= top || bottom > FIGURE_NODES_MAX)
		return line_wrong(&r->in, err, _("this line does not belong here"));
	n->top = (size_t)top;
	n->bottom = (size_t)bottom;
	return true;
}

static bool take_item(const char *at, struct figure_item *ret)
{
	return TAKE_WORD(&at, item_parts, ITEM_PARTS, &ret->part) && take_code(&at, ret->area, sizeof ret->area) &&
	       take_code(&at, ret->counts_for, sizeof ret->counts_for) && take_period(&at, ret->period, &ret->packed) &&
	       TAKE_WORD(&at, item_states, ITEM_STATES, &ret->state) && line_take_number(&at, &ret->revision) &&
	       ret->revision >= -1 && take_count(&at, &ret->leaves) &&
	       take_decimal(&at, ret->value, sizeof ret->value) &&
	       take_decimal(&at, ret->numerator, sizeof ret->numerator) &&
	       take_decimal(&at, ret->denominator, sizeof ret->denominator) &&
	       take_decimal(&at, ret->weight, sizeof ret->weight) &&
	       take_decimal(&at, ret->population, sizeof ret->population) && !*at;
}

static bool read_item(struct figure_reader *r, const char *at, struct err *err)
{
	struct figure_statement *s = &r->s;
	struct figure_node *n = last_node(r);
	struct figure_item item = {.revision = -1};

	if (!take_item(at, &item))
		return line_unlike(&r->in, "item …", err);
	if (s->n_items == FIGURE_ITEMS_MAX)
		return line_wrong(&r->in, err, _("more than %d contributions"), FIGURE_ITEMS_MAX);
	if (n->top || (n->n_items > 0 && figure_compare_items(&s->items[s->n_items - 1], &item) >= 0))
		return line_wrong(&r->in, err, _("this line does not come behind the one before"));
	s->items = add(s->items, &r->room_items, s->n_items, sizeof item);
	s->items[s->n_items++] = item;
	n->n_items++;
	r->step = figure_is_shown(&item) ? AT_PLACE : AT_ITEMS;
	return true;
}

static bool read_place(struct figure_reader *r, struct err *err)
{
	struct figure_item *i = &r->s.items[r->s.n_items - 1];
	const char *at = line_behind(r->in.line, "at");

	if (!at || !line_take_part(&at, i->agent, sizeof i->agent) || !line_is_agent(i->agent) ||
	    !line_take_hex(&at, i->epoch.bytes, EPOCH_SIZE) || !line_take_seq(&at, &i->seq) ||
	    !line_take_seq(&at, &i->line) || *at)
		return line_unlike(&r->in, "at …", err);
	r->step = AT_ITEMS;
	return true;
}

/* ---------------------------------------------------------------- the centre's signature */

static bool is_named_by(const struct figure_statement *s, const char *name)
{
	for (size_t i = 0; i < s->n_keys; i++)
		if (strcmp(s->keys[i].name, name) == 0)
			return true;
	return false;
}

static bool has_id(const struct proof_key *key, const uint8_t *id)
{
	uint8_t own[KEY_ID_SIZE];

	key_id(key->public_key, own);
	return memcmp(own, id, KEY_ID_SIZE) == 0;
}

/* The centre's key with this id; *ret_any: whether there is any that may be the centre's. */
static const struct proof_key *centre_key(const struct figure_reader *r, const uint8_t *id, bool *ret_any)
{
	*ret_any = false;
	for (size_t i = 0; i < r->n_given; i++) {
		if (is_named_by(&r->s, r->given[i].name))
			continue;
		*ret_any = true;
		if (has_id(&r->given[i], id))
			return &r->given[i];
	}
	return NULL;
}

static bool is_same_key(const struct proof_key *a, const struct proof_key *b)
{
	return strcmp(a->name, b->name) == 0 && memcmp(a->public_key, b->public_key, SIGN_PUBLIC_SIZE) == 0;
}

/* Whom the centre calls an agent must be the one whose key was given, if one was. */
static bool are_agents_those_given(struct figure_reader *r, struct err *err)
{
	const struct figure_statement *s = &r->s;

	for (size_t i = 0; i < s->n_keys; i++) {
		bool named = false, same = false;

		for (size_t k = 0; k < r->n_given; k++) {
			named = named || strcmp(r->given[k].name, s->keys[i].name) == 0;
			same = same || is_same_key(&r->given[k], &s->keys[i]);
		}
		if (named && !same)
			return line_wrong(&r->in, err,
					  _("the centre takes another key for that of %s than the one that was given"),
					  s->keys[i].name);
		r->proof.agents_given += same;
	}
	return true;
}

static int compare_shown(const void *a, const void *b)
{
	const struct figure_item *const *x = a, *const *y = b;

	return figure_compare_places(*x, *y);
}

static void sort_shown(struct figure_reader *r)
{
	const struct figure_statement *s = &r->s;

	r->shown = xcalloc(s->n_items ? s->n_items : 1, sizeof *r->shown);
	for (size_t i = 0; i < s->n_items; i++)
		if (figure_is_shown(&s->items[i]))
			r->shown[r->n_shown++] = &s->items[i];
	qsort(r->shown, r->n_shown, sizeof *r->shown, compare_shown);
}

static bool check_figures(struct figure_reader *r, struct err *err)
{
	const struct figure_statement *s = &r->s;
	char fault[ERR_TEXT_MAX / 2];
	size_t node;

	for (size_t i = 0; i < s->n_nodes; i++) {
		const struct figure_node *n = &s->nodes[i];
		bool derived = n->how == FIGURE_GROWTH || n->how == FIGURE_QUOTIENT;

		if (derived != (n->top > 0) || n->bottom > s->n_nodes)
			return line_wrong(&r->in, err, _("what %s is made of is not in the statement"), n->indicator);
	}
	return figure_adds_up(s, &node, fault, sizeof fault) ||
	       line_wrong(&r->in, err, _("%s, %s: %s"), s->nodes[node].indicator, s->nodes[node].period, fault);
}

static bool read_signed(struct figure_reader *r, const char *at, struct err *err)
{
	uint8_t id[KEY_ID_SIZE], signature[SIGNATURE_SIZE];
	char hex[2 * KEY_ID_SIZE + 1];
	struct digest content;
	bool any;

	if (!line_take_hex(&at, id, KEY_ID_SIZE) || !line_take_hex(&at, signature, SIGNATURE_SIZE) || *at)
		return line_unlike(&r->in, "signed …", err);
	r->proof.centre = centre_key(r, id, &any);
	if (!any)
		return err_set(
		    err, ERR_USAGE,
		    _("the centre's public key is needed: --key centre.pub (keys named like agents are the agents')"));
	if (!r->proof.centre)
		return line_wrong(&r->in, err,
				  _("this statement is by the key %s, and none of the centre's keys given is that"),
				  text_hex(id, KEY_ID_SIZE, hex));
	hashing_so_far(r->in.hashing, &content);
	if (!figure_verify(&content, r->proof.centre->public_key, signature))
		return line_wrong(&r->in, err,
				  _("the centre's signature does not hold: a line above is not what the centre wrote"));
	r->step = AT_EVIDENCE;
	sort_shown(r);
	return are_agents_those_given(r, err) && check_figures(r, err);
}

static bool read_keys(struct figure_reader *r, struct err *err)
{
	const char *rest = line_behind(r->in.line, "key");

	if (rest)
		return read_key(r, rest, err);
	rest = line_behind(r->in.line, "figure");
	return rest ? read_figure(r, rest, err) : line_unlike(&r->in, "key, figure", err);
}

static bool read_items(struct figure_reader *r, struct err *err)
{
	static const struct {
		const char *word;
		bool (*read)(struct figure_reader *r, const char *at, struct err *err);
	} lines[] = {{"item", read_item}, {"figure", read_figure}, {"from", read_from}, {"signed", read_signed}};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		const char *rest = line_behind(r->in.line, lines[i].word);

		if (rest)
			return lines[i].read(r, rest, err);
	}
	return line_unlike(&r->in, "item, figure, from, signed", err);
}

/* ---------------------------------------------------------------- evidence */

static const struct figure_item *next_shown(const struct figure_reader *r)
{
	return r->at_shown < r->n_shown ? r->shown[r->at_shown] : NULL;
}

static bool is_in_batch(const struct figure_reader *r, const struct figure_item *i, uint64_t first, uint64_t last)
{
	const struct batch_header *h = &r->batch.header;

	return i && strcmp(i->agent, r->batch.agent) == 0 && memcmp(&i->epoch, &h->epoch, sizeof h->epoch) == 0 &&
	       i->seq >= first && i->seq <= last;
}

/* What the report states must be what the centre says it states. */
static const char *unlike_report(const struct figure_item *i, const char *indicator, const Tram__V1__Report *report)
{
	const Tram__V1__Observation *o;

	if (i->line > report->n_observations)
		return _("has no such line");
	o = report->observations[i->line - 1];
	if (strcmp(o->indicator, indicator) != 0)
		return _("is about another indicator");
	if (!stated_area_is(o->ref_area, i->area))
		return _("is about another area");
	if (stated_period(report) != i->packed)
		return _("is about another period");
	if (!stated_dimensions_are(o, ""))
		return _("is about a breakdown");
	if (o->action == TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW)
		return _("takes a figure back");
	if ((o->missing_reason == TRAM__V1__MISSING_REASON__MISSING_REASON_NOT_APPLICABLE) !=
		(i->state == ITEM_NOT_APPLICABLE) ||
	    (o->missing_reason && i->state == ITEM_COUNTS))
		return _("gives another reason why there is no value");
	if (!stated_number_is(o->value, o->unit_mult, *i->value ? i->value : NULL) ||
	    !stated_number_is(o->numerator, o->unit_mult, *i->numerator ? i->numerator : NULL) ||
	    !stated_number_is(o->denominator, o->unit_mult, *i->denominator ? i->denominator : NULL))
		return _("states other numbers");
	return NULL;
}

static const struct figure_node *node_of(const struct figure_reader *r, const struct figure_item *i)
{
	size_t place = (size_t)(i - r->s.items);

	for (size_t n = 0; n < r->s.n_nodes; n++)
		if (place >= r->s.nodes[n].first_item && place < r->s.nodes[n].first_item + r->s.nodes[n].n_items)
			return &r->s.nodes[n];
	return NULL;
}

static bool check_item(struct figure_reader *r, const struct figure_item *i, const Tram__V1__Report *report,
		       struct err *err)
{
	const struct figure_node *n = node_of(r, i);
	const char *fault = unlike_report(i, i->part == ITEM_WEIGHT ? n->weighed_by : n->indicator, report);
	const Tram__V1__Observation *o;

	if (!fault && i->part == ITEM_VALUE && strcmp(n->weighed_by, "observation") == 0) {
		o = report->observations[i->line - 1];
		fault =
		    stated_number_is(o->weight, 0, *i->weight ? i->weight : NULL) ? NULL : _("states another weight");
	}
	r->proof.shown++;
	return !fault || line_wrong(&r->in, err, _("report %" PRIu64 " above, line %" PRIu64 ", of %s, %s: it %s"),
				    i->seq, i->line, i->area, i->period, fault);
}

static bool check_report(struct figure_reader *r, struct err *err)
{
	struct arena *arena = arena_new(ARENA_CAP);
	struct err why;
	const Tram__V1__Report *report = codec_report(arena, r->bytes, r->len, &why);
	const struct figure_item *i;
	bool fine = report || line_wrong(&r->in, err, _("the report above cannot be read: %s"), why.text);

	while (fine && (i = next_shown(r)) && is_in_batch(r, i, r->batch.seq, r->batch.seq)) {
		fine = check_item(r, i, report, err);
		r->at_shown++;
	}
	arena_free(&arena);
	return fine;
}

static bool end_report(struct figure_reader *r, struct err *err)
{
	struct digest found;

	if (!r->in_report)
		return true;
	r->in_report = false;
	digest_report(r->bytes, r->len, &found);
	if (memcmp(&found, &r->digest, sizeof found) != 0)
		return line_wrong(&r->in, err, _("the bytes of report %" PRIu64 " above are not those of its digest"),
				  r->batch.seq);
	return check_report(r, err);
}

static bool end_batch(struct figure_reader *r, struct err *err)
{
	struct open_batch *b = &r->batch;

	if (!b->is_open)
		return true;
	if (b->seq != b->header.last_seq)
		return line_wrong(&r->in, err, _("report %" PRIu64 " of the batch above should come here"), b->seq + 1);
	if (memcmp(&b->chain, &b->header.chain, sizeof b->chain) != 0)
		return line_wrong(&r->in, err, _("the digests above do not lead to the chain that %s signed"),
				  b->agent);
	b->is_open = false;
	return b->has_reports || line_wrong(&r->in, err, _("the batch above shows nothing"));
}

static const struct proof_key *agent_key(const struct figure_reader *r, const char *agent, const uint8_t *id)
{
	for (size_t i = 0; i < r->s.n_keys; i++)
		if (strcmp(r->s.keys[i].name, agent) == 0 && has_id(&r->s.keys[i], id))
			return &r->s.keys[i];
	return NULL;
}

static bool take_batch(const char *at, struct open_batch *b, uint8_t id[static KEY_ID_SIZE])
{
	struct batch_header *h = &b->header;

	h->agent = b->agent;
	return line_take_part(&at, b->agent, sizeof b->agent) && line_is_agent(b->agent) &&
	       line_take_hex(&at, h->epoch.bytes, EPOCH_SIZE) && line_take_seq(&at, &h->first_seq) &&
	       line_take_seq(&at, &h->last_seq) && line_take_hex(&at, h->prev_chain.bytes, DIGEST_SIZE) &&
	       line_take_hex(&at, h->chain.bytes, DIGEST_SIZE) && line_take_hex(&at, id, KEY_ID_SIZE) &&
	       line_take_hex(&at, b->signature, SIGNATURE_SIZE) && !*at && h->first_seq <= h->last_seq;
}

static bool read_batch(struct figure_reader *r, const char *at, struct err *err)
{
	struct open_batch *b = &r->batch;
	uint8_t id[KEY_ID_SIZE];
	char hex[2 * KEY_ID_SIZE + 1];

	if (!end_batch(r, err))
		return false;
	*b = (struct open_batch){.is_open = true};
	if (!take_batch(at, b, id))
		return line_unlike(&r->in, "batch …", err);
	if (!is_in_batch(r, next_shown(r), b->header.first_seq, b->header.last_seq))
		return line_wrong(&r->in, err, _("the next contribution is not in this batch"));
	b->key = agent_key(r, b->agent, id);
	if (!b->key)
		return line_wrong(&r->in, err,
				  _("this is signed by the key %s, which the centre does not call one of %s"),
				  text_hex(id, KEY_ID_SIZE, hex), b->agent);
	if (!batch_verify(&b->header, b->key->public_key, b->signature))
		return line_wrong(&r->in, err, _("the agent's signature over its reports does not hold"));
	b->seq = b->header.first_seq - 1;
	b->chain = b->header.prev_chain;
	r->proof.batches++;
	return true;
}

/* A report that a contribution comes from is shown, any other is not. */
static bool read_entry(struct figure_reader *r, const char *at, bool is_report, struct err *err)
{
	struct open_batch *b = &r->batch;
	uint64_t seq;

	if (!line_take_seq(&at, &seq) || !line_take_hex(&at, r->digest.bytes, DIGEST_SIZE) || *at)
		return line_unlike(&r->in, is_report ? "report N …" : "link N …", err);
	if (!b->is_open || seq != b->seq + 1 || seq > b->header.last_seq)
		return line_wrong(&r->in, err, _("report %" PRIu64 " does not belong here"), seq);
	if (is_report != is_in_batch(r, next_shown(r), seq, seq))
		return line_wrong(&r->in, err,
				  is_report ? _("no contribution comes from report %" PRIu64)
					    : _("a contribution comes from report %" PRIu64 ", and it is not shown"),
				  seq);
	b->seq = seq;
	chain_next(&b->chain, &r->digest, &b->chain);
	b->has_reports = b->has_reports || is_report;
	r->proof.reports += is_report;
	r->in_report = is_report;
	r->len = r->last_bytes = 0;
	return true;
}

static bool read_bytes(struct figure_reader *r, const char *hex, struct err *err)
{
	size_t n = strlen(hex) / 2;

	if (!r->in_report)
		return line_wrong(&r->in, err, _("there is no report in front of these bytes"));
	if (r->len > 0 && r->last_bytes != PROOF_BYTES_MAX)
		return line_wrong(&r->in, err, _("the line of bytes before is too short"));
	if (r->len + n > FIGURE_REPORT_MAX)
		return line_wrong(&r->in, err, _("a report of more than %u bytes"), FIGURE_REPORT_MAX);
	if (r->len + PROOF_BYTES_MAX > r->room_bytes) {
		r->room_bytes = r->room_bytes ? 2 * r->room_bytes : 4096;
		r->bytes = xrealloc(r->bytes, r->room_bytes);
	}
	if (n == 0 || n > PROOF_BYTES_MAX || !line_take_hex(&hex, r->bytes + r->len, n) || *hex)
		return line_unlike(&r->in, "bytes …", err);
	r->len += n;
	r->last_bytes = n;
	return true;
}

static bool read_end(struct figure_reader *r, struct err *err)
{
	const struct figure_item *left = next_shown(r);

	if (!end_batch(r, err))
		return false;
	if (left)
		return line_wrong(&r->in, err, _("the report that %s, %s comes from is missing"), left->area,
				  left->period);
	r->step = AT_END;
	return line_read_sum(&r->in, err);
}

static bool read_evidence(struct figure_reader *r, struct err *err)
{
	const char *rest = line_behind(r->in.line, "bytes");

	if (rest)
		return read_bytes(r, rest, err);
	if (!end_report(r, err))
		return false;
	if ((rest = line_behind(r->in.line, "batch")))
		return read_batch(r, rest, err);
	if ((rest = line_behind(r->in.line, "report")))
		return read_entry(r, rest, true, err);
	if ((rest = line_behind(r->in.line, "link")))
		return read_entry(r, rest, false, err);
	if (line_behind(r->in.line, "sum"))
		return read_end(r, err);
	return line_unlike(&r->in, "batch, report, bytes, link, sum", err);
}

static bool read_beyond(struct figure_reader *r, struct err *err)
{
	return line_wrong(&r->in, err, _("the file goes on behind its end"));
}

/* ---------------------------------------------------------------- the reader */

static bool (*const steps[])(struct figure_reader *r, struct err *err) = {
    [AT_MAGIC] = read_magic, [AT_KNOWN] = read_known, [AT_STATED] = read_stated,     [AT_CATALOGUE] = read_catalogue,
    [AT_KEYS] = read_keys,   [AT_IS] = read_is,       [AT_COVERS] = read_covers,     [AT_SAYS] = read_says,
    [AT_ITEMS] = read_items, [AT_PLACE] = read_place, [AT_EVIDENCE] = read_evidence, [AT_END] = read_beyond,
};

static bool read_line(void *context, struct err *err)
{
	struct figure_reader *r = context;

	return steps[r->step](r, err);
}

struct figure_reader *figure_reader_new(const struct proof_key *keys, size_t n)
{
	struct figure_reader *r = xcalloc(1, sizeof *r);

	r->given = xcalloc(n ? n : 1, sizeof *r->given);
	for (size_t i = 0; i < n; i++)
		r->given[i] = keys[i];
	r->n_given = n;
	lines_in_init(&r->in);
	return r;
}

void figure_reader_free(struct figure_reader **rp)
{
	struct figure_reader *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	lines_in_done(&r->in);
	free(r->given);
	free(r->s.keys);
	free(r->s.nodes);
	free(r->s.items);
	free(r->shown);
	free(r->bytes);
	free(r);
}

bool figure_reader_feed(struct figure_reader *r, const void *data, size_t len, struct err *err)
{
	return lines_feed(&r->in, data, len, read_line, r, err);
}

bool figure_reader_end(struct figure_reader *r, struct figure_proof *ret, struct err *err)
{
	if (r->in.len > 0 || r->step != AT_END)
		return lines_cut(&r->in, err);
	r->proof.statement = &r->s;
	r->proof.lines = r->in.number;
	for (size_t i = 0; i < r->s.n_keys; i++)
		r->proof.agents += i == 0 || strcmp(r->s.keys[i].name, r->s.keys[i - 1].name) != 0;
	*ret = r->proof;
	return true;
}
