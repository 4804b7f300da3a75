/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of figures: what is written is read again and proven; what is changed in them, or does not add up, is found and named. */
#include "figure_proof.h"

#include "codec.h"
#include "fsx.h"
#include "mem.h"
#include "text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define AGENTS  3
#define REPORTS 3 /* of each agent, in one batch; the second is what contributions come from */

static const char *const agents[AGENTS] = {"agent-63-01", "agent-63-45", "agent-63-46"};
static const char *const areas[AGENTS] = {"63/01", "63/45", "63/46"};
static uint8_t publics[AGENTS + 2][SIGN_PUBLIC_SIZE],
    secrets[AGENTS + 2][SIGN_SECRET_SIZE]; /* … the centre, a stranger */
enum { CENTRE = AGENTS, STRANGER };
static const struct epoch epoch = {"epoch of 16 byte"};

static struct proof_key named(const char *name, int who)
{
	struct proof_key key;

	snprintf(key.name, sizeof key.name, "%s", name);
	memcpy(key.public_key, publics[who], sizeof key.public_key);
	return key;
}

/* ---------------------------------------------------------------- what the provinces handed in */

struct stated {
	int64_t value, numerator, denominator, weight; /* hundredths; -1: none */
};

static uint8_t *bytes[AGENTS][REPORTS];
static size_t lengths[AGENTS][REPORTS];

static Tram__V1__Decimal *decimal(Tram__V1__Decimal *d, int64_t hundredths)
{
	if (hundredths < 0)
		return NULL;
	tram__v1__decimal__init(d);
	d->mantissa = hundredths;
	d->scale = 2;
	return d;
}

/* Line 1 is the mean with its own weight, line 2 the ratio, line 3 the sum; another report of the agent states nonsense. */
static uint8_t *make_report(int agent, const struct stated lines[3], size_t *ret_len)
{
	static const char *const indicators[] = {"speed", "share", "people"};
	Tram__V1__Report r = TRAM__V1__REPORT__INIT;
	Tram__V1__Observation o[3], *list[3];
	Tram__V1__Decimal d[3][4];

	for (int i = 0; i < 3; i++) {
		tram__v1__observation__init(&o[i]);
		o[i].indicator = (char *)(uintptr_t)indicators[i];
		o[i].ref_area = agent == 1 ? (char *)(uintptr_t) "45" : (char *)(uintptr_t)areas[agent];
		o[i].value = decimal(&d[i][0], lines[i].value);
		o[i].numerator = decimal(&d[i][1], lines[i].numerator);
		o[i].denominator = decimal(&d[i][2], lines[i].denominator);
		o[i].weight = decimal(&d[i][3], lines[i].weight);
		list[i] = &o[i];
	}
	r.time_period = (char *)(uintptr_t) "2024";
	r.observations = list;
	r.n_observations = 3;
	return codec_pack(&r.base, ret_len);
}

static int make_all(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < AGENTS + 2; i++) {
		uint8_t seed[32] = {(uint8_t)(i + 1)};

		crypto_sign_seed_keypair(publics[i], secrets[i], seed);
	}
	for (int a = 0; a < AGENTS; a++) {
		for (int n = 0; n < REPORTS; n++) {
			int64_t x = n == 1 ? a + 1 : 90 + n;
			const struct stated lines[3] = {
			    {150 * x, -1, -1, 100 * x}, {-1, 700 * x, 1300 + 100 * x, -1}, {12345 * x, -1, -1, -1}};

			bytes[a][n] = make_report(a, lines, &lengths[a][n]);
		}
	}
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	for (int a = 0; a < AGENTS; a++)
		for (int n = 0; n < REPORTS; n++)
			free(bytes[a][n]);
	return 0;
}

/* ---------------------------------------------------------------- the centre's statement */

struct made {
	struct figure_statement s;
	struct proof_key keys[AGENTS];
	struct figure_node nodes[3];
	struct figure_item items[4 * AGENTS + 4];
};

static void add_node(struct made *m, const char *indicator, enum figure_how how, const char *unit, const char *value,
		     const char *numerator, const char *denominator)
{
	struct figure_node *n = &m->nodes[m->s.n_nodes++];

	*n = (struct figure_node){.how = how,
				  .over_time = FIGURE_TIME_LAST,
				  .reporting = AGENTS,
				  .expected = AGENTS + 1,
				  .parts_reporting = AGENTS,
				  .parts_expected = AGENTS + 1,
				  .first_item = m->s.n_items};
	snprintf(n->indicator, sizeof n->indicator, "%s", indicator);
	snprintf(n->period, sizeof n->period, "2024");
	snprintf(n->level, sizeof n->level, "nation");
	snprintf(n->area, sizeof n->area, "VN");
	snprintf(n->boundary, sizeof n->boundary, "63");
	snprintf(n->unit, sizeof n->unit, "%s", unit);
	snprintf(n->weighed_by, sizeof n->weighed_by, "%s", how == FIGURE_MEAN ? "observation" : "");
	snprintf(n->value, sizeof n->value, "%s", value);
	snprintf(n->numerator, sizeof n->numerator, "%s", numerator);
	snprintf(n->denominator, sizeof n->denominator, "%s", denominator);
	snprintf(n->finality, sizeof n->finality, "provisional");
	snprintf(n->obs_status, sizeof n->obs_status, "A");
}

static struct figure_item *add_item(struct made *m, enum item_part part, const char *area, enum item_state state)
{
	struct figure_item *i = &m->items[m->s.n_items++];
	struct period period;

	assert_true(period_parse("2024", &period));
	*i = (struct figure_item){
	    .part = part, .state = state, .packed = period_pack(&period), .revision = -1, .leaves = 1};
	snprintf(i->area, sizeof i->area, "%s", area);
	snprintf(i->counts_for, sizeof i->counts_for, "%s", area);
	snprintf(i->period, sizeof i->period, "2024");
	m->nodes[m->s.n_nodes - 1].n_items++;
	return i;
}

static void put_hundredths(char *buf, int64_t n)
{
	if (n >= 0)
		snprintf(buf, DECIMAL_TEXT, "%" PRId64 ".%02d", n / 100, (int)(n % 100));
}

/* What counts of each province, and one that is missing. */
static void add_items(struct made *m, enum item_part part, uint64_t line)
{
	for (int a = 0; a < AGENTS; a++) {
		struct figure_item *i = add_item(m, part, areas[a], ITEM_COUNTS);
		int64_t x = a + 1;

		i->revision = 0;
		put_hundredths(i->value, line == 1 ? 150 * x : line == 3 ? 12345 * x : -1);
		put_hundredths(i->numerator, line == 2 ? 700 * x : -1);
		put_hundredths(i->denominator, line == 2 ? 1300 + 100 * x : -1);
		put_hundredths(i->weight, line == 1 ? 100 * x : -1);
		snprintf(i->agent, sizeof i->agent, "%s", agents[a]);
		i->epoch = epoch;
		i->seq = 12;
		i->line = line;
	}
	add_item(m, part, "63/48", ITEM_MISSING);
}

static struct made *make(void)
{
	struct made *m = xcalloc(1, sizeof *m);

	m->s = (struct figure_statement){.known_at_us = 1732000000000000,
					 .stated_at_us = 1732000000000001,
					 .catalogue_version = 3,
					 .keys = m->keys,
					 .n_keys = AGENTS,
					 .nodes = m->nodes,
					 .items = m->items};
	for (int a = 0; a < AGENTS; a++)
		m->keys[a] = named(agents[a], a);
	return m;
}

/* Σ 123.45, 246.90, 370.35 */
static struct made *make_sum(void)
{
	struct made *m = make();

	add_node(m, "people", FIGURE_SUM, "person", "740.70", "", "");
	add_items(m, ITEM_VALUE, 3);
	return m;
}

/* 100 × (7 + 14 + 21) / (14 + 15 + 16) */
static struct made *make_ratio(void)
{
	struct made *m = make();

	add_node(m, "share", FIGURE_RATIO, "percent", "93.3333333333333333", "42.00", "45.00");
	add_items(m, ITEM_VALUE, 2);
	return m;
}

/* (1.5 × 1 + 3 × 2 + 4.5 × 3) / 6 */
static struct made *make_mean(void)
{
	struct made *m = make();

	add_node(m, "speed", FIGURE_MEAN, "Mbps", "3.5", "21.0000", "6.00");
	add_items(m, ITEM_VALUE, 1);
	return m;
}

/* The same weighed by the people: 123.45, 246.90, 370.35. */
static struct made *make_mean_by_other(void)
{
	struct made *m = make();

	add_node(m, "speed", FIGURE_MEAN, "Mbps", "3.50000000", "2592.45", "740.70");
	add_items(m, ITEM_VALUE, 1);
	for (int a = 0; a < AGENTS; a++)
		put_hundredths(m->items[a].weight, 12345 * (a + 1));
	snprintf(m->nodes[0].weighed_by, sizeof m->nodes[0].weighed_by, "people");
	add_items(m, ITEM_WEIGHT, 3);
	return m;
}

/* 740.70 of 3.5, as percent */
static struct made *make_quotient(void)
{
	struct made *m = make();

	add_node(m, "part", FIGURE_QUOTIENT, "percent", "21162.857142857143", "740.70", "3.5");
	m->nodes[0].top = 2;
	m->nodes[0].bottom = 3;
	add_node(m, "people", FIGURE_SUM, "person", "740.70", "", "");
	add_items(m, ITEM_VALUE, 3);
	add_node(m, "speed", FIGURE_MEAN, "Mbps", "3.5", "21.0000", "6.00");
	add_items(m, ITEM_VALUE, 1);
	return m;
}

static struct made *make_growth(void)
{
	struct made *m = make_quotient();

	m->nodes[0].how = FIGURE_GROWTH;
	snprintf(m->nodes[0].value, sizeof m->nodes[0].value, "21062.857142857143");
	return m;
}

/* What a single area states. */
static struct made *make_own(void)
{
	struct made *m = make();

	add_node(m, "share", FIGURE_OWN, "percent", "50.0", "7.00", "14.00");
	add_items(m, ITEM_VALUE, 2);
	m->s.n_items = m->nodes[0].n_items = 1;
	return m;
}

static struct made *make_nothing(void)
{
	struct made *m = make();

	add_node(m, "share", FIGURE_RATIO, "percent", "", "", "");
	add_item(m, ITEM_VALUE, "63/01", ITEM_MISSING);
	return m;
}

typedef struct made *making(void);
static making *const all[] = {make_sum,      make_ratio,  make_mean, make_mean_by_other,
			      make_quotient, make_growth, make_own,  make_nothing};
enum { ALL = sizeof all / sizeof *all };

/* ---------------------------------------------------------------- writing */

struct file {
	char text[65536];
	size_t len;
};

static void keep(void *context, const char *text, size_t len)
{
	struct file *f = context;

	assert_true(f->len + len < sizeof f->text);
	memcpy(f->text + f->len, text, len);
	f->len += len;
	f->text[f->len] = '\0';
}

static bool is_needed(const struct made *m, int agent)
{
	for (size_t i = 0; i < m->s.n_items; i++)
		if (figure_is_shown(&m->items[i]) && strcmp(m->items[i].agent, agents[agent]) == 0)
			return true;
	return false;
}

/* Reports 11, 12, 13; 12 is shown. */
static void put_batch(struct figure_writer *w, int agent)
{
	struct batch_header h = {.agent = agents[agent], .epoch = epoch, .first_seq = 11, .last_seq = 13};
	struct digest digests[REPORTS];
	uint8_t signature[SIGNATURE_SIZE], id[KEY_ID_SIZE];

	chain_start(agents[agent], &epoch, NULL, &h.prev_chain);
	h.chain = h.prev_chain;
	for (int n = 0; n < REPORTS; n++) {
		digest_report(bytes[agent][n], lengths[agent][n], &digests[n]);
		chain_next(&h.chain, &digests[n], &h.chain);
	}
	batch_sign(&h, secrets[agent], signature);
	key_id(publics[agent], id);
	figure_put_batch(w, &h, id, signature);
	figure_put_link(w, 11, &digests[0]);
	figure_put_report(w, 12, bytes[agent][1], lengths[agent][1]);
	figure_put_link(w, 13, &digests[2]);
}

static void write_made(struct file *f, const struct made *m, int signer)
{
	struct figure_writer *w;

	f->len = 0;
	w = figure_writer_new(keep, f);
	figure_put_note(w, "Bằng chứng");
	figure_put_note(w, "");
	figure_put_statement(w, &m->s, publics[signer], secrets[signer]);
	for (int a = 0; a < AGENTS; a++)
		if (is_needed(m, a))
			put_batch(w, a);
	figure_put_end(w);
	figure_writer_free(&w);
}

static void write_file(struct file *f, making *make_it)
{
	struct made *m = make_it();

	write_made(f, m, CENTRE);
	free(m);
}

/* ---------------------------------------------------------------- reading */

static bool is_proven(const struct file *f, size_t piece, const struct proof_key *keys, size_t n_keys,
		      struct figure_proof *ret, struct err *err)
{
	struct figure_reader *r = figure_reader_new(keys, n_keys);
	bool fine = true;

	for (size_t at = 0; fine && at < f->len; at += piece)
		fine = figure_reader_feed(r, f->text + at, f->len - at < piece ? f->len - at : piece, err);
	fine = fine && figure_reader_end(r, ret, err);
	ret->statement = NULL; /* goes with the reader */
	figure_reader_free(&r);
	return fine;
}

static bool holds(const struct file *f, struct err *err)
{
	const struct proof_key keys[] = {named("centre", CENTRE)};
	struct figure_proof proof;

	return is_proven(f, f->len ? f->len : 1, keys, 1, &proof, err);
}

static void test_what_is_written_is_proven(void **state)
{
	static const size_t pieces[] = {1, 7, 4096, 65536};
	const struct proof_key keys[] = {named("centre", CENTRE), named(agents[2], 2)};
	struct file *f = xmalloc(sizeof *f);

	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		struct figure_proof proof;
		struct err err;

		write_file(f, all[i]);
		for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++)
			if (!is_proven(f, pieces[p], keys, 2, &proof, &err))
				fail_msg("%zu: %s\n%s", i, err.text, f->text);
		assert_int_equal(proof.agents, AGENTS);
		assert_int_equal(proof.agents_given, 1);
		assert_int_equal(proof.batches, all[i] == make_own ? 1 : all[i] == make_nothing ? 0 : AGENTS);
		assert_int_equal(proof.reports, proof.batches);
		assert_int_equal(proof.shown,
				 (all[i] == make_mean_by_other || all[i] == make_quotient || all[i] == make_growth)
				     ? 2 * AGENTS
				     : proof.batches);
	}
	free(f);
}

static void test_keys(void **state)
{
	const struct proof_key keys[] = {named("centre", CENTRE), named(agents[1], 1), named("centre", STRANGER)};
	const struct proof_key impostor[] = {named("centre", CENTRE), named(agents[1], STRANGER)};
	struct file *f = xmalloc(sizeof *f);
	struct figure_proof proof;
	struct made *m = make_sum();
	struct err err;

	(void)state;
	write_made(f, m, CENTRE);
	assert_true(is_proven(f, 99, keys, 3, &proof, &err)); /* an older key of the centre does no harm */
	assert_false(is_proven(f, 99, keys + 1, 1, &proof, &err));
	assert_int_equal(err.kind, ERR_USAGE);
	assert_false(is_proven(f, 99, keys + 2, 1, &proof, &err));
	assert_int_equal(err.kind, ERR_DATA);
	assert_non_null(strstr(err.text, "none of the centre's keys"));
	assert_false(is_proven(f, 99, impostor, 2, &proof, &err));
	assert_non_null(strstr(err.text, "another key for that of agent-63-45"));
	/* An agent cannot speak for the centre. */
	write_made(f, m, 1);
	assert_false(is_proven(f, 99, keys, 2, &proof, &err));
	assert_non_null(strstr(err.text, "none of the centre's keys"));
	free(m);
	free(f);
}

/* ---------------------------------------------------------------- what is changed is found */

/* Makes the sum right again, as a forger would. */
static void sum_anew(struct file *f)
{
	char *at = strstr(f->text, "\nsum "), hex[2 * DIGEST_SIZE + 1];
	struct digest sum;

	if (!at)
		return;
	f->len = (size_t)(++at - f->text);
	digest_report(f->text, f->len, &sum);
	f->len += (size_t)sprintf(at, "sum %s\n", text_hex(sum.bytes, DIGEST_SIZE, hex));
}

static void flip_every_bit(struct file *f, bool forged)
{
	struct file *g = xmalloc(sizeof *g);
	size_t until = forged ? (size_t)(strstr(f->text, "\nsum ") + 1 - f->text) : f->len;

	for (size_t at = 0; at < until; at++) {
		struct err err;

		*g = *f;
		g->text[at] ^= (char)(1 << at % 8);
		if (forged)
			sum_anew(g);
		if (holds(g, &err))
			fail_msg("byte %zu%s", at, forged ? ", summed anew" : "");
		assert_int_equal(err.kind, ERR_DATA);
		assert_non_null(strstr(err.text, "line "));
	}
	free(g);
}

/* Without the sum, and as a forger would do it: nothing depends on that. */
static void test_every_flipped_bit(void **state)
{
	struct file *f = xmalloc(sizeof *f);
	struct err err;

	(void)state;
	write_file(f, make_mean_by_other);
	assert_true(holds(f, &err));
	flip_every_bit(f, false);
	flip_every_bit(f, true);
	free(f);
}

/* Every line left out, doubled, or changed with the next one. */
static void test_every_line(void **state)
{
	struct file *f = xmalloc(sizeof *f), *g = xmalloc(sizeof *g);
	struct err err;

	(void)state;
	write_file(f, make_quotient);
	for (size_t at = 0, n; at < f->len; at += n) {
		size_t next;

		n = strcspn(f->text + at, "\n") + 1;
		next = strcspn(f->text + at + n, "\n") + 1;
		for (int way = 0; way < 3; way++) {
			g->len = 0;
			keep(g, f->text, at);
			if (way == 1)
				keep(g, f->text + at, n);
			if (way == 2 && at + n + next <= f->len)
				keep(g, f->text + at + n, next);
			if (way > 0)
				keep(g, f->text + at, n);
			if (way < 2)
				keep(g, f->text + at + n, f->len - at - n);
			else if (at + n + next <= f->len)
				keep(g, f->text + at + n + next, f->len - at - n - next);
			sum_anew(g);
			if (g->len == f->len && memcmp(g->text, f->text, f->len) == 0)
				continue;
			if (holds(g, &err))
				fail_msg("way %d: %.60s", way, f->text + at);
			assert_non_null(strstr(err.text, "line "));
		}
	}
	free(f);
	free(g);
}

static void test_every_cut(void **state)
{
	struct file *f = xmalloc(sizeof *f);
	struct err err;
	size_t len;

	(void)state;
	write_file(f, make_sum);
	len = f->len;
	for (f->len = 0; f->len < len; f->len++)
		assert_false(holds(f, &err));
	keep(f, "\n", 1);
	assert_false(holds(f, &err));
	assert_non_null(strstr(err.text, "behind its end"));
	free(f);
}

/* ---------------------------------------------------------------- what the centre signs must be so */

#define CHANGE(member, text) snprintf(member, sizeof member, "%s", text)

static void value_off(struct made *m)
{
	CHANGE(m->nodes[0].value, "740.71");
}

static void value_beyond_rounding(struct made *m)
{
	CHANGE(m->nodes[0].value, "93.3333333333333334");
}

static void numerator_off(struct made *m)
{
	CHANGE(m->nodes[0].numerator, "42.01");
}

static void value_of_nothing(struct made *m)
{
	CHANGE(m->nodes[0].value, "0");
}

static void sum_with_parts(struct made *m)
{
	CHANGE(m->nodes[0].numerator, "740.70");
}

static void other_number(struct made *m)
{
	CHANGE(m->items[0].value, "123.46");
	CHANGE(m->nodes[0].value, "740.71");
}

static void other_area(struct made *m)
{
	CHANGE(m->items[1].area, "63/44");
}

static void other_line(struct made *m)
{
	m->items[1].line = 2;
}

static void no_such_line(struct made *m)
{
	m->items[1].line = 4;
}

static void other_report(struct made *m)
{
	m->items[2].seq = 13;
}

static void other_period(struct made *m)
{
	struct period period;

	for (size_t i = 0; i < m->s.n_items; i++) {
		CHANGE(m->items[i].period, "2023");
		assert_true(period_parse("2023", &period));
		m->items[i].packed = period_pack(&period);
	}
}

static void other_indicator(struct made *m)
{
	CHANGE(m->nodes[0].indicator, "persons");
}

static void counted_twice(struct made *m)
{
	m->items[3] = m->items[2];
	m->items[3].revision = 1;
	CHANGE(m->nodes[0].value, "1111.05");
}

/* The merged province counts for the same time as those that were merged. */
static void counted_after_merger_too(struct made *m)
{
	CHANGE(m->items[1].counts_for, "63/46");
}

static void not_in_order(struct made *m)
{
	struct figure_item first = m->items[0];

	m->items[0] = m->items[1];
	m->items[1] = first;
}

static void lacks_its_value(struct made *m)
{
	*m->items[0].value = '\0';
}

static void other_weight(struct made *m)
{
	CHANGE(m->items[0].weight, "1.01");
	CHANGE(m->nodes[0].numerator, "21.015");
	CHANGE(m->nodes[0].denominator, "6.01");
	CHANGE(m->nodes[0].value, "3.49667");
}

static void weight_of_none(struct made *m)
{
	m->items[4].state = ITEM_HELD;
}

static void not_applicable(struct made *m)
{
	m->items[0].state = ITEM_NOT_APPLICABLE;
	CHANGE(m->nodes[0].value, "617.25");
}

static void other_parts(struct made *m)
{
	CHANGE(m->nodes[0].denominator, "3.51");
}

static void growth_as_quotient(struct made *m)
{
	m->nodes[0].how = FIGURE_QUOTIENT;
}

static void made_of_itself(struct made *m)
{
	m->nodes[0].top = 1;
}

static void made_of_what_is_not_there(struct made *m)
{
	m->nodes[0].bottom = 4;
}

static void two_own(struct made *m)
{
	m->s.n_items = m->nodes[0].n_items = 2;
}

static void two_keys_alike(struct made *m)
{
	m->keys[1] = m->keys[0];
}

static void other_key(struct made *m)
{
	m->keys[2] = named(agents[2], STRANGER);
}

static const struct {
	const char *name;
	making *make;
	void (*change)(struct made *m);
	const char *said;
} lies[] = {
    {"value off", make_sum, value_off, "the value is stated as 740.71, and the contributions come to 7407/10"},
    {"value beyond rounding", make_ratio, value_beyond_rounding, "come to 280/3"},
    {"numerator off", make_ratio, numerator_off, "the numerator is stated as 42.01"},
    {"value of nothing", make_nothing, value_of_nothing, "nothing that it could come from"},
    {"a sum with parts", make_sum, sum_with_parts, "nothing that it could come from"},
    {"other number", make_sum, other_number, "states other numbers"},
    {"other area", make_sum, other_area, "about another area"},
    {"other line", make_sum, other_line, "about another indicator"},
    {"no such line", make_sum, no_such_line, "has no such line"},
    {"other report", make_sum, other_report, "no contribution comes from report 12"},
    {"other period", make_sum, other_period, "about another period"},
    {"other indicator", make_sum, other_indicator, "about another indicator"},
    {"counted twice", make_sum, counted_twice, "63/46, 2024 counts twice"},
    {"counted after a merger too", make_sum, counted_after_merger_too, "63/46, 2024 counts twice"},
    {"not in order", make_sum, not_in_order, "does not come behind"},
    {"lacks its value", make_sum, lacks_its_value, "lacks what the method needs"},
    {"other weight", make_mean, other_weight, "states another weight"},
    {"weight of none", make_mean_by_other, weight_of_none, "63/01, 2024 lacks what the method needs"},
    {"not applicable", make_sum, not_applicable, "another reason why there is no value"},
    {"other parts", make_quotient, other_parts, "its parts are not the figures of people and speed"},
    {"growth as quotient", make_growth, growth_as_quotient, "the value is stated as"},
    {"made of itself", make_quotient, made_of_itself, "does not belong here"},
    {"made of what is not there", make_quotient, made_of_what_is_not_there, "is not in the statement"},
    {"two own figures", make_own, two_own, "single area's own figure, and that of 63/45 counts too"},
    {"two keys alike", make_sum, two_keys_alike, "does not come behind"},
    {"other key", make_sum, other_key, "which the centre does not call one of agent-63-46"},
};

static void test_every_lie_is_named(void **state)
{
	struct file *f = xmalloc(sizeof *f);

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct made *m = lies[i].make();
		struct err err = {.text = "nothing"};

		lies[i].change(m);
		write_made(f, m, CENTRE);
		if (holds(f, &err) || err.kind != ERR_DATA || !strstr(err.text, lies[i].said))
			fail_msg("%s: %s\n%s", lies[i].name, err.text, f->text);
		free(m);
	}
	free(f);
}

/* Half of one in the last decimal is as near as the next one. */
static void test_rounding(void **state)
{
	static const struct {
		const char *value;
		bool fine;
	} cases[] = {{"93", true},      {"94", false},       {"93.3", true},       {"93.4", false},  {"93.33", true},
		     {"93.34", false},  {"93.333333", true}, {"93.333334", false}, {"-93.3", false}, {"9333e-2", false},
		     {"93.3.3", false}, {"093.3", false},    {"93.", false},       {".3", false},    {"", false}};
	struct file *f = xmalloc(sizeof *f);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct made *m = make_ratio();
		struct err err = {.text = "nothing"};

		CHANGE(m->nodes[0].value, cases[i].value);
		write_made(f, m, CENTRE);
		if (holds(f, &err) != cases[i].fine)
			fail_msg("%s: %s", cases[i].value, err.text);
		free(m);
	}
	free(f);
}

/* ---------------------------------------------------------------- the golden file */

/* Another implementation wrote it, with parts of a year, merged provinces and an average over time: it is proven, and its
 * statement written again to the last byte. */
static void test_golden(void **state)
{
	struct proof_key centre = {.name = "centre"};
	uint8_t seed[32], secret[SIGN_SECRET_SIZE];
	struct file *f = xmalloc(sizeof *f);
	struct figure_reader *r;
	struct figure_writer *w;
	struct figure_proof proof;
	struct err err;
	size_t len;
	char *text = fsx_read(TRAM_GOLDEN_DIR "/v1_figure.tram-figure", 1u << 20, &len, &err);

	(void)state;
	for (uint8_t i = 0; i < 32; i++)
		seed[i] = (uint8_t)(32 + i);
	crypto_sign_seed_keypair(centre.public_key, secret, seed);
	r = figure_reader_new(&centre, 1);
	if (!text || !figure_reader_feed(r, text, len, &err) || !figure_reader_end(r, &proof, &err))
		fail_msg("%s", err.text);
	assert_int_equal(proof.statement->n_nodes, 3);
	assert_int_equal(proof.shown, 13);
	assert_int_equal(proof.reports, 3);
	assert_int_equal(proof.batches, 2);
	f->len = 0;
	w = figure_writer_new(keep, f);
	figure_put_note(w, "Bằng chứng để kiểm thử");
	figure_put_note(w, "");
	figure_put_statement(w, proof.statement, centre.public_key, secret);
	assert_true(len > f->len);
	assert_memory_equal(text, f->text, f->len);
	figure_writer_free(&w);
	figure_reader_free(&r);
	free(text);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_is_proven),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_every_flipped_bit),
	    cmocka_unit_test(test_every_line),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_every_lie_is_named),
	    cmocka_unit_test(test_rounding),
	    cmocka_unit_test(test_golden),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
