/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a payload, plain or compressed: bounded before it is unpacked, then a batch and its reports. */
#include "codec.h"
#include "fuzz.h"

#define CAP (4u << 20)
#define MAX (1u << 20)

static void read_batch(struct arena *arena, const uint8_t *data, size_t len)
{
	struct err err = {0};
	char place[128];
	Tram__V1__Batch *batch = codec_batch(arena, data, len, &err);

	for (size_t i = 0; batch && i < batch->n_entries; i++) {
		const ProtobufCBinaryData *bytes = &batch->entries[i]->report;
		Tram__V1__Report *report = codec_report(arena, bytes->data, bytes->len, &err);
		if (report)
			codec_report_bad_text(report, place, sizeof(place));
	}
}

static void read_payload(struct arena *arena, Tram__V1__Codec codec, const uint8_t *data, size_t size)
{
	struct err err = {0};
	size_t len = 0;
	const uint8_t *plain = codec_decompress(arena, codec, data, size, MAX, &len, &err);

	MUST(plain || err.kind == ERR_DATA || err.kind == ERR_PROTOCOL);
	MUST(!plain || len <= MAX);
	if (plain)
		read_batch(arena, plain, len);
	MUST(arena_used(arena) <= CAP);
	arena_reset(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	uint8_t *zstd;
	size_t len;

	if (!arena)
		arena = arena_new(CAP);
	if (size == 0)
		return 0;
	read_payload(arena, (Tram__V1__Codec)(data[0] % 3), data + 1, size - 1);
	zstd = codec_compress(data + 1, size - 1, &len); /* so that the batch behind the compression is reached too */
	read_payload(arena, TRAM__V1__CODEC__CODEC_ZSTD, zstd, len);
	free(zstd);
	return 0;
}
