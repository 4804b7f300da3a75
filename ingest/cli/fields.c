/* SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

#include "nearest.h"
#include "tram.pb-c.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct field fields[FIELD_COUNT] = {
#define FIELD(id, column, sdmx, member, option, level, class, required, help)                                          \
	[FIELD_##id] = {column, sdmx, member, option, LEVEL_##level, CLASS_##class, required},
#include "fields.def"
#undef FIELD
};

/* ---------------------------------------------------------------- names */

const ProtobufCFieldDescriptor *field_member(enum field_id id)
{
	const ProtobufCMessageDescriptor *message =
	    fields[id].level == LEVEL_HEADER ? &tram__v1__report__descriptor : &tram__v1__observation__descriptor;
	const ProtobufCFieldDescriptor *member =
	    protobuf_c_message_descriptor_get_field_by_name(message, fields[id].member);

	assert(member);
	return member;
}

const char *field_name(enum field_id id, enum field_spelling spelling)
{
	switch (spelling) {
	case SPELLING_COLUMN: return fields[id].column;
	case SPELLING_SDMX: return fields[id].sdmx;
	case SPELLING_MEMBER: break;
	}
	return fields[id].member;
}

enum field_id field_by_column(const char *name, enum field_spelling spelling)
{
	for (int id = 0; id < FIELD_COUNT; id++) {
		const char *own = field_name((enum field_id)id, spelling);

		if (*own && strcasecmp(own, name) == 0)
			return (enum field_id)id;
	}
	return FIELD_COUNT;
}

char *field_camel(const char *snake, char buf[static 40])
{
	size_t n = 0;

	for (const char *s = snake; *s && n < 39; s++) {
		if (*s == '_' && s[1])
			buf[n++] = (char)toupper((unsigned char)*++s);
		else
			buf[n++] = *s;
	}
	buf[n] = 0;
	return buf;
}

enum field_id field_by_member(const char *name, enum field_level level)
{
	char camel[40];

	for (int id = 0; id < FIELD_COUNT; id++)
		if (fields[id].level == level &&
		    (strcmp(fields[id].member, name) == 0 || strcmp(field_camel(fields[id].member, camel), name) == 0))
			return (enum field_id)id;
	return FIELD_COUNT;
}

const char *field_nearest(const char *name, enum field_spelling spelling, int level)
{
	struct nearest near = nearest_to(name);

	for (int id = 0; id < FIELD_COUNT; id++)
		if (level < 0 || fields[id].level == (enum field_level)level)
			nearest_try(&near, field_name((enum field_id)id, spelling));
	return near.found;
}

/* ---------------------------------------------------------------- words */

/* The part that all words of an enum begin with, up to and with an underscore: "PURPOSE_". */
static size_t prefix_length(const ProtobufCEnumDescriptor *words)
{
	const char *first = words->values[0].name;
	size_t n = strlen(first);

	for (unsigned i = 1; i < words->n_values; i++) {
		size_t same = 0;

		while (same < n && words->values[i].name[same] == first[same])
			same++;
		n = same;
	}
	while (n > 0 && first[n - 1] != '_')
		n--;
	return n;
}

static bool is_status(const ProtobufCEnumDescriptor *words)
{
	return words == &tram__v1__observation_status__descriptor;
}

static bool parse_number(const ProtobufCEnumDescriptor *words, const char *text, int *ret)
{
	char *end;
	long n;

	if (is_status(words) && isupper((unsigned char)text[0]) && !text[1]) {
		n = text[0];
	} else {
		n = strtol(text, &end, 10);
		if (end == text || *end)
			return false;
	}
	if (n < 0 || n > 1000 || !protobuf_c_enum_descriptor_get_value(words, (int)n))
		return false;
	*ret = (int)n;
	return true;
}

bool word_parse(const ProtobufCEnumDescriptor *words, const char *text, int *ret)
{
	size_t prefix = prefix_length(words);

	for (unsigned i = 0; i < words->n_values; i++) {
		const char *name = words->values[i].name;

		if (strcasecmp(name, text) == 0 || strcasecmp(name + prefix, text) == 0) {
			*ret = words->values[i].value;
			return true;
		}
	}
	return parse_number(words, text, ret);
}

char *word_text(const ProtobufCEnumDescriptor *words, int value, char buf[static 40])
{
	const ProtobufCEnumValue *word = protobuf_c_enum_descriptor_get_value(words, value);
	const char *name = word ? word->name + prefix_length(words) : "";
	size_t n = 0;

	if (strcmp(name, "UNSPECIFIED") == 0)
		name = "";
	if (is_status(words) && *name) {
		snprintf(buf, 40, "%c", value);
		return buf;
	}
	for (; name[n] && n < 39; n++)
		buf[n] = (char)tolower((unsigned char)name[n]);
	buf[n] = 0;
	return buf;
}

char *word_list(const ProtobufCEnumDescriptor *words, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = 0;
	for (unsigned i = 0; i < words->n_values; i++) {
		char word[40];

		if (!*word_text(words, words->values[i].value, word))
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "", word);
		if (used >= size)
			break;
	}
	return buf;
}
