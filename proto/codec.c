/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include "lang.h"
#include "mem.h"
#include "text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#define ZSTD_LEVEL 3

/* ---------------------------------------------------------------- the arena as allocator */

static void *allocate(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void leave(void *arena, void *pointer)
{
	(void)arena;
	(void)pointer;
}

ProtobufCAllocator codec_allocator(struct arena *a)
{
	return (ProtobufCAllocator){.alloc = allocate, .free = leave, .allocator_data = a};
}

/* The same, remembering whether the cap was met: protobuf-c says only that it failed. */
struct watched {
	struct arena *arena;
	bool full;
};

static void *allocate_watched(void *data, size_t size)
{
	struct watched *w = data;
	void *memory = arena_alloc(w->arena, size);

	w->full |= memory == NULL;
	return memory;
}

/* ---------------------------------------------------------------- NUL inside texts */

/* protobuf-c ends a text at its first NUL and forgets its length. So that nothing is cut unseen, a NUL inside a text
 * is decoded as FF, a byte that no UTF-8 has: what follows finds the text faulty. The walk below reads the wire format
 * only as far as it is sound; what is not, the decoder refuses. */

struct wire {
	const uint8_t *at, *end;
};

static bool take_varint(struct wire *w, uint64_t *ret)
{
	*ret = 0;
	for (int shift = 0; shift < 64 && w->at < w->end; shift += 7) {
		uint8_t b = *w->at++;

		*ret |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return true;
	}
	return false;
}

/* The next field; for one with a length, its bytes are in *ret_value. */
static bool take_field(struct wire *w, uint64_t *ret_tag, struct wire *ret_value)
{
	uint64_t key, len;

	*ret_value = (struct wire){NULL, NULL};
	if (!take_varint(w, &key))
		return false;
	*ret_tag = key >> 3;
	switch (key & 7) {
	case PROTOBUF_C_WIRE_TYPE_VARINT: return take_varint(w, &len);
	case PROTOBUF_C_WIRE_TYPE_64BIT: len = 8; break;
	case PROTOBUF_C_WIRE_TYPE_32BIT: len = 4; break;
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		if (!take_varint(w, &len))
			return false;
		break;
	default: return false;
	}
	if (len > (uint64_t)(w->end - w->at))
		return false;
	if ((key & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
		*ret_value = (struct wire){w->at, w->at + len};
	w->at += len;
	return true;
}

/* Counts the NULs inside texts; with a copy of the bytes, marks them there. */
static size_t mark_nuls(const ProtobufCMessageDescriptor *type, struct wire w, const uint8_t *base, uint8_t *copy)
{
	size_t found = 0;
	struct wire value;
	uint64_t tag;

	while (w.at < w.end && take_field(&w, &tag, &value)) {
		const ProtobufCFieldDescriptor *field =
		    value.at && tag <= UINT32_MAX ? protobuf_c_message_descriptor_get_field(type, (unsigned)tag) : NULL;

		if (field && field->type == PROTOBUF_C_TYPE_MESSAGE)
			found += mark_nuls(field->descriptor, value, base, copy);
		if (!field || field->type != PROTOBUF_C_TYPE_STRING)
			continue;
		for (const uint8_t *p = value.at; p < value.end; p++)
			if (*p == 0) {
				found++;
				if (copy)
					copy[p - base] = 0xff;
			}
	}
	return found;
}

/* ---------------------------------------------------------------- bytes to messages */

static void *over_cap(struct err *err)
{
	err_set(err, ERR_PROTOCOL, _("the message takes more memory than the limit allows: send it in smaller parts"));
	return NULL;
}

static void *decode(const ProtobufCMessageDescriptor *type, struct arena *a, const uint8_t *data, size_t len,
		    struct err *err)
{
	struct watched watched = {.arena = a};
	ProtobufCAllocator allocator = {.alloc = allocate_watched, .free = leave, .allocator_data = &watched};
	struct wire wire = {data, data + len};
	ProtobufCMessage *message;

	if (len > 0 && memchr(data, 0, len) && mark_nuls(type, wire, data, NULL) > 0) {
		uint8_t *copy = arena_alloc(a, len);

		if (!copy)
			return over_cap(err);
		memcpy(copy, data, len);
		mark_nuls(type, wire, data, copy);
		data = copy;
	}
	message = protobuf_c_message_unpack(type, &allocator, len, data);
	if (!message && watched.full)
		return over_cap(err);
	if (!message)
		err_set(err, ERR_DATA, _("these %zu bytes are not a protobuf message of type %s"), len, type->name);
	return message;
}

Tram__V1__Envelope *codec_envelope(struct arena *a, const void *data, size_t len, struct err *err)
{
	return decode(&tram__v1__envelope__descriptor, a, data, len, err);
}

Tram__V1__Report *codec_report(struct arena *a, const void *data, size_t len, struct err *err)
{
	return decode(&tram__v1__report__descriptor, a, data, len, err);
}

Tram__V1__Batch *codec_batch(struct arena *a, const void *data, size_t len, struct err *err)
{
	return decode(&tram__v1__batch__descriptor, a, data, len, err);
}

/* ---------------------------------------------------------------- texts */

static bool is_bad(const char *text)
{
	size_t at;

	return text_check(text, strlen(text), &at) == TEXT_NOT_UTF8;
}

/* Puts "name." or "name[n]." before the path in buf; index 0: the field is not repeated. Only a bad text pays for it. */
static void prepend(const ProtobufCFieldDescriptor *field, size_t index, char *buf, size_t size)
{
	char inner[128];

	snprintf(inner, sizeof(inner), "%s%s", buf[0] ? "." : "", buf);
	if (index > 0)
		snprintf(buf, size, "%s[%zu]%s", field->name, index, inner);
	else
		snprintf(buf, size, "%s%s", field->name, inner);
}

static bool find_bad_text(const ProtobufCMessage *message, char *buf, size_t size);

/* One value of a field: the text itself, or the message to look into. */
static bool is_bad_value(const ProtobufCFieldDescriptor *field, const void *value, size_t index, char *buf, size_t size)
{
	bool bad = field->type == PROTOBUF_C_TYPE_MESSAGE ? find_bad_text(value, buf, size) : is_bad(value);

	if (bad)
		prepend(field, index, buf, size);
	return bad;
}

static bool is_bad_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, char *buf, size_t size)
{
	const char *member = (const char *)message + field->offset;
	bool found = false;
	size_t n;

	if (field->label != PROTOBUF_C_LABEL_REPEATED) {
		const void *value = *(void *const *)(const void *)member;

		return value && is_bad_value(field, value, 0, buf, size);
	}
	n = *(const size_t *)(const void *)((const char *)message + field->quantifier_offset);
	for (size_t i = 0; i < n && !found; i++) {
		void *const *values = *(void *const *const *)(const void *)member;

		found = is_bad_value(field, values[i], i + 1, buf, size);
	}
	return found;
}

static bool find_bad_text(const ProtobufCMessage *message, char *buf, size_t size)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;
	bool found = false;

	for (unsigned i = 0; i < type->n_fields && !found; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];

		assert(!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF));
		if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
			found = is_bad_field(message, field, buf, size);
	}
	return found;
}

const char *codec_report_bad_text(const Tram__V1__Report *report, char *buf, size_t size)
{
	buf[0] = '\0';
	return find_bad_text(&report->base, buf, size) ? buf : NULL;
}

/* ---------------------------------------------------------------- messages to bytes */

uint8_t *codec_pack(const ProtobufCMessage *message, size_t *ret_len)
{
	uint8_t *data = xmalloc(protobuf_c_message_get_packed_size(message));

	*ret_len = protobuf_c_message_pack(message, data);
	return data;
}

uint8_t *codec_pack_envelope(Tram__V1__Envelope__BodyCase type, void *body, size_t *ret_len)
{
	Tram__V1__Envelope envelope = TRAM__V1__ENVELOPE__INIT;

	assert(type != TRAM__V1__ENVELOPE__BODY__NOT_SET && body);
	envelope.version = 1;
	envelope.body_case = type;
	envelope.hello = body; /* all bodies share one place */
	return codec_pack(&envelope.base, ret_len);
}

/* ---------------------------------------------------------------- compression */

uint8_t *codec_compress(const void *data, size_t len, size_t *ret_len)
{
	size_t room = ZSTD_compressBound(len);
	uint8_t *out = xmalloc(room);

	*ret_len = ZSTD_compress(out, room, data, len, ZSTD_LEVEL);
	assert(!ZSTD_isError(*ret_len));
	return out;
}

static const uint8_t *too_long(unsigned long long len, size_t max, struct err *err)
{
	err_set(err, ERR_PROTOCOL, _("the payload is %llu bytes, the limit is %zu: send fewer reports in a batch"), len,
		max);
	return NULL;
}

static const uint8_t *decompress_zstd(struct arena *a, const void *data, size_t len, size_t max, size_t *ret_len,
				      struct err *err)
{
	unsigned long long size = ZSTD_getFrameContentSize(data, len);
	uint8_t *out;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
		err_set(err, ERR_DATA, _("the payload is not one zstd frame that states its content size"));
		return NULL;
	}
	if (size > max)
		return too_long(size, max, err);
	out = arena_alloc(a, size);
	if (!out)
		return over_cap(err);
	*ret_len = ZSTD_decompress(out, size, data, len);
	if (ZSTD_isError(*ret_len) || *ret_len != size) {
		err_set(err, ERR_DATA, _("the payload cannot be decompressed: it is damaged"));
		return NULL;
	}
	return out;
}

const uint8_t *codec_decompress(struct arena *a, Tram__V1__Codec codec, const void *data, size_t len, size_t max,
				size_t *ret_len, struct err *err)
{
	if (codec == TRAM__V1__CODEC__CODEC_ZSTD)
		return decompress_zstd(a, data, len, max, ret_len, err);
	if (codec != TRAM__V1__CODEC__CODEC_PLAIN) {
		err_set(err, ERR_DATA, _("the payload has the unknown codec %d: use plain or zstd"), (int)codec);
		return NULL;
	}
	if (len > max)
		return too_long(len, max, err);
	*ret_len = len;
	return data;
}
