/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden files: bytes of protocol version 1 as another implementation wrote them, with their meaning beside them as
 * protobuf text. Each is decoded, printed as text, compared to the last byte, and packed to the very bytes again.
 */
#include "codec.h"
#include "digest.h"
#include "fsx.h"
#include "text.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct arena *arena;

static int make_arena(void **state)
{
	(void)state;
	arena = arena_new(16u << 20);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static char *read_file(const char *name, const char *ending, size_t *ret_len)
{
	char path[512];
	struct err err;
	char *data;

	snprintf(path, sizeof(path), "%s/%s%s", TRAM_GOLDEN_DIR, name, ending);
	data = fsx_read(path, 1u << 20, ret_len, &err);
	if (!data)
		fail_msg("%s", err.text);
	return data;
}

/* ---------------------------------------------------------------- protobuf text, as Python prints it */

static void put_message(FILE *out, const ProtobufCMessage *message, int depth);

static void put_quoted(FILE *out, const uint8_t *data, size_t len, bool is_text)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		const char *plain = strchr("\n\r\t\"'\\", data[i]);

		if (plain && data[i] != 0)
			fprintf(out, "\\%c", "nrt\"'\\"[plain - strchr("\n\r\t\"'\\", '\n')]);
		else if ((data[i] < 0x20 || data[i] >= 0x7f) && !is_text)
			fprintf(out, "\\%03o", data[i]);
		else
			fputc(data[i], out);
	}
	fputc('"', out);
}

static size_t value_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_FIXED64: return 8;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	default: return 4;
	}
}

/* A value that proto3 does not write: zero, or empty. */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *value)
{
	static const char zero[8];

	if (field->type == PROTOBUF_C_TYPE_STRING)
		return **(char *const *)value == '\0';
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void *const *)value == NULL;
	if (field->type == PROTOBUF_C_TYPE_BYTES)
		return ((const ProtobufCBinaryData *)value)->len == 0;
	return memcmp(value, zero, value_size(field->type)) == 0;
}

static void put_scalar(FILE *out, const ProtobufCFieldDescriptor *field, const void *value)
{
	const ProtobufCBinaryData *bytes = value;

	switch (field->type) {
	case PROTOBUF_C_TYPE_SINT32: fprintf(out, "%d", *(const int32_t *)value); break;
	case PROTOBUF_C_TYPE_UINT32: fprintf(out, "%u", *(const uint32_t *)value); break;
	case PROTOBUF_C_TYPE_SINT64: fprintf(out, "%lld", (long long)*(const int64_t *)value); break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: fprintf(out, "%llu", (unsigned long long)*(const uint64_t *)value); break;
	case PROTOBUF_C_TYPE_BOOL: fputs(*(const protobuf_c_boolean *)value ? "true" : "false", out); break;
	case PROTOBUF_C_TYPE_ENUM:
		fputs(protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)value)->name, out);
		break;
	case PROTOBUF_C_TYPE_STRING:
		put_quoted(out, *(uint8_t *const *)value, strlen(*(char *const *)value), true);
		break;
	case PROTOBUF_C_TYPE_BYTES: put_quoted(out, bytes->data, bytes->len, false); break;
	default: fail_msg("%s has a type that no message of ours has", field->name);
	}
}

static void put_value(FILE *out, const ProtobufCFieldDescriptor *field, const void *value, int depth)
{
	fprintf(out, "%*s%s", depth * 2, "", field->name);
	if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
		fputs(" {\n", out);
		put_message(out, *(ProtobufCMessage *const *)value, depth + 1);
		fprintf(out, "%*s}\n", depth * 2, "");
	} else {
		fputs(": ", out);
		put_scalar(out, field, value);
		fputc('\n', out);
	}
}

static void put_field(FILE *out, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, int depth)
{
	const char *base = (const char *)message, *value = base + field->offset;
	size_t n = 1, size = value_size(field->type);

	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		if (*(const uint32_t *)(const void *)(base + field->quantifier_offset) != field->id)
			return;
	} else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		n = *(const size_t *)(const void *)(base + field->quantifier_offset);
		value = *(char *const *)(const void *)value;
	} else if (is_default(field, value)) {
		return;
	}
	for (size_t i = 0; i < n; i++)
		put_value(out, field, value + i * size, depth);
}

static void put_message(FILE *out, const ProtobufCMessage *message, int depth)
{
	for (unsigned i = 0; i < message->descriptor->n_fields; i++)
		put_field(out, message, &message->descriptor->fields[i], depth);
}

/* ---------------------------------------------------------------- the files */

static const struct {
	const char *name;
	const ProtobufCMessageDescriptor *type;
} files[] = {
    {"v1_report", &tram__v1__report__descriptor},
    {"v1_report_2", &tram__v1__report__descriptor},
    {"v1_batch", &tram__v1__batch__descriptor},
    {"v1_hello", &tram__v1__envelope__descriptor},
    {"v1_hello_2", &tram__v1__envelope__descriptor},
    {"v1_subscribe", &tram__v1__envelope__descriptor},
    {"v1_subscribe_2", &tram__v1__envelope__descriptor},
    {"v1_publish", &tram__v1__envelope__descriptor},
    {"v1_publish_zstd", &tram__v1__envelope__descriptor},
    {"v1_ack", &tram__v1__envelope__descriptor},
    {"v1_verdicts", &tram__v1__envelope__descriptor},
    {"v1_verdicts_2", &tram__v1__envelope__descriptor},
    {"v1_verdicts_3", &tram__v1__envelope__descriptor},
    {"v1_heartbeat", &tram__v1__envelope__descriptor},
    {"v1_refusal", &tram__v1__envelope__descriptor},
    {"v1_check", &tram__v1__envelope__descriptor},
    {"v1_check_result", &tram__v1__envelope__descriptor},
    {"v1_check_result_2", &tram__v1__envelope__descriptor},
    {"v1_codebook_request", &tram__v1__envelope__descriptor},
    {"v1_codebook", &tram__v1__envelope__descriptor},
    {"v1_todo_request", &tram__v1__envelope__descriptor},
    {"v1_todo", &tram__v1__envelope__descriptor},
    {"v1_event", &tram__v1__event__descriptor},
};

static ProtobufCMessage *read_message(size_t i)
{
	ProtobufCAllocator allocator = codec_allocator(arena);
	size_t len;
	char *data = read_file(files[i].name, ".bin", &len);
	ProtobufCMessage *message = protobuf_c_message_unpack(files[i].type, &allocator, len, (const uint8_t *)data);

	if (!message)
		fail_msg("%s.bin is not read", files[i].name);
	free(data);
	return message;
}

/* The text without its head of comments. */
static const char *skip_head(const char *text)
{
	while (*text == '#' || *text == '\n')
		text = strchr(text, '\n') + 1;
	return text;
}

static void test_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(files); i++) {
		char *got = NULL, *want;
		size_t len;
		FILE *out = open_memstream(&got, &len);

		put_message(out, read_message(i), 0);
		fclose(out);
		want = read_file(files[i].name, ".txtpb", &len);
		if (strcmp(got, skip_head(want)) != 0)
			fail_msg("%s.bin says\n%s\nbut beside it stands\n%s", files[i].name, got, want);
		free(want);
		free(got);
	}
}

static void test_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(files); i++) {
		size_t len, want_len;
		uint8_t *got = codec_pack(read_message(i), &len);
		char *want = read_file(files[i].name, ".bin", &want_len);

		assert_int_equal(len, want_len);
		assert_memory_equal(got, want, len);
		free(want);
		free(got);
	}
}

/* ---------------------------------------------------------------- nothing is left out, nothing is recursive */

struct seen {
	const ProtobufCFieldDescriptor *fields[512];
	size_t n;
};

static bool has_seen(const struct seen *seen, const ProtobufCFieldDescriptor *field)
{
	for (size_t i = 0; i < seen->n; i++)
		if (seen->fields[i] == field)
			return true;
	return false;
}

static void note_fields(struct seen *seen, const ProtobufCMessage *message);

static void note_field(struct seen *seen, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	const char *base = (const char *)message, *value = base + field->offset;
	bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED, oneof = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
	size_t n = repeated ? *(const size_t *)(const void *)(base + field->quantifier_offset) : 1;

	if (oneof && *(const uint32_t *)(const void *)(base + field->quantifier_offset) != field->id)
		return;
	if (n == 0 || (!repeated && !oneof && is_default(field, value)))
		return;
	if (!has_seen(seen, field)) {
		assert_true(seen->n < N(seen->fields));
		seen->fields[seen->n++] = field;
	}
	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return;
	value = repeated ? *(char *const *)(const void *)value : value;
	for (size_t i = 0; i < n; i++)
		note_fields(seen, ((ProtobufCMessage *const *)(const void *)value)[i]);
}

static void note_fields(struct seen *seen, const ProtobufCMessage *message)
{
	for (unsigned i = 0; i < message->descriptor->n_fields; i++)
		note_field(seen, message, &message->descriptor->fields[i]);
}

/* Every field that can be reached from a type is in the golden files; a type that holds itself never ends. */
static void check_type(const struct seen *seen, const ProtobufCMessageDescriptor *type, int depth)
{
	if (depth > 16)
		fail_msg("%s contains itself", type->name);
	for (unsigned i = 0; i < type->n_fields; i++) {
		if (!has_seen(seen, &type->fields[i]))
			fail_msg("no golden file has %s.%s: make a new one", type->name, type->fields[i].name);
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			check_type(seen, type->fields[i].descriptor, depth + 1);
	}
}

static void test_nothing_left_out(void **state)
{
	struct seen seen = {.n = 0};

	(void)state;
	for (size_t i = 0; i < N(files); i++)
		note_fields(&seen, read_message(i));
	for (size_t i = 0; i < N(files); i++)
		check_type(&seen, files[i].type, 0);
}

/* ---------------------------------------------------------------- proofs */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		fail_msg("proof_vectors.json has no %s", key);
	return text;
}

static void bytes_of(const json_t *object, const char *key, void *ret, size_t len)
{
	assert_true(text_unhex(text_of(object, key), ret, len));
}

static json_t *proofs(void)
{
	size_t len;
	char *text = read_file("proof_vectors", ".json", &len);
	json_t *root = json_loadb(text, len, 0, NULL);

	assert_non_null(root);
	free(text);
	return root;
}

/* libsodium's secret key: the seed and the public key behind it. */
static void secret_of(const json_t *root, const char *seed, const char *public, uint8_t ret[static SIGN_SECRET_SIZE])
{
	bytes_of(root, seed, ret, 32);
	bytes_of(root, public, ret + 32, 32);
}

static void report_digest(const char *hex, struct digest *ret)
{
	size_t len = strlen(hex) / 2;
	uint8_t *data = malloc(len + 1);

	assert_true(text_unhex(hex, data, len));
	digest_report(data, len, ret);
	free(data);
}

static void test_digests(void **state)
{
	json_t *root = proofs(), *item;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(root, "digests"), i, item)
	{
		struct digest got, want;

		report_digest(text_of(item, "bytes"), &got);
		bytes_of(item, "digest", want.bytes, DIGEST_SIZE);
		assert_memory_equal(&got, &want, DIGEST_SIZE);
	}
	assert_int_equal(i, 3);
	json_decref(root);
}

static void test_chain(void **state)
{
	json_t *root = proofs(), *chain = json_object_get(root, "chain"), *item;
	struct digest got, want, previous;
	struct epoch epoch;
	size_t i;

	(void)state;
	bytes_of(root, "epoch", epoch.bytes, EPOCH_SIZE);
	bytes_of(root, "previous_chain", previous.bytes, DIGEST_SIZE);
	chain_start(text_of(root, "agent"), &epoch, &previous, &got);
	bytes_of(root, "chain_0_after_previous", want.bytes, DIGEST_SIZE);
	assert_memory_equal(&got, &want, DIGEST_SIZE);
	chain_start(text_of(root, "agent"), &epoch, NULL, &got);
	bytes_of(root, "chain_0", want.bytes, DIGEST_SIZE);
	assert_memory_equal(&got, &want, DIGEST_SIZE);
	json_array_foreach(json_object_get(chain, "reports"), i, item)
	{
		struct digest report;

		report_digest(json_string_value(item), &report);
		chain_next(&got, &report, &got);
		assert_true(text_unhex(json_string_value(json_array_get(json_object_get(chain, "each"), i)), &want,
				       DIGEST_SIZE));
		assert_memory_equal(&got, &want, DIGEST_SIZE);
	}
	assert_int_equal(i, 2);
	json_decref(root);
}

static void test_batch_signature(void **state)
{
	json_t *root = proofs(), *batch = json_object_get(root, "batch");
	struct batch_header header = {.agent = text_of(root, "agent")};
	uint8_t secret[SIGN_SECRET_SIZE], want[SIGNATURE_SIZE], got[SIGNATURE_SIZE], id[KEY_ID_SIZE],
	    want_id[KEY_ID_SIZE];

	(void)state;
	secret_of(root, "agent_signing_seed", "agent_signing_public", secret);
	bytes_of(root, "epoch", header.epoch.bytes, EPOCH_SIZE);
	bytes_of(batch, "prev_chain", header.prev_chain.bytes, DIGEST_SIZE);
	bytes_of(batch, "chain", header.chain.bytes, DIGEST_SIZE);
	header.first_seq = (uint64_t)json_integer_value(json_object_get(batch, "first_seq"));
	header.last_seq = (uint64_t)json_integer_value(json_object_get(batch, "last_seq"));
	bytes_of(batch, "signature", want, SIGNATURE_SIZE);
	batch_sign(&header, secret, got);
	assert_memory_equal(got, want, SIGNATURE_SIZE);
	assert_true(batch_verify(&header, secret + 32, want));
	key_id(secret + 32, id);
	bytes_of(root, "agent_key_id", want_id, KEY_ID_SIZE);
	assert_memory_equal(id, want_id, KEY_ID_SIZE);
	json_decref(root);
}

static void test_ack_signature(void **state)
{
	json_t *root = proofs(), *ack = json_object_get(root, "ack");
	struct ack_header header = {.agent = text_of(root, "agent")};
	uint8_t secret[SIGN_SECRET_SIZE], want[SIGNATURE_SIZE], got[SIGNATURE_SIZE];

	(void)state;
	secret_of(root, "centre_signing_seed", "centre_signing_public", secret);
	bytes_of(root, "epoch", header.epoch.bytes, EPOCH_SIZE);
	bytes_of(ack, "chain", header.chain.bytes, DIGEST_SIZE);
	header.committed_through = (uint64_t)json_integer_value(json_object_get(ack, "committed_through"));
	header.committed_at_us = json_integer_value(json_object_get(ack, "committed_at_us"));
	bytes_of(ack, "signature", want, SIGNATURE_SIZE);
	ack_sign(&header, secret, got);
	assert_memory_equal(got, want, SIGNATURE_SIZE);
	assert_true(ack_verify(&header, secret + 32, want));
	json_decref(root);
}

/* The golden Publish is what the centre checks: a chain over the reports inside, whatever the codec. */
static void check_publish(const char *name)
{
	size_t len;
	char *data = read_file(name, ".bin", &len);
	Tram__V1__Publish *publish;
	const uint8_t *payload;
	Tram__V1__Batch *batch;
	struct digest chain;
	struct err err;

	publish = codec_envelope(arena, data, len, &err)->publish;
	payload = codec_decompress(arena, publish->codec, publish->payload.data, publish->payload.len,
				   LIMIT_BATCH_BYTES, &len, &err);
	assert_non_null(payload);
	batch = codec_batch(arena, payload, len, &err);
	assert_non_null(batch);
	assert_int_equal(batch->n_entries, publish->count);
	memcpy(chain.bytes, publish->prev_chain.data, DIGEST_SIZE);
	for (size_t i = 0; i < batch->n_entries; i++) {
		const ProtobufCBinaryData *bytes = &batch->entries[i]->report;
		struct digest report;

		digest_report(bytes->data, bytes->len, &report);
		chain_next(&chain, &report, &chain);
		assert_non_null(codec_report(arena, bytes->data, bytes->len, &err));
	}
	assert_memory_equal(chain.bytes, publish->chain.data, DIGEST_SIZE);
	free(data);
}

static void test_golden_publish(void **state)
{
	(void)state;
	check_publish("v1_publish");
	check_publish("v1_publish_zstd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_meaning, make_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(test_same_bytes, make_arena, drop_arena),
	    cmocka_unit_test_setup_teardown(test_nothing_left_out, make_arena, drop_arena),
	    cmocka_unit_test(test_digests),
	    cmocka_unit_test(test_chain),
	    cmocka_unit_test(test_batch_signature),
	    cmocka_unit_test(test_ack_signature),
	    cmocka_unit_test_setup_teardown(test_golden_publish, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
