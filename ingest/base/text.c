/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* What looks like a space, or like nothing at all, and is neither. */
static const struct {
	int32_t first, last;
	bool is_space; /* mended to a space; the others go away */
} invisibles[] = {
    {0x00A0, 0x00A0, true},    /* no-break space */
    {0x00AD, 0x00AD, false},   /* soft hyphen */
    {0x061C, 0x061C, false},   /* Arabic letter mark */
    {0x1680, 0x1680, true},    /* Ogham space */
    {0x180E, 0x180E, false},   /* Mongolian vowel separator */
    {0x2000, 0x200A, true},    /* spaces of printers */
    {0x200B, 0x200F, false},   /* zero-width, directional marks */
    {0x2028, 0x2029, true},    /* line and paragraph separators */
    {0x202A, 0x202E, false},   /* bidirectional embeddings */
    {0x202F, 0x202F, true},    /* narrow no-break space */
    {0x205F, 0x205F, true},    /* mathematical space */
    {0x2060, 0x206F, false},   /* word joiner, isolates */
    {0x3000, 0x3000, true},    /* ideographic space */
    {0xFEFF, 0xFEFF, false},   /* byte order mark */
    {0xFFF9, 0xFFFB, false},   /* interlinear annotation */
    {0xE0000, 0xE007F, false}, /* tags */
};

/* -1 when c is visible, else whether it mends to a space. */
static int invisible_kind(int32_t c)
{
	for (size_t i = 0; i < sizeof invisibles / sizeof *invisibles; i++) {
		if (c >= invisibles[i].first && c <= invisibles[i].last) {
			return invisibles[i].is_space;
		}
	}
	return -1;
}

static enum text_fault character_fault(int32_t c)
{
	if (c == 0) {
		return TEXT_NUL;
	}
	if ((c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7F && c < 0xA0)) {
		return TEXT_CONTROL;
	}
	return c >= 0xA0 && invisible_kind(c) >= 0 ? TEXT_INVISIBLE : TEXT_FINE;
}

/* Characters that are NFC whatever their neighbours of this set: Latin, and Vietnamese as it is usually typed. */
static bool is_surely_composed(int32_t c)
{
	return c < 0x300 || (c >= 0x1EA0 && c <= 0x1EFF) || (c >= 0x2010 && c <= 0x2027);
}

static size_t plain_prefix(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && ((s[i] >= 0x20 && s[i] < 0x7F) || s[i] == '\n' || s[i] == '\t')) {
		i++;
	}
	return i;
}

static char *normalise(const char *s, size_t len)
{
	utf8proc_uint8_t *out = NULL;

	if (utf8proc_map((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len, &out, UTF8PROC_STABLE | UTF8PROC_COMPOSE) <
	    0) {
		return NULL;
	}
	return (char *)out;
}

/* len bytes of UTF-8 without NUL. */
static enum text_fault check_composed(const char *s, size_t len, size_t *ret_at)
{
	char *nfc = normalise(s, len);
	size_t at = 0, n;

	if (!nfc) {
		return TEXT_NOT_UTF8;
	}
	n = strlen(nfc);
	while (at < len && at < n && s[at] == nfc[at]) {
		at++;
	}
	free(nfc);
	if (at == len && at == n) {
		return TEXT_FINE;
	}
	while (at > 0 && ((uint8_t)s[at] & 0xC0) == 0x80) {
		at--;
	}
	*ret_at = at;
	return TEXT_NOT_NFC;
}

enum text_fault text_check(const char *s, size_t len, size_t *ret_at)
{
	enum text_fault worst = TEXT_FINE;
	bool composed = true;
	size_t at = 0;

	for (size_t i = plain_prefix(s, len); i < len;) {
		int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(len - i), &c);
		enum text_fault fault = n > 0 ? character_fault(c) : TEXT_NOT_UTF8;

		if (fault != TEXT_FINE && (worst == TEXT_FINE || fault < worst)) {
			worst = fault;
			at = i;
		}
		if (fault == TEXT_NOT_UTF8) {
			break;
		}
		composed = composed && is_surely_composed(c);
		i += (size_t)n;
	}
	if (worst == TEXT_FINE && !composed) {
		worst = check_composed(s, len, &at);
	}
	if (ret_at) {
		*ret_at = at;
	}
	return worst;
}

bool text_is_mendable(enum text_fault fault)
{
	return fault == TEXT_NOT_NFC || fault == TEXT_INVISIBLE;
}

char *text_mend(const char *s, size_t len)
{
	char *kept = xmalloc(len + 1), *nfc;
	size_t used = 0;

	for (size_t i = 0; i < len;) {
		int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(len - i), &c);
		int kind;

		if (n <= 0 || c == 0) {
			free(kept);
			return NULL;
		}
		kind = c >= 0xA0 ? invisible_kind(c) : -1;
		if (kind < 0) {
			memcpy(kept + used, s + i, (size_t)n);
			used += (size_t)n;
		} else if (kind > 0) {
			kept[used++] = ' ';
		}
		i += (size_t)n;
	}
	nfc = normalise(kept, used);
	free(kept);
	return nfc;
}

char *text_hex(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = 0;
	return out;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool text_unhex(const char *s, void *ret_data, size_t len)
{
	uint8_t *out = ret_data;

	if (strlen(s) != 2 * len) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		int high = nibble(s[2 * i]), low = nibble(s[2 * i + 1]);

		if (high < 0 || low < 0) {
			return false;
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

size_t text_character(const char *s, size_t len)
{
	int32_t c;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len, &c);

	return len > 0 && n > 0 ? (size_t)n : 0;
}

size_t text_columns(const char *s)
{
	size_t len = strlen(s), columns = 0;

	for (size_t i = 0; i < len;) {
		int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(len - i), &c);

		columns += n > 0 ? (size_t)utf8proc_charwidth(c) : 1;
		i += n > 0 ? (size_t)n : 1;
	}
	return columns;
}

char *text_fit(const char *text, size_t columns)
{
	char *cut = xstrdup(text), *out;
	size_t len = strlen(cut);

	if (text_columns(cut) <= columns) {
		return cut;
	}
	while (len > 0 && text_columns(cut) >= columns) {
		do {
			len--;
		} while (len > 0 && (cut[len] & 0xC0) == 0x80);
		cut[len] = '\0';
	}
	while (len > 0 && cut[len - 1] == ' ') {
		cut[--len] = '\0';
	}
	out = xasprintf("%s…", cut);
	free(cut);
	return out;
}

size_t text_distance(const char *a, const char *b)
{
	size_t row[TEXT_DISTANCE_MAX + 1], n = strnlen(a, TEXT_DISTANCE_MAX), m = strnlen(b, TEXT_DISTANCE_MAX);

	for (size_t j = 0; j <= m; j++) {
		row[j] = j;
	}
	for (size_t i = 1; i <= n; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t change = corner + (a[i - 1] != b[j - 1]);
			size_t least = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			corner = row[j];
			row[j] = change < least ? change : least;
		}
	}
	return row[m];
}

char *text_capitals(const char *text, char *buf, size_t size)
{
	const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
	size_t used = 0;
	utf8proc_int32_t c;
	utf8proc_ssize_t n;

	while (*at && (n = utf8proc_iterate(at, -1, &c)) > 0) {
		utf8proc_uint8_t encoded[4];
		utf8proc_ssize_t len = utf8proc_encode_char(utf8proc_toupper(c), encoded);

		if (used + (size_t)len + 1 > size)
			break;
		memcpy(buf + used, encoded, (size_t)len);
		used += (size_t)len;
		at += n;
	}
	buf[used] = 0;
	return buf;
}
