/* SPDX-License-Identifier: Apache-2.0 */
#include "proof_lines.h"

#include "lang.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- writing */

void lines_out_init(struct lines_out *out, proof_sink *sink, void *context)
{
	*out = (struct lines_out){sink, context, hashing_new()};
}

void lines_out_done(struct lines_out *out)
{
	hashing_free(&out->hashing);
}

void lines_put(struct lines_out *out, const char *format, ...)
{
	char line[PROOF_LINE_MAX + 2];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof line - 1, format, args);
	va_end(args);
	assert(len > 0 && len <= PROOF_LINE_MAX);
	line[len++] = '\n';
	hashing_add(out->hashing, line, (size_t)len);
	out->sink(out->context, line, (size_t)len);
}

/* Whole characters only, as many as a line holds. */
void lines_put_note(struct lines_out *out, const char *text)
{
	char line[PROOF_LINE_MAX + 1] = "#";
	size_t len = 1;

	if (*text)
		line[len++] = ' ';
	for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
		size_t character = text_character(text, left), at;
		bool plain = character > 0 && text_check(text, character, &at) != TEXT_CONTROL && *text != '\n';

		n = character ? character : 1;
		if (len + n > PROOF_LINE_MAX)
			break;
		memcpy(line + len, plain ? text : "?", plain ? n : 1);
		len += plain ? n : 1;
	}
	line[len] = '\0';
	lines_put(out, "%s", line);
}

void lines_put_bytes(struct lines_out *out, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	char hex[2 * PROOF_BYTES_MAX + 1];

	for (size_t n; len > 0; bytes += n, len -= n) {
		n = len < PROOF_BYTES_MAX ? len : PROOF_BYTES_MAX;
		lines_put(out, "bytes %s", text_hex(bytes, n, hex));
	}
}

void lines_put_signature(struct lines_out *out, const char *word, const uint8_t *public_key, const uint8_t *signature)
{
	uint8_t id[KEY_ID_SIZE];
	char id_hex[2 * KEY_ID_SIZE + 1], hex[2 * SIGNATURE_SIZE + 1];

	key_id(public_key, id);
	lines_put(out, "%s %s %s", word, text_hex(id, KEY_ID_SIZE, id_hex), text_hex(signature, SIGNATURE_SIZE, hex));
}

void lines_put_sum(struct lines_out *out)
{
	struct digest sum;
	char hex[2 * DIGEST_SIZE + 1];

	hashing_so_far(out->hashing, &sum);
	lines_put(out, "sum %s", text_hex(sum.bytes, DIGEST_SIZE, hex));
}

/* ---------------------------------------------------------------- reading */

void lines_in_init(struct lines_in *in)
{
	*in = (struct lines_in){.hashing = hashing_new()};
}

void lines_in_done(struct lines_in *in)
{
	hashing_free(&in->hashing);
}

bool line_wrong(const struct lines_in *in, struct err *err, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return err_set(err, ERR_DATA, _("line %lu: %s"), in->number, text);
}

/* What is shown of a line may not do anything to a terminal. */
bool line_unlike(const struct lines_in *in, const char *expected, struct err *err)
{
	char shown[81];
	size_t n = 0;

	for (; n < sizeof shown - 1 && in->line[n]; n++)
		shown[n] = in->line[n] >= ' ' && in->line[n] <= '~' ? in->line[n] : '?';
	shown[n] = '\0';
	return line_wrong(in, err, _("expected \"%s\", found \"%s\""), expected, shown);
}

bool lines_cut(struct lines_in *in, struct err *err)
{
	in->number++;
	return line_wrong(in, err, _("the file ends here, before its end: it was cut"));
}

static bool read_line(struct lines_in *in, line_fn *read, void *context, struct err *err)
{
	in->line[in->len] = '\0';
	in->number++;
	if (memchr(in->line, '\0', in->len))
		return line_wrong(in, err, _("a byte 0 stands in it"));
	if (!read(context, err))
		return false;
	hashing_add(in->hashing, in->line, in->len);
	hashing_add(in->hashing, "\n", 1);
	in->len = 0;
	return true;
}

bool lines_feed(struct lines_in *in, const void *data, size_t len, line_fn *read, void *context, struct err *err)
{
	const char *bytes = data;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			if (!read_line(in, read, context, err))
				return false;
		} else if (in->len == PROOF_LINE_MAX) {
			in->number++;
			return line_wrong(in, err, _("it is longer than %d bytes"), PROOF_LINE_MAX);
		} else {
			in->line[in->len++] = bytes[i];
		}
	}
	return true;
}

/* Behind "word " of a line that begins so; NULL: another line. */
const char *line_behind(const char *line, const char *word)
{
	size_t len = strlen(word);

	return strncmp(line, word, len) == 0 && line[len] == ' ' ? line + len + 1 : NULL;
}

/* The next part of *at, up to a space or the end, as a text of its own; false when it is empty or longer than size. */
bool line_take_part(const char **at, char *ret, size_t size)
{
	size_t len = strcspn(*at, " ");

	if (len == 0 || len >= size)
		return false;
	memcpy(ret, *at, len);
	ret[len] = '\0';
	*at += len;
	if (**at == ' ' && (*at)[1] != '\0')
		++*at;
	return true;
}

/* Lower-case digits only: there is one way to write a file. */
bool line_take_hex(const char **at, void *ret, size_t size)
{
	char part[2 * SIGNATURE_SIZE + 1];

	return line_take_part(at, part, sizeof part) && part[strspn(part, "0123456789abcdef")] == '\0' &&
	       text_unhex(part, ret, size);
}

bool line_take_number(const char **at, int64_t *ret)
{
	char part[24], again[24];

	if (!line_take_part(at, part, sizeof part))
		return false;
	*ret = strtoll(part, NULL, 10);
	snprintf(again, sizeof again, "%" PRId64, *ret);
	return strcmp(part, again) == 0;
}

bool line_take_seq(const char **at, uint64_t *ret)
{
	int64_t number;

	if (!line_take_number(at, &number) || number < 1 || (uint64_t)number >= PROOF_SEQ_BEYOND)
		return false;
	*ret = (uint64_t)number;
	return true;
}

bool line_is_agent(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= PROOF_AGENT_MAX && *name != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

bool line_read_note(const struct lines_in *in, struct err *err)
{
	size_t at;
	enum text_fault fault = text_check(in->line, in->len, &at);

	return (fault != TEXT_NOT_UTF8 && fault != TEXT_NUL && fault != TEXT_CONTROL) ||
	       line_wrong(in, err, _("a note for people holds what no text may hold"));
}

bool line_read_sum(const struct lines_in *in, struct err *err)
{
	const char *at = line_behind(in->line, "sum");
	struct digest said, found;

	if (!at || !line_take_hex(&at, said.bytes, DIGEST_SIZE) || *at)
		return line_unlike(in, "sum …", err);
	hashing_so_far(in->hashing, &found);
	return memcmp(&said, &found, sizeof said) == 0 ||
	       line_wrong(in, err, _("the sum is not that of the lines above: one of them was changed"));
}
