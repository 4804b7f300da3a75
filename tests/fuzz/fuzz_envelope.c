/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an Envelope: read or refused within the cap; what is written and read again is the same. */
#include "codec.h"
#include "fuzz.h"

#include <string.h>

#define CAP (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	struct err err = {0};

	if (!arena)
		arena = arena_new(CAP);
	Tram__V1__Envelope *envelope = codec_envelope(arena, data, size, &err);
	MUST(arena_used(arena) <= CAP);
	MUST(envelope || err.kind == ERR_DATA || err.kind == ERR_PROTOCOL);
	if (envelope) {
		size_t len, again_len;
		uint8_t *packed = codec_pack(&envelope->base, &len);
		arena_reset(arena);
		envelope = codec_envelope(arena, packed, len, &err);
		if (envelope) { /* NULL: protobuf-c reads a field number 0 that is spelt in two bytes, and writes it in one */
			uint8_t *again = codec_pack(&envelope->base, &again_len);
			MUST(again_len == len && memcmp(again, packed, len) == 0);
			free(again);
		}
		free(packed);
	}
	arena_reset(arena);
	return 0;
}
