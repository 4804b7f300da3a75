/* SPDX-License-Identifier: Apache-2.0 */
#include "media.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define QUALITY_MOST 1000

struct word {
	const char *text;
	size_t len;
};

/* One media range: what it fits and how well. */
struct range {
	struct word type, subtype, version;
	int quality;
};

static bool is_token(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

static const char *read_token(const char *s, struct word *ret)
{
	ret->text = s;
	while (is_token(*s)) {
		s++;
	}
	ret->len = (size_t)(s - ret->text);
	return s;
}

/* A token or a quoted string, without its quotation marks. */
static const char *read_value(const char *s, struct word *ret)
{
	if (*s != '"') {
		return read_token(s, ret);
	}
	ret->text = ++s;
	while (*s && *s != '"') {
		s += s[0] == '\\' && s[1] ? 2 : 1;
	}
	ret->len = (size_t)(s - ret->text);
	return *s ? s + 1 : s;
}

static bool is_word(const struct word *w, const char *text)
{
	return w->len == strlen(text) && strncasecmp(w->text, text, w->len) == 0;
}

/* "0", "1", "0.5", "0.125" in thousandths; what is none of these likes nothing. */
static int read_quality(const struct word *w)
{
	int quality = 0, digit = QUALITY_MOST;

	if (w->len == 0 || w->len > 5 || (w->len > 1 && w->text[1] != '.')) {
		return 0;
	}
	for (size_t i = 0; i < w->len; i++) {
		if (i == 1) {
			continue;
		}
		if (!isdigit((unsigned char)w->text[i])) {
			return 0;
		}
		quality += digit * (w->text[i] - '0');
		digit /= 10;
	}
	return quality <= QUALITY_MOST ? quality : 0;
}

static const char *read_parameters(const char *s, struct range *r)
{
	for (s = skip_blanks(s); *s == ';'; s = skip_blanks(s)) {
		struct word name, value = {0};

		s = read_token(skip_blanks(s + 1), &name);
		s = skip_blanks(s);
		if (*s == '=') {
			s = read_value(skip_blanks(s + 1), &value);
		}
		if (is_word(&name, "q")) {
			r->quality = read_quality(&value);
		} else if (is_word(&name, "version")) {
			r->version = value;
		}
	}
	return s;
}

/* The range that s begins with; one that is none gets the quality 0. Returns where the next one begins. */
static const char *read_range(const char *s, struct range *r)
{
	*r = (struct range){.quality = QUALITY_MOST};
	s = read_token(skip_blanks(s), &r->type);
	if (*s != '/') {
		r->quality = 0;
	} else {
		s = read_token(s + 1, &r->subtype);
		s = read_parameters(s, r);
	}
	if (*s && *s != ',') {
		r->quality = 0;
	}
	s += strcspn(s, ",");
	return *s ? s + 1 : s;
}

/* How specific a range is about the media type; 0: it is about another. */
static int fit(const struct range *r, const struct media *m)
{
	if (is_word(&r->type, "*") && is_word(&r->subtype, "*")) {
		return 1;
	}
	if (!is_word(&r->type, m->type)) {
		return 0;
	}
	if (is_word(&r->subtype, "*")) {
		return 2;
	}
	if (!is_word(&r->subtype, m->subtype)) {
		return 0;
	}
	if (r->version.len == 0 || !m->version) {
		return 3;
	}
	return is_word(&r->version, m->version) ? 4 : 0;
}

int media_quality(const char *accept, const struct media *media)
{
	int quality = 0, best = 0;

	if (!accept || !*skip_blanks(accept)) {
		return QUALITY_MOST;
	}
	while (*accept) {
		struct range range;
		int fits;

		accept = read_range(accept, &range);
		fits = fit(&range, media);
		if (fits > best) {
			best = fits;
			quality = range.quality;
		}
	}
	return quality;
}
