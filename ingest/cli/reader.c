/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <string.h>
#include <strings.h>

const char *const reader_names[READER_FORMATS] = {
    [READER_SDMX_CSV] = "sdmx-csv", [READER_CSV] = "csv", [READER_JSON] = "json", [READER_PROTOBUF] = "protobuf"};

enum reader_format reader_by_name(const char *name)
{
	int format = 0;

	while (format < READER_FORMATS && strcmp(reader_names[format], name) != 0)
		format++;
	return (enum reader_format)format;
}

static bool begins_with(const uint8_t *data, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && memcmp(data, prefix, n) == 0;
}

/* SDMX-CSV's first column is STRUCTURE, always. */
static bool is_sdmx(struct input *in)
{
	const uint8_t *data;
	size_t len = input_peek(in, &data);

	if (begins_with(data, len, "\xEF\xBB\xBF")) {
		data += 3;
		len -= 3;
	}
	while (len && (*data == '#' || *data == '\n' || *data == '\r')) {
		const uint8_t *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) + 1 : len;

		data += n;
		len -= n;
	}
	return begins_with(data, len, "STRUCTURE") || begins_with(data, len, "\"STRUCTURE");
}

enum reader_format reader_guess(const char *path, struct input *in)
{
	static const struct {
		const char *ending;
		enum reader_format format;
	} endings[] = {{".csv", READER_CSV},          {".json", READER_JSON},   {".jsonl", READER_JSON},
		       {".ndjson", READER_JSON},      {".pb", READER_PROTOBUF}, {".bin", READER_PROTOBUF},
		       {".protobuf", READER_PROTOBUF}};
	const char *ending = strrchr(path, '.');

	for (size_t i = 0; ending && i < sizeof endings / sizeof *endings; i++)
		if (strcasecmp(endings[i].ending, ending) == 0)
			return endings[i].format == READER_CSV && is_sdmx(in) ? READER_SDMX_CSV : endings[i].format;
	return READER_FORMATS;
}

/* What is in the file is not what its name says: nothing further would make sense. */
static bool has_other_form(enum reader_format format, struct input *in, struct problems *problems)
{
	const uint8_t *data;
	size_t len = input_peek(in, &data);
	struct place begin = {.line = 1, .column = 1};

	if (len == 0) {
		problems_add(problems, PROBLEM_FILE_EMPTY, (struct place){0}, (struct problem_words){0});
		return true;
	}
	if (format == READER_PROTOBUF)
		return false;
	if (begins_with(data, len, "\xFF\xFE") || begins_with(data, len, "\xFE\xFF")) {
		problems_add(problems, PROBLEM_FILE_UTF16, begin, (struct problem_words){0});
		return true;
	}
	if (begins_with(data, len, "PK\x03\x04") || begins_with(data, len, "\xD0\xCF\x11\xE0")) {
		problems_add(problems, PROBLEM_FILE_SPREADSHEET, begin,
			     (struct problem_words){.hint = reader_names[format]});
		return true;
	}
	return false;
}

bool reader_run(enum reader_format format, struct input *in, const struct reader_options *options,
		const struct reader_sink *sink, struct problems *problems, struct err *err)
{
	bool other = has_other_form(format, in, problems);

	if (input_failed(in, err))
		return false;
	if (other)
		return true;
	switch (format) {
	case READER_JSON: return read_json(in, sink, problems, err);
	case READER_PROTOBUF: return read_protobuf(in, sink, problems, err);
	case READER_CSV:
	case READER_SDMX_CSV:
	case READER_FORMATS: break;
	}
	return read_csv(in, format == READER_SDMX_CSV, options, sink, problems, err);
}
