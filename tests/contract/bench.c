/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include "mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- a lane */

uint8_t bench_centre_public[SIGN_PUBLIC_SIZE], bench_centre_secret[SIGN_SECRET_SIZE];

static struct bench open_bench(const char *database, size_t arena)
{
	struct lane_settings settings = {.number = 1,
					 .database = database,
					 .group_rows = 1000,
					 .group_us = 10000,
					 .report_bytes = LIMIT_REPORT_BYTES,
					 .batch_bytes = LIMIT_BATCH_BYTES,
					 .arena_bytes = arena,
					 .history_bytes = 8 << 20,
					 .opened_bytes = 4 << 20,
					 .result_bytes = 4 << 20,
					 .observations = LIMIT_OBSERVATIONS,
					 .batch_reports = 8,
					 .agent_epochs = EPOCHS_MAX,
					 .judge = true};
	struct bench b = {.jobs = handoff_new(64), .results = handoff_new(64)};

	if (sodium_is_zero(bench_centre_public, sizeof bench_centre_public)) {
		crypto_sign_keypair(bench_centre_public, bench_centre_secret);
	}
	memcpy(settings.centre_public, bench_centre_public, SIGN_PUBLIC_SIZE);
	b.lane = lane_start(&settings, shipped, b.jobs, b.results);
	return b;
}

struct bench bench_open_with(size_t arena)
{
	return open_bench(contract_conninfo("tram_writer"), arena);
}

struct bench bench_open_at(const char *database)
{
	return open_bench(database, (size_t)64 << 20);
}

struct bench bench_open(void)
{
	return bench_open_with((size_t)64 << 20);
}

struct result *next_result(struct bench *b)
{
	for (;;) {
		struct result *r = handoff_take(b->results, BENCH_PATIENCE_MS);

		if (!r) {
			fail_msg("the lane does not answer");
		}
		if (r->kind != RESULT_STORE) {
			return r;
		}
		result_free(&r);
	}
}

void bench_close(struct bench *b)
{
	struct job *stop = xcalloc(1, sizeof *stop);

	stop->kind = JOB_STOP;
	handoff_put(b->jobs, stop);
	for (enum result_kind kind = RESULT_SUBSCRIBE; kind != RESULT_STOPPED;) {
		struct result *r = next_result(b);

		kind = r->kind;
		result_free(&r);
	}
	lane_join(&b->lane);
	handoff_free(&b->jobs);
	handoff_free(&b->results);
}

static struct job *new_job(const struct province *p, enum job_kind kind, Tram__V1__Envelope__BodyCase type, void *body)
{
	struct job *job = xcalloc(1, sizeof *job);

	job->kind = kind;
	snprintf(job->agent, sizeof job->agent, "%s", p->agent);
	job->session = 7;
	job->received_at_us = INT64_C(1763770000000000); /* 2025-11-22 */
	memcpy(job->signing_public, p->public_key, SIGN_PUBLIC_SIZE);
	job->data = codec_pack_envelope(type, body, &job->len);
	return job;
}

/* ---------------------------------------------------------------- a province */

/* Makes keys and puts them on the roster. */
void province_take_keys(struct province *p)
{
	struct store *admin;
	char curve[41];
	bool changed;

	crypto_sign_keypair(p->public_key, p->secret);
	sodium_bin2hex(curve, sizeof curve, p->public_key, 20);
	assert_result(STORE_OK, store_open_admin(contract_conninfo("tram_admin"), &admin, &contract_err));
	assert_result(STORE_OK, store_agent_accept(admin, p->agent, curve, p->public_key, "", &changed, &contract_err));
	store_close(&admin);
	p->has_keys = true;
}

void province_clear(struct province *p)
{
	for (uint64_t i = 1; i <= p->last; i++) {
		free(p->reports[i]);
	}
	p->last = 0;
}

void province_start(struct province *p)
{
	uint64_t halves[2] = {contract_random(), contract_random()};

	province_clear(p);
	memset(p->acks, 0, sizeof p->acks);
	memcpy(p->epoch.bytes, halves, EPOCH_SIZE);
	if (!p->has_keys) {
		province_take_keys(p);
	}
	chain_start(p->agent, &p->epoch, NULL, &p->chain[0]);
}

static void chain_on(struct province *p, uint64_t seq)
{
	struct digest digest;

	digest_report(p->reports[seq], p->lens[seq], &digest);
	chain_next(&p->chain[seq - 1], &digest, &p->chain[seq]);
}

void province_renew(struct province *p)
{
	uint64_t halves[2] = {contract_random(), contract_random()};

	memset(p->acks, 0, sizeof p->acks);
	memcpy(p->epoch.bytes, halves, EPOCH_SIZE);
	chain_start(p->agent, &p->epoch, NULL, &p->chain[0]);
	for (uint64_t seq = 1; seq <= p->last; seq++) {
		chain_on(p, seq);
	}
}

void append(struct province *p, uint8_t *bytes, size_t len)
{
	assert_true(++p->last <= REPORTS_MAX);
	p->reports[p->last] = bytes;
	p->lens[p->last] = len;
	p->handed_in_at_us[p->last] = 0;
	chain_on(p, p->last);
}

void append_report(struct province *p, const char *year, int64_t population, const char *comment)
{
	append_given(p, &(struct report_given){.year = year,
					       .comment = comment,
					       .population = population,
					       .purpose = TRAM__V1__PURPOSE__PURPOSE_BACKFILL});
}

void append_given(struct province *p, const struct report_given *given)
{
	Tram__V1__Report report = TRAM__V1__REPORT__INIT;
	Tram__V1__Observation observation = TRAM__V1__OBSERVATION__INIT, *rows[] = {&observation};
	Tram__V1__Decimal value = TRAM__V1__DECIMAL__INIT;
	char *text = xstrdup(given->comment), *day = xasprintf("%s-12-31", given->year), *period = xstrdup(given->year);
	size_t len;

	value.mantissa = given->population;
	observation.value = &value;
	observation.indicator = (char *)(uintptr_t) "population";
	observation.ref_area = (char *)(uintptr_t)p->area;
	observation.qualifier = TRAM__V1__QUALIFIER__QUALIFIER_EXACT;
	observation.obs_status = TRAM__V1__OBSERVATION_STATUS__OBSERVATION_STATUS_NORMAL;
	report.provider = (char *)(uintptr_t)p->provider;
	report.dataflow = (char *)(uintptr_t) "province_statistics";
	report.time_period = period;
	report.reference_date = day;
	report.purpose = given->purpose;
	report.revises = given->revises;
	report.reason = (char *)(uintptr_t) "Nạp số liệu";
	report.prepared_by = report.approved_by = (char *)(uintptr_t) "Nguyễn Văn An";
	report.prepared_at = report.approved_at = (char *)(uintptr_t) "2025-11-01T08:00:00+07:00";
	report.software = (char *)(uintptr_t) "test";
	report.comment = text;
	report.observations = rows;
	report.n_observations = 1;
	append(p, codec_pack(&report.base, &len), protobuf_c_message_get_packed_size(&report.base));
	free(text);
	free(day);
	free(period);
}

void say_hello(struct bench *b, struct province *p)
{
	say_hello_with(b, p, 0, 0);
}

void say_hello_with(struct bench *b, struct province *p, uint64_t verdict_cursor, int64_t known_at_us)
{
	Tram__V1__Hello hello = TRAM__V1__HELLO__INIT;

	hello.agent = (char *)(uintptr_t)p->agent;
	hello.epoch = (ProtobufCBinaryData){EPOCH_SIZE, p->epoch.bytes};
	hello.last_appended = p->last;
	hello.verdict_cursor = verdict_cursor;
	hello.verdict_known_at_us = known_at_us;
	hello.last_chain = (ProtobufCBinaryData){DIGEST_SIZE, p->chain[p->last].bytes};
	handoff_put(b->jobs, new_job(p, JOB_HELLO, TRAM__V1__ENVELOPE__BODY_HELLO, &hello));
}

static struct ack_header ack_at(const struct province *p, uint64_t seq)
{
	return (struct ack_header){.agent = p->agent,
				   .epoch = p->epoch,
				   .committed_through = seq,
				   .chain = p->chain[seq],
				   .committed_at_us = p->acks[seq].at_us};
}

void province_keep_ack(struct province *p, const struct result *committed)
{
	struct first_ack *ack = &p->acks[committed->seq];

	if (ack->at_us == 0) {
		ack->at_us = committed->committed_at_us;
		struct ack_header header = ack_at(p, committed->seq);
		ack_sign(&header, bench_centre_secret, ack->signature);
	}
}

/* What a report that was acknowledged before is sent again with. */
struct refill {
	Tram__V1__Acknowledgement message;
	struct ack_header header;
	uint8_t signature[SIGNATURE_SIZE], key_id[KEY_ID_SIZE];
};

static void put_first(const struct province *p, uint64_t seq, struct refill *refill, Tram__V1__Entry *e)
{
	while (seq <= p->last && p->acks[seq].at_us == 0) {
		seq++;
	}
	if (!p->refills || seq > p->last) {
		return;
	}
	refill->header = ack_at(p, seq);
	memcpy(refill->signature, p->acks[seq].signature, SIGNATURE_SIZE);
	key_id(bench_centre_public, refill->key_id);
	tram__v1__acknowledgement__init(&refill->message);
	refill->message.epoch = (ProtobufCBinaryData){EPOCH_SIZE, refill->header.epoch.bytes};
	refill->message.committed_through = seq;
	refill->message.chain = (ProtobufCBinaryData){DIGEST_SIZE, refill->header.chain.bytes};
	refill->message.committed_at_us = refill->header.committed_at_us;
	refill->message.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, refill->signature};
	refill->message.key_id = (ProtobufCBinaryData){KEY_ID_SIZE, refill->key_id};
	e->first_acknowledgement = &refill->message;
}

struct job *new_publish(const struct province *p, uint64_t first, uint64_t last)
{
	Tram__V1__Publish m = TRAM__V1__PUBLISH__INIT;
	Tram__V1__Batch batch = TRAM__V1__BATCH__INIT;
	Tram__V1__Entry entries[REPORTS_MAX], *rows[REPORTS_MAX];
	struct refill refills[REPORTS_MAX];
	uint8_t signature[SIGNATURE_SIZE], id[KEY_ID_SIZE];
	struct batch_header header = {.agent = p->agent,
				      .epoch = p->epoch,
				      .first_seq = first,
				      .last_seq = last,
				      .prev_chain = p->chain[first - 1],
				      .chain = p->chain[last]};
	size_t len;

	for (uint64_t seq = first; seq <= last; seq++) {
		Tram__V1__Entry *e = &entries[seq - first];

		tram__v1__entry__init(e);
		e->report = (ProtobufCBinaryData){p->lens[seq], p->reports[seq]};
		e->handed_in_at_us = p->handed_in_at_us[seq];
		put_first(p, seq, &refills[seq - first], e);
		rows[seq - first] = e;
	}
	batch.entries = rows;
	batch.n_entries = (size_t)(last - first + 1);
	uint8_t *payload = codec_pack(&batch.base, &len);
	batch_sign(&header, p->secret, signature);
	key_id(p->public_key, id);
	m.session = 7;
	m.epoch = (ProtobufCBinaryData){EPOCH_SIZE, header.epoch.bytes};
	m.first_seq = first;
	m.count = (uint32_t)batch.n_entries;
	m.prev_chain = (ProtobufCBinaryData){DIGEST_SIZE, header.prev_chain.bytes};
	m.chain = (ProtobufCBinaryData){DIGEST_SIZE, header.chain.bytes};
	m.payload = (ProtobufCBinaryData){len, payload};
	m.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	m.key_id = (ProtobufCBinaryData){KEY_ID_SIZE, id};
	struct job *job = new_job(p, JOB_PUBLISH, TRAM__V1__ENVELOPE__BODY_PUBLISH, &m);
	free(payload);
	return job;
}

void publish(struct bench *b, const struct province *p, uint64_t first, uint64_t last)
{
	handoff_put(b->jobs, new_publish(p, first, last));
}

/* ---------------------------------------------------------------- what is expected */

void open_stream(struct bench *b, struct province *p)
{
	say_hello(b, p);
	assert_int_equal(subscribed_at(b), 0);
}

uint64_t subscribed_at(struct bench *b)
{
	struct result *r = next_result(b);
	uint64_t seq = r->seq;

	assert_int_equal(r->kind, RESULT_SUBSCRIBE);
	assert_int_equal(r->committed_at_us > 0, seq > 0);
	result_free(&r);
	return seq;
}

void committed_through(struct bench *b, const struct province *p, uint64_t seq, const char *outcomes)
{
	char seen[REPORTS_MAX + 1] = "";
	size_t n = 0;

	for (uint64_t at = 0; at < seq;) {
		struct result *r = next_result(b);

		assert_int_equal(r->kind, RESULT_COMMITTED);
		assert_memory_equal(r->chain.bytes, p->chain[r->seq].bytes, DIGEST_SIZE);
		for (size_t i = 0; i < r->n_verdicts; i++) {
			const Tram__V1__Verdict *v = r->verdicts[i];

			assert_int_equal(v->seq, ++n + (seq - strlen(outcomes)));
			seen[n - 1] = v->n_outcomes ? (char)('0' + v->outcomes[0]) : '-';
		}
		at = r->seq;
		result_free(&r);
	}
	assert_string_equal(seen, outcomes);
}

void stands_at(struct bench *b, uint64_t seq)
{
	for (uint64_t at = 0; at < seq;) {
		struct result *r = next_result(b);

		at = r->seq;
		result_free(&r);
	}
}

void assert_stored(const struct province *p, const char *reports, const char *observations, const char *poison)
{
	char epoch[2 * EPOCH_SIZE + 1];

	sodium_bin2hex(epoch, sizeof epoch, p->epoch.bytes, EPOCH_SIZE);
#define IN_STREAM "report_no >> 40 = (SELECT stream_no FROM tram.stream WHERE epoch = '%s')"
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.report WHERE " IN_STREAM, epoch), reports);
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.observation WHERE " IN_STREAM, epoch),
			    observations);
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.poison WHERE " IN_STREAM, epoch), poison);
	assert_string_equal(
	    contract_ask(
		"SELECT count(DISTINCT report_no) = count(*) AND count(*) = (SELECT seq FROM tram.stream WHERE "
		"epoch = '%s') FROM tram.verdict WHERE " IN_STREAM,
		epoch, epoch),
	    "t");
	assert_string_equal(
	    contract_ask(
		"SELECT count(*) FROM tram.verdict v WHERE " IN_STREAM " AND v.report_no & (1::bigint << 40) - 1 > "
		"coalesce((SELECT b.last_seq FROM tram.batch b WHERE b.agent_no = v.agent_no AND b.stream_no = "
		"v.report_no >> 40 AND b.from_seq <= v.report_no & (1::bigint << 40) - 1 ORDER BY b.from_seq DESC "
		"LIMIT 1), 0)",
		epoch),
	    "0");
}

void assert_batches(const struct province *p, const char *batches)
{
	char epoch[2 * EPOCH_SIZE + 1];

	sodium_bin2hex(epoch, sizeof epoch, p->epoch.bytes, EPOCH_SIZE);
	assert_string_equal(
	    contract_ask("SELECT count(*) FROM tram.batch JOIN tram.stream USING (stream_no) WHERE epoch "
			 "= '%s'",
			 epoch),
	    batches);
}
