/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec - messages to bytes and back, within limits.
 *
 * Decoding goes into an arena whose cap bounds what hostile bytes can make us allocate. protobuf-c checks neither UTF-8
 * nor NUL inside texts and would cut a text at a NUL unseen; decoding here puts the byte FF, which no UTF-8 has, in a
 * NUL's place, so codec_report_bad_text() finds both. Payloads are plain or zstd; the decompressed size is checked
 * before a byte is decompressed. One thread at a time per arena.
 */
#ifndef TRAM_CODEC_H
#define TRAM_CODEC_H

#include "arena.h"
#include "err.h"
#include "tram.pb-c.h"

#include <stdint.h>

/* Defaults of the Limits message; each is a setting of the aggregator. */
#define LIMIT_MESSAGE_BYTES (4u << 20)
#define LIMIT_REPORT_BYTES  (1u << 20)
#define LIMIT_OBSERVATIONS  10000u
#define LIMIT_BATCH_BYTES   (8u << 20)
#define LIMIT_BATCH_REPORTS 1000u
#define LIMIT_HEARTBEAT_MS  5000u

/*
 * NULL and *err (ERR_DATA: not a message; ERR_PROTOCOL: over the arena's cap) on failure. Lives in the arena; data may
 * go. Not judged here: an envelope's version, lengths of keys and digests, limits other than the cap.
 */
Tram__V1__Envelope *codec_envelope(struct arena *a, const void *data, size_t len, struct err *err) MUST_CHECK;
Tram__V1__Report *codec_report(struct arena *a, const void *data, size_t len, struct err *err) MUST_CHECK;
Tram__V1__Batch *codec_batch(struct arena *a, const void *data, size_t len, struct err *err) MUST_CHECK;

/*
 * The first text field of a report that is not UTF-8 or held a NUL, or NULL: "observations[3].indicator" in buf,
 * counted from 1 as in Finding.observation.
 */
const char *codec_report_bad_text(const Tram__V1__Report *report, char *buf, size_t size);

/* Serialized bytes; caller frees. Never NULL. */
uint8_t *codec_pack(const ProtobufCMessage *message, size_t *ret_len);

/* An envelope around one message. type: TRAM__V1__ENVELOPE__BODY_HELLO …; body: that message. Caller frees. */
uint8_t *codec_pack_envelope(Tram__V1__Envelope__BodyCase type, void *body, size_t *ret_len);

/* zstd; caller frees. */
uint8_t *codec_compress(const void *data, size_t len, size_t *ret_len);

/*
 * The payload as plain bytes (in the arena, or data itself when CODEC_PLAIN). NULL and *err on failure: ERR_DATA when it
 * is not one zstd frame that states its size, is damaged, or the codec is unknown; ERR_PROTOCOL when over max or the cap.
 */
const uint8_t *codec_decompress(struct arena *a, Tram__V1__Codec codec, const void *data, size_t len, size_t max,
				size_t *ret_len, struct err *err) MUST_CHECK;

/* An arena as protobuf-c's allocator; valid while the arena is. */
ProtobufCAllocator codec_allocator(struct arena *a);

#endif
