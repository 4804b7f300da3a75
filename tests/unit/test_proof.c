/* SPDX-License-Identifier: Apache-2.0 */
/* Proof files: what is written is read again and proven; whatever is changed in them is found and named. */
#include "proof.h"

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

#define AGENT   "agent-63-46"
#define REPORTS 5 /* in the stream; 1 is before the proof, 2 to 3 in it, 4 and 5 behind */

static uint8_t centre_public[SIGN_PUBLIC_SIZE], centre_secret[SIGN_SECRET_SIZE];
static uint8_t agent_public[SIGN_PUBLIC_SIZE], agent_secret[SIGN_SECRET_SIZE];
static uint8_t other_public[SIGN_PUBLIC_SIZE], other_secret[SIGN_SECRET_SIZE];
static struct proof_key centre_key, agent_key, other_key;
static uint8_t bytes[REPORTS + 1][150];
static struct digest digests[REPORTS + 1], chains[REPORTS + 1];
static const struct epoch epoch = {"epoch of 16 byte"};

static size_t report_len(size_t seq)
{
	return 30 * seq;
}

static struct proof_key named(const char *name, const uint8_t *public_key)
{
	struct proof_key key;

	snprintf(key.name, sizeof key.name, "%s", name);
	memcpy(key.public_key, public_key, sizeof key.public_key);
	return key;
}

static int make_stream(void **state)
{
	uint8_t seeds[3][32] = {{1}, {2}, {3}};

	(void)state;
	crypto_sign_seed_keypair(centre_public, centre_secret, seeds[0]);
	crypto_sign_seed_keypair(agent_public, agent_secret, seeds[1]);
	crypto_sign_seed_keypair(other_public, other_secret, seeds[2]);
	centre_key = named("centre", centre_public);
	agent_key = named(AGENT, agent_public);
	other_key = named("centre", other_public);
	chain_start(AGENT, &epoch, NULL, &chains[0]);
	for (size_t i = 1; i <= REPORTS; i++) {
		memset(bytes[i], (int)('a' + i), sizeof bytes[i]);
		digest_report(bytes[i], report_len(i), &digests[i]);
		chain_next(&chains[i - 1], &digests[i], &chains[i]);
	}
	return 0;
}

/* ---------------------------------------------------------------- writing */

struct file {
	char text[16384];
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

static struct proof_ack ack_at(uint64_t seq, const uint8_t *secret, const uint8_t *public_key)
{
	struct proof_ack ack = {
	    .committed_through = seq, .chain = chains[seq], .committed_at_us = 1721350801234567 + (int64_t)seq};
	const struct ack_header header = {AGENT, epoch, seq, ack.chain, ack.committed_at_us};

	ack_sign(&header, secret, ack.signature);
	key_id(public_key, ack.key_id);
	return ack;
}

static void put_reports(struct proof_writer *w, uint64_t first, uint64_t last, bool with_bytes)
{
	for (uint64_t seq = first; seq <= last; seq++) {
		proof_put_report(w, &digests[seq]);
		if (with_bytes)
			proof_put_bytes(w, bytes[seq], report_len(seq));
		if (seq == 2 && last > 2) {
			struct proof_ack early = ack_at(2, centre_secret, centre_public);

			proof_put_ack(w, &early);
		}
	}
}

/* Reports first to last of the stream, acknowledged at through. */
static struct file write_file(uint64_t first, uint64_t last, uint64_t through, bool with_bytes)
{
	struct file f = {.len = 0};
	struct proof_writer *w = proof_writer_new(keep, &f);
	struct proof_head head = {.epoch = epoch, .first_seq = first, .last_seq = last, .before = chains[first - 1]};
	struct proof_ack ack = ack_at(through, centre_secret, centre_public);

	snprintf(head.agent, sizeof head.agent, "%s", AGENT);
	proof_put_note(w, "Biên nhận");
	proof_put_note(w, "");
	proof_put_head(w, &head);
	put_reports(w, first, last, with_bytes);
	for (uint64_t seq = last + 1; seq <= through; seq++)
		proof_put_link(w, &digests[seq]);
	proof_put_ack(w, &ack);
	proof_put_end(w, agent_public, agent_secret);
	proof_writer_free(&w);
	return f;
}

/* ---------------------------------------------------------------- reading */

struct heard {
	size_t kinds[PROOF_ACK + 1];
	uint8_t gathered[512];
	size_t n_gathered;
	int64_t last_at_us;
};

static void hear(void *context, const struct proof_item *item)
{
	struct heard *h = context;

	h->kinds[item->kind]++;
	if (item->kind == PROOF_BYTES) {
		memcpy(h->gathered + h->n_gathered, item->bytes, item->len);
		h->n_gathered += item->len;
	}
	if (item->kind == PROOF_ACK)
		h->last_at_us = item->ack->committed_at_us;
}

static bool read_text(const void *text, size_t len, size_t piece, const struct proof_key *keys, size_t n_keys,
		      struct heard *heard, struct proof *ret, struct err *err)
{
	struct proof_reader *r = proof_reader_new(keys, n_keys, heard ? hear : NULL, heard);
	bool fine = true;

	for (size_t at = 0; fine && at < len; at += piece)
		fine = proof_reader_feed(r, (const char *)text + at, len - at < piece ? len - at : piece, err);
	fine = fine && proof_reader_end(r, ret, err);
	proof_reader_free(&r);
	return fine;
}

static bool is_proven(const struct file *f, const struct proof_key *keys, size_t n_keys, struct err *err)
{
	struct proof proof;

	return read_text(f->text, f->len, f->len, keys, n_keys, NULL, &proof, err);
}

static void test_what_is_written_is_proven(void **state)
{
	static const struct {
		uint64_t first, last, through;
		bool with_bytes;
		size_t piece, links, acks;
	} cases[] = {
	    {2, 3, 5, false, 1, 2, 2},   {2, 3, 5, true, 7, 2, 2}, {1, 1, 1, true, 4096, 0, 1},
	    {1, 5, 5, false, 100, 0, 2}, {2, 2, 5, true, 3, 3, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct file f = write_file(cases[i].first, cases[i].last, cases[i].through, cases[i].with_bytes);
		struct proof_key keys[] = {centre_key, agent_key};
		struct heard heard = {.n_gathered = 0};
		struct proof proof;
		struct err err;
		size_t expected = 0;

		if (!read_text(f.text, f.len, cases[i].piece, keys, 2, &heard, &proof, &err))
			fail_msg("%zu: %s\n%s", i, err.text, f.text);
		assert_string_equal(proof.head.agent, AGENT);
		assert_int_equal(proof.head.first_seq, cases[i].first);
		assert_int_equal(proof.head.last_seq, cases[i].last);
		assert_int_equal(proof.through, cases[i].through);
		assert_int_equal(proof.has_bytes, cases[i].with_bytes);
		assert_true(proof.agent_signed);
		assert_int_equal(heard.kinds[PROOF_REPORT], cases[i].last - cases[i].first + 1);
		assert_int_equal(heard.kinds[PROOF_LINK], cases[i].links);
		assert_int_equal(heard.kinds[PROOF_ACK], cases[i].acks);
		assert_int_equal(heard.last_at_us, 1721350801234567 + (int64_t)cases[i].through);
		for (uint64_t seq = cases[i].first; cases[i].with_bytes && seq <= cases[i].last; seq++) {
			assert_memory_equal(heard.gathered + expected, bytes[seq], report_len(seq));
			expected += report_len(seq);
		}
		assert_int_equal(heard.n_gathered, expected);
	}
}

static void test_keys(void **state)
{
	struct file f = write_file(2, 3, 5, false);
	struct proof_key impostor = named(AGENT, other_public), keys[2];
	struct proof proof;
	struct err err;

	(void)state;
	assert_true(read_text(f.text, f.len, 99, &centre_key, 1, NULL, &proof, &err));
	assert_false(proof.agent_signed); /* nobody said who the agent is */
	assert_false(is_proven(&f, NULL, 0, &err));
	assert_int_equal(err.kind, ERR_USAGE);
	assert_false(is_proven(&f, &agent_key, 1, &err));
	assert_int_equal(err.kind, ERR_USAGE);
	assert_false(is_proven(&f, &other_key, 1, &err));
	assert_int_equal(err.kind, ERR_DATA);
	assert_non_null(strstr(err.text, "none of the centre's keys"));
	keys[0] = centre_key;
	keys[1] = impostor;
	assert_false(is_proven(&f, keys, 2, &err));
	assert_non_null(strstr(err.text, "the agent's key that was given is another"));
	keys[1] = other_key; /* an older key of the centre does no harm */
	assert_true(is_proven(&f, keys, 2, &err));
}

/* An agent that signs the centre's word itself: its key counts for the agent alone. */
static void test_an_agent_cannot_acknowledge_itself(void **state)
{
	struct file f = {.len = 0};
	struct proof_writer *w = proof_writer_new(keep, &f);
	struct proof_head head = {AGENT, epoch, 1, 1, chains[0]};
	struct proof_ack ack = ack_at(1, agent_secret, agent_public);
	struct proof_key keys[] = {centre_key, agent_key};
	struct err err;

	(void)state;
	proof_put_head(w, &head);
	put_reports(w, 1, 1, false);
	proof_put_ack(w, &ack);
	proof_put_end(w, agent_public, agent_secret);
	proof_writer_free(&w);
	assert_false(is_proven(&f, keys, 2, &err));
	assert_non_null(strstr(err.text, "none of the centre's keys"));
}

/* ---------------------------------------------------------------- what is changed is found */

static void test_every_flipped_bit(void **state)
{
	struct file f = write_file(2, 3, 5, true);
	struct proof_key keys[] = {centre_key, agent_key};
	struct err err;

	(void)state;
	for (size_t n_keys = 1; n_keys <= 2; n_keys++) {
		assert_true(is_proven(&f, keys, n_keys, &err));
		for (size_t at = 0; at < f.len; at++) {
			for (int bit = n_keys == 1 ? 0 : 5; bit < 8; bit += n_keys == 1 ? 1 : 8) {
				f.text[at] ^= (char)(1 << bit);
				if (is_proven(&f, keys, n_keys, &err))
					fail_msg("byte %zu, bit %d", at, bit);
				assert_true(err.kind == ERR_DATA);
				assert_non_null(strstr(err.text, "line "));
				f.text[at] ^= (char)(1 << bit);
			}
		}
	}
}

static void test_every_cut(void **state)
{
	struct file f = write_file(2, 3, 5, true);
	struct proof proof;
	struct err err;

	(void)state;
	for (size_t len = 0; len < f.len; len++) {
		assert_false(read_text(f.text, len, len + 1, &centre_key, 1, NULL, &proof, &err));
		assert_int_equal(err.kind, ERR_DATA);
	}
	keep(&f, "\n", 1);
	assert_false(is_proven(&f, &centre_key, 1, &err));
	assert_non_null(strstr(err.text, "behind its end"));
}

/* Makes the sum right again, as a forger would; the seal stays what it was. */
static void sum_anew(struct file *f)
{
	char *at = strstr(f->text, "\nsum ") + 1, hex[2 * DIGEST_SIZE + 1];
	struct digest sum;

	digest_report(f->text, (size_t)(at - f->text), &sum);
	f->len = (size_t)(at - f->text);
	f->len += (size_t)sprintf(at, "sum %s\n", text_hex(sum.bytes, DIGEST_SIZE, hex));
}

/* Puts `with` where `what` first stands. */
static void replace(struct file *f, const char *what, const char *with)
{
	char *at = strstr(f->text, what), *rest;

	assert_non_null(at);
	rest = xstrdup(at + strlen(what));
	f->len = (size_t)(at - f->text) + (size_t)sprintf(at, "%s%s", with, rest);
	free(rest);
}

static const char *line_of(const struct file *f, const char *word)
{
	static char line[PROOF_LINE_MAX + 2];
	const char *at = strstr(f->text, word);

	assert_non_null(at);
	snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n") + 1, at);
	return line;
}

static void take_out(struct file *f, const char *word)
{
	char *line = xstrdup(line_of(f, word));

	replace(f, line, "");
	free(line);
}

static void other_range(struct file *f)
{
	replace(f, "reports 2 3", "reports 3 4");
}

static void other_agent(struct file *f)
{
	replace(f, "agent " AGENT, "agent agent-63-45");
}

static void other_epoch(struct file *f)
{
	replace(f, "epoch 6", "epoch 7");
}

static void other_digest(struct file *f)
{
	char hex[2 * DIGEST_SIZE + 1], other[2 * DIGEST_SIZE + 1];

	replace(f, text_hex(&digests[3], DIGEST_SIZE, hex), text_hex(&digests[4], DIGEST_SIZE, other));
}

static void other_time(struct file *f)
{
	replace(f, " 1721350801234572 ", " 1721350801234571 ");
}

static void swapped_links(struct file *f)
{
	char four[2 * DIGEST_SIZE + 1], five[2 * DIGEST_SIZE + 1];

	text_hex(&digests[4], DIGEST_SIZE, four);
	text_hex(&digests[5], DIGEST_SIZE, five);
	replace(f, four, "#");
	replace(f, five, four);
	replace(f, "#", five);
}

static void swapped_digests(struct file *f)
{
	/* The note's "#" stands before: take it out. */
	replace(f, "# Biên nhận\n#\n", "");
	swapped_links(f);
}

static void cut_chain(struct file *f)
{
	take_out(f, "link 4 ");
}

static void later_start(struct file *f)
{
	char before[2 * DIGEST_SIZE + 1], after[2 * DIGEST_SIZE + 1];

	take_out(f, "report 2 ");
	take_out(f, "ack 2 ");
	replace(f, text_hex(&chains[1], DIGEST_SIZE, before), text_hex(&chains[2], DIGEST_SIZE, after));
	replace(f, "reports 2 3", "reports 3 3");
}

static void acks_swapped(struct file *f)
{
	char *early = xstrdup(line_of(f, "ack 2 ")), *late = xstrdup(line_of(f, "ack 5 "));

	replace(f, early, "#\n");
	replace(f, late, early);
	replace(f, "#\n", late);
	free(early);
	free(late);
}

static void swapped_acks(struct file *f)
{
	replace(f, "# Biên nhận\n#\n", "");
	acks_swapped(f);
}

static void borrowed_ack(struct file *f)
{
	/* The earlier word, numbered like the later one. */
	char *early = xstrdup(line_of(f, "ack 2 ")), *late = xstrdup(line_of(f, "ack 5 "));

	early[4] = '5';
	replace(f, late, early);
	free(early);
	free(late);
}

static void other_note(struct file *f)
{
	replace(f, "Biên nhận", "Miễn nhận");
}

static void short_bytes(struct file *f)
{
	replace(f, "bytes 6363", "bytes 63");
}

static void link_for_report(struct file *f)
{
	replace(f, "report 3 ", "link 3 ");
}

static void upper_case(struct file *f)
{
	char *at = strstr(f->text, "before ") + 7;

	at += strcspn(at, "abcdef");
	*at = (char)(*at - 'a' + 'A');
}

static void escape_in_note(struct file *f)
{
	replace(f, "Biên nhận", "\033[2J");
}

static const struct {
	const char *name;
	void (*change)(struct file *f);
	bool with_bytes;
	const char *line, *said; /* with the agent's key too */
	bool only_agent_key;     /* without it nobody can tell */
} forgeries[] = {
    {"other range", other_range, false, "line 8", "report 3 should come here", false},
    {"other agent", other_agent, false, "line 9", "signature does not hold", false},
    {"other epoch", other_epoch, false, "line 9", "signature does not hold", false},
    {"other digest", other_digest, false, "line 13", "do not lead to the chain", false},
    {"other digest, bytes", other_digest, true, "line 15", "not those of its digest", false},
    {"other time", other_time, false, "line 13", "signature does not hold", false},
    {"swapped digests", swapped_digests, false, "line 11", "do not lead to the chain", false},
    {"cut chain", cut_chain, false, "line 11", "report 4 should come here", false},
    {"other start", later_start, false, "line 12", "over its reports does not hold", true},
    {"swapped acks", swapped_acks, false, "line 7", "does not belong behind report 2", false},
    {"borrowed ack", borrowed_ack, false, "line 13", "signature does not hold", false},
    {"other note", other_note, false, "line 15", "seal does not hold", true},
    {"short bytes", short_bytes, true, "line 10", "line of bytes before is too short", false},
    {"link for report", link_for_report, false, "line 10", "report 3 should come here", false},
    {"upper case", upper_case, false, "line 7", "expected", false},
    {"escape in a note", escape_in_note, false, "line 2", "what no text may hold", false},
};

static void test_every_forgery_is_named(void **state)
{
	struct proof_key keys[] = {centre_key, agent_key};

	(void)state;
	for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
		struct file f = write_file(2, 3, 5, forgeries[i].with_bytes);
		struct err err = {.text = "nothing"};

		forgeries[i].change(&f);
		sum_anew(&f);
		if (is_proven(&f, keys, 2, &err) || err.kind != ERR_DATA || !strstr(err.text, forgeries[i].line) ||
		    !strstr(err.text, forgeries[i].said))
			fail_msg("%s: %s\n%s", forgeries[i].name, err.text, f.text);
		if (is_proven(&f, keys, 1, &err) != forgeries[i].only_agent_key)
			fail_msg("%s, without the agent's key: %s", forgeries[i].name, err.text);
	}
}

static void test_strange_lines(void **state)
{
	static const char *const texts[] = {"",
					    "\n",
					    "tram-proof-v2\n",
					    "tram-proof-v1\r\n",
					    "tram-proof-v1\nagent -a\n",
					    "tram-proof-v1\nagent " AGENT " \n",
					    "tram-proof-v1\nagent " AGENT "\nepoch  00000000000000000000000000000000\n",
					    "tram-proof-v1\nagent " AGENT "\nepoch 00000000000000000000000000000000\n"
					    "reports 0 1\n",
					    "tram-proof-v1\nagent " AGENT "\nepoch 00000000000000000000000000000000\n"
					    "reports 01 2\n",
					    "tram-proof-v1\nagent " AGENT "\nepoch 00000000000000000000000000000000\n"
					    "reports 1 1099511627776\n",
					    "tram-proof-v1\nagent " AGENT "\nepoch 00000000000000000000000000000000\n"
					    "reports 1 99999999999999999999999\n"};
	char *longest = xmalloc(2 * PROOF_LINE_MAX);
	struct proof proof;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_false(read_text(texts[i], strlen(texts[i]), 5, &centre_key, 1, NULL, &proof, &err));
		assert_int_equal(err.kind, ERR_DATA);
	}
	memset(longest, '#', 2 * PROOF_LINE_MAX);
	assert_false(read_text(longest, 2 * PROOF_LINE_MAX, 77, &centre_key, 1, NULL, &proof, &err));
	assert_non_null(strstr(err.text, "longer than"));
	free(longest);
}

/* A note cannot become a line of its own, nor be longer than a line, nor end in half a character. */
static void test_notes(void **state)
{
	struct proof_writer *w;
	struct file f = {.len = 0};
	char *longest = xmalloc(3001);

	(void)state;
	for (size_t i = 0; i < 3000; i += 3)
		memcpy(longest + i, "ộ", 3);
	longest[3000] = '\0';
	w = proof_writer_new(keep, &f);
	proof_put_note(w, "a\nb\x1b[1m\xff");
	proof_put_note(w, longest);
	proof_writer_free(&w);
	assert_non_null(strstr(f.text, "\n# a?b?[1m?\n"));
	assert_int_equal(f.text[f.len - 1], '\n');
	assert_true(strlen(strstr(f.text, "# ộ")) <= PROOF_LINE_MAX + 1);
	assert_memory_equal(f.text + f.len - 4, "ộ\n", 4);
	free(longest);
}

/* ---------------------------------------------------------------- the golden files */

static char *read_golden(const char *name, size_t *ret_len)
{
	char path[512];
	struct err err;
	char *text;

	snprintf(path, sizeof path, "%s/%s", TRAM_GOLDEN_DIR, name);
	text = fsx_read(path, 1u << 20, ret_len, &err);
	if (!text)
		fail_msg("%s", err.text);
	return text;
}

/* What was read, written again with the keys of proof_vectors.json. */
struct copying {
	struct proof_writer *writer;
};

static void copy_item(void *context, const struct proof_item *item)
{
	struct copying *c = context;

	switch (item->kind) {
	case PROOF_HEAD:
		proof_put_note(c->writer, "Biên nhận để kiểm thử");
		proof_put_note(c->writer, "");
		proof_put_head(c->writer, item->head);
		break;
	case PROOF_REPORT: proof_put_report(c->writer, item->digest); break;
	case PROOF_BYTES: proof_put_bytes(c->writer, item->bytes, item->len); break;
	case PROOF_LINK: proof_put_link(c->writer, item->digest); break;
	case PROOF_ACK: proof_put_ack(c->writer, item->ack); break;
	}
}

/* Another implementation wrote them: they are proven, and written again to the last byte. */
static void test_golden(void **state)
{
	static const char *const names[] = {"v1_receipt.tram-proof", "v1_proof.tram-proof"};
	uint8_t seed[32], keys[2][SIGN_PUBLIC_SIZE], secrets[2][SIGN_SECRET_SIZE];

	(void)state;
	for (uint8_t k = 0; k < 2; k++) {
		for (uint8_t i = 0; i < 32; i++)
			seed[i] = (uint8_t)(32 * k + i);
		crypto_sign_seed_keypair(keys[k], secrets[k], seed);
	}
	for (size_t i = 0; i < 2; i++) {
		const struct proof_key known[] = {named(AGENT, keys[0]), named("centre", keys[1])};
		struct file f = {.len = 0};
		struct copying copying = {proof_writer_new(keep, &f)};
		struct proof_reader *r = proof_reader_new(known, 2, copy_item, &copying);
		struct proof proof;
		struct err err;
		size_t len;
		char *text = read_golden(names[i], &len);

		if (!proof_reader_feed(r, text, len, &err) || !proof_reader_end(r, &proof, &err))
			fail_msg("%s: %s", names[i], err.text);
		assert_true(proof.agent_signed);
		assert_int_equal(proof.has_bytes, i == 1);
		assert_int_equal(proof.through, 4213);
		proof_put_end(copying.writer, keys[0], secrets[0]);
		assert_int_equal(f.len, len);
		assert_memory_equal(f.text, text, len);
		proof_writer_free(&copying.writer);
		proof_reader_free(&r);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_is_proven),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_an_agent_cannot_acknowledge_itself),
	    cmocka_unit_test(test_every_flipped_bit),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_every_forgery_is_named),
	    cmocka_unit_test(test_strange_lines),
	    cmocka_unit_test(test_notes),
	    cmocka_unit_test(test_golden),
	};

	return cmocka_run_group_tests(tests, make_stream, NULL);
}
