/* SPDX-License-Identifier: Apache-2.0 */
#include "proof_lines.h"

#include "lang.h"
#include "mem.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which line comes next. Every step has one function; the order of a file is the order of this list. */
enum step { AT_MAGIC, AT_AGENT, AT_EPOCH, AT_REPORTS, AT_BEFORE, AT_ENTRIES, AT_SEAL, AT_SUM, AT_END };

struct proof_reader {
	struct proof_key keys[PROOF_KEYS_MAX];
	size_t n_keys;
	proof_item_fn *item;
	void *context;
	enum step step;
	struct lines_in in;
	struct proof proof;
	uint64_t seq;        /* of the last entry */
	struct digest chain; /* at seq */
	struct digest at_end;
	struct hashing *report; /* the bytes of report seq so far */
	struct digest digest;   /* … and what they must come to */
	bool in_bytes;
	size_t last_bytes; /* in the line before; only a report's last one may be shorter than the others */
};

static const struct proof_key *key_of(const struct proof_reader *r, const uint8_t *id, bool of_agent)
{
	uint8_t own[KEY_ID_SIZE];

	for (size_t i = 0; i < r->n_keys; i++) {
		key_id(r->keys[i].public_key, own);
		if ((strcmp(r->keys[i].name, r->proof.head.agent) == 0) == of_agent &&
		    memcmp(own, id, KEY_ID_SIZE) == 0)
			return &r->keys[i];
	}
	return NULL;
}

static bool has_key(const struct proof_reader *r, bool of_agent)
{
	for (size_t i = 0; i < r->n_keys; i++)
		if ((strcmp(r->keys[i].name, r->proof.head.agent) == 0) == of_agent)
			return true;
	return false;
}

static void tell(struct proof_reader *r, struct proof_item item)
{
	item.seq = item.seq ? item.seq : r->seq;
	if (r->item)
		r->item(r->context, &item);
}

/* ---------------------------------------------------------------- the head */

static bool read_magic(struct proof_reader *r, struct err *err)
{
	if (strcmp(r->in.line, PROOF_MAGIC) != 0)
		return line_unlike(&r->in, PROOF_MAGIC, err);
	r->step = AT_AGENT;
	return true;
}

static bool read_agent(struct proof_reader *r, struct err *err)
{
	const char *name = line_behind(r->in.line, "agent");

	if (*r->in.line == '#')
		return line_read_note(&r->in, err);
	if (!name || !line_is_agent(name))
		return line_unlike(&r->in, "agent …", err);
	snprintf(r->proof.head.agent, sizeof r->proof.head.agent, "%s", name);
	if (!has_key(r, false))
		return err_set(err, ERR_USAGE,
			       _("the centre's public key is needed: --key centre.pub (a key named %s is the agent's)"),
			       name);
	r->step = AT_EPOCH;
	return true;
}

static bool read_epoch(struct proof_reader *r, struct err *err)
{
	const char *at = line_behind(r->in.line, "epoch");

	if (!at || !line_take_hex(&at, r->proof.head.epoch.bytes, EPOCH_SIZE) || *at)
		return line_unlike(&r->in, "epoch …", err);
	r->step = AT_REPORTS;
	return true;
}

static bool read_reports(struct proof_reader *r, struct err *err)
{
	struct proof_head *h = &r->proof.head;
	const char *at = line_behind(r->in.line, "reports");

	if (!at || !line_take_seq(&at, &h->first_seq) || !line_take_seq(&at, &h->last_seq) || *at ||
	    h->first_seq > h->last_seq)
		return line_unlike(&r->in, "reports N M", err);
	r->seq = h->first_seq - 1;
	r->step = AT_BEFORE;
	return true;
}

static bool read_before(struct proof_reader *r, struct err *err)
{
	struct proof_head *h = &r->proof.head;
	const char *at = line_behind(r->in.line, "before");

	if (!at || !line_take_hex(&at, h->before.bytes, DIGEST_SIZE) || *at)
		return line_unlike(&r->in, "before …", err);
	r->chain = h->before;
	r->step = AT_ENTRIES;
	tell(r, (struct proof_item){.kind = PROOF_HEAD, .head = h});
	return true;
}

/* ---------------------------------------------------------------- reports, links, acknowledgements */

/* The bytes of the report before this line must be complete; the first report decides whether there are any. */
static bool end_bytes(struct proof_reader *r, struct err *err)
{
	const struct proof_head *h = &r->proof.head;
	struct digest found;

	if (!r->in_bytes)
		return !r->proof.has_bytes || r->seq < h->first_seq || r->seq > h->last_seq || r->last_bytes > 0 ||
		       line_wrong(&r->in, err, _("the bytes of report %" PRIu64 " above are missing"), r->seq);
	r->in_bytes = false;
	hashing_so_far(r->report, &found);
	return memcmp(&found, &r->digest, sizeof found) == 0 ||
	       line_wrong(&r->in, err, _("the bytes of report %" PRIu64 " above are not those of its digest"), r->seq);
}

/* Whether the line before is a report's that bytes may follow. */
static bool bytes_may_begin(const struct proof_reader *r)
{
	const struct proof_head *h = &r->proof.head;

	return r->seq >= h->first_seq && r->seq <= h->last_seq && r->last_bytes == 0 && r->proof.through != r->seq &&
	       (r->seq == h->first_seq || r->proof.has_bytes);
}

static bool read_bytes(struct proof_reader *r, const char *hex, struct err *err)
{
	uint8_t bytes[PROOF_BYTES_MAX];
	size_t n = strlen(hex) / 2;
	bool begins = !r->in_bytes;

	if (begins && !bytes_may_begin(r))
		return line_wrong(&r->in, err, _("there is no report in front of these bytes"));
	if (!begins && r->last_bytes != PROOF_BYTES_MAX)
		return line_wrong(&r->in, err, _("the line of bytes before is too short"));
	if (n == 0 || n > PROOF_BYTES_MAX || !line_take_hex(&hex, bytes, n) || *hex)
		return line_unlike(&r->in, "bytes …", err);
	if (begins)
		hashing_restart(r->report);
	r->proof.has_bytes = r->in_bytes = true;
	r->last_bytes = n;
	hashing_add(r->report, bytes, n);
	tell(r, (struct proof_item){.kind = PROOF_BYTES, .bytes = bytes, .len = n});
	return true;
}

static bool read_entry(struct proof_reader *r, const char *at, bool is_report, struct err *err)
{
	const struct proof_head *h = &r->proof.head;
	uint64_t seq;
	struct digest digest;

	if (!line_take_seq(&at, &seq) || !line_take_hex(&at, digest.bytes, DIGEST_SIZE) || *at)
		return line_unlike(&r->in, is_report ? "report N …" : "link N …", err);
	if (seq != r->seq + 1 || is_report != (seq <= h->last_seq))
		return line_wrong(&r->in, err, _("report %" PRIu64 " should come here, and %" PRIu64 " does"),
				  r->seq + 1, seq);
	r->seq = seq;
	r->digest = digest;
	r->last_bytes = 0;
	chain_next(&r->chain, &digest, &r->chain);
	if (seq == h->last_seq)
		r->at_end = r->chain;
	tell(r, (struct proof_item){.kind = is_report ? PROOF_REPORT : PROOF_LINK, .digest = &digest});
	return true;
}

static bool take_ack(const char *at, struct proof_ack *ret)
{
	return line_take_seq(&at, &ret->committed_through) && line_take_hex(&at, ret->chain.bytes, DIGEST_SIZE) &&
	       line_take_number(&at, &ret->committed_at_us) && line_take_hex(&at, ret->key_id, KEY_ID_SIZE) &&
	       line_take_hex(&at, ret->signature, SIGNATURE_SIZE) && !*at;
}

static bool is_acknowledged(struct proof_reader *r, const struct proof_ack *ack, struct err *err)
{
	const struct proof_head *h = &r->proof.head;
	const struct ack_header header = {h->agent, h->epoch, ack->committed_through, ack->chain, ack->committed_at_us};
	const struct proof_key *key = key_of(r, ack->key_id, false);
	char id[2 * KEY_ID_SIZE + 1];

	if (!key)
		return line_wrong(
		    &r->in, err,
		    _("this acknowledgement is by the key %s, and none of the centre's keys given is that"),
		    text_hex(ack->key_id, KEY_ID_SIZE, id));
	if (!ack_verify(&header, key->public_key, ack->signature))
		return line_wrong(
		    &r->in, err,
		    _("the centre's signature does not hold: agent, outbox, number, chain or time is not what "
		      "the centre signed"));
	if (memcmp(&ack->chain, &r->chain, sizeof r->chain) != 0)
		return line_wrong(&r->in, err,
				  _("the digests above do not lead to the chain that the centre signed at %" PRIu64
				    ": one of them, their order or the chain before them was changed"),
				  ack->committed_through);
	r->proof.through = ack->committed_through;
	tell(r, (struct proof_item){.kind = PROOF_ACK, .ack = ack, .key = key});
	return true;
}

static bool read_ack(struct proof_reader *r, const char *at, struct err *err)
{
	struct proof_ack ack;

	if (!take_ack(at, &ack))
		return line_unlike(&r->in, "ack N …", err);
	if (ack.committed_through != r->seq || r->seq < r->proof.head.first_seq || r->proof.through == r->seq)
		return line_wrong(&r->in, err,
				  _("this acknowledgement of %" PRIu64 " does not belong behind report %" PRIu64),
				  ack.committed_through, r->seq);
	return is_acknowledged(r, &ack, err);
}

/* ---------------------------------------------------------------- the end */

/* "word KEY-ID SIGNATURE"; without the agent's key there is nothing to hold it against. *ret_key NULL then. */
static bool take_signature(struct proof_reader *r, const char *word, const struct proof_key **ret_key,
			   uint8_t signature[static SIGNATURE_SIZE], struct err *err)
{
	const char *at = line_behind(r->in.line, word);
	uint8_t id[KEY_ID_SIZE];
	char hex[2 * KEY_ID_SIZE + 1];

	if (!at || !line_take_hex(&at, id, KEY_ID_SIZE) || !line_take_hex(&at, signature, SIGNATURE_SIZE) || *at)
		return line_unlike(&r->in, word, err);
	if (r->step == AT_SEAL && memcmp(id, r->proof.agent_key_id, KEY_ID_SIZE) != 0)
		return line_wrong(&r->in, err, _("the two signatures of the agent are by two keys"));
	memcpy(r->proof.agent_key_id, id, KEY_ID_SIZE);
	*ret_key = key_of(r, id, true);
	return *ret_key || !has_key(r, true) ||
	       line_wrong(&r->in, err, _("this is signed by the key %s, and the agent's key that was given is another"),
			  text_hex(id, KEY_ID_SIZE, hex));
}

static bool read_batch(struct proof_reader *r, struct err *err)
{
	const struct proof_head *h = &r->proof.head;
	const struct batch_header header = {h->agent, h->epoch, h->first_seq, h->last_seq, h->before, r->at_end};
	const struct proof_key *key;
	uint8_t signature[SIGNATURE_SIZE];

	if (!take_signature(r, "batch", &key, signature, err))
		return false;
	if (key && !batch_verify(&header, key->public_key, signature))
		return line_wrong(&r->in, err, _("the agent's signature over its reports does not hold"));
	r->step = AT_SEAL;
	return true;
}

/* Behind the acknowledgement that covers all nothing else can come. */
static bool read_entries(struct proof_reader *r, struct err *err)
{
	const char *rest = line_behind(r->in.line, "bytes");

	if (rest)
		return read_bytes(r, rest, err);
	if (!end_bytes(r, err))
		return false;
	if (r->proof.through >= r->proof.head.last_seq)
		return read_batch(r, err);
	if ((rest = line_behind(r->in.line, "report")))
		return read_entry(r, rest, true, err);
	if ((rest = line_behind(r->in.line, "link")))
		return read_entry(r, rest, false, err);
	if ((rest = line_behind(r->in.line, "ack")))
		return read_ack(r, rest, err);
	return line_unlike(&r->in, "report, bytes, link, ack", err);
}

static bool read_seal(struct proof_reader *r, struct err *err)
{
	struct seal_header header = {.agent = r->proof.head.agent, .epoch = r->proof.head.epoch};
	const struct proof_key *key;
	uint8_t signature[SIGNATURE_SIZE];

	if (!take_signature(r, "seal", &key, signature, err))
		return false;
	hashing_so_far(r->in.hashing, &header.content);
	if (key && !seal_verify(&header, key->public_key, signature))
		return line_wrong(&r->in, err,
				  _("the agent's seal does not hold: a line above is not what the agent wrote"));
	r->proof.agent_signed = key != NULL;
	r->step = AT_SUM;
	return true;
}

static bool read_end(struct proof_reader *r, struct err *err)
{
	r->step = AT_END;
	return line_read_sum(&r->in, err);
}

static bool read_beyond(struct proof_reader *r, struct err *err)
{
	return line_wrong(&r->in, err, _("the file goes on behind its end"));
}

/* ---------------------------------------------------------------- lines */

static bool (*const steps[])(struct proof_reader *r, struct err *err) = {
    [AT_MAGIC] = read_magic,     [AT_AGENT] = read_agent,   [AT_EPOCH] = read_epoch,
    [AT_REPORTS] = read_reports, [AT_BEFORE] = read_before, [AT_ENTRIES] = read_entries,
    [AT_SEAL] = read_seal,       [AT_SUM] = read_end,       [AT_END] = read_beyond,
};

static bool read_line(void *context, struct err *err)
{
	struct proof_reader *r = context;

	return steps[r->step](r, err);
}

struct proof_reader *proof_reader_new(const struct proof_key *keys, size_t n, proof_item_fn *item, void *context)
{
	struct proof_reader *r = xcalloc(1, sizeof *r);

	assert(n <= PROOF_KEYS_MAX);
	for (size_t i = 0; i < n; i++)
		r->keys[i] = keys[i];
	r->n_keys = n;
	r->item = item;
	r->context = context;
	lines_in_init(&r->in);
	r->report = hashing_new();
	return r;
}

void proof_reader_free(struct proof_reader **rp)
{
	struct proof_reader *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	lines_in_done(&r->in);
	hashing_free(&r->report);
	free(r);
}

bool proof_reader_feed(struct proof_reader *r, const void *data, size_t len, struct err *err)
{
	return lines_feed(&r->in, data, len, read_line, r, err);
}

bool proof_reader_end(struct proof_reader *r, struct proof *ret, struct err *err)
{
	if (r->in.len > 0 || r->step != AT_END)
		return lines_cut(&r->in, err);
	*ret = r->proof;
	ret->lines = r->in.number;
	return true;
}
