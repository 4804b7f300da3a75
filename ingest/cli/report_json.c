/* SPDX-License-Identifier: Apache-2.0 */
#include "report_json.h"

#include "fields.h"
#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A number that JSON's readers may not hold exactly goes as a text. Caller gives it back. */
static json_t *long_number(int64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, n);
	return json_string(text);
}

static json_t *enum_name(const ProtobufCFieldDescriptor *field, int value)
{
	const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(field->descriptor, value);

	return found ? json_string(found->name) : json_integer(value);
}

/* One value at its place in the message; NULL for a default. Only types that Report has. */
static json_t *value_json(const ProtobufCFieldDescriptor *field, const void *at)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING: {
		const char *text = *(char *const *)at;

		return text && *text ? json_string(text) : NULL;
	}
	case PROTOBUF_C_TYPE_MESSAGE: {
		const ProtobufCMessage *message = *(ProtobufCMessage *const *)at;

		return message ? report_json(message) : NULL;
	}
	case PROTOBUF_C_TYPE_ENUM: return *(const int *)at ? enum_name(field, *(const int *)at) : NULL;
	case PROTOBUF_C_TYPE_BOOL: return *(const protobuf_c_boolean *)at ? json_true() : NULL;
	case PROTOBUF_C_TYPE_UINT32: return *(const uint32_t *)at ? json_integer(*(const uint32_t *)at) : NULL;
	case PROTOBUF_C_TYPE_SINT32: return *(const int32_t *)at ? json_integer(*(const int32_t *)at) : NULL;
	case PROTOBUF_C_TYPE_SINT64: return *(const int64_t *)at ? long_number(*(const int64_t *)at) : NULL;
	default: return NULL;
	}
}

/* A repeated field; every one in Report is of messages. */
static json_t *list_json(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	size_t n = *(const size_t *)((const uint8_t *)message + field->quantifier_offset);
	ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)((const uint8_t *)message + field->offset);
	json_t *list = n ? json_array() : NULL;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, report_json(items[i]));
	return list;
}

json_t *report_json(const ProtobufCMessage *message)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
		json_t *value = field->label == PROTOBUF_C_LABEL_REPEATED
				    ? list_json(message, field)
				    : value_json(field, (const uint8_t *)message + field->offset);
		char camel[40];

		if (value)
			json_object_set_new(object, field_camel(field->name, camel), value);
	}
	return object;
}
